from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorec.explain.svg.graph_layout import lay_out_graph


def random_graph(seed, n):
    rng = np.random.default_rng(seed)
    letters = "abcdefghij_ klmn"
    nodes = [f"{i} " + "".join(rng.choice(list(letters), int(rng.integers(1, 40)))) for i in range(n)]
    arrows = [(i, j) for i in range(n) for j in range(i + 1, n) if rng.random() < 2.0 / n]
    others = [(i, j) for i, j in combinations(range(n), 2) if rng.random() < 0.5 / n]
    return nodes, arrows, [*arrows, *others]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.sampled_from([350.0, 800.0]))
def test_boxes_never_overlap_and_edges_pass_beside_them(seed, n, width):
    nodes, arrows, links = random_graph(seed, n)
    layout = lay_out_graph(nodes, links, arrows=arrows, width=width)
    boxes = layout.boxes
    assert set(boxes) == set(nodes)
    assert not [(a, b) for a, b in combinations(nodes, 2) if boxes[a].overlaps(boxes[b])]
    for box in boxes.values():
        assert box.x - box.width / 2 >= 0
        assert box.x + box.width / 2 <= layout.width
        assert box.y - box.height / 2 >= 0
        assert box.y + box.height / 2 <= layout.height
    for (a, b), route in zip(links, layout.routes, strict=True):
        for x, y in route.points[1:-1]:
            inside = [n for n, q in boxes.items() if abs(q.x - x) < q.width / 2 and abs(q.y - y) < q.height / 2]
            assert inside == []
        first, last = (nodes[b], nodes[a]) if route.flipped else (nodes[a], nodes[b])
        for node, (x, y) in ((first, route.points[0]), (last, route.points[-1])):
            box = boxes[node]
            edge_x, edge_y = abs(abs(x - box.x) - box.width / 2), abs(abs(y - box.y) - box.height / 2)
            if layout.direction == "right":
                assert abs(y - box.y) <= box.height / 2
                assert edge_x < 1e-6
            else:
                assert abs(x - box.x) <= box.width / 2
                assert edge_y < 1e-6


def test_arrows_run_with_the_reading_direction():
    chain = [str(i) for i in range(4)]
    short = lay_out_graph(chain, [(0, 1), (1, 2)], arrows=[(0, 1), (1, 2)], width=800)
    assert short.direction == "right"
    assert short.boxes["0"].x < short.boxes["1"].x < short.boxes["2"].x
    names = [f"a rather long name of variable {i}" for i in range(9)]
    links = [(i, i + 1) for i in range(8)]
    long = lay_out_graph(names, links, arrows=links, width=800)
    assert long.direction == "down"
    assert long.width <= 800
    ys = [long.boxes[n].y for n in names]
    assert ys == sorted(ys)


def test_links_inside_a_layer_loop_beside_it():
    layout = lay_out_graph(["a", "b"], [(0, 1)], arrows=[])
    assert layout.routes[0].loops
    assert layout.width > layout.boxes["a"].width + 20


def test_a_link_whose_ends_stand_the_other_way_round_is_marked():
    layout = lay_out_graph(["x", "y"], [(0, 1), (1, 0)], arrows=[(0, 1)])
    assert [r.flipped for r in layout.routes] == [False, True]


@pytest.mark.parametrize("n", [0, 1])
def test_tiny_graphs(n):
    assert len(lay_out_graph([str(i) for i in range(n)], [], arrows=[]).boxes) == n
