"""Qini and AUUC beside scikit-uplift and causalml on the same scores; an uplift tree on 500,000 rows; Hillstrom.

Run: PEERS=/path/to/site-packages python benchmarks/bench_uplift.py; writes benchmarks/results/uplift.md. PEERS holds
scikit-uplift 0.5 and causalml 0.18 (pip install --no-deps --target); without it, the peers are left out. One thread,
CPU seconds, median of 3. causalml's two functions are loaded without the plotting and boosting libraries beside them.
"""

import importlib
import os
import statistics
import sys
import time
import types
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
RESULTS = Path(__file__).parent / "results" / "uplift.md"
HILLSTROM = Path(__file__).resolve().parents[2] / "shared" / "data" / "hillstrom"


def scored(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predicted effects, treatment and outcome of an experiment."""
    rng = np.random.default_rng(seed)
    effects, t = rng.normal(size=n), rng.integers(0, 2, n)
    return effects, t, (rng.random(n) < 0.3 + 0.2 * t * (effects > 0)).astype(int)


def seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    """Median CPU seconds of three runs, and the last answer."""
    times, found = [], None
    for _ in range(3):
        start = time.process_time()
        found = run()
        times.append(time.process_time() - start)
    return statistics.median(times), found


def causalml_metrics() -> Any:
    """The module of causalml's curves; what it draws with is not needed and stands empty."""
    for name in (
        "matplotlib",
        "matplotlib.pyplot",
        "seaborn",
        "lightgbm",
        "causalml.inference",
        "causalml.inference.meta",
    ):
        sys.modules[name] = types.ModuleType(name)
    pyplot = sys.modules["matplotlib.pyplot"]
    pyplot.Axes = pyplot.Figure = object  # type: ignore[attr-defined]
    pyplot.style = types.SimpleNamespace(use=lambda *_: None)  # type: ignore[attr-defined]
    sys.modules["matplotlib"].pyplot = pyplot  # type: ignore[attr-defined]
    sys.modules["seaborn"].set_palette = lambda *_, **__: None  # type: ignore[attr-defined]
    sys.modules["lightgbm"].LGBMRegressor = lambda **_: None  # type: ignore[attr-defined]
    tmle = types.ModuleType("causalml.inference.meta.tmle")
    tmle.TMLELearner = lambda **_: None  # type: ignore[attr-defined]
    sys.modules["causalml.inference.meta.tmle"] = tmle
    package = types.ModuleType("causalml.metrics")
    package.__path__ = [str(Path(os.environ["PEERS"], "causalml", "metrics"))]
    sys.modules["causalml.metrics"] = package
    return importlib.import_module("causalml.metrics.visualize")


def areas(n: int) -> list[list[str]]:
    """Rows of the table of Qini and AUUC."""
    from dorec.evaluate import auuc, observed_auuc, observed_qini, qini, rate, toc_curve

    effects, t, y = scored(n)
    scores = np.stack([2.0 * y * (t == 0), 2.0 * y * (t == 1)], axis=1)
    jobs: list[tuple[str, Callable[[], Any]]] = [
        ("dorec qini, with interval", lambda: str(qini(effects, scores))),
        ("dorec auuc, with interval", lambda: str(auuc(effects, scores))),
        ("dorec rate (AUTOC), with interval", lambda: str(rate(effects, scores))),
        ("dorec toc_curve, 20 points", lambda: toc_curve(effects, scores, n_points=20).share.size),
        ("dorec observed_qini", lambda: observed_qini(effects, y, t)),
        ("dorec observed_auuc", lambda: observed_auuc(effects, y, t)),
        ('dorec observed_qini, "causalml"', lambda: observed_qini(effects, y, t, definition="causalml")),
        ('dorec observed_auuc, "causalml"', lambda: observed_auuc(effects, y, t, definition="causalml")),
    ]
    if os.environ.get("PEERS"):
        sys.path.insert(0, os.environ["PEERS"])
        metrics = importlib.import_module("sklift.metrics")
        peer, frame = causalml_metrics(), pd.DataFrame({"e": effects, "w": t, "y": y})
        jobs += [
            ("scikit-uplift qini_auc_score", lambda: metrics.qini_auc_score(y, effects, t)),
            ("scikit-uplift uplift_auc_score", lambda: metrics.uplift_auc_score(y, effects, t)),
            ("causalml qini_score", lambda: float(peer.qini_score(frame)["e"])),
            ("causalml auuc_score", lambda: float(peer.auuc_score(frame)["e"])),
        ]
    else:
        print("PEERS is not set: scikit-uplift and causalml are left out")
    rows = []
    for label, run in jobs:
        took, found = seconds(run)
        rows.append([label, f"{found:.12f}" if isinstance(found, float) else str(found), f"{took:.2f}"])
        print(*rows[-1], flush=True)
    return rows


def tree(n: int, p: int = 12) -> list[str]:
    """Seconds of splits and honest leaves, with nuisances that an experiment does not need."""
    from sklearn.dummy import DummyRegressor

    from dorec import RunContext, Study
    from dorec.estimate import AIPW, UpliftTree

    rng = np.random.default_rng(1)
    X, t = rng.normal(size=(n, p)), rng.integers(0, 2, n)
    y = (rng.random(n) < 0.2 + 0.1 * t * (X[:, 0] > 0) + 0.05 * t * (X[:, 1] > 0.5)).astype(int)
    names = [f"x{j:02}" for j in range(p)]
    table = dict(zip(names, X.T, strict=True)) | {"t": t, "y": y, "p": np.full(n, 0.5)}
    study = Study.from_table(table, outcome="y", treatment="t", covariates=names, propensity="p")
    average = AIPW(n_folds=2, outcome_model=DummyRegressor())
    UpliftTree(average=average).fit(study.take(np.arange(4000)))  # compiles
    context = RunContext(threads=1)
    took, fitted = [], None
    for learner in (average, UpliftTree(average=average)):
        start = time.process_time()
        fitted = learner.fit(study, context=context)
        took.append(time.process_time() - start)
    start = time.process_time()
    fitted.grown(np.ones(n, dtype=bool))
    grown = time.process_time() - start
    return [f"{n:,} x {p}", f"{took[0]:.1f}", f"{took[1]:.1f}", f"{grown:.2f}", str(fitted.tree.n_leaves)]


def hillstrom() -> str:
    """The printed tree of the e-mail experiment's visits, both mailings against none, and its Qini."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from dorec import Study
    from dorec.estimate import AIPW, UpliftTree
    from dorec.evaluate import qini

    path = next(
        iter(sorted([*HILLSTROM.glob("*.csv"), *HILLSTROM.glob("*.csv.gz"), *HILLSTROM.glob("*.parquet")])), None
    )
    if path is None:
        return "The Hillstrom data are not here."
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    frame["p"] = 1 / 3
    columns = ["recency", "history", "mens", "womens", "zip_code", "newbie", "channel"]
    study = Study.from_table(
        frame, outcome="visit", treatment="segment", covariates=columns, control="No E-Mail", propensity=["p"] * 3
    )
    start = time.process_time()
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    model = UpliftTree(average=AIPW(n_folds=3, outcome_model=linear)).fit(study)
    took = time.process_time() - start
    worth = [
        f"{arm}, {qini(model.unit_effects[:, a], model.scores[:, [0, a + 1]], sample=study.sample)}"
        for a, arm in enumerate(study.arms[1:])
    ]
    told = "\n".join([model.tree.to_text(), "", str(model.tree.verdicts[0]), *worth])
    return f"{told}\nfit: {took:.1f} CPU s, {study.n:,} rows"


def main() -> None:
    warnings.simplefilter("ignore")
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rows = areas(n)
    grown = tree(n // 2)
    print(grown)
    text = hillstrom()
    print(text)
    lines = [
        "# Uplift curves and trees",
        "",
        f"`PEERS=... python benchmarks/bench_uplift.py`, {datetime.now(UTC):%Y-%m-%d}, one thread, CPU seconds,",
        f"medians of 3, {n:,} rows, seed 0. Equal numbers are equal definitions; the first four have intervals.",
        "",
        "| what | value | s |",
        "|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        "An uplift tree (Kullback-Leibler, depth 3) of a simulated experiment; once, seed 1. `AIPW`: known",
        "propensities and a mean in the place of an outcome model; `all`: with it, binning, splits and honest leaves;",
        "`tree`: splits and leaves.",
        "",
        "| rows x features | AIPW s | all s | tree s | leaves |",
        "|---|---|---|---|---|",
        f"| {' | '.join(grown)} |",
        "",
        "Hillstrom's e-mail experiment, visits, two mailings against none (`UpliftTree()`, logistic outcome models):",
        "",
        "```",
        text,
        "```",
    ]
    RESULTS.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
