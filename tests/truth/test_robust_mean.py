"""Heavy-tail-safe means under Pareto and lognormal revenue, beside the plain mean."""

from typing import Any

import numpy as np
import pytest

from dorec import Study
from dorec.estimate import naive_difference
from dorec.estimate.robust_mean import METHODS, RobustDifference, robust_mean

REPS = 400
MEANS = {"pareto 2.1": 1 / 1.1, "lognormal 1": np.exp(0.5), "lognormal 2": np.exp(2.0)}
CAPS = {}


def spent(kind: str, rng: np.random.Generator, n: int) -> Any:
    return rng.pareto(2.1, n) if kind == "pareto 2.1" else rng.lognormal(0.0, float(kind[-1]), n)


def capped_truth(kind: str) -> float:
    """Effect of a shift by a fifth of the mean on outcomes that are capped at their joint quantiles."""
    if kind not in CAPS:
        rng = np.random.default_rng(0)
        a, b = spent(kind, rng, 4_000_000), spent(kind, rng, 4_000_000) + 0.2 * MEANS[kind]
        low, high = np.quantile(np.append(a, b), [0.01, 0.99])
        CAPS[kind] = float(np.clip(b, low, high).mean() - np.clip(a, low, high).mean())
    return CAPS[kind]


@pytest.mark.truth
@pytest.mark.parametrize("share", [0.5, 0.1])
@pytest.mark.parametrize("kind", MEANS)
def test_differences(kind: str, share: float) -> None:
    n, shift = 2_000, 0.2 * MEANS[kind]
    rows: dict[str, list[Any]] = {m: [] for m in ("plain", *METHODS)}
    for rep in range(REPS):
        rng = np.random.default_rng([31, rep])
        t = (rng.random(n) < share).astype(int)
        y = spent(kind, rng, n) + shift * t
        study = Study.from_table({"t": t, "y": y}, outcome="y", treatment="t")
        for m in rows:
            truth = capped_truth(kind) if m == "winsorized" else shift
            ate = naive_difference(study) if m == "plain" else RobustDifference(method=m).fit(study).ate()
            se = np.nan if ate.no_interval else ate.std_error
            inside = np.nan if ate.no_interval else ate.interval().lower <= truth <= ate.interval().upper
            rows[m].append((ate.value - truth, se, inside))
    plain = np.array(rows["plain"])
    for m, found in rows.items():
        error, se, inside = np.array(found, dtype=float).T
        rmse = np.sqrt((error**2).mean() / (plain[:, 0] ** 2).mean())
        given = np.isfinite(inside)
        told = f"interval given {given.mean():.2f}, rmse / plain {rmse:.2f}"
        if given.sum() >= 50:
            told += f", coverage {inside[given].mean():.3f}, mean se / sd {se[given].mean() / error[given].std():.3f}"
        print(f"{kind}, treated {share}, {m}: {told}")
        if m != "plain":
            assert given.mean() < 0.25 or inside[given].mean() >= 0.92
            assert rmse < 1.02 or m == "median_of_means"


@pytest.mark.truth
@pytest.mark.parametrize("kind", ["pareto 2.1", "lognormal 1", "normal"])
def test_one_sample(kind: str) -> None:
    n, rows = 1_000, []
    truth = 0.0 if kind == "normal" else MEANS[kind]
    for rep in range(REPS):
        rng = np.random.default_rng([32, rep])
        x = rng.normal(size=n) if kind == "normal" else spent(kind, rng, n)
        found, plain = robust_mean(x), (x.mean(), x.std() / np.sqrt(n))
        inside = np.nan if found.no_interval else found.interval().lower <= truth <= found.interval().upper
        rows.append((found.value - truth, plain[0] - truth, inside, abs(plain[0] - truth) <= 1.96 * plain[1]))
    robust, mean, inside, plain_inside = np.array(rows, dtype=float).T
    given = np.isfinite(inside)
    rmse = np.sqrt((robust**2).mean() / (mean**2).mean())
    held = inside[given].mean() if given.any() else 1.0
    print(f"{kind}: interval given {given.mean():.2f}, then it covers {held:.3f}; rmse / plain {rmse:.2f}")
    print(f"{kind}: plain mean covers {plain_inside.mean():.3f}")
    assert given.mean() < 0.1 or inside[given].mean() >= 0.91
    assert kind != "normal" or given.all()
    assert (robust**2).mean() <= 1.02 * (mean**2).mean()
