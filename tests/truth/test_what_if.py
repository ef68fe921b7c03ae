"""What-if of a structural model, by the jackknife of its fits, and of a dose that is moved."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.pipeline import make_pipeline

from dorec import CausalGraph, Study
from dorec.domain.intervention import Intervention
from dorec.estimate import DoseResponse
from dorec.estimate.additive_basis import RIDGE_GRID, AdditiveBasis
from dorec.intervene import what_if
from dorec.simulate import StructuralModel

GRAPH = CausalGraph.from_edges(
    ["z", "price", "rank", "y"],
    directed=[("z", "price"), ("z", "rank"), ("z", "y"), ("price", "y"), ("rank", "y")],
)


@pytest.mark.truth
def test_coverage_of_a_structural_model() -> None:
    learner = StructuralModel(mechanisms=dict.fromkeys(("price", "rank", "y"), "linear"))
    asked = {
        "cheaper": Intervention(target="price", kind="shift", value=-0.5),
        "both": [Intervention(target="rank", value=0.5), Intervention(target="price", value=0.0)],
    }
    truth, held = np.array([0.5, 0.3]), []
    for rep in range(400):
        rng = np.random.default_rng([5, rep])
        z = rng.normal(size=300)
        price, rank = 0.5 * z + rng.normal(size=(2, 300))
        data = {"z": z, "price": price, "rank": rank}
        data["y"] = -price + 0.6 * rank + 1.2 * z + rng.normal(size=300)
        lower, upper = what_if(learner.fit(GRAPH, data), asked, data, outcome="y", learner=learner).effects.interval()
        held.append((lower <= truth) & (truth <= upper))
    print(f"coverage {np.mean(held, axis=0).round(3)}")
    assert (np.mean(held, axis=0) >= 0.92).all()
    assert (np.mean(held, axis=0) <= 0.98).all()


@pytest.mark.truth
def test_coverage_of_a_dose_that_is_moved() -> None:
    learner = DoseResponse(
        n_folds=2,
        outcome_model=make_pipeline(AdditiveBasis(), RidgeCV(RIDGE_GRID)),
        treatment_model=LinearRegression(),
    )
    many = np.random.default_rng(9).normal(size=(3, 500_000))
    held = []
    for rep in range(200):
        x, z, u, e = np.random.default_rng([61, rep]).normal(size=(4, 500))
        d = 0.5 * x + u
        table = {"x": x, "z": z, "d": d, "y": x + np.sin(2 * d) + 0.5 * d * z + e}
        study = Study.from_table(table, outcome="y", treatment="d", covariates=["x", "z"], continuous=True)
        model = learner.fit(study)
        low, high = model.support
        was = 0.5 * many[0] + many[2]
        moved = np.where((was + 0.3 >= low) & (was + 0.3 <= high), was + 0.3, was)
        truth = (np.sin(2 * moved) - np.sin(2 * was) + 0.5 * (moved - was) * many[1]).mean()
        lower, upper = what_if(model, Intervention(target="d", kind="shift", value=0.3)).effects.interval()
        held.append(lower[0] <= truth <= upper[0])
    print(f"coverage {np.mean(held):.3f}")
    assert 0.9 <= np.mean(held) <= 0.985
