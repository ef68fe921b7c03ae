"""Recommenders by name, loaded on use."""

from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from json import loads
from typing import Any

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError, did_you_mean
from dorec.domain.estimate import fingerprint
from dorec.numeric.arrays import AnyArray
from dorec.recommend.fitted import FittedRecommender

REGISTRY: dict[str, str] = {
    "popularity": "dorec.recommend.popularity:Popularity",
    "item_knn": "dorec.recommend.item_knn:ItemKNN",
    "ease": "dorec.recommend.ease:EASE",
    "als": "dorec.recommend.als:ALS",
}


def make(name: str, **settings: Any) -> Any:
    """The recommender of that name with these hyperparameters.

    Raises:
        ConfigError: the name or a setting is unknown, or a setting is out of its bounds.

    Example:
        >>> make("ease", reg=100.0)
        EASE(reg=100.0, weighting='binary', max_items=20000)
        >>> make("eese")
        Traceback (most recent call last):
        dorec.domain.errors.ConfigError: There is no recommender 'eese'. ... Did you mean 'ease'?
    """
    if name not in REGISTRY:
        raise ConfigError(
            f"There is no recommender {name!r}. Recommenders: {', '.join(REGISTRY)}.{did_you_mean(name, REGISTRY)}"
        )
    module, _, attribute = REGISTRY[name].partition(":")
    learner = getattr(import_module(module), attribute)
    known = [field.name for field in fields(learner)]
    for key in settings:
        if key not in known:
            has = f"Settings: {', '.join(known)}." if known else "It has none."
            raise ConfigError(f"{name} has no setting {key!r}. {has}{did_you_mean(key, known)}")
    try:
        return learner(**settings)
    except TypeError as problem:
        raise ConfigError(f"{name} can't be made with {settings}: {problem}.") from None


def from_arrays(arrays: Mapping[str, AnyArray], metadata: Mapping[str, str], dataset: Dataset) -> FittedRecommender:
    """The scorer that `to_arrays` took apart, on the dataset that it was fitted on.

    Raises:
        InputError: arrays or metadata are not those of a recommender, or the dataset has other users or items.

    Example:
        >>> data = Dataset.from_interactions({"u": [1, 1, 2], "i": [7, 8, 7]}, user="u", item="i")
        >>> arrays, metadata = make("popularity").fit(data).to_arrays()
        >>> from_arrays(arrays, metadata, data).recommend([2], k=1).items.tolist()
        [[8]]
    """
    for vocabulary in ("users", "items"):
        if metadata.get(vocabulary) != fingerprint(getattr(dataset, vocabulary)):
            raise InputError(
                f"The model was fitted on other {vocabulary} than these {len(getattr(dataset, vocabulary)):,}; "
                "give the dataset it was fitted on, or fit it again."
            )
    try:
        settings = loads(metadata["settings"])
        return make(metadata["model"], **settings).restore(arrays, dataset)
    except (KeyError, ValueError, TypeError) as problem:
        if isinstance(problem, InputError):
            raise
        raise InputError(f"These are not the arrays and metadata of a recommender: {problem!r}.") from None
