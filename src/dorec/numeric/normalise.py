"""Values on a common scale; location and scale may come from another sample, so that a test set teaches nothing."""

from typing import Literal, get_args

import numpy as np

from dorec.numeric.arrays import AnyArray, FloatArray

Normalisation = Literal["z", "robust", "log", "minmax"]
MAD_TO_SD = 1.4826  # the standard deviation of a normal sample whose median absolute deviation is 1


def normalise(values: AnyArray, how: Normalisation = "z", *, reference: AnyArray | None = None) -> FloatArray:
    """The values, (n,) or (n, p), column by column on a common scale; missing values stay missing.

    Args:
        values: numbers; NaN is missing.
        how: `z` (mean 0, standard deviation 1), `robust` (median 0, median absolute deviation scaled to 1, untouched
            by outliers), `log` (sign(x) log(1 + |x|)) or `minmax` (0 to 1).
        reference: the sample that location and scale are taken from (the training rows); `values` by default.

    A column without spread comes out as zeros (moved, not scaled).

    Raises:
        ValueError: `how` is unknown, or a value is infinite.

    Example:
        >>> normalise(np.array([1.0, 2.0, 3.0, 100.0]), "robust").round(2).tolist()
        [-1.01, -0.34, 0.34, 65.76]
        >>> normalise(np.array([5.0, 10.0]), "minmax", reference=np.array([0.0, 10.0])).tolist()
        [0.5, 1.0]
    """
    if how not in get_args(Normalisation):
        raise ValueError(f"how is {how!r}; allowed: {', '.join(get_args(Normalisation))}.")
    x = np.asarray(values, dtype=np.float64)
    base = x if reference is None else np.asarray(reference, dtype=np.float64)
    if np.isinf(x).any() or np.isinf(base).any():
        raise ValueError("An infinite value has no place on a scale; drop or repair it first.")
    if how == "log":
        out: FloatArray = np.sign(x) * np.log1p(np.abs(x))
        return out
    known = ~np.isnan(base)
    if not np.all(known.any(axis=0)):
        raise ValueError("A column has no value to take a scale from; drop it first.")
    location, scale = _location_and_scale(base, how)
    scaled: FloatArray = (x - location) / np.where(scale > 0, scale, 1.0)
    return scaled


def _location_and_scale(x: FloatArray, how: Normalisation) -> tuple[FloatArray, FloatArray]:
    if how == "z":
        return np.nanmean(x, axis=0), np.nanstd(x, axis=0)
    if how == "robust":
        median = np.nanmedian(x, axis=0)
        return median, MAD_TO_SD * np.nanmedian(np.abs(x - median), axis=0)
    low = np.nanmin(x, axis=0)
    return low, np.nanmax(x, axis=0) - low
