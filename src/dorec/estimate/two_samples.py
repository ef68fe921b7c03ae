"""Two samples that share columns: an experiment and a history, brought into one order of columns and folds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from dorec.domain.errors import ColumnNotFound, InputError, NotFinite
from dorec.domain.study import Study
from dorec.domain.table import column, is_numeric, to_arrow
from dorec.estimate.cross_fitting import Canonical, units_of
from dorec.estimate.nuisance import CrossFit, fit_model
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Samples:
    """An experiment and a history with the same columns.

    The experiment's covariates are those from before the treatment; the history's are the same, then the surrogates.
    """

    experiment: Study
    history: Study  # one arm, unless the history knows the experiment's treatment
    seen: FloatArray  # (n_e, p + q) covariates and surrogates of the experiment's units
    surrogates: tuple[str, ...]  # columns (q,): a text column counts once for each indicator
    treated: bool  # whether the history holds the treatment, with two arms or more

    @classmethod
    def of(cls, experiment: Study, history: Any, surrogates: Sequence[str], outcome: str) -> "Samples":
        """The samples with columns in one order.

        Raises:
            ColumnNotFound: a surrogate is not in the experiment, or a column of it not in the history.
            InputError: a column that has to be numeric is not.
        """
        columns = {name: experiment.covariates[:, j] for j, name in enumerate(experiment.covariate_names)}
        columns[experiment.outcome_name] = experiment.outcome
        after = sorted({c for name in surrogates for c in _made_from(name, columns, experiment)})
        before = sorted(name for name in experiment.covariate_names if name not in after)
        base = experiment.with_columns(
            covariates=_stacked(columns, before, experiment.n), covariate_names=tuple(before), outcome=columns[after[0]]
        )
        seen = np.column_stack([base.covariates, _stacked(columns, after, experiment.n)])
        past = _history(history, [*before, *after], experiment, outcome)
        return cls(base, past, seen, tuple(after), len(past.arms) > 1)

    @property
    def name(self) -> str:
        """Which units these are, for pairing estimates."""
        return f"{self.experiment.sample}|{self.history.sample}"

    @cached_property
    def cluster(self) -> AnyArray | None:
        """Labels (n_e + n_o,) where units repeat within a sample or stand in both; None where all are on their own."""
        ids = [study.unit for study in (self.experiment, self.history)]
        if ids[0] is not None and ids[1] is not None:
            here, there = (np.asarray(one).astype(str) for one in ids)
            if np.isin(here, there).any():
                return np.concatenate([here, there])
        own = [units_of(study).cluster for study in (self.experiment, self.history)]
        if all(labels is None for labels in own):
            return None
        sizes = (self.experiment.n, self.history.n)
        codes = [
            np.arange(n) if c is None else np.unique(c.astype(str), return_inverse=True)[1]
            for n, c in zip(sizes, own, strict=True)
        ]
        return np.concatenate([codes[0], codes[0].max() + 1 + codes[1]])


def means_in_both(
    at: Canonical, columns: FloatArray, y: FloatArray, models: Sequence[Any], elsewhere: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """E[y | columns] of a sample's units out of fold, (n,), and of units elsewhere, (m,), averaged over the folds.

    Args:
        at: folds of the sample.
        columns: of its units, (n, p), in the sample's own order.
        y: (n,).
        models: regressors, blended by their out-of-fold error.
        elsewhere: the same columns of other units, (m, p).
    """
    fit, target = replace(at.fit, X=at.of(columns)), at.of(y)
    found = [_in_both(fit, target, model, elsewhere, 0) for model in models]
    weights = fit.blend_weights([own for own, _ in found], target)
    own, other = (np.asarray(sum(w * f[i] for w, f in zip(weights, found, strict=True))) for i in (0, 1))
    return at.restored(own), other


def shares_elsewhere(
    at: Canonical, columns: FloatArray, code: IntArray, models: Sequence[Any], elsewhere: FloatArray
) -> FloatArray:
    """P(code | columns) of units elsewhere, (m, k), by classifiers of a sample, averaged over its folds."""
    fit, target, k = replace(at.fit, X=at.of(columns)), at.of(code), int(code.max()) + 1
    if not columns.shape[1]:
        counts = np.bincount(target, weights=fit.weight, minlength=k)
        return np.tile(counts / counts.sum(), (len(elsewhere), 1))
    found = [_in_both(fit, target, model, elsewhere, k) for model in models]
    weights = fit.blend_weights([own for own, _ in found], np.eye(k)[target])
    return np.asarray(sum(w * other for w, (_, other) in zip(weights, found, strict=True)))


def shares_of_kinds(
    first: Canonical, second: Canonical, columns: tuple[FloatArray, FloatArray], kind: IntArray, models: Sequence[Any]
) -> FloatArray:
    """Out-of-fold P(kind | columns) of the units of two samples put together, (n + m, k); `kind` (n + m,) codes."""
    n = len(columns[0])
    weights = [np.ones(len(at.order)) if at.fit.weight is None else at.fit.weight for at in (first, second)]
    weighted = first.fit.weight is not None or second.fit.weight is not None
    fit = replace(
        first.fit,
        X=np.concatenate([first.of(columns[0]), second.of(columns[1])]),
        folds=np.concatenate([first.fit.folds, second.fit.folds]),
        weight=np.concatenate([w / w.mean() for w in weights]) if weighted else None,
    )
    chance = fit.probability(np.concatenate([first.of(kind[:n]), second.of(kind[n:])]), models)
    return np.concatenate([first.restored(chance[:n]), second.restored(chance[n:])])


def _in_both(fit: CrossFit, y: AnyArray, model: Any, elsewhere: FloatArray, k: int) -> tuple[FloatArray, FloatArray]:
    """Predictions of the sample's units out of fold, and of units elsewhere as the mean over the folds' models."""
    shape = (k,) if k else ()
    own, other = np.empty((len(y), *shape)), np.zeros((len(elsewhere), *shape))
    n_folds = int(fit.folds.max()) + 1
    for fold in range(n_folds):
        train, test = fit.folds != fold, fit.folds == fold
        fitted = fit_model(model, fit.X[train], y[train], None if fit.weight is None else fit.weight[train])
        predict = fitted.predict_proba if k else fitted.predict
        own[test] = predict(fit.X[test])
        other += predict(elsewhere) / n_folds
    return own, other


def _made_from(name: str, columns: Mapping[str, FloatArray], study: Study) -> list[str]:
    """The columns of the study that a surrogate became: itself, or its indicators."""
    if name in columns:
        return [name]
    made = [label for label, source in study.source_of.items() if source == name]
    if not made:
        raise ColumnNotFound(name, columns, where="the experiment (its outcome and covariates)")
    return made


def _stacked(columns: Mapping[str, FloatArray], names: Sequence[str], n: int) -> FloatArray:
    return np.column_stack([columns[name] for name in names]) if names else np.empty((n, 0))


def _history(history: Any, names: Sequence[str], experiment: Study, outcome: str) -> Study:
    """The history as a study with these columns as covariates."""
    if isinstance(history, Study):
        return _from_study(history, names, experiment, outcome)
    if not outcome:
        raise InputError("A history that is a table needs the name of the outcome: SurrogateIndex(outcome='year').")
    table = to_arrow(history)
    y = _numbers(column(table, outcome), outcome)
    X = np.column_stack([_as_in(table, name, experiment) for name in names])
    arm = np.zeros(len(y), dtype=np.int64)
    arms: tuple[Any, ...] = ("history",)
    if experiment.treatment_name in table.column_names:
        levels = column(table, experiment.treatment_name).tolist()
        arms, arm = _known_arms(levels, experiment.arms)
    return Study(
        outcome=y,
        treatment=arm,
        covariates=X,
        arms=arms,
        covariate_names=tuple(names),
        outcome_name=outcome,
        treatment_name=experiment.treatment_name,
    )


def _from_study(history: Study, names: Sequence[str], experiment: Study, outcome: str) -> Study:
    columns = {name: history.covariates[:, j] for j, name in enumerate(history.covariate_names)}
    columns[history.outcome_name] = history.outcome
    for name in [*names, *([outcome] if outcome else [])]:
        if name not in columns:
            raise ColumnNotFound(name, columns, where="the history")
    target = outcome or history.outcome_name
    if target in names:
        raise InputError(f"{target!r} is a surrogate or a covariate of the experiment; name the long-term outcome.")
    arms: tuple[Any, ...] = ("history",)
    arm = np.zeros(history.n, dtype=np.int64)
    if history.treatment_name == experiment.treatment_name and history.dose is None:
        arms, arm = _known_arms([history.arms[i] for i in history.treatment.tolist()], experiment.arms)
    return history.with_columns(
        outcome=columns[target],
        outcome_name=target,
        treatment=arm,
        arms=arms,
        dose=None,
        propensity=None,
        covariates=_stacked(columns, names, history.n),
        covariate_names=tuple(names),
        source_of={},
    )


def _known_arms(levels: Sequence[Any], arms: tuple[Any, ...]) -> tuple[tuple[Any, ...], IntArray]:
    """The history's arms, where all of them are the experiment's and there are two or more; else one arm."""
    if set(levels) <= set(arms) and len(set(levels)) > 1:
        present = tuple(arm for arm in arms if arm in set(levels))
        return present, np.array([present.index(level) for level in levels], dtype=np.int64)
    return ("history",), np.zeros(len(levels), dtype=np.int64)


def _as_in(table: Any, name: str, experiment: Study) -> FloatArray:
    """A column of the table as the experiment has it: numbers, or the indicator of a level of a text column."""
    if name in table.column_names:
        return _numbers(column(table, name), name)
    source = experiment.source_of.get(name, "")
    if source not in table.column_names or not name.startswith(f"{source}="):
        raise ColumnNotFound(source or name, table.column_names, where="the history")
    return (column(table, source).astype(str) == name.removeprefix(f"{source}=")).astype(np.float64)


def _numbers(values: AnyArray, name: str) -> FloatArray:
    if not is_numeric(values):
        raise InputError(f"Column {name!r} of the history holds {values.dtype}, not numbers; cast it first.")
    out = values.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(out))
    if len(bad):
        raise NotFinite(
            f"column {name!r} of the history has {len(bad):,} missing or infinite value(s), the first in row {bad[0]}",
            remedy="drop or repair these rows",
            evidence={"column": name, "rows": bad[:10].tolist()},
        )
    return out
