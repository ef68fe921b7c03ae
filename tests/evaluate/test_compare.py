import numpy as np
import pytest

from dorec import Dataset
from dorec.domain.errors import InputError, OtherUnits
from dorec.evaluate import compare, ranking
from dorec.recommend import EASE, ItemKNN, Popularity


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(4)
    user = rng.integers(0, 60, 900)
    rows = {"u": user.tolist(), "i": ((rng.zipf(1.5, 900) + user % 3) % 25).tolist()}
    data = Dataset.from_interactions(rows, user="u", item="i")
    held = rng.random(900) < 0.3
    return data.take(~held), data.take(held)


@pytest.fixture(scope="module")
def models(split):
    return {
        "popularity": Popularity().fit(split[0]),
        "ease": EASE(reg=5.0).fit(split[0]),
        "knn": ItemKNN().fit(split[0]),
    }


def test_scores_and_differences_are_those_of_ranking(split, models):
    table = compare(models, split[1], k=5, metrics=("ndcg", "recall"))
    alone = {name: ranking(model, split[1], k=5, metrics=("ndcg", "recall")) for name, model in models.items()}
    for name in models:
        np.testing.assert_allclose(table.scores[name].value, alone[name].value)
    assert set(table.differences) == {"ease", "knn"}
    expected = alone["knn"]["recall"] - alone["popularity"]["recall"]
    assert table.differences["knn"][1].std_error == pytest.approx(expected.std_error)


def test_adjusted_p_values_are_no_smaller_than_raw_ones(split, models):
    table = compare(models, split[1], reference="ease", k=5, metrics=("ndcg", "mrr"))
    for name, p in table.p_values.items():
        raw = table.differences[name].p_value()
        assert (p >= raw - 0.01).all()
        assert ((p >= 0) & (p <= 1)).all()


def test_a_model_compared_with_itself_has_no_test(split, models):
    table = compare({"one": models["ease"], "two": models["ease"], "knn": models["knn"]}, split[1], metrics=("ndcg",))
    assert np.isnan(table.p_values["two"]).all()
    assert np.isfinite(table.p_values["knn"]).all()
    rows = table.to_arrow().to_pylist()
    assert [r["p_value"] is None for r in rows] == [True, True, False]
    assert table.to_pandas().shape == (3, 10)


def test_one_model_alone(split, models):
    table = compare({"ease": models["ease"]}, split[1], metrics=("ndcg",))
    assert table.to_arrow().num_rows == 1
    assert "ease" in str(table)


def test_nonsense_is_refused(split, models):
    with pytest.raises(InputError, match="at least one"):
        compare({}, split[1])
    with pytest.raises(InputError, match="Did you mean 'ease'"):
        compare(models, split[1], reference="eas")
    other = EASE().fit(split[0].take(split[0].user_index < 30))
    with pytest.raises(OtherUnits):
        compare({"a": models["ease"], "b": other}, split[1])
