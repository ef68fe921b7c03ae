"""TARNet: a representation that all arms share, and an outcome head for each arm."""

from dataclasses import dataclass
from typing import Any

from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate.aipw import DEFAULT_CONTEXT
from dorec.estimate.neural.cross_fitted import ArmPredictor, TrainingRows, check_settings, cross_fitted
from dorec.estimate.neural.deep_effect_model import DeepEffectModel


@dataclass(frozen=True, kw_only=True)
class TARNet:
    """Treatment-agnostic representation network (Shalit, Johansson, Sontag 2017, arXiv:1606.03976), cross-fitted.

    Each fold's network is trained on the others, so that the average effect goes through AIPW's orthogonal score and
    has its interval. In that score propensities are the engine's, and outcomes the networks' blended with the engine's
    by their error; effects of units are the networks' alone. Small arms count as much as large ones in the loss, as in
    the paper. It needs torch: `pip install 'dorec[deep]'`.

    Args:
        n_folds: folds of the cross-fitting, 2 or more.
        hidden: units of each layer of the representation.
        head: units of each hidden layer of an arm's head.
        epochs: passes over the rows, at most; early stopping looks at a fifth of them.
        learning_rate: of AdamW.
        batch_size: rows of a step.
        patience: epochs without a better validation after which it stops.
        reg: weight decay.
        propensity_model: classifier of the arms; a list is blended. Not used where the propensities are known.
        min_propensity: estimated propensities are raised to this floor (less where an arm is rare).
        min_per_fold: units that each arm must have for each fold.

    Example:
        >>> import numpy as np
        >>> x, t = np.random.default_rng(0).normal(size=400), np.arange(400) % 2
        >>> study = Study.from_table({"x": x, "t": t, "y": t * x}, outcome="y", treatment="t", covariates=["x"])
        >>> model = TARNet(n_folds=2, hidden=(16,), head=(8,), epochs=30, learning_rate=0.01).fit(study)
        >>> bool(abs(model.effect(np.array([[1.0]]))[0] - 1.0) < 0.3)
        True
    """

    n_folds: int = 5
    hidden: tuple[int, ...] = (100, 100)
    head: tuple[int, ...] = (50, 50)
    epochs: int = 200
    learning_rate: float = 3e-3
    batch_size: int = 100
    patience: int = 15
    reg: float = 1e-3
    propensity_model: Any = None
    min_propensity: float = 0.01
    min_per_fold: int = 5

    def __post_init__(self) -> None:
        check_settings(self, hidden=self.hidden, head=self.head)

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> DeepEffectModel:
        """Networks, scores and diagnostics of a study.

        Raises:
            ConfigError: torch is not installed.
            NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment, NoOverlap, BadPropensity:
                before any number, with the evidence and the remedy.
        """
        fitted = cross_fitted(
            self,
            study,
            self._fit_network,
            propensity_model=self.propensity_model,
            propensity_by="engine",
            context=context,
        )
        return DeepEffectModel(learner=self, method="TARNet", fitted=fitted)

    def _fit_network(self, rows: TrainingRows, context: RunContext, label: str) -> ArmPredictor:
        from dorec.estimate.neural.arm_network import ArmNetwork, Batch, factual, outcome_loss  # loads torch
        from dorec.estimate.neural.fold_network import fit_fold_network

        def make(n_columns: int) -> ArmNetwork:
            return ArmNetwork(n_columns=n_columns, n_arms=rows.n_arms, hidden=self.hidden, head=self.head)

        def objective(network: ArmNetwork, batch: Batch) -> Any:
            return outcome_loss(factual(network(batch), batch), batch.y, batch.weight, rows.binary)

        return fit_fold_network(make, objective, rows.with_arms_alike(), self, context, f"TARNet, {label}")
