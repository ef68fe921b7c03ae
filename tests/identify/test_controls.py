import pytest

from dorec.domain.errors import BadControl, PostTreatmentCovariate
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify import check_controls, is_valid_adjustment

QUERY = CausalQuery("exposure", "purchase")
SHOP = CausalGraph.from_edges(
    ["activity", "exposure", "clicks_after_exposure", "purchase", "was_returned", "taste", "budget"],
    directed=[
        ("activity", "exposure"),
        ("activity", "purchase"),
        ("exposure", "clicks_after_exposure"),
        ("clicks_after_exposure", "purchase"),
        ("exposure", "was_returned"),
        ("purchase", "was_returned"),
    ],
)


def refusal(graph, controls, query=QUERY, **options):
    with pytest.raises(BadControl) as refused:
        check_controls(graph, query, controls, **options)
    return refused.value


def test_mediator_and_collider_are_named_with_their_paths():  # N31
    refused = refusal(SHOP, ["clicks_after_exposure", "was_returned"])
    assert refused.code == "bad_control"
    harmful = refused.evidence["harmful"]
    assert harmful["clicks_after_exposure"] == (
        "clicks_after_exposure blocks exposure -> clicks_after_exposure -> purchase, a part of the effect"
    )
    assert "exposure -> was_returned <- purchase" in harmful["was_returned"]
    assert refused.evidence["open_path"] == "exposure <- activity -> purchase"
    assert refused.remedy == "adjust for activity instead"


def test_controls_from_after_the_treatment_alone_have_a_class_of_their_own():
    refused = refusal(SHOP, ["activity", "clicks_after_exposure"])
    assert isinstance(refused, PostTreatmentCovariate)
    assert "clicks_after_exposure blocks" in refused.reason


def test_a_collider_from_before_the_treatment_opens_a_path():
    graph = CausalGraph.from_edges("abmty", directed=[("a", "m"), ("b", "m"), ("a", "t"), ("b", "y"), ("t", "y")])
    query = CausalQuery("t", "y")
    refused = refusal(graph, ["m"], query)
    assert refused.reason == "m opens t <- a -> m <- b -> y (by adjusting for m)"
    assert refused.remedy == "adjust for nothing: the empty set is valid"
    check_controls(graph, query, ["m", "a"])
    check_controls(graph, query, [])


def test_what_is_left_open_is_refused_with_a_remedy():
    refused = refusal(SHOP, [])
    assert not isinstance(refused, PostTreatmentCovariate)
    assert refused.reason == "exposure <- activity -> purchase stays open"
    hidden = refusal(SHOP, [], unobserved=["activity"])
    assert hidden.remedy.startswith("no adjustment set is valid")


def test_good_controls_pass_and_every_refusal_names_something(graphs):
    import numpy as np

    n_good = n_bad = 0
    for seed in range(40):
        graph = graphs.random_admg(6, np.random.default_rng(seed))
        query = CausalQuery("v0", "v1")
        for z in graphs.subsets(["v2", "v3", "v4", "v5"]):
            if is_valid_adjustment(graph, query, z):
                check_controls(graph, query, z)
                n_good += 1
            else:
                refused = refusal(graph, z, query)
                assert refused.evidence["harmful"] or refused.evidence["open_path"]
                assert "v0" in refused.reason
                n_bad += 1
    assert min(n_good, n_bad) > 50
