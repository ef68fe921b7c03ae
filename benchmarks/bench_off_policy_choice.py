"""How good `select_estimator` chooses: the mean squared error of its choice beside that of every candidate.

    python benchmarks/bench_off_policy_choice.py [--logs 100]

Worlds: logs of `LoggedBandit` that differ in rows, actions and how rare clicks are, and the digits of
`bench_off_policy.py`. All columns from "choice" to "worst" are regrets: the mean squared error over that of the
candidate that is best in hindsight, less 1.
"""

import argparse
from collections import Counter
from collections.abc import Callable

import numpy as np

from bench_off_policy import digits
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import IPS, MRDR, SNDR, SNIPS, DirectMethod, DoublyRobust, DRos, SwitchDR, select_estimator
from dorec.numeric.arrays import FloatArray
from dorec.simulate import LoggedBandit

CANDIDATES = {
    "IPS": IPS(),
    "SNIPS": SNIPS(),
    "DM": DirectMethod(),
    "DR": DoublyRobust(),
    "SNDR": SNDR(),
    "MRDR": MRDR(),
    "SwitchDR": SwitchDR(),
    "DRos": DRos(),
}
Draw = Callable[[int], tuple[LoggedFeedback, FloatArray]]


def bandit(**settings: float) -> tuple[Draw, float]:
    """Logs of a world, and the value of its policy."""

    def draw(seed: int) -> tuple[LoggedFeedback, FloatArray]:
        world = LoggedBandit(**settings, replica=seed)  # type: ignore[arg-type]
        return world.feedback(), world.target()

    return draw, LoggedBandit(**settings).true_value(500_000)  # type: ignore[arg-type]


def images(n: int) -> tuple[Draw, float]:
    x, label, logged, judged = digits()

    def draw(seed: int) -> tuple[LoggedFeedback, FloatArray]:
        rng = np.random.default_rng(seed)
        row = rng.integers(len(x), size=n)
        a = np.minimum((logged[row].cumsum(axis=1) < rng.random((n, 1))).sum(axis=1), 9)
        reward = (a == label[row]).astype(float)
        log = LoggedFeedback(context=x[row], action=a, reward=reward, propensity=logged[row, a], n_actions=10)
        return log, judged[row]

    return draw, float(judged[np.arange(len(x)), label].mean())


def row(name: str, draw: Draw, truth: float, logs: int) -> str:
    errors, chosen, covered = [], Counter[str](), 0
    for seed in range(logs):
        made = select_estimator(*draw(seed), CANDIDATES)
        values = {one.name: one.value for one in made.candidates}
        errors.append([made.estimate.value - truth, *(values.get(one, np.nan) - truth for one in CANDIDATES)])
        lower, upper = made.estimate.interval()
        covered += lower <= truth <= upper
        chosen[made.chosen] += 1
    mse = np.nanmean(np.square(errors), axis=0)
    best, worst = int(mse[1:].argmin()), int(mse[1:].argmax())
    names = list(CANDIDATES)
    often = ", ".join(f"{one} {count}" for one, count in chosen.most_common(3))
    at = {one: mse[1 + names.index(one)] / mse[1:].min() - 1 for one in ("DR", "SNIPS", "IPS")}
    always = " | ".join(f"{value:.0%}" for value in at.values())
    return (
        f"| {name} | {mse[0] / mse[1:].min() - 1:.0%} | {always} | {mse[1:].max() / mse[1:].min() - 1:.0%} | "
        f"{names[best]} / {names[worst]} | {often} | {covered / logs:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--logs", type=int, default=100)
    logs = parser.parse_args().logs
    worlds = {
        "1,000 x 5": bandit(n=1_000, n_actions=5, seed=3),
        "10,000 x 5": bandit(n=10_000, n_actions=5, seed=3),
        "1,000 x 5, rare clicks": bandit(n=1_000, n_actions=5, seed=3, base=-3.5),
        "2,000 x 20": bandit(n=2_000, n_actions=20, seed=4),
        "1,000 x 50": bandit(n=1_000, n_actions=50, seed=4),
        "digits, 500 x 10": images(500),
        "digits, 2,000 x 10": images(2_000),
    }
    columns = (
        "world",
        "choice",
        "always DR",
        "always SNIPS",
        "always IPS",
        "worst",
        "best / worst",
        "chosen",
        "covers",
    )
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")
    for name, (draw, truth) in worlds.items():
        print(row(name, draw, truth, logs), flush=True)


if __name__ == "__main__":
    main()
