"""Best linear projection: how the effect goes with a few covariates, from orthogonal scores."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dorec.domain.errors import Collinear, ColumnNotFound, InputError, TooFewUnits
from dorec.domain.estimate import Estimate
from dorec.numeric.arrays import FloatArray


def best_linear_projection(model: Any, columns: Sequence[str] | None = None) -> Estimate:
    """The linear function of covariates that is closest to the effect (doi:10.1093/ectj/utaa027).

    Semenova, Chernozhukov 2021: the doubly robust effect of each unit is regressed on covariates. Standard errors are
    honest whatever the effects look like and whatever learned them: robust to unequal variances, by cluster where the
    study has clusters.

    Args:
        model: a fitted estimator with `study` and doubly robust scores: AIPW, CausalForest, a meta-learner.
        columns: names of covariates; all of the study by default.

    Returns:
        The effect where the covariates are 0, and the change of the effect with one more of each: (1 + columns,) for
        two arms, and as many for each further arm.

    Raises:
        ColumnNotFound, TooFewUnits, Collinear.

    Example:
        >>> from dorec.domain.study import Study
        >>> from dorec.estimate.aipw import AIPW
        >>> rng = np.random.default_rng(0)
        >>> x, t = rng.normal(size=4000), rng.integers(0, 2, size=4000)
        >>> table = {"x": x, "t": t, "y": t * (1 + 2 * x) + rng.normal(size=4000)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> line = best_linear_projection(AIPW(n_folds=2).fit(study))
        >>> line.name, line.value.round().tolist()
        (('effect where all are 0', 'effect for one more of x'), [1.0, 2.0])
    """
    average = getattr(model, "average", model)
    study = average.study
    names = study.covariate_names if columns is None else tuple(columns)
    for name in names:
        if name not in study.covariate_names:
            raise ColumnNotFound(name, study.covariate_names, where="the covariates of the study")
    if len(set(names)) < len(names):
        raise InputError(f"columns hold a name twice: {', '.join(names)}; name each once.")
    X = study.covariates[:, [study.covariate_names.index(name) for name in names]]
    outcomes = average.pseudo_outcomes
    contrasts = outcomes[:, 1:] - outcomes[:, :1]
    value, influence = projection(X, contrasts, study.weight)
    labels = ("effect where all are 0", *(f"effect for one more of {name}" for name in names))
    arms = [f"{arm} - {average.arms[0]}: " if contrasts.shape[1] > 1 else "" for arm in average.arms[1:]]
    return Estimate(
        value.T.ravel(),
        influence.transpose(0, 2, 1).reshape(study.n, -1),
        name=tuple(f"{arm}{label}" for arm in arms for label in labels),
        method="best linear projection",
        estimand=model.estimand,
        sample=study.sample,
        cluster=average.units.cluster,
    )


def projection(X: FloatArray, targets: FloatArray, weight: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
    """Coefficients (1 + q, m) of targets (n, m) on an intercept and X (n, q), and their influence (n, 1 + q, m).

    >>> value, influence = projection(np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [3.0], [5.0]]))
    >>> value.ravel().round(6).tolist(), influence.shape
    ([1.0, 2.0], (3, 2, 1))
    """
    n, q = X.shape
    if n < q + 2:
        raise TooFewUnits(f"{n} units are too few for {q + 1} coefficients", remedy="name fewer columns")
    mass = np.ones(n) if weight is None else weight / weight.mean()
    centre = np.average(X, axis=0, weights=mass)
    spread = X.std(axis=0)
    A = np.column_stack([np.ones(n), (X - centre) / np.where(spread > 0, spread, 1.0)])
    gram = A.T @ (A * mass[:, None]) / n
    if not (spread > 0).all() or np.linalg.cond(gram) > 1e10:
        raise Collinear(
            "the columns are constant or linear functions of one another",
            remedy="leave out what the others tell already",
            evidence={"spread": spread.tolist()},
        )
    inverse = np.linalg.inv(gram)
    back = np.eye(q + 1)
    back[1:, 1:] = np.diag(1.0 / spread)
    back[0, 1:] = -centre / spread
    solved = inverse @ (A.T @ (targets * mass[:, None]) / n)
    residual = targets - A @ solved
    leverage = np.minimum(mass * np.einsum("ij,jk,ik->i", A, inverse, A) / n, 0.99)
    # HC2: what a unit's own weight takes off its residual is put back
    raised = residual * (mass / np.sqrt(1.0 - leverage))[:, None]
    influence = np.einsum("ij,im->ijm", A @ (back @ inverse).T, raised)
    return back @ solved, influence
