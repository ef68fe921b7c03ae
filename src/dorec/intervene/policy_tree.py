"""PolicyTree: rules that say who gets what, the best of their depth (Zhou, Athey, Wager 2023)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dorec.domain.errors import ConfigError, InputError, TooFewUnits, TooLarge
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.run import RunContext
from dorec.intervene.dr_scores import actions_to_learn, dr_scores, net_scores
from dorec.intervene.softmax_policy import DEFAULT_CONTEXT
from dorec.intervene.tree_policy import TreePolicy
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.policy_search import best_root, best_split
from dorec.numeric.tree_rules import LEAF, Branches

MOST_ACTIONS = 20  # of a search over two levels, whose work grows with the square


@dataclass(frozen=True, kw_only=True)
class PolicyTree:
    """The tree of at most `max_depth` conditions whose leaves' actions have the largest mean score.

    Exact for depths 1 and 2: no other tree of that depth with thresholds between the values in the data is worth more
    on the scores. Deeper trees take the first split of the best two levels, and go on from there. From a log, scores
    are doubly robust and cross-fitted (as in doi:10.1287/opre.2022.2271); from a study, `fit_scores` takes an effect
    model's. Time for depth 2: columns^2 x rows x log(rows) x actions^2; 20,000 x 10 with 3 actions takes seconds.

    Args:
        max_depth: conditions on a path, 1 to 6.
        min_leaf: rows that a leaf needs.
        max_values: at most so many thresholds for each column, at its quantiles; None for all.
        reward_model: a scikit-learn regressor or classifier; None for a ridge for each action.
        n_folds: of the reward model.
        model_reg: ridge of the reward model.
        epsilon: share of random decisions in the policy.
        columns: names of the covariates.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.integers(0, 10, size=(400, 2)).astype(float)
        >>> gain = np.where((x[:, 0] > 4) & (x[:, 1] > 6), 1.0, -1.0)
        >>> tree = PolicyTree(columns=("age", "visits")).fit_scores(x, np.column_stack([0 * gain, gain]))
        >>> print(tree.to_text())
        age up to 4.5: 0, 48% of the rows
        age above 4.5
            visits up to 6.5: 0, 33% of the rows
            visits above 6.5: 1, 19% of the rows
    """

    max_depth: int = 2
    min_leaf: int = 30
    max_values: int | None = None
    reward_model: Any = None
    n_folds: int = 5
    model_reg: float = 10.0
    epsilon: float = 0.0
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        few = self.max_values is not None and self.max_values < 1
        if not 1 <= self.max_depth <= 6 or self.min_leaf < 1 or few or not 0 <= self.epsilon <= 1:
            raise ConfigError(
                f"max_depth is {self.max_depth}, min_leaf {self.min_leaf}, max_values {self.max_values}, epsilon "
                f"{self.epsilon}; give 1 to 6, 1 or more, 1 or more or None, and 0 to 1."
            )

    def fit(self, feedback: LoggedFeedback, *, context: RunContext = DEFAULT_CONTEXT) -> TreePolicy:
        """The tree learned from a log; actions that the log never took are in no leaf.

        Raises:
            OneArm: the log took one action only.
            TooFewUnits: fewer rows or clusters than folds, or than a leaf needs.
            TooLarge: more than 20 actions and two levels or more.
        """
        del context  # nothing is random
        allowed = actions_to_learn(feedback)
        how: dict[str, Any] = {"reward_model": self.reward_model, "n_folds": self.n_folds, "reg": self.model_reg}
        return self._learn(feedback.context, dr_scores(feedback, **how), allowed, feedback.action_labels)

    def fit_scores(
        self, covariates: AnyArray, scores: AnyArray, *, costs: AnyArray | None = None, arms: Sequence[Any] = ()
    ) -> TreePolicy:
        """The tree learned from scores, such as `EffectModel.scores`.

        Args:
            covariates: (n, p).
            scores: what each arm is worth for each unit, (n, k).
            costs: of each arm, (k,) or (n, k), in units of the scores.
            arms: names of the arms, (k,).

        Raises:
            NotFinite, OneArm, TooFewUnits, TooLarge.
        """
        x, net = net_scores(covariates, scores, costs)
        return self._learn(x, net, np.ones(net.shape[1], dtype=bool), tuple(arms))

    def _learn(self, x: FloatArray, scores: FloatArray, allowed: BoolArray, arms: tuple[Any, ...]) -> TreePolicy:
        k = int(allowed.sum())
        if len(x) < self.min_leaf:
            raise TooFewUnits(
                f"{len(x)} row(s) where a leaf needs {self.min_leaf}", remedy="lower min_leaf, or log more"
            )
        if self.max_depth > 1 and k > MOST_ACTIONS:
            raise TooLarge(
                f"a tree of {self.max_depth} levels over {k} actions compares every two of them",
                remedy=f"keep the best {MOST_ACTIONS} actions, or use DRPolicy",
            )
        names = self.columns or tuple(f"x{j}" for j in range(x.shape[1]))
        if len(names) != x.shape[1]:
            raise InputError(f"columns has {len(names)} names; give one for each of {x.shape[1]} covariates.")
        labels = arms or tuple(range(len(allowed)))
        if len(labels) != len(allowed):
            raise InputError(f"arms has {len(labels)} names; give one for each of {len(allowed)} arms.")
        grown = _Growth(x, np.ascontiguousarray(scores[:, allowed]), self)
        grown.grow(np.arange(len(x)), self.max_depth)
        return TreePolicy(
            branches=grown.branches(),
            action=np.flatnonzero(allowed)[grown.action],
            share=np.array(grown.share),
            arms=labels,
            columns=names,
            binary=frozenset(n for n, c in zip(names, x.T, strict=True) if bool(np.isin(c, (0.0, 1.0)).all())),
            allowed=allowed,
            epsilon=self.epsilon,
        )


@dataclass(eq=False)
class _Growth:
    """A tree while it grows, its nodes in the order in which they are met."""

    x: FloatArray
    scores: FloatArray
    setting: PolicyTree
    feature: list[int] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    action: list[int] = field(default_factory=list)
    share: list[float] = field(default_factory=list)

    def grow(self, rows: IntArray, depth: int) -> int:
        """Add the best tree on some rows; the position of its root."""
        at, totals = len(self.feature), self.scores[rows].sum(axis=0)
        self.feature.append(LEAF)
        self.threshold.append(0.0)
        self.left.append(0)
        self.right.append(0)
        self.action.append(int(totals.argmax()))
        self.share.append(len(rows) / len(self.x))
        if depth == 0 or len(rows) < 2 * self.setting.min_leaf:
            return at
        value, column, cut = self._first_split(rows, depth)
        if column == LEAF or not value > totals.max() + 1e-9 * np.abs(self.scores[rows]).sum():
            return at
        below = self.x[rows, column] <= cut
        self.feature[at], self.threshold[at] = column, cut
        self.left[at] = self.grow(rows[below], depth - 1)
        self.right[at] = self.grow(rows[~below], depth - 1)
        return at

    def _first_split(self, rows: IntArray, depth: int) -> tuple[float, int, float]:
        ranked = [ranks(column, self.setting.max_values) for column in self.x[rows].T]
        if not ranked:
            return -np.inf, LEAF, 0.0
        codes = np.stack([code for code, _ in ranked])
        orders = np.argsort(codes, axis=1, kind="stable")
        scores = self.scores[rows]
        if depth == 1:
            value, column, code = best_split(codes, orders, scores, self.setting.min_leaf)
        else:
            a, b = np.triu_indices(scores.shape[1], 1)
            gaps = np.ascontiguousarray(scores[:, a] - scores[:, b])
            value, column, code = best_root(codes, orders, scores, gaps, self.setting.min_leaf)
        return value, int(column), float(ranked[column][1][code]) if column != LEAF else 0.0

    def branches(self) -> Branches:
        """The nodes as arrays."""
        return Branches(np.array(self.feature), np.array(self.threshold), np.array(self.left), np.array(self.right))


def ranks(column: FloatArray, max_values: int | None) -> tuple[IntArray, FloatArray]:
    """The rank of each value (n,) from 0, and the threshold above each rank but the last.

    >>> code, cut = ranks(np.array([5.0, 1.0, 5.0, 2.0]), None)
    >>> code.tolist(), cut.tolist()
    ([2, 0, 2, 1], [1.5, 3.5])
    >>> ranks(np.arange(100.0), 3)[1].tolist()
    [25.5, 49.5, 74.5]
    """
    values, code = np.unique(column, return_inverse=True)
    cuts = (values[:-1] + values[1:]) / 2
    cuts = np.where(cuts < values[1:], cuts, values[:-1])  # the middle of neighbouring floats may be the upper one
    if max_values is None or len(cuts) <= max_values:
        return code.astype(np.int64), cuts
    places = np.quantile(column, np.arange(1, max_values + 1) / (max_values + 1))
    kept = np.unique(cuts[np.minimum(np.searchsorted(cuts, places), len(cuts) - 1)])
    return np.searchsorted(kept, column, side="left").astype(np.int64), kept
