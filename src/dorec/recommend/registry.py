"""Recommenders by name, loaded on use."""

from collections.abc import Mapping
from json import loads
from typing import Any

from dorec.domain.dataset import Dataset
from dorec.domain.errors import InputError
from dorec.domain.estimate import fingerprint
from dorec.domain.registry import Registry
from dorec.numeric.arrays import AnyArray
from dorec.recommend.fitted import FittedRecommender

REGISTRY = Registry(
    "recommender",
    "dorec.recommenders",
    {
        "popularity": "dorec.recommend.popularity:Popularity",
        "item_knn": "dorec.recommend.item_knn:ItemKNN",
        "user_knn": "dorec.recommend.user_knn:UserKNN",
        "association_rules": "dorec.recommend.association_rules:AssociationRules",
        "ease": "dorec.recommend.ease:EASE",
        "sparse_ease": "dorec.recommend.sparse_ease:SparseEASE",
        "slim": "dorec.recommend.slim:SLIM",
        "als": "dorec.recommend.als:ALS",
        "bpr": "dorec.recommend.bpr:BPR",
        "warp": "dorec.recommend.warp:WARP",
        "blend": "dorec.recommend.blend:Blend",
        "lightgcn": "dorec.recommend.neural.lightgcn:LightGCN",
        "gat": "dorec.recommend.neural.gat:GAT",
        "two_tower": "dorec.recommend.neural.two_tower:TwoTower",
        "weighted_popularity": "dorec.recommend.weighted_popularity:WeightedPopularity",
        "debiased_mf": "dorec.recommend.debiased_mf:DebiasedMF",
        "popularity_deconfounded": "dorec.recommend.popularity_deconfounded:PopularityDeconfounded",
        "macr": "dorec.recommend.macr:MACR",
        "dice": "dorec.recommend.dice:DICE",
        "deconfounded": "dorec.recommend.deconfounded:Deconfounded",
        "factorization_machine": "dorec.recommend.factorization_machine:FactorizationMachine",
        "feature_ranker": "dorec.recommend.feature_ranker:FeatureRanker",
        "sasrec": "dorec.recommend.neural.sasrec:SASRec",
        "hstu": "dorec.recommend.neural.hstu:HSTU",
        "bert4rec": "dorec.recommend.neural.bert4rec:BERT4Rec",
        "mult_vae": "dorec.recommend.neural.mult_vae:MultVAE",
    },
)


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
    return REGISTRY.make(name, **settings)


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
