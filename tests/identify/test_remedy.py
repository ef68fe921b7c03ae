from itertools import combinations

import numpy as np
import pytest

from dorec.domain.errors import ColumnNotFound, InputError, NotIdentifiable
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify import identify, identify_from_experiments, remedies

QUERY = CausalQuery("t", "y")
TWO_HIDDEN = CausalGraph.from_edges(
    "uvtmy", directed=[("u", "t"), ("u", "y"), ("v", "t"), ("v", "m"), ("t", "m"), ("m", "y"), ("t", "y")]
)


def can_tell(graph, query, hidden, way):
    try:
        identify_from_experiments(graph, query, list(way.randomise), set(hidden) - set(way.measure))
    except NotIdentifiable:
        return False
    return True


def test_two_hidden_causes_have_to_be_measured_both_or_the_treatment_randomised():
    ways = remedies(TWO_HIDDEN, QUERY, ["u", "v"])
    assert [str(way) for way in ways] == ["measure u and measure v", "randomise t"]
    assert all(can_tell(TWO_HIDDEN, QUERY, ["u", "v"], way) for way in ways)
    cheap = remedies(TWO_HIDDEN, QUERY, ["u", "v"], costs={"u": 4.0, "v": 4.0, "t": 7.0})
    assert [(str(way), way.cost) for way in cheap] == [("randomise t", 7.0), ("measure u and measure v", 8.0)]
    assert remedies(TWO_HIDDEN, QUERY, ["u", "v"], costs={"u": 1.0}) == ()


def test_a_refusal_lists_the_ways_by_cost():
    costs = {"u": 4.0, "v": 4.0, "t": 7.0}
    with pytest.raises(NotIdentifiable) as refused:
        identify(TWO_HIDDEN, QUERY, ["u", "v"], costs=costs)
    assert [o["cost"] for o in refused.value.evidence["options"]] == [7.0, 8.0]
    assert refused.value.remedy.startswith("randomise t, or measure u and measure v, or find an instrument")
    assert identify(TWO_HIDDEN, QUERY, ["u", "v"], experiments=["t"]).needs["randomised"] == ("t",)


def test_another_node_to_randomise_may_be_enough():
    graph = CausalGraph.from_edges("zty", directed=[("z", "t"), ("t", "y")], bidirected=[("z", "t"), ("z", "y")])
    assert [str(w) for w in remedies(graph, QUERY, costs={"z": 1.0})] in ([], ["randomise z"])
    tied = CausalGraph.from_edges(
        ["x1", "w", "y", "x2"],
        directed=[("x1", "w"), ("w", "y"), ("x2", "y")],
        bidirected=[("x1", "w"), ("x2", "y"), ("x1", "x2")],
    )
    (way,) = remedies(tied, CausalQuery(["x1", "x2"], "y"), costs={"x1": 1.0, "x2": 1.0})
    assert (way.randomise, way.cost) == (("x1", "x2"), 2.0)


def test_a_hidden_cause_has_a_cost_by_its_ends():
    bow = CausalGraph.from_edges("ty", directed=[("t", "y")], bidirected=[("t", "y")])
    (way,) = remedies(bow, QUERY, costs={"y <-> t": 3.0})
    assert str(way) == "measure what t and y have as a hidden common cause"
    assert way.to_dict()["measure"] == ["t <-> y"]
    with pytest.raises(ColumnNotFound, match="'w'"):
        remedies(bow, QUERY, costs={"w": 1.0})
    with pytest.raises(InputError, match="costs nan"):
        remedies(bow, QUERY, costs={"t": float("nan")})


@pytest.mark.parametrize("seed", range(15))
def test_the_cheapest_way_is_the_cheapest_of_all(graphs, seed):
    """Against every set of steps, each tried by itself."""
    rng = np.random.default_rng(seed)
    graph = graphs.random_admg(6, rng, p=0.5, q=0.2)
    hidden, query = ["v3", "v4"], CausalQuery("v0", "v1")
    costs = {n: float(rng.integers(1, 9)) for n in ("v0", "v2", "v3", "v4", "v5")}
    if works(graph, query, hidden, ()):
        return
    ways = remedies(graph, query, hidden, costs, limit=1)
    best = min(
        (
            sum(costs[n] for n in chosen)
            for k in (1, 2, 3)
            for chosen in combinations(costs, k)
            if works(graph, query, hidden, chosen)
        ),
        default=None,
    )
    assert (ways[0].cost if ways else None) == best


def works(graph, query, hidden, chosen):
    experiments = [n for n in chosen if n not in hidden]
    try:
        identify_from_experiments(graph, query, experiments, set(hidden) - set(chosen))
    except NotIdentifiable:
        return False
    return True
