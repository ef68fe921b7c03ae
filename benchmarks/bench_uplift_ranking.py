"""Ranking by effect against ranking by clicks, in worlds whose true effects are known.

`python benchmarks/bench_uplift_ranking.py [--worlds 20] [--first 0]` prints a row for each world and writes
benchmarks/results/uplift_ranking.md when it ran at least twenty of them.
"""

import argparse
import json
import time
from datetime import date
from pathlib import Path

import numpy as np

from dorec import Dataset, Estimate, RunContext
from dorec.recommend import ALS, BPR, EASE, ULBPR, ExposureLog, ItemKNN, Popularity, UpliftRanker, UpliftTransformer
from dorec.simulate import ShopWorld

RESULTS = Path(__file__).parent / "results" / "uplift_ranking.md"
USERS, ITEMS, K = 600, 100, 5
CLICK_RANKERS = {
    "Popularity": Popularity(),
    "ItemKNN": ItemKNN(),
    "EASE": EASE(),
    "ALS 16": ALS(embedding_size=16),
    "ALS 64": ALS(),
    "BPR 16": BPR(embedding_size=16, epochs=30),
}
TEXT = """# Ranking by what is caused

Written by `python benchmarks/bench_uplift_ranking.py` on {date}. {n} shops
(`ShopWorld(n_users={users}, n_items={items}, seed=...)`), each with a log of four weeks. A policy shows each user
its {k} best items, seen ones too. Its value is the true effect, exact from the shop's own probabilities: by how much
showing raises the probability that the item is bought in that session, mean over users and places. Click rankers
learn from views. "Best click ranker" is, world by world, the one of the table with the largest TRUE value, which nobody
could know. Intervals are over worlds.

| policy | true value x 1000 |
|---|---|
{rows}

UpliftRanker less the best click ranker: {gain} x 1000, {percent:.1f}% more; better in {better} of {n} worlds.
CPU seconds of a fit, median: UpliftRanker {cpu:.1f}, UpliftTransformer {cpu_transformer:.1f}.
"""


def judge(seed: int) -> dict[str, float]:
    """True value of each policy in one world."""
    world = ShopWorld(n_users=USERS, n_items=ITEMS, seed=seed)
    user, item = (a.ravel() for a in np.indices((USERS, ITEMS)))
    effects = [world.true_effect(user, item, position=k).reshape(USERS, ITEMS) for k in range(K)]

    def value(scores: np.ndarray) -> float:
        top = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        return float(np.mean([effects[k][np.arange(USERS), top[:, k]] for k in range(K)]))

    def table(scorer: object, data: Dataset) -> np.ndarray:
        """Scores in the order of the world; items that never occurred come last."""
        scores = np.full((USERS, ITEMS), -np.inf)
        at = np.searchsorted(world.items().column("item_id").to_numpy(zero_copy_only=False).astype(str), data.items)
        scores[:, at] = scorer.score(data.index_of(world.users().column("user_id").to_numpy(zero_copy_only=False)))
        return scores

    context = RunContext(seed=seed, threads=1)
    log = ExposureLog.from_events(world.event_table(), context=context)
    viewer, viewed, _ = log.events["view"]
    rows = {"u": log.responses.users[viewer], "i": log.responses.items[viewed]}
    clicks = Dataset.from_interactions(rows, user="u", item="i")
    made = {name: value(table(r.fit(clicks, context=context), clicks)) for name, r in CLICK_RANKERS.items()}
    started = time.process_time()
    ranker = UpliftRanker().fit(log, context=context)
    cpu = time.process_time() - started
    made["UpliftRanker"] = value(table(ranker, log.responses))
    for form in ("s", "t", "x"):
        other = UpliftRanker(form=form).fit(log, context=context)
        made[f"UpliftRanker, form {form}"] = value(table(other, log.responses))
    known = log.with_users(world.users(), user="user_id").with_items(world.items(), item="item_id")
    made["UpliftRanker, with features"] = value(table(UpliftRanker().fit(known, context=context), known.responses))
    made["ULBPR"] = value(table(ULBPR().fit(log, context=context), log.responses))
    started = time.process_time()
    made["UpliftTransformer"] = value(table(UpliftTransformer().fit(log, context=context), log.responses))
    cpu_transformer = time.process_time() - started
    made["every item alike"] = float(np.mean(effects))
    made["the true effects"] = value(effects[0])
    return {**made, "cpu": cpu, "cpu_transformer": cpu_transformer}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--rows", type=Path, default=None, help="a file of printed rows to write the table from")
    asked = parser.parse_args()
    rows = [json.loads(line) for line in asked.rows.read_text().splitlines()] if asked.rows else []
    if not rows:
        for seed in range(asked.first, asked.first + asked.worlds):
            rows.append(judge(seed))
            print(json.dumps(rows[-1]), flush=True)
    if len(rows) >= 20:
        write(rows)


def write(rows: list[dict[str, float]]) -> None:
    of = {name: 1000 * np.array([row[name] for row in rows]) for name in rows[0]}
    best = np.max([of[name] for name in CLICK_RANKERS], axis=0)
    gain = of["UpliftRanker"] - best
    shown = {name: of[name] for name in (*CLICK_RANKERS, "every item alike")}
    shown |= {"best click ranker": best}
    shown |= {name: of[name] for name in of if name.startswith(("Uplift", "ULBPR"))}
    shown["the true effects"] = of["the true effects"]
    RESULTS.write_text(
        TEXT.format(
            date=date.today(),
            n=len(rows),
            users=USERS,
            items=ITEMS,
            k=K,
            rows="\n".join(f"| {name} | {told(values)} |" for name, values in shown.items()),
            gain=told(gain),
            percent=100 * gain.mean() / best.mean(),
            better=int((gain > 0).sum()),
            cpu=float(np.median(of["cpu"])) / 1000,
            cpu_transformer=float(np.median(of["cpu_transformer"])) / 1000,
        )
    )


def told(values: np.ndarray) -> str:
    mean = Estimate.of_mean(values)
    lower, upper = mean.interval()
    return f"{mean.value:.2f} [{lower:.2f}, {upper:.2f}]"


if __name__ == "__main__":
    main()
