"""Association rules: who has this has that (Agrawal, Imielinski, Swami 1993, doi:10.1145/170035.170072)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray
from dorec.numeric.gram import nearest_columns
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.item_knn import from_neighbours
from dorec.recommend.item_weights import SparseWeights, square_weights
from dorec.recommend.weighting import weighted

if TYPE_CHECKING:
    import pyarrow as pa

DEFAULT_CONTEXT = RunContext()
Measure = Literal["confidence", "lift"]


@dataclass(frozen=True, eq=False)
class Rules(SparseWeights):
    """Rules between single items; score_ui is the sum over the history of the measure of "has j, so has i"."""

    measure: Measure

    def table(self, dataset: Dataset) -> "pa.Table":
        """One row a rule, best first: `has`, `then`, the users of both, confidence and lift.

        Example:
            >>> data = Dataset.from_interactions({"u": [1, 1, 2, 2, 3], "i": list("abaab")}, user="u", item="i")
            >>> AssociationRules(min_users=1).fit(data).model.table(data).to_pylist()[0]
            {'has': 'a', 'then': 'b', 'users': 1, 'confidence': 0.5, 'lift': 0.75}
        """
        import pyarrow as pa

        rules = self.weights.tocoo()
        has, then = rules.row.astype(np.int64), rules.col.astype(np.int64)
        count = np.maximum(np.bincount(self.history.indices, minlength=dataset.n_items), 1)
        chance = count[then] / dataset.n_users  # to have the item, whatever else one has
        confidence = rules.data if self.measure == "confidence" else rules.data * chance
        order = np.lexsort((then, has, -rules.data))
        columns = {
            "has": dataset.items[has],
            "then": dataset.items[then],
            "users": np.rint(confidence * count[has]).astype(np.int64),
            "confidence": confidence,
            "lift": confidence / chance,
        }
        return pa.table({name: pa.array(values[order]) for name, values in columns.items()})


@dataclass(frozen=True)
class AssociationRules:
    """Rules "has j, so has i" that at least `min_users` users bear out, the k strongest for each i.

    `confidence` is the share of the users of j who have i; `lift` that share over the share of all users who have i,
    which favours what is rare. A score is the sum of the rules that a history fires, so that it names its reasons;
    `scorer.model.table(dataset)` lists all rules. Memory is 16 n_items k + 64 n_interactions bytes.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3, 4], "i": ["tea", "milk", "tea", "milk", "tea", "soap"]}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> scorer = AssociationRules(min_users=2).fit(data)
        >>> scorer.recommend([3], k=1).scores.round(3).tolist()
        [[0.667]]
    """

    measure: Measure = "confidence"
    min_users: int = 5
    k: int = 100

    def __post_init__(self) -> None:
        if self.measure not in get_args(Measure):
            raise ConfigError(f"measure is {self.measure!r}; allowed: {', '.join(get_args(Measure))}.")
        for name in ("min_users", "k"):
            value = getattr(self, name)
            if value != int(value) or value < 1:
                raise ConfigError(f"{name} is {value}; give a whole number from 1 on.")

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Count pairs and keep the strongest rules."""
        history = weighted(dataset, "binary")
        count = np.bincount(history.indices, minlength=dataset.n_items).astype(np.float64)
        k, least = min(int(self.k), dataset.n_items - 1), int(self.min_users)
        # c_ij / (c_i c_j) puts the rules towards one i in the order of either measure
        near, share = nearest_columns(history, k, norms=np.maximum(count, 1.0), least=least, threads=context.threads)
        factor = dataset.n_users * np.ones(dataset.n_items) if self.measure == "lift" else count
        rules = from_neighbours(near, share * factor[:, None])
        return fitted(dataset, self, "association_rules", Rules(history, rules, self.measure))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        rules = square_weights(arrays, dataset.n_items, "items")
        return fitted(dataset, self, "association_rules", Rules(weighted(dataset, "binary"), rules, self.measure))
