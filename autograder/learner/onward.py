"""What a learner may do after a verdict: the next hint or the solution where it is not right, and
where it is, why it works, another way to write it, and the next question.

Only the judge of self-paced work adds it: a class is shown verdicts alone.
"""

from __future__ import annotations

import ast
import importlib
import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from autograder.feedback.render import Feedback
from autograder.pages import template
from autograder.questions.definition import Answer, Question
from autograder.verdict import Status, Verdict

MOST_LINES = 25
"""Another way to write an answer is shown up to so many lines."""


@dataclass(frozen=True)
class Next:
    """The question that comes next. lesson: where its chapter's lesson is, as seen from the
    notebook, and its title; empty where the chapter goes on.
    """

    label: str
    lesson: str = ""
    lesson_title: str = ""


@dataclass(frozen=True)
class Onward:
    """What is added to one verdict; empty fields add nothing.

    hints: all of them, the first `hints_seen` of which were asked for.
    """

    name: str
    hints: Sequence[str] = ()
    hints_seen: int = 0
    offers_solution: bool = False
    explanation: str = ""
    other_way: str = ""
    next: Next | None = None

    @property
    def next_hint(self) -> str:
        """What calling `hint` gives, as in "hint 1 of 3"; empty where no hint is left."""
        count = len(self.hints)
        if self.hints_seen >= count:
            return ""
        return f"hint {self.hints_seen + 1} of {count}"

    @property
    def hint_call(self) -> str:
        """The line that gives the next hint."""
        return f'hint("{self.name}")'

    @property
    def solution_call(self) -> str:
        """The line that shows the solution."""
        return f'solution("{self.name}")'


def onward(
    question: Question,
    verdict: Verdict,
    hints_seen: int,
    shown: Sequence[Answer],
    cells: Sequence[str],
) -> Onward:
    """What comes after `verdict`.

    shown: the right answers that the learner can read, in the order in which they are offered.
    cells: the code around the learner's own answer, which is no other way.
    """
    if verdict.status is Status.CORRECT:
        return Onward(
            question.name,
            explanation=question.explanation,
            other_way=_other_way(question, shown, cells),
            next=_next(question.name),
        )
    return Onward(
        question.name,
        hints=question.hints,
        hints_seen=hints_seen,
        offers_solution=verdict.status is not Status.NOT_ATTEMPTED,
    )


def title_of(name: str) -> str:
    """What the question is called in its exercise; empty where no notebook tells."""
    course_map = _course_map()
    entry = course_map.entry(name) if course_map else None
    if entry is None or entry.title == name:
        return ""
    return str(entry.title)


def with_onward(feedback: Feedback, what: Onward) -> Feedback:
    """`feedback` with what comes after it."""
    html = template("learner", "onward.html.j2").render(onward=what)
    text = "\n".join([feedback.text, *_lines(what)])
    return replace(feedback, text=text, html=feedback.html + html)


def _lines(what: Onward) -> list[str]:
    lines = []
    if what.next_hint:
        lines.append(f"  {what.hint_call} gives {what.next_hint}.")
    if what.offers_solution:
        lines.append(f"  {what.solution_call} shows an answer, and why it is right.")
    if what.explanation:
        lines.append(textwrap.indent(what.explanation, "  "))
    if what.other_way:
        lines.append("  Another way to do it:")
        lines.append(textwrap.indent(what.other_way.rstrip(), "    "))
    if what.next:
        lines.append(f"  Next: {what.next.label}")
    return lines


# Another way to do it


def _other_way(
    question: Question, shown: Sequence[Answer], cells: Sequence[str]
) -> str:
    """The first short right answer that is not written like the learner's own."""
    name = question.function_name
    own = {_form(tree) for tree in _functions(cells) if tree.name == name}
    if not own:  # Another than what?
        return ""
    for answer in shown:
        source = _without_docstring(answer.source(name))
        if source.count("\n") > MOST_LINES:
            continue
        if not {_form(tree) for tree in _functions([source])} <= own:
            return source
    return ""


def _functions(cells: Sequence[str]) -> list[ast.FunctionDef]:
    """The functions that stand at the top of these sources."""
    functions = []
    for cell in cells:
        try:
            tree = ast.parse(cell)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        functions += [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return functions


def _form(function: ast.FunctionDef) -> str:
    """Equal for functions that read alike but for comments and docstrings."""
    body = function.body[1:] if _has_docstring(function) else function.body
    return ast.dump(ast.Module(body, []))


def _has_docstring(function: ast.FunctionDef) -> bool:
    return ast.get_docstring(function, clean=False) is not None


def _without_docstring(source: str) -> str:
    """The statement of the question stands above the learner's answer already."""
    functions = _functions([source])
    if not functions or not _has_docstring(functions[0]):
        return source
    docstring = functions[0].body[0]
    lines = source.splitlines()
    del lines[docstring.lineno - 1 : docstring.end_lineno]
    return "\n".join(lines).rstrip() + "\n"


# The next question


def _course_map() -> ModuleType | None:
    """What reads the course from its notebooks, where the course has it."""
    try:
        return importlib.import_module("autograder.learner.course_map")
    except ImportError:
        return None


def _next(name: str) -> Next | None:
    course_map = _course_map()
    following = course_map.after(name) if course_map else None
    if course_map is None or following is None:
        return None
    label = f"{following.number}. {following.title}"
    if following.minutes:
        unit = "minute" if following.minutes == 1 else "minutes"
        label += f", about {following.minutes} {unit}"
    this = course_map.entry(name)
    if this is not None and this.chapter == following.chapter:
        return Next(label)
    return _first_of_chapter(label, following.chapter, course_map.chapters())


def _first_of_chapter(label: str, name: str, chapters: Sequence[Any]) -> Next:
    """A new chapter begins with its lesson."""
    chapter = next((one for one in chapters if one.name == name), None)
    if chapter is None or not chapter.lesson:
        return Next(label)
    title = f"the lesson “{chapter.title}”"
    return Next(f"{title}, then {label}", _link(chapter.lesson), title)


def _link(path: str) -> str:
    """The way from the notebook's folder to `path`, which is relative to the folder with all
    lessons and exercises; empty where it is not there.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / path).is_file():
            way = os.path.relpath(folder / path, here)
            return Path(way).as_posix()
    return ""
