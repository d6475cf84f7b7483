"""Questions are found by name, and a wrong name is answered with the right one."""

from __future__ import annotations

import pytest
from traitlets.config import Config

from autograder import configure, question
from autograder.grading.course import Course
from autograder.questions import catalogue, package
from autograder.questions.catalogue import BrokenQuestions, UnknownQuestion

pytestmark = pytest.mark.usefixtures("small_course")


def test_questions_are_listed_in_course_order():
    assert catalogue.names() == [
        "small.total",
        "small.turn",
        "small.patient",
        "small.locate",
        "small.ordered",
        "nets.build",
    ]


def test_every_name_finds_its_question():
    for name in catalogue.names():
        assert catalogue.find(name).name == name


@pytest.mark.parametrize(
    ("typo", "nearest"),
    [
        ("small.totl", "small.total"),
        ("small.Turn", "small.turn"),
        ("total", "small.total"),
        ("smal.locate", "small.locate"),
        ("nets.biuld", "nets.build"),
        ("small_turn", "small.turn"),
    ],
)
def test_a_typo_is_answered_with_the_nearest_name(typo, nearest):
    with pytest.raises(UnknownQuestion) as error:
        catalogue.find(typo)
    assert typo in str(error.value) and f"Did you mean {nearest!r}?" in str(error.value)


def test_a_chapter_is_answered_with_its_questions():
    with pytest.raises(
        UnknownQuestion, match=r"The questions of small are small\.total, "
    ):
        catalogue.find("small")


@pytest.mark.parametrize("name", ["03-small", "03-sma", "3 small", "smal"])
def test_a_chapter_by_its_number_or_its_beginning_is_answered_with_its_questions(name):
    with pytest.raises(
        UnknownQuestion, match=r"The questions of small are small\.total"
    ):
        catalogue.find(name)


@pytest.mark.parametrize("begin", ["small.tot", "tot", "small.tota"])
def test_the_beginning_of_a_name_is_enough_to_be_told_the_name(begin):
    with pytest.raises(UnknownQuestion, match=r"Did you mean 'small\.total'"):
        catalogue.find(begin)


def test_a_function_is_enough_to_find_the_question_it_belongs_to():
    with pytest.raises(UnknownQuestion) as error:
        catalogue.find("turn")
    assert str(error.value).endswith("Did you mean 'small.turn'?")


@pytest.mark.parametrize(
    "name",
    ["", ".", "zzz", "small.total.x.y.z.q", None, 3, "small.__class__", "x" * 10_000],
)
def test_any_other_name_is_answered_in_one_line(name):
    with pytest.raises(UnknownQuestion) as error:
        catalogue.find(name)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


def test_the_course_is_chosen_by_the_environment(monkeypatch):
    assert catalogue.package_name() == "questions"
    monkeypatch.delenv("AUTOGRADER_QUESTIONS")
    monkeypatch.setattr(package, "entry_points", lambda group: [])
    with pytest.raises(BrokenQuestions, match="AUTOGRADER_QUESTIONS"):
        catalogue.package_name()


def test_two_installed_courses_are_not_guessed_between(monkeypatch):
    class Entry:
        def __init__(self, value):
            self.value = value

    monkeypatch.delenv("AUTOGRADER_QUESTIONS")
    monkeypatch.setattr(
        package, "entry_points", lambda group: [Entry("one"), Entry("two")]
    )
    with pytest.raises(BrokenQuestions, match="one, two"):
        catalogue.package_name()
    monkeypatch.setattr(
        package, "entry_points", lambda group: [Entry("one"), Entry("one")]
    )
    assert catalogue.package_name() == "one"


def test_a_package_without_a_list_of_chapters_has_all_its_modules(
    tmp_path, monkeypatch
):
    package = tmp_path / "another_course"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "first.py").write_text(
        "from autograder import question\n@question(points=1)\ndef one(x):\n    return x\n"
    )
    (package / "second.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "another_course")
    catalogue.chapters.cache_clear()
    assert {
        chapter: list(questions) for chapter, questions in catalogue.chapters().items()
    } == {
        "first": ["one"],
        "second": [],
    }


def test_the_package_is_read_once():
    assert catalogue.find("small.total") is catalogue.find("small.total")
    assert isinstance(catalogue.find("small.total"), type(question(points=1)(len)))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def half(:\n    pass", "chapter.py, line 1: invalid syntax"),
        (
            "from autograder import question\n\n\n@question(pts=1)\ndef half(x):\n    return x",
            "chapter.py, line 4: TypeError",
        ),
        ("import no_such_module_at_all", "chapter.py, line 1: ModuleNotFoundError"),
        (
            "from autograder import question\n\n\n@question(points=1)\ndef f(x):\n    return "
            "x\n\n\n@question(points=1)\ndef f(x):\n    return x",
            "f is a question twice: in line 4 and in line 9",
        ),
        (
            "from autograder import question\n\n\n@question(points=1)\ndef f(x):\n    return "
            "x\n\n\n@f.alternative(framework='pytorch')\ndef _(x):\n    return x",
            "there is no framework 'pytorch'",
        ),
    ],
)
def test_questions_that_cannot_be_imported_are_told_by_file_and_line(
    source, said, tmp_path, monkeypatch
):
    package = tmp_path / f"broken_{abs(hash(said))}"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "chapter.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", package.name)
    catalogue.chapters.cache_clear()
    try:
        with pytest.raises(BrokenQuestions, match=r"chapter\.py, line \d+") as error:
            catalogue.find("chapter.f")
    finally:
        catalogue.chapters.cache_clear()
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_package_that_is_not_there_is_told_with_what_to_look_at(monkeypatch):
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "no_such_course")
    catalogue.chapters.cache_clear()
    try:
        with pytest.raises(BrokenQuestions, match="PYTHONPATH"):
            catalogue.names()
    finally:
        catalogue.chapters.cache_clear()


# --- several courses in one process ---------------------------------------------------------------


@pytest.fixture
def nothing_chosen(monkeypatch):
    """The installed package is in force, and again afterwards."""
    monkeypatch.delenv("AUTOGRADER_QUESTIONS", raising=False)
    catalogue.chapters.cache_clear()
    yield
    catalogue.choose(None)
    catalogue.chapters.cache_clear()


def configured(questions=None):
    """What `configure` makes of a course's configuration."""
    config = Config()
    configure(config, questions=questions)
    return config


def test_one_file_is_no_package_of_questions(monkeypatch, tmp_path):
    (tmp_path / "one_file_of_questions.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "one_file_of_questions")
    catalogue.chapters.cache_clear()
    with pytest.raises(
        BrokenQuestions, match=r"one_file_of_questions is one file .*not a package"
    ):
        catalogue.chapters()
    catalogue.chapters.cache_clear()


def test_a_course_that_names_no_questions_does_not_inherit_another_s(nothing_chosen):
    configured("questions")
    assert catalogue.package_name() == "questions"
    assert "small" in catalogue.chapters()
    configured()
    assert catalogue.package_name() == "solutions"
    assert "convolution" in catalogue.chapters()


def test_what_the_environment_said_before_a_course_is_in_force_after_it(
    nothing_chosen, monkeypatch
):
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "questions")
    configured("solutions")
    assert catalogue.package_name() == "solutions"
    configured()
    assert catalogue.package_name() == "questions"


def test_what_the_environment_was_told_since_is_not_taken_back(
    nothing_chosen, monkeypatch
):
    configured("questions")
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "told_since")
    configured()
    assert catalogue.package_name() == "told_since"


def test_two_courses_are_used_by_turns_each_with_its_own_questions(
    nothing_chosen, tmp_path
):
    course = {}
    for name, arguments in {"one": "c, questions='questions'", "two": "c"}.items():
        (tmp_path / name).mkdir()
        text = f"from autograder import configure\nc = get_config()\nconfigure({arguments})\n"
        (tmp_path / name / "nbgrader_config.py").write_text(text)
        course[name] = Course(tmp_path / name)
    for name, questions in [
        ("one", "questions"),
        ("two", "solutions"),
        ("one", "questions"),
        ("two", "solutions"),
    ]:
        course[name]._nbgrader()
        assert catalogue.package_name() == questions
