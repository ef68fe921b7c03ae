"""ULBPR: pairwise ranking on labels of likely effects (Sato et al. 2019, doi:10.1145/3298689.3347018)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, TooFewUnits
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray
from dorec.numeric.uplift_pairs import uplift_pairs_epoch
from dorec.recommend.exposure_log import ExposureLog
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.pairwise import BiasedFactors, binary_history, check_pairwise, factors_from

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True)
class ULBPR:
    """Factors that put exposures which may have had an effect before those which had none.

    Shown and chosen: an effect is possible. Shown and not chosen, or chosen without being shown: there was none.
    Neither shown nor chosen: unknown, an effect with probability `alpha`. Unlike `UpliftRanker` it estimates no effect
    and goes by no propensity; it is light, its scores have no unit, and with a small `alpha` what is chosen
    anyway still comes high.

    Args:
        alpha: share of the pairs neither shown nor chosen that count as an effect.
        embedding_size: number of factors.
        learning_rate: of the steps.
        reg: weight decay.
        epochs: passes over the rows that are or may be an effect.

    Example:
        >>> from dorec.simulate import ShopWorld
        >>> log = ExposureLog.from_events(ShopWorld(n_users=60, n_items=15, seed=1).event_table())
        >>> scorer = ULBPR(embedding_size=4, epochs=5).fit(log)
        >>> scorer.recommend(["u000000"], k=3, exclude_seen=False).items.shape
        (1, 3)
    """

    alpha: float = 0.5
    embedding_size: int = 16
    learning_rate: float = 0.02
    reg: float = 0.02
    epochs: int = 50

    def __post_init__(self) -> None:
        check_pairwise(self)
        if not 0 <= self.alpha < 1:
            raise ConfigError(f"alpha is {self.alpha}; give a probability from 0 on and below 1.")

    def fit(self, log: ExposureLog, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Fit the factors.

        Raises:
            TooFewUnits: nothing that was shown was chosen.
        """
        chosen = log.outcome > 0
        sure, unknown = log.shown & chosen, ~log.shown & ~chosen
        if not sure.any():
            raise TooFewUnits("nothing that was shown was chosen", remedy="give a longer log, or a nearer outcome")
        data, rng, size = log.responses, context.rng("ulbpr"), self.embedding_size
        users, items = (rng.standard_normal((n, size)) / size for n in (data.n_users, data.n_items))
        factors = (users, items, np.zeros(data.n_items))
        up = np.flatnonzero(sure | (unknown if self.alpha > 0 else False))
        down = np.flatnonzero(~sure)
        down = down[np.argsort(log.user[down], kind="stable")]
        first = np.concatenate([[0], np.cumsum(np.bincount(log.user[down], minlength=data.n_users))])
        negative = (first.astype(np.int64), log.item[down], ~unknown[down])
        how = np.array([self.learning_rate, self.reg, self.alpha])
        for _ in context.track(range(self.epochs), "ULBPR epochs", self.epochs):
            positive = (rng.permutation(len(up)), log.user[up], log.item[up], sure[up])
            uplift_pairs_epoch(positive, negative, factors, how, rng)
        made = BiasedFactors(binary_history(data), *(f.astype(np.float32) for f in factors))
        return fitted(data, self, "ulbpr", made)

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave, on the log's responses."""
        return fitted(dataset, self, "ulbpr", factors_from(arrays, binary_history(dataset), self.embedding_size))
