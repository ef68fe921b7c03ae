"""What each unit would get at given prices, and what all of that adds up to: one pass over (unit, action), compiled.

At prices, an action is worth its gain less money times cost less the price of the action; a unit that gets anything
also pays the price of its group. Arrays that are the same for every unit have one row (`step` 0).
"""

from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel


class Totals(NamedTuple):
    """What the chosen actions add up to."""

    value: float  # gain less prices, which no other choice exceeds
    use: FloatArray  # (1 + m + n_groups,): money, units by action, treated units by group


@kernel
def respond_once(
    gain: AnyArray,
    cost: FloatArray,
    allowed: BoolArray,
    slots: IntArray,
    group: IntArray,
    weight: FloatArray,
    money: float,
    action_price: FloatArray,
    unit_price: FloatArray,
    use: FloatArray,
    choice: AnyArray,
    margin: FloatArray,
) -> float:
    """The best action of each unit, or none; returns the value and adds to `use` (1 + m + n_groups,).

    `choice` (n, 1) and `margin` (n,) (what the second-best would lose) are filled unless they have no row.
    """
    n, m = gain.shape
    cost_step, allow_step = cost.shape[0] > 1, allowed.shape[0] > 1
    slot_step, group_step, weight_step = len(slots) > 1, len(group) > 1, len(weight) > 1
    # hoisted, and below no branch on a value: nearly all of the time goes into the loop over actions
    price = action_price.copy() if cost_step else action_price + money * cost[0]
    all_allowed = not allow_step and allowed.all()
    value = 0.0
    for u in range(n):
        best, second, at = -np.inf, -np.inf, -1
        if slots[u * slot_step] > 0:
            for a in range(m):
                r = gain[u, a] - price[a]
                if cost_step:
                    r -= money * cost[u, a]
                if not all_allowed:
                    r = r if allowed[u * allow_step, a] else -np.inf
                second = max(second, min(r, best))
                at = a if r > best else at
                best = max(r, best)
        g = group[u * group_step]
        net = best - unit_price[g]
        if net > 0:
            w = weight[u * weight_step]
            value += w * net
            use[0] += w * cost[u * cost_step, at]
            use[1 + at] += w
            use[1 + m + g] += w
        else:
            at = -1
        if len(choice):
            choice[u, 0] = at
        if len(margin):
            margin[u] = net - max(second - unit_price[g], 0.0) if net > 0 else -net
    return value


@kernel
def _closest(worth: FloatArray, taken: IntArray, most: int, category: IntArray, room: IntArray) -> float:
    """What the least costly change of a unit's actions would lose: one dropped, one added, or one for another."""
    is_taken = np.zeros(len(worth), dtype=np.bool_)
    least = np.inf
    for a in taken:
        is_taken[a] = True
        least = min(least, worth[a])
    closest = abs(least)
    for a in range(len(worth)):
        if is_taken[a] or most == 0:
            continue
        if room[category[a]] == 0:
            in_its_way = np.inf
            for b in taken:
                in_its_way = min(in_its_way, worth[b]) if category[b] == category[a] else in_its_way
        else:
            in_its_way = least if len(taken) == most else 0.0
        closest = min(closest, abs(in_its_way - worth[a]))
    return closest


@kernel
def respond_often(
    gain: AnyArray,
    cost: FloatArray,
    allowed: BoolArray,
    slots: IntArray,
    group: IntArray,
    weight: FloatArray,
    money: float,
    action_price: FloatArray,
    unit_price: FloatArray,
    use: FloatArray,
    choice: AnyArray,
    margin: FloatArray,
    category: IntArray,
    per_category: int,
) -> float:
    """As `respond_once` with up to `slots` actions a unit, at most `per_category` of a category.

    `choice` is (n, most). Taking the best that still fits is optimal: slots within categories form a matroid.
    """
    n, m = gain.shape
    cost_step, allow_step = cost.shape[0] > 1, allowed.shape[0] > 1
    slot_step, group_step, weight_step = len(slots) > 1, len(group) > 1, len(weight) > 1
    price = action_price.copy() if cost_step else action_price + money * cost[0]
    all_allowed = not allow_step and allowed.all()
    worth, still, taken = np.empty(m), np.empty(m), np.empty(m, dtype=np.int64)
    room = np.full(category.max() + 1 if m else 0, per_category)
    value = 0.0
    for u in range(n):
        for a in range(m):
            r = gain[u, a] - price[a]
            if cost_step:
                r -= money * cost[u, a]
            if not all_allowed:
                r = r if allowed[u * allow_step, a] else -np.inf
            worth[a] = r
            still[a] = r
        g, most = group[u * group_step], slots[u * slot_step]
        size, total = 0, 0.0
        while size < most:
            best, at = -np.inf, -1
            for a in range(m):
                at = a if still[a] > best else at
                best = max(still[a], best)
            # an action that loses is taken where being treated is paid for
            if at < 0 or (best <= 0 and (size > 0 or best <= unit_price[g])):
                break
            taken[size] = at
            size += 1
            total += best
            still[at] = -np.inf
            room[category[at]] -= 1
            if room[category[at]] == 0:
                for a in range(m):
                    still[a] = -np.inf if category[a] == category[at] else still[a]
        net = total - unit_price[g]
        if len(margin):
            margin[u] = min(abs(net), _closest(worth, taken[:size], most, category, room))
        for i in range(size):
            room[category[taken[i]]] = per_category
        if net <= 0:
            size = 0
        if size > 0:
            w = weight[u * weight_step]
            value += w * net
            use[1 + m + g] += w
            for i in range(size):
                use[0] += w * cost[u * cost_step, taken[i]]
                use[1 + taken[i]] += w
        if len(choice):
            for i in range(choice.shape[1]):
                choice[u, i] = taken[i] if i < size else -1
    return value
