"""Which regressors matter: the adaptive lasso with BIC, from a correlation matrix."""

import numpy as np

from dorec.numeric.arrays import BoolArray, FloatArray, IntArray


def chosen_regressors(correlation: FloatArray, target: int, regressors: IntArray, n: int) -> BoolArray:
    """Which of the regressors (p,) the adaptive lasso keeps, by BIC along the path of LARS.

    Zou (2006) with weights from least squares; BIC with the noise variance of the full regression, as scikit-learn's
    LassoLarsIC has it (Zou, Hastie, Tibshirani 2007).

    Args:
        correlation: (d, d), not singular.
        target: whose causes are sought.
        regressors: (p,) positions, p < n - 1.
        n: rows behind the correlation.

    Example:
        >>> r = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]])
        >>> chosen_regressors(r, 0, np.array([1, 2]), n=100).tolist()
        [True, False]
    """
    from sklearn.linear_model import lars_path_gram  # half a second to load

    if not len(regressors):
        return np.zeros(0, dtype=bool)
    gram, cross = correlation[regressors][:, regressors], correlation[regressors, target]
    full = np.linalg.solve(gram, cross)
    scale = np.abs(full)
    if not scale.any():
        return np.zeros(len(regressors), dtype=bool)
    left = max(1.0 - float(full @ cross), np.finfo(float).eps)
    noise = left * n / (n - len(regressors) - 1)
    weighted = gram * np.outer(scale, scale)
    _, _, path = lars_path_gram(n * cross * scale, n * weighted, n_samples=n, method="lasso", alpha_min=0.0)
    unexplained = 1.0 - 2.0 * (cross * scale) @ path + np.einsum("ik,ij,jk->k", path, weighted, path)
    kept = np.abs(path) > np.finfo(float).eps
    bic = n * unexplained / noise + np.log(n) * kept.sum(axis=0)
    best: BoolArray = kept[:, int(np.argmin(bic))] & (scale > 0)
    return best
