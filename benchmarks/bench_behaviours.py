"""What is bought next, with and without the kinds of events: views, carts and purchases of Retail Rocket.

`python benchmarks/bench_behaviours.py` holds out one bought item of each user who bought two or more, with every event
of that pair, and ranks all items that the user has not met. The public sample has no times: histories are sets. Writes
benchmarks/results/behaviours.md; `--only MODEL ...` fits some models and writes nothing.
"""

import argparse
import gzip
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from dorec import Dataset, RunContext
from dorec.evaluate import compare
from dorec.numeric.arrays import AnyArray
from dorec.recommend import make

RESULTS = Path(__file__).parent / "results" / "behaviours.md"
FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "retailrocket_small"
ONE = RunContext(seed=0, threads=1)
FILES = {"view": "view", "cart": "add_to_cart", "purchase": "purchase"}
SMALL = {
    "embedding_size": 32,
    "n_blocks": 1,
    "max_length": 30,
    "dropout": 0.3,
    "learning_rate": 0.005,
    "batch_size": 64,
}
SEQUENCE: dict[str, Any] = SMALL | {"epochs": 15, "patience": 3, "n_negatives": 1000}
GRAPH: dict[str, Any] = {"embedding_size": 32, "epochs": 30}
# name: recommender, settings, which events
MODELS: dict[str, tuple[str, dict[str, Any], str]] = {
    "sasrec, typed": ("sasrec", SEQUENCE | {"typed": True}, "all"),
    "sasrec, all events alike": ("sasrec", SEQUENCE, "all"),
    "lightgcn, typed": ("lightgcn", GRAPH | {"typed": True}, "all"),
    "lightgcn, all events alike": ("lightgcn", GRAPH, "all"),
    "lightgcn, purchases alone": ("lightgcn", GRAPH, "purchase"),
    "item_knn, all events alike": ("item_knn", {}, "all"),
    "popularity, purchases alone": ("popularity", {}, "purchase"),
}


def retail_rocket() -> Dataset:
    """Users who bought something, with all that they did."""
    parts = []
    for kind, name in FILES.items():
        with gzip.open(FOLDER / f"{name}_ecommerce.dat.gz", "rt") as file:
            parts += [(*map(int, line.split()[:2]), kind) for line in file.readlines()[1:]]
    user, item, event = (np.array(column) for column in zip(*parts, strict=True))
    kept = np.isin(user, user[event == "purchase"])
    rows = {"u": user[kept], "i": item[kept], "e": event[kept]}
    return Dataset.from_interactions(rows, user="u", item="i", event="e")


def split(data: Dataset) -> tuple[Dataset, Dataset]:
    """All but one bought item of each user who bought two or more, and these purchases."""
    pair = data.user_index * data.n_items + data.item_index
    bought = np.unique(pair[data.event == "purchase"])
    bought = np.random.default_rng(0).permutation(bought)
    user = bought // data.n_items
    many = np.bincount(user, minlength=data.n_users)[user] > 1
    _, first = np.unique(user[many], return_index=True)
    out: AnyArray = np.isin(pair, bought[many][first])
    return data.take(~out), data.take(out & (data.event == "purchase"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[])
    asked = parser.parse_args()
    train, test = split(retail_rocket())
    made, cpu = {}, {}
    for name, (model, settings, which) in MODELS.items():
        if asked.only and name not in asked.only:
            continue
        # what has no weight is not learned from, but was met
        data = train if which == "all" else replace(train, weight=(train.event == which).astype(float))
        began = time.process_time()
        made[name] = make(model, **settings).fit(data, context=ONE)
        cpu[name] = time.process_time() - began
        print(f"{name}: {cpu[name]:.1f} CPU s", flush=True)
    found = compare(made, test, metrics=("ndcg", "hit_rate"), context=ONE)
    print(found, flush=True)
    of: dict[str, dict[str, Any]] = {name: {} for name in made}
    for row in found.to_arrow().to_pylist():
        of[row["model"]][row["metric"]] = row
    lines = [
        "# Kinds of events",
        "",
        f"Written by `python benchmarks/bench_behaviours.py` on {date.today()}: Retail Rocket's public sample, "
        f"{train.n_users:,} users who bought something, {train.n_items:,} items, {train.n_interactions:,} events to "
        f"learn from (views, carts, purchases), no times. Of each of {len(np.unique(test.user_index)):,} users one "
        "purchase is held out with all events of that pair; all items that the user has not met are ranked. 95% "
        f"intervals over users, differences from {found.reference}, one seed, settings by hand.",
        "",
        "| model | NDCG@10 | hit rate@10 | NDCG minus the first | p | fit CPU s |",
        "|---|---|---|---|---|---|",
    ]
    for name in made:
        ndcg, hit = of[name]["ndcg"], of[name]["hit_rate"]
        shown = [f"{r['value']:.4f} [{r['lower']:.4f}, {r['upper']:.4f}]" for r in (ndcg, hit)]
        minus = p = ""
        if ndcg["difference"] is not None:
            minus = f"{ndcg['difference']:+.4f} [{ndcg['difference_lower']:+.4f}, {ndcg['difference_upper']:+.4f}]"
            p = f"{ndcg['p_value']:.3g}"
        lines.append(f"| {name} | {shown[0]} | {shown[1]} | {minus} | {p} | {cpu[name]:.1f} |")
    print("\n".join(lines))
    if not asked.only:
        RESULTS.write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
