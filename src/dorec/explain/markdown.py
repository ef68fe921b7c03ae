"""The little markup that report texts may use; everything else in them is text."""

import re

from markupsafe import Markup, escape

from dorec.explain.plain_text import clean

_MARKS = re.compile(
    r"`(?P<code>[^`\n]+)`|\*\*(?P<strong>[^\s*](?:[^*\n]*[^\s*])?)\*\*|(?<![\w*])\*(?P<em>[^\s*](?:[^*\n]*[^\s*])?)\*(?![\w*])"
)


def to_html(text: str) -> Markup:
    r"""Paragraphs and lists as HTML; whatever else looks like markup is escaped.

    >>> str(to_html("**Yes**, if `x < 3`:\n- one\n- two"))
    '<p><strong>Yes</strong>, if <code>x &lt; 3</code>:</p><ul><li>one</li><li>two</li></ul>'
    """
    return Markup("".join(_paragraph(block) for block in re.split(r"\n\s*\n", clean(text).strip()) if block.strip()))


def inline(text: str) -> Markup:
    """One line with bold, emphasis and code."""
    return Markup(
        _MARKS.sub(lambda m: f"<{m.lastgroup}>{m[m.lastgroup or 0]}</{m.lastgroup}>", str(escape(clean(text))))
    )


def to_plain(text: str) -> str:
    """The text without its marks, for terminals."""
    return _MARKS.sub(lambda m: m[m.lastgroup or 0], text)


def _paragraph(block: str) -> str:
    out: list[str] = []
    items: list[str] = []
    words: list[str] = []
    for line in [*block.splitlines(), ""]:
        is_item = line.lstrip().startswith("- ")
        if words and (is_item or not line):
            out.append(f"<p>{inline(' '.join(words))}</p>")
            words = []
        if items and not is_item:
            out.append(f"<ul>{''.join(f'<li>{inline(i)}</li>' for i in items)}</ul>")
            items = []
        if is_item:
            items.append(line.lstrip()[2:])
        elif line.strip():
            words.append(line.strip())
    return "".join(out)
