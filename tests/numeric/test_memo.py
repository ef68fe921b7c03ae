import pickle

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from dorec.numeric.memo import Memo, content_of


def pipe(alpha):
    return make_pipeline(StandardScaler(), Ridge(alpha))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.ones(4), np.ones(4, dtype=np.float32)),
        (np.ones(4), np.ones((2, 2))),
        (np.zeros((0, 2)), np.zeros((0, 3))),
        (np.array([0.0]), np.array([-0.0])),
        (1, True),
        (1, 1.0),
        (("a", "b"), ("ab",)),
        ((1, (2,)), (1, 2)),
        (pipe(1.0), pipe(2.0)),
        (Ridge(), LogisticRegression()),
        ({"a": 1}, {"a": 2}),
        (None, "None"),
    ],
)
def test_what_differs_has_another_key(a, b):
    assert content_of(a) == content_of(a) is not None
    assert content_of(a) != content_of(b)


def test_estimators_with_equal_parameters_are_one():
    assert content_of(pipe(1.0)) == content_of(pipe(1.0))


@pytest.mark.parametrize("part", [object(), lambda x: x, FunctionTransformer(np.log), np.array([{}], dtype=object)])
def test_what_has_no_content_has_no_key_and_is_computed_each_time(part):
    assert content_of(1, part) is None
    calls, memo = [], Memo()
    for _ in range(2):
        memo.get(content_of(part), lambda: calls.append(1) or np.ones(1))
    assert len(calls) == 2
    assert memo.hits == 0


def test_the_least_recently_used_goes_first_and_the_size_holds():
    memo = Memo(limit=3 * 80)
    keys = [content_of(i) for i in range(4)]
    for i in (0, 1, 2, 0, 3):  # 1 is the oldest when 3 comes
        memo.get(keys[i], lambda i=i: np.full(10, float(i)))
    made = []
    for i in (0, 2, 3, 1):
        memo.get(keys[i], lambda i=i: made.append(i) or np.full(10, float(i)))
    assert made == [1]


def test_what_is_larger_than_the_limit_is_not_kept():
    memo = Memo(limit=8)
    for _ in range(2):
        assert memo.get(content_of("big"), lambda: np.ones(10)).sum() == 10
    assert memo.hits == 0


def test_kept_arrays_cannot_be_changed():
    memo = Memo()
    memo.get(content_of("a"), lambda: np.ones(2))
    with pytest.raises(ValueError, match="read-only"):
        memo.get(content_of("a"), lambda: np.ones(2))[0] = 5


def test_a_copy_in_another_process_starts_empty():
    memo = Memo(limit=100)
    memo.get(content_of("a"), lambda: np.ones(2))
    copy = pickle.loads(pickle.dumps(memo))
    assert copy.limit == 100
    copy.get(content_of("a"), lambda: np.ones(2))
    assert copy.hits == 0
