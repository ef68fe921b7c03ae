import numpy as np
import pytest

from dorec.domain.counterfactual import Counterfactual, CounterfactualEstimand
from dorec.domain.errors import ColumnNotFound, InputError, NotIdentifiable
from dorec.domain.expression import At, Constant, Probability
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify import identify_counterfactual, identify_from_experiments, verify

FIGURE_9 = CausalGraph.from_edges(  # Shpitser, Pearl (2007)
    ["x", "w", "y", "d", "z"],
    directed=[("x", "w"), ("w", "y"), ("d", "z"), ("z", "y")],
    bidirected=[("x", "y")],
)


def c(variable, value, **do):
    return Counterfactual(variable, value, do=do)


def test_the_example_of_the_paper():
    estimand = identify_counterfactual(FIGURE_9, [c("y", 1, x=1), c("x", 0), c("z", 0, d=0)], given=c("d", 0))
    assert verify(FIGURE_9, estimand)
    assert {"x", "w"} <= estimand.expression.variables
    assert not [r for r in estimand.regimes if r.do]


def test_what_cannot_be_has_probability_zero_and_nothing_asked_is_sure():
    chain = CausalGraph.from_edges("dzy", directed=[("d", "z"), ("z", "y")])
    never = identify_counterfactual(chain, [c("z", 0, d=0), c("z", 1), c("d", 0)])
    assert (str(never.expression), bool(verify(chain, never))) == ("0", True)
    sure = identify_counterfactual(chain, [])
    assert (str(sure.expression), bool(verify(chain, sure))) == ("1", True)
    assert verify(chain, identify_counterfactual(chain, [c("z", 1), c("z", 1, d=0)], given=c("d", 0)))
    assert str(identify_counterfactual(chain, c("z", 0, z=1)).expression) == "0"
    assert str(identify_counterfactual(chain, c("z", 1, z=1)).expression) == "1"
    with pytest.raises(InputError, match="can't happen together"):
        identify_counterfactual(chain, c("y", 1), given=[c("z", 0), c("z", 1)])


def test_what_is_irrelevant_to_the_question_need_not_be_known():
    graph = CausalGraph.from_edges("xzy", directed=[("x", "z"), ("z", "y"), ("x", "y")], bidirected=[("x", "z")])
    estimand = identify_counterfactual(graph, c("y", 0, x=0), given=[c("z", 0, x=0), c("x", 1)])
    assert str(estimand.interventional) == "P(y=0 | do(x=0), do(z=0))"
    assert verify(graph, estimand)


def test_the_effect_on_the_treated():
    confounded = CausalGraph.from_edges("zxy", directed=[("z", "x"), ("z", "y"), ("x", "y")])
    estimand = identify_counterfactual(confounded, c("y", 1, x=0), given=c("x", 1))
    assert verify(confounded, estimand)
    bow = CausalGraph.from_edges("xy", directed=[("x", "y")], bidirected=[("x", "y")])
    with pytest.raises(NotIdentifiable, match="asks for another x than x = 1") as refused:
        identify_counterfactual(bow, c("y", 1, x=0), given=c("x", 1))
    assert refused.value.evidence["variables"] == ["x", "y"]
    assert verify(bow, identify_counterfactual(bow, c("y", 1, x=1), given=c("x", 1)))


def test_who_would_be_helped_and_harmed_is_not_shown_by_experiments():
    graph = CausalGraph.from_edges("xy", directed=[("x", "y")])
    with pytest.raises(NotIdentifiable, match="belong to two worlds"):
        identify_counterfactual(graph, [c("y", 1, x=1), c("y", 0, x=0)])


def test_an_experiment_stands_in_the_expression_until_it_is_at_hand():
    bow = CausalGraph.from_edges("xy", directed=[("x", "y")], bidirected=[("x", "y")])
    estimand = identify_counterfactual(bow, c("y", 1, x=0))
    assert str(estimand.expression) == "P(y=1 | do(x=0))"
    assert estimand.needs == {"columns": ("x", "y"), "randomised": ("x",)}
    assert estimand.to_dict()["experiments"] == ["do(x)"]
    assert verify(bow, estimand)
    front = CausalGraph.from_edges("xmy", directed=[("x", "m"), ("m", "y")], bidirected=[("x", "y"), ("m", "y")])
    known = identify_counterfactual(front, c("y", 1, x=0), experiments=["x"])
    assert verify(front, known)


def test_nested_counterfactuals_give_natural_effects():
    graph = CausalGraph.from_edges("xmy", directed=[("x", "m"), ("m", "y"), ("x", "y")])
    natural = Counterfactual("y", 1, do={"x": 1, "m": Counterfactual("m", do={"x": 0})})
    estimand = identify_counterfactual(graph, natural)
    assert str(estimand.expression) == "Σ_{m} P(y=1 | x=1, m) P(m | x=0)"
    assert verify(graph, estimand)
    tied = CausalGraph.from_edges("xmy", directed=graph.directed, bidirected=[("m", "y")])
    with pytest.raises(NotIdentifiable):
        identify_counterfactual(tied, natural)
    with pytest.raises(InputError, match="set it to a level"):
        Counterfactual("y", 1, do={"m": Counterfactual("x")})


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_identified_equals_the_share_of_units(graphs, seed):
    rng = np.random.default_rng(seed)
    graph = graphs.random_admg(4, rng, p=0.6, q=0.25)
    n_found = 0
    for _ in range(12):
        events = [random_event(graph, rng) for _ in range(rng.integers(1, 4))]
        given = [random_event(graph, rng) for _ in range(rng.integers(0, 2))]
        try:
            estimand = identify_counterfactual(graph, events, given, experiments=["v0"] if seed % 2 else [])
        except (NotIdentifiable, InputError):
            continue
        assert verify(graph, estimand, n_models=1), (graph, str(estimand))
        n_found += 1
    assert n_found


def random_event(graph, rng):
    def some(p, without=()):
        return {n: int(rng.integers(2)) for n in graph.nodes if n not in without and rng.random() < p}

    do = some(0.35)
    if rng.random() < 0.2 and do:
        name = min(do)
        do[name] = Counterfactual(name, do=some(0.3, without=[name]))
    free = [n for n in graph.nodes if n not in do] or graph.nodes
    return Counterfactual(str(rng.choice(free)), int(rng.integers(2)), do=do)


@pytest.mark.parametrize("seed", range(10))
def test_one_world_is_an_ordinary_effect(graphs, seed):
    graph = graphs.random_admg(5, np.random.default_rng(seed), q=0.3)
    estimand = identify_counterfactual(graph, [c("v0", 1, v1=0), c("v2", 0, v1=0)])
    try:
        identify_from_experiments(graph, CausalQuery("v1", ["v0", "v2"]), [])
    except NotIdentifiable:
        assert any(r.do for r in estimand.regimes)
    else:
        assert not any(r.do for r in estimand.regimes)


def test_wrong_estimands_and_strangers_are_caught():
    graph = CausalGraph.from_edges("zxy", directed=[("z", "x"), ("z", "y"), ("x", "y")])
    wrong = At(Probability(("y",), ("x",)), (("x", 1), ("y", 1)))
    guess = CounterfactualEstimand(events=(c("y", 1, x=1),), interventional=wrong, expression=wrong)
    assert verify(graph, guess).code == "estimand_wrong"
    nothing = CounterfactualEstimand(events=(), interventional=Constant(0.5), expression=Constant(0.5))
    assert not verify(graph, nothing)
    with pytest.raises(ColumnNotFound):
        identify_counterfactual(graph, c("w", 1))
    with pytest.raises(NotIdentifiable, match="z was not measured"):
        identify_counterfactual(graph, c("y", 1, z=1), unobserved="z")
    with pytest.raises(InputError, match="has no value"):
        identify_counterfactual(graph, Counterfactual("y"))
