"""A course's ``nbgrader_config.py``: loaded, refused where it cannot be meant, and taken apart into
the steps that a submission goes through. The settings themselves, with their defaults, are traits
of `autograder.grading.nbgrader_steps.JudgedExecute`.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.preprocessors import AssignLatePenalties, Execute, SaveAutoGrades
from traitlets import TraitError
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader
from traitlets.utils.importstring import import_item

from autograder.errors import AutograderError, CourseError, NotJudged
from autograder.grading.nbgrader_steps import CourseCells, JudgedExecute
from autograder.logs import GRADING, log
from autograder.questions.material import CONFIG
from autograder.sandbox import wall
from autograder.text import one_line

_SECTIONS = {
    "JudgedExecute",
    "CourseCells",
    "Execute",
    "CourseDirectory",
    "Autograde",
    "GenerateAssignment",
}
"""Parts of a configuration whose names are taken to be meant where one is nearly so called."""


def configuration(root: Path, more: dict[str, Any]) -> Any:
    """The course's ``nbgrader_config.py``, and what is added to it. Raises `CourseError` for one
    that nobody can be graded with.
    """
    if str(root) not in sys.path:  # where a course keeps plug-ins of its own
        sys.path.append(str(root))
    try:
        config = Config(PyFileConfigLoader(CONFIG, path=str(root)).load_config())
    except (Exception, SystemExit) as error:  # it is a program, and may fail in any way
        raise CourseError(
            f"{root / CONFIG} cannot be loaded: {type(error).__name__}: {one_line(error)}"
        ) from error
    if not _has_step(config, "autograde_preprocessors", JudgedExecute):
        raise CourseError(
            f"{root / CONFIG} does not switch the judge on, and nbgrader alone "
            "gives points for cells that merely end:"
            " add `from autograder import configure` and `configure(c)`."
        )
    if not _has_step(config, "sanitize_preprocessors", CourseCells):
        raise CourseError(
            f"{root / CONFIG} leaves CourseCells out of c.Autograde.sanitize_preprocessors: "
            "nothing else puts the checks back."
        )
    config.CourseDirectory.root = str(root)
    config.merge(Config(more))
    _check_settings(root, config)
    return config


def steps_named(config: Any, which: str) -> list[Any]:
    """One of nbgrader's lists of steps, as a course's configuration has it: classes and
    functions. Raises `CourseError` for a name that cannot be imported.
    """
    steps = []
    for step in config.Autograde.get(which, []):
        try:
            steps.append(import_item(step) if isinstance(step, str) else step)
        except ImportError as error:
            raise CourseError(
                f"c.Autograde.{which} names {step!r}, which cannot be imported: {one_line(error)}"
            ) from error
    return steps


class Steps:
    """What a course's configuration has done to a submission, in its order: `before` it is run,
    the step that `judges` it, those that prepare what is `shown`, and those that enter it `after`,
    from the first that writes the gradebook on.
    """

    def __init__(self, config: Any):
        sanitizing = steps_named(config, "sanitize_preprocessors")
        steps = steps_named(config, "autograde_preprocessors")
        at = next(
            index for index, step in enumerate(steps) if _is_a(step, JudgedExecute)
        )
        self.before: list[Any] = [*sanitizing, *steps[:at]]
        self.judges: type[JudgedExecute] = steps[at]
        later = steps[at + 1 :]
        enters = (index for index, step in enumerate(later) if _enters(step))
        first = next(enters, len(later))
        self.shown: list[Any] = later[:first]
        self.after: list[Any] = later[first:]
        self._config = config

    def check(self) -> None:
        """Raise `CourseError` for a step that cannot be made: a plug-in that cannot be imported,
        say. Nobody can be graded with it.
        """
        for step in (*self.before, self.judges, *self.shown, *self.after):
            if isinstance(step, type):
                try:
                    step(config=self._config)
                except Exception as error:  # it is a program, and may fail in any way
                    raise CourseError(
                        f"the step {step.__name__} of the course's configuration cannot be made: "
                        f"{type(error).__name__}: {one_line(error)}"
                    ) from error

    def prepare(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Take a submitted notebook through the steps before it is run, as ``nbgrader
        autograde`` does. Raises `NotJudged` where one fails.
        """
        return self._taken(self.before, nb, resources)

    def show(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Prepare what is shown of a notebook that was run. Raises `NotJudged` where a step
        fails.
        """
        return self._taken(self.shown, nb, resources)

    def _taken(
        self, steps: Iterable[Any], nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        for step in steps:
            try:
                take = step(config=self._config) if isinstance(step, type) else step
                nb, resources = take(nb, resources)
            except AutograderError:
                raise
            except Exception as error:
                raise _failed(step, error) from error
        return nb, resources


def _failed(step: Any, error: Exception) -> NotJudged:
    name = getattr(step, "__name__", type(step).__name__)
    log.exception("the step %s of the course's configuration failed", name)
    return NotJudged(
        f"the step {name} of the course's configuration failed: {type(error).__name__}: "
        f"{one_line(error)}; its traceback is in {GRADING}"
    )


def _is_a(step: Any, kind: type) -> bool:
    return isinstance(step, type) and issubclass(step, kind)


def _enters(step: Any) -> bool:
    """Whether a step writes the gradebook, which one process alone may do."""
    return _is_a(step, SaveAutoGrades) or _is_a(step, AssignLatePenalties)


def _has_step(config: Any, which: str, kind: type) -> bool:
    """Whether a list of nbgrader's steps holds one of our own, or a class that is made of it."""
    return any(_is_a(step, kind) for step in steps_named(config, which))


def _check_settings(root: Path, config: Any) -> None:
    """Refuse settings of ours that do not exist, which traitlets would ignore, and values that
    they cannot have.
    """
    where = root / CONFIG
    for section in config:
        near = difflib.get_close_matches(section, _SECTIONS, n=1, cutoff=0.8)
        if section not in _SECTIONS and near:
            raise CourseError(
                f"{where}: there is no `c.{section}`. Did you mean `c.{near[0]}`?"
            )
    for package in config.get("JudgedExecute", {}).get("packages", ()):
        if not wall.locations(str(package)):
            raise CourseError(
                f"{where}: `c.JudgedExecute.packages` names {package!r}, "
                "and there is no such package here."
            )
    for kind in (JudgedExecute, CourseCells, Execute):
        known = kind.class_trait_names(config=True)
        for name in config.get(kind.__name__, {}):
            if name not in known:
                setting = f"`c.{kind.__name__}.{name}`"
                raise CourseError(
                    f"{where}: {setting} is no setting.{_meant(name, known)}"
                )
    for ours in (JudgedExecute, CourseCells):
        try:
            ours(config=config)
        except TraitError as error:
            raise CourseError(f"{where}: {one_line(error)}") from error


def _meant(name: str, known: Iterable[str]) -> str:
    """A sentence that helps whoever wrote `name`."""
    near = difflib.get_close_matches(name, list(known), n=1)
    if near:
        return f" Did you mean `{near[0]}`?"
    return f" There are: {', '.join(sorted(known))}."
