"""How often off-policy intervals hold: 400 logs of a bandit whose policy has a known value, at six sizes.

Run: python benchmarks/off_policy_coverage.py [logs]. Counts are kept in benchmarks/results/off_policy_coverage.json
after every tenth log, so that it can be stopped and goes on from there (delete the file to begin anew); an estimator
that is added later is counted on the same logs. It prints the table of results/off_policy.md. One process,
one thread; log r is replica r of `LoggedBandit(seed=3)`.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from dorec.evaluate import IPS, MIPS, MRDR, SNDR, SNIPS, DoublyRobust, DRos, SubGaussianIPS, SwitchDR, off_policy_values
from dorec.simulate import LoggedBandit

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "benchmarks" / "results" / "off_policy_coverage.json"
SIZES = ((2_000, 10), (10_000, 10), (2_000, 100), (10_000, 100), (100_000, 10), (100_000, 100))
BLANK = {"logs": 0, "given": 0, "covered": 0, "error": 0.0, "square": 0.0, "std_error": 0.0}


def estimators(n_actions: int) -> dict[str, Any]:
    """What is counted; the kinds of MIPS are arbitrary, so that its assumption fails and its bias is at work."""
    return {
        "IPS": IPS(),
        "SNIPS": SNIPS(),
        "DR": DoublyRobust(),
        "SNDR": SNDR(),
        "MRDR": MRDR(),
        "SwitchDR": SwitchDR(),
        "DRos": DRos(),
        "SubGaussianIPS": SubGaussianIPS(),
        "MIPS": MIPS(embedding=np.arange(n_actions) // 5),
    }


def kept() -> dict[str, Any]:
    return json.loads(KEPT.read_text()) if KEPT.exists() else {}


def count(size: tuple[int, int], logs: int) -> None:
    """Every estimator on every log that it has not seen."""
    n, k = size
    name = f"{n} x {k}"
    draws = 2_000_000 if k < 50 else 500_000
    state = kept().get(name) or {"truth": LoggedBandit(n_actions=k, seed=3).true_value(draws)}
    asked = estimators(k)
    rows = {one: state.get(one) or dict(BLANK) for one in asked}
    for r in range(min(row["logs"] for row in rows.values()), logs):
        draw = LoggedBandit(n=n, n_actions=k, seed=3, replica=r)
        due = {one: how for one, how in asked.items() if rows[one]["logs"] == r}
        made = off_policy_values(draw.feedback(), draw.target(), due)
        for one, estimate in made.items():
            add(rows[one], estimate, state["truth"])
        if r % 10 == 9 or r == logs - 1:
            save(name, {**state, **rows})


def add(row: dict[str, Any], estimate: Any, truth: float) -> None:
    row["logs"] += 1
    row["error"] += estimate.value - truth
    row["square"] += (estimate.value - truth) ** 2
    if not estimate.no_interval:
        lower, upper = estimate.interval()
        row["given"] += 1
        row["covered"] += int(lower <= truth <= upper)
        row["std_error"] += estimate.std_error


def save(name: str, state: dict[str, Any]) -> None:
    partial = KEPT.with_suffix(".part")
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    partial.write_text(json.dumps(kept() | {name: {**state, "date": day}}, indent=1) + "\n")
    partial.replace(KEPT)


def table() -> list[str]:
    """Coverage, and mean reported error over the spread of the estimates, at each size."""
    counted = kept()
    sizes = [size for size in SIZES if f"{size[0]} x {size[1]}" in counted]
    lines = ["| estimator | " + " | ".join(f"{n:,} x {k}" for n, k in sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    for one in estimators(10):
        cells = [cell(counted[f"{n} x {k}"].get(one)) for n, k in sizes]
        lines.append(f"| {one} | " + " | ".join(cells) + " |")
    return lines


def cell(row: dict[str, Any] | None) -> str:
    if not row or not row["given"]:
        return "-"
    logs = row["logs"]
    spread = ((row["square"] - row["error"] ** 2 / logs) / (logs - 1)) ** 0.5
    told = f"{row['covered'] / row['given']:.3f} ({row['std_error'] / row['given'] / spread:.2f})"
    return told if logs == 400 else f"{told}, {logs} logs"


def main() -> None:
    logs = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    for size in SIZES:
        count(size, logs)
        print(size, "\n".join(table()), flush=True)


if __name__ == "__main__":
    main()
