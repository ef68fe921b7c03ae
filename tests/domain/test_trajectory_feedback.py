from dataclasses import replace

import numpy as np
import pytest

from dorec.domain.errors import BadPropensity, ColumnNotFound, InputError, NotFinite, TooFewUnits, UnknownAction
from dorec.domain.trajectory_feedback import TrajectoryFeedback

LOG = TrajectoryFeedback(
    unit=np.array(["a", "a", "b", "c", "c", "c"]),
    step=np.array([0, 1, 0, 0, 1, 2]),
    action=np.array([0, 1, 2, 0, 0, 1]),
    reward=np.arange(6.0),
    propensity=np.full(6, 0.5),
    n_actions=3,
    context=np.arange(12.0).reshape(6, 2),
)
COLUMNS = {"unit": "u", "step": "t", "action": "a", "reward": "r", "propensity": "p", "context": ["x"]}


def table(**changes):
    made = {
        "u": ["c", "a", "b", "a", "c", "c"],
        "t": [2, 1, 0, 0, 0, 1],
        "a": ["x", "y", "y", "x", "x", "y"],
        "r": [5.0, 1.0, 2.0, 0.0, 3.0, 4.0],
        "p": [0.5] * 6,
        "x": [5.0, 1.0, 2.0, 0.0, 3.0, 4.0],
    }
    return {**made, **changes}


def test_sequences_may_be_of_different_lengths():
    assert (LOG.n, LOG.n_steps, LOG.length.tolist()) == (3, 3, [2, 1, 3])
    assert LOG.sequence.tolist() == [0, 0, 1, 2, 2, 2]
    assert LOG.padded(LOG.reward, fill=9.0).tolist() == [[0.0, 1.0, 9.0], [2.0, 9.0, 9.0], [3.0, 4.0, 5.0]]


@pytest.mark.parametrize(
    ("field", "row", "value", "refusal", "told"),
    [
        ("propensity", 2, 0.0, BadPropensity, "first in row 2"),
        ("propensity", 1, 1.2, BadPropensity, "propensities outside"),
        ("reward", 4, np.nan, NotFinite, "rewards, the first in row 4"),
        ("action", 5, 3, UnknownAction, r"outside 0\.\.2"),
        ("step", 4, 2, InputError, "Row 4 has step 2 of unit c out of order"),
        ("step", 0, 1, InputError, "Row 0"),
        ("unit", 5, "a", InputError, "Row 5"),
    ],
)
def test_bad_rows_are_refused_by_name(field, row, value, refusal, told):
    wrong = getattr(LOG, field).copy()
    wrong[row] = value
    with pytest.raises(refusal, match=told):
        replace(LOG, **{field: wrong})


def test_shapes_and_counts_that_do_not_fit():
    with pytest.raises(InputError, match="don't fit together"):
        replace(LOG, reward=np.ones(5))
    with pytest.raises(InputError, match="one a sequence"):
        replace(LOG, cluster=np.zeros(6))
    with pytest.raises(InputError, match="two sequences"):
        replace(LOG, unit=np.array(["a", "a", "b", "a", "a", "a"]))
    one = {name: getattr(LOG, name)[:2] for name in ("unit", "step", "action", "reward", "propensity", "context")}
    with pytest.raises(TooFewUnits, match=r"1 sequence"):
        replace(LOG, **one)


def test_a_table_is_sorted_and_nothing_is_set_aside():
    log, aside = TrajectoryFeedback.from_table(table(), **COLUMNS)
    assert log.unit.tolist() == ["a", "a", "b", "c", "c", "c"]
    assert log.reward.tolist() == log.context[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert (log.action.tolist(), log.action_labels) == ([0, 1, 1, 0, 1, 0], ("x", "y"))
    assert aside.num_rows == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"p": [0.5, 0.0, 0.5, 0.5, 0.5, 0.5]},
        {"r": [5.0, None, 2.0, 0.0, 3.0, 4.0]},
        {"x": [5.0, 1.0, 2.0, np.inf, 3.0, 4.0]},
        {"a": ["x", None, "y", "x", "x", "y"]},
        {"t": [2, 2, 0, 0, 0, 1]},
        {"t": [2, 0, 0, 0, 0, 1]},
    ],
    ids=["propensity", "reward", "context", "action", "gap", "step twice"],
)
def test_a_bad_row_sets_its_whole_sequence_aside(changes):
    log, aside = TrajectoryFeedback.from_table(table(**changes), **COLUMNS)
    assert log.unit.tolist() == ["b", "c", "c", "c"]
    assert aside.column("u").to_pylist() == ["a", "a"]


def test_actions_that_are_not_among_the_named_ones_set_their_sequences_aside():
    log, aside = TrajectoryFeedback.from_table(table(a=["x", "z", "y", "x", "x", "y"]), **COLUMNS, actions=["y", "x"])
    assert (log.n_actions, log.action.tolist()) == (2, [0, 1, 0, 1])
    assert aside.num_rows == 2
    with pytest.raises(ColumnNotFound, match="Did you mean"):
        TrajectoryFeedback.from_table(table(), **{**COLUMNS, "reward": "rr"})
