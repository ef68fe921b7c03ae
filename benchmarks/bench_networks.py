"""Discovery on published discrete networks and on the protein signalling data of Sachs et al., beside its peers.

    python benchmarks/bench_networks.py [--quick] [--only networks|sachs]

Networks: forward samples of the tables in ../shared/data/bnlearn_bif, n = 10,000, seeds 0..4; the distance is that to
the true CPDAG. Both programs read the same arrays with one thread; times are CPU seconds, medians over seeds, and
include the reading of the table; compilation is not in them. causal-learn runs in this process. pgmpy runs in one of
its own where the environment variable PEER_PGMPY names a Python that has it, and is left out otherwise.

Sachs: cells pooled over all experimental conditions (the file does not say which cell had which), 11 proteins,
against the consensus graph of 20 edges.
"""

import argparse
import gzip
import io
import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from dorec.discover import (
    BOSS,
    GES,
    PC,
    REGISTRY,
    BootstrapDiscovery,
    ExactSearch,
    HillClimbing,
    compare_graphs,
    structural_hamming_distance,
)
from dorec.discover.pattern import as_graph, pattern_of_dag
from dorec.domain.errors import DorecError
from dorec.domain.graph import CausalGraph
from dorec.domain.run import RunContext
from dorec.simulate import DiscreteNetwork

RESULT = Path(__file__).parent / "results" / "networks.md"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
N = 10_000
NUMERIC = (
    "boss",
    "ges",
    "exact_search",
    "hill_climbing",
    "pc",
    "fci",
    "rfci",
    "notears",
    "dagma",
    "direct_lingam",
)
PGMPY = """
import sys, time, warnings, logging
warnings.filterwarnings("ignore"); logging.disable(logging.CRITICAL)
import numpy as np, pandas as pd
from pgmpy.estimators import HillClimbSearch, GES
method, path = sys.argv[1:3]
table = pd.read_csv(path, dtype=str).astype("category")
search = GES(table) if method == "GES" else HillClimbSearch(table)
options = dict(scoring_method="bic-d") | ({} if method == "GES" else dict(show_progress=False))
start = time.process_time()
model = search.estimate(**options)
print("seconds", time.process_time() - start)
for a, b in model.edges():
    print("edge", a, b)
"""


def network(name: str) -> DiscreteNetwork:
    """A published network with its tables."""
    return DiscreteNetwork.from_bif(gzip.decompress((DATA / "bnlearn_bif" / f"{name}.bif.gz").read_bytes()).decode())


def class_of(graph: CausalGraph) -> CausalGraph:
    """The CPDAG of a DAG."""
    d = len(graph.nodes)
    place = {node: i for i, node in enumerate(graph.nodes)}
    dag = np.zeros((d, d), dtype=bool)
    for a, b in graph.directed:
        dag[place[a], place[b]] = True
    pattern = pattern_of_dag(dag, ~np.eye(d, dtype=bool))
    return as_graph(pattern, graph.nodes, dag.astype(float), np.zeros((d, d), dtype=bool), "")


def by_marks(names: list[str], marks: np.ndarray) -> CausalGraph:
    """The graph of causal-learn's matrix of marks; cycles lose their directions."""
    out = marks == -1
    both = [(names[i], names[j]) for i, j in np.argwhere(np.triu(out & out.T))]
    directed = [(names[i], names[j]) for i, j in np.argwhere(out & ~out.T)]
    return CausalGraph.from_edges(names, directed=directed, undirected=both)


Found = tuple[float, CausalGraph]


def ours(learner: Any, table: Mapping[str, np.ndarray]) -> Found:
    """CPU seconds and graph of dorec."""
    start = time.process_time()
    graph = learner.discover(table)
    return time.process_time() - start, graph


def causal_learn(method: str, table: Mapping[str, np.ndarray]) -> Found:
    """CPU seconds and graph of causal-learn: PC with chi-square at .05, or GES with BDeu."""
    from causallearn.search.ConstraintBased.PC import pc
    from causallearn.search.ScoreBased.GES import ges

    data = np.column_stack(list(table.values()))
    start = time.process_time()
    if method == "PC":
        marks = pc(data, 0.05, "chisq", stable=True, show_progress=False).G.graph
    else:
        marks = ges(data, "local_score_BDeu")["G"].graph
    return time.process_time() - start, by_marks(list(table), marks)


def pgmpy(method: str, table: Mapping[str, np.ndarray]) -> Found:
    """CPU seconds and CPDAG of pgmpy's search by BIC."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        rows = np.column_stack(list(table.values()))
        path.write_text("\n".join([",".join(table), *(",".join(map(str, row)) for row in rows.tolist())]))
        run = subprocess.run(
            [os.environ["PEER_PGMPY"], "-c", PGMPY, method, str(path)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    lines = [line.split() for line in run.stdout.splitlines() if line.startswith(("seconds", "edge"))]
    seconds = next(float(line[1]) for line in lines if line[0] == "seconds")
    edges = [(line[1], line[2]) for line in lines if line[0] == "edge"]
    both = [pair for pair in edges if pair[::-1] in edges]
    if both:
        single = [pair for pair in edges if pair not in both]
        undirected = [pair for pair in both if pair < pair[::-1]]
        return seconds, CausalGraph.from_edges(list(table), directed=single, undirected=undirected)
    return seconds, class_of(CausalGraph.from_edges(list(table), directed=edges))


def learners(name: str) -> dict[str, Any]:
    """What of ours is run on a network."""
    exact = {} if name == "alarm" else {"max_parents": 4} if name == "child" else None
    found: dict[str, Any] = {
        "GES bdeu": GES(score="bdeu"),
        "GES discrete_bic": GES(score="discrete_bic"),
        "BOSS bdeu": BOSS(score="bdeu"),
        "BOSS discrete_bic": BOSS(score="discrete_bic"),
        "BOSS discrete_bic, 1 start": BOSS(score="discrete_bic", n_starts=1),
        "HillClimbing discrete_bic": HillClimbing(score="discrete_bic"),
        "PC chi_square .05": PC(alpha=0.05, test="chi_square"),
        "PC chi_square .001": PC(alpha=0.001, test="chi_square"),
    }
    if exact is None or exact:
        found["ExactSearch bdeu" + (" (at most 4 parents)" if exact else "")] = ExactSearch(
            score="bdeu", **(exact or {})
        )
    return found


def peers(name: str) -> dict[str, Callable[[Mapping[str, np.ndarray]], Found]]:
    """The peers that end in minutes on a network."""
    found: dict[str, Callable[[Mapping[str, np.ndarray]], Found]] = {
        "causal-learn PC chi-square .05": lambda table: causal_learn("PC", table)
    }
    if name in ("asia", "sachs"):
        found["causal-learn GES BDeu"] = lambda table: causal_learn("GES", table)
    if "PEER_PGMPY" in os.environ:
        found["pgmpy HillClimbSearch bic-d"] = lambda table: pgmpy("HC", table)
        if name in ("asia", "sachs"):
            found["pgmpy GES bic-d"] = lambda table: pgmpy("GES", table)
    return found


def network_lines(name: str, seeds: int, peer_seeds: int) -> list[str]:
    """A table row for each method on a network."""
    world = network(name)
    truth = class_of(world.graph)
    tables = [world.sample_codes(N, RunContext(seed=seed)) for seed in range(seeds)]
    tried: dict[str, tuple[Callable[[Any], Found], int]] = {}
    for label, learner in learners(name).items():
        tried[label] = (lambda table, learner=learner: ours(learner, table), seeds)
    tried |= {f"*{label}*": (run, peer_seeds) for label, run in peers(name).items()}
    lines = []
    for label, (run, n) in tried.items():
        found = []
        for table in tables[:n]:
            try:
                found.append(run(table))
            except DorecError as refusal:  # a peer's directed cycle is no graph
                print(f"{label}: {refusal}")
        if not found:
            lines.append(f"| {name} | {label} | cyclic answers | - |")
            continue
        distances = ", ".join(str(structural_hamming_distance(graph, truth)) for _, graph in found)
        lines.append(f"| {name} | {label} | {distances} | {median(s for s, _ in found):.3f} s |")
        print(lines[-1], flush=True)
    return lines


def sachs_tables() -> dict[str, dict[str, np.ndarray]]:
    """The measurements: log-transformed, and in the three published levels."""
    folder = DATA / "sachs" / "data"
    out = {}
    for kind in ("continuous", "discrete"):
        text = gzip.decompress((folder / f"sachs.2005.{kind}.txt.gz").read_bytes()).decode()
        names = text.splitlines()[0].split()
        rows = np.loadtxt(io.StringIO(text), skiprows=1)
        out[kind] = {name: rows[:, i] for i, name in enumerate(names)}
    logs = {name: np.log(column) for name, column in out["continuous"].items()}
    return {"log": logs, "discrete": {name: column.astype(int) for name, column in out["discrete"].items()}}


def sachs_truth() -> CausalGraph:
    """The consensus graph of 20 edges."""
    text = (DATA / "sachs" / "ground.truth" / "sachs.2005.ground.truth.graph.txt").read_text()
    edges = [(line.split()[1], line.split()[3]) for line in text.splitlines() if "-->" in line]
    return CausalGraph.from_edges(sorted({node for pair in edges for node in pair}), directed=edges)


def sachs_learners() -> dict[str, tuple[str, Any]]:
    """Label -> table and method: those that take numbers and end in seconds, and the discrete ones."""
    found: dict[str, tuple[str, Any]] = {name: ("log", REGISTRY.make(name)) for name in NUMERIC}
    for method in (BOSS, GES, HillClimbing, ExactSearch):
        found[f"{method.__name__} discrete_bic"] = ("discrete", method(score="discrete_bic"))
        found[f"{method.__name__} bdeu"] = ("discrete", method(score="bdeu"))
    found["PC chi_square .05"] = ("discrete", PC(test="chi_square"))
    return found


def sachs_lines(n_bootstrap: int) -> tuple[list[str], list[str]]:
    """A row for each method, and the bootstrap frequencies of each true edge."""
    tables, truth = sachs_tables(), sachs_truth()
    lines = []
    for label, (kind, learner) in sachs_learners().items():
        try:
            ours(learner, tables[kind])  # compiles
            seconds, graph = ours(learner, tables[kind])
        except DorecError as refusal:
            lines.append(f"| {label} | {kind} | refused: {refusal.args[0] if refusal.args else refusal} | | | | |")
            continue
        said = compare_graphs(graph, truth)
        right = sum(pair in truth.directed for pair in graph.directed)
        lines.append(
            f"| {label} | {kind} | {len(graph.edges)} | {said.skeleton.precision:.2f} / {said.skeleton.recall:.2f} | "
            f"{right} of {len(graph.directed)} | {structural_hamming_distance(graph, truth)} | {seconds:.3f} s |"
        )
        print(lines[-1], flush=True)
    return lines, frequency_lines(tables, truth, n_bootstrap)


def frequency_lines(tables: Mapping[str, Any], truth: CausalGraph, n_bootstrap: int) -> list[str]:
    """How often each true edge is adjacent, and points right, in resamples; and the most frequent false ones."""
    searches = {
        "BOSS bic, log": ("log", BOSS()),
        "GES bic, log": ("log", GES()),
        "BOSS discrete_bic": ("discrete", BOSS(score="discrete_bic")),
        "PC fisher_z, log": ("log", PC()),
    }
    found = {
        label: BootstrapDiscovery(learner, n_bootstrap=n_bootstrap).frequencies(tables[kind])
        for label, (kind, learner) in searches.items()
    }
    lines = [f"| edge | {' | '.join(searches)} |", "|---|" + "---|" * len(searches)]
    for a, b in truth.directed:
        cells = [f"{of.adjacent(a, b):.2f} ({of.oriented(a, b):.2f})" for of in found.values()]
        lines.append(f"| {a} → {b} | {' | '.join(cells)} |")
    nodes = truth.nodes
    apart = [(a, b) for i, a in enumerate(nodes) for b in nodes[i + 1 :] if frozenset((a, b)) not in truth.skeleton]
    apart.sort(key=lambda pair: -max(of.adjacent(*pair) for of in found.values()))
    for a, b in apart[:5]:
        lines.append(f"| false: {a}, {b} | {' | '.join(f'{of.adjacent(a, b):.2f}' for of in found.values())} |")
    return lines


def main() -> None:
    """Print and store the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=("networks", "sachs"))
    chosen = parser.parse_args()
    seeds, peer_seeds = (2, 1) if chosen.quick else (5, 3)
    text = ["# Causal discovery on published networks", "", "`python benchmarks/bench_networks.py`; see there."]
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if chosen.only != "sachs":
            small = network("asia").sample_codes(200)
            for learner in learners("asia").values():
                learner.discover(small)  # compiles
            text += [
                "",
                f"n = {N:,}; distance (SHD) to the true CPDAG, seed by seed; median CPU time. Peers in italics.",
                "",
            ]
            text += ["| network | method | SHD | CPU |", "|---|---|---|---|"]
            for name in ("asia", "sachs", "child", "alarm"):
                text += network_lines(name, seeds, peer_seeds)
        if chosen.only != "networks":
            n_bootstrap = 10 if chosen.quick else 100
            rows, frequencies = sachs_lines(n_bootstrap)
            n_cells = len(sachs_tables()["log"]["raf"])
            text += ["", f"## Sachs et al. 2005: {n_cells:,} cells, 11 proteins, against the graph of 20 edges", ""]
            text += ["Settings are the defaults. A PAG (fci, rfci) is held against the DAG, mark by mark.", ""]
            text += [
                "| method | table | edges | skeleton precision / recall | right of directed | SHD | CPU |",
                "|" + "---|" * 7,
            ]
            text += [
                *rows,
                "",
                f"Share of {n_bootstrap} resamples in which a pair is adjacent (and points as in the graph):",
                "",
                *frequencies,
            ]
    out = "\n".join(text) + "\n"
    print(out)
    if not chosen.quick and chosen.only is None:
        RESULT.write_text(out)


if __name__ == "__main__":
    main()
