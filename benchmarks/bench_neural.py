"""NOTEARS-MLP and the graph autoencoder beside linear NOTEARS: structural Hamming distance and CPU time.

    python benchmarks/bench_neural.py [--seeds 5]

Noise is Gaussian with variance one in every world. Mixed: each effect is 2 sin(1.5 x), x² - 1 (cut off at 6) or 1.2 x.
Shared: x_j = sum_i A_ij cos(x_i + 1) + noise, |A_ij| in [.8, 2]. Times are CPU seconds of one search in the table's
units, without the run on standardised columns, one thread. The thresholds are the methods' own.
"""

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dorec.discover import GraphAutoencoder, Notears, NotearsMLP, structural_hamming_distance
from dorec.domain.graph import CausalGraph
from dorec.domain.run import RunContext

RESULT = Path(__file__).parent / "results" / "neural.md"
Effect = Callable[[np.random.Generator, NDArray[np.float64]], NDArray[np.float64]]
FIRST_SEED = 100


def mixed(random: np.random.Generator, value: NDArray[np.float64]) -> NDArray[np.float64]:
    """A wave, a parabola or a line."""
    return (2 * np.sin(1.5 * value), np.clip(value**2 - 1, -1, 6), 1.2 * value)[random.integers(3)]


def shared(random: np.random.Generator, value: NDArray[np.float64]) -> NDArray[np.float64]:
    """One wave for all, of either sign."""
    return random.choice([-1, 1]) * random.uniform(0.8, 2) * np.cos(value + 1)


def world(seed: int, n: int, d: int, degree: float, effect: Effect) -> tuple[dict[str, Any], CausalGraph]:
    """Columns in a random order, and their DAG."""
    random = np.random.default_rng(seed)
    names = [f"v{i}" for i in range(d)]
    is_edge = np.triu(random.random((d, d)) < degree / (d - 1), 1)
    data = np.zeros((n, d))
    for j in range(d):
        effects = [effect(random, data[:, i]) for i in np.flatnonzero(is_edge[:, j])]
        data[:, j] = sum(effects, random.normal(size=n))
    edges = [(names[i], names[j]) for i, j in np.argwhere(is_edge)]
    return {names[i]: data[:, i] for i in random.permutation(d)}, CausalGraph.from_edges(names, directed=edges)


def measured(kind: str, n: int, d: int, n_seeds: int) -> str:
    """Rows of the table: each method on the same worlds."""
    effect, degree = (mixed, 2.0) if kind == "mixed" else (shared, 2.5)
    worlds = [world(FIRST_SEED + k, n, d, degree, effect) for k in range(n_seeds)]
    n_edges = np.mean([len(truth.edges) for _, truth in worlds])
    rows = ""
    for search in (Notears(compare=False), NotearsMLP(compare=False), GraphAutoencoder(compare=False)):
        distances, seconds = [], []
        for table, truth in worlds:
            start = time.process_time()
            found = search.report(table, context=RunContext(threads=1)).graph
            seconds.append(time.process_time() - start)
            distances.append(structural_hamming_distance(truth, found))
        listed = ", ".join(map(str, distances))
        rows += (
            f"| {kind} | {n:,} | {d} | {n_edges:.1f} | {type(search).__name__} | {np.mean(distances):.1f} "
            f"| {listed} | {np.median(seconds):.2f} s |\n"
        )
        print(rows.splitlines()[-1], flush=True)
    return rows


def main() -> None:
    """Run and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    n_seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    Notears().report(world(0, 50, 3, 1.0, mixed)[0])  # compiles
    NotearsMLP(max_steps=1, max_rounds=1).report(world(0, 50, 3, 1.0, mixed)[0])  # loads torch
    rows = measured("mixed", 500, 6, n_seeds) + measured("shared", 500, 8, n_seeds) + measured("mixed", 1000, 10, 1)
    RESULT.write_text(
        "# Discovery by networks beside linear NOTEARS\n\n"
        f"`python benchmarks/bench_neural.py --seeds {n_seeds}`, {datetime.now(UTC):%Y-%m-%d}.\n"
        f"Worlds as the file says, seeds from {FIRST_SEED}, noise of equal variance. SHD is from the true\n"
        "DAG, the mean and each seed; median CPU seconds of one search, one thread, on a busy machine.\n\n"
        "| world | n | d | edges | method | SHD | of each seed | time |\n|---|---|---|---|---|---|---|---|\n" + rows,
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
