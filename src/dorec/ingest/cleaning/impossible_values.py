"""Values that can't be true."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import ibis

from dorec.domain.errors import ConfigError
from dorec.ingest.cleaning.step import CANCELS, SALES, Step, first_that_holds

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True)
class ImpossibleValues(Step):
    """Drops events that can't have happened as they are written.

    A value that is NaN or infinite; a negative value outside sales, cancellations and ratings (money given back is a
    cancellation, see `Cancellations`); a time before `earliest` or after `latest` (by default a day from now); a
    propensity outside (0, 1]; a rating outside `rating_range`, where one is given.

    Example:
        >>> import dorec
        >>> log = dorec.EventLog.from_table({"user_id": ["a", "b", "c"], "propensity": [0.2, 0.0, 1.5]})
        >>> ImpossibleValues().apply(log.table).user_id.to_pyarrow().to_pylist()
        ['a']
    """

    earliest: datetime = datetime(1990, 1, 1, tzinfo=UTC)
    latest: datetime | None = None
    rating_range: tuple[float, float] | None = field(default=None)

    name = "impossible values"
    reasons = (
        "value is not a finite number",
        "value is negative and no money was given back",
        "time is before the earliest",
        "time is in the future",
        "propensity is outside (0, 1]",
        "rating is outside its range",
    )

    def __post_init__(self) -> None:
        if self.rating_range is not None and not self.rating_range[0] < self.rating_range[1]:
            raise ConfigError(f"rating_range is {self.rating_range}; give (lowest, highest), as in (1, 5).")

    @property
    def description(self) -> str:
        """The rule in words."""
        ratings = f", ratings outside {self.rating_range}" if self.rating_range else ""
        until = f"after {self.latest:%Y-%m-%d}" if self.latest else "in the future"
        return (
            f"drops values that are infinite or negative without a sale, times before {self.earliest:%Y-%m-%d} or "
            f"{until}, propensities outside (0, 1]{ratings}"
        )

    def mark(self, events: "ir.Table") -> "ir.Table":
        """Code by the first of the reasons."""
        value, time, propensity = events.value, events.timestamp, events.propensity
        latest = self.latest or datetime.now(UTC) + timedelta(days=1)
        may_be_negative = events.event.isin((*SALES, *CANCELS, "rating"))
        rating_is_out = ibis.literal(False)
        if self.rating_range:
            low, high = self.rating_range
            rating_is_out = (events.event == "rating") & ~value.between(low, high)
        code = first_that_holds(
            value.isnan() | value.isinf(),
            (value < 0) & ~may_be_negative,
            time < _instant(self.earliest),
            time > _instant(latest),
            propensity.isnan() | (propensity <= 0) | (propensity > 1),
            rating_is_out,
        )
        return events.mutate(_code=code)


def _instant(when: datetime) -> "ir.TimestampScalar":
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return ibis.literal(aware.astimezone(UTC), type="timestamp('UTC', 6)")
