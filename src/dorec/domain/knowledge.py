"""What is known of a causal graph before the data are looked at."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

from dorec.domain.errors import InputError
from dorec.domain.graph import CausalGraph, Pair


@dataclass(frozen=True)
class Prior:
    """A soft belief in a -> b, with its confidence in (0, 1) and where it comes from.

    The confidence is that of a -> b against no edge between a and b, all else being equal: confidence / (1 -
    confidence) are the odds that the score's Bayes factor multiplies, and 0.5 leaves the data alone. With nothing said
    of b -> a, that direction stays at even odds; forbid it to speak of one direction only, or give both directions the
    same prior to speak of the adjacency.

    >>> round(Prior(0.9, "survey 2024").log_odds, 3)
    2.197
    """

    confidence: float
    provenance: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise InputError(f"confidence is {self.confidence}; give a probability strictly between 0 and 1.")

    @property
    def log_odds(self) -> float:
        """log(confidence / (1 - confidence)): what a score adds for the edge."""
        return math.log(self.confidence) - math.log1p(-self.confidence)


@dataclass(frozen=True)
class Knowledge:
    """Tiers (no effect points to an earlier tier), required and forbidden edges, soft priors, and groups of nodes.

    A group is several columns that measure one concept. Wherever a node may stand, a group's name stands for all of its
    members: an edge between groups (or a group and a node) becomes the edges from every member of the one to every
    member of the other, and ("g", "g") those between any two members, both ways. The fields hold what that comes to.

    Knowledge that contradicts itself is refused with the edges, or the cycle, that do.

    Args:
        tiers: nodes, the earliest tier first; nodes left out may stand anywhere.
        required: edges that must be there.
        forbidden: edges that can't.
        priors: soft beliefs in edges, for searches by score.
        groups: name -> its members.

    Example:
        >>> k = Knowledge(tiers=(("shown",), ("view",), ("cart", "purchase")))
        >>> k.forbids("cart", "shown"), k.forbids("shown", "cart")
        (True, False)
        >>> Knowledge(forbidden=(("taste", "y"),), groups={"taste": ("likes", "stars")}).forbidden
        (('likes', 'y'), ('stars', 'y'))
        >>> Knowledge(required=(("a", "b"),), forbidden=(("a", "b"),))
        Traceback (most recent call last):
        ...
        dorec.domain.errors.InputError: a -> b is required and forbidden at once; keep one of the two.
    """

    tiers: tuple[tuple[str, ...], ...] = ()
    required: tuple[Pair, ...] = ()
    forbidden: tuple[Pair, ...] = ()
    priors: Mapping[Pair, Prior] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        groups = _checked_groups(self.groups)
        given: Sequence[object] = self.tiers
        text = [tier for tier in given if isinstance(tier, str)]
        if text:
            raise InputError(
                f"Tier {text[0]!r} is text; give each tier as a tuple of nodes, as (('shown',), ('view',))."
            )
        tiers = tuple(tuple(node for name in tier for node in groups.get(name, (name,))) for tier in self.tiers)
        object.__setattr__(self, "groups", groups)
        object.__setattr__(self, "tiers", tiers)
        object.__setattr__(self, "required", _pairs(self.required, groups))
        object.__setattr__(self, "forbidden", _pairs(self.forbidden, groups))
        object.__setattr__(self, "priors", _expanded_priors(self.priors, groups))
        placed = [node for tier in self.tiers for node in tier]
        if len(set(placed)) < len(placed):
            twice = sorted({n for n in placed if placed.count(n) > 1})
            raise InputError(f"{', '.join(twice)} stand in more than one tier; give each node one tier.")
        for a, b in self.required:
            if (a, b) in self._forbidden:
                raise InputError(f"{a} -> {b} is required and forbidden at once; keep one of the two.")
            if self._is_earlier(b, a):
                raise InputError(f"{a} -> {b} is required but points to an earlier tier; change the tiers or the edge.")
        nodes = sorted({n for pair in self.required for n in pair})
        graph = CausalGraph.from_edges(nodes, directed=self.required)  # refuses a cycle and names it
        self._refuse_detours(graph)
        self._refuse_decided_priors()

    def _refuse_detours(self, graph: CausalGraph) -> None:
        """Refuse required edges that lead, through nodes without a tier, from a later tier to an earlier one."""
        for start in graph.nodes:
            for end in sorted(graph.descendants([start])):
                if self._is_earlier(end, start):
                    raise InputError(
                        f"The required edges lead from {start} (tier {self.tier(start)}) to {end} (tier "
                        f"{self.tier(end)}), back in time; change the tiers or one of these edges."
                    )

    def _refuse_decided_priors(self) -> None:
        """Refuse a soft belief in an edge that is settled: it could never matter."""
        for a, b in self.priors:
            if self.requires(a, b) or self.forbids(a, b):
                how = "required" if self.requires(a, b) else "forbidden (itself, by the tiers or by a required edge)"
                raise InputError(f"{a} -> {b} has a prior but is {how}; keep one of the two.")

    def _is_earlier(self, a: str, b: str) -> bool:
        tier_a, tier_b = self.tier(a), self.tier(b)
        return tier_a is not None and tier_b is not None and tier_a < tier_b

    def tier(self, node: str) -> int | None:
        """The tier of a node, from 0, or None if it has none."""
        return self._tier_of.get(node)

    @cached_property
    def _tier_of(self) -> dict[str, int]:
        return {node: i for i, tier in enumerate(self.tiers) for node in tier}

    @cached_property
    def _forbidden(self) -> frozenset[Pair]:
        return frozenset(self.forbidden)

    @cached_property
    def _required(self) -> frozenset[Pair]:
        return frozenset(self.required)

    def forbids(self, a: str, b: str) -> bool:
        """Whether a -> b can't be: it is forbidden, points back in time, or the opposite edge is required."""
        return self._is_earlier(b, a) or (a, b) in self._forbidden or (b, a) in self._required

    def requires(self, a: str, b: str) -> bool:
        """Whether a -> b must be."""
        return (a, b) in self._required

    def without_priors(self) -> "Knowledge":
        """The same knowledge with nothing that is only believed.

        >>> Knowledge(forbidden=(("b", "a"),), priors={("a", "b"): Prior(0.9)}).without_priors()
        Knowledge(tiers=(), required=(), forbidden=(('b', 'a'),), priors={}, groups={})
        """
        return Knowledge(self.tiers, self.required, self.forbidden, {}, self.groups)

    def check_nodes(self, nodes: Sequence[str]) -> None:
        """Refuse knowledge about nodes that the table does not have, and groups with the name of a column."""
        named = {n for tier in self.tiers for n in tier} | {n for p in (*self.required, *self.forbidden) for n in p}
        named |= {n for p in self.priors for n in p} | {n for members in self.groups.values() for n in members}
        strangers = sorted(named - set(nodes))
        if strangers:
            raise InputError(
                f"Knowledge names {', '.join(strangers)}, which the table lacks. Columns: {', '.join(nodes)}."
            )
        both = sorted(set(self.groups) & set(nodes))
        if both:
            raise InputError(f"{', '.join(both)} name both a group and a column; rename the group.")


def _checked_groups(groups: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    out: dict[str, tuple[str, ...]] = {}
    for name, members in groups.items():
        given = (members,) if isinstance(members, str) else tuple(members)
        if not given or len(set(given)) < len(given):
            raise InputError(f"Group {name} has {given!r}; give one member or more, each once.")
        nested = sorted(set(given) & set(groups))
        if nested:
            raise InputError(f"Group {name} has {', '.join(nested)} among its members; a group holds nodes only.")
        out[name] = given
    return out


def _pairs(pairs: Iterable[Pair], groups: Mapping[str, tuple[str, ...]]) -> tuple[Pair, ...]:
    out: dict[Pair, None] = {}
    for pair in pairs:
        if isinstance(pair, str) or len(pair) != 2:
            raise InputError(f"{pair!r} is no edge; give pairs of nodes, as (('view', 'cart'),).")
        out |= dict.fromkeys(_expanded(*pair, groups))
    return tuple(out)


def _expanded(a: str, b: str, groups: Mapping[str, tuple[str, ...]]) -> list[Pair]:
    """The edges that a -> b stands for."""
    if a == b and a not in groups:
        raise InputError(f"{a} -> {a} leads from a node to itself; name two nodes.")
    found = [(x, y) for x, y in product(groups.get(a, (a,)), groups.get(b, (b,))) if a != b or x != y]
    shared = sorted({x for x, y in found if x == y})
    if shared:
        raise InputError(f"{a} -> {b} leads from {', '.join(shared)} to itself; take it out of one of the two groups.")
    return found


def _expanded_priors(priors: Mapping[Pair, Prior], groups: Mapping[str, tuple[str, ...]]) -> dict[Pair, Prior]:
    out: dict[Pair, Prior] = {}
    for (a, b), prior in priors.items():
        if not isinstance(prior, Prior):
            raise InputError(f"The prior of {a} -> {b} is {prior!r}; give Prior(confidence, provenance).")
        for pair in _expanded(a, b, groups):
            if out.get(pair, prior) != prior:
                raise InputError(f"{pair[0]} -> {pair[1]} has two priors, one through a group; keep one of the two.")
            out[pair] = prior
    return out
