"""Structural models: time and memory of a fit and of samples, and exact answers in a network of 37 nodes.

    python benchmarks/bench_structural.py [rows]

Each world is fitted in a process of its own, one thread, CPU seconds. Memory (Linux) is the peak of resident memory
less what the process held when the data were ready. The compiled walk down trees is warm.
pgmpy's variable elimination answers the same questions of ALARM (read from ../shared) in a process of its own: name a
Python that has it in DOREC_PGMPY_PYTHON.
"""

import gzip
import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np

RESULT = Path(__file__).parent / "results" / "structural.md"
ALARM = Path(__file__).resolve().parents[2] / "shared/data/bnlearn_bif/alarm.bif.gz"
WORLDS = ("tables", "linear", "auto, linear truth", "auto, curved truth")
NAMES = [f"v{i}" for i in range(10)]
EDGES = [(NAMES[j], NAMES[i]) for i in range(10) for j in range(max(0, i - 2), i)]
PEER = """
import gzip, json, sys, time, warnings
warnings.simplefilter("ignore")
import pgmpy
from pgmpy.inference import VariableElimination
from pgmpy.readwrite import BIFReader
path, evidence, ask = json.loads(sys.argv[1])
engine = VariableElimination(BIFReader(string=gzip.open(path, "rt").read()).get_model())
engine.query(list(ask)[:1], evidence=evidence, show_progress=False)
start = time.process_time()
found = {v: engine.query([v], evidence=evidence, show_progress=False) for v in ask}
seconds = time.process_time() - start
shares = {v: [float(found[v].get_value(**{v: level})) for level in levels] for v, levels in ask.items()}
print(json.dumps({"seconds": seconds, "shares": shares, "version": pgmpy.__version__}))
"""


def world(kind: str, n: int) -> dict[str, np.ndarray]:
    """Ten columns, each after the first caused by the two before it; the last but one is discrete in mixed worlds."""
    rng = np.random.default_rng(0)
    data: dict[str, np.ndarray] = {}
    for i, name in enumerate(NAMES):
        cause = sum((data[p].astype(float) for p in NAMES[max(0, i - 2) : i]), np.zeros(n))
        if kind == "tables":
            data[name] = (cause / 4 + rng.random(n) * 3).astype(np.int64).clip(0, 3)
        elif i == 8 and kind.startswith("auto"):
            data[name] = (rng.random(n) < 1 / (1 + np.exp(-cause))).astype(np.int64)
        else:
            data[name] = (np.sin(cause) if "curved" in kind else 0.5 * cause) + rng.normal(size=n)
    return data


def measure(kind: str, n: int) -> dict[str, float]:
    """CPU seconds of fit, sample, intervention and counterfactual; peak MB of fit and of everything."""
    from dorec.domain.graph import CausalGraph
    from dorec.domain.run import RunContext
    from dorec.simulate import StructuralModel

    one = RunContext(threads=1)
    graph = CausalGraph.from_edges(NAMES, directed=EDGES)
    how = StructuralModel(mechanisms=dict.fromkeys(NAMES, "linear") if kind == "linear" else "auto")
    StructuralModel(n_trees=2).fit(graph, world("auto, curved truth", 500), context=one).sample(10)
    data = world(kind, n)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = memory("VmRSS")
    seconds = {}
    start = time.process_time()
    model = how.fit(graph, data, context=one)
    seconds["fit"], fit_peak = time.process_time() - start, memory("VmHWM")
    value = data["v2"].max() if kind == "tables" else 0.5
    for label, act in (
        ("sample", lambda: model.sample(n, context=one)),
        ("do", lambda: model.sample(n, {"v2": value}, context=one)),
        ("counterfactual", lambda: model.counterfactual(data, {"v2": value}, n_draws=1, context=one)),
    ):
        start = time.process_time()
        act()
        seconds[label] = time.process_time() - start
    kinds = sorted({m.kind for m in model.mechanisms.values()})
    return {**seconds, "fit_mb": fit_peak - before, "all_mb": memory("VmHWM") - before, "kinds": kinds}  # type: ignore[dict-item]


def memory(key: str) -> float:
    """Resident memory of this process, now (VmRSS) or at its peak (VmHWM), MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def alarm() -> list[str]:
    """CPU milliseconds of exact answers: every other variable given all leaves at their first level."""
    if not ALARM.exists():
        return []
    from dorec.simulate import DiscreteNetwork, FittedStructuralModel

    model = FittedStructuralModel.from_network(DiscreteNetwork.from_bif(gzip.decompress(ALARM.read_bytes()).decode()))
    evidence = {v: model.variables[v].levels[0] for v in model.graph.nodes if not model.graph.children(v)}
    ask = [v for v in model.graph.nodes if v not in evidence]
    model.distribution(ask[:1], given=evidence)  # warm, as is the peer
    start = time.process_time()
    mine = {v: model.distribution([v], given=evidence) for v in ask}
    ours = (time.process_time() - start) / len(ask) * 1e3
    other = "-"
    if peer := os.environ.get("DOREC_PGMPY_PYTHON"):
        asked = json.dumps([str(ALARM), evidence, {v: model.variables[v].levels for v in ask}])
        said = json.loads(subprocess.run([peer, "-c", PEER, asked], check=True, capture_output=True, text=True).stdout)
        gap = max(np.abs(np.array(said["shares"][v]) - mine[v]).max() for v in ask)
        other = f"{said['seconds'] / len(ask) * 1e3:.1f} ms (pgmpy {said['version']}, largest difference {gap:.1g})"
    return [f"| a posterior in ALARM given all {len(evidence)} leaves | {ours:.1f} ms | {other} |"]


def main() -> None:
    """Writes the table."""
    if len(sys.argv) > 2:
        warnings.simplefilter("ignore")
        print(json.dumps(measure(sys.argv[2], int(sys.argv[1]))))
        return
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    lines = [
        "# Structural models\n",
        f"`python benchmarks/bench_structural.py`, {time.strftime('%Y-%m-%d')}. {n:,} rows, ten nodes with two causes,"
        " seed 0, one thread, CPU seconds, one run; memory is what the process took beyond the data.\n",
        "| world | mechanisms | fit | sample | sample under do | counterfactual (1 draw) | memory fit / all |",
        "|---|---|---|---|---|---|---|",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    for kind in WORLDS:
        command = [sys.executable, __file__, str(n), kind]
        said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
        got = json.loads(said)
        cells = [f"{got[key]:.1f} s" for key in ("fit", "sample", "do", "counterfactual")]
        memory = f"{got['fit_mb']:,.0f} / {got['all_mb']:,.0f} MB"
        lines.append(f"| {kind} | {', '.join(got['kinds'])} | {' | '.join(cells)} | {memory} |")
        print(lines[-1], flush=True)
    lines += ["", "| exact inference, CPU time | dorec | peer |", "|---|---|---|", *alarm()]
    RESULT.write_text("\n".join(lines) + "\n")
    print(RESULT.read_text())


if __name__ == "__main__":
    main()
