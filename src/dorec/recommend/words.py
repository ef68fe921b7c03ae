"""Scores in plain words: which things in a user's past speak for an item, and by how much."""

from collections import Counter
from typing import Any

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.explanation import Explanation, Figure
from dorec.numeric.arrays import FloatArray, IntArray

# the strongest thing a user did with an item comes first
VERBS = {
    "purchase": "bought",
    "order": "bought",
    "transaction": "bought",
    "buy": "bought",
    "cart": "put in the cart",
    "favourite": "saved",
    "fav": "saved",
    "rating": "rated",
    "click": "clicked",
    "view": "looked at",
    "pv": "looked at",
}
CHOSE = "chose"
WHOLE = "your history as a whole"
SHOWN = 3  # reasons named in the summary
BARS = 10  # parts drawn in the figure


def title(dataset: Dataset, item: int) -> str:
    """The title of an item by position, or its id where it has none.

    >>> title(Dataset.from_interactions({"u": [1], "i": ["tea"]}, user="u", item="i"), 0)
    'tea'
    """
    item_id = dataset.items[item].item()
    return str(dataset.item_text.get(item_id, item_id))


def explain_by_history(
    dataset: Dataset, user: int, item: int, score: float, contributions: tuple[IntArray, FloatArray]
) -> Explanation:
    """The explanation of a score that is a sum over the user's history, strongest part first.

    Args:
        dataset: titles and events.
        user: position.
        item: position of what is explained.
        score: what the parts add up to.
        contributions: positions of the history's items (h,), -1 for what no single item explains, and what each adds.
    """
    history, parts = contributions
    order = np.argsort(-parts, kind="stable")
    history, parts = history[order], _closed(parts[order], score)
    phrases = _phrases(dataset, user, history)
    single = history >= 0
    positive = [p for p, v in zip(phrases, np.where(single, parts, 0.0).tolist(), strict=True) if v > 0]
    target = title(dataset, item)
    if positive:
        summary = f"{target}: because {_listed(positive[:SHOWN])}."
        if len(positive) > SHOWN:
            summary = f"{summary[:-1]}, and {len(positive) - SHOWN:,} more of your items speak for it."
    else:
        summary = f"{target}: nothing in your history speaks for it."
    return Explanation(
        summary=summary,
        parts=dict(zip(phrases, parts.tolist(), strict=True)),
        figures=(_bars(target, phrases, parts),),
        details=_details(dataset, item, score, user_id=dataset.users[user].item(), fallback=False)
        | {"items": dataset.items[history[single]].tolist(), "contributions": parts[single].tolist()},
    )


def _phrases(dataset: Dataset, user: int, history: IntArray) -> list[str]:
    """What the user did with each item, in words; a position of -1 is the history as a whole."""
    single = history[history >= 0]
    names = iter(_distinct([title(dataset, i) for i in single.tolist()], dataset.items[single].tolist()))
    verbs = _verbs(dataset, user)
    return [f"you {verbs.get(i, CHOSE)} {next(names)}" if i >= 0 else WHOLE for i in history.tolist()]


def explain_by_popularity(dataset: Dataset, user_id: Any, item: int, score: float, *, fallback: bool) -> Explanation:
    """The explanation of a score that counts users; `fallback` where it stands in for a model that knows the user."""
    target = title(dataset, item)
    counted = f"{score:,.0f} of {dataset.n_users:,} users chose it"
    why = "nothing is known of this user yet, and " if fallback else ""
    return Explanation(
        summary=f"{target}: because {why}{counted}.",
        parts={"users who chose it": score},
        details=_details(dataset, item, score, user_id=user_id, fallback=fallback),
    )


def _details(dataset: Dataset, item: int, score: float, *, user_id: Any, fallback: bool) -> dict[str, Any]:
    return {"user_id": user_id, "item_id": dataset.items[item].item(), "score": score, "fallback": fallback}


def _closed(parts: FloatArray, score: float) -> FloatArray:
    """The parts with the rounding error of single-precision factors shared out by size, so that they add up."""
    size = np.abs(parts).sum()
    return parts + (score - parts.sum()) * np.abs(parts) / size if size > 0 else parts


def _distinct(names: list[str], ids: list[Any]) -> list[str]:
    """Names, with the id added where two items share one."""
    count = Counter(names)
    return [f"{name} ({i})" if count[name] > 1 else name for name, i in zip(names, ids, strict=True)]


def _verbs(dataset: Dataset, user: int) -> dict[int, str]:
    """The strongest verb for each item of the user's history, where the data have events."""
    if dataset.event is None:
        return {}
    rows = np.flatnonzero(dataset.user_index == user)
    strength = {verb: i for i, verb in enumerate(dict.fromkeys(VERBS.values()))}
    found: dict[int, str] = {}
    for item, event in zip(dataset.item_index[rows].tolist(), dataset.event[rows].tolist(), strict=True):
        verb = VERBS.get(str(event).lower())
        if verb and strength[verb] < strength.get(found.get(item, ""), len(strength)):
            found[item] = verb
    return found


def _listed(phrases: list[str]) -> str:
    return phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + " and " + phrases[-1]


def _bars(target: str, phrases: list[str], parts: FloatArray) -> Figure:
    """The parts of largest size, and the sum of the rest."""
    order = np.argsort(-np.abs(parts), kind="stable")
    shown = np.sort(order[:BARS])
    labels, values = [phrases[i] for i in shown], parts[shown].tolist()
    if len(order) > BARS:
        labels.append(f"{len(order) - BARS:,} more")
        values.append(float(parts[order[BARS:]].sum()))
    return Figure(
        kind="bars",
        title=f"What speaks for {target}",
        data={"labels": labels, "values": values},
        x_label="part of the score",
    )
