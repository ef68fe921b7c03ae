"""Compiled loops: numba with the compilation kept on disk, and without it where no folder can be written."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """The function, compiled on first use; it releases the interpreter, so threads may share its work.

    >>> @kernel
    ... def double(x):
    ...     return 2 * x
    >>> double(21)
    42
    """
    compiled: Function
    try:
        compiled = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        compiled = njit(nogil=True)(function)
    return compiled


def fast_kernel(function: Function) -> Function:
    """Like `kernel`, with sums that may be reordered into vector instructions: for finite numbers only.

    >>> @fast_kernel
    ... def total(x):
    ...     s = 0.0
    ...     for v in x:
    ...         s += v
    ...     return s
    >>> total((1.0, 2.0, 3.0))
    6.0
    """
    compiled: Function
    try:
        compiled = njit(cache=True, nogil=True, fastmath=True)(function)
    except RuntimeError:
        compiled = njit(nogil=True, fastmath=True)(function)
    return compiled


def ranges(n: int, n_parts: int) -> Iterator[tuple[int, int]]:
    """At most `n_parts` ranges (start, stop) that cover 0..n-1.

    >>> list(ranges(5, 2))
    [(0, 3), (3, 5)]
    """
    size = max(1, -(-n // max(1, n_parts)))
    for start in range(0, n, size):
        yield start, min(start + size, n)


def run_parts(work: Callable[[int, int], Any], parts: Sequence[tuple[int, int]], threads: int) -> None:
    """Call `work(start, stop)` for each part, on up to `threads` threads; an error in a part is raised.

    >>> seen = []
    >>> run_parts(lambda start, stop: seen.append((start, stop)), [(0, 2), (2, 3)], threads=1)
    >>> seen
    [(0, 2), (2, 3)]
    """
    if threads <= 1 or len(parts) <= 1:
        for start, stop in parts:
            work(start, stop)
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, start, stop) for start, stop in parts]:
            done.result()
