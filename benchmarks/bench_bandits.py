"""Contextual bandits: regret on the same rows as obp's, decisions a second, and what their logs say of other policies.

    DOREC_OBP_PYTHON=/path/to/venv/bin/python python benchmarks/bench_bandits.py [--quick] [--section NAME]

The environment of obp 0.5.7 is that of bench_off_policy.py; without the variable the peer is left out, and the table
says so. Both sides meet the same contexts, expected rewards and luck from a file, learn in batches of 50 decisions, and
start cold. obp's contexts have a constant column, which ours adds. CPU seconds of one thread, compilation left out.
`--section regret` (or `speed`, `logs`) prints one part and writes nothing.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from dorec.domain.estimate import Estimate
from dorec.domain.run import RunContext
from dorec.evaluate import IPS, SNIPS, DoublyRobust
from dorec.intervene import EpsilonGreedy, LinearThompson, LinUCB, LogisticThompson, NeuralLinear, RewardModel, play
from dorec.simulate import LoggedBandit

RESULT = Path(__file__).parent / "results" / "bandits.md"
PEER = os.environ.get("DOREC_OBP_PYTHON", "")
BATCH, K = 50, 5
PEER_SEEDS = 10  # worlds for obp, whose play takes seconds

BANDITS = {
    "LinUCB(epsilon=0)": LinUCB(epsilon=0.0),
    "LinUCB": LinUCB(),
    "LinUCB(epsilon=0.2)": LinUCB(epsilon=0.2),
    "LinearThompson(noise=1, epsilon=0)": LinearThompson(noise=1.0, epsilon=0.0),
    "LinearThompson": LinearThompson(),
    "LogisticThompson": LogisticThompson(),
    "LogisticThompson(epsilon=0)": LogisticThompson(epsilon=0.0),
    "NeuralLinear(retrain_every=2500, epochs=5)": NeuralLinear(retrain_every=2_500, epochs=5),
    "EpsilonGreedy(0.1)": EpsilonGreedy(),
    "uniform": EpsilonGreedy(epsilon=1.0),
}
LOGS = ("LinUCB", "LinUCB(epsilon=0.2)", "LinearThompson", "LogisticThompson")

OBP = """
import json, sys, time
import numpy as np
from obp.policy import LinUCB, LinTS
out = {}
for path in sys.argv[1].split(":"):
    rows = np.load(path)
    X, mean, luck = rows["context"], rows["mean"], rows["luck"]
    X = np.column_stack([np.ones(len(X)), X])
    settings = dict(dim=X.shape[1], n_actions=mean.shape[1], batch_size=50, random_state=0)
    for name, policy in {"LinUCB(epsilon=1)": LinUCB(epsilon=1.0, **settings), "LinTS": LinTS(**settings)}.items():
        start, regret = time.process_time(), 0.0
        for i in range(len(X)):
            action = int(policy.select_action(X[i : i + 1])[0])
            policy.update_params(action, float(luck[i] < mean[i, action]), X[i : i + 1])
            regret += mean[i].max() - mean[i, action]
        out.setdefault(name, []).append([regret, time.process_time() - start])
print(json.dumps(out))
"""

OBP_SPEED = """
import json, sys, time
import numpy as np
from obp.policy import LinUCB, LinTS
rng = np.random.default_rng(0)
X = rng.normal(size=(400, 20))
out = {}
for name, policy in {"LinUCB(epsilon=1)": LinUCB(epsilon=1.0, dim=20, n_actions=20, random_state=0),
                     "LinTS": LinTS(dim=20, n_actions=20, random_state=0)}.items():
    start = time.process_time()
    for x in X:
        policy.update_params(int(policy.select_action(x[None])[0]), 1.0, x[None])
    out[name] = len(X) / (time.process_time() - start)
print(json.dumps(out))
"""


class Replay:
    """Rows from a file, in their order: the same contexts, means and luck for everybody."""

    def __init__(self, context: np.ndarray, mean: np.ndarray, luck: np.ndarray) -> None:
        self.context, self.mean, self.luck, self.at = context, mean, luck, slice(0, 0)

    def contexts(self, m: int, rng: np.random.Generator) -> np.ndarray:
        self.at = slice(self.at.stop, self.at.stop + m)
        return self.context[self.at]

    def expected_reward(self, context: np.ndarray) -> np.ndarray:
        return self.mean[self.at]

    def reward(self, context: np.ndarray, action: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return (self.luck[self.at] < self.mean[self.at][np.arange(len(action)), action]).astype(float)


def peer(code: str, *arguments: str) -> dict:
    if not PEER:
        return {}
    done = subprocess.run([PEER, "-W", "ignore", "-c", code, *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def rows(folder: str, seed: int, n: int) -> Path:
    rng = np.random.default_rng([seed, 77])
    context = rng.normal(size=(n, 3))
    mean = LoggedBandit(n=10, n_actions=K, seed=seed).expected_reward(context)
    path = Path(folder) / f"{seed}.npz"
    np.savez(path, context=context, mean=mean, luck=rng.random(n))
    return path


def regret(n: int, seeds: int) -> list[str]:
    """Cumulative regret after n decisions, and CPU seconds of one play."""
    found: dict[str, list] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = [rows(folder, seed, n) for seed in range(seeds)]
        for name, bandit in BANDITS.items():
            for seed, path in enumerate(paths[:PEER_SEEDS] if "Neural" in name else paths):
                environment = Replay(**dict(np.load(path)))
                start = time.process_time()
                run = play(bandit.start(K, 3), environment, n, batch=BATCH, context=RunContext(seed=seed))
                found.setdefault(name, []).append([run.cumulative_regret[-1], time.process_time() - start])
            print(name, np.mean(found[name], axis=0), flush=True)
        for name, made in peer(OBP, ":".join(map(str, paths[:PEER_SEEDS]))).items():
            found[f"obp {name}"] = made
    lines = ["| bandit | worlds | regret, mean | 95% interval | CPU s of a play |", "|---|---|---|---|---|"]
    for name, made in found.items():
        values = np.array(made)
        mean = Estimate.of_mean(values[:, 0])
        low, high = mean.interval()
        lines.append(
            f"| {name} | {len(values)} | {mean.value:.0f} | {low:.0f} to {high:.0f} | {np.median(values[:, 1]):.2f} |"
        )
    return lines if PEER else [*lines, "| obp | left out: DOREC_OBP_PYTHON is not set | | | |"]


def speed() -> list[str]:
    """Choose and learn with 20 actions and 20 features, in batches of 2,000 and one by one; medians of five."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2_000, 20))
    lines = ["| bandit | batches of 2,000, decisions/s | one by one, decisions/s |", "|---|---|---|"]
    for name in (
        "LinUCB",
        "LinearThompson(noise=1, epsilon=0)",
        "LinearThompson",
        "LogisticThompson",
        "EpsilonGreedy(0.1)",
    ):
        state = BANDITS[name].start(20, 20)
        state = state.learn(x, state.choose(x, rng).action, rng.random(2_000) < 0.3)
        rates: tuple[list[float], list[float]] = ([], [])
        for _ in range(5):
            for kept, size, count in ((rates[0], 2_000, 3), (rates[1], 1, 200)):
                start = time.process_time()
                for i in range(count):
                    part = x[i : i + 1] if size == 1 else x
                    state = state.learn(part, state.choose(part, rng).action, np.ones(size))
                kept.append(size * count / (time.process_time() - start))
        lines.append(f"| {name} | {np.median(rates[0]):,.0f} | {np.median(rates[1]):,.0f} |")
    return lines + [f"| obp {name} | | {rate:,.0f} |" for name, rate in peer(OBP_SPEED).items()]


def judged(reps: int, n: int, names: tuple[str, ...]) -> list[str]:
    """How often the interval from a bandit's own log holds the value of another policy."""
    world = LoggedBandit(n=10, n_actions=K, seed=1)
    environment = RewardModel(draw_contexts=lambda m, rng: rng.normal(size=(m, 3)), mean_reward=world.expected_reward)
    x = np.random.default_rng(99).normal(size=(1_000_000, 3))
    means = world.expected_reward(x)
    truths = {"uniform": means.mean(), "target": (world.target(x) * means).sum(axis=1).mean()}
    lines = [
        "| log of | policy judged | estimator | with interval | bias (its error) | coverage | std. error / sd |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in names:
        found: dict[tuple[str, str], list] = {}
        for seed in range(reps):
            log = play(BANDITS[name].start(K, 3), environment, n, batch=20, context=RunContext(seed=seed)).feedback
            policies = {"uniform": np.full((n, K), 1 / K), "target": world.target(log.context)}
            for policy, truth in truths.items():
                for estimator in (IPS(), SNIPS(), DoublyRobust()):
                    made = estimator.evaluate(log, policies[policy])
                    if made.no_interval:  # too few effective rows
                        continue
                    low, high = made.interval()
                    row = [made.value - truth, low <= truth <= high, made.std_error]
                    found.setdefault((policy, type(estimator).__name__), []).append(row)
        for (policy, estimator), made in found.items():
            error, held, claimed = np.array(made, dtype=float).T
            lines.append(
                f"| {name} | {policy} | {estimator} | {len(error)} | {error.mean():+.4f} "
                f"({error.std() / np.sqrt(len(error)):.4f}) | "
                f"{held.mean():.3f} | {claimed.mean() / error.std():.2f} |"
            )
        print("\n".join(lines[-6:]), flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--section", choices=("regret", "speed", "logs"))
    given = parser.parse_args()
    n, seeds, reps, m = (500, 3, 5, 500) if given.quick else (10_000, 20, 200, 2_000)
    parts = {
        "regret": lambda: [
            f"## Regret after {n:,} decisions",
            f"`LoggedBandit` worlds from 0 ({K} actions, 3 features, clicks whose log odds bend with the context),",
            f"batches of {BATCH}, one play in each; the same rows and luck for every bandit.",
            "",
            *regret(n, seeds),
        ],
        "speed": lambda: ["## Decisions a second, 20 actions x 20 features, choosing and learning", *speed()],
        "logs": lambda: [
            f"## What the bandits' own logs say of other policies, {reps} logs of {m:,} decisions",
            "World 1; batches of 20. The intervals are those of `dorec.evaluate`, which take rows as independent.",
            "",
            *judged(reps, m, LOGS),
        ],
    }
    if given.section:
        print("\n".join(parts[given.section]()))
        return
    made = f"`bench_bandits.py`, {datetime.now(UTC):%Y-%m-%d}, Python {sys.version.split()[0]}, one thread."
    text = ["# Contextual bandits", "", made]
    for part in parts.values():
        text += ["", *part()]
    print("\n".join(text))
    if not given.quick:
        RESULT.write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
