"""Columns as classes for a formula that is counted out, and where it counts in classes that lack units."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dorec.domain.errors import ColumnNotFound, InputError, NoOverlap
from dorec.domain.estimand import Estimand
from dorec.domain.expression import Expression, Probability, parts_of
from dorec.domain.study import Study
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.neighbours import cells_of

TRACE, MOVED = 1e-9, 1e-5


@dataclass(frozen=True, eq=False)
class Classes:
    """The class of each unit, how many there are, and what they are called."""

    of: IntArray  # (n,)
    count: int
    labels: tuple[str, ...]


def classes_of(X: FloatArray, names: Sequence[str]) -> Classes:
    """The classes that columns X (n, q) of one variable make, the commonest first, and their labels.

    Where a formula holds for every value of a variable, the first one is taken: so it is one with many units.

    >>> classes_of(np.array([[2.0], [1.0], [2.0]]), ["size"]).labels
    ('2', '1')
    """
    cells = cells_of(X)
    order = np.argsort(-np.bincount(cells.of), kind="stable")
    rank = np.argsort(order, kind="stable")
    if len(names) == 1 and "=" not in names[0]:
        labels = [f"{point[0]:g}" for point in cells.points]
    else:
        shown = [name.partition("=")[2] or name for name in names]
        labels = [" & ".join(s for s, on in zip(shown, point, strict=True) if on) or "other" for point in cells.points]
    return Classes(np.asarray(rank[cells.of], dtype=np.int64), len(cells.points), tuple(labels[j] for j in order))


def columns_of(study: Study, name: str) -> list[int]:
    """The positions of the covariates that were made from a column."""
    source = [study.source_of.get(one, one) for one in study.covariate_names]
    if name not in source:
        known = [study.outcome_name, study.treatment_name, *sorted(set(source))]
        raise ColumnNotFound(name, known, where="the columns of the study, which the formula needs")
    return [j for j, one in enumerate(source) if one == name]


def cut(x: FloatArray, bins: int) -> Classes:
    """Numbers (n,) as classes between their quantiles.

    >>> cut(np.array([1.0, 2.0, 3.0, 4.0]), 2).count
    2
    """
    edges = np.unique(np.quantile(x, np.arange(1, bins) / bins))
    codes = np.searchsorted(edges, x, side="left")
    return classes_of(codes.astype(np.float64)[:, None], [""])


def condition_labels(classes: Mapping[str, Classes], conditions: tuple[str, ...]) -> tuple[str, ...]:
    """What to say of each combination of levels of the conditions, as " given c=1, d=0"; ("",) without any."""
    found = [""]
    for i, name in enumerate(conditions):
        found = [f"{one}{', ' if i else ' given '}{name}={label}" for one in found for label in classes[name].labels]
    return tuple(found)


def check_cells(estimand: Estimand, study: Study, classes: Mapping[str, Classes], least: int) -> None:
    """Refuse where the formula conditions on an arm in a class of units that has (almost) nobody in it."""
    treatment = study.treatment_name
    for others in sorted(_compared(estimand.expression, treatment, study.outcome_name)):
        shape = (len(study.arms), *(classes[name].count for name in others))
        cell = np.ravel_multi_index([study.treatment, *(classes[name].of for name in others)], shape)
        counts = np.bincount(cell, minlength=int(np.prod(shape))).reshape(len(study.arms), -1)
        present = counts.sum(axis=0) > 0
        few = np.where(present, counts.min(axis=0), least)
        if few.min() >= least:
            continue
        worst = int(few.argmin())
        arm = int(counts[:, worst].argmin())
        levels = np.unravel_index(worst, shape[1:]) if others else ()
        where = (
            ", ".join(f"{n}={classes[n].labels[int(v)]}" for n, v in zip(others, levels, strict=True)) or "the table"
        )
        raise NoOverlap(
            f"arm {study.arms[arm]!r} has {int(few[worst])} of the {int(counts[:, worst].sum()):,} units with {where}, "
            f"and the formula {estimand.expression} compares arms there; it needs {least}",
            remedy="merge rare levels, leave out a variable that the formula can do without, or collect more units",
            evidence={"units": counts[:, worst].tolist(), "min_per_cell": least, "classes": where},
        )


def _compared(expression: Expression, treatment: str, outcome: str) -> set[tuple[str, ...]]:
    """The sets of variables, besides the treatment, given which the expression conditions on the treatment."""
    found = set()
    given = set(expression.given) if isinstance(expression, Probability) else set()
    if outcome in given:
        raise InputError(f"The formula conditions on the outcome {outcome!r}; it can't be evaluated by plug-in.")
    if treatment in given:
        found.add(tuple(sorted(given - {treatment})))
    return found.union(*(_compared(part, treatment, outcome) for part in parts_of(expression)))


def check_defined(
    estimand: Estimand,
    functional: Callable[[FloatArray], FloatArray],
    p: FloatArray,
    value: FloatArray,
    rng: np.random.Generator,
) -> None:
    """Refuse where the value hangs on shares within classes that have nobody in them.

    A trace of units in every cell leaves all other shares as they are and decides those: the value must not move.
    """
    for _ in range(2):
        trace = rng.dirichlet(np.ones(p.size)).reshape(p.shape)
        if np.abs(functional((1.0 - TRACE) * p + TRACE * trace) - value).max() > MOVED:
            raise NoOverlap(
                f"the formula {estimand.expression} conditions on combinations of classes that no unit has, and its "
                "value hangs on what their outcome would have been",
                remedy="merge rare levels of " + ", ".join(sorted(estimand.expression.variables)) + ", or collect more "
                "units",
                evidence={"value": value.tolist()},
            )
