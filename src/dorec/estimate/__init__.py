"""How big is it? A study and an estimand become an effect with an interval that holds."""

from dorec.estimate.aipw import AIPW, AIPWModel
from dorec.estimate.average_effect import AverageEffectModel
from dorec.estimate.best_linear_projection import best_linear_projection
from dorec.estimate.calibration import calibration_test
from dorec.estimate.causal_forest import CausalForest, CausalForestModel
from dorec.estimate.complier_model import ComplierModel
from dorec.estimate.diagnostics import Overlap
from dorec.estimate.difference_in_differences import DifferenceInDifferences, PanelEffects
from dorec.estimate.dose_response import DoseResponse, DoseResponseModel
from dorec.estimate.double_ml import DoubleML, PartiallyLinearModel
from dorec.estimate.dr_iv import DRIV, DRIVModel
from dorec.estimate.effect_profile import EffectCurve, EffectMap, effect_curve, effect_map, partial_dependence
from dorec.estimate.effect_tree import EffectTree
from dorec.estimate.front_door import FrontDoor
from dorec.estimate.hierarchical_effect import GroupEffects, HierarchicalEffect, HierarchicalModel
from dorec.estimate.instrument_model import InstrumentModel
from dorec.estimate.interactive_iv import InteractiveIV
from dorec.estimate.interrupted_time_series import InterruptedSeries, InterruptedSeriesModel, InterruptedTimeSeries
from dorec.estimate.ipw import IPW
from dorec.estimate.matching import Matching
from dorec.estimate.mediation import Mediation, MediationModel
from dorec.estimate.meta_learners import DRLearner, MetaLearnerModel, RLearner, SLearner, TLearner, XLearner
from dorec.estimate.modifier_importance import explain_effect, permutation_importance
from dorec.estimate.naive import naive_difference
from dorec.estimate.neural.cfrnet import CFRNet
from dorec.estimate.neural.deep_effect_model import DeepEffectModel
from dorec.estimate.neural.deep_iv import DeepIV, DeepIVModel
from dorec.estimate.neural.dragonnet import DragonNet
from dorec.estimate.neural.histories import Histories
from dorec.estimate.neural.sequence_effect import SequenceEffect
from dorec.estimate.neural.tarnet import TARNet
from dorec.estimate.orthogonal_iv import OrthogonalIV
from dorec.estimate.plug_in import PlugIn, PlugInModel
from dorec.estimate.quantile_effect import QuantileEffect, QuantileEffectModel
from dorec.estimate.registry import REGISTRY, make, registered_name
from dorec.estimate.regression_adjustment import RegressionAdjustment
from dorec.estimate.regression_discontinuity import DiscontinuityModel, RegressionDiscontinuity
from dorec.estimate.robust_mean import RobustDifference, RobustDifferenceModel, robust_mean
from dorec.estimate.robust_regression import RobustRegression, RobustRegressionModel
from dorec.estimate.segment_effects import segment_effects
from dorec.estimate.several_outcomes import effects_on_outcomes
from dorec.estimate.strategy import adjusted_for, estimate, prepared
from dorec.estimate.surrogate_index import SurrogateIndex, SurrogateIndexModel
from dorec.estimate.surrogate_tree import surrogate_tree
from dorec.estimate.synthetic_control import SyntheticControl, SyntheticControlModel
from dorec.estimate.synthetic_difference_in_differences import (
    SyntheticDifferenceInDifferences,
    SyntheticDifferenceModel,
)
from dorec.estimate.tmle import TMLE
from dorec.estimate.two_stage_least_squares import TwoStageLeastSquares
from dorec.estimate.uplift_tree import UpliftTree, UpliftTreeModel

__all__ = [
    "AIPW",
    "DRIV",
    "IPW",
    "REGISTRY",
    "TMLE",
    "AIPWModel",
    "AverageEffectModel",
    "CFRNet",
    "CausalForest",
    "CausalForestModel",
    "ComplierModel",
    "DRIVModel",
    "DRLearner",
    "DeepEffectModel",
    "DeepIV",
    "DeepIVModel",
    "DifferenceInDifferences",
    "DiscontinuityModel",
    "DoseResponse",
    "DoseResponseModel",
    "DoubleML",
    "DragonNet",
    "EffectCurve",
    "EffectMap",
    "EffectTree",
    "FrontDoor",
    "GroupEffects",
    "HierarchicalEffect",
    "HierarchicalModel",
    "Histories",
    "InstrumentModel",
    "InteractiveIV",
    "InterruptedSeries",
    "InterruptedSeriesModel",
    "InterruptedTimeSeries",
    "Matching",
    "Mediation",
    "MediationModel",
    "MetaLearnerModel",
    "OrthogonalIV",
    "Overlap",
    "PanelEffects",
    "PartiallyLinearModel",
    "PlugIn",
    "PlugInModel",
    "QuantileEffect",
    "QuantileEffectModel",
    "RLearner",
    "RegressionAdjustment",
    "RegressionDiscontinuity",
    "RobustDifference",
    "RobustDifferenceModel",
    "RobustRegression",
    "RobustRegressionModel",
    "SLearner",
    "SequenceEffect",
    "SurrogateIndex",
    "SurrogateIndexModel",
    "SyntheticControl",
    "SyntheticControlModel",
    "SyntheticDifferenceInDifferences",
    "SyntheticDifferenceModel",
    "TARNet",
    "TLearner",
    "TwoStageLeastSquares",
    "UpliftTree",
    "UpliftTreeModel",
    "XLearner",
    "adjusted_for",
    "best_linear_projection",
    "calibration_test",
    "effect_curve",
    "effect_map",
    "effects_on_outcomes",
    "estimate",
    "explain_effect",
    "make",
    "naive_difference",
    "partial_dependence",
    "permutation_importance",
    "prepared",
    "registered_name",
    "robust_mean",
    "segment_effects",
    "surrogate_tree",
]
