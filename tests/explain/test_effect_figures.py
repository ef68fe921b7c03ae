"""Figures of effects that differ: their data, and what is drawn of it."""

import numpy as np
import pytest

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.explain import draw, effect_curve_figure, effect_map_figure, importance_figure, toc_figure

NAN = float("nan")


def test_a_curve_has_its_band_the_model_s_line_and_the_average() -> None:
    figure = effect_curve_figure(
        [1, 2, 3], [0.0, 1.0, 2.0], ([-1, 0, 1], [1, 2, 3]), column="visits", partial=[0.5, 1.0, 1.5], average=0.9
    )
    assert [line["name"] for line in figure.data["lines"]][1].startswith("drawn by the model")
    assert figure.data["reference"]["y"] == [0.9, 0.9]
    assert "average effect" in draw(figure)
    plain = effect_curve_figure([1, 2], [0.0, 1.0], None, column="visits")
    assert "lower" not in plain.data["lines"][0]
    assert draw(plain, width=350)


def test_a_map_leaves_cells_empty_and_sets_sure_ones_bold() -> None:
    values, low = np.array([[1.0, NAN], [-2.0, 0.5]]), np.array([[0.5, NAN], [-3.0, -0.5]])
    figure = effect_map_figure(["a", "b"], ["c", "d"], values, lower=low, upper=low + 1.5)
    assert figure.data["values"] == [[1.0, None], [-2.0, 0.5]]
    assert "Empty: too few units." in figure.caption
    assert "Bold" in figure.caption
    svg = draw(figure)
    assert svg.count('font-weight="bold"') == 2
    assert "nothing to show" in svg
    assert "(0.5 to 2)" in svg
    with pytest.raises(InputError, match="shape"):
        effect_map_figure(["a"], ["c"], values)
    with pytest.raises(InputError, match="rows where 2"):
        draw(effect_map_figure(["a", "b"], ["c", "d"], values, lower=low[:1], upper=low[:1]))


def test_an_empty_map_is_drawn_without_numbers() -> None:
    assert "nothing to show" in draw(effect_map_figure(["a"], ["b"], [[NAN]]))


def test_importances_are_ordered_and_cut() -> None:
    scores = np.random.default_rng(0).normal([0.1, 3.0, 1.0], 0.1, size=(50, 3))
    figure = importance_figure(Estimate.of_mean(scores, name=("a", "b", "c")), most=2)
    assert figure.data["labels"] == ["b", "c"]
    assert figure.data["lower"][0] < figure.data["values"][0] < figure.data["upper"][0]
    assert figure.caption == "1 more matter less."
    assert "upper" not in importance_figure({"a": 1.0}).data
    assert draw(figure)


def test_targeting() -> None:
    figure = toc_figure([0.5, 1.0], [0.4, 0.0], ([0.2, 0.0], [0.6, 0.0]))
    assert figure.data["lines"][0]["upper"] == [0.6, 0.0]
    assert "at random" in draw(figure)
