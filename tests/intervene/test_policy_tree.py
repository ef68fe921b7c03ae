import json

import numpy as np
import pytest

from dorec.domain.errors import ConfigError, InputError, NotFinite, OneArm, TooFewUnits, TooLarge
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.protocols import Policy
from dorec.intervene import PolicyTree


def best_of_depth(x, scores, depth, min_leaf):
    """The largest sum of scores of any tree, by trying all."""
    best = scores.sum(axis=0).max()
    if depth == 0:
        return best
    for column in x.T:
        for cut in np.unique(column)[:-1]:
            left = column <= cut
            if min(left.sum(), (~left).sum()) >= min_leaf:
                parts = [best_of_depth(x[m], scores[m], depth - 1, min_leaf) for m in (left, ~left)]
                best = max(best, sum(parts))
    return best


def worth(tree, x, scores):
    return scores[np.arange(len(x)), tree.choose(x)].sum()


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("depth", [1, 2])
def test_no_tree_of_its_depth_is_worth_more(seed, depth):
    rng = np.random.default_rng(seed)
    n, p, k, min_leaf = rng.integers([8, 1, 2, 1], [24, 4, 5, 4])
    x = rng.integers(0, rng.integers(2, 12), size=(n, p)).astype(float)
    scores = rng.normal(size=(n, k))
    tree = PolicyTree(max_depth=depth, min_leaf=int(min_leaf)).fit_scores(x, scores)
    assert worth(tree, x, scores) == pytest.approx(best_of_depth(x, scores, depth, min_leaf))
    leaves = np.unique([rule.path for rule in tree.rules()], return_counts=True)[0]
    assert len(leaves) == len(tree.rules()) <= 2**depth
    if len(leaves) > 1:
        assert min(rule.share for rule in tree.rules()) * n >= min_leaf - 1e-9


def test_a_deeper_tree_is_worth_no_less_and_may_be_greedy():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 3))
    scores = np.column_stack([np.zeros(300), np.sign(x).prod(axis=1) + 0.2 * rng.normal(size=300)])
    made = [worth(PolicyTree(max_depth=d, min_leaf=5).fit_scores(x, scores), x, scores) for d in (1, 2, 3, 4)]
    assert made == sorted(made)


def test_a_tree_reads_the_same_as_it_acts():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 2))
    scores = np.column_stack([np.zeros(500), np.sign(x[:, 0]), 2.0 * np.sign(x[:, 0] + 1) * (x[:, 1] > 0)])
    tree = PolicyTree(columns=("age", "visits"), epsilon=0.1).fit_scores(x, scores, arms=("none", "mail", "call"))
    assert isinstance(tree, Policy)
    made = tree.propensities(x)
    assert made.sum(axis=1) == pytest.approx(1.0)
    assert made.min() == pytest.approx(0.1 / 3)
    plain = json.loads(json.dumps(tree.to_dict()))

    def act(node, row):
        while "arm" not in node:
            below = row[("age", "visits").index(node["column"])] <= node["threshold"]
            node = node["up_to"] if below else node["above"]
        return node["arm"]

    assert [act(plain["tree"], row) for row in x] == [tree.arms[a] for a in tree.choose(x)]
    assert sum(rule["share"] for rule in plain["rules"]) == pytest.approx(1.0)
    assert all(
        rule.arm in line
        for rule, line in zip(tree.rules(), [s for s in tree.to_text().splitlines() if "%" in s], strict=True)
    )


def test_costs_turn_a_treatment_off():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    scores = np.column_stack([np.zeros(200), np.full(200, 1.0)])
    assert PolicyTree().fit_scores(x, scores).choose(x).all()
    dear = PolicyTree().fit_scores(x, scores, costs=np.array([0.0, 1.5]))
    assert not dear.choose(x).any()
    assert dear.to_text() == "all rows: 0, 100% of the rows"


def test_few_thresholds_are_those_near_the_quantiles():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 2))
    scores = np.column_stack([np.zeros(4000), np.sign(x[:, 0] - 0.3) * np.sign(x[:, 1])])
    exact, rough = (PolicyTree(max_values=m).fit_scores(x, scores) for m in (None, 100))
    assert worth(rough, x, scores) > 0.97 * worth(exact, x, scores)


def test_a_log_teaches_a_tree():
    rng = np.random.default_rng(0)
    n = 4000
    x, a = rng.normal(size=(n, 3)), rng.choice(3, p=[0.6, 0.3, 0.1], size=n)
    best = np.where(x[:, 0] > 0, 1, np.where(x[:, 1] > 0, 2, 0))
    log = LoggedFeedback(
        context=x,
        action=a,
        reward=(a == best) + 0.5 * rng.normal(size=n),
        propensity=np.array([0.6, 0.3, 0.1])[a],
        n_actions=4,
        action_labels=("none", "mail", "call", "never"),
    )
    tree = PolicyTree(epsilon=0.2).fit(log)
    fresh = rng.normal(size=(2000, 3))
    assert np.mean(tree.choose(fresh) == np.where(fresh[:, 0] > 0, 1, np.where(fresh[:, 1] > 0, 2, 0))) > 0.9
    assert not tree.propensities(fresh)[:, 3].any()  # what the log never did is not explored either
    assert tree.arms[1] == "mail"


def test_refusals():
    rng = np.random.default_rng(0)
    x, scores = rng.normal(size=(60, 2)), rng.normal(size=(60, 2))
    with pytest.raises(NotFinite, match="first 3"):
        PolicyTree().fit_scores(np.where(np.arange(60)[:, None] == 3, np.nan, x), scores)
    with pytest.raises(NotFinite):
        PolicyTree().fit_scores(x, np.where(np.arange(60)[:, None] == 3, np.inf, scores))
    with pytest.raises(OneArm):
        PolicyTree().fit_scores(x, scores[:, :1])
    with pytest.raises(TooFewUnits):
        PolicyTree(min_leaf=61).fit_scores(x, scores)
    with pytest.raises(TooLarge):
        PolicyTree().fit_scores(x, rng.normal(size=(60, 21)))
    with pytest.raises(InputError, match="costs"):
        PolicyTree().fit_scores(x, scores, costs=np.ones(3))
    with pytest.raises(ConfigError):
        PolicyTree(max_depth=7)
    tree = PolicyTree().fit_scores(x, scores)
    with pytest.raises(NotFinite):
        tree.propensities(np.full((1, 2), np.nan))
    with pytest.raises(InputError):
        tree.propensities(np.ones((1, 3)))
    one = LoggedFeedback(action=np.zeros(60, int), reward=scores[:, 0], propensity=np.ones(60), n_actions=2, context=x)
    with pytest.raises(OneArm):
        PolicyTree().fit(one)
