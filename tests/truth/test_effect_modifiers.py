"""Effects by segment and in the leaves of learned rules: intervals hold, jointly where they say so."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.domain.errors import NoHeterogeneity
from dorec.estimate import AIPW, TLearner, effect_curve, segment_effects, surrogate_tree

REPS, N = 400, 1_000
QUICK = AIPW(n_folds=3, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
LINES = TLearner(outcome_model=LinearRegression(), average=QUICK)


def confounded(rep: int) -> Study:
    """A study whose effect is linear in two of five covariates: 1 + x0 - x1 / 2."""
    rng = np.random.default_rng([31, rep])
    X = rng.normal(size=(N, 5))
    effect = 1.0 + X[:, 0] - 0.5 * X[:, 1]
    t = (rng.random(N) < expit(0.6 * X[:, 0] + 0.4 * X[:, 2])).astype(int)
    y = effect * t + X[:, 0] + X[:, 2] + rng.normal(size=N)
    table = {f"x{j}": X[:, j] for j in range(5)} | {"t": t, "y": y}
    return Study.from_table(table, outcome="y", treatment="t", covariates=[f"x{j}" for j in range(5)])


@pytest.mark.truth
def test_segments_and_curves_hold_jointly() -> None:
    joint = single = curves = 0
    for rep in range(REPS):
        study = confounded(rep)
        model = QUICK.fit(study, context=RunContext(seed=rep))
        cuts = np.array([-0.6745, 0.0, 0.6745])  # fixed, so that the segments' truth is too
        labels = np.searchsorted(cuts, study.covariates[:, 0])
        centre = np.array([-1.2711, -0.3247, 0.3247, 1.2711])  # of a normal's quarters
        found = segment_effects(model, labels)
        lower, upper = found.interval(joint=True)
        joint += bool(((lower <= 1 + centre) & (1 + centre <= upper)).all())
        lower, upper = found.interval()
        single += int(((lower <= 1 + centre) & (1 + centre <= upper)).sum())
        curve = effect_curve(model, "x0", n_points=21, partial=False)
        lower, upper = curve.effect.interval(joint=True)
        curves += bool(((lower <= 1 + curve.at) & (1 + curve.at <= upper)).all())
    print(f"segments: joint {joint / REPS:.3f}, single {single / REPS / 4:.3f}; curve {curves / REPS:.3f}")
    assert 0.92 <= joint / REPS <= 0.98
    assert 0.93 <= single / REPS / 4 <= 0.97
    assert 0.92 <= curves / REPS <= 0.98


@pytest.mark.truth
def test_leaves_of_learned_rules_hold() -> None:
    held = leaves = refused = 0
    for rep in range(REPS):
        study = confounded(rep)
        try:
            tree = surrogate_tree(LINES.fit(study, context=RunContext(seed=rep)), max_leaves=4)
        except NoHeterogeneity:
            refused += 1
            continue
        # the truth of a leaf over fresh units
        rng = np.random.default_rng([32, rep])
        fresh = rng.normal(size=(50_000, 5))
        leaf, true = tree.leaf_of(fresh), 1.0 + fresh[:, 0] - 0.5 * fresh[:, 1]
        truth = np.bincount(leaf, weights=true, minlength=tree.n_leaves) / np.bincount(leaf, minlength=tree.n_leaves)
        lower, upper = tree.effects.interval()
        held += int(((lower <= truth) & (truth <= upper)).sum())
        leaves += tree.n_leaves
    print(f"leaves: {held / leaves:.3f} of {leaves:,}; {refused} studies refused")
    assert 0.93 <= held / leaves <= 0.97
    assert refused < 0.05 * REPS
