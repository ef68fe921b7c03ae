import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.domain.explanation import Figure
from dorec.domain.graph import CausalGraph
from dorec.explain.figures import (
    bars_figure,
    curve_figure,
    draw,
    forest_figure,
    funnel_figure,
    graph_figure,
    overlap_figure,
)

SMALL = {
    "bars": {"labels": ["a"], "values": [1.0]},
    "curve": {"lines": [{"name": "a", "x": [0.0], "y": [1.0]}]},
    "intervals": {"names": ["a"], "values": [1.0], "lower": [0.5], "upper": [1.5]},
    "funnel": {"stages": ["a"], "counts": [3]},
    "graph": {"nodes": ["a"], "edges": []},
    "heatmap": {"rows": ["a"], "columns": ["b"], "values": [[1.0]]},
    "histogram": {"edges": [0.0, 1.0], "series": [{"name": "a", "counts": [3]}]},
    "love": {"names": ["a"], "before": [0.4], "after": [0.05]},
    "scatter": {"x": [1.0], "y": [1.0]},
}
EMPTY = {
    "bars": {"labels": [], "values": []},
    "curve": {"lines": []},
    "intervals": {"names": [], "values": []},
    "funnel": {"stages": [], "counts": []},
    "graph": {"nodes": []},
    "heatmap": {"rows": [], "columns": [], "values": []},
    "histogram": {"edges": [0.0, 1.0], "series": []},
    "love": {"names": [], "before": [], "after": []},
    "scatter": {"x": [], "y": []},
}
NUMBERS = {"bars": "values", "intervals": "values", "funnel": "counts", "scatter": "x"}
HOSTILE = ['<script>alert(1)</script> & "x"', "Donaudampf" * 12, "قهوة \u202eabc", "🫖" * 30, "\x00\ud800", "a_b_" * 20]
WIDTHS = [350, 800]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", SMALL)
def test_one_mark_is_drawn(kind, width, check_drawing):
    root = check_drawing(draw(Figure(kind=kind, title="One", data=SMALL[kind]), width=width))
    assert "Nothing to draw" not in "".join(root.itertext())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", EMPTY)
def test_nothing_is_told_in_words(kind, width, check_drawing):
    root = check_drawing(draw(Figure(kind=kind, title="None", data=EMPTY[kind]), width=width))
    assert "Nothing to draw: " in "".join(root.itertext())


@pytest.mark.parametrize("kind", [k for k in SMALL if k != "graph"])
def test_a_missing_key_is_named(kind):
    with pytest.raises(InputError, match=f"kind '{kind}' needs data"):
        draw(Figure(kind=kind, title="Lacking", data={}))


@pytest.mark.parametrize("bad", [np.nan, np.inf, "many"])
@pytest.mark.parametrize(("kind", "key"), NUMBERS.items())
def test_what_is_no_number_is_refused(kind, key, bad):
    with pytest.raises(InputError, match=key):
        draw(Figure(kind=kind, title="Bad", data={**SMALL[kind], key: [bad]}))


def test_a_nan_inside_lines_cells_and_counts_is_refused():
    for kind, data in [
        ("curve", {"lines": [{"x": [0, 1], "y": [0, np.nan]}]}),
        ("heatmap", {"rows": ["a"], "columns": ["b"], "values": [[np.nan]]}),
        ("histogram", {"edges": [0, 1], "series": [{"counts": [np.nan]}]}),
    ]:
        with pytest.raises(InputError, match="nan at position"):
            draw(Figure(kind=kind, title="Bad", data=data))


def test_unknown_kinds_and_widths_are_refused():
    with pytest.raises(InputError, match="kind 'pie' can't be drawn; allowed: bars, curve"):
        draw(Figure(kind="pie", title="", data={}))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="width is 20"):
        draw(Figure(kind="bars", title="t", data=SMALL["bars"]), width=20)


labels = st.lists(st.text(min_size=1, max_size=50), min_size=1, max_size=8)
sizes = st.sampled_from([1e-12, 1e-3, 1.0, 1234.5, 1e7, 1e18])


@settings(max_examples=40, deadline=None)
@given(labels, sizes, st.sampled_from(WIDTHS), st.integers(0, 10**6))
def test_any_labels_and_sizes_stay_inside_the_picture(check_drawing, names, size, width, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=len(names)) * size
    reach = np.abs(rng.normal(size=len(names))) * size
    interval = {"lower": (values - reach).tolist(), "upper": (values + reach).tolist()}
    unit = ["", "USD", "%", "share"][seed % 4]
    check_drawing(draw(bars_figure(names, values, title="t", unit=unit, **interval), width=width))
    data = {"names": names, "values": values.tolist(), **interval, "truth": values.tolist(), "unit": unit}
    check_drawing(draw(Figure(kind="intervals", title="t", x_label="effect", data=data), width=width))
    lines = {name: (np.arange(5.0), rng.normal(size=5) * size) for name in names[:5]}
    check_drawing(draw(curve_figure(lines, title="t", x_label="x", y_label="y", unit=unit), width=width))
    stages = [{"stage": n, "count": abs(v) * 1e3, "conversion": 0.5} for n, v in zip(names, values, strict=True)]
    check_drawing(draw(funnel_figure(stages), width=width))
    table = {"rows": names, "columns": names, "values": np.outer(values, values / size).tolist()}
    check_drawing(draw(Figure(kind="heatmap", title="t", data=table), width=width))
    points = {"x": values.tolist(), "y": (values * 2).tolist(), "labels": names}
    check_drawing(draw(Figure(kind="scatter", title="t", x_label="x", y_label="y", data=points), width=width))


@pytest.mark.parametrize("width", WIDTHS)
def test_hostile_titles_and_labels_are_text(width, check_drawing):
    graph = {"nodes": HOSTILE, "edges": [{"a": HOSTILE[0], "b": HOSTILE[1]}]}
    for figure in [
        bars_figure(HOSTILE, range(1, 7), title=HOSTILE[0]),
        Figure(kind="graph", title=HOSTILE[0], data=graph),
        Figure(kind="intervals", title=HOSTILE[0], data={"names": HOSTILE, "values": range(6), "groups": ["<b>"] * 6}),
    ]:
        root = check_drawing(draw(figure, width=width))
        assert not list(root.iter("script"))
        assert "<script>alert(1)</script>" in "".join(root.itertext())


def test_the_same_data_make_the_same_picture():
    figure = Figure(kind="bars", title="One", data=SMALL["bars"])
    assert draw(figure) == draw(figure)
    assert draw(figure, standalone=True).startswith('<svg xmlns="http://www.w3.org/2000/svg" ')


def test_a_forest_takes_vectors_truths_groups_and_missing_intervals():
    rng = np.random.default_rng(0)
    both = Estimate.of_mean(rng.normal(size=(50, 2)), name=("a", "b"), unit="USD")
    alone = Estimate(0.3, name="c", unit="USD")
    figure = forest_figure([both, alone], {"b": 0.0}, groups=["adjusted", "naive"])
    assert figure.data["names"] == ["a", "b", "c"]
    assert figure.data["truth"] == [None, 0.0, None]
    assert figure.data["groups"] == ["adjusted", "adjusted", "naive"]
    assert figure.data["lower"][2] is None
    assert figure.data["lower"][0] == pytest.approx(both.interval().lower[0])
    assert figure.data["unit"] == "USD"
    svg = draw(figure)
    assert svg.count("true value") == 2  # in the legend and on the one mark
    assert "no interval" in svg
    with pytest.raises(InputError, match="1 groups were given for 2 estimates"):
        forest_figure([both, alone], groups=["x"])


def test_a_funnel_row_without_count_is_refused():
    with pytest.raises(InputError, match="Row 0 of the funnel lacks 'count'; it has stage"):
        funnel_figure([{"stage": "view"}])


def test_overlap_bins_each_arm_by_itself():
    propensity = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.0, 1.0]])
    figure = overlap_figure(propensity, np.array([0, 0, 1, 1]), ["no", "yes"], bins=4)
    assert [s["counts"] for s in figure.data["series"]] == [[1, 0, 1, 0], [0, 0, 0, 2]]
    with pytest.raises(InputError, match="between 0 and 1"):
        overlap_figure(np.array([np.nan]), np.array([0]), ["no", "yes"])
    with pytest.raises(InputError, match="3 propensities for 2"):
        overlap_figure(np.ones(3), np.zeros(2), ["no", "yes"])


def test_one_end_of_an_interval_or_a_swapped_one_is_refused():
    for data in ({"lower": [0.0]}, {"lower": [2.0], "upper": [1.0]}):
        with pytest.raises(InputError, match="Mark 0 of figure 'Odd'"):
            draw(Figure(kind="bars", title="Odd", data={**SMALL["bars"], **data}))


def test_too_many_lines_and_groups_are_refused():
    lines = {str(i): ([0, 1], [0, 1]) for i in range(6)}
    with pytest.raises(InputError, match="6 lines; at most 5"):
        draw(curve_figure(lines, title="t"))
    with pytest.raises(InputError, match="6 groups; at most 5"):
        draw(Figure(kind="scatter", title="t", data={"x": range(6), "y": range(6), "groups": list("abcdef")}))


def test_many_points_are_thinned_and_said_to_be():
    svg = draw(Figure(kind="scatter", title="t", data={"x": range(20_000), "y": range(20_000)}))
    assert "20,000 points, every 5th drawn" in svg
    assert svg.count("h0") == 4_000


def test_a_graph_figure_keeps_marks_tiers_and_roles():
    graph = CausalGraph.from_edges(["z", "x", "y"], directed=[("z", "x"), ("x", "y")], bidirected=[("x", "y")])
    figure = graph_figure(graph, [["z"], ["x"], ["y"]], {"x": "treatment", "y": "outcome"})
    svg = draw(figure)
    assert "x shares a hidden common cause with y" in svg
    assert "z affects x" in svg
    with pytest.raises(InputError, match="Role 'cause' is not known; allowed: treatment"):
        draw(graph_figure(graph, highlight={"x": "cause"}))
