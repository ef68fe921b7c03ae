"""CausalForest beside econml's CausalForestDML, on the same generated input: error, coverage, seconds, memory.

Run: ECONML_PYTHON=/path/to/python python benchmarks/bench_forest.py [largest n]; writes benchmarks/results/forest.md.
One line of it: python benchmarks/bench_forest.py "dorec CausalForest" smooth 20000 1 500
(effect, n, repetitions, trees).
econml needs an environment of its own; without ECONML_PYTHON it is left out. Each run is a process of its own with one
thread; effects and 95% intervals are asked for 2,000 fresh units, and both are part of the time.
"""

import json
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
P = 20
Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
Found = tuple[np.ndarray, np.ndarray, np.ndarray]  # effects, lower and upper bounds of the fresh units


EFFECTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "step": lambda x: 1 + 0.5 * (x[:, 0] > 0) + 0.3 * np.tanh(x[:, 3]),
    "smooth": lambda x: 1 + 0.5 * np.tanh(x[:, 0]) + 0.3 * np.tanh(x[:, 3]),
    "sigmoids": lambda x: 2 / (1 + np.exp(-2 * x[:, 0])) / (1 + np.exp(-2 * x[:, 1])),
}


def world(n: int, seed: int, kind: str = "step") -> Data:
    """The world of bench_estimate.py, with other effects beside its own: covariates, treatment, outcome, effect."""
    rng = np.random.default_rng([2, seed])
    x = rng.normal(size=(n, P))
    odds = 0.6 * np.sin(1.5 * x[:, 0]) + 0.4 * x[:, 1] + 0.3 * x[:, 1] * (x[:, 2] > 0)
    t = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(int)
    effect = EFFECTS[kind](x)
    base = np.sin(1.5 * x[:, 0]) + x[:, 1] + 0.5 * x[:, 1] * (x[:, 2] > 0) + 0.5 * x[:, 4] ** 2
    return x, t, base + effect * t + rng.normal(size=n), effect


def dorec_forest(x: np.ndarray, t: np.ndarray, y: np.ndarray, fresh: np.ndarray, trees: int) -> Found:
    from dorec import RunContext, Study
    from dorec.estimate import CausalForest

    names = [f"x{j:02}" for j in range(P)]
    table = dict(zip(names, x.T, strict=True)) | {"t": t, "y": y}
    study = Study.from_table(table, outcome="y", treatment="t", covariates=names)
    model = CausalForest(n_trees=trees).fit(study, context=RunContext(threads=1))
    return model.effect(fresh), *model.interval(fresh)


def econml_forest(x: np.ndarray, t: np.ndarray, y: np.ndarray, fresh: np.ndarray, trees: int) -> Found:
    warnings.simplefilter("ignore")
    from econml.dml import CausalForestDML
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    model = CausalForestDML(
        model_y=HistGradientBoostingRegressor(random_state=0),
        model_t=HistGradientBoostingClassifier(random_state=0),
        discrete_treatment=True,
        n_estimators=trees,
        cv=5,
        random_state=0,
        n_jobs=1,
    )
    model.fit(y, t, X=x)
    lower, upper = model.effect_interval(fresh, alpha=0.05)
    return model.effect(fresh), lower, upper


METHODS: dict[str, Callable[..., Found]] = {"dorec CausalForest": dorec_forest, "econml CausalForestDML": econml_forest}


def one(method: str, kind: str, n: int, reps: int, trees: int) -> dict[str, float]:
    """Means over repetitions; the first fit, which imports and compiles, is not counted in time."""
    run = METHODS[method]
    warm = world(300, 10_000)
    run(*warm[:3], warm[0], 200)
    rows = []
    for rep in range(reps):
        x, t, y, _ = world(n, rep, kind)
        fresh, _, _, truth = world(2_000, 1_000 + rep, kind)
        start = time.process_time()
        effect, lower, upper = run(x, t, y, fresh, trees)
        seconds = time.process_time() - start
        inside = (lower <= truth) & (truth <= upper)
        rows.append((np.sqrt(np.mean((effect - truth) ** 2)), inside.mean(), (upper - lower).mean(), seconds))
    pehe, coverage, width, seconds = np.array(rows).T
    return {
        "pehe": float(pehe.mean()),
        "coverage": float(coverage.mean()),
        "width": float(width.mean()),
        "seconds": float(np.median(seconds)),
        "gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def plan(largest: int, peer: bool) -> list[tuple[str, str, int, int, int]]:
    """Method, effect, units, repetitions and trees of each line."""
    rows = [("dorec CausalForest", kind, 2_000, 5, 500) for kind in EFFECTS]
    rows += [("dorec CausalForest", kind, 20_000, 2, 500) for kind in EFFECTS]
    rows += [("dorec CausalForest", "step", 200_000, 1, 500), ("dorec CausalForest", "step", 1_000_000, 1, 500)]
    if peer:
        rows += [("econml CausalForestDML", kind, 2_000, 3, 500) for kind in EFFECTS]
        rows += [("econml CausalForestDML", "step", 20_000, 1, 500)]
    return sorted((row for row in rows if row[2] <= largest), key=lambda row: (row[2], row[1]))


def line(method: str, kind: str, n: int, reps: int, trees: int) -> str:
    """A line of the table, from a process of its own."""
    done = subprocess.run(
        [
            os.environ["ECONML_PYTHON"] if method.startswith("econml") else sys.executable,
            __file__,
            method,
            kind,
            *map(str, (n, reps, trees)),
        ],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | ONE_THREAD,
    )
    row = json.loads(done.stdout.splitlines()[-1])
    numbers = f"{row['pehe']:.3f} | {row['coverage']:.3f} | {row['width']:.2f} | {row['seconds']:.1f}"
    return f"| {method} | {kind} | {n:,} | {trees} | {reps} | {numbers} | {row['gb']:.2f} |"


def main() -> None:
    if len(sys.argv) == 6:
        print(json.dumps(one(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))))
        return
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    lines = [
        "# Causal forests, 20 features, nonlinear and confounded",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, `python benchmarks/bench_forest.py {largest}`, one thread, 5 folds.",
        "CPU seconds (median) of fit, effects and intervals of 2,000 fresh units; seeds 0 to repetitions - 1.",
        "Coverage is the share of fresh units whose pointwise 95% interval holds their effect.",
        "",
        "| method | effect | n | trees | repetitions | PEHE | coverage | mean width | CPU s | peak GB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    peer = bool(os.environ.get("ECONML_PYTHON"))
    for row in plan(largest, peer):
        lines.append(line(*row))
        print(lines[-1], flush=True)
    if not peer:
        lines += ["", "econml was not rerun: ECONML_PYTHON was not set."]
    target = Path(__file__).parent / "results" / "forest.md"
    target.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
