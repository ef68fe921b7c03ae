"""Boosted trees as plain arrays: predictions without the library that grew them, and nothing that runs on loading."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dorec.numeric.arrays import AnyArray, FloatArray

TOLERANCE = 1e-9  # of the library's own predictions, relative to their spread


@dataclass(frozen=True, eq=False)
class TreeEnsemble:
    """Sums of trees: each row falls to one leaf of every tree, at `feature <= threshold` to the left.

    Nodes of all trees stand one after the other, each tree's root first.
    """

    feature: NDArray[np.int32]  # (m,)
    threshold: FloatArray  # (m,)
    left: NDArray[np.int32]  # (m,) positions of nodes; -1 at a leaf
    right: NDArray[np.int32]  # (m,)
    value: FloatArray  # (m,)
    root: NDArray[np.int32]  # (number of trees,)
    output: NDArray[np.int32]  # (number of trees,): to which column of the predictions a tree adds
    baseline: FloatArray  # (k,)

    @classmethod
    def from_boosting(cls, model: Any, check: FloatArray) -> "TreeEnsemble":
        """The trees of a fitted scikit-learn HistGradientBoosting model of numeric columns without gaps.

        Its layout is no public promise, so the predictions of the rows `check` (n, p) are compared with the model's.

        Raises:
            ValueError: they differ, as they would after a change of that layout.
        """
        parts: dict[str, list[AnyArray]] = {key: [] for key in ("feature", "threshold", "left", "right", "value")}
        root, output, at = [], [], 0
        for trees in model._predictors:
            for column, tree in enumerate(trees):
                nodes = tree.nodes
                leaf = nodes["is_leaf"].astype(bool)
                parts["feature"].append(nodes["feature_idx"])
                parts["threshold"].append(nodes["num_threshold"])
                parts["left"].append(np.where(leaf, -1, nodes["left"].astype(np.int64) + at))
                parts["right"].append(np.where(leaf, -1, nodes["right"].astype(np.int64) + at))
                parts["value"].append(nodes["value"])
                root.append(at)
                output.append(column)
                at += len(nodes)
        joined = {key: np.concatenate(arrays) for key, arrays in parts.items()}
        whole = {key: joined[key].astype(np.int32) for key in ("feature", "left", "right")}
        made = cls(
            threshold=joined["threshold"].astype(np.float64),
            value=joined["value"].astype(np.float64),
            root=np.array(root, dtype=np.int32),
            output=np.array(output, dtype=np.int32),
            baseline=np.asarray(model._baseline_prediction, dtype=np.float64).ravel(),
            **whole,
        )
        said = model.decision_function(check) if hasattr(model, "decision_function") else model.predict(check)
        gap = np.abs(made.predict(check) - np.asarray(said).reshape(len(check), -1))
        if gap.max(initial=0.0) > TOLERANCE * (1.0 + np.abs(said).max(initial=0.0)):
            raise ValueError(f"predictions from the arrays miss the model's by up to {gap.max():.2g}")
        return made

    @classmethod
    def from_classifier_trees(cls, trees: Sequence[Any]) -> "TreeEnsemble":
        """The mean chance of the second class over fitted scikit-learn decision trees of two classes, (n, 1).

        Those compare rows in single precision: hand in such rows where a border may be met exactly.

        >>> from sklearn.tree import DecisionTreeClassifier
        >>> grown = DecisionTreeClassifier().fit([[0.0], [1.0]], [False, True])
        >>> TreeEnsemble.from_classifier_trees([grown]).predict(np.array([[0.4], [0.6]])).tolist()
        [[0.0], [1.0]]
        """
        grown = [tree.tree_ for tree in trees]
        root = np.concatenate([[0], np.cumsum([tree.node_count for tree in grown])[:-1]])
        leaf = [tree.children_left < 0 for tree in grown]
        sides = []
        for side in ("children_left", "children_right"):
            own = [getattr(tree, side) + at for tree, at in zip(grown, root, strict=True)]
            sides.append(np.where(np.concatenate(leaf), -1, np.concatenate(own)).astype(np.int32))
        mass = np.concatenate([tree.value[:, 0, :] for tree in grown])
        return cls(
            feature=np.concatenate([tree.feature for tree in grown]).astype(np.int32),
            threshold=np.concatenate([tree.threshold for tree in grown]).astype(np.float64),
            left=sides[0],
            right=sides[1],
            value=mass[:, 1] / mass.sum(axis=1) / len(grown),
            root=root.astype(np.int32),
            output=np.zeros(len(grown), dtype=np.int32),
            baseline=np.zeros(1),
        )

    def predict(self, x: FloatArray) -> FloatArray:
        """Predictions (n, k) of rows (n, p).

        >>> stump = TreeEnsemble(*(np.array(a, dtype=np.int32) if k in (0, 2, 3, 5, 6) else np.array(a, dtype=float)
        ...     for k, a in enumerate([[0, 0, 0], [0.5, 0, 0], [1, -1, -1], [2, -1, -1], [0, -1, 1], [0], [0], [10]])))
        >>> stump.predict(np.array([[0.2], [0.9]])).tolist()
        [[9.0], [11.0]]
        """
        from dorec.numeric.tree_walk import add_leaves  # loaded on use: the compiler takes its time

        out = np.tile(self.baseline, (len(x), 1))
        rows = np.ascontiguousarray(x, dtype=np.float64)
        add_leaves(rows, self.feature, self.threshold, self.left, self.right, self.value, self.root, self.output, out)
        return out

    def arrays(self) -> dict[str, AnyArray]:
        """The arrays by name, for a store."""
        names = ("feature", "threshold", "left", "right", "value", "root", "output", "baseline")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], n_features: int) -> "TreeEnsemble":
        """The trees that `arrays` gave.

        Raises:
            ValueError: a node points outside of the arrays, or back: predictions would never end.
        """
        made = cls(**{name: np.asarray(arrays[name]) for name in cls.__dataclass_fields__})
        m, place = len(made.feature), np.arange(len(made.feature))
        same = all(len(array) == m for array in (made.threshold, made.left, made.right, made.value))
        good = same and len(made.root) == len(made.output) and made.baseline.ndim == 1
        if good:
            inner = made.left >= 0
            forward = (np.minimum(made.left, made.right) > place) & (np.maximum(made.left, made.right) < m)
            known = (made.feature >= 0) & (made.feature < n_features)
            good = bool((forward & known)[inner].all() and ((made.root >= 0) & (made.root < m)).all())
        if not good or not ((made.output >= 0) & (made.output < len(made.baseline))).all():
            raise ValueError("the arrays are no trees")
        return made
