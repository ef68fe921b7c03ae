import itertools
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import pytest

from dorec.domain.errors import ConfigError, InputError, UnknownItem, UnknownUser
from dorec.domain.world import World
from dorec.simulate import ShopWorld

SMALL = ShopWorld(n_users=400, n_items=60, seed=3)


def by_replica(world, n, f):
    return np.array([f(replace(world, replica=r)) for r in range(n)])


def near(draws, truth, z=4.0):
    return abs(draws.mean() - truth) < z * draws.std(ddof=1) / np.sqrt(len(draws))


def test_it_is_a_world():
    assert isinstance(SMALL, World)


def test_the_closed_form_effect_is_what_common_random_numbers_give():
    difference = by_replica(SMALL, 40, lambda w: (w.outcomes(voucher=True) - w.outcomes(voucher=False)).mean())
    assert near(difference, SMALL.true_ate())
    assert difference.std(ddof=1) / np.sqrt(40) < 0.1 * SMALL.true_ate()


def test_unit_effects_are_right_for_parts_of_the_population_too():
    truth = SMALL.true_unit_effects()
    harmed = truth < 0
    assert 0.05 < harmed.mean() < 0.35
    for group in (harmed, truth > np.quantile(truth, 0.8)):
        draws = by_replica(
            SMALL, 40, lambda w, g=group: (w.outcomes(voucher=True) - w.outcomes(voucher=False))[g].mean()
        )
        assert near(draws, truth[group].mean())


def test_the_closed_form_value_of_a_policy_is_what_reweighted_logs_average_to():
    for reward in ("view", "purchase"):
        gaps = []
        for r in range(25):
            world = replace(SMALL, replica=r)
            log = world.feedback(reward, position=1)

            weights = 1 / 60 / log.propensity
            gaps.append((weights * log.reward).mean() - world.true_value(np.full(60, 1 / 60), reward, position=1))
        assert near(np.array(gaps), 0.0)


def test_logged_propensities_are_calibrated():
    log = ShopWorld(n_users=1500, n_items=100, seed=5).feedback()
    weights = 1 / 100 / log.propensity
    by_user = np.bincount(log.cluster, weights=weights - 1)
    assert abs((weights - 1).mean()) < 4 * np.sqrt((by_user**2).sum()) / log.n
    for place in range(5):
        w = weights[log.position == place]
        assert abs(w.mean() - 1) < 4 * w.std() / np.sqrt(len(w))
    assert weights.max() <= 10 + 1e-9  # epsilon = 0.1 of pure chance bounds every weight


def test_propensities_are_probabilities_of_items_in_each_place():
    # an item's logged propensity, averaged over rows where it was shown, times ... : check by group of propensity
    log = ShopWorld(n_users=800, n_items=40, seed=6).feedback(position=0)
    for item in range(0, 40, 5):
        shown = log.action == item
        # E[1{shown} / p] = 1 for every item
        inverse = np.where(shown, 1 / log.propensity, 0.0)
        assert abs(inverse.mean() - 1) < 4.5 * inverse.std() / np.sqrt(log.n)


def test_the_naive_difference_is_biased_and_the_known_propensities_set_it_right():
    world = ShopWorld(n_users=2000, n_items=60, seed=7)
    naive, weighted = [], []
    for r in range(20):
        study = replace(world, replica=r).study(with_propensity=True)
        y, d, p = study.outcome, study.treatment, study.propensity[:, 1]
        naive.append(y[d == 1].mean() - y[d == 0].mean())
        weighted.append(np.average(y, weights=d / p) - np.average(y, weights=(1 - d) / (1 - p)))
    truth = world.true_ate()
    assert np.mean(naive) - truth > 2 * np.std(naive)
    assert near(np.array(weighted), truth)


def test_adjusting_for_the_covariates_suffices():
    world = ShopWorld(n_users=4000, n_items=60, seed=7)
    study = world.study()
    x = np.concatenate([np.ones((study.n, 1)), study.covariates], axis=1)
    arms = [
        np.linalg.lstsq(x[study.treatment == d], study.outcome[study.treatment == d], rcond=None)[0] for d in (0, 1)
    ]
    adjusted = (x @ (arms[1] - arms[0])).mean()
    naive = study.outcome[study.treatment == 1].mean() - study.outcome[study.treatment == 0].mean()
    truth = world.true_ate()
    assert abs(adjusted - truth) < 0.5 * abs(naive - truth)


def test_without_confounding_the_naive_difference_is_right():
    world = ShopWorld(n_users=1500, n_items=40, seed=8, confounding=0.0)

    def naive(w):
        s = w.study()
        return s.outcome[s.treatment == 1].mean() - s.outcome[s.treatment == 0].mean()

    assert near(by_replica(world, 20, naive), world.true_ate())


def test_the_effect_of_showing_an_item_is_what_a_brute_force_session_gives():
    world = ShopWorld(n_users=4, n_items=12, seed=2)
    from dorec.simulate.funnel import odds

    table = odds(world._people, world._catalogue, np.arange(4))
    rng = np.random.default_rng(0)
    n = 200_000
    for u, i in ((0, 3), (2, 7), (3, 11)):
        intended = rng.random(n) < table.intent[u, i]
        drawn = rng.random((2, n))
        buys = rng.random(n) < table.cart[u, i] * table.buy[u, i]
        seen = intended | (drawn[1] < table.attract[u, i])  # place 0 is always looked at
        brute = (seen & buys).mean() - (intended & buys).mean()
        exact = world.true_effect(np.array([u]), np.array([i]))[0]
        assert brute == pytest.approx(exact, abs=4 * np.sqrt(exact / n))
        assert world.true_effect([u], [i], position=3)[0] == pytest.approx(exact / (1 + 0.35 * 3))


def test_true_effect_takes_ids_and_places_and_refuses_strangers():
    by_id = SMALL.true_effect(np.array(["u000003", "u000399"]), np.array(["i00002", "i00059"]))
    assert by_id.tolist() == SMALL.true_effect(np.array([3, 399]), np.array([2, 59])).tolist()
    with pytest.raises(UnknownUser, match="u999"):
        SMALL.true_effect(np.array(["u999"]), np.array(["i00001"]))
    with pytest.raises(UnknownItem):
        SMALL.true_effect(np.array([0]), np.array([60]))


def test_values_agree_however_the_policy_is_given():
    rng = np.random.default_rng(0)
    per_user = rng.dirichlet(np.ones(60), size=400)
    log = SMALL.feedback("purchase")
    value = SMALL.true_value(per_user, "purchase")
    assert SMALL.true_value(per_user[log.cluster], "purchase") == pytest.approx(value, rel=1e-12)

    class Constant:
        def propensities(self, covariates):
            return np.tile(per_user[0], (len(covariates), 1))

    assert SMALL.true_value(Constant()) == pytest.approx(SMALL.true_value(per_user[0]), rel=1e-12)
    with pytest.raises(InputError, match="shape"):
        SMALL.true_value(np.ones((3, 60)) / 60)


def test_the_funnel_narrows_and_every_step_has_the_one_before():
    events = SMALL.event_table().to_pandas()
    counts = events.event.value_counts()
    steps = ["impression", "view", "cart", "purchase", "rating"]
    assert all(counts[a] > counts[b] > 0 for a, b in itertools.pairwise(steps))
    first = {s: events[events.event == s].set_index(["session_id", "item_id"]).timestamp for s in steps}
    for before, after in (("view", "cart"), ("cart", "purchase"), ("purchase", "rating")):
        joined = first[after].to_frame("after").join(first[before].rename("before"))
        assert (joined.before < joined.after).all()
    clicked = events[(events.event == "view") & events.position.notna()]
    shown = first["impression"].reindex(clicked.set_index(["session_id", "item_id"]).index)
    assert (shown.to_numpy() < clicked.timestamp.to_numpy()).all()
    assert events.timestamp.is_monotonic_increasing


def test_impressions_alone_carry_propensity_place_and_policy():
    events = SMALL.event_table()
    impression = pc.equal(events["event"], "impression")
    shown, rest = events.filter(impression), events.filter(pc.invert(impression))
    assert shown["propensity"].null_count == shown["position"].null_count == shown["policy_id"].null_count == 0
    assert rest["propensity"].null_count == rest["policy_id"].null_count == rest.num_rows
    slate = shown.group_by("session_id").aggregate([("item_id", "count_distinct"), ("position", "max")])
    assert set(slate["item_id_count_distinct"].to_pylist()) == {5}
    assert set(slate["position_max"].to_pylist()) == {4}


def test_popular_items_are_shown_more_and_higher():
    world = ShopWorld(n_users=1000, n_items=100, seed=4)
    log = world.feedback()
    popularity = world._catalogue.popularity
    shown = np.bincount(log.action, minlength=100)
    assert np.corrcoef(popularity, shown)[0, 1] > 0.5
    assert popularity[log.action[log.position == 0]].mean() > popularity[log.action[log.position == 4]].mean() + 0.1


def test_same_seed_same_world_and_replicas_share_the_shop():
    a, b = (ShopWorld(n_users=50, n_items=20, seed=9) for _ in range(2))
    assert a.event_table().equals(b.event_table())
    assert a.units().equals(b.units())
    other = replace(a, replica=1)
    assert other.users().equals(a.users())
    assert other.items().equals(a.items())
    assert other.true_ate() == a.true_ate()
    assert not other.event_table().equals(a.event_table())
    assert not replace(a, seed=10).users().equals(a.users())


def test_tables_are_readable_and_joinable():
    items, users, promotions = SMALL.items(), SMALL.users(), SMALL.promotions()
    assert len(set(items["title"].to_pylist())) == 60
    assert min(items["price"].to_pylist()) > 0
    assert set(promotions["treatment"].to_pylist()) == {"voucher", "none"}
    assert promotions["user_id"].equals(users["user_id"])
    log = SMALL.events()
    assert log.event_counts["impression"] == SMALL.feedback().n
    treated = np.array(promotions["treatment"].to_pylist()) == "voucher"
    assert (SMALL.study().treatment == treated).all()


def test_spend_in_the_events_is_the_spend_of_the_study():
    events = SMALL.event_table().to_pandas()
    first_day = SMALL.promotions()["start"][0].as_py()
    paid = events[(events.event == "purchase") & (events.timestamp.dt.date >= first_day)].groupby("user_id").value.sum()
    units = SMALL.units().to_pandas().set_index("user_id").spend_in_window
    assert np.allclose(paid.reindex(units.index).fillna(0), units, atol=0.01)


@pytest.mark.parametrize("wrong", [{"n_users": 1}, {"n_items": 3}, {"epsilon": 0.0}, {"confounding": -1.0}])
def test_impossible_worlds_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ShopWorld(**wrong)


def test_it_describes_what_is_confounded():
    assert "adjusting for them suffices" in SMALL.describe()
    assert "fair coin" in replace(SMALL, confounding=0.0).describe()
