"""Lagged links and Hawkes processes: error rates and coverage where the truth is known."""

import numpy as np
import pytest
from scipy import stats

from dorec.discover import HawkesGranger, LagPC
from dorec.numeric.hawkes import simulate_hawkes

pytestmark = pytest.mark.truth
FUNNEL = np.array([[0.1, 0.5, 0.1], [0.1, 0.1, 0.1], [0.4, 0.1, 0.3]])
KINDS = np.array(["cart", "purchase", "view"])


def test_intervals_of_the_branching_matrix_cover_it():
    """150 logs of 40 users, nine entries each."""
    covered, pulls = [], []
    for seed in range(150):
        user, when, kind = simulate_hawkes(
            np.array([0.1, 0.05, 0.3]), FUNNEL, 1.5, np.full(40, 60.0), np.random.default_rng(seed)
        )
        rows = {"user_id": user, "event": KINDS[kind], "timestamp": when}
        fit = HawkesGranger(decay=1.5, baseline="shared").fit(rows, windows=(0.0, 60.0))
        pull = (fit.branching - FUNNEL) / fit.std_error
        inside = ~np.isnan(pull)
        covered += (np.abs(pull[inside]) < stats.norm.ppf(0.975)).tolist()
        pulls += pull[inside].tolist()
    assert len(pulls) > 0.95 * 150 * 9
    assert 0.93 < np.mean(covered) < 0.97
    assert 0.9 < np.std(pulls) < 1.1


@pytest.mark.parametrize("baseline", ["per_unit", "shared"])
def test_the_level_of_edges_holds_for_poisson_streams(baseline):
    """Users differ where each has a baseline, and are alike where they share one."""
    rejected = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        busy = rng.lognormal(sigma=1.0 if baseline == "per_unit" else 0.0, size=(60, 1)) * [0.3, 0.2, 0.5]
        user, when, kind = simulate_hawkes(busy, np.zeros((3, 3)), 1.0, np.full(60, 60.0), rng)
        rows = {"user_id": user, "event": KINDS[kind], "timestamp": when}
        fit = HawkesGranger(decay=1.0, baseline=baseline).fit(rows, windows=(0.0, 60.0))
        rejected.append((fit.p_value <= 0.05)[~np.eye(3, dtype=bool)].mean())
    assert 0.02 < np.mean(rejected) < 0.075


@pytest.mark.parametrize(("days", "most"), [(20, 0.08), (40, 0.065)])
def test_the_level_of_lagged_links_holds_in_panels(days, most):
    """200 users with means of their own; three variables that only remember themselves."""
    rejected = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x = np.zeros((200, days + 30, 3))
        for t in range(1, days + 30):
            x[:, t] = 0.7 * x[:, t - 1] + rng.normal(size=(200, 3))
        x = x[:, 30:] + 2 * rng.normal(size=(200, 1, 1))
        rows = {"user": np.repeat(np.arange(200), days), "day": np.tile(np.arange(days), 200)}
        rows |= {f"v{j}": x[:, :, j].ravel() for j in range(3)}
        found = LagPC(max_lag=2, unit="user", fdr=False).links(rows)
        rejected.append((found.p_value[~np.eye(3, dtype=bool)][:, 1:] <= 0.05).mean())
    assert 0.03 < np.mean(rejected) < most
