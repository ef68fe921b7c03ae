"""How big is it? A study and an estimand become an effect with an interval that holds."""

from dorec.estimate.aipw import AIPW, AIPWModel
from dorec.estimate.diagnostics import Overlap
from dorec.estimate.naive import naive_difference
from dorec.estimate.strategy import adjusted_for, estimate

__all__ = ["AIPW", "AIPWModel", "Overlap", "adjusted_for", "estimate", "naive_difference"]
