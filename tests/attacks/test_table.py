"""The table in the docs says what the attacks say."""

from collections import Counter

from attacks.harness import KINDS, PAGE, all_attacks, page


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        f"the attacks have changed: write {PAGE.name} anew, its head says how"
    )


def test_there_are_attacks_of_every_kind_and_each_has_a_name_of_its_own():
    attacks = all_attacks()
    assert Counter(attack.name for attack in attacks).most_common(1)[0][1] == 1
    kinds = Counter(attack.kind for attack in attacks)
    assert kinds.keys() == KINDS.keys()
    assert kinds["score"] >= 25
    assert kinds.total() >= 50
