"""Which event type triggers which: a Hawkes process on the streams of users."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from scipy.special import chdtrc, ndtri

from dorec.discover.event_stream import EventStreams, TimeUnit, read_streams
from dorec.discover.lagged_knowledge import LaggedKnowledge, lagged_knowledge
from dorec.discover.pc import check_settings
from dorec.domain.errors import ColumnNotFound, ConfigError, NoInterval
from dorec.domain.estimate import Interval
from dorec.domain.graph import CausalGraph, Edge
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext
from dorec.numeric.arrays import BoolArray, FloatArray, IntArray
from dorec.numeric.hawkes import Triggers, excitation, fit_triggers
from dorec.numeric.multiplicity import benjamini_hochberg

Baseline = Literal["per_unit", "shared"]
DEFAULT_CONTEXT = RunContext(seed=0)
REFINEMENTS = 3  # each tries a decay on either side of the best
WAITS = (0.1, 0.25, 0.5, 0.75, 0.9)  # quantiles of the waits between a unit's events whose inverses are tried as decays


@dataclass(frozen=True, eq=False)
class HawkesFit:
    """How many events of each type one event of each type triggers, how sure that is, and the graph of it.

    `branching[i, j]` is how many events j one event i triggers by itself, on average; those in turn trigger more.

    Example:
        >>> z, one = np.zeros((2, 2)), np.ones((2, 2))
        >>> fit = HawkesFit(names=("cart", "view"), decay=1.0, branching=np.array([[0.0, 0.0], [0.3, 0.1]]),
        ...     std_error=np.array([[np.nan, np.nan], [0.02, 0.03]]), p_value=z, adjusted=z,
        ...     found=np.array([[False, False], [True, True]]), required=one < 0, baseline=one[0],
        ...     log_likelihoods={1.0: -10.0}, n_events=one[0], n_units=5, n_ties=0, source="HawkesGranger")
        >>> fit.graph.directed
        (('view[past]', 'cart[now]'), ('view[past]', 'view[now]'))
        >>> round(fit.interval("view", "cart").lower, 2), fit.spectral_radius
        (0.26, 0.1)
    """

    names: tuple[str, ...]
    decay: float  # per unit of time: what an event triggers comes after 1 / decay on average
    branching: FloatArray  # (d, d), at [cause, effect]
    std_error: FloatArray  # (d, d), from the observed information; NaN where branching is 0 or not fitted
    p_value: FloatArray  # (d, d)
    adjusted: FloatArray  # (d, d), what alpha was held against
    found: BoolArray  # (d, d)
    required: BoolArray  # (d, d), edges that knowledge gave
    baseline: FloatArray  # (d,), events per unit of time that nothing triggered, mean over units
    log_likelihoods: Mapping[float, float]  # decay -> log-likelihood
    n_events: FloatArray  # (d,)
    n_units: int
    n_ties: int
    source: str

    @cached_property
    def graph(self) -> CausalGraph:
        """Edges `cause[past]` --> `effect[now]`: feedback and self-excitation make no cycle."""
        edges = []
        for i, j in np.argwhere(self.found).tolist():
            error = (
                "no std_error, on the boundary" if np.isnan(self.std_error[i, j]) else f"± {self.std_error[i, j]:.3g}"
            )
            said = "required by knowledge" if self.required[i, j] else self.source
            ends = f"{self.names[i]}[past]", f"{self.names[j]}[now]"
            confidence = float(1.0 - self.adjusted[i, j])
            edges.append(
                Edge(*ends, "tail", "arrow", confidence, f"{said}: {self.branching[i, j]:.3g} ({error}) triggered each")
            )
        return CausalGraph(tuple(f"{n}[{when}]" for when in ("past", "now") for n in self.names), tuple(edges))

    @property
    def spectral_radius(self) -> float:
        """Below one the process is stable: an event triggers finitely many in the end."""
        return float(np.abs(np.linalg.eigvals(self.branching)).max())

    def interval(self, cause: str, effect: str, level: float = 0.95) -> Interval:
        """Bounds on how many events `effect` one event `cause` triggers, from the normal approximation.

        Raises:
            NoInterval: the estimate is zero, on the boundary of what may be, where the approximation fails.
        """
        for name in (cause, effect):
            if name not in self.names:
                raise ColumnNotFound(name, self.names, where="the event types")
        i, j = self.names.index(cause), self.names.index(effect)
        error = float(self.std_error[i, j])
        if np.isnan(error):
            raise NoInterval(
                f"{cause} -> {effect} is estimated as 0, the least it can be, where no normal interval holds",
                remedy="use its p-value",
            )
        half = float(ndtri(0.5 + level / 2)) * error
        value = float(self.branching[i, j])
        return Interval(value - half, value + half)


@dataclass(frozen=True)
class HawkesGranger:
    """Which event types trigger which (views, carts, purchases), from the times of events in the streams of users.

    Each type comes at a baseline rate, and each event adds to the rates of what it triggers, which then decays
    exponentially. i is a Granger cause of j in this sense (Xu, Farajtabar, Zha 2016, arXiv:1602.04511; Zhou, Zha, Song
    2013, proceedings.mlr.press/v31/zhou13a.html). Fitted by maximum likelihood for each type separately, exactly, in
    one pass over the events a step; each edge is tested by its likelihood ratio, whose null distribution on the
    boundary is half a chi-square (Self, Liang 1987), and the p-values are adjusted for the false discovery rate.

    Busy users do more of everything, which looks like triggering if all are taken to have the same baseline. With
    `baseline="per_unit"` each user and type has one of its own, and users who did j less than twice say nothing of what
    triggers j: tests between types keep their level however users differ. The price is that `branching[j, j]` comes
    out too small, by about 1 / (events j of a user), and its intervals miss. With `"shared"` it does not, if users are
    alike.

    Rhythms that all follow (evenings, weekends, a sale) are no triggers but look like them where they are as fast as
    the decay: take a decay well above the rhythm's speed. Hidden common causes do too. Nothing here can inhibit.

    Memory: 8 bytes x events x (types + 6), twice.

    Args:
        decay: per `time_unit`; several to choose from by likelihood; None to start from the inverses of the 10, 25,
            50, 75 and 90% quantiles of the waits between a user's events and close in on the best. P-values are
            multiplied by how many were tried.
        alpha: of the edges: the false discovery rate, or with `fdr=False` the level of each test.
        unit, event, time: columns.
        time_unit: of timestamps; times that are numbers are taken as they are.
        baseline: "per_unit" or "shared".
        fdr: whether p-values are adjusted for how many edges were looked for.

    Example:
        >>> from dorec.numeric.hawkes import simulate_hawkes
        >>> branching = np.array([[0.1, 0.0], [0.4, 0.2]])  # a view triggers 0.4 carts
        >>> user, when, kind = simulate_hawkes(
        ...     np.array([0.1, 0.5]), branching, 2.0, np.full(200, 50.0), np.random.default_rng(0))
        >>> rows = {"user_id": user, "event": np.array(["cart", "view"])[kind], "timestamp": when}
        >>> fit = HawkesGranger(decay=2.0, baseline="shared").fit(rows)
        >>> fit.branching.round(1).tolist()
        [[0.1, 0.0], [0.4, 0.2]]
        >>> fit.graph.directed
        (('cart[past]', 'cart[now]'), ('view[past]', 'cart[now]'), ('view[past]', 'view[now]'))
    """

    decay: float | tuple[float, ...] | None = None
    alpha: float = 0.05
    unit: str = "user_id"
    event: str = "event"
    time: str = "timestamp"
    time_unit: TimeUnit = "hour"
    baseline: Baseline = "per_unit"
    fdr: bool = True

    def __post_init__(self) -> None:
        check_settings(self, {"baseline": Baseline, "time_unit": TimeUnit})
        if self.decay is not None and not isinstance(self.decay, int | float):
            object.__setattr__(self, "decay", tuple(self.decay))
        if self.decay is not None and not (self._given() and all(d > 0 and np.isfinite(d) for d in self._given())):
            raise ConfigError(
                f"decay is {self.decay}; give a positive number per {self.time_unit}, or several, or None."
            )

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The graph over `type[past]` and `type[now]`; see `fit` for the numbers.

        Args, Raises: as `fit`.
        """
        return self.fit(table, knowledge=knowledge, context=context).graph

    def fit(
        self,
        table: Any,
        *,
        windows: Any = None,
        knowledge: Knowledge | None = None,
        context: RunContext = DEFAULT_CONTEXT,
    ) -> HawkesFit:
        """The branching matrix, with standard errors and tests.

        Args:
            table: one row an event, in any order, or an `EventLog`; users are independent of each other.
            windows: when users were watched: None for all from the first event of the table to its last, a pair
                (start, end), or a mapping from each user to a pair, where users without events may stand, too.
            knowledge: forbidden and required edges and tiers, over event types; nothing in a later tier then triggers
                anything in an earlier one. That causes come first need not be said.
            context: progress.

        Raises:
            NotFinite: a user, event or time is missing.
            InputError: a window ends before it starts, events outside of their window, knowledge of strangers.
            TooFewUnits: fewer than 10 events.
        """
        streams = read_streams(table, self.unit, self.event, self.time, self.time_unit, windows)
        known = lagged_knowledge(knowledge or Knowledge(), streams.names, 1)
        decays = self._given() or _decays(streams)
        tried: dict[float, float] = {}

        def fitted(decay: float) -> "_AtDecay":
            targets = _targets(streams, decay, self.baseline)
            fits = [one.fit(known.allowed[:, j, 1]) for j, one in enumerate(targets)]
            tried[decay] = sum(one.log_likelihood for one in fits)
            return _AtDecay(decay, targets, fits)

        best = fitted(decays[0])
        for decay in context.track(decays[1:], "decays", len(decays) - 1):
            best = _likelier(best, fitted(decay), tried)
        if self.decay is None:
            for _ in context.track(range(REFINEMENTS), "decays between", REFINEMENTS):
                for between in _between(best.decay, sorted(tried)):
                    best = _likelier(best, fitted(between), tried)
        return self._tested(streams, known, best, tried, context)

    def _tested(
        self,
        streams: EventStreams,
        known: LaggedKnowledge,
        best: "_AtDecay",
        tried: Mapping[float, float],
        context: RunContext,
    ) -> HawkesFit:
        targets, fits, d = best.targets, best.fits, len(streams.names)
        allowed = known.allowed[:, :, 1]
        p_value, std_error = np.ones((d, d)), np.full((d, d), np.nan)
        for j in context.track(range(d), "testing edges", d):
            p_value[:, j], std_error[:, j] = targets[j].tests(fits[j], allowed[:, j])
        p_value = np.minimum(p_value * len(tried), 1.0)  # the decay was chosen among them on the same events
        adjusted = p_value.copy()
        if self.fdr and allowed.any():
            adjusted[allowed] = benjamini_hochberg(p_value[allowed])
        branching = np.stack([one.branching for one in fits], axis=1)
        found = allowed & (adjusted <= self.alpha)
        required = known.required_links(np.stack([found] * 2, axis=2), np.stack([branching * 0 - 1, branching], axis=2))
        return HawkesFit(
            names=streams.names,
            decay=best.decay,
            branching=branching,
            std_error=std_error,
            p_value=p_value,
            adjusted=adjusted,
            found=found | required[:, :, 1],
            required=required[:, :, 1],
            baseline=np.array([one.total_baseline(fit) for one, fit in zip(targets, fits, strict=True)])
            / streams.end.sum(),
            log_likelihoods=tried,
            n_events=np.bincount(streams.kind, minlength=d).astype(float),
            n_units=len(streams.end),
            n_ties=streams.n_ties,
            source=f"HawkesGranger decay={best.decay:.3g} alpha={self.alpha:g} n={len(streams.time):,}",
        )

    def _given(self) -> tuple[float, ...]:
        return () if self.decay is None else self.decay if isinstance(self.decay, tuple) else (float(self.decay),)


@dataclass(frozen=True, eq=False)
class _Target:
    """The events of one type: what their past adds to their rate."""

    rate: FloatArray  # (m, d)
    first: IntArray  # (g + 1,), where the events of each group start
    span: FloatArray  # (g,), how long each was watched
    exposure: FloatArray  # (d,), of the causes in these groups
    n_lone: int  # further events, of units with no other of this type: their time says nothing once it has a baseline

    def fit(self, allowed: BoolArray, start: FloatArray | None = None) -> Triggers:
        """What triggers these events, among the types that are allowed (d,)."""
        return fit_triggers(self.rate, self.first, self.span, self.exposure, np.flatnonzero(allowed), start)

    def total_baseline(self, fitted: Triggers) -> float:
        """How many events nothing triggered."""
        return float(fitted.baseline @ self.span) + self.n_lone

    def tests(self, fitted: Triggers, allowed: BoolArray) -> tuple[FloatArray, FloatArray]:
        """P-value of each cause's likelihood ratio, (d,), and standard errors, (d,), NaN on the boundary."""
        p_value, std_error = np.ones(len(allowed)), np.full(len(allowed), np.nan)
        inside = fitted.branching > 0
        shrink = np.ones(len(allowed))  # of the likelihood ratio, which takes the information for the variance
        information = fitted.information[np.ix_(inside, inside)]
        if len(information) and np.linalg.matrix_rank(information, hermitian=True) == len(information):
            bread = np.linalg.inv(information)
            variance = np.diag(bread @ fitted.spread[np.ix_(inside, inside)] @ bread)
            std_error[inside], shrink[inside] = np.sqrt(variance), np.diag(bread) / variance
        for i in np.flatnonzero(inside).tolist():
            rest = allowed.copy()
            rest[i] = False
            ratio = 2 * (fitted.log_likelihood - self.fit(rest, fitted.branching).log_likelihood)
            p_value[i] = 0.5 * chdtrc(1, max(ratio, 0.0) * shrink[i])
        return p_value, std_error


def _targets(streams: EventStreams, decay: float, baseline: Baseline) -> list[_Target]:
    """The events of each type, in one group, or in one for each unit that has any."""
    d = len(streams.names)
    order = np.argsort(streams.kind, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    rate, exposure = excitation(streams.first, streams.time, streams.kind, place, streams.end, d, decay)
    unit = np.repeat(np.arange(len(streams.end)), np.diff(streams.first))[order]
    starts = np.searchsorted(streams.kind[order], np.arange(d + 1))
    targets = []
    for start, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        if baseline == "shared":
            everybody = np.array([0, stop - start]), streams.end.sum(keepdims=True), exposure.sum(axis=0)
            targets.append(_Target(rate[start:stop], *everybody, 0))
            continue
        who, size = np.unique(unit[start:stop], return_counts=True)
        several = size > 1
        first = np.concatenate([[0], np.cumsum(size[several])])
        rows = rate[start:stop][np.repeat(several, size)]
        who = who[several]
        targets.append(_Target(rows, first, streams.end[who], exposure[who].sum(axis=0), int((~several).sum())))
    return targets


@dataclass(frozen=True, eq=False)
class _AtDecay:
    """Everything at one decay."""

    decay: float
    targets: list[_Target]
    fits: list[Triggers]


def _likelier(one: _AtDecay, other: _AtDecay, log_likelihood: Mapping[float, float]) -> _AtDecay:
    return other if log_likelihood[other.decay] > log_likelihood[one.decay] else one


def _between(decay: float, tried: list[float]) -> list[float]:
    """Halfway, by ratio, to the neighbours on both sides; twice and half as much where there is none."""
    k = tried.index(decay)
    below = tried[k - 1] if k else decay / 4
    above = tried[k + 1] if k + 1 < len(tried) else decay * 4
    return [float(np.sqrt(decay * below)), float(np.sqrt(decay * above))]


def _decays(streams: EventStreams) -> tuple[float, ...]:
    """Inverse waits between neighbouring events of a unit; of the length of its window where it has one event."""
    inside = np.ones(len(streams.time), dtype=bool)
    inside[streams.first[:-1][np.diff(streams.first) > 0]] = False
    waits = np.diff(streams.time, prepend=0.0)[inside]
    waits = waits[waits > 0]
    if not len(waits):
        return (1.0 / float(streams.end.mean()),)
    return tuple(dict.fromkeys(float(1.0 / w) for w in np.quantile(waits, WAITS)))
