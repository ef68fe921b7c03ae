"""What sources call the steps of the funnel, and what we call them."""

import re
from collections.abc import Iterable

FUNNEL_NAMES = {
    "impression": "impression imp impressions show shown display displayed exposure expose exposed",
    "view": "view views viewed pv pageview page_view detail detail_view product_view view_item item_view browse visit",
    "click": "click clicks clicked clk",
    "favourite": "fav favs favorite favourite favorites favourites collect like likes wishlist "
    "add_to_wishlist bookmark",
    "cart": "cart carts addtocart add_to_cart atc basket_add add_to_basket tocart cart_add",
    "purchase": "purchase purchases purchased buy buys bought transaction transactions order orders ordered sale sales "
    "paid checkout_complete invoice invoices",
    "rating": "rating ratings rate rated review reviews",
}
_KNOWN = {word: name for name, words in FUNNEL_NAMES.items() for word in words.split()}


def funnel_name(value: str) -> str:
    """The funnel's name of an event; one that is not known keeps its own, in lower case.

    >>> funnel_name("pv"), funnel_name("Add To Cart"), funnel_name("add-to-cart"), funnel_name("refund")
    ('view', 'cart', 'cart', 'refund')
    """
    plain = re.sub(r"[\s\-.]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", value.strip())).lower()
    return _KNOWN.get(plain) or _KNOWN.get(plain.replace("_", "")) or plain


def is_known(value: str) -> bool:
    """Whether a value is one of the names that events have in logs.

    >>> is_known("fav"), is_known("Surburban")
    (True, False)
    """
    return funnel_name(value) in FUNNEL_NAMES


def event_of_file(name: str) -> str | None:
    """The event that a file's name speaks of.

    >>> event_of_file("add_to_cart_ecommerce.dat.gz"), event_of_file("ratings.csv"), event_of_file("u.data.gz")
    ('cart', 'rating', None)
    """
    tokens = [t for t in re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()) if t]
    for size in (3, 2, 1):
        for start in range(len(tokens) - size + 1):
            word = "_".join(tokens[start : start + size])
            if word in _KNOWN:
                return _KNOWN[word]
    return None


def mapping(values: Iterable[str]) -> dict[str, str]:
    """Each value with its funnel name.

    >>> mapping(["pv", "buy"])
    {'pv': 'view', 'buy': 'purchase'}
    """
    return {value: funnel_name(value) for value in values}
