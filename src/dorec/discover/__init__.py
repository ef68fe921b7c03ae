"""What may cause what? A table and what is known beforehand -> a causal graph."""

from dorec.discover.bootstrap import BootstrapDiscovery, EdgeFrequencies
from dorec.discover.boss import BOSS
from dorec.discover.compare import GraphComparison, compare_graphs, structural_hamming_distance
from dorec.discover.ensemble import EnsembleDiscovery, MethodAgreement
from dorec.discover.fci import FCI
from dorec.discover.funnel import funnel_knowledge
from dorec.discover.ges import GES
from dorec.discover.hill_climbing import HillClimbing
from dorec.discover.intervention_distance import sid_bounds, structural_intervention_distance
from dorec.discover.pc import PC

__all__ = [
    "BOSS",
    "FCI",
    "GES",
    "PC",
    "BootstrapDiscovery",
    "EdgeFrequencies",
    "EnsembleDiscovery",
    "GraphComparison",
    "HillClimbing",
    "MethodAgreement",
    "compare_graphs",
    "funnel_knowledge",
    "sid_bounds",
    "structural_hamming_distance",
    "structural_intervention_distance",
]
