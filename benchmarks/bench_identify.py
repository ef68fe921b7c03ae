"""Identification in random graphs of 40 nodes with hidden common causes, beside y0.

    python benchmarks/bench_identify.py [--y0 /path/to/a/python/with/y0]

Random ADMGs: each pair of nodes is joined by an arrow, and by a hidden common cause, with probabilities that give the
mean numbers a node in the table; the treatment is a random node that causes something, the outcome one of its effects.
Every adjustment set is checked by networkx: no forbidden node, and d-separation in the graph in which each
hidden common cause is a node. y0 (its `identify_outcomes`) runs in a Python of its own, on the same graphs, with ten
seconds a query; without --y0, or the variable DOREC_Y0_PYTHON, it is left out. Times are CPU seconds of one thread.
"""

import argparse
import json
import os
import subprocess
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import networkx as nx
import numpy as np

from dorec.domain.errors import NotIdentifiable
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify import adjustment_sets, identify, possible_effects
from dorec.identify.orientations import unshielded_colliders

RESULT = Path(__file__).parent / "results" / "identify.md"
NODES, GRAPHS, PEER_GRAPHS, LIMIT = 40, 200, 60, 10
DEGREES = ((1.0, 0.25), (1.5, 0.5), (2.0, 1.0), (3.0, 1.0))  # arrows and hidden common causes a node
Case = tuple[CausalGraph, CausalQuery]

PEER = """
import json, signal, sys, time
from y0.algorithm.identify import identify_outcomes
from y0.dsl import Variable
from y0.graph import NxMixedGraph

def late(*_):
    raise TimeoutError

signal.signal(signal.SIGALRM, late)
for line in sys.stdin:
    case = json.loads(line)
    graph = NxMixedGraph.from_str_edges(
        nodes=case["nodes"], directed=[tuple(e) for e in case["directed"]],
        undirected=[tuple(e) for e in case["bidirected"]])
    start = time.process_time()
    signal.alarm(case["limit"])
    try:
        found = identify_outcomes(graph, {Variable(case["x"])}, {Variable(case["y"])}) is not None
    except TimeoutError:
        found = "late"
    except Exception as error:
        found = type(error).__name__
    signal.alarm(0)
    print(json.dumps({"found": found, "seconds": time.process_time() - start}), flush=True)
"""


def random_case(degree: float, hidden: float, seed: int) -> Case:
    """A graph and a query."""
    rng = np.random.default_rng(seed)
    order = [f"v{i:02}" for i in rng.permutation(NODES)]
    pairs = [(a, b) for i, a in enumerate(order) for b in order[i + 1 :]]
    graph = CausalGraph.from_edges(
        sorted(order),
        directed=[e for e in pairs if rng.random() < 2 * degree / (NODES - 1)],
        bidirected=[e for e in pairs if rng.random() < 2 * hidden / (NODES - 1)],
    )
    causes = [node for node in order if graph.children(node)]
    treatment = causes[rng.integers(len(causes))]
    effects = sorted(graph.descendants([treatment]) - {treatment})
    return graph, CausalQuery((treatment,), (effects[rng.integers(len(effects))],))


def ours(case: Case) -> tuple[str, float]:
    """Strategy, or "refused", and CPU seconds."""
    start = time.process_time()
    try:
        answer = identify(*case).strategy
    except NotIdentifiable:
        answer = "refused"
    return answer, time.process_time() - start


def theirs(cases: list[Case], python: str) -> list[dict[str, Any]]:
    """y0's verdicts and seconds."""
    lines = [
        json.dumps(
            {
                "nodes": graph.nodes,
                "directed": graph.directed,
                "bidirected": graph.bidirected,
                "x": query.treatments[0],
                "y": query.outcomes[0],
                "limit": LIMIT,
            }
        )
        for graph, query in cases
    ]
    done = subprocess.run([python, "-c", PEER], input="\n".join(lines), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def is_right(graph: CausalGraph, query: CausalQuery, names: tuple[str, ...]) -> bool:
    """The adjustment criterion by networkx alone."""
    (x,), (y,) = query.treatments, query.outcomes
    full = nx.DiGraph()
    full.add_nodes_from(graph.nodes)
    full.add_edges_from(graph.directed)
    causal = ({x} | nx.descendants(full, x)) & ({y} | nx.ancestors(full, y)) - {x} if y in full else set()
    if any(set(names) & ({node} | nx.descendants(full, node)) for node in causal):
        return False
    full.remove_edges_from([(x, node) for node in causal if full.has_edge(x, node)])
    for a, b in graph.bidirected:
        full.add_edges_from([((a, b), a), ((a, b), b)])
    return bool(nx.is_d_separator(full, {x}, {y}, set(names)))


def row(degree: float, hidden: float, python: str | None) -> list[str]:
    """One line of the table."""
    cases = [random_case(degree, hidden, seed) for seed in range(GRAPHS)]
    ours(cases[0])  # imports and caches
    found = [ours(case) for case in cases]
    ms = [1e3 * seconds for _, seconds in found]
    sets = [(graph, query, names) for graph, query in cases for names in adjustment_sets(graph, query, limit=20)]
    wrong = sum(not is_right(*one) for one in sets)
    counts = ", ".join(f"{n} {name}" for name, n in Counter(name for name, _ in found).most_common())
    cells = [f"{degree:g} / {hidden:g}", f"{median(ms):.2f}", *slowest(found), counts, f"{len(sets)}, {wrong} wrong"]
    if not python:
        return [*cells, "", "", ""]
    peer = theirs(cases[:PEER_GRAPHS], python)
    late = sum(isinstance(one["found"], str) for one in peer)
    agree = sum(
        one["found"] == (name != "refused")
        for one, (name, _) in zip(peer, found, strict=False)
        if not isinstance(one["found"], str)
    )
    slow = [1e3 * one["seconds"] for one in peer]
    return [*cells, f"{median(slow):.0f}", f"{max(slow):.0f}", f"{agree} of {len(peer) - late}, {late} without answer"]


def slowest(found: list[tuple[str, float]]) -> list[str]:
    """The longest time of an answer and of a refusal, in ms."""
    refused = [1e3 * seconds for name, seconds in found if name == "refused"]
    return [f"{max(1e3 * s for name, s in found if name != 'refused'):.1f}", f"{max(refused):.1f}" if refused else ""]


def classes() -> str:
    """Effects over the classes of random DAGs of 40 nodes: time and number of answers."""
    ms, answers = [], []
    for seed in range(50):
        graph, query = random_case(1.5, 0.0, seed)
        start = time.process_time()
        answers.append(len(possible_effects(cpdag_of(graph), query)))
        ms.append(1e3 * (time.process_time() - start))
    return (
        f"All effects over the CPDAG of {len(ms)} random DAGs (1.5 arrows a node): median {median(ms):.1f} ms, max "
        f"{max(ms):.0f} ms; one answer in {sum(a == 1 for a in answers)}, at most {max(answers)}."
    )


def cpdag_of(dag: CausalGraph) -> CausalGraph:
    """The colliders of a DAG directed, all else left open; readers close it under Meek's rules."""
    fixed = {pair for a, b, c in unshielded_colliders(dag) for pair in ((a, b), (c, b))}
    return CausalGraph.from_edges(dag.nodes, directed=sorted(fixed), undirected=sorted(set(dag.directed) - fixed))


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--y0", default=os.environ.get("DOREC_Y0_PYTHON"))
    python = parser.parse_args().y0
    if not python:
        print("y0 is left out: name a Python that has it with --y0 or DOREC_Y0_PYTHON")
    head = [
        "arrows / hidden a node",
        "median ms",
        "max ms, answered",
        "max ms, refused",
        "answers",
        "adjustment sets checked",
        "y0 median ms",
        "y0 max ms",
        "verdicts alike",
    ]
    rows = [row(*degrees, python) for degrees in DEGREES]
    lines = [
        "# Identification",
        "",
        f"`python benchmarks/bench_identify.py`, {time.strftime('%Y-%m-%d')}. Random ADMGs of {NODES} nodes, "
        f"seeds 0 to {GRAPHS - 1} (y0: the first {PEER_GRAPHS}, at most {LIMIT} s each); one treatment, one outcome "
        "that it causes; CPU time of one thread. The time of a refusal includes the search for instruments and "
        "remedies, that of an answer the search for the best set. Sets: the first 20 minimal ones of each graph, "
        "checked by networkx.",
        "",
        *("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]),
        "",
        classes(),
    ]
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
