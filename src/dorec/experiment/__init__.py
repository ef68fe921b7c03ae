"""Did it really work? Design, sample ratio, analysis of randomised experiments, and looks at any time."""

from dorec.experiment.analysis import analyze, arm_values
from dorec.experiment.metrics import Mean, Metric, Proportion, Ratio, aggregates_of
from dorec.experiment.moments import Lift, Moments, compare
from dorec.experiment.power import Design, design
from dorec.experiment.sample_ratio import check_sample_ratio
from dorec.experiment.sequential import ConfidenceSequence

__all__ = [
    "ConfidenceSequence",
    "Design",
    "Lift",
    "Mean",
    "Metric",
    "Moments",
    "Proportion",
    "Ratio",
    "aggregates_of",
    "analyze",
    "arm_values",
    "check_sample_ratio",
    "compare",
    "design",
]
