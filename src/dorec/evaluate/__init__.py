"""What is it worth? Logged feedback and a policy, or recommendations and what was held out, to an `Estimate`."""

from dorec.evaluate.causal_ranking import causal_ranking
from dorec.evaluate.compare import Comparison, compare
from dorec.evaluate.direct_method import DirectMethod
from dorec.evaluate.doubly_robust import DoublyRobust
from dorec.evaluate.drift import context_drift
from dorec.evaluate.drl import DRL
from dorec.evaluate.dros import DRos
from dorec.evaluate.estimated_propensities import estimate_propensities
from dorec.evaluate.ips import IPS
from dorec.evaluate.judged_log import OffPolicyEstimator, off_policy_values
from dorec.evaluate.kernel_ips import KernelIPS
from dorec.evaluate.marginal_ratio import MR
from dorec.evaluate.mips import MIPS
from dorec.evaluate.missing_feedback import ranking_from_observed
from dorec.evaluate.mrdr import MRDR
from dorec.evaluate.observed_qini import observed_auuc, observed_qini
from dorec.evaluate.off_policy import effective_sample_size
from dorec.evaluate.per_decision_ips import PerDecisionIPS, TrajectoryEstimator
from dorec.evaluate.policies import popularity_policy, softmax_policy, uniform_policy
from dorec.evaluate.propensity_check import check_propensities
from dorec.evaluate.ranking import ranking
from dorec.evaluate.rate import TocCurve, rate, toc_curve
from dorec.evaluate.selection import Candidate, Selection, select_estimator
from dorec.evaluate.slates import (
    CascadeDR,
    IndependentIPS,
    PseudoInverse,
    RewardInteractionIPS,
    SlateEstimator,
    SlateIPS,
)
from dorec.evaluate.sndr import SNDR
from dorec.evaluate.snips import SNIPS
from dorec.evaluate.stream import evaluate_stream
from dorec.evaluate.sub_gaussian_ips import SubGaussianIPS
from dorec.evaluate.switch_dr import SwitchDR
from dorec.evaluate.uplift import UpliftCurve, auuc, qini, uplift_at, uplift_curve
from dorec.evaluate.value_bounds import ValueSequence, bernstein_interval, confidence_sequence
from dorec.evaluate.value_parts import policy_contrast, rolling_value, value_by_segment

__all__ = [
    "DRL",
    "IPS",
    "MIPS",
    "MR",
    "MRDR",
    "SNDR",
    "SNIPS",
    "Candidate",
    "CascadeDR",
    "Comparison",
    "DRos",
    "DirectMethod",
    "DoublyRobust",
    "IndependentIPS",
    "KernelIPS",
    "OffPolicyEstimator",
    "PerDecisionIPS",
    "PseudoInverse",
    "RewardInteractionIPS",
    "Selection",
    "SlateEstimator",
    "SlateIPS",
    "SubGaussianIPS",
    "SwitchDR",
    "TocCurve",
    "TrajectoryEstimator",
    "UpliftCurve",
    "ValueSequence",
    "auuc",
    "bernstein_interval",
    "causal_ranking",
    "check_propensities",
    "compare",
    "confidence_sequence",
    "context_drift",
    "effective_sample_size",
    "estimate_propensities",
    "evaluate_stream",
    "observed_auuc",
    "observed_qini",
    "off_policy_values",
    "policy_contrast",
    "popularity_policy",
    "qini",
    "ranking",
    "ranking_from_observed",
    "rate",
    "rolling_value",
    "select_estimator",
    "softmax_policy",
    "toc_curve",
    "uniform_policy",
    "uplift_at",
    "uplift_curve",
    "value_by_segment",
]
