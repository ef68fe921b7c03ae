"""What is it worth? Logged feedback and a policy, or recommendations and what was held out, to an `Estimate`."""

from dorec.evaluate.compare import Comparison, compare
from dorec.evaluate.direct_method import DirectMethod
from dorec.evaluate.doubly_robust import DoublyRobust
from dorec.evaluate.dros import DRos
from dorec.evaluate.ips import IPS
from dorec.evaluate.judged_log import OffPolicyEstimator, off_policy_values
from dorec.evaluate.mips import MIPS
from dorec.evaluate.mrdr import MRDR
from dorec.evaluate.observed_qini import observed_auuc, observed_qini
from dorec.evaluate.off_policy import effective_sample_size
from dorec.evaluate.policies import popularity_policy, softmax_policy, uniform_policy
from dorec.evaluate.ranking import ranking
from dorec.evaluate.rate import TocCurve, rate, toc_curve
from dorec.evaluate.sndr import SNDR
from dorec.evaluate.snips import SNIPS
from dorec.evaluate.sub_gaussian_ips import SubGaussianIPS
from dorec.evaluate.switch_dr import SwitchDR
from dorec.evaluate.uplift import UpliftCurve, auuc, qini, uplift_at, uplift_curve

__all__ = [
    "IPS",
    "MIPS",
    "MRDR",
    "SNDR",
    "SNIPS",
    "Comparison",
    "DRos",
    "DirectMethod",
    "DoublyRobust",
    "OffPolicyEstimator",
    "SubGaussianIPS",
    "SwitchDR",
    "TocCurve",
    "UpliftCurve",
    "auuc",
    "compare",
    "effective_sample_size",
    "observed_auuc",
    "observed_qini",
    "off_policy_values",
    "popularity_policy",
    "qini",
    "ranking",
    "rate",
    "softmax_policy",
    "toc_curve",
    "uniform_policy",
    "uplift_at",
    "uplift_curve",
]
