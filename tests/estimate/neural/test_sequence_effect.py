import numpy as np
import pytest

from dorec.domain.errors import ConfigError, InputError, MeasuredAfterTreatment
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate import AIPW, Histories, SequenceEffect

ONE = RunContext(threads=1)
EVENTS = ("view", "cart", "search")


def shop(n=500, seed=0):
    """Whoever's last event is a cart buys more, is treated more often and gains more by it; counts don't tell."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 6, size=n)
    events = {i: [EVENTS[k] for k in rng.integers(0, 3, size=length)] for i, length in enumerate(lengths)}
    hot = np.array([events[i][-1] == "cart" for i in range(n)]).astype(float)
    t = (rng.random(n) < np.where(hot == 1, 0.75, 0.25)).astype(int)
    y = 3 * hot + t * (1 + hot) + 0.5 * rng.normal(size=n)
    counts = {kind: np.array([events[i].count(kind) for i in range(n)]) for kind in EVENTS}
    return events, {"user": np.arange(n), "t": t, "y": y, **counts}, hot


def study_of(table, covariates=(), **roles):
    return Study.from_table(table, outcome="y", treatment="t", unit="user", covariates=list(covariates), **roles)


def learner_of(events, **settings):
    quick = {"length": 5, "embedding_size": 8, "n_folds": 2, "epochs": 25, "learning_rate": 0.02, "patience": 6}
    return SequenceEffect(histories=Histories.from_sequences(events), **{**quick, **settings})


@pytest.fixture(scope="module")
def fitted():
    events, table, hot = shop()
    return events, table, hot, learner_of(events).fit(study_of(table), context=ONE)


def test_the_order_of_events_is_adjusted_for_where_counts_are_not_enough(fitted):
    _, table, hot, model = fitted
    truth, ate = 1 + hot.mean(), model.ate()
    counted = AIPW(n_folds=2).fit(study_of(table, EVENTS), context=ONE).ate()
    assert abs(counted.value - truth) > 6 * counted.std_error
    assert abs(ate.value - truth) < 0.3
    assert ate.no_interval


def test_effects_follow_the_history(fitted):
    events, _, hot, model = fitted
    assert np.corrcoef(model.unit_effects, hot)[0, 1] > 0.8
    of_units = model.effect(np.empty((4, 0)), units=np.arange(4))
    assert of_units.shape == (4,)
    ends = [events[i][-1] == "cart" for i in range(4)]
    assert [e > 1.5 for e in of_units] == ends
    assert model.unit_outcomes.shape == (500, 2)
    with pytest.raises(InputError, match="ids of the 4 units"):
        model.effect(np.empty((4, 0)))


def test_a_subset_of_the_units_keeps_its_histories(fitted):
    events, table, _, _ = fitted
    rows = np.random.default_rng(0).permutation(500)[:200]
    quick = learner_of(events, epochs=2)
    one = quick.fit(study_of(table).take(rows), context=ONE).ate()
    two = quick.fit(study_of(table).take(np.sort(rows)), context=ONE).ate()
    assert one.value == pytest.approx(two.value, rel=1e-9)


def test_histories_are_padded_and_cut_by_time():
    table = {"u": [2, 1, 2, 2], "e": ["a", "b", "b", "c"], "at": [3, 1, 1, 2]}
    histories = Histories.from_events(table, unit="u", token="e", time="at")
    assert histories.vocabulary == ("a", "b", "c")
    assert histories.padded(np.array([1, 2, 9]), 4).tolist() == [[0, 0, 0, 2], [0, 2, 3, 1], [0, 0, 0, 0]]
    assert histories.padded(np.array([2, 0]), 2).tolist() == [[3, 1], [0, 0]]


def test_padding_is_what_slicing_says():
    rng = np.random.default_rng(0)
    events = {f"u{i}": rng.integers(0, 9, size=rng.integers(0, 7)).tolist() for i in range(40)}
    histories = Histories.from_sequences(events)
    for length in (1, 3, 8):
        for row, history in zip(histories.padded(np.array(list(events)), length), events.values(), strict=True):
            told = [0 if t == 0 else histories.vocabulary[t - 1] for t in row[length - len(history[-length:]) :]]
            assert told == history[-length:]
            assert not row[: length - len(history[-length:])].any()


def test_events_after_the_treatment_are_refused():
    events = {"user": [0, 1], "event": ["view", "view"], "at": [1.0, 5.0]}
    histories = Histories.from_events(events, unit="user", token="event", time="at")
    table = {"user": np.arange(60), "t": np.arange(60) % 2, "y": np.arange(60.0), "when": np.full(60, 3.0)}
    study = study_of(table, time="when")
    with pytest.raises(MeasuredAfterTreatment, match="row 1"):
        histories.of(study, 3)


def test_units_that_can_not_be_matched_are_refused():
    histories = Histories.from_sequences({"a": ["view"]})
    table = {"user": np.arange(20), "t": np.arange(20) % 2, "y": np.arange(20.0)}
    with pytest.raises(InputError, match="unit="):
        histories.of(Study.from_table(table, outcome="y", treatment="t"), 3)
    with pytest.raises(InputError, match="cast one"):
        histories.of(study_of(table), 3)
    with pytest.raises(InputError, match="No unit of the study"):
        Histories.from_sequences({99: ["view"]}).of(study_of(table), 3)
    with pytest.raises(InputError, match="No unit has an event"):
        Histories.from_sequences({"a": []})


@pytest.mark.parametrize("wrong", [{"length": 0}, {"embedding_size": 7}, {"dropout": 1.0}, {"n_layers": 0}])
def test_settings_out_of_bounds_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        learner_of({0: ["view"]}, **wrong)
