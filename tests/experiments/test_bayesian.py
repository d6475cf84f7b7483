"""The comparison of lesson 17: its problems, its table, and that what is stored is whole and of
the lesson's own cells.
"""

import numpy as np
import pytest
from scipy.optimize import minimize

from dlkit.tables import bayesian
from dlkit.tables.bayesian import Result
from experiments import bayesian as experiment


@pytest.mark.parametrize(
    ("function", "num_dims", "least"),
    [(bayesian.branin, 2, 0.397887), (bayesian.hartmann3, 3, -3.86278)],
)
def test_the_least_values_are_those_of_the_literature(function, num_dims, least):
    starts = np.random.default_rng(0).random((200, num_dims))
    found = minimize(
        function,
        starts[function(starts).argmin()],
        bounds=[(0, 1)] * num_dims,
        method="L-BFGS-B",
    )
    assert found.fun == pytest.approx(least, abs=1e-5)
    assert function(starts).shape == (200,) and (function(starts) >= least).all()


def test_a_point_of_the_square_is_the_nearest_of_the_grid():
    assert bayesian.cell(np.array([0, 1])) == (0, 8)
    assert bayesian.cell(np.array([0.51, 0.55])) == (10, 4)
    assert bayesian.LEARNING_RATES[[0, -1]].tolist() == pytest.approx(
        [1e-4, 10]
    ) and bayesian.MOMENTA[[0, 4, 8]].tolist() == pytest.approx([0, 0.9, 0.99])


def test_errors_and_regrets_are_arranged_by_place_and_seed():
    rows = [
        Result("training", "Gluon", 20, 3, seed, seed / 10, seed / 100, 0.1)
        for seed in range(4)
    ]
    seen, judged = bayesian.errors(rows, "Gluon")
    assert seen.shape == judged.shape == (21, 9, 4)
    assert (
        seen[20, 3].tolist() == [0, 0.1, 0.2, 0.3]
        and judged[20, 3, 1] == 0.01
        and np.isnan(seen[0, 0]).all()
    )
    found = bayesian.regrets(
        [Result("Branin", "TPE", 15, -1, 2, 1.0, 0.5, 0.1)], "Branin", "TPE"
    )
    assert (
        found.shape == (30, 7) and found[2, 1] == 0.5 and np.isfinite(found).sum() == 1
    )


def test_few_digits_to_train_on():
    data = bayesian.images()
    assert data.train_images.shape == (200, 1, 8, 8) and len(
        data.val_labels
    ) > 300 < len(data.test_labels)


def test_the_net_is_judged_by_other_trainings_than_those_that_a_search_sees():
    rows = bayesian.TABLE.rows()
    net, (seen, _) = bayesian.problems(rows)["net"], bayesian.errors(rows, "PyTorch")
    rng, x = np.random.default_rng(0), np.array([0.6, 0.5])
    assert {net.objective(x, rng) for _ in range(60)} == set(seen[12, 4, :4].tolist())
    assert 0 < net.least <= net.truth(x) < 0.2


def test_what_is_stored_is_complete_and_of_the_lesson_that_is_there():
    known, now = bayesian.TABLE.provenance(), experiment._facts()
    assert (known["net"], known["search"]) == (now["net"], now["search"]), (
        "run python -m experiments.bayesian again"
    )
    rows = bayesian.TABLE.rows()
    stored = {(row.problem, row.way, row.first, row.second, row.seed) for row in rows}
    assert stored == {*experiment.trainings(), *experiment.searches()}, (
        "run python -m experiments.bayesian"
    )
    assert len(stored) == len(rows)
