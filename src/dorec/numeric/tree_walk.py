"""The compiled walk of rows down trees."""

from typing import Any

from dorec.numeric.compiled import kernel


@kernel
def add_leaves(
    x: Any, feature: Any, threshold: Any, left: Any, right: Any, value: Any, root: Any, output: Any, out: Any
) -> None:
    """Add each row's leaf values to its predictions `out` (n, k); see `TreeEnsemble`."""
    for i in range(x.shape[0]):
        for t in range(root.shape[0]):
            at = root[t]
            while left[at] >= 0:
                at = left[at] if x[i, feature[at]] <= threshold[at] else right[at]
            out[i, output[t]] += value[at]
