import numpy as np
import pytest

from dorec.discover import DirectLiNGAM
from dorec.domain.errors import Collinear, InputError, NotFinite, TooFewUnits
from dorec.domain.knowledge import Knowledge


def uniform_noise(seed, n=1500, d=6, noise="uniform"):
    rng = np.random.default_rng(seed)
    weight = np.triu(rng.random((d, d)) < 0.5, 1) * rng.uniform(0.7, 1.5, (d, d)) * rng.choice([-1, 1], (d, d))
    drawn = rng.uniform(-1, 1, (n, d)) if noise == "uniform" else rng.normal(size=(n, d))
    data = drawn @ np.linalg.inv(np.eye(d) - weight)
    truth = {(f"v{i}", f"v{j}"): weight[i, j] for i, j in np.argwhere(weight)}
    return {f"v{i}": data[:, i] for i in rng.permutation(d)}, truth


@pytest.mark.parametrize("seed", range(5))
def test_the_true_edges_are_found_with_their_weights(seed):
    table, truth = uniform_noise(seed)
    found = DirectLiNGAM().report(table)
    assert all(found.order.index(a) < found.order.index(b) for a, b in truth)
    assert set(truth) <= set(found.weights)
    assert len(found.weights) <= len(truth) + 1
    for pair, weight in truth.items():
        assert found.weights[pair] == pytest.approx(weight, abs=0.15)
    assert found.verdict.status == "passed"


def test_neither_units_nor_any_order_changes_the_graph():
    table, _ = uniform_noise(0)
    rows = np.random.default_rng(1).permutation(1500)
    other = {name: 1 - table[name][rows] * 100.0 ** int(name[1:]) for name in sorted(table)}
    assert set(DirectLiNGAM().discover(other).directed) == set(DirectLiNGAM().discover(table).directed)


def test_knowledge_is_never_violated():
    table, truth = uniform_noise(1)
    (a, b), *_ = truth
    last = DirectLiNGAM().report(table).order[-1]
    known = Knowledge(tiers=((last,), tuple(sorted(set(table) - {last}))))
    assert not DirectLiNGAM().discover(table, known).parents(last)
    assert (b, a) in DirectLiNGAM().discover(table, Knowledge(required=((b, a),))).directed
    assert (a, b) not in DirectLiNGAM().discover(table, Knowledge(forbidden=((a, b),))).directed


def test_gaussian_noise_is_said():
    table, _ = uniform_noise(0, noise="normal")
    verdict = DirectLiNGAM().report(table).verdict
    assert verdict.code == "gaussian_noise"


def test_bad_tables_are_refused():
    a, b = np.random.default_rng(0).uniform(size=(2, 50))
    with pytest.raises(NotFinite):
        DirectLiNGAM().discover({"a": a, "b": np.where(b > 0.9, np.nan, b)})
    with pytest.raises(Collinear):
        DirectLiNGAM().discover({"a": a, "b": b, "c": a + b})
    with pytest.raises(InputError):
        DirectLiNGAM().discover({"a": a, "b": ["x"] * 50})
    wide = np.random.default_rng(0).uniform(size=(12, 11))
    with pytest.raises(TooFewUnits, match="at least 13"):
        DirectLiNGAM().discover({f"v{i}": wide[:, i] for i in range(11)})
