"""Matching: each unit is compared with its nearest neighbours in the other arms."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dorec.domain.errors import ConfigError, InputError
from dorec.domain.query import Population
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate.average_effect import AverageEffectModel, check_population, floor_of, member_of
from dorec.estimate.checks import check_study
from dorec.estimate.cross_fitting import comparable_nuisances, units_of
from dorec.estimate.diagnostics import overlap_of
from dorec.estimate.linearity import DISTINCT
from dorec.estimate.scores import imputed_means
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.neighbours import cells_of, neighbour_shares, whitened

DEFAULT_CONTEXT = RunContext()
FEW = 5  # columns in which several neighbours are near enough
FAR = (
    "{k} neighbours in {p} columns of many values are too unlike for an interval that holds: take one neighbour, the "
    "propensity distance, or AIPW"
)
PLAIN = "matches are not exact, and without the correction of their bias the error does not shrink as an interval says"


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Average effects from nearest neighbours, with replacement and all ties (Abadie, Imbens 2006, 2011).

    What a match lacks in likeness is corrected by a cross-fitted outcome model (doi:10.1198/jbes.2009.07333). The error
    is Abadie's and Imbens' (doi:10.1111/j.1468-0262.2006.00655.x), as the influence of each unit: its predicted effect,
    and its residual times one plus the matches that it serves in (Otsu, Rai 2017, doi:10.1080/01621459.2016.1231613;
    Lin, Ding, Han 2023, doi:10.3982/ECTA20598). Without the correction there is a value but no interval; nor is there
    one for several Mahalanobis neighbours in more than 5 columns of many values, where they are far (covers .89 in 10).

    Args:
        distance: "mahalanobis" of the covariates, or "propensity", the difference of its log-odds.
        n_neighbours: matches of each unit in each other arm; ties count alike.
        bias_correction: correct what matches lack in likeness.
        outcome_model: regressor of a numeric outcome, classifier of one with two values; a list is blended.
        propensity_model: classifier of the arms, for overlap and the propensity distance; a list is blended.
        population: whose average: all units, the treated, the control.
        n_folds: folds of the cross-fitting, 2 or more.
        min_propensity: arms less likely than this count as impossible.
        min_per_fold: units that each arm must have for each fold.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=800)
        >>> t = (rng.random(800) < 1 / (1 + np.exp(-x))).astype(int)
        >>> table = {"x": x, "t": t, "y": 2.0 * t + 3.0 * x + rng.normal(size=800)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> effect = Matching(n_folds=2).fit(study).ate()
        >>> effect.method, abs(effect.value - 2.0) < 0.3
        ('matching, mahalanobis distance', True)
    """

    distance: Literal["mahalanobis", "propensity"] = "mahalanobis"
    n_neighbours: int = 1
    bias_correction: bool = True
    outcome_model: Any = None
    propensity_model: Any = None
    population: Population = "all"
    n_folds: int = 5
    min_propensity: float = 0.01
    min_per_fold: int = 5

    def __post_init__(self) -> None:
        if self.distance not in ("mahalanobis", "propensity"):
            raise ConfigError(f"distance is {self.distance!r}; allowed: 'mahalanobis', 'propensity'.")
        for name, value, least in (("n_neighbours", self.n_neighbours, 1), ("n_folds", self.n_folds, 2)):
            if value < least:
                raise InputError(f"{name} is {value}; give {least} or more.")
        check_population(self.population)

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> AverageEffectModel:
        """Matches, arm means and diagnostics of a study.

        Raises:
            InputError: the study has weights.
            NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment, NoOverlap, BadPropensity:
                before any number, with the evidence and the remedy.
        """
        if study.weight is not None:
            raise InputError("The study has weights, which matching can't use; take AIPW, or leave the weights out.")
        units = units_of(study)
        check_study(study, n_folds=self.n_folds, min_per_fold=self.min_per_fold, groups=units.groups)
        floor = floor_of(study, self.min_propensity)
        nuisances = comparable_nuisances(
            study,
            units,
            n_folds=self.n_folds,
            models=(self.outcome_model, self.propensity_model),
            floor=floor,
            trimmed=self.population != "all",
            context=context,
        )
        e, y = nuisances.propensity, study.outcome
        logs = np.log(e)
        X = study.covariates if self.distance == "mahalanobis" else logs[:, 1:] - logs[:, :1]
        member, taken = member_of(study, self.population), np.eye(e.shape[1])[study.treatment]
        served = matches_served(X, study.treatment, member, self.n_neighbours, e.shape[1])
        balance = taken * (member[:, None] + served)
        mu = nuisances.outcome if self.bias_correction else np.zeros_like(nuisances.outcome)
        everyone = np.ones(study.n)
        means = imputed_means(y, mu, balance, member, everyone)
        whole = served if self.population == "all" else matches_served(X, study.treatment, everyone, 1, e.shape[1])
        return AverageEffectModel(
            learner=self,
            method=f"matching, {self.distance} distance",
            study=study,
            units=units,
            means=means,
            pseudo_outcomes=mu + taken * (1.0 + whole) * (y[:, None] - mu),
            folds=nuisances.folds,
            overlap=overlap_of(e, study.treatment, study.arms, floor),
            context=context,
            no_interval=self._no_interval(study),
        )

    def _no_interval(self, study: Study) -> str:
        if not self.bias_correction:
            return PLAIN
        wide = sum(len(np.unique(x)) >= DISTINCT for x in study.covariates.T)
        if self.n_neighbours == 1 or self.distance == "propensity" or wide <= FEW:
            return ""
        return FAR.format(k=self.n_neighbours, p=wide)


def matches_served(X: FloatArray, arm: IntArray, member: FloatArray, n_neighbours: int, k: int) -> FloatArray:
    """How many members of other arms a unit stands for as a match in its own arm, over `n_neighbours`, (n, k).

    Example:
        >>> X, arm = np.array([[0.0], [1.0], [1.5], [9.0]]), np.array([0, 1, 1, 0])
        >>> matches_served(X, arm, np.ones(4), 1, 2).tolist()
        [[2.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 0.0]]
    """
    cells = cells_of(X)
    points, c = whitened(cells.points, X), len(cells.points)
    served = np.zeros((len(X), k))
    for a in range(k):
        inside = arm == a
        size = np.bincount(cells.of[inside], minlength=c)
        asking = np.bincount(cells.of[~inside], weights=member[~inside], minlength=c)
        asked = neighbour_shares(points, size, n_neighbours).T @ asking
        served[inside, a] = asked[cells.of[inside]]
    return served
