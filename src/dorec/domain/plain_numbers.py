"""What is handed in as numbers, taken as numbers or refused by name."""

from typing import Any

import numpy as np

from dorec.domain.errors import InputError
from dorec.numeric.arrays import FloatArray

OTHER_KINDS = "USMmVc"  # text, times, records, complex


def as_numbers(values: Any, what: str) -> FloatArray:
    """Any array, list or frame of numbers as float64; None becomes NaN, and nothing is copied without need.

    Args:
        values: of any shape.
        what: their name, for the message.

    Raises:
        InputError: some are no real numbers, or rows differ in length.

    Example:
        >>> as_numbers([[1, 2]], "The context").tolist()
        [[1.0, 2.0]]
        >>> as_numbers(["a"], "The context")
        Traceback (most recent call last):
        ...
        dorec.domain.errors.InputError: The context can't be read as numbers (<U1); give numbers, in rows of ...
    """
    try:
        given = np.asarray(values)
        if given.dtype.kind not in OTHER_KINDS:
            return given.astype(np.float64, copy=False)
        kind = str(given.dtype)
    except (TypeError, ValueError):
        kind = type(values).__name__
    raise InputError(f"{what} can't be read as numbers ({kind}); give numbers, in rows of one length.")


def is_number(value: Any) -> bool:
    """Whether a value is one real number; NaN and infinity are, truth values and text aren't.

    >>> is_number(2.5), is_number(np.int64(3)), is_number(True), is_number("2")
    (True, True, False, False)
    """
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def is_whole(value: Any, least: float = -np.inf) -> bool:
    """Whether a value is one whole number, `least` or more.

    >>> is_whole(3, 1), is_whole(3.0, 1), is_whole(2.5), is_whole(float("inf")), is_whole("3")
    (True, True, False, False, False)
    """
    return is_number(value) and bool(np.isfinite(value)) and value == int(value) and value >= least
