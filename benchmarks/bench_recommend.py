"""Recommenders beside implicit in one process: time, memory and NDCG@10 on MovieLens 100K and on a generated shop.

`python benchmarks/bench_recommend.py [--quick]` prints the tables and writes them to benchmarks/results/recommend.md.
"""

import argparse
import ctypes
import gzip
import os
import statistics
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from dorec import Dataset, RunContext
from dorec.domain.item_list import ItemList
from dorec.evaluate import ranking
from dorec.recommend import (
    ALS,
    BPR,
    EASE,
    GAT,
    SLIM,
    WARP,
    AssociationRules,
    Blend,
    ItemKNN,
    LightGCN,
    Popularity,
    SparseEASE,
    TwoStage,
    UserKNN,
)

RESULTS = Path(__file__).parent / "results" / "recommend.md"
MOVIELENS = Path(__file__).resolve().parents[2] / "shared" / "data" / "ml-100k" / "u.data.gz"
SEEDS = (0, 1, 2)
MORE = "## MovieLens 100K, further recommenders"


@dataclass(frozen=True)
class Measured:
    wall: float
    cpu: float
    peak: float  # MiB above the start
    result: Any


class Peer:
    """implicit's model behind our protocol, so that one judge judges both."""

    def __init__(self, dataset: Dataset, model: Any) -> None:
        self.dataset, self.model, self.matrix = dataset, model, binary(dataset)

    def recommend(self, users: Any, k: int = 10, *, exclude_seen: bool = True) -> ItemList:
        at = self.dataset.index_of(users)
        places, scores = self.model.recommend(at, self.matrix[at], N=k, filter_already_liked_items=exclude_seen)
        scores = np.where(places >= 0, scores, -np.inf)
        return ItemList(np.asarray(users), self.dataset.items[places], scores, np.zeros(len(at), dtype=bool))


def binary(dataset: Dataset) -> sparse.csr_matrix:
    matrix = dataset.matrix.copy()
    matrix.data = np.ones_like(matrix.data)
    return matrix


def resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(work: Callable[[], Any], repeats: int = 3) -> Measured:
    """Medians over the repeats after one run to warm up; the peak is that of the largest repeat, caches emptied."""
    work()
    walls, cpus, peaks, result = [], [], [], None
    for _ in range(repeats):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        start, stop, top = resident(), threading.Event(), [0.0]

        def watch(stop: threading.Event = stop, top: list[float] = top) -> None:
            while not stop.wait(0.002):
                top[0] = max(top[0], resident())

        watcher = threading.Thread(target=watch)
        watcher.start()
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
        stop.set()
        watcher.join()
        peaks.append(max(0.0, top[0] - start))
    return Measured(statistics.median(walls), statistics.median(cpus), max(peaks), result)


def movielens() -> Dataset | None:
    if not MOVIELENS.is_file():
        return None
    with gzip.open(MOVIELENS, "rt") as file:
        user, item = zip(*(line.split()[:2] for line in file), strict=True)
    return Dataset.from_interactions({"u": [int(u) for u in user], "i": [int(i) for i in item]}, user="u", item="i")


def generated(n_users: int, n_items: int, n_events: int) -> Dataset:
    """Eight tastes over items with a long tail of popularity."""
    rng = np.random.default_rng(0)
    users = rng.integers(0, n_users, n_events)
    rank = np.minimum(rng.pareto(0.8, n_events) * n_items / 60, n_items - 1).astype(np.int64)
    own = rng.random(n_events) < 0.7
    items = np.where(own, rank - rank % 8 + users % 8, rank) % n_items
    return Dataset.from_interactions({"u": users, "i": items}, user="u", item="i")


def halves(data: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    held = np.random.default_rng(seed).permutation(data.n_interactions) < 0.2 * data.n_interactions
    return data.take(~held), data.take(held)


def contestants(train: Dataset, threads: int) -> dict[str, Callable[[], Any]]:
    """A fit of each, ours and theirs; settings of one line agree as far as both have them."""
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender

    context = RunContext(seed=0, threads=threads)
    matrix = binary(train)
    single = matrix.astype(np.float32)

    def peer(model: Any, on: sparse.csr_matrix) -> Peer:
        model.fit(on, show_progress=False)
        return Peer(train, model)

    def theirs(**settings: Any) -> Any:
        return AlternatingLeastSquares(factors=64, iterations=15, num_threads=threads, random_state=0, **settings)

    ours_als = ALS().fit(train, context=context)
    reg = float(ours_als.model.reg)
    return {
        "dorec Popularity": lambda: Popularity().fit(train, context=context),
        "dorec EASE": lambda: EASE().fit(train, context=context),
        "numpy EASE": lambda: numpy_ease(matrix),
        "dorec ALS 64": lambda: ALS().fit(train, context=context),
        "implicit ALS 64, its defaults": lambda: peer(theirs(), single),
        f"implicit ALS 64, our reg {reg:.3g}, alpha 2": lambda: peer(theirs(regularization=reg, alpha=2.0), single),
        "dorec ItemKNN cosine, 100": lambda: ItemKNN().fit(train, context=context),
        "implicit cosine, 101": lambda: peer(CosineRecommender(K=101, num_threads=threads), matrix),
        "dorec ItemKNN bm25, 100": lambda: ItemKNN(similarity="bm25").fit(train, context=context),
        "implicit BM25, 101": lambda: peer(BM25Recommender(K=101, num_threads=threads), matrix),
    }


def numpy_ease(matrix: sparse.csr_matrix) -> None:
    """The published ten lines, for their time alone."""
    gram = (matrix.T @ matrix).toarray()
    gram[np.diag_indices_from(gram)] += 250.0
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    weights[np.diag_indices_from(weights)] = 0.0


def table(data: Dataset, *, threads: int, repeats: int, seeds: tuple[int, ...]) -> list[str]:
    train, _ = halves(data, 0)
    lines = [
        "| model | fit wall s | fit CPU s | fit peak MiB | users / CPU s, top 10 | NDCG@10, one a seed |",
        "|---|---|---|---|---|---|",
    ]
    scores: dict[str, list[float]] = {}
    for seed in seeds:
        part, test = halves(data, seed)
        for (name, fit), key in zip(contestants(part, threads).items(), contestants(train, threads), strict=True):
            scorer = fit()
            if scorer is not None:
                found = ranking(scorer, test, k=10, metrics=("ndcg",))
                scores.setdefault(key, []).append(float(found["ndcg"].value))
            del name
    for name, fit in contestants(train, threads).items():
        fitted = measure(fit, repeats)
        speed = ""
        if fitted.result is not None:
            asked = measure(lambda scorer=fitted.result: scorer.recommend(train.users, 10), repeats)
            speed = f"{train.n_users / max(asked.cpu, 1e-9):,.0f}"
        ndcg = ", ".join(f"{s:.3f}" for s in scores.get(name, []))
        lines.append(f"| {name} | {fitted.wall:.3f} | {fitted.cpu:.3f} | {fitted.peak:.0f} | {speed} | {ndcg} |")
        print(lines[-1], flush=True)
    return lines


def more(data: Dataset) -> list[str]:
    """Every further recommender of ours on MovieLens 100K: three seeds, one fit each, defaults."""
    learners = {
        "UserKNN": UserKNN(),
        "AssociationRules": AssociationRules(),
        "SLIM": SLIM(),
        "SparseEASE": SparseEASE(),
        "BPR": BPR(),
        "WARP": WARP(),
        "Blend": Blend(),
        "TwoStage, logistic": TwoStage(ranker="logistic"),
        "TwoStage, boosting": TwoStage(ranker="boosting"),
        "LightGCN": LightGCN(),
        "GAT": GAT(),
    }
    lines = ["| model | fit CPU s, median | NDCG@10, one a seed |", "|---|---|---|"]
    for name, learner in learners.items():
        seconds, found = [], []
        for seed in SEEDS:
            train, test = halves(data, seed)
            cpu = time.process_time()
            scorer = learner.fit(train, context=RunContext(seed=0, threads=1))
            seconds.append(time.process_time() - cpu)
            found.append(float(ranking(scorer, test, k=10, metrics=("ndcg",))["ndcg"].value))
        ndcg = ", ".join(f"{s:.3f}" for s in found)
        lines.append(f"| dorec {name} | {statistics.median(seconds):.1f} | {ndcg} |")
        print(lines[-1], flush=True)
    return lines


def add_more() -> None:
    """Replace the section of further recommenders in the results."""
    data = movielens()
    if data is None:
        print("MovieLens 100K is not in ../shared/data")
        return
    before = RESULTS.read_text().split(MORE)[0].rstrip()
    note = (
        "Written by `python benchmarks/bench_recommend.py --more`: the same halves and judge, one fit a seed, defaults."
    )
    RESULTS.write_text("\n".join([before, "", MORE, "", note, "", *more(data), ""]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--more", action="store_true", help="only the section of further recommenders")
    parser.add_argument("--quick", action="store_true", help="one seed, one repeat, a small generated shop")
    asked = parser.parse_args()
    quick = asked.quick
    warnings.filterwarnings("ignore")
    if asked.more:
        add_more()
        return
    threads, repeats, seeds = 1, (1 if quick else 3), (SEEDS[:1] if quick else SEEDS)
    report = [
        "# Recommenders",
        "",
        "Written by `python benchmarks/bench_recommend.py`. Train on 80%, test on 20%, every",
    ]
    report += ["item ranked, items of the training set masked. One thread; medians; CPU seconds compare best.", ""]
    data = movielens()
    if data is None:
        print("MovieLens 100K is not in ../shared/data: left out")
    else:
        report += ["## MovieLens 100K", "", *table(data, threads=threads, repeats=repeats, seeds=seeds), ""]
    shape = (2_000, 1_000, 60_000) if quick else (20_000, 4_000, 1_000_000)
    title = f"## Generated: {shape[0]:,} users, {shape[1]:,} items, {shape[2]:,} events"
    print(title)
    report += [title, "", *table(generated(*shape), threads=threads, repeats=repeats, seeds=seeds[:1]), ""]
    if not quick:
        RESULTS.parent.mkdir(exist_ok=True)
        kept = RESULTS.read_text().partition(MORE) if RESULTS.is_file() else ("", "", "")
        RESULTS.write_text("\n".join(report) + "".join(kept[1:]))
        print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
