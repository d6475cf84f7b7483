"""What several examinations of one question found makes one card."""

from autograder.audit.card import QuestionCard, Survivor


def test_counts_are_added_and_sentences_stand_one_after_the_other():
    survivor = Survivor("number", "numpy", "- 1\n+ 2")
    one = QuestionCard(
        "a.b", 2, mutants=5, killed=4, survivors=(survivor,), errors=("first",)
    )
    other = QuestionCard("a.b", 2, mistakes=3, errors=("second",), slowest_check_s=0.5)
    assert one + other == QuestionCard(
        "a.b",
        2,
        mutants=5,
        killed=4,
        survivors=(survivor,),
        mistakes=3,
        errors=("first", "second"),
        slowest_check_s=0.5,
    )


def test_a_card_on_which_nothing_stands_changes_nothing():
    card = QuestionCard("a.b", 2, mutants=5, notes=("left out",))
    assert card + QuestionCard("a.b", 2) == card
