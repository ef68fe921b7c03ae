"""Learners of policies by name, loaded on use."""

from typing import Any

from dorec.domain.registry import Registry

REGISTRY = Registry(
    "policy learner",
    "dorec.policy_learners",
    {
        "dr_policy": "dorec.intervene.dr_policy:DRPolicy",
        "poem": "dorec.intervene.poem:POEM",
        "policy_tree": "dorec.intervene.policy_tree:PolicyTree",
        "tempered_softmax": "dorec.intervene.softmax_policy:TemperedSoftmax",
    },
)


def make(name: str, **settings: Any) -> Any:
    """The policy learner of that name with these hyperparameters.

    Raises:
        ConfigError: the name or a setting is unknown, or a setting is out of its bounds.

    Example:
        >>> make("policy_tree", max_depth=3).max_depth
        3
        >>> make("poem", penality=1.0)
        Traceback (most recent call last):
        ...
        dorec.domain.errors.ConfigError: poem has no setting 'penality'. ... Did you mean 'penalty'?
    """
    return REGISTRY.make(name, **settings)
