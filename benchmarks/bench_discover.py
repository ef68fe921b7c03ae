"""PC, GES and BOSS beside causal-learn's: graphs and time.

    python benchmarks/bench_discover.py [--quick] [--only pc|scores]

Random Erdős-Rényi DAGs with two edges a node (ER2), linear with |weight| in [.5, 2] and unit Gaussian noise, and
random DAGs of three-level variables for chi-square. Both programs run in this process on the same arrays with one
thread; times are CPU seconds, medians over three data sets. Compilation is not in the times: it is reported.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from dorec.discover import BOSS, GES, PC, structural_hamming_distance
from dorec.discover.pattern import as_graph, pattern_of_dag
from dorec.domain.errors import CyclicGraph
from dorec.domain.graph import CausalGraph

RESULT = Path(__file__).parent / "results" / "discover.md"
FIRST_CALL = """
import time, numpy as np
start = time.perf_counter()
from dorec.discover import PC
loaded = time.perf_counter()
data = np.random.default_rng(0).normal(size=(100, 5)) @ np.random.default_rng(1).normal(size=(5, 5))
PC(test={test!r}).discover({{str(i): data[:, i] if {test!r} == "fisher_z" else data[:, i] > 0 for i in range(5)}})
print(loaded - start, time.perf_counter() - loaded)
"""

WIDE = """
import resource, sys
sys.path.insert(0, {folder!r})
import bench_discover as bench
bench.ours(bench.linear(5, 200, 0)[0])
seconds, graph = bench.ours(bench.linear(1000, 10_000, 0, {degree})[0])
print(round(seconds, 2), len(graph.edges), round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2))
"""


def random_order(d: int, degree: float, rng: np.random.Generator) -> tuple[list[int], np.ndarray]:
    """A causal order and the adjacency (d, d) of a random DAG with that expected degree."""
    order = rng.permutation(d).tolist()
    adjacency = np.zeros((d, d), dtype=bool)
    for i in range(d):
        for j in range(i + 1, d):
            adjacency[order[i], order[j]] = rng.random() < degree / (d - 1)
    return order, adjacency


def linear(d: int, n: int, seed: int, degree: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Linear-Gaussian data (n, d) and the adjacency of their DAG."""
    rng = np.random.default_rng(seed)
    order, adjacency = random_order(d, degree, rng)
    weight = adjacency * rng.uniform(0.5, 2.0, (d, d)) * rng.choice([-1, 1], (d, d))
    data = rng.normal(size=(n, d))
    for k in order:
        data[:, k] += data @ weight[:, k]  # the parents come before k and are complete
    return data, adjacency


def discrete(d: int, n: int, seed: int, levels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Codes (n, d) of variables whose tables are random, and the adjacency of their DAG."""
    rng = np.random.default_rng(seed)
    order, adjacency = random_order(d, 2.0, rng)
    data = np.zeros((n, d), dtype=np.int64)
    for k in order:
        code = np.zeros(n, dtype=np.int64)
        for parent in np.flatnonzero(adjacency[:, k]):
            code = code * levels + data[:, parent]
        table = rng.dirichlet(np.full(levels, 0.5), size=int(code.max()) + 1).cumsum(axis=1)
        data[:, k] = (rng.random(n)[:, None] > table[code]).sum(axis=1).clip(max=levels - 1)
    return data, adjacency


def names(d: int) -> list[str]:
    """Column names that sort as the columns stand."""
    return [f"v{i:03}" for i in range(d)]


def ours(data: np.ndarray, **options: Any) -> tuple[float, CausalGraph]:
    """CPU seconds and graph of dorec."""
    table = dict(zip(names(data.shape[1]), data.T, strict=True))
    start = time.process_time()
    graph = PC(**options).discover(table)
    return time.process_time() - start, graph


def arrows(graph: CausalGraph) -> np.ndarray:
    """(d, d), whether an edge of the graph may lead from i to j: both ways if it has no direction."""
    place = {name: i for i, name in enumerate(graph.nodes)}
    out = np.zeros((len(place), len(place)), dtype=bool)
    for a, b in (*graph.directed, *graph.undirected, *((b, a) for a, b in graph.undirected)):
        out[place[a], place[b]] = True
    return out


def is_cyclic(out: np.ndarray) -> bool:
    """Whether the arrows that point one way close a cycle."""
    v = names(len(out))
    try:
        CausalGraph.from_edges(v, directed=[(v[i], v[j]) for i, j in np.argwhere(out & ~out.T)])
    except CyclicGraph:
        return True
    return False


def theirs(data: np.ndarray, test: str) -> tuple[float, np.ndarray]:
    """CPU seconds and arrows of causal-learn."""
    from causallearn.search.ConstraintBased.PC import pc

    start = time.process_time()
    marks = pc(data, 0.05, test, stable=True, show_progress=False).G.graph
    seconds = time.process_time() - start
    return seconds, marks == -1


def row(label: str, make: Callable[[int], np.ndarray], test: str, peer: str, seeds: int, compare: bool = True) -> str:
    """One line of the table: median times, their ratio, and on how many data sets the graphs are equal."""
    mine, other, skeletons, graphs, cyclic = [], [], 0, 0, 0
    for seed in range(seeds):
        data = make(seed)
        mine.append(median(ours(data, test=test)[0] for _ in range(3)))
        if not compare:
            continue
        seconds, of_peer = theirs(data, peer)
        of_ours = arrows(ours(data, test=test, colliders="first")[1])
        other.append(seconds)
        skeletons += bool(((of_ours | of_ours.T) == (of_peer | of_peer.T)).all())
        graphs += bool((of_ours == of_peer).all())
        cyclic += is_cyclic(of_peer)
        print(f"{label} seed {seed}: {mine[-1] * 1e3:.1f} ms, {seconds:.2f} s", flush=True)
    m = median(mine)
    if not compare:
        return f"| {label} | {m * 1e3:.1f} ms | - | - | - | - | - |"
    o = median(other)
    same = f"{skeletons}/{seeds} | {graphs}/{seeds} | {cyclic}"
    return f"| {label} | {m * 1e3:.1f} ms | {o:.2f} s | {o / m:,.0f} x | {same} |"


def class_of(adjacency: np.ndarray) -> CausalGraph:
    """The CPDAG of a DAG."""
    d = len(adjacency)
    pattern = pattern_of_dag(adjacency, ~np.eye(d, dtype=bool))
    return as_graph(pattern, tuple(names(d)), adjacency.astype(float), np.zeros((d, d), dtype=bool), "")


def as_cpdag(marks: np.ndarray) -> CausalGraph:
    """The graph of causal-learn's matrix of marks."""
    v, out = names(len(marks)), marks == -1
    return CausalGraph.from_edges(
        v,
        directed=[(v[i], v[j]) for i, j in np.argwhere(out & ~out.T)],
        undirected=[(v[i], v[j]) for i, j in np.argwhere(np.triu(out & out.T))],
    )


def search_of_peer(method: str, data: np.ndarray) -> tuple[float, CausalGraph]:
    """CPU seconds and graph of causal-learn with the penalty that is our default, lambda = penalty_discount / 2."""
    from causallearn.search.PermutationBased.BOSS import boss
    from causallearn.search.ScoreBased.GES import ges

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the peer draws from the global generators
    start = time.process_time()
    if method == "GES":
        marks = ges(data, "local_score_BIC_from_cov", parameters={"lambda_value": 1.0})["G"].graph
    else:
        marks = boss(data, "local_score_BIC_from_cov", {"lambda_value": 1.0}, verbose=False).graph
    return time.process_time() - start, as_cpdag(marks)


def score_row(method: str, d: int, n: int, seeds: int, compare: bool) -> list[str]:
    """Lines of one method: median times and each data set's distance from the true CPDAG."""
    learners = {"GES": {"GES": GES()}, "BOSS": {"BOSS, 5 starts": BOSS(), "BOSS, 1 start": BOSS(n_starts=1)}}[method]
    data = [linear(d, n, seed) for seed in range(seeds)]
    truth = [class_of(adjacency) for _, adjacency in data]
    peer, far = "-", "-"
    seconds = float("nan")
    if compare:
        found = [search_of_peer(method, x) for x, _ in data]
        seconds = median(f[0] for f in found)
        far = ", ".join(str(structural_hamming_distance(f[1], t)) for f, t in zip(found, truth, strict=True))
        peer = f"{seconds:.2f} s"
    lines = []
    for label, learner in learners.items():
        times, distances = [], []
        for (x, _), t in zip(data, truth, strict=True):
            table = dict(zip(names(d), x.T, strict=True))
            taken = []
            for _ in range(3 if compare else 1):
                start = time.process_time()
                graph = learner.discover(table)
                taken.append(time.process_time() - start)
            times.append(median(taken))
            distances.append(structural_hamming_distance(graph, t))
        m = median(times)
        ratio = f"{seconds / m:,.0f} x" if compare else "-"
        near = ", ".join(map(str, distances))
        lines.append(f"| {label} | d={d} n={n:,} | {m * 1e3:.0f} ms | {near} | {peer} | {far} | {ratio} |")
        print(lines[-1], flush=True)
    return lines


def score_section(quick: bool) -> list[str]:
    """GES and BOSS beside causal-learn's."""
    for learner in (GES(), BOSS()):
        learner.discover(dict(zip(names(5), linear(5, 200, 0)[0].T, strict=True)))
    lines = [
        "# Causal discovery: GES and BOSS beside causal-learn's",
        "",
        "`python benchmarks/bench_discover.py --only scores`. One thread, CPU time, medians (seeds from 0),",
        "both in one process. ER2, as above. Both score by BIC from the covariance, with twice the textbook's penalty.",
        "SHD is from the true CPDAG, for each data set. Compilation is not in the times.",
        "",
        "| search | data | dorec | SHD | causal-learn | SHD | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for method in ("GES", "BOSS"):
        for n in (1000, 10_000):
            lines += score_row(method, 20, n, 5, compare=True)
        for d in () if quick else (100, 200):
            lines += score_row(method, d, 1000, 1, compare=False)
    return [*lines, ""]


def first_calls() -> list[str]:
    """Seconds of the first call in a new process: compiling, and with the machine code on disk."""
    lines = []
    for test in ("fisher_z", "chi_square"):
        with tempfile.TemporaryDirectory() as cache:
            environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
            said = [
                subprocess.run(
                    [sys.executable, "-c", FIRST_CALL.format(test=test)],
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout.split()
                for _ in range(2)
            ]
        lines.append(f"| {test} | {float(said[1][0]):.2f} s | {float(said[0][1]):.1f} s | {float(said[1][1]):.2f} s |")
    return lines


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="leave out d = 100, which takes the peer minutes")
    parser.add_argument(
        "--only", choices=["pc", "grid", "scores"], help="one section; the other stays as it is in the file"
    )
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    sections = {"pc": pc_section, "grid": grid_section, "scores": score_section}
    before = RESULT.read_text().split("\n# ") if RESULT.exists() else []
    old = {_key(part.splitlines()[0]): part.removeprefix("# ") for part in before}
    with threadpool_limits(1):
        for key, section in sections.items():
            if chosen.only in (None, key):
                old[key] = "\n".join(section(chosen.quick)).removeprefix("# ")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n".join(f"# {old[key].rstrip()}\n" for key in sections if key in old))
    print(RESULT.read_text())


def _key(title: str) -> str:
    if "GES" in title:
        return "scores"
    return "grid" if "60 graphs" in title else "pc"


def grid_section(quick: bool) -> list[str]:
    """PC on 60 graphs of 5 to 50 variables beside causal-learn's, and alone on a wide table."""
    sizes = (5, 10, 15, 20) if quick else (5, 10, 15, 20, 25, 30, 35, 40, 45, 50)
    lines = [
        "# Causal discovery: PC on 60 graphs of 5 to 50 variables, and on 1,000",
        "",
        "`python benchmarks/bench_discover.py --only grid`. ER2, n = 1,000, alpha = .05, seeds 0 to 5 for each d,",
        'both in one process, one thread, CPU time. Same collider rule (`colliders="first"`, causal-learn\'s default).',
        "Where the peer's answer has a directed cycle, which dorec never gives, the graphs can't be the same.",
        "",
        "| d | dorec | causal-learn | ratio | same skeleton | same CPDAG | cyclic answers of the peer |",
        "|---|---|---|---|---|---|---|",
    ]
    ours(linear(5, 200, 0)[0])
    rows = [row(f"{d}", lambda s, d=d: linear(d, 1000, s)[0], "fisher_z", "fisherz", 6) for d in sizes]
    return [
        *lines,
        *rows,
        "",
        "A wide table, in a process of its own (seconds of the search, peak of the process):",
        "",
        *wide(),
        "",
    ]


def wide() -> list[str]:
    """PC on 1,000 variables and 10,000 rows, one edge a node and two."""
    lines = ["| data | seconds | edges | peak memory |", "|---|---|---|---|"]
    for degree in (2.0, 4.0):
        said = subprocess.run(
            [sys.executable, "-c", WIDE.format(folder=str(Path(__file__).parent), degree=degree)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        lines.append(f"| d=1,000 n=10,000, {degree / 2:g} edges a node | {said[0]} s | {said[1]} | {said[2]} GB |")
        print(lines[-1], flush=True)
    return lines


def pc_section(quick: bool) -> list[str]:
    """PC beside causal-learn's stable PC: graphs, times and first calls."""
    ours(linear(5, 200, 0)[0])
    ours(discrete(5, 200, 0)[0], test="chi_square")
    lines = [
        "# Causal discovery: PC beside causal-learn's stable PC",
        "",
        "`python benchmarks/bench_discover.py`. One thread, CPU time, medians over data sets, both in one process.",
        "n = 1,000 rows unless said, alpha = .05. ER2: two edges a node, |weight| in [.5, 2].",
        'dorec gives no cyclic graph. Compared under causal-learn\'s default collider rule (`colliders="first"`).',
        "",
        "| data | dorec | causal-learn | ratio | same skeleton | same CPDAG | cyclic answers of the peer |",
        "|---|---|---|---|---|---|---|",
        row("ER2 d=10", lambda s: linear(10, 1000, s)[0], "fisher_z", "fisherz", 10),
        row("ER2 d=20", lambda s: linear(20, 1000, s)[0], "fisher_z", "fisherz", 10),
        row("ER2 d=50", lambda s: linear(50, 1000, s)[0], "fisher_z", "fisherz", 3),
    ]
    if not quick:
        lines.append(row("ER2 d=100", lambda s: linear(100, 1000, s)[0], "fisher_z", "fisherz", 3))
    lines += [
        row("ER2 d=200", lambda s: linear(200, 1000, s)[0], "fisher_z", "", 3, compare=False),
        row("ER2 d=20 n=10,000", lambda s: linear(20, 10_000, s)[0], "fisher_z", "fisherz", 3),
        row("3 levels, d=20 n=2,000, chi-square", lambda s: discrete(20, 2000, s)[0], "chi_square", "chisq", 3),
        row("3 levels, d=20 n=2,000, G²", lambda s: discrete(20, 2000, s)[0], "g_square", "gsq", 3),
        "",
        "First call in a new process, not in the times above:",
        "",
        "| test | import | compiling | machine code on disk |",
        "|---|---|---|---|",
        *first_calls(),
        "",
    ]
    return lines


if __name__ == "__main__":
    main()
