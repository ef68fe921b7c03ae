"""What comes next: models of order beside models of sets, on leave-last-out by time.

`python benchmarks/bench_sequences.py --data movielens grocery office` fits every model, judges them on each user's last
event among all items and writes benchmarks/results/sequences.md. `--keep FOLDER` keeps fitted models there and takes up
those that it finds, so that parts can run side by side: `--only hstu --dry` fits one model and writes nothing.
`--epoch` times one epoch of SASRec on 100,000 events, and RecBole's in an environment of its own where RECBOLE_PYTHON
names its interpreter. `--seeds 0 1 2` fits models that draw at random once for each seed and averages their metrics
user by user. `--search` looks for settings of the models of order by successive halving within the training part, and
uses them.
"""

import argparse
import ast
import csv
import gzip
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from dorec import Dataset, Estimate, RunContext
from dorec.evaluate import ranking
from dorec.loop.successive_halving import grid, search
from dorec.recommend import from_arrays, make

RESULTS = Path(__file__).parent / "results" / "sequences.md"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
ONE = RunContext(seed=0, threads=1)
HEAD = """# Sequences

Leave-last-out: of each user with two events or more the last one is the test, every item is ranked, items of the
user's history are masked. Events at the same time are put in a random order (seed 0), so that no order of ids can be
learned. NDCG@10 and hit rate@10 with 95% intervals over users; p is Romano-Wolf over the table. One thread, seed 0
unless said. Models of order stop early on the last training event of up to 1,000 users. Settings were given by hand
unless a search is named; the other models run at their defaults.
"""
DENSE: dict[str, dict[str, Any]] = {
    "sasrec": {"learning_rate": 0.002, "epochs": 25, "patience": 3},
    "hstu": {"learning_rate": 0.002, "epochs": 25, "patience": 3},
    "bert4rec": {"learning_rate": 0.002, "epochs": 40, "patience": 6},
    "popularity": {},
    "item_knn": {},
    "als": {},
    "bpr": {},
    "mult_vae": {"learning_rate": 0.003, "epochs": 30, "patience": 5},
    "slim": {},
    "ease": {},
}
LATEST: dict[str, dict[str, Any]] = {
    "sasrec": {"learning_rate": 0.002, "epochs": 25, "patience": 3},
    "hstu": {"learning_rate": 0.002, "epochs": 25, "patience": 3},
    "bert4rec": {"learning_rate": 0.002, "epochs": 30, "patience": 4},
    "popularity": {},
    "weighted_popularity": {},
    "item_knn": {},
    "user_knn": {},
    "association_rules": {},
    "ease": {},
    "sparse_ease": {},
    "slim": {},
    "als": {},
    "bpr": {},
    "warp": {},
    "blend": {},
    "factorization_machine": {},
    "dice": {},
    "lightgcn": {},
    "gat": {},
    "mult_vae": {"learning_rate": 0.003, "epochs": 30, "patience": 5},
}
OF_ORDER = ("sasrec", "hstu", "bert4rec")
DRAWN = (*OF_ORDER, "bpr", "warp", "lightgcn", "gat", "mult_vae", "dice", "factorization_machine")
TRIED: dict[str, Any] = {"dropout": [0.2, 0.5], "learning_rate": [0.001, 0.003], "embedding_size": [64, 128]}
SPARSE: dict[str, dict[str, Any]] = {
    "sasrec": {"max_length": 20, "batch_size": 64, "dropout": 0.5, "learning_rate": 0.002, "epochs": 20, "patience": 2},
    "hstu": {"max_length": 20, "batch_size": 64, "dropout": 0.5, "learning_rate": 0.002, "epochs": 20, "patience": 2},
    "popularity": {},
    "item_knn": {},
    "ease": {},
}


def dataset(user: Any, item: Any, when: Any) -> Dataset:
    return Dataset.from_interactions({"u": user, "i": item, "t": when}, user="u", item="i", time="t")


def movielens() -> Dataset:
    with gzip.open(SHARED / "ml-100k" / "u.data.gz", "rt") as file:
        rows = np.array([line.split() for line in file]).astype(np.int64)
    return dataset(rows[:, 0], rows[:, 1], rows[:, 3])


def latest() -> Dataset:
    with gzip.open(SHARED / "ml-latest-small" / "ratings.csv.gz", "rt") as file:
        rows = np.array([(r["userId"], r["movieId"], r["timestamp"]) for r in csv.DictReader(file)]).astype(np.int64)
    return dataset(rows[:, 0], rows[:, 1], rows[:, 2])


def grocery() -> Dataset:
    with gzip.open(SHARED / "amazon_grocery_rechorus" / "train.csv.gz", "rt") as file:
        rows = np.array(list(csv.reader(file, delimiter="\t"))[1:]).astype(np.int64)
    return dataset(rows[:, 0], rows[:, 1], rows[:, 2])


def office() -> Dataset:
    """Each row is a history and the next item, a user's rows in their order; the place stands for the time."""
    histories: dict[str, list[int]] = {}
    csv.field_size_limit(10**7)
    for part in ("valid", "test"):
        fresh: set[str] = set()
        with gzip.open(SHARED / "amazon_catalog" / f"{part}.csv.gz", "rt") as file:
            for row in csv.DictReader(file):
                if row["user_id"] not in fresh:  # the first row of the later part holds what the earlier one had
                    fresh.add(row["user_id"])
                    histories[row["user_id"]] = ast.literal_eval(row["history_item_id"])
                histories[row["user_id"]].append(int(row["item_id"]))
    rows = [(user, item, place) for user, own in histories.items() for place, item in enumerate(own)]
    return dataset(*(list(column) for column in zip(*rows, strict=True)))


SHORT = {"max_length": 12, "batch_size": 32, "dropout": 0.3, "learning_rate": 0.003, "epochs": 12, "patience": 3}
OFFICE = SPARSE | {"sasrec": SHORT, "hstu": SHORT}
DATA: dict[str, tuple[str, Callable[[], Dataset], dict[str, dict[str, Any]]]] = {
    "movielens": ("MovieLens 100K", movielens, DENSE),
    "latest": ("MovieLens latest, small", latest, LATEST),
    "grocery": ("Amazon grocery", grocery, SPARSE),
    "office": ("Amazon office products", office, OFFICE),
}


def last_out(data: Dataset) -> tuple[Dataset, Dataset]:
    chance = np.random.default_rng(0).random(data.n_interactions)
    order = np.lexsort((chance, data.time, data.user_index))
    user = data.user_index[order]
    last = np.zeros(data.n_interactions, dtype=bool)
    last[order[np.append(user[1:] != user[:-1], True)]] = True
    last &= np.bincount(data.user_index)[data.user_index] > 1
    # at equal times the test stays the last: what is left is broken by the models as they please
    return data.take(~last), data.take(last)


def fitted(
    name: str, settings: dict[str, Any], train: Dataset, at: Path | None, context: RunContext
) -> tuple[Any, float]:
    """The scorer and the CPU seconds of its fit, taken up from a file where it is kept."""
    if at is not None and at.exists():
        facts = json.loads(at.with_suffix(".json").read_text())
        return from_arrays(load_file(at), facts["metadata"], train), facts["cpu"]
    began = time.process_time()
    scorer = make(name, **settings).fit(train, context=context)
    cpu = time.process_time() - began
    print(f"{'' if at is None else at.stem}: {cpu:.1f} CPU s", flush=True)
    if at is not None:
        arrays, metadata = scorer.to_arrays()
        at.parent.mkdir(parents=True, exist_ok=True)
        save_file({n: np.ascontiguousarray(a) for n, a in arrays.items()}, at)
        at.with_suffix(".json").write_text(json.dumps({"metadata": metadata, "cpu": cpu}))
    return scorer, cpu


def searched(name: str, settings: dict[str, Any], train: Dataset, kept: Path | None) -> dict[str, Any]:
    """The settings that do best on the training part's own last fifth, a few numbers tried around those given."""
    options = grid(name, **{k: [v] for k, v in settings.items() if k not in TRIED}, **TRIED)
    board = search(options, train, kept=kept, context=ONE)
    print(board, flush=True)
    return {k: getattr(board.best, k) for k in {**settings, **TRIED}}


def section(key: str, asked: argparse.Namespace) -> list[str]:
    title, read, settings = DATA[key]
    data = read()
    train, test = last_out(data)
    chosen = {n: s for n, s in settings.items() if not asked.only or n in asked.only}
    if asked.search:
        diary = None if asked.keep is None else asked.keep / f"{key}-search.jsonl"
        chosen = {n: searched(n, s, train, diary) if n in OF_ORDER else s for n, s in chosen.items()}
    scores, cpu = {}, {}
    for name, s in chosen.items():
        seeds = asked.seeds if name in DRAWN else [0]
        made = []
        for seed in seeds:
            at = None if asked.keep is None else asked.keep / f"{key}-{name}{f'-{seed}' if seed else ''}.safetensors"
            scorer, seconds = fitted(name, s, train, at, RunContext(seed=seed, threads=1))
            made.append((ranking(scorer, test, metrics=("ndcg", "hit_rate"), context=ONE), seconds))
        scores[name] = sum((e for e, _ in made[1:]), made[0][0]) * (1 / len(made))
        cpu[name] = sum(seconds for _, seconds in made) / len(made)
        print(name, [f"{e[0].value:.4f}" for e, _ in made], f"{cpu[name]:.1f} CPU s", flush=True)
    title = f"## {title}: {data.n_users:,} users, {data.n_items:,} items, {data.n_interactions:,} events"
    told = [f"{name} {json.dumps(s)}" for name, s in chosen.items() if s]
    notes = [f"Settings beside the defaults: {'; '.join(told)}." if told else "All models at their defaults."]
    if len(asked.seeds) > 1:
        notes += [f"Models that draw at random: metrics averaged over seeds {', '.join(map(str, asked.seeds))}."]
    if asked.search:
        notes += ["Settings of the models of order found by successive halving within the training part."]
    return [title, "", *table(scores, cpu), "", " ".join(notes), ""]


def table(scores: dict[str, Estimate], cpu: dict[str, float]) -> list[str]:
    """Rows by NDCG; differences from the first model, paired over users, p-values adjusted for all of them."""
    first, *others = scores
    lines = [
        f"| model | NDCG@10 | hit rate@10 | NDCG minus {first} | p | fit CPU s |",
        "|---|---|---|---|---|---|",
    ]
    gaps = {name: scores[name][0] - scores[first][0] for name in others}
    p = dict(zip(gaps, Estimate.concat(list(gaps.values())).adjusted_p_values(), strict=True)) if gaps else {}
    for name in sorted(scores, key=lambda n: -scores[n][0].value):
        cells = ["{:.4f} [{:.4f}, {:.4f}]".format(e.value, *e.interval()) for e in scores[name].scalars()]
        gap = gaps.get(name)
        cells += ["", ""] if gap is None else ["{:+.4f} [{:+.4f}, {:+.4f}]".format(gap.value, *gap.interval())]
        cells += [] if gap is None else [f"{p[name]:.3g}"]
        lines.append(f"| {name} | {' | '.join(cells)} | {cpu[name]:.1f} |")
    print("\n".join(lines), flush=True)
    return lines


def epoch() -> list[str]:
    """CPU seconds of one epoch: MovieLens 100K in its order, SASRec's shape as RecBole has it by default."""
    data = movielens()
    shape = {"embedding_size": 64, "n_blocks": 2, "n_heads": 2, "max_length": 50, "patience": None}
    make("sasrec", epochs=1, **shape).fit(data.take(np.arange(0, data.n_interactions, 50)), context=ONE)
    began = time.process_time()
    make("sasrec", epochs=2, **shape).fit(data, context=ONE)
    ours = (time.process_time() - began) / 2
    lines = ["## One epoch of SASRec on MovieLens 100K", "", "| | CPU s an epoch |", "|---|---|"]
    lines.append(
        f"| dorec, every place of packed windows, with its validation and preparation, mean of 2 | {ours:.2f} |"
    )
    print(lines[-1], flush=True)
    python = os.environ.get("RECBOLE_PYTHON")
    if python is None:
        print("RECBOLE_PYTHON names no interpreter: RecBole is left out")
    else:
        peer = subprocess.run(
            [python, "-c", RECBOLE, str(SHARED / "ml-100k" / "u.data.gz")], capture_output=True, text=True, check=False
        )
        if peer.returncode:
            print(f"RecBole failed:\n{peer.stderr[-2000:]}")
        else:
            told = json.loads(peer.stdout.strip().splitlines()[-1])
            lines.append(f"| RecBole, {told['share']:.0%} of an epoch scaled up | {told['cpu'] / told['share']:.1f} |")
            lines.append(f"| RecBole / dorec | {told['cpu'] / told['share'] / ours:.0f} |")
    return [*lines, ""]


# its model and its step, on batches made as its sequential data set makes them: one row for each prefix of a history
RECBOLE = """
import gzip, json, sys, time
import numpy as np, torch
torch.set_num_threads(1)
from recbole.data.interaction import Interaction
from recbole.model.sequential_recommender.sasrec import SASRec
rows = np.array([l.split() for l in gzip.open(sys.argv[1], "rt")]).astype(int)
rows = rows[np.lexsort((rows[:, 1], rows[:, 3], rows[:, 0]))]
prefixes, targets, lengths = [], [], []
for user in np.unique(rows[:, 0]):
    own = rows[rows[:, 0] == user, 1]
    for n in range(1, len(own)):
        past = own[max(0, n - 50):n]
        prefixes.append(np.pad(past, (0, 50 - len(past)))); targets.append(own[n]); lengths.append(len(past))
config = {"USER_ID_FIELD": "user_id", "ITEM_ID_FIELD": "item_id", "LIST_SUFFIX": "_list", "ITEM_LIST_LENGTH_FIELD":
          "item_length", "NEG_PREFIX": "neg_", "MAX_ITEM_LIST_LENGTH": 50, "device": "cpu", "n_layers": 2, "n_heads": 2,
          "hidden_size": 64, "inner_size": 256, "hidden_dropout_prob": 0.5, "attn_dropout_prob": 0.5, "hidden_act":
          "gelu", "layer_norm_eps": 1e-12, "initializer_range": 0.02, "loss_type": "CE"}
class Data:
    def num(self, field): return int(rows[:, 1].max()) + 1
model = SASRec(config, Data()); model.train()
steps = torch.optim.Adam(model.parameters(), lr=0.001)
order = np.random.default_rng(0).permutation(len(targets))
batches = [order[i:i + 2048] for i in range(0, len(order), 2048)]
some = batches[:2]
def one(b):
    batch = Interaction({"item_id_list": torch.tensor(np.array([prefixes[i] for i in b])), "item_id":
        torch.tensor(np.array([targets[i] for i in b])), "item_length":
        torch.tensor(np.array([lengths[i] for i in b]))})
    steps.zero_grad(); model.calculate_loss(batch).backward(); steps.step()
one(batches[-1][:64])
began = time.process_time()
for b in some: one(b)
print(json.dumps({"cpu": time.process_time() - began, "share": sum(map(len, some)) / len(order)}))
"""


def written(sections: dict[str, list[str]]) -> None:
    """Put sections into the report, in place of those of the same title."""
    former = RESULTS.read_text().split("\n## ")[1:] if RESULTS.exists() else []
    parts = {part.split(":")[0].splitlines()[0]: "## " + part.rstrip() for part in former}
    for lines in sections.values():
        parts[lines[0][3:].split(":")[0]] = "\n".join(lines).rstrip()
    stamp = f"Written {datetime.now(UTC):%Y-%m-%d} by `python benchmarks/bench_sequences.py`."
    RESULTS.write_text("\n\n".join([HEAD + stamp, *parts.values()]) + "\n")
    print(f"written to {RESULTS}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="*", choices=list(DATA), default=[])
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--search", action="store_true")
    parser.add_argument("--epoch", action="store_true")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    if not SHARED.is_dir():
        sys.exit("../shared/data is not there: nothing to measure")
    sections = {key: section(key, asked) for key in asked.data}
    if asked.epoch:
        sections["epoch"] = epoch()
    if not asked.dry:
        written(sections)


if __name__ == "__main__":
    main()
