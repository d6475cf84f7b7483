"""What whoever maintains the course reads when something failed: one logger, and a file that does
not grow without end.

While a class is graded, the file is ``grading.log`` in the course's folder, where no submission can
read or write (decision 04), and one process writes it: the one that records the grades. Workers
send it what they have to say along with their results (`Collected`). At home the file is
``course.log`` beside the learner's progress.

A record is whole lines: what cannot be printed is escaped, and a long one is cut, because parts of
it may be a stranger's.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterable, Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

from autograder.text import plain

log = logging.getLogger("autograder")
log.addHandler(logging.NullHandler())

GRADING, HOME = "grading.log", "course.log"
MOST_BYTES = 2 * 2**20
"""Of the file; the one before it is kept, too."""
MOST_CHARACTERS = 20_000
"""Of one record."""
MOST_RECORDS = 100
"""That a worker sends along with one submission."""
MOST_OF_ONE = 100_000
"""Characters of all records about one submission, which may have its own way to cause them: what
was said of others must not be pushed out of the file.
"""


def user_folder() -> Path:
    """Where a learner's own files are: the folder of COURSE_PROGRESS where that is set, else one
    in the user's data folder.
    """
    if chosen := os.environ.get("COURSE_PROGRESS"):
        return Path(chosen).parent
    import platformdirs

    return platformdirs.user_data_path("deep-learning-course", appauthor=False)


def at_home() -> Path:
    """The file of a learner's own judge and of commands that belong to no course's folder."""
    return user_folder() / HOME


@contextlib.contextmanager
def kept_in(path: Path) -> Iterator[Path]:
    """In here, append what is logged to the file `path`, which is made when there is something
    to say. A file that cannot be written stops nothing.
    """
    path = Path(path).absolute()
    if any(
        isinstance(handler, _File) and handler.baseFilename == str(path)
        for handler in log.handlers
    ):
        yield path
        return
    handler = _File(path)
    with _handling(handler):
        try:
            yield path
        finally:
            handler.close()


class _Subject:
    """What records are about, and how much may still be said of it."""

    def __init__(self, name: str):
        self.name, self._characters_left = name, MOST_OF_ONE
        self._full = False

    def admit(self, record: logging.LogRecord) -> bool:
        """Whether there is room for the record. The first one that there is none for says so
        instead.
        """
        if self._full:
            return False
        self._characters_left -= len(plain(_message(record)))
        if self._characters_left < 0:
            self._full = True
            record.msg, record.args = (
                "more was logged about it, which is left out",
                None,
            )
            record.exc_info = record.exc_text = None
        return True


_subject: _Subject | None = None


@contextlib.contextmanager
def about(subject: str) -> Iterator[None]:
    """In here, say of every record what it is about: an assignment and a student, in any thread
    of this process.
    """
    global _subject
    before = _subject
    if before is None or before.name != subject:
        _subject = _Subject(subject)
    try:
        yield
    finally:
        _subject = before


class Collected(logging.Handler):
    """Keeps records, as texts, for another process: `taken` gives them and forgets them."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(_Lines())
        self._texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        if len(self._texts) < MOST_RECORDS:
            self._texts.append(self.format(record))

    def taken(self) -> list[str]:
        """What was logged since the last time."""
        texts, self._texts = self._texts, []
        return texts


def collect() -> Collected:
    """Install a handler that keeps what this process logs."""
    handler = Collected()
    log.addHandler(handler)
    return handler


def append(texts: Iterable[str]) -> None:
    """Log what another process `Collected`."""
    for text in texts:
        log.handle(
            log.makeRecord(
                log.name,
                logging.ERROR,
                __file__,
                0,
                "%s",
                (text,),
                None,
                extra={"formatted": text},
            )
        )


@contextlib.contextmanager
def _handling(handler: logging.Handler) -> Iterator[None]:
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


class _File(RotatingFileHandler):
    """The file, opened at the first record."""

    def __init__(self, path: Path):
        super().__init__(
            path,
            maxBytes=MOST_BYTES,
            backupCount=1,
            encoding="utf-8",
            errors="backslashreplace",
            delay=True,
        )
        self.setFormatter(_Lines())

    def emit(self, record: logging.LogRecord) -> None:
        """Append one."""
        with contextlib.suppress(OSError):
            Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk or a folder that may not be written: what was to be logged is lost, and
        nothing else.
        """


def _admitted(record: logging.LogRecord) -> bool:
    """Whether a record is logged at all. One that another process collected was admitted there."""
    if _subject is None or hasattr(record, "formatted"):
        return True
    return _subject.admit(record)


log.addFilter(_admitted)


def _message(record: logging.LogRecord) -> str:
    """A record's message with its traceback, cut where it is long."""
    message = record.getMessage()
    if record.exc_info:
        message = f"{message}\n{logging.Formatter().formatException(record.exc_info)}"
    if len(message) <= MOST_CHARACTERS:
        return message
    beginning = message[: MOST_CHARACTERS // 4]
    end = message[-3 * MOST_CHARACTERS // 4 :]  # the end of a traceback says most
    return f"{beginning}\n...\n{end}"


class _Lines(logging.Formatter):
    """Time, level, what it is about, message; further lines and the traceback indented below."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """As text that ends without a line break."""
        collected = getattr(record, "formatted", None)
        if collected is not None:
            text = str(collected)[: 2 * MOST_CHARACTERS]
            return "\n".join(map(plain, text.splitlines()))
        when = self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ")
        # The name of a submission's folder is a stranger's, and may hold anything.
        subject = f"{plain(_subject.name)}: " if _subject is not None else ""
        lines = "\n    ".join(map(plain, _message(record).splitlines() or [""]))
        return f"{when} {record.levelname} {subject}{lines}"
