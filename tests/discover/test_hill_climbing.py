import numpy as np
import pytest

from dorec.discover import BOSS, HillClimbing
from dorec.discover.scores import GaussianBIC
from dorec.domain.errors import ConfigError
from dorec.numeric.equivalence_search import graph_score
from dorec.numeric.tabu_search import tabu_search

ANY = ~np.eye(8, dtype=bool)


def score(seed):
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(120, 8)) @ (np.eye(8) + np.triu(rng.normal(size=(8, 8)), k=1) * 0.6)
    return GaussianBIC(np.corrcoef(mixed, rowvar=False), 120)


def neighbours(dag):
    """Every DAG one step away."""
    for x, y in np.argwhere(ANY).tolist():
        other = dag.copy()
        other[x, y] = not dag[x, y]
        yield other
        if dag[x, y]:
            turned = other.copy()
            turned[y, x] = True
            yield turned


def acyclic(dag):
    return not np.linalg.matrix_power(np.eye(8) + dag, 8)[dag.T].any()


@pytest.mark.parametrize("seed", range(6))
def test_plain_climbing_ends_where_no_single_step_gains(seed):
    data = score(seed).data(np.arange(8))
    dag = tabu_search(data, np.zeros((8, 8), dtype=bool), ANY, ~ANY & False, 0, 0)
    top = graph_score(data, dag)
    assert acyclic(dag)
    assert max(graph_score(data, other) for other in neighbours(dag) if acyclic(other)) <= top + 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_patience_never_loses(seed):
    data = score(seed).data(np.arange(8))
    scores = [
        graph_score(data, tabu_search(data, np.zeros((8, 8), dtype=bool), ANY, ~ANY & False, 10, patience))
        for patience in (0, 20, 100)
    ]
    assert scores == sorted(scores)


def test_a_clear_collider_is_the_same_as_boss():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 500))
    table = {"a": a, "b": b, "c": a + b + rng.normal(size=500)}
    assert HillClimbing().discover(table).directed == BOSS().discover(table).directed == (("a", "c"), ("b", "c"))


def test_steps_below_zero_are_refused():
    with pytest.raises(ConfigError, match="patience is -1"):
        HillClimbing(patience=-1)
