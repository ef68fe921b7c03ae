"""Instruments: what moves the treatment, and the outcome only through it."""

from dataclasses import dataclass
from itertools import islice

from dorec.domain.errors import InputError
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify.adjustment import BackDoor
from dorec.identify.separation import Names, as_names, connected, is_d_separated, needs_directions
from dorec.identify.separators import minimal_separators, sides

MAX_SETS = 8  # conditioning sets that are tried for a candidate


@dataclass(frozen=True, order=True)
class Instrument:
    """A node that is an instrument given others; with `given` empty, as it stands.

    >>> str(Instrument("coupon", ("city",)))
    'coupon given city'
    """

    name: str
    given: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} given {', '.join(self.given)}" if self.given else self.name


def is_instrument(
    graph: CausalGraph, query: CausalQuery, instrument: str, given: Names = (), unobserved: Names = ()
) -> bool:
    """Whether, given `given`, the instrument is tied to the treatment, and to the outcome through the effect alone.

    The graphical criterion for conditional instruments (Brito, Pearl 2002, arXiv:1301.0560), for the total effect:
    without the first edges of causal paths, `given` separates instrument and outcome, but not instrument and
    treatment; neither the instrument nor `given` is affected by what is on a causal path. With an instrument the effect
    is identified if relations are linear, and bounded or identified for those it moves (LATE) otherwise.

    Args:
        graph: directed and bidirected edges.
        query: one treatment and one outcome, no conditions.
        instrument: the candidate.
        given: what is conditioned on.
        unobserved: nodes of the graph that were not measured.

    Raises:
        InputError: the query has several treatments or outcomes, or conditions.

    Example:
        >>> g = CausalGraph.from_edges("zty", directed=[("z", "t"), ("t", "y")], bidirected=[("t", "y")])
        >>> is_instrument(g, CausalQuery("t", "y"), "z")
        True
    """
    door = _door(graph, query, unobserved)
    chosen = as_names(graph, given)
    if not {instrument, *chosen} <= door.allowed or instrument in chosen:
        return False
    return _is_instrument(door, instrument, chosen)


def find_instruments(graph: CausalGraph, query: CausalQuery, unobserved: Names = ()) -> tuple[Instrument, ...]:
    """Every node that is an instrument given a minimal set of others, with the smallest such set; the simplest first.

    The separator nearest to the outcome costs the instrument least of its tie to the treatment: where it fails, every
    set of ancestors of the two fails, so that an instrument is found if the graph has one (van der Zander, Textor,
    Liśkiewicz 2015, ijcai.org/Proceedings/15/Papers/457.pdf). Up to eight sets of each candidate are compared in size.

    Args:
        graph: directed and bidirected edges.
        query: one treatment and one outcome, no conditions.
        unobserved: nodes of the graph that were not measured.

    Raises:
        InputError: the query has several treatments or outcomes, or conditions.

    Example:
        >>> edges = [("w", "z"), ("z", "t"), ("w", "y"), ("t", "y")]
        >>> g = CausalGraph.from_edges("wzty", directed=edges, bidirected=[("t", "y")])
        >>> [str(found) for found in find_instruments(g, CausalQuery("t", "y"))]
        ['z given w']
    """
    door = _door(graph, query, unobserved)
    if not door.causal:
        return ()
    found = [Instrument(name) for name in sorted(door.allowed & _as_they_stand(door))]
    for name in sorted(door.allowed - {one.name for one in found}):
        given = _smallest_set(door, name)
        if given:
            found.append(Instrument(name, tuple(sorted(given))))
    return tuple(sorted(found, key=lambda one: (len(one.given), one)))


def _door(graph: CausalGraph, query: CausalQuery, unobserved: Names) -> BackDoor:
    if len(query.treatments) > 1 or len(query.outcomes) > 1 or query.conditions:
        raise InputError(f"{query} asks for more than instruments answer; ask for one treatment and one outcome.")
    needs_directions(graph)
    return BackDoor.of(graph, query, unobserved)


def _smallest_set(door: BackDoor, name: str) -> frozenset[str] | None:
    """The smallest of the first separators from the outcome that leave the candidate tied to the treatment."""
    between = sides(door.graph, frozenset([name]), door.outcomes, frozenset(), door.allowed - {name})
    best: frozenset[str] | None = None
    for given in islice(minimal_separators(between), MAX_SETS):
        if best is not None and (len(given), sorted(given)) > (len(best), sorted(best)):
            continue
        if not is_d_separated(door.graph, name, door.treatments, given):
            best = given
        elif best is None:
            return None  # the first is nearest to the outcome; none does better
        if best is not None and len(best) == 1:
            break
    return best


def _as_they_stand(door: BackDoor) -> frozenset[str]:
    return connected(door.graph, door.treatments) - connected(door.graph, door.outcomes)


def _is_instrument(door: BackDoor, instrument: str, given: frozenset[str]) -> bool:
    return is_d_separated(door.graph, instrument, door.outcomes, given) and not is_d_separated(
        door.graph, instrument, door.treatments, given
    )
