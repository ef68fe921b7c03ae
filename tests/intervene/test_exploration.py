"""Floors that hold in every row, draws that follow their propensities, limits that hold in expectation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dorec.domain.errors import BadPropensity, ConfigError, InputError
from dorec.domain.intervention import Audience, Budget
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.protocols import Policy
from dorec.domain.run import RunContext
from dorec.intervene import Exploring, allocate, expected_use, with_floor


@given(seed=st.integers(0, 2**32), k=st.integers(2, 6), share=st.floats(0.0, 1.0))
def test_every_eligible_action_keeps_the_floor_and_no_row_more_than_it_needs(seed: int, k: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(k, 0.3), size=30)
    eligible = rng.random((30, k - 1)) < 0.7
    floor = share / k
    mixed = with_floor(p, floor, eligible)
    may = np.column_stack([np.ones(30, dtype=bool), eligible])
    np.testing.assert_allclose(mixed.sum(axis=1), 1.0)
    assert (mixed[~may] == 0).all()
    least = np.where(may, mixed, np.inf).min(axis=1)
    assert (least >= floor - 1e-12).all()
    start = with_floor(p, 0.0, eligible)
    np.testing.assert_allclose(least, np.maximum(floor, np.where(may, start, np.inf).min(axis=1)), atol=1e-12)
    assert (np.abs(mixed - start).max(axis=1)[least > floor + 1e-9] == 0).all()


def test_draws_follow_their_propensities_and_make_a_log() -> None:
    plan = allocate(np.tile([[2.0, 1.0], [-1.0, -2.0]], (4_000, 1)), Budget(), ["none", "a", "b"])
    policy = Exploring(policy=plan, floor=0.1)
    assert isinstance(policy, Policy)
    covariates = np.zeros((8_000, 0))
    made = policy.draw(covariates, context=RunContext(seed=1))
    log = LoggedFeedback(
        action=made.action,
        reward=np.ones(8_000),
        propensity=made.propensity,
        n_actions=3,
        logged_policy=made.propensities,
    )
    assert log.propensity.min() == pytest.approx(0.1)
    for row, expected in ((0, [0.1, 0.8, 0.1]), (1, [0.8, 0.1, 0.1])):
        found = np.bincount(made.action[row::2], minlength=3) / 4_000
        np.testing.assert_allclose(found, expected, atol=4 * np.sqrt(0.25 / 4_000))


@pytest.mark.parametrize("method", ["exact", "lagrangian"])
def test_limits_hold_in_expectation_with_exploration_counted(method: str) -> None:
    rng = np.random.default_rng(0)
    n, arms, floor = 400, ["none", "a", "b"], 0.05
    effects = rng.normal(0.5, 1.0, size=(n, 2))
    budget = Budget(total=250.0, max_units=240, cost={"a": 1.0, "b": 2.0}, capacity={"b": 60}, minimum={"a": 90})
    audience = Audience(eligible=rng.random((n, 2)) < 0.8)
    plan = allocate(effects, budget, arms, audience=audience, method=method, explore=floor)
    p = Exploring(policy=plan, floor=floor).propensities(np.zeros((n, 0)), eligible=audience.eligible)
    used = expected_use(p, budget, arms, audience)
    for name, (use, allowed) in used.items():
        assert use <= allowed + 1e-9, name
    assert used["total"][0] == pytest.approx(plan.spent)
    assert plan.expected_gain == pytest.approx((p[:, 1:] * effects).sum())
    assert plan.gap < 0.01
    careless = Exploring(policy=allocate(effects, budget, arms, audience=audience), floor=floor)
    over = expected_use(careless.propensities(np.zeros((n, 0)), eligible=audience.eligible), budget, arms, audience)
    assert any(use > allowed + 1e-9 for use, allowed in over.values())


def test_exploring_costs_what_it_says() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(2_000, 3))
    plan = allocate(scores[:, 1:] - scores[:, :1], Budget(), ["none", "a", "b"])
    policy = Exploring(policy=plan, floor=0.1)
    loss = policy.loss(np.zeros((2_000, 0)), scores)
    expected = 0.3 * (scores.max(axis=1) - scores.mean(axis=1))
    assert loss.value == pytest.approx(expected.mean())
    assert loss.std_error == pytest.approx(expected.std() / np.sqrt(2_000), rel=1e-2)


def test_what_cannot_be_is_refused() -> None:
    plan = allocate(np.ones((2, 1)), Budget(), ["none", "a"])
    with pytest.raises(ConfigError, match="floor is 0"):
        Exploring(policy=plan, floor=0.0)
    with pytest.raises(ConfigError, match=r"3 choices; give 0 to 0\.3333"):
        with_floor(np.full((1, 3), 1 / 3), 0.4)
    with pytest.raises(InputError, match=r"give \(2, 1\) booleans"):
        Exploring(policy=plan).propensities(np.zeros((2, 0)), eligible=np.ones((2, 2), dtype=bool))
    with pytest.raises(InputError, match="UpliftPolicy"):
        Exploring(policy=plan).propensities(np.zeros((3, 0)))
    with pytest.raises(InputError, match="several arms"):
        Exploring(policy=allocate(np.ones((2, 2)), Budget(per_unit=2), ["none", "a", "b"]))
    with pytest.raises(InputError, match=r"below 0\.333"):
        allocate(np.ones((2, 2)), Budget(), ["none", "a", "b"], explore=0.4)

    class Wrong:
        def propensities(self, covariates: np.ndarray) -> np.ndarray:
            return np.full((len(covariates), 2), 0.6)

    with pytest.raises(BadPropensity, match="first row 0"):
        Exploring(policy=Wrong()).propensities(np.zeros((2, 0)))


@pytest.mark.parametrize(
    "p", [[[np.nan, 1.0]], [[0.7, 0.7]], [[-0.1, 1.1]], [["a", "b"]], [0.5, 0.5], [[1.0]]], ids=str
)
def test_what_is_no_distribution_is_refused_wherever_it_comes_in(p: object) -> None:
    class Wrong:
        def propensities(self, covariates: object) -> object:
            return p

    policy, budget = Exploring(policy=Wrong(), floor=0.1), Budget(total=1.0, cost={"a": 1.0})
    for ask in (
        lambda: with_floor(p, 0.1),
        lambda: expected_use(p, budget, ["none", "a"]),
        lambda: policy.propensities(np.zeros((1, 0))),
        lambda: policy.loss(np.zeros((1, 0)), np.ones((1, 2))),
    ):
        with pytest.raises((BadPropensity, InputError)):
            ask()


def test_floors_and_policies_of_another_kind_are_refused() -> None:
    with pytest.raises(InputError, match="no policy"):
        Exploring(policy=3, floor=0.1)
    for floor in ("a", None, np.nan):
        with pytest.raises(ConfigError):
            with_floor(np.array([[0.5, 0.5]]), floor)
    with pytest.raises(InputError, match="booleans"):
        with_floor(np.array([[0.5, 0.5]]), 0.1, np.array([[0.3]]))
