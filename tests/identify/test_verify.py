import numpy as np
import pytest

from dorec.domain.errors import ColumnNotFound
from dorec.domain.estimand import Estimand
from dorec.domain.expression import Probability
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.domain.run import RunContext
from dorec.identify import identify, identify_from_covariates, identify_randomised, verify

CONFOUNDED = CausalGraph.from_edges("zty", directed=[("z", "t"), ("z", "y"), ("t", "y")])
QUERY = CausalQuery("t", "y")


def test_right_and_wrong_estimands_are_told_apart():
    right = verify(CONFOUNDED, identify_from_covariates(QUERY, ["z"]))
    assert (right.status, right.statistic < 1e-12) == ("passed", True)
    wrong = verify(CONFOUNDED, identify_randomised(QUERY))
    assert (wrong.status, wrong.code, wrong.statistic > 1e-3) == ("failed", "estimand_wrong", True)


def test_a_mediator_as_adjustment_set_is_caught():
    graph = CausalGraph.from_edges("tmy", directed=[("t", "m"), ("m", "y"), ("t", "y")])
    assert not verify(graph, identify_from_covariates(QUERY, ["m"]))
    assert verify(graph, identify_from_covariates(QUERY, []))


def test_another_seed_gives_another_model_and_the_same_verdict():
    wrong = identify_randomised(QUERY)
    one, two, again = (verify(CONFOUNDED, wrong, RunContext(seed=s)).statistic for s in (0, 1, 0))
    assert one == again
    assert one != two


def test_a_large_graph_is_verified_on_what_matters():
    rng = np.random.default_rng(0)
    nodes = [f"n{i}" for i in range(60)]
    edges = [(nodes[i], nodes[j]) for j in range(60) for i in rng.choice(j, min(j, 2), replace=False)]
    graph = CausalGraph.from_edges([*nodes, "t", "y"], directed=[*edges, ("n5", "t"), ("n9", "y"), ("t", "y")])
    assert verify(graph, identify(graph, QUERY))


def test_what_is_too_large_for_tables_is_a_warning_not_a_pass():
    names = [f"z{i}" for i in range(25)]
    edges = [e for z in names for e in ((z, "t"), (z, "y"))]
    graph = CausalGraph.from_edges([*names, "t", "y"], directed=[*edges, ("t", "y")])
    verdict = verify(graph, identify_from_covariates(QUERY, names))
    assert (verdict.status, verdict.code, bool(verdict)) == ("warning", "estimand_not_verified", False)
    few = names[:18]
    dense = graph.subgraph([*few, "t", "y"])
    assert verify(dense, identify_from_covariates(QUERY, few)).status == "warning"


def test_strangers_are_refused():
    estimand = Estimand(query=QUERY, strategy="general", expression=Probability(("y",), ("t", "w")))
    with pytest.raises(ColumnNotFound, match="'w'"):
        verify(CONFOUNDED, estimand)
