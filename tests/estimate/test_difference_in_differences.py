"""Difference in differences against means taken by hand, and its refusals."""

from typing import Any

import numpy as np
import pytest

from dorec.domain.errors import ConfigError, OneArm, TooFewUnits
from dorec.domain.panel import Panel
from dorec.estimate.difference_in_differences import DifferenceInDifferences


def staggered(n: int = 60, seed: int = 0, drift: float = 0.0, starts: Any = (2.0, 3.0, np.nan)) -> dict[str, Any]:
    """Five times; an effect of 1 + .5 a period; `drift` breaks parallel trends."""
    rng = np.random.default_rng(seed)
    unit, time = np.repeat(np.arange(n), 5), np.tile(np.arange(5), n)
    start = np.array(starts)[unit % len(starts)]
    on = time >= start
    effect = np.where(on, 1.0 + 0.5 * (time - np.nan_to_num(start)), 0.0)
    y = rng.normal(size=n)[unit] + 0.3 * time + effect + 0.5 * rng.normal(size=5 * n)
    return {"unit": unit, "time": time, "y": y + drift * time * np.isfinite(start), "start": start}


def panel_of(table: dict[str, Any], **fields: Any) -> Panel:
    return Panel.from_table(table, unit="unit", time="time", outcome="y", treated_from="start", **fields)


def test_two_by_two_is_four_means() -> None:
    table = staggered(40, starts=(3.0, np.nan))
    keep = np.isin(table["time"], (2, 3))
    panel = panel_of({name: values[keep] for name, values in table.items()})
    change = panel.outcome[:, 1] - panel.outcome[:, 0]
    a, b = change[panel.starts == 1], change[panel.starts == 2]
    effect = DifferenceInDifferences().fit(panel).ate()
    assert effect.value == pytest.approx(a.mean() - b.mean())
    welch = np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    assert effect.std_error == pytest.approx(welch * np.sqrt(40 / 39))
    assert effect.dof == 19


@pytest.mark.parametrize("comparison", ["never", "not_yet"])
def test_group_times_are_differences_of_means(comparison: Any) -> None:
    panel = panel_of(staggered())
    model = DifferenceInDifferences(comparison=comparison).fit(panel)
    found = dict(zip(model.group_time().name, model.group_time().value, strict=True))
    assert len(found) == 8
    for g in (2, 3):
        for t in (t for t in range(5) if t != g - 1):
            never = panel.starts == 5
            others = never if comparison == "never" else (panel.starts > max(t, g - 1)) & (panel.starts != g)
            change = panel.outcome[:, t] - panel.outcome[:, g - 1]
            by_hand = change[panel.starts == g].mean() - change[others].mean()
            assert found[f"{g}, {t}"] == pytest.approx(by_hand)


def test_averages_weigh_groups_by_size() -> None:
    panel = panel_of(staggered(64, starts=(2.0, 3.0, np.nan, 2.0)))
    model = DifferenceInDifferences(comparison="never").fit(panel)
    cell = dict(zip(model.group_time().name, model.group_time().value, strict=True))
    study = dict(zip(model.event_study().name, model.event_study().value, strict=True))
    assert study["1"] == pytest.approx((2 * cell["2, 3"] + cell["3, 4"]) / 3)
    assert study["2"] == pytest.approx(cell["2, 4"])
    two, three = model.by_group().value
    assert two == pytest.approx(np.mean([cell["2, 2"], cell["2, 3"], cell["2, 4"]]))
    assert model.ate().value == pytest.approx((2 * two + three) / 3)
    assert model.by_time().value[1] == pytest.approx((2 * cell["2, 3"] + cell["3, 3"]) / 3)


def test_influence_is_what_leaving_a_unit_out_changes() -> None:
    rng = np.random.default_rng(3)
    table = staggered(150, seed=4)
    x = rng.normal(size=150) + 0.5 * (np.arange(150) % 3 == 0)
    table |= {"x": x[table["unit"]]}
    table["y"] = table["y"] + 0.4 * x[table["unit"]] * table["time"]

    def fit(keep: Any) -> Any:
        panel = panel_of({name: values[keep] for name, values in table.items()}, covariates=["x"])
        return DifferenceInDifferences().fit(panel).ate()

    whole = fit(np.ones(750, dtype=bool))
    left_out = np.array([fit(table["unit"] != i).value for i in range(0, 150, 5)])
    jackknife = 149 * (whole.value - left_out)
    assert np.corrcoef(jackknife, whole.influence[::5])[0, 1] > 0.995
    assert np.polyfit(whole.influence[::5], jackknife, 1)[0] == pytest.approx(1.0, abs=0.06)


def test_covariates_take_the_trend_out() -> None:
    rng = np.random.default_rng(0)
    table = staggered(600, seed=1)
    unit = table["unit"]
    x = rng.normal(size=600) + np.array([1.0, 0.5, 0.0])[np.arange(600) % 3]
    table |= {"x": x[unit], "y": table["y"] + x[unit] * table["time"]}
    biased = DifferenceInDifferences().fit(panel_of(table)).ate()
    adjusted = DifferenceInDifferences().fit(panel_of(table, covariates=["x"])).ate()
    truth = (np.mean([1, 1.5, 2]) + np.mean([1, 1.5])) / 2
    assert abs(biased.value - truth) > 5 * biased.std_error
    assert abs(adjusted.value - truth) < 3 * adjusted.std_error


def test_trends_that_part_fail_the_placebo() -> None:
    good = DifferenceInDifferences().fit(panel_of(staggered(120))).ate().verdicts
    bad = DifferenceInDifferences().fit(panel_of(staggered(120, drift=0.8))).ate().verdicts
    assert [v.status for v in good] == ["passed"]
    assert [(v.status, v.code) for v in bad] == [("failed", "trends_not_parallel")]


def test_anticipation_moves_the_base() -> None:
    panel = panel_of(staggered())
    model = DifferenceInDifferences(anticipation=1, comparison="never").fit(panel)
    change = panel.outcome[:, 3] - panel.outcome[:, 0]
    by_hand = change[panel.starts == 2].mean() - change[panel.starts == 5].mean()
    assert model.group_time()["2, 3"].value == pytest.approx(by_hand)


def test_units_treated_from_the_first_time_are_told() -> None:
    table = staggered(60, starts=(0.0, 3.0, np.nan))
    verdicts = DifferenceInDifferences().fit(panel_of(table)).verdicts
    assert [v.code for v in verdicts if not v] == ["units_left_out"]


def test_refusals() -> None:
    with pytest.raises(OneArm, match="no unit is treated"):
        DifferenceInDifferences().fit(panel_of(staggered(starts=(np.nan, np.nan))))
    with pytest.raises(OneArm, match="starts at 2"):
        DifferenceInDifferences().fit(panel_of(staggered(starts=(2.0,))))
    with pytest.raises(OneArm, match="treated at some time"):
        DifferenceInDifferences(comparison="never").fit(panel_of(staggered(starts=(2.0, 3.0))))
    with pytest.raises(TooFewUnits, match="before its treatment"):
        DifferenceInDifferences().fit(panel_of(staggered(starts=(0.0, np.nan))))
    with pytest.raises(TooFewUnits, match="SyntheticControl"):
        DifferenceInDifferences().fit(panel_of(staggered(2, starts=(2.0, np.nan))))
    with pytest.raises(ConfigError):
        DifferenceInDifferences(anticipation=-1)


def test_last_cohort_without_never_treated_is_comparison_only_while_untreated() -> None:
    model = DifferenceInDifferences().fit(panel_of(staggered(starts=(2.0, 4.0))))
    assert {name for name in model.group_time().name if int(name[-1]) >= 2 and name[0] == "2"} == {"2, 2", "2, 3"}
    assert any(v.code == "units_left_out" for v in model.verdicts)
