"""AIPW beside DoubleML's interactive regression model, on the same generated input: bias, coverage, seconds, memory.

Run: python benchmarks/bench_estimate.py [repetitions at n=2,000]; writes benchmarks/results/estimate.md.
Each run is a process of its own with one thread, so that its peak memory and CPU seconds are its own.
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
from scipy.special import expit

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
TRUTH = 1.25
P = 20


def world(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Twenty features, smooth confounding with an interaction, effects that vary: covariates, treatment, outcome."""
    rng = np.random.default_rng([2, seed])
    x = rng.normal(size=(n, P))
    t = (rng.random(n) < expit(0.6 * np.sin(1.5 * x[:, 0]) + 0.4 * x[:, 1] + 0.3 * x[:, 1] * (x[:, 2] > 0))).astype(int)
    effect = 1 + 0.5 * (x[:, 0] > 0) + 0.3 * np.tanh(x[:, 3])
    base = np.sin(1.5 * x[:, 0]) + x[:, 1] + 0.5 * x[:, 1] * (x[:, 2] > 0) + 0.5 * x[:, 4] ** 2
    return x, t, base + effect * t + rng.normal(size=n)


def dorec_aipw(x: np.ndarray, t: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    from dorec import RunContext, Study
    from dorec.estimate import AIPW

    names = [f"x{j}" for j in range(P)]
    table = dict(zip(names, x.T, strict=True)) | {"t": t, "y": y}
    study = Study.from_table(table, outcome="y", treatment="t", covariates=names)
    ate = AIPW(n_folds=5).fit(study, context=RunContext(threads=1)).ate()
    return ate.value, ate.std_error


def doubleml_irm(x: np.ndarray, t: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    warnings.simplefilter("ignore")
    from doubleml import DoubleMLData, DoubleMLIRM
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    learner, propensity = HistGradientBoostingRegressor(random_state=0), HistGradientBoostingClassifier(random_state=0)
    model = DoubleMLIRM(DoubleMLData.from_arrays(x, y, t.astype(float)), learner, propensity, n_folds=5)
    model.fit()
    return float(model.coef[0]), float(model.se[0])


METHODS: dict[str, Callable[..., tuple[float, float]]] = {
    "dorec AIPW": dorec_aipw,
    "DoubleML IRM, HistGradientBoosting": doubleml_irm,
}


def one(method: str, n: int, reps: int) -> dict[str, float]:
    """Error, standard error and CPU seconds over repetitions; the first fit, which imports, is not counted in time."""
    run = METHODS[method]
    run(*world(300, 10_000))
    found, seconds = [], []
    for rep in range(reps):
        data = world(n, rep)
        start = time.process_time()
        found.append(run(*data))
        seconds.append(time.process_time() - start)
    value, se = np.array(found).T
    return {
        "bias": float(value.mean() - TRUTH),
        "sd": float(value.std(ddof=1)) if reps > 2 else float("nan"),
        "se": float(se.mean()),
        "coverage": float((np.abs(value - TRUTH) < 1.96 * se).mean()),
        "seconds": float(np.median(seconds)),
        "gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def main() -> None:
    if len(sys.argv) == 4:
        print(json.dumps(one(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
        return
    reps = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    lines = [
        "# Average effect, 20 features, nonlinear and confounded, truth 1.25",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, one thread, 5 folds, CPU seconds (median). Coverage of the 95% interval.",
        "",
        "| method | n | repetitions | bias | sd | mean se | coverage | CPU s | peak GB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for n, count in ((2_000, reps), (20_000, 3)):
        for method in METHODS:
            command = [sys.executable, __file__, method, str(n), str(count)]
            environment = os.environ | ONE_THREAD
            row = json.loads(
                subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
            )
            numbers = f"{row['bias']:+.3f} | {row['sd']:.3f} | {row['se']:.3f} | {row['coverage']:.2f}"
            lines.append(f"| {method} | {n:,} | {count} | {numbers} | {row['seconds']:.2f} | {row['gb']:.2f} |")
            print(lines[-1], flush=True)
    target = Path(__file__).parent / "results" / "estimate.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
