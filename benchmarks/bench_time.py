"""Lagged links beside tigramite's PCMCI, and Hawkes processes of up to a million events.

    PEER_PYTHON=/path/to/venv/bin/python python benchmarks/bench_time.py

PEER_PYTHON is an environment with tigramite, joblib, numba, matplotlib and networkx; without it tigramite is left out.
Vector autoregressions of two lags, a third of the possible links, each variable remembering itself. Both programs test
the same links with Student's t, max_lag 3, selection level .2. One thread, CPU seconds, compilation not counted.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from dorec.discover import HawkesGranger, LagPC
from dorec.numeric.hawkes import simulate_hawkes

RESULT = Path(__file__).parent / "results" / "time.md"
PEER = """
import sys, time
import numpy as np
from tigramite import data_processing as pp
from tigramite.independence_tests.parcorr import ParCorr
from tigramite.pcmci import PCMCI
data = np.load(sys.argv[1])
model = PCMCI(dataframe=pp.DataFrame(data), cond_ind_test=ParCorr(significance="analytic"), verbosity=0)
start = time.process_time()
out = model.run_pcmci(tau_min=1, tau_max=3, pc_alpha=0.2, alpha_level=0.05, fdr_method="none")
np.savez(sys.argv[2], seconds=time.process_time() - start, value=out["val_matrix"], p=out["p_matrix"])
"""
FUNNEL = np.array([[0.1, 0.5, 0.0], [0.0, 0.0, 0.0], [0.4, 0.0, 0.3]])  # cart, purchase, view


def autoregression(d: int, n: int, seed: int) -> np.ndarray:
    """(n, d), stable."""
    rng = np.random.default_rng(seed)
    one, two = ((rng.random((d, d)) < 0.3) * rng.uniform(-0.4, 0.4, (d, d)) for _ in range(2))
    np.fill_diagonal(one, 0.6)
    radius = np.abs(np.linalg.eigvals(np.block([[one.T, two.T], [np.eye(d), np.zeros((d, d))]]))).max()
    one, two = (w * min(1, 0.9 / radius) ** (k + 1) for k, w in enumerate((one, two)))
    x = rng.normal(size=(n + 200, d))
    for t in range(2, n + 200):
        x[t] += x[t - 1] @ one + x[t - 2] @ two
    return x[200:]


def ours(data: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """CPU seconds, MCI values and p-values of dorec."""
    table = {f"v{j:03}": column for j, column in enumerate(data.T)}
    start = time.process_time()
    found = LagPC(max_lag=3, time=None, test="student_t", fdr=False).links(table)
    return time.process_time() - start, found.value[:, :, 1:], found.p_value[:, :, 1:]


def theirs(data: np.ndarray) -> tuple[float, np.ndarray, np.ndarray] | None:
    """The same of tigramite, in its own environment."""
    python = os.environ.get("PEER_PYTHON")
    if python is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "in.npy", Path(folder) / "out.npz"
        np.save(given, data)
        subprocess.run([python, "-c", PEER, str(given), str(answer)], check=True, env={"OMP_NUM_THREADS": "1"})
        out = np.load(answer)
        return float(out["seconds"]), out["value"][:, :, 1:], out["p"][:, :, 1:]


def lagged_row(d: int, n: int, seeds: int) -> str:
    """One line of the first table."""
    mine, other, apart, same = [], [], 0.0, 0
    for seed in range(seeds):
        data = autoregression(d, n, seed)
        seconds, value, p = ours(data)
        mine.append(seconds)
        peer = theirs(data)
        if peer is not None:
            other.append(peer[0])
            apart = max(apart, float(np.abs(value - peer[1]).max()))
            same += bool(((p <= 0.05) == (peer[2] <= 0.05)).all())
    if not other:
        return f"| d={d} n={n:,} | {median(mine) * 1e3:.1f} ms | - | - | - | - |"
    ratio = median(other) / median(mine)
    return (
        f"| d={d} n={n:,} | {median(mine) * 1e3:.1f} ms | {median(other):.2f} s | {ratio:,.0f} x "
        f"| {apart:.0e} | {same}/{seeds} |"
    )


def panel_row(users: int, days: int, d: int) -> str:
    """A panel that only dorec does."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(users, days, d))
    for t in range(1, days):
        x[:, t] += 0.5 * x[:, t - 1]
    table = {"user": np.repeat(np.arange(users), days), "day": np.tile(np.arange(days), users)}
    table |= {f"v{j:03}": x[:, :, j].ravel() for j in range(d)}
    start = time.process_time()
    LagPC(max_lag=3, unit="user").links(table)
    return f"| {users:,} users x {days} days, d={d} | {time.process_time() - start:.1f} s | - | - | - | - |"


def hawkes_row(events: int) -> str:
    """One line of the second table: shared baseline, decay given, and both found."""
    users = max(events // 470, 1)
    rng = np.random.default_rng(0)
    user, when, kind = simulate_hawkes(np.array([0.05, 0.02, 0.3]), FUNNEL, 1.5, np.full(users, 500.0), rng)
    table = {"user_id": user, "event": np.array(["cart", "purchase", "view"])[kind], "timestamp": when}
    cells = []
    for method in (HawkesGranger(decay=1.5, baseline="shared"), HawkesGranger()):
        start = time.process_time()
        fit = method.fit(table, windows=(0.0, 500.0))
        cells += [f"{time.process_time() - start:.1f} s", f"{np.abs(fit.branching - FUNNEL).max():.3f}"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return f"| {len(when):,} | {users:,} | {' | '.join(cells)} | {peak:.2f} GB |"


def main() -> None:
    """Measure and write the tables."""
    ours(autoregression(3, 100, 0))
    HawkesGranger().fit({"user_id": [0] * 20, "event": ["a", "b"] * 10, "timestamp": np.arange(20.0) ** 1.1})
    lagged = [lagged_row(5, 500, 5), lagged_row(10, 1000, 3), lagged_row(20, 1000, 2), panel_row(20_000, 30, 10)]
    hawkes = [hawkes_row(10_000), hawkes_row(100_000), hawkes_row(1_000_000)]
    text = [
        "# Series and streams",
        "",
        "`PEER_PYTHON=... python benchmarks/bench_time.py`. One thread, CPU time, medians over seeds 0, 1, ...;",
        f"{time.strftime('%Y-%m-%d')}, Python {sys.version.split()[0]}, numpy {np.__version__}.",
        "",
        "## LagPC beside tigramite's PCMCI with ParCorr",
        "max_lag 3, selection level .2, Student's t; the largest difference of MCI values over all tests, and series",
        "on which the same links are below .05.",
        "",
        "| data | dorec | tigramite | ratio | difference | same links |",
        "|---|---|---|---|---|---|",
        *lagged,
        "",
        "## HawkesGranger",
        "Three types, truth: view -> view .3, view -> cart .4, cart -> cart .1, cart -> purchase .5; 500 hours a user.",
        "First with the decay given and a shared baseline, then with decay and each user's baseline to be found; error",
        "is the largest of the nine entries of the branching matrix. Tests and standard errors are in the times. Peak",
        "memory is that of the process so far, simulation and the panel above included.",
        "",
        "| events | users | given | error | found | error | peak memory |",
        "|---|---|---|---|---|---|---|",
        *hawkes,
    ]
    RESULT.write_text("\n".join(text) + "\n")
    print(RESULT.read_text())


if __name__ == "__main__":
    main()
