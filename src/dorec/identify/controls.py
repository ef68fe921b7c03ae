"""Controls that someone wants to adjust for: which of them do harm, and how."""

from dorec.domain.errors import BadControl, PostTreatmentCovariate
from dorec.domain.graph import CausalGraph, Edge
from dorec.domain.query import CausalQuery
from dorec.identify.adjustment import BackDoor, Names
from dorec.identify.amenability import needs_amenability
from dorec.identify.separation import as_names, in_words, is_d_separated, open_path


def check_controls(graph: CausalGraph, query: CausalQuery, controls: Names, unobserved: Names = ()) -> None:
    """Refuse controls that block the effect, open a path, or leave one open.

    Args:
        graph: an ADMG, CPDAG, MPDAG or PAG; paths in a class of graphs are shown as one of them has them.
        query: treatments, outcomes and conditions.
        controls: what is to be adjusted for.
        unobserved: nodes of the graph that were not measured.

    Raises:
        BadControl: with the path that each control opens or blocks, and a valid set if there is one; its subclass
            PostTreatmentCovariate if all that is wrong are controls from after the treatment.
        NotIdentifiable: graphs of the class differ in what is causal, with the edge that decides.

    Example:
        >>> g = CausalGraph.from_edges("tmy", directed=[("t", "m"), ("m", "y")])
        >>> check_controls(g, CausalQuery("t", "y"), ["m"])
        Traceback (most recent call last):
        ...
        dorec.domain.errors.PostTreatmentCovariate: bad_control: m blocks t -> m -> y, a part of the effect. Remedy: ...
    """
    door = BackDoor.of(graph, query, unobserved)
    chosen = as_names(graph, controls)
    if door.is_valid(chosen):
        return
    if door.reading is not None:
        needs_amenability(door.reading, query)
        graph = door.reading.member
    said = {name: _harm(graph, door, chosen, name) for name in sorted(chosen)}
    harmful = {name: words for name, words in said.items() if words}
    left_open = door.open_path(chosen & door.allowed - harmful.keys())
    reasons = list(harmful.values())
    if left_open:
        reasons.append(f"{in_words(left_open)} stays open")
    after = graph.descendants(door.treatments)
    kind = PostTreatmentCovariate if harmful and harmful.keys() <= after and not left_open else BadControl
    raise kind(
        "; ".join(reasons) or "these controls do not separate treatment and outcome",
        remedy=_advice(door),
        evidence={"controls": sorted(chosen), "harmful": harmful, "open_path": in_words(left_open)},
    )


def _harm(graph: CausalGraph, door: BackDoor, chosen: frozenset[str], name: str) -> str:
    """What adjusting for one control does: the path it blocks or opens; empty if it does no harm."""
    if name in door.treatments | door.outcomes:
        return f"{name} is part of the query"
    if name in door.causal:
        path = _through(graph, door, name)
        return f"{name} blocks {in_words(path)}, a part of the effect"
    opened = _opened_by(door, chosen, name)
    if name in door.allowed:
        return f"{name} opens {opened}" if opened else ""
    if name in graph.descendants(door.causal):
        path = _past_the_effect(graph, door, name)
        effect = f"{name} carries a part of the effect: {in_words(path)}"
        return f"{effect}, and it opens {opened}" if opened else effect
    return f"{name} was not measured, or comes after the treatment"


def _opened_by(door: BackDoor, chosen: frozenset[str], name: str) -> str:
    """A path that the other allowed controls block and that this one opens, in words."""
    rest = (chosen & door.allowed) - {name}
    for others in (rest, door.largest() - {name}, frozenset[str]()):
        if is_d_separated(door.graph, door.treatments, door.outcomes, others | door.given):
            path = open_path(door.graph, door.treatments, door.outcomes, others | door.given | {name})
            return f"{in_words(path)} (by adjusting for {name})" if path else ""
    return ""


def _past_the_effect(graph: CausalGraph, door: BackDoor, name: str) -> list[Edge]:
    """From the treatment to the nearest node on a causal path, and on to `name`."""
    onward = min((_directed(graph, frozenset((c,)), name) or [] for c in sorted(door.causal)), key=_length)
    return [*_directed(graph.subgraph(door.causal | door.treatments), door.treatments, onward[0].a), *onward]


def _length(path: list[Edge]) -> float:
    return len(path) or float("inf")


def _through(graph: CausalGraph, door: BackDoor, name: str) -> list[Edge]:
    """A causal path that visits `name`."""
    inside = graph.subgraph(door.causal | door.treatments)
    before = _directed(inside, door.treatments, name)
    if name in door.outcomes:
        return before
    after = [_directed(graph.subgraph(door.causal), frozenset((name,)), y) for y in sorted(door.outcomes)]
    return [*before, *min(after, key=_length)]


def _directed(graph: CausalGraph, starts: frozenset[str], end: str) -> list[Edge]:
    """A shortest directed path, as edges."""
    before: dict[str, Edge] = {}
    queue = sorted(starts)
    for node in queue:
        for edge in graph.incident(node):
            if edge.mark_a == "tail" and edge.b not in before and edge.b not in starts:
                before[edge.b] = edge
                queue.append(edge.b)
    path, node = [], end
    while node in before:
        path.append(before[node])
        node = before[node].a
    return path[::-1]


def _advice(door: BackDoor) -> str:
    best = min(door.minimal(), key=lambda s: (len(s), sorted(s)), default=None)
    if best is None:
        return "no adjustment set is valid in this graph: measure what confounds, or randomise"
    return f"adjust for {', '.join(sorted(best))} instead" if best else "adjust for nothing: the empty set is valid"
