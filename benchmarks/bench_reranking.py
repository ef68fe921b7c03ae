"""Filter bubbles: what re-rankers do over rounds in which a recommender learns from what it showed.

`python benchmarks/bench_reranking.py` runs a feedback loop with known chances: users have tastes over categories; shown
items are chosen by taste and quality; a part is found without being shown, popular items most. Each round EASE learns
from everything chosen so far, and a re-ranker makes ten of its sixty best. Writes results/reranking.md.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dorec import Dataset, RunContext
from dorec.domain.item_list import ItemList
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.recommend import EASE
from dorec.recommend.reranking import DPP, MMR, Calibrated, ExposureCap, XQuAD

RESULTS = Path(__file__).parent / "results" / "reranking.md"
USERS, ITEMS, CATEGORIES, LENGTH, CANDIDATES = 300, 240, 12, 10, 60
SEEDS, ROUNDS = (0, 1, 2), 8
RERANKERS = {
    "none": None,
    "MMR, trade-off .3": MMR(by="kind"),
    "DPP, trade-off .3": DPP(by="kind"),
    "XQuAD, trade-off .5": XQuAD(by="kind"),
    "Calibrated, trade-off .5": Calibrated(by="kind"),
    "ExposureCap, 1% of places": ExposureCap(max_share=0.01),
}
Measures = list[float]


@dataclass(frozen=True)
class Loop:
    """Chances of a world, and its categories."""

    shown: FloatArray  # (users, items) that a shown item is chosen
    organic: FloatArray  # (users, items) that an item is chosen in a round without being shown
    kind: IntArray  # (items,)
    head: BoolArray  # (items,) the tenth that is found most without being shown


def world(rng: np.random.Generator) -> Loop:
    kind = rng.integers(0, CATEGORIES, ITEMS)
    taste = rng.dirichlet(np.full(CATEGORIES, 0.4), USERS)
    quality = rng.normal(0, 0.5, ITEMS)
    chance = 1 / (1 + np.exp(2.5 - 4 * taste[:, kind] - quality))
    fame = (1 + rng.permutation(ITEMS)) ** -0.8
    return Loop(chance, 0.3 * chance * fame, kind, fame >= np.quantile(fame, 0.9))


def dataset(chosen: BoolArray, kind: IntArray) -> Dataset:
    user, item = np.nonzero(chosen)
    data = Dataset(
        users=np.arange(USERS), items=np.arange(ITEMS), user_index=user, item_index=item, weight=np.ones(len(user))
    )
    return data.with_items({"item": np.arange(ITEMS), "kind": [f"k{c}" for c in kind]}, item="item")


def measures(loop: Loop, lists: AnyArray) -> Measures:
    """Chance that a shown item is chosen, what showing adds, entropy of a list's categories, share of the head."""
    rows = np.arange(USERS)[:, None]
    chance, added = loop.shown[rows, lists], loop.shown[rows, lists] - loop.organic[rows, lists]
    share = np.stack([(loop.kind[lists] == c).mean(axis=1) for c in range(CATEGORIES)], axis=1)
    entropy = -(share * np.log(np.maximum(share, 1e-12))).sum(axis=1)
    return [float(chance.mean()), float(added.mean()), float(entropy.mean()), float(loop.head[lists].mean())]


def rounds(rerank: Callable[[ItemList, Dataset], ItemList] | None, seed: int) -> list[Measures]:
    rng = np.random.default_rng(seed)
    loop = world(rng)
    chosen = rng.random(loop.organic.shape) < 4 * loop.organic
    chosen[np.arange(USERS), loop.shown.argmax(axis=1)] = True  # nobody without a history
    found = []
    for _ in range(ROUNDS):
        data = dataset(chosen, loop.kind)
        best = EASE(reg=30.0).fit(data, context=RunContext(threads=1)).recommend(data.users, k=CANDIDATES)
        lists = (best.items[:, :LENGTH] if rerank is None else rerank(best, data).items).astype(np.int64)
        found.append(measures(loop, lists))
        rows = np.arange(USERS)[:, None]
        chosen |= rng.random(chosen.shape) < loop.organic
        chosen[rows, lists] |= rng.random(lists.shape) < loop.shown[rows, lists]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    lines = [
        "| re-ranker | chosen when shown, all rounds | added by showing | entropy, first to last round | "
        "head, first to last |",
        "|---|---|---|---|---|",
    ]
    for name, learner in RERANKERS.items():
        rule = None if learner is None else lambda items, data, by=learner: by.rerank(items, data, k=LENGTH)
        found = np.array([rounds(rule, seed) for seed in SEEDS])  # (seeds, rounds, measures)
        mean, spread = found.mean(axis=(0, 1)), found.mean(axis=1).std(axis=0, ddof=1) / np.sqrt(len(SEEDS))
        first, last = found[:, 0].mean(axis=0), found[:, -1].mean(axis=0)
        lines.append(
            f"| {name} | {mean[0]:.3f} ± {spread[0]:.3f} | {mean[1]:.3f} ± {spread[1]:.3f} | "
            f"{first[2]:.2f} to {last[2]:.2f} | {first[3]:.2f} to {last[3]:.2f} |"
        )
        print(lines[-1], flush=True)
    head = [
        "# Re-ranking over rounds",
        "",
        f"Written by `python benchmarks/bench_reranking.py` on {time.strftime('%Y-%m-%d')}: {USERS} users, {ITEMS} "
        f"items in {CATEGORIES} categories, {ROUNDS} rounds in which EASE learns from what was chosen, lists of "
        f"{LENGTH} made of {CANDIDATES} candidates, seeds {', '.join(map(str, SEEDS))} (± is the standard error over "
        "them). "
        "Chances are the world's own, so no click is counted. Entropy is that of a list's categories in nats; the "
        "head is the tenth of the items that is found most without being shown (share of places).",
        "",
    ]
    RESULTS.write_text("\n".join([*head, *lines, ""]))


if __name__ == "__main__":
    main()
