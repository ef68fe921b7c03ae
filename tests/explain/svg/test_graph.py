import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorec.domain.errors import InputError
from dorec.domain.explanation import Figure
from dorec.explain.svg.graph import draw_graph

MARKS = [
    ("tail", "arrow"),
    ("arrow", "tail"),
    ("arrow", "arrow"),
    ("tail", "tail"),
    ("circle", "arrow"),
    ("circle", "circle"),
]


def figure(nodes, edges, **data):
    return Figure(kind="graph", title="Graph", data={"nodes": nodes, "edges": edges, **data})


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 25), st.sampled_from([350.0, 800.0]))
def test_any_mixed_graph_is_drawn(check_drawing, seed, n, width):
    rng = np.random.default_rng(seed)
    nodes = [f"variable {i}" for i in range(n)]
    edges = []
    for i in range(n):
        for j in range(i + 1, n):
            if rng.random() < 2.5 / n:
                a, b = MARKS[rng.integers(len(MARKS))]
                a, b = ("tail", "arrow") if (a, b) == ("arrow", "tail") else (a, b)
                sure = None if rng.random() < 0.3 else float(rng.random())
                edges.append({"a": nodes[i], "b": nodes[j], "mark_a": a, "mark_b": b, "confidence": sure})
    root = check_drawing(draw_graph(figure(nodes, edges), width))
    drawn = [t.text for t in root.iter("title")]
    assert all(any(node == tip for tip in drawn) for node in nodes)


@pytest.mark.parametrize(
    ("marks", "heads", "dashed", "circles", "told"),
    [
        (("tail", "arrow"), 1, False, 0, "x affects y"),
        (("arrow", "tail"), 1, False, 0, "y affects x"),
        (("arrow", "arrow"), 2, True, 0, "x shares a hidden common cause with y"),
        (("tail", "tail"), 0, True, 0, "x is linked with y"),
        (("circle", "arrow"), 1, True, 1, "x is linked with y"),
    ],
)
def test_marks_are_drawn_as_they_are(marks, heads, dashed, circles, told, check_drawing):
    edge = {"a": "x", "b": "y", "mark_a": marks[0], "mark_b": marks[1]}
    root = check_drawing(draw_graph(figure(["x", "y"], [edge]), 800.0))
    inner = root.find("g")
    paths = inner.findall("path")
    lines = [p for p in paths if p.get("fill") == "none"]
    assert len(lines) == 1
    assert len(paths) - 1 == heads
    assert (lines[0].get("stroke-dasharray") is not None) == dashed
    assert len(inner.findall("circle")) == circles
    assert lines[0].find("title").text == told


def test_confidence_is_width():
    edges = [{"a": "x", "b": b, "confidence": c} for b, c in (("y", 0.1), ("z", 0.9))]
    svg = draw_graph(figure(["x", "y", "z"], edges), 800.0)
    assert 'stroke-width="1.16"' in svg
    assert 'stroke-width="3.24"' in svg
    assert "x affects z (confidence 90%)" in svg


@pytest.mark.parametrize(
    ("nodes", "edge", "message"),
    [
        (["x", "x"], {}, "more than once"),
        (["x", "y"], {"a": "x", "b": "q"}, "ends at 'q', which is not among the nodes x, y"),
        (["x", "y"], {"a": "x", "b": "y", "mark_a": "dot"}, "mark 'dot'; allowed: tail, arrow, circle"),
        (["x", "y"], {"a": "x", "b": "y", "confidence": 1.5}, "is 1.5; give a share"),
    ],
)
def test_what_is_no_graph_is_refused(nodes, edge, message):
    with pytest.raises(InputError, match=message):
        draw_graph(figure(nodes, [edge] if edge else []), 800.0)
