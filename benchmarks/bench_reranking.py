"""Filter bubbles: what re-rankers do over rounds in which a recommender learns from what it showed.

`python benchmarks/bench_reranking.py` runs the loop in `ShopWorld`: the shop's own log first, then in each round EASE
learns from everything viewed so far, a re-ranker makes ten of its sixty best, every user sees the list in one session,
and what follows joins the log. Views, purchases and what the lists add are expected values, exact. Writes
results/reranking.md.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dorec import Dataset, RunContext
from dorec.domain.item_list import ItemList
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.recommend import EASE
from dorec.recommend.reranking import DPP, MMR, Calibrated, ExposureCap, XQuAD
from dorec.simulate import ShopWorld

RESULTS = Path(__file__).parent / "results" / "reranking.md"
USERS, ITEMS, LENGTH, CANDIDATES = 500, 300, 10, 60
SEEDS, ROUNDS = (0, 1, 2, 3, 4), 8
RERANKERS: dict[str, Any] = {
    "none": None,
    "MMR, trade-off .3": MMR(by="category"),
    "DPP, trade-off .3": DPP(by="category"),
    "XQuAD, trade-off .5": XQuAD(by="category"),
    "Calibrated, trade-off .5": Calibrated(by="category"),
    "ExposureCap, 2% of places": ExposureCap(max_share=0.02),
}
Rerank = Callable[[ItemList, Dataset], ItemList]


def viewed(events: pa.Table) -> pa.Table:
    return events.filter(pa.compute.equal(events["event"], "view")).select(["user_id", "item_id"])


def dataset(log: pa.Table, items: pa.Table) -> Dataset:
    data = Dataset.from_interactions(log, user="user_id", item="item_id")
    return data.with_items(items, item="item_id", text="title")


def measures(world: ShopWorld, lists: AnyArray, categories: IntArray, head: FloatArray) -> list[float]:
    """Views, purchases, added purchases of a session; entropy of a list's categories; share of the head."""
    value = world.true_list_value(lists)
    place = {item: i for i, item in enumerate(world.items()["item_id"].to_pylist())}
    at = np.vectorize(place.__getitem__)(lists)
    share = np.stack([(categories[at] == c).mean(axis=1) for c in range(categories.max() + 1)], axis=1)
    entropy = -(share * np.log(np.maximum(share, 1e-12))).sum(axis=1)
    return [
        float(v)
        for v in (
            value.views.mean(),
            value.purchases.mean(),
            value.added_purchases.mean(),
            entropy.mean(),
            head[at].mean(),
        )
    ]


def rounds(rerank: Rerank | None, seed: int) -> list[list[float]]:
    world = ShopWorld(n_users=USERS, n_items=ITEMS, seed=seed, n_days=14)
    items, log = world.items(), viewed(world.event_table())
    ids = np.asarray(items["item_id"].to_pylist())
    _, categories = np.unique(items["category"].to_pylist(), return_inverse=True)
    views = np.zeros(ITEMS)
    np.add.at(views, np.searchsorted(ids, log["item_id"].to_pylist()), 1)
    head = (views >= np.quantile(views, 0.9)).astype(float)
    users = world.users()["user_id"].to_pylist()
    found = []
    for visit in range(ROUNDS):
        data = dataset(log, items)
        best = EASE(reg=30.0).fit(data, context=RunContext(threads=1)).recommend(users, k=CANDIDATES)
        lists = best.items[:, :LENGTH] if rerank is None else rerank(best, data).items
        found.append(measures(world, lists, categories, head))
        log = pa.concat_tables([log, viewed(world.show(lists.astype(object), visit=visit))])
    return found


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    lines = [
        "| re-ranker | views a session | purchases | added by showing | minus none's, added | entropy, first to last "
        "round | head, first to last |",
        "|---|---|---|---|---|---|---|",
    ]
    plain: FloatArray | None = None
    for name, learner in RERANKERS.items():
        rule = None if learner is None else lambda items, data, by=learner: by.rerank(items, data, k=LENGTH)
        found = np.array([rounds(rule, seed) for seed in SEEDS])  # (seeds, rounds, measures)
        plain = found if plain is None else plain
        mean, gap = found.mean(axis=(0, 1)), 1000 * (found - plain)[:, :, 2].mean(axis=1)
        spread = gap.std(ddof=1) / np.sqrt(len(SEEDS))
        first, last = found[:, 0].mean(axis=0), found[:, -1].mean(axis=0)
        cells = [
            f"{mean[0]:.3f}",
            f"{1000 * mean[1]:.1f}",
            f"{1000 * mean[2]:.1f}",
            f"{gap.mean():+.1f} ± {spread:.1f}",
        ]
        cells += [f"{first[j]:.2f} to {last[j]:.2f}" for j in (3, 4)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    head = [
        "# Re-ranking over rounds",
        "",
        f"Written by `python benchmarks/bench_reranking.py` on {time.strftime('%Y-%m-%d')}: `ShopWorld` of {USERS} "
        f"users and {ITEMS} items in 10 categories, a log of 14 days, then {ROUNDS} rounds in which EASE learns from "
        f"every view so far; lists of {LENGTH} made of {CANDIDATES} candidates that the user has not viewed, seeds "
        f"{', '.join(map(str, SEEDS))} (± is the standard error over them, paired). Views, purchases and added "
        "purchases (per 1,000 sessions) are the shop's own expectations. Entropy is that of a list's categories in "
        "nats; the head is the tenth of the items with most views in the first log (share of places).",
        "",
    ]
    RESULTS.write_text("\n".join([*head, *lines, ""]))


if __name__ == "__main__":
    main()
