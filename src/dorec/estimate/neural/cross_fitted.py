"""Networks behind the one engine: canonical order, folds, refusals and the orthogonal score; no torch here."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from dorec.domain.errors import ConfigError
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate.aipw import AIPWModel
from dorec.estimate.average_effect import floor_of, weight_of
from dorec.estimate.checks import check_overlap, check_study, is_binary
from dorec.estimate.cross_fitting import Canonical, Nuisances, canonical, fit_outcome, fit_propensity, units_of
from dorec.estimate.diagnostics import overlap_of
from dorec.estimate.nuisance import SMALL, calibrated, threads_for
from dorec.estimate.scores import augmented_outcomes, mean_of
from dorec.numeric.arrays import FloatArray, IntArray


class Said(NamedTuple):
    """What a trained network says of units."""

    outcome: FloatArray  # (m, k) in the scale that it was trained on
    propensity: FloatArray | None  # (m, k), where it has a head for it


class ArmPredictor(Protocol):
    """A trained network."""

    def predict(self, X: FloatArray, tokens: IntArray | None = None) -> Said:
        """Outcome in each arm, and the propensities, of units with covariates (m, p) and tokens (m, l)."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingRows:
    """What a network learns from: units in canonical order, the outcome standardised, or 0 and 1."""

    X: FloatArray  # (m, p)
    arm: IntArray  # (m,)
    y: FloatArray  # (m,)
    weight: FloatArray  # (m,) averaging one over all units
    tokens: IntArray | None  # (m, l), 0 is padding
    n_arms: int
    binary: bool

    def take(self, rows: IntArray) -> "TrainingRows":
        """Some of the rows."""
        tokens = None if self.tokens is None else self.tokens[rows]
        return replace(
            self, X=self.X[rows], arm=self.arm[rows], y=self.y[rows], weight=self.weight[rows], tokens=tokens
        )

    def with_arms_alike(self) -> "TrainingRows":
        """Weights by which a small arm counts as much as a large one in the loss."""
        mass = np.bincount(self.arm, weights=self.weight, minlength=self.n_arms)
        alike = mass.sum() / (self.n_arms * np.maximum(mass, 1e-12))
        return replace(self, weight=self.weight * alike[self.arm])


PropensitySource = Literal["engine", "network", "both"]
FitNetwork = Callable[[TrainingRows, RunContext, str], ArmPredictor]  # the label names its random streams


class DeepLearner(Protocol):
    """The settings that every deep learner has."""

    @property
    def n_folds(self) -> int:
        """Folds of the cross-fitting."""
        ...

    @property
    def epochs(self) -> int:
        """Passes over the rows, at most."""
        ...

    @property
    def learning_rate(self) -> float:
        """Of AdamW."""
        ...

    @property
    def batch_size(self) -> int:
        """Rows of a step."""
        ...

    @property
    def patience(self) -> int:
        """Epochs without a better validation after which it stops."""
        ...

    @property
    def reg(self) -> float:
        """Weight decay."""
        ...

    @property
    def min_propensity(self) -> float:
        """The floor of estimated propensities."""
        ...

    @property
    def min_per_fold(self) -> int:
        """Units that each arm must have for each fold."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossFittedNetworks:
    """The networks of all folds, what they say of units that they have not seen, and the average effect from it."""

    average: AIPWModel  # its outcome nuisance blends the networks with the engine's models
    networks: tuple[ArmPredictor, ...]  # (n_folds,)
    outcome: FloatArray  # (n, k) what the networks alone say of units that they have not seen
    back: IntArray  # (k,) the network's head of each of the study's arms
    spread: float  # of the outcome, by which the networks' outcomes are multiplied

    @property
    def out_of_fold(self) -> FloatArray:
        """Effects (n, k - 1) of the study's units, by networks that have not seen them."""
        return self.outcome[:, 1:] - self.outcome[:, :1]

    def effect(self, X: FloatArray, tokens: IntArray | None = None) -> FloatArray:
        """Effects (m, k - 1) of other units, the mean of what the networks say; columns in the study's order."""
        study = self.average.study
        X = X[:, sorted(range(X.shape[1]), key=lambda j: study.covariate_names[j])]
        X = X if X.shape[1] else np.zeros((len(X), 1))
        mu = np.mean([network.predict(X, tokens).outcome for network in self.networks], axis=0)[:, self.back]
        return np.asarray(self.spread * (mu[:, 1:] - mu[:, :1]))


def load_torch() -> None:
    """Say what to install where torch is missing, before anything is computed.

    Raises:
        ConfigError: torch is not installed.
    """
    import_module("dorec.neural")


def check_settings(learner: DeepLearner, **widths: tuple[int, ...]) -> None:
    """Refuse settings out of their bounds; `widths` are numbers of hidden units, layer by layer."""
    whole: dict[str, tuple[float, int]] = {
        "n_folds": (learner.n_folds, 2),
        "epochs": (learner.epochs, 1),
        "batch_size": (learner.batch_size, 2),
        "patience": (learner.patience, 1),
        "min_per_fold": (learner.min_per_fold, 1),
    }
    for name, (value, least) in whole.items():
        if value < least:
            raise ConfigError(f"{name} is {value}; give {least} or more.")
    if not learner.learning_rate > 0 or not learner.reg >= 0 or not 0 <= learner.min_propensity < 0.5:
        raise ConfigError(
            f"learning_rate is {learner.learning_rate}, reg {learner.reg}, min_propensity {learner.min_propensity}; "
            "give a learning_rate above 0, a reg of 0 or more, a min_propensity from 0 to below 0.5."
        )
    for name, sizes in widths.items():
        if not sizes or min(sizes) < 1:
            raise ConfigError(f"{name} is {sizes!r}; give the units of each layer, 1 or more, as in (200, 200).")


def cross_fitted(
    learner: DeepLearner,
    study: Study,
    fit_network: FitNetwork,
    *,
    propensity_model: Any = None,
    propensity_by: PropensitySource,
    tokens: IntArray | None = None,
    context: RunContext,
) -> CrossFittedNetworks:
    """A network for each fold, trained on the other folds, and AIPW's score from what they say of their own.

    In the score, the networks' outcomes are blended with those of the engine's models by their out-of-fold error: where
    a network has not learned enough, its bias does not reach the average effect.

    Args:
        learner: folds and floors.
        study: outcome, arms and covariates.
        fit_network: trains on rows.
        propensity_model: the engine's classifier of the arms.
        propensity_by: the engine, the networks' own heads, or both, blended by their out-of-fold error.
        tokens: (n, l) histories in the study's row order.
        context: seed, device, threads, progress and engine.

    Raises:
        NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment, NoOverlap, BadPropensity: before
            any number.
    """
    load_torch()
    units = units_of(study)
    check_study(study, n_folds=learner.n_folds, min_per_fold=learner.min_per_fold, groups=units.groups)
    at = canonical(study, units, n_folds=learner.n_folds, repeat=0, context=context)
    engine = None
    if study.propensity is not None or propensity_by != "network":
        engine = fit_propensity(study, at, propensity_model)
    if engine is not None and propensity_by != "both":
        engine = _overlapping(study, engine, learner)  # refused before anything is trained
    rows, centre, spread = _training_rows(study, at, tokens)
    networks = _fit_folds(rows, at, fit_network, context)
    mu, own = _out_of_fold(networks, rows, at)
    propensity = engine
    if study.propensity is None and own is not None:
        propensity = _overlapping(study, _blended(at, calibrated(own, at.arm, at.fit.weight), engine), learner)
    assert propensity is not None
    mu = centre + spread * mu
    with threads_for(study.n, context):
        outcome = at.restored(_outcome_of_the_score(at, at.of(study.outcome), mu)[:, at.back])
    weight = weight_of(study)
    scores = augmented_outcomes(study.outcome, study.treatment, outcome, propensity, weight)
    average = AIPWModel(
        learner=learner,  # type: ignore[arg-type]  # asked only to fit again, with tamer outcomes
        study=study,
        units=units,
        nuisances=Nuisances(propensity=propensity, outcome=outcome, folds=at.restored(at.fit.folds)),
        means=mean_of(scores, weight),
        pseudo_outcomes=scores,
        overlap=overlap_of(propensity, study.treatment, study.arms, floor_of(study, learner.min_propensity)),
        context=context,
    )
    alone = at.restored(mu[:, at.back])
    return CrossFittedNetworks(average=average, networks=networks, outcome=alone, back=at.back, spread=spread)


def _outcome_of_the_score(at: Canonical, y: FloatArray, mu: FloatArray) -> FloatArray:
    """Out-of-fold outcomes (n, k), of the networks and the engine's models, blended by error, in canonical order."""
    other = fit_outcome(at.fit, y, at.arm, None)
    own = np.arange(len(y))
    share = at.fit.blend_weights([mu[own, at.arm], other[own, at.arm]], y)
    return np.asarray(share[0] * mu + share[1] * other)


def _blended(at: Canonical, own: FloatArray, engine: FloatArray | None) -> FloatArray:
    """Propensities (n, k) in the study's order, of the networks (canonical order) and the engine (the study's)."""
    if engine is None:
        return np.asarray(at.restored(own[:, at.back]))
    other = np.empty_like(own)
    other[:, at.back] = at.of(engine)
    share = at.fit.blend_weights([own, other], np.eye(own.shape[1])[at.arm])
    return np.asarray(at.restored((share[0] * own + share[1] * other)[:, at.back]))


def _overlapping(study: Study, e: FloatArray, learner: DeepLearner) -> FloatArray:
    """Propensities (n, k) that overlap, raised to their floor; known ones as they are."""
    if study.propensity is not None:
        return e
    floor = floor_of(study, learner.min_propensity)
    check_overlap(e, study.treatment, study.arms, floor, trimmed=False)
    raised = np.maximum(e, floor)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _training_rows(study: Study, at: Canonical, tokens: IntArray | None) -> tuple[TrainingRows, float, float]:
    """All units in canonical order, and what turns a network's outcome into the study's: its centre and spread."""
    y, binary = at.of(study.outcome), is_binary(study.outcome)
    centre, spread = (float(y.min()), float(np.ptp(y))) if binary else (float(y.mean()), float(y.std()))
    X = at.fit.X if at.fit.X.shape[1] else np.zeros((study.n, 1))
    rows = TrainingRows(
        X=X,
        arm=at.arm,
        y=(y - centre) / (spread or 1.0),
        weight=at.of(weight_of(study)),
        tokens=None if tokens is None else at.of(tokens),
        n_arms=len(study.arms),
        binary=binary,
    )
    return rows, centre, spread


def _fit_folds(
    rows: TrainingRows, at: Canonical, fit_network: FitNetwork, context: RunContext
) -> tuple[ArmPredictor, ...]:
    inside = context if len(rows.y) >= SMALL else replace(context, threads=1)

    def one(fold: int) -> ArmPredictor:
        return fit_network(rows.take(np.flatnonzero(at.fit.folds != fold)), inside, f"fold {fold + 1}")

    return tuple(context.engine.map(one, range(int(at.fit.folds.max()) + 1)))


def _out_of_fold(
    networks: tuple[ArmPredictor, ...], rows: TrainingRows, at: Canonical
) -> tuple[FloatArray, FloatArray | None]:
    mu, e = np.empty((2, len(rows.y), rows.n_arms))
    headed = False
    for fold, network in enumerate(networks):
        test = np.flatnonzero(at.fit.folds == fold)
        part = rows.take(test)
        said = network.predict(part.X, part.tokens)
        mu[test] = said.outcome
        if said.propensity is not None:
            e[test], headed = said.propensity, True
    return mu, e if headed else None
