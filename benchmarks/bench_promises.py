"""Do cards hold? Coverage of the gain and wrong calls over logs, and of promises widened by past ones.

    python benchmarks/bench_promises.py [logs] [draws]

No peer keeps promises beside what was measured, so the truth of the worlds is all that this is held against.
"""

import sys

import numpy as np
from scipy import special

from dorec.domain.logged_feedback import LoggedFeedback
from dorec.loop.deciding import Promise, decide
from dorec.loop.policy_values import value_policy
from dorec.numeric.extra_variance import extra_variance, freedom


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def over_logs(logs: int, n: int = 2000, k: int = 10) -> None:
    rng = np.random.default_rng(0)
    beta, base = rng.normal(size=(3, k)) * 0.5, rng.normal(size=k) * 0.3
    logging, target = rng.normal(size=(3, k)) * 0.5, rng.normal(size=(3, k)) * 0.7
    x = rng.normal(size=(200_000, 3))
    truth = float(((softmax(x @ target) - softmax(x @ logging)) * (x @ beta + base)).sum(axis=1).mean())
    held, shipped = 0, 0
    for _ in range(logs):
        x = rng.normal(size=(n, 3))
        p = softmax(x @ logging)
        a = (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
        reward = (x @ beta + base)[np.arange(n), a] + rng.normal(size=n)
        log = LoggedFeedback(context=x, action=a, reward=reward, propensity=p[np.arange(n), a], n_actions=k)
        gain = value_policy(log, "new", softmax(x @ target)).gain
        lower, upper = gain.interval()
        held += lower <= truth <= upper
        shipped += decide(Promise(question="?", gain=gain), margin=truth).choice == "ship"
    print(f"{logs} logs of {n:,} x {k}: coverage {held / logs:.3f}, shipped without a gain {shipped / logs:.3f}")


def over_promises(draws: int) -> None:
    rng = np.random.default_rng(1)
    worlds = {"honest": (1, 0), "errors x 1.5": (1.5, 0), "x 2": (2, 0), "x 3": (3, 0), "1 error too high": (1, 1)}
    for name, (over, bias) in {**worlds, "2 errors too high": (1, 2)}.items():
        for k in (5, 10, 20):
            bare, held, factors = 0, 0, []
            for _ in range(draws):
                s, t = np.exp(rng.normal(0, 0.4, (2, k + 1)))
                wrong = s * (over * rng.normal(size=k + 1) + bias)
                extra = extra_variance((wrong - t * rng.normal(size=k + 1))[:k], (s**2 + t**2)[:k])
                dof = freedom(s[-1] ** 2, extra)
                critical = special.stdtrit(dof, 0.975) if extra.value else 1.96
                width = critical * np.sqrt(s[-1] ** 2 + extra.value)
                bare += abs(wrong[-1]) <= 1.96 * s[-1]
                held += abs(wrong[-1]) <= width
                factors.append(width / (1.96 * s[-1]))
            print(
                f"{name}, {k} past: {bare / draws:.3f} -> {held / draws:.3f}, median width x {np.median(factors):.2f}"
            )


if __name__ == "__main__":
    given = [int(v) for v in sys.argv[1:]]
    over_promises(given[1] if len(given) > 1 else 1500)
    over_logs(given[0] if given else 300)
