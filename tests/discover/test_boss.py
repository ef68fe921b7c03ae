import random
from itertools import product

import numpy as np
import pytest

from dorec.discover import BOSS
from dorec.discover.boss import agreeing
from dorec.domain.errors import ConfigError
from dorec.domain.run import RunContext


def noisy(seed, n=150, d=9):
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(n, d)) @ (np.eye(d) + np.triu(rng.normal(size=(d, d)), k=1) * 0.6)
    return {f"v{i}": data[:, i] for i in range(d)}


def test_an_order_changes_as_little_as_it_must():
    precedes = np.zeros((4, 4), dtype=bool)
    precedes[3, 0] = True
    assert agreeing(np.array([0, 1, 2, 3]), precedes).tolist() == [1, 2, 3, 0]


def test_starts_are_refused_below_one():
    with pytest.raises(ConfigError, match="n_starts is 0"):
        BOSS(n_starts=0)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_seed_gives_the_same_graph(seed):
    context = RunContext(seed=seed)
    assert BOSS().discover(noisy(seed), context=context) == BOSS().discover(noisy(seed), context=context)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(3))
def test_no_worse_than_causal_learn(seed):
    """The score of our class, by the same BIC, is not below that of one of their runs."""
    theirs = pytest.importorskip("causallearn.search.PermutationBased.BOSS")
    columns = noisy(seed)
    data = np.column_stack(list(columns.values()))
    random.seed(0)  # their search draws from the global generators
    np.random.seed(0)  # noqa: NPY002
    peer = theirs.boss(data, "local_score_BIC_from_cov", {"lambda_value": 1.0}, verbose=False).graph
    ours = BOSS(penalty_discount=2.0, n_starts=20).discover(columns)
    assert bic(data, ours.directed, ours.undirected, list(columns)) >= bic_of_marks(data, peer) - 1e-6


def bic_of_marks(data, marks):
    names = [f"v{i}" for i in range(len(marks))]
    directed = [(names[i], names[j]) for i, j in np.argwhere((marks == -1) & (marks.T == 1))]
    undirected = [(names[i], names[j]) for i, j in np.argwhere(np.triu((marks == -1) & (marks.T == -1)))]
    return bic(data, directed, undirected, names)


def bic(data, directed, undirected, names):
    """BIC at twice the penalty of some DAG of the class: the first acyclic one without a new collider."""
    n, best = len(data), None
    centred = data - data.mean(axis=0)
    for flips in product((False, True), repeat=len(undirected)):
        chosen = [(b, a) if f else (a, b) for (a, b), f in zip(undirected, flips, strict=True)]
        score = of_dag(centred, [*directed, *chosen], set(map(frozenset, [*directed, *undirected])), directed, names, n)
        if score is not None:
            best = score
            break
    assert best is not None
    return best


def of_dag(data, edges, skeleton, compelled, names, n):
    parents = {v: [a for a, b in edges if b == v] for v in names}
    for v in names:
        for i, a in enumerate(parents[v]):
            for b in parents[v][:i]:
                if frozenset((a, b)) not in skeleton and not {(a, v), (b, v)} <= set(compelled):
                    return None
    left = set(names)
    while left:
        roots = {v for v in left if not left & set(parents[v])}
        if not roots:
            return None
        left -= roots
    total = 0.0
    for v in names:
        x, y = data[:, [names.index(p) for p in parents[v]]], data[:, names.index(v)]
        rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0] if parents[v] else y
        total += -n / 2 * np.log((rest**2).mean()) - len(parents[v]) * np.log(n)
    return total
