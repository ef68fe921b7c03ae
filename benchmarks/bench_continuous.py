"""NOTEARS, DAGMA and DirectLiNGAM beside gCastle's, dagma's and lingam's: objective, graph, order and time.

    CONTINUOUS_PEERS=/path/to/venv/bin/python python benchmarks/bench_continuous.py [--quick]

The peers want versions of their own, so they run in an environment of theirs (`pip install gcastle dagma lingam
torch==2.13.0`), each on the same file of numbers. Without the variable the benchmark says so and ends.
ER2 graphs, linear, |weight| in [.5, 2], unit Gaussian noise (uniform for LiNGAM). One thread, CPU seconds of the fit.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from bench_discover import linear, names, random_order
from dorec.discover import Dagma, DirectLiNGAM, Notears
from dorec.numeric.continuous_search import penalised_loss

RESULT = Path(__file__).parent / "results" / "continuous.md"
PEER = """
import json, logging, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
method, data, order = sys.argv[1], np.loadtxt(sys.argv[2], delimiter=","), []
if method == "Notears":
    from castle.algorithms.gradient.notears.linear import Notears
    search = Notears(); start = time.process_time(); search.learn(data); weights = search.weight_causal_matrix
elif method == "Dagma":
    from dagma.linear import DagmaLinear
    search = DagmaLinear("l2"); start = time.process_time(); weights = search.fit(data.copy(), lambda1=0.03)
else:
    import lingam
    search = lingam.DirectLiNGAM(); start = time.process_time(); search.fit(data)
    weights, order = search.adjacency_matrix_.T, [int(i) for i in search.causal_order_]
taken = time.process_time() - start
print(json.dumps({"seconds": taken, "weights": np.asarray(weights).tolist(), "order": order}))
"""


def uniform(d: int, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Linear data with uniform noise of variance one, and the adjacency of their DAG."""
    rng = np.random.default_rng(seed)
    order, adjacency = random_order(d, 4.0, rng)
    weight = adjacency * rng.uniform(0.5, 2.0, (d, d)) * rng.choice([-1, 1], (d, d))
    data = rng.uniform(-(3**0.5), 3**0.5, size=(n, d))
    for k in order:
        data[:, k] += data @ weight[:, k]
    return data, adjacency


def peer(python: str, method: str, data: np.ndarray) -> dict:
    """What the peer says of the data."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        np.savetxt(path, data, delimiter=",", fmt="%.17g")
        one = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [python, "-c", PEER, method, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=one)
    said = json.loads(done.stdout.strip().splitlines()[-1])
    return {**said, "weights": np.array(said["weights"])}


def shd(edges: np.ndarray, truth: np.ndarray) -> int:
    """Pairs that differ."""
    differs = (edges != truth) | (edges.T != truth.T)
    return int(differs[np.triu_indices(len(truth), 1)].sum())


def ours(method: str, data: np.ndarray) -> tuple[float, float, np.ndarray, list[int]]:
    """CPU seconds with and without the run on standardised columns, weights and order."""
    table, place = dict(zip(names(data.shape[1]), data.T, strict=True)), {}
    place = {name: i for i, name in enumerate(table)}
    weights, seconds = np.zeros((len(place), len(place))), []
    searches = [DirectLiNGAM()] * 2 if method == "DirectLiNGAM" else [_search(method, c) for c in (False, True)]
    for search in searches:
        start = time.process_time()
        found = search.report(table)
        seconds.append(time.process_time() - start)
    for (a, b), weight in found.weights.items():
        weights[place[a], place[b]] = weight
    return *seconds, weights, [place[v] for v in getattr(found, "order", ())]


def _search(method: str, compare: bool) -> Notears | Dagma:
    return Notears(compare=compare) if method == "Notears" else Dagma(compare=compare)


def row(python: str, method: str, d: int, n: int, seed: int) -> str:
    """One data set."""
    data, truth = (uniform if method == "DirectLiNGAM" else linear)(d, n, seed)
    alone, both, weights, order = ours(method, data)
    theirs = peer(python, method, data)
    where = f"| {method} | d={d} n={n:,} | {seed} | {alone:.2f} s | {both:.2f} s | {theirs['seconds']:.1f} s"
    ratio = f"{theirs['seconds'] / alone:,.0f} x | {theirs['seconds'] / both:,.0f} x"
    if method == "DirectLiNGAM":
        same = "same order" if order == theirs["order"] else "other order"
        said = f"{same}, weights differ by {np.abs(weights - theirs['weights']).max():.0e}"
        return f"{where} | {ratio} | {said} | {shd(weights != 0, truth)} | {shd(theirs['weights'] != 0, truth)} |"
    reg = 0.1 if method == "Notears" else 0.03
    covariance = np.cov(data.T, bias=True)
    gap = penalised_loss(covariance, weights, reg) - penalised_loss(covariance, theirs["weights"], reg)
    edges, of_peer = np.abs(weights) > 0.3, np.abs(theirs["weights"]) > 0.3
    return f"{where} | {ratio} | objective {gap:+.1e} | {shd(edges, truth)} | {shd(of_peer, truth)} |"


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="d = 20 only")
    chosen = parser.parse_args()
    python = os.environ.get("CONTINUOUS_PEERS", "")
    if not Path(python).is_file():
        print("CONTINUOUS_PEERS names no Python with gcastle, dagma and lingam: nothing to compare with.")
        sys.exit(0)
    cases = [(m, 20, n, 0) for m in ("DirectLiNGAM", "Dagma", "Notears") for n in (1000, 10_000)]
    if not chosen.quick:
        cases += [("Dagma", 50, 1000, 0), ("DirectLiNGAM", 50, 1000, 0), ("Dagma", 100, 1000, 0)]
        cases += [("Dagma", 50, 1000, 1), ("Notears", 20, 1000, 1), ("Notears", 20, 10_000, 1)]
        cases += [("DirectLiNGAM", 100, 1000, 0)]
    lines = [
        "# NOTEARS, DAGMA and DirectLiNGAM beside their peers",
        "",
        f"`python benchmarks/bench_continuous.py`, {datetime.now(UTC):%Y-%m-%d}. Each peer ran beside ours on the same",
        "numbers, one thread, CPU seconds of the fit. ER2, |weight| in [.5, 2]. Two times of ours: the search alone,",
        "and with the run on standardised columns that `discover` adds. Objective: ours less theirs, below 0 better.",
        "SHD is from the true DAG, at threshold .3. Compilation is not in the times.",
        "",
        "| method | data | seed | dorec | and standardised | peer | ratio | ratio of both | beside it | SHD | peer's |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    with threadpool_limits(1):
        for method in ("Notears", "Dagma", "DirectLiNGAM"):
            ours(method, uniform(4, 100, 0)[0])
        for case in cases:
            lines.append(row(python, *case))
            print(lines[-1], flush=True)
            RESULT.write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
