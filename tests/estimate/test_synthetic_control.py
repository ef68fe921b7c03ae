"""Synthetic controls: weights found again, placebos that hold their level, refusals."""

from typing import Any

import numpy as np
import pytest

from dorec.domain.errors import ConfigError, InputError, NoInterval, OneArm, TooFewUnits
from dorec.domain.panel import Panel
from dorec.estimate.synthetic_control import SyntheticControl
from dorec.explain.figures import draw


def panel_of(outcome: Any, starts: Any) -> Panel:
    n, times = outcome.shape
    return Panel(
        outcome=outcome,
        units=np.arange(n),
        times=np.arange(times),
        starts=np.asarray(starts, dtype=np.int64),
        covariates=np.empty((n, 0)),
    )


def factors(rng: np.random.Generator, n: int = 20, times: int = 18, noise: float = 0.3) -> np.ndarray:
    return rng.normal(size=(n, 2)) @ np.cumsum(rng.normal(size=(2, times)), axis=1) + noise * rng.normal(
        size=(n, times)
    )


def one_treated(y: np.ndarray, before: int = 14, effect: float = 0.0) -> Panel:
    y = y.copy()
    y[0, before:] += effect
    return panel_of(y, [before, *[y.shape[1]] * (len(y) - 1)])


def test_weights_of_an_exact_mixture_are_found() -> None:
    y = factors(np.random.default_rng(0), noise=1.0)
    y[0] = 0.3 * y[4] + 0.7 * y[9]
    model = SyntheticControl().fit(one_treated(y, effect=2.0))
    assert model.unit_weights == pytest.approx({"9": 0.7, "4": 0.3}, abs=1e-6)
    assert model.ate().value == pytest.approx(2.0)
    assert [v.status for v in model.verdicts] == ["passed"]
    assert model.p_value == pytest.approx(1 / 20)


def test_synthetic_did_does_not_mind_a_level_and_the_plain_one_says_so() -> None:
    y = factors(np.random.default_rng(1), noise=0.2)
    moved = y + 50.0 * (np.arange(20) == 0)[:, None]
    did = SyntheticControl(method="synthetic_did")
    assert did.fit(one_treated(moved)).ate().value == pytest.approx(did.fit(one_treated(y)).ate().value)
    assert SyntheticControl().fit(one_treated(moved)).ate().verdicts[0].code == "poor_fit_before"


def test_interval_is_the_value_and_the_placebos_and_no_standard_error() -> None:
    model = SyntheticControl().fit(one_treated(factors(np.random.default_rng(2))))
    lower, upper = model.interval(0.9)
    widths = np.sort([abs(p.effect) for p in model.placebos])
    assert upper - lower == pytest.approx(2 * widths[17])  # the 18th of 19: .9 of 20
    assert model.ate().value == pytest.approx((lower + upper) / 2)
    with pytest.raises(NoInterval, match="placebos allow"):
        model.ate().interval()
    with pytest.raises(NoInterval, match="19 placebos"):
        model.interval(0.99)


@pytest.mark.parametrize("method", ["synthetic_control", "synthetic_did"])
def test_placebo_p_holds_its_level_where_any_unit_could_be_treated(method: Any) -> None:
    p = np.array(
        [
            SyntheticControl(method=method)
            .fit(one_treated(factors(np.random.default_rng([4, s]), n=10, times=8), 6))
            .p_value
            for s in range(150)
        ]
    )
    assert (p <= 0.2).mean() < 0.2 + 3 * np.sqrt(0.16 / 150)
    assert (p <= 0.5).mean() > 0.5 - 4 * np.sqrt(0.25 / 150)


def test_gap_can_be_drawn() -> None:
    model = SyntheticControl().fit(one_treated(factors(np.random.default_rng(0)), effect=5.0))
    assert "<svg" in draw(model.gap_figure())


def test_refusals() -> None:
    y = factors(np.random.default_rng(0))
    with pytest.raises(OneArm):
        SyntheticControl().fit(panel_of(y, [18] * 20))
    with pytest.raises(InputError, match="2 times"):
        SyntheticControl().fit(panel_of(y, [9, 10, *[18] * 18]))
    with pytest.raises(TooFewUnits, match=r"2 time\(s\) before"):
        SyntheticControl().fit(one_treated(y, before=2))
    with pytest.raises(NoInterval, match="2 treated"):
        SyntheticControl().fit(panel_of(y, [14, 14, *[18] * 18])).interval(0.8)
    with pytest.raises(ConfigError):
        SyntheticControl(method="sdid")  # type: ignore[arg-type]
