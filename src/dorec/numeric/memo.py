"""Results kept by the content of what they were computed from, so that nobody computes them twice."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import blake2b
from threading import Lock
from typing import Any

import numpy as np

from dorec.numeric.arrays import AnyArray

DEFAULT_BYTES = 256 * 2**20


class Memo:
    """Arrays by the content of their ingredients, the least recently used ones dropped beyond a size.

    Content decides, so sharing a memo can change no result, only spare work. A copy in another process starts empty.

    Args:
        limit: bytes of arrays to keep; 0 keeps none.

    Example:
        >>> memo = Memo()
        >>> key = content_of("double", np.arange(3))
        >>> [memo.get(key, lambda: np.arange(3) * 2).tolist() for _ in range(2)], memo.hits
        ([[0, 2, 4], [0, 2, 4]], 1)
    """

    def __init__(self, limit: int = DEFAULT_BYTES) -> None:
        self.limit = limit
        self.hits = 0
        self._kept: OrderedDict[bytes, AnyArray] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def get(self, key: bytes | None, compute: Callable[[], AnyArray]) -> AnyArray:
        """The array of a key, computed and kept where it's new; a key of None is always computed."""
        if key is None:
            return compute()
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                self.hits += 1
                return found
        made = compute()
        made.setflags(write=False)
        with self._lock:
            if made.nbytes <= self.limit and key not in self._kept:
                self._kept[key] = made
                self._size += made.nbytes
            while self._size > self.limit:
                self._size -= self._kept.popitem(last=False)[1].nbytes
        return made

    def __reduce__(self) -> tuple[type["Memo"], tuple[int]]:
        """A copy for another process, empty."""
        return Memo, (self.limit,)


def content_of(*parts: Any) -> bytes | None:
    """A key of arrays, numbers, text, containers and estimators with `get_params`; None where a part has no content.

    >>> content_of(1, "a", np.ones(2)) == content_of(1, "a", np.ones(2)), content_of(1) == content_of("1")
    (True, False)
    >>> content_of(object()) is None
    True
    """
    digest = blake2b(digest_size=16)
    return digest.digest() if all(_feed(digest.update, part) for part in parts) else None


def _feed(update: Callable[[bytes | memoryview], None], part: Any) -> bool:
    """Add one part to a digest; False where it can't be told from others of its kind."""
    update(f"<{type(part).__module__}.{type(part).__qualname__}".encode())
    if part is None or isinstance(part, (bool, int, float, str, bytes, np.generic)):
        update(repr(part).encode())
        return True
    if isinstance(part, np.ndarray):
        if part.dtype == object:
            return False
        update(f"{part.dtype.str}{part.shape}".encode())
        update(np.ascontiguousarray(part).data.cast("B") if part.size else b"")  # no copy of large ones
        return True
    if isinstance(part, type):
        update(f"{part.__module__}.{part.__qualname__}".encode())
        return True
    if isinstance(part, Mapping):
        return all(_feed(update, key) and _feed(update, part[key]) for key in sorted(part, key=repr))
    if isinstance(part, (tuple, list)):
        update(str(len(part)).encode())
        return all(_feed(update, item) for item in part)
    if hasattr(part, "get_params"):  # a scikit-learn estimator is its class and its parameters
        return _feed(update, part.get_params(deep=False))
    return False
