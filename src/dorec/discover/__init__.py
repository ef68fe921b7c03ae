"""What may cause what? A table and what is known beforehand -> a causal graph."""

from dorec.discover.boss import BOSS
from dorec.discover.compare import structural_hamming_distance
from dorec.discover.fci import FCI
from dorec.discover.funnel import funnel_knowledge
from dorec.discover.ges import GES
from dorec.discover.pc import PC

__all__ = ["BOSS", "FCI", "GES", "PC", "funnel_knowledge", "structural_hamming_distance"]
