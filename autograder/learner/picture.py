"""Pictures that an exercise draws with a learner's own function: whatever that function does, the
cell ends without an error, so that all cells can be run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from autograder.answers.outcome import Outcome
from autograder.answers.run import is_stub
from autograder.learner import client
from autograder.text import plain

_LONGEST = 160
"""So many characters of an error are told."""


def picture_of(*questions: str) -> Callable[[Callable[[], object]], None]:
    """Draw at once what the decorated function draws with the learner's answers to `questions`.
    A line says where there is nothing to draw yet, where it could not be drawn, and where the
    last check did not find an answer right.

    Example::

        @picture_of("convolution.cross_correlate")
        def draw():
            plots.show_images([cross_correlate(photo, kernel)])
    """

    def draw_now(draw: Callable[[], object]) -> None:
        before = _figures()
        try:
            draw()
        except Exception as error:
            _close(_figures() - before)
            print(_why_not(error, questions))
        else:
            if said := _not_right(questions):
                print(said)

    return draw_now


def _why_not(error: Exception, questions: tuple[str, ...]) -> str:
    kind = type(error).__name__
    said = _first_line(error)
    outcome = Outcome("raised", error=kind, message=said)
    if any(is_stub(outcome, question) for question in questions):
        functions = [question.rpartition(".")[2] for question in questions]
        verb = "is" if len(functions) == 1 else "are"
        names = " and ".join(functions)
        return f"The picture appears when {names} {verb} answered: run this cell again then."
    told = f"{kind}: {said}" if said else kind
    return f"The picture could not be drawn from your answer ({told}). The check above says more."


def _first_line(error: Exception) -> str:
    """An exception is a learner's, too: it may not be able to say what it is."""
    try:
        first, *_ = str(error).splitlines() or [""]
    except Exception:
        return ""
    return plain(first[:_LONGEST])


def _not_right(questions: tuple[str, ...]) -> str:
    if all(client.last_found.get(question, True) for question in questions):
        return ""
    return "This is drawn from your answer, which the last check did not find right."


def _figures() -> set[int]:
    """The figures that are open; none where matplotlib is not imported."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    return set(pyplot.get_fignums()) if pyplot else set()


def _close(figures: set[int]) -> None:
    """Half a picture is none."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    for figure in figures:
        if pyplot:
            pyplot.close(figure)
