"""The difference in means."""

import numpy as np
import pytest
from scipy import stats

from dorec import Study
from dorec.estimate import naive_difference

RNG = np.random.default_rng(0)
Y = RNG.normal(size=90) ** 2
T = np.repeat([0, 1, 2], [20, 30, 40])


def test_it_is_welch() -> None:
    estimate = naive_difference(Study.from_table({"t": T, "y": Y}, outcome="y", treatment="t"))
    assert estimate.name == ("1 - 0", "2 - 0")
    for arm in (1, 2):
        welch = stats.ttest_ind(Y[arm == T], Y[T == 0], equal_var=False)
        one = estimate[arm - 1]
        assert one.value == pytest.approx(Y[arm == T].mean() - Y[T == 0].mean())
        assert one.value / one.std_error == pytest.approx(welch.statistic)


def test_clusters_and_weights_count() -> None:
    plain = Study.from_table({"t": T, "y": Y, "w": np.ones(90)}, outcome="y", treatment="t", weight="w")
    twice = Study.from_table(
        {"t": np.tile(T, 2), "y": np.tile(Y, 2), "u": np.tile(np.arange(90), 2)}, outcome="y", treatment="t", unit="u"
    )
    one, two = naive_difference(plain), naive_difference(twice)
    assert two.value == pytest.approx(one.value)
    assert two.std_error == pytest.approx(one.std_error, rel=0.03)


def test_degrees_of_freedom_are_welchs_or_those_of_the_clusters() -> None:
    table = {"t": T, "y": Y, "c": np.arange(90) % 12}
    both = naive_difference(Study.from_table(table, outcome="y", treatment="t"))
    dofs = [stats.ttest_ind(Y[arm == T], Y[T == 0], equal_var=False).df for arm in (1, 2)]
    assert both.dof == pytest.approx(min(dofs))
    two = {name: values[T < 2] for name, values in table.items()}
    one = naive_difference(Study.from_table(two, outcome="y", treatment="t"))
    welch = stats.ttest_ind(Y[T == 1], Y[T == 0], equal_var=False)
    np.testing.assert_allclose(one.interval(), welch.confidence_interval())
    assert naive_difference(Study.from_table(table, outcome="y", treatment="t", cluster="c")).dof == 11
