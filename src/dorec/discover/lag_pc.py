"""PCMCI: what acts on what, and after how long, in a panel of series."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from dorec.discover.columns import MIN_ROWS
from dorec.discover.lagged_knowledge import LaggedKnowledge, lagged_knowledge
from dorec.discover.lagged_links import LaggedLinks, lagged_name
from dorec.discover.panel import Panel, read_panel
from dorec.discover.pc import check_settings
from dorec.domain.errors import Collinear, ConfigError, ConstantColumn, TooFewUnits
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext
from dorec.numeric.arrays import BoolArray, FloatArray, IntArray
from dorec.numeric.lagged_moments import LaggedMoments, lagged_moments, run_lengths, sweep_means
from dorec.numeric.lagged_tests import mci_tests, select_past
from dorec.numeric.multiplicity import benjamini_hochberg
from dorec.numeric.partial_correlation import determined_columns

LagTest = Literal["fisher_z", "student_t"]
Means = Literal["none", "unit", "unit_and_time"]
DEFAULT_CONTEXT = RunContext(seed=0)
NO_VARIANCE = 1e-10  # of the variance over all rows


@dataclass(frozen=True)
class LagPC:
    """A graph over `name[t-k]` of what acts on what, and after how many steps, in a panel of daily behaviour.

    PCMCI (Runge, Nowack, Kretschmer, Flaxman, Sejdinovic 2019, doi:10.1126/sciadv.aau4996). First, for each variable,
    the past that stays dependent on it given the strongest rest of the past; then a test of momentary conditional
    independence (MCI) of each x[t-k] with each y[t], given the selected past of both. Conditioning on the past of x
    keeps the error rate where plain Granger tests, or PC, are fooled by autocorrelation.

    It assumes linear relations that do not change over time, no hidden common cause, and that nothing acts within one
    step: what does shows at the next lag, or not at all. No edge ever points back in time. All tests come from one
    correlation matrix of the window [t - 2 max_lag, t], made in one pass; windows never cross from one unit to
    another, nor a gap, and `links` counts what is left out.

    Users differ, and what differs between users must not look like what acts within one: with `means="unit"` each user
    has an intercept. In short panels that biases every link (Nickell 1981); the half-panel jackknife takes most of it
    out. Of links that are not there, 300 users of 40 or 20 days gave 5 to 6% at the level .05, but 21% of 12 days and
    36% of 9: trust fewer than 20 days a user only with few users. `"unit_and_time"` also takes out what a day does to
    everybody, as a sale.

    An edge's `confidence` is 1 - its p-value, which is adjusted for the false discovery rate (Benjamini, Hochberg 1995)
    unless `fdr=False`: once over the links of variables with their own past, which are nearly always there, and once
    over all others. The links are repeated along the window, as in a stationary process.

    Memory: 24 bytes x rows x d, and 24 bytes x (d (2 max_lag + 1))².

    Args:
        max_lag: how many steps back causes are sought.
        alpha: of the links: the false discovery rate, or with `fdr=False` the level of each test.
        unit: the column that says whose row it is; None for a single series.
        time: the column of whole numbers or dates; None where the rows of a single series stand in order.
        test: "fisher_z", or "student_t", which is exact for Gaussian data, however short.
        selection_alpha: of the first step; a larger one conditions on more.
        means: whose means are taken out: "none" but the overall one, "unit" or "unit_and_time".
        fdr: whether p-values are adjusted for how many links were looked for.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> view, cart = np.zeros((2, 500))
        >>> for t in range(1, 500):
        ...     view[t] = 0.7 * view[t - 1] + rng.normal()
        ...     cart[t] = 0.5 * cart[t - 1] + 0.6 * view[t - 1] + rng.normal()
        >>> found = LagPC(max_lag=2).links({"day": range(500), "view": view, "cart": cart})
        >>> [str(link) for link in found]
        ['cart[t-1] --> cart[t] (+0.40)', 'view[t-1] --> cart[t] (+0.54)', 'view[t-1] --> view[t] (+0.59)']
    """

    max_lag: int = 3
    alpha: float = 0.05
    unit: str | None = None
    time: str | None = "day"
    test: LagTest = "fisher_z"
    selection_alpha: float = 0.2
    means: Means = "unit"
    fdr: bool = True

    def __post_init__(self) -> None:
        check_settings(self, {"test": LagTest, "means": Means})
        if self.max_lag < 1:
            raise ConfigError(f"max_lag is {self.max_lag}; give 1 or more steps.")
        if not 0 < self.selection_alpha < 1:
            raise ConfigError(f"selection_alpha is {self.selection_alpha}; give a level between 0 and 1, as 0.2.")
        if self.unit is not None and self.unit == self.time:
            raise ConfigError(f"unit and time are both {self.unit!r}; name two columns.")
        if self.means == "unit_and_time" and self.unit is None:
            raise ConfigError("means='unit_and_time' of a single series leaves nothing; name the unit, or take 'unit'.")

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The links over the window, as a directed graph; see `links` for the numbers and `summary_graph`.

        Args, Raises: as `links`.
        """
        return self.links(table, knowledge, context).graph()

    def links(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> LaggedLinks:
        """Every MCI test and the links that passed.

        Args:
            table: one row for each unit and time, in any order; every other column is a variable.
            knowledge: forbidden, required and tiers, of variables (at every lag; a required link stands at its
                strongest) or of nodes as "view[t-1]". Tiers here say that nothing in a later tier ever acts on an
                earlier one. That time runs forward need not be said.
            context: progress.

        Raises:
            InputError: text columns, two rows of one unit and time, knowledge of strangers or back in time.
            NotFinite, ConstantColumn, Collinear, TooFewUnits: the columns can't be tested; each is named.
        """
        panel = read_panel(table, self.unit, self.time)
        known = lagged_knowledge(knowledge or Knowledge(), panel.names, self.max_lag)
        moments, n_unused = self._moments(panel)
        starts, parents = self._past(moments, len(panel.names), known, context)
        tested = known.allowed
        value, size = mci_tests(moments.correlation, len(panel.names), self.max_lag, starts, parents, tested)
        p_value = self._p_values(value, moments.dof - size, panel, moments.n_windows)
        adjusted = _adjusted(p_value, tested) if self.fdr else p_value
        found = tested & (adjusted <= self.alpha)
        required = known.required_links(found, np.where(tested, np.abs(np.nan_to_num(value)), -1.0))
        return LaggedLinks(
            names=panel.names,
            value=value,
            p_value=p_value,
            adjusted=adjusted,
            found=found | required,
            required=required,
            n_windows=moments.n_windows,
            n_units=moments.n_units,
            n_gaps=panel.n_gaps,
            n_rows_unused=n_unused,
            source=f"LagPC {self.test} alpha={self.alpha:g} n={moments.n_windows:,}",
        )

    def _moments(self, panel: Panel) -> tuple[LaggedMoments, int]:
        """Correlations over the window, and how many rows are in no window."""
        reach = 2 * self.max_lag
        length = run_lengths(panel.follows)
        usable = length >= reach
        scaled = panel.values - panel.values.mean(axis=0)
        scaled /= scaled.std(axis=0)
        taken_out = 0
        if self.means == "unit_and_time":
            scaled = sweep_means(scaled, [panel.unit, panel.moment])
            taken_out = len(np.unique(panel.moment[usable])) - 1
        elif self.means == "unit":
            scaled = sweep_means(scaled, [panel.unit])
        own = self.means != "none" and self.unit is not None
        group = panel.unit if own else np.zeros_like(panel.unit)
        moments = lagged_moments(scaled, usable, group, reach, taken_out, jackknife=own)
        if moments.dof < MIN_ROWS:
            raise TooFewUnits(
                f"{moments.n_windows:,} stretches of {reach + 1} rows that follow each other, in {moments.n_units:,} "
                f"units, are too few to test independence ({panel.n_gaps:,} gaps)",
                remedy="give longer series, a smaller max_lag, or fill the days on which nothing happened with zeros",
                evidence={"windows": moments.n_windows, "gaps": panel.n_gaps},
            )
        _refuse_determined(panel.names, moments)
        used = usable.copy()
        for back in range(1, reach + 1):
            used[:-back] |= usable[back:]
        return moments, int((~used).sum())

    def _past(
        self, moments: LaggedMoments, d: int, known: LaggedKnowledge, context: RunContext
    ) -> tuple[IntArray, IntArray]:
        """The selected past of each column: where each one's starts, and positions."""
        rounds = min(d * self.max_lag, moments.dof - 4)
        critical = self._critical(moments.dof - np.arange(rounds))
        chosen = []
        for y in context.track(range(d), "selecting the past", d):
            lags, causes = np.nonzero(known.allowed[:, y, 1:].T)
            candidates = (lags + 1) * d + causes
            kept = known.required[causes, y, lags + 1]
            chosen.append(select_past(moments.correlation, y, candidates, kept, critical)[0])
        starts = np.concatenate([[0], np.cumsum([len(c) for c in chosen])]).astype(np.int64)
        return starts, np.concatenate([*chosen, np.zeros(0, dtype=np.int64)])

    def _critical(self, n: IntArray) -> FloatArray:
        """The largest |partial correlation| that counts as none, for n windows less the conditions."""
        half = 1 - self.selection_alpha / 2
        if self.test == "fisher_z":
            return np.tanh(ndtri(half) / np.sqrt(n - 3))
        t = stdtrit(n - 2, half)
        return t / np.sqrt(n - 2 + t**2)

    def _p_values(self, value: FloatArray, n: IntArray, panel: Panel, n_windows: int) -> FloatArray:
        """Two-sided p-values; 1 where the conditions determine a side, so that there is nothing to test."""
        if (n[~np.isnan(value)] <= 3).any():
            raise TooFewUnits(
                f"{n_windows:,} windows are too few for tests given up to {int((n.max() - n).max()):,} variables",
                remedy="give longer series, fewer columns, or a smaller max_lag or selection_alpha",
            )
        r = np.clip(np.nan_to_num(value), -1 + 1e-15, 1 - 1e-15)
        if self.test == "fisher_z":
            p = 2 * ndtr(-np.sqrt(np.maximum(n - 3, 1)) * np.abs(np.arctanh(r)))
        else:
            p = 2 * stdtr(np.maximum(n - 2, 1), -np.abs(r) * np.sqrt(np.maximum(n - 2, 1) / (1 - r**2)))
        return np.where(np.isnan(value), 1.0, p)


def _adjusted(p_value: FloatArray, tested: BoolArray) -> FloatArray:
    """P-values adjusted within two families: links of a variable with its own past, and all others."""
    out = p_value.copy()
    own = np.eye(len(p_value), dtype=bool)[:, :, None]
    for family in (tested & own, tested & ~own):
        if family.any():
            out[family] = benjamini_hochberg(p_value[family])
    return out


def _refuse_determined(names: tuple[str, ...], moments: LaggedMoments) -> None:
    d = len(names)
    flat = sorted({names[j % d] for j in np.flatnonzero(moments.variance < NO_VARIANCE).tolist()})
    if flat:
        raise ConstantColumn(
            f"{', '.join(flat)} never vary once the means are taken out, as what belongs to a user for good",
            remedy="leave them out, or take means='none' if differences between units are to count",
            evidence={"columns": flat},
        )
    nodes = [lagged_name(names[j % d], j // d) for j in range(len(moments.correlation))]
    copies = np.argwhere(np.triu(np.abs(moments.correlation) > 1 - NO_VARIANCE, k=1)).tolist()
    if copies:
        said = "; ".join(f"{nodes[i]} and {nodes[j]}" for i, j in copies[:5])
        raise Collinear(
            f"{said}{'; ...' if len(copies) > 5 else ''} are the same up to scale, as a delayed copy or a counter",
            remedy="leave out one column of each pair",
            evidence={"pairs": [[nodes[i], nodes[j]] for i, j in copies]},
        )
    if moments.dof > len(nodes) + 1:
        which = [nodes[j] for j in determined_columns(moments.correlation).tolist()]
        if which:
            raise Collinear(
                f"{', '.join(which[:5])}{', ...' if len(which) > 5 else ''} follow exactly from the other columns of "
                "the window, as a total from its parts or a wave from its own past",
                remedy="leave these columns, or what they follow from, out",
                evidence={"nodes": which},
            )
