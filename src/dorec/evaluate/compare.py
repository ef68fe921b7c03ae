"""Which recommender is better, and whether the difference is more than chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import InputError, did_you_mean
from dorec.domain.estimate import Estimate
from dorec.domain.protocols import Scorer
from dorec.domain.run import RunContext
from dorec.evaluate.ranking import METRICS, ranking
from dorec.numeric.arrays import FloatArray

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True, eq=False)
class Comparison:
    """Every model's metrics, and their differences from the reference, paired user by user.

    `p_values` are adjusted (Romano-Wolf) over all models and metrics of the table; a difference that is the same for
    every user has no test and is NaN.

    Example:
        >>> scores = {"a": Estimate.of_mean(np.array([[0.0], [1.0], [1.0]]), sample="s", name=("ndcg",))}
        >>> print(Comparison(scores, reference="a", differences={}, p_values={}))
        model         metric         value  95% interval        minus a
        a             ndcg          0.6667  [-0.7676, 2.1009]
    """

    scores: Mapping[str, Estimate]  # (n_metrics,) each, on the same users
    reference: str
    differences: Mapping[str, Estimate]  # every other model minus the reference
    p_values: Mapping[str, FloatArray]  # (n_metrics,)

    def to_arrow(self, level: float = 0.95) -> "pa.Table":
        """One row a model and metric: value, lower, upper, difference from the reference with bounds, p_value."""
        import pyarrow as pa

        rows = [self._row(model, i, level) for model, scores in self.scores.items() for i in range(len(scores.value))]
        return pa.Table.from_pylist(rows)

    def to_pandas(self, level: float = 0.95) -> "pd.DataFrame":
        """The same rows as a pandas frame."""
        frame: pd.DataFrame = self.to_arrow(level).to_pandas()
        return frame

    def __str__(self) -> str:
        lines = [f"{'model':<14}{'metric':<11}{'value':>9}  95% interval        minus {self.reference}"]
        for row in self.to_arrow().to_pylist():
            bounds = "no interval" if row["lower"] is None else f"[{row['lower']:.4f}, {row['upper']:.4f}]"
            line = f"{row['model']:<14}{row['metric']:<11}{row['value']:>9.4f}  {bounds}"
            if row["difference"] is not None:
                p = "" if row["p_value"] is None else f"  p = {row['p_value']:.3g}"
                line += f"  {row['difference']:+.4f}{p}"
            lines.append(line)
        return "\n".join(lines)

    def _row(self, model: str, i: int, level: float) -> dict[str, Any]:
        score = self.scores[model][i]
        lower, upper = _bounds(score, level)
        row: dict[str, Any] = {"model": model, "metric": score.name, "value": score.value}
        row |= {"lower": lower, "upper": upper, "reference": self.reference, "difference": None}
        row |= {"difference_lower": None, "difference_upper": None, "p_value": None}
        if model in self.differences:
            difference = self.differences[model][i]
            low, high = _bounds(difference, level)
            p = float(self.p_values[model][i])
            row |= {"difference": difference.value, "difference_lower": low, "difference_upper": high}
            row["p_value"] = p if p == p else None
        return row


def _bounds(estimate: Estimate, level: float) -> tuple[float | None, float | None]:
    return (None, None) if estimate.no_interval else (estimate.interval(level).lower, estimate.interval(level).upper)


def compare(
    scorers: Mapping[str, Scorer],
    test: Dataset,
    *,
    reference: str | None = None,
    k: int = 10,
    metrics: Sequence[str] = METRICS,
    exclude_seen: bool = True,
    category: str | None = None,
    context: RunContext = DEFAULT_CONTEXT,
) -> Comparison:
    """The metrics of each model on one test, and their paired differences from the reference.

    Args:
        scorers: fitted recommenders by name, on the same training data.
        test: held-out interactions.
        reference: the name the others are compared with, by default the first.
        k: length of the lists; with `metrics`, `exclude_seen` and `category` as in `ranking`.
        metrics: names.
        exclude_seen: whether items of the training history are out of the race.
        category: column of the item features for what goes by category.
        context: seed of the bootstrap behind the adjusted p-values; progress.

    Raises:
        InputError: there is no model, or the reference is not among them.
        OtherUnits: the models were fitted on data that leave other users or items to judge.

    Example:
        >>> from dorec.recommend import EASE, Popularity
        >>> rows = {"u": [1, 1, 2, 2, 3, 4, 4], "i": [7, 8, 7, 8, 8, 9, 8]}
        >>> train = Dataset.from_interactions(rows, user="u", item="i")
        >>> test = Dataset.from_interactions({"u": [1, 2, 3], "i": [9, 9, 9]}, user="u", item="i")
        >>> models = {"popularity": Popularity().fit(train), "ease": EASE(reg=1.0).fit(train)}
        >>> compare(models, test, k=1, metrics=("ndcg",)).differences["ease"].value.round(2).tolist()
        [0.0]
    """
    if not scorers:
        raise InputError("compare got no models; give at least one fitted recommender by name.")
    first = next(iter(scorers)) if reference is None else reference
    if first not in scorers:
        raise InputError(f"reference is {first!r}; models: {', '.join(scorers)}.{did_you_mean(first, scorers)}")
    scores = {
        name: ranking(scorer, test, k=k, metrics=metrics, exclude_seen=exclude_seen, category=category, context=context)
        for name, scorer in context.track(scorers.items(), "judging recommenders", len(scorers))
    }
    differences = {name: score - scores[first] for name, score in scores.items() if name != first}
    return Comparison(scores, first, differences, _adjusted(differences, context.seed))


def _adjusted(differences: Mapping[str, Estimate], seed: int) -> dict[str, FloatArray]:
    """Romano-Wolf p-values over every difference that varies over users; NaN for the others."""
    if not differences:
        return {}
    every = Estimate.concat(list(differences.values()))
    p = np.full(len(every.value), np.nan)
    varies = np.flatnonzero(np.asarray(every.std_error) > 0)
    if len(varies):
        p[varies] = Estimate.concat([every[int(i)] for i in varies]).adjusted_p_values(seed=seed)
    return dict(zip(differences, np.split(p, len(differences)), strict=True))
