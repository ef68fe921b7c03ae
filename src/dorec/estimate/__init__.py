"""How big is it? A study and an estimand become an effect with an interval that holds."""

from dorec.estimate.aipw import AIPW, AIPWModel
from dorec.estimate.average_effect import AverageEffectModel
from dorec.estimate.best_linear_projection import best_linear_projection
from dorec.estimate.calibration import calibration_test
from dorec.estimate.causal_forest import CausalForest, CausalForestModel
from dorec.estimate.diagnostics import Overlap
from dorec.estimate.difference_in_differences import DifferenceInDifferences, PanelEffects
from dorec.estimate.double_ml import DoubleML, PartiallyLinearModel
from dorec.estimate.front_door import FrontDoor
from dorec.estimate.ipw import IPW
from dorec.estimate.matching import Matching
from dorec.estimate.mediation import Mediation, MediationModel
from dorec.estimate.meta_learners import DRLearner, MetaLearnerModel, RLearner, SLearner, TLearner, XLearner
from dorec.estimate.naive import naive_difference
from dorec.estimate.regression_adjustment import RegressionAdjustment
from dorec.estimate.regression_discontinuity import DiscontinuityModel, RegressionDiscontinuity
from dorec.estimate.strategy import adjusted_for, estimate
from dorec.estimate.synthetic_control import SyntheticControl, SyntheticControlModel
from dorec.estimate.tmle import TMLE
from dorec.estimate.two_stage_least_squares import InstrumentModel, TwoStageLeastSquares

__all__ = [
    "AIPW",
    "IPW",
    "TMLE",
    "AIPWModel",
    "AverageEffectModel",
    "CausalForest",
    "CausalForestModel",
    "DRLearner",
    "DifferenceInDifferences",
    "DiscontinuityModel",
    "DoubleML",
    "FrontDoor",
    "InstrumentModel",
    "Matching",
    "Mediation",
    "MediationModel",
    "MetaLearnerModel",
    "Overlap",
    "PanelEffects",
    "PartiallyLinearModel",
    "RLearner",
    "RegressionAdjustment",
    "RegressionDiscontinuity",
    "SLearner",
    "SyntheticControl",
    "SyntheticControlModel",
    "TLearner",
    "TwoStageLeastSquares",
    "XLearner",
    "adjusted_for",
    "best_linear_projection",
    "calibration_test",
    "estimate",
    "naive_difference",
]
