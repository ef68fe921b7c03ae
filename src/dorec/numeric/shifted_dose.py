"""The mean outcome had every dose been moved by some amount: a modified treatment policy (Diaz, van der Laan 2012,
doi:10.1111/j.1541-0420.2011.01685.x; Haneuse, Rotnitzky 2013, doi:10.1002/sim.5907).
"""

from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import BoolArray, FloatArray

CAP = 20.0  # of a unit's weight


class Surface(NamedTuple):
    """Outcome and density of doses on a grid, given each unit's covariates."""

    grid: FloatArray  # (g,) doses, ascending
    outcome: FloatArray  # (n, g)
    density: FloatArray  # (n, g)


def movable(dose: FloatArray, amount: float, low: float, high: float) -> BoolArray:
    """Which units would still be between low and high, (n,); the others keep their dose.

    >>> movable(np.array([0.0, 1.0]), 0.5, 0.0, 1.0).tolist()
    [True, False]
    """
    return np.asarray((dose + amount >= low) & (dose + amount <= high))


def shifted_outcomes(
    y: FloatArray, dose: FloatArray, amount: float, surface: Surface, limits: tuple[float, float]
) -> FloatArray:
    """A doubly robust outcome of each unit, (n,), whose mean is the mean outcome after the move.

    A residual counts by how much commoner the unit's dose is after the move than before, given its covariates.

    Args:
        y: outcome (n,).
        dose: (n,).
        amount: of the move; units that would leave `limits` keep their dose.
        surface: out-of-fold predictions.
        limits: lowest and highest dose after the move.

    Example:
        >>> grid = np.linspace(0, 3, 31)
        >>> surface = Surface(grid, np.tile(2 * grid, (4, 1)), np.ones((4, 31)))
        >>> dose = np.array([0.5, 1.0, 1.5, 2.0])
        >>> shifted_outcomes(2 * dose, dose, 0.5, surface, (0.0, 3.0)).tolist()
        [2.0, 3.0, 4.0, 5.0]
    """
    low, high = limits
    moves = movable(dose, amount, low, high)
    here = np.maximum(_at(surface.density, surface.grid, dose), 1e-12)
    came = _at(surface.density, surface.grid, dose - amount)
    from_there = (
        (dose >= low) & (dose <= high) & (dose - amount >= surface.grid[0]) & (dose - amount <= surface.grid[-1])
    )
    ratio = np.minimum(np.where(from_there, came / here, 0.0) + ~moves, CAP)
    ratio = ratio / ratio.mean()
    moved = _at(surface.outcome, surface.grid, np.where(moves, dose + amount, dose))
    return np.asarray(ratio * (y - _at(surface.outcome, surface.grid, dose)) + moved)


def _at(table: FloatArray, grid: FloatArray, dose: FloatArray) -> FloatArray:
    """Values (n, g) at one dose for each unit, between the points of the grid."""
    low = np.clip(np.searchsorted(grid, dose, side="right") - 1, 0, len(grid) - 2)
    share = np.clip((dose - grid[low]) / (grid[low + 1] - grid[low]), 0.0, 1.0)
    rows = np.arange(len(dose))
    return np.asarray((1 - share) * table[rows, low] + share * table[rows, low + 1])
