"""A learner at work: real scripts, a real shell, a real kernel, a real judge process that can be
killed.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings

import nbformat
import numpy as np
import pytest
import threadpoolctl
from nbclient import NotebookClient

from autograder import check, hint, progress, solution, use
from autograder.answers import live
from autograder.feedback.render import Feedback
from autograder.learner import client
from autograder.questions import catalogue
from autograder.values import frameworks
from autograder.values.channel import Message


def total(values):
    return values.sum()


def mean(values):
    return values.mean()


def judge_process() -> subprocess.Popen:
    return client._judge._process


# --------------------------------------------------------------------------------------------------

DAY = """
import sys
from autograder import check, hint, progress, solution, use

use({framework!r})

def total(values):
    raise NotImplementedError("small.total")

print(check("small.total", total))
print(hint("small.total"))
print(solution("small.total"))

def total(values):
    return values.mean()

print(check("small.total", total))
print(solution("small.total"))

def total(values):
    return values.sum()

feedback = check("small.total", total)
print(feedback, feedback.correct, feedback.earned)
print(progress())
unwanted = ("questions", "solutions", "jinja2", "matplotlib")
print([name for name in sys.modules if name.split(".")[0] in unwanted])
"""


@pytest.mark.parametrize(
    "framework",
    [
        "numpy",
        pytest.param("torch", marks=pytest.mark.slow),
        pytest.param(
            "mxnet",
            marks=[
                pytest.mark.slow,
                pytest.mark.skipif(
                    not frameworks.available("mxnet"), reason="MXNet is not installed"
                ),
            ],
        ),
    ],
)
def test_a_script_from_stub_to_solved(run_script, framework):
    lines = run_script(DAY.format(framework=framework)).splitlines()
    expected = [
        "○ small.total: not attempted, 0 of 1 point",
        "  Put your answer in place of the line with `raise "
        "NotImplementedError`, then run both cells.",
        '  hint("small.total") gives hint 1 of 3.',
        "Hint 1 of 3: It has one line.",
        "You have not tried small.total yet. A hint may be enough: "
        "hint('small.total'). Ask again to see the solution.",
        "◐ small.total: partly correct, 0.5 of 1 point",
        "  Right in 1 of 3 tests.",
        "  This is the mean, not the sum.",
    ]
    for line in (
        '  hint("small.total") gives hint 2 of 3.',
        '  solution("small.total") shows an answer, and why it is right.',
    ):
        assert line in lines
    assert lines[: len(expected)] == expected
    assert (
        f"small.total, in {framework}" in lines
        and "def total(values):" in lines
        and "Addition." in lines
    )
    assert "  Correct on all 3 inputs." in lines
    assert "  Next: 2. small.turn True 1" in lines or "  Addition. True 1" in lines
    [row] = [line.split() for line in lines if "1. small.total" in line]
    assert (row[0], row[-3:]) == ("✓", ["1", "/", "1"])
    assert lines[-1] == "[]", (
        "the learner's process holds the questions, or what only the judge needs"
    )


def test_a_notebook_may_use_the_names_that_ipython_gives_its_history(run_script):
    printed = run_script(
        """
        from IPython.core.interactiveshell import InteractiveShell

        shell = InteractiveShell.instance()
        shell.history_manager.enabled = False
        for cell in [
            "from autograder import check, use; use('numpy')",
            "In, Out = 3, [1, 2]",
            "def turn(image):\\n    return image.T",
            "print(check('small.turn', turn).correct)",
        ]:
            shell.run_cell(cell, store_history=False).raise_error()
        """
    )
    assert printed.startswith("✓ small.turn") and printed.endswith("\nTrue\n")


def test_a_notebook_shell_shows_the_html(run_script):
    printed = run_script(
        """
        from IPython.core.interactiveshell import InteractiveShell

        shell = InteractiveShell.instance()
        for cell in [
            "from autograder import check, use; use('numpy')",
            "def turn(image):\\n    return image",
            "check('small.turn', turn)",
            "def turn(image):\\n    return missing",
            "check('small.turn', turn)",
        ]:
            shell.history_manager.enabled = False
            result = shell.run_cell(cell, store_history=False)
            result.raise_error()
            if result.result is not None:
                html = result.result._repr_html_()
                same = "given back as it came" in html
                print("pictures:", html.count("data:image/svg+xml"), same)
                print("read:", "return missing" in repr(result.result))
        """
    )
    assert re.findall(r"(?:pictures|read): .*", printed) == [
        "pictures: 1 True",
        "read: False",
        "pictures: 0 False",
        "read: True",
    ]


@pytest.mark.slow
def test_a_kernel_can_be_interrupted_in_an_endless_answer(small_course):
    from jupyter_client.manager import start_new_kernel

    manager, kernel = start_new_kernel(kernel_name="python3")
    try:

        def run(source, interrupt=False):
            shown = []

            def see(message):
                if message["msg_type"] in ("display_data", "execute_result", "error"):
                    shown.append(message["content"])

            if interrupt:
                threading.Timer(2.0, manager.interrupt_kernel).start()
            reply = kernel.execute_interactive(
                source, timeout=60, output_hook=see, store_history=False
            )
            texts = [content["data"]["text/plain"] for content in shown]
            return reply["content"]["status"], [
                text
                for text in texts
                # A waiting line, which is emptied once the verdict is there, may come first.
                if text and not text.startswith(("✓ small.total", "small.total: "))
            ]

        setup = (
            "from autograder import check, use; use('numpy')\ndef endless(x):\n    while True: "
            "pass\ncheck('small.total', lambda v: v.sum()).correct"
        )
        assert run(setup) == ("ok", ["True"])
        assert run("check('small.total', endless)", interrupt=True) == (
            "ok",
            ["Interrupted: nothing was judged."],
        )
        assert run("check('small.total', lambda v: v.sum()).correct") == (
            "ok",
            ["True"],
        )
    finally:
        kernel.stop_channels()
        manager.shutdown_kernel(now=True)


# --------------------------------------------------------------------------------------------------


def test_a_right_a_wrong_and_a_broken_answer(learner):
    assert check("small.total", total).correct
    wrong = check("small.total", mean)
    assert not wrong.correct and "This is the mean" in wrong.text
    broken = check("small.total", lambda values: values.summe())
    assert "AttributeError" in broken.text and "values.summe()" in broken.text
    assert check("small.total", total).correct


@pytest.mark.slow
def test_a_network_is_checked_in_torch(learner):
    from torch import nn

    use("torch")
    assert check(
        "nets.build",
        lambda: nn.Sequential(
            nn.Conv2d(1, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(27, 4)
        ),
    ).correct
    assert (
        "The tanh is missing."
        in check(
            "nets.build",
            nn.Sequential(nn.Conv2d(1, 3, 2), nn.Flatten(), nn.Linear(27, 4)),
        ).text
    )


@pytest.mark.alone
def test_after_the_first_a_small_check_takes_less_than_half_a_second(learner):
    check("small.total", total)

    def seconds():
        start = time.monotonic()
        assert check("small.total", total).correct
        return time.monotonic() - start

    assert min(seconds() for _ in range(5)) < 0.5


def test_the_same_judge_is_kept(learner):
    check("small.total", total)
    first = judge_process().pid
    hint("small.total")
    progress()
    check("small.total", mean)
    assert judge_process().pid == first


def test_prints_and_warnings_of_an_answer_do_not_leak(learner, capfd):
    def answer(values):
        print("seen", len(values))
        warnings.warn("careful", stacklevel=1)
        return values.mean()

    filters = list(warnings.filters)
    feedback = check("small.total", answer)
    assert tuple(capfd.readouterr()) == ("", "")
    assert warnings.filters == filters
    assert "printed: seen 5" in feedback.text and "careful" not in feedback.text


def test_an_answer_that_changes_the_working_directory_or_exits_is_survived(
    learner, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert "SystemExit" in check("small.total", lambda values: exit(3)).text
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert check("small.total", total).correct


def test_an_endless_answer_is_out_of_time_and_the_judge_goes_on(learner):
    def endless(number):
        while True:
            pass

    check("small.patient", lambda number: number + 1)
    process = judge_process().pid
    text = check("small.patient", endless).text
    assert (
        "No result within 1 second of a processor's time. Is there an endless loop?"
        in text
    )
    assert "It was stopped in line " in text
    assert check("small.patient", lambda number: number + 1).correct
    assert judge_process().pid == process


def test_a_call_that_cannot_be_stopped_is_out_of_time_and_not_a_fault_of_the_judge(
    learner,
):
    def long_call(number):
        # One call of C: no signal is heeded before it returns.
        return sum(range(5 * 10**8))

    text = check("small.patient", long_call).text
    assert text.startswith("Out of time: one call went on long after its limit")
    assert "return sum(range(5 * 10**8))" in text
    assert check("small.patient", lambda number: number + 1).correct


def test_on_windows_one_line_says_what_to_do(learner, monkeypatch):
    monkeypatch.setattr(client.sys, "platform", "win32")
    text = check("small.patient", lambda number: number + 1).text
    assert "WSL2" in text and "\n" not in text


def test_work_of_children_that_have_ended_counts(learner):
    def answer(number):
        subprocess.run(
            [
                sys.executable,
                "-S",
                "-c",
                "import time\nwhile time.process_time() < 1.1: pass",
            ],
            check=True,
        )
        while True:
            pass

    assert (
        "No result within 1 second of a processor's time."
        in check("small.patient", answer).text
    )


@pytest.mark.slow
def test_an_answer_that_will_not_stop_is_given_up_and_the_next_check_works(learner):
    """It swallows the alarm too, so the judge, which measures its work, stops waiting first."""

    def stubborn(number):
        until = time.process_time() + 5
        while time.process_time() < until:
            with contextlib.suppress(BaseException):
                while time.process_time() < until:
                    pass
        return number + 1

    assert not check("small.patient", stubborn).correct
    assert check("small.patient", lambda number: number + 1).correct


def test_too_large_a_result_is_refused_and_the_next_check_works(learner):
    feedback = check("small.total", lambda values: np.broadcast_to(values[0], 2**29))
    assert "limit 256 MB" in feedback.text
    assert (
        "More than 100,000" in check("small.total", lambda values: [0.0] * 100_001).text
    )
    assert check("small.total", total).correct


def test_an_answer_that_calls_check_itself_gets_no_traceback(learner):
    """The check has slipped into the function by an indentation."""

    def indented(values):
        check("small.total", indented)
        return values.sum()

    assert isinstance(check("small.total", indented), Feedback)
    assert check("small.total", total).correct


def test_who_writes_the_call_instead_of_the_function_is_told(learner):
    assert "function itself" in check("small.total", total(np.ones(3))).text
    assert "function itself" in check("small.total", None).text


# ------------------------------------------------------------------------------------------ under t


def test_an_answer_has_one_thread_of_every_library_and_afterwards_they_are_as_before(
    learner,
):
    def pools():
        return sorted(
            (pool["prefix"], pool["num_threads"])
            for pool in threadpoolctl.threadpool_info()
        )

    inside = []

    def answer(values):
        inside.append(pools())
        if len(inside) == 2:
            raise ValueError("the second time")
        return values.sum()

    with threadpoolctl.threadpool_limits(2):
        before = pools()
        check("small.total", answer)
        assert before == pools() and any(threads == 2 for _, threads in before)
    assert len(inside) == 3 and {threads for seen in inside for _, threads in seen} == {
        1
    }


@pytest.mark.slow
def test_an_answer_has_one_thread_of_the_frameworks_too(run_script):
    printed = run_script(
        """
        import torch
        from autograder import check, use
        from autograder.values import frameworks

        torch.set_num_threads(2)
        seen = []
        def total(values):
            seen.append(torch.get_num_threads())
            return values.sum()

        for framework in ("torch", "mxnet"):
            if framework == "torch" or frameworks.available(framework):
                use(framework)
                assert check("small.total", total).correct
        print(set(seen), torch.get_num_threads())
        """
    )
    assert printed == "{1} 2\n"


def test_while_a_class_is_graded_threads_are_left_alone_and_nobody_looks(
    learner, monkeypatch
):
    monkeypatch.setattr(client, "screen", lambda: pytest.fail("somebody looks"))
    monkeypatch.setattr(
        frameworks, "one_thread", lambda: pytest.fail("threads are set")
    )
    monkeypatch.setenv("AUTOGRADER_FD", "0")
    message = Message(
        "call", {"driver": "call", "seconds": 5.0, "wall": 35.0}, (np.ones(3),)
    )
    assert client._live("small.total") is None
    assert client._call(total, "numpy", message, None).value == 3


class Paper:
    """A screen that keeps what was shown."""

    def __init__(self, error=None):
        self.shown, self.closed, self.error = [], [], error

    def show(self, state, lines):
        self.shown.append((state, lines))
        if self.error:
            raise self.error

    def close(self, lines):
        self.closed.append(lines)


@pytest.fixture
def paper(monkeypatch):
    """A screen, looked at at once and often."""
    paper = Paper()
    monkeypatch.setattr(client, "screen", lambda: paper)
    monkeypatch.setattr(live, "AFTER", 0.0)
    monkeypatch.setattr(live, "EVERY", 0.01)
    return paper


def training(number):
    for epoch in range(6):
        print("epoch", epoch, "\x1b[31m<b>")
        busy(0.05)
    return number + 1


def busy(seconds):
    """Work for so long, whatever else the machine does."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_what_takes_long_is_shown_while_it_runs(learner, paper):
    assert check("small.patient", training).correct
    states, lines = zip(*paper.shown, strict=True)
    assert all(
        state.startswith("small.patient: ") and " of at most 1 seconds" in state
        for state in states
    )
    assert "epoch 3 \\x1b[31m<b>" in [line for shown in lines for line in shown], (
        "what a terminal would obey is shown as text"
    )
    assert max(map(len, lines)) <= live.LINES
    assert len(paper.closed) == 1


def test_what_is_shown_is_bounded_in_size_and_rate(learner, paper, monkeypatch):
    monkeypatch.setattr(live, "EVERY", 0.1)
    start = time.monotonic()

    def loud(number):
        end = time.process_time() + 0.2
        while time.process_time() < end:
            print("x" * 10_000)
        return number + 1

    assert check("small.patient", loud).correct
    assert len(paper.shown) <= 2 + (time.monotonic() - start) / 0.1
    assert all(
        len(lines) <= live.LINES and len(line) <= live.WIDTH
        for _, lines in paper.shown
        for line in lines
    )


def test_quick_checks_show_nothing(learner, paper, monkeypatch):
    monkeypatch.setattr(live, "AFTER", 1000.0)
    assert check("small.patient", training).correct
    assert (paper.shown, paper.closed) == ([], [])


def test_a_screen_that_fails_disturbs_nothing(learner, paper):
    paper.error = OSError("no screen")
    assert check("small.patient", training).correct
    assert len(paper.shown) == 1


def test_an_interrupt_leaves_no_half_of_a_display(learner, paper):
    paper.error = KeyboardInterrupt()
    assert check("small.patient", training).text == "Interrupted: nothing was judged."
    assert len(paper.shown) == 1


def test_an_answer_that_is_showing_something_itself_is_not_looked_at():
    paper = Paper()
    shown = live.Live("small.patient", paper)
    space = {"__name__": "IPython.core.display_functions", "sys": sys}
    exec("def display(look):\n    look(sys._getframe())", space)
    space["display"](shown.look)
    assert paper.shown == []
    shown.look(sys._getframe())
    assert len(paper.shown) == 1


def test_a_terminal_shows_one_line_and_takes_it_away(learner, monkeypatch):
    ours, theirs = os.openpty()
    with open(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        shown = live.screen()
        shown.show(
            "small.patient: 3 of at most 10 seconds", ["epoch 1", "epoch 2" * 100]
        )
        shown.close([])
        written = ""
        while written.count("\r\x1b[2K") < 2:
            written += os.read(ours, 10_000).decode()
    os.close(ours)
    first, second, last = written.split("\r\x1b[2K")
    assert (first, last) == ("", "")
    assert (
        second.startswith("small.patient: 3 of at most 10 seconds  epoch 2")
        and "\n" not in second
        and len(second) < 200
    )


def test_without_a_terminal_or_a_notebook_nothing_is_shown(learner, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert live.screen() is None
    monkeypatch.setattr(sys, "stderr", None)
    assert live.screen() is None


@pytest.mark.slow
def test_a_notebook_shows_one_display_that_is_updated_and_folded(small_course):
    cells = [
        "import time\nfrom autograder import check, use\nfrom autograder.answers import "
        "live\nuse('numpy')\nlive.AFTER, live.EVERY = 0.0, 0.01",
        # The kernel itself sends what was printed when the cell has ended, and no earlier.
        "import sys\nsys.stdout.flush_interval = 60",
        "def training(number):\n    for epoch in range(6):\n        print('epoch', epoch, "
        "'<b>')\n        end = time.process_time() + 0.05\n"
        "        while time.process_time() < end: pass\n    return number + 1",
        "print('before')\ncheck('small.patient', training)",
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]
    )
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    stream, display, verdict = notebook.cells[-1].outputs
    assert stream.text == "before\n"
    assert (
        "<details><summary>The last lines that it printed" in display.data["text/html"]
        and "of at most" not in display.data["text/html"] + display.data["text/plain"]
        and "epoch 5 &lt;b&gt;" in display.data["text/html"]
    )
    assert "Correct on all 2 inputs" in verdict.data["text/plain"]


class Publisher:
    """What a notebook was sent, in order."""

    def __init__(self):
        self.sent = []

    def publish(self, data, *, transient, update):
        self.sent.append((data, transient["display_id"], update))


def test_of_the_state_nothing_is_left_above_the_verdict():
    publisher = Publisher()
    notebook = live._Notebook(publisher)
    notebook.show("small.patient: 3 of at most 120 seconds", [])
    notebook.close([])
    (_, first, is_new), (last, again, is_update) = publisher.sent
    assert (first == again, is_new, is_update) == (True, False, True)
    assert set(last.values()) == {""}


WHEREVER = [
    "from autograder import check, hint, progress, solution, use\nuse('numpy')\n"
    "right, wrong = (lambda v: v.sum()), (lambda v: v.mean())",
    "check('small.total', wrong)",
    "for answer in (wrong, right):\n    check('small.total', answer)",
    "kept = check('small.total', right);\nprint('after')",
    "check('small.total', right);",
    "kept",
    "hint('small.total'); solution('small.total'); progress(); None",
    "kept = check('small.total', wrong)\nkept",
]
"""A line of a cell, and how many displays it makes, by what they begin with, below."""

SHOWN = ["", "◐", "◐✓", "✓a", "✓", "✓", "HsP", "◐"]


@pytest.mark.slow
def test_what_is_asked_for_shows_itself_wherever_in_a_cell_it_stands(small_course):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in WHEREVER]
    )
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    for cell, shown in zip(notebook.cells, SHOWN, strict=True):
        texts = [
            output.text if output.output_type == "stream" else output.data["text/plain"]
            for output in cell.outputs
        ]
        assert len(texts) == len(shown), (cell.source, texts)
        for text, first in zip(texts, shown, strict=True):
            assert first == "P" or text.startswith(first), (cell.source, text)


def test_while_a_class_is_graded_the_last_line_shows_the_verdict(learner, monkeypatch):
    monkeypatch.setattr(client, "show", lambda _: pytest.fail("it was shown"))
    feedback = Feedback("text", "html")
    for variable in ("AUTOGRADER_FD", "NBGRADER_EXECUTION"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, "autograde")
            assert client._told(feedback) is feedback


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((total, "small.total"), 'check("small.total", total)'),
        ((total,), 'check("chapter.question", total)'),
        (("small.total",), 'check("small.total", your_function)'),
        ((3, 4), 'check("chapter.question", your_function)'),
    ],
    ids=["swapped", "no name", "no answer", "numbers"],
)
def test_a_check_that_is_called_otherwise_says_how(arguments, said):
    text = check(*arguments).text
    assert f"`{said}`" in text
    assert "\n" not in text


def test_a_hint_for_a_function_names_its_question(learner):
    assert "Did you mean 'small.total'?" in hint(total).text


# --------------------------------------------------------------------------------------------------


def test_a_judge_killed_between_two_calls_is_replaced(learner):
    assert check("small.total", total).correct
    os.kill(judge_process().pid, signal.SIGKILL)
    judge_process().wait()
    assert check("small.total", total).correct


def test_a_judge_killed_during_a_check_is_said_and_replaced(learner):
    def killer(values):
        os.kill(judge_process().pid, signal.SIGKILL)
        judge_process().wait()
        return values.sum()

    feedback = check("small.total", killer)
    assert (
        feedback.text.startswith("The judge stopped before it had an answer")
        and not feedback.correct
    )
    assert check("small.total", total).correct


def test_a_judge_that_cannot_start_says_why(learner, monkeypatch):
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "no_such_course")
    feedback = check("small.total", total)
    assert "there is no module 'no_such_course'" in feedback.text
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "questions")
    assert check("small.total", total).correct


def test_an_interrupt_ends_an_endless_answer_and_the_next_check_works(learner):
    check("small.total", total)
    old = judge_process()

    def endless(values):
        while True:
            pass

    # who runs the tests in the background ignores it
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        start = time.monotonic()
        assert check("small.total", endless).text == "Interrupted: nothing was judged."
    finally:
        signal.signal(signal.SIGINT, handler)
    # it was not the limit that ended it
    assert time.monotonic() - start < catalogue.find("small.total").seconds
    assert old.poll() is not None
    assert check("small.total", total).correct


def test_an_interrupt_does_not_reach_the_judge(run_script):
    """Ctrl-C in a terminal goes to the whole process group: the judge has its own."""
    printed = run_script(
        """
        import os
        from autograder import check, use
        from autograder.learner import client

        use("numpy")
        check("small.total", lambda values: values.sum())
        judge = client._judge._process.pid
        print(os.getpgid(judge) != os.getpgrp(), os.getsid(judge) != os.getsid(0))
        """
    )
    assert printed == "True True\n"


def test_a_forked_child_gets_a_judge_of_its_own(run_script):
    printed = run_script(
        """
        import os
        from autograder import check, use
        from autograder.learner import client

        use("numpy")
        right = lambda values: values.sum()
        check("small.total", right)
        if (child := os.fork()) == 0:
            correct = check("small.total", right).correct
            client._judge.stop()
            os._exit(0 if correct else 1)
        status = os.waitpid(child, 0)[1]
        print(os.waitstatus_to_exitcode(status), check("small.total", right).correct)
        """
    )
    assert printed == "0 True\n"


def test_the_judge_ends_with_the_process_that_started_it(run_script):
    judge = int(
        run_script(
            """
            import os
            from autograder import check, use
            from autograder.learner import client

            use("numpy")
            check("small.total", lambda values: values.sum())
            print(client._judge._process.pid, flush=True)
            os._exit(0)
            """
        )
    )
    for _ in range(50):
        if not running(judge):
            return
        time.sleep(0.1)
    pytest.fail("the judge is still running")


def running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_judge_does_not_import_what_lies_beside_the_notebook(
    learner, tmp_path, monkeypatch
):
    (tmp_path / "questions.py").write_text(
        "raise RuntimeError('a file of the learner')"
    )
    (tmp_path / "numpy.py").write_text("raise RuntimeError('a file of the learner')")
    monkeypatch.chdir(tmp_path)
    assert check("small.total", total).correct


def test_a_standard_output_of_the_judge_cannot_break_the_exchange(learner, capfd):
    check("small.total", mean)
    hint("small.total")
    assert tuple(capfd.readouterr()) == ("", "")


# -------------------------------------------------------------------------------------------------


def test_a_typo_in_the_name_is_answered_with_the_name(learner):
    for ask in (
        lambda: check("small.totla", total),
        lambda: hint("small.totla"),
        lambda: solution("small.totla"),
    ):
        assert (
            ask().text
            == "There is no question 'small.totla'. Did you mean 'small.total'?"
        )


def test_hints_come_one_by_one_and_end(learner):
    texts = [hint("small.total").text for _ in range(4)]
    assert texts[:3] == [
        "Hint 1 of 3: It has one line.",
        "Hint 2 of 3: Look for a method of arrays.",
        "Hint 3 of 3: The method is called sum.",
    ]
    assert (
        texts[3].startswith("Hint 1: It has one line.")
        and "There are no more hints" in texts[3]
    )
    assert hint("small.turn").text == "Hint 1 of 1: Rows become columns."


def test_hints_go_on_where_they_were_in_another_notebook(learner):
    hint("small.total")
    client._judge.stop()
    assert hint("small.total").text.startswith("Hint 2 of 3")


def test_the_solution_comes_when_asked_twice(learner):
    assert "You have not tried small.total yet" in solution("small.total").text
    assert "return values.sum()" in solution("small.total").text


def test_the_solution_comes_after_an_attempt(learner):
    check("small.total", mean)
    assert "return values.sum()" in solution("small.total").text


def test_the_stub_is_no_attempt(learner):
    def stub(values):
        raise NotImplementedError("small.total")

    check("small.total", stub)
    assert "You have not tried" in solution("small.total").text


def test_the_solution_is_shown_in_the_framework_that_one_answers_in(learner):
    use("torch")
    solution("small.turn")
    assert solution("small.turn").text.startswith("small.turn, in numpy"), (
        "there is none in torch"
    )
    solution("small.total")
    assert solution("small.total").text.startswith("small.total, in torch")


def test_without_use_the_arrays_that_were_handed_over_are_told(learner, monkeypatch):
    wrong = lambda values: values.mean()  # noqa: E731
    assert "No `use(...)` was run" not in check("small.total", wrong).text
    monkeypatch.setitem(client._settings, "framework", "")
    text = check("small.total", wrong).text
    assert "No `use(...)` was run, so the check handed over arrays of torch." in text
    assert "This is the mean" not in text
    assert check("small.total", lambda values: values.sum()).correct


def test_where_no_log_can_be_written_everything_works_within_a_session(
    learner, tmp_path, monkeypatch
):
    (tmp_path / "blocked").write_text("")
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "blocked" / "progress.jsonl"))
    monkeypatch.chdir(tmp_path)  # no notebooks of another course are here
    assert check("small.total", total).correct
    assert [hint("small.total").text[:6] for _ in range(2)] == ["Hint 1", "Hint 2"]
    assert "return values.sum()" in solution("small.total").text
    assert "✓ 1. small.total" in progress().text


def test_progress_counts_the_best_of_all_attempts(learner, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # no notebooks of another course are here
    for answer in (mean, total, mean):
        check("small.total", answer)
    text = progress().text
    assert "✓ 1. small.total" in text and "attempts" not in text
    [in_all] = [line for line in text.splitlines() if "All 2 chapters" in line]
    assert in_all.split()[-3:] == ["1", "/", "14"]


# --------------------------------------------------------------------------------------------------


def test_an_unknown_framework_is_refused_with_the_choices(learner):
    with pytest.raises(ValueError, match='"torch", "mxnet" or "numpy"'):
        use("tensorflow")


def test_a_framework_that_is_not_installed_is_refused_in_one_line(learner, monkeypatch):
    monkeypatch.setattr(frameworks, "available", lambda framework: False)
    with pytest.raises(ImportError, match="cannot be imported"):
        use("mxnet")


def test_a_question_that_is_not_answered_in_the_framework_says_in_which(learner):
    assert (
        'This is not answered in numpy: choose use("torch") or use("mxnet") before the check.'
        in check("nets.build", total).text
    )


def test_a_stub_is_not_attempted_in_whatever_framework(learner):
    def build():
        raise NotImplementedError("nets.build")

    assert "not attempted" in check("nets.build", build).text


def test_the_validate_button_of_nbgrader_does_not_pass_a_wrong_answer(
    learner, monkeypatch
):
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    assert check("small.total", total).correct
    with pytest.raises(AssertionError, match="the mean, not the sum"):
        check("small.total", mean)
