"""The report card for people: a table and the survivors' code for the terminal, a page for the
browser.
"""

from __future__ import annotations

import itertools

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from autograder.audit.card import LEAST_KILLED, LEAST_NAMED, Card, QuestionCard
from autograder.pages import template

_COLUMNS = (
    "mutants",
    "killed",
    "equivalent",
    "kill rate",
    "false accepts",
    "false rejects",
    "mistakes named",
    "median ms",
    "slowest ms",
)


def as_terminal(card: Card) -> Group:
    """A table with a row for each question and one for all; then what is wrong, and the
    survivors as diffs.
    """
    table = Table(title="How far the checks can be trusted", title_justify="left")
    table.add_column(
        "question",
        no_wrap=True,
        min_width=max(len(question.name) for question in card.questions),
    )
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    table.add_column("")
    for question in card.questions:
        mark = "✗" if question.problems else "✓"
        table.add_row(escape(question.name), *_figures(question), mark)
    table.add_section()
    table.add_row("all", *_totals(card), "✓" if card.clean else "✗")
    stories = map(_story, card.questions)
    return Group(table, *itertools.chain.from_iterable(stories))


def as_page(card: Card) -> str:
    """The card as one HTML page that needs nothing else. What questions say and the code of
    answers are escaped.
    """
    rows = [(question, _figures(question)) for question in card.questions]
    return template("audit", "audit.html.j2").render(
        card=card,
        columns=_COLUMNS,
        rows=rows,
        totals=_totals(card),
        least_killed=f"{LEAST_KILLED:.0%}",
        least_named=f"{LEAST_NAMED:.0%}",
    )


def _figures(question: QuestionCard) -> tuple[str, ...]:
    return (
        str(question.mutants),
        str(question.killed),
        str(question.equivalent),
        _percent(question.kill_rate) if question.mutants else "–",
        str(len(question.false_accepts)),
        str(len(question.false_rejects)),
        f"{question.mistakes_named} of {question.mistakes}",
        f"{1000 * question.median_check_s:.0f}",
        f"{1000 * question.slowest_check_s:.0f}",
    )


def _totals(card: Card) -> tuple[str, ...]:
    return (
        *(
            str(sum(getattr(question, name) for question in card.questions))
            for name in ("mutants", "killed", "equivalent")
        ),
        _percent(card.kill_rate),
        str(card.false_accepts),
        str(card.false_rejects),
        _percent(card.mistakes_named_rate),
        "",
        "",
    )


def _percent(rate: float) -> str:
    """Rounded down, so that what misses a threshold never looks as if it met it."""
    tenths = int(1000 * rate + 1e-9)
    return f"{tenths / 10:.1f} %"


def _story(question: QuestionCard) -> list[RenderableType]:
    sentences = dict.fromkeys((*question.problems, *question.misnamed))
    remarks = (*question.notes, *question.unsteady)
    listed = (question.survivors, question.near_misses, question.untried)
    if not (sentences or remarks or any(listed)):
        return []
    parts: list[RenderableType] = [Text(f"\n{question.name}", style="bold")]
    parts += [Text(f"  ✗ {sentence}") for sentence in sentences]
    parts += [Text(f"  · {note}") for note in remarks]
    parts += [Text(f"  · {sentence}") for sentence in question.near_misses]
    if question.untried:
        parts.append(Text(f"  · never tried: {', '.join(question.untried)}"))
    for survivor in question.survivors:
        found = "caught on some inputs only" if survivor.flaky else "never caught"
        parts += [
            Text(f"  survivor ({survivor.operator}, {survivor.framework}, {found}):"),
            Syntax(survivor.diff, "diff", background_color="default"),
        ]
    return parts
