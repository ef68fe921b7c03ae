"""What could we show? Dataset -> scorer -> ranked items, each with its reasons."""

from dorec.recommend.als import ALS
from dorec.recommend.association_rules import AssociationRules
from dorec.recommend.blend import Blend
from dorec.recommend.bpr import BPR
from dorec.recommend.debiased_mf import DebiasedMF
from dorec.recommend.deconfounded import Deconfounded
from dorec.recommend.dice import DICE
from dorec.recommend.ease import EASE
from dorec.recommend.exposure import LoggedExposure, NaiveBayesExposure, PoissonExposure, PopularityExposure
from dorec.recommend.exposure_log import ExposureLog
from dorec.recommend.factorization_machine import FactorizationMachine
from dorec.recommend.feature_ranker import FeatureRanker
from dorec.recommend.fitted import FittedRecommender
from dorec.recommend.item_knn import ItemKNN
from dorec.recommend.macr import MACR
from dorec.recommend.neural.bert4rec import BERT4Rec
from dorec.recommend.neural.gat import GAT
from dorec.recommend.neural.hstu import HSTU
from dorec.recommend.neural.lightgcn import LightGCN
from dorec.recommend.neural.mult_vae import MultVAE
from dorec.recommend.neural.sasrec import SASRec
from dorec.recommend.neural.two_tower import TwoTower
from dorec.recommend.neural.uplift_transformer import UpliftTransformer
from dorec.recommend.popularity import Popularity
from dorec.recommend.popularity_deconfounded import PopularityDeconfounded
from dorec.recommend.position_bias import Examination, ExaminationModel, examination_by_swaps
from dorec.recommend.registry import REGISTRY, from_arrays, make
from dorec.recommend.slim import SLIM
from dorec.recommend.sparse_ease import SparseEASE
from dorec.recommend.two_stage import TwoStage
from dorec.recommend.ulbpr import ULBPR
from dorec.recommend.uplift_ranker import UpliftRanker
from dorec.recommend.user_knn import UserKNN
from dorec.recommend.warp import WARP
from dorec.recommend.weighted_popularity import WeightedPopularity

__all__ = [
    "ALS",
    "BPR",
    "DICE",
    "EASE",
    "GAT",
    "HSTU",
    "MACR",
    "REGISTRY",
    "SLIM",
    "ULBPR",
    "WARP",
    "AssociationRules",
    "BERT4Rec",
    "Blend",
    "DebiasedMF",
    "Deconfounded",
    "Examination",
    "ExaminationModel",
    "ExposureLog",
    "FactorizationMachine",
    "FeatureRanker",
    "FittedRecommender",
    "ItemKNN",
    "LightGCN",
    "LoggedExposure",
    "MultVAE",
    "NaiveBayesExposure",
    "PoissonExposure",
    "Popularity",
    "PopularityDeconfounded",
    "PopularityExposure",
    "SASRec",
    "SparseEASE",
    "TwoStage",
    "TwoTower",
    "UpliftRanker",
    "UpliftTransformer",
    "UserKNN",
    "WeightedPopularity",
    "examination_by_swaps",
    "from_arrays",
    "make",
]
