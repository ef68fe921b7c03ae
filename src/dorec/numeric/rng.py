"""Random numbers: one seed gives every named stream its own generator, whatever runs beside it."""

import hashlib
from typing import TypeAlias

import numpy as np

Seed: TypeAlias = "int | np.random.Generator | None"


def generator(seed: Seed, *stream: str | int) -> np.random.Generator:
    """A generator for a named stream of `seed`; a Generator that is handed in is used as it is (SPEC 7).

    >>> float(generator(0, "folds").random()) == float(generator(0, "folds").random())
    True
    >>> float(generator(0, "folds").random()) == float(generator(0, "bootstrap").random())
    False
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if not stream:
        return np.random.default_rng(seed)
    words = np.frombuffer(hashlib.sha256(repr(stream).encode()).digest()[:16], dtype=np.uint32)
    return np.random.default_rng(None if seed is None else [seed, *words.tolist()])
