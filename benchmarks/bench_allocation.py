"""A million users and 20 actions under a total budget and 20 capacities, beside HiGHS where it can be solved.

`python benchmarks/bench_allocation.py`: the Lagrangian at 5,000, 20,000 and 1,000,000 users, HiGHS's linear relaxation
of the same programmes (scipy) at 5,000 and 20,000 (about a minute), up to three actions a user at 20,000 and 200,000,
50 random programmes with every kind of limit. One thread, CPU seconds, compiled before.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import resource
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np

from dorec.domain.errors import NoFeasiblePlan
from dorec.domain.intervention import Audience, Budget, ExposureShare
from dorec.intervene import allocate
from dorec.intervene.budget_programme import programme_of
from dorec.intervene.exact import relaxed

RESULTS = Path(__file__).parent / "results" / "allocation.md"
ACTIONS = 20


def large(n: int) -> tuple[np.ndarray, Budget, list[int]]:
    rng = np.random.default_rng(0)
    effects = rng.normal(0.3, 1.0, (n, ACTIONS)).astype(np.float32)
    effects += 0.5 * rng.normal(size=ACTIONS).astype(np.float32)
    arms = list(range(ACTIONS + 1))
    cost = {a: float(rng.integers(1, 6)) for a in arms[1:]}
    capacity = {a: int(n * rng.uniform(0.01, 0.08)) for a in arms[1:]}
    return effects, Budget(total=1.2 * n, cost=cost, capacity=capacity), arms


def several(seed: int, n: int) -> tuple[np.ndarray, Budget, list[int]]:
    """Up to three actions a user, one of each of five categories; every third seed has gains that tie."""
    rng = np.random.default_rng(seed)
    effects = rng.normal(0.3, 1.0, (n, ACTIONS)).astype(np.float32)
    effects = np.round(effects, 1) if seed % 3 == 2 else effects
    arms = list(range(ACTIONS + 1))
    capacity = {a: int(n * rng.uniform(0.02, 0.15)) for a in arms[1:]}
    budget = Budget(
        total=float(rng.choice([0.6, 1.2])) * n,
        max_units=int(rng.choice([0.2, 0.4]) * n),
        cost={a: float(rng.uniform(0.5, 3.0)) for a in arms[1:]},
        capacity=capacity,
        minimum={1: capacity[1] // 2},
        per_unit=3,
        category={a: a % 5 for a in arms[1:]},
        per_category=1,
    )
    return effects, budget, arms


def several_row(seed: int, n: int) -> str:
    effects, budget, arms = several(seed, n)
    start = time.process_time()
    plan = allocate(effects, budget, arms, method="lagrangian")
    cpu = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return f"| {n:,} | {seed} | {cpu:.2f} | {memory:.2f} | {plan.gap:.1e} |"


def random(seed: int, n: int = 5_000) -> tuple[np.ndarray, Budget, list[str], Audience]:
    """Each kind of limit stands with probability one half; a minimum asks for at most 5% of the users."""
    rng = np.random.default_rng(seed)
    m = int(rng.integers(3, 11))
    arms = ["none", *"abcdefghij"[:m]]
    limits = {
        "total": float(int(rng.uniform(0.1, 1.5) * n)),
        "max_units": int(rng.uniform(0.4, 0.9) * n),
        "per_unit": int(rng.integers(2, 4)),
        "capacity": {a: int(rng.uniform(0.02, 0.3) * n) for a in arms[3:]},
        "minimum": {a: int(rng.uniform(0.01, 0.05) * n) for a in arms[1:3]},
        "max_gap": float(rng.choice([0.01, 0.05])),
        "exposure": [ExposureShare(arms=("a", "b"), at_least=0.1, at_most=0.5)],
    }
    limits = {name: value for name, value in limits.items() if rng.random() < 0.5}
    cost = {a: float(rng.integers(0, 5)) for a in arms[1:]}
    audience = Audience(eligible=rng.random((n, m)) < 0.8, group=rng.integers(0, 3, n))
    return rng.normal(0.3, 1.0, (n, m)), Budget(cost=cost, **limits), arms, audience


def row(n: int, with_highs: bool) -> str:
    effects, budget, arms = large(n)
    start = time.process_time()
    plan = allocate(effects, budget, arms, method="lagrangian")
    cpu = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    optimum, seconds = "", ""
    if with_highs:
        start = time.process_time()
        best, _, _ = relaxed(programme_of(effects, budget, arms))
        seconds, optimum = f"{time.process_time() - start:.1f}", f"{1 - plan.objective / best:.1e}"
    return f"| {n:,} | {cpu:.2f} | {memory:.2f} | {plan.gap:.1e} | {seconds} | {optimum} |"


def gaps(n_programmes: int) -> str:
    found, seconds, refused = [], [], 0
    for seed in range(n_programmes):
        effects, budget, arms, audience = random(seed)
        start = time.process_time()
        try:
            plan = allocate(effects, budget, arms, audience=audience, method="lagrangian")
        except NoFeasiblePlan:
            refused += 1
            continue
        seconds.append(time.process_time() - start)
        found.append(plan.gap)
    return (
        f"{n_programmes} random programmes of 5,000 users and 3 to 10 actions, each kind of limit with probability one "
        f"half: {refused} refused as contradictory; gap to the own bound median {np.median(found):.1e}, "
        f"largest {max(found):.1e}; CPU seconds median {np.median(seconds):.2f}, largest {max(seconds):.2f}."
    )


def main() -> None:
    row(500, with_highs=False)
    lines = [
        "# Allocation under constraints",
        "",
        f"Written by `python benchmarks/bench_allocation.py` on {date.today()}: 20 actions, float32 effects, a total "
        "budget and a capacity for each action, seed 0, one thread, CPU seconds, peak memory of the whole process. "
        "Other work shared the machine.",
        "",
        "| users | dorec CPU s | peak GB | gap to own bound | HiGHS linear relaxation CPU s | short of its optimum |",
        "|---|---|---|---|---|---|",
    ]
    sizes = [int(size) for size in sys.argv[1:]] or [1_000_000, 5_000, 20_000]
    for size in sizes:
        lines.append(row(size, with_highs=size <= 20_000))
        print(lines[-1], flush=True)
    lines += [
        "",
        "Up to three actions a user, at most one of a category (five), with a total, a number of users, 20 capacities "
        "and a minimum; seed 2 has gains that tie:",
        "",
        "| users | seed | dorec CPU s | peak GB | gap to own bound |",
        "|---|---|---|---|---|",
    ]
    several_row(0, 500)
    for n, seed in [(20_000, 0), (20_000, 1), (20_000, 2), (200_000, 0), (200_000, 2)]:
        lines.append(several_row(seed, n))
        print(lines[-1], flush=True)
    lines += ["", gaps(50), ""]
    print(lines[-2])
    RESULTS.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
