"""Learned policies: their true value, whether promises hold, and what safe improvement lets through.

    OMP_NUM_THREADS=1 python benchmarks/bench_policy.py [section ...]
    DOREC_OBP_PYTHON=/path/to/venv/bin/python ...        # beside obp's IPWLearner on the digits, where it is installed

Real data come from ../shared/data and are skipped where absent. One thread. The sections are shop, null, bandit,
digits, hillstrom, campaigns and speed; each prints a table and writes it
to its part of benchmarks/results/policy.md.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from dorec.domain.intervention import Budget
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import DoublyRobust
from dorec.intervene import (
    POEM,
    DRPolicy,
    PolicyTree,
    TemperedSoftmax,
    allocate,
    allocation_value,
    cross_fitted_scored_value,
    cross_fitted_value,
    policy_within_budget,
    safe_improvement,
    scored_value,
)
from dorec.numeric.even_folds import even_folds
from dorec.simulate import ShopWorld
from dorec.simulate.funnel import odds, slate_propensities
from dorec.simulate.logged_bandit import LoggedBandit

RESULT = Path(__file__).parent / "results" / "policy.md"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
LEARNERS: dict[str, Any] = {
    "DRPolicy": DRPolicy(penalty=1.0),
    "POEM": POEM(),
    "PolicyTree": PolicyTree(max_values=32),
    "TemperedSoftmax": TemperedSoftmax(),
}


class Recorder:
    """A learner that keeps the policies it made and how many rows each is to judge."""

    def __init__(self, learner: Any) -> None:
        self.learner, self.made = learner, []

    def fit(self, feedback: LoggedFeedback, **settings: Any) -> Any:
        """As the learner does."""
        self.made.append(self.learner.fit(feedback, **settings))
        return self.made[-1]


def shop(worlds: int = 200) -> list[str]:
    """Promises and safe improvement in simulated shops, from 1,500 of about 11,000 decisions."""
    held: dict[str, list[tuple[bool, float, float, float]]] = {}
    shipped: dict[str, list[tuple[bool, bool]]] = {}
    for seed in range(worlds):
        world = ShopWorld(n_users=2_000, n_items=6, seed=seed, epsilon=0.5, n_days=14)
        everything = world.feedback("view", position=0)
        rows = np.random.default_rng(seed).permutation(everything.n)[:1_500]
        users = everything.cluster[rows]
        # decisions drawn at random are independent draws from the shop, whoever they were made for
        log = replace(everything.take(rows), cluster=None)

        def truth(policy: Any, world: Any = world) -> float:
            return float(world.true_value(policy, "view", position=0))

        some = {name: learner for name, learner in LEARNERS.items() if name != "POEM"}
        for name, forward in [*((name, False) for name in some), ("DRPolicy", True)]:
            learner = Recorder(LEARNERS[name])
            made = cross_fitted_value(learner, log, DoublyRobust(), forward=forward)
            true = truth_of_folds(learner, log, everything, truth)
            lower, upper = made.interval()
            row = (lower <= true <= upper, (made.value - true) / made.std_error, made.value, true)
            held.setdefault(f"{name}, {'forward' if forward else 'crossed'}", []).append(row)
        for name, table in policies_of(world).items():
            found = safe_improvement(log, some, DoublyRobust(), incumbent=table[users])
            worse = bool(found.ships) and truth(found.policy.propensities(everything.context)) < truth(table)
            shipped.setdefault(name, []).append((bool(found.ships), worse))
        idle = replace(log, reward=np.random.default_rng(seed).random(log.n).round(), sample="")
        found = safe_improvement(idle, some, DoublyRobust())
        shipped.setdefault("the logging policy, where no action matters", []).append((bool(found.ships), False))
        if seed % 10 == 9:
            print("\n".join(shop_tables(seed + 1, held, shipped)), flush=True)
    return shop_tables(worlds, held, shipped)


def shop_tables(worlds: int, held: dict[str, Any], shipped: dict[str, Any]) -> list[str]:
    """What was found in so many worlds."""
    lines = [
        f"## Promises in {worlds} shops",
        "",
        "`ShopWorld(n_users=2000, n_items=6, n_days=14, epsilon=.5)`, seeds from 0; the log holds 1,500 of the shop's",
        "11,000 first places. The truth is the exact value, over all 11,000, of the policies that were judged.",
        "",
        "| learner, folds | 95% interval holds the truth | mean promise | mean truth | mean z | sd z |",
        "|---|---|---|---|---|---|",
    ]
    for name, made in held.items():
        inside, z, promise, true = np.array(made, dtype=float).T
        told = f"{inside.mean():.3f} | {promise.mean():.4f} | {true.mean():.4f} | {z.mean():.2f} | {z.std():.2f}"
        lines.append(f"| {name} | {told} |")
    lines += [
        "",
        "Safe improvement, the three learners as candidates at once, alpha .025:",
        "",
        "| incumbent | ships | ships a policy that is truly worse |",
        "|---|---|---|",
    ]
    for name, made in shipped.items():
        ships, worse = np.array(made, dtype=float).mean(axis=0)
        lines.append(f"| {name} | {ships:.3f} | {'none is worse' if 'matters' in name else f'{worse:.3f}'} |")
    return lines


def truth_of_folds(
    learner: Recorder, log: LoggedFeedback, everything: LoggedFeedback, truth: Callable[[Any], float]
) -> float:
    """The mean true value, by rows judged, of the policies that `cross_fitted_value` had made."""
    fold = even_folds(log.n, 5, log.cluster)
    weight = np.bincount(fold)[5 - len(learner.made) :]
    values = [truth(policy.propensities(everything.context)) for policy in learner.made]
    return float(np.average(values, weights=weight))


def policies_of(world: ShopWorld) -> dict[str, Any]:
    """What the shop does at the first place, and the best that can be done, each (n_users, n_items)."""
    users = np.arange(world.n_users)
    shown = slate_propensities(world._people, world._catalogue, users, world.slate_size, world.epsilon)[:, 0]
    table = odds(world._people, world._catalogue, users)
    viewed = table.intent + (1 - table.intent) * table.attract
    return {
        "the logging policy": shown / shown.sum(axis=1, keepdims=True),
        "the best policy": np.eye(world.n_items)[viewed.argmax(axis=1)],
    }


def null(logs: int = 100) -> list[str]:
    """Logs in which no action is better than another: how often a bound of 97.5% claims a gain."""
    claims: dict[str, list[tuple[bool, bool, float]]] = {}
    for seed in range(logs):
        rng = np.random.default_rng(seed)
        a = rng.integers(4, size=400)
        parts = {"context": rng.normal(size=(400, 3)), "action": a, "reward": rng.normal(size=400)}
        log = LoggedFeedback(**parts, propensity=np.full(400, 0.25), n_actions=4)
        for name, forward in (("crossed folds", False), ("forward folds", True)):
            made = cross_fitted_value(DRPolicy(), log, DoublyRobust(), forward=forward)
            z = made.value / made.std_error
            claims.setdefault(name, []).append((z > 1.96, abs(z) < 1.96, z))
        found = safe_improvement(log, {"dr": DRPolicy()}, DoublyRobust(), incumbent=np.full((400, 4), 0.25))
        z = float(found.contrasts.value[0] / found.contrasts.std_error[0]) if found.contrasts is not None else 0.0
        claims.setdefault("safe_improvement", []).append((bool(found.ships), abs(z) < 1.96, z))
    lines = [
        f"## Nothing to be gained: {logs} logs, 400 rows, 4 actions of one value, DRPolicy",
        "",
        "| judged by | lower bound of 97.5% above the truth | 95% interval holds the truth | mean z |",
        "|---|---|---|---|",
    ]
    for name, made in claims.items():
        up, inside, z = np.mean(np.array(made, dtype=float), axis=0)
        lines.append(f"| {name} | {up:.3f} | {inside:.3f} | {z:.2f} |")
    return lines


def bandit(seeds: int = 20) -> list[str]:
    """True values on simulated bandits, exactly given the context, over fresh contexts."""
    found: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    for seed in range(seeds):
        world = LoggedBandit(n=5_000, n_actions=5, seed=seed)
        log = world.feedback()
        x = np.random.default_rng(seed).normal(size=(50_000, 3))
        q = world.expected_reward(x)
        for name, learner in LEARNERS.items():
            start = time.process_time()
            policy = learner.fit(log)
            cpu.setdefault(name, []).append(time.process_time() - start)
            found.setdefault(name, []).append(float((policy.propensities(x) * q).sum(axis=1).mean()))
        rows = {"logging": float(log.reward.mean()), "uniform": q.mean(), "best single action": q.mean(axis=0).max()}
        for name, value in {**rows, "optimal": q.max(axis=1).mean()}.items():
            found.setdefault(name, []).append(float(value))
    logged, best = (np.array(found[name]) for name in ("logging", "optimal"))
    lines = [
        f"## LoggedBandit, 5,000 rows, 5 actions, {seeds} seeds",
        "",
        "| policy | mean true value | share of the way from logging to optimal | least share | CPU s to learn |",
        "|---|---|---|---|---|",
    ]
    for name, made in found.items():
        way = (np.array(made) - logged) / (best - logged)
        seconds = f"{np.median(cpu[name]):.2f}" if name in cpu else ""
        lines.append(f"| {name} | {np.mean(made):.4f} | {way.mean():.2f} | {way.min():.2f} | {seconds} |")
    return lines


OBP = """
import json, sys, warnings
warnings.filterwarnings("ignore")
import numpy as np
from sklearn.linear_model import LogisticRegression
from obp.policy import IPWLearner
folder = sys.argv[1]
names = ("context", "action", "reward", "p", "fresh")
context, action, reward, p, fresh = (np.load(f"{folder}/{name}.npy") for name in names)
learner = IPWLearner(n_actions=10, base_classifier=LogisticRegression(max_iter=2000))
learner.fit(context=context, action=action, reward=reward, pscore=p)
print(json.dumps(learner.predict(context=fresh)[:, :, 0].argmax(axis=1).tolist()))
"""


def digits(seeds: int = 3) -> list[str]:
    """Images of digits as a bandit: the action is a guess, the reward 1 where it is right."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    pixels, digit = load_digits(return_X_y=True)
    pixels = pixels / 16.0
    found: dict[str, list[float]] = {}
    # four leaves can't name ten digits
    chosen = {name: learner for name, learner in LEARNERS.items() if name != "PolicyTree"}
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(digit))
        first, logged, fresh = np.split(order, [150, 1_200])
        weak = LogisticRegression(C=0.01, max_iter=1_000).fit(pixels[first], digit[first])
        p = 0.9 * weak.predict_proba(pixels[logged]) + 0.01
        rng = np.random.default_rng([seed, 1])
        action = np.minimum((p.cumsum(axis=1) < rng.random((len(logged), 1))).sum(axis=1), 9)
        log = LoggedFeedback(
            context=pixels[logged],
            action=action,
            reward=(action == digit[logged]) * 1.0,
            propensity=p[np.arange(len(logged)), action],
            n_actions=10,
        )
        x, y = pixels[fresh], digit[fresh]
        found.setdefault("logging", []).append(float(p[np.arange(len(logged)), digit[logged]].mean()))
        for name, learner in chosen.items():
            policy = learner.fit(log).propensities(x)
            found.setdefault(name, []).append(float(policy[np.arange(len(y)), y].mean()))
        if PEER := os.environ.get("DOREC_OBP_PYTHON", ""):
            found.setdefault("obp IPWLearner, logistic", []).append(obp_digits(PEER, log, x, y))
        full = LogisticRegression(max_iter=2_000).fit(pixels[logged], digit[logged])
        found.setdefault("classifier that sees the digits", []).append(float(full.score(x, y)))
    lines = [
        f"## Digits as a bandit, 1,050 logged guesses, {seeds} seeds",
        "",
        "| policy | mean true value on 597 fresh images | least |",
        "|---|---|---|",
    ]
    return lines + [f"| {name} | {np.mean(v):.3f} | {np.min(v):.3f} |" for name, v in found.items()]


def obp_digits(python: str, log: LoggedFeedback, fresh: Any, digit: Any) -> float:
    """Share of fresh digits that obp's learner guesses."""
    with tempfile.TemporaryDirectory() as folder:
        parts = {
            "context": log.context,
            "action": log.action,
            "reward": log.reward,
            "p": log.propensity,
            "fresh": fresh,
        }
        for name, array in parts.items():
            np.save(f"{folder}/{name}.npy", array)
        done = subprocess.run([python, "-c", OBP, folder], capture_output=True, text=True, check=True)
    return float((np.array(json.loads(done.stdout)) == digit).mean())


def hillstrom() -> list[str]:
    """Two e-mails or none: visits per 1,000 customers, learned on one half, judged on the other."""
    import pandas as pd

    from dorec import RunContext, Study
    from dorec.estimate import AIPW, DRLearner

    file = SHARED / "hillstrom" / "hillstrom.csv.gz"
    if not file.exists():
        return ["## Hillstrom", "", "Skipped: ../shared/data/hillstrom is not here."]
    before = ["recency", "history", "mens", "womens", "zip_code", "newbie", "channel"]
    how: dict[str, Any] = {"treatment": "segment", "covariates": before, "control": "No E-Mail"}
    study = Study.from_table(pd.read_csv(file), outcome="visit", **how)
    share = np.bincount(study.treatment) / study.n
    study = replace(study, propensity=np.tile(share, (study.n, 1)))
    half = even_folds(study.n, 2)
    learn, judge = (study.take(np.flatnonzero(half == f)) for f in (0, 1))
    context, average = RunContext(threads=1), AIPW(n_folds=2)
    model = DRLearner(average=average).fit(learn, context=context)
    learn_scores = average.fit(learn, context=context).scores
    scores = average.fit(judge, context=context).scores
    n = judge.n
    lines = [
        f"## Hillstrom: two mails or none, {n:,} customers held out, visits per 1,000 customers more than without mail",
        "",
        "| policy | mailed | more visits | 95% interval | against men's mail to all or to as many at random, paired |",
        "|---|---|---|---|---|",
    ]

    def row(name: str, policy: Any, against: Any) -> str:
        made = (
            scored_value(policy, scores, sample="held out")
            - scored_value(np.tile([1.0, 0, 0], (n, 1)), scores, sample="held out")
        ) * 1_000.0
        told = "{:.1f} | {:.1f} to {:.1f}".format(made.value, *made.interval())
        beside = ""
        if against is not None:
            gap = scored_value(policy, scores, sample="held out") - scored_value(against, scores, sample="held out")
            beside = "{:+.1f} ({:+.1f} to {:+.1f})".format(gap.value * 1e3, *(b * 1e3 for b in gap.interval()))
        return f"| {name} | {1 - policy[:, 0].mean():.0%} | {told} | {beside} |"

    arms = list(study.arms)
    mens, womens = arms.index("Mens E-Mail"), arms.index("Womens E-Mail")
    eye = np.eye(3)
    everyone = np.tile(eye[mens], (n, 1))
    tree = PolicyTree(columns=study.covariate_names, min_leaf=500, max_values=50)
    free = tree.fit_scores(learn.covariates, learn_scores, arms=arms)
    lines += [
        row("men's mail to all", everyone, None),
        row("women's mail to all", np.tile(eye[womens], (n, 1)), everyone),
        row("one of both at random to all", np.tile([0, 0.5, 0.5], (n, 1)), everyone),
        row("PolicyTree, depth 2", free.propensities(judge.covariates), everyone),
        row("DRPolicy", DRPolicy().fit_scores(learn.covariates, learn_scores).propensities(judge.covariates), everyone),
    ]
    money = {arm: (1.0 if a else 0.0) for a, arm in enumerate(arms)}
    plan = allocate(model.effect(judge.covariates), Budget(total=0.3 * n, cost=money), arms)
    mail = np.array([0.0, 1.0, 1.0])
    kept = policy_within_budget(tree, learn.covariates, learn_scores, mail, per_unit=0.3)
    chance = np.tile(0.7 * eye[0] + 0.3 * eye[mens], (n, 1))
    rules = kept.policy
    asked = rules.propensities(judge.covariates)
    as_many = np.tile(eye[0] + (1 - asked[:, 0].mean()) * (eye[mens] - eye[0]), (n, 1))
    value = allocation_value(plan.arm, scores) * 1_000.0
    assert abs(value.value - (scores[np.arange(n), plan.arm] - scores[:, 0]).mean() * 1_000.0) < 1e-9
    lines += [
        row("30% budget: men's mail to 30% at random", chance, None),
        row("30% budget: `allocate` by DRLearner", eye[plan.arm], chance),
        row(f"PolicyTree within 30%, price {kept.price * 1e3:.0f} visits per 1,000 mails", asked, as_many),
        "",
        "The last row is beside as many men's mails at random. The tree without a price, then with it:",
        "",
        "```",
        free.to_text(),
        "",
        rules.to_text(),
        "```",
    ]
    crossed = cross_fitted_scored_value(tree, learn.covariates, learn_scores, n_folds=3) * 1_000.0
    lines.append("")
    lines.append(
        "Cross-fitted value of the tree on the learning half: {:.1f} ({:.1f} to {:.1f}) visits per 1,000.".format(
            crossed.value, *crossed.interval()
        )
    )
    return [*lines, "", *ship_hillstrom(study, mens, tree)]


def ship_hillstrom(study: Any, mens: int, tree: PolicyTree) -> list[str]:
    """Whether anything learned beats the best single mail to all."""
    share = np.bincount(study.treatment) / study.n
    log = LoggedFeedback(
        context=study.covariates,
        action=study.treatment,
        reward=study.outcome,
        propensity=share[study.treatment],
        n_actions=3,
        action_labels=study.arms,
    )
    incumbent = np.tile(np.eye(3)[mens], (log.n, 1))
    found = safe_improvement(log, {"tree": tree, "linear": DRPolicy()}, DoublyRobust(), incumbent=incumbent)
    logging = safe_improvement(log, {"tree": tree, "linear": DRPolicy()}, DoublyRobust())
    return [f"Against men's mail to all: {found.verdict}", "", f"Against the experiment's thirds: {logging.verdict}"]


def campaigns() -> list[str]:
    """complete_journey: which households get which campaign, worth in spend in its window, at a cost per household."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from dorec import EventLog
    from dorec.profile import treatment_window_study

    folder = SHARED / "complete_journey"
    title = "## complete_journey: which households get which campaign"
    if not folder.exists():
        return [title, "", "Skipped: ../shared/data/complete_journey is not here."]
    sales = pq.read_table(folder / "transactions_sample.parquet")
    sales = sales.append_column("event", pa.array(["purchase"] * sales.num_rows))
    columns = {"user_id": "household_id", "item_id": "product_id", "timestamp": "transaction_timestamp"}
    log = EventLog.from_table(sales, **columns, value="sales_value", session_id="basket_id")
    kinds = pq.read_table(folder / "campaign_descriptions.parquet")
    kinds = kinds.set_column(1, "campaign_type", kinds["campaign_type"].cast(pa.string()))
    sent = pq.read_table(folder / "campaigns.parquet").join(kinds, "campaign_id")
    lines = [
        title,
        "",
        "Nothing was randomised: all of this rests on the household's past and demographics telling all that decided "
        "who got a campaign. Spend in the window, in dollars, less .50 for each household that gets a campaign.",
    ]
    for treated in (["Type A", "Type B"], ["Type A"]):
        built = treatment_window_study(
            log, sent, unit="household_id", arm="campaign_type", treated=treated, start="start_date",
            end="end_date", before_days=90, users=pq.read_table(folder / "demographics.parquet"),
        )  # fmt: skip
        study = built.to_study()
        counts = ", ".join(f"{arm} {count:,}" for arm, count in study.arm_counts.items())
        lines += ["", f"### {' or '.join(treated)} or none: {counts}", "", *of_campaigns(study)]
    return lines


def of_campaigns(study: Any) -> list[str]:
    """A table of policies for one study, or the refusal."""
    from dorec import RunContext
    from dorec.errors import Refusal
    from dorec.estimate import AIPW

    try:
        scores = AIPW(n_folds=5).fit(study, context=RunContext(threads=1)).scores
    except Refusal as refusal:
        return [f"Refused: {refusal}"]
    eye = np.eye(len(study.arms))
    keep: dict[str, Any] = {"costs": 0.5 * (1 - eye[0]), "cluster": study.cluster, "sample": "windows"}
    fixed = {f"{arm} to all" if a else "no campaign": np.tile(eye[a], (study.n, 1)) for a, arm in enumerate(study.arms)}
    values = {name: scored_value(p, scores, **keep) for name, p in fixed.items()}
    tree = PolicyTree(columns=study.covariate_names, min_leaf=300, max_values=20)
    learned = cross_fitted_scored_value(tree, study.covariates, scores, **keep)
    lines = ["| policy | spend net of cost | 95% interval | against no campaign, paired |", "|---|---|---|---|"]
    for name, made in {**values, "PolicyTree, cross-fitted": learned}.items():
        gap = made - values["no campaign"]
        beside = "" if name == "no campaign" else "{:+.2f} ({:+.2f} to {:+.2f})".format(gap.value, *gap.interval())
        lines.append("| {} | {:.2f} | {:.2f} to {:.2f} | {} |".format(name, made.value, *made.interval(), beside))
    best = max(fixed, key=lambda name: values[name].value)
    gap = learned - values[best]
    told = "is" if gap.interval().lower > 0 else "is not"
    rules = tree.fit_scores(study.covariates, scores, costs=keep["costs"], arms=study.arms).to_text()
    beside = "{:+.2f} ({:+.2f} to {:+.2f})".format(gap.value, *gap.interval())
    return [*lines, "", f"The tree {told} shown to be worth more than {best}: {beside}.", "", "```", rules, "```"]


def speed() -> list[str]:
    """CPU seconds of an exact tree of two levels, and of the plain search by which it is checked."""
    rng = np.random.default_rng(0)
    lines = ["## Exact trees of depth 2, every value a threshold", "", "| rows x columns, arms | CPU s |", "|---|---|"]
    PolicyTree(min_leaf=1).fit_scores(rng.normal(size=(50, 2)), rng.normal(size=(50, 3)))
    for n, p, k in ((1_000, 10, 3), (20_000, 10, 2), (20_000, 10, 3)):
        x, scores = rng.normal(size=(n, p)), rng.normal(size=(n, k))
        start = time.process_time()
        PolicyTree(min_leaf=30).fit_scores(x, scores)
        lines.append(f"| {n:,} x {p}, {k} | {time.process_time() - start:.1f} |")
        print(lines[-1], flush=True)
    x, scores = rng.normal(size=(100_000, 10)), rng.normal(size=(100_000, 3))
    start = time.process_time()
    PolicyTree(min_leaf=30, max_values=100).fit_scores(x, scores)
    lines.append(f"| 100,000 x 10, 3; 100 thresholds a column | {time.process_time() - start:.1f} |")
    x, scores = rng.normal(size=(150, 3)), rng.normal(size=(150, 3))
    start = time.process_time()
    plain = plain_search(x, scores, 2)
    seconds = time.process_time() - start
    tree = PolicyTree(min_leaf=1).fit_scores(x, scores)
    made = scores[np.arange(150), tree.choose(x)].sum()
    return [
        *lines,
        "",
        f"150 x 3, 3 arms: the plain search over all pairs of splits takes {seconds:.1f} s and finds "
        f"{plain:.6f}, PolicyTree {made:.6f}.",
    ]


def plain_search(x: Any, scores: Any, depth: int) -> float:
    """The largest sum of scores of any tree of that depth."""
    best = float(scores.sum(axis=0).max())
    if depth == 1:
        for column in x.T:
            order = np.argsort(column)
            left = scores[order].cumsum(axis=0)
            both = left.max(axis=1)[:-1] + (left[-1] - left).max(axis=1)[:-1]
            best = max(best, float(both.max(initial=-np.inf)))
        return best
    for column in x.T:
        for cut in np.sort(column)[:-1]:
            below = column <= cut
            best = max(best, sum(plain_search(x[m], scores[m], depth - 1) for m in (below, ~below)))
    return best


SECTIONS: dict[str, Callable[[], list[str]]] = {
    "shop": shop,
    "null": null,
    "bandit": bandit,
    "digits": digits,
    "hillstrom": hillstrom,
    "campaigns": campaigns,
    "speed": speed,
}


def write(section: str, lines: list[str]) -> None:
    """Replace one section of the result file, whose sections stand between comments with their names."""
    text = (
        RESULT.read_text()
        if RESULT.exists()
        else "# Learned policies\n\nBy `benchmarks/bench_policy.py`, one thread.\n"
    )
    begin, end = f"<!-- {section} -->", f"<!-- /{section} -->"
    said = f"Measured {datetime.now(UTC):%Y-%m-%d}, `python benchmarks/bench_policy.py {section}`."
    part = "\n".join([begin, *lines, "", said, end])
    if begin in text:
        text = text[: text.index(begin)] + part + text[text.index(end) + len(end) :]
    else:
        text = text.rstrip() + "\n\n" + part + "\n"
    RESULT.write_text(text)


if __name__ == "__main__":
    for asked in sys.argv[1:] or SECTIONS:
        made = SECTIONS[asked]()
        print("\n".join(made), flush=True)
        write(asked, made)
