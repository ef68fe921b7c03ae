import math

import numpy as np
import pytest

from dorec.domain.decision import Decision, Settlement, TrackRecord
from dorec.domain.errors import InputError, NoInterval
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.verdict import Verdict
from dorec.experiment import design
from dorec.loop.deciding import ENOUGH, Promise, calibrated, decide, settle, trial_plan


def estimate(value, error, n=1000, **fields):
    """An estimate of exactly this value and standard error."""
    scores = np.tile([-1.0, 1.0], n // 2)
    return Estimate(value, scores * error * math.sqrt(n - 1), name="gain", sample="s", **fields)


def past(pairs, error=0.1, scale=1.0, kind="policy value"):
    """A record of promises and measurements, both with this error."""
    entries = []
    for i, (promised, measured) in enumerate(pairs):
        card = Decision(
            decision_id=f"d{i}",
            question="q",
            choice="test",
            reason="gain_uncertain",
            meaning="",
            gain=promised,
            std_error=error,
            raw_std_error=error,
            lower=promised - 1.96 * error,
            upper=promised + 1.96 * error,
            scale=scale,
            kind=kind,
        )
        entries.append((card, Settlement.of(card, measured, error)))
    return TrackRecord(tuple(entries))


def test_the_estimate_of_these_tests_has_the_error_it_says():
    assert estimate(0.3, 0.1).std_error == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("value", "margin", "choice"),
    [(0.3, 0.0, "ship"), (-0.3, 0.0, "don't ship"), (0.1, 0.0, "test"), (0.3, 0.2, "test"), (0.3, 0.6, "don't ship")],
)
def test_the_call_follows_from_the_bounds(value, margin, choice):
    card = decide(Promise(question="q", gain=estimate(value, 0.1)), margin=margin)
    assert card.choice == choice
    assert card.upper - card.lower == pytest.approx(2 * 1.959964 * 0.1)
    assert card.decision_id[8] == "-"


def test_a_failed_check_stops_a_gain_and_not_a_loss():
    failed = Verdict(check="support", status="failed", meaning="m")
    assert decide(Promise(question="q", gain=estimate(0.5, 0.1, verdicts=(failed,)))).reason == "check_failed"
    assert decide(Promise(question="q", gain=estimate(-0.5, 0.1, verdicts=(failed,)))).choice == "don't ship"
    warned = Verdict(check="tail", status="warning", meaning="m")
    card = decide(Promise(question="q", gain=estimate(0.5, 0.1, verdicts=(warned,))))
    assert (card.choice, card.doubts) == ("ship", ("tail: m",))


def test_without_an_interval_it_is_tested():
    card = decide(Promise(question="q", gain=estimate(0.5, 0.1, no_interval="12 effective rows")))
    assert (card.choice, card.std_error, card.lower) == ("test", None, None)
    assert "12 effective rows" in card.meaning
    assert card.reversals == ()


def test_what_would_change_the_mind_is_the_distance_of_the_bounds():
    ship = decide(Promise(question="q", gain=estimate(0.5, 0.1)), margin=0.1)
    (cost,) = ship.reversals
    assert cost.threshold == pytest.approx(ship.lower - 0.1)
    # a further cost of just that much makes it a test, a little less does not
    again = [
        decide(Promise(question="q", gain=estimate(0.5, 0.1)), margin=0.1 + cost.threshold + d) for d in (-1e-9, 1e-9)
    ]
    assert [card.choice for card in again] == ["ship", "test"]
    rows = decide(Promise(question="q", gain=estimate(0.1, 0.1))).reversals[0]
    larger = estimate(0.1, 0.1 * math.sqrt(1000 / rows.threshold))
    assert decide(Promise(question="q", gain=larger)).lower == pytest.approx(0.0, abs=1e-3)


def test_bounds_that_hold_for_several_are_taken_as_they_are():
    card = decide(Promise(question="q", gain=estimate(0.5, 0.1), bounds=Interval(0.2, 0.8)))
    assert (card.lower, card.upper) == (0.2, 0.8)


def test_too_few_promises_leave_it_alone_and_say_so():
    record = past([(0.9, 0.0)] * (ENOUGH - 1))
    card = decide(Promise(question="q", gain=estimate(0.3, 0.1)), record=record)
    assert card.std_error == pytest.approx(0.1)
    assert f"{ENOUGH} have to be measured" in card.calibration


def test_promises_of_another_kind_do_not_count():
    record = past([(0.9, 0.0)] * 9, kind="experiment")
    assert decide(Promise(question="q", gain=estimate(0.3, 0.1)), record=record).std_error == pytest.approx(0.1)


def test_broken_promises_widen_the_next_and_the_card_keeps_both_errors():
    record = past([(0.9, 0.0), (0.8, 0.1), (0.7, 0.2), (0.9, 0.1), (0.8, 0.0), (0.6, 0.1)])
    card = decide(Promise(question="q", gain=estimate(0.5, 0.1)), record=record)
    assert card.choice == "test"
    assert card.raw_std_error == pytest.approx(0.1)
    assert card.std_error > 0.5
    assert "0 of 6 promises held" in card.calibration


def test_errors_count_in_shares_of_the_incumbent():
    pairs = [(0.9, 0.0), (0.8, 0.1), (0.7, 0.2), (0.9, 0.1), (0.8, 0.0), (0.6, 0.1)]
    small = calibrated(estimate(0.5, 0.1), past(pairs), scale=2.0)
    scaled = [(100 * a, 100 * b) for a, b in pairs]
    same = calibrated(estimate(0.5, 0.1), past(scaled, error=10.0, scale=100.0), scale=2.0)
    assert same.std_error == pytest.approx(small.std_error)
    assert small.std_error > calibrated(estimate(0.5, 0.1), past(pairs)).std_error


@pytest.mark.parametrize(
    ("over", "bias", "least", "most"), [(1, 0, 0.94, 0.995), (2.5, 0, 0.9, 0.98), (1, 2, 0.93, 1.0)]
)
def test_the_card_covers_again_after_ten_measured_promises(over, bias, least, most):
    """Promises err by `over` times what they say, or are `bias` standard errors too high; honest ones stay narrow."""
    rng, hits, factors = np.random.default_rng(0), [], []
    for _ in range(150):
        wrong = 0.1 * (over * rng.normal(size=11) + bias)
        record = past([(w, 0.1 * rng.normal()) for w in wrong[:10]])
        card = decide(Promise(question="q", gain=estimate(wrong[10], 0.1, n=4)), record=record)
        hits.append(card.lower <= 0.0 <= card.upper)
        factors.append(card.std_error / card.raw_std_error)
    assert least <= np.mean(hits) <= most
    if over == 1 and bias == 0:
        assert np.median(factors) < 1.1
    else:
        assert np.median(factors) > 1.5


def test_a_measurement_settles():
    card = decide(Promise(question="q", gain=estimate(0.3, 0.1)))
    end = settle(card, estimate(0.25, 0.1))
    assert (end.decision_id, end.held) == (card.decision_id, True)
    assert end.error == pytest.approx(0.05)
    with pytest.raises(InputError, match="several values"):
        settle(card, Estimate(np.array([1.0, 2.0]), np.ones((3, 2))))
    with pytest.raises(NoInterval, match="no error"):
        settle(card, estimate(0.25, 0.1, no_interval="none"))


def test_the_plan_is_that_of_design():
    plan = trial_plan(estimate(0.3, 0.1), sd=2.0, per_day=100, margin=0.1, guardrails={"returns": 0.5, "same": 0.0})
    expected = design(effect=0.2, sd=2.0)
    assert (plan.n_control, plan.days) == (expected.n_control, math.ceil(2 * expected.n_control / 100))
    assert plan.guardrails == {"returns": pytest.approx(0.05, rel=1e-3)}
    users = trial_plan(estimate(0.3, 0.1), sd=2.0, margin=0.1, unit="user", rows_per_unit=4.0)
    assert users.n_control == math.ceil(expected.n_control / 4)


def test_next_to_no_gain_is_not_looked_for():
    plan = trial_plan(estimate(1e-6, 0.1), sd=2.0)
    assert plan.effect == pytest.approx(0.098)
    with pytest.raises(InputError, match="--effect"):
        trial_plan(estimate(0.3, 0.1), sd=0.0)
