"""How often intervals hold: every estimator that gives one, over many samples of worlds whose effect is known.

Run: python benchmarks/interval_coverage.py LANE [words of a cell's name] [samples]. LANE is "fast" (n = 1,000, 400
samples: coverage in [.92, .98]), "slow" (2,000 samples: [.935, .965]) or "table", which only writes docs/coverage.md
from what was counted. Each cell is kept in benchmarks/results/coverage.json as it ends and is not counted again, so
that a lane can be run in pieces (delete the file to begin anew); the seed of sample i is i. `make truth` asserts the
slow lane.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.domain.panel import Panel
from dorec.estimate import (
    AIPW,
    IPW,
    TMLE,
    DifferenceInDifferences,
    DoubleML,
    DRLearner,
    FrontDoor,
    InteractiveIV,
    Matching,
    Mediation,
    OrthogonalIV,
    RegressionAdjustment,
    RegressionDiscontinuity,
    TwoStageLeastSquares,
)
from dorec.numeric.memo import Memo
from dorec.numeric.rng import generator
from dorec.refute import DESIGN_WORLDS, coverage_of
from dorec.refute.worlds import WORLDS

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "benchmarks" / "results" / "coverage.json"
TABLE = ROOT / "docs" / "coverage.md"
BANDS = {"fast": (0.92, 0.98), "slow": (0.935, 0.965)}
HEAD = """# How often the intervals hold

Counted {dates}, one thread, seed of sample i: i. `python benchmarks/interval_coverage.py fast`, then `slow`, repeats it
and writes this page. A line is an estimator over samples of a world with a known effect: how far it is off on average
and the mean standard error that it reports, both as a share of the estimates' own spread (sd), and how many of the 95%
intervals given hold the truth. An estimator that sees that its model does not fit gives a value without interval, which
"given" counts; "withheld" marks a line whose few intervals mislead in no more samples than allowed. The worlds are
those of `dorec.refute` (`WORLDS`, `DESIGN_WORLDS`). The average effect of S-, T-, X-, R- and DR-learners and of the
interactive DoubleML is AIPW's, number for number (a test holds them to it), so its lines are theirs. Fewer samples than
400 leave Monte-Carlo error: 2.0 points of coverage at 120, 3.4 at 40.

## 400 samples: coverage in [.92, .98]
"""
SLOW = """## 2,000 samples, models that fit: coverage in [.935, .965]"""
KINDS = ("linear", "nonlinear", "5% binary")


@dataclass(frozen=True)
class Cell:
    """One estimator in one world."""

    name: str
    learner: Any
    world: Any
    population: str = "all"
    nuisances: str = "default"
    n: int = 1_000
    repetitions: int = 400
    answer: Callable[[Any], Any] = field(default=lambda model: model.ate())


@dataclass(frozen=True)
class Staggered:
    """A panel of six times; groups start at 2 and 4 or never, trends and starts depend on a covariate."""

    name: str = "staggered panel"

    def draw(self, n: int, seed: int) -> Panel:
        rng = generator(seed, "coverage", self.name)
        x, time_ = rng.normal(size=n), np.arange(6)
        start = np.where(rng.random(n) < expit(0.7 * x), np.where(rng.random(n) < 0.5, 2, 4), 6)
        level, noise = rng.normal(size=(n, 1)), np.cumsum(rng.normal(size=(n, 6)), axis=1)
        y = level + time_ + 0.5 * x[:, None] * time_ + 1.0 * (time_ >= start[:, None]) + 0.5 * noise
        return Panel(outcome=y, units=np.arange(n), times=time_, starts=start, covariates=x[:, None],
                     covariate_names=("x",))  # fmt: skip

    def truth(self, population: str = "all") -> float:
        del population
        return 1.0


@dataclass(frozen=True)
class Threshold:
    """A jump at a threshold of a running variable: of Lee's curves (.04), or of a sine with one-sided takers (1)."""

    fuzzy: bool = False

    @property
    def name(self) -> str:
        return "threshold, fuzzy" if self.fuzzy else "threshold, Lee's curves"

    def draw(self, n: int, seed: int) -> Study:
        rng = generator(seed, "coverage", self.name)
        x = 2 * rng.beta(2, 4, n) - 1
        above = x >= 0
        if self.fuzzy:
            kind = rng.random(n)
            t = np.where(kind < 0.8, above, kind < 0.9)
            y = np.sin(2 * x) + 1.0 * t + 0.3 * (kind >= 0.9) + 0.2 * rng.normal(size=n)
        else:
            left = 0.48 + 1.27 * x + 7.18 * x**2 + 20.21 * x**3 + 21.54 * x**4 + 7.33 * x**5
            right = 0.52 + 0.84 * x - 3.00 * x**2 + 7.99 * x**3 - 9.01 * x**4 + 3.56 * x**5
            t, y = above, np.where(above, right, left) + 0.1295 * rng.normal(size=n)
        return Study.from_table({"x": x, "t": t, "y": y}, outcome="y", treatment="t", covariates=["x"])

    def truth(self, population: str = "all") -> float:
        del population
        return 1.0 if self.fuzzy else 0.04


def parts(model: Any) -> Any:
    return model.effects()


def linear(kind: str, treatment: str = "propensity_model") -> dict[str, Any]:
    outcome = LogisticRegression() if kind == "5% binary" else LinearRegression()
    return {"outcome_model": outcome, treatment: LogisticRegression()}


def in_designs(name: str, learner: Any, design: str, **settings: Any) -> list[Cell]:
    return [Cell(name, learner, DESIGN_WORLDS[f"{design}, {kind}"], **settings) for kind in KINDS]


def mediated(**settings: Any) -> list[Cell]:
    given = {kind: Mediation(mediators=("m",), nested_model=LinearRegression(), **linear(kind)) for kind in KINDS}
    return [
        Cell("mediation", learner, DESIGN_WORLDS[f"mediator, {kind}"], nuisances="linear", answer=parts, **settings)
        for kind, learner in given.items()
    ]


def instrumented(**settings: Any) -> list[Cell]:
    """The two-armed instrument for the effect on compliers, the doses for the partially linear model."""
    line, odds = LinearRegression(), LogisticRegression()
    late = InteractiveIV(outcome_model=odds, treatment_model=odds, instrument_model=odds)
    flat = OrthogonalIV(outcome_model=line, treatment_model=line, instrument_model=line)
    return [
        Cell("InteractiveIV", late, DESIGN_WORLDS["instrument, 5% binary"], nuisances="linear", **settings),
        Cell("OrthogonalIV", flat, DESIGN_WORLDS["instrument, linear"], nuisances="linear", **settings),
    ]


def without_choice() -> list[Cell]:
    """Estimators whose models are part of what they are."""
    cells = []
    for population in ("all", "treated"):
        for name, learner in (
            ("regression adjustment", RegressionAdjustment(population=population)),
            ("IPW, stabilised", IPW(population=population)),
        ):
            cells += [Cell(name, learner, WORLDS[kind], population, nuisances="its own") for kind in KINDS]
    for name, weights, population in (("IPW, raw", "raw", "all"), ("IPW, overlap", "overlap", "overlap")):
        cells += [Cell(name, IPW(weights=weights), WORLDS[kind], population, nuisances="its own") for kind in KINDS]
    cells += in_designs("2SLS", TwoStageLeastSquares(), "instrument", nuisances="its own")
    cells += in_designs("LIML", TwoStageLeastSquares(method="liml"), "instrument", nuisances="its own")
    cells += in_designs("front door", FrontDoor(mediators=("m",)), "front door", nuisances="its own")
    cells.append(Cell("difference in differences", DifferenceInDifferences(), Staggered(), nuisances="its own", n=300))
    jump = RegressionDiscontinuity(running="x", cutoff=0.0)
    cells.append(Cell("regression discontinuity", jump, Threshold(), nuisances="its own"))
    cells.append(Cell("regression discontinuity", jump, Threshold(fuzzy=True), nuisances="its own", n=2_000))
    return cells


def choosing(kind: str, nuisances: str) -> list[Cell]:
    """Estimators that take any model: in one world, so that they share the nuisances of each sample."""
    given = linear(kind) if nuisances == "linear" else {}
    dml = linear(kind, "treatment_model") if nuisances == "linear" else {}
    learners = [
        ("AIPW", AIPW(**given), "all"),
        ("TMLE", TMLE(**given), "all"),
        ("matching", Matching(**given), "all"),
        ("matching, 4 neighbours", Matching(n_neighbours=4, **given), "all"),
        ("matching, propensity", Matching(distance="propensity", **given), "all"),
        ("AIPW", AIPW(population="treated", **given), "treated"),
        ("AIPW", AIPW(population="overlap", **given), "overlap"),
        ("TMLE", TMLE(population="treated", **given), "treated"),
        ("matching", Matching(population="treated", **given), "treated"),
        ("DoubleML, partially linear", DoubleML(**dml), "overlap"),
    ]
    return [Cell(name, learner, WORLDS[kind], population, nuisances) for name, learner, population in learners]


def fast() -> list[Cell]:
    """Cheapest first."""
    cells = [
        *without_choice(),
        *choosing("linear", "linear"),
        *choosing("5% binary", "linear"),
        *instrumented(),
        *mediated(),
    ]
    for kind in KINDS:
        cells += choosing(kind, "default")
    return [*cells, *in_designs("mediation", Mediation(mediators=("m",)), "mediator", answer=parts, repetitions=100)]


def slow() -> list[Cell]:
    """Well-specified linear nuisances, so that what is left is the interval's own doing."""
    cells = in_designs("2SLS", TwoStageLeastSquares(), "instrument", nuisances="its own", repetitions=2_000)
    cells += instrumented(repetitions=2_000)
    for kind in ("linear", "5% binary"):
        average = AIPW(**linear(kind))
        for name, learner, population in (
            ("AIPW", average, "all"),
            ("DR-learner, average effect", DRLearner(effect_model=LinearRegression(), average=average), "all"),
            ("DoubleML, partially linear", DoubleML(**linear(kind, "treatment_model")), "overlap"),
        ):
            cells.append(Cell(name, learner, WORLDS[kind], population, "linear", repetitions=2_000))
    return [*cells, *mediated(repetitions=2_000)]


LANES = {"fast": fast, "slow": slow}


def key(lane: str, cell: Cell) -> str:
    return " | ".join((lane, cell.name, cell.population, cell.nuisances, cell.world.name))


def count(cell: Cell, context: RunContext) -> list[dict[str, Any]]:
    settings = {"n": cell.n, "repetitions": cell.repetitions, "population": cell.population, "answer": cell.answer}
    counted = coverage_of(cell.learner, cell.world, context=context, **settings)
    return [asdict(one) | {"se_over_sd": one.se_over_sd, "misled": one.misled} for one in counted]


def run(lane: str, words: list[str], repetitions: int | None) -> None:
    """Cells whose name has all the words, less those that were counted at as many samples."""
    context = RunContext(threads=1, memo=Memo(2**29))
    for cell in LANES[lane]():
        name, samples = key(lane, cell), repetitions or cell.repetitions
        before = kept().get(name)
        if any(word not in name for word in words) or (before and before["rows"][0]["repetitions"] >= samples):
            continue
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = count(replace(cell, repetitions=samples), context)
        spent = time.process_time() - start
        made = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "cpu_s": round(spent, 1), "rows": rows}
        KEPT.write_text(json.dumps(kept() | {name: made}, indent=1) + "\n")
        told = ", ".join(f"{row['covered']:.3f}/{row['se_over_sd']:.2f}/{row['given']:.2f}" for row in rows)
        print(f"{name}: {told} ({spent:.0f} s)", flush=True)


def kept() -> dict[str, Any]:
    return json.loads(KEPT.read_text()) if KEPT.exists() else {}


def table(lane: str) -> list[str]:
    low, high = BANDS[lane]
    lines = [
        "| estimator | effect of | models | world | n | samples | bias / sd | se / sd | coverage | given | |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    counted = kept()
    for name in [key(lane, cell) for cell in LANES[lane]()]:
        if name not in counted:
            continue
        cell, (_, estimator, population, nuisances, world) = counted[name], name.split(" | ")
        for row in cell["rows"]:
            effect = row["effect"] if len(cell["rows"]) > 1 else population
            bias = row["bias"] / row["sd"]
            fine = row["given"] == 0 or low <= row["covered"] <= high
            settled = row["given"] == 1 or row["misled"] <= 1 - low
            mark = "" if fine else "withheld" if row["given"] < 1 and settled else "**outside**"
            shown = ("-", "-") if row["given"] == 0 else (f"{row['se_over_sd']:.2f}", f"{row['covered']:.3f}")
            numbers = f"{row['n']:,} | {row['repetitions']:,} | {bias:+.2f} | {' | '.join(shown)} | {row['given']:.1%}"
            lines.append(f"| {estimator} | {effect} | {nuisances} | {world} | {numbers} | {mark} |")
    return lines if len(lines) > 2 else ["Not counted yet."]


def write() -> None:
    dates = sorted({cell["date"] for cell in kept().values()})
    said = HEAD.format(dates=dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}")
    TABLE.write_text("\n".join([said, *table("fast"), "", SLOW, "", *table("slow"), ""]))


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in (*LANES, "table"):
        raise SystemExit(__doc__)
    if sys.argv[1] != "table":
        fewer = [int(word) for word in sys.argv[2:] if word.isdigit()]
        run(sys.argv[1], [word for word in sys.argv[2:] if not word.isdigit()], fewer[0] if fewer else None)
    write()


if __name__ == "__main__":
    main()
