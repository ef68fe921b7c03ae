import numpy as np
import pyarrow as pa
import pytest

from dorec.domain.errors import BadPropensity, InputError, NotFinite, TooFewUnits, UnknownAction
from dorec.domain.logged_feedback import LoggedFeedback

GOOD = {
    "action": np.array([0, 1, 1]),
    "reward": np.array([1.0, 0.0, 2.0]),
    "propensity": np.array([0.5, 0.5, 1.0]),
    "n_actions": 2,
}


@pytest.mark.parametrize(
    ("change", "error", "word"),
    [
        ({"propensity": np.array([0.5, 0.0, 1.0])}, BadPropensity, "row 1"),
        ({"propensity": np.array([0.5, 1.7, 1.0])}, BadPropensity, r"1\.7"),
        ({"propensity": np.array([np.nan, 0.5, 1.0])}, BadPropensity, "row 0"),
        ({"reward": np.array([1.0, np.inf, 0.0])}, NotFinite, "row 1"),
        ({"context": np.array([[1.0], [2.0], [np.nan]])}, NotFinite, "row 2"),
        ({"action": np.array([0, 1, 2])}, UnknownAction, r"0\.\.1"),
        ({"action": np.array([0, -1, 1])}, UnknownAction, "row 1"),
        ({"reward": np.ones(2)}, InputError, "don't fit"),
    ],
)
def test_bad_rows_are_refused_by_number(change, error, word):
    with pytest.raises(error, match=word):
        LoggedFeedback(**{**GOOD, **change})


def test_one_row_is_too_few():
    with pytest.raises(TooFewUnits):
        LoggedFeedback(action=np.zeros(1, int), reward=np.ones(1), propensity=np.ones(1), n_actions=1)


def test_a_table_sets_bad_rows_aside_and_keeps_the_rest():
    """Propensity 0, above 1, missing; reward missing or infinite; action, context, user missing: each set aside."""
    table = pa.table(
        {
            "item": ["a", "b", "a", "b", "a", None, "a", "b", "b"],
            "click": [1.0, 0.0, 1.0, None, np.inf, 0.0, 1.0, 0.0, 1.0],
            "p": [0.5, 0.0, 1.7, 0.5, 0.5, 0.5, None, 0.25, 1.0],
            "x": [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, None, 2.0],
            "user": ["u", "u", "u", "u", "u", "u", "u", "u", "v"],
        }
    )
    log, aside = LoggedFeedback.from_table(
        table, action="item", reward="click", propensity="p", context=["x"], cluster="user"
    )
    assert (log.n, aside.num_rows) == (2, 7)
    assert log.action_labels == ("a", "b")
    assert log.context.tolist() == [[1.0], [2.0]]
    assert aside["p"].to_pylist() == [0.0, 1.7, 0.5, 0.5, 0.5, None, 0.25]


def test_a_list_of_actions_fixes_their_order_and_sets_strangers_aside():
    table = {"item": [30, 10, 99, 10], "r": [1, 0, 1, 1], "p": [0.2] * 4}
    log, aside = LoggedFeedback.from_table(table, action="item", reward="r", propensity="p", actions=[30, 20, 10])
    assert log.n_actions == 3
    assert log.action.tolist() == [0, 2, 2]
    assert aside["item"].to_pylist() == [99]
    with pytest.raises(InputError, match="twice"):
        LoggedFeedback.from_table(table, action="item", reward="r", propensity="p", actions=[10, 10, 30])


def test_whole_number_propensities_with_gaps_are_read():
    table = {"item": ["a", "b", "a"], "r": [1, 0, 1], "p": pa.array([1, None, 1])}
    log, aside = LoggedFeedback.from_table(table, action="item", reward="r", propensity="p")
    assert (log.n, aside.num_rows) == (2, 1)


def test_a_policy_must_fit_and_be_a_distribution():
    log = LoggedFeedback(**GOOD)
    assert log.check_policy([[0.5, 0.5]] * 3).shape == (3, 2)
    with pytest.raises(InputError, match=r"\(3, 2\)"):
        log.check_policy(np.ones((3, 1)))
    for bad in ([[0.6, 0.6]], [[1.5, -0.5]], [[np.nan, 1.0]]):
        with pytest.raises(BadPropensity, match="first row 2"):
            log.check_policy([[0.5, 0.5]] * 2 + bad)


def test_equal_logs_are_the_same_sample():
    assert LoggedFeedback(**GOOD).sample == LoggedFeedback(**GOOD).sample
    assert LoggedFeedback(**{**GOOD, "reward": np.zeros(3)}).sample != LoggedFeedback(**GOOD).sample
