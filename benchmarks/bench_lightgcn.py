"""LightGCN beside RecBole's: quality reached for CPU seconds, on MovieLens 100K and on a generated million.

`RECBOLE_PYTHON=... python benchmarks/bench_lightgcn.py [--data movielens million]` trains RecBole's model by its own
loss in its own environment, takes its embeddings at several epochs, and judges both by one judge on one split. Writes
results/lightgcn.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench_recommend import generated, halves, movielens
from dorec import Dataset, RunContext
from dorec.domain.item_list import ItemList
from dorec.evaluate import ranking
from dorec.numeric.top_k import top_k
from dorec.recommend import LightGCN

RESULTS = Path(__file__).parent / "results" / "lightgcn.md"
ONE = RunContext(seed=0, threads=1)
EPOCHS = {"movielens": (10, 30, 100, 200), "million": (1, 2, 4)}
OURS: dict[str, list[dict[str, Any]]] = {
    "movielens": [{"epochs": 10}, {}, {"epochs": 100}],
    "million": [{"epochs": 1}, {"epochs": 2}, {"epochs": 4}],
}


@dataclass(frozen=True)
class Embedded:
    """A scorer of products of embeddings, so that one judge judges both."""

    dataset: Dataset
    users: Any
    items: Any

    def recommend(self, users: Any, k: int = 10, *, exclude_seen: bool = True) -> ItemList:
        at = self.dataset.index_of(users)
        table = (self.users[at] @ self.items.T).astype(np.float64)
        if exclude_seen:
            table[self.dataset.matrix[at].toarray() > 0] = -np.inf
        places, scores = top_k(table, k)
        return ItemList(np.asarray(users), self.dataset.items[places], scores, np.zeros(len(at), dtype=bool))


# its model, its loss and Adam at its defaults; negatives drawn uniformly, as its sampler does
RECBOLE = """
import json, sys, time
import numpy as np, torch
from scipy import sparse
torch.set_num_threads(1); torch.manual_seed(0)
if not hasattr(sparse.dok_matrix, "_update"):  # scipy took it away after RecBole 1.2
    sparse.dok_matrix._update = lambda self, data: self._dict.update(data)
from recbole.data.interaction import Interaction
from recbole.model.general_recommender.lightgcn import LightGCN
folder, epochs = sys.argv[1], [int(e) for e in sys.argv[2].split(",")]
rows = np.load(folder + "/rows.npy"); n_users, n_items = np.load(folder + "/shape.npy").tolist()
config = {"USER_ID_FIELD": "user_id", "ITEM_ID_FIELD": "item_id", "NEG_PREFIX": "neg_", "device": "cpu",
          "embedding_size": 64, "n_layers": 2, "reg_weight": 1e-5, "require_pow": False}
class Data:
    def num(self, field): return n_users if field == "user_id" else n_items
    def inter_matrix(self, form):
        return sparse.coo_matrix((np.ones(len(rows)), (rows[:, 0], rows[:, 1])), (n_users, n_items))
model = LightGCN(config, Data()); model.train()
steps = torch.optim.Adam(model.parameters(), lr=0.001)
rng = np.random.default_rng(0); spent = 0.0
for epoch in range(1, max(epochs) + 1):
    began = time.process_time()
    order = rng.permutation(len(rows))
    for at in range(0, len(order), 2048):
        b = rows[order[at:at + 2048]]
        batch = Interaction({"user_id": torch.tensor(b[:, 0]), "item_id": torch.tensor(b[:, 1]),
                             "neg_item_id": torch.tensor(rng.integers(0, n_items, len(b)))})
        steps.zero_grad(); model.calculate_loss(batch).backward(); steps.step()
        model.restore_user_e = None
    spent += time.process_time() - began
    if epoch in epochs:
        model.eval()
        with torch.no_grad():
            users, items = model.forward()
        model.train()
        np.save(f"{folder}/users{epoch}.npy", users.numpy()); np.save(f"{folder}/items{epoch}.npy", items.numpy())
        print(json.dumps({"epoch": epoch, "cpu": spent}), flush=True)
"""


def judged(scorer: Any, test: Dataset) -> float:
    return float(ranking(scorer, test, k=10, metrics=("ndcg",))[0].value)


def section(key: str, python: str) -> list[str]:
    data = movielens() if key == "movielens" else generated(6_040, 3_706, 1_000_000)
    if data is None:
        print("MovieLens 100K is not in ../shared/data: left out")
        return []
    train, test = halves(data, 0)
    title = "MovieLens 100K" if key == "movielens" else "Generated, the shape of MovieLens 1M"
    lines = [f"## {title}: {train.matrix.nnz:,} training pairs", "", "| model | CPU s | NDCG@10 |", "|---|---|---|"]
    LightGCN(epochs=1).fit(train, context=ONE)  # compiled
    for settings in OURS[key]:
        began = time.process_time()
        scorer = LightGCN(**settings).fit(train, context=ONE)
        cpu = time.process_time() - began
        lines.append(f"| dorec {LightGCN(**settings).epochs} epochs | {cpu:.1f} | {judged(scorer, test):.4f} |")
        print(lines[-1], flush=True)
    with tempfile.TemporaryDirectory() as folder:
        user, item = train.matrix.nonzero()
        np.save(Path(folder, "rows.npy"), np.stack([user, item], axis=1).astype(np.int64))
        np.save(Path(folder, "shape.npy"), np.array([train.n_users, train.n_items]))
        command = [python, "-c", RECBOLE, folder, ",".join(map(str, EPOCHS[key]))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"RecBole failed:\n{done.stderr[-3000:]}")
        for told in map(json.loads, filter(lambda line: line.startswith("{"), done.stdout.splitlines())):
            users, items = (np.load(Path(folder, f"{side}{told['epoch']}.npy")) for side in ("users", "items"))
            ndcg = judged(Embedded(train, users, items), test)
            lines.append(f"| RecBole {told['epoch']} epochs | {told['cpu']:.1f} | {ndcg:.4f} |")
            print(lines[-1], flush=True)
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="*", choices=list(EPOCHS), default=list(EPOCHS))
    asked = parser.parse_args()
    python = os.environ.get("RECBOLE_PYTHON")
    if python is None:
        sys.exit("RECBOLE_PYTHON names no interpreter with RecBole: nothing to compare with")
    parts = [section(key, python) for key in asked.data]
    head = [
        "# LightGCN beside RecBole's",
        "",
        f"Written by `python benchmarks/bench_lightgcn.py --data {' '.join(asked.data)}` on "
        f"{time.strftime('%Y-%m-%d')}. 80% of the pairs train, every item ranked, items of the training part masked; "
        "64 dimensions; RecBole with its own loss, two layers, Adam at .001, batches of 2,048. One thread, one seed. "
        "Other work shared the machine.",
        "",
    ]
    RESULTS.write_text("\n".join([*head, *(line for part in parts for line in part)]))


if __name__ == "__main__":
    main()
