"""What is wrong with which rows: masks by field and reason, found column by column."""

from dataclasses import dataclass, field

import numpy as np

from dorec.numeric.arrays import AnyArray, BoolArray


@dataclass(eq=False)
class Findings:
    """Faults of `n` rows; the first fault of a row is the one that is told.

    Example:
        >>> findings = Findings(2)
        >>> findings.add(np.array([False, True]), "value", "wrong_type")
        >>> findings.add(np.array([True, True]), "user_id", "missing_field")
        >>> findings.bad.tolist(), findings.reason.tolist()
        ([True, True], ['missing_field', 'wrong_type'])
    """

    n: int
    bad: BoolArray = field(init=False)
    field_name: AnyArray = field(init=False)
    reason: AnyArray = field(init=False)
    hint: AnyArray = field(init=False)

    def __post_init__(self) -> None:
        self.bad = np.zeros(self.n, dtype=bool)
        self.field_name = np.empty(self.n, dtype=object)
        self.reason = np.empty(self.n, dtype=object)
        self.hint = np.empty(self.n, dtype=object)

    def add(self, mask: BoolArray, field_name: str, reason: str, hint: str = "") -> None:
        """Enter a fault for the rows of the mask that have none yet."""
        if not mask.any():
            return
        new = mask & ~self.bad
        self.bad |= new
        self.field_name[new] = field_name
        self.reason[new] = reason
        self.hint[new] = hint
