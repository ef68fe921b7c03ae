"""Effects given what each unit did before, in order: a Transformer over histories."""

from dataclasses import dataclass, field
from typing import Any

from dorec.domain.errors import ConfigError
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate.aipw import DEFAULT_CONTEXT
from dorec.estimate.neural.cross_fitted import ArmPredictor, TrainingRows, check_settings, cross_fitted
from dorec.estimate.neural.deep_effect_model import DeepEffectModel
from dorec.estimate.neural.histories import Histories
from dorec.numeric.arrays import AnyArray, IntArray

UNPROVEN = "in samples whose effect is known, its intervals held the truth too seldom (10 of 13 at 95%)"


@dataclass(frozen=True, kw_only=True)
class SequenceEffect:
    """A Transformer over histories, cross-fitted (after Melnychuk, Frauen, Feuerriegel 2022, arXiv:2204.07258).

    Where the order of events drives both treatment and outcome, counts of events don't adjust for it. The history is
    encoded causally; a token for each treatment reads it and gives the outcome under that treatment, another the
    propensities; the average effect goes through AIPW's orthogonal score, but has no interval as yet, because too few
    held the truth where it was known. Simplified: one treatment after the history, none within it, and propensities in
    the place of a balanced representation. It needs torch:
    `pip install 'dorec[deep]'`.

    Args:
        histories: of the study's units, found by their ids.
        length: the latest events that are read.
        embedding_size: of a token, a multiple of `n_heads`.
        n_layers: Transformer blocks.
        n_heads: of each attention.
        dropout: share of each block's output that is left out while training.
        n_folds: folds of the cross-fitting, 2 or more.
        epochs: passes over the rows, at most; early stopping looks at a fifth of them.
        learning_rate: of AdamW.
        batch_size: rows of a step.
        patience: epochs without a better validation after which it stops.
        reg: weight decay.
        min_propensity: estimated propensities are raised to this floor (less where an arm is rare).
        min_per_fold: units that each arm must have for each fold.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> users, events = np.arange(300), rng.choice(["view", "cart"], size=(300, 3))
        >>> t = (rng.random(300) < np.where(events[:, -1] == "cart", 0.7, 0.3)).astype(int)
        >>> table = {"user": users, "t": t, "y": t + 2.0 * (events[:, -1] == "cart")}
        >>> study = Study.from_table(table, outcome="y", treatment="t", unit="user")
        >>> histories = Histories.from_sequences(dict(zip(users.tolist(), events.tolist())))
        >>> learner = SequenceEffect(histories=histories, length=3, embedding_size=8, n_folds=2, epochs=20,
        ...                          learning_rate=0.02, batch_size=32)
        >>> bool(abs(learner.fit(study).ate().value - 1.0) < 0.1)
        True
    """

    histories: Histories = field(repr=False)
    length: int = 50
    embedding_size: int = 32
    n_layers: int = 1
    n_heads: int = 2
    dropout: float = 0.0
    n_folds: int = 5
    epochs: int = 100
    learning_rate: float = 2e-3
    batch_size: int = 64
    patience: int = 10
    reg: float = 1e-3
    min_propensity: float = 0.01
    min_per_fold: int = 5

    def __post_init__(self) -> None:
        check_settings(self)
        for name in ("length", "embedding_size", "n_layers", "n_heads"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; give 1 or more.")
        if self.embedding_size % self.n_heads or not 0 <= self.dropout < 1:
            raise ConfigError(
                f"embedding_size is {self.embedding_size}, n_heads {self.n_heads}, dropout {self.dropout}; give a "
                "multiple of n_heads as embedding_size, and a dropout from 0 to below 1."
            )

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> DeepEffectModel:
        """Networks, scores and diagnostics of a study that names its units.

        Raises:
            ConfigError: torch is not installed.
            InputError: the study names no units, or none of them has a history.
            MeasuredAfterTreatment: an event is later than the treatment of its unit, where the study has times.
            NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment, NoOverlap, BadPropensity:
                before any number, with the evidence and the remedy.
        """
        tokens = self.histories.of(study, self.length)
        fitted = cross_fitted(self, study, self._fit_network, propensity_by="network", tokens=tokens, context=context)
        return DeepEffectModel(
            learner=self, method="SequenceEffect", fitted=fitted, read=self._read, no_interval=UNPROVEN
        )

    def _read(self, units: AnyArray) -> IntArray:
        return self.histories.padded(units, self.length)

    def _fit_network(self, rows: TrainingRows, context: RunContext, label: str) -> ArmPredictor:
        from dorec.estimate.neural.arm_network import Batch, dragon_loss  # loads torch
        from dorec.estimate.neural.fold_network import fit_fold_network
        from dorec.estimate.neural.history_network import HistoryNetwork

        def make(n_columns: int) -> HistoryNetwork:
            return HistoryNetwork(
                n_columns=n_columns,
                n_arms=rows.n_arms,
                n_tokens=len(self.histories.vocabulary),
                length=self.length,
                size=self.embedding_size,
                n_layers=self.n_layers,
                n_heads=self.n_heads,
                dropout=self.dropout,
            )

        def objective(network: HistoryNetwork, batch: Batch) -> Any:
            return dragon_loss(network(batch), batch, batch.y, (1.0, 0.0), rows.binary)

        return fit_fold_network(make, objective, rows, self, context, f"SequenceEffect, {label}")
