"""The ten largest inner products of queries with a million vectors, beside faiss's exact index.

`DOREC_FAISS_PYTHON=/path/to/python python benchmarks/bench_top_k.py`: an interpreter that has faiss-cpu; without it
only ours and a plain matrix product are measured. Rounds of each alternate, so that other work on the machine meets
both. CPU seconds, one thread, medians.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results" / "top_k.md"
ITEMS, SIZE, QUERIES, K, ROUNDS = 1_000_000, 64, 128, 10, 3
BATCHES = (64, 128)


def made() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return (rng.standard_normal((n, SIZE), dtype=np.float32) for n in (QUERIES, ITEMS))


def faiss_rounds(batch: int) -> None:
    """Run by the interpreter that has faiss: a line of JSON a round, when asked for it by a line."""
    import faiss

    faiss.omp_set_num_threads(1)
    queries, items = made()
    index = faiss.IndexFlatIP(SIZE)
    index.add(items)
    index.search(queries[:8], K)
    print("ready", flush=True)
    for _ in sys.stdin:
        cpu = time.process_time()
        found = np.concatenate([index.search(queries[s : s + batch], K)[1] for s in range(0, QUERIES, batch)])
        print(json.dumps({"cpu": time.process_time() - cpu, "sum": int(found.sum())}), flush=True)


def main() -> None:
    from dorec.numeric.top_products import top_products

    queries, items = made()
    top_products(queries[:2], items[:2000], K)
    python = os.environ.get("DOREC_FAISS_PYTHON")
    lines = ["| batch | dorec queries/CPU-s | matrix product alone | faiss flat | dorec / faiss | same items |"]
    lines.append("|---|---|---|---|---|---|")
    for batch in BATCHES:
        peer = None
        if python:
            command = [python, __file__, "--faiss", str(batch)]
            peer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            peer.stdout.readline()
        ours, product, theirs, same = [], [], [], ""
        for _ in range(ROUNDS):
            cpu = time.process_time()
            starts = range(0, QUERIES, batch)
            found = np.concatenate([top_products(queries[s : s + batch], items, K)[0] for s in starts])
            ours.append(QUERIES / (time.process_time() - cpu))
            cpu = time.process_time()
            for s in range(0, 64):
                queries[:64] @ items[s * 1024 : (s + 1) * 1024].T
            product.append(64 * 64 * 1024 / ITEMS / (time.process_time() - cpu))
            if peer:
                peer.stdin.write("go\n")
                peer.stdin.flush()
                got = json.loads(peer.stdout.readline())
                theirs.append(QUERIES / got["cpu"])
                same = "yes" if got["sum"] == int(found.sum()) else "no"
        if peer:
            peer.stdin.close()
            peer.wait()
        speed = [statistics.median(x) if x else None for x in (ours, product, theirs)]
        ratio = f"{speed[0] / speed[2]:.1f}" if speed[2] else ""
        peers = f"{speed[2]:,.0f}" if speed[2] else "not installed"
        lines.append(f"| {batch} | {speed[0]:,.0f} | {speed[1]:,.0f} | {peers} | {ratio} | {same} |")
        print(lines[-1], flush=True)
    head = [
        "# Exact top-k",
        "",
        f"Written by `python benchmarks/bench_top_k.py` on {time.strftime('%Y-%m-%d')}: the {K} largest inner products "
        f"of {QUERIES} standard normal queries with {ITEMS:,} x {SIZE}, seed 0, one thread, CPU seconds, medians of "
        f"{ROUNDS} rounds that alternate with the peer's. Other work shared the machine: ratios compare best.",
        "",
    ]
    RESULTS.write_text("\n".join([*head, *lines, ""]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--faiss"]:
        faiss_rounds(int(sys.argv[2]))
    else:
        main()
