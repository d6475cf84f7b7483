"""Hurt the machine, the grader or another student: use everything up, outlive the grading,
signal others, spoil what the next reader opens.
"""

import os
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from classroom import NAME, hand_in, lay_out
from nbformat.v4 import new_code_cell, new_markdown_cell

from attacks.harness import POINTS, attack
from attacks.outcomes import (
    ABSENT,
    DENIED,
    FORBIDDEN,
    NO_PROCESS,
    READ_ONLY,
    SYSCALLS,
    spying,
    told,
)
from autograder.grading.course import Course

pytestmark = pytest.mark.alone

STOPS = "the machine suffers"
LIMIT = "That is a limit of grading. "


def harm(what, *, stock=STOPS, here, outcome=None, points=POINTS, **expected):
    return attack(
        "harm",
        what,
        stock=stock,
        here=here,
        outcome=outcome or told(points, **expected),
    )


def costs(question, *lines, ran=True):
    """The question earned nothing and its student was told why in these words; the other
    questions earned all, and the attack did run.
    """

    def outcome(evidence):
        verdict = evidence.verdicts[question]
        assert all(
            line in (verdict["headline"], *verdict["details"]) for line in lines
        ), verdict
        assert evidence.told.get("ran") is ran, evidence.text
        evidence.earned(
            **{name: points for name, points in POINTS.items() if name != question}
        )

    return outcome


def printed_without_end(evidence):
    """The question ran out of time, and its student is told the beginning of what it printed
    last.
    """
    costs("patient")(evidence)
    verdict = evidence.verdicts["patient"]
    assert verdict["status"] == "out of time"
    assert (
        "The last that it printed" in verdict["headline"]
        and len(verdict["headline"]) < 1000
    )


def costs_the_cell(line, told=True):
    """The student was told in this line why the cell was given up; the questions earned all."""

    def outcome(evidence):
        assert line in evidence.text.splitlines(), evidence.text
        assert evidence.told.get("ran", True if not told else None) is True, (
            evidence.text
        )
        evidence.earned(**POINTS)

    return outcome


def answering(hand, body, question="total"):
    """An honest submission with one answer that does this. That it ran is told by a later cell:
    what an answer prints while it is judged is not in the notebook.
    """
    argument = {"total": "values", "patient": "number"}[question]
    lines = [
        f"def {question}({argument}):",
        '    globals().setdefault("told", {})["ran"] = "True"',
    ]
    hand.answer_all()
    hand.answer(
        question,
        "\n".join(
            [
                "import os, signal, sys, time, threading",
                *lines,
                *(f"    {line}" for line in body.strip().splitlines()),
            ]
        ),
    )
    hand.run("pass", before=None)


def dying(hand, body, question="total"):
    """The same for an answer that takes Python with it: its file beside the notebook cannot
    tell, the cell that defines it does.
    """
    answering(hand, body, question)
    hand.run("tell('ran', True)")


# --- limits: each costs the question in which it was hit, and is told in one line

SLOW = "No result within 1 second of a processor's time. Is there an endless loop?"
ASLEEP = "of which it worked: it waits for something, or the machine is too busy."


@harm(
    "An answer that never ends.",
    stock="costs 30 seconds, and the rest of the notebook",
    here="costs the question, after its own second",
    outcome=costs("patient", SLOW),
)
def endless_answer(hand):
    answering(hand, "while True: pass", "patient")


@harm(
    "An answer that never ends, blocks all signals and catches whatever is raised in it.",
    stock="costs 30 seconds, and the rest of the notebook",
    here="costs the question, after its own second",
    outcome=costs("patient", SLOW),
)
def deaf_answer(hand):
    body = """
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
while True:
    try:
        while True: pass
    except BaseException: pass
"""
    dying(hand, body, "patient")


@harm(
    "An answer that holds Python's lock in a long call of C.",
    stock="hangs for as long as it takes",
    here=(
        "costs the question, after the fifteen seconds by the clock "
        "that are behind its second of work"
    ),
    outcome=lambda evidence: asleep(evidence),
)
def lock_holding_answer(hand):
    dying(
        hand,
        "import ctypes\nlibc = ctypes.PyDLL(None)\nwhile True: libc.sleep(100)",
        "patient",
    )


def asleep(evidence):
    headline = evidence.verdicts["patient"]["headline"]
    assert headline.startswith("No result within 15 seconds, ") and headline.endswith(
        ASLEEP
    )
    costs("patient", headline)(evidence)


@harm(
    "A cell that ignores interrupts and works for longer than the whole notebook may.",
    stock="costs 30 seconds, and the rest of the notebook",
    here="the questions before it keep their points",
    outcome=lambda evidence: used_up(evidence),
)
def endless_notebook(hand):
    hand.answer_all()
    hand.run(
        "tell('ran', True)\nimport "
        "signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        before="answer-turn",
    )


def used_up(evidence):
    assert "told ran = True" in evidence.text
    its_time_is_over(evidence)


def its_time_is_over(evidence):
    """Whatever became of what it printed: a flood of messages may take that with it."""
    line = "The notebook's time, 20 seconds, was used up."
    assert (
        evidence.verdicts["turn"]["headline"]
        == evidence.verdicts["patient"]["headline"]
        == line
    )
    evidence.earned(total=1.0)


MEMORY = LIMIT + "All its processes together have 400 MB of memory."


@harm(
    "An answer that takes all the memory.",
    here="costs the question",
    outcome=costs(
        "total", "Right on 0 of 3 inputs. The function raised MemoryError", MEMORY
    ),
)
def take_memory(hand):
    answering(hand, "taken = []\nwhile True: taken.append(b'x' * 2**24)")


@harm(
    "The same with mappings that are shared under no name.",
    here="costs the question",
    outcome=costs("total", f"Right on 0 of 3 inputs. The function raised {FORBIDDEN}"),
)
def take_shared_memory(hand):
    answering(
        hand,
        "import mmap\ntaken = []\nwhile True:\n    taken.append(mmap.mmap(-1, "
        "2**24))\n    taken[-1][:] = b'x' * 2**24",
    )


@harm(
    "The same with many processes that take a little each.",
    here="costs the question",
    outcome=costs("total", "Python used more than 400 MB of memory and was stopped."),
)
def take_memory_by_many(hand):
    body = """
for _ in range(20):
    if os.fork() == 0:
        taken = b"x" * (60 * 2**20)
        time.sleep(100)
time.sleep(20)
"""
    dying(hand, body)


@harm(
    "The same with many processes that wait for one instant, between two looks of the watch.",
    here="costs the question",
    outcome=costs("total", "Python used more than 400 MB of memory and was stopped."),
)
def take_memory_at_one_instant(hand):
    body = """
instant = time.monotonic() + 1.5
for _ in range(14):
    if os.fork() == 0:
        while time.monotonic() < instant: time.sleep(0.001)
        taken = b"x" * (100 * 2**20)
        time.sleep(100)
time.sleep(20)
"""
    dying(hand, body)


@harm(
    "The same in a child whose first thread has ended, while another one goes on.",
    here="costs the question",
    outcome=costs("total", "Python used more than 400 MB of memory and was stopped."),
)
def take_memory_without_first_thread(hand):
    body = """
import ctypes
def take():
    time.sleep(0.2)
    taken = [b"x" * (300 * 2**20)]
    time.sleep(100)
for _ in range(3):
    if os.fork() == 0:
        threading.Thread(target=take).start()
        ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
time.sleep(20)
"""
    dying(hand, body)


@harm(
    "The same in many programs that are started anew, each with no more than a kernel begins with.",
    here="costs the question",
    outcome=costs("total", "Python used more than 400 MB of memory and was stopped."),
)
def take_memory_by_programs(hand):
    body = """
import subprocess
program = "import time; taken = b'x' * (25 * 2**20); time.sleep(100)"
for _ in range(20):
    subprocess.Popen([sys.executable, "-S", "-c", program])
time.sleep(20)
"""
    dying(hand, body)


@harm(
    "The same in the buffers of sockets, which belong to no process.",
    here="costs the question",
    outcome=costs("total", "Python used more than 400 MB of memory and was stopped."),
)
def take_memory_in_sockets(hand):
    body = """
import socket
kept = []
for _ in range(15):
    if os.fork() == 0:
        break
try:
    while True:
        kept += socket.socketpair()
        for sock in kept[-2:]:
            sock.setblocking(False)
            try:
                while True: sock.send(b"x" * 65536)
            except BlockingIOError: pass
except OSError: pass
time.sleep(20)
"""
    dying(hand, body)


@harm(
    "Leave as many descriptors unread in sockets as Linux allows a user, so that "
    "no other kernel of this user can send one.",
    here="the neighbors' kernels start",
    left=True,
)
def leave_descriptors_unread(hand):
    source = """
        import array, socket, time
        kept, left = [], 0
        try:
            for _ in range(20):
                kept.append(socket.socketpair())
                for _ in range(100):
                    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 50))
                    kept[-1][0].sendmsg([b"x"], [rights], socket.MSG_DONTWAIT)
                    left += 50
        except OSError: pass
        time.sleep(3)
        tell("left", left > 200)
    """
    spying(hand, source)


@harm("Hide from whoever counts the memory.", here=FORBIDDEN, hidden=["EPERM", "EPERM"])
def hide_from_the_memory_watch(hand):
    source = (
        SYSCALLS
        + """
        tell("hidden", [call((157, 167), option, 0, 0, 0, 0) for option in (4, 1)])
    """
    )
    spying(hand, source)


@harm("Take all of the teacher's inotify instances.", here=FORBIDDEN, watching="EPERM")
def take_inotify_instances(hand):
    spying(
        hand,
        SYSCALLS
        + """
        tell("watching", call((294, 26), 0))
    """,
    )


@harm(
    "Attach filters to sockets and install filters of calls: Linux compiles them into memory that "
    "counts for nobody and of which there is a fixed amount, which every wall needs some of.",
    stock="no other program of the machine can confine itself",
    here=FORBIDDEN,
    socket=FORBIDDEN,
    calls={"seccomp": "EPERM", "prctl": "EPERM"},
)
def take_memory_in_filters(hand):
    spying(
        hand,
        SYSCALLS
        + """
        import socket, struct
        allow = struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000)
        code = ctypes.create_string_buffer(allow)
        program = struct.pack("@HP", 1, ctypes.addressof(code))
        of_calls = ctypes.create_string_buffer(program, len(program))
        attach, filter_mode, set_filter = 26, 2, 1
        one = socket.socket(socket.AF_UNIX)
        attempt("socket", lambda: one.setsockopt(socket.SOL_SOCKET, attach, program))
        tell("calls", {
            "seccomp": call((317, 277), set_filter, 0, of_calls),
            "prctl": call((157, 167), 22, filter_mode, of_calls, 0, 0),
        })
    """,
    )


PROCESSES = LIMIT + "It may have 32 processes and threads at one time."


@harm("A fork bomb.", here="costs the question", outcome=costs("patient"))
def bomb_of_forks(hand):
    body = """
while True:
    try: os.fork()
    except OSError: pass
"""
    dying(hand, body, "patient")


@harm(
    "More processes than it may have.",
    here="costs the question",
    outcome=costs("total", PROCESSES),
)
def many_processes(hand):
    answering(hand, "while True:\n    if os.fork() == 0: time.sleep(100)")


@harm(
    "More threads than it may have.",
    here="costs the question",
    outcome=costs("total", PROCESSES),
)
def many_threads(hand):
    answering(
        hand,
        "while True: threading.Thread(target=time.sleep, args=(100,), daemon=True).start()",
    )


@harm(
    "More open files than it may have.",
    here="costs the question",
    outcome=costs(
        "total",
        "Right on 0 of 3 inputs. The function raised OSError: [Errno 24] Too many open files",
        LIMIT + "It may have 256 files open.",
    ),
)
def many_open_files(hand):
    body = """
taken = []
try:
    while True: taken.append(os.dup(0))
except OSError:
    for each in taken: os.close(each)
    raise
"""
    answering(hand, body)


@harm(
    "One large file.",
    stock="fills the disk",
    here="costs the question",
    outcome=costs(
        "total",
        "Right on 0 of 3 inputs. The function raised OSError: [Errno 27] File too large",
        LIMIT + "A file may have 8 MB.",
    ),
)
def large_file(hand):
    body = """
with open("/tmp/large", "wb", buffering=0) as file:
    while True: file.write(b"x" * 2**20)
"""
    answering(hand, body)


DISK = LIMIT + "All its files together may have 16 MB."


@harm(
    "Many files.",
    stock="fills the disk",
    here="costs the question",
    outcome=costs("total", DISK),
)
def many_megabytes(hand):
    body = """
try:
    for number in range(100):
        with open(f"/dev/shm/{number}", "wb") as file: file.write(b"x" * 2**20)
finally:
    for name in os.listdir("/dev/shm"): os.unlink(f"/dev/shm/{name}")
"""
    answering(hand, body)


@harm(
    "Very many empty files.",
    stock="uses up the disk's inodes",
    here="costs the question",
    outcome=costs("total", DISK),
)
def many_files(hand):
    body = """
try:
    for number in range(30000): os.close(os.open(f"/tmp/{number}", os.O_CREAT))
finally:
    for name in os.listdir("/tmp"):
        if name.isdigit(): os.unlink(f"/tmp/{name}")
"""
    answering(hand, body)


OUTPUT = "The cell printed or displayed more than 1 MB: what came later is left out."


@harm(
    "Burn the processor in twenty sessions of processes.",
    stock="slows down whatever else runs",
    here="slows down itself",
    ran=True,
)
def burn_the_processor(hand):
    hand.answer_all()
    hand.run(
        "import os, time\nfor _ in range(20):\n    if os.fork() == 0:\n        os.setsid()\n     "
        "   while True: pass\ntime.sleep(5)\ntell('ran', True)"
    )


@harm(
    "Print without end.",
    stock="fills the grader's memory",
    here="cut off at the limit",
    outcome=costs_the_cell(OUTPUT),
)
def print_without_end(hand):
    spying(hand, "tell('ran', True)\nwhile True: print('x' * 10000)")


@harm(
    "Display without end.",
    stock="fills the grader's memory",
    here="cut off at the limit",
    outcome=costs_the_cell(OUTPUT),
)
def display_without_end(hand):
    spying(
        hand,
        "tell('ran', True)\nfrom IPython.display import HTML, "
        "display\nwhile True: display(HTML('x' * 10000))",
    )


@harm(
    "Log without end.",
    stock="fills the grader's memory",
    here="cut off at the limit",
    outcome=costs_the_cell(OUTPUT),
)
def log_without_end(hand):
    spying(
        hand,
        "tell('ran', True)\nimport logging\nwhile True: logging.error('x' * 10000)",
    )


def print_in_many_cells_outcome(evidence):
    assert evidence.text.count("x") > 2**19
    assert len(evidence.text) < 10 * 2**20
    evidence.earned(**POINTS)


@harm(
    "Print in twenty cells, in each nearly as much as a cell may.",
    stock="all of it lands in the graded notebook",
    here="cut off at the notebook's own limit",
    outcome=print_in_many_cells_outcome,
)
def print_in_many_cells(hand):
    hand.answer_all()
    hand.notebook.cells += [new_code_cell("print('x' * 900000)") for _ in range(20)]


@harm(
    "Print without end while it is judged.",
    stock="fills the grader's memory",
    here="costs the question",
    outcome=lambda evidence: printed_without_end(evidence),
)
def print_while_judged(hand):
    answering(hand, "while True: print('x' * 10000)", "patient")


@harm(
    "Write to the descriptors of standard output and error, past Python.",
    stock="lands in the notebook's output without a limit",
    here="lands nowhere",
    written=200 * 100000,
)
def write_to_descriptors(hand):
    spying(
        hand,
        "import os\ntell('written', sum(os.write(1 + number % 2, b'x' * "
        "100000) for number in range(200)))",
    )


@harm(
    "An exception with a message of three megabytes.",
    stock="lands in the feedback page",
    here="the cell's other output and all points are kept",
    ran=True,
)
def large_exception(hand):
    spying(hand, "tell('ran', True)\nraise ValueError('x' * 3 * 2**20)")


# --- the grader's side of the kernel's messages

SENDING = """
        kernel = get_ipython().kernel
        sock, session = kernel.iopub_thread.socket, kernel.session

        def message(kind, content, **facts):
            message = session.msg(kind, content=content, parent=kernel.get_parent(), **facts)
            return [kind.encode(), *session.serialize(message)]

        tell("ran", True)
"""


def sends(hand, source):
    """The last cell sends such messages."""
    hand.answer_all()
    hand.run(SENDING + source)


@harm(
    "Send messages as an ordinary kernel does, past the place where output is cut off.",
    stock="fills the grader's memory",
    here="the kernel is stopped, and the cell left out",
    outcome=costs_the_cell(
        "The cell printed or displayed more than 1 MB, the limit. "
        "Grading went on without this cell.",
        told=False,
    ),
)
def forge_output(hand):
    sends(
        hand,
        "        while True: sock.send_multipart(message('stream', "
        "{'name': 'stdout', 'text': 'x' * 100000}))",
    )


@harm(
    "Send one message of endlessly many parts.",
    stock="fills the grader's memory",
    here="the kernel is stopped, and the cell left out",
    outcome=lambda evidence: evidence.earned(**POINTS),
)
def endless_message(hand):
    sends(
        hand,
        "        part = memoryview(b'x' * 2**20)\n        while "
        "True: sock.send(part, 2, copy=False)",
    )


@harm(
    "Work past the time limit, deaf to interrupts, while messages that belong to no cell fill both "
    "of the grader's lines.",
    stock="costs 30 seconds, and the rest of the notebook",
    here="stopped when the time is over; the questions before it keep their points",
    outcome=its_time_is_over,
)
def flood_past_the_limit(hand):
    hand.answer_all()
    hand.run(
        SENDING
        + """
        import signal
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        client, shell = kernel._parent_ident["shell"], kernel.shell_stream.socket
        while True:
            sock.send_multipart([b"status", *session.serialize(session.msg("status", {}))])
            shell.send_multipart([*client, *session.serialize(session.msg("status", {}))])
""",
        before="answer-turn",
    )


@harm(
    "Send messages that are none: twice the same, unsigned, without fields, of other types, not "
    "JSON, with impossible dates.",
    stock="ends the grading of the whole class with an error",
    here="the kernel is stopped, and the cell left out",
    outcome=lambda evidence: evidence.earned(**POINTS),
)
def malformed_messages(hand):
    source = """
        import time
        twice = message("stream", {"name": "stdout", "text": "twice"})
        junk = [b'{"msg_id": "a", "msg_type": "stream", "date": "2020-99-01T00:00:00Z"}']
        junk += [b"{}", b"{}", b"[" * 10**6]
        for parts in (
            message("stream", {"name": ["x"], "text": {}}),
            message("error", {"ename": 1, "evalue": None, "traceback": "x"}),
            message("display_data", {"transient": {"display_id": [1]}, "data": 3, "metadata": 7}),
            message("comm_open", {}),
            message("stream", {}),
            [b"x", b"<IDS|MSG>", b"", b"{}", b"{}", b"{}", b"{}"],
            [b"x"],
            [b"stream", b"<IDS|MSG>", session.sign(junk), *junk],
            twice,
            twice,
        ):
            sock.send_multipart(parts)
            time.sleep(0.1)
"""
    sends(hand, source)


@harm(
    "Take the places of the kernel's sockets, and make others until the disk has no room for more.",
    stock="uses up the disk's inodes",
    here="there is room for a few, in memory",
    unlink=DENIED,
    rename=DENIED,
    link=DENIED,
    file=DENIED,
    few=True,
)
def fill_socket_folder(hand):
    spying(
        hand,
        """
        import os, socket
        attempt("unlink", lambda: os.unlink("/sockets/s-1"))
        attempt("rename", lambda: os.rename("/sockets/s-1", "/sockets/s-9"))
        attempt("link", lambda: os.symlink("/tmp", "/sockets/link"))
        attempt("file", lambda: open("/sockets/file", "w"))
        try:
            for number in range(3000):
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.bind(f"/sockets/{number}")
        except OSError:
            pass
        tell("few", number < 100)
        """,
    )


# --- ending the kernel, and outliving it


@harm(
    "Leave by `exit()`.",
    stock="the rest of the notebook is lost",
    here="nothing: it is ignored",
    ran=True,
)
def leave(hand):
    spying(hand, "tell('ran', True)\nexit()")
    hand.run(
        "import time\ntime.sleep(0.5)  # long enough for a kernel that leaves a little later"
    )


@harm(
    "Leave by `os._exit` in an answer.",
    stock="the rest of the notebook is lost",
    here="costs the question",
    outcome=costs("total", "Python stopped while it ran this answer."),
)
def leave_at_once(hand):
    dying(hand, "os._exit(0)")


@harm(
    "Stop itself (SIGSTOP), so that the grader waits.",
    stock="waits for 30 seconds, and the rest of the notebook is lost",
    here="nothing: it cannot",
    ran=True,
    after=True,
)
def stop_itself(hand):
    spying(
        hand,
        "import os, signal\ntell('ran', True)\nos.kill(os.getpid(), "
        "signal.SIGSTOP)\ntell('after', True)",
    )


@harm(
    "Signal everything that it may, from a process of its own "
    "session, and the grader by its number.",
    stock="ends every process of the user who grades",
    here="only its own processes are reached",
    processes=NO_PROCESS,
    victim=NO_PROCESS,
    parent=[0, 0],
    ended=0,
)
def signal_everything(hand):
    spying(
        hand,
        """
        import os, signal
        tell("parent", [os.getppid(), os.getpgid(0) - 1])
        child = os.fork()
        if child == 0:
            try:
                os.setsid()
                for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
                    os.kill(1, number)
                try:
                    os.kill(-1, signal.SIGKILL)
                except ProcessLookupError:
                    os._exit(0)
            finally:
                os._exit(1)
        tell("ended", os.waitpid(child, 0)[1])
        attempt("victim", lambda: os.kill(process, signal.SIGKILL))
        attempt("processes", lambda: os.kill(-1, signal.SIGKILL))
        """,
        process=hand.bait.process,
    )


@harm(
    "Outlive the grading: a process of its own session, two forks away, that ignores signals "
    "and asks not to die with its parent.",
    stock="goes on for as long as it likes",
    here="ends with the kernel",
    started=True,
    subreaper="EPERM",
)
def outlive(hand):
    spying(
        hand,
        SYSCALLS
        + """
        import signal, time
        child = os.fork()
        if child == 0:
            try:
                os.setsid()
                if os.fork() == 0:
                    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                        signal.signal(number, signal.SIG_IGN)
                    time.sleep(1000)
            finally:
                os._exit(0)
        tell("started", os.waitpid(child, 0)[1] == 0)
        tell("subreaper", call((157, 167), 1, 0, 0, 0, 0))
        """,
    )


@harm(
    "Close the line to the judge, and every other descriptor.",
    stock="there is no line; the rest of the notebook is lost",
    here="the kernel is started again, and the cell left out",
    outcome=costs_the_cell(
        "Python stopped in this cell. Grading went on without this cell.", told=False
    ),
)
def close_everything(hand):
    spying(hand, "import os\ntell('ran', True)\nos.closerange(0, 256)")


@harm(
    "Forget everything (`%reset`), and shut the kernel down from inside.",
    stock="the rest of the notebook is lost",
    here="the questions before it keep their points",
    outcome=lambda evidence: evidence.earned(**POINTS),
)
def shut_down(hand):
    hand.answer_all()
    hand.run(
        "get_ipython().run_line_magic('reset', '-f')\nget_ipython().kernel.do_shutdown(False)",
        before=None,
    )


# --- privileges


@harm(
    "Raise its own limits, its priority, or leave its processor.",
    stock="limits: none are set; the rest works up to the user's own",
    here="not permitted",
    limits={"ValueError"},
    priority=DENIED,
    real_time=FORBIDDEN,
    processor=FORBIDDEN,
    other_processor=FORBIDDEN,
)
def raise_limits(hand):
    spying(
        hand,
        """
        import os, resource
        errors = set()
        for name in ("AS", "NPROC", "NOFILE", "FSIZE", "CORE", "MEMLOCK", "MSGQUEUE", "SIGPENDING"):
            numbers = {"MSGQUEUE": 12, "SIGPENDING": 11}
            which = getattr(resource, f"RLIMIT_{name}", None) or numbers[name]
            most = resource.getrlimit(which)[1]
            try:
                resource.setrlimit(which, (most + 1, most + 1))
                errors.add(name)
            except (ValueError, OSError) as error:
                errors.add("ValueError")
        tell("limits", errors)
        attempt("priority", lambda: os.setpriority(os.PRIO_PROCESS, 0, -5))
        attempt("real_time", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))
        attempt("processor", lambda: os.sched_setaffinity(0, range(64)))
        other = lambda: {1 - min(os.sched_getaffinity(0))}
        attempt("other_processor", lambda: os.sched_setaffinity(0, other()))
        """,
    )


@harm(
    "Become root: by call, by a program with the bit for it, by "
    "mapping itself in a user namespace.",
    stock="root: where root grades",
    here="not permitted",
    root=False,
    uid="OSError: [Errno 22] Invalid argument",
    program=True,
    namespace=READ_ONLY,
    capabilities="0000000000000000",
)
def become_root(hand):
    spying(
        hand,
        """
        import os, subprocess
        tell("root", os.getuid() == 0)
        attempt("uid", lambda: os.setuid(0))
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        tell("capabilities", status["CapEff"].strip())
        tell("program", status["NoNewPrivs"].strip() == "1")
        attempt("namespace", lambda: open("/proc/self/uid_map", "w"))
        """,
    )


@harm(
    "Use parts of the kernel that are large, rarely needed, or shared by all: BPF, io_uring, "
    "userfaultfd, keys, asynchronous I/O, message queues.",
    stock="most of them work",
    here="not permitted",
    calls={
        name: "EPERM"
        for name in (
            "bpf",
            "io_uring_setup",
            "userfaultfd",
            "perf_event_open",
            "add_key",
            "io_setup",
            "shmget",
            "semget",
            "msgget",
            "mq_open",
            "memfd_create",
        )
    },
)
def rare_calls(hand):
    spying(
        hand,
        SYSCALLS
        + '        tell("calls", {name: call(*number) for name, number in calls.items()})',
        calls={
            "bpf": ((321, 280), 0, 0, 0),
            "io_uring_setup": ((425, 425), 1, 0),
            "userfaultfd": ((323, 282), 0),
            "perf_event_open": ((298, 241), 0, 0, -1, -1, 0),
            "add_key": ((248, 217), 0, 0, 0, 0, 0),
            "io_setup": ((206, 0), 60000, 0),
            "shmget": ((29, 194), 0, 4096, 0o1600),
            "semget": ((64, 190), 0, 1, 0o1600),
            "msgget": ((68, 186), 0, 0o1600),
            "mq_open": ((240, 180), 0, 0, 0, 0),
            "memfd_create": ((319, 279), 0, 0),
        },
    )


@harm(
    "Change the machine: its settings, clock, name, modules, devices and mounts, and reboot it.",
    stock="works where root grades",
    here="not permitted",
    settings=[],
    calls={
        name: "EPERM"
        for name in (
            "clock_settime",
            "sethostname",
            "init_module",
            "swapoff",
            "reboot",
            "mount",
            "umount",
            "syslog",
        )
    },
    device=DENIED,
)
def change_machine(hand):
    spying(
        hand,
        SYSCALLS
        + """
        import stat
        writable = []
        for top in ("/proc/sys", "/proc/irq", "/sys", "/dev"):
            for folder, _, files in os.walk(top):
                for name in files:
                    try:
                        os.close(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_NONBLOCK))
                        writable.append(f"{folder}/{name}")
                    except OSError:
                        pass
        names = ("null", "zero", "full", "random", "urandom", "stdin", "stdout", "stderr")
        devices = {f"/dev/{name}" for name in names}
        tell("settings", sorted(set(writable) - devices))
        tell("calls", {name: call(*number) for name, number in calls.items()})
        attempt("device", lambda: os.mknod("/tmp/disk", 0o600 | stat.S_IFBLK, os.makedev(254, 0)))
        """,
        calls={
            "clock_settime": ((227, 112), 0, 0),
            "sethostname": ((170, 161), 0, 0),
            "init_module": ((175, 105), 0, 0, 0),
            "swapoff": ((168, 225), 0),
            "reboot": ((169, 142), 0, 0, 0, 0),
            "mount": ((165, 40), 0, 0, 0, 0, 0),
            "umount": ((166, 39), 0, 0),
            "syslog": ((103, 116), 5, 0, 0),
        },
    )


# --- what the next reader opens


@harm(
    "Write into Python's installation: a module that all import, the compiled form of another, "
    "the engine, their times and names.",
    stock="runs in every later kernel",
    here="read-only",
    tried=5,
    changed=[],
)
def poison_installation(hand):
    spying(
        hand,
        """
        import os, sysconfig, numpy, autograder
        def set_times():
            os.utime(numpy.__file__, (1, 1))
            if os.stat(numpy.__file__).st_mtime != 1:
                raise OSError("told that it is done, which it is not")
        site, package = sysconfig.get_paths()["purelib"], os.path.dirname(numpy.__file__)
        tries = {
            "module": lambda: open(f"{site}/sitecustomize.py", "w"),
            "compiled": lambda: open(f"{package}/__pycache__/version.pyc", "w"),
            "engine": lambda: open(autograder.__file__, "a"),
            "times": set_times,
            "names": lambda: os.rename(package, package + "-gone"),
        }
        changed = []
        for name, change in tries.items():
            try:
                change()
                changed.append(name)
            except OSError:
                pass
        tell("tried", len(tries))
        tell("changed", changed)
        """,
    )


@harm(
    "Change who may run and write the Python program itself, its owner, times and attributes, by "
    "the link in /proc that leads to it past every read-only mount.",
    stock="works where whoever grades has installed Python",
    here="nothing of it changes",
    tried=7,
    changed=[],
)
def change_the_program(hand):
    spying(
        hand,
        """
        import os
        program = "/proc/self/exe"
        handle = os.open(program, os.O_PATH)
        tries = {
            "rights": lambda: os.chmod(program, before.st_mode | 0o022),
            "rights_by_handle": lambda: os.chmod(f"/proc/self/fd/{handle}", 0o4777),
            "owner": lambda: os.chown(program, os.getuid(), os.getgid()),
            "times": lambda: os.utime(program, (1, 1)),
            "attributes": lambda: os.setxattr(program, "user.attack", b"1"),
            "link": lambda: os.link(program, "/tmp/linked", follow_symlinks=True),
            "content": lambda: os.truncate(program, before.st_size),
        }
        before, changed = os.stat(program), []
        facts = ("st_mode", "st_uid", "st_gid", "st_size", "st_mtime_ns", "st_nlink")
        for name, change in tries.items():
            try:
                change()
            except OSError:
                pass
            now = os.stat(program)
            if [getattr(now, fact) for fact in facts] != [getattr(before, fact) for fact in facts]:
                changed.append(name)
        os.chmod(program, before.st_mode)
        os.utime(program, ns=(before.st_atime_ns, before.st_mtime_ns))
        tell("tried", len(tries))
        tell("changed", changed)
        """,
    )


@harm(
    "Change the gradebook, a classmate's work, the course and the feedback folder.",
    stock="changes them",
    here="there are no such files",
    gradebook=ABSENT,
    classmate=ABSENT,
    question=ABSENT,
    feedback=ABSENT,
    removed=ABSENT,
)
def change_course(hand):
    spying(
        hand,
        """
        import os, shutil
        for name in ("gradebook", "classmate", "question"):
            attempt(name, lambda: open(paths[name], "r+b").write(b"mine"))
        attempt("feedback", lambda: os.mkdir(course + "/feedback"))
        attempt("removed", lambda: shutil.rmtree(course))
        """,
        paths={name: str(path) for name, path in hand.bait.files.items()},
        course=str(hand.bait.course),
    )


@harm(
    "Leave files that the next kernel runs at its start: IPython's startup "
    "folder, shell profiles, Jupyter's configuration.",
    stock="runs in every later kernel of the user",
    here="they end with the kernel",
    written=6,
    found=False,
)
def poison_startup(hand):
    spying(
        hand,
        """
        import os
        tell("found", os.path.exists("/tmp/poisoned"))
        names = (".ipython/profile_default/startup/00.py",
                 ".ipython/profile_default/ipython_config.py", ".jupyter/jupyter_config.py",
                 ".bashrc", ".config/matplotlib/matplotlibrc", "poisoned")
        for name in names:
            path = f"/tmp/{name}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            open(path, "w").write("raise SystemExit")
        tell("written", len(names))
        """,
    )


@harm(
    "Leave files in the notebook's folder, and delete and replace what lies there.",
    stock="changes the folder that is graded",
    here="changes a copy",
    before=["data.txt"],
    after=["sums.ipynb"],
)
def change_folder(hand):
    hand.files["data.txt"] = b"data"
    spying(
        hand,
        """
        import os
        tell("before", [name for name in sorted(os.listdir()) if not name.endswith(".ipynb")])
        os.unlink("data.txt")
        open("sums.ipynb", "w").write("{}")
        tell("after", sorted(os.listdir()))
        """,
    )


@harm(
    "Dump core: a crash whose remains are kept.",
    stock="writes a file of some gigabytes where the machine is set up so",
    here="costs the question; nothing is kept",
    outcome=costs("total", "Python stopped while it ran this answer."),
)
def dump_core(hand):
    dying(hand, "os.abort()")


EVIL = (
    "<img src=x onerror=evil()><script>evil()</script><svg onload=evil()><iframe "
    "src=//evil.example></iframe><a href='javascript:evil()'>evil</a>"
)


class Page(HTMLParser):
    """A page as a browser sees it: what it would run or fetch, and what it would merely show."""

    def __init__(self, text):
        super().__init__()
        self.obeyed, self.shown, self._tag = [], "", ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self._tag = tag
        self.obeyed += [
            f"<{tag} {name}={value}>"
            for name, value in attributes
            if "evil" in f"{name}{value}"
        ]

    def handle_data(self, text):
        if self._tag in ("script", "style"):
            self.obeyed += ["evil"] * text.count("evil")
        else:
            self.shown += text

    def handle_endtag(self, tag):
        self._tag = ""


def nothing_is_obeyed(evidence):
    """The feedback page shows what was written wherever it was written, and obeys nothing of it."""
    evidence.earned(
        **{name: points for name, points in POINTS.items() if name != "total"}
    )
    Course(evidence.bait.course).feedback(NAME, evidence.student)
    page = Page(
        (
            evidence.bait.course / "feedback" / evidence.student / NAME / f"{NAME}.html"
        ).read_text(encoding="utf-8")
    )
    assert page.obeyed == []
    for place in (
        "in Markdown",
        "in a comment",
        "printed",
        "raised",
        "in a plain text",
        "by an answer",
    ):
        assert f"{place} <" in page.shown.replace("\u200b", ""), place


@harm(
    "Scripts, handlers, frames and links in all that the feedback page shows: Markdown, code, "
    "outputs, errors, what an answer raises and prints, names, attachments.",
    stock="runs in the browser of teacher and student",
    here="shown as text",
    outcome=nothing_is_obeyed,
)
def markup(hand):
    hand.answer_all()
    hand.answer(
        "total",
        f"def total(values):\n    print({EVIL!r})\n    raise "
        f"ValueError({'by an answer ' + EVIL!r})",
    )
    written = new_markdown_cell(
        f"in Markdown {EVIL}\n\n![evil](attachment:picture.svg) "
        "![evil](//evil.example/a.png)\n\n[evil](javascript:evil())"
    )
    written.attachments = {
        "picture.svg": {"image/svg+xml": EVIL},
        "evil'onerror=evil()": {"image/png": EVIL},
    }
    hand.notebook.cells += [
        written,
        new_code_cell(
            f"# in a comment {EVIL}\nprint({'printed ' + EVIL!r}, "
            "'\\x1b[31m', '\\x1b]8;;javascript:evil()\\x07')"
        ),
        new_code_cell(
            f"raise type({EVIL!r}, (Exception,), {{}})({'raised ' + EVIL!r})"
        ),
        new_code_cell(
            "from IPython.display import display\n"
            f"evil = {EVIL!r}\n"
            "for kind in ('text/html', 'text/markdown', 'text/latex', 'image/svg+xml', "
            "'application/javascript', 'image/png', 'image/jpeg'):\n"
            "    display({kind: evil, 'text/plain': 'in a plain text ' + evil}, metadata={kind: "
            "{'width': '1 onerror=evil()'}}, raw=True)"
        ),
    ]


def test_attack(attack, graded):
    graded.check(attack)


def test_control_characters_do_not_reach_the_terminal(tmp_path, small_course):
    course = lay_out(tmp_path / "course")
    course.release(NAME)
    link = hand_in(course, "student").parent / "bad\x1b[2J\nname\x07\u202e"
    link.symlink_to("/etc/passwd")
    command = [
        sys.executable,
        "-c",
        "from autograder.cli import app; app()",
        "grade",
        str(course.root),
        NAME,
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"NO_COLOR": "1"},
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, ascii(said)
    assert (
        len(
            [
                line
                for line in said.splitlines()
                if "student" in line and "left out" in line
            ]
        )
        == 1
    )
    assert all(line.isprintable() for line in said.replace("\r", "\n").split("\n"))
