"""What is known of a causal graph before the data are looked at."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from dorec.domain.errors import InputError
from dorec.domain.graph import CausalGraph, Pair


@dataclass(frozen=True)
class Prior:
    """A soft belief that a -> b exists, with its confidence in (0, 1) and where it comes from."""

    confidence: float
    provenance: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise InputError(f"confidence is {self.confidence}; give a probability strictly between 0 and 1.")


@dataclass(frozen=True)
class Knowledge:
    """Tiers (no effect points to an earlier tier), required and forbidden edges, soft priors.

    Example:
        >>> k = Knowledge(tiers=(("shown",), ("view",), ("cart", "purchase")))
        >>> k.forbids("cart", "shown"), k.forbids("shown", "cart")
        (True, False)
        >>> Knowledge(required=(("a", "b"),), forbidden=(("a", "b"),))
        Traceback (most recent call last):
        ...
        dorec.domain.errors.InputError: a -> b is required and forbidden at once; keep one of the two.
    """

    tiers: tuple[tuple[str, ...], ...] = ()
    required: tuple[Pair, ...] = ()
    forbidden: tuple[Pair, ...] = ()
    priors: Mapping[Pair, Prior] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tiers", tuple(tuple(tier) for tier in self.tiers))
        object.__setattr__(self, "required", _pairs(self.required))
        object.__setattr__(self, "forbidden", _pairs(self.forbidden))
        placed = [node for tier in self.tiers for node in tier]
        if len(set(placed)) < len(placed):
            twice = sorted({n for n in placed if placed.count(n) > 1})
            raise InputError(f"{', '.join(twice)} stand in more than one tier; give each node one tier.")
        for a, b in self.required:
            if (a, b) in self.forbidden:
                raise InputError(f"{a} -> {b} is required and forbidden at once; keep one of the two.")
            if self.forbids(a, b):
                raise InputError(f"{a} -> {b} is required but points to an earlier tier; change the tiers or the edge.")
        nodes = sorted({n for pair in self.required for n in pair})
        graph = CausalGraph.from_edges(nodes, directed=self.required)  # refuses a cycle and names it
        self._refuse_detours(graph)

    def _refuse_detours(self, graph: CausalGraph) -> None:
        """Refuse required edges that lead, through nodes without a tier, from a later tier to an earlier one."""
        for start in graph.nodes:
            for end in sorted(graph.descendants([start])):
                if self._is_earlier(end, start):
                    raise InputError(
                        f"The required edges lead from {start} (tier {self.tier(start)}) to {end} (tier "
                        f"{self.tier(end)}), back in time; change the tiers or one of these edges."
                    )

    def _is_earlier(self, a: str, b: str) -> bool:
        tier_a, tier_b = self.tier(a), self.tier(b)
        return tier_a is not None and tier_b is not None and tier_a < tier_b

    def tier(self, node: str) -> int | None:
        """The tier of a node, from 0, or None if it has none."""
        return self._tier_of.get(node)

    @cached_property
    def _tier_of(self) -> dict[str, int]:
        return {node: i for i, tier in enumerate(self.tiers) for node in tier}

    def forbids(self, a: str, b: str) -> bool:
        """Whether a -> b can't be: it is forbidden, points back in time, or the opposite edge is required."""
        return self._is_earlier(b, a) or (a, b) in self.forbidden or (b, a) in self.required

    def requires(self, a: str, b: str) -> bool:
        """Whether a -> b must be."""
        return (a, b) in self.required

    def check_nodes(self, nodes: Sequence[str]) -> None:
        """Refuse knowledge about nodes that the table does not have."""
        named = {n for tier in self.tiers for n in tier} | {n for p in (*self.required, *self.forbidden) for n in p}
        strangers = sorted((named | {n for p in self.priors for n in p}) - set(nodes))
        if strangers:
            raise InputError(
                f"Knowledge names {', '.join(strangers)}, which the table lacks. Columns: {', '.join(nodes)}."
            )


def _pairs(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    return tuple((a, b) for a, b in pairs)
