"""Estimators of effects by name, loaded on use."""

from typing import Any

from dorec.domain.registry import Registry

REGISTRY = Registry(
    "effect learner",
    "dorec.effect_learners",
    {
        "aipw": "dorec.estimate.aipw:AIPW",
        "tmle": "dorec.estimate.tmle:TMLE",
        "double_ml": "dorec.estimate.double_ml:DoubleML",
        "ipw": "dorec.estimate.ipw:IPW",
        "regression_adjustment": "dorec.estimate.regression_adjustment:RegressionAdjustment",
        "matching": "dorec.estimate.matching:Matching",
        "robust_regression": "dorec.estimate.robust_regression:RobustRegression",
        "robust_difference": "dorec.estimate.robust_mean:RobustDifference",
        "dose_response": "dorec.estimate.dose_response:DoseResponse",
        "quantile_effect": "dorec.estimate.quantile_effect:QuantileEffect",
        "causal_forest": "dorec.estimate.causal_forest:CausalForest",
        "s_learner": "dorec.estimate.meta_learners:SLearner",
        "t_learner": "dorec.estimate.meta_learners:TLearner",
        "x_learner": "dorec.estimate.meta_learners:XLearner",
        "r_learner": "dorec.estimate.meta_learners:RLearner",
        "dr_learner": "dorec.estimate.meta_learners:DRLearner",
        "uplift_tree": "dorec.estimate.uplift_tree:UpliftTree",
        "tarnet": "dorec.estimate.neural.tarnet:TARNet",
        "cfrnet": "dorec.estimate.neural.cfrnet:CFRNet",
        "dragonnet": "dorec.estimate.neural.dragonnet:DragonNet",
        "interactive_iv": "dorec.estimate.interactive_iv:InteractiveIV",
        "orthogonal_iv": "dorec.estimate.orthogonal_iv:OrthogonalIV",
        "dr_iv": "dorec.estimate.dr_iv:DRIV",
        "two_stage_least_squares": "dorec.estimate.two_stage_least_squares:TwoStageLeastSquares",
        "deep_iv": "dorec.estimate.neural.deep_iv:DeepIV",
        "front_door": "dorec.estimate.front_door:FrontDoor",
        "mediation": "dorec.estimate.mediation:Mediation",
        "plug_in": "dorec.estimate.plug_in:PlugIn",
    },
)


ALSO = {
    "driv": "dr_iv",
    "2sls": "two_stage_least_squares",
    "iv": "two_stage_least_squares",
    "late": "interactive_iv",
    "dml": "double_ml",
}


def make(name: str, **settings: Any) -> Any:
    """The effect learner of that name, or of the class of that name, with these hyperparameters.

    Raises:
        ConfigError: the name or a setting is unknown, or a setting is out of its bounds.

    Example:
        >>> make("AIPW", n_folds=3).n_folds
        3
        >>> make("double_ml", n_fold=3)
        Traceback (most recent call last):
        ...
        dorec.domain.errors.ConfigError: double_ml has no setting 'n_fold'. ... Did you mean 'n_folds'?
    """
    return REGISTRY.make(registered_name(name), **settings)


def registered_name(name: str) -> str:
    """The registered name of what people write: "AIPW", "DoubleML" and "2SLS" too; unknown ones as they are.

    >>> registered_name("TwoStageLeastSquares"), registered_name("2SLS"), registered_name("aipww")
    ('two_stage_least_squares', 'two_stage_least_squares', 'aipww')
    """
    plain = ALSO | {known.replace("_", ""): known for known in REGISTRY}
    return plain.get(name.casefold().replace("_", "").replace("-", ""), name)
