"""The best dose (price, discount, number of contacts) under a cost per unit of it, for all and for segments."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from dorec.domain.errors import InputError, NoOverlap, Refusal
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.explanation import Figure
from dorec.domain.plain_numbers import as_numbers, is_number, is_whole
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.intervene.choice import Choice, best_of, check_level
from dorec.intervene.extrapolation import beyond_support, extrapolation_verdict
from dorec.intervene.scenario_outcomes import ArmModel, DoseModel, check_population, unit_scores, weights_of
from dorec.numeric.arrays import AnyArray, FloatArray

DEFAULT_CONTEXT = RunContext()
Worth = Callable[[float, float], float]  # (outcome, dose) -> money; linear in the outcome


@runtime_checkable
class Refittable(Protocol):
    """A fitted model that knows what fitted it, so that it can be fitted to a segment."""

    @property
    def learner(self) -> Any:
        """What fitted it."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class DoseChoice:
    """The best of the doses that were tried, what it is worth, and how sure that is.

    Example:
        >>> values = Estimate.of_mean(np.random.default_rng(0).normal(size=(99, 1)) + [0, 2, 1], sample="shops")
        >>> found = DoseChoice(doses=np.array([1.0, 2.0, 3.0]), values=values, gains=values, choice=best_of(values),
        ...                    verdicts=())
        >>> found.dose, found.not_worse
        (2.0, (2.0,))
    """

    doses: FloatArray  # (m,)
    values: Estimate  # (m,) worth per unit at each dose, less its cost
    gains: Estimate  # (m,) the same less what was
    choice: Choice
    verdicts: tuple[Verdict, ...]
    segments: Mapping[str, "DoseChoice"] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)  # segment -> why it has no answer

    @property
    def dose(self) -> float:
        """The best dose."""
        return float(self.doses[self._at])

    @property
    def value(self) -> Interval:
        """Bounds on the worth per unit at the best dose, valid although it was chosen."""
        return self.choice.interval

    @property
    def gain(self) -> Interval:
        """Bounds on what the best dose brings per unit beside what was, valid although it was chosen."""
        lower, upper = self.gains.interval(self.choice.level, joint=True)
        return Interval(float(lower[self._at]), float(upper[self._at]))

    @property
    def regret(self) -> float:
        """No dose that was tried is better by more than this, with the probability of the choice's level."""
        return self.choice.regret

    @property
    def not_worse(self) -> tuple[float, ...]:
        """The doses among which the best of those tried is, with the probability of the choice's level."""
        held = set(self.choice.not_worse)
        return tuple(float(d) for d, name in zip(self.doses, self.values.name, strict=True) if name in held)

    def to_table(self) -> list[dict[str, Any]]:
        """A row for all units and for each segment: the dose, its worth and gain with bounds, the regret."""
        rows = []
        for name, one in (("all", self), *self.segments.items()):
            row = {"segment": name, "dose": one.dose, "value": float(one.choice.value.value)}
            row |= {"lower": one.value.lower, "upper": one.value.upper, "regret": one.regret}
            row |= {"gain lower": one.gain.lower, "gain upper": one.gain.upper, "from": min(one.not_worse)}
            rows.append(row | {"to": max(one.not_worse)})
        return rows

    def figure(self) -> Figure:
        """Worth by dose with its simultaneous band, as data."""
        lower, upper = self.values.interval(self.choice.level, joint=True)
        line = {"name": "worth per unit", "x": self.doses.tolist(), "y": np.asarray(self.values.value).tolist()}
        return Figure(
            kind="curve",
            title=f"The best dose is {self.dose:.4g}",
            caption=f"Band: {self.choice.level:.0%} at all doses at once. Not worse beyond the error: "
            f"{min(self.not_worse):.4g} to {max(self.not_worse):.4g}.",
            x_label="dose",
            y_label="worth per unit",
            data={"lines": [line | {"lower": lower.tolist(), "upper": upper.tolist()}]},
        )

    def __str__(self) -> str:
        lines = [
            f"{row['segment']}: {row['dose']:.4g}, worth {row['value']:.4g} [{row['lower']:.4g}, {row['upper']:.4g}], "
            f"the best is between {row['from']:.4g} and {row['to']:.4g}"
            for row in self.to_table()
        ]
        lines += [f"{name}: no answer ({reason})" for name, reason in self.refused.items()]
        return "\n".join([*lines, *(str(v) for v in self.verdicts if not v)])

    @property
    def _at(self) -> int:
        return int(np.argmax(self.values.value))


def dose_search(
    model: DoseModel | ArmModel,
    doses: Sequence[float] | None = None,
    *,
    points: int = 20,
    value: Worth | None = None,
    cost: float = 0.0,
    segments: AnyArray | None = None,
    level: float = 0.95,
    context: RunContext = DEFAULT_CONTEXT,
) -> DoseChoice:
    """The dose with the largest worth per unit: that of the mean outcome at the dose, less the dose's cost.

    Args:
        model: a dose-response (`DoseResponse`), or an effect model whose arms are numbers.
        doses: the doses to try; by default `points` over the support, or the arms.
        points: how many.
        value: worth of (outcome, dose), linear in the outcome, as `lambda sold, price: sold * (price - 2)`; by default
            the outcome itself.
        cost: of one unit of the dose.
        segments: a label for each of the study's units, (n,): each gets its own search. A dose-response is fitted anew
            to each; statements then hold for all segments together.
        level: of the interval at the best dose, of the regret and of the set that holds the best dose.
        context: seed and progress.

    Raises:
        NoOverlap: a dose that was named lies beyond what the model's data can tell.
        NoSupport: no unit could have had the best dose.
        InputError: fewer than two doses, a worth that bends with the outcome, labels of another length.

    Example:
        >>> from dorec.domain.study import Study
        >>> class Curve:  # what DoseResponse gives
        ...     d = np.linspace(0, 4, 200)
        ...     table = {"price": d, "sold": 4 - d}
        ...     study = Study.from_table(table, outcome="sold", treatment="price", continuous=True)
        ...     support, found, noise = (0.2, 3.8), None, np.random.default_rng(0).normal(size=(200, 1))
        ...     def curve(self, doses):
        ...         mean = 4 - np.asarray(doses, dtype=float)
        ...         return Estimate(mean, 0 * mean + self.noise, name=tuple(map(str, doses)), sample=self.study.sample)
        >>> found = dose_search(Curve(), [1.0, 2.0, 2.5, 3.0], value=lambda sold, price: sold * (price - 1))
        >>> found.dose, round(found.choice.value.value, 2)
        (2.5, 2.25)
    """
    worth = value or _outcome
    if not isinstance(getattr(model, "study", None), Study) or not callable(worth):
        raise InputError(
            f"dose_search got {type(model).__name__} and the worth {worth!r}; give a fitted model and a function."
        )
    check_population(model, "dose_search")
    check_level(level)
    tried = None if doses is None else np.unique(as_numbers(doses, "doses"))
    if not is_number(cost) or not np.isfinite(cost):
        raise InputError(f"cost is {cost!r}; give a finite number.")
    if tried is not None and (len(tried) < 2 or not np.isfinite(tried).all()):
        raise InputError(f"doses are {doses}; give two doses or more, all finite.")
    whole = _search(model, _means(model, tried, points), worth, cost, level)
    if segments is None:
        return whole
    labels = _labels(segments, model.study.n)
    names = sorted(set(labels.tolist()))
    strict = 1 - (1 - level) / (1 + len(names))
    found: dict[str, DoseChoice] = {}
    refused: dict[str, str] = {}
    for name in context.track(names, "segments", len(names)):
        try:
            part, means = _of_segment(model, labels == name, tried if tried is not None else whole.doses, context)
            found[name] = _search(part, means, worth, cost, strict)
        except Refusal as refusal:
            refused[name] = refusal.reason
    again = _search(model, _means(model, whole.doses, points), worth, cost, strict)
    return replace(again, segments=found, refused=refused)


@dataclass(frozen=True, eq=False)
class _Means:
    doses: FloatArray  # (m,)
    estimate: Estimate  # (m,)


@dataclass(frozen=True, eq=False)
class _Part:
    """The units of a segment."""

    study: Study


def _means(model: DoseModel | ArmModel, doses: FloatArray | None, points: int) -> _Means:
    """Mean outcomes at the doses; without any, at those over the support at which they can be known."""
    if model.study.dose is None:
        arms = _numbers(model)
        chosen = np.sort(arms) if doses is None else doses
        strange = [d for d in chosen if d not in arms]
        if strange:
            raise InputError(f"{strange[0]:g} is no arm; the arms: {', '.join(f'{a:g}' for a in np.sort(arms))}.")
        means = model.arm_means()  # type: ignore[union-attr]
        return _Means(chosen, Estimate.concat([means[int(np.flatnonzero(arms == d)[0])] for d in chosen]))
    if not isinstance(model, DoseModel):
        raise InputError(f"{type(model).__name__} has no curve over doses; take DoseResponse.")
    if doses is not None:
        return _Means(doses, model.curve(doses))
    if not is_whole(points, 2):
        raise InputError(f"points is {points!r}; give a whole number of 2 or more.")
    kept, parts = [], []
    for dose in np.linspace(*model.support, points + 2)[1:-1]:
        try:
            parts.append(model.curve([dose])[0])
        except NoOverlap:
            continue
        kept.append(float(dose))
    if len(kept) < 2:
        raise NoOverlap("fewer than two doses can be known", remedy="ask `curve` which, or collect more units")
    return _Means(np.array(kept), Estimate.concat(parts))


def _of_segment(
    model: DoseModel | ArmModel, rows: AnyArray, doses: FloatArray, context: RunContext
) -> tuple[Any, _Means]:
    part = model.study.take(rows)
    if model.study.dose is not None:
        if not isinstance(model, Refittable):
            raise InputError(f"{type(model).__name__} doesn't know what fitted it; search each segment by itself.")
        fitted = model.learner.fit(part, context=context)
        low, high = fitted.support
        return fitted, _means(fitted, doses[(doses >= low) & (doses <= high)], len(doses))
    means = model.arm_means()  # type: ignore[union-attr]
    own = unit_scores(means.value + np.asarray(means.influence), means.value, weights_of(model.study))
    inside = weights_of(part)
    value = np.average(own[rows], axis=0, weights=inside)
    cluster = None if means.cluster is None else means.cluster[rows]
    arms = _numbers(model)
    columns = [int(np.flatnonzero(arms == d)[0]) for d in doses]
    mean = Estimate(
        value[columns],
        (inside[:, None] * (own[rows] - value))[:, columns],
        name=tuple(f"{d:g}" for d in doses),
        sample=part.sample,
        cluster=cluster,
    )
    return _Part(part), _Means(doses, mean)


def _search(model: Any, means: _Means, worth: Worth, cost: float, level: float) -> DoseChoice:
    doses, estimate, study = means.doses, means.estimate, model.study
    base, slope = _straight(worth, doses, study.outcome)
    names = tuple(f"{d:.6g}" for d in doses)
    values = replace(
        estimate,
        value=estimate.value * slope + base - cost * doses,
        influence=np.asarray(estimate.influence) * slope,
        name=names,
        verdicts=(),
    )
    held = np.asarray(study.dose if study.dose is not None else _numbers(study)[study.treatment])
    was = np.array([worth(y, d) for y, d in zip(study.outcome, held, strict=True)]) - cost * held
    weight = weights_of(study)
    now = float(np.average(was, weights=weight))
    own = (weight * (was - now))[:, None]
    gains = replace(values, value=values.value - now, influence=np.asarray(values.influence) - own)
    choice = best_of(values, level)
    return DoseChoice(
        doses=doses,
        values=values,
        gains=gains,
        choice=choice,
        verdicts=_verdicts(study, held, doses, int(np.argmax(values.value))),
    )


def _straight(worth: Worth, doses: FloatArray, outcome: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Worth at each dose (m,) where nothing comes of it, and of one unit of the outcome; over the outcomes seen."""
    at = np.unique([0.0, 1.0, outcome.min(), outcome.mean(), outcome.max()])
    table = as_numbers([[worth(float(y), float(d)) for d in doses] for y in at], "value")
    if table.shape != (len(at), len(doses)) or not np.isfinite(table).all():
        raise InputError("value gives something else than a finite number; give a function of (outcome, dose).")
    base = table[np.searchsorted(at, 0.0)]
    slope = table[np.searchsorted(at, 1.0)] - base
    bend = np.abs(table - base - at[:, None] * slope).max(axis=0)
    if (bend > 1e-6 * np.abs(table).max(axis=0)).any():
        raise InputError("value bends with the outcome; give one that is linear in it, as sold * (price - 2).")
    return base, slope


def _labels(segments: AnyArray, n: int) -> AnyArray:
    """The segment of each unit as text, (n,); refused where two labels would read the same, or one is missing."""
    given = np.asarray(segments)
    if given.shape != (n,):
        raise InputError(f"segments have shape {given.shape}; give a label for each of {n:,} units.")
    plain = given.tolist()
    missing = [row for row, label in enumerate(plain) if label is None or label != label]
    if missing:
        raise InputError(f"{len(missing):,} unit(s) have no segment, the first in row {missing[0]}; give each a label.")
    if len(set(map(str, set(plain)))) < len(set(plain)):
        raise InputError("Two segments have the same name as text, such as 1 and '1'; rename one.")
    return np.array([str(label) for label in plain])


def _verdicts(study: Study, held: FloatArray, doses: FloatArray, at: int) -> tuple[Verdict, ...]:
    """Whether units could have had the best dose, and whether the best lies at the end of what was tried."""
    best, name = float(doses[at]), study.treatment_name
    had, asked = (held, best) if study.dose is not None else ((held == best).astype(np.float64), 1.0)
    seen = f"{held.min():.4g} to {held.max():.4g}"
    support = extrapolation_verdict(name, beyond_support(had, asked, study.covariates), seen=seen)
    if 0 < at < len(doses) - 1:
        return (support,)
    edge = Verdict(
        check=f"edge of {name}",
        status="warning",
        code="best_at_edge",
        statistic=best,
        meaning=f"The best {name} is the {'smallest' if at == 0 else 'largest'} that was tried, so a better one may "
        "lie beyond.",
        remedy="Try doses beyond it in an experiment, if the data don't reach them.",
    )
    return support, edge


def _numbers(model: Any) -> FloatArray:
    try:
        return np.array([float(arm) for arm in model.arms])
    except (TypeError, ValueError):
        raise InputError(
            f"The arms {', '.join(map(str, model.arms))} are no numbers, so they are no doses; take arms that are."
        ) from None


def _outcome(outcome: float, dose: float) -> float:
    del dose
    return outcome
