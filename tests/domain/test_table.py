import numpy as np
import pandas as pd
import pytest

from dorec.discover import PC
from dorec.domain.errors import InputError
from dorec.domain.table import to_arrow


def frame(n=300):
    rng = np.random.default_rng(0)
    a = rng.normal(size=n)
    return pd.DataFrame({"a": a, "b": a + rng.normal(size=n), "c": rng.normal(size=n)})


def test_an_unnamed_index_is_no_column():
    whole = frame()
    for part in (whole[whole.a > -1], whole.sort_values("a"), whole.sample(frac=1, random_state=0)):
        assert to_arrow(part).column_names == ["a", "b", "c"]
    assert PC().discover(whole.sample(frac=1, random_state=0)) == PC().discover(whole)


def test_a_named_index_stays():
    assert set(to_arrow(frame().set_index("c")).column_names) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"a": [1, 2], "b": [1]}, "different lengths"),
        ({"a": [1, "x"]}, "several kinds"),
        (pd.DataFrame(np.zeros((3, 2)), columns=["a", "a"]), "one name"),
        (7, "no table"),
    ],
)
def test_what_is_no_table_is_refused(table, said):
    with pytest.raises(InputError, match=said):
        to_arrow(table)
