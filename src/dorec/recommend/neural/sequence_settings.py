"""Bounds of the hyperparameters that models of sequences share."""

from typing import Any

from dorec.domain.errors import ConfigError


def check_sequence(learner: Any) -> None:
    """Refuse hyperparameters out of their bounds.

    >>> from dorec.recommend import SASRec
    >>> SASRec(n_heads=3)
    Traceback (most recent call last):
    ...
    dorec.domain.errors.ConfigError: embedding_size is 64 and n_heads 3; give a multiple of n_heads, such as 63.
    """
    check_whole(learner, ("embedding_size", "n_blocks", "n_heads", "max_length", "epochs", "batch_size"))
    check_whole(learner, [n for n in ("patience", "n_negatives") if getattr(learner, n, None) is not None])
    check_numbers(learner)
    size, heads = learner.embedding_size, learner.n_heads
    if size % heads:
        raise ConfigError(
            f"embedding_size is {size} and n_heads {heads}; give a multiple of n_heads, such as "
            f"{max(heads, size - size % heads)}."
        )


def check_whole(learner: Any, names: Any) -> None:
    """Refuse what is no whole number from 1 on."""
    for name in names:
        value = getattr(learner, name)
        if value != int(value) or value < 1:
            raise ConfigError(f"{name} is {value}; give a whole number from 1 on.")


def check_numbers(learner: Any) -> None:
    """Refuse a learning rate, a decay or a dropout out of bounds."""
    if not 0 < learner.learning_rate < float("inf"):
        raise ConfigError(f"learning_rate is {learner.learning_rate}; give a number above 0, such as 0.001.")
    if not 0 <= learner.reg < float("inf"):
        raise ConfigError(f"reg is {learner.reg}; give a number from 0 on.")
    if not 0 <= learner.dropout < 1:
        raise ConfigError(f"dropout is {learner.dropout}; give a share from 0 to below 1.")
