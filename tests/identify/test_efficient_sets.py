import json

import numpy as np
import pytest

from dorec.domain.errors import ColumnNotFound, ConfigError, InputError
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify import adjustment_sets, efficient_adjustment_set, is_valid_adjustment, optimal_adjustment_set


def random_dag(d, rng, density=0.4):
    names = [f"v{i}" for i in range(d)]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if rng.random() < density]
    return CausalGraph.from_edges(names, directed=pairs)


def variance(graph, weights, treatment, outcome, given):
    """Asymptotic variance of the regression coefficient in a linear model with unit noises."""
    order = list(graph.topological_order())
    place = {n: i for i, n in enumerate(order)}
    B = np.zeros((len(order), len(order)))
    for a, b in graph.directed:
        B[place[b], place[a]] = weights[a, b]
    A = np.linalg.inv(np.eye(len(order)) - B)
    S = A @ A.T

    def rest(v, z):
        i, j = place[v], [place[n] for n in z]
        return S[i, i] - (S[i, j] @ np.linalg.solve(S[np.ix_(j, j)], S[j, i]) if j else 0.0)  # fmt: skip

    return rest(outcome, [treatment, *given]) / rest(treatment, list(given))


@pytest.mark.parametrize("seed", range(40))
def test_no_minimal_and_no_cheapest_set_has_a_smaller_variance(seed):
    rng = np.random.default_rng(seed)
    graph = random_dag(8, rng)
    query = CausalQuery("v3", "v7")
    hidden = [n for n in ("v0", "v1", "v4") if rng.random() < 0.4]
    weights = {e: rng.uniform(0.5, 1.5) * rng.choice([-1, 1]) for e in graph.directed}
    minimal = [set(z) for z in adjustment_sets(graph, query, 10_000, unobserved=hidden)]
    best = efficient_adjustment_set(graph, query, hidden)
    if not minimal:
        assert best is None
        return
    assert set(best) in minimal
    least = min(variance(graph, weights, "v3", "v7", sorted(z)) for z in minimal)
    assert variance(graph, weights, "v3", "v7", best) <= least + 1e-9
    costs = {n: float(rng.integers(1, 4)) for n in graph.nodes}
    cheap = efficient_adjustment_set(graph, query, hidden, costs=costs, among="minimum_cost")
    total = {frozenset(z): sum(costs[n] for n in z) for z in minimal}
    assert sum(costs[n] for n in cheap) == min(total.values())
    same = [z for z, cost in total.items() if cost == min(total.values())]
    least = min(variance(graph, weights, "v3", "v7", sorted(z)) for z in same)
    assert variance(graph, weights, "v3", "v7", cheap) <= least + 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_where_all_is_measured_the_best_of_all_is_the_optimal_set(seed):
    graph = random_dag(7, np.random.default_rng(seed))
    query = CausalQuery("v2", "v6")
    known = optimal_adjustment_set(graph, query)
    if known is not None:
        assert efficient_adjustment_set(graph, query, among="all") == known


@pytest.mark.parametrize("seed", range(20))
def test_a_policy_s_covariates_are_in_every_set(seed):
    rng = np.random.default_rng(seed)
    graph = random_dag(7, rng)
    query = CausalQuery("v3", "v6")
    before = [n for n in ("v0", "v1", "v2") if n not in graph.descendants(["v3"])]
    for among in ("minimal", "minimum_cost"):
        found = efficient_adjustment_set(graph, query, policy_on=before[:1], among=among)
        assert set(before[:1]) <= set(found)
        assert is_valid_adjustment(graph, query, found)


def test_published_cases(shared):
    cases = json.loads((shared / "cases" / "identification.json").read_text())["cases"]
    kinds = {"efficient": "all", "efficient_minimal": "minimal", "efficient_mincost": "minimum_cost"}
    n_checked = 0
    for case in (c for c in cases if c["task"] == "optimal_adjustment"):
        graph = CausalGraph.from_edges(case["nodes"], directed=case["directed"])
        query, expected = CausalQuery(case["treatments"], case["outcomes"]), case["expected"]
        for key, among in kinds.items():
            found = efficient_adjustment_set(
                graph, query, case["latents"], policy_on=expected["must_include"], costs=expected["costs"], among=among
            )
            wanted = expected[key]
            assert (None if found is None else set(found)) == (None if wanted is None else set(wanted)), case["id"]
            n_checked += 1
    assert n_checked >= 12


def test_bad_input():
    graph = CausalGraph.from_edges("zxym", directed=[("z", "x"), ("z", "y"), ("x", "m"), ("m", "y")])
    query = CausalQuery("x", "y")
    with pytest.raises(InputError, match="looks at m"):
        efficient_adjustment_set(graph, query, policy_on="m")
    with pytest.raises(InputError, match="0 or more"):
        efficient_adjustment_set(graph, query, costs={"z": -1.0}, among="minimum_cost")
    with pytest.raises(ColumnNotFound):
        efficient_adjustment_set(graph, query, costs={"q": 1.0}, among="minimum_cost")
    with pytest.raises(ConfigError, match="among"):
        efficient_adjustment_set(graph, query, among="best")
    with pytest.raises(InputError, match="one treatment"):
        efficient_adjustment_set(graph, CausalQuery(["x", "z"], "y"))
