"""What `dorec recommend` was asked: which file, which columns, which models, how they are judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from dorec.domain.errors import ConfigError, did_you_mean
from dorec.evaluate.ranking import KNOWN
from dorec.loop.successive_halving import check_deciding
from dorec.recommend import REGISTRY, make
from dorec.recommend.reranking.registry import REGISTRY as RERANKERS

SplitName = Literal["auto", "temporal", "leave_last_out", "random"]
DEFAULT_MODELS = ("popularity", "item_knn", "ease", "als")
TUNED: Mapping[str, Mapping[str, Sequence[Any]]] = {  # what --search tries of a model unless told
    "item_knn": {"k": [50, 200], "shrinkage": [0.0, 20.0]},
    "user_knn": {"k": [50, 200], "shrinkage": [0.0, 20.0]},
    "ease": {"reg": [30.0, 100.0, 300.0, 1000.0]},
    "als": {"embedding_size": [32, 64, 128], "alpha": [1.0, 10.0]},
    "slim": {"l1": [0.3, 1.0, 3.0]},
    "bpr": {"embedding_size": [32, 64, 128]},
}


@dataclass(frozen=True, kw_only=True)
class RecommendRequest:
    """A file of events and how to recommend from it.

    Args:
        source: file, folder, glob or database URL with events.
        columns: role (user_id, item_id, event, timestamp, value) -> column, over what is found by looking.
        models: names of recommenders.
        settings: of a model or of the re-ranker, by its name.
        tried: of a model, hyperparameter -> values that a search goes through.
        split: what is held out; auto is temporal where every event has a time, else random.

    Raises:
        ConfigError: a model, setting, metric or re-ranker is unknown, or the first metric, which decides, is none of
            accuracy.

    Example:
        >>> RecommendRequest(source="events.csv", models=("eese",))
        Traceback (most recent call last):
        dorec.domain.errors.ConfigError: There is no recommender 'eese'. ... Did you mean 'ease'?
    """

    source: str
    columns: Mapping[str, str] = field(default_factory=dict)
    table: str | None = None  # of a database
    items: Path | None = None  # table of items
    item_key: str | None = None
    title: str | None = None
    models: tuple[str, ...] = DEFAULT_MODELS
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tried: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    search: bool = False
    curve: bool = False
    split: SplitName = "auto"
    test_fraction: float = 0.2
    k: int = 10
    metrics: tuple[str, ...] = ("ndcg", "recall", "mrr", "novelty", "coverage")
    exclude_seen: bool = True
    users: tuple[str, ...] = ()  # whom to recommend to; the most active ones where none is named
    rerank: str | None = None
    category: str | None = None  # column of the items that the re-ranker and metrics of variety go by

    def __post_init__(self) -> None:
        for name in self.models:
            make(name, **self.settings.get(name, {}))
        for name in (*self.settings, *self.tried):
            if name not in self.models and name != self.rerank:
                raise ConfigError(f"{name!r} has settings but is not among the models: {', '.join(self.models)}.")
        for name in self.metrics:
            if name not in KNOWN:
                raise ConfigError(
                    f"There is no metric {name!r}.{did_you_mean(name, KNOWN)} Metrics: {', '.join(KNOWN)}."
                )
        if self.metrics:
            check_deciding(self.metrics[0])
        self.reranker()

    def learners(self) -> dict[str, Any]:
        """The learners as they were set, by name."""
        return {name: make(name, **self.settings.get(name, {})) for name in self.models}

    def reranker(self) -> Any:
        """The re-ranker, or None.

        >>> RecommendRequest(source="e.csv", rerank="mmr", category="aisle").reranker()
        MMR(trade_off=0.3, by='aisle')
        """
        if self.rerank is None:
            return None
        if self.rerank in ("xquad", "calibrated") and self.category is None:
            raise ConfigError(f"{self.rerank} goes by a category: give --items FILE and --category COLUMN.")
        by = {} if self.category is None or self.rerank == "exposure_cap" else {"by": self.category}
        return RERANKERS.make(self.rerank, **by, **self.settings.get(self.rerank, {}))


def models_of(names: Sequence[str]) -> tuple[str, ...]:
    """Names of recommenders; `all` stands for every one that learns from interactions alone.

    >>> models_of(["ease", "als", "ease"])
    ('ease', 'als')
    """
    found = [one for name in names for one in (tuple(REGISTRY) if name == "all" else (name,))]
    return tuple(dict.fromkeys(found))


def settings_by_model(flat: Mapping[str, Any], models: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Settings from "model.name" or, where there is one model, "name".

    Raises:
        ConfigError: there are several models and a setting doesn't say whose it is.

    >>> settings_by_model({"ease.reg": 100, "als.factors": 32}, ["ease", "als"])
    {'ease': {'reg': 100}, 'als': {'factors': 32}}
    """
    found: dict[str, dict[str, Any]] = {}
    for name, value in flat.items():
        model, dot, setting = name.partition(".")
        if not dot:
            if len(models) != 1:
                raise ConfigError(f"Whose setting is {name!r}? Write MODEL.{name}, as in {models[0]}.{name}.")
            model, setting = models[0], name
        found.setdefault(model, {})[setting] = value
    return found
