"""`dorec init`: look at the data, write a commented `dorec.toml`."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from dorec.domain.errors import ConfigError, InputError
from dorec.domain.run import RunContext
from dorec.ingest import ColumnRoles
from dorec.loop.event_source import EventSource, is_url
from dorec.loop.look import (
    MAX_ARMS,
    Guess,
    has_treatment_name,
    look_at_campaigns,
    look_at_items,
    look_at_units,
    look_at_users,
)
from dorec.loop.study_file import FILE_NAME, quote
from dorec.loop.tables import read_table, read_tables
from dorec.numeric.arrays import AnyArray

FEEDBACK_REWARDS = ("click", "clicked", "reward", "purchase", "conversion")
PROPENSITY_WORDS = ("propensity", "pscore", "action_prob")


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where a study's data are, as the user named them.

    Example:
        >>> Sources(events="events.csv", items=["items.csv"]).users
        ()
    """

    events: str | None = None
    items: Sequence[str] = ()
    users: Sequence[str] = ()
    treatments: Sequence[str] = ()
    table: str | None = None  # of the database that `events` names


@dataclass
class _Draft:
    """Lines of dorec.toml, section by section, with the reason of each guess as a comment."""

    sections: dict[str, list[str]] = field(default_factory=dict)

    def put(self, section: str, key: str, value: Any, why: str = "") -> None:
        line = f"{key} = {quote(value)}" + (f"  # {why}" if why else "")
        self.sections.setdefault(section, []).append(line)

    def hint(self, section: str, text: str) -> None:
        self.sections.setdefault(section, []).append(f"# {text}")

    def text(self) -> str:
        head = self.sections.pop("", [])
        blocks = ["\n".join(head), *(f"[{name}]\n" + "\n".join(lines) for name, lines in self.sections.items())]
        return "\n\n".join(blocks) + "\n"


def init_study(
    folder: Path, sources: Sources, *, name: str = "", randomised: bool = False, force: bool = False
) -> Path:
    r"""Write `dorec.toml` in `folder` by looking at the data, and return its path.

    Args:
        folder: made if it does not exist.
        sources: files, folders, globs or database URLs.
        name: of the study, as the report's title; the folder's by default.
        randomised: the treatment was assigned by a coin, as in an A/B test.
        force: overwrite a dorec.toml that is there.

    Raises:
        ConfigError: there is a dorec.toml already, or no data were named.
        UnreadableSource, InputError: with the file and what is wrong with it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name:
        ...     _ = Path(name, "e.csv").write_text("user,item,event\nann,tea,view\nbob,tea,purchase\n")
        ...     file = init_study(Path(name, "shop"), Sources(events=str(Path(name, "e.csv"))))
        ...     'user_id = "user"' in file.read_text()
        True
    """
    target = folder / FILE_NAME
    if target.exists() and not force:
        raise ConfigError(f"{target} exists. Edit it, or give --force to write a new one.")
    if not sources.events and not sources.treatments:
        raise ConfigError("No data were named. Give --events FILE, or --treatments FILE for an experiment's table.")
    if folder.is_file():
        raise ConfigError(f"{folder} is a file. Name a folder for the study.")
    folder.mkdir(parents=True, exist_ok=True)
    draft = _Draft()
    draft.hint("", "A dorec study. Every guess below is yours to change; `dorec run` then does what the data allow.")
    draft.put("", "name", name or folder.resolve().name)
    draft.put("", "seed", 0)
    source = EventSource.look(sources.events, sources.table) if sources.events else None
    roles = source.roles if source else None
    if sources.events is None:
        _units(draft, folder, list(sources.treatments), randomised)
    elif roles is not None and roles.kind == "units":
        _units(draft, folder, [sources.events], randomised)
    elif roles is not None and _is_feedback(roles):
        _feedback(draft, folder, sources.events)
    elif source is not None:
        _events(draft, folder, sources, source, randomised)
    target.write_text(draft.text(), encoding="utf-8")
    return target


def _events(draft: _Draft, folder: Path, sources: Sources, source: EventSource, randomised: bool) -> None:
    roles = source.roles
    draft.put("data", "events", _from(folder, str(sources.events)))
    if sources.table:
        draft.put("data", "table", sources.table)
    for name in ("items", "users", "treatments"):
        paths = [_from(folder, p) for p in getattr(sources, name)]
        if paths:
            draft.put("data", name, paths if len(paths) > 1 else paths[0])
    draft.hint("columns", "dorec's name = the column in the events file")
    for role, column in roles.columns.items():
        draft.put("columns", role, column, _one_line(roles.evidence.get(role, "")))
    for role, why in roles.evidence.items():
        if role.startswith("not "):
            draft.hint("columns", f"not used: {_one_line(why)}")
    users, items = _some_ids(source)
    if sources.items:
        _guesses(draft, "keys", look_at_items(read_tables(Path.cwd(), sources.items), items))
    if sources.users:
        _guesses(draft, "keys", look_at_users(read_tables(Path.cwd(), sources.users), users))
    _cleaning(draft)
    if sources.treatments:
        draft.put("question", "kind", "campaign", "what does an action do to what a user buys in its window?")
        _guesses(draft, "question", look_at_campaigns(read_tables(Path.cwd(), sources.treatments), users))
        draft.put("question", "outcome_event", "purchase", "its value is summed over the window")
        draft.put("question", "before_days", 90, "covariates look back this far from the start of the window")
        draft.put("question", "randomised", randomised, "true only if a coin decided who was treated")
        _effects(draft)
    else:
        draft.hint("question", 'No treatment is known. Give --treatments FILE, or set kind = "units" or "campaign".')
        draft.put("question", "kind", "none")
    _recommender(draft, roles)


def _units(draft: _Draft, folder: Path, paths: Sequence[str], randomised: bool) -> None:
    table = read_tables(Path.cwd(), paths)
    relative = [_from(folder, p) for p in paths]
    draft.put("data", "units", relative if len(relative) > 1 else relative[0], "one row a unit")
    guess = look_at_units(table)
    if not guess.columns.get("treatment"):
        levels = {n: pc.count_distinct(table.column(n)).as_py() for n in table.column_names if has_treatment_name(n)}
        many = "".join(f" {n!r} has the name of one, but {k:,} levels (at most {MAX_ARMS})." for n, k in levels.items())
        raise InputError(
            f"{paths[0]} has neither the columns of events (user, item, event, time) nor a treatment.{many} Columns: "
            f"{', '.join(table.column_names)}. Rename the column with the arms to 'treatment', or those of events to "
            "user_id, item_id, event and timestamp."
        )
    if not guess.columns["outcomes"]:
        draft.hint("question", "no numeric column has the name of an outcome: put its name here, coded as a number")
        draft.hint("question", 'outcomes = ["..."]')
    draft.put("question", "kind", "units")
    _guesses(draft, "question", guess)
    draft.hint(
        "question", "covariates = [...]  # by default every other column: each must be from before the treatment"
    )
    draft.put("question", "randomised", randomised, "true only if a coin decided who was treated")
    _effects(draft)


def _feedback(draft: _Draft, folder: Path, path: str) -> None:
    table = read_table(Path(path))
    names = table.column_names
    lower = {name: name.lower() for name in names}
    draft.put("data", "feedback", _from(folder, path), "one row a decision, with the probability it was taken with")
    action = next((n for n in names if lower[n] == "action" or "item" in lower[n]), None)
    if action is None:
        raise InputError(f"{path} has propensities and rewards, but no column 'action' or 'item'. Rename it.")
    draft.put("feedback", "action", action)
    draft.put("feedback", "reward", next(n for n in names if lower[n] in FEEDBACK_REWARDS))
    draft.put("feedback", "propensity", next(n for n in names if any(w in lower[n] for w in PROPENSITY_WORDS)))
    for key, words in (("position", ("position",)), ("user", ("user", "user_id", "visitor", "customer"))):
        found = next((n for n in names if lower[n] in words), None)
        if found:
            draft.put("feedback", key, found)


def _is_feedback(roles: ColumnRoles) -> bool:
    """Whether each row is a decision with its propensity and its reward."""
    names = {name.lower() for name in roles.source_columns}
    return bool(names & set(FEEDBACK_REWARDS)) and any(w in name for name in names for w in PROPENSITY_WORDS)


def _guesses(draft: _Draft, section: str, guess: Guess) -> None:
    for key, value in guess.columns.items():
        if value is not None and value != []:
            draft.put(section, key, value, _one_line(guess.why.get(key, "")))


def _cleaning(draft: _Draft) -> None:
    draft.hint("cleaning", "switch a step off by taking it out of the list; the report says what each one did")
    draft.put("cleaning", "steps", ["duplicates", "missing_values", "impossible_values", "cancellations", "bots"])


def _effects(draft: _Draft) -> None:
    draft.put("effects", "n_folds", 5)
    draft.put("effects", "missing", "indicator", "a missing covariate is filled and marked; or refuse, or drop")
    draft.hint("policy", "cost of treating one unit, in the outcome's unit; and what may be spent in all")
    draft.put("policy", "cost", 0.0)
    draft.hint(
        "policy", "budget = 1000.0; max_share = 0.2; capacity = {mail = 500}; explore = 0.02 keeps every arm tried"
    )


def _recommender(draft: _Draft, roles: ColumnRoles) -> None:
    draft.put("recommender", "models", ["popularity", "item_knn", "ease", "als"])
    draft.put("recommender", "k", 10)
    how = "temporal" if "timestamp" in roles.columns else "random"
    draft.put(
        "evaluation", "split", how, "train on the past, test on what came after" if how == "temporal" else "no times"
    )
    draft.put("evaluation", "test_fraction", 0.2)


def _some_ids(source: EventSource) -> tuple[AnyArray, AnyArray]:
    """User and item ids of the first batch."""
    batch = next(source.batches(RunContext(), batch_rows=50_000), None)
    if batch is None:
        return np.array([]), np.array([])
    return tuple(np.array(batch.events.column(c).drop_null().to_pylist(), dtype=str) for c in ("user_id", "item_id"))  # type: ignore[return-value]


def _from(folder: Path, path: str) -> str:
    """The path as seen from the study's folder, so that both can be moved together."""
    return path if is_url(path) else os.path.relpath(Path(path).resolve(), folder.resolve())


def _one_line(text: str) -> str:
    return " ".join(text.split())
