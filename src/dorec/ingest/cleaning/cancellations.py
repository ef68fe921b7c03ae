"""Purchases that were taken back."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from dorec.ingest.cleaning.step import ALIVE, CODE, SALES, Facts, Step, first_that_holds, is_cancellation

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True)
class Cancellations(Step):
    """Removes each cancellation together with the purchase that it takes back.

    A cancellation is an event named cancel, cancellation, refund or return, or a sale with a negative value. It is
    paired with the latest purchase of the same user and item before it that is not yet cancelled, of the same amount
    (to a hundredth) while `same_value` is set: then no revenue is lost or made up, since the pair adds up to zero. A
    cancellation without such a purchase (bought before the log starts, or taken back in part) is kept and counted.

    The pairing is that of brackets: along a user's events on an item, purchases open and cancellations close. With S
    the running count of open purchases, a cancellation is unmatched where S falls below every earlier S and below 0,
    and a purchase is cancelled where some later S is below its own. Both are plain window functions.

    Example:
        >>> import dorec
        >>> from datetime import datetime
        >>> log = dorec.EventLog.from_table({"user_id": ["a"] * 3, "item_id": ["x"] * 3, "value": [5.0, 5.0, -5.0],
        ...     "event": ["purchase"] * 3, "timestamp": [datetime(2024, 1, d) for d in (1, 2, 3)]})
        >>> Cancellations().apply(log.table).timestamp.to_pyarrow().to_pylist()[0].day
        1
    """

    same_value: bool = True

    name = "cancellations"
    reasons = ("cancels a purchase", "purchase that was cancelled")
    notes = ("cancellation without its purchase (kept)",)

    @property
    def description(self) -> str:
        """The rule in words."""
        amount = " of the same amount" if self.same_value else ""
        return f"removes a cancellation and the latest purchase{amount} of that user and item before it"

    def skip(self, facts: Facts) -> str:
        """Without times there is no before."""
        if not facts.cancellations:
            return "there are no cancellations"
        return "" if facts.with_time else "events have no time stamps, so what came before is unknown"

    def mark(self, events: "ir.Table") -> "ir.Table":
        """Codes 1 and 2 for the two halves of a pair, -1 for a cancellation alone."""
        cancels = is_cancellation(events)
        sells = ~cancels & events.event.isin(SALES)
        placed = events.user_id.notnull() & events.item_id.notnull() & events.timestamp.notnull()
        amount = events.value.abs().round(2) if self.same_value else ibis.literal(0.0)
        signed = ibis.cases((cancels, -1), (sells, 1), else_=0)
        keyed = events.mutate(_sign=ibis.ifelse(events[ALIVE] & placed, signed, 0), _amount=amount)
        key = [(keyed["_sign"] == 0), keyed.user_id, keyed.item_id, keyed["_amount"]]
        order = [keyed.timestamp, keyed["_sign"].desc(), keyed.event_id]
        # ties need one order for all three windows
        ranked = keyed.mutate(_rank=ibis.row_number().over(ibis.window(group_by=key, order_by=order)))
        summed = ranked.mutate(_open=ranked["_sign"].sum().over(_along(ranked, following=0)))
        before = summed["_open"].min().over(_along(summed, following=-1))
        after = summed["_open"].min().over(_along(summed, preceding=-1))
        walked = summed.mutate(_before=before, _after=after)
        alone = walked["_open"] < ibis.least(0, walked["_before"].fill_null(0))
        is_cancel, is_sale = walked["_sign"] == -1, walked["_sign"] == 1
        code = first_that_holds(is_cancel & ~alone, is_sale & (walked["_after"] < walked["_open"]), is_cancel & alone)
        return walked.mutate(_code=ibis.ifelse(code == 3, -1, code)).select(*events.columns, CODE)


def _along(table: "ir.Table", preceding: int | None = None, following: int | None = None) -> "ir.LegacyWindowBuilder":
    """A user's events on an item in order: from the first to `following` rows on, or from `-preceding` rows on."""
    rows = (None, following) if following is not None else (1, None)
    key = [(table["_sign"] == 0), table.user_id, table.item_id, table["_amount"]]
    return ibis.window(group_by=key, order_by=table["_rank"], rows=rows)
