"""`dorec.toml`: what a study's data are, what is asked of them, and with which settings."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dorec.domain.errors import ConfigError, did_you_mean

FILE_NAME = "dorec.toml"
Level = bool | int | float | str  # of a treatment, as TOML writes it


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Section):
    """Where the data are: files, folders, globs or database URLs, relative to the study's folder."""

    events: str | list[str] | None = None
    items: str | list[str] | None = None  # several tables are joined on the column they share
    users: str | list[str] | None = None
    treatments: str | list[str] | None = None
    units: str | list[str] | None = None  # one row a unit: an experiment's result table
    feedback: str | list[str] | None = None  # a bandit log: action, reward, propensity
    table: str | None = None  # of the database that `events` names


class Keys(_Section):
    """Names of the columns in the items and users tables."""

    item: str | None = None
    text: str | None = None  # the item's title
    category: str | None = None
    user: str | None = None


class Cleaning(_Section):
    """Cleaning steps that are switched on."""

    steps: list[str] = ["duplicates", "missing_values", "impossible_values", "cancellations", "bots"]


class Question(_Section):
    """The causal question."""

    kind: Literal["none", "units", "campaign"] = "none"
    treatment: str | None = None
    outcomes: list[str] = []
    covariates: list[str] | None = None  # None: every column that is left
    control: Level | None = None
    treated: list[Level] | None = None  # the arms to compare with the control; None: all
    unit: str | None = None
    start: str | None = None  # of a campaign's window
    end: str | None = None
    outcome_event: str = "purchase"
    before_days: int = Field(default=90, ge=1)
    randomised: bool = False
    graph: list[str] | None = None  # edges "a -> b" or "a <-> b"; None: all covariates are pre-treatment


class RecommenderSettings(_Section):
    """Models that are compared, and how many items are shown."""

    models: list[str] = ["popularity", "item_knn", "ease", "als"]
    k: int = Field(default=10, ge=1, le=1000)
    max_users: int = Field(default=2000, ge=1)  # in recommendations.parquet; the model itself serves all
    settings: dict[str, dict[str, Any]] = {}


class Effects(_Section):
    """How effects are estimated."""

    n_folds: int = Field(default=5, ge=2, le=50)
    population: Literal["all", "overlap"] = "all"
    refute: bool = True
    missing: Literal["refuse", "indicator", "drop"] = "indicator"


class PolicySettings(_Section):
    """What an action costs, what may be spent, and how much is left to chance so that the next log has overlap."""

    cost: float | dict[str, float] = 0.0  # of treating one unit, in the outcome's unit; by arm where they differ
    budget: float | None = Field(default=None, ge=0)
    max_share: float | None = Field(default=None, gt=0, le=1)
    capacity: dict[str, int] = {}  # arm -> units that may get it
    explore: float = Field(default=0.0, ge=0, le=0.5)  # probability that every arm keeps


class Evaluation(_Section):
    """How recommenders are judged."""

    split: Literal["temporal", "leave_last_out", "random"] = "temporal"
    test_fraction: float = Field(default=0.2, gt=0, lt=1)


class Feedback(_Section):
    """Columns of a bandit log."""

    action: str | None = None
    reward: str | None = None
    propensity: str | None = None
    position: str | None = None
    user: str | None = None
    context: list[str] = []


class StudyFile(_Section):
    r"""The whole of dorec.toml. Unknown keys are refused with the nearest known one.

    Example:
        >>> StudyFile.parse('[recommender]\nk = 5').recommender.k
        5
        >>> StudyFile.parse('[recommender]\nkk = 5')
        Traceback (most recent call last):
        ...
        dorec.domain.errors.ConfigError: Unknown key 'recommender.kk' in dorec.toml. Did you mean 'k'? ...
    """

    name: str = "study"
    seed: int = Field(default=0, ge=0)
    data: Data = Data()
    columns: dict[str, str] = {}  # dorec's name -> the column of the events file; "" for none
    source: dict[str, Any] = {}  # how the events file is read: event, time_zone, encoding, ...
    keys: Keys = Keys()
    cleaning: Cleaning = Cleaning()
    question: Question = Question()
    recommender: RecommenderSettings = RecommenderSettings()
    effects: Effects = Effects()
    policy: PolicySettings = PolicySettings()
    evaluation: Evaluation = Evaluation()
    feedback: Feedback = Feedback()

    @classmethod
    def parse(cls, text: str, where: str = FILE_NAME) -> "StudyFile":
        """The settings in a text of TOML.

        Raises:
            ConfigError: it is no TOML, a key is unknown, or a value is out of bounds; with the key and what is allowed.
        """
        try:
            return cls.model_validate(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(
                f"{where} is not valid TOML: {error}. Repair that line, or run `dorec init` again."
            ) from None
        except ValidationError as error:
            raise ConfigError(_in_words(error, where)) from None

    @classmethod
    def read(cls, folder: Path) -> "StudyFile":
        """The settings of a study's folder."""
        path = folder / FILE_NAME
        if not path.is_file():
            raise ConfigError(f"{path} does not exist. Write one with `dorec init {folder} --events FILE`.")
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise ConfigError(
                f"{path} is not UTF-8. Save it as UTF-8, or write one with `dorec init --force`."
            ) from None
        return cls.parse(text, where=str(path))


def listed(sources: str | Sequence[str] | None) -> list[str]:
    """A key of [data] as a list: none, one or several sources.

    >>> listed(None), listed("a.csv"), listed(["a.csv", "b.csv"])
    ([], ['a.csv'], ['a.csv', 'b.csv'])
    """
    return [sources] if isinstance(sources, str) else list(sources or [])


def _in_words(error: ValidationError, where: str) -> str:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    name = ".".join(path)
    if first["type"] == "extra_forbidden":
        section: Any = StudyFile
        for part in path[:-1]:
            section = section.model_fields[part].annotation
        known = list(section.model_fields)
        return f"Unknown key {name!r} in {where}.{did_you_mean(path[-1], known)} Allowed: {', '.join(known)}."
    return f"{name} in {where} is {first['input']!r}: {first['msg'].lower()}. Change it and run again."


def quote(value: Any) -> str:
    """A value as TOML writes it.

    >>> quote(["a", 1]), quote(True), quote(None or "tea")
    ('["a", 1]', 'true', '"tea"')
    """
    return json.dumps(value, ensure_ascii=False)
