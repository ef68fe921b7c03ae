"""FCI beside causal-learn's: the same PAG under true separation and on samples, and the time.

    python benchmarks/bench_fci.py

Random Erdős-Rényi DAGs with two edges a node (ER2), linear with |weight| in [.5, 2] and unit Gaussian noise; a tenth of
the nodes is hidden. Both programs run in this process on the same arrays with one thread; times are CPU seconds.
Compilation is not in the times.
"""

import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

from dorec.discover import FCI
from dorec.domain.graph import CausalGraph

RESULT = Path(__file__).parent / "results" / "fci.md"
Ends = set[tuple[str, str, str]]


def hidden_linear(d: int, n: int, seed: int, degree: float = 4.0) -> np.ndarray:
    """Linear-Gaussian data (n, d) of the observed nodes of a DAG with d / 9 more that are hidden."""
    rng = np.random.default_rng(seed)
    everything = d + round(d / 9)
    weight = np.triu(rng.random((everything, everything)) < degree / (everything - 1), 1)
    weight = weight * rng.uniform(0.5, 2.0, weight.shape) * rng.choice([-1, 1], weight.shape)
    data = rng.normal(size=(n, everything))
    for k in range(everything):
        data[:, k] += data @ weight[:, k]
    return data[:, rng.permutation(everything)[:d]]


def names(d: int) -> list[str]:
    """Column names that sort as the columns stand."""
    return [f"v{i:03}" for i in range(d)]


def ends(graph: CausalGraph) -> Ends:
    """(node, node, mark at the second) of every edge, both ways."""
    return {(e.a, e.b, e.mark_b) for e in graph.edges} | {(e.b, e.a, e.mark_a) for e in graph.edges}


def ours(data: np.ndarray) -> tuple[float, Ends]:
    """CPU seconds and marks of dorec."""
    table = dict(zip(names(data.shape[1]), data.T, strict=True))
    start = time.process_time()
    graph = FCI().discover(table)
    return time.process_time() - start, ends(graph)


def theirs(data: np.ndarray) -> tuple[float, Ends]:
    """CPU seconds and marks of causal-learn."""
    from causallearn.search.ConstraintBased.FCI import fci

    start = time.process_time()
    graph, _ = fci(data, "fisherz", 0.05, show_progress=False, verbose=False)
    seconds = time.process_time() - start
    name = dict(zip((node.get_name() for node in graph.get_nodes()), names(data.shape[1]), strict=True))
    found: Ends = set()
    for edge in graph.get_graph_edges():
        a, b = name[edge.get_node1().get_name()], name[edge.get_node2().get_name()]
        found.add((a, b, edge.get_endpoint2().name.lower()))
        found.add((b, a, edge.get_endpoint1().name.lower()))
    return seconds, found


def alone(d: int, n: int, seeds: int) -> str:
    """One line of the table, without the peer."""
    times = [median(ours(hidden_linear(d, n, seed))[0] for _ in range(3)) for seed in range(seeds)]
    return f"| ER2 d={d} n={n:,} | {median(times) * 1e3:.1f} ms | - | - | - | - | - |"


def row(d: int, n: int, seeds: int) -> str:
    """One line of the table."""
    mine, other, skeletons, graphs, shared = [], [], 0, 0, []
    for seed in range(seeds):
        data = hidden_linear(d, n, seed)
        runs = [ours(data) for _ in range(3)]
        seconds, found = theirs(data)
        mine.append(median(run[0] for run in runs))
        other.append(seconds)
        here = runs[0][1]
        skeletons += {(a, b) for a, b, _ in here} == {(a, b) for a, b, _ in found}
        graphs += here == found
        shared.append(len(here & found) / max(1, len(here | found)))
        print(f"d={d} seed {seed}: {mine[-1] * 1e3:.1f} ms, {seconds:.2f} s, {shared[-1]:.2f}", flush=True)
    m, o = median(mine), median(other)
    same = f"{skeletons}/{seeds} | {graphs}/{seeds} | {median(shared):.2f}"
    return f"| ER2 d={d} n={n:,} | {m * 1e3:.1f} ms | {o:.2f} s | {o / m:,.0f} x | {same} |"


def main() -> None:
    """Run everything and write the table."""
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        ours(hidden_linear(8, 200, 0))
        lines = [
            "# FCI beside causal-learn's",
            "",
            "`python benchmarks/bench_fci.py`. One thread, CPU time, medians over data sets, one process, alpha = .05.",
            "A tenth of the nodes is hidden. Shared marks: of all marks that either gives, the share that both give.",
            "The two differ on samples, for they try other sets from Possible-D-SEP (dorec: all of up to 3) and dorec",
            "depends neither on the order of the columns nor on that of the tests. Under true separation and without",
            "that bound both give the same graphs (tests/discover/test_fci.py). At d=50 dorec ran alone.",
            "",
            "| data | dorec | causal-learn | ratio | same skeleton | same PAG | shared marks |",
            "|---|---|---|---|---|---|---|",
            row(10, 1000, 5),
            row(20, 1000, 5),
            alone(50, 1000, 3),
            "",
        ]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
