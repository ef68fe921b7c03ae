"""Mechanisms from data: which kind fits a variable and its causes, and its parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Literal, TypeAlias, get_args

import numpy as np

from dorec.domain.errors import ConfigError, did_you_mean
from dorec.domain.run import RunContext
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.folds import content_keys, cross_predict, stratified_folds
from dorec.simulate.mechanisms import AdditiveMechanism, Mechanism, Noise, OddsMechanism, TableMechanism
from dorec.simulate.predictors import (
    Boosting,
    Linear,
    design,
    fit_linear,
    fit_logistic,
    fit_tree_classification,
    fit_tree_regression,
    log_probabilities,
)
from dorec.simulate.variables import Values, Variable

Kind: TypeAlias = Literal[
    "auto", "table", "linear", "linear_gaussian", "additive_trees", "logistic", "classifier_trees"
]
OF_DISCRETE = ("table", "logistic", "classifier_trees")
OF_CONTINUOUS = ("linear", "linear_gaussian", "additive_trees")
CHOICE_ROWS = 20_000  # at most, on which two kinds are compared
NOISE_ROWS = 100_000  # at most, on which trees are cross-fitted for their noise
POOL = 100_000  # residuals kept at most
TABLE_CELLS = 100_000  # of a table that is chosen unasked


@dataclass(frozen=True, eq=False)
class Rows:
    """The data of a fit: variables, their values, and an order of the rows that follows from what they hold."""

    variables: Mapping[str, Variable]
    values: Values
    n: int

    @cached_property
    def order(self) -> IntArray:
        """Rows by the hash of their content, so that no result follows the order in which they came."""
        names = sorted(self.values)
        columns = np.stack([self.values[name].astype(np.float64) for name in names], axis=1)
        return np.argsort(content_keys(columns, names), kind="stable")

    def design(self, parents: tuple[str, ...]) -> FloatArray:
        """Columns of the causes, (n, p)."""
        return design([self.values[p] for p in parents], self.widths(parents), self.n)

    def widths(self, parents: tuple[str, ...]) -> tuple[int, ...]:
        """Levels of each cause, 0 for a continuous one."""
        return tuple(len(self.variables[p].levels) for p in parents)


def check_kind(name: str, kind: str, variable: Variable | None = None) -> None:
    """Refuse a kind of mechanism that does not exist, or not for such a variable.

    >>> check_kind("y", "linnear")
    Traceback (most recent call last):
    ...
    dorec.domain.errors.ConfigError: The mechanism of y is 'linnear'. Allowed: auto, table, ... mean 'linear'?
    """
    kinds = get_args(Kind)
    if kind not in kinds:
        said = f"The mechanism of {name} is {kind!r}. Allowed: {', '.join(kinds)}.{did_you_mean(kind, kinds)}"
        raise ConfigError(said)
    if variable is None or kind == "auto":
        return
    fitting = OF_DISCRETE if variable.is_discrete else OF_CONTINUOUS
    if kind not in fitting:
        what = "discrete" if variable.is_discrete else "continuous"
        raise ConfigError(f"{name} is {what}, and {kind!r} is no mechanism of such; give {', '.join(fitting)}.")


@dataclass(frozen=True)
class MechanismFit:
    """Fits one variable after the other.

    Args:
        n_folds: of the cross-fits that compare kinds and give trees their noise.
        sample_size: rows that the BDeu prior of a table is worth.
        boosting: how trees are grown.
    """

    n_folds: int = 5
    sample_size: float = 1.0
    boosting: Boosting = field(default_factory=Boosting)

    def fit(
        self, rows: Rows, name: str, parents: tuple[str, ...], kind: str, context: RunContext
    ) -> tuple[Mechanism, Verdict | None]:
        """The mechanism of a variable, and what has to be said of it."""
        variable = rows.variables[name]
        check_kind(name, kind, variable)
        if kind == "auto":
            kind = self._choose(rows, name, parents, context)
        if kind == "table":
            return self._table(rows, name, parents)
        if variable.is_discrete:
            return self._odds(rows, name, parents, kind, context), None
        return self._additive(rows, name, parents, kind, context), None

    def _choose(self, rows: Rows, name: str, parents: tuple[str, ...], context: RunContext) -> str:
        """A table where it can be; else trees only where they predict better than chance explains."""
        discrete = rows.variables[name].is_discrete
        if not parents:
            return "table" if discrete else "linear"
        widths = rows.widths(parents)
        if discrete and all(widths) and prod(widths) * len(rows.variables[name].levels) <= TABLE_CELLS:
            return "table"
        simple, trees = ("logistic", "classifier_trees") if discrete else ("linear", "additive_trees")
        some = rows.order[:CHOICE_ROWS]
        if len(some) < 10 * self.n_folds:
            return simple
        loss = self._odds_loss if discrete else self._squared_loss
        gain = loss(rows, name, parents, simple, some, context) - loss(rows, name, parents, trees, some, context)
        error = gain.std() / np.sqrt(len(gain))
        return trees if gain.mean() > 2 * error else simple

    def _squared_loss(
        self, rows: Rows, name: str, parents: tuple[str, ...], kind: str, some: IntArray, context: RunContext
    ) -> FloatArray:
        residual: FloatArray = self._out_of_fold(rows, name, parents, kind, some, context)
        return residual**2

    def _out_of_fold(
        self, rows: Rows, name: str, parents: tuple[str, ...], kind: str, some: IntArray, context: RunContext
    ) -> FloatArray:
        """Residuals of rows that the function has not seen."""
        x, y = rows.design(parents)[some], rows.values[name][some]

        def one(train: IntArray, test: IntArray) -> FloatArray:
            if kind == "additive_trees":
                return fit_tree_regression(x[train], y[train], self.boosting, context).predict(x[test])[:, 0]
            return fit_linear(x[train], y[train]).predict(x[test])[:, 0]

        return y - cross_predict(one, np.arange(len(some)) % self.n_folds, context.engine.map)

    def _odds_loss(
        self, rows: Rows, name: str, parents: tuple[str, ...], kind: str, some: IntArray, context: RunContext
    ) -> FloatArray:
        x, y = rows.design(parents)[some], rows.values[name][some]
        n_levels = len(rows.variables[name].levels)

        def one(train: IntArray, test: IntArray) -> FloatArray:
            seen, codes = np.unique(y[train], return_inverse=True)
            out = np.full((len(test), n_levels), np.log(0.5 / len(train)))  # of a level that these rows lack
            if len(seen) > 1:
                fitted = (
                    fit_logistic(x[train], codes, context)
                    if kind == "logistic"
                    else fit_tree_classification(x[train], codes, self.boosting, context)
                )
                out[:, seen] = log_probabilities(fitted.predict(x[test]))
            return out

        folds = stratified_folds(np.arange(len(some), dtype=np.uint64), y, self.n_folds)
        log_p = cross_predict(one, folds, context.engine.map)
        loss: FloatArray = -log_p[np.arange(len(some)), y]
        return loss

    def _table(self, rows: Rows, name: str, parents: tuple[str, ...]) -> tuple[Mechanism, Verdict | None]:
        """Shares with a BDeu prior: `sample_size` rows spread evenly over all cells."""
        shape = (*rows.widths(parents), len(rows.variables[name].levels))
        wide = [p for p in parents if not rows.variables[p].is_discrete]
        if wide or prod(shape) > 1 << 24:
            why = f"{wide[0]} is continuous" if wide else f"it would have {prod(shape):,} cells"
            raise ConfigError(f"{name} can't have a table: {why}; give 'auto', 'logistic' or 'classifier_trees'.")
        place = np.ravel_multi_index([*(rows.values[p] for p in parents), rows.values[name]], shape)
        counts = np.bincount(place, minlength=prod(shape)).reshape(shape).astype(np.float64)
        cells = counts + self.sample_size / prod(shape)
        seen = counts.sum(axis=-1)
        empty = cells.sum(axis=-1, keepdims=True) == 0  # without a prior
        with np.errstate(invalid="ignore"):
            values = np.where(empty, 1 / shape[-1], cells / cells.sum(axis=-1, keepdims=True))
        return TableMechanism(parents, values, np.asarray(seen)), _unseen(name, parents, np.asarray(seen))

    def _odds(self, rows: Rows, name: str, parents: tuple[str, ...], kind: str, context: RunContext) -> OddsMechanism:
        x, y = rows.design(parents)[rows.order], rows.values[name][rows.order]
        if not parents:
            share = np.log(np.bincount(y, minlength=len(rows.variables[name].levels)) / rows.n)
            return OddsMechanism((), (), Linear(np.empty((0, len(share))), share))
        if kind == "logistic":
            return OddsMechanism(parents, rows.widths(parents), fit_logistic(x, y, context))
        return OddsMechanism(parents, rows.widths(parents), fit_tree_classification(x, y, self.boosting, context))

    def _additive(
        self, rows: Rows, name: str, parents: tuple[str, ...], kind: str, context: RunContext
    ) -> AdditiveMechanism:
        widths = rows.widths(parents)
        if kind == "additive_trees" and parents:
            x, y = rows.design(parents)[rows.order], rows.values[name][rows.order]
            trees = fit_tree_regression(x, y, self.boosting, context)
            # residuals of rows that trained the trees would be too small
            left = self._out_of_fold(rows, name, parents, kind, rows.order[:NOISE_ROWS], context)
            return AdditiveMechanism(parents, widths, trees, _pool(left - left.mean()))
        x, y = rows.design(parents), rows.values[name]
        if kind == "linear" and not parents:  # the values themselves, to their last digit
            return AdditiveMechanism((), (), Linear(np.empty((0, 1)), np.zeros(1)), _pool(y))
        line = fit_linear(x, y)
        left = y - line.predict(x)[:, 0]
        left = left * np.sqrt(rows.n / max(rows.n - x.shape[1] - 1, 1))
        noise = Noise(float(left.std())) if kind == "linear_gaussian" else _pool(left - left.mean())
        return AdditiveMechanism(parents, widths, line, noise)


def _pool(residuals: FloatArray) -> Noise:
    """Residuals, sorted; of very many, evenly spaced ones."""
    ordered = np.sort(residuals)
    if len(ordered) > POOL:
        ordered = ordered[np.linspace(0, len(ordered) - 1, POOL).round().astype(np.int64)]
    return Noise(float(ordered.std()), ordered)


def _unseen(name: str, parents: tuple[str, ...], rows: FloatArray) -> Verdict | None:
    empty = int((rows == 0).sum())
    if not empty:
        return None
    return Verdict(
        check=f"table of {name}",
        status="warning",
        code="unseen_combinations",
        statistic=empty / rows.size,
        meaning=f"{empty:,} of {rows.size:,} combinations of {', '.join(parents)} are in no row; there the prior alone "
        f"speaks, and every level of {name} is as likely.",
        remedy="Don't read what is asked of them; merge rare levels, or give the mechanism 'logistic'.",
        evidence={"node": name, "unseen": empty, "combinations": int(rows.size)},
    )
