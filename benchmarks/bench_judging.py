"""How long does judging take beside training? Full rankings of 6,040 users x 3,706 items, the shape of MovieLens 1M.

`python benchmarks/bench_judging.py` prints the table and writes it to benchmarks/results/judging.md.
"""

import time
from pathlib import Path

from bench_recommend import generated, halves, measure
from dorec import RunContext
from dorec.evaluate import ranking
from dorec.evaluate.ranking import KNOWN
from dorec.recommend import ALS, EASE, ItemKNN

RESULTS = Path(__file__).parent / "results" / "judging.md"
ONE = RunContext(seed=0, threads=1)
BY_CATEGORY = {"diversity", "entropy", "miscalibration"}


def main() -> None:
    train, test = halves(generated(6_040, 3_706, 1_000_000), 0)
    every = tuple(name for name in KNOWN if name not in BY_CATEGORY)
    lines = [
        f"| model | fit CPU s | NDCG@10 alone, CPU s | all {len(every)} metrics, CPU s | wall s |",
        "|---|---|---|---|---|",
    ]
    for learner in (EASE(), ALS(), ItemKNN()):
        fit = measure(lambda learner=learner: learner.fit(train, context=ONE))
        one = measure(lambda scorer=fit.result: ranking(scorer, test, k=10, metrics=("ndcg",)))
        many = measure(lambda scorer=fit.result: ranking(scorer, test, k=10, metrics=every))
        name = type(learner).__name__
        lines.append(f"| {name} | {fit.cpu:.2f} | {one.cpu:.2f} | {many.cpu:.2f} | {many.wall:.2f} |")
        print(lines[-1], flush=True)
    head = [
        "# Judging",
        "",
        f"Written by `python benchmarks/bench_judging.py` on {time.strftime('%Y-%m-%d')}: {train.n_users:,} users x "
        f"{train.n_items:,} items, {test.n_interactions:,} held-out interactions, every item ranked for every user, "
        "each metric with its influence vector; one thread, medians of 3. Other work shared the machine.",
        "",
    ]
    RESULTS.write_text("\n".join([*head, *lines, ""]))


if __name__ == "__main__":
    main()
