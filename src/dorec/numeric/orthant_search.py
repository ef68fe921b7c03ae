"""OWL-QN: limited-memory quasi-Newton search under an L1 penalty (Andrew, Gao 2007), for weighted graphs, compiled."""

from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import BoolArray, FloatArray
from dorec.numeric.compiled import fast_kernel, kernel
from dorec.numeric.cycle_penalty import log_det_excess, walk_excess

MEMORY = 10  # steps that the curvature is learned from
LAGRANGIAN, BARRIER = 0, 1


class Penalised(NamedTuple):
    """A smooth function of a weighted graph W (d, d) and an L1 penalty.

    LAGRANGIAN: least squares + rho/2 h² + alpha h, with h of `walk_excess`. BARRIER: mu x least squares + h, with h of
    `log_det_excess`. Least squares is tr((I - W)' S (I - W)) / 2, for the covariance S.
    """

    kind: int
    covariance: FloatArray  # (d, d)
    free: BoolArray  # (d, d), weights that may differ from 0
    held: FloatArray  # (d, d), added to the squared weights in h: edges that exist whatever their weight
    l1: FloatArray  # (d, d)
    first: float  # rho, or mu
    second: float  # alpha, or s


@kernel
def smooth_part(problem: Penalised, weights: FloatArray) -> tuple[float, FloatArray]:
    """The smooth function and its gradient (d, d); infinite outside of the barrier's domain.

    >>> empty, S = np.zeros((2, 2)), np.eye(2)
    >>> p = Penalised(BARRIER, S, ~np.eye(2, dtype=bool), empty, empty, 1.0, 1.0)
    >>> smooth_part(p, empty)[0]
    1.0
    """
    d = len(weights)
    squares = weights * weights + problem.held
    if problem.kind == BARRIER:
        excess, slope = log_det_excess(squares, problem.second)
        of_loss, of_excess, value = problem.first, 1.0, excess
    else:
        excess, slope = walk_excess(squares)
        of_loss, of_excess = 1.0, problem.first * excess + problem.second
        value = 0.5 * problem.first * excess * excess + problem.second * excess
    unexplained, pull = _least_squares(problem.covariance, weights)
    value += 0.5 * of_loss * unexplained
    gradient = np.zeros((d, d))
    for i in range(d):
        for j in range(d):
            if problem.free[i, j]:
                gradient[i, j] = 2.0 * of_excess * slope[i, j] * weights[i, j] - of_loss * pull[j, i]
    return value, gradient


@fast_kernel
def _least_squares(covariance: FloatArray, weights: FloatArray) -> tuple[float, FloatArray]:
    """tr((I - W)' S (I - W)) and (I - W)' S (d, d); most weights are 0 and cost nothing."""
    d = len(weights)
    pull = covariance.copy()
    for k in range(d):
        for j in range(d):
            w = weights[k, j]
            if w != 0.0:
                of_cause, of_effect = covariance[k], pull[j]
                for i in range(d):
                    of_effect[i] -= w * of_cause[i]
    total = 0.0
    for j in range(d):
        total += pull[j, j]
        for k in range(d):
            total -= weights[k, j] * pull[j, k]
    return total, pull


@kernel
def orthant_search(
    problem: Penalised, start: FloatArray, max_iter: int, gradient_tolerance: float, value_tolerance: float
) -> tuple[FloatArray, float, int]:
    """Weights (d, d) at a local minimum of the smooth part + sum(l1 |W|), its value, and how often it was evaluated.

    It ends where no entry of the pseudo-gradient is above `gradient_tolerance`, or a step gains less than
    `value_tolerance` times the value.

    Example:
        >>> S = np.array([[1.0, 0.8], [0.8, 1.64]])  # x -> y with weight .8, unit noise
        >>> free = np.array([[False, True], [False, False]])
        >>> zero = np.zeros((2, 2))
        >>> p = Penalised(LAGRANGIAN, S, free, zero, np.full((2, 2), 0.1), 1.0, 0.0)
        >>> round(float(orthant_search(p, zero, 100, 1e-8, 1e-15)[0][0, 1]), 6)  # .8 less the penalty
        0.7
    """
    d = len(start)
    weights = start.copy()
    steps, turns, curvature = np.zeros((MEMORY, d * d)), np.zeros((MEMORY, d * d)), np.zeros(MEMORY)
    n_kept, newest = 0, -1
    smooth, gradient = smooth_part(problem, weights)
    value = smooth + (problem.l1 * np.abs(weights)).sum()
    n_evaluated = 1
    for _ in range(max_iter):
        pseudo = _pseudo_gradient(problem, weights, gradient)
        if np.abs(pseudo).max() <= gradient_tolerance:
            break
        direction = _two_loops(pseudo, steps, turns, curvature, n_kept, newest)
        direction = np.where(direction * pseudo < 0, direction, 0.0)  # only where it descends
        if n_kept == 0:
            direction /= max(1.0, np.sqrt((pseudo * pseudo).sum()))
        orthant = np.where(weights != 0, np.sign(weights), -np.sign(pseudo))
        length, accepted = 1.0, False
        for _ in range(40):
            moved = weights + length * direction
            moved = np.where(moved * orthant > 0, moved, 0.0)
            new_smooth, new_gradient = smooth_part(problem, moved)
            n_evaluated += 1
            new_value = new_smooth + (problem.l1 * np.abs(moved)).sum()
            if new_value <= value + 1e-4 * (pseudo * (moved - weights)).sum():
                accepted = True
                break
            length *= 0.5
        if not accepted:
            if n_kept == 0:
                break
            n_kept = 0  # the curvature misled: start again from the steepest descent
            continue
        gain = value - new_value
        step, turn = (moved - weights).ravel(), (new_gradient - gradient).ravel()
        bend = (step * turn).sum()
        if bend > 1e-10 * (turn * turn).sum():
            newest = (newest + 1) % MEMORY
            steps[newest], turns[newest], curvature[newest] = step, turn, bend
            n_kept = min(n_kept + 1, MEMORY)
        weights, gradient, value = moved, new_gradient, new_value
        if gain <= value_tolerance * max(abs(value), 1.0):
            break
    return weights, value, n_evaluated


@kernel
def _pseudo_gradient(problem: Penalised, weights: FloatArray, gradient: FloatArray) -> FloatArray:
    """The steepest slope of smooth part + L1, 0 where the penalty holds a weight at 0."""
    out = np.zeros(weights.shape)
    for i, row in enumerate(weights):
        for j, w in enumerate(row):
            if not problem.free[i, j]:
                continue
            g, l1 = gradient[i, j], problem.l1[i, j]
            if w != 0:
                out[i, j] = g + l1 if w > 0 else g - l1
            elif g + l1 < 0:
                out[i, j] = g + l1
            elif g - l1 > 0:
                out[i, j] = g - l1
    return out


@fast_kernel
def _two_loops(
    slope: FloatArray, steps: FloatArray, turns: FloatArray, curvature: FloatArray, n_kept: int, newest: int
) -> FloatArray:
    """Minus the inverse curvature times the slope (Nocedal 1980); p = d² entries in a row."""
    out = -slope.ravel()
    p = len(out)
    shares = np.zeros(MEMORY)
    for k in range(n_kept):
        i = (newest - k) % MEMORY
        total = 0.0
        for j in range(p):
            total += steps[i, j] * out[j]
        shares[i] = total / curvature[i]
        for j in range(p):
            out[j] -= shares[i] * turns[i, j]
    if n_kept:
        total = 0.0
        for j in range(p):
            total += turns[newest, j] * turns[newest, j]
        for j in range(p):
            out[j] *= curvature[newest] / total
    for k in range(n_kept - 1, -1, -1):
        i = (newest - k) % MEMORY
        total = 0.0
        for j in range(p):
            total += turns[i, j] * out[j]
        share = shares[i] - total / curvature[i]
        for j in range(p):
            out[j] += share * steps[i, j]
    return out.reshape(slope.shape)
