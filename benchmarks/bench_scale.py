"""Millions of interactions on two cores: time and memory of the recommenders that are meant for them.

`python benchmarks/bench_scale.py [--events 20000000] [--threads 2]` trains each model in a process of its own, so that
its peak is its own, and writes results/scale.md.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from dorec import Dataset, RunContext
from dorec.evaluate import ranking
from dorec.recommend import make

RESULTS = Path(__file__).parent / "results" / "scale.md"
MODELS = {"popularity": {}, "als": {"embedding_size": 64}, "sparse_ease": {}}
TASTES = 40
JUDGED = 5_000  # users


def generated(n_events: int, seed: int = 0) -> Dataset:
    """Users with log-normal activity, items with a power-law head, and tastes that choose among items."""
    n_users, n_items = n_events // 50, max(n_events // 400, 100)
    rng = np.random.default_rng(seed)
    activity = np.cumsum(rng.lognormal(0.0, 0.8, n_users))
    users = np.searchsorted(activity, rng.random(n_events) * activity[-1])
    rank = (n_items * rng.random(n_events) ** 2.5).astype(np.int64)  # share of rank r falls as r^-0.6
    own = rng.random(n_events) < 0.6
    items = np.minimum(np.where(own, rank - rank % TASTES + users % TASTES, rank), n_items - 1)
    return Dataset(
        users=np.arange(n_users),
        items=np.arange(n_items),
        user_index=users.astype(np.int64),
        item_index=items,
        weight=np.ones(n_events),
    )


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def one(name: str, n_events: int, threads: int) -> None:
    """Train and judge one model; a line of JSON tells how it went."""
    data = generated(n_events)
    held = np.random.default_rng(1).random(data.n_interactions) < 0.05
    train, rest = data.take(~held), data.take(held & (data.user_index < JUDGED))
    del data, held
    before, wall, cpu = peak(), time.perf_counter(), time.process_time()
    scorer = make(name, **MODELS[name]).fit(train, context=RunContext(threads=threads))
    wall, cpu, after = time.perf_counter() - wall, time.process_time() - cpu, peak()
    ndcg = float(ranking(scorer, rest, k=10, metrics=("ndcg",))["ndcg"].value)
    facts = {"users": train.n_users, "items": train.n_items, "events": train.n_interactions, "pairs": train.matrix.nnz}
    print(json.dumps({"before": before, "wall": wall, "cpu": cpu, "peak": after, "ndcg": ndcg} | facts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", help="only this one, in this process")
    asked = parser.parse_args()
    if asked.model:
        one(asked.model, asked.events, asked.threads)
        return
    lines = []
    for name in MODELS:
        command = [sys.executable, __file__, "--model", name]
        command += ["--events", str(asked.events), "--threads", str(asked.threads)]
        got = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
        lines.append(
            f"| {name} | {got['wall']:,.0f} | {got['cpu']:,.0f} | {got['before']:.2f} | {got['peak']:.2f} | "
            f"{got['ndcg']:.3f} |"
        )
        print(lines[-1], flush=True)
    shape = (
        f"{got['events']:,} interactions ({got['pairs']:,} pairs) of {got['users']:,} users and {got['items']:,} items"
    )
    head = [
        "# Scale",
        "",
        f"Written by `python benchmarks/bench_scale.py --events {asked.events} --threads {asked.threads}` on "
        f"{time.strftime('%Y-%m-%d')}: {shape}, generated with a log-normal activity of users and a power law over "
        f"items; {asked.threads} threads, defaults, one seed. GiB are the process's peak, before the fit (data alone) "
        f"and after it. NDCG@10 is that of {JUDGED:,} users on a held-out twentieth. Other work shared the machine: "
        "CPU seconds compare best.",
        "",
        "| model | fit wall s | fit CPU s | GiB before | GiB peak | NDCG@10 |",
        "|---|---|---|---|---|---|",
    ]
    RESULTS.write_text("\n".join([*head, *lines, ""]))


if __name__ == "__main__":
    main()
