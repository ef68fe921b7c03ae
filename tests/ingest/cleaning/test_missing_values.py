import numpy as np
import pytest

from dorec import EventLog
from dorec.domain.errors import ColumnNotFound, ConfigError
from dorec.ingest.cleaning import MissingValues, clean


def test_drops_events_of_nobody_and_nothing_else_by_default():
    log = EventLog.from_table({"user_id": ["a", "", "  ", "b"], "item_id": [None, "x", "x", "y"]})
    assert MissingValues().apply(log.table).user_id.to_pyarrow().to_pylist() == ["a", "b"]


def test_each_missing_column_is_counted_under_its_own_reason():
    log = EventLog.from_table(
        {"user_id": ["a", "", "b"], "item_id": [None, "x", "y"], "value": [1.0, 1.0, float("nan")]}
    )
    _, report = clean(log, [MissingValues(columns=("user_id", "item_id", "value"))], max_share=1)
    assert report.steps[0].counts == {"user_id is missing": 1, "item_id is missing": 1, "value is missing": 1}


def test_imputes_the_median_of_the_event_type_and_marks_it():
    rng = np.random.default_rng(1)
    events = rng.choice(["view", "cart", "click"], 300)
    values = np.where(events == "click", np.nan, rng.lognormal(size=300))
    values[rng.random(300) < 0.3] = np.nan
    log = EventLog.from_table({"user_id": ["a"] * 300, "event": events.tolist(), "value": values})
    cleaned, report = clean(log, [MissingValues(how="impute")])
    out = cleaned.to_arrow(["event", "value", "value_imputed"]).to_pandas()
    for name in ("view", "cart"):
        known = values[(events == name) & ~np.isnan(values)]
        filled = out[(out["event"] == name) & out["value_imputed"]]
        assert len(filled) == np.isnan(values[events == name]).sum() > 0
        assert filled["value"].tolist() == pytest.approx([np.median(known)] * len(filled))
        untouched = out[(out["event"] == name) & ~out["value_imputed"]]["value"]
        assert sorted(untouched) == pytest.approx(sorted(known))
    assert out[out["event"] == "click"]["value"].isna().all()
    assert not out[out["event"] == "click"]["value_imputed"].any()
    assert report.steps[0].changed == int(out["value_imputed"].sum())
    assert report.after == report.before == 300


def test_wrong_settings_are_refused():
    with pytest.raises(ColumnNotFound, match="user_id"):
        MissingValues(columns=("user",))
    with pytest.raises(ConfigError, match="allowed"):
        MissingValues(how="guess")
    with pytest.raises(ConfigError, match="Only the column value"):
        MissingValues(how="impute", columns=("item_id",))
