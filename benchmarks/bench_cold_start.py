"""New items and new users on MovieLens 100K: TwoTower by features, beside what is left without it.

`python benchmarks/bench_cold_start.py` takes every interaction of a fifth of the items (then of the users) out of the
training set and ranks them: the new items among themselves for each user, all items for the new users. Writes
results/cold_start.md.
"""

import argparse
import gzip
import time
from pathlib import Path

import numpy as np

from dorec import Dataset, RunContext
from dorec.evaluate import ranking
from dorec.numeric.arrays import FloatArray
from dorec.recommend import Popularity, TwoTower

RESULTS = Path(__file__).parent / "results" / "cold_start.md"
FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "ml-100k"
K = 10


def movielens() -> Dataset:
    genres = [line.split("|")[0] for line in (FOLDER / "u.genre").read_text().splitlines() if line]
    items = {"item": [], "title": [], "year": [], "genres": []}
    with gzip.open(FOLDER / "u.item.gz", "rt", encoding="latin-1") as file:
        for line in file:
            parts = line.rstrip("\n").split("|")
            year = int(parts[2][-4:]) if parts[2] else None
            own = [genre for genre, flag in zip(genres, parts[5:], strict=True) if flag == "1"]
            for column, cell in zip(items.values(), (int(parts[0]), parts[1][:-7], year, own), strict=True):
                column.append(cell)
    rows = [line.split("|") for line in (FOLDER / "u.user").read_text().splitlines()]
    users = {"user": [int(r[0]) for r in rows], "age": [int(r[1]) for r in rows]}
    users |= {"sex": [r[2] for r in rows], "job": [r[3] for r in rows]}
    with gzip.open(FOLDER / "u.data.gz", "rt") as file:
        user, item = zip(*((int(a), int(b)) for a, b, *_ in (line.split() for line in file)), strict=True)
    data = Dataset.from_interactions({"user": user, "item": item}, user="user", item="item")
    return data.with_items(items, item="item").with_users(users, user="user")


def ndcg(scores: FloatArray, relevant: FloatArray) -> float:
    """Mean over users with something relevant."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    discount = 1 / np.log2(np.arange(2, K + 2))
    gained = (np.take_along_axis(relevant, order, 1) * discount).sum(axis=1)
    ideal = np.array([discount[: min(K, n)].sum() for n in relevant.sum(axis=1).astype(int)])
    return float((gained[ideal > 0] / ideal[ideal > 0]).mean())


def new_items(data: Dataset, seed: int, epochs: int) -> list[float]:
    rng = np.random.default_rng(seed)
    new = rng.random(data.n_items) < 0.2
    train, users = data.take(~new[data.item_index]), np.arange(data.n_users)
    order = rng.permutation(np.flatnonzero(new))  # equal scores are put in no order that means something
    relevant = (data.take(new[data.item_index]).matrix[:, order].toarray() > 0).astype(float)
    context = RunContext(seed=seed, threads=1)
    tables = [
        learner.fit(train, context=context).score(users)[:, order]
        for learner in (TwoTower(epochs=epochs), Popularity())
    ]
    told = np.broadcast_to(relevant.sum(axis=0), relevant.shape)
    return [ndcg(table, relevant) for table in (*tables, told)]


def new_users(data: Dataset, seed: int, epochs: int) -> list[float]:
    new = np.random.default_rng(seed).random(data.n_users) < 0.2
    train, test = data.take(~new[data.user_index]), data.take(new[data.user_index])
    context = RunContext(seed=seed, threads=1)
    fits = [learner.fit(train, context=context) for learner in (TwoTower(epochs=epochs), Popularity())]
    return [float(ranking(fit, test, k=K, metrics=("ndcg",))["ndcg"].value) for fit in fits]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    asked = parser.parse_args()
    data, seeds = movielens(), range(asked.seeds)
    items = np.array([new_items(data, seed, asked.epochs) for seed in seeds])
    users = np.array([new_users(data, seed, asked.epochs) for seed in seeds])
    cells = [", ".join(f"{value:.3f}" for value in column) for column in [*items.T, *users.T]]
    lines = [
        "# Cold start",
        "",
        f"Written by `python benchmarks/bench_cold_start.py --seeds {asked.seeds} --epochs {asked.epochs}` on "
        f"{time.strftime('%Y-%m-%d')}: MovieLens 100K, NDCG@{K}, "
        f"one number for each of the seeds {', '.join(map(str, seeds))}, "
        f"{asked.epochs} epochs; features are title, year and genres, age, sex "
        "and job. A fifth of the items (users) has no interaction in the training set.",
        "",
        "| task | TwoTower | popularity (the fallback) | popularity among the held-out, which nobody could know |",
        "|---|---|---|---|",
        f"| new items, ranked among themselves | {cells[0]} | {cells[1]} | {cells[2]} |",
        f"| new users, all items | {cells[3]} | {cells[4]} | |",
    ]
    print("\n".join(lines[-2:]))
    RESULTS.write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
