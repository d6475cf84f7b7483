"""Every question of the course keeps its promises, and is complete."""

import ast
import dis
import pickle
from pathlib import Path
from types import CodeType

import nbformat
import pytest

from autograder.audit.checks import audit, fresh_seeds
from autograder.judge.code.code_reader import Code, read
from autograder.learner.judge_process import PUBLIC
from autograder.questions import catalogue
from autograder.questions.definition import seed_for

QUESTIONS = [
    question
    for chapter in catalogue.chapters().values()
    for question in chapter.values()
]
COMPARED = [question for question in QUESTIONS if question.driver != "fit_predict"]
SLOW = [
    question for question in QUESTIONS if question.driver in ("fit_predict", "sampled")
]


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_question_keeps_its_promises(question, one_seed):
    """Right answers and harmless variants of them pass; known mistakes fail, each named as itself;
    so does what is wrong by construction.

    Tried on the inputs that everybody has at home and, where no net is trained and nothing drawn
    again and again, on those of a fresh seed. Mutants and sixty more seeds are for the night.
    """
    home = seed_for(PUBLIC, question.name)
    seeds = (
        [home] if one_seed or question in SLOW else [*fresh_seeds(question, 1), home]
    )
    card = audit(question, sample=0, seeds=seeds, search=False)
    assert (card.false_rejects, card.false_accepts, card.misnamed, card.errors) == (
        (),
        (),
        (),
        (),
    )
    assert card.mistakes_named == card.mistakes > 0


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_question_is_complete(question):
    assert question.points > 0
    assert len(question.hints) >= 2
    assert question.explanation
    assert question.statement
    assert len(question.mistakes) >= 2
    assert len(question.alternatives) >= 2
    # One mistake may be written in two frameworks whose own functions differ.
    messages = [(mistake.message, mistake.framework) for mistake in question.mistakes]
    assert len(set(messages)) == len(messages)
    for framework in question.frameworks:
        assert question.answers(framework), f"no right answer in {framework}"


def globals_of(code):
    """The global names that a function's code reads, and what is defined inside it;
    `net.train()` reads none called `train`.
    """
    inside = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return {
        step.argval
        for step in dis.get_instructions(code)
        if step.opname == "LOAD_GLOBAL"
    }.union(*map(globals_of, inside))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_answers_stand_alone(question):
    """What is shown to learners and pasted into notebooks needs nothing but NumPy's usual name
    around it.
    """
    for answer in (question.reference, *question.alternatives, *question.mistakes):
        source = answer.source(question.function_name)
        assert isinstance(ast.parse(source).body[0], ast.FunctionDef | ast.ClassDef)
        unknown = (
            globals_of(answer.function.__code__) & answer.function.__globals__.keys()
        ) - {"np"}
        assert not unknown, f"{question.name} uses {unknown} of its module"


@pytest.mark.parametrize("question", COMPARED, ids=lambda question: question.name)
def test_probes_are_deterministic_and_differ_by_seed(question):
    def flat(seed):
        return pickle.dumps(
            [(case.inputs.args, case.inputs.secret) for case in question.cases(seed)]
        )

    assert flat(1) == flat(1)
    assert flat(1) != flat(2)


@pytest.mark.parametrize(
    "question",
    [question for question in QUESTIONS if question.forbids],
    ids=lambda question: question.name,
)
def test_no_answer_uses_what_the_question_forbids(question):
    """By reading; that the watch is content too is seen where every answer is judged."""
    for answer in (question.reference, *question.alternatives, *question.mistakes):
        code = Code(
            ["import numpy as np", answer.source(question.function_name)],
            question.function_name,
        )
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
        assert ("Write it yourself, without" in said[question.name]) == bool(
            question.forbids
        ), question.name
        assert question.prohibition in said[question.name]
