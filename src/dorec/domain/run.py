"""How a computation runs (seed, threads, device, progress) and what is remembered of it."""

import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import numpy as np

from dorec.numeric.memo import Memo
from dorec.numeric.rng import generator

T = TypeVar("T")
R = TypeVar("R")


class Progress(Protocol):
    """Shows how far a loop is. The command line draws bars; a library call is silent unless it is handed one."""

    def track(self, items: Iterable[T], *, label: str, total: int | None) -> Iterator[T]:
        """Yield the items while showing how many have passed."""
        ...


class Silent:
    """Progress that shows nothing."""

    def track(self, items: Iterable[T], *, label: str, total: int | None) -> Iterator[T]:
        """Yield the items."""
        del label, total
        yield from items


class Engine(Protocol):
    """Maps a function over independent pieces of work: folds, shards, bootstrap draws."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Results in the order of the items."""
        ...


class Serial:
    """One piece after another; the numerical libraries inside use the threads."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Results in the order of the items."""
        return [function(item) for item in items]


@dataclass(frozen=True)
class RunContext:
    """Seed, threads, device, engine and progress of one computation; hyperparameters live in the learner instead.

    Example:
        >>> context = RunContext(seed=7)
        >>> bool(context.rng("folds").random() == RunContext(seed=7).rng("folds").random())
        True
    """

    seed: int = 0
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    device: str = "cpu"
    engine: Engine = field(default_factory=Serial)
    progress: Progress = field(default_factory=Silent)
    memo: Memo = field(default_factory=Memo, repr=False, compare=False)  # what estimators on the same study share

    def rng(self, *stream: str | int) -> np.random.Generator:
        """The generator of a named stream, independent of every other name."""
        return generator(self.seed, *(stream or ("main",)))

    def with_seed(self, seed: int) -> "RunContext":
        """The same context with another seed."""
        return replace(self, seed=seed)

    def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
        """Yield the items while the progress bar, if there is one, moves."""
        return self.progress.track(items, label=label, total=total)


@dataclass(frozen=True, kw_only=True)
class Run:
    """The ledger's record of one run: what went in, by hash, what was done, what came out.

    Example:
        >>> Run(run_id="r1", command="dorec run shop", seed=0).finish("done").status
        'done'
    """

    run_id: str
    command: str
    seed: int
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished: datetime | None = None
    status: str = "running"  # running, done, failed
    version: str = ""
    config_hash: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)  # path -> SHA-256
    results: Mapping[str, Any] = field(default_factory=dict)

    def finish(self, status: str, **results: Any) -> "Run":
        """The record with its end, its status and what it made."""
        return replace(self, status=status, finished=datetime.now(UTC), results={**self.results, **results})


def new_run_id() -> str:
    """A name for a run that begins: the time, and four characters that tell runs of one second apart.

    >>> len(new_run_id())
    20
    """
    return time.strftime("%Y%m%d-%H%M%S-") + uuid.uuid4().hex[:4]
