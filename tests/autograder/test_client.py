"""A learner at work: real scripts, a real shell, a real kernel, a real judge process that can be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
import warnings

import numpy as np
import pytest

from autograder import catalogue, check, client, frameworks, hint, progress, solution, use
from autograder.feedback import Feedback


def total(values):
    return values.sum()


def mean(values):
    return values.mean()


def judge_process() -> subprocess.Popen:
    return client._judge._process


# ----------------------------------------------------------------------------------------------------------------- a learner's day

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
print([name for name in sys.modules if name.split(".")[0] in ("questions", "solutions", "jinja2", "matplotlib")])
"""


@pytest.mark.parametrize(
    "framework",
    [
        "numpy",
        pytest.param("torch", marks=pytest.mark.slow),
        pytest.param(
            "mxnet", marks=[pytest.mark.slow, pytest.mark.skipif(not frameworks.available("mxnet"), reason="MXNet is not installed")]
        ),
    ],
)
def test_a_script_from_stub_to_solved(run_script, framework):
    lines = run_script(DAY.format(framework=framework)).splitlines()
    expected = [
        "○ small.total: not attempted, 0 of 1 point",
        "  Put your answer in place of the line with `raise NotImplementedError`, then run both cells.",
        "Hint 1 of 3: It has one line.",
        "You have not tried small.total yet. A hint may be enough: hint('small.total'). Ask again to see the solution.",
        "◐ small.total: partly correct, 0.5 of 1 point",
        "  Right on 1 of 3 inputs, and on every input of 1 of 2 kinds.",
        "  This is the mean, not the sum.",
    ]
    assert lines[: len(expected)] == expected
    assert f"small.total, in {framework}" in lines and "def total(values):" in lines and "Addition." in lines
    assert "  Correct on all 3 inputs. True 1" in lines
    assert "✓ small.total                            1 / 1    " in lines
    assert lines[-1] == "[]", "the learner's process holds the questions, or what only the judge needs"


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
                data, _ = shell.display_formatter.format(result.result)
                print(sorted(data), data["text/html"].count("data:image/svg+xml"), "given back as it came" in data["text/html"])
                print("return missing" in data["text/plain"])
        """
    )
    lines = [line for line in printed.splitlines() if line.startswith(("['text", "True", "False"))]
    assert lines == ["['text/html', 'text/plain'] 1 True", "False", "['text/html', 'text/plain'] 0 False", "True"]


@pytest.mark.slow
def test_a_kernel_can_be_interrupted_in_an_endless_answer(small_course):
    from jupyter_client.manager import start_new_kernel

    manager, kernel = start_new_kernel(kernel_name="python3")
    try:

        def run(source, interrupt=False):
            shown = []

            def see(message):
                if message["msg_type"] in ("execute_result", "error"):
                    shown.append(message["content"])

            if interrupt:
                threading.Timer(2.0, manager.interrupt_kernel).start()
            reply = kernel.execute_interactive(source, timeout=60, output_hook=see, store_history=False)
            return reply["content"]["status"], [content["data"]["text/plain"] for content in shown]

        setup = "from autograder import check, use; use('numpy')\ndef endless(x):\n    while True: pass\ncheck('small.total', lambda v: v.sum()).correct"
        assert run(setup) == ("ok", ["True"])
        assert run("check('small.total', endless)", interrupt=True) == ("ok", ["Interrupted: nothing was judged."])
        assert run("check('small.total', lambda v: v.sum()).correct") == ("ok", ["True"])
    finally:
        kernel.stop_channels()
        manager.shutdown_kernel(now=True)


# ------------------------------------------------------------------------------------------------------------------- answers


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
    assert check("nets.build", lambda: nn.Sequential(nn.Conv2d(1, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(27, 4))).correct
    assert "The tanh is missing." in check("nets.build", nn.Sequential(nn.Conv2d(1, 3, 2), nn.Flatten(), nn.Linear(27, 4))).text


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


def test_an_answer_that_changes_the_working_directory_or_exits_is_survived(learner, tmp_path, monkeypatch):
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
    assert "No result within 1 second of a processor's time. Is there an endless loop?" in text
    assert "It was stopped in line " in text
    assert check("small.patient", lambda number: number + 1).correct
    assert judge_process().pid == process


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
    assert "More than 100,000" in check("small.total", lambda values: [0.0] * 100_001).text
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


# -------------------------------------------------------------------------------------------------------------- mishaps


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
    assert feedback.text.startswith("The judge stopped before it had an answer") and not feedback.correct
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

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests in the background ignores it
    try:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        start = time.monotonic()
        assert check("small.total", endless).text == "Interrupted: nothing was judged."
    finally:
        signal.signal(signal.SIGINT, handler)
    assert time.monotonic() - start < catalogue.find("small.total").seconds  # it was not the limit that ended it
    assert old.returncode is not None
    assert check("small.total", total).correct


def test_an_interrupt_does_not_reach_the_judge(run_script):
    """Ctrl-C in a terminal goes to the whole process group: the judge has its own."""
    printed = run_script(
        """
        import os
        from autograder import check, client, use

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
        from autograder import check, client, use

        use("numpy")
        right = lambda values: values.sum()
        check("small.total", right)
        if (child := os.fork()) == 0:
            correct = check("small.total", right).correct
            client._judge.stop()
            os._exit(0 if correct else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), check("small.total", right).correct)
        """
    )
    assert printed == "0 True\n"


def test_the_judge_ends_with_the_process_that_started_it(run_script):
    judge = int(
        run_script(
            """
            import os
            from autograder import check, client, use

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


def test_the_judge_does_not_import_what_lies_beside_the_notebook(learner, tmp_path, monkeypatch):
    (tmp_path / "questions.py").write_text("raise RuntimeError('a file of the learner')")
    (tmp_path / "numpy.py").write_text("raise RuntimeError('a file of the learner')")
    monkeypatch.chdir(tmp_path)
    assert check("small.total", total).correct


def test_a_standard_output_of_the_judge_cannot_break_the_exchange(learner, capfd):
    check("small.total", mean)
    hint("small.total")
    assert tuple(capfd.readouterr()) == ("", "")


# ------------------------------------------------------------------------------------------------- hints, solutions, the map


def test_a_typo_in_the_name_is_answered_with_the_name(learner):
    for ask in (lambda: check("small.totla", total), lambda: hint("small.totla"), lambda: solution("small.totla")):
        assert ask().text == "There is no question 'small.totla'. Did you mean 'small.total'?"
    assert check(None, total).text.startswith("There is no question 'None'.")


def test_hints_come_one_by_one_and_end(learner):
    texts = [hint("small.total").text for _ in range(4)]
    assert texts[:3] == [
        "Hint 1 of 3: It has one line.",
        "Hint 2 of 3: Look for a method of arrays.",
        "Hint 3 of 3: The method is called sum.",
    ]
    assert texts[3].startswith("Hint 1: It has one line.") and "There are no more hints" in texts[3]
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
    assert solution("small.turn").text.startswith("small.turn, in numpy"), "there is none in torch"
    solution("small.total")
    assert solution("small.total").text.startswith("small.total, in torch")


def test_where_no_log_can_be_written_everything_works_within_a_session(learner, tmp_path, monkeypatch):
    (tmp_path / "blocked").write_text("")
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "blocked" / "progress.jsonl"))
    assert check("small.total", total).correct
    assert [hint("small.total").text[:6] for _ in range(2)] == ["Hint 1", "Hint 2"]
    assert "return values.sum()" in solution("small.total").text
    assert "✓ small.total" in progress().text


def test_progress_counts_the_best_of_all_attempts(learner):
    for answer in (mean, total, mean):
        check("small.total", answer)
    text = progress().text
    assert "✓ small.total" in text and "attempts" not in text
    assert text.splitlines()[-1].split()[:5] == ["in", "all", "1", "/", "14"]


# --------------------------------------------------------------------------------------------------------------- frameworks


def test_an_unknown_framework_is_refused_with_the_choices(learner):
    with pytest.raises(ValueError, match='"torch", "mxnet" or "numpy"'):
        use("tensorflow")


def test_a_framework_that_is_not_installed_is_refused_in_one_line(learner, monkeypatch):
    monkeypatch.setattr(frameworks, "available", lambda framework: False)
    with pytest.raises(ImportError, match="cannot be imported"):
        use("mxnet")


def test_a_question_that_is_not_answered_in_the_framework_says_in_which(learner):
    assert 'This is not answered in numpy: choose use("torch") or use("mxnet") before the check.' in check("nets.build", total).text


def test_a_stub_is_not_attempted_in_whatever_framework(learner):
    def build():
        raise NotImplementedError("nets.build")

    assert "not attempted" in check("nets.build", build).text


def test_the_validate_button_of_nbgrader_does_not_pass_a_wrong_answer(learner, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    assert check("small.total", total).correct
    with pytest.raises(AssertionError, match="the mean, not the sum"):
        check("small.total", mean)
