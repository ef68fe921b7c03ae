"""What became of the rows that were handed in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_EXAMPLES = 10


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """Counts that add up: `received = stored + duplicates + quarantined`. Receipts are added with `+`.

    Example:
        >>> one = Receipt(received=3, stored=2, duplicates=0, quarantined=1)
        >>> (one + one).stored
        4
        >>> Receipt(received=3, stored=1, duplicates=0, quarantined=1)
        Traceback (most recent call last):
        ValueError: 3 rows were received, but 1 stored + 0 duplicates + 1 quarantined make 2.
    """

    received: int = 0
    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0
    examples: tuple[Mapping[str, Any], ...] = ()  # some of the duplicates: event_id, user_id, item_id, event, timestamp

    def __post_init__(self) -> None:
        total = self.stored + self.duplicates + self.quarantined
        if self.received != total:
            raise ValueError(
                f"{self.received} rows were received, but {self.stored} stored + {self.duplicates} duplicates + "
                f"{self.quarantined} quarantined make {total}."
            )

    def __add__(self, other: "Receipt") -> "Receipt":
        return Receipt(
            received=self.received + other.received,
            stored=self.stored + other.stored,
            duplicates=self.duplicates + other.duplicates,
            quarantined=self.quarantined + other.quarantined,
            examples=(self.examples + other.examples)[:MAX_EXAMPLES],
        )
