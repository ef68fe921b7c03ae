"""Time order as knowledge: nobody buys before they look."""

import re
from collections.abc import Iterable

from dorec.domain.errors import InputError
from dorec.domain.event_log import FUNNEL
from dorec.domain.knowledge import Knowledge

_ALSO = {
    "shown": "impression",
    "exposure": "impression",
    "pv": "view",
    "pageview": "view",
    "detail": "view",
    "fav": "favourite",
    "favorite": "favourite",
    "wishlist": "favourite",
    "addtocart": "cart",
    "basket": "cart",
    "buy": "purchase",
    "bought": "purchase",
    "order": "purchase",
    "transaction": "purchase",
    "conversion": "purchase",
}


def funnel_knowledge(names: Iterable[str]) -> Knowledge:
    """Tiers in the order of the funnel: impression, view, click, favourite, cart, purchase.

    Args:
        names: event types or columns; a column belongs to the latest stage that a word of its name speaks of
            (`n_views`, `cart_count`, `addtocart`, `pv`), and to no tier if none does.

    Raises:
        InputError: no name speaks of a stage.

    Example:
        >>> funnel_knowledge(["age", "n_purchases", "n_views", "cart_rate"]).tiers
        (('n_views',), ('cart_rate',), ('n_purchases',))
    """
    stages: dict[int, list[str]] = {}
    names = list(dict.fromkeys(names))
    for name in names:
        stage = _stage(name)
        if stage is not None:
            stages.setdefault(stage, []).append(name)
    if not stages:
        raise InputError(
            f"None of {', '.join(names[:10])} speaks of a stage of the funnel ({', '.join(FUNNEL)}); "
            "give Knowledge(tiers=...) with the order you know."
        )
    return Knowledge(tiers=tuple(tuple(sorted(stages[stage])) for stage in sorted(stages)))


def _stage(name: str) -> int | None:
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    found = [_place(form) for word in words for form in (word, word.removesuffix("s"), word.removesuffix("es"))]
    return max((place for place in found if place is not None), default=None)


def _place(word: str) -> int | None:
    stage = _ALSO.get(word, word)
    return FUNNEL.index(stage) if stage in FUNNEL else None
