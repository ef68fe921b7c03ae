"""What a check found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["passed", "warning", "failed"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The outcome of one check: what was looked at, what was found, what it means and what to do.

    Example:
        >>> verdict = Verdict(check="placebo treatment", status="passed", statistic=0.4, p_value=0.69,
        ...                   meaning="a shuffled treatment has no effect, as it should")
        >>> bool(verdict), str(verdict)
        (True, 'passed: placebo treatment: a shuffled treatment has no effect, as it should')
    """

    check: str
    status: Status
    meaning: str
    code: str = ""  # machine-readable, as in `influence_dominated`
    statistic: float | None = None
    p_value: float | None = None
    remedy: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.status == "passed"

    def __str__(self) -> str:
        return f"{self.status}: {self.check}: {self.meaning}" + (f" {self.remedy}" if self.remedy else "")

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain data."""
        return {
            "check": self.check,
            "status": self.status,
            "code": self.code,
            "statistic": self.statistic,
            "p_value": self.p_value,
            "meaning": self.meaning,
            "remedy": self.remedy,
            "evidence": dict(self.evidence),
        }
