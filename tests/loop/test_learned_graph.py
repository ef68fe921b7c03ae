import numpy as np
import pyarrow as pa
import pytest

from dorec.domain.graph import CausalGraph
from dorec.domain.run import RunContext
from dorec.loop.learned_graph import MAX_COVARIATES, learn_graph
from dorec.loop.questions import Question


def question(columns, covariates, **more):
    return Question(
        text="?",
        table=pa.table(columns),
        treatment="t",
        outcomes=("y",),
        covariates=tuple(covariates),
        left_out={},
        randomised=False,
        **more,
    )


@pytest.fixture
def columns():
    rng = np.random.default_rng(0)
    n = 2000
    z = rng.normal(size=n)
    segment = rng.choice(["a", "b", "c"], n)
    t = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)
    return {"z": z, "segment": segment, "t": t, "y": z + t + 2.0 * (segment == "a") + rng.normal(size=n)}


def test_time_order_and_text_columns(columns):
    found = learn_graph(question(columns, ["z", "segment"]), RunContext()).facts
    assert CausalGraph.from_dict(found["graph"]).directed == (("segment", "y"), ("t", "y"), ("z", "t"), ("z", "y"))
    assert "mixed score" in found["graph_method"]
    assert found["graph_checks"][0]["status"] == "passed"
    assert found["tiers"] == [["z", "segment"], ["t"], ["y"]]


def test_what_is_no_node_is_named(columns):
    n = len(columns["z"])
    more = {"sum": columns["z"] * 2, "hole": [None, *columns["z"][1:]], "id": [f"u{i}" for i in range(n)]}
    found = learn_graph(question({**columns, **more}, ["z", "sum", "hole", "id"]), RunContext()).facts
    assert set(found["graph_left_out"]) == {"sum", "hole", "id"}


def test_many_covariates_are_cut_and_said_so(columns):
    rng = np.random.default_rng(1)
    wide = {f"x{i}": rng.normal(size=2000) for i in range(MAX_COVARIATES + 3)}
    found = learn_graph(question({**wide, **columns}, [*wide, "z"]), RunContext()).facts
    assert len(found["graph"]["nodes"]) == MAX_COVARIATES + 2
    assert len(found["graph_left_out"]) == 4


def test_too_few_columns_for_a_graph(columns):
    assert "graph_refused" in learn_graph(question(columns, []), RunContext()).facts


def test_arms_with_names_become_one_contrast(columns):
    named = {**columns, "t": np.where(columns["t"] == 1, "mail", "none")}
    found = learn_graph(question(named, ["z"], control="none"), RunContext()).facts
    assert ("t", "y") in CausalGraph.from_dict(found["graph"]).directed
