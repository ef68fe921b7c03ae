"""What is compared between arms: a metric names the columns and moments it needs, so a database can compute them."""

from dataclasses import dataclass
from typing import Literal, Protocol

from dorec.domain.errors import ConfigError

UNITS = "(units)"  # stands for one per randomised unit
ROWS = "(rows)"  # stands for the number of a unit's rows
Term = tuple[str, str]  # numerator and denominator, each a column, UNITS or ROWS


class Metric(Protocol):
    """A ratio of two totals over units; a mean is the ratio whose denominator counts."""

    @property
    def name(self) -> str:
        """What the metric is called in results."""
        ...

    @property
    def term(self) -> Term:
        """Numerator and denominator."""
        ...

    @property
    def before(self) -> Term | None:
        """The same from before the experiment, by which CUPED narrows the interval."""
        ...

    @property
    def ddof(self) -> int:
        """1 for the variance with n - 1, 0 with n."""
        ...


def columns_of(metric: Metric) -> tuple[str, ...]:
    """The columns of the table that a metric reads."""
    names = [*metric.term, *(metric.before or ())]
    return tuple(dict.fromkeys(n for n in names if n not in (UNITS, ROWS)))


def aggregates_of(metric: Metric) -> tuple[tuple[str, ...], ...]:
    """The sufficient statistics, per arm over units: counts, sums, and sums of products of these columns.

    Example:
        >>> aggregates_of(Mean("spend", per="unit"))
        (('(units)',), ('spend',), ('spend', 'spend'))
    """
    names = [n for n in dict.fromkeys([*metric.term, *(metric.before or ())]) if n != UNITS]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i:]]
    return ((UNITS,), *((n,) for n in names), *pairs)


@dataclass(frozen=True)
class Mean:
    """The mean of a column over rows, or of its total over units (`per="unit"`).

    The two differ where a unit has several rows. Either way the standard error is that of the randomised units.

    Example:
        >>> Mean("spend").name, Mean("spend", per="unit").name
        ('spend', 'spend per unit')
    """

    column: str
    per: Literal["row", "unit"] = "row"
    covariate: str | None = None  # a column from before the experiment, for CUPED
    label: str = ""

    def __post_init__(self) -> None:
        if self.per not in ("row", "unit"):
            raise ConfigError(f"per is {self.per!r}; allowed: 'row', 'unit'.")

    @property
    def name(self) -> str:
        """The label, or the column."""
        return self.label or (self.column if self.per == "row" else f"{self.column} per unit")

    @property
    def term(self) -> Term:
        """The column over rows or units."""
        return self.column, ROWS if self.per == "row" else UNITS

    @property
    def before(self) -> Term | None:
        """The covariate over the same."""
        return None if self.covariate is None else (self.covariate, self.term[1])

    @property
    def ddof(self) -> int:
        """1."""
        return 1


@dataclass(frozen=True)
class Proportion:
    """The share of rows where a column of 0 and 1 is 1.

    Example:
        >>> Proportion("bought").term
        ('bought', '(rows)')
    """

    column: str
    covariate: str | None = None
    label: str = ""

    @property
    def name(self) -> str:
        """The label, or the column."""
        return self.label or self.column

    @property
    def term(self) -> Term:
        """The column over rows."""
        return self.column, ROWS

    @property
    def before(self) -> Term | None:
        """The covariate over rows."""
        return None if self.covariate is None else (self.covariate, ROWS)

    @property
    def ddof(self) -> int:
        """0: the variance of a share is p (1 - p)."""
        return 0


@dataclass(frozen=True)
class Ratio:
    """The total of one column over the total of another, as clicks per impression, by the delta method on units.

    Example:
        >>> Ratio("clicks", "impressions").name
        'clicks / impressions'
    """

    numerator: str
    denominator: str
    covariate: tuple[str, str] | None = None  # numerator and denominator from before
    label: str = ""

    @property
    def name(self) -> str:
        """The label, or both columns."""
        return self.label or f"{self.numerator} / {self.denominator}"

    @property
    def term(self) -> Term:
        """The two columns."""
        return self.numerator, self.denominator

    @property
    def before(self) -> Term | None:
        """The two covariates."""
        return self.covariate

    @property
    def ddof(self) -> int:
        """1."""
        return 1
