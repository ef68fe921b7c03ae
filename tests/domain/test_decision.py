import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dorec.domain.decision import Decision, Settlement, TrackRecord, choose
from dorec.domain.errors import InputError

numbers = st.floats(-1e6, 1e6)


@given(numbers, numbers, numbers, st.booleans())
def test_the_rule_is_what_it_says(a, b, margin, failed):
    lower, upper = sorted((a, b))
    choice, reason = choose(lower, upper, margin=margin, failed=failed)
    assert (choice == "ship") == (lower > margin and not failed)
    assert (choice == "don't ship") == (upper < margin)
    named = {"gain_shown": "ship", "gain_ruled_out": "don't ship"}
    assert named.get(reason, "test") == choice


def test_without_an_interval_nothing_ships():
    assert choose(None, None) == ("test", "no_interval")
    assert choose(1.0, math.inf) == ("test", "no_interval")
    with pytest.raises(InputError, match="margin"):
        choose(0.0, 1.0, margin=math.nan)


def card(gain=0.3, se=0.1, **changed):
    fields = {"decision_id": "d", "question": "q", "choice": "ship", "reason": "gain_shown", "meaning": ""}
    bounds = {"lower": gain - 1.96 * se, "upper": gain + 1.96 * se} if se else {}
    return Decision(**{**fields, "gain": gain, "std_error": se, "raw_std_error": se, **bounds, **changed})


def test_a_promise_holds_within_the_errors_of_both():
    # both errors together are .1 * sqrt(2), so 1.96 of them are .277
    assert Settlement.of(card(), 0.3 - 0.27, 0.1).held is True
    assert Settlement.of(card(), 0.3 - 0.29, 0.1).held is False
    assert Settlement.of(card(), 0.3 + 0.29, 0.1).standardised == pytest.approx(-0.29 / math.hypot(0.1, 0.1))


def test_a_promise_without_an_interval_is_not_judged():
    made = Settlement.of(card(se=None), 0.1, 0.1)
    assert (made.held, made.standardised, made.error) == (None, None, pytest.approx(0.2))
    record = TrackRecord(((card(se=None), made), (card(), Settlement.of(card(), 0.25, 0.1)), (card(), None)))
    assert (len(record.settled), len(record.judged), record.held) == (2, 1, 1)
    assert str(record) == "1 of 1 promise held; on average 0.4 standard errors too high"
    assert TrackRecord(()).of_kind("x").entries == ()


def test_what_is_no_number_is_refused():
    with pytest.raises(InputError, match="gain is nan"):
        card(gain=math.nan)
    with pytest.raises(InputError, match="measured is nan"):
        Settlement.of(card(), math.nan, 0.1)


def test_unknown_keys_of_a_newer_version_are_left_out():
    assert Decision.from_dict({**card().to_dict(), "mood": 3}).gain == 0.3
