"""The smallest and largest value of linear functions of a distribution of which some sums are known."""

from typing import Any

import numpy as np

from dorec.numeric.arrays import FloatArray, IntArray


class Infeasible(ValueError):
    """No distribution has these sums."""


def smallest_and_largest(objectives: FloatArray, rows: IntArray, sums: FloatArray) -> FloatArray:
    """The range of each objective over distributions on the columns.

    Columns that agree in all rows and objectives are taken as one, which is what makes large programmes small.

    Args:
        objectives: (n_objectives, n_columns).
        rows: (n_settings, n_columns): in which row each column counts, in each setting.
        sums: (n_rows,): what the columns of a row sum to.

    Returns:
        (n_objectives, 2): smallest and largest.

    Raises:
        Infeasible: there is no such distribution.

    Example:
        >>> smallest_and_largest(np.array([[0.0, 1.0, 1.0]]), np.array([[0, 0, 1]]), np.array([0.4, 0.6])).tolist()
        [[0.6, 1.0]]
    """
    from scipy import optimize, sparse  # loaded on use: it takes half a second

    linprog: Any = optimize.linprog  # its stubs don't know sparse matrices
    signature = np.vstack([rows, np.round(objectives * 1e12)]).T
    _, first = np.unique(signature, axis=0, return_index=True)
    objectives, rows = objectives[:, first], rows[:, first]
    n_settings, n_columns = rows.shape
    places = (rows.ravel(), np.tile(np.arange(n_columns), n_settings))
    equal = sparse.csr_matrix((np.ones(rows.size), places), shape=(sums.size, n_columns))
    found = np.empty((len(objectives), 2))
    for i, objective in enumerate(objectives):
        for j, sign in enumerate((1.0, -1.0)):
            answer = linprog(sign * objective, A_eq=equal, b_eq=sums, bounds=(0, None), method="highs")
            if answer.status != 0:
                raise Infeasible(answer.message)
            found[i, j] = sign * answer.fun
    return found
