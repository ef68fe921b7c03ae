import numpy as np
import pytest

from dorec.discover import ContinuousReport, varsortability
from dorec.discover.variance_order import path_share
from dorec.domain.errors import ColumnNotFound
from dorec.domain.graph import CausalGraph


def edges(*pairs, d=3):
    out = np.zeros((d, d), dtype=bool)
    for i, j in pairs:
        out[i, j] = True
    return out


def test_paths_of_each_length_count():
    chain = edges((0, 1), (1, 2))
    assert path_share(chain, np.array([1.0, 2.0, 3.0])) == 1
    assert path_share(chain, np.array([3.0, 2.0, 1.0])) == 0
    assert path_share(chain, np.array([2.0, 1.0, 3.0])) == pytest.approx(2 / 3)  # 0 -> 1 falls, 1 -> 2 and 0 .. 2 grow
    assert path_share(chain, np.ones(3)) == 0.5
    assert path_share(edges(), np.ones(3)) is None


def test_scale_decides_varsortability():
    rng = np.random.default_rng(0)
    a = rng.normal(size=100)
    table = {"a": a, "b": a + rng.normal(size=100)}
    graph = CausalGraph.from_edges("ab", directed=[("a", "b")])
    assert varsortability(graph, table) == 1
    assert varsortability(graph, {**table, "a": 10 * a}) == 0
    with pytest.raises(ColumnNotFound):
        varsortability(CausalGraph.from_edges("az", directed=[("a", "z")]), table)


def report(theirs, share, weights=None, threshold=0.3):
    graph = CausalGraph.from_edges("abc", directed=[("a", "b"), ("b", "c")])
    other = None if theirs is None else CausalGraph.from_edges("abc", directed=theirs)
    return ContinuousReport(graph, other, share, weights or {("a", "b"): 0.9, ("b", "c"): -0.5}, threshold)


def test_both_must_hold_for_a_warning():
    turned, same = [("b", "a"), ("c", "b")], [("a", "b"), ("b", "c")]
    assert report(turned, 1.0).rests_on_variance_order
    assert not report(same, 1.0).rests_on_variance_order
    assert not report(turned, 0.4).rests_on_variance_order
    assert not report(None, 1.0).rests_on_variance_order
    assert report(None, 1.0).verdict.code == "variance_order_unknown"


def test_the_threshold_path_is_the_count_at_each_threshold():
    weights = {("a", "b"): 0.9, ("b", "c"): -0.5, ("a", "c"): 0.1}
    found = report(None, 1.0, weights)
    assert found.threshold_path == ((0.0, 3), (0.1, 2), (0.5, 1), (0.9, 0))
    assert all(found.n_edges(t) == n for t, n in found.threshold_path)
    low, high = found.stable_thresholds
    assert found.n_edges(low) == found.n_edges((low + high) / 2) == found.n_edges(found.threshold)
    assert found.n_edges(high) < found.n_edges(low)
    assert report(None, 1.0, weights, 2.0).stable_thresholds == (0.9, float("inf"))
