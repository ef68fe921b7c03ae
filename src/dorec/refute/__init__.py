"""Does it survive attack? An estimate and its study become verdicts."""

from dorec.refute.balance import Balance, BalanceTable, balance_table
from dorec.refute.bootstrap import BootstrapRefuter
from dorec.refute.causal_estimator import EstimatorReport, check_causal_estimator
from dorec.refute.coverage import Coverage, coverage_of
from dorec.refute.data_subset import DataSubset
from dorec.refute.design_worlds import DESIGN_WORLDS, DesignWorld
from dorec.refute.hidden_confounding import HiddenConfounding, benchmark_strengths, hidden_confounding
from dorec.refute.negative_controls import DummyOutcome, NegativeControlExposure, NegativeControlOutcome
from dorec.refute.overlap import Overlap
from dorec.refute.placebo import PlaceboTreatment
from dorec.refute.random_common_cause import RandomCommonCause
from dorec.refute.rosenbaum import RosenbaumBounds, rosenbaum_bounds
from dorec.refute.sensitivity import Sensitivity, e_value, robustness_value
from dorec.refute.suite import DEFAULT_REFUTERS, RefutationTable, refute_all
from dorec.refute.tipping_point import TippingPoint
from dorec.refute.worlds import WORLDS, EffectWorld

__all__ = [
    "DEFAULT_REFUTERS",
    "DESIGN_WORLDS",
    "WORLDS",
    "Balance",
    "BalanceTable",
    "BootstrapRefuter",
    "Coverage",
    "DataSubset",
    "DesignWorld",
    "DummyOutcome",
    "EffectWorld",
    "EstimatorReport",
    "HiddenConfounding",
    "NegativeControlExposure",
    "NegativeControlOutcome",
    "Overlap",
    "PlaceboTreatment",
    "RandomCommonCause",
    "RefutationTable",
    "RosenbaumBounds",
    "Sensitivity",
    "TippingPoint",
    "balance_table",
    "benchmark_strengths",
    "check_causal_estimator",
    "coverage_of",
    "e_value",
    "hidden_confounding",
    "refute_all",
    "robustness_value",
    "rosenbaum_bounds",
]
