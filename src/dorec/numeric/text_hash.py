"""Text to 64-bit keys, the same on every platform and in every process: for indexes and folds, not for secrets."""

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

KeyArray: TypeAlias = NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def text_keys(values: "pa.Array | pa.ChunkedArray") -> KeyArray:
    """A 64-bit key for each string: its bytes in words of eight, mixed by the finaliser of splitmix64.

    Steele, Lea, Flood (2014), "Fast splittable pseudorandom number generators". Nulls get the key of "".

    Args:
        values: strings, (n,).

    Returns:
        Keys, (n,), uint64.

    Example:
        >>> import pyarrow as pa
        >>> text_keys(pa.array(["tea", "milk", "tea"])).tolist()
        [12790146585055351491, 16924528919661683871, 12790146585055351491]
    """
    import pyarrow as pa

    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    keys = [_of_array(chunk) for chunk in chunks]
    return np.concatenate(keys) if keys else np.empty(0, dtype=np.uint64)


def _of_array(array: Any) -> KeyArray:
    import pyarrow as pa

    array = array.fill_null("").cast(pa.large_binary())
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    data = array.buffers()[2]
    octets = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, dtype=np.uint8)
    lengths = np.diff(offsets)
    keys = np.empty(len(array), dtype=np.uint64)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        words = np.zeros((len(rows), -(-int(length) // 8) * 8), dtype=np.uint8)
        if len(rows) == len(array):  # ids of one length, as hashes are, lie side by side
            words[:, : int(length)] = octets[offsets[0] : offsets[-1]].reshape(len(rows), int(length))
        else:
            words[:, : int(length)] = octets[offsets[rows][:, None] + np.arange(int(length))]
        keys[rows] = _mix_words(words.view("<u8"), int(length))
    return keys


def _mix_words(words: NDArray[np.uint64], length: int) -> KeyArray:
    state = np.full(len(words), np.uint64(length) + GOLDEN, dtype=np.uint64)
    for place in range(words.shape[1]):
        state = _mix(state ^ words[:, place]) + GOLDEN
    return _mix(state)


def _mix(z: KeyArray) -> KeyArray:
    z = (z ^ (z >> np.uint64(30))) * FIRST
    z = (z ^ (z >> np.uint64(27))) * SECOND
    return z ^ (z >> np.uint64(31))
