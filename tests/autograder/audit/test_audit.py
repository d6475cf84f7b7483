"""The audit: it makes the errors that people make, tells weak checks and strict ones from good
ones, and the course's own are good.
"""

from __future__ import annotations

import ast
import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest

from autograder import Measurement, cli, question
from autograder.audit import Card, QuestionCard, Survivor, audit
from autograder.audit.fork_pool import map_in_forks
from autograder.audit.mutants import mutants
from autograder.audit.render import as_page
from autograder.questions import catalogue

KEYS = {
    "name",
    "points",
    "mutants",
    "killed",
    "equivalent",
    "alternatives",
    "false_rejects",
    "mistakes",
    "mistakes_named",
    "unsteady",
    "near_misses",
    "untried",
    "median_check_s",
}
TOTALS = {
    "questions",
    "kill_rate",
    "false_accepts",
    "false_rejects",
    "mistakes_named_rate",
}


# --- mutants --------------------------------------------------------------------------------------


def lines_of(body, parameters="x, y"):
    """What the mutants of a function with this body say in place of the lines of the body."""
    source = f"def f({parameters}):\n" + "".join(
        f"    {line}\n" for line in body.splitlines()
    )
    return {
        (
            m.operator,
            "\n".join(
                line[1:].strip() for line in m.diff.splitlines() if line[0] == "+"
            ),
        )
        for m in mutants(source)
    }


@pytest.mark.parametrize(
    ("body", "operator", "mutated"),
    [
        ("return x + 3", "number", "return x + 4"),
        ("return x + 3", "number", "return x + 2"),
        ("return x + 0", "number", "return x + -1"),
        ("return x.sum(keepdims=True)", "constant", "return x.sum(keepdims=False)"),
        ("return x + y", "operator", "return x - y"),
        ("return x @ y", "operator", "return x * y"),
        ("return (x - 1) // y", "operator", "return -(-(x - 1) // y)"),
        ("return x < y", "operator", "return x <= y"),
        ("return x and y", "operator", "return x or y"),
        ("return x < y", "comparison", "return x > y"),
        ("return x * (y + 2)", "term", "return x * (y)"),
        ("return x * (y + 2)", "term", "return (y + 2)"),
        ("return f(x, y)", "swap", "return f(y, x)"),
        ("return x[1, 2]", "swap", "return x[2, 1]"),
        ("x, y = y, 1\nreturn x", "swap", "y, x = y, 1"),
        ("return x.transpose((0, 2))", "swap", "return x.transpose((2, 0))"),
        ("return [x, y]", "element", "return [x]"),
        ("return x.sum(axis=1)", "argument", "return x.sum()"),
        ("return x.sum(axis=1)", "argument", "return x.sum(axis=None)"),
        ("return x.sum(axis=(1, 2))", "axis", "return x.sum(axis=2)"),
        ("return x.sum(axis=1)", "number", "return x.sum(axis=0)"),
        ("return x[y]", "index", "return x[y+1]"),
        ("return x[y:]", "slice", "return x[y-1:]"),
        ("return x[::2]", "slice", "return x[:]"),
        ("return range(x)", "range", "return range(1, x)"),
        ("return range(x)", "range", "return range(x - 1)"),
        ("return x.max()", "reduction", "return x.min()"),
        ("return x.sum()", "reduction", "return x.mean()"),
        ("return pad(x, y)", "padding", 'return pad(x, y, mode = "edge")'),
        ("return zeros(x)", "layer", "return ones(x)"),
        ("x.eval()", "layer", "x.train()"),
        ("return Dense(activation='relu')", "layer", "return Dense(activation='tanh')"),
        ("return x.T", "call", "return x"),
        ("return np.exp(x)", "call", "return x"),
        ("return x.reshape(y)", "call", "return x"),
        ("with no_grad():\n    x.add_(y)", "guard", "if True:"),
        ("x.add_(y)\nreturn x", "statement", "pass"),
        ("z = x\nw = y\nreturn z * 2", "stale", "return w * 2"),
        ("return [a for a in x if a]", "branch", "return [a for a in x]"),
        ("for a in x:\n    continue", "keyword", "break"),
    ],
)
def test_every_operator_makes_the_error_that_it_is_there_for(body, operator, mutated):
    def plain(text):
        return "".join(text.split())

    assert (operator, plain(mutated)) in {
        (name, plain(text)) for name, text in lines_of(body)
    }


def test_texts_annotations_parameters_and_raised_errors_are_left_alone():
    source = '''def f(x: tuple[int, 3], y=4):
    """Take 1 from 2."""
    import numpy as np
    z: "x + 1" = zip(x, y, strict=True)
    raise ValueError("more than 5", 6)
'''
    changed = {m.diff for m in mutants(source)}
    added = "\n".join(
        line for diff in changed for line in diff.splitlines() if line[0] == "+"
    )
    assert added  # of the assignment
    assert not any(
        text in added for text in ("Take", "import", "raise", "def f", "strict=False")
    )


def test_mutants_are_programs_all_different_and_always_the_same():
    source = catalogue.find("convolution.pad_and_stride").reference.source(
        "pad_and_stride"
    )
    made = mutants(source)
    programs = [ast.dump(ast.parse(mutant.source)) for mutant in made]
    assert len(programs) > 100
    assert len({*programs, ast.dump(ast.parse(source))}) == len(programs) + 1
    assert made == mutants(source)
    assert [mutant.line for mutant in made] == sorted(mutant.line for mutant in made)


# --- forks ----------------------------------------------------------------------------------------


@pytest.mark.alone
def test_work_that_hangs_crashes_or_eats_memory_is_lost_and_no_other():
    def work(number):
        if number == 1:
            time.sleep(60)
        if number == 2:
            os._exit(0)
        if number == 4:
            return len(bytearray(2**36))
        return number

    assert map_in_forks(work, 6, seconds=1, on_failure="lost", forks=2) == [
        0,
        "lost",
        "lost",
        3,
        "lost",
        5,
    ]


# --- weak, strict, good ---------------------------------------------------------------------------


def widen(image, columns):
    """The image with every row doubled in length. image: (H, W) -> (H, 2 W)"""
    out = np.zeros((image.shape[0], 2 * image.shape[1]))
    for row in range(image.shape[0]):
        out[row] = np.concatenate([image[row], columns * image[row]])
    return out


def narrow(image, columns):
    return np.concatenate([image, columns * image], axis=1)


def stacked(image, columns):
    return np.hstack([image, columns * image])


def make(*probes, **settings):
    asked = question(points=2, **settings)(widen)
    for number, probe in enumerate(probes):
        probe.__name__ = f"probe_{number}"
        asked.probe()(probe)
    asked.alternative()(narrow)
    asked.alternative()(stacked)
    asked.mistake("The second half is not multiplied.")(
        lambda image, columns: np.concatenate([image, image], axis=1)
    )
    asked.mistake("The rows are doubled, not the columns.")(
        lambda image, columns: np.concatenate([image, columns * image], axis=0)
    )
    return asked


def oblong(rng):
    return rng.normal(size=(3, 5)), float(rng.uniform(2, 3))


def fixed_square(rng):
    return np.eye(2), 3.0


@pytest.fixture(scope="module")
def good():
    return audit(make(oblong), forks=2)


def test_a_good_question_has_a_clean_card_but_for_a_change_that_does_not_matter(good):
    assert (good.false_rejects, good.false_accepts, good.errors, good.misnamed) == (
        (),
        (),
        (),
        (),
    )
    assert (good.alternatives, good.mistakes, good.mistakes_named) == (2, 2, 2)
    assert good.mutants > 40
    for survivor in good.survivors:
        assert "np.ones(" in survivor.diff or "axis=-1" in survivor.diff, survivor.diff


def test_a_weak_question_has_survivors_and_accepts_memorisers(good):
    weak = audit(make(fixed_square), forks=2)
    assert len(weak.survivors) > len(good.survivors) + 3
    assert weak.kill_rate < 0.99
    assert {sentence.partition("that is ")[2] for sentence in weak.false_accepts} == {
        "right for the visible inputs only.",
        "right for square inputs only.",
        "right for symmetric inputs only.",
        "",
    }
    assert any(
        "never looks at `columns`, which is the same in every input" in sentence
        for sentence in weak.false_accepts
    )
    assert any(problem.startswith("Too weak") for problem in weak.problems)
    assert not Card((weak,)).clean


def test_a_question_that_is_too_tolerant_accepts_an_error_of_one_part_in_a_thousand():
    assert audit(make(oblong, rtol=0.01), sample=1).false_accepts == (
        "Accepted although wrong: an answer that is off by one part in a thousand.",
    )


def test_names_that_are_returned_are_lost_in_a_wrong_answer():
    asked = question(points=1)(lambda arrays: sorted(arrays))
    asked.probe()(lambda rng: ({name: rng.normal(size=(2, 3)) for name in "ba"},))
    assert audit(asked, sample=1).false_accepts == ()


def test_a_question_that_is_too_strict_rejects_right_answers():
    strict = audit(make(oblong, rtol=1e-12, atol=1e-12), sample=1)
    assert any("the noise of float32" in sentence for sentence in strict.false_rejects)
    assert not Card((strict,)).clean


def test_a_right_answer_that_is_not_accepted_is_told():
    asked = make(oblong)
    asked.alternative()(lambda image, columns: narrow(image, columns) + 1)
    [sentence] = audit(asked, sample=1).false_rejects
    assert sentence.startswith("alternative 3 (numpy), seed ")


def test_an_answer_without_a_definition_is_noted_and_has_no_mutants():
    asked = make(oblong)
    asked.alternative()(lambda image, columns: narrow(image, columns))
    assert any(
        "No mutants of alternative 3 (numpy)" in note
        for note in audit(asked, sample=1).notes
    )


def test_a_question_that_cannot_be_asked_is_an_error_on_its_card():
    def broken(rng):
        return rng.no_such_method()

    for asked, said in [
        (make(), "no probes"),
        (make(broken), "no_such_method"),
        (make(lambda rng: (1.0,)), "reference"),
    ]:
        card = audit(asked)
        assert said in card.problems[0]
        assert not Card((card,)).clean


def test_a_probe_with_randomness_of_its_own_is_an_error():
    card = audit(make(lambda rng: (np.random.default_rng().normal(size=(3, 5)), 2.5)))
    assert "draws other inputs from the same seed" in card.problems[0]


def test_a_mistake_that_is_accepted_or_told_as_another_is_told():
    asked = make(oblong)
    asked.mistake("No mistake at all.")(narrow)
    asked.mistake("The same as the first.")(asked.mistakes[0].function)
    card = audit(asked, sample=1)
    assert card.false_accepts == (
        'Accepted although it is a known mistake: "No mistake at all."',
    )
    # Of two that do the same neither is named: nobody knows which it was.
    assert (card.mistakes, card.mistakes_named, len(card.misnamed)) == (4, 1, 3)
    assert set(card.misnamed) <= set(card.problems)


def test_a_mistake_that_costs_some_students_more_is_listed():
    def one_of_two_edges(rng):
        return oblong(rng) if rng.integers(2) else (np.zeros((2, 4)), 1.5)

    asked = make(one_of_two_edges)
    asked.mistake("Only zeros come out right.")(
        lambda image, columns: 0 * narrow(image, columns)
    )
    card = audit(asked, sample=0, repeat=8)
    assert any(
        "Only zeros" in sentence and "by the student" in sentence
        for sentence in card.unsteady
    )
    assert not audit(make(oblong), sample=0, repeat=8).unsteady


def test_what_is_never_tried_is_listed():
    card = audit(make(oblong), sample=0)
    assert "an empty array or list" in card.untried
    assert "a matrix that is not square" not in card.untried
    assert "Never tried: an empty array or list" in as_page(Card((card,)))


def positive(rng):
    return rng.uniform(1, 2, size=(3, 5)), 2.0


def test_a_habit_that_no_probe_shows_is_found_and_shown_with_an_input():
    def counted(values):
        return [int(value) for value in np.cumsum(values)]

    def by_hand(values):
        return [int(sum(values[: end + 1])) for end in range(len(values))]

    asked = question(points=2)(counted)
    asked.probe()(lambda rng: (rng.integers(1, 9, size=5),))
    asked.alternative()(by_hand)
    found = audit(asked, sample=0).near_misses
    assert any("counts in eight bits" in sentence for sentence in found)
    assert not any("first row" in sentence for sentence in found)
    asked.probe()(lambda rng: (rng.integers(1, 9, size=300),))
    assert not audit(asked, sample=0).near_misses


def test_an_input_on_which_right_answers_differ_is_no_part_of_the_question():
    def root(values):
        return np.sqrt(np.abs(values))

    def power(values):
        return np.asarray(values) ** 0.5

    asked = question(points=2)(root)
    asked.probe()(lambda rng: (rng.choice([0.0, 1.0, 2.5, 4.0], size=6),))
    asked.alternative()(power)
    assert not any(
        "without its sign" in sentence for sentence in audit(asked).near_misses
    )


def test_a_search_that_ends_its_process_is_a_note():
    def fragile(values):
        if len(values) > 100:
            os._exit(1)
        return 2 * values

    asked = question(points=2)(fragile)
    asked.probe()(lambda rng: (rng.uniform(1, 2, size=3),))
    asked.alternative()(lambda values: values + values)
    card = audit(asked, sample=0)
    assert "The search for inputs was not done within its limits." in card.notes
    assert card.alternatives == 1


def test_what_the_search_finds_is_the_same_every_time():
    asked = make(positive)
    found = audit(asked, sample=0).near_misses
    assert found == audit(asked, sample=0).near_misses
    assert all(
        sentence in as_page(Card((audit(asked, sample=0),))) for sentence in found
    )


def test_a_question_that_nobody_tried_has_no_clean_card():
    asked = question(points=2)(widen)
    asked.probe()(oblong)
    asked.alternative()(narrow)
    for _ in range(2):
        asked.mistake("Twice the same.")(lambda image, columns: image)
    alternatives, messages = audit(asked, sample=1).errors
    assert "1 alternatives" in alternatives
    assert "Twice the same." in messages
    assert not any(
        "known mistakes" in error for error in audit(make(oblong), sample=1).errors
    )


def test_a_right_answer_that_raises_for_other_arrays_is_noted():
    def fussy(image, columns):
        if not image.flags.c_contiguous:
            raise BufferError("not contiguous")
        return narrow(image, columns)

    asked = make(oblong)
    asked.alternative()(fussy)
    card = audit(asked, sample=1)
    assert card.false_rejects == ()
    assert any(
        "alternative 3 (numpy), given views that are not contiguous, raises BufferError"
        in note
        for note in card.notes
    )


def test_equivalents_are_counted_apart_and_tried_again(good):
    asked = make(oblong)
    asked.equivalent("np.zeros( -> np.ones(", why="Every row is overwritten.")
    card = audit(asked, forks=2)
    assert (card.equivalent, card.errors) == (1, ())
    assert len(card.survivors) == len(good.survivors) - 1
    assert card.killed == good.killed


def test_a_declaration_that_is_wrong_or_stale_is_an_error():
    asked = make(oblong)
    asked.equivalent("columns * image[row] -> columns / image[row]", why="It is not.")
    asked.equivalent("sorted(image)", why="There is no such line.")
    asked.equivalent("right for square inputs only", why="It is rejected.")
    killed, stale, rejected = audit(asked, forks=2).errors
    assert "but killed" in killed
    assert "sorted(image)" in stale
    assert "right for square inputs only" in rejected


def test_helper_functions_of_the_answer_are_mutated_too():
    asked = question(points=1)(calls_a_helper)
    asked.probe()(lambda rng: (rng.normal(size=4),))
    card = audit(asked)
    assert {survivor.diff for survivor in card.survivors} == set()
    assert (
        card.killed
        == card.mutants
        > len(mutants(asked.reference.source(asked.function_name)))
    )


def helper(values):
    return values + 3


def calls_a_helper(values):
    return helper(values) * 2


def test_what_is_measured_has_no_mutants_and_is_audited_all_the_same():
    asked = question(points=1)(lambda: 5)
    asked.probe()(lambda rng: ())
    asked.measure(lambda inputs, output: Measurement(output > 4, f"It is {output}."))
    asked.alternative()(lambda: 4)
    card = audit(asked)
    assert card.mutants == 0
    assert len(card.false_rejects) == 1
    assert any("judged by what they achieve" in note for note in card.notes)


def test_the_card_is_always_the_same(good):
    again = audit(make(oblong), forks=1)
    times = {"median_check_s": 0.0, "slowest_check_s": 0.0}
    assert replace(again, **times) == replace(good, **times)


# --- the card -------------------------------------------------------------------------------------


def test_totals_weigh_every_mutant_alike_and_leave_out_the_equivalent():
    card = Card(
        (
            QuestionCard("a", 1, mutants=110, killed=90, equivalent=10),
            QuestionCard("b", 1, mutants=300, killed=300),
        )
    )
    assert card.kill_rate == pytest.approx(390 / 400)
    assert not card.clean


def test_the_page_escapes_what_answers_and_questions_say():
    hostile = "<script>alert(1)</script>"
    card = QuestionCard(
        hostile,
        1,
        mutants=1,
        survivors=(Survivor("term", "numpy", f"-a\n+{hostile}"),),
        errors=(hostile,),
        notes=(hostile,),
    )
    page = as_page(Card((card,)))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 4


# --- the command; the course's own questions are audited by `make audit` --------------------------


@pytest.fixture
def run(capfd):
    def run(*arguments):
        with pytest.raises(SystemExit) as caught:
            cli.app([str(argument) for argument in arguments])
        return caught.value.code, *capfd.readouterr()

    return run


@pytest.mark.slow
def test_the_command_writes_the_card_and_its_exit_code_tells_whether_it_is_clean(
    run, small_course, tmp_path
):
    code, out, _ = run(
        "audit",
        "small.patient",
        "nets",
        "--sample",
        3,
        "--json",
        tmp_path / "card.json",
        "--html",
        tmp_path / "card.html",
    )
    figures = json.loads((tmp_path / "card.json").read_text())
    assert figures.keys() == TOTALS
    assert [question["name"] for question in figures["questions"]] == [
        "small.patient",
        "nets.build",
    ]
    assert all(question.keys() == KEYS for question in figures["questions"])
    assert "nets.build" in out
    assert "nets.build" in (tmp_path / "card.html").read_text()
    assert "It has 0 alternatives" in out  # the small questions are for other tests
    assert code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["small.totl"],
        ["chapter"],
        ["small.total", "--json", "/nowhere/at/all.json"],
        ["--sample", "0"],
    ],
)
def test_misuse_is_told_before_anything_is_run(run, small_course, arguments):
    code, out, err = run("audit", *arguments)
    assert (code, out) == (2, "")
    assert err.strip()
