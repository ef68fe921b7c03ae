import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dorec.domain.errors import ConfigError
from dorec.experiment import design


def test_ten_to_twelve_per_cent_needs_3841_an_arm():
    plan = design(baseline=0.10, effect=0.02)
    assert (plan.n_control, plan.n_treatment) == (3841, 3841)


def test_a_planned_experiment_has_the_promised_power_in_simulation():
    plan = design(baseline=0.10, effect=0.02)
    rng = np.random.default_rng(0)
    a, b = (rng.binomial(3841, p, size=20_000) / 3841 for p in (0.10, 0.12))
    pooled = (a + b) / 2
    seen = np.abs(b - a) / np.sqrt(2 * pooled * (1 - pooled) / 3841) > 1.959964
    assert seen.mean() == pytest.approx(plan.power, abs=0.01)


def test_unequal_arms_have_the_promised_power_in_simulation():
    plan = design(effect=1.0, sd=4.0, share=0.2, power=0.9)
    rng = np.random.default_rng(1)
    n, m = plan.n_control, plan.n_treatment
    z = (rng.normal(1, 4 / np.sqrt(m), 20_000) - rng.normal(0, 4 / np.sqrt(n), 20_000)) / (4 * np.sqrt(1 / n + 1 / m))
    assert m / (n + m) == pytest.approx(0.2, abs=0.01)
    assert (np.abs(z) > 1.959964).mean() == pytest.approx(0.9, abs=0.01)


@given(st.floats(0.02, 0.6), st.floats(0.01, 0.3), st.floats(0.55, 0.95), st.floats(0.001, 0.2), st.floats(0.1, 0.9))
@settings(max_examples=60, deadline=None)
def test_sizes_give_at_least_the_power_asked_and_fewer_units_give_less(baseline, effect, power, alpha, share):
    plan = design(baseline=baseline, effect=effect, power=power, alpha=alpha, share=share)
    assert plan.power >= power - 1e-3
    assume(plan.n_total >= 60)  # below, whole units make the arms' shares jump
    smaller = design(baseline=baseline, effect=effect, alpha=alpha, share=share, n_total=int(plan.n_total * 0.9))
    assert smaller.power <= plan.power + 0.005


def test_the_smallest_effect_turns_the_design_round():
    for plan in (design(baseline=0.3, effect=0.04), design(sd=12.0, effect=0.7)):
        assert plan.smallest_effect(0.8) == pytest.approx(plan.effect, rel=0.01)
        assert plan.power_for(plan.smallest_effect(0.95)) == pytest.approx(0.95, abs=1e-6)


def test_a_given_size_tells_its_power():
    assert design(baseline=0.10, effect=0.02, n_total=7682).power == pytest.approx(0.80, abs=0.001)
    assert design(baseline=0.10, effect=0.02, n_total=7682, two_sided=False).power > 0.87


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"effect": 0.1}, "either"),
        ({"effect": 0.1, "baseline": 0.2, "sd": 1.0}, "either"),
        ({"effect": 0.0, "sd": 1.0}, "effect"),
        ({"effect": 0.9, "baseline": 0.2}, "shares"),
        ({"effect": 0.1, "sd": -1.0}, "sd"),
        ({"effect": 0.1, "sd": 1.0, "power": 1.0}, "power"),
        ({"effect": 0.1, "sd": 1.0, "n_total": 2}, "at least 2"),
    ],
)
def test_impossible_designs_are_refused(wrong, word):
    with pytest.raises(ConfigError, match=word):
        design(**wrong)
