"""Reading the data of a figure: what a kind needs, checked, with words for what is wrong."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dorec.domain.errors import InputError
from dorec.domain.explanation import Figure

MAX_MARKS = 200_000


def required(figure: Figure, key: str) -> Any:
    """An entry that this kind of figure needs.

    Raises:
        InputError: it is missing; the message names the key and what was given.
    """
    if key not in figure.data:
        given = ", ".join(map(str, figure.data)) or "nothing"
        raise InputError(
            f"A figure of kind {figure.kind!r} needs data[{key!r}]; got {given}. Figure: {figure.title!r}."
        )
    return figure.data[key]


def finite(values: Any, what: str, *, length: int | None = None) -> list[float]:
    """Numbers as a list of floats.

    Raises:
        InputError: a NaN, an infinity, something that is no number, too many, or another length than `length`.
    """
    try:
        out = [float(v) for v in values]
    except (TypeError, ValueError):
        raise InputError(f"{what} of a figure must be numbers; got {values!r:.80}.") from None
    bad = next((i for i, v in enumerate(out) if not math.isfinite(v)), None)
    if bad is not None:
        raise InputError(f"{what} of a figure has {out[bad]} at position {bad}; leave it out or repair it first.")
    if length is not None and len(out) != length:
        raise InputError(f"{what} of a figure has {len(out)} numbers where {length} are needed, one for each mark.")
    if len(out) > MAX_MARKS:
        raise InputError(f"{what} of a figure has {len(out):,} numbers, at most {MAX_MARKS:,}; bin or thin them first.")
    return out


def optional(values: Any, what: str, length: int) -> list[float | None]:
    """Numbers in which None marks a gap; all None where nothing was given."""
    if values is None:
        return [None] * length
    listed = list(values)
    finite([v for v in listed if v is not None], what)
    if len(listed) != length:
        raise InputError(f"{what} of a figure has {len(listed)} entries where {length} are needed, one for each mark.")
    return [None if v is None else float(v) for v in listed]


def words(values: Any, what: str, length: int | None = None) -> list[str]:
    """Labels as text."""
    if isinstance(values, str) or (not isinstance(values, Sequence) and not hasattr(values, "__iter__")):
        raise InputError(f"{what} of a figure must be a list of labels; got {values!r:.80}.")
    out = [str(v) for v in values]
    if length is not None and len(out) != length:
        raise InputError(f"{what} of a figure has {len(out)} labels where {length} are needed, one for each mark.")
    return out


def mappings(values: Any, what: str) -> list[Mapping[str, Any]]:
    """A list of series, each a mapping."""
    out = list(values)
    if not all(isinstance(v, Mapping) for v in out):
        raise InputError(f"{what} of a figure must be a list of mappings, as in [{{'name': ..., 'x': ..., 'y': ...}}].")
    return out


def bounds(figure: Figure, values: Sequence[float], of: str = "") -> tuple[list[float | None], list[float | None]]:
    """The `lower` and `upper` of each value (`x_lower` and `x_upper` with `of="x_"`); both or neither."""
    lower = optional(figure.data.get(f"{of}lower"), f"{of}lower", len(values))
    upper = optional(figure.data.get(f"{of}upper"), f"{of}upper", len(values))
    for i, (low, high) in enumerate(zip(lower, upper, strict=True)):
        if (low is None) != (high is None):
            raise InputError(
                f"Mark {i} of figure {figure.title!r} has only one end of its interval; give both or none."
            )
        if low is not None and high is not None and low > high:
            raise InputError(f"Mark {i} of figure {figure.title!r} has lower {low} above upper {high}; swap them.")
    return lower, upper
