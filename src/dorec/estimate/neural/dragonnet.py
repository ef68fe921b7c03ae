"""DragonNet: a representation that predicts the arm as well as the outcome, with targeted regularisation."""

from dataclasses import dataclass
from typing import Any

from dorec.domain.errors import ConfigError
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate.aipw import DEFAULT_CONTEXT
from dorec.estimate.neural.cross_fitted import ArmPredictor, TrainingRows, check_settings, cross_fitted
from dorec.estimate.neural.deep_effect_model import DeepEffectModel


@dataclass(frozen=True, kw_only=True)
class DragonNet:
    """DragonNet with targeted regularisation (Shi, Blei, Veitch 2019, arXiv:1906.02120), cross-fitted.

    The representation keeps what tells the arm, so the network gives propensities too. They are calibrated, blended
    with those of the engine by their out-of-fold error (alone they leave a bias in small samples), and go with the
    network's outcomes into AIPW's orthogonal score. Targeted regularisation moves each arm's outcome along its
    inverse propensity, with a shift for each arm. It needs torch: `pip install 'dorec[deep]'`.

    Args:
        arm_weight: of the cross-entropy of the arm in the loss (the paper's alpha).
        targeting: of targeted regularisation in the loss (the paper's beta); 0 for none.
        n_folds: folds of the cross-fitting, 2 or more.
        hidden: units of each layer of the representation.
        head: units of each hidden layer of an arm's head.
        epochs: passes over the rows, at most; early stopping looks at a fifth of them.
        learning_rate: of AdamW.
        batch_size: rows of a step.
        patience: epochs without a better validation after which it stops.
        reg: weight decay.
        propensity_model: classifier of the arms beside the network's head; a list is blended.
        min_propensity: estimated propensities are raised to this floor (less where an arm is rare).
        min_per_fold: units that each arm must have for each fold.

    Example:
        >>> import numpy as np
        >>> x, t = np.random.default_rng(0).normal(size=400), np.arange(400) % 2
        >>> study = Study.from_table({"x": x, "t": t, "y": t + x}, outcome="y", treatment="t", covariates=["x"])
        >>> learner = DragonNet(n_folds=2, hidden=(16,), head=(8,), epochs=30, learning_rate=0.01)
        >>> bool(abs(learner.fit(study).ate().value - 1.0) < 0.1)
        True
    """

    arm_weight: float = 1.0
    targeting: float = 1.0
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
        if not self.arm_weight > 0 or not self.targeting >= 0:
            raise ConfigError(
                f"arm_weight is {self.arm_weight} and targeting is {self.targeting}; give an arm_weight above 0, or no "
                "propensity is learned, and a targeting of 0 or more."
            )

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
            propensity_by="both",
            context=context,
        )
        return DeepEffectModel(learner=self, method="DragonNet", fitted=fitted)

    def _fit_network(self, rows: TrainingRows, context: RunContext, label: str) -> ArmPredictor:
        from dorec.estimate.neural.arm_network import ArmNetwork, Batch, dragon_loss  # loads torch
        from dorec.estimate.neural.fold_network import fit_fold_network

        def make(n_columns: int) -> ArmNetwork:
            return ArmNetwork(
                n_columns=n_columns, n_arms=rows.n_arms, hidden=self.hidden, head=self.head, arm_head=True
            )

        def objective(network: ArmNetwork, batch: Batch) -> Any:
            return dragon_loss(network(batch), batch, network.shift, (self.arm_weight, self.targeting), rows.binary)

        return fit_fold_network(make, objective, rows, self, context, f"DragonNet, {label}")
