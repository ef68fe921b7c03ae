"""Discovery algorithms by name, loaded on use."""

from typing import Any

from dorec.domain.registry import Registry

REGISTRY = Registry(
    "discovery method",
    "dorec.discoverers",
    {
        "boss": "dorec.discover.boss:BOSS",
        "ges": "dorec.discover.ges:GES",
        "exact_search": "dorec.discover.exact_search:ExactSearch",
        "hill_climbing": "dorec.discover.hill_climbing:HillClimbing",
        "pc": "dorec.discover.pc:PC",
        "fci": "dorec.discover.fci:FCI",
        "rfci": "dorec.discover.rfci:RFCI",
        "notears": "dorec.discover.notears:Notears",
        "notears_mlp": "dorec.discover.neural.notears_mlp:NotearsMLP",
        "graph_autoencoder": "dorec.discover.neural.graph_autoencoder:GraphAutoencoder",
        "dagma": "dorec.discover.dagma:Dagma",
        "direct_lingam": "dorec.discover.direct_lingam:DirectLiNGAM",
        "pairwise_anm": "dorec.discover.anm:PairwiseANM",
        "lag_pc": "dorec.discover.lag_pc:LagPC",
        "hawkes": "dorec.discover.hawkes:HawkesGranger",
        "grasp": "dorec.discover.causal_learn:GRaSP",
        "cdnod": "dorec.discover.causal_learn:CDNOD",
        "kernel_pc": "dorec.discover.causal_learn:KernelPC",
        "gin": "dorec.discover.causal_learn:GIN",
        "rcd": "dorec.discover.lingam_package:RCD",
        "camuv": "dorec.discover.lingam_package:CAMUV",
    },
)


def make(name: str, **settings: Any) -> Any:
    """The discovery algorithm of that name with these hyperparameters.

    Raises:
        ConfigError: the name or a setting is unknown, or a setting is out of its bounds.

    Example:
        >>> make("pc", alpha=0.01).alpha
        0.01
        >>> make("pc", alfa=0.01)
        Traceback (most recent call last):
        ...
        dorec.domain.errors.ConfigError: pc has no setting 'alfa'. ... Did you mean 'alpha'?
    """
    return REGISTRY.make(name, **settings)
