"""Synthetic difference in differences: the jackknife by hand, placebos, refusals."""

from typing import Any

import numpy as np
import pytest

from dorec.domain.errors import ConfigError, NoInterval, NotFinite, OneArm
from dorec.domain.panel import Panel
from dorec.estimate.synthetic_control import SyntheticControl
from dorec.estimate.synthetic_difference_in_differences import SyntheticDifferenceInDifferences


def panel_of(n: int = 40, treated: int = 10, effect: float = 2.0, seed: int = 0, times: int = 14) -> Panel:
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n, 1)) + rng.normal(size=(n, 2)) @ np.cumsum(0.5 * rng.normal(size=(2, times)), axis=1)
    starts = np.where(np.arange(n) < treated, 10, times)
    y = y + 0.5 * rng.normal(size=(n, times)) + effect * (np.arange(times) >= starts[:, None])
    return Panel(outcome=y, units=np.arange(n), times=np.arange(times), starts=starts, covariates=np.empty((n, 0)))


def test_value_is_synthetic_controls_and_the_error_is_the_jackknife() -> None:
    panel = panel_of()
    model = SyntheticDifferenceInDifferences().fit(panel)
    plain = SyntheticControl(method="synthetic_did").fit(panel)
    assert model.ate().value == pytest.approx(plain.ate().value)
    tau, found = plain.found.effect, plain.found
    squares = []
    for i in range(40):
        mine = [j for j in range(10) if j != i]
        weights = np.where(np.arange(10, 40) == i, 0.0, found.unit_weights)
        gap = panel.outcome[mine].mean(axis=0) - weights / weights.sum() @ panel.outcome[10:]
        squares.append((gap[10:].mean() - found.time_weights @ gap[:10] - tau) ** 2)
    assert model.std_error == pytest.approx(np.sqrt(39 / 40 * np.sum(squares)), rel=0.05)
    assert abs(model.ate().value - 2.0) < 1.0
    with pytest.raises(NoInterval, match="share"):
        model.ate().interval()


def test_placebos_serve_one_treated_unit() -> None:
    panel = panel_of(treated=1)
    model = SyntheticDifferenceInDifferences(errors="placebo", n_placebos=60).fit(panel)
    assert model.std_error == pytest.approx(np.sqrt(np.mean(model.placebo_effects**2)))
    assert 0.1 < model.std_error < 3


def test_errors_agree_where_both_serve() -> None:
    panel = panel_of(60, 12)
    jackknife = SyntheticDifferenceInDifferences().fit(panel).std_error
    placebo = SyntheticDifferenceInDifferences(errors="placebo", n_placebos=80).fit(panel).std_error
    assert placebo == pytest.approx(jackknife, rel=0.5)


def test_unit_order_and_scale_do_not_matter() -> None:
    panel = panel_of()
    order = np.random.default_rng(0).permutation(40)
    moved: Any = Panel(
        outcome=100 * panel.outcome[order] + 5,
        units=panel.units[order],
        times=panel.times,
        starts=panel.starts[order],
        covariates=panel.covariates,
    )
    one, two = (SyntheticDifferenceInDifferences().fit(p) for p in (panel, moved))
    assert two.ate().value == pytest.approx(100 * one.ate().value, rel=1e-4)
    assert two.std_error == pytest.approx(100 * one.std_error, rel=1e-4)


def test_refusals() -> None:
    with pytest.raises(NoInterval, match="too few for a jackknife"):
        assert SyntheticDifferenceInDifferences().fit(panel_of(treated=3)).std_error
    with pytest.raises(NoInterval, match="more untreated"):
        assert SyntheticDifferenceInDifferences(errors="placebo").fit(panel_of(20, 12)).std_error
    with pytest.raises(OneArm):
        SyntheticDifferenceInDifferences().fit(panel_of(treated=0))
    hole = panel_of()
    hole.outcome[3, 3] = np.nan
    with pytest.raises(NotFinite):
        SyntheticDifferenceInDifferences().fit(hole)
    with pytest.raises(ConfigError):
        SyntheticDifferenceInDifferences(errors="bootstrap")  # type: ignore[arg-type]
