"""How far a weighted graph is from acyclic, with gradients: the polynomial of NOTEARS and DAG-GNN, DAGMA's log-det."""

import numpy as np

from dorec.numeric.arrays import FloatArray
from dorec.numeric.compiled import fast_kernel, kernel


@kernel
def walk_excess(squares: FloatArray) -> tuple[float, FloatArray]:
    """tr((I + A / d)^d) - d and its gradient in A, for A (d, d) that is nowhere negative; 0 where A has no cycle.

    The polynomial count of closed walks of Yu, Chen, Gao, Yu (2019, arXiv:1904.10098), which serves as the
    tr(exp(A)) - d of Zheng et al. (2018, arXiv:1803.01422) does and needs log2(d) products.

    >>> round(walk_excess(np.array([[0.0, 1.0], [1.0, 0.0]]))[0], 3), walk_excess(np.array([[0.0, 1.0], [0.0, 0.0]]))[0]
    (0.5, 0.0)
    """
    d = len(squares)
    step = np.eye(d) + squares / d
    power, base, left = np.eye(d), step.copy(), d - 1
    first = True
    while left:
        if left & 1:
            power = base.copy() if first else power @ base
            first = False
        left >>= 1
        if left:
            base = base @ base
    return (power.T * step).sum() - d, np.ascontiguousarray(power.T)


@kernel
def log_det_excess(squares: FloatArray, s: float) -> tuple[float, FloatArray]:
    """-log det(s I - A) + d log s and its gradient in A (d, d); infinite where s I - A is no M-matrix.

    The characterisation of Bello, Aragam, Ravikumar (2022, arXiv:2209.08037): 0 where A has no cycle, positive where
    it has one, and finite as long as the spectral radius of A is below s.

    >>> round(log_det_excess(np.array([[0.0, 0.5], [0.5, 0.0]]), 1.0)[0], 4)  # -log(1 - .25)
    0.2877
    >>> log_det_excess(np.array([[0.0, 2.0], [2.0, 0.0]]), 1.0)[0]
    inf
    """
    d = len(squares)
    inverse = -squares
    for i in range(d):
        inverse[i, i] += s
    positive, log_det = _invert(inverse)
    if not positive:
        return np.inf, inverse
    return -log_det + d * np.log(s), np.ascontiguousarray(inverse.T)


@fast_kernel
def _invert(matrix: FloatArray) -> tuple[bool, float]:
    """Invert an M-matrix (d, d) in place; whether it is one, and its log-determinant.

    Gauss-Jordan without pivoting: of a matrix without positive entries off the diagonal, all pivots are positive
    exactly where it is an M-matrix.
    """
    d = len(matrix)
    log_det = 0.0
    row = np.empty(d)
    for k in range(d):
        pivot = matrix[k, k]
        if pivot < 1e-14:
            return False, 0.0
        log_det += np.log(pivot)
        matrix[k, k] = 1.0
        for j in range(d):
            row[j] = matrix[k, j] / pivot
        for i in range(d):
            factor = matrix[i, k]
            if i != k and factor != 0.0:  # near the end of a search most of it is zero
                below = matrix[i]
                below[k] = 0.0
                for j in range(d):
                    below[j] -= factor * row[j]
        matrix[k] = row
    return True, log_det
