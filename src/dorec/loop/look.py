"""Looks at side tables and guesses what their columns are, by name and content; every guess says why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dorec.domain.errors import InputError
from dorec.domain.table import column, is_numeric
from dorec.loop.tables import overlap
from dorec.numeric.arrays import AnyArray

TREATMENT_WORDS = (
    "treatment", "treated", "treat", "segment", "arm", "group", "variant", "variation", "version", "condition",
    "exposure", "exposed", "campaign", "promotion", "assignment", "test",
)  # fmt: skip
OUTCOME_WORDS = (
    "outcome", "visit", "conversion", "converted", "spend", "revenue", "sales", "purchase", "purchased", "click",
    "clicked", "retention", "response", "amount", "profit", "accepted", "y",
)  # fmt: skip
TITLE_WORDS = ("title", "name", "description", "product_type", "text", "headline")
CATEGORY_WORDS = ("category", "categories", "department", "genre", "genres", "class")
START_WORDS, END_WORDS = ("start", "begin", "from"), ("end", "stop", "until", "to")
CONTROL_WORDS = ("control", "none", "no", "placebo", "baseline", "untreated", "a")
MAX_ARMS = 12


@dataclass(frozen=True, kw_only=True)
class Guess:
    """What a table seems to be made of, with the reason for each choice."""

    columns: dict[str, Any]
    why: dict[str, str]


def look_at_units(table: pa.Table) -> Guess:
    """Treatment, outcomes, control arm and unit column of a table with one row a unit."""
    treatment = _named(table, TREATMENT_WORDS, lambda v: len(v) <= MAX_ARMS)
    outcomes = [
        name
        for name in table.column_names
        if name != treatment and _word_in(name, OUTCOME_WORDS) is not None and is_numeric(column(table, name))
    ]
    columns: dict[str, Any] = {"treatment": treatment, "outcomes": outcomes}
    why = {"outcomes": "numeric columns with the name of an outcome"}
    if treatment:
        levels = sorted(set(table.column(treatment).to_pylist()), key=str)
        columns["control"] = guess_control(levels)
        why["treatment"] = f"its name, and it has {len(levels)} levels: {', '.join(map(str, levels))}"
        why["control"] = "the level whose name says that nothing was done, else the first"
    unit = next((n for n in table.column_names if _is_id(table, n)), None)
    if unit:
        columns["unit"] = unit
        why["unit"] = "every row has a value of its own"
    return Guess(columns=columns, why=why)


def look_at_campaigns(table: pa.Table, user_ids: AnyArray) -> Guess:
    """User, arm, start and end columns of a table with one row for each user who was in a campaign."""
    shares = overlap(table, user_ids)
    unit = max(shares, key=lambda name: shares[name])
    if not shares[unit]:
        raise InputError(
            f"No column of the treatments holds a user of the events. Columns: {', '.join(table.column_names)}. "
            "Check that both files name users in the same way."
        )
    dates = [n for n in table.column_names if pa.types.is_temporal(table.schema.field(n).type)]
    start = next((n for n in dates if _word_in(n, START_WORDS) is not None), dates[0] if dates else None)
    end = next((n for n in dates if n != start and _word_in(n, END_WORDS) is not None), None)
    rest = [n for n in table.column_names if n not in {unit, start, end}]
    few = [n for n in rest if 1 <= pc.count_distinct(table.column(n)).as_py() <= MAX_ARMS]
    named = [
        n
        for word in ("type", "kind", *TREATMENT_WORDS)
        for n in few
        if _word_in(n, (word,)) and not _word_in(n, ("id",))
    ]
    arm = (named or few or [None])[0]
    columns = {"unit": unit, "start": start, "end": end, "treatment": arm}
    why = {"unit": f"it holds {shares[unit]:.0%} of the users in the events"}
    if arm:
        levels = sorted(set(table.column(arm).to_pylist()), key=str)
        columns["treated"] = [str(level) for level in levels if not _word_in(level, CONTROL_WORDS[:-1])][:1]
        why["treatment"] = f"it has few levels: {', '.join(map(str, levels))}"
        why["treated"] = "the first level; name others to ask about them"
    return Guess(columns=columns, why=why)


def look_at_items(table: pa.Table, item_ids: AnyArray) -> Guess:
    """Key, title and category of an items table."""
    return _look_at_side(table, item_ids, key="item", titles=TITLE_WORDS, categories=CATEGORY_WORDS)


def look_at_users(table: pa.Table, user_ids: AnyArray) -> Guess:
    """Key of a users table."""
    return _look_at_side(table, user_ids, key="user")


def has_treatment_name(name: str) -> bool:
    """Whether a column is named as treatments are.

    >>> has_treatment_name("variant"), has_treatment_name("price")
    (True, False)
    """
    return _word_in(name, TREATMENT_WORDS) is not None


def guess_control(levels: Sequence[Any]) -> Any:
    """The level that means "nothing was done".

    >>> guess_control(["Mens E-Mail", "No E-Mail", "Womens E-Mail"]), guess_control([0, 1])
    ('No E-Mail', 0)
    """
    if {str(level) for level in levels} <= {"0", "1", "True", "False", "0.0", "1.0"}:
        return next(level for level in levels if str(level) in {"0", "False", "0.0"})
    scored = [(CONTROL_WORDS.index(w), i) for i, level in enumerate(levels) if (w := _word_in(level, CONTROL_WORDS))]
    return levels[min(scored)[1]] if scored else levels[0]


def _look_at_side(
    table: pa.Table, ids: AnyArray, *, key: str, titles: Sequence[str] = (), categories: Sequence[str] = ()
) -> Guess:
    shares = overlap(table, ids)
    best = max(shares, key=lambda name: shares[name])
    texts = [n for n in table.column_names if n != best and pa.types.is_string(table.schema.field(n).type)]
    columns: dict[str, Any] = {key: best}
    why = {key: f"it holds {shares[best]:.0%} of the ids in the events"}
    category = next((n for w in categories for n in texts if w in n.lower()), None)
    title = next((n for w in titles for n in texts if w in n.lower() and n != category), None)
    if titles and title is None and texts:
        title = max(texts, key=lambda n: pc.count_distinct(table.column(n)).as_py())
    if title:
        columns["text"] = title
        why["text"] = "its name, or the text column with the most different values"
    if category:
        columns["category"] = category
        why["category"] = "its name"
    return Guess(columns=columns, why=why)


def _named(table: pa.Table, words: Sequence[str], fits: Any) -> str | None:
    """The column whose values fit and whose name is one of the words, else has one in it; earlier words first."""
    ranked = []
    for name in table.column_names:
        word = _word_in(name, words)
        if word is not None and fits(pc.unique(table.column(name)).to_pylist()):
            ranked.append((name.lower() != word, words.index(word), name))
    return min(ranked)[2] if ranked else None


def _word_in(name: Any, words: Sequence[str]) -> str | None:
    parts = str(name).lower().replace("-", " ").replace("_", " ").replace(".", " ").split()
    return next((w for w in words if w in parts or " ".join(parts) == w.replace("_", " ")), None)


def _is_id(table: pa.Table, name: str) -> bool:
    values = table.column(name)
    if pa.types.is_floating(values.type):
        return False
    distinct = pc.count_distinct(values).as_py()
    return bool(
        distinct == table.num_rows and (np.issubdtype(column(table, name).dtype, np.integer) or "id" in name.lower())
    )
