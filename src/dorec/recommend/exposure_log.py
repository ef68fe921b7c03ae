"""What was shown and what was not, with the chance of it, and what came of each: what uplift is learned from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import BadPropensity, InputError, NotFinite, OneArm
from dorec.domain.run import RunContext
from dorec.domain.table import column, to_arrow
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.recommend.exposure import FLOOR, PoissonExposure, PoissonRates

DEFAULT_CONTEXT = RunContext()
Occurrences = tuple[IntArray, IntArray, IntArray]  # user, item and session of each event of one kind
LARGEST_CHANCE = 1.0 - 1e-3
ROUNDS = 20  # of redrawing pairs that turned out to be no zeros


@dataclass(frozen=True, eq=False, kw_only=True)
class ExposureLog:
    """Pairs of a session and an item: those shown, those not shown but chosen anyway, and a sample of the rest.

    `propensity` is the chance of a shown row to have been shown, averaged over the places of the slate. `weight` says
    how many pairs of the whole (sessions x items) a row that was not shown stands for; shown rows stand for themselves.

    Example:
        >>> rows = {"user_id": ["a", "a", "a", "b"], "item_id": ["x", "x", "y", "y"], "session_id": [1, 1, 1, 2],
        ...         "event": ["impression", "purchase", "purchase", "impression"],
        ...         "propensity": [0.5, None, None, 0.25], "position": [0, None, None, 0]}
        >>> log = ExposureLog.from_events(rows)
        >>> log.shown.tolist(), log.outcome.tolist(), log.propensity[:2].tolist()
        ([True, True, False, False], [1.0, 0.0, 1.0, 0.0], [0.5, 0.25])
    """

    responses: Dataset  # everything but the impressions; its vocabularies hold whatever occurs
    user: IntArray  # (n,)
    item: IntArray  # (n,)
    session: IntArray  # (n,)
    shown: BoolArray  # (n,)
    outcome: FloatArray  # (n,)
    propensity: FloatArray  # (n,) of being shown; nan where it is not known
    weight: FloatArray  # (n,)
    events: Mapping[str, Occurrences]  # by kind, impressions among them
    session_user: IntArray  # (n_sessions,)
    shown_event: str
    outcome_event: str
    began: FloatArray | None = None  # (n_sessions,) first timestamp of each; its first row where there are no times

    @classmethod
    def from_events(
        cls,
        table: Any,
        *,
        shown: str = "impression",
        outcome: str = "purchase",
        unshown_per_shown: float = 1.0,
        context: RunContext = DEFAULT_CONTEXT,
    ) -> "ExposureLog":
        """The log from any frame with user_id, item_id, session_id and event.

        It may have propensity and position, and timestamp, which tells in what order the sessions came.

        A shown row's outcome is 1 where its session has an `outcome` event with that item, however it came about. Users
        may count their sessions each on their own: an id that two of them have is two sessions.

        Args:
            table: one row an event; events without an item are left out.
            shown: the event that shows an item.
            outcome: the event that counts.
            unshown_per_shown: rows sampled from what was neither shown nor chosen, for each shown one.
            context: of the sampling.

        Raises:
            OneArm: nothing was shown, or no row is left that was not.
            BadPropensity: a logged propensity is outside (0, 1].
            InputError: no event is an outcome.
        """
        arrow = to_arrow(table)
        names = ["user_id", "item_id", "session_id", "event"]
        arrow = arrow.filter(arrow.column("item_id").combine_chunks().is_valid())
        user_id, item_id, session_id, event = (column(arrow, n) for n in names)
        event = event.astype(str)
        for name, error in ((shown, OneArm), (outcome, InputError)):
            if name not in event:
                raise error(f"no event is {name!r}; the events are {', '.join(np.unique(event).tolist())}")
        whole = Dataset.from_interactions({"u": user_id, "i": item_id, "e": event}, user="u", item="i", event="e")
        session = _occasions(session_id, whole)
        owner = np.zeros(session.max() + 1, dtype=np.int64)
        owner[session] = whole.user_index
        at = (whole.user_index, whole.item_index, session)
        kinds = {k: (at[0][event == k], at[1][event == k], session[event == k]) for k in np.unique(event).tolist()}
        chance = _place_averaged(arrow, event == shown)
        shape = (len(owner), whole.n_items)
        pair = session * whole.n_items + whole.item_index
        exposed, first = np.unique(pair[event == shown], return_index=True)
        chosen = np.unique(pair[event == outcome])
        pairs, stands_for = _with_unshown(exposed, chosen, shape, unshown_per_shown, context)
        of_unshown = np.full(len(pairs) - len(exposed), np.nan)
        return cls(
            responses=whole.take(event != shown),
            user=owner[pairs // whole.n_items],
            item=pairs % whole.n_items,
            session=pairs // whole.n_items,
            shown=np.arange(len(pairs)) < len(exposed),
            outcome=np.isin(pairs, chosen).astype(np.float64),
            propensity=np.concatenate([chance[first], of_unshown]),
            weight=stands_for,
            events=kinds,
            session_user=owner,
            shown_event=shown,
            outcome_event=outcome,
            began=_first_times(arrow, session),
        )

    @classmethod
    def from_table(
        cls,
        table: Any,
        *,
        user: str = "user_id",
        item: str = "item_id",
        shown: str = "shown",
        outcome: str = "outcome",
        propensity: str | None = "propensity",
        session: str | None = None,
        weight: str | None = None,
    ) -> "ExposureLog":
        """The log from any frame, or a dict of arrays, with one row for each pair that could have been shown.

        Args:
            table: one row a pair of an occasion and an item, shown or held back.
            user: column of the users, as the others by name.
            item: column of the items.
            shown: column of 0 and 1.
            outcome: column of what came of it: 0 and 1, or an amount.
            propensity: column of the chance to be shown, of rows that were not shown too; None where it is not known,
                then it is learned from how often a session shows such pairs.
            session: column of the occasions, each of one user; None if each row is one of its own, which needs a
                propensity.
            weight: column of how many pairs a row stands for; None for one each.

        Raises:
            ColumnNotFound: a column is not in the table.
            OneArm: nothing was shown, or everything was.
            BadPropensity: a propensity is outside (0, 1).
            NotFinite: an outcome or a weight is missing or infinite, or a weight is not above 0.
            InputError: `shown` holds anything but 0 and 1, no outcome is above 0, or there is neither a propensity
                nor a session.

        Example:
            >>> rows = {"user_id": ["a", "a", "b", "b"], "item_id": ["x", "y", "x", "y"], "shown": [1, 0, 0, 1],
            ...         "outcome": [1, 0, 1, 0], "propensity": [0.5, 0.5, 0.2, 0.2]}
            >>> log = ExposureLog.from_table(rows)
            >>> log.n, log.shown.sum().item(), log.responses.n_interactions
            (4, 2, 2)
        """
        if propensity is None and session is None:
            raise InputError("Give a column of propensities, or one of sessions, from which they can be learned.")
        arrow = to_arrow(
            table, [c for c in dict.fromkeys((user, item, shown, outcome, propensity, session, weight)) if c]
        )
        whole = Dataset.from_interactions(arrow, user=user, item=item)
        n = whole.n_interactions
        exposed, came = _arms(column(arrow, shown), shown), column(arrow, outcome).astype(np.float64)
        stands_for = np.ones(n) if weight is None else column(arrow, weight).astype(np.float64)
        if not (np.isfinite(came).all() and (np.isfinite(stands_for) & (stands_for > 0)).all()):
            raise NotFinite(f"an outcome or a weight of the {n:,} rows is missing, infinite or no weight at all")
        if not (came > 0).any():
            raise InputError(f"No outcome in {outcome!r} is above 0; give a longer log, or a nearer outcome.")
        chance = np.full(n, np.nan) if propensity is None else column(arrow, propensity).astype(np.float64)
        if propensity and not ((chance > 0) & (chance < 1)).all():
            raise BadPropensity("a propensity is missing or outside (0, 1)", remedy="leave out what can't be otherwise")
        occasion = np.arange(n)
        if session is not None:
            occasion = _occasions(column(arrow, session), whole)
        owner = np.zeros(occasion.max() + 1, dtype=np.int64)
        owner[occasion] = whole.user_index
        kinds = {"shown": exposed, "outcome": came > 0}
        return cls(
            responses=whole.take(came > 0),
            user=whole.user_index,
            item=whole.item_index,
            session=occasion,
            shown=exposed,
            outcome=came,
            propensity=chance,
            weight=stands_for,
            events={k: (whole.user_index[of], whole.item_index[of], occasion[of]) for k, of in kinds.items()},
            session_user=owner,
            shown_event="shown",
            outcome_event="outcome",
        )

    def with_users(self, table: Any, *, user: str) -> "ExposureLog":
        """The log with user features joined by id, as in `Dataset.with_users`."""
        return replace(self, responses=self.responses.with_users(table, user=user))

    def with_items(self, table: Any, *, item: str) -> "ExposureLog":
        """The log with item features joined by id, as in `Dataset.with_items`."""
        return replace(self, responses=self.responses.with_items(table, item=item))

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.user)

    def rates(self, context: RunContext = DEFAULT_CONTEXT) -> PoissonRates:
        """Chance that a session of a user shows an item, by Poisson factorisation of what was shown.

        Example:
            >>> rows = {"user_id": ["a", "a", "b"], "item_id": ["x", "x", "y"], "session_id": [1, 2, 3],
            ...         "event": ["impression", "impression", "purchase"]}
            >>> p = ExposureLog.from_events(rows).rates().of(np.array([0, 0]), np.array([0, 1]))
            >>> bool(p[0] > 5 * p[1])
            True
        """
        sessions = np.bincount(self.session_user, minlength=self.responses.n_users).astype(np.float64)
        user, item, _ = self.events[self.shown_event]
        return PoissonExposure().fit_counts((user, item), sessions, self.responses.n_items, context=context)

    def chances(self, context: RunContext = DEFAULT_CONTEXT) -> FloatArray:
        """Probability of being shown of every row (n,), kept from 0 and 1: as logged, else as `rates` says."""
        learned = self.rates(context).of(self.user, self.item)
        return np.clip(np.where(np.isnan(self.propensity), learned, self.propensity), FLOOR, LARGEST_CHANCE)


def _occasions(ids: AnyArray, whole: Dataset) -> IntArray:
    """The session of each row, (n,), numbered by id and then by user: one id of two users is two sessions."""
    told = np.unique(ids.astype(str), return_inverse=True)[1].astype(np.int64)
    return np.unique(told * whole.n_users + whole.user_index, return_inverse=True)[1].astype(np.int64)


def _first_times(arrow: Any, session: IntArray) -> FloatArray:
    """When each session began, in seconds or as counted; the number of its first row where times are not all there."""
    when = np.arange(len(session), dtype=np.float64)
    if "timestamp" in arrow.column_names and not arrow.column("timestamp").null_count:
        given = column(arrow, "timestamp")
        if given.dtype.kind == "M":
            given = given.astype("datetime64[us]").astype(np.int64) / 1e6
        if given.dtype.kind in "iuf" and np.isfinite(given).all():
            when = given.astype(np.float64)
    first = np.full(session.max() + 1, np.inf)
    np.minimum.at(first, session, when)
    return first


def _arms(values: AnyArray, name: str) -> BoolArray:
    """Which rows were shown."""
    told = values.astype(np.float64)
    if not np.isin(told, (0.0, 1.0)).all():
        raise InputError(f"Column {name!r} must hold 1 for what was shown and 0 for what was not; it has others.")
    if told.all() or not told.any():
        raise OneArm(f"{'every' if told.all() else 'no'} row was shown", remedy="add rows of the other kind")
    return told > 0


def _place_averaged(arrow: Any, is_shown: BoolArray) -> FloatArray:
    """Chance of each shown event: the logged one times the places of the slate, at most 1; nan without a log."""
    n = int(is_shown.sum())
    if "propensity" not in arrow.column_names:
        return np.full(n, np.nan)
    p = column(arrow, "propensity").astype(np.float64)[is_shown]
    known = np.isfinite(p)
    if (known & ~((p > 0) & (p <= 1))).any():
        raise BadPropensity("a logged propensity is outside (0, 1]", remedy="repair these rows or leave the column out")
    places = 1.0
    if "position" in arrow.column_names:
        position = column(arrow, "position").astype(np.float64)[is_shown]
        if np.isfinite(position).any():
            places = float(np.nanmax(position)) + 1.0
    return np.minimum(p * places, 1.0)


def _with_unshown(
    exposed: IntArray, chosen: IntArray, shape: tuple[int, int], unshown_per_shown: float, context: RunContext
) -> tuple[IntArray, FloatArray]:
    """Pairs shown, chosen without being shown, and a sample of the rest, with how many pairs each stands for."""
    by_search = np.setdiff1d(chosen, exposed)
    n_zero = shape[0] * shape[1] - len(exposed) - len(by_search)
    wanted = min(round(unshown_per_shown * len(exposed)), n_zero)
    zeros = _zeros(np.union1d(exposed, by_search), wanted, shape, context)
    if not len(by_search) + len(zeros):
        raise OneArm("every item was shown in every session", remedy="hold some items back in some sessions")
    of_zeros = np.full(len(zeros), n_zero / max(len(zeros), 1))
    weight = np.concatenate([np.ones(len(exposed) + len(by_search)), of_zeros])
    return np.concatenate([exposed, by_search, zeros]), weight


def _zeros(taken: AnyArray, wanted: int, shape: tuple[int, int], context: RunContext) -> IntArray:
    """Pairs session * n_items + item, drawn without regard to anything, that are not taken; each at most once."""
    rng = context.rng("pairs that were not shown")
    found = np.empty(0, dtype=np.int64)
    total = shape[0] * shape[1]
    if total <= 4 * (wanted + len(taken)):
        free = np.setdiff1d(np.arange(total), taken)
        return np.sort(rng.choice(free, wanted, replace=False))
    for _ in range(ROUNDS):
        if len(found) >= wanted:
            break
        drawn = rng.integers(0, total, 2 * (wanted - len(found)) + 16)
        found = np.union1d(found, np.setdiff1d(drawn, taken))
    return np.sort(rng.permutation(found)[:wanted])
