"""A question is put together by its decorators and draws the inputs that its seed gives."""

from __future__ import annotations

import json

import numpy as np
import pytest
import strategies as some
from hypothesis import given
from hypothesis import strategies as st

from autograder import Inputs, question
from autograder.errors import BadQuestion
from autograder.questions import catalogue
from autograder.questions.definition import Answer, Question, seed_for
from autograder.values.plain_values import pack


@question(
    points=2,
    hints=["one"],
    explanation="""
    First line.
      Indented.
    """,
)
def f(x):  # the name is a letter of "def"
    """Twice x."""

    def g(y):
        return 2 * y

    return g(x)


@f.probe(weight=3, repeat=2)
def both_kinds(rng):
    return rng.normal(size=2), rng.integers(5)


@f.probe()
def with_secret(rng):
    return Inputs((1,), secret=rng.normal())


@f.mistake("Wrong.", framework="torch")
def _(x):
    return x


@f.alternative(framework="mxnet")
def _(
    x,
):
    return x + x


def test_a_decorated_answer_is_a_question_named_after_its_module():
    assert isinstance(f, Question)
    assert (f.name, f.function_name, f.points, f.hints) == (
        "test_definition.f",
        "f",
        2,
        ("one",),
    )
    assert (f.statement, f.explanation) == ("Twice x.", "First line.\n  Indented.")
    assert f(4) == 8


def test_what_is_attached_says_what_it_is():
    assert [(probe.name, probe.weight, probe.repeat) for probe in f.probes] == [
        ("both_kinds", 3, 2),
        ("with_secret", 1, 1),
    ]
    assert [(mistake.message, mistake.framework) for mistake in f.mistakes] == [
        ("Wrong.", "torch")
    ]
    assert [answer.framework for answer in f.alternatives] == ["mxnet"]


def test_the_answers_of_a_framework_are_its_right_ones():
    assert f.answers("numpy") == [f.reference]
    assert f.answers("mxnet") == f.alternatives
    assert f.answers("torch") == []


@pytest.mark.parametrize("name", ["double", "f", "def_"])
def test_the_source_of_an_answer_is_what_a_learner_would_have_written(name):
    for answer in (f.reference, *f.alternatives):
        source = answer.source(name)
        assert "@" not in source and source.endswith("\n")
        namespace = {}
        exec(source, namespace)
        assert namespace[name](21) == 42


def test_the_source_keeps_other_mentions_of_the_name():
    def _(x_):
        _ = x_
        return _

    assert Answer(_, "numpy").source("same").splitlines() == [
        "def same(x_):",
        "    _ = x_",
        "    return _",
    ]


@given(some.seeds)
def test_a_seed_gives_the_same_cases_every_time(seed):
    one, other = list(f.cases(seed)), list(f.cases(seed))
    assert [case.probe.name for case in one] == [
        "both_kinds",
        "both_kinds",
        "with_secret",
    ]
    for a, b in zip(one, other, strict=True):
        np.testing.assert_equal(a.inputs.args, b.inputs.args)
        assert a.inputs.secret == b.inputs.secret


@given(some.seeds)
def test_the_draws_of_a_probe_differ(seed):
    first, second, _ = f.cases(seed)
    assert first.inputs.args[0].tolist() != second.inputs.args[0].tolist()


def test_a_probe_more_does_not_change_the_inputs_of_the_others():
    def made(*probes):
        asked = question(points=1)(lambda x: x)
        for probe in probes:
            asked.probe()(probe)
        return [case.inputs.args[0] for case in asked.cases(7)]

    def one(rng):
        return (rng.normal(),)

    def hungry(rng):
        return (rng.normal(size=100).sum(),)

    assert made(one, hungry)[0] == made(one)[0] == made(one, one, one)[0]


@given(some.seeds)
def test_every_input_can_cross_to_the_answer(seed):
    """A scalar drawn by NumPy too, which JSON does not know."""
    for case in f.cases(seed):
        json.dumps(pack(case.inputs.args)[0])


@given(st.lists(st.text(max_size=6), min_size=1, max_size=4))
def test_a_seed_follows_from_its_parts(parts):
    assert seed_for(*parts) == seed_for(*parts)
    assert 0 <= seed_for(*parts) < 2**64
    assert seed_for(*parts) != seed_for(*parts, "x")


def test_seeds_tell_the_parts_apart():
    assert (
        len(
            {
                seed_for(*parts)
                for parts in [
                    ("ab", "c"),
                    ("a", "bc"),
                    ("abc",),
                    ("abc", ""),
                    ("c", "ab"),
                ]
            }
        )
        == 5
    )


NONSENSE = {
    "points": [0, -1, float("nan"), float("inf"), "2", None, True],
    "seconds": [0, -3, float("inf"), "10"],
    "rtol": [-1e-4, float("nan"), None],
    "atol": [-1e-9, float("inf")],
    "calls": [0, -1, 2.5, True, "100"],
    "driver": ["nope", "", None],
    "framework": ["tensorflow"],
    "frameworks": [(), "torch", ["jax"]],
    "hints": ["one hint"],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in NONSENSE.items() for value in values],
)
def test_a_question_that_makes_no_sense_is_refused_where_it_is_defined(name, value):
    with pytest.raises(
        BadQuestion, match=name.removesuffix("s") if name == "frameworks" else name
    ):
        question(**({"points": 1} | {name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weight", 0),
        ("weight", -1),
        ("weight", float("nan")),
        ("weight", "1"),
        ("repeat", 0),
        ("repeat", -2),
        ("repeat", 1.5),
    ],
)
def test_a_probe_that_makes_no_sense_is_refused_where_it_is_defined(name, value):
    """With no weight of 0, the weights of a question never are all 0."""
    asked = question(points=1)(lambda x: x)
    with pytest.raises(BadQuestion, match=name):
        asked.probe(**{name: value})
    assert asked.probes == []


def test_numbers_may_come_from_numpy():
    asked = question(
        points=np.float64(2), seconds=np.int64(3), calls=np.int64(5), atol=0
    )(lambda x: x)
    asked.probe(weight=np.float32(0.5), repeat=np.int64(2))(lambda rng: (1,))
    assert (asked.points, len(list(asked.cases(1)))) == (2, 2)


def test_what_is_refused_in_a_chapter_is_said_with_its_line(tmp_path, monkeypatch):
    (tmp_path / "worthless").mkdir()
    (tmp_path / "worthless" / "__init__.py").touch()
    (tmp_path / "worthless" / "chapter.py").write_text(
        "from autograder import question\n\n@question(points=0)\ndef f(x): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "worthless")
    catalogue.chapters.cache_clear()
    with pytest.raises(
        catalogue.BrokenQuestions,
        match=r"chapter\.py, line 3: BadQuestion: points must be more than 0",
    ):
        catalogue.chapters()
    catalogue.chapters.cache_clear()


# Ways of judging that do not go together


def drawn(**settings):
    return question(**({"points": 1, "driver": "sampled"} | settings))(lambda x, rng: x)


def test_what_is_drawn_is_not_measured_as_well():
    with pytest.raises(BadQuestion, match="cannot be measured as well"):
        drawn().measure(lambda inputs, output: None)


@pytest.mark.parametrize("driver", ["call", "network", "fit_predict"])
def test_what_was_drawn_is_recovered_for_the_driver_sampled_only(driver):
    asked = question(points=1, driver=driver)(lambda x: x)
    with pytest.raises(BadQuestion, match='for the driver "sampled" only'):
        asked.recover(lambda result, x: {})
    assert asked.recovery is None


def test_a_random_operation_needs_what_recovers_its_draws():
    asked = drawn()
    with pytest.raises(BadQuestion, match="needs a function that recovers"):
        asked.check_complete()
    asked.recover(lambda result, x: {})
    asked.check_complete()


def test_a_chapter_with_an_incomplete_question_says_which(tmp_path, monkeypatch):
    chapter = tmp_path / "half_a_course"
    chapter.mkdir()
    (chapter / "__init__.py").write_text("")
    (chapter / "flips.py").write_text(
        "from autograder import question\n"
        "@question(points=1, driver='sampled')\n"
        "def flip(images, rng):\n    return images\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "half_a_course")
    catalogue.chapters.cache_clear()
    with pytest.raises(
        catalogue.BrokenQuestions, match=r"flips\.py: BadQuestion: flips\.flip"
    ):
        catalogue.chapters()
    catalogue.chapters.cache_clear()


def test_whether_a_question_trains_is_told_by_its_driver():
    assert question(points=1, driver="fit_predict")(lambda x: x).trains
    assert not question(points=1)(lambda x: x).trains
