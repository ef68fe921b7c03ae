import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dorec.explain.plain_text import text_width
from dorec.explain.svg.canvas import SMALL
from dorec.explain.svg.scales import Scale, fitting_ticks, nice_ticks, tick_text

magnitudes = st.floats(-15, 14).map(lambda e: 10.0**e)


@given(st.floats(-1, 1), magnitudes, st.integers(1, 10))
def test_ticks_are_round_inside_and_evenly_spaced(start, span, wanted):
    low = start * span * 3
    ticks = nice_ticks(low, low + span, wanted)
    assert 1 <= len(ticks) <= wanted + 2
    if len(ticks) > 1:
        assert low - span * 1e-6 <= ticks[0]
        assert ticks[-1] <= low + span * (1 + 1e-6)
        steps = np.diff(ticks)
        assert steps == pytest.approx(steps[0], rel=1e-3)
        mantissa = steps[0] / 10.0 ** np.floor(np.log10(steps[0]) + 1e-9)
        assert min(abs(mantissa - m) for m in (1, 2, 2.5, 5)) < 1e-3


@given(st.floats(-1e9, 1e9), magnitudes, st.floats(60, 800), st.sampled_from(["number", "percent"]))
def test_tick_labels_never_touch(low, span, room, how):
    scale = Scale.over([low, low + span], 0.0, room)
    ticks = fitting_ticks(scale, how)
    for (a, first), (b, second) in itertools.pairwise(ticks):
        assert scale(b) - scale(a) >= (text_width(first, SMALL) + text_width(second, SMALL)) / 2


@given(st.floats(-1e3, 1e3), magnitudes)
def test_labels_of_one_axis_differ(low, span):
    ticks = nice_ticks(low, low + max(span, 1e-9 * abs(low)), 5)
    labels = tick_text(ticks)
    assert len(set(labels)) == len(labels)


def test_one_value_gets_room_on_both_sides():
    for value in (0.0, 5.0, -1e-9, 1e17):
        scale = Scale.over([value], 0.0, 100.0)
        assert 20 < scale(value) < 80


def test_an_included_end_is_not_padded():
    scale = Scale.over([2.0, 10.0], 0.0, 100.0, include=[0.0])
    assert scale(0.0) == 0.0
    assert scale(10.0) < 100.0
    assert scale.clamp(1e9) == 100.0


def test_percent_ticks():
    assert tick_text([0.0, 0.25, 0.5], "percent") == ["0%", "25%", "50%"]
    assert tick_text([0.0, 0.005], "number", "share") == ["0.0%", "0.5%"]
    assert tick_text([0.0, 20000.0]) == ["0", "20k"]
