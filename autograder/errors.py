"""The exceptions that say what somebody can put right. The command line prints their message in one
line; every other exception is a bug of the course.

    AutograderError
    ├── UsageError            whoever calls: a command that cannot be meant
    ├── CourseError           the course's owner: its folder, configuration, release, gradebook
    │   └── JudgeFault            a released cell or a question that nobody can be graded with
    ├── ReportError           there is nothing to report on, or no way to write it
    ├── BrokenQuestions       the package of questions cannot be imported
    ├── UnknownQuestion       there is no question of that name
    ├── BadQuestion           a question says of itself what makes no sense
    ├── SubmissionError       one submission gets no grade; the others do
    │   ├── Unfit                 it cannot be graded as it is
    │   ├── FolderRefused         its files cannot be copied behind the wall
    │   ├── CannotBeGradedHere    it needs a framework that this machine lacks
    │   ├── NotJudged             a question of the course failed on it, which is not its fault
    │   └── JudgingStuck          judging it does not come to an end
    └── MachineError          this machine
        ├── NoWall                no wall can stand on it
        ├── CannotInstall         MXNet cannot be installed on it (in autograder.gluon)
        └── Disturbed             something ends the processes that grade

A message says what happened, where, and what to do next. Nothing is imported here, so that whoever
reports an error can know them all.
"""

from __future__ import annotations


class AutograderError(Exception):
    """Something that a user can put right; the message says what. `remedy` is what to do about
    it where the message does not say.
    """

    remedy = ""


class UsageError(AutograderError, ValueError):
    """A command that cannot be meant."""


class CourseError(AutograderError):
    """Something about the course that its owner can put right; the message says what."""


class JudgeFault(CourseError, RuntimeError):
    """A question of the course is broken: nothing is graded until it is mended, so that nobody
    pays for it.
    """

    remedy = "Mend the question and grade again; what was graded before is kept."


class ReportError(AutograderError):
    """There is nothing to report on, or no way to write it; the message says what, where, and
    what to do.
    """


class BrokenQuestions(AutograderError):
    """The package of questions cannot be imported; the message says where and why."""


class UnknownQuestion(AutograderError, LookupError):
    """There is no question of that name; the message suggests the nearest."""


class BadQuestion(AutograderError, ValueError):
    """A question that says of itself what makes no sense: negative points, weights that are all
    0, a driver that does not exist.
    """


class SubmissionError(AutograderError):
    """One submission cannot be graded; the message says why, in one line."""


class Unfit(SubmissionError, ValueError):
    """The submission cannot be graded as it is; the message says why, in one line."""


class FolderRefused(SubmissionError, ValueError):
    """The notebook's folder cannot be copied; the message says why."""


class CannotBeGradedHere(SubmissionError, RuntimeError):
    """The submission needs a framework that this machine lacks: no grade at all, rather than
    none of the points.
    """


class NotJudged(SubmissionError, RuntimeError):
    """A question of the course failed on this submission: no grade at all, rather than points
    lost through a fault that is not the student's.
    """


class JudgingStuck(SubmissionError, RuntimeError):
    """Judging the submission does not come to an end: no grade for it, and the process that does
    it is lost.
    """


class MachineError(AutograderError, RuntimeError):
    """This machine cannot do what is asked for; the message says why and what to do."""


class NoWall(MachineError):
    """The wall cannot stand on this machine; the message says why and what to do."""

    remedy = (
        "Only `--trust-submissions` grades without walls: each submission is then a process of "
        "yours, and can do what you can."
    )


class Disturbed(MachineError):
    """The zygote or the warden of a kernel is gone: nothing that a submission can cause, and no
    fault of its own.
    """

    remedy = (
        "Something ends them: see what else runs on this machine, and grade "
        "again; what was graded before is kept."
    )
