"""Soft priors in score searches: posterior odds, calibration, and what they change."""

from math import exp, lgamma, log

import numpy as np
import pytest
from scipy.special import expit

from dorec.discover import BOSS, GES, PC, BootstrapDiscovery, ExactSearch, HillClimbing, discover_with_priors
from dorec.discover.scores import BDeu, GaussianBIC
from dorec.domain.errors import ConfigError, InputError
from dorec.domain.knowledge import Knowledge, Prior

DIRECTED = [BOSS, HillClimbing, ExactSearch]
SEARCHES = [*DIRECTED, GES]
ONE_WAY = (("b", "a"),)


def pair(n, slope, seed=0):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    return {"a": a, "b": slope * a + rng.normal(size=n)}


@pytest.mark.parametrize("search", SEARCHES)
def test_even_odds_change_nothing(search):
    rng = np.random.default_rng(1)
    data = rng.normal(size=(80, 6)) @ (np.eye(6) + np.triu(rng.normal(size=(6, 6)), k=1) * 0.5)
    table = {name: data[:, i] for i, name in enumerate("abcdef")}
    even = Knowledge(priors={(x, y): Prior(0.5) for x in "abc" for y in "abcdef" if x != y})
    effect = discover_with_priors(search(), table, even)
    assert effect.lines() == ()
    assert [e.confidence for e in effect.graph.edges] == pytest.approx(
        [e.confidence for e in effect.without_priors.edges]
    )


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("confidence", [0.02, 0.3, 0.7, 0.98])
def test_confidence_is_prior_odds_times_bayes_factor(search, confidence):
    table = pair(100, 0.35)
    known = Knowledge(forbidden=ONE_WAY, priors={("a", "b"): Prior(confidence)})
    gain = -50 * log(1 - np.corrcoef(table["a"], table["b"])[0, 1] ** 2) - 0.5 * log(100)
    odds = confidence / (1 - confidence) * exp(gain)
    found = search(penalty_discount=1.0).discover(table, known)
    assert len(found.edges) == (odds > 1)
    assert [e.confidence for e in found.edges] == pytest.approx([odds / (1 + odds)] * (odds > 1))


@pytest.mark.parametrize("search", SEARCHES)
def test_a_wrong_prior_decides_few_rows_and_not_many(search):
    """No edge is there; the prior says .9, and BIC at n = 50 asks for less than its odds."""
    known = Knowledge(forbidden=ONE_WAY, priors={("a", "b"): Prior(0.9, "a guess")})
    few = discover_with_priors(search(penalty_discount=1.0), pair(50, 0.0), known)
    assert [str(edge) for edge in few.added] == ["a --> b"]
    assert few.graph.edges[0].provenance.endswith("; prior 0.9 of a -> b (a guess)")
    many = discover_with_priors(search(penalty_discount=1.0), pair(10_000, 0.0), known)
    assert many.graph.edges == many.added == ()


@pytest.mark.parametrize("search", SEARCHES)
def test_a_prior_against_a_true_edge_is_overruled_by_many_rows(search):
    known = Knowledge(forbidden=ONE_WAY, priors={("a", "b"): Prior(0.1)})
    assert [str(e) for e in discover_with_priors(search(), pair(10_000, 0.2), known).graph.edges] == ["a --> b"]
    few = discover_with_priors(search(penalty_discount=1.0), pair(50, 0.55), known)
    assert [str(e) for e in few.removed] == ["a --> b"]


@pytest.mark.parametrize("search", DIRECTED)
def test_the_likelier_direction_is_given_and_no_new_edge(search):
    """A chain's class has three members; one belief picks the member, and Meek's rules the rest."""
    rng = np.random.default_rng(2)
    a = rng.normal(size=500)
    b = a + rng.normal(size=500)
    table = {"a": a, "b": b, "c": b + rng.normal(size=500)}
    assert search().discover(table).undirected == (("a", "b"), ("b", "c"))
    effect = discover_with_priors(search(), table, Knowledge(priors={("c", "b"): Prior(0.6)}))
    assert effect.graph.directed == (("b", "a"), ("c", "b"))
    assert {(str(before), str(after)) for before, after in effect.reoriented} == {
        ("a --- b", "b --> a"),
        ("b --- c", "c --> b"),
    }
    against = Knowledge(priors={("b", "c"): Prior(0.4), ("c", "b"): Prior(0.5)})
    assert search().discover(table, against).directed == (("b", "a"), ("c", "b"))


@pytest.mark.parametrize("search", SEARCHES)
def test_equal_beliefs_in_both_directions_leave_the_edge_open(search):
    both = Knowledge(priors={("a", "b"): Prior(0.9), ("b", "a"): Prior(0.9)})
    graph = search(penalty_discount=1.0).discover(pair(50, 0.0), both)
    assert graph.undirected == (("a", "b"),)
    assert "prior 0.9 of a -> b; prior 0.9 of b -> a" in graph.edges[0].provenance


def test_ges_refuses_a_belief_in_one_direction():
    with pytest.raises(InputError, match=r"priors of a and b differ by direction.*BOSS"):
        GES().discover(pair(50, 0.0), Knowledge(priors={("a", "b"): Prior(0.9)}))


def test_a_search_that_is_deaf_to_priors_is_refused():
    known = Knowledge(priors={("a", "b"): Prior(0.9)})
    for deaf in (PC(), BootstrapDiscovery(PC(), n_bootstrap=2)):
        with pytest.raises(ConfigError, match="PC does not use priors; take BOSS"):
            discover_with_priors(deaf, pair(50, 0.0), known)
    assert discover_with_priors(BootstrapDiscovery(BOSS(), n_bootstrap=3), pair(50, 1.0), known).graph.edges


@pytest.mark.parametrize("search", DIRECTED)
@pytest.mark.parametrize("seed", range(5))
def test_beliefs_mean_the_same_in_any_order_of_columns_and_rows(search, seed):
    rng = np.random.default_rng(seed)
    names = list("abcdefg")
    data = rng.normal(size=(90, 7)) @ (np.eye(7) + np.triu(rng.normal(size=(7, 7)), k=1) * 0.5)
    drawn = rng.choice(42, 8, replace=False)
    pairs = [(x, y) for x in names for y in names if x != y]
    known = Knowledge(
        priors={pairs[i]: Prior(float(c)) for i, c in zip(drawn, rng.uniform(0.05, 0.95, 8), strict=True)}
    )
    table = {name: data[:, i] for i, name in enumerate(names)}
    rows = rng.permutation(90)
    other = {name: table[name][rows] for name in rng.permutation(names).tolist()}
    graph = search().discover(table, known)
    assert set(graph.edges) == set(search().discover(other, known).edges)
    class_of = {frozenset((x, y)) for x, y in graph.undirected}
    settled = {frozenset(pair) for pair in known.priors} & graph.skeleton
    assert not settled & class_of  # an edge that a belief speaks of has a direction


def posterior(codes, prior):
    """P(a -> b | codes) in the model of BDeu with 4 imaginary rows, from the counts."""

    def marginal(counts, a):
        return lgamma(a) - lgamma(a + sum(counts)) + sum(lgamma(a / 2 + c) - lgamma(a / 2) for c in counts)

    a, b = codes
    with_edge = sum(marginal([((a == i) & (b == j)).sum() for j in (0, 1)], 2.0) for i in (0, 1))
    without = marginal([(b == j).sum() for j in (0, 1)], 4.0)
    return expit(with_edge - without + log(prior / (1 - prior)))


@pytest.mark.parametrize("prior", [0.2, 0.7])
def test_edges_are_there_as_often_as_their_confidence_says(prior):
    """Graphs drawn from the prior and tables from the score's own model: the exact posterior, and so calibrated."""
    rng = np.random.default_rng(3)
    known = Knowledge(forbidden=ONE_WAY, priors={("a", "b"): Prior(prior)})
    search = BOSS(n_starts=1)
    sure, there = [], []
    for _ in range(1_500):
        edge = rng.random() < prior
        of_a, alone, given = rng.beta(2, 2), rng.beta(2, 2), rng.beta(1, 1, 2)
        a = rng.random(30) < of_a
        b = rng.random(30) < np.where(a, given[1], given[0]) if edge else rng.random(30) < alone
        codes = np.stack([a, b]).astype(np.int32)
        if (codes.max(axis=1) != 1).any() or (codes.min(axis=1) != 0).any():
            continue
        exact = posterior(codes, prior)
        edges = search.search(("a", "b"), BDeu(codes, 4.0), known).edges
        assert len(edges) == (exact > 0.5)
        if edges:
            assert edges[0].confidence == pytest.approx(exact)
        sure.append(exact)
        there.append(edge)
    sure, there = np.array(sure), np.array(there)
    for part in np.array_split(np.argsort(sure), 5):
        spread = np.sqrt((sure[part] * (1 - sure[part])).mean() / len(part))
        assert abs(there[part].mean() - sure[part].mean()) < 4 * spread
    assert np.ptp(sure) > 0.5


def test_conflicting_beliefs_take_the_dag_that_the_exact_search_prefers():
    """Beliefs that can't all hold in one member: the answer's member is no worse than any other of its class."""
    chain = np.array([[1.0, 0.7, 0.49], [0.7, 1.0, 0.7], [0.49, 0.7, 1.0]])
    known = Knowledge(priors={("a", "b"): Prior(0.8), ("c", "b"): Prior(0.7)})  # together they would be a collider
    graph = ExactSearch(penalty_discount=1.0).search(("a", "b", "c"), GaussianBIC(chain, 10_000), known)
    assert graph.directed == (("a", "b"), ("b", "c"))
