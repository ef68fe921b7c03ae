"""Coat: trained on ratings that users chose to give, judged on ratings of items drawn at random.

`python benchmarks/bench_debias.py [--seeds 10]` prints the table and writes it to benchmarks/results/debias.md.
"""

import argparse
import gzip
import time
from datetime import date
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score

from dorec import Dataset, RunContext
from dorec.recommend import DebiasedMF, FactorizationMachine, FeatureRanker

RESULTS = Path(__file__).parent / "results" / "debias.md"
COAT = Path(__file__).resolve().parents[2] / "shared" / "data" / "coat"
GRID = (2.0, 5.0, 10.0, 20.0)
FOLDS = 5
POSITIVE = 3
PUBLISHED = {
    "naive": (0.743, 0.617),
    "ips": (0.754, 0.650),
    "snips": (None, None),
    "dr": (0.754, 0.643),
    "mrdr": (0.759, 0.650),
    "stable_dr": (0.765, 0.632),
}
TEXT = """# Ratings that are missing not at random

Written by `python benchmarks/bench_debias.py` on {date}. Coat (290 users, 300 items): trained on the 6,960 ratings that
users chose to give, judged on 4,640 ratings of items drawn at random for them. Rating >= {positive} is relevant. AUC is
over all random pairs; NDCG@5 ranks each user's 16 random items, its mean is over users, and one without a relevant
item counts 1, as in the published code (in the last column such users are left out). MSE is of the ratings, 1 to 5.
{seeds} seeds of the starting point, mean and 95% interval over seeds; one thread, CPU seconds of one fit.

Propensities are the data set's own, from user and item features. The penalty of each loss was chosen among {grid} by
{folds}-fold cross-validation within the training ratings, with inverse propensities as weights ("naive": without), so
that no random rating was looked at. Other settings are defaults. "Published" are figures of the literature with
factors on binary ratings; these models are fitted to the ratings themselves.

| loss | penalty | AUC | published | NDCG@5 | published | MSE | CPU s | NDCG@5, users with a relevant item |
|---|---|---|---|---|---|---|---|---|
{rows}

Without known propensities, from the popularity of items alone (power .5), and penalty 5:

| loss | AUC | NDCG@5 | MSE |
|---|---|---|---|
{popular}

Models of whether a rating is relevant, from ids and from the data set's features of users and items, without any
propensity: what was rated below {positive} has weight 0, `n_negatives` is 0, other settings are defaults.

| model | AUC | NDCG@5 | CPU s | NDCG@5, users with a relevant item |
|---|---|---|---|---|
{labels}
"""
LABELLED = {
    "FactorizationMachine, ids alone": (FactorizationMachine(n_negatives=0), False),
    "FactorizationMachine": (FactorizationMachine(n_negatives=0), True),
    "FactorizationMachine, embedding_size 0 (logistic)": (FactorizationMachine(embedding_size=0, n_negatives=0), True),
    "FeatureRanker, forest": (FeatureRanker(n_negatives=0, held_out=0.5), True),
    "FeatureRanker, logistic": (FeatureRanker(model="logistic", n_negatives=0, held_out=0.5), True),
}


def table(name: str) -> np.ndarray:
    return np.loadtxt(gzip.open(COAT / f"{name}.ascii.gz"))


def dataset(ratings: np.ndarray) -> Dataset:
    """Every user and item, in the order of the table; what is not rated weighs 0."""
    user, item = (a.ravel() for a in np.indices(ratings.shape))
    rows = {"u": user, "i": item, "r": ratings.ravel()}
    return Dataset.from_interactions(rows, user="u", item="i", weight="r").take(ratings.ravel() > 0)


def labelled(ratings: np.ndarray, features: bool) -> Dataset:
    """What was rated: weight 1 for the relevant, 0 for the rest."""
    user, item = (a.ravel() for a in np.indices(ratings.shape))
    rows = {"u": user, "i": item, "r": (ratings.ravel() >= POSITIVE).astype(float)}
    data = Dataset.from_interactions(rows, user="u", item="i", weight="r").take(ratings.ravel() > 0)
    if not features:
        return data
    users, items = (np.loadtxt(COAT / "user_item_features" / f"{s}_features.ascii") for s in ("user", "item"))
    said = [[[f"c{j}" for j in np.flatnonzero(row)] for row in side] for side in (users, items)]
    data = data.with_users({"u": np.arange(len(users)), "is": said[0]}, user="u")
    return data.with_items({"i": np.arange(len(items)), "is": said[1]}, item="i")


def of_labels(train: np.ndarray, test: np.ndarray, seeds: int) -> list[str]:
    """A row for each model of labels."""
    rows = []
    for name, (learner, features) in LABELLED.items():
        data, found, started = labelled(train, features), [], time.process_time()
        for seed in range(seeds):
            model = learner.fit(data, context=RunContext(seed=seed, threads=1)).model
            found.append(judged(model.scores(np.arange(len(train))), test))
        cpu = (time.process_time() - started) / seeds
        a, n, _, other = (interval(v) for v in np.array(found).T)
        rows.append(f"| {name} | {a} | {n} | {cpu:.2f} | {other} |")
        print(rows[-1], flush=True)
    return rows


def judged(made: np.ndarray, test: np.ndarray) -> tuple[float, float, float, float]:
    """AUC, NDCG@5 with 1 for users without a relevant item, MSE, NDCG@5 of the others."""
    known = test > 0
    discount = 1.0 / np.log2(np.arange(2, 7))
    scores = []
    for user in range(len(test)):
        own = np.flatnonzero(known[user])
        relevant = test[user, own] >= POSITIVE
        top = np.argsort(-made[user, own], kind="stable")[:5]
        best = discount[: min(5, relevant.sum())].sum()
        scores.append((relevant[top] @ discount) / best if best > 0 else np.nan)
    ndcg = np.array(scores)
    auc = roc_auc_score(test[known] >= POSITIVE, made[known])
    return auc, np.nan_to_num(ndcg, nan=1.0).mean(), ((made - test)[known] ** 2).mean(), np.nanmean(ndcg)


def chosen_reg(loss: str, train: np.ndarray, p: np.ndarray) -> float:
    """The penalty with the least cross-validated error, weighted by inverse propensities where the loss is."""
    at = np.argwhere(train > 0)
    fold = np.random.default_rng(0).permutation(len(at)) % FOLDS
    error = dict.fromkeys(GRID, 0.0)
    for f in range(FOLDS):
        kept, held = train.copy(), at[fold == f]
        kept[tuple(held.T)] = 0
        for reg in GRID:
            scorer = DebiasedMF(loss=loss, reg=reg).fit(dataset(kept), propensities=p * (1 - 1 / FOLDS))
            made = scorer.score(np.arange(len(train)))[tuple(held.T)]
            weight = 1.0 if loss == "naive" else 1.0 / p[tuple(held.T)]
            error[reg] += float((weight * (made - train[tuple(held.T)]) ** 2).sum())
    return min(GRID, key=lambda reg: error[reg])


def interval(values: np.ndarray) -> str:
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.3f} ± {half:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    train, test, p = table("train"), table("test"), table("propensities")
    data = dataset(train)
    rows, popular = [], []
    everyone = np.arange(len(train))
    for loss, (auc, ndcg) in PUBLISHED.items():
        reg = chosen_reg(loss, train, p)
        found, started = [], time.process_time()
        for seed in range(seeds):
            scorer = DebiasedMF(loss=loss, reg=reg).fit(data, propensities=p, context=RunContext(seed=seed, threads=1))
            found.append(judged(scorer.score(everyone), test))
        cpu = (time.process_time() - started) / seeds
        a, n, m, other = (interval(v) for v in np.array(found).T)
        known = ["" if v is None else f"{v:.3f}" for v in (auc, ndcg)]
        rows.append(f"| {loss} | {reg:g} | {a} | {known[0]} | {n} | {known[1]} | {m} | {cpu:.2f} | {other} |")
        print(rows[-1], flush=True)
        made = [
            judged(DebiasedMF(loss=loss).fit(data, context=RunContext(seed=s)).score(everyone), test)[:3]
            for s in range(seeds)
        ]
        popular.append(f"| {loss} | " + " | ".join(interval(v) for v in np.array(made).T) + " |")
        print(popular[-1], flush=True)
    text = TEXT.format(
        date=date.today(),
        positive=POSITIVE,
        seeds=seeds,
        grid=", ".join(f"{r:g}" for r in GRID),
        folds=FOLDS,
        rows="\n".join(rows),
        popular="\n".join(popular),
        labels="\n".join(of_labels(train, test, seeds)),
    )
    RESULTS.write_text(text)


if __name__ == "__main__":
    main()
