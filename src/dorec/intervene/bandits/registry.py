"""Bandits by name, loaded on use."""

from collections.abc import Mapping
from dataclasses import replace
from json import loads
from typing import Any

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.registry import Registry
from dorec.intervene.bandits.bandit import Bandit, BanditState
from dorec.numeric.arrays import AnyArray

SMALL = 1 << 22  # numbers that are no burden, whatever the arrays hold

REGISTRY = Registry(
    "bandit",
    "dorec.bandits",
    {
        "lin_ucb": "dorec.intervene.bandits.lin_ucb:LinUCB",
        "linear_thompson": "dorec.intervene.bandits.linear_thompson:LinearThompson",
        "logistic_thompson": "dorec.intervene.bandits.logistic_thompson:LogisticThompson",
        "epsilon_greedy": "dorec.intervene.bandits.epsilon_greedy:EpsilonGreedy",
        "neural_linear": "dorec.intervene.neural.neural_linear:NeuralLinear",
    },
)


def make(name: str, **settings: Any) -> Any:
    """The bandit of that name with these hyperparameters.

    Raises:
        ConfigError: the name or a setting is unknown, or a setting is out of its bounds.

    Example:
        >>> make("lin_ucb", alpha=0.5).alpha
        0.5
        >>> make("lin_ucv")
        Traceback (most recent call last):
        dorec.domain.errors.ConfigError: There is no bandit 'lin_ucv'. ... Did you mean 'lin_ucb'?
    """
    return REGISTRY.make(name, **settings)


def registered_name(bandit: Bandit) -> str:
    """The name under which a bandit's class is registered.

    Raises:
        InputError: it is not.

    Example:
        >>> registered_name(make("epsilon_greedy"))
        'epsilon_greedy'
    """
    place = f"{type(bandit).__module__}:{type(bandit).__qualname__}"
    name = next((name for name, known in REGISTRY.items() if known == place), None)
    if name is None:
        raise InputError(f"{place} is no registered bandit; add it under the entry point group dorec.bandits.")
    return name


def from_arrays(arrays: Mapping[str, AnyArray], metadata: Mapping[str, str]) -> BanditState:
    """The state that `to_arrays` took apart.

    Raises:
        InputError: these are not the arrays and metadata of a bandit.

    Example:
        >>> state = make("lin_ucb").start(n_actions=2, n_features=1).learn([[1.0]], [1], [2.0])
        >>> from_arrays(*state.to_arrays()).propensities([[1.0]]).round(3).tolist()
        [[0.025, 0.975]]
    """
    try:
        settings = {k: tuple(v) if isinstance(v, list) else v for k, v in loads(metadata["settings"]).items()}
        bandit = make(metadata["bandit"], **settings)
        n_actions, n_features = int(metadata["n_actions"]), int(metadata["n_features"])
        held = sum(np.size(array) for array in arrays.values())
        if bandit.least_numbers(1 if bandit.shared else n_actions, n_features + bandit.intercept) > max(held, SMALL):
            raise InputError(
                f"The metadata speak of {n_actions:,} actions and {n_features:,} features, for which the arrays hold "
                f"too few numbers ({held:,}); restore both as they were written together."
            )
        state: BanditState = bandit.start(n_actions, n_features)
        return replace(state, belief=state.belief.restored(arrays))
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as problem:
        if isinstance(problem, InputError):
            raise
        raise InputError(f"These are not the arrays and metadata of a bandit: {problem!r}.") from None
