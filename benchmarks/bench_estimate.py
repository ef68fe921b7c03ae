"""AIPW and DoubleML beside DoubleML's and econml's models, on the same generated input: error, seconds, memory.

Run: [DOUBLEML_PYTHON=/path/to/python] [ECONML_PYTHON=/path/to/python] python benchmarks/bench_estimate.py
[small REPETITIONS | large N]; writes benchmarks/results/estimate.md, of which the part that is not run stays.
"small" repeats n = 2,000 with dorec's default models; "large" runs once at n = 200,000 with the same learner for all.
The peers need environments of their own; without their variable they are left out. Each run is a process of its own
with one thread, so that its peak memory and CPU seconds are its own.
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
from typing import Any

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


def dorec(learner: Any, x: np.ndarray, t: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    from dorec import RunContext, Study

    names = [f"x{j}" for j in range(P)]
    table = dict(zip(names, x.T, strict=True)) | {"t": t, "y": y}
    study = Study.from_table(table, outcome="y", treatment="t", covariates=names)
    ate = learner.fit(study, context=RunContext(threads=1)).ate()
    return ate.value, ate.std_error


def dorec_aipw(x: np.ndarray, t: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    from dorec.estimate import AIPW

    return dorec(AIPW(n_folds=5), x, t, y)


def _boosted() -> tuple[Any, Any]:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(random_state=0), HistGradientBoostingClassifier(random_state=0)


def dorec_aipw_boosted(x: np.ndarray, t: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    from dorec.estimate import AIPW

    regressor, classifier = _boosted()
    return dorec(AIPW(n_folds=5, outcome_model=regressor, propensity_model=classifier), x, t, y)


def dorec_partially_linear(x: np.ndarray, t: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    from dorec.estimate import DoubleML

    regressor, classifier = _boosted()
    return dorec(DoubleML(n_folds=5, outcome_model=regressor, treatment_model=classifier), x, t, y)


def doubleml_irm(x: np.ndarray, t: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    from doubleml import DoubleMLData, DoubleMLIRM

    model = DoubleMLIRM(DoubleMLData.from_arrays(x, y, t.astype(float)), *_boosted(), n_folds=5)
    model.fit()
    return float(model.coef[0]), float(model.se[0])


def doubleml_plr(x: np.ndarray, t: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    from doubleml import DoubleMLData, DoubleMLPLR

    model = DoubleMLPLR(DoubleMLData.from_arrays(x, y, t.astype(float)), *_boosted(), n_folds=5)
    model.fit()
    return float(model.coef[0]), float(model.se[0])


def econml_dr(x: np.ndarray, t: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    from econml.dr import LinearDRLearner

    regressor, classifier = _boosted()
    model = LinearDRLearner(model_regression=regressor, model_propensity=classifier, cv=5, random_state=0)
    found = model.fit(y, t, W=x).ate_inference()
    return float(found.mean_point), float(found.stderr_mean)


def econml_dml(x: np.ndarray, t: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    from econml.dml import LinearDML

    regressor, classifier = _boosted()
    model = LinearDML(model_y=regressor, model_t=classifier, discrete_treatment=True, cv=5, random_state=0)
    found = model.fit(y, t, W=x).ate_inference()
    return float(found.mean_point), float(found.stderr_mean)


METHODS: dict[str, Callable[..., tuple[float, float]]] = {
    "dorec AIPW": dorec_aipw,
    "dorec AIPW, boosted trees": dorec_aipw_boosted,
    "DoubleML IRM, boosted trees": doubleml_irm,
    "econml LinearDRLearner, boosted trees": econml_dr,
    "dorec DoubleML, boosted trees": dorec_partially_linear,
    "DoubleML PLR, boosted trees": doubleml_plr,
    "econml LinearDML, boosted trees": econml_dml,
}
ENVIRONMENT = {"DoubleML": "DOUBLEML_PYTHON", "econml": "ECONML_PYTHON"}


def one(method: str, n: int, reps: int) -> dict[str, float]:
    """Error, standard error and CPU seconds over repetitions; the first fit, which imports, is not counted in time."""
    warnings.simplefilter("ignore")
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


def measured(method: str, n: int, reps: int) -> dict[str, float] | None:
    """The figures of one method from a process of its own; nothing where its environment is not named."""
    variable = ENVIRONMENT.get(method.split(" ")[0])
    python = os.environ.get(variable) if variable else sys.executable
    if not python:
        print(f"{variable} is not set: {method} is left out")
        return None
    command = [python, __file__, "one", method, str(n), str(reps)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | ONE_THREAD)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def small(reps: int) -> list[str]:
    lines = [
        f"## n = 2,000, {reps} repetitions ({datetime.now(UTC):%Y-%m-%d})",
        "",
        "| method | bias | sd | mean se | coverage | CPU s | peak GB |",
        "|---|---|---|---|---|---|---|",
    ]
    for method in ("dorec AIPW", "DoubleML IRM, boosted trees", "econml LinearDRLearner, boosted trees"):
        row = measured(method, 2_000, reps)
        if row:
            numbers = f"{row['bias']:+.3f} | {row['sd']:.3f} | {row['se']:.3f} | {row['coverage']:.2f}"
            lines.append(f"| {method} | {numbers} | {row['seconds']:.2f} | {row['gb']:.2f} |")
            print(lines[-1], flush=True)
    return lines


def large(n: int) -> list[str]:
    empty = measured("dorec AIPW, boosted trees", 300, 1)
    base = f"{empty['gb']:.2f}" if empty else "?"
    lines = [
        f"## n = {n:,}, one run, the same learner: scikit-learn's histogram boosting ({datetime.now(UTC):%Y-%m-%d})",
        "",
        f"Memory is that of the process, with data and packages; on 300 units dorec's takes {base} GB.",
        "",
        "| method | estimate - truth | se | CPU s | peak GB |",
        "|---|---|---|---|---|",
    ]
    for method in list(METHODS)[1:]:
        row = measured(method, n, 1)
        if row:
            numbers = f"{row['bias']:+.4f} | {row['se']:.4f} | {row['seconds']:.1f} | {row['gb']:.2f}"
            lines.append(f"| {method} | {numbers} |")
            print(lines[-1], flush=True)
    return lines


def main() -> None:
    if sys.argv[1:2] == ["one"]:
        print(json.dumps(one(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
        return
    target = Path(__file__).parent / "results" / "estimate.md"
    before = target.read_text().split("\n## ")[1:] if target.exists() else []
    parts = {"small" if text.startswith("n = 2,000,") else "large": f"## {text}".splitlines() for text in before}
    chosen = {"small": lambda size: small(size or 40), "large": lambda size: large(size or 200_000)}
    asked = sys.argv[1:2] if len(sys.argv) > 1 else list(chosen)
    for name in asked:
        parts[name] = chosen[name](int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    head = [
        "# Average effect, 20 features, nonlinear and confounded, truth 1.25",
        "",
        "One thread, 5 folds, CPU seconds (median). Coverage of the 95% interval.",
    ]
    text = "\n\n".join("\n".join(part).rstrip() for part in (head, *(parts[k] for k in chosen if k in parts)))
    target.write_text(text + "\n")


if __name__ == "__main__":
    main()
