"""A policy that can be read: rules on covariates, and in each leaf an action."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dorec.domain.errors import InputError, NotFinite
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.tree_rules import LEAF, Branches, fall, path_text, range_text, walked


class Decision(NamedTuple):
    """One leaf: which rows it holds, and what is done with them."""

    path: str
    arm: Any
    share: float  # of the rows that the tree was learned from


@dataclass(frozen=True, kw_only=True, eq=False)
class TreePolicy:
    """Takes the action of the leaf that a row falls into, or explores; a `Policy`. Made by `PolicyTree`.

    Example:
        >>> stump = Branches(np.array([0, -1, -1]), np.array([2.5, 0, 0]), np.array([1, 0, 0]), np.array([2, 0, 0]))
        >>> tree = TreePolicy(branches=stump, action=np.array([0, 1, 0]), share=np.array([1.0, 0.7, 0.3]),
        ...                   arms=("none", "mail"), columns=("visits",), allowed=np.ones(2, bool), epsilon=0.2)
        >>> tree.propensities(np.array([[2.0], [3.0]])).tolist()
        [[0.1, 0.9], [0.9, 0.1]]
        >>> print(tree.to_text())
        visits up to 2.5: mail, 70% of the rows
        visits above 2.5: none, 30% of the rows
    """

    branches: Branches
    action: IntArray  # (m,) codes into `arms`, of each node
    share: FloatArray  # (m,) of the rows that the tree was learned from
    arms: tuple[Any, ...]  # (k,)
    columns: tuple[str, ...]  # (p,)
    allowed: BoolArray  # (k,) actions among which it explores
    epsilon: float = 0.0
    binary: frozenset[str] = frozenset()  # columns of two values, 0 and 1

    def choose(self, covariates: AnyArray) -> IntArray:
        """The action code of each row (n,) where the policy doesn't explore."""
        x = np.asarray(covariates, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != len(self.columns):
            raise InputError(f"covariates have shape {x.shape}; give (n, {len(self.columns)}).")
        if not np.isfinite(x).all():
            raise NotFinite("covariates have a missing or infinite value", remedy="repair these rows")
        return np.asarray(self.action[fall(self.branches, x)])

    def propensities(self, covariates: AnyArray) -> FloatArray:
        """Probability of each action, (n, k)."""
        chosen = self.choose(covariates)
        out = np.tile(self.epsilon * self.allowed / self.allowed.sum(), (len(chosen), 1))
        out[np.arange(len(chosen)), chosen] += 1.0 - self.epsilon
        return out

    def rules(self) -> list[Decision]:
        """The leaves from left to right."""
        return [
            Decision(path_text(self.columns, self.binary, path), self.arms[self.action[node]], float(self.share[node]))
            for node, path in walked(self.branches)
        ]

    def to_text(self) -> str:
        """The tree, a line for each node."""
        lines: list[str] = []

        def walk(node: int, depth: int, said: str) -> None:
            indent = "    " * depth
            if self.branches.feature[node] == LEAF:
                arm = self.arms[self.action[node]]
                lines.append(f"{indent}{said or 'all rows'}: {arm}, {self.share[node]:.0%} of the rows")
                return
            if said:
                lines.append(f"{indent}{said}")
            name, cut = self.columns[self.branches.feature[node]], float(self.branches.threshold[node])
            deeper = depth + 1 if said else depth
            walk(int(self.branches.left[node]), deeper, range_text(name, self.binary, None, cut))
            walk(int(self.branches.right[node]), deeper, range_text(name, self.binary, cut, None))

        walk(0, 0, "")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The tree as plain data: nodes within nodes, and the rules in words."""
        return {
            "tree": self._node(0),
            "rules": [rule._asdict() for rule in self.rules()],
            "arms": list(self.arms),
            "epsilon": self.epsilon,
        }

    def _node(self, at: int) -> Mapping[str, Any]:
        share = float(self.share[at])
        if self.branches.feature[at] == LEAF:
            return {"arm": self.arms[self.action[at]], "share": share}
        return {
            "column": self.columns[self.branches.feature[at]],
            "threshold": float(self.branches.threshold[at]),
            "share": share,
            "up_to": self._node(int(self.branches.left[at])),
            "above": self._node(int(self.branches.right[at])),
        }
