"""The chosen estimator is nearly as good as the best one, also where the tempting one is biased."""

from dataclasses import replace

import numpy as np

from dorec.evaluate import IPS, MRDR, SNIPS, DirectMethod, DoublyRobust, DRos, select_estimator
from dorec.simulate import LoggedBandit

CANDIDATES = {
    "snips": SNIPS(),
    "dm": DirectMethod(),
    "dr": DoublyRobust(),
    "mrdr": MRDR(),
    "dros": DRos(),
}


def test_regret_is_small_where_the_direct_method_is_biased():
    world = LoggedBandit(n=1_000, n_actions=50, seed=4)
    truth = world.true_value(200_000)
    errors, covered = [], 0
    for r in range(24):
        draw = replace(world, replica=r)
        made = select_estimator(draw.feedback(), draw.target(), CANDIDATES)
        by_name = {one.name: one.value for one in made.candidates}
        errors.append([made.estimate.value - truth, *(by_name[name] - truth for name in CANDIDATES)])
        lower, upper = made.estimate.interval()
        covered += lower <= truth <= upper
    mse = np.square(errors).mean(axis=0)
    assert mse[0] < 1.35 * mse[1:].min()
    assert mse[0] < 0.75 * mse[1 + list(CANDIDATES).index("dm")]
    assert covered >= 21


def test_a_bias_that_is_not_there_is_worth_taking():
    """Rewards that no action changes: predicting them is right, and less noisy than weighing them."""
    world = LoggedBandit(n=1_000, seed=3)
    log = replace(world.feedback(), reward=np.random.default_rng(0).normal(size=1_000))
    made = select_estimator(log, world.target(), {"ips": IPS(), "dm": DirectMethod()})
    ranked = {one.name: one.mean_squared_error for one in made.candidates}
    assert made.chosen == min(ranked, key=lambda name: ranked[name])
    assert made.candidates[0].name == made.chosen
    chosen = next(one for one in made.candidates if one.name == made.chosen)
    assert np.isclose(made.estimate.std_error, chosen.mean_squared_error**0.5)
