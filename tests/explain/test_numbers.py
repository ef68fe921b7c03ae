import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dorec.domain.errors import InputError
from dorec.explain.numbers import (
    MINUS,
    compact,
    count,
    formatted,
    number,
    p_value,
    percent,
    value_and_bounds,
    with_unit,
)


@given(st.floats(-1e14, 1e14, allow_nan=False))
def test_a_written_number_reads_back_with_its_digits(value):
    text = number(value, digits=4).replace(MINUS, "-").replace(",", "")
    if "×" in text:
        mantissa, _, power = text.partition("×10")
        text = mantissa + "e" + power.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"))
    assert float(text) == pytest.approx(value, rel=6e-4, abs=1e-12)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.0, "0"), (-0.0001, f"{MINUS}0.0001"), (1e15, "1×10¹⁵"), (-2.5e-8, f"{MINUS}2.5×10⁻⁸")],
)
def test_edges_of_numbers(value, text):
    assert number(value) == text


def test_a_number_that_rounds_to_nothing_has_no_sign():
    assert number(-0.001, decimals=2) == "0.00"


def test_what_is_no_number_is_told():
    assert [number(v) for v in (math.nan, math.inf, -math.inf)] == ["–", "∞", f"{MINUS}∞"]


@given(
    st.floats(-1e6, 1e6, allow_nan=False),
    st.floats(1e-4, 1e5),
    st.floats(1e-4, 1e5),
)
def test_interval_keeps_its_order_and_its_width_as_written(value, below, above):
    low, high = value - below, value + above
    texts = value_and_bounds(value, low, high)
    numbers = [float(t.replace(MINUS, "-").replace(",", "")) for t in texts]
    assert numbers[1] <= numbers[0] <= numbers[2]
    assert numbers[2] - numbers[1] == pytest.approx(high - low, rel=0.011)
    assert len({len(t.partition(".")[2]) for t in texts}) == 1


def test_an_interval_without_width_is_still_written():
    assert value_and_bounds(2.0, 2.0, 2.0) == ("2", "2", "2")


def test_units():
    assert with_unit("2.31", "USD") == "2.31\u00a0USD"
    assert with_unit("2.31", "%") == "2.31%"
    assert with_unit("2.31") == "2.31"


@pytest.mark.parametrize(
    ("value", "how", "text"),
    [
        (np.int64(1200), "", "1,200"),
        (np.float64(0.5), "percent", "50%"),
        (np.bool_(False), "", "no"),
        (2.0, "", "2"),
        ("<b>", "percent", "<b>"),
        (1_250_000, "compact", "1.25M"),
        (1e-5, "p_value", "< 0.001"),
        (20260714, "text", "20260714"),
    ],
)
def test_cells(value, how, text):
    assert formatted(value, how) == text


def test_an_unknown_format_is_refused_with_those_allowed():
    with pytest.raises(InputError, match=r"'pct' is not known; allowed: text, number"):
        formatted(1.0, "pct")


def test_small_helpers():
    assert (count(-1234.4), compact(9_999), percent(0.99995), p_value(0.04999)) == (
        f"{MINUS}1,234",
        "9,999",
        "100%",
        "0.050",
    )
