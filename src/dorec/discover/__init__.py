"""What may cause what? A table and what is known beforehand -> a causal graph."""

from dorec.discover.anm import NoiseDirection, PairwiseANM, additive_noise_direction
from dorec.discover.bootstrap import BootstrapDiscovery, EdgeFrequencies
from dorec.discover.boss import BOSS
from dorec.discover.causal_learn import CDNOD, GIN, GRaSP, KernelPC
from dorec.discover.compare import GraphComparison, compare_graphs, structural_hamming_distance
from dorec.discover.dagma import Dagma
from dorec.discover.direct_lingam import DirectLiNGAM, LingamReport
from dorec.discover.ensemble import EnsembleDiscovery, MethodAgreement
from dorec.discover.exact_search import ExactSearch
from dorec.discover.falsify import falsify
from dorec.discover.fci import FCI
from dorec.discover.funnel import funnel_knowledge
from dorec.discover.ges import GES
from dorec.discover.hawkes import HawkesFit, HawkesGranger
from dorec.discover.hill_climbing import HillClimbing
from dorec.discover.intervention_distance import sid_bounds, structural_intervention_distance
from dorec.discover.lag_pc import LagPC
from dorec.discover.lagged_links import LaggedLink, LaggedLinks, summary_graph
from dorec.discover.lingam_package import CAMUV, RCD
from dorec.discover.markov_check import Independence, implied_independences, markov_check
from dorec.discover.neural.graph_autoencoder import GraphAutoencoder
from dorec.discover.neural.notears_mlp import NotearsMLP
from dorec.discover.notears import Notears
from dorec.discover.pc import PC
from dorec.discover.priors import PriorEffect, discover_with_priors
from dorec.discover.registry import REGISTRY, make
from dorec.discover.rfci import RFCI
from dorec.discover.variance_order import ContinuousReport, VarianceOrderWarning, varsortability

__all__ = [
    "BOSS",
    "CAMUV",
    "CDNOD",
    "FCI",
    "GES",
    "GIN",
    "PC",
    "RCD",
    "REGISTRY",
    "RFCI",
    "BootstrapDiscovery",
    "ContinuousReport",
    "Dagma",
    "DirectLiNGAM",
    "EdgeFrequencies",
    "EnsembleDiscovery",
    "ExactSearch",
    "GRaSP",
    "GraphAutoencoder",
    "GraphComparison",
    "HawkesFit",
    "HawkesGranger",
    "HillClimbing",
    "Independence",
    "KernelPC",
    "LagPC",
    "LaggedLink",
    "LaggedLinks",
    "LingamReport",
    "MethodAgreement",
    "NoiseDirection",
    "Notears",
    "NotearsMLP",
    "PairwiseANM",
    "PriorEffect",
    "VarianceOrderWarning",
    "additive_noise_direction",
    "compare_graphs",
    "discover_with_priors",
    "falsify",
    "funnel_knowledge",
    "implied_independences",
    "make",
    "markov_check",
    "sid_bounds",
    "structural_hamming_distance",
    "structural_intervention_distance",
    "summary_graph",
    "varsortability",
]
