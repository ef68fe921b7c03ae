"""FCI beside causal-learn's: the same PAG under true separation and on samples, and the time.

    python benchmarks/bench_fci.py

Random Erdős-Rényi DAGs with two edges a node (ER2), linear with |weight| in [.5, 2] and unit Gaussian noise; a tenth of
the nodes is hidden. Both programs run in this process on the same arrays with one thread; times are CPU seconds.
Compilation is not in the times.
"""

import contextlib
import io
import time
import warnings
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from dorec.discover import FCI
from dorec.discover.levels import Answers, Level, level_of_tests
from dorec.domain.graph import CausalGraph
from dorec.identify import is_d_separated

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
    with contextlib.redirect_stdout(io.StringIO()):
        graph, _ = fci(data, "fisherz", 0.05, show_progress=False, verbose=False)
    seconds = time.process_time() - start
    return seconds, marks_of(graph, tuple(names(data.shape[1])))


def marks_of(graph: Any, columns: tuple[str, ...]) -> Ends:
    """(node, node, mark at the second) of causal-learn's graph."""
    name = dict(zip((node.get_name() for node in graph.get_nodes()), columns, strict=True))
    found: Ends = set()
    for edge in graph.get_graph_edges():
        a, b = name[edge.get_node1().get_name()], name[edge.get_node2().get_name()]
        found.add((a, b, edge.get_endpoint2().name.lower()))
        found.add((b, a, edge.get_endpoint1().name.lower()))
    return found


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


def hidden_dag(seed: int) -> tuple[CausalGraph, tuple[str, ...]]:
    """A random DAG of 8 to 12 nodes and those of them that are observed, all but three."""
    rng = np.random.default_rng(1000 + seed)
    n, degree = int(rng.integers(8, 13)), float(rng.uniform(2, 4))
    v = [f"v{i}" for i in range(n)]
    order = rng.permutation(n)
    pairs = [(v[order[i]], v[order[j]]) for i in range(n) for j in range(i + 1, n)]
    graph = CausalGraph.from_edges(v, directed=[e for e in pairs if rng.random() < degree / (n - 1)])
    return graph, tuple(sorted(rng.choice(v, n - 3, replace=False).tolist()))


def false_marks(graph: CausalGraph, found: Ends) -> int:
    """Arrowheads at ancestors and tails at others, by the true DAG (nothing is selected)."""
    return sum(
        (m == "arrow" and b in graph.ancestors([a])) or (m == "tail" and b not in graph.ancestors([a]))
        for a, b, m in found
    )


def separation(n_graphs: int) -> list[str]:
    """Both programs with true separation as the test: how often they agree, and whose marks are false."""
    from causallearn.search.ConstraintBased.FCI import fci
    from causallearn.utils import cit

    asked: dict[str, Separation] = {}

    class Oracle(cit.CIT_Base):  # type: ignore[misc]
        method = "true_separation"

        def __call__(self, x: int, y: int, given: list[int] | None = None) -> float:
            return asked["now"].p_value(int(x), int(y), [int(s) for s in given or ()])

    cit.register_ci_test("true_separation", Oracle)
    same, skeletons, ours_false, theirs_false = 0, 0, 0, 0
    for seed in range(n_graphs):
        graph, observed = hidden_dag(seed)
        asked["now"] = Separation(graph, observed)
        here = ends(FCI(max_possible_d_sep=None).search(observed, asked["now"]))
        with contextlib.redirect_stdout(io.StringIO()):
            data = np.random.default_rng(seed).normal(size=(20, len(observed)))
            there = marks_of(fci(data, "true_separation", 0.5, show_progress=False, verbose=False)[0], observed)
        same += here == there
        skeletons += {(a, b) for a, b, _ in here} == {(a, b) for a, b, _ in there}
        ours_false += false_marks(graph, here) > 0
        theirs_false += false_marks(graph, there) > 0
    return [
        f"Under true separation, {n_graphs} random DAGs of 8 to 12 nodes, three of them hidden (no bound on sets):",
        "",
        "| same skeleton | same PAG | dorec: graphs with a false mark | causal-learn: graphs with a false mark |",
        "|---|---|---|---|",
        f"| {skeletons} | {same} | {ours_false} | {theirs_false} |",
        "",
    ]


class Separation:
    """m-separation in a DAG, some of whose nodes are hidden, as a test of independence."""

    alpha, deepest = 0.5, 1000

    def __init__(self, graph: CausalGraph, observed: tuple[str, ...]) -> None:
        self.graph, self.observed, self.known = graph, observed, {}

    def p_value(self, x: int, y: int, given: list[int]) -> float:
        """1 if the set separates x and y, else 0."""
        key = (min(x, y), max(x, y), frozenset(given))
        if key not in self.known:
            v = self.observed
            self.known[key] = float(is_d_separated(self.graph, v[x], v[y], [v[s] for s in given]))
        return self.known[key]

    def answer(self, rows: np.ndarray) -> Answers:
        """The tests of rows (x, y, s1, s2, ..)."""
        p_value = np.array([self.p_value(x, y, given) for x, y, *given in rows.tolist()])
        return Answers(p_value, 1.0 - p_value)

    def level(self, size: int, adjacent: np.ndarray, pool: np.ndarray, kept: np.ndarray) -> Level:
        """The tests of one level."""
        return level_of_tests(self, size, adjacent, pool, kept)


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
            "depends neither on the order of the columns nor on that of the tests.",
            "",
            "| data | dorec | causal-learn | ratio | same skeleton | same PAG | shared marks |",
            "|---|---|---|---|---|---|---|",
            row(10, 1000, 5),
            row(20, 1000, 5),
            row(20, 10_000, 3),
            row(50, 1000, 2),
            alone(50, 10_000, 3),
            alone(100, 1000, 3),
            "",
            *separation(300),
        ]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
