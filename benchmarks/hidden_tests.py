"""Points for one answer, given in the notebook itself, as the hidden tests of an ordinary nbgrader
course give them.

The text of this file stands in every test cell of the stock course, which ends in a call of
`earned`: nbgrader takes the number for partial credit.
"""

import warnings
from pathlib import Path

from autograder.answers.drivers import DRIVERS
from autograder.questions.definition import seed_for
from autograder.values.agreement import agree
from autograder.values.frameworks import to_framework
from autograder.values.plain_values import to_plain


def earned(question, answer, framework, secret):
    """The weights of the kinds of input on which `answer` is right every time, by the
    reference's results and the question's tolerances.
    """
    # nbgrader runs a notebook in its folder; every student has inputs of their own
    assignment, student = Path.cwd().parts[:-3:-1]
    # nbgrader gives nothing to a cell that writes to standard error
    warnings.simplefilter("ignore")
    lost = set()
    for case in question.cases(seed_for(secret, assignment, student, question.name)):
        try:
            got = _call(question, answer, framework, case)
            if question.measurement:
                assert question.measurement(case.inputs, got).passed
            else:
                assert agree(
                    _call(
                        question,
                        question.reference.function,
                        question.reference.framework,
                        case,
                    ),
                    got,
                    question.rtol,
                    question.atol,
                )
        except Exception:
            lost.add(case.probe)
    kept = sum(probe.weight for probe in question.probes if probe not in lost)
    return round(
        question.points * kept / sum(probe.weight for probe in question.probes), 2
    )


def _call(question, answer, framework, case):
    return to_plain(
        DRIVERS[question.driver](
            answer, framework, *to_framework(case.inputs.args, framework)
        )
    )
