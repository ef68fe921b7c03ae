import numpy as np
import pytest

from dorec.domain.errors import InputError
from dorec.domain.explanation import Figure
from dorec.explain.figures import draw

POINTS = {"x": [1.0, 2.0, 3.0], "y": [3.0, 2.0, 1.0], "labels": ["bold", "kind", "dull"], "groups": ["a", "a", "b"]}
ENDS = {"x_lower": [0.5, None, 2.0], "x_upper": [1.5, None, 4.0], "y_lower": [2, 1, 0], "y_upper": [4, 3, 2]}


@pytest.mark.parametrize("width", [350, 800])
def test_intervals_and_names_are_drawn_inside(width, check_drawing):
    root = check_drawing(draw(Figure(kind="scatter", title="Front", data=POINTS | ENDS), width=width))
    lines = [e for e in root.iter() if e.get("stroke-width") == "1.5"]
    assert len(lines) == 5
    written = [e.text for e in root.iter() if e.tag.endswith("text")]
    assert {"bold", "kind", "dull"} <= set(written)


def test_points_on_one_spot_have_one_readable_name_at_a_place(check_drawing):
    data = {"x": [1.0] * 9, "y": [1.0] * 9, "labels": [f"candidate {i}" for i in range(9)]}
    root = check_drawing(draw(Figure(kind="scatter", title="Same", data=data)))
    places = [(e.get("x"), e.get("y")) for e in root.iter() if (e.text or "").startswith("candidate")]
    drawn = [p for p in places if p[0] is not None]
    assert 1 <= len(drawn) <= 4
    assert len(set(drawn)) == len(drawn)


def test_many_points_keep_their_names_for_pointing(check_drawing):
    x = np.arange(40.0).tolist()
    data = {"x": x, "y": x, "labels": [f"p{i}" for i in range(40)]}
    root = check_drawing(draw(Figure(kind="scatter", title="Many", data=data)))
    assert not [e for e in root.iter() if e.tag.endswith("text") and (e.text or "").startswith("p")]


@pytest.mark.parametrize("bad", [{"x_lower": [2.0], "x_upper": [1.0]}, {"y_lower": [0.0]}, {"x_lower": [np.nan]}])
def test_bad_intervals_are_refused(bad):
    with pytest.raises(InputError):
        draw(Figure(kind="scatter", title="Bad", data={"x": [1.0], "y": [1.0], **bad}))
