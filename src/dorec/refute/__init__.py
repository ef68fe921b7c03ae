"""Does it survive attack? An estimate and its study become verdicts."""

from dorec.refute.balance import Balance, BalanceTable, balance_table
from dorec.refute.causal_estimator import check_causal_estimator
from dorec.refute.data_subset import DataSubset
from dorec.refute.overlap import Overlap
from dorec.refute.placebo import PlaceboTreatment
from dorec.refute.random_common_cause import RandomCommonCause
from dorec.refute.sensitivity import Sensitivity, e_value, robustness_value
from dorec.refute.suite import DEFAULT_REFUTERS, refute_all

__all__ = [
    "DEFAULT_REFUTERS",
    "Balance",
    "BalanceTable",
    "DataSubset",
    "Overlap",
    "PlaceboTreatment",
    "RandomCommonCause",
    "Sensitivity",
    "balance_table",
    "check_causal_estimator",
    "e_value",
    "refute_all",
    "robustness_value",
]
