"""What every drawing has to keep: well-formed, nothing from outside, text inside the picture and beside other text."""

import re
from xml.etree import ElementTree

import pytest

from dorec.explain.plain_text import text_width


def _texts(node, dx=0.0, dy=0.0):
    """(left, right, top, bottom, text) of each upright line of text."""
    move = re.fullmatch(r"translate\((\S+) (\S+)\)", node.get("transform", ""))
    if move:
        dx, dy = dx + float(move[1]), dy + float(move[2])
    elif node.get("transform"):
        return
    if node.tag == "text":
        size, anchor = float(node.get("font-size")), node.get("text-anchor", "start")
        spans = node.findall("tspan")
        for part in spans or [node]:
            words = "".join(part.itertext()) if spans else (node.text or "")
            width = text_width(words, size)
            left = float(part.get("x")) + dx - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
            base = float(part.get("y")) + dy
            yield left, left + width, base - size * 0.8, base + size * 0.2, words
        return
    for child in node:
        yield from _texts(child, dx, dy)


def _check(svg):
    root = ElementTree.fromstring(svg)
    assert root.tag == "svg"
    assert root.get("role") == "img"
    assert root.get("aria-label")
    assert "".join(root.find("title").itertext()).strip()
    assert not re.search(r"(?:href|src|url)\s*[=(]", svg)
    assert "nan" not in re.sub(r">[^<]*<", "><", svg).lower()
    width, height = (float(v) for v in root.get("viewBox").split()[2:])
    boxes = list(_texts(root))
    for left, right, top, bottom, words in boxes:
        assert left >= -2, f"{words!r} starts {left:.0f} px left of the picture"
        assert right <= width + 2, f"{words!r} ends {right - width:.0f} px right of the picture"
        assert top >= -2, f"{words!r} stands above the picture"
        assert bottom <= height + 2, f"{words!r} stands below the picture"
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            wide, high = min(a[1], b[1]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[2], b[2])
            assert not (wide > 2 and high > 3), f"{a[4]!r} and {b[4]!r} overlap"
    return root


@pytest.fixture(scope="session")
def check_drawing():
    """A function that checks an SVG and hands back its root element."""
    return _check
