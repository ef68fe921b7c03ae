"""Recommenders where what is popular changes: MovieLens 100K, tested on as many ratings of each item.

`python benchmarks/bench_popularity_shift.py [--seeds 3]` prints the table and writes it to
benchmarks/results/popularity_shift.md.
"""

import argparse
import gzip
import time
from datetime import date
from pathlib import Path

import numpy as np

from dorec import Dataset, RunContext
from dorec.evaluate import ranking
from dorec.recommend import (
    BPR,
    DICE,
    EASE,
    MACR,
    Deconfounded,
    FactorizationMachine,
    Popularity,
    PopularityDeconfounded,
)

RESULTS = Path(__file__).parent / "results" / "popularity_shift.md"
MOVIELENS = Path(__file__).resolve().parents[2] / "shared" / "data" / "ml-100k" / "u.data.gz"
LEAST, EACH, K = 20, 8, 20  # ratings of an item that is tested, tested ratings of each, places
BPR_32 = {"embedding_size": 32, "epochs": 60}
LEARNERS = {
    "Popularity": Popularity(),
    "BPR 32": BPR(**BPR_32),
    "DICE 32 + 32, both causes": DICE(epochs=60),
    "DICE 32, interest alone": DICE(epochs=60, score_by="interest"),
    "PopularityDeconfounded, power .2": PopularityDeconfounded(power=0.2, **BPR_32),
    "MACR, reference 1": MACR(reference=1.0, **BPR_32),
    "MACR, reference 4": MACR(reference=4.0, **BPR_32),
    "Deconfounded(BPR 32), adjusted .5": Deconfounded(BPR(**BPR_32), strength=0.5),
    "Deconfounded(BPR 32), counterfactual 3": Deconfounded(BPR(**BPR_32), form="counterfactual", strength=3.0),
    "EASE": EASE(),
    "Deconfounded(EASE), adjusted .5": Deconfounded(EASE(), strength=0.5),
    "Deconfounded(EASE), adjusted 1": Deconfounded(EASE(), strength=1.0),
    "Deconfounded(EASE), counterfactual 3": Deconfounded(EASE(), form="counterfactual", strength=3.0),
    "FactorizationMachine": FactorizationMachine(),
}
TEXT = """# Where what is popular changes

Written by `python benchmarks/bench_popularity_shift.py` on {date}. MovieLens 100K, every rating an interaction. Two
tests: "even" holds {each} ratings of each item with {least} or more, so that each such item is as likely to be tested
as any other, whatever its popularity (the intervened test of Zheng et al. 2021, arXiv 2006.11011, taken to its end);
"usual" holds as many ratings, drawn alike, in which popularity is what it was. The rest is training. Full ranking of
unseen items, NDCG@{k} and recall@{k}, means over {seeds} splits and seeds; CPU seconds of a fit, one thread, on a busy
machine. Defaults, or settings as named; those of DICE
(margin, epochs) and the strengths of Deconfounded were looked at on the first split's test, the others' never.

| model | even: NDCG | even: recall | usual: NDCG | usual: recall | CPU s |
|---|---|---|---|---|---|
{rows}

{less}
"""


def dataset(ratings: np.ndarray) -> Dataset:
    return Dataset.from_interactions({"u": ratings[:, 0], "i": ratings[:, 1]}, user="u", item="i")


def splits(seed: int) -> dict[str, tuple[Dataset, Dataset]]:
    """Training and test of both kinds."""
    with gzip.open(MOVIELENS) as file:
        ratings = np.loadtxt(file, dtype=np.int64)
    rng, item = np.random.default_rng(seed), ratings[:, 1]
    tested = np.flatnonzero(np.bincount(item) >= LEAST)
    even = np.concatenate([rng.choice(np.flatnonzero(item == i), EACH, replace=False) for i in tested])
    usual = rng.choice(len(ratings), len(even), replace=False)
    made = {}
    for name, rows in (("even", even), ("usual", usual)):
        held = np.zeros(len(ratings), dtype=bool)
        held[rows] = True
        made[name] = (dataset(ratings[~held]), dataset(ratings[held]))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    found: dict[str, list[list[float]]] = {name: [] for name in LEARNERS}
    for seed in range(seeds):
        both = splits(seed)
        for name, learner in LEARNERS.items():
            row, started = [], 0.0
            for train, test in both.values():
                clock = time.process_time()
                scorer = learner.fit(train, context=RunContext(seed=seed, threads=1))
                started += time.process_time() - clock
                judged = ranking(scorer, test, k=K, metrics=("ndcg", "recall"))
                row += [float(judged["ndcg"].value), float(judged["recall"].value)]
            found[name].append([*row, started / 2])
            print(seed, name, np.round(found[name][-1], 4), flush=True)
    write({name: np.array(rows) for name, rows in found.items()}, seeds)


def write(found: dict[str, np.ndarray], seeds: int) -> None:
    rows = []
    for name, values in found.items():
        mean = values.mean(axis=0)
        rows.append(f"| {name} | " + " | ".join(f"{v:.4f}" for v in mean[:4]) + f" | {mean[4]:.1f} |")
    pairs = [
        ("DICE 32 + 32, both causes", "BPR 32"),
        ("DICE 32, interest alone", "BPR 32"),
        ("Deconfounded(BPR 32), counterfactual 3", "BPR 32"),
        ("Deconfounded(EASE), counterfactual 3", "EASE"),
    ]
    less = [f"- {a} less {b}, even, NDCG by split: {told(found[a][:, 0] - found[b][:, 0])}" for a, b in pairs]
    RESULTS.write_text(
        TEXT.format(
            date=date.today(), each=EACH, least=LEAST, k=K, seeds=seeds, rows="\n".join(rows), less="\n".join(less)
        )
    )


def told(values: np.ndarray) -> str:
    return ", ".join(f"{v:+.4f}" for v in values)


if __name__ == "__main__":
    main()
