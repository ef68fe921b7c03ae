"""What beliefs did to a graph: the same search with and without its priors."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dorec.discover.bootstrap import BootstrapDiscovery
from dorec.discover.boss import BOSS
from dorec.discover.exact_search import ExactSearch
from dorec.discover.ges import GES
from dorec.discover.hill_climbing import HillClimbing
from dorec.domain.errors import ConfigError
from dorec.domain.graph import CausalGraph, Edge
from dorec.domain.knowledge import Knowledge
from dorec.domain.protocols import Discoverer
from dorec.domain.run import RunContext

DEFAULT_CONTEXT = RunContext(seed=0)


@dataclass(frozen=True)
class PriorEffect:
    """A graph that beliefs helped to find, beside the one that data and hard knowledge give alone.

    >>> before = CausalGraph.from_edges("abc", undirected=[("a", "b")])
    >>> after = CausalGraph.from_edges("abc", directed=[("a", "b"), ("b", "c")])
    >>> PriorEffect(after, before).lines()
    ('added b --> c', 'a --- b became a --> b')
    """

    graph: CausalGraph
    without_priors: CausalGraph

    @property
    def added(self) -> tuple[Edge, ...]:
        """Edges between pairs that are not adjacent without the priors."""
        return tuple(e for e in self.graph.edges if _ends(e) not in self._before)

    @property
    def removed(self) -> tuple[Edge, ...]:
        """Edges of the graph without priors between pairs that are not adjacent with them."""
        return tuple(e for e in self.without_priors.edges if _ends(e) not in self._after)

    @property
    def reoriented(self) -> tuple[tuple[Edge, Edge], ...]:
        """Edges whose end marks differ: without the priors, and with them."""
        both = [(e, self._after[_ends(e)]) for e in self.without_priors.edges if _ends(e) in self._after]
        return tuple((before, after) for before, after in both if before != after)

    def lines(self) -> tuple[str, ...]:
        """Each difference in words; none where the priors changed nothing."""
        return (
            *(f"added {edge}" for edge in self.added),
            *(f"removed {edge}" for edge in self.removed),
            *(f"{before} became {after}" for before, after in self.reoriented),
        )

    @cached_property
    def _before(self) -> dict[frozenset[str], Edge]:
        return {_ends(e): e for e in self.without_priors.edges}

    @cached_property
    def _after(self) -> dict[frozenset[str], Edge]:
        return {_ends(e): e for e in self.graph.edges}


def discover_with_priors(
    discoverer: Discoverer, table: Any, knowledge: Knowledge, context: RunContext = DEFAULT_CONTEXT
) -> PriorEffect:
    """The graph with the priors of `knowledge`, and beside it the graph without: what of it is belief.

    Args:
        discoverer: `BOSS`, `ExactSearch`, `HillClimbing`, `GES`, or a `BootstrapDiscovery` of one of them.
        table: any frame that it takes.
        knowledge: with priors; its tiers, required and forbidden edges hold for both graphs.
        context: seed and progress, the same for both.

    Raises:
        ConfigError: the discoverer does not use priors.
        Refusal, InputError: as the discoverer's own.

    Example:
        >>> import numpy as np
        >>> from dorec.domain.knowledge import Prior
        >>> a, b = np.random.default_rng(0).normal(size=(2, 50))
        >>> sure = Knowledge(forbidden=(("b", "a"),), priors={("a", "b"): Prior(0.999, "an experiment")})
        >>> effect = discover_with_priors(BOSS(), {"a": a, "b": b + 0.3 * a}, sure)
        >>> effect.lines(), effect.graph.edges[0].provenance
        (('added a --> b',), 'BOSS bic penalty_discount=2; prior 0.999 of a -> b (an experiment)')
    """
    _refuse_deaf(discoverer)
    graph = discoverer.discover(table, knowledge, context)
    return PriorEffect(graph, discoverer.discover(table, knowledge.without_priors(), context))


def _refuse_deaf(discoverer: Discoverer) -> None:
    """Refuse what would silently ignore priors."""
    if isinstance(discoverer, BootstrapDiscovery):
        _refuse_deaf(discoverer.discoverer)
    elif not isinstance(discoverer, BOSS | ExactSearch | HillClimbing | GES):
        raise ConfigError(
            f"{type(discoverer).__name__} does not use priors; take BOSS, ExactSearch, HillClimbing or GES, or "
            "BootstrapDiscovery of one of them."
        )


def _ends(edge: Edge) -> frozenset[str]:
    return frozenset((edge.a, edge.b))
