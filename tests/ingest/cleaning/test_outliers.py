import numpy as np
import pytest

from dorec import EventLog
from dorec.domain.errors import ConfigError
from dorec.ingest.cleaning import Outliers, clean

RNG = np.random.default_rng(0)
EVENTS = RNG.choice(["view", "cart", "purchase", "click"], 800)
VALUES = np.where(EVENTS == "click", 3.0, RNG.lognormal(sigma=1.5, size=800))  # clicks have no spread


def far(mad, revenue):
    out = np.zeros(800, dtype=bool)
    for name in ("view", "cart", "click", *(["purchase"] if revenue else [])):
        of = np.isin(EVENTS, name)
        away = np.abs(VALUES - np.median(VALUES[of]))
        spread = np.median(away[of])
        out |= of & (away > mad * 1.4826 * spread) & (spread > 0)
    return out


@pytest.mark.parametrize("revenue", [False, True])
@pytest.mark.parametrize("mad", [3.0, 8.0])
def test_flags_and_drops_what_numpy_finds(mad, revenue):
    log = EventLog.from_table({"user_id": [str(i) for i in range(800)], "event": EVENTS.tolist(), "value": VALUES})
    wanted = far(mad, revenue)
    flagged, report = clean(log, [Outliers(mad=mad, revenue=revenue)])
    table = flagged.to_arrow()
    marked = {u for u, o in zip(table["user_id"].to_pylist(), table["outlier"].to_pylist(), strict=True) if o}
    assert marked == {str(i) for i in np.flatnonzero(wanted)}
    assert flagged.n_events == 800
    assert report.steps[0].changed == wanted.sum() > 0
    dropped, report = clean(log, [Outliers(mad=mad, revenue=revenue, how="drop")])
    assert dropped.n_events == 800 - wanted.sum()
    assert report.steps[0].value_dropped == pytest.approx(VALUES[wanted].sum())


def test_without_values_it_says_so():
    report = clean(EventLog.from_table({"user_id": ["a"]}), [Outliers()])[1]
    assert report.steps[0].skipped_reason == "events have no value"


def test_wrong_settings_are_refused():
    with pytest.raises(ConfigError, match="positive"):
        Outliers(mad=0)
    with pytest.raises(ConfigError, match="allowed"):
        Outliers(how="hide")
