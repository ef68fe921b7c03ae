"""Weighted acyclic graphs of least squared error, by continuous optimisation on the covariance."""

from collections.abc import Iterable

import numpy as np

from dorec.numeric.arrays import BoolArray, FloatArray
from dorec.numeric.cycle_penalty import walk_excess
from dorec.numeric.orthant_search import BARRIER, LAGRANGIAN, Penalised, orthant_search

MAX_ITER = 15_000  # of one inner search
RHO_MAX = 1e16


def penalised_loss(covariance: FloatArray, weights: FloatArray, reg: float) -> float:
    """tr((I - W)' S (I - W)) / 2 + reg sum |W|: what NOTEARS and DAGMA minimise over acyclic W (d, d).

    >>> penalised_loss(np.eye(2), np.zeros((2, 2)), 0.1)
    1.0
    """
    unexplained = np.eye(len(weights)) - weights
    return float(0.5 * (unexplained * (covariance @ unexplained)).sum() + reg * np.abs(weights).sum())


def lagrangian_weights(
    covariance: FloatArray, free: BoolArray, required: BoolArray, reg: float, h_tolerance: float, rounds: Iterable[int]
) -> FloatArray:
    """Weights (d, d) of NOTEARS: an augmented Lagrangian until the excess of walks is below `h_tolerance`.

    Args:
        covariance: (d, d).
        free: (d, d), weights that may differ from 0.
        required: (d, d), edges that are not penalised and close cycles whatever their weight.
        reg: the L1 penalty.
        h_tolerance: how far from acyclic the answer may be.
        rounds: one a multiplier, as a progress bar's.

    Example:
        >>> S = np.array([[1.0, 0.8], [0.8, 1.64]])
        >>> lagrangian_weights(S, ~np.eye(2, dtype=bool), np.zeros((2, 2), dtype=bool), 0.1, 1e-8, range(50)).round(2)
        array([[0. , 0.7],
               [0. , 0. ]])
    """
    l1, held = np.where(required, 0.0, reg), required.astype(np.float64)
    weights, rho, alpha, h = np.zeros_like(covariance), 1.0, 0.0, np.inf
    for _ in rounds:
        while rho < RHO_MAX:
            problem = Penalised(LAGRANGIAN, covariance, free, held, l1, rho, alpha)
            moved, _, _ = orthant_search(problem, weights, MAX_ITER, 1e-5, 2e-9)
            excess = walk_excess(moved * moved + held)[0]
            if excess <= 0.25 * h:
                break
            rho *= 10
        weights, h = moved, excess
        alpha += rho * h
        if h <= h_tolerance or rho >= RHO_MAX:
            break
    return weights


def barrier_weights(
    covariance: FloatArray, free: BoolArray, required: BoolArray, reg: float, stages: Iterable[tuple[float, float]]
) -> FloatArray:
    """Weights (d, d) of DAGMA: the central path of the log-determinant, a search for each stage (mu, s).

    Args:
        covariance, free, required, reg: as for `lagrangian_weights`.
        stages: weight of the loss against the barrier, falling, and the bound on the spectral radius.

    Example:
        >>> S = np.array([[1.0, 0.8], [0.8, 1.64]])
        >>> stages = [(1.0, 1.0), (0.1, 0.9), (0.01, 0.8), (1e-3, 0.7)]
        >>> barrier_weights(S, ~np.eye(2, dtype=bool), np.zeros((2, 2), dtype=bool), 0.1, stages).round(2)
        array([[0. , 0.7],
               [0. , 0. ]])
    """
    held, weights = required.astype(np.float64), np.zeros_like(covariance)
    for mu, s in stages:
        problem = Penalised(BARRIER, covariance, free, held, np.where(required, 0.0, mu * reg), mu, s)
        weights, _, _ = orthant_search(problem, weights, 4 * MAX_ITER, 1e-5 * mu, 1e-8)
    return weights
