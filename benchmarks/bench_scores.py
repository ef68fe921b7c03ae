"""Score searches: BOSS and GES beside causal-learn's on 20 graphs, large graphs, exact search, mixed columns.

    python benchmarks/bench_scores.py [--quick]

Random linear-Gaussian DAGs as in bench_discover. One thread; times are CPU seconds, medians over graphs; compilation is
not in them. Both programs score by BIC from the covariance with twice the textbook's penalty and run in this process,
but for the large graphs, each of which has a process of its own so that its memory can be read.
"""

import argparse
import subprocess
import sys
import time
import warnings
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bench_discover import class_of, linear, names, search_of_peer
from dorec.discover import BOSS, GES, ExactSearch, HillClimbing, structural_hamming_distance
from dorec.domain.graph import CausalGraph

RESULT = Path(__file__).parent / "results" / "scores.md"
LARGE = """
import resource, sys, time
sys.path.insert(0, {folder!r})
from bench_discover import class_of, linear, names
from dorec.discover import BOSS, GES, structural_hamming_distance
d, n, degree = {d}, {n}, {degree}
data, adjacency = linear(d, n, 0, degree)
search = {search}
search.discover(dict(zip(names(5), data[:, :5].T)))
start = time.process_time()
graph = search.discover(dict(zip(names(d), data.T)))
seconds = time.process_time() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(seconds, peak, len(graph.edges), int(adjacency.sum()), structural_hamming_distance(graph, class_of(adjacency)))
"""


def timed(learner: Any, table: dict[str, np.ndarray]) -> tuple[float, CausalGraph]:
    """CPU seconds, the best of three, and the graph."""
    taken = []
    for _ in range(3):
        start = time.process_time()
        graph = learner.discover(table)
        taken.append(time.process_time() - start)
    return min(taken), graph


def beside_peer(method: str, n: int, graphs: int) -> list[str]:
    """Mean distances and median times of our search and causal-learn's on the same graphs."""
    searches = {"GES": {"GES": GES()}, "BOSS": {"BOSS": BOSS(), "BOSS, 1 start": BOSS(n_starts=1)}}[method]
    data = [linear(20, n, seed) for seed in range(graphs)]
    truth = [class_of(adjacency) for _, adjacency in data]
    peer = [search_of_peer(method, x) for x, _ in data]
    far = [structural_hamming_distance(g, t) for (_, g), t in zip(peer, truth, strict=True)]
    theirs = median(seconds for seconds, _ in peer)
    lines = []
    for label, search in searches.items():
        found = [timed(search, dict(zip(names(20), x.T, strict=True))) for x, _ in data]
        near = [structural_hamming_distance(g, t) for (_, g), t in zip(found, truth, strict=True)]
        mine = median(seconds for seconds, _ in found)
        worse = sum(a > b for a, b in zip(near, far, strict=True))
        better = sum(a < b for a, b in zip(near, far, strict=True))
        lines.append(
            f"| {label} | n={n:,} | {mine * 1e3:.0f} ms | {np.mean(near):.2f} | {theirs:.2f} s | {np.mean(far):.2f} | "
            f"{better} / {graphs - better - worse} / {worse} | {theirs / mine:,.0f} x |"
        )
        print(lines[-1], flush=True)
    return lines


def large(label: str, search: str, d: int, n: int, degree: float) -> str:
    """One large graph in a process of its own: time, memory and distance."""
    code = LARGE.format(folder=str(Path(__file__).parent), d=d, n=n, degree=degree, search=search)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, peak, found, true, far = run.stdout.split()
    line = (
        f"| {label} | d={d} n={n:,}, {true} edges | {float(seconds):.1f} s | {float(peak):.2f} GB | {found} | {far} |"
    )
    print(line, flush=True)
    return line


def exact_lines(quick: bool) -> list[str]:
    """Time of exact search, and how often the others reach its score's graph."""
    lines = []
    for d, n_graphs in ((10, 20), (15, 10), *(() if quick else ((20, 2),))):
        taken, same = [], {"BOSS": 0, "GES": 0, "HillClimbing": 0}
        for seed in range(n_graphs):
            x, _ = linear(d, 500, seed)
            table = dict(zip(names(d), x.T, strict=True))
            start = time.process_time()
            best = ExactSearch().discover(table)
            taken.append(time.process_time() - start)
            for search in (BOSS(), GES(), HillClimbing()):
                same[type(search).__name__] += search.discover(table) == best
        shares = " | ".join(f"{k}/{n_graphs}" for k in same.values())
        lines.append(f"| d={d} n=500 | {median(taken):.2f} s | {shares} |")
        print(lines[-1], flush=True)
    return lines


def mixed(d: int, n: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Linear data of which half the columns are cut into three levels, and their DAG."""
    x, adjacency = linear(d, n, seed, 2.0)
    table: dict[str, np.ndarray] = dict(zip(names(d), x.T, strict=True))
    for name in names(d)[::2]:
        cuts = np.quantile(table[name], [1 / 3, 2 / 3])
        table[name] = np.array(["low", "mid", "high"])[np.digitize(table[name], cuts)]
    return table, adjacency


def mixed_lines() -> list[str]:
    """Distance by the mixed score on such tables."""
    lines = []
    for n in (1_000, 10_000):
        for search in (BOSS(score="mixed"), GES(score="mixed"), HillClimbing(score="mixed")):
            far, taken = [], []
            for seed in range(10):
                table, adjacency = mixed(15, n, seed)
                seconds, graph = timed(search, table)
                taken.append(seconds)
                far.append(structural_hamming_distance(graph, class_of(adjacency)))
            lines.append(f"| {type(search).__name__} | n={n:,} | {median(taken) * 1e3:.0f} ms | {np.mean(far):.1f} |")
            print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Run everything and write the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore")
    graphs = 5 if quick else 20
    for learner in (GES(), BOSS(), HillClimbing(), ExactSearch()):
        learner.discover(dict(zip(names(5), linear(5, 200, 0)[0].T, strict=True)))
    with threadpool_limits(1):
        text = ["# Score searches", "", "`python benchmarks/bench_scores.py`; see there for data and settings.", ""]
        text += [f"## d=20, {graphs} graphs with two edges a node, beside causal-learn", ""]
        text += ["| search | rows | dorec | mean SHD | causal-learn | mean SHD | better / same / worse | ratio |"]
        text += ["|" + "---|" * 8, *beside_peer("BOSS", 1000, graphs), *beside_peer("GES", 1000, graphs)]
        if not quick:
            text += [*beside_peer("BOSS", 10_000, graphs), *beside_peer("GES", 10_000, 5)]
        text += ["", "## Large graphs", "", "| search | data | CPU | peak memory | edges | SHD |", "|" + "---|" * 6]
        text.append(large("GES", "GES()", 200, 1000, 4.0))
        if not quick:
            text.append(large("BOSS", "BOSS()", 200, 1000, 4.0))
            text.append(large("BOSS, 1 start", "BOSS(n_starts=1)", 1000, 10_000, 2.0))
            text.append(large("BOSS", "BOSS()", 1000, 10_000, 2.0))
            text.append(large("BOSS, 1 start", "BOSS(n_starts=1)", 1000, 10_000, 4.0))
        text += ["", "## Exact search: time, and on how many graphs a search finds the very best class", ""]
        text += ["| data | ExactSearch | BOSS | GES | HillClimbing |", "|" + "---|" * 5, *exact_lines(quick)]
        text += ["", "## Mixed score: 15 columns, half of them in three levels, one edge a node, 10 graphs", ""]
        text += ["| search | rows | CPU | mean SHD |", "|" + "---|" * 4, *mixed_lines()]
    out = "\n".join(text) + "\n"
    print(out)
    if not quick:
        RESULT.write_text(out)


if __name__ == "__main__":
    main()
