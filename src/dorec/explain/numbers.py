"""How numbers are written for people, in one place: digits that match the precision, separators, units, percentages."""

import math
from collections.abc import Callable
from typing import Any

from dorec.domain.errors import InputError

MINUS = "\u2212"
NBSP = "\u00a0"
MISSING = "–"
_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_MAX_DECIMALS = 12


def number(value: float, *, digits: int = 3, decimals: int | None = None) -> str:
    """A number with thousands separators and a true minus sign: `digits` significant ones, or fixed `decimals`.

    Whole parts are never rounded away below 10^15; smaller than 10^-6 or larger is written as a power of ten.

    >>> number(1234567.0), number(-0.04567), number(2.5), number(3e-9), number(2.0, decimals=2)
    ('1,234,567', '−0.0457', '2.5', '3×10⁻⁹', '2.00')
    """
    value = float(value)
    if not math.isfinite(value):
        return MISSING if math.isnan(value) else ("∞" if value > 0 else f"{MINUS}∞")
    size = abs(value)
    if size >= 1e15 or (decimals is None and 0 < size < 1e-6):
        return _scientific(value, digits)
    if decimals is None:
        places = 0 if size == 0 else digits - 1 - math.floor(math.log10(size))
        text = f"{value:,.{min(max(places, 0), _MAX_DECIMALS)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        text = f"{value:,.{min(max(decimals, 0), _MAX_DECIMALS)}f}"
    return _signed(text)


def count(value: float) -> str:
    """A whole count with thousands separators.

    >>> count(541909)
    '541,909'
    """
    return _signed(f"{round(value):,}") if math.isfinite(value) else number(value)


def compact(value: float, *, digits: int = 3) -> str:
    """A count that fits a small space.

    >>> compact(950), compact(12_345), compact(3_400_000), compact(2.1e9)
    ('950', '12.3k', '3.4M', '2.1B')
    """
    size = abs(value)
    for limit, suffix in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if limit <= size < 1e15:
            return number(value / (1e3 if suffix == "k" else limit), digits=digits) + suffix
    return number(value, digits=digits)


def percent(share: float, *, digits: int = 3) -> str:
    """A share of one as a percentage.

    >>> percent(0.1234), percent(1.0), percent(0.00012)
    ('12.3%', '100%', '0.012%')
    """
    if not math.isfinite(share):
        return number(share)
    return f"{number(share * 100, digits=min(digits, 2) if abs(share) < 0.01 else digits)}%"


def p_value(p: float) -> str:
    """A p-value: three decimals, never 0.

    >>> p_value(0.0312), p_value(1e-9)
    ('0.031', '< 0.001')
    """
    if math.isnan(p):
        return MISSING
    return f"<{NBSP}0.001".replace(NBSP, " ") if p < 0.001 else f"{p:.3f}"


def decimals_for(width: float) -> int:
    """Decimals that show three significant digits of an interval's width; more would be noise.

    >>> decimals_for(2.58), decimals_for(0.031), decimals_for(480.0)
    (2, 4, 0)
    """
    if not math.isfinite(width) or width <= 0:
        return 3
    return min(max(2 - math.floor(math.log10(width)), 0), _MAX_DECIMALS)


def with_unit(text: str, unit: str = "") -> str:
    """A written number and its unit; `%` stands close, words stand apart and never break onto the next line.

    >>> with_unit("2.31", "%")
    '2.31%'
    """
    if not unit:
        return text
    return f"{text}%" if unit == "%" else f"{text}{NBSP}{unit}"


def value_and_bounds(value: float, lower: float, upper: float, unit: str = "") -> tuple[str, str, str]:
    """A value and the ends of its interval, all with the digits that the width deserves, without the unit.

    The unit `share` means a share of one, which is written as a percentage.

    >>> value_and_bounds(2.3104, 1.0213, 3.5995)
    ('2.31', '1.02', '3.60')
    >>> value_and_bounds(0.12345, 0.11, 0.137, "share")
    ('12.35%', '11.00%', '13.70%')
    """
    scale, sign = (100.0, "%") if unit == "share" else (1.0, "")
    width = (upper - lower) * scale
    size = max(abs(v) * scale for v in (value, lower, upper))
    if size >= 1e15 or 0 < size < 1e-6 or width <= 0:
        return tuple(number(v * scale) + sign for v in (value, lower, upper))  # type: ignore[return-value]
    places = decimals_for(width)
    if sign and width >= 0.05:
        places = min(places, 2)
    first, low, high = (number(v * scale, decimals=places) + sign for v in (value, lower, upper))
    return first, low, high


FORMATS: dict[str, Callable[[Any], str]] = {
    "text": str,
    "number": number,
    "count": count,
    "compact": compact,
    "percent": percent,
    "p_value": p_value,
}


def formatted(value: Any, how: str = "") -> str:
    """A cell of a table as text; without a format, by its type.

    Raises:
        InputError: the format is not known.

    >>> formatted(1234), formatted(0.25, "percent"), formatted(None), formatted(True)
    ('1,234', '25%', '–', 'yes')
    """
    if how and how not in FORMATS:
        raise InputError(f"Number format {how!r} is not known; allowed: {', '.join(FORMATS)}.")
    if value is None:
        return MISSING
    if isinstance(value, str) or how == "text":
        return str(value)
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "yes" if value else "no"
    if is_number(value):
        return FORMATS[how](value) if how else (count(value) if float(value).is_integer() else number(value))
    return str(value)


def is_number(value: Any) -> bool:
    """Whether a cell holds an int, a float or a numpy number (and no boolean)."""
    if isinstance(value, bool) or type(value).__name__ in {"bool", "bool_"}:
        return False
    return isinstance(value, int | float) or (type(value).__module__ == "numpy" and hasattr(value, "__float__"))


def _scientific(value: float, digits: int) -> str:
    mantissa, exponent = f"{value:.{max(digits - 1, 0)}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return _signed(f"{mantissa}×10{str(int(exponent)).translate(_SUPERSCRIPT)}")


def _signed(text: str) -> str:
    bare = text.lstrip("-")
    is_zero = not any(digit in bare for digit in "123456789")
    return bare if is_zero else text.replace("-", MINUS, 1) if text.startswith("-") else text
