"""Why no plan keeps every limit: how many units too few the minima get at best, and which limits stand in the way."""

import math

import numpy as np

from dorec.domain.errors import NoFeasiblePlan
from dorec.intervene.lagrangian import Dual, best_prices
from dorec.intervene.programme import Programme
from dorec.numeric.arrays import FloatArray, IntArray


def refuse_contradiction(programme: Programme) -> None:
    """Refuse a programme whose limits contradict each other, naming them and what it would take to mend that.

    Doing nothing keeps every limit but the minima, so these are what is asked: how little may they be missed by? The
    prices of that question are a proof (Farkas): they show the limits that fight, and no other.

    Raises:
        NoFeasiblePlan: not even fractions of units could keep the limits.
    """
    asked = np.flatnonzero(programme.bounds < 0)
    if not len(asked):
        return
    size = np.abs(programme.rows).max(axis=1)
    _refuse_exploration(programme, asked)
    highest = np.full(len(programme.bounds), np.inf)
    highest[asked] = 1.0 / size[asked]  # a missing unit costs one, so that the least cost counts missing units
    question = programme.without_gain()
    dual = best_prices(question, highest)
    missing = -dual.bound
    if missing > 1e-6 * max(1.0, -programme.bounds.min()):
        raise _refusal(programme, dual, missing, highest)


def _refuse_exploration(programme: Programme, asked: IntArray) -> None:
    """A limit that can only be used up and is below zero has been used up by exploring."""
    for row in asked:
        if (programme.rows[row] >= 0).all():
            raise NoFeasiblePlan(
                f"exploring with probability {programme.explore:g} for each action alone goes beyond "
                f"{programme.names[row]}, by {-programme.bounds[row]:.4g}",
                remedy="lower explore, or raise this limit",
                evidence={"limit": programme.names[row], "over": float(-programme.bounds[row])},
            )


def _refusal(programme: Programme, dual: Dual, missing: float, highest: FloatArray) -> NoFeasiblePlan:
    names, prices = programme.names, dual.prices
    short = [i for i in np.flatnonzero(prices > 1e-6 * np.minimum(highest, 1.0)) if programme.bounds[i] < 0]
    against = [i for i in np.flatnonzero(prices > 1e-9) if programme.bounds[i] >= 0]
    units = math.ceil(missing - 1e-6)
    what = " and ".join(names[i] for i in short)
    if against:
        reason = f"{what} can't be met under {', '.join(names[i] for i in against)}: {units:,} too few at best"
    else:
        reason = f"{what} can't be met by those who may get it: {units:,} too few at best"
    if len(short) == 1 and highest[short[0]] == 1.0:
        remedy = f"lower {what} to {math.floor(-programme.bounds[short[0]] - missing + 1e-6):,}"
    else:
        remedy = f"lower {what} by {units:,} in all"
    # the shortage is convex in each limit, so its price says what is needed at least
    others = [f"raise {names[i]} by at least {missing / prices[i]:,.6g}" for i in against]
    others = others or ["make more units eligible, or let them have more actions"]
    return NoFeasiblePlan(
        reason,
        remedy=", or ".join([remedy, *others]),
        evidence={"missing": missing, "prices": {names[i]: float(prices[i]) for i in [*short, *against]}},
    )
