import pytest

from dorec.discover import funnel_knowledge
from dorec.domain.errors import InputError


@pytest.mark.parametrize(
    ("names", "tiers"),
    [
        (["purchase", "view", "cart", "impression"], [["impression"], ["view"], ["cart"], ["purchase"]]),
        (["pv", "fav", "cart", "buy"], [["pv"], ["fav"], ["cart"], ["buy"]]),  # Taobao
        (["view", "addtocart", "transaction"], [["view"], ["addtocart"], ["transaction"]]),  # RetailRocket
        (["n_purchases", "ViewCount", "age", "clicks_7d"], [["ViewCount"], ["clicks_7d"], ["n_purchases"]]),
        (["view_to_cart_rate", "views"], [["views"], ["view_to_cart_rate"]]),  # the later of two stages
    ],
)
def test_names_fall_into_tiers(names, tiers):
    assert [list(tier) for tier in funnel_knowledge(names).tiers] == tiers
    assert [list(tier) for tier in funnel_knowledge(reversed(names)).tiers] == tiers


def test_words_inside_words_do_not_count():
    assert funnel_knowledge(["review_score", "preview", "view"]).tiers == (("view",),)


def test_names_without_a_stage_are_refused():
    with pytest.raises(InputError, match="None of age, city speaks of a stage"):
        funnel_knowledge(["age", "city"])
