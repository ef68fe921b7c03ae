"""What the worlds say of themselves is true in their samples."""

import numpy as np
import pytest

from dorec.refute import DESIGN_WORLDS

N = 400_000


@pytest.mark.parametrize("name", [name for name in DESIGN_WORLDS if name.startswith("instrument")])
def test_instruments_tell_the_truth_and_a_regression_does_not(name):
    world = DESIGN_WORLDS[name]
    study = world.draw(N, seed=3)
    d = study.treatment.astype(float) if study.dose is None else study.dose
    Z = np.column_stack([np.ones(N), study.covariates, study.instruments])
    fitted = Z @ np.linalg.lstsq(Z, d, rcond=None)[0]
    design = [np.column_stack([x, np.ones(N), study.covariates]) for x in (fitted, d)]
    two_stage, plain = (float(np.linalg.lstsq(D, study.outcome, rcond=None)[0][0]) for D in design)
    error = study.outcome.std() / np.sqrt(N) / fitted.std()
    assert two_stage == pytest.approx(world.truth(), abs=5 * error)
    assert abs(plain - world.truth()) > 0.001 + (0.1 if study.dose is not None else 0.0)


@pytest.mark.parametrize("name", [name for name in DESIGN_WORLDS if name.startswith("front door")])
def test_the_front_door_formula_tells_the_truth_and_arms_do_not(name):
    world = DESIGN_WORLDS[name]
    study = world.draw(N, seed=4)
    t, m, y = study.treatment, study.covariates[:, 0].astype(int), study.outcome
    mean = np.array([[y[(t == a) & (m == b)].mean() for b in (0, 1)] for a in (0, 1)])
    moved = (m[t == 1].mean() - m[t == 0].mean()) * float(np.array([(t == 0).mean(), t.mean()]) @ np.diff(mean)[:, 0])
    assert moved == pytest.approx(world.truth(), abs=0.02 * y.std())
    assert abs(y[t == 1].mean() - y[t == 0].mean() - world.truth()) > 0.01 * y.std()


@pytest.mark.parametrize("name", [name for name in DESIGN_WORLDS if name.startswith("mediator")])
def test_the_parts_add_up_and_the_total_is_that_of_the_samples(name):
    world = DESIGN_WORLDS[name]
    total, nde, tie, tde, nie = world.truth()
    assert total == pytest.approx(nde + tie)
    assert total == pytest.approx(tde + nie)
    study = world.draw(N, seed=5)
    x, t, y = study.covariates[:, :3], study.treatment, study.outcome
    D = np.column_stack([np.ones(N), x])
    means = [D @ np.linalg.lstsq(D[t == a], y[t == a], rcond=None)[0] for a in (0, 1)]
    assert (means[1] - means[0]).mean() == pytest.approx(total, abs=0.02 * y.std())
