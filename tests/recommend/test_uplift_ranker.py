"""Effects of showing: learned where clicks mislead, with groups' averages near the truth."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

from dorec import RunContext
from dorec.domain.errors import ColumnNotFound, ConfigError, InputError, TooFewUnits, TooLarge
from dorec.recommend import ExposureLog, UpliftRanker
from dorec.recommend.pair_effects import effective_outcomes
from dorec.recommend.uplift_ranker import pseudo_effects

N_USERS, N_ITEMS = 40, 6


def ranker(**settings):
    plain = {"of": ("popularity",), "n_folds": 2, "regressor": LinearRegression(), "settings": {}}
    return UpliftRanker(**(plain | settings))


@pytest.fixture(scope="module")
def log():
    """Item 0 is bought by everyone, shown or not; item 5 only when it is shown. All are shown by a fair coin."""
    rng = np.random.default_rng(0)
    organic, shown_rate = np.array([0.8, 0.1, 0.1, 0.1, 0.1, 0.0]), np.array([0.8, 0.3, 0.2, 0.1, 0.1, 0.6])
    session = np.repeat(np.arange(N_USERS * 12), N_ITEMS)
    item = np.tile(np.arange(N_ITEMS), N_USERS * 12)
    shown = rng.random(len(item)) < 0.5
    bought = rng.random(len(item)) < np.where(shown, shown_rate[item], organic[item])
    parts = [("impression", shown, 0.5), ("purchase", bought, None)]
    rows = [
        {"user_id": f"u{s // 12:02d}", "item_id": f"i{i}", "session_id": int(s), "event": kind, "propensity": p}
        for kind, which, p in parts
        for s, i in zip(session[which], item[which], strict=True)
    ]
    return ExposureLog.from_events(pa.Table.from_pylist(rows), unshown_per_shown=2.0)


@pytest.mark.parametrize("form", ["s", "t", "x", "dr"])
def test_effects_put_first_what_showing_causes(log, form):
    from sklearn.tree import DecisionTreeRegressor

    made = ranker(form=form, regressor=DecisionTreeRegressor(min_samples_leaf=50)).fit(log)
    effect = made.model.effect.mean(axis=0)
    assert effect.argmax() == 5
    assert effect[5] == pytest.approx(0.6, abs=0.1)
    assert abs(effect[0]) < 0.1
    assert made.recommend(["u00"], k=1, exclude_seen=False).items.tolist() == [["i5"]]


def test_value_and_mixture_rank_otherwise(log):
    from sklearn.tree import DecisionTreeRegressor

    tree = DecisionTreeRegressor(min_samples_leaf=50)
    by_value = ranker(rank_by="value", regressor=tree).fit(log)
    assert by_value.recommend(["u00"], k=1, exclude_seen=False).items.tolist() == [["i0"]]
    mixed = ranker(rank_by="mixture", mixture=0.25, regressor=tree).fit(log)
    table = 0.75 * mixed.model.effect.astype(float) + 0.25 * mixed.model.value
    np.testing.assert_allclose(mixed.score(np.arange(3)), table[:3], rtol=1e-6)


def test_groups_have_intervals_that_hold_the_truth(log):
    made = ranker().fit(log)
    effects = made.segment_effects(items=np.arange(N_ITEMS))
    truth = np.array([0.0, 0.2, 0.1, 0.0, 0.0, 0.6])
    assert (np.abs(effects.value - truth) < 4 * effects.std_error).all()
    assert (effects.std_error < 0.06).all()
    both = made.segment_effects(users=np.arange(N_USERS) % 2, items=np.arange(N_ITEMS) < 3)
    assert both.name == ("0 / False", "0 / True", "1 / False", "1 / True")
    assert made.segment_effects().value[0] == pytest.approx(truth.mean(), abs=0.03)


def test_pseudo_effects_average_to_the_truth_whatever_the_predictions(log):
    chance = np.full(log.n, 0.5)
    truth = 0.15
    for off, on in [(0.0, 0.0), (0.3, 0.1), (0.2, 0.35)]:
        made = pseudo_effects(log, chance, np.full(log.n, off), np.full(log.n, on))
        assert np.average(made, weights=log.weight) == pytest.approx(truth, abs=0.03)


def test_the_same_seed_gives_the_same_ranker_and_arrays_bring_it_back(log):
    first, again = (ranker().fit(log, context=RunContext(seed=3)) for _ in range(2))
    np.testing.assert_array_equal(first.model.effect, again.model.effect)
    arrays, metadata = first.to_arrays()
    back = ranker().restore(arrays, log.responses)
    np.testing.assert_array_equal(back.score(np.arange(4)), first.score(np.arange(4)))
    assert metadata["model"] == "uplift_ranker"
    with pytest.raises(InputError, match="no log"):
        back.segment_effects()
    why = first.explain("u01", "i2")
    assert sum(why.parts.values()) == pytest.approx(first.score(np.array([1]))[0, 2], rel=1e-6)


def test_what_makes_no_sense_is_refused(log):
    for wrong in ({"form": "r"}, {"rank_by": "clicks"}, {"mixture": 2.0}, {"n_folds": 1}):
        with pytest.raises(ConfigError):
            ranker(**wrong)
    with pytest.raises(TooLarge):
        ranker(max_cells=10).fit(log)
    with pytest.raises(InputError, match="labels"):
        ranker().fit(log).segment_effects(users=np.zeros(3))


@pytest.fixture(scope="module")
def trial():
    """Showing helps where the user's club is the item's kind, and no history tells the club; one row a pair."""
    rng = np.random.default_rng(0)
    user, item = (a.ravel() for a in np.indices((400, 12)))
    shown = rng.random(len(user)) < 0.5
    effect = np.where(user % 2 == item % 2, 0.5, 0.0)
    came = rng.random(len(user)) < 0.2 + shown * effect
    rows = {"user_id": user, "item_id": item, "shown": shown.astype(int), "outcome": came.astype(float)}
    log = ExposureLog.from_table(rows | {"propensity": np.full(len(user), 0.5)})
    log = log.with_users({"u": np.arange(400), "club": [f"c{u % 2}" for u in range(400)]}, user="u")
    return log.with_items({"i": np.arange(12), "kind": [f"k{i % 2}" for i in range(12)]}, item="i"), effect.reshape(
        400, 12
    )


@pytest.mark.parametrize("form", ["s", "t", "x", "dr"])
def test_features_of_users_and_items_tell_for_whom_showing_helps(trial, form):
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    log, effect = trial
    how = {"regressor": DecisionTreeRegressor(min_samples_leaf=60), "form": form}
    plain = replace(log, responses=replace(log.responses, user_features=None, item_features=None))
    found = [
        np.corrcoef(
            ranker(outcome_model=DecisionTreeClassifier(min_samples_leaf=60), **how).fit(one).model.effect.ravel(),
            effect.ravel(),
        )[0, 1]
        for one in (plain, log)
    ]
    assert found[1] > max(found[0] + 0.25, 0.45)


def test_groups_by_columns_are_one_vector_with_a_joint_interval(trial):
    log, _ = trial
    made = ranker().fit(log).segment_effects(users="club", items="kind")
    assert made.name == ("c0 / k0", "c0 / k1", "c1 / k0", "c1 / k1")
    truth = np.array([0.5, 0.0, 0.0, 0.5])
    lower, upper = made.interval(joint=True)
    assert ((lower < truth) & (truth < upper)).all()
    assert (upper - lower > np.subtract(*made.interval()[::-1])).all()
    with pytest.raises(ColumnNotFound, match=r"clubs.*Did you mean 'club'"):
        ranker().fit(log).segment_effects(users="clubs")


def test_a_classifier_of_amounts_is_refused(trial):
    from sklearn.linear_model import LogisticRegression

    log, _ = trial
    with pytest.raises(InputError, match="classifier"):
        ranker(outcome_model=LogisticRegression()).fit(replace(log, outcome=2 * log.outcome))


def test_a_group_in_which_hardly_anything_came_of_showing_is_left_out_and_named(log):
    made = ranker().fit(log)
    few = (log.item == 2) & log.shown & (log.outcome > 0)
    quiet = replace(log, outcome=np.where(few & (np.cumsum(few) > 4), 0.0, log.outcome))
    found = replace(made, log=quiet).segment_effects(items=np.arange(N_ITEMS))
    assert found.name == ("0", "1", "3", "4", "5")
    assert found.verdicts[0].evidence["groups"] == ["2"]
    assert made.segment_effects(items=np.arange(N_ITEMS)).verdicts == ()
    with pytest.raises(TooFewUnits, match="none of 1 group"):
        replace(made, log=replace(log, outcome=np.zeros(log.n))).segment_effects()


def test_outcomes_are_counted_by_their_weights():
    rows = {"user_id": [1] * 6, "item_id": [1] * 6, "shown": [1, 1, 1, 1, 1, 0], "outcome": [1, 1, 1, 1, 0, 1]}
    log = ExposureLog.from_table(rows | {"propensity": [0.5, 0.5, 0.5, 0.05, 0.5, 0.5]})
    worth = effective_outcomes(np.zeros(6, dtype=int), log, log.propensity)
    assert worth[0] == pytest.approx((3 * 2 + 20) ** 2 / (3 * 4 + 400))
