"""Every bandit: what it says is what it does, what it learned can be kept, and what it can't use is refused by type."""

import json
from dataclasses import replace

import numpy as np
import pytest

from dorec.domain.errors import ConfigError, DorecError, InputError, NotFinite, UnknownAction
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.protocols import Policy
from dorec.intervene import NeuralLinear
from dorec.intervene.bandits import (
    EpsilonGreedy,
    LinearThompson,
    LinUCB,
    LogisticThompson,
    PendingDecisions,
    from_arrays,
    make,
)

BANDITS = [
    LinUCB(),
    LinUCB(shared=True),
    LinearThompson(),
    LinearThompson(noise=0.5),
    LinearThompson(shared=True, intercept=False),
    LogisticThompson(),
    LogisticThompson(shared=True),
    EpsilonGreedy(),
]
LINEAR = [bandit for bandit in BANDITS if not isinstance(bandit, LogisticThompson)]
K, D = 4, 3


def rows(bandit, m=60, seed=0):
    rng = np.random.default_rng(seed)
    context = rng.normal(size=(m, K, D) if bandit.shared else (m, D))
    return context, rng.integers(K, size=m), (rng.random(m) < 0.4).astype(float)


def taught(bandit):
    return bandit.start(K, D).learn(*rows(bandit))


@pytest.mark.parametrize("bandit", BANDITS, ids=str)
def test_propensities_are_distributions_above_the_uniform_share(bandit):
    state = taught(bandit)
    context = rows(bandit, 40, 1)[0]
    made = state.choose(context, 0)
    np.testing.assert_allclose(made.propensities.sum(axis=1), 1.0, rtol=1e-12)
    assert made.propensities.min() >= bandit.epsilon / K - 1e-15
    np.testing.assert_array_equal(made.propensity, made.propensities[np.arange(40), made.action])
    assert isinstance(state, Policy)


@pytest.mark.parametrize("bandit", BANDITS, ids=str)
def test_actions_come_as_often_as_said(bandit):
    """The mean weight of any policy is 1: the control variate by which a wrong propensity shows."""
    state, rng = taught(bandit), np.random.default_rng(5)
    context = np.repeat(rows(bandit, 1, 2)[0], 20_000, axis=0)
    made = state.choose(context, rng)
    target = np.array([0.1, 0.2, 0.3, 0.4])
    weight = target[made.action] / made.propensity
    assert abs(weight.mean() - 1) < 4 * weight.std() / np.sqrt(len(weight))
    for action in range(K):
        excess = (made.action == action) - made.propensities[:, action]
        assert abs(excess.sum()) < 4.5 * np.sqrt((made.propensities[:, action]).sum())


def test_propensities_estimated_beside_the_draw_would_be_wrong():
    """Why the action is drawn from the simulated propensities: weights by an independent estimate exceed 1."""
    rng, n, p = np.random.default_rng(0), 200_000, 0.2
    floor = 0.02
    drawn = rng.random(n) < (1 - floor) * p + floor / 2
    apart = (1 - floor) * rng.binomial(10, p, size=n) / 10 + floor / 2
    own = (1 - floor) * rng.binomial(10, p, size=n) / 10 + floor / 2
    beside, within = drawn / apart, (rng.random(n) < own) / own
    assert beside.mean() > 1.5
    assert abs(within.mean() - 1) < 4 * within.std() / np.sqrt(n)


@pytest.mark.parametrize("bandit", LINEAR, ids=str)
@pytest.mark.parametrize("discount", [1.0, 0.97])
def test_one_batch_single_rows_and_any_order_teach_the_same(bandit, discount):
    bandit = replace(bandit, discount=discount)
    context, action, reward = rows(bandit)
    at = np.arange(len(action))
    batch = bandit.start(K, D).learn(context, action, reward)
    single = late = bandit.start(K, D)
    for i in at:
        single = single.learn(context[i : i + 1], action[i : i + 1], reward[i : i + 1])
    shuffled = np.random.default_rng(3).permutation(len(at))
    for part in np.array_split(shuffled, 7):
        late = late.learn(context[part], action[part], reward[part], at=at[part])
    for other in (single, late):
        np.testing.assert_allclose(other.belief.coefficients, batch.belief.coefficients, rtol=1e-9, atol=1e-12)
        for name, array in batch.belief.arrays().items():
            np.testing.assert_allclose(other.belief.arrays()[name], array, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("bandit", BANDITS, ids=str)
def test_nothing_changes_what_was_there(bandit):
    state = taught(bandit)
    before = {name: array.copy() for name, array in state.belief.arrays().items()}
    state.learn(*rows(bandit, seed=9))
    state.choose(rows(bandit, 5)[0], 0)
    for name, array in state.belief.arrays().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("bandit", BANDITS, ids=str)
def test_kept_and_restored_it_chooses_and_learns_the_same(bandit):
    state = taught(bandit)
    arrays, metadata = state.to_arrays()
    back = from_arrays(arrays, metadata)
    assert back.bandit == bandit
    context = rows(bandit, 20, 4)[0]
    np.testing.assert_array_equal(back.propensities(context), state.propensities(context))
    more = rows(bandit, seed=6)
    np.testing.assert_allclose(
        back.learn(*more).propensities(context), state.learn(*more).propensities(context), rtol=1e-12
    )


@pytest.mark.parametrize("bandit", BANDITS, ids=str)
def test_kept_as_safetensors(bandit, tmp_path):
    from dorec.store import read_arrays, read_json, write_artefacts

    state = taught(bandit)
    arrays, metadata = state.to_arrays()
    write_artefacts(tmp_path, {"bandit.safetensors": arrays, "bandit.json": metadata})
    back = from_arrays(read_arrays(tmp_path, "bandit.safetensors"), read_json(tmp_path, "bandit.json"))
    context = rows(bandit, 5, 4)[0]
    np.testing.assert_array_equal(back.propensities(context), state.propensities(context))


def test_damaged_arrays_are_refused():
    arrays, metadata = taught(LinUCB()).to_arrays()
    with pytest.raises(InputError, match="gram"):
        from_arrays({**arrays, "gram": arrays["gram"][:, :2, :2]}, metadata)
    with pytest.raises(InputError, match="count"):
        from_arrays({**arrays, "count": arrays["count"] * np.nan}, metadata)
    with pytest.raises(InputError, match="moment"):
        from_arrays({k: v for k, v in arrays.items() if k != "moment"}, metadata)
    with pytest.raises(InputError):
        from_arrays(arrays, {k: v for k, v in metadata.items() if k != "settings"})
    with pytest.raises(InputError):
        from_arrays(arrays, {**metadata, "settings": "[1]"})


@pytest.mark.parametrize("bandit", BANDITS, ids=str)
def test_only_what_is_eligible_is_chosen(bandit):
    state = taught(bandit)
    context = rows(bandit, 200, 4)[0]
    for mask in (
        np.random.default_rng(0).random((200, K)) < 0.5,
        np.eye(K, dtype=bool)[np.arange(200) % K],
        np.tile([True, False, True, False], (200, 1)),
    ):
        mask = mask | (np.arange(K) == 0) * ~mask.any(axis=1, keepdims=True)
        made = state.choose(context, 0, mask)
        assert mask[np.arange(200), made.action].all()
        assert (made.propensities[~mask] == 0).all()
        np.testing.assert_allclose(made.propensities.sum(axis=1), 1.0)
    everywhere = state.propensities(context, np.array([True, True, False, False]))
    assert (everywhere[:, 2:] == 0).all()


@pytest.mark.parametrize("bandit", BANDITS, ids=str)
def test_bad_input_is_refused_by_type(bandit):
    state = bandit.start(K, D)
    context, action, reward = rows(bandit)
    broken = context.copy()
    broken[3] = np.nan
    with pytest.raises(NotFinite, match="row 3"):
        state.choose(broken, 0)
    with pytest.raises(NotFinite, match="row 3"):
        state.learn(broken, action, reward)
    with pytest.raises(InputError, match="shape"):
        state.choose(context[..., :2], 0)
    with pytest.raises(InputError, match="shape"):
        state.choose(context[0], 0)
    for wrong in (K, -1, 0.5):
        with pytest.raises(UnknownAction):
            state.learn(context[:1], [wrong], [1.0])
    with pytest.raises(NotFinite, match="reward of row 1"):
        state.learn(context[:2], [0, 1], [0.0, np.nan])
    with pytest.raises(InputError, match="don't fit"):
        state.learn(context, action, reward[:-1])
    with pytest.raises(InputError, match="at has"):
        state.learn(context, action, reward, at=[1, 2])
    with pytest.raises(InputError, match="weight"):
        state.learn(context, action, reward, weight=0.0)
    with pytest.raises(InputError, match="no eligible"):
        state.choose(context, 0, np.zeros(K, dtype=bool))
    with pytest.raises(InputError, match="truth values"):
        state.choose(context, 0, np.ones(K))
    for n_actions, n_features in ((1, D), (0, D), (3, -1)):
        with pytest.raises(ConfigError):
            bandit.start(n_actions, n_features)
    with pytest.raises(ConfigError):
        replace(bandit, intercept=False).start(2, 0)


def test_no_rows_are_no_harm():
    state = taught(LinUCB())
    none = np.empty((0, D))
    assert state.choose(none, 0).action.shape == (0,)
    again = state.learn(none, np.empty(0, int), np.empty(0))
    np.testing.assert_array_equal(again.belief.gram, state.belief.gram)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lin_ucb", {"reg": 0.0}),
        ("lin_ucb", {"epsilon": 1.5}),
        ("lin_ucb", {"alpha": -1.0}),
        ("lin_ucb", {"discount": 0.0}),
        ("linear_thompson", {"noise": -1.0}),
        ("linear_thompson", {"n_draws": 0}),
        ("logistic_thompson", {"scale": float("nan")}),
        ("epsilon_greedy", {"epsilon": -0.1}),
        ("epsilon_greedy", {"epsilonn": 0.1}),
        ("thomson", {}),
    ],
)
def test_settings_out_of_bounds_are_refused(name, settings):
    with pytest.raises(ConfigError):
        make(name, **settings)


def test_clicks_alone_for_the_logistic_model():
    with pytest.raises(InputError, match="takes 0 to 1"):
        LogisticThompson().start(2, 1).learn([[1.0]], [0], [2.0])


def test_a_log_of_other_actions_is_no_warm_start():
    log = LoggedFeedback(
        action=np.array([0, 1]), reward=np.ones(2), propensity=np.full(2, 0.5), n_actions=2, context=np.ones((2, D))
    )
    with pytest.raises(InputError, match="2 actions"):
        LinUCB().start(K, D).warm_start(log)
    with pytest.raises(InputError, match="columns"):
        LinUCB(shared=True).start(2, D).warm_start(log)


@pytest.mark.parametrize("bandit", LINEAR, ids=str)
def test_a_warm_start_is_learning_from_the_log(bandit):
    context, action, reward = rows(bandit)
    log = LoggedFeedback(
        action=action, reward=reward, propensity=np.full(60, 0.25), n_actions=K, context=context.reshape(60, -1)
    )
    warm = bandit.start(K, D).warm_start(log)
    np.testing.assert_allclose(warm.belief.moment, bandit.start(K, D).learn(context, action, reward).belief.moment)
    half = bandit.start(K, D).warm_start(log, weight=0.5)
    np.testing.assert_allclose(half.belief.gram, warm.belief.gram / 2)


@pytest.mark.parametrize("bandit", [LinearThompson(discount=0.99), LogisticThompson(discount=0.99)], ids=str)
def test_after_a_warm_start_late_rewards_count_by_their_own_age(bandit):
    """The log's rows come before decision 0, so that they don't make new decisions look old."""
    rng = np.random.default_rng(0)
    n = 3_000
    log = LoggedFeedback(
        context=np.empty((n, 0)),
        action=np.arange(n) % 2,
        reward=(np.arange(n) % 2 == 0) * 1.0,
        propensity=np.full(n, 0.5),
        n_actions=2,
    )
    state = bandit.start(2, 0).warm_start(log)
    assert state.clock == -1
    context = np.empty((300, 0))
    pending = PendingDecisions().add(list(range(300)), context, state.choose(context, rng))
    pending, came = pending.arrive(list(range(300)), np.zeros(300))
    after = state.learn(context, np.arange(300) % 2, (np.arange(300) % 2 == 1) * 1.0, at=came.at)
    assert state.propensities(np.empty((1, 0)))[0, 0] > 0.9
    assert after.propensities(np.empty((1, 0)))[0, 0] < 0.1


def test_a_log_fades_as_if_its_rows_were_the_decisions_before():
    log = LoggedFeedback(action=np.array([0, 0, 1]), reward=np.ones(3), propensity=np.full(3, 0.5), n_actions=2)
    warm = LinUCB(discount=0.5).start(2, 0).warm_start(log)
    np.testing.assert_allclose(warm.belief.count, [0.5 + 0.25, 1.0])
    np.testing.assert_allclose(warm.learn(np.empty((1, 0)), [1], [1.0]).belief.count, [0.375, 1.5])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.choose([["a", "b"]], 0), "can't be read as numbers"),
        (lambda s: s.choose([[1.0], [1.0, 2.0]], 0), "can't be read as numbers"),
        (lambda s: s.choose([[1e200, 0.0]], 0), "beyond 1e"),
        (lambda s: s.learn(np.ones((1, 2)), ["a"], [1.0]), "actions can't be read"),
        (lambda s: s.learn(np.ones((1, 2)), [0], ["a"]), "rewards can't be read"),
        (lambda s: s.learn(np.ones((1, 2)), [0], [1e200]), "reward of row 0"),
        (lambda s: s.learn(np.ones((1, 2)), [0], [1.0], weight="a"), "weight is 'a'"),
        (lambda s: s.learn(np.ones((1, 2)), [0], [1.0], at=[np.nan]), "no whole number"),
        (lambda s: s.learn(np.ones((1, 2)), [0], [1.0], at=[0.5]), "no whole number"),
        (lambda s: s.learn(np.ones((1, 2)), [0], [1.0], weight=1e40), "scales too far apart"),
        (lambda s: s.warm_start(3), "takes a LoggedFeedback"),
        (lambda s: s.bandit.start(2.5, 1), "n_actions is 2.5"),
        (lambda s: s.bandit.start(2, "a"), "n_features is 'a'"),
    ],
)
def test_what_is_no_number_is_refused_by_name(change, words):
    with pytest.raises(DorecError, match=words):
        change(LinUCB().start(2, 2))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lin_ucb", {"epsilon": "a"}),
        ("lin_ucb", {"alpha": None}),
        ("lin_ucb", {"reg": None}),
        ("lin_ucb", {"intercept": "x"}),
        ("linear_thompson", {"n_draws": 2.5}),
        ("neural_linear", {"hidden": 5}),
        ("neural_linear", {"hidden": (2.5,)}),
        ("neural_linear", {"keep": float("nan")}),
        ("neural_linear", {"epochs": 0}),
        ("neural_linear", {"batch_size": 0}),
        ("neural_linear", {"learning_rate": -1.0}),
        ("neural_linear", {"weight_decay": float("nan")}),
    ],
)
def test_settings_of_another_kind_are_refused(name, settings):
    with pytest.raises(ConfigError):
        make(name, **settings)


def foreign(known=None, **changed):
    """Arrays and metadata of a small state, with some of them exchanged."""
    state = (known or LinearThompson()).start(3, 2).learn(np.ones((4, 2)), [0, 1, 0, 1], [1.0, 0.0, 1.0, 0.0])
    arrays, metadata = state.to_arrays()
    into = {True: arrays, False: metadata}
    for name, value in changed.items():
        into[not isinstance(value, str)][name.replace("__", ".")] = value
    return arrays, metadata


@pytest.mark.parametrize(
    "changed",
    [
        {"n_actions": "1000000000"},
        {"n_actions": "-1"},
        {"settings": "[" * 100_000},
        {"settings": '{"intercept": 5}'},
        {"bandit": "os:system"},
        {"count": np.full(3, -100.0)},
        {"gram": np.full((3, 3, 3), 1j)},
        {"gram": np.arange(27.0).reshape(3, 3, 3)},
        {"clock": np.array([1e300])},
        {"clock": np.array([0.5])},
        {"square": np.array(["1", "2", "3"])},
    ],
    ids=lambda c: next(iter(c)),
)
def test_foreign_arrays_and_metadata_are_refused(changed):
    with pytest.raises(InputError):
        from_arrays(*foreign(**changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"rows__group": np.full(4, 99)},
        {"rows__group": np.full(4, 0.5)},
        {"rows__reward": np.full(4, np.nan)},
        {"rows__design": np.full((4, 2), np.inf)},
        {"rows__weight": np.full(4, -1.0)},
        {"rows__at": np.full(4, 10**6)},
        {"rows__at": np.full(4, np.nan)},
        {"rows__design": np.full((4, 2), "a")},
        {"fresh": np.array([-5.0])},
        {"trainings": np.array([1e30])},
        {"width": np.zeros(4)},
    ],
    ids=lambda c: next(iter(c)),
)
def test_foreign_rows_of_a_network_are_refused(changed):
    pytest.importorskip("torch")
    with pytest.raises(InputError):
        from_arrays(*foreign(NeuralLinear(hidden=(4,)), **changed))
    arrays, metadata = foreign(NeuralLinear(hidden=(4,)))
    settings = json.loads(metadata["settings"]) | {"hidden": [10**7, 10**7]}
    with pytest.raises(InputError):
        from_arrays(arrays, metadata | {"settings": json.dumps(settings)})
