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
    with pytest.raises(CyclicGraph, match="a -> b -> c -> a"):
        Knowledge(required=(("a", "b"), ("b", "c"), ("c", "a")))


def test_strangers_are_named():
    known = Knowledge(tiers=(("a",), ("z",)), priors={("a", "q"): Prior(0.7, "a guess")})
    with pytest.raises(InputError, match=r"names q, z, which the table lacks\. Columns: a, b"):
        known.check_nodes(["a", "b"])
    known.check_nodes(["a", "q", "z"])


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0])
def test_a_prior_is_never_certain(confidence):
    with pytest.raises(InputError, match="strictly between 0 and 1"):
        Prior(confidence)
