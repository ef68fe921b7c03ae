"""Strangers' text made safe to set: no control characters, no bidirectional overrides, and a width to plan with."""

import re
import unicodedata

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")  # these would turn the text around them
_NARROW = frozenset("iIljtfr.,:;'|!()[]{}/\\ \u00a0-`\"")
_WIDE = frozenset("mwMW@%—…")


def clean(text: str) -> str:
    r"""The text without characters that a page can't hold or that would reorder its surroundings.

    >>> clean("a\x00b\u202ec")
    'a\ufffdbc'
    """
    return _BIDI.sub("", _CONTROL.sub("\ufffd", text))


def text_width(text: str, size: float) -> float:
    """About how many pixels wide a text of a wide sans-serif at `size` px is; rather too wide than too narrow.

    >>> 50 < text_width("purchases", 13) < 80
    True
    """
    return size * sum(_em(char) for char in text)


def shorten(text: str, width: float, size: float) -> str:
    """The text, cut with an ellipsis where it is wider than `width` px."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def wrap(text: str, width: float, size: float, max_lines: int = 2) -> list[str]:
    """At most `max_lines` lines no wider than `width` px; long words are broken, the rest is cut with an ellipsis.

    >>> wrap("one two three", 60, 13)
    ['one two', 'three']
    """
    words = clean(text).replace("_", "_\u200b").split()
    pieces = [p for word in words for p in _breakable(word, width, size)]
    lines: list[str] = []
    for word, joined in pieces:
        candidate = f"{lines[-1]}{'' if joined else ' '}{word}" if lines else word
        if lines and text_width(candidate, size) <= width:
            lines[-1] = candidate
        else:
            lines.append(word)
    if len(lines) > max_lines:
        lines = [*lines[: max_lines - 1], shorten(" ".join(lines[max_lines - 1 :]), width, size)]
    return lines or [""]


def _breakable(word: str, width: float, size: float) -> list[tuple[str, bool]]:
    """Pieces of a word that each fit, and whether each follows the one before without a space."""
    pieces: list[tuple[str, bool]] = []
    for i, part in enumerate(word.split("\u200b")):
        joined = i > 0
        while text_width(part, size) > width and len(part) > 1:
            keep = len(part)
            while keep > 1 and text_width(part[:keep], size) > width:
                keep -= 1
            pieces.append((part[:keep], joined))
            part, joined = part[keep:], True
        if part:
            pieces.append((part, joined))
    return pieces


def _em(char: str) -> float:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Cf", "Mn"}:
        return 0.0
    if char in _NARROW:
        return 0.40
    if char in _WIDE:
        return 0.98
    if unicodedata.east_asian_width(char) in {"W", "F"}:
        return 1.25 if unicodedata.category(char) == "So" else 1.0
    if char.isupper():
        return 0.72
    return 0.64
