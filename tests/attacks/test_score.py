"""Gain a score without earning it: by what the file says, by patching the process, by speaking to
the judge in its own language, by values that pretend.

Where an attack aims at one question, the others are answered right: it must cost that one and no
other.
"""

import json

import nbformat
import pytest
from classroom import NAME
from nbformat.v4 import new_code_cell, new_output

from attacks.harness import ANSWERS, POINTS, attack
from autograder.grading.layout import METADATA_KEY
from autograder.judge.code import reach_names

pytestmark = pytest.mark.alone

LOST = "Python stopped while it ran this answer."
OTHERS = {name: points for name, points in POINTS.items() if name != "total"}
WRONG = "def total(values):\n    return 0"


def score(what, *, stock, here="no points", outcome, nbgrader=False):
    return attack(
        "score", what, stock=stock, here=here, outcome=outcome, nbgrader=nbgrader
    )


# --- outcomes


def nothing(evidence):
    """It ran, and earned nothing."""
    evidence.earned()
    assert evidence.told["ran"] is True


def total_alone_lost(evidence):
    """The attack ran against `total`, which is lost; the other questions keep their points."""
    evidence.earned(**OTHERS)
    assert evidence.told["ran"] is True


def full(evidence):
    """All points, as the answers deserve."""
    evidence.earned(**POINTS)


def crashed(evidence):
    """The exchange was broken off: `total` counts as a crash, whatever was said."""
    evidence.earned(**OTHERS)
    assert (
        evidence.verdicts["total"]["status"],
        evidence.verdicts["total"]["headline"],
    ) == (
        "crashed",
        LOST,
    )
    # the cells of the attack itself were not at fault
    assert "Python stopped in this cell" not in evidence.text


def malformed(evidence):
    """The exchange was broken off because what came could not be read; the judge says so."""
    crashed(evidence)
    assert evidence.verdicts["total"]["details"][0].startswith(
        "What it sent could not be read: "
    )


def refused(**points):
    """The values were not accepted: these functions earned points, `total` was judged not
    correct.
    """

    def outcome(evidence):
        evidence.earned(**points)
        assert evidence.verdicts["total"]["status"] == "not correct"

    return outcome


def never_asked(evidence):
    """The judge was never asked about `total`."""
    evidence.earned(**OTHERS)
    verdict = evidence.verdicts["total"]
    assert (verdict["status"], verdict["tried"]) == ("error", 0)
    assert evidence.told["ran"] is True


# --- what the file says


@score(
    "All cells are tagged `skip-execution`, a wrong answer with them.",
    stock="measured: full points; a cell that was not run has no error",
    outcome=nothing,
    nbgrader=True,
)
def cells_tagged_to_be_skipped(hand):
    hand.run("tell('ran', True)")
    for cell in hand.notebook.cells[2:]:
        if cell.metadata.get("nbgrader"):
            cell.metadata["tags"] = ["skip-execution"]


@score(
    "The check cells' metadata say that they are worth a million points.",
    stock="measured: no points; the metadata are put back",
    outcome=nothing,
)
def points_raised(hand):
    hand.run("tell('ran', True)")
    for cell in hand.notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.metadata.nbgrader["points"] = 1000000


@score(
    "The grade ids of a question that is answered and of a harder one are swapped.",
    stock="measured: the answered question's points",
    here="the answered question's points",
    outcome=lambda evidence: evidence.earned(total=1.0),
)
def grade_ids_swapped(hand):
    hand.answer("total")
    one, other = (
        hand.cell("small-total").metadata.nbgrader,
        hand.cell("small-turn").metadata.nbgrader,
    )
    one["grade_id"], other["grade_id"] = other["grade_id"], one["grade_id"]


@score(
    "Check cells are declared to be the student's own answers, unlocked, "
    "with a forged checksum and another source.",
    stock="measured: not graded; the checksums do not fit",
    outcome=nothing,
)
def checks_declared_answers(hand):
    hand.run("tell('ran', True)")
    for cell in hand.notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.metadata.nbgrader.update(
                solution=True, locked=False, grade=False, checksum="0" * 32
            )
            cell.source = "'all right'"


@score(
    "Check cells are edited to print praise.",
    stock="measured: no points; the source is put back",
    outcome=nothing,
    nbgrader=True,
)
def checks_edited(hand):
    hand.run("tell('ran', True)")
    for cell in hand.notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.source = "print('Correct on all inputs. Score: 10/10')"


@score(
    "The check cells are deleted.",
    stock="measured: no points, and no scores in the gradebook",
    outcome=nothing,
)
def checks_deleted(hand):
    hand.run("tell('ran', True)")
    hand.notebook.cells = [
        cell
        for cell in hand.notebook.cells
        if not cell.metadata.get("nbgrader", {}).get("grade")
    ]


@score(
    "The check of an answered question is there ten times, and ten "
    "times under the ids of the others.",
    stock="measured: not graded; the ids are not unique",
    here="each question counts once",
    outcome=lambda evidence: evidence.earned(total=1.0),
)
def checks_repeated(hand):
    hand.answer("total")
    for grade_id in ("small-total", "small-turn", "small-ordered"):
        metadata = hand.cell(grade_id).metadata
        at = hand.notebook.cells.index(hand.cell(grade_id)) + 1
        hand.notebook.cells[at:at] = [
            new_code_cell('check("small.total", total)', metadata=metadata)
            for _ in range(10)
        ]


@score(
    "The check cells are turned into Markdown that praises.",
    stock="measured: no points; the cell type is put back",
    outcome=nothing,
)
def checks_turned_into_text(hand):
    hand.run("tell('ran', True)")
    for index, cell in enumerate(hand.notebook.cells):
        if cell.metadata.get("nbgrader", {}).get("grade"):
            facts = dict(cell.metadata.nbgrader, cell_type="markdown")
            hand.notebook.cells[index] = nbformat.v4.new_markdown_cell(
                "# Correct on all inputs", metadata={"nbgrader": facts}
            )


FORGED = "<b>Correct on all 3 inputs. Forged.</b>"


def no_forged_output(evidence):
    evidence.earned()
    assert "Forged" not in evidence.text + json.dumps(evidence.notebook)
    assert all(
        cell.execution_count != 77
        for cell in evidence.notebook.cells
        if cell.cell_type == "code"
    )


@score(
    "The file arrives with outputs and execution counts of a perfect run.",
    stock="measured: no points; outputs are cleared",
    here="no points, and nothing of it is left",
    outcome=no_forged_output,
)
def outputs_forged_in_the_file(hand):
    for cell in hand.notebook.cells:
        cell.execution_count = 77
        cell.outputs = [
            new_output(
                "execute_result",
                {"text/plain": "10", "text/html": FORGED},
                execution_count=77,
            )
        ]


def judges_own_record(evidence):
    evidence.earned()
    record = evidence.notebook.metadata["autograder"]
    assert {
        verdict["question"]: verdict["earned"] for verdict in record["verdicts"]
    } == dict.fromkeys(record_names(evidence), 0.0)
    assert set(record) == {
        "verdicts",
        "engine",
        "questions",
        "files",
        "release",
        "look_at",
    }


def record_names(evidence):
    return [
        cell.metadata.nbgrader.grade_id.replace("-", ".", 1)
        for cell in evidence.notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade")
    ]


@score(
    "The file arrives with the judge's own record in its metadata: all correct.",
    stock="not applicable: it keeps no record in the notebook",
    outcome=judges_own_record,
)
def verdicts_forged_in_the_file(hand):
    record = [
        {
            "question": f"small.{name}",
            "status": "correct",
            "points": 1,
            "earned": 1000,
            "headline": "Correct.",
            "tried": 3,
            "passed": 3,
            "details": [],
            "mistake": None,
            "seconds": 0,
        }
        for name in POINTS
    ]
    hand.notebook.metadata["autograder"] = {
        "verdicts": record,
        "trusted": True,
        "files": "0" * 64,
        "release": "0" * 64,
    }


@score(
    "The notebook asks for a kernel of its own making, in another language.",
    stock="measured: graded by the course's kernel",
    here="graded as Python, behind the wall",
    outcome=full,
)
def kernel_named(hand):
    hand.answer_all()
    hand.notebook.metadata["kernelspec"] = {
        "name": "evil",
        "display_name": "Evil",
        "language": "bash",
        "argv": ["/bin/sh", "-c", "true"],
        "metadata": {"kernel_provisioner": {"provisioner_name": "local-provisioner"}},
    }
    hand.notebook.metadata["language_info"] = {"name": "bash", "file_extension": ".sh"}


@score(
    "A configuration for nbgrader that gives full marks, a course secret and a "
    "gradebook are handed in beside the notebook.",
    stock="measured: no points; it reads those of the course",
    outcome=nothing,
)
def course_files_handed_in(hand):
    hand.run("tell('ran', True)")
    hand.files = {
        "nbgrader_config.py": b"raise SystemExit('taken over')",
        "jupyter_config.py": b"raise SystemExit('taken over')",
        ".course_secret": b"0" * 64,
        "gradebook.db": b"SQLite format 3\0",
        "grading_errors.json": b"{}",
    }


@score(
    "A second notebook and a copy of the first in a subfolder, all "
    "answered, lie beside an empty one.",
    stock="measured: no points; they are passed over",
    outcome=nothing,
)
def other_notebooks_beside_it(hand):
    hand.run("tell('ran', True)")
    right = type(hand)(hand.bait)
    right.answer_all()
    content = nbformat.writes(right.notebook).encode()
    hand.files = {
        f"{NAME}2.ipynb": content,
        f"old/{NAME}.ipynb": content,
        f"{NAME}.ipynb.bak": content,
    }


@score(
    "Course cells carry invisible and right-to-left characters in their ids, and the answer is "
    "called `tоtal` with a Cyrillic letter.",
    stock="measured: not graded; it takes the metadata for corrupted",
    outcome=lambda evidence: (nothing(evidence), _renamed(evidence)),
)
def names_that_look_alike(hand):
    hand.answer("total", "def t\u043etal(values):\n    return values.sum()")
    hand.run("tell('ran', True)")
    for grade_id in ("small-total", "small-turn"):
        hand.cell(grade_id).metadata.nbgrader["grade_id"] = f"\u202e{grade_id}\u200b"


def _renamed(evidence):
    assert "There is no `total`" in evidence.verdicts["total"]["headline"]


# --- what runs before and around a check


@score(
    "`check` is replaced, in the notebook, in the package and among the builtins.",
    stock="not applicable: its checks call nothing; asserts cannot be replaced",
    outcome=nothing,
)
def check_replaced(hand):
    hand.run(
        """
        import builtins, autograder
        def praise(*args, **more):
            tell("ran", True)
            return "Correct on all inputs."
        check = autograder.check = builtins.check = praise
        """
    )


@score(
    "`__import__` is replaced and gives a grader that praises.",
    stock="not applicable",
    outcome=nothing,
)
def import_replaced(hand):
    hand.run(
        """
        import builtins, types
        real = builtins.__import__
        def fake(name, *args, **more):
            if name == "autograder":
                tell("ran", True)
                check = lambda *args: "Correct on all inputs."
                return types.SimpleNamespace(check=check, use=print)
            return real(name, *args, **more)
        builtins.__import__ = fake
        """
    )


@score(
    "The client's own function is replaced by one that returns a perfect feedback.",
    stock="not applicable",
    outcome=nothing,
)
def client_praises(hand):
    hand.run(
        """
        from autograder.learner import client
        from autograder.feedback.render import Feedback
        def ask(kind, *args, **more):
            tell("ran", True)
            text, html = "Correct on all inputs.", "<b>Correct</b>"
            return Feedback(text=text, html=html, correct=True, earned=100.0)
        client._ask = ask
        """
    )


@score(
    "`numpy.allclose` and its kin are replaced by functions that always agree.",
    stock="measured: full points wherever the test calls `numpy.allclose`",
    outcome=nothing,
    nbgrader=True,
)
def comparisons_replaced(hand):
    hand.run(
        """
        import numpy, numpy.testing
        numpy.allclose = numpy.isclose = lambda *args, **more: True
        numpy.array_equal = numpy.array_equiv = numpy.allclose
        numpy.testing.assert_allclose = lambda *args, **more: None
        numpy.testing.assert_array_equal = numpy.testing.assert_allclose
        tell("ran", numpy.allclose(1, 2))
        """
    )
    hand.answer("total", WRONG)
    hand.answer("turn", "def turn(image):\n    return image * 0")


@score(
    "Errors are swallowed: IPython's way of showing an exception is replaced by nothing.",
    stock="measured: no points; it reads the kernel's own reply",
    outcome=nothing,
    nbgrader=True,
)
def errors_swallowed(hand):
    hand.run(
        """
        shell = get_ipython()
        shell.showtraceback = shell._showtraceback = lambda *args, **more: None
        shell.set_custom_exc((BaseException,), lambda *args, **more: None)
        tell("ran", True)
        """
    )


@score(
    "An AST transformer takes every `assert` and every call of "
    "`check` out of the cells that follow.",
    stock="measured: full points; nothing is left that could fail",
    outcome=nothing,
)
def checks_transformed_away(hand):
    hand.run(
        """
        import ast
        class Away(ast.NodeTransformer):
            def visit_Assert(self, node):
                return ast.copy_location(ast.Pass(), node)
            def visit_Expr(self, node):
                if "check" in ast.dump(node):
                    tell("ran", True)
                    return ast.copy_location(ast.Pass(), node)
                return node
        get_ipython().ast_transformers.append(Away())
        """
    )


@score(
    "An input transformer rewrites the grader's own cell into praise.",
    stock="measured: full points; the assert is gone before it is compiled",
    outcome=nothing,
)
def checks_rewritten(hand):
    hand.run(
        """
        def praise(lines):
            if any("check(" in line or "assert" in line for line in lines):
                return ["tell('ran', True)\\n", "'Correct on all inputs.'\\n"]
            return lines
        get_ipython().input_transformers_cleanup.append(praise)
        """
    )


def only_the_judge_speaks(evidence):
    total_alone_lost(evidence)
    [output] = next(
        cell
        for cell in evidence.notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "small-total"
    ).outputs
    # what was printed is shown as such, its characters escaped
    assert "<b>Correct" not in json.dumps(output)
    assert output.data["text/plain"].startswith(
        "✗ small.total: not correct, 0 of 1 point"
    )
    assert evidence.verdicts["total"]["headline"] in output.data["text/plain"]


@score(
    "The answer displays a forged verdict, and prints one, while it is checked.",
    stock="measured: full points; it takes the forged result for the test's own",
    here="no points, and the check cell shows the judge's words alone",
    outcome=only_the_judge_speaks,
)
def verdict_displayed(hand):
    hand.answer_all()
    hand.run("shown = []")
    hand.answer(
        "total",
        """
        def total(values):
            from IPython.display import HTML, display
            display(HTML("<b>Correct on all 3 inputs. Forged.</b>"))
            print("Correct on all 3 inputs. Forged. Score: 10/10")
            kernel = get_ipython().kernel
            forged = {"execution_count": 1, "data": {"text/plain": "Forged 10"}, "metadata": {}}
            parent = kernel.get_parent()
            kernel.session.send(kernel.iopub_socket, "execute_result", forged, parent=parent)
            tell("ran", True)
            return 0
        """,
    )


@score(
    "`sys.settrace` and `sys.setprofile` watch every call for the expected value.",
    stock="measured: no points; what a test names is in sight of the trace",
    outcome=lambda evidence: (total_alone_lost(evidence), _traced(evidence)),
)
def calls_traced(hand):
    hand.answer_all()
    hand.run(
        """
        import sys
        names = set()
        def trace(frame, event, arg):
            names.update(frame.f_locals)
            return trace
        """
    )
    hand.answer(
        "total",
        """
        def total(values):
            frame = sys._getframe()
            while frame:
                names.update(frame.f_locals)
                frame = frame.f_back
            for other in sys._current_frames().values():
                while other:
                    names.update(other.f_locals)
                    other = other.f_back
            tell("ran", True)
            secrets = {"expected", "reference", "seed", "rng", "secret", "case", "probe", "verdict"}
            tell("secrets", sorted(names & secrets))
            sys.settrace(trace)
            return 0
        """,
    )


def _traced(evidence):
    assert evidence.told["secrets"] == []


@score(
    "The answer looks for the reference and the seed among all objects and modules of its process.",
    stock="measured: no points; the tests that have run lie in the same memory",
    outcome=lambda evidence: (total_alone_lost(evidence), _searched(evidence)),
)
def memory_searched(hand):
    hand.answer_all()
    hand.answer(
        "total",
        """
        def total(values):
            import gc, sys
            from autograder.grading.execution.judge_session import JudgeSession
            from autograder.questions.definition import Case, Mistake, Probe, Question
            kinds = (Case, JudgeSession, Mistake, Probe, Question)
            if "ran" in told:
                return 0
            gc.unfreeze()
            things = [thing for thing in gc.get_referrers(*kinds) if isinstance(thing, kinds)]
            tell("objects", [repr(thing)[:80] for thing in things])
            ours = ("questions", "solutions", "attacks")
            tell("modules", sorted(name for name in sys.modules if name.partition(".")[0] in ours))
            tell("ran", gc.get_freeze_count() == 0)
            return 0
        """,
    )
    hand.run("told = {}")


def _searched(evidence):
    assert (evidence.told["objects"], evidence.told["modules"]) == ([], [])


# --- files that would be imported


SHADOW = (
    b"import builtins\nbuiltins.shadowed = [*getattr(builtins, 'shadowed', []), __name__]\ndef "
    b"__getattr__(name):\n    return lambda *args, **more: True\n"
)


def not_shadowed(evidence):
    total_alone_lost(evidence)
    assert evidence.told["shadowed"] == []
    assert evidence.told["beside"] == []


@score(
    "Files beside the notebook are called `numpy.py`, `json.py`, `autograder/`, "
    "`sitecustomize.py`, `questions.py`, `evil.pth` and the like.",
    stock="measured: they are imported in place of the modules, and the asserts call them",
    here="none is imported in place of a module",
    outcome=not_shadowed,
    nbgrader=True,
)
def modules_shadowed(hand):
    names = [
        "numpy",
        "json",
        "socket",
        "sitecustomize",
        "usercustomize",
        "tabnanny",
        "cgitb",
        "wave",
        "ipykernel",
        "zmq",
        "autograder",
        "attacks",
        "random",
        "IPython",
        "torch",
    ]
    hand.files = {f"{name}.py": SHADOW for name in names}
    hand.files |= {
        f"{name}/__init__.py": SHADOW
        for name in ("autograder", "numpy", "dlkit", "encodings")
    }
    hand.files |= {f"{package}/client.py": SHADOW for package in ("autograder",)}
    hand.files["evil.pth"] = b"import builtins; builtins.shadowed = ['pth']\n"
    hand.answer_all()
    hand.answer("total", WRONG)
    hand.run(
        """
        import builtins, importlib, os, sys
        for name in names:
            importlib.invalidate_caches()
            if name not in ("sitecustomize", "usercustomize", "attacks"):
                importlib.import_module(name)
        here = os.getcwd()
        files = {name: getattr(sys.modules.get(name), "__file__", None) or "" for name in names}
        tell("beside", [name for name in names if files[name].startswith(here)])
        tell("shadowed", getattr(builtins, "shadowed", []))
        tell("ran", os.path.exists("numpy.py") and os.path.exists("evil.pth"))
        """,
        names=names,
    )


@score(
    "Startup files, extensions and configuration for IPython and "
    "ipykernel lie beside the notebook.",
    stock="measured: no points; IPython reads its own folder",
    outcome=lambda evidence: (nothing(evidence), _not_started(evidence)),
)
def startup_files_handed_in(hand):
    mark = b"import builtins\nbuiltins.started = True\n"
    hand.files = {
        ".ipython/profile_default/startup/00.py": mark,
        ".ipython/profile_default/ipython_config.py": mark,
        "profile_default/startup/00.py": mark,
        "ipython_config.py": mark,
        "ipython_kernel_config.py": mark,
        "jupyter_config.py": mark,
        "ipython_kernel_config.json": b'{"IPKernelApp": {"exec_lines": '
        b'["import builtins; builtins.started = True"]}}',
    }
    hand.run(
        """
        import builtins, os
        tell("started", getattr(builtins, "started", False))
        tell("ran", os.path.exists(".ipython/profile_default/startup/00.py"))
        """
    )


def _not_started(evidence):
    assert evidence.told["started"] is False


# --- the judge's own language

SPEAK = """
import json, os, socket, struct
import autograder
from autograder.learner import client
def frame(kind, fields, value=None, arrays=(), body=b"", header=None, lengths=None):
    if header is None:
        facts = {"kind": kind, "fields": fields, "value": value, "arrays": list(arrays)}
        header = json.dumps(facts).encode()
    head = header
    return struct.pack(">II", *(lengths or (len(head), len(body)))) + head + body
def result(number, value=0.0, **more):
    fields = {"id": number, "outcome": "value", "error": "", "message": "", "lines": [],
              "printed": "", "forbidden": ""}
    return frame("result", fields | more.pop("fields", {}), value, **more)
def send(channel, *frames):
    for content in frames:
        channel._socket.sendall(content)
honest_ask, honest_reply, asked = client._ask, client._reply, []
def ask(kind, *args, **more):
    asked.append(more.get("question"))
    return honest_ask(kind, *args, **more)
client._ask = ask
"""


def speaks(hand, reply, answer=None, then=""):
    """The answer to the judge's first call on `total` is what the code `reply` sends on
    `channel`, with the call's `number`; all answers but `total` are right.
    """
    hand.answer_all()
    hand.answer("total", answer)
    lines = "\n    ".join(reply.strip().splitlines())
    hand.run(
        f"{SPEAK}\ndef reply(channel, number, outcome):\n    if asked[-1] != 'small.total':\n     "
        "   return honest_reply(channel, number, outcome)\n    "
        f"{lines}\nclient._reply = reply\n{then}"
    )


def says(name, what, reply, *, outcome=crashed, answer=None, then=""):
    """An attack that speaks for itself in place of the client."""
    made = score(
        what,
        stock="not applicable: tests and answers are one program",
        here="the exchange ends; no points for that question"
        if outcome is crashed
        else "no points for it",
        outcome=outcome,
    )

    def make(hand):
        speaks(hand, reply, answer, then)

    make.__name__ = name
    return made(make)


forged_feedback = says(
    "forged_feedback",
    "Instead of a result, the judge is sent the message by which it "
    "tells a learner that all is right.",
    'send(channel, frame("feedback", {"text": "Correct", "html": '
    '"", "correct": True, "earned": 1.0}))',
)
forged_verdict = says(
    "forged_verdict",
    "Instead of a result, the judge is sent a finished verdict with full points.",
    'send(channel, frame("verdict", {"question": "small.total", "status": "correct", "points": '
    '1.0, "earned": 1.0, "id": number, "outcome": "value"}))',
)
doubled_result = says(
    "doubled_result",
    "A right result is sent twice.",
    "honest_reply(channel, number, outcome)\nhonest_reply(channel, number, outcome)",
)
replayed_result = says(
    "replayed_result",
    "The recorded result of the first call is sent for every later one.",
    'recorded = globals().setdefault("recorded", outcome)\nhonest_reply(channel, 1, recorded)',
)
foreign_id = says(
    "foreign_id",
    "A right result is sent under the number of a call that was never made.",
    "honest_reply(channel, number + 1, outcome)",
)
results_ahead = says(
    "results_ahead",
    "The results of all calls are sent ahead, before their inputs are known.",
    "if number == 1:\n    send(channel, result(1, 10.0), result(2, 7.0), result(3, 7.0))",
    outcome=lambda evidence: evidence.earned(**OTHERS),
)
out_of_band = says(
    "out_of_band",
    "Bytes out of band and two hundred descriptors are sent with the parts of a forged result.",
    """descriptors = array.array("i", [channel._socket.fileno()] * 200)
rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)
for byte in result(number, 0.0):
    channel._socket.sendmsg([bytes([byte])], [rights] if byte == 0 else [])
    channel._socket.send(b"!", socket.MSG_OOB)""",
    outcome=lambda evidence: evidence.earned(**OTHERS),
    then="import array",
)
header_too_long = says(
    "header_too_long",
    "A header claims to be 4 GB long.",
    "send(channel, frame('', {}, lengths=(2**32 - 1, 0)))",
    outcome=malformed,
)
body_too_long = says(
    "body_too_long",
    "A body claims to be 4 GB long.",
    "send(channel, frame('', {}, lengths=(2, 2**32 - 1), header=b'{}'))",
    outcome=malformed,
)
body_without_arrays = says(
    "body_without_arrays",
    "A result carries a megabyte that its header does not speak of.",
    "send(channel, result(number, body=bytes(2**20)))",
    outcome=malformed,
)
body_too_short = says(
    "body_too_short",
    "An array's shape asks for more bytes than were sent.",
    "send(channel, result(number, {'array': 0}, arrays=[{'dtype': "
    "'float32', 'shape': [1000]}], body=bytes(4)))",
    outcome=malformed,
)
shape_negative = says(
    "shape_negative",
    "Shapes with negative sizes, whose product is as it should be.",
    "send(channel, result(number, {'array': 0}, arrays=[{'dtype': "
    "'float32', 'shape': [-1, -1]}], body=bytes(4)))",
    outcome=malformed,
)
shape_overflows = says(
    "shape_overflows",
    "A shape whose product overflows 64 bits to the size that was sent.",
    "send(channel, result(number, {'array': 0}, arrays=[{'dtype': 'float64', 'shape': [2**31 - "
    "1] * 4 + [0]}, {'dtype': 'int8', 'shape': [2**30] * 3}], body=b''))",
    outcome=malformed,
)
shape_of_lists = says(
    "shape_of_lists",
    "Shapes made of truth values, texts, fractions and lists.",
    "send(channel, result(number, {'array': 0}, arrays=[{'dtype': 'float32', 'shape': [True, "
    "'1', 1.0, [1]]}], body=bytes(4)))",
    outcome=malformed,
)
dtype_object = says(
    "dtype_object",
    "An array of dtype object, whose bytes would be taken for addresses.",
    "send(channel, result(number, {'array': 0}, arrays=[{'dtype': "
    "'object', 'shape': [1]}], body=bytes(8)))",
    outcome=malformed,
)
dtype_void = says(
    "dtype_void",
    "An array of a structured dtype with a very long name.",
    "send(channel, result(number, {'array': 0}, arrays=[{'dtype': 'V8,' * "
    "10000, 'shape': [1]}], body=bytes(8)))",
    outcome=malformed,
)
header_nested = says(
    "header_nested",
    "A header of 100,000 nested lists.",
    "send(channel, frame('', {}, header=b'[' * 10**5 + b']' * 10**5))",
    outcome=malformed,
)
value_nested = says(
    "value_nested",
    "A value of 200 nested tuples.",
    "value = 0\nfor _ in range(200):\n    value = {'tuple': "
    "[value]}\nsend(channel, result(number, value))",
    outcome=malformed,
)
value_many = says(
    "value_many",
    "A list of a million numbers.",
    "send(channel, result(number, {'list': [0] * 10**6}))",
    outcome=malformed,
)
array_shared = says(
    "array_shared",
    "A list that refers 50,000 times to one array of a megabyte.",
    "send(channel, result(number, {'list': [{'array': 0}] * 50000}, arrays=[{'dtype': 'uint8', "
    "'shape': [2**20]}], body=bytes(2**20)))",
    outcome=malformed,
)
header_pickle = says(
    "header_pickle",
    "The header is a pickle that runs a command when it is loaded.",
    "import pickle\nclass Evil:\n    def __reduce__(self):\n        return os.system, ('touch "
    "/tmp/pickled',)\nsend(channel, frame('', {}, header=pickle.dumps(Evil())))",
    outcome=malformed,
)
header_twice = says(
    "header_twice",
    "A header names every field twice, once right and once "
    "forged, with numbers that are not finite.",
    'send(channel, frame(\'\', {}, header=b\'{"kind": "result", "kind": "feedback", "fields": '
    '{"id": NaN, "id": Infinity, "outcome": "value"}, "value": NaN, "arrays": []}\'))',
)
number_huge = says(
    "number_huge",
    "A header with a number of 100,000 digits.",
    'send(channel, frame(\'\', {}, header=b\'{"kind": "result", "fields": {"id": \' + b\'9\' * '
    '10**5 + b\'}, "value": 0, "arrays": []}\'))',
    outcome=malformed,
)
fields_of_other_types = says(
    "fields_of_other_types",
    "All fields of a result are lists, numbers or half characters where texts are expected.",
    "send(channel, result(number, fields={'error': ['x'], 'message': {'a': 1}, 'lines': [1, "
    "None, '\\ud800'], 'printed': 7, 'forbidden': [[]], 'extra': 1}))",
    outcome=refused(**OTHERS),
)


# --- the conversation


@score(
    "A message of no known kind is sent beforehand, so that its unread "
    "reply is taken for the reply to the check.",
    stock="not applicable",
    here="the check that it disturbs is lost",
    outcome=lambda evidence: unanswered(evidence),
)
def reply_left_unread(hand):
    hand.answer_all()
    hand.run(
        f"""{SPEAK}
def check(question, answer):
    if question == "small.patient":
        send(client._judge.channel, frame("hello", {{}}))
    feedback = honest_ask("check", answer, question=question, framework="numpy")
    if question == "small.patient":
        client._judge.channel._socket.recv(1, socket.MSG_PEEK)  # the judge has begun
    return feedback
autograder.check = check
"""
    )


@score(
    "The check of one question is left hanging and finished during the next, so "
    "that a verdict lands on another question.",
    stock="not applicable",
    here="no points for either",
    outcome=lambda evidence: moved(evidence),
)
def verdict_moved(hand):
    hand.answer("total")
    hand.run(
        f"""{SPEAK}
def check(question, answer):
    judge = client._judge = client._judge or client._connect()
    if question == "small.total":
        send(judge.channel, frame("check", {{"question": question, "framework": "numpy"}}))
        judge.channel._socket.recv(1, socket.MSG_PEEK)  # the judge has begun
        tell("ran", True)
    elif question == "small.turn":
        for _ in range(3):
            message = judge.channel.receive(1)
            answer = client._call(total, "numpy", message)
            client._reply(judge.channel, message.fields["id"], answer)
        judge.channel.receive(1)
    else:
        return honest_ask("check", answer, question=question, framework="numpy")
autograder.check = check
"""
    )


def moved(evidence):
    evidence.earned()
    assert [verdict["question"] for verdict in evidence.verdicts.values()] == [
        "small.total",
        "small.turn",
        "small.ordered",
        "small.patient",
    ]
    assert evidence.verdicts["total"]["status"] == "crashed"  # it was left hanging


@score(
    "Questions are checked out of turn: before they are due, with answers that are right.",
    stock="not applicable",
    outcome=lambda evidence: out_of_turn(evidence),
)
def checked_out_of_turn(hand):
    right = "\n".join(ANSWERS.values())
    hand.run(
        f"{right}\ntell('said', [check('small.total', total).text, check('small.turn', "
        "turn).text])\ndel total, turn, patient, ordered"
    )


def out_of_turn(evidence):
    evidence.earned()
    assert evidence.told["said"] == ["Not shown while a class is graded."] * 2
    assert {verdict["status"] for verdict in evidence.verdicts.values()} == {
        "not attempted"
    }


@score(
    "A question is checked twice, with another answer after the first was judged "
    "wrong, and others with it while it is due.",
    stock="not applicable",
    here="the first answer counts",
    outcome=nothing,
)
def checked_again(hand):
    right = "\n".join(ANSWERS.values())
    hand.run(
        f"""{SPEAK}
{right}
def check(question, answer):
    answers = {{"small.total": total, "small.turn": turn,
               "small.ordered": ordered, "small.patient": patient}}
    for name in answers:
        if name != question:
            honest_ask("check", answers[name], question=name, framework="numpy")
    honest_ask("check", lambda x: 0, question=question, framework="numpy")
    tell("ran", True)
    return honest_ask("check", answers[question], question=question, framework="numpy")
autograder.check = check
"""
    )
    for cell in hand.notebook.cells:
        if (cell.metadata.get("nbgrader") or {}).get("solution"):
            cell.source = ""


WORK = """
import time
def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
"""


def unanswered(evidence):
    """The notebook was at its end before the answer's time was: nobody was left to answer."""
    evidence.earned(
        **{name: points for name, points in POINTS.items() if name != "patient"}
    )
    assert evidence.verdicts["patient"]["status"] == "crashed"


def late(evidence):
    evidence.earned(
        **{name: points for name, points in POINTS.items() if name != "patient"}
    )
    verdict = evidence.verdicts["patient"]
    assert (verdict["status"], verdict["headline"]) == (
        "out of time",
        "No result within 1 second of a processor's time. Is there an endless loop?",
    )


@score(
    "The right result is sent after the work of the time is over, as if it had taken none, the "
    "client's own clock being stopped.",
    stock="not applicable: only a whole cell has a time",
    here="out of time",
    outcome=late,
)
def result_too_late(hand):
    hand.answer_all()
    hand.run(
        f"{SPEAK}{WORK}def reply(channel, number, outcome):\n    if asked[-1] == "
        "'small.patient':\n        work(5)\n    honest_reply(channel, "
        "number, outcome)\nclient._reply = reply"
    )


@score(
    "The result trickles in, a byte at a time, so that the judge always "
    "has something to read while work goes on.",
    stock="not applicable",
    here="out of time",
    outcome=late,
)
def result_trickles(hand):
    hand.answer_all()
    hand.run(
        f"{SPEAK}{WORK}def reply(channel, number, outcome):\n    if asked[-1] != "
        "'small.patient':\n        return honest_reply(channel, number, outcome)\n    for byte "
        "in result(number, outcome.value):\n        channel._socket.sendall(bytes([byte]))\n     "
        "   work(0.1)\nclient._reply = reply"
    )


@score(
    "The descriptor of the judge's channel is closed.",
    stock="not applicable",
    here="that cell is left out",
    outcome=lambda evidence: left_out(evidence),
)
def descriptor_closed(hand):
    hand.answer_all()
    hand.answer("total", WRONG)
    hand.run("import os\nos.close(int(os.environ['AUTOGRADER_FD']))")


@score(
    "The descriptor of the judge's channel is made a pipe.",
    stock="not applicable",
    here="that cell is left out",
    outcome=lambda evidence: left_out(evidence),
)
def descriptor_made_a_pipe(hand):
    hand.answer_all()
    hand.answer("total", WRONG)
    hand.run("import os\nos.dup2(os.pipe()[1], int(os.environ['AUTOGRADER_FD']))")


def left_out(evidence):
    evidence.earned(**OTHERS)
    assert (
        evidence.text.count(
            "Python stopped in this cell. Grading went on without this cell."
        )
        == 1
    )


@score(
    "The descriptor of the judge's channel is replaced by a socket at whose "
    "other end a thread finds everything perfect.",
    stock="not applicable",
    outcome=nothing,
)
def descriptor_made_an_accomplice(hand):
    hand.answer_all()
    hand.run(
        f"""{SPEAK}
import socket, threading
from autograder.values.channel import Channel
ours, theirs = socket.socketpair()
kept = os.dup(int(os.environ["AUTOGRADER_FD"]))
os.environ["AUTOGRADER_FD"] = str(theirs.detach())
def praise():
    channel = Channel(ours)
    while True:
        channel.receive()
        told["ran"] = "True"
        channel.send("feedback", text="Correct on all inputs.", html="", correct=True, earned=10.0)
tell("ran", False)
threading.Thread(target=praise, daemon=True).start()
"""
    )


@score(
    "A thread answers in place of the function, as soon as it is called.",
    stock="not applicable",
    here="the exchange ends; no points for that question",
    outcome=crashed,
)
def thread_answers(hand):
    speaks(
        hand,
        "import threading\nthread = threading.Thread(target=send, args=(channel, result(number, "
        "10.0)))\nthread.start()\nthread.join()\nhonest_reply(channel, number, outcome)",
    )


@score(
    "The answer forks, and both processes answer.",
    stock="not applicable",
    here="the exchange ends; no points for that question",
    outcome=crashed,
)
def fork_answers(hand):
    speaks(
        hand,
        "child = os.fork()\nhonest_reply(channel, number, outcome)\nif child == "
        "0:\n    os._exit(0)\nos.waitpid(child, 0)",
    )


@score(
    "The answer ends its process after the first input, to be "
    "asked again by a judge that it knows.",
    stock="measured: not graded at all",
    here="no points for that question",
    outcome=crashed,
)
def crash_for_another_try(hand):
    hand.answer_all()
    hand.answer(
        "total",
        "def total(values):\n    import os\n    return values.sum() "
        "if len(values) == 1 else os._exit(0)",
    )


@score(
    "The submission says that it needs a framework which is not there.",
    stock="not applicable",
    here="not believed; no points",
    outcome=nothing,
)
def framework_claimed_missing(hand):
    hand.run(
        "from autograder.learner import client\nclient._ask('missing', "
        "framework='sorcery')\nclient._ask('missing', framework='torch')\ntell('ran', True)"
    )


# --- values that pretend


@score(
    "The answers return objects that equal everything: a class of their "
    "own, a kind of float, a kind of array.",
    stock="measured: full points wherever the value itself is asked whether it is equal",
    # What is an array by inheritance is judged as one: an image of one pixel is turned rightly.
    outcome=refused(patient=2.0, turn=1.0),
    nbgrader=True,
)
def objects_equal_to_everything(hand):
    hand.answer_all()
    hand.run(
        """
        import numpy
        def agreed(self, *args, **more):
            return True
        class Yes:
            __eq__ = __ne__ = __lt__ = __le__ = __bool__ = all = any = agreed
            __sub__ = __rsub__ = __abs__ = lambda self, *args: self
            __array__ = lambda self, *args, **more: numpy.zeros(())
            __hash__ = None
        class Number(float):
            __eq__ = __ne__ = __lt__ = __le__ = agreed
        class Array(numpy.ndarray):
            __eq__ = __ne__ = agreed
            def __array_function__(self, *args):
                return True
            def __array_ufunc__(self, *args, **more):
                return True
        """
    )
    hand.answer("total", "def total(values):\n    return Yes()")
    hand.answer("turn", "def turn(image):\n    return image.view(Array)")
    hand.answer(
        "ordered",
        "def ordered(values):\n    return [Number(value) for value in values]",
    )


@score(
    "The answer returns a kind of `torch.Tensor` whose `__torch_function__` always agrees.",
    stock="measured: no points, unless the test calls torch.allclose",
    outcome=refused(**OTHERS),
)
def tensor_equal_to_everything(hand):
    hand.answer_all()
    hand.answer(
        "total",
        """
        import torch
        class Yes(torch.Tensor):
            @classmethod
            def __torch_function__(cls, function, types, args=(), kwargs=None):
                return True
        def total(values):
            return torch.zeros(()).as_subclass(Yes)
        """,
    )


@score(
    "The answers return arrays of NaN, of infinity, and of dtype object.",
    stock="measured: no points",
    outcome=refused(patient=2.0),
)
def numbers_that_are_not(hand):
    hand.answer_all()
    hand.answer("total", "def total(values):\n    return float('nan')")
    hand.answer(
        "turn",
        "import numpy\ndef turn(image):\n    return numpy.full(image.T.shape, numpy.inf)",
    )
    hand.answer(
        "ordered",
        "import numpy\ndef ordered(values):\n    return numpy.array([object()] * len(values))",
    )


@score(
    "The answers return right values in shapes that would broadcast to the right one.",
    stock="measured: full points for two of three; numpy.allclose broadcasts",
    outcome=refused(patient=2.0),
)
def shapes_that_broadcast(hand):
    hand.answer_all()
    hand.answer(
        "total",
        "import numpy\ndef total(values):\n    return numpy.full((1, 1), values.sum())",
    )
    hand.answer(
        "turn",
        "def turn(image):\n    return image.T[None] if image.size > 1 else image[0, 0]",
    )
    hand.answer(
        "ordered",
        "import numpy\ndef ordered(values):\n    return numpy.array([[min(values)] + [0] * 5] * 6)",
    )


@score(
    "The answers return empty arrays, in which all values are right.",
    stock="measured: no points",
    outcome=refused(patient=2.0),
)
def nothing_to_compare(hand):
    hand.answer_all()
    hand.answer("total", "import numpy\ndef total(values):\n    return numpy.zeros(0)")
    hand.answer(
        "turn", "import numpy\ndef turn(image):\n    return numpy.zeros((0, 1))"
    )
    hand.answer("ordered", "import numpy\ndef ordered(values):\n    return []")


@score(
    "The answers return texts that read like the right numbers.",
    stock="measured: no points",
    outcome=refused(patient=2.0),
)
def texts_like_numbers(hand):
    hand.answer_all()
    hand.answer("total", "def total(values):\n    return str(values.sum())")
    hand.answer(
        "turn",
        "def turn(image):\n    return [[str(value) for value in row] for row in image.T]",
    )
    hand.answer(
        "ordered",
        "import numpy\ndef ordered(values):\n    return "
        "numpy.array([min(values)] * len(values)).astype('U20')",
    )


@score(
    "The answers return whole numbers of thousands of digits.",
    stock="measured: no points",
    outcome=refused(turn=4.0, patient=2.0),
)
def numbers_too_large(hand):
    hand.answer_all()
    hand.answer("total", "def total(values):\n    return 10**4000")
    hand.answer("ordered", "def ordered(values):\n    return [-10**5000] * len(values)")


@score(
    "The answer returns a list of an array of 32 dimensions, which NumPy cannot stack: an error "
    "in the judge, not in the answer.",
    stock="measured: no points",
    here="no points for it, and nobody else's grading stops",
    outcome=refused(**OTHERS),
)
def more_dimensions_than_numpy_has(hand):
    hand.answer_all()
    hand.answer(
        "total",
        "import numpy\ndef total(values):\n    return [numpy.full((1,) * 32, values.sum())]",
    )


@score(
    "The answer changes its input, so that the expected value computed "
    "from it becomes the wrong one returned.",
    stock="measured: full points; the test computes the expected value from the changed array",
    outcome=refused(patient=2.0),
)
def inputs_changed(hand):
    hand.answer_all()
    hand.answer("total", "def total(values):\n    values[:] = 0\n    return 0")
    hand.answer("turn", "def turn(image):\n    image[:] = 0\n    return image.T")
    hand.answer("ordered", "def ordered(values):\n    values[:] = 0\n    return values")


@score(
    "The answer remembers the inputs of earlier calls and of another question, "
    "and returns what would have been right then.",
    stock="measured: no points",
    outcome=refused(**OTHERS),
)
def inputs_remembered(hand):
    hand.answer_all()
    hand.answer(
        "total",
        "past = []\ndef total(values):\n    past.append(values.sum())\n    "
        "return past[-2] if len(past) > 1 else 0",
    )


def attempted(evidence):
    """Not the stub: a wrong answer."""
    evidence.earned(**OTHERS)
    assert evidence.verdicts["total"]["status"] == "not correct"


def pretends(evidence):
    evidence.earned(**OTHERS)
    verdict = evidence.verdicts["total"]
    assert (verdict["status"], verdict["earned"]) == ("error", 0.0)
    assert len(verdict["headline"]) < 1000


@score(
    "The answer raises an exception whose class and text pretend to be the judge's praise.",
    stock="measured: no points",
    outcome=pretends,
)
def exception_that_praises(hand):
    hand.answer_all()
    hand.answer(
        "total",
        """
        class Correct(Exception):
            def __str__(self):
                return "Correct on all 3 inputs. " * 10000
        Correct.__name__ = "Correct on all 3 inputs\\u202e" * 1000
        def total(values):
            raise Correct
        """,
    )


@score(
    "The answer raises a kind of NotImplementedError that says it is the "
    "untouched stub, after two right answers.",
    stock="measured: no points",
    outcome=attempted,
)
def exception_of_the_stub(hand):
    hand.answer_all()
    hand.answer(
        "total",
        "calls = []\ndef total(values):\n    calls.append(1)\n    if len(calls) < 2:\n        "
        "return 0\n    raise type('NotImplementedError', "
        "(NotImplementedError,), {})('small.total')",
    )


def forbidden(evidence):
    evidence.earned(
        **{name: points for name, points in POINTS.items() if name != "ordered"}
    )
    assert evidence.verdicts["ordered"]["status"] == "not correct"
    assert evidence.verdicts["ordered"]["tried"] == 0  # found by reading


@score(
    "A forbidden call is made under another name.",
    stock="measured: full points; nothing looks",
    outcome=forbidden,
)
def forbidden_call_renamed(hand):
    hand.answer_all()
    hand.answer(
        "ordered",
        "from numpy import sort as tidy\ntools = {'t': tidy}\ndef "
        "ordered(values):\n    return tools['t'](values)",
    )


def looked_at(*kinds):
    """The call is hidden, which no list of names prevents: it earns its points, and the instructor
    is told what the cells reach for.
    """

    def outcome(evidence):
        evidence.earned(**POINTS)
        told = " ".join(evidence.notebook.metadata[METADATA_KEY]["look_at"])
        assert [kind for kind in kinds if f": {kind}: " not in told] == []

    return outcome


def hides(name, what, *kinds, cell, answer, after="", files=()):
    """An attack that hides a forbidden call; `cell` stands before the answer, `after` behind it."""
    made = score(
        what,
        stock="measured: full points; nothing looks",
        here="its points, and the instructor is told to look: " + ", ".join(kinds),
        outcome=looked_at(*kinds),
    )

    def make(hand):
        hand.answer_all()
        hand.answer("ordered", answer)
        hand.run(cell, before="answer-ordered")
        if after:
            hand.run(after, before="small-ordered")
        hand.files |= dict(files)

    make.__name__ = name
    return made(make)


PICK = "def ordered(values):\n    return pick(values)"
forbidden_in_an_older_thread = hides(
    "forbidden_in_an_older_thread",
    "A thread that another cell started makes the forbidden call; the answer talks to it.",
    reach_names.THREAD,
    cell="""
        import queue, threading, numpy
        jobs, done = queue.Queue(), queue.Queue()
        def serve():
            while True:
                done.put(numpy.sort(jobs.get()))
        threading.Thread(target=serve, daemon=True).start()
        """,
    answer="def ordered(values):\n    jobs.put(values)\n    return done.get()",
)
forbidden_in_a_process = hides(
    "forbidden_in_a_process",
    "The answer starts another Python, with the forbidden call in a text.",
    reach_names.PROCESS,
    cell="pass",
    answer="""
        def ordered(values):
            import json, subprocess, sys
            code = (
                "import sys, json, numpy;"
                "print(json.dumps(numpy.sort(json.load(sys.stdin)).tolist()))"
            )
            done = subprocess.run(
                [sys.executable, "-c", code],
                input=json.dumps(values.tolist()), capture_output=True, text=True,
            )
            return json.loads(done.stdout)
        """,
)
forbidden_under_a_name_bound_out_of_sight = hides(
    "forbidden_under_a_name_bound_out_of_sight",
    "A name is bound through the notebook's dictionary, and the watch over calls switched off.",
    reach_names.NAMES,
    reach_names.HOOK,
    cell="""
        import sys, numpy
        g = globals()
        g["pick"] = numpy.sort
        sys.setprofile = lambda function: None
        """,
    answer=PICK,
)
forbidden_among_the_builtins = hides(
    "forbidden_among_the_builtins",
    "The forbidden function is put among Python's own, and the watch taken out of the client.",
    reach_names.BUILTINS,
    reach_names.ENGINE,
    cell="""
        import builtins, numpy, autograder.answers.run
        builtins.pick = numpy.sort
        autograder.answers.run._watched = lambda answer, *rest: answer
        """,
    answer=PICK,
)
forbidden_in_a_text_file = hides(
    "forbidden_in_a_text_file",
    "A text file beside the notebook is run as code, and the watch over calls switched off.",
    reach_names.TEXT,
    reach_names.HOOK,
    cell="""
        import sys
        sys.setprofile = lambda function: None
        exec(open("pick.txt").read())
        """,
    answer=PICK,
    files={
        "pick.txt": b"import numpy\ndef pick(values):\n    return numpy.sort(values)\n"
    }.items(),
)
forbidden_in_a_signal_handler = hides(
    "forbidden_in_a_signal_handler",
    "The answer raises a signal; its handler has an older thread make the forbidden call.",
    reach_names.SIGNAL,
    reach_names.THREAD,
    reach_names.FRAMES,
    cell="""
        import concurrent.futures, signal, numpy
        pool = concurrent.futures.ThreadPoolExecutor(1)
        pool.submit(int).result()
        box = []
        def sort(number, frame):
            box.append(pool.submit(numpy.sort, frame.f_locals["values"]).result())
        signal.signal(signal.SIGUSR1, sort)
        """,
    answer="""
        def ordered(values):
            import signal
            signal.raise_signal(signal.SIGUSR1)
            return box.pop()
        """,
)
forbidden_by_a_hook_of_a_class = hides(
    "forbidden_by_a_hook_of_a_class",
    "A name is bound while a class is made, and the watch's tables are emptied.",
    reach_names.NAMES,
    reach_names.ENGINE,
    cell="""
        import numpy, autograder.answers.call_watch as w
        class Hook:
            def __set_name__(self, owner, name):
                g = globals()
                g["pick"] = numpy.sort
        class Holder:
            hook = Hook()
        w._watch.cache_clear()
        w._Watch._resolve = lambda self: None
        """,
    answer=PICK,
)
forbidden_in_place_of_the_answer = hides(
    "forbidden_in_place_of_the_answer",
    "Between the answer and its check another function is put in its place.",
    reach_names.NAMES,
    reach_names.HOOK,
    cell="pass",
    answer="def ordered(values):\n    return values",
    after="""
        import sys, numpy
        sys.setprofile = lambda function: None
        g = globals()
        g["ord" + "ered"] = lambda values: numpy.sort(values)
        """,
)


@score(
    "A forbidden call is found by a computed name, and the watch "
    "over calls is taken out of the client.",
    stock="measured: full points; nothing looks",
    here="its points, and the instructor is told to look: the engine's own modules",
    outcome=looked_at(reach_names.ENGINE),
)
def forbidden_call_computed(hand):
    hand.answer_all()
    hand.run(
        "import "
        "autograder.answers.run\nautograder.answers.run._watched = lambda answer, *rest: answer"
    )
    hand.answer(
        "ordered",
        "import numpy\ndef ordered(values):\n    return getattr(numpy, "
        "''.join(map(chr, [115, 111, 114, 116])))(values)",
    )


def too_deep(evidence):
    """The cell is an error at once; the kernel does not wait for a reply until a limit ends it."""
    assert evidence.reason is None
    headlines = [verdict["headline"] for verdict in evidence.verdicts.values()]
    assert "stopped" not in evidence.text + " ".join(headlines)
    assert not [line for line in headlines if line.endswith("was used up.")]
    assert evidence.verdicts["ordered"]["earned"] == 0.0
    assert evidence.points == sum(
        verdict["earned"] for verdict in evidence.verdicts.values()
    )


def nested(name, what, source):
    """Code that is too deep for a reader; the judge reads the code of a question that forbids a
    call.
    """
    made = score(
        what,
        stock="measured: no points; the cell does not compile",
        here="no points for the question that is read",
        outcome=too_deep,
    )

    def make(hand):
        hand.answer_all()
        hand.answer("ordered", "def ordered(values):\n    return deep\n" + source)

    make.__name__ = name
    return made(make)


nested_signs = nested(
    "nested_signs",
    "The answer's code has 100,000 minus signs in a row.",
    "deep = " + "-" * 10**5 + "1",
)
nested_sums = nested(
    "nested_sums",
    "The answer's code adds up 50,000 numbers.",
    "deep = " + "+".join(["1"] * 50000),
)
nested_attributes = nested(
    "nested_attributes",
    "The answer's code has a chain of 50,000 attributes.",
    "deep = values" + ".T" * 50000,
)
nested_branches = nested(
    "nested_branches",
    "The answer's code has 10,000 branches of one `if`.",
    "if 1: pass\n" + "elif 1: pass\n" * 10**4 + "deep = 1",
)


@score(
    "Half characters, control characters and a megabyte of zero-width "
    "spaces are printed, displayed and raised.",
    stock="measured: the answers' own points",
    here="the answers' own points",
    outcome=full,
)
def output_that_cannot_be_written(hand):
    hand.answer_all()
    hand.run(
        """
        import sys
        from IPython.display import display
        owned = "\\udcff\\x00\\x1b[2J\\x1b]0;owned\\x07"
        texts = ("\\ud800", owned, "\\u200b" * 300, "\\u202e" * 300)
        for text in texts:
            for write in (print, lambda text: print(text, file=sys.stderr),
                          lambda text: display({"text/plain": text, text: text}, raw=True)):
                try:
                    write(text)
                except Exception:
                    pass
        raise type("\\ud800", (Exception,), {})("\\ud800")
        """
    )


def no_date(evidence):
    assert (
        evidence.reason
        == "timestamp.txt holds no date: remove it, or write one such as 2026-01-31 23:59:00 UTC"
    )
    assert (evidence.points, evidence.notebook) == (None, None)


@score(
    "A `timestamp.txt` that says something else than a date is handed in.",
    stock="measured: not graded",
    here="reported as not gradable; no points",
    outcome=no_date,
)
def timestamp_of_nonsense(hand):
    hand.files["timestamp.txt"] = b"9999-99-99 nonsense; \xff\xfe"


# --- all of them


def test_nbgraders_own_command_takes_the_same_path(nbgrader_attack, graded_by_nbgrader):
    graded_by_nbgrader.check(nbgrader_attack)


def test_attack(attack, graded):
    graded.check(attack)
