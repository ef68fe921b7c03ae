from dataclasses import replace
from math import log

import pytest

from dorec.domain.errors import CyclicGraph, InputError
from dorec.domain.knowledge import Knowledge, Prior


def test_tiers_forbid_what_points_back_and_nothing_else():
    known = Knowledge(tiers=(("a", "b"), ("c",)), required=(("a", "b"),), forbidden=(("a", "c"),))
    asked = [(x, y) for x in "abcd" for y in "abcd" if x != y and known.forbids(x, y)]
    assert asked == [("a", "c"), ("b", "a"), ("c", "a"), ("c", "b")]
    assert known.requires("a", "b")
    assert not known.requires("b", "a")
    assert [known.tier(n) for n in "abcd"] == [0, 0, 1, None]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"required": (("a", "b"),), "forbidden": (("a", "b"),)}, "required and forbidden at once"),
        ({"tiers": (("a",), ("b",)), "required": (("b", "a"),)}, "points to an earlier tier"),
        ({"tiers": (("a",), ("a",))}, "a stand in more than one tier"),
        ({"tiers": (("a",), ("c",)), "required": (("c", "b"), ("b", "a"))}, r"from c \(tier 1\) to a \(tier 0\), back"),
    ],
)
def test_contradictions_are_refused(parts, said):
    with pytest.raises(InputError, match=said):
        Knowledge(**parts)


def test_a_cycle_of_required_edges_is_named():
    with pytest.raises(CyclicGraph, match=r"a -> b -> c -> a"):
        Knowledge(required=(("a", "b"), ("b", "c"), ("c", "a")))


def test_strangers_are_named():
    known = Knowledge(tiers=(("a",), ("z",)), priors={("a", "q"): Prior(0.7, "a guess")})
    with pytest.raises(InputError, match=r"names q, z, which the table lacks\. Columns: a, b"):
        known.check_nodes(["a", "b"])
    known.check_nodes(["a", "q", "z"])


def test_a_group_stands_for_its_members_everywhere():
    taste, spend = ("likes", "stars"), ("basket", "total")
    known = Knowledge(
        tiers=(("taste",), ("age", "spend")),
        required=(("stars", "spend"),),
        forbidden=(("age", "spend"), ("spend", "spend")),
        priors={("likes", "spend"): Prior(0.8, "theory")},
        groups={"taste": taste, "spend": spend},
    )
    assert known.tiers == (taste, ("age", *spend))
    assert known.required == (("stars", "basket"), ("stars", "total"))
    assert known.forbidden == (("age", "basket"), ("age", "total"), ("basket", "total"), ("total", "basket"))
    assert known.priors == {("likes", "basket"): Prior(0.8, "theory"), ("likes", "total"): Prior(0.8, "theory")}
    assert replace(known, forbidden=()).required == known.required  # what is expanded stays as it is
    known.check_nodes(["age", *taste, *spend])
    with pytest.raises(InputError, match="names basket, total, which the table lacks"):
        known.check_nodes(["age", *taste])
    with pytest.raises(InputError, match="spend name both a group and a column"):
        known.check_nodes(["age", "spend", *taste, *spend])


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"groups": {"g": ()}}, "give one member or more"),
        ({"tiers": ("shown", "view")}, "Tier 'shown' is text"),
        ({"required": ("ab",)}, "'ab' is no edge"),
        ({"forbidden": (("a", "b", "c"),)}, "is no edge; give pairs"),
        ({"groups": {"g": ("a", "a")}}, "each once"),
        ({"groups": {"g": ("a", "h"), "h": ("b",)}}, "Group g has h among its members"),
        ({"groups": {"g": ("a", "b"), "h": ("b", "c")}, "required": (("g", "h"),)}, "g -> h leads from b to itself"),
        ({"groups": {"g": ("a", "b")}, "forbidden": (("g", "a"),)}, "g -> a leads from a to itself"),
        ({"forbidden": (("a", "a"),)}, "a -> a leads from a node to itself"),
        (
            {"groups": {"g": ("a", "b")}, "required": (("g", "c"),), "forbidden": (("b", "c"),)},
            "b -> c is required and",
        ),
        ({"groups": {"g": ("a", "b")}, "tiers": (("g",), ("b",))}, "b stand in more than one tier"),
        ({"priors": {("a", "b"): 0.9}}, "prior of a -> b is 0.9; give Prior"),
        ({"priors": {("a", "b"): Prior(0.9)}, "forbidden": (("a", "b"),)}, "a -> b has a prior but is forbidden"),
        ({"priors": {("a", "b"): Prior(0.9)}, "required": (("a", "b"),)}, "a -> b has a prior but is required"),
        ({"priors": {("a", "b"): Prior(0.9)}, "required": (("b", "a"),)}, "a -> b has a prior but is forbidden"),
        ({"priors": {("b", "a"): Prior(0.9)}, "tiers": (("a",), ("b",))}, "b -> a has a prior but is forbidden"),
        (
            {"groups": {"g": ("a", "b")}, "priors": {("g", "c"): Prior(0.9), ("a", "c"): Prior(0.8)}},
            "a -> c has two priors",
        ),
    ],
)
def test_what_groups_and_priors_contradict_is_refused(parts, said):
    with pytest.raises(InputError, match=said):
        Knowledge(**parts)


def test_a_cycle_through_groups_is_named_by_its_nodes():
    with pytest.raises(CyclicGraph, match=r"a -> c -> b -> a|b -> a -> c -> b|c -> b -> a -> c"):
        Knowledge(groups={"g": ("a", "b")}, required=(("g", "c"), ("c", "b"), ("b", "a")))
    with pytest.raises(CyclicGraph, match=r"a -> b -> a"):
        Knowledge(groups={"g": ("a", "b")}, required=(("g", "g"),))


def test_log_odds_are_those_of_the_confidence():
    assert Prior(0.5).log_odds == 0
    assert Prior(0.9).log_odds == pytest.approx(log(9))
    assert Prior(0.1).log_odds == pytest.approx(-log(9))
    known = Knowledge(tiers=(("a",), ("b",)), priors={("a", "b"): Prior(0.7)}, groups={"g": ("a",)})
    assert known.without_priors() == Knowledge(tiers=(("a",), ("b",)), groups={"g": ("a",)})


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0])
def test_a_prior_is_never_certain(confidence):
    with pytest.raises(InputError, match="strictly between 0 and 1"):
        Prior(confidence)
