"""Likely effects first: what is chosen only when shown stands above what is chosen anyway."""

import numpy as np
import pyarrow as pa
import pytest

from dorec import RunContext
from dorec.domain.errors import ConfigError, TooFewUnits
from dorec.recommend import ULBPR, ExposureLog


def a_log(seed=0):
    rng = np.random.default_rng(seed)
    organic, shown_rate = np.array([0.8, 0.05, 0.05, 0.05, 0.0]), np.array([0.8, 0.1, 0.1, 0.1, 0.6])
    session = np.repeat(np.arange(400), 5)
    item = np.tile(np.arange(5), 400)
    shown = rng.random(len(item)) < 0.5
    bought = rng.random(len(item)) < np.where(shown, shown_rate[item], organic[item])
    rows = [
        {"user_id": f"u{s // 10:02d}", "item_id": f"i{i}", "session_id": int(s), "event": kind}
        for kind, which in (("impression", shown), ("purchase", bought))
        for s, i in zip(session[which], item[which], strict=True)
    ]
    return ExposureLog.from_events(pa.Table.from_pylist(rows))


def test_what_is_chosen_anyway_does_not_come_first():
    log = a_log()
    mean = {
        a: ULBPR(alpha=a, embedding_size=4, epochs=40).fit(log).score(np.arange(40)).mean(axis=0) for a in (0.0, 0.5)
    }
    assert mean[0.5].argmax() == 4
    assert mean[0.5][4] - mean[0.5][0] > mean[0.0][4] - mean[0.0][0]
    assert log.outcome[log.item == 0].sum() > log.outcome[log.item == 4].sum()


def test_the_same_seed_gives_the_same_factors_and_arrays_bring_them_back():
    log = a_log(1)
    one, two = (ULBPR(embedding_size=4, epochs=3).fit(log, context=RunContext(seed=2)) for _ in range(2))
    np.testing.assert_array_equal(one.score(np.arange(9)), two.score(np.arange(9)))
    back = ULBPR(embedding_size=4).restore(one.to_arrays()[0], log.responses)
    np.testing.assert_array_equal(back.score(np.arange(9)), one.score(np.arange(9)))


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ConfigError, match="alpha"):
        ULBPR(alpha=1.0)
    with pytest.raises(ConfigError, match="epochs"):
        ULBPR(epochs=0)
    rows = {
        "user_id": ["a", "b"],
        "item_id": ["x", "y"],
        "session_id": [1, 2],
        "event": ["impression", "purchase"],
    }
    with pytest.raises(TooFewUnits, match="chosen"):
        ULBPR().fit(ExposureLog.from_events(rows))
