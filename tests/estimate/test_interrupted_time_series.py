"""Interrupted time series: changes found, seasons and controls taken out, short series refused."""

from typing import Any

import numpy as np
import pytest

from dorec.domain.errors import ConfigError, ConstantColumn, InputError, NoInterval, NotFinite, TooFewUnits
from dorec.estimate.interrupted_time_series import InterruptedSeries, InterruptedTimeSeries
from dorec.explain.figures import draw


def series_of(n: int = 60, start: int = 40, seed: int = 0, control: bool = False, noise: float = 0.5) -> Any:
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    shock = np.cumsum(rng.normal(size=n)) if control else np.zeros(n)
    y = 10 + 0.1 * t + (t >= start) * (3.0 + 0.2 * (t - start)) + shock + noise * rng.normal(size=n)
    return InterruptedSeries(
        outcome=y, times=t, start=start, control=shock + noise * rng.normal(size=n) if control else None
    )


@pytest.mark.parametrize("errors", ["ar1", "hac"])
def test_without_noise_the_changes_are_exact(errors: Any) -> None:
    series = series_of(noise=0.0)
    model = InterruptedTimeSeries(errors=errors).fit(series)
    assert model.changes().value == pytest.approx([3.0, 0.2])
    assert model.ate().value == pytest.approx(3.0 + 0.2 * 9.5)
    assert model.counterfactual == pytest.approx(10 + 0.1 * np.arange(60))
    with pytest.raises(NoInterval):
        model.ate().interval()


def test_estimates_fit_together() -> None:
    model = InterruptedTimeSeries().fit(series_of())
    changes = model.changes()
    assert np.abs(changes.value - [3.0, 0.2]).max() < 1.0
    assert model.effect_at(0).value == pytest.approx(changes["level change"].value)
    assert model.effect_at(5).std_error == pytest.approx(
        (changes["level change"] + 5 * changes["slope change"]).std_error, rel=1e-6
    )
    after = model.series.outcome[40:] - model.counterfactual[40:]
    assert model.ate().value == pytest.approx(after.mean(), abs=0.3)
    assert 0 < model.ate().dof < 60
    assert "line of the 40 times before" in model.verdicts[0].meaning
    assert "<svg" in draw(model.figure())


def test_a_season_is_taken_out() -> None:
    series = series_of()
    wave = np.tile([0.0, 8.0, -5.0, 3.0], 15)
    wavy = InterruptedSeries(outcome=series.outcome + wave, times=series.times, start=40)
    with_season = InterruptedTimeSeries(season=4).fit(wavy).ate()
    assert with_season.value == pytest.approx(InterruptedTimeSeries().fit(series).ate().value, abs=0.3)
    assert with_season.std_error < 0.5 * InterruptedTimeSeries().fit(wavy).ate().std_error


def test_a_control_takes_out_what_reached_both() -> None:
    series = series_of(control=True, noise=0.2)
    alone = InterruptedSeries(outcome=series.outcome, times=series.times, start=40)
    both = InterruptedTimeSeries().fit(series)
    assert abs(both.ate().value - 4.9) < 4 * both.ate().std_error < 1.5
    assert InterruptedTimeSeries().fit(alone).ate().std_error > 3 * both.ate().std_error
    assert "control series" in both.verdicts[0].meaning


def test_scale_and_origin_do_not_matter() -> None:
    series = series_of()
    moved = InterruptedSeries(outcome=1e4 * series.outcome - 5 + 7.0 * series.times, times=series.times, start=40)
    one, two = (InterruptedTimeSeries().fit(s).changes() for s in (series, moved))
    assert two.value == pytest.approx(1e4 * one.value, rel=1e-5)
    assert two.std_error == pytest.approx(1e4 * one.std_error, rel=1e-5)


def test_hac_has_no_interval_in_short_series() -> None:
    with pytest.raises(NoInterval, match="fewer than 1000"):
        InterruptedTimeSeries(errors="hac").fit(series_of()).ate().interval()
    assert InterruptedTimeSeries(errors="hac").fit(series_of(1_000, 700)).ate().std_error > 0


def test_a_bend_before_is_told() -> None:
    series = series_of()
    bent = InterruptedSeries(outcome=series.outcome + 0.01 * series.times**2, times=series.times, start=40)
    assert "bent_before" in {v.code for v in InterruptedTimeSeries().fit(bent).verdicts}
    assert "bent_before" not in {v.code for v in InterruptedTimeSeries().fit(series).verdicts}


def test_from_table_sorts_dates_and_refuses_gaps() -> None:
    days = np.datetime64("2025-01-01") + np.arange(40)
    rng = np.random.default_rng(0)
    order = rng.permutation(40)
    y = np.arange(40.0)
    table = {"day": days[order], "y": y[order], "c": y[order]}
    series = InterruptedSeries.from_table(
        table, time="day", outcome="y", start=np.datetime64("2025-01-29"), control="c"
    )
    assert series.start == 28
    assert series.outcome.tolist() == y.tolist()
    with pytest.raises(InputError, match="evenly"):
        InterruptedSeries.from_table({"t": [0, 1, 2, 5], "y": [1.0] * 4}, time="t", outcome="y", start=2)
    with pytest.raises(InputError, match="more than once"):
        InterruptedSeries.from_table({"t": [0, 1, 1, 2], "y": [1.0] * 4}, time="t", outcome="y", start=2)


def test_refusals() -> None:
    with pytest.raises(TooFewUnits, match=r"8 time\(s\) before"):
        InterruptedTimeSeries().fit(series_of(30, 8))
    with pytest.raises(TooFewUnits, match=r"5 after"):
        InterruptedTimeSeries().fit(series_of(30, 25))
    with pytest.raises(TooFewUnits, match="24 before"):
        InterruptedTimeSeries(season=12).fit(series_of(50, 20))
    with pytest.raises(NotFinite, match="outcome"):
        InterruptedSeries(outcome=np.array([1.0, np.nan]), times=np.arange(2), start=1)
    with pytest.raises(ConstantColumn):
        InterruptedTimeSeries().fit(InterruptedSeries(outcome=np.ones(40), times=np.arange(40), start=20))
    with pytest.raises(ConfigError, match="errors"):
        InterruptedTimeSeries(errors="ols")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="min_before"):
        InterruptedTimeSeries(min_before=3)
    with pytest.raises(InputError, match="steps"):
        InterruptedTimeSeries().fit(series_of()).effect_at(20)
