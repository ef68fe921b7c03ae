"""Which list of the good ones? Candidates become lists that are varied, balanced, calibrated or fair."""

from dorec.recommend.reranking.calibration import Calibrated
from dorec.recommend.reranking.dpp import DPP
from dorec.recommend.reranking.exposure_cap import ExposureCap
from dorec.recommend.reranking.mmr import MMR
from dorec.recommend.reranking.xquad import XQuAD

__all__ = ["DPP", "MMR", "Calibrated", "ExposureCap", "XQuAD"]
