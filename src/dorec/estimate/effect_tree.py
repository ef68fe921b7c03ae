"""A readable tree of effects: rules on covariates, and in each leaf an effect with an interval."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.verdict import Verdict
from dorec.estimate.average_effect import one_column
from dorec.estimate.segment_effects import ContrastScores, differ, effects_within, enough
from dorec.numeric.arrays import BoolArray, FloatArray, IntArray
from dorec.numeric.tree_rules import LEAF, Branches, fall, path_text, range_text, walked


class Rule(NamedTuple):
    """One leaf: what units it holds, and what the treatment does to them."""

    path: str
    share: float  # of the units
    effects: tuple[Estimate, ...]  # (k - 1,), of each arm after the first


@dataclass(frozen=True, kw_only=True, eq=False)
class EffectTree:
    """Rules that split units by covariates, and the effect in each leaf, re-estimated from units that chose no rule.

    Example:
        >>> from dorec.domain.study import Study
        >>> from dorec.estimate.aipw import AIPW
        >>> from dorec.estimate.uplift_tree import UpliftTree
        >>> rng = np.random.default_rng(0)
        >>> new, t = rng.integers(0, 2, size=4000), rng.integers(0, 2, size=4000)
        >>> table = {"new": new, "t": t, "y": (rng.random(4000) < 0.2 + 0.4 * t * new).astype(int)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["new"])
        >>> tree = UpliftTree(max_depth=1, average=AIPW(n_folds=2)).fit(study).tree
        >>> [(rule.path, round(rule.effects[0].value, 1)) for rule in tree.rules()]
        [('new = 0', -0.0), ('new = 1', 0.4)]
    """

    branches: Branches
    columns: tuple[str, ...]  # (p,)
    contrasts: tuple[str, ...]  # (k - 1,)
    effects: Estimate  # leaf by leaf, and contrast by contrast within
    share: FloatArray  # (leaves,) of the units
    binary: frozenset[str] = frozenset()  # columns of two values, 0 and 1
    fidelity: float | None = None  # R2: share of the variance of a model's unit effects that the leaves tell
    fidelity_to: str = ""
    verdicts: tuple[Verdict, ...] = field(default=())

    @property
    def n_leaves(self) -> int:
        """Number of leaves."""
        return int((self.branches.feature == LEAF).sum())

    @property
    def leaf_effects(self) -> FloatArray:
        """Effect in each leaf, (leaves, k - 1)."""
        return np.asarray(np.atleast_1d(self.effects.value)).reshape(self.n_leaves, -1)

    def leaf_of(self, covariates: FloatArray) -> IntArray:
        """The leaf (n,) of each row of covariates (n, p), from 0, from left to right."""
        X = np.asarray(covariates, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] != len(self.columns):
            raise InputError(f"covariates have shape {X.shape}; give (n, {len(self.columns)}).")
        number = np.empty(len(self.branches.feature), dtype=np.int64)
        number[self._leaves()] = np.arange(self.n_leaves)
        return np.asarray(number[fall(self.branches, X)])

    def effect(self, covariates: FloatArray) -> FloatArray:
        """Effect of the leaf of each row (n, p): (n,) for two arms, (n, k - 1) for more."""
        return one_column(self.leaf_effects[self.leaf_of(covariates)])

    def rules(self) -> list[Rule]:
        """The leaves from left to right."""
        k, parts = len(self.contrasts), self.effects.scalars()
        paths = [path_text(self.columns, self.binary, conditions) for _, conditions in walked(self.branches)]
        return [
            Rule(path, float(share), tuple(parts[i * k : (i + 1) * k]))
            for i, (path, share) in enumerate(zip(paths, self.share, strict=True))
        ]

    def to_text(self, level: float = 0.95) -> str:
        """The tree, a line for each node; leaves with intervals that hold for all of them at once."""
        bounds = None if self.effects.no_interval else self.effects.interval(level, joint=True)
        lines: list[str] = []
        numbered = {node: i for i, node in enumerate(self._leaves())}

        def walk(node: int, depth: int, said: str) -> None:
            indent = "    " * depth
            if node in numbered:
                i = numbered[node]
                lines.append(f"{indent}{said}: {self._leaf_text(i, bounds)}, {self.share[i]:.0%} of the units")
                return
            if said:
                lines.append(f"{indent}{said}")
            name, cut = self.columns[self.branches.feature[node]], float(self.branches.threshold[node])
            deeper = depth + 1 if said else depth
            walk(int(self.branches.left[node]), deeper, range_text(name, self.binary, None, cut))
            walk(int(self.branches.right[node]), deeper, range_text(name, self.binary, cut, None))

        walk(0, 0, "all units" if self.n_leaves == 1 else "")
        told = [] if self.fidelity is None else [f"R2 {self.fidelity:.2f} of {self.fidelity_to}."]
        return "\n".join([*lines, *told])

    def to_dict(self) -> dict[str, Any]:
        """The rules as plain data."""
        rows = [{"path": r.path, "share": r.share, "effects": [e.to_dict() for e in r.effects]} for r in self.rules()]
        return {"rules": rows, "fidelity": self.fidelity, "fidelity_to": self.fidelity_to}

    def _leaf_text(self, i: int, bounds: Interval | None) -> str:
        k, told = len(self.contrasts), []
        for a, contrast in enumerate(self.contrasts):
            at = i * k + a
            text = f"{np.atleast_1d(self.effects.value)[at]:.3g}"
            text += "" if bounds is None else f" [{bounds.lower[at]:.3g}, {bounds.upper[at]:.3g}]"
            told.append(f"{contrast} {text}" if k > 1 else text)
        return "; ".join(told)

    def _leaves(self) -> list[int]:
        """Positions of the leaves from left to right."""
        return [node for node, _ in walked(self.branches)]


def honest_tree(branches: Branches, scores: ContrastScores, held_out: BoolArray, min_units: int) -> EffectTree:
    """The tree with leaf effects from the units held out (n,); splits that leave too few of them are undone."""
    study = scores.study
    X, names = study.covariates, study.covariate_names
    kept = pruned(branches, X, lambda mask: enough(study, mask, min_units), held_out)
    binary = frozenset(n for n, x in zip(names, X.T, strict=True) if bool(np.isin(x, (0.0, 1.0)).all()))
    leaf = fall(kept, X)
    masks = {path_text(names, binary, path): (leaf == node) & held_out for node, path in walked(kept)}
    effects = effects_within(scores, masks)
    found = differ(effects, len(scores.names))
    return EffectTree(
        branches=kept,
        columns=names,
        contrasts=scores.names,
        effects=effects,
        share=np.array([scores.weight[leaf == node].sum() for node, _ in walked(kept)]) / scores.weight.sum(),
        binary=binary,
        verdicts=() if found is None else (found,),
    )


def pruned(branches: Branches, X: FloatArray, keep: Callable[[BoolArray], bool], among: BoolArray) -> Branches:
    """The tree without the splits of which a side does not satisfy `keep`, which gets a mask (n,)."""
    feature: list[int] = []
    threshold: list[float] = []
    left: list[int] = []
    right: list[int] = []

    def build(node: int, mask: BoolArray) -> int:
        at = len(feature)
        feature.append(LEAF)
        threshold.append(0.0)
        left.append(0)
        right.append(0)
        f = int(branches.feature[node])
        if f == LEAF:
            return at
        below = mask & (X[:, f] <= branches.threshold[node])
        above = mask & ~below
        if keep(below) and keep(above):
            feature[at], threshold[at] = f, float(branches.threshold[node])
            left[at] = build(int(branches.left[node]), below)
            right[at] = build(int(branches.right[node]), above)
        return at

    build(0, among.copy())
    return Branches(np.array(feature), np.array(threshold), np.array(left), np.array(right))
