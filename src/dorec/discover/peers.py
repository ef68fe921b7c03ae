"""What adapters to other packages share: loading them, keeping them quiet, handing them clean columns in one order."""

import io
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np

from dorec.discover.columns import correlation_of, numeric_columns
from dorec.domain.errors import ConfigError, CyclicGraph, InputError, TooLarge
from dorec.domain.graph import CausalGraph, Edge
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext
from dorec.numeric.arrays import FloatArray


def load(module: str, package: str) -> Any:
    """A module of an optional package.

    Raises:
        ConfigError: the package is not installed.

    >>> load("no_such_package.search", "no-such-package")
    Traceback (most recent call last):
    ...
    dorec.domain.errors.ConfigError: no-such-package is not installed; pip install 'dorec[tail]' brings it.
    """
    try:
        with quiet():
            return import_module(module)
    except ModuleNotFoundError as problem:
        if (problem.name or "").split(".")[0] != module.split(".")[0]:
            raise ConfigError(
                f"{package} lacks {problem.name}; pip install 'dorec[tail]' brings all that it needs."
            ) from None
        raise ConfigError(f"{package} is not installed; pip install 'dorec[tail]' brings it.") from None


def credit(method: str, package: str) -> str:
    """Who did it, for an edge's provenance."""
    return f"{method} by {package} {version(package)}"


@contextmanager
def quiet(context: RunContext | None = None) -> Iterator[None]:
    """No prints, progress bars or warnings; with a context, the global generators are seeded and then put back."""
    state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 (what the peers draw from)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            if context is not None:
                seed = int(context.rng("peer").integers(2**31))
                random.seed(seed)
                np.random.seed(seed)  # noqa: NPY002
            yield
        finally:
            random.setstate(state)
            np.random.set_state(numpy_state)  # noqa: NPY002


def clean_columns(
    table: Any, method: str, max_rows: int | None = None
) -> tuple[tuple[str, ...], FloatArray, tuple[str, ...]]:
    """Names in alphabetical order, their columns (n, d), and the names as the table has them.

    Peers' answers may depend on the order of the columns; with one order for all tables ours don't.

    Raises:
        NotFinite, ConstantColumn, Collinear, TooFewUnits, InputError: as `PC` does.
        TooLarge: there are more rows than the method can do.
    """
    given, matrix = numeric_columns(table, method, "another method")
    if max_rows is not None and len(matrix) > max_rows:
        raise TooLarge(
            f"{method} compares all pairs of rows, and {len(matrix):,} rows are more than max_rows={max_rows:,}",
            remedy="give a random sample of the rows, or raise max_rows and wait",
        )
    correlation_of(given, matrix)
    order = sorted(range(len(given)), key=given.__getitem__)
    return tuple(given[i] for i in order), np.ascontiguousarray(matrix[:, order]), given


def refuse_knowledge(knowledge: Knowledge | None, method: str, instead: str) -> None:
    """Refuse tiers, required and forbidden edges that a method could not honour."""
    if knowledge is not None and (knowledge.tiers or knowledge.required or knowledge.forbidden):
        raise InputError(f"{method} takes no knowledge of edges, and would violate it in silence; take {instead}.")


def acyclic(nodes: tuple[str, ...], edges: list[Edge], method: str) -> CausalGraph:
    """The graph; a peer's answer that has a directed cycle is refused under the method's name."""
    try:
        return CausalGraph(nodes, tuple(edges))
    except CyclicGraph as problem:
        raise CyclicGraph(
            f"{method} found a cycle: {problem.reason}",
            remedy="the table contradicts the method's assumptions; take another alpha, or another method",
            evidence=problem.evidence,
        ) from None
