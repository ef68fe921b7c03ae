"""Multinomial logistic regression by maximum likelihood, with the influence of each row on its coefficients."""

from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import FloatArray, IntArray

STEPS = 60
ENOUGH = 1e-11  # of the mean gradient


class Logistic(NamedTuple):
    """Coefficients against the first class, the fitted probabilities, and the influence of each row."""

    coefficients: FloatArray  # (q, k - 1)
    probability: FloatArray  # (n, k)
    influence: FloatArray  # (n, q * (k - 1)), of the coefficients row by row
    converged: bool


def logistic(Z: FloatArray, classes: IntArray, weight: FloatArray, k: int) -> Logistic:
    """The maximum-likelihood fit of P(class | Z), without a penalty.

    Where the classes are separated there is no maximum: the steps end with probabilities near 0 and 1, and
    `converged` is False. Columns of Z that follow from others share their coefficient.

    Args:
        Z: columns (n, q), the constant among them; on like scales.
        classes: codes (n,) below k.
        weight: of each row (n,), averaging one.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=4000)
        >>> y = (rng.random(4000) < 1 / (1 + np.exp(-(0.5 + x)))).astype(int)
        >>> fitted = logistic(np.column_stack([np.ones(4000), x]), y, np.ones(4000), 2)
        >>> fitted.coefficients.ravel().round(1).tolist(), fitted.converged
        ([0.5, 1.0], True)
    """
    n, q = Z.shape
    taken = np.eye(k)[classes]
    beta = np.zeros((q, k - 1))
    P, loss = _evaluate(Z, beta, taken, weight)
    converged = False
    for _ in range(STEPS):
        gradient = Z.T @ (weight[:, None] * (taken - P))[:, 1:] / n
        if np.abs(gradient).max() < ENOUGH:
            converged = True
            break
        step = (_inverse_information(Z, P, weight) @ gradient.ravel()).reshape(q, k - 1)
        for _ in range(30):
            P_new, loss_new = _evaluate(Z, beta + step, taken, weight)
            if loss_new <= loss + 1e-14 * abs(loss):
                break
            step = step / 2
        beta, P, loss = beta + step, P_new, loss_new
    residual = weight[:, None] * (taken - P)[:, 1:]
    scores = (Z[:, :, None] * residual[:, None, :]).reshape(n, -1)
    return Logistic(beta, P, scores @ _inverse_information(Z, P, weight), converged)


def _evaluate(Z: FloatArray, beta: FloatArray, taken: FloatArray, weight: FloatArray) -> tuple[FloatArray, float]:
    """Probabilities (n, k) and the mean negative log-likelihood."""
    eta = np.column_stack([np.zeros(len(Z)), Z @ beta])
    eta = eta - eta.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(eta).sum(axis=1))
    loss = float(np.mean(weight * (log_total - (taken * eta).sum(axis=1))))
    return np.exp(eta - log_total[:, None]), loss


def _inverse_information(Z: FloatArray, P: FloatArray, weight: FloatArray) -> FloatArray:
    """The inverse of the mean information, (q (k - 1), q (k - 1)), of coefficients row by row."""
    q, m = Z.shape[1], P.shape[1] - 1
    information = np.empty((q, m, q, m))
    for b in range(m):
        for c in range(m):
            spread = weight * P[:, b + 1] * ((b == c) - P[:, c + 1])
            information[:, b, :, c] = Z.T @ (spread[:, None] * Z) / len(Z)
    return np.linalg.pinv(information.reshape(q * m, q * m), rcond=1e-10, hermitian=True)
