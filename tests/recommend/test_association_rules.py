import numpy as np
import pytest

from dorec.domain.errors import ConfigError
from dorec.recommend import AssociationRules


@pytest.fixture(params=["confidence", "lift"])
def measure(request):
    return request.param


def counted(tastes, measure, least):
    x = (tastes.matrix.toarray() > 0).astype(float)
    both, count = x.T @ x, x.sum(axis=0)
    rule = both / count[:, None]  # (has, then)
    rule = np.where(both >= least, rule * (60 / count if measure == "lift" else 1.0), 0.0)
    np.fill_diagonal(rule, 0.0)
    return x, both, rule


def test_scores_are_sums_of_counted_rules(tastes, measure):
    x, _, rule = counted(tastes, measure, least=4)
    scorer = AssociationRules(measure=measure, min_users=4, k=39).fit(tastes)
    np.testing.assert_allclose(scorer.score(np.arange(60)), x @ rule, atol=1e-12)


def test_the_strongest_rules_towards_each_item_are_kept(tastes, measure):
    _, _, rule = counted(tastes, measure, least=1)
    weights = AssociationRules(measure=measure, min_users=1, k=3).fit(tastes).model.weights.toarray()
    assert ((weights > 0).sum(axis=0) == 3).all()
    for then in range(40):
        assert np.sort(weights[:, then])[-3:] == pytest.approx(np.sort(rule[:, then])[-3:])


def test_the_table_names_each_rule_with_its_users(tastes, measure):
    _, both, rule = counted(tastes, measure, least=3)
    data = AssociationRules(measure=measure, min_users=3, k=39).fit(tastes)
    rows = data.model.table(tastes).to_pylist()
    assert len(rows) == (rule > 0).sum()
    count = np.diag(both)
    for row in rows:
        has, then = row["has"], row["then"]
        assert row["users"] == both[has, then] >= 3
        assert row["confidence"] == pytest.approx(both[has, then] / count[has])
        assert row["lift"] == pytest.approx(both[has, then] * 60 / count[has] / count[then])
    strength = [row[measure] for row in rows]
    assert (np.diff(strength) <= 1e-12).all()


@pytest.mark.parametrize("settings", [{"measure": "support"}, {"min_users": 0}, {"k": 0}])
def test_settings_out_of_bounds_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        AssociationRules(**settings)
