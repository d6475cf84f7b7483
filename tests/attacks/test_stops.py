"""Stop the class, or pass something on: what is handed in keeps whoever reads, starts or judges it
busy without end, takes their memory, leads to what belongs to others, or tells a later submission
something. Each costs its own student at most; all others keep their points.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from classroom import NAME, RIGHT, hand_in, lay_out
from nbformat.v4 import new_code_cell, new_markdown_cell

from attacks.harness import POINTS, attack, points_of
from attacks.outcomes import FORBIDDEN, NOT_SUPPORTED, SYSCALLS, spying, told
from autograder.grading.course import Course
from autograder.grading.feedback_page import NOT_SHOWN

pytestmark = pytest.mark.alone

STOPS = "the grader suffers"
FILE = f"{NAME}.ipynb"


def stop(what, *, stock=STOPS, here, outcome):
    return attack("harm", what, stock=stock, here=here, outcome=outcome)


def refused(said):
    """Not graded, for this reason, in one line."""

    def outcome(evidence):
        assert (evidence.points, evidence.notebook) == (None, None)
        assert evidence.reason is not None
        assert said in evidence.reason
        assert "\n" not in evidence.reason and len(evidence.reason) < 400

    return outcome


def full(evidence):
    evidence.earned(**POINTS)


def without(question, *lines):
    """All points but those of one question, whose headline says this."""

    def outcome(evidence):
        headline = evidence.verdicts[question]["headline"]
        assert all(line in headline for line in lines), headline
        evidence.earned(
            **{name: points for name, points in POINTS.items() if name != question}
        )

    return outcome


def changed_file(hand, change):
    """Hand in the notebook as JSON that `change` has been at."""
    raw = json.loads(nbformat.writes(hand.notebook))
    change(raw)
    hand.raw = json.dumps(raw).encode()


# --- the folder


@stop(
    "A folder called `timestamp.txt` is handed in.",
    here="not graded, with one line of its own",
    stock="not graded",
    outcome=refused(
        "timestamp.txt is a folder: remove it, or hand in a file with the date"
    ),
)
def timestamp_is_a_folder(hand):
    hand.answer_all()
    hand.in_folder.append(lambda folder: (folder / "timestamp.txt").mkdir())


@stop(
    'A `timestamp.txt` holds "1." a million times, which a reader of dates takes hours for.',
    here="not graded, with one line of its own",
    outcome=refused(
        "timestamp.txt holds no date: remove it, or write one such as 2026-01-31"
    ),
)
def timestamp_of_points(hand):
    hand.answer_all()
    hand.files["timestamp.txt"] = b"1." * 1_000_000


@stop(
    "A folder stands where the graded notebook is drafted.",
    stock="full points",
    here="the answers' own points; the folder is left out, and named",
    outcome=full,
)
def draft_is_a_folder(hand):
    hand.answer_all()
    hand.files[f"{NAME}.new/x.txt"] = b"x"


@stop(
    "A file is a hard link to one of the teacher's.",
    stock="reads it",
    here="not graded, with one line of its own",
    outcome=refused(
        "mine.txt has more than one name on this disk (a hard link): hand in a copy"
    ),
)
def hard_link(hand):
    hand.answer_all()
    target = hand.bait.root / "linked.txt"
    target.write_text(hand.bait.token)
    hand.in_folder.append(lambda folder: os.link(target, folder / "mine.txt"))


@stop(
    "Six thousand empty folders are handed in.",
    here="not graded, with one line of its own",
    outcome=refused("it holds more than 5000 files and folders"),
)
def very_many_folders(hand):
    def make(folder):
        for number in range(6000):
            (folder / f"{number:05}").mkdir()

    hand.answer_all()
    hand.in_folder.append(make)


@stop(
    "A file of a terabyte in which nothing is written, and which takes no room on the disk.",
    here="not graded, with one line of its own",
    outcome=refused("it is larger than 50 MB (with holes.bin)"),
)
def terabyte_of_holes(hand):
    def make(folder):
        with open(folder / "holes.bin", "wb") as file:
            file.truncate(2**40)

    hand.answer_all()
    hand.in_folder.append(make)


@stop(
    "A pipe is called `timestamp.txt`: whoever opens it waits for somebody to write.",
    stock="waits without end where the student was graded before",
    here="not graded, with one line of its own",
    outcome=refused("timestamp.txt is not a file but a pipe: hand in the file itself"),
)
def timestamp_is_a_pipe(hand):
    hand.answer_all()
    hand.in_folder.append(lambda folder: os.mkfifo(folder / "timestamp.txt"))


# --- the file


def as_if_written_once(evidence):
    """The answers' own points, and nothing that was forged."""
    full(evidence)
    assert "forged" not in json.dumps(evidence.notebook)


@attack(
    "score",
    "The file says everything twice, once with escaped letters: other cells, another format, a "
    "kernel of its own, outputs of a perfect run; with numbers that are none or have 400 digits, "
    "half characters, and ids of a hundred kilobytes.",
    stock="not graded",
    here="the answers' own points, and nothing of it is left",
    outcome=as_if_written_once,
)
def keys_twice(hand):
    hand.answer_all()
    raw = json.loads(nbformat.writes(hand.notebook))
    for cell in raw["cells"]:
        cell["id"] = "forged" * 20_000
        cell["execution_count"] = float("nan")
        odd = [float("inf"), 10**400, "forged \ud800", {"forged": -0.0}]
        cell["metadata"] |= {"x": odd, "tags": ["forged"]}
    text = json.dumps(raw)
    forged = '"\\u006futputs": [{"output_type": "stream", "name": "stdout", "text": "forged"}]'
    text = text.replace('"cells"', '"c\\u0065lls"').replace('"outputs": []', forged)
    before = '{"cells": [{"cell_type": "raw"}], "nbformat": 3, "metadata": 5, '
    after = ', "metadata": {"kernelspec": {"name": "forged"}}, "nbformat": 4}'
    hand.raw = (before + text[1:-1] + after).encode()


@stop(
    "40,000 empty cells.",
    here="not graded, with one line of its own",
    outcome=refused(f"{FILE} has more than 5000 cells: hand in your answers only"),
)
def very_many_cells(hand):
    empty = {"cell_type": "markdown", "metadata": {}, "source": ""}
    changed_file(hand, lambda raw: raw["cells"].extend([empty] * 40_000))


@stop(
    "A cell's metadata are a million and a half empty objects, each of which takes some hundred "
    "bytes when it is read.",
    here="not graded, with one line of its own",
    outcome=refused(f"{FILE} needs too much memory to be read"),
)
def empty_objects(hand):
    objects = {"x": [{}] * 1_500_000}
    changed_file(hand, lambda raw: raw["cells"][1]["metadata"].update(objects))


@stop(
    "A cell of 100,000 empty lines, and no answer under a question's name.",
    here="costs the question",
    outcome=without("total", "There is no `total`: it was renamed"),
)
def blank_lines(hand):
    hand.answer_all()
    hand.answer("total", "")
    hand.run("\n" * 100_000 + "#")


SKIPS = """\
manager = get_ipython().input_transformer_manager
whole = manager.transform_cell
manager.transform_cell = lambda cell: whole(cell) if len(cell) < 20000 else ''"""


@stop(
    "A cell of 20,000 lines and 300 of IPython's own commands, which the kernel is made to skip "
    "and the judge reads before a question that forbids something.",
    here="it is read in a moment, and costs nothing",
    outcome=full,
)
def reading_without_end(hand):
    hand.answer_all()
    hand.run(SKIPS)
    hand.run("a = 1\n" * 20_000 + "x = !ls\n" * 300)


# --- the page of feedback


def shown_without_its_text(evidence):
    """The page is there, with the points and without what the student wrote."""
    full(evidence)
    course = Course(evidence.bait.course)
    course.feedback(NAME, evidence.student)
    page = Path(course.root, "feedback", evidence.student, NAME, FILE).with_suffix(
        ".html"
    )
    text = page.read_text(encoding="utf-8")
    assert NOT_SHOWN in text
    assert "Correct on all 4 inputs." in text
    assert "begin{a}" not in text and "a.a.a.a." not in text


@stop(
    "100,000 formulas that begin and do not end: whoever makes a page of them takes hours.",
    stock="the feedback of the whole class waits for hours",
    here="the page shows the points, and not the text",
    outcome=shown_without_its_text,
)
def formulas_without_end(hand):
    hand.answer_all()
    hand.notebook.cells.append(new_markdown_cell("\\begin{a}" * 100_000))


@stop(
    "A name of 200,000 parts, which whoever colours the code on a page takes hours for.",
    stock="the feedback of the whole class waits for hours",
    here="the page shows the points, and not the code",
    outcome=shown_without_its_text,
)
def names_without_end(hand):
    hand.answer_all()
    hand.notebook.cells.append(new_code_cell("a." * 200_000))


# --- what is shown


@stop(
    "Three thousand widgets ask Jupyter's library to send them what later cells print.",
    stock="the outputs of later cells are lost",
    here="it costs nothing",
    outcome=full,
)
def widgets_without_end(hand):
    hand.answer_all()
    hand.run(
        """
        from comm import create_comm
        state = {"_model_name": "OutputModel", "_model_module": "@jupyter-widgets/output"}
        state |= {"outputs": [], "msg_id": get_ipython().kernel.get_parent()["header"]["msg_id"]}
        for _ in range(3000):
            data = {"state": state, "buffer_paths": []}
            create_comm("jupyter.widget", data, metadata={"version": "2.0.0"})
        """
    )


# --- the kernel


@stop(
    "A file beside the notebook bears the name of an extension that IPython looks for when it "
    "starts, and ends Python.",
    stock="the kernel does not start",
    here="it is not imported",
    outcome=full,
)
def ends_while_it_starts(hand):
    hand.answer_all()
    hand.files["storemagic.py"] = b"import os\nos._exit(0)\n"


@stop(
    "The same file waits without end.",
    stock="the kernel does not start",
    here="it is not imported",
    outcome=full,
)
def waits_while_it_starts(hand):
    hand.answer_all()
    hand.files["storemagic.py"] = b"import time\ntime.sleep(10**6)\n"


FLOOD = r"""
import hashlib, hmac, itertools, json

kernel = get_ipython().kernel
address, socket = kernel._shell_parent_ident.get(), kernel.shell_stream.socket
address = address if isinstance(address, list) else [address]
parent = json.dumps({"msg_id": "nobody's", "msg_type": "execute_request"}).encode()
rest = b'", "msg_type": "execute_reply", "username": "x", "session": "s", '
rest += b'"date": "2026-01-01T00:00:00Z", "version": "5.3"}'
for number in itertools.count():
    header = b'{"msg_id": "%d' % number + rest
    message = [header, parent, b"{}", b'{"status": "ok"}']
    signature = hmac.new(kernel.session.key, b"".join(message), hashlib.sha256).hexdigest()
    socket.send_multipart([*address, b"<IDS|MSG>", signature.encode(), *message])
"""


def time_is_up(evidence):
    headline = evidence.verdicts["turn"]["headline"]
    assert headline.startswith("The notebook's time") and headline.endswith(
        "was used up."
    )
    evidence.earned(total=1.0)


@stop(
    "Replies to requests that nobody made are sent without end, so that whoever waits for one "
    "never looks at the clock.",
    stock="waits for as long as it lasts",
    here="stopped when the time is over; the questions before it keep their points",
    outcome=time_is_up,
)
def replies_without_end(hand):
    hand.answer_all()
    hand.run(FLOOD, before="answer-turn")


def left_out_as_no_message(evidence):
    assert "Python sent what is no message, and was stopped." in evidence.text
    full(evidence)


@stop(
    "A byte at a time is written into the kernel's own sockets, past Jupyter's library: messages "
    "that are none, and have no end.",
    stock="waits for as long as it lasts",
    here="the kernel is stopped, and the cell left out",
    outcome=left_out_as_no_message,
)
def byte_by_byte(hand):
    hand.answer_all()
    hand.run(
        """
        import os, socket, time
        sockets = []
        for number in map(int, os.listdir("/proc/self/fd")):
            try:
                sock = socket.socket(fileno=os.dup(number))
                sock.getpeername()
            except OSError:
                continue
            if number != int(os.environ["AUTOGRADER_FD"]):
                sockets.append(sock)
        for _ in range(300):
            for sock in sockets:
                try:
                    sock.send(b"x")
                except OSError:
                    pass
            time.sleep(0.01)
        """,
        before="answer-turn",
    )


# --- a second try


@attack(
    "score",
    "A limit that ends the process, as if somebody else had ended it: the notebook would be run "
    "again, and another candidate handed in.",
    stock="the rest of the notebook is lost",
    here="not permitted",
    outcome=told(POINTS, limit="ValueError: not allowed to raise maximum limit"),
)
def limit_of_its_own(hand):
    spying(
        hand,
        """
        import resource
        attempt("limit", lambda: resource.setrlimit(resource.RLIMIT_CPU, (1, 1)))
        """,
    )


# --- messages to others


@attack(
    "secret",
    "Ask which pages of the installation's files are in memory, as another submission has left "
    "them: by a read that waits for no disk, and by the two calls that say it.",
    stock="works",
    here=NOT_SUPPORTED,
    outcome=told(POINTS, read=NOT_SUPPORTED, calls=["EPERM", "EPERM"]),
)
def ask_what_is_in_memory(hand):
    spying(
        hand,
        SYSCALLS
        + """
        import sys
        file = os.open(sys.executable, os.O_RDONLY)
        attempt("read", lambda: os.preadv(file, [bytearray(16)], 0, os.RWF_NOWAIT))
        tell("calls", [call((27, 232), 0, 0, 0), call((451, 451), file, 0, 0, 0)])
        """,
    )


TWICE = """
        import fcntl, os, sys
        one, two = (os.open(sys.executable, os.O_RDONLY) for _ in range(2))
        fcntl.flock(one, fcntl.LOCK_EX)
        attempt("flock", lambda: fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB))
        OFD_SETLK, shared, exclusive = 37, b"\\0" * 32, b"\\1" + b"\\0" * 31
        for number in range(1000):
            fcntl.lockf(one, fcntl.LOCK_SH, 1, 2 * number)
            with open("/tmp/own", "wb") as own:
                fcntl.fcntl(own, OFD_SETLK, exclusive)
        tell("locks", len(open("/proc/locks").readlines()))
"""


@attack(
    "secret",
    "Have a file of the installation forgotten, so that others wait for the disk and whoever reads "
    "it next can tell: by advice on the file, and on its pages.",
    stock="works",
    here="told that it is done, which it is not",
    outcome=told(POINTS, by_advice_on_the_file=0, by_advice_on_its_pages=0),
)
def have_a_file_forgotten(hand):
    spying(
        hand,
        """
        import mmap, os, resource
        import pydoc_data.topics
        path = pydoc_data.topics.__file__

        def reads_from_disk():
            with open(path, "rb") as file:
                pages = mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ)
                before = resource.getrusage(resource.RUSAGE_SELF).ru_majflt
                sum(pages[::4096])
                return resource.getrusage(resource.RUSAGE_SELF).ru_majflt - before

        open(path, "rb").read()
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        tell("by_advice_on_the_file", reads_from_disk())
        with open(path, "rb") as file:
            pages = mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ)
            sum(pages[::4096])
            pageout = 21
            pages.madvise(pageout)
            pages.close()
        tell("by_advice_on_its_pages", reads_from_disk())
        """,
    )


@attack(
    "secret",
    "Tell another submission something by locks on files of the installation, which both see; and "
    "take memory with a thousand locks.",
    stock="works",
    here="a lock is made by nobody: the calls do nothing",
    outcome=told(POINTS, flock=None, locks=0),
)
def talk_by_locks(hand):
    spying(hand, TWICE)


@attack(
    "secret",
    "Be told whenever another program reads in a folder of the installation, or opens a file of "
    "it for writing.",
    stock="works",
    here=FORBIDDEN,
    outcome=told(POINTS, folder=FORBIDDEN, file=FORBIDDEN),
)
def watch_what_others_read(hand):
    spying(
        hand,
        """
        import fcntl, os, sys
        folder = os.open(os.path.dirname(os.__file__), os.O_RDONLY)
        accessed_again_and_again, notify, set_lease = 0x80000001, 1026, 1024
        attempt("folder", lambda: fcntl.fcntl(folder, notify, accessed_again_and_again))
        file = os.open(sys.executable, os.O_RDONLY)
        attempt("file", lambda: fcntl.fcntl(file, set_lease, fcntl.F_RDLCK))
        """,
    )


@attack(
    "harm",
    "Attach 64 kB of access rights to each of many empty files, and other attributes: memory that "
    "counts for no process and no disk. Ask for large pages that the machine keeps for others.",
    stock="the machine suffers",
    here="not supported, and not permitted",
    outcome=told(POINTS, rights=NOT_SUPPORTED, own=NOT_SUPPORTED, pages=FORBIDDEN),
)
def take_memory_in_attributes(hand):
    spying(
        hand,
        """
        import mmap, os, struct
        def entry(kind, rights, who=0xFFFFFFFF):
            return struct.pack("<HHI", kind, rights, who)

        users = entry(2, 7, os.getuid()) * 8000
        rights = struct.pack("<I", 2) + entry(1, 7) + users + entry(4, 5)
        rights += entry(16, 7) + entry(32, 5)
        open("/tmp/empty", "w").close()
        access = "system.posix_acl_access"
        attempt("rights", lambda: os.setxattr("/tmp/empty", access, rights))
        attempt("own", lambda: os.setxattr("/tmp/empty", "user.own", bytes(60_000)))
        kind = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000
        attempt("pages", lambda: mmap.mmap(-1, 2**21, flags=kind))
        """,
    )


@attack(
    "harm",
    "Share no processor core with anybody, so that the other half of it stays idle; have pages "
    "merged with those of others.",
    stock="works",
    here=FORBIDDEN,
    outcome=told(POINTS, core="EPERM", merged="EPERM"),
)
def keep_a_core_to_itself(hand):
    spying(
        hand,
        SYSCALLS
        + """
        tell("core", call((157, 167), 62, 1, 0, 0, 0))
        tell("merged", call((157, 167), 67, 1, 0, 0, 0))
        """,
    )


@attack(
    "secret",
    "Import what few others do, so that a later submission finds it imported.",
    stock="its kernels are started anew",
    here="ends with its kernel",
    outcome=told(POINTS, imported=True),
)
def import_for_others(hand):
    spying(hand, "import optuna, torchvision\ntell('imported', True)")


@attack(
    "secret",
    "Find what another submission's notebook made the warm process import.",
    stock="its kernels are started anew",
    here="nothing is imported that the exercise does not mention",
    outcome=told(POINTS, seen=[]),
)
def look_for_imports(hand):
    names = ["optu" + "na", "torch" + "vision", "skl" + "earn.datasets"]
    spying(
        hand,
        "import sys\ntell('seen', [name for name in names if name in sys.modules])",
        names=names,
    )


@attack(
    "harm",
    "Take memory of Linux's own with rules of Landlock, and use other calls that no answer needs: "
    "those of NUMA, of the disk and of newer kernels.",
    stock="most of them work",
    here=FORBIDDEN,
    outcome=told(
        POINTS,
        rules=["EPERM"] * 3,
        moved=["EPERM"] * 4,
        disk=["EPERM"] * 3,
        newer=["ENOSYS"] * 6,
    ),
)
def calls_that_no_answer_needs(hand):
    spying(
        hand,
        SYSCALLS
        + """
        made = [-1] * 5
        tell("rules", [call((number, number), *made) for number in (444, 445, 446)])
        numbers = ((279, 239), (256, 238), (440, 440), (448, 448))
        tell("moved", [call(number, *made) for number in numbers])
        tell("disk", [call(number, *made) for number in ((162, 81), (306, 267), (251, 30))])
        tell("newer", [call((number, number), *made) for number in (437, 463, 466, 467, 469, 475)])
        """,
    )


def test_attack(attack, graded):
    graded.check(attack)


@pytest.mark.slow
def test_nbgraders_own_command_is_not_kept_busy_by_a_timestamp(tmp_path, small_course):
    """It reads the file before any step of ours is asked."""
    course = lay_out(tmp_path / "course")
    course.release(NAME)
    for student in ("a-points", "b-pipe", "honest"):
        hand_in(course, student, **RIGHT)
    (course.root / "submitted" / "a-points" / NAME / "timestamp.txt").write_bytes(
        b"1." * 10**6
    )
    os.mkfifo(course.root / "submitted" / "b-pipe" / NAME / "timestamp.txt")
    # it stands there already, so that nbgrader asks which of the two is newer
    (course.root / "autograded" / "b-pipe" / NAME).mkdir(parents=True)
    scripts = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "autograde", NAME],
        cwd=course.root,
        env=os.environ | {"PATH": scripts},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert "timestamp.txt holds no date" in done.stderr
    points = {
        student: points_of(course, student)
        for student in ("a-points", "b-pipe", "honest")
    }
    assert points["honest"] == 5.0, done.stderr
    assert not points["a-points"] and not points["b-pipe"]
