"""Which ids are stored already? Sorted runs of 64-bit keys, merged so that there are few (a log-structured tree).

Keys may collide; whoever asks gets the parts that may hold an id and compares the ids themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dorec.numeric.arrays import AnyArray, IntArray
from dorec.numeric.text_hash import KeyArray, text_keys


@dataclass(eq=False)
class KeyIndex:
    """Keys of stored ids and the part each is in: 12 bytes an id, adding n ids to N costs O(n log N) in all.

    Example:
        >>> index = KeyIndex()
        >>> index.add(pa.array(["a", "b"]), part=7)
        >>> index.find(pa.array(["b", "c"]))
        {7: array([0])}
    """

    runs: list[tuple[KeyArray, AnyArray]] = field(default_factory=list)  # (n,) sorted keys, (n,) parts

    def __len__(self) -> int:
        return sum(len(keys) for keys, _ in self.runs)

    def to_arrays(self) -> dict[str, AnyArray]:
        """The index as two arrays, to be kept."""
        if not self.runs:
            return {"keys": np.empty(0, dtype=np.uint64), "parts": np.empty(0, dtype=np.int32)}
        keys, parts = reduce(_merge, self.runs)
        return {"keys": keys, "parts": parts}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray]) -> "KeyIndex":
        """The index that `to_arrays` gave."""
        return cls([(arrays["keys"], arrays["parts"])] if len(arrays["keys"]) else [])

    def add(self, ids: pa.Array | pa.ChunkedArray, part: int) -> None:
        """Remember that `part` holds `ids`."""
        if not len(ids):
            return
        keys = np.sort(text_keys(ids))
        self.runs.append((keys, np.full(len(keys), part, dtype=np.int32)))
        while len(self.runs) > 1 and len(self.runs[-2][0]) < 2 * len(self.runs[-1][0]):
            self.runs.append(_merge(self.runs.pop(), self.runs.pop()))

    def find(self, ids: pa.Array | pa.ChunkedArray) -> dict[int, IntArray]:
        """For each part that may hold some of `ids`, the positions of these in `ids`."""
        wanted = text_keys(ids)
        rows: list[IntArray] = []
        parts: list[IntArray] = []
        for keys, holders in self.runs:
            first, last = np.searchsorted(keys, wanted, "left"), np.searchsorted(keys, wanted, "right")
            for step in range(int((last - first).max(initial=0))):
                hit = np.flatnonzero(first + step < last)
                rows.append(hit)
                parts.append(holders[first[hit] + step].astype(np.int64))
        if not rows:
            return {}
        row, part = np.concatenate(rows), np.concatenate(parts)
        return {int(p): np.unique(row[part == p]) for p in np.unique(part)}


def first_of_each(ids: pa.Array | pa.ChunkedArray) -> IntArray:
    """Positions of the first occurrence of each id, ascending.

    >>> first_of_each(pa.array(["b", "a", "b"])).tolist()
    [0, 1]
    """
    encoded = pc.dictionary_encode(ids)
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks() if encoded.num_chunks else pa.array([], pa.string()).dictionary_encode()
    return np.sort(np.unique(encoded.indices.to_numpy(zero_copy_only=False), return_index=True)[1]).astype(np.int64)


def _merge(one: tuple[KeyArray, AnyArray], two: tuple[KeyArray, AnyArray]) -> tuple[KeyArray, AnyArray]:
    keys, parts = np.concatenate([one[0], two[0]]), np.concatenate([one[1], two[1]])
    order = np.argsort(keys, kind="stable")
    return keys[order], parts[order]
