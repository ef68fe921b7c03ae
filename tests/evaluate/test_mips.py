import numpy as np
import pytest

from dorec.domain.errors import BadPropensity, ConfigError, InputError
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import IPS, MIPS
from dorec.evaluate.mips import kind_weights, kinds


def draw(seed, n=2_000, k=40, own=0.0, known=True):
    """Rewards depend on the kind of an action (4 kinds) and, by `own`, on the action itself."""
    rng = np.random.default_rng(seed)
    kind = np.arange(k) % 4
    x = rng.normal(size=(n, 1))
    shape = np.random.default_rng(99).normal(size=(2, k))
    logged, target = (softmax(x * s * 1.5) for s in shape)
    action = (logged.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    effect = np.array([0.2, 0.4, 0.6, 0.8])[kind] + own * shape[1]
    log = LoggedFeedback(
        context=x,
        action=action,
        reward=effect[action] + 0.3 * rng.normal(size=n),
        propensity=logged[np.arange(n), action],
        n_actions=k,
        logged_policy=logged if known else None,
    )
    return log, target, kind, effect


def softmax(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def truth(own=0.0):
    _, target, _, effect = draw(0, n=50_000, own=own)
    return float((target @ effect).mean())


def test_weights_of_kinds_are_ratios_of_their_probabilities():
    log, target, kind, _ = draw(0, n=50)
    made = kind_weights(target, log.logged_policy, kind, log.action)
    for i in range(50):
        alike = kind == kind[log.action[i]]
        assert made[i] == pytest.approx(target[i, alike].sum() / log.logged_policy[i, alike].sum())


def test_it_is_narrower_than_ips_where_kinds_tell_all():
    log, target, kind, _ = draw(1)
    made, plain = MIPS(embedding=kind).evaluate(log, target), IPS().evaluate(log, target)
    told = next(v for v in made.verdicts if v.code == "bias_carried")
    assert told.evidence["std_error_alone"] < 0.7 * plain.std_error
    assert made.std_error < 1.5 * plain.std_error


@pytest.mark.parametrize("known", [True, False], ids=["logged policy", "regressed"])
@pytest.mark.parametrize("own", [0.0, 0.15], ids=["kinds tell all", "they don't"])
def test_intervals_cover_whether_or_not_kinds_tell_all(own, known):
    value = truth(own)
    covered = []
    for r in range(25):
        log, target, kind, _ = draw(r, n=1_000, own=own, known=known)
        lower, upper = MIPS(embedding=kind).evaluate(log, target).interval()
        covered.append(lower <= value <= upper)
    assert np.mean(covered) >= 0.84


def test_a_kind_for_each_action_is_ips():
    log, target, _, _ = draw(2, k=8)
    assert MIPS(embedding=np.arange(8)).evaluate(log, target).value == pytest.approx(IPS().evaluate(log, target).value)


def test_several_categories_make_one_kind():
    table = np.array([[0, 0], [0, 1], [1, 0], [0, 1]])
    made = kinds(table)
    assert made[1] == made[3]
    assert len(set(made.tolist())) == 3


def test_wrong_embeddings_and_logged_policies_are_refused():
    log, target, kind, _ = draw(3, n=100)
    with pytest.raises(InputError, match="40 actions"):
        MIPS(embedding=kind[:5]).evaluate(log, target)
    with pytest.raises(ConfigError, match="embedding"):
        MIPS(embedding=np.zeros((2, 2, 2)))
    with pytest.raises(BadPropensity, match="logged_policy"):
        LoggedFeedback(
            action=log.action, reward=log.reward, propensity=log.propensity, n_actions=40, logged_policy=target
        )
