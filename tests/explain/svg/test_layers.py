from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorec.explain.svg.layers import assign_layers, crossings, layered, positions, spread, without_cycles


def random_dag(seed, n_max=14):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, n_max))
    order = rng.permutation(n)
    arrows = [(int(order[i]), int(order[j])) for i in range(n) for j in range(i + 1, n) if rng.random() < 0.25]
    return n, arrows, rng


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_arrows_lead_to_higher_layers_and_no_layer_is_empty(seed):
    n, arrows, _ = random_dag(seed)
    layer = assign_layers(n, arrows)
    assert all(layer[a] < layer[b] for a, b in arrows)
    assert set(layer) == set(range(max(layer) + 1))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_tiers_keep_their_order_where_the_arrows_allow_it(seed):
    n, arrows, rng = random_dag(seed)
    tiers = {v: int(rng.integers(3)) for v in range(n) if rng.random() < 0.7}
    arrows = [(a, b) for a, b in arrows if tiers.get(a, 0) <= tiers.get(b, 2)]
    layer = assign_layers(n, arrows, tiers)
    assert all(layer[a] < layer[b] for a, b in arrows)
    free = set(range(n)) - set(tiers)
    if not free:
        assert all(layer[a] < layer[b] for a in tiers for b in tiers if tiers[a] < tiers[b])


def test_tiers_that_the_arrows_contradict_are_left_aside():
    assert assign_layers(2, [(0, 1)], {0: 1, 1: 0}) == [0, 1]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_free_links_are_turned_so_that_no_cycle_closes(seed):
    n, arrows, rng = random_dag(seed)
    pairs = [p for p in combinations(range(n), 2) if rng.random() < 0.2]
    kept = without_cycles(n, arrows, pairs)
    assert len(kept) == len(arrows) + len(pairs)
    layer = assign_layers(n, kept)
    assert all(layer[a] < layer[b] for a, b in kept)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_long_links_hold_a_place_in_every_layer_between(seed):
    n, arrows, _ = random_dag(seed)
    graph = layered(n, arrows, assign_layers(n, arrows))
    for (a, b), chain in zip(arrows, graph.chains, strict=True):
        assert (chain[0], chain[-1]) == (a, b)
        assert [graph.layer[v] for v in chain] == list(range(graph.layer[a], graph.layer[b] + 1))
    assert sorted(v for row in graph.rows for v in row) == list(range(len(graph.layer)))


def brute_crossings(graph):
    place = {v: i for row in graph.rows for i, v in enumerate(row)}
    parts = [(a, b) for chain in graph.chains for a, b in pairwise(chain)]
    crossed = 0
    for (a, b), (c, d) in combinations(parts, 2):
        if graph.layer[a] == graph.layer[c]:
            crossed += (place[a] - place[c]) * (place[b] - place[d]) < 0
    return crossed


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_crossings_are_counted_right_and_never_raised(seed):
    n, arrows, _ = random_dag(seed)
    layer = assign_layers(n, arrows)
    graph = layered(n, arrows, layer)
    assert crossings(graph) == brute_crossings(graph)
    plain = type(graph)([sorted(row) for row in graph.rows], graph.layer, graph.chains, n)
    assert crossings(graph) <= crossings(plain)


def test_a_crossing_that_can_be_undone_is_undone():
    arrows = [(0, 3), (1, 2)]
    assert crossings(layered(4, arrows, assign_layers(4, arrows))) == 0


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6))
def test_spread_keeps_gaps_and_no_small_move_is_better(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, 8))
    desired, sizes, weights = rng.normal(0, 30, k), rng.uniform(5, 30, k), rng.uniform(0.5, 4, k)
    x = np.array(spread(desired.tolist(), sizes.tolist(), 7.0, weights.tolist()))
    least = (sizes[1:] + sizes[:-1]) / 2 + 7.0
    assert np.all(np.diff(x) >= least - 1e-9)
    cost = weights @ (x - desired) ** 2
    for _ in range(50):
        moved = x + rng.normal(0, 1, k) * rng.choice([0.01, 1.0, 10.0])
        if np.all(np.diff(moved) >= least):
            assert weights @ (moved - desired) ** 2 >= cost - 1e-9


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_positions_keep_everything_in_a_layer_apart(seed):
    n, arrows, rng = random_dag(seed, 20)
    graph = layered(n, arrows, assign_layers(n, arrows))
    sizes = [float(rng.uniform(20, 80)) if v < n else 10.0 for v in range(len(graph.layer))]
    at = positions(graph, sizes, 9.0)
    for row in graph.rows:
        for a, b in pairwise(row):
            assert at[b] - at[a] >= (sizes[a] + sizes[b]) / 2 + 9.0 - 1e-6
    assert min(at[v] - sizes[v] / 2 for v in range(len(at))) == pytest.approx(0.0)
