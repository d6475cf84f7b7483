"""Attacks on the grader: what an attack is, how a class of attackers and honest neighbors is graded
at once, and what is seen of it afterwards.

An attack is written down once and serves three times: as a test (the modules ``test_*.py`` of this
folder), as a row of the table in ``docs/attacks.md``, and as a notebook that stock nbgrader may try
its luck with (`stock.py`). Its notebook says what it could see with ``tell(name, value)`` and
``attempt(name, function)``; what was told is the evidence, so that a test can show both that an
attack ran and that it failed.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import json
import os
import re
import secrets
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from classroom import NAME, RIGHT, ROOT, exercise, lay_out
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook, MissingEntry

from autograder.grading import batch
from autograder.grading.course import Course, CourseError, Graded
from autograder.grading.layout import METADATA_KEY
from autograder.questions import catalogue
from autograder.sandbox import zygote_client

HERE = Path(__file__).parent
PAGE = ROOT / "docs" / "attacks.md"
QUESTIONS = ("small.total", "small.turn", "small.ordered", "small.patient")
POINTS = {"total": 1.0, "turn": 4.0, "ordered": 2.0, "patient": 2.0}
FULL = sum(POINTS.values())
ANSWERS = RIGHT | {
    "ordered": """\
def ordered(values):
    left, found = list(values), []
    while left:
        found.append(min(left))
        left.remove(found[-1])
    return found""",
    "patient": "def patient(number):\n    return number + 1",
}
NEIGHBORS = ("neighbor-1", "neighbor-2", "neighbor-3")
KINDS = {
    "score": "gain a score",
    "secret": "see what is secret",
    "harm": "hurt the machine or another student",
}
LIMITS = {
    "memory_mb": 400,
    "disk_mb": 16,
    "file_mb": 8,
    "output_mb": 1,
    "processes": 32,
    "notebook_seconds": 20.0,
}
CONFIG = "\nc.FeedbackExporter.seconds = 2.0\n" + "".join(
    f"c.JudgedExecute.{name} = {value}\n" for name, value in LIMITS.items()
)

PRELUDE = """\
def tell(name, value):
    text = repr(value)[:3000]
    globals().setdefault("told", {})[name] = text
    print(f"told {name} = {text}")

def attempt(name, function):
    try:
        tell(name, function())
    except BaseException as error:
        tell(name, f"{type(error).__name__}: {error}")
"""
EPILOGUE = """\
for _name, _text in globals().get("told", {}).items():
    print(f"told {_name} = {_text}")"""


# --- what an attacker hands in


@dataclass
class Hand:
    """A submission in the making: a fresh notebook with untouched stubs, and what lies beside it.

    notebook: to be changed at will. files: further files by their path in the folder. raw: bytes to
        be handed in instead of the notebook.
    in_folder: what else is done in the folder that is handed in.
    bait:     where the things are that an attacker would like to reach.
    """

    bait: Bait
    notebook: NotebookNode = field(default_factory=lambda: exercise(QUESTIONS))
    files: dict[str, bytes] = field(default_factory=dict)
    raw: bytes | None = None
    in_folder: list[Callable[[Path], Any]] = field(default_factory=list)

    def cell(self, grade_id: str) -> NotebookNode:
        """The course's cell of that grade id: "setup", "answer-total", "small-total" and the
        like.
        """
        return next(
            cell
            for cell in self.notebook.cells
            if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id
        )

    def answer(self, function: str, source: str | None = None) -> None:
        """Write this in the answer's cell; the right answer where nothing is given."""
        self.cell(f"answer-{function}").source = (
            ANSWERS[function] if source is None else textwrap.dedent(source).strip()
        )

    def answer_all(self) -> None:
        """All questions right, as an honest student."""
        for function in ANSWERS:
            self.answer(function)

    def run(
        self, source: str, before: str | None = "answer-total", **facts: Any
    ) -> None:
        """Add a cell with `source`, before the cell of that grade id or at the end; `facts` are
        variables in it, with `tell` and `attempt`.

        What was told is printed once more by the last cell, so that what an answer tells while it
        is judged is seen as well.
        """
        lines = [f"{name} = {value!r}" for name, value in facts.items()]
        added = new_code_cell(
            "\n".join([PRELUDE, *lines, textwrap.dedent(source).strip()])
        )
        at = (
            len(self.notebook.cells)
            if before is None
            else self.notebook.cells.index(self.cell(before))
        )
        self.notebook.cells.insert(at, added)
        self.notebook.cells = [
            cell for cell in self.notebook.cells if cell.source != EPILOGUE
        ] + [new_code_cell(EPILOGUE)]

    def write(self, folder: Path) -> None:
        """Hand in."""
        folder.mkdir(parents=True)
        (folder / f"{NAME}.ipynb").write_bytes(
            nbformat.writes(self.notebook).encode() if self.raw is None else self.raw
        )
        for name, content in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        for do in self.in_folder:
            do(folder)


@dataclass(frozen=True)
class Attack:
    """One thing that a hostile submission tries.

    name:    unique; the student's id. kind: a key of `KINDS`.
    what:    what is tried, in one plain sentence. stock: what stock nbgrader does with it;
             "measured: ..." where `stock.py` measured it.
    make:    makes the submission. outcome: asserts what must have come of it, exactly.
    here:    what comes of it here, for the table.
    nbgrader: whether it is also graded by ``nbgrader autograde``.
    """

    name: str
    kind: str
    what: str
    stock: str
    here: str
    make: Callable[[Hand], None]
    outcome: Callable[[Evidence], None]
    nbgrader: bool = False


def attack(
    kind: str,
    what: str,
    *,
    stock: str,
    here: str,
    outcome: Callable[[Evidence], None],
    nbgrader: bool = False,
) -> Callable:
    """A decorator that makes an `Attack` of the function that makes its submission; it is called
    what the function is called.
    """
    return lambda make: Attack(
        make.__name__.replace("_", "-"),
        kind,
        what,
        stock,
        here,
        make,
        outcome,
        nbgrader,
    )


def attacks_in(module: Any) -> list[Attack]:
    """The attacks of a module, in its order."""
    return [value for value in vars(module).values() if isinstance(value, Attack)]


def all_attacks() -> list[Attack]:
    """The attacks of this folder."""
    return [
        found
        for path in sorted(HERE.glob("test_*.py"))
        for found in attacks_in(importlib.import_module(f"attacks.{path.stem}"))
    ]


# --- what lies around the wall


@dataclass
class Bait:
    """What a hostile submission would like to reach, and what came of it.

    token:    a random text that stands in every file, variable and process here that must not be
              read.
    files:    by name: "home", "temp", "shm", "outside", then the course's: "gradebook", "secret",
              "config", "question", "classmate".
    variable: an environment variable of the grader's, with the token in it.
    process:  the id of a process of the same user.
    port, udp, path, abstract: where something listens: on TCP and UDP of 127.0.0.1, at a path, and
        at an abstract name (without its leading NUL).
    heard:    (listener, bytes) of all that anybody sent there; a mere connection is heard as b"".
    """

    root: Path
    token: str
    files: dict[str, Path]
    variable: str
    process: int
    port: int
    udp: int
    path: Path
    abstract: str
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def course(self) -> Path:
        """The course's folder."""
        return self.root / "course"

    @property
    def secrets(self) -> list[str]:
        """Texts that no submission can know."""
        return [
            self.token,
            (self.course / ".course_secret").read_text(encoding="ascii").strip(),
        ]


@contextlib.contextmanager
def baited(root: Path) -> Iterator[Bait]:
    """Lay the bait out in and around `root`; take it up at the end."""
    token = secrets.token_hex(16)
    home = root / "home"
    home.mkdir()
    places = {"home": home / ".netrc", "outside": root / "outside.txt"}
    for name, folder in (("temp", tempfile.gettempdir()), ("shm", "/dev/shm")):
        places[name] = Path(folder) / f"attack-bait-{token[:8]}"
    for place in places.values():
        place.write_text(token, encoding="ascii")
    course = root / "course"
    places |= {
        "gradebook": course / "gradebook.db",
        "secret": course / ".course_secret",
        "config": course / "nbgrader_config.py",
        "question": ROOT / "tests" / "questions" / "small.py",
        "classmate": course / "submitted" / NEIGHBORS[0] / NAME / f"{NAME}.ipynb",
    }
    victim = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", "import time; time.sleep(3600)", token],
        stdin=subprocess.DEVNULL,
    )
    with contextlib.ExitStack() as stack:
        stack.callback(
            lambda: [
                place.unlink(missing_ok=True) for place in list(places.values())[:4]
            ]
        )
        stack.callback(lambda: (victim.kill(), victim.wait()))
        tcp, udp, path, abstract = (
            stack.enter_context(socket.socket(family, kind))
            for family, kind in (
                (socket.AF_INET, socket.SOCK_STREAM),
                (socket.AF_INET, socket.SOCK_DGRAM),
                (socket.AF_UNIX, socket.SOCK_STREAM),
                (socket.AF_UNIX, socket.SOCK_STREAM),
            )
        )
        # short: the path of a socket may have 107 bytes
        at = Path(tempfile.mkdtemp(prefix="bait-")) / "socket"
        stack.callback(shutil.rmtree, at.parent)
        for sock, address in (
            (tcp, ("127.0.0.1", 0)),
            (udp, ("127.0.0.1", 0)),
            (path, str(at)),
            (abstract, f"\0bait-{token[:8]}"),
        ):
            sock.bind(address)
        bait = Bait(
            root=root,
            token=token,
            files=places,
            variable="GRADER_TOKEN",
            process=victim.pid,
            port=tcp.getsockname()[1],
            udp=udp.getsockname()[1],
            path=at,
            abstract=f"bait-{token[:8]}",
        )
        stack.enter_context(
            _listening(
                {"tcp": tcp, "path": path, "abstract": abstract}, udp, bait.heard
            )
        )
        yield bait


@contextlib.contextmanager
def _listening(
    streams: dict[str, socket.socket],
    udp: socket.socket,
    heard: list[tuple[str, bytes]],
) -> Iterator[None]:
    selector = selectors.DefaultSelector()
    for name, sock in streams.items():
        sock.listen()
        selector.register(sock, selectors.EVENT_READ, name)
    selector.register(udp, selectors.EVENT_READ, "udp")
    wake, stop = socket.socketpair()
    selector.register(wake, selectors.EVENT_READ)

    def serve() -> None:
        while True:
            for key, _ in selector.select():
                if key.data is None:
                    return
                if key.data == "udp":
                    heard.append(("udp", udp.recv(4096)))
                    continue
                client, _ = key.fileobj.accept()
                with client:
                    heard.append((key.data, b""))
                    client.settimeout(0.5)
                    with contextlib.suppress(OSError):
                        heard.append((key.data, client.recv(4096)))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.close()
        thread.join()
        wake.close()
        selector.close()


# --- what came of it


@dataclass(frozen=True)
class Evidence:
    """What there is to see of one graded submission.

    reason: why it was not graded, None if it was. points: in the gradebook, None if there are none.
    notebook: the autograded one, None if there is none.
    """

    student: str
    bait: Bait
    reason: str | None
    points: float | None
    notebook: NotebookNode | None

    @cached_property
    def verdicts(self) -> dict[str, dict[str, Any]]:
        """The judge's findings by function name: "status", "earned", "headline", "details",
        "tried", "passed", "mistake".
        """
        return {
            verdict["question"].partition(".")[2]: verdict
            for verdict in self.notebook.metadata[METADATA_KEY]["verdicts"]
        }

    @cached_property
    def outputs(self) -> list[NotebookNode]:
        """All outputs of all cells, in order."""
        return [
            output
            for cell in self.notebook.cells
            if cell.cell_type == "code"
            for output in cell.outputs
        ]

    @cached_property
    def text(self) -> str:
        """All that the submission's cells printed, displayed as text or raised."""
        return "\n".join(map(_said, self.outputs))

    @cached_property
    def told(self) -> dict[str, Any]:
        """What the notebook told of, by name: the plain value where it was one, else its
        representation.
        """
        return {
            name: _plain(text)
            for name, text in re.findall(
                r"^told (\S+) = (.*)$", self.text, flags=re.MULTILINE
            )
        }

    def earned(self, **points: float) -> None:
        """Assert that these functions earned these points, each of the others nothing, and that
        the gradebook says the same.
        """
        assert self.reason is None, self.reason
        earned = {name: verdict["earned"] for name, verdict in self.verdicts.items()}
        assert earned == dict.fromkeys(POINTS, 0.0) | points, self.verdicts
        assert self.points == sum(points.values())

    def nothing_leaked(self) -> None:
        """Assert that nothing of what is secret stands anywhere in the graded notebook, or in
        the reason why there is none.
        """
        text = json.dumps([self.notebook, self.reason])
        assert not [secret for secret in self.bait.secrets if secret in text]


def _said(output: NotebookNode) -> str:
    if output.output_type == "stream":
        return output.text
    if output.output_type == "error":
        return f"{output.ename}: {output.evalue}"
    return output.data.get("text/plain", "")


def _plain(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


@dataclass
class Session:
    """A class of attackers and neighbors, graded."""

    bait: Bait
    course: Course
    evidence: dict[str, Evidence]
    protected: dict[str, dict[str, str]]
    survivors: list[str]

    def check(self, attack: Attack) -> None:
        """Assert that `attack` had its outcome, and that nobody and nothing else was touched or
        told.
        """
        found = self.evidence[attack.name]
        attack.outcome(found)
        found.nothing_leaked()
        for neighbor in NEIGHBORS:
            self.evidence[neighbor].earned(**POINTS)
        assert self.changed() == []
        assert self.survivors == []
        assert self.bait.heard == []

    def changed(self) -> list[str]:
        """Files of neighbors and of the course, bait, and the bait's process, that are not as
        they were.
        """
        now = fingerprints(self.bait)
        changed = [
            f"{who}: {name}"
            for who, files in self.protected.items()
            for name in files.keys() | now[who]
            if files.get(name) != now[who].get(name)
        ]
        return changed + [f"process {self.bait.process} ended"] * (
            not psutil.pid_exists(self.bait.process)
        )


def fingerprints(bait: Bait) -> dict[str, dict[str, str]]:
    """Of each neighbor's folders, and of what belongs to the course and to the machine: every
    file's mode and digest.
    """
    course = bait.course
    trees = {
        name: [course / kind / name for kind in ("submitted", "autograded")]
        for name in NEIGHBORS
        if (course / "autograded" / name).exists()
    }
    trees["course"] = [
        course / "exercises",
        course / "release",
        course / "nbgrader_config.py",
        course / ".course_secret",
    ]
    trees["machine"] = [bait.files[name] for name in ("home", "temp", "shm", "outside")]
    return {
        who: {
            str(path): _fingerprint(path)
            for top in tops
            if top.exists()
            for path in [top, *top.rglob("*")]
        }
        for who, tops in trees.items()
    }


def _fingerprint(path: Path) -> str:
    status = path.lstat()
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return f"{status.st_mode:o} {status.st_uid} {digest}"


@contextlib.contextmanager
def grading(bait: Bait) -> Iterator[None]:
    """The grader's environment: the small questions, a home folder and a variable that must not
    be seen.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(bait.root / "home"))
        patch.setenv(bait.variable, bait.token)
        # of what is freed and partly overwritten, much would be left
        patch.setenv(f"{bait.variable}_LONG", 40 * bait.token)
        patch.setenv("AUTOGRADER_QUESTIONS", "questions")
        catalogue.chapters.cache_clear()
        yield
    catalogue.chapters.cache_clear()


LONGEST = ("replies-without-end",)
"""Attacks that end by the longest limit: graded first, so that nothing waits for them at the end.
"""


def lay_out_course(bait: Bait, attacks: Iterable[Attack]) -> tuple[Course, list[str]]:
    """A course with these attackers and the neighbors, released and handed in; and the order in
    which to grade them: a neighbor first, one amid, one last.
    """
    course = lay_out(bait.course, QUESTIONS, CONFIG)
    course.release(NAME)
    names = []
    for each in attacks:
        hand = Hand(bait)
        each.make(hand)
        hand.write(course.root / "submitted" / each.name / NAME)
        names.append(each.name)
    for neighbor in NEIGHBORS:
        hand = Hand(bait)
        hand.answer_all()
        hand.write(course.root / "submitted" / neighbor / NAME)
    names.sort(key=lambda name: name not in LONGEST)
    half = len(names) // 2
    return course, [
        NEIGHBORS[0],
        *names[:half],
        NEIGHBORS[1],
        *names[half:],
        NEIGHBORS[2],
    ]


def grade_all(bait: Bait, attacks: Iterable[Attack]) -> Session:
    """Grade them together on the real path. More workers than processors: most attacks end by a
    limit that they wait for.
    """
    before = {process.pid for process in psutil.process_iter()}
    course, students = lay_out_course(bait, attacks)
    protected: dict[str, dict[str, str]] = {}

    def show(graded: Graded) -> None:
        if not protected:
            protected.update(
                {
                    who: files
                    for who, files in fingerprints(bait).items()
                    if who in ("course", "machine")
                }
            )
        if graded.student in NEIGHBORS:
            protected[graded.student] = fingerprints(bait)[graded.student]

    work = [(NAME, student) for student in students]
    try:
        results, _ = batch.grade(course, work, workers=4, show=show)
    # an attack has stopped everybody's grading: find out which, so that its own test fails
    except CourseError:
        results = [_grade_alone(course, item, show) for item in work]
    evidence = {
        result.student: collect(course, result.student, bait, result.reason)
        for result in results
    }
    return Session(bait, course, evidence, protected, survivors(before))


def grade_by_nbgrader(bait: Bait, attacks: Iterable[Attack]) -> Session:
    """Grade them by ``nbgrader autograde``, in a course of its own."""
    bait = replace(bait, root=bait.root / "nbgrader")
    bait.root.mkdir()
    before = {process.pid for process in psutil.process_iter()}
    course, students = lay_out_course(bait, attacks)
    protected = {"machine": fingerprints(bait)["machine"]}
    environment = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    }
    command = [sys.executable, "-m", "nbgrader", "autograde", NAME]
    done = subprocess.run(
        command,
        cwd=course.root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Session(
        bait,
        course,
        {student: collect(course, student, bait, None) for student in students},
        protected,
        survivors(before),
    )


def _grade_alone(
    course: Course, item: tuple[str, str], show: Callable[[Graded], None]
) -> Graded:
    try:
        [result], _ = batch.grade(course, [item], workers=1, show=show)
    except CourseError as error:
        return Graded(item[1], item[0], f"STOPPED EVERYBODY'S GRADING: {error}")
    return result


def collect(course: Course, student: str, bait: Bait, reason: str | None) -> Evidence:
    """Read what the course has of a student."""
    path = course.root / "autograded" / student / NAME / f"{NAME}.ipynb"
    return Evidence(
        student,
        bait,
        reason,
        points_of(course, student),
        nbformat.read(path, as_version=4) if path.exists() else None,
    )


def points_of(course: Course, student: str) -> float | None:
    """The points in the gradebook."""
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as gradebook:
        try:
            submission = gradebook.find_submission(NAME, student)
        except MissingEntry:
            return None
        scores = [
            grade.auto_score for note in submission.notebooks for grade in note.grades
        ]
        return None if None in scores else sum(scores)


def survivors(before: set[int]) -> list[str]:
    """Processes that grading has left: below this one or below the machine's first, with the
    environment of ours; the warm process itself may stay.
    """
    warm = zygote_client._current._process.pid if zygote_client._current else None
    ours = {child.pid for child in psutil.Process().children(recursive=True)}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            orphan = (
                process.ppid() <= 1
                and process.environ().get("PYTHONPATH") == os.environ["PYTHONPATH"]
            )
            if (
                process.pid not in before | {warm}
                and (process.pid in ours or orphan)
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
    return found


# --- the table in the docs


def page(attacks: Iterable[Attack] | None = None) -> str:
    """The text of ``docs/attacks.md`` with the table of these attacks, of all where none are
    given.
    """
    found = list(all_attacks() if attacks is None else attacks)
    head = PAGE.read_text(encoding="utf-8").partition("| kind |")[0]
    rows = [
        "| kind | attack | what is tried | outcome here | stock nbgrader |",
        "|---|---|---|---|---|",
    ]
    for kind, meaning in KINDS.items():
        rows += [
            f"| {meaning} | `{a.name}` | {_cell(a.what)} | {_cell(a.here)} | {_cell(a.stock)} |"
            for a in found
            if a.kind == kind
        ]
    return head + "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
