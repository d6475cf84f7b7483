"""Gain a score without earning it."""

from attacks.harness import attack

INSTEAD = "def total(values):\n    return 0"


def score(what, *, stock, here="no points", outcome, **more):
    return attack("score", what, stock=stock, here=here, outcome=outcome, **more)


def nothing(evidence):
    evidence.earned()


@score("The check cells are tagged so that they are not run.", stock="full points", outcome=nothing)
def skip_execution(hand):
    for cell in hand.notebook.cells[1:]:
        cell.metadata["tags"] = ["skip-execution"]
    hand.run("tell('ran', True)")


def test_attack(attack, graded):
    graded.check(attack)
