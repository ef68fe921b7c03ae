"""Weighted quantiles: whole weights are copies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dorec.numeric.weighted_quantile import weighted_mad, weighted_quantile


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 4)), min_size=1, max_size=12).filter(
        lambda rows: sum(w for _, w in rows) > 0
    ),
    st.sampled_from([0.1, 0.25, 0.5, 0.9]),
)
def test_whole_weights_are_copies(rows: list[tuple[int, int]], level: float) -> None:
    values, weight = np.array(rows, dtype=float).T
    copies = np.repeat(values, weight.astype(int))
    assert weighted_quantile(values, weight, level) == pytest.approx(
        np.quantile(copies, level, method="averaged_inverted_cdf")
    )


def test_mad_of_a_normal() -> None:
    assert weighted_mad(np.random.default_rng(0).normal(size=20_000), np.ones(20_000)) == pytest.approx(1.0, abs=0.03)
