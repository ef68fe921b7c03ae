"""Sequences of any length in rows of one width without waste: several short ones share a row. Arrays alone."""

from dataclasses import dataclass

import numpy as np

from dorec.numeric.arrays import IntArray


@dataclass(frozen=True, eq=False)
class Windows:
    """Rows of places, each of which holds an event or nothing.

    Example:
        >>> rows = packed(np.array([0, 5]), np.array([3, 2]), width=6)
        >>> rows.at.tolist(), rows.segment.tolist(), rows.place.tolist()
        ([[0, 1, 2, 5, 6, -1]], [[0, 0, 0, 1, 1, 6]], [[2, 1, 0, 1, 0, 0]])
    """

    at: IntArray  # (r, width) an event, -1 for none
    segment: IntArray  # (r, width) which sequence of the row; width where there is none
    place: IntArray  # (r, width) events of the sequence that come after it


def cut(first: IntArray, count: IntArray, width: int) -> tuple[IntArray, IntArray]:
    """Runs of events cut into pieces of at most `width`, from the end, so that the latest piece is a whole one.

    >>> [part.tolist() for part in cut(np.array([0, 7]), np.array([5, 2]), 3)]
    [[0, 2, 7], [2, 3, 2]]
    """
    n_pieces = -(-count // width)
    run = np.repeat(np.arange(len(count)), n_pieces)
    left = n_pieces[run] - 1 - (np.arange(len(run)) - np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces))
    stop = count[run] - left * width
    begin = np.maximum(stop - width, 0)
    return first[run] + begin, stop - begin


def packed(first: IntArray, count: IntArray, width: int) -> Windows:
    """Pieces of at most `width` events in as few rows as best fit, longest first, finds."""
    order = np.argsort(-count, kind="stable")
    order = order[count[order] > 0]
    with_room: list[list[int]] = [[] for _ in range(width + 1)]  # rows by the places that are left in them
    row, offset, nth = (np.zeros(len(order), dtype=np.int64) for _ in range(3))
    held: list[int] = []  # sequences in each row
    for i, length in enumerate(count[order].tolist()):
        room = next((r for r in range(length, width + 1) if with_room[r]), None)
        if room is None:
            room = width
            held.append(0)
            with_room[width].append(len(held) - 1)
        at = with_room[room].pop()
        row[i], offset[i], nth[i] = at, width - room, held[at]
        held[at] += 1
        with_room[room - length].append(at)
    return _laid_out(first[order], count[order], (row, offset, nth), (len(held), width))


def lines(first: IntArray, count: IntArray, width: int) -> Windows:
    """One run of at most `width` events a row, from the left.

    >>> lines(np.array([4]), np.array([2]), width=3).at.tolist()
    [[4, 5, -1]]
    """
    zero = np.zeros(len(first), dtype=np.int64)
    return _laid_out(first, count, (np.arange(len(first)), zero, zero), (len(first), width))


def _laid_out(
    first: IntArray, count: IntArray, where: tuple[IntArray, IntArray, IntArray], shape: tuple[int, int]
) -> Windows:
    row, offset, nth = where
    place_in = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    to = np.repeat(row * shape[1] + offset, count) + place_in
    at, segment, place = np.full(shape, -1), np.full(shape, shape[1]), np.zeros(shape, dtype=np.int64)
    at.ravel()[to] = np.repeat(first, count) + place_in
    segment.ravel()[to] = np.repeat(nth, count)
    place.ravel()[to] = np.repeat(count, count) - 1 - place_in
    return Windows(at, segment, place)
