from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from dorec.explain.svg.canvas import Canvas, element, figure_number


@given(st.text(), st.text())
def test_any_text_and_attribute_is_well_formed(text, attribute):
    canvas = Canvas(100, 50)
    canvas.text(1, 2, text, data_name=attribute)
    canvas.lines(1, 2, [text, text], tip=attribute)
    canvas.rect(0, 0, 5, 5, tip=text)
    ElementTree.fromstring(canvas.svg(text or "t", attribute))


def test_numbers_are_short():
    assert [figure_number(v) for v in (1.0, -0.001, 2.345678, 100)] == ["1", "0", "2.35", "100"]
    assert element("a", "x", class_="b", stroke_width=None) == '<a class="b">x</a>'
