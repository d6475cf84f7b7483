"""Every question of the course keeps its promises: right answers pass, known mistakes fail and are named, stubs are "not attempted"."""

import ast
import dis
import pickle
from pathlib import Path
from types import CodeType

import nbformat
import pytest

from autograder import catalogue, frameworks
from autograder.forbidden import Code, read
from autograder.judge import examine_answer
from autograder.verdict import Status

SEEDS = (0, 1, 20261121)
QUESTIONS = [question for chapter in catalogue.chapters().values() for question in chapter.values()]
TRAINED = [question for question in QUESTIONS if question.driver == "fit_predict"]
COMPARED = [question for question in QUESTIONS if question not in TRAINED]


def labelled(items):
    return [pytest.param(*item, id=f"{item[0].name}-{index}-{item[1].framework}") for index, item in enumerate(items)]


def right_answers(questions):
    return labelled((question, answer) for question in questions for answer in (question.reference, *question.alternatives))


def mistakes(questions):
    return labelled((question, mistake) for question in questions for mistake in question.mistakes)


def needs(framework):
    if not frameworks.available(framework):
        pytest.skip(f"{framework} is not available on this machine")


@pytest.mark.parametrize(("question", "answer"), right_answers(COMPARED))
def test_every_right_answer_earns_full_points(question, answer):
    needs(answer.framework)
    for seed in SEEDS:
        verdict = examine_answer(question, answer.function, answer.framework, seed=seed)
        assert (verdict.status, verdict.earned) == (Status.CORRECT, question.points), (verdict.headline, verdict.details)


@pytest.mark.slow
@pytest.mark.parametrize(("question", "answer"), right_answers(TRAINED))
def test_every_right_training_answer_earns_full_points(question, answer):
    needs(answer.framework)
    verdict = examine_answer(question, answer.function, answer.framework, seed=SEEDS[-1])
    assert (verdict.status, verdict.earned) == (Status.CORRECT, question.points), (verdict.headline, verdict.details)


def assert_rejected_and_named(question, mistake, seed):
    verdict = examine_answer(question, mistake.function, mistake.framework, seed=seed)
    assert verdict.status is not Status.CORRECT
    assert verdict.earned < question.points
    assert verdict.mistake == mistake.message


@pytest.mark.parametrize(("question", "mistake"), mistakes(COMPARED))
def test_every_known_mistake_is_rejected_and_named_as_itself(question, mistake):
    needs(mistake.framework)
    for seed in SEEDS:
        assert_rejected_and_named(question, mistake, seed)


@pytest.mark.slow
@pytest.mark.parametrize(("question", "mistake"), mistakes(TRAINED))
def test_every_known_training_mistake_is_rejected_and_named_as_itself(question, mistake):
    needs(mistake.framework)
    assert_rejected_and_named(question, mistake, SEEDS[-1])


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_the_stub_is_not_attempted(question):
    def stub(*args):
        raise NotImplementedError(question.name)

    verdict = examine_answer(question, stub, question.frameworks[0])
    assert (verdict.status, verdict.earned) == (Status.NOT_ATTEMPTED, 0.0)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_question_is_complete(question):
    assert question.points > 0
    assert len(question.hints) >= 2
    assert question.explanation
    assert question.statement
    assert len(question.mistakes) >= 2
    assert len(question.alternatives) >= 2
    messages = [mistake.message for mistake in question.mistakes]
    assert len(set(messages)) == len(messages)
    for framework in question.frameworks:
        assert question.answers(framework), f"no right answer in {framework}"


def globals_of(code):
    """The global names that a function's code reads, and what is defined inside it; `net.train()` reads none called `train`."""
    inside = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}.union(*map(globals_of, inside))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_answers_stand_alone(question):
    """What is shown to learners and pasted into notebooks needs nothing but NumPy's usual name around it."""
    for answer in (question.reference, *question.alternatives, *question.mistakes):
        source = answer.source(question.function_name)
        assert isinstance(ast.parse(source).body[0], ast.FunctionDef | ast.ClassDef)
        unknown = (globals_of(answer.function.__code__) & answer.function.__globals__.keys()) - {"np"}
        assert not unknown, f"{question.name} uses {unknown} of its module"


@pytest.mark.parametrize("question", COMPARED, ids=lambda question: question.name)
def test_probes_are_deterministic_and_differ_by_seed(question):
    def flat(seed):
        return pickle.dumps([(case.inputs.args, case.inputs.secret) for case in question.cases(seed)])

    assert flat(1) == flat(1)
    assert flat(1) != flat(2)


@pytest.mark.parametrize("question", [question for question in QUESTIONS if question.forbids], ids=lambda question: question.name)
def test_no_answer_uses_what_the_question_forbids(question):
    """By reading; that the watch is content too is seen where every answer is judged."""
    for answer in (question.reference, *question.alternatives, *question.mistakes):
        code = Code(["import numpy as np", answer.source(question.function_name)], question.function_name, complete=True)
        assert read(code, question.forbids) is None, code.cells[1]


def test_the_statement_in_the_exercise_says_what_is_forbidden_and_no_other_does():
    paths = sorted((Path(__file__).parents[2] / "exercises").glob("*/*.ipynb"))
    cells = [cell for path in paths for cell in nbformat.read(path, as_version=4).cells]
    statement, said = "", {}
    for cell in cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            statement = cell.source
        for question in QUESTIONS:
            if cell.source.startswith(f'check("{question.name}"'):
                said[question.name] = statement
    assert said.keys() == {question.name for question in QUESTIONS}
    for question in QUESTIONS:
        assert ("Write it yourself, without" in said[question.name]) == bool(question.forbids), question.name
        assert question.prohibition in said[question.name]
