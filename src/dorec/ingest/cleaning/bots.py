"""Users who act like machines."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from dorec.domain.errors import ConfigError
from dorec.ingest.cleaning.step import ALIVE, BROWSING, CODE, Facts, Step, first_that_holds
from dorec.numeric.clock import DAY, MINUTE, part

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True)
class Bots(Step):
    """Drops every event of users who browse like machines: in bursts, all day, or one item over and over.

    Only views, clicks, favourites and carts are counted: impressions come by the page and invoices by the line. A user
    with a purchase is spared while `spare_buyers` is set, since money says more than speed does.

    Args:
        max_per_minute: browsing events in one minute of the clock that a person can reach.
        max_per_day: browsing events in one day (UTC) that a person can reach.
        single_item_share: share of a user's browsing on one item that a person stays below, among users with at least
            `min_events` browsing events.

    Example:
        >>> import dorec
        >>> log = dorec.EventLog.from_table({"user_id": ["bot"] * 9 + ["ann"], "item_id": ["x"] * 10,
        ...                                  "event": ["view"] * 10})
        >>> Bots(min_events=5).apply(log.table).user_id.to_pyarrow().to_pylist()
        ['ann']
    """

    max_per_minute: int = 120
    max_per_day: int = 5_000
    single_item_share: float = 0.98
    min_events: int = 100
    spare_buyers: bool = True

    name = "bots"
    rescans = True
    reasons = ("user browses in bursts", "user browses all day", "user browses one item only")

    def __post_init__(self) -> None:
        if min(self.max_per_minute, self.max_per_day, self.min_events) < 1:
            raise ConfigError("max_per_minute, max_per_day and min_events must be at least 1.")
        if not 0 < self.single_item_share <= 1:
            raise ConfigError(f"single_item_share is {self.single_item_share}; give a share in (0, 1], as in 0.98.")

    @property
    def description(self) -> str:
        """The rule in words."""
        spared = " unless they bought" if self.spare_buyers else ""
        return (
            f"drops users with more than {self.max_per_minute:,} browsing events in a minute, more than "
            f"{self.max_per_day:,} in a day, or {self.single_item_share:.0%} of at least {self.min_events} on one "
            f"item{spared}"
        )

    def skip(self, facts: Facts) -> str:
        """Nothing to judge by without browsing."""
        return "" if facts.browsing else f"there are no browsing events ({', '.join(BROWSING)})"

    def mark(self, events: "ir.Table") -> "ir.Table":
        """Code by the first of the reasons, for all events of the user."""
        profile = self._profile(events)
        joined = events.left_join(profile, events.user_id == profile["_user"])
        one_item = joined["_top_item"] >= joined["_n"].cast("float64") * self.single_item_share
        code = first_that_holds(
            joined["_per_minute"] > self.max_per_minute,
            joined["_per_day"] > self.max_per_day,
            (joined["_n"] >= self.min_events) & one_item,
        )
        spared = (joined["_buys"] > 0).fill_null(False) if self.spare_buyers else ibis.literal(False)
        return joined.mutate(_code=ibis.ifelse(spared, 0, code)).select(*events.columns, CODE)

    def _profile(self, events: "ir.Table") -> "ir.Table":
        """For each user who browses: the most in a minute, in a day, on one item, in all, and purchases."""
        alive = events.filter(events[ALIVE])
        keys = alive.select(
            "user_id",
            "item_id",
            _browses=alive.event.isin(BROWSING),
            _buys=alive.event == "purchase",
            _minute=part(alive.timestamp, MINUTE),
            _day=part(alive.timestamp, DAY),
        )
        browsing = keys.filter(keys["_browses"])
        total = keys.group_by(_user=keys.user_id).agg(_n=keys["_browses"].sum(), _buys=keys["_buys"].sum())
        minute = _most(browsing.filter(browsing["_minute"].notnull()), "_minute", "_per_minute")
        day = _most(browsing.filter(browsing["_day"].notnull()), "_day", "_per_day")
        item = _most(browsing.filter(browsing.item_id.notnull()), "item_id", "_top_item")
        out = total
        for most, name in ((minute, "_per_minute"), (day, "_per_day"), (item, "_top_item")):
            wide = out.left_join(most, out["_user"] == most["_of"])
            out = wide.select(*out.columns, name)
        return out


def _most(browsing: "ir.Table", unit: str, name: str) -> "ir.Table":
    each = browsing.group_by("user_id", unit).agg(_count=browsing.count())
    return each.group_by(_of=each.user_id).agg(**{name: each["_count"].max()})
