"""What stored results say about how they came about."""

from experiments import provenance


def test_the_facts_tell_versions_and_what_is_given_and_end_with_the_date():
    facts = provenance.facts("python -m x", ("numpy", "no-such-package"), images="abc")
    assert (
        facts["no-such-package"] == "none"
        and facts["numpy"][0].isdigit()
        and facts["images"] == "abc"
    )
    assert list(facts)[-1] == "date"


def test_another_date_does_not_matter_and_anything_else_does():
    now = {"torch": "2", "date": "today"}
    assert (
        provenance.differing(
            {"torch": "2", "date": "yesterday", "rate of LeNet": "0.1 gives 0.5"}, now
        )
        is None
    )
    assert provenance.differing({"torch": "1", "date": "today"}, now) == "torch"
    assert provenance.differing({"date": "today"}, now) == "torch"


def test_rates_are_read_back_from_words():
    found = {0.1: 0.5, 0.02: 0.7543}
    assert provenance.rates_in_words(found) == "0.02 gives 0.7543, 0.1 gives 0.5"
    assert provenance.rates_from_words(provenance.rates_in_words(found)) == found


def test_of_two_rates_that_are_equally_good_the_smaller_one_is_used():
    assert provenance.best_rate({0.1: 0.5, 0.05: 0.6, 0.02: 0.6}) == 0.02
