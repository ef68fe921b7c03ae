"""The best of all DAGs, by counting them all where they are few."""

from itertools import combinations, permutations, product

import numpy as np
import pytest

from dorec.discover import BOSS, ExactSearch
from dorec.discover.allowed import allowed_edges
from dorec.discover.scores import BDeu, DiscreteBIC, GaussianBIC, MixedBIC
from dorec.discover.searched import ScoreSearch
from dorec.domain.errors import ConfigError, InputError
from dorec.domain.knowledge import Knowledge, Prior
from dorec.numeric.degenerate_gaussian import blocks_correlation, embedded
from dorec.numeric.equivalence_search import extension, graph_score
from dorec.numeric.exact_search import best_dag, best_scores, best_sinks, set_values
from dorec.numeric.local_score import local_score


def all_dags(d):
    pairs = list(combinations(range(d), 2))
    for ends in product((None, False, True), repeat=len(pairs)):
        dag = np.zeros((d, d), dtype=bool)
        for (i, j), end in zip(pairs, ends, strict=True):
            if end is not None:
                dag[(i, j) if end else (j, i)] = True
        power, reach = np.eye(d, dtype=int), dag.astype(int)
        for _ in range(d):
            power = power @ reach
        if not power.any():
            yield dag


DAGS = {d: list(all_dags(d)) for d in (2, 3, 4)}


def scores(seed, d):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, rng.integers(2, 4, (d, 1)), (d, 40)).astype(np.int32)
    for j in range(1, d):
        copied = rng.random(40) < 0.6
        codes[j, copied] = np.minimum(codes[j - 1, copied], codes[j].max())
    numbers = codes.T @ rng.normal(size=(d, d)) + rng.normal(size=(40, d))
    half = [codes[j] if j % 2 else numbers[:, j] for j in range(d)]
    matrix, first = embedded(half)
    return [
        GaussianBIC(np.corrcoef(numbers, rowvar=False), 40, 1.0),
        DiscreteBIC(codes, 0.5),
        BDeu(codes, 3.0),
        MixedBIC(blocks_correlation(matrix), first, 40, 0.5),
    ]


def exact(on, limit):
    d = len(on.names)
    f = set_values(on.data, limit + 1)
    best = np.stack([best_scores(on.data, f, y, on.may_cause, on.required, limit) for y in range(d)])
    total, last = best_sinks(best)
    return total[-1], best_dag(best, last)


def test_there_are_as_many_dags_as_there_should_be():
    assert {d: len(dags) for d, dags in DAGS.items()} == {2: 3, 3: 25, 4: 543}


@pytest.mark.parametrize("kind", range(4))
@pytest.mark.parametrize("seed", range(6))
def test_no_dag_of_all_scores_higher(kind, seed):
    d = 2 + seed % 3
    names = tuple("abcd"[:d])
    on = ScoreSearch.of(names, scores(seed, d)[kind], None)
    found, dag = exact(on, d - 1)
    assert found == pytest.approx(max(graph_score(on.data, other) for other in DAGS[d]), abs=1e-9)
    assert found == pytest.approx(graph_score(on.data, dag), abs=1e-9)


@pytest.mark.parametrize("kind", range(4))
def test_five_variables_against_all_29281_dags(kind):
    score = scores(7, 5)[kind]
    on = ScoreSearch.of(tuple("abcde"), score, None)
    found, dag = exact(on, 4)
    best = max(graph_score(on.data, other) for other in all_dags(5)) if kind == 0 else best_by_order(on)
    assert found == pytest.approx(best, abs=1e-9)
    assert found == pytest.approx(graph_score(on.data, dag), abs=1e-9)


def best_by_order(on):
    """The best DAG as the best order, each node with its best parents among those before it."""
    d = len(on.names)
    of = {}
    for y in range(d):
        others = [x for x in range(d) if x != y]
        for size in range(d):
            for parents in combinations(others, size):
                of[y, frozenset(parents)] = local_score(on.data, y, np.array(parents, dtype=np.int64), size)
    best = -np.inf
    for order in permutations(range(d)):
        total = 0.0
        for i, y in enumerate(order):
            total += max(of[y, frozenset(p)] for size in range(i + 1) for p in combinations(order[:i], size))
        best = max(best, total)
    return best


@pytest.mark.parametrize("kind", range(4))
@pytest.mark.parametrize("seed", range(4))
def test_knowledge_priors_and_the_limit_hold_for_the_best(kind, seed):
    names = ("a", "b", "c", "d")
    rng = np.random.default_rng(seed)
    a, b, c, d = rng.permutation(names).tolist()
    known = Knowledge(
        tiers=((a,), (b, c)), required=((a, c),), forbidden=((b, c),), priors={(a, d): Prior(0.9), (d, b): Prior(0.3)}
    )
    on = ScoreSearch.of(names, scores(seed, 4)[kind], known)
    found, dag = exact(on, 2)
    may_cause, required = allowed_edges(known, on.ordered)
    fits = [o for o in DAGS[4] if not (o & ~may_cause).any() and not (required & ~o).any() and o.sum(axis=0).max() < 3]
    assert found == pytest.approx(max(graph_score(on.data, other) for other in fits), abs=1e-9)
    assert any((dag == other).all() for other in fits)


@pytest.mark.parametrize("seed", range(4))
def test_never_worse_than_boss(seed):
    rng = np.random.default_rng(seed)
    d = 11
    data = rng.normal(size=(120, d)) @ (np.eye(d) + np.triu(rng.normal(size=(d, d)), k=1) * 0.7)
    names = tuple(f"v{i}" for i in range(d))
    score = GaussianBIC(np.corrcoef(data, rowvar=False), 120, 1.0)
    on = ScoreSearch.of(names, score, None)
    ours, _ = exact(on, d - 1)
    place = {name: i for i, name in enumerate(on.ordered)}
    boss = BOSS(n_starts=3).search(names, score)
    member = np.zeros((d, d), dtype=bool)
    for x, y in (*boss.directed, *boss.undirected, *((y, x) for x, y in boss.undirected)):
        member[place[x], place[y]] = True
    assert ours >= graph_score(on.data, extension(member)[0]) - 1e-9


def test_more_than_twenty_columns_and_bad_limits_are_refused():
    data = np.random.default_rng(0).normal(size=(50, 21))
    with pytest.raises(InputError, match=r"up to 20 columns, got 21; .* BOSS"):
        ExactSearch().discover({f"v{i:02}": data[:, i] for i in range(21)})
    with pytest.raises(ConfigError, match="max_parents is -1"):
        ExactSearch(max_parents=-1)
    known = Knowledge(required=(("v00", "v02"), ("v01", "v02")))
    with pytest.raises(InputError, match="v02 have more required parents than max_parents=1"):
        ExactSearch(max_parents=1).discover({f"v{i:02}": data[:, i] for i in range(3)}, known)


def test_no_parents_at_all_is_a_graph_without_edges():
    data = np.random.default_rng(0).normal(size=(50, 3))
    table = {"a": data[:, 0], "b": data[:, 0] + 0.1 * data[:, 1], "c": data[:, 2]}
    assert ExactSearch(max_parents=0).discover(table).edges == ()
    assert ExactSearch(max_parents=1).discover(table).undirected == (("a", "b"),)
