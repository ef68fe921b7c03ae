"""`dorec discover`: a table file -> a graph, with what is known, what the data say against it, and pictures."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pyarrow as pa
import pyarrow.compute as pc

from dorec.discover import (
    REGISTRY,
    BootstrapDiscovery,
    EnsembleDiscovery,
    GraphComparison,
    VarianceOrderWarning,
    compare_graphs,
    make,
    markov_check,
)
from dorec.domain.errors import ColumnNotFound, ConfigError, DorecError, NotFinite
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge
from dorec.domain.protocols import Discoverer
from dorec.domain.run import RunContext
from dorec.domain.verdict import Verdict
from dorec.loop.graph_file import read_graph
from dorec.loop.knowledge_file import read_knowledge
from dorec.loop.tables import read_table

MAX_LEVELS = 20  # a column of text with more values names things rather than classes
FEW = 6  # a column of whole numbers with up to so many values is taken as classes when all others are


@dataclass(frozen=True, kw_only=True)
class DiscoverRequest:
    """What `dorec discover` is asked.

    Example:
        >>> DiscoverRequest(source=Path("shop.csv"), methods=("pc",), settings={"alpha": 0.01}).bootstrap
        0
    """

    source: Path
    methods: Sequence[str] = ("boss",)
    settings: Mapping[str, Any] = field(default_factory=dict)
    knowledge: Path | None = None
    columns: Sequence[str] = ()  # empty: every column that can be a node
    missing: str = "refuse"  # or "drop" rows with missing values
    bootstrap: int = 0  # resamples; 0 for none
    truth: Path | None = None  # a graph to compare with


@dataclass(frozen=True, kw_only=True)
class Discovered:
    """The graph and all that was found on the way to it.

    Example:
        >>> found = Discovered(
        ...     request=DiscoverRequest(source=Path("shop.csv")), graph=CausalGraph.from_edges("ab"),
        ...     knowledge=Knowledge(), rows=10, dropped_rows=0, left_out={}, chosen={}, verdicts=(),
        ...     without_knowledge=None, comparison=None)
        >>> found.to_dict()["graph"]["nodes"]
        ['a', 'b']
    """

    request: DiscoverRequest
    graph: CausalGraph
    knowledge: Knowledge
    rows: int
    dropped_rows: int
    left_out: Mapping[str, str]  # column -> why it is no node
    chosen: Mapping[str, Any]  # settings that the data decided
    verdicts: tuple[Verdict, ...]
    without_knowledge: CausalGraph | None
    comparison: GraphComparison | None

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        compared = self.comparison
        return {
            "graph": self.graph.to_dict(),
            "method": list(self.request.methods),
            "settings": {**self.chosen, **self.request.settings},
            "rows": self.rows,
            "dropped_rows": self.dropped_rows,
            "left_out": dict(self.left_out),
            "verdicts": [v.to_dict() for v in self.verdicts],
            "without_knowledge": None if self.without_knowledge is None else self.without_knowledge.to_dict(),
            "comparison": None
            if compared is None
            else {
                "shd": compared.shd,
                "sid": compared.sid,
                "skeleton": {k: getattr(compared.skeleton, k) for k in ("precision", "recall", "f1")},
                "directed": {k: getattr(compared.directed, k) for k in ("precision", "recall", "f1")},
            },
        }


def discover_file(request: DiscoverRequest, *, context: RunContext) -> Discovered:
    r"""Read the table, choose its nodes and the score or test that fits them, search, and check the graph.

    Raises:
        ConfigError: a method, setting or column is unknown.
        Refusal, InputError: what the method says of the table or of the knowledge.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "shop.csv")
        ...     _ = file.write_text("a,b\n" + "\n".join(f"{i % 7},{i % 7 + i % 3}" for i in range(80)))
        ...     found = discover_file(DiscoverRequest(source=file), context=RunContext())
        >>> found.rows, found.graph.undirected
        (80, (('a', 'b'),))
    """
    table = read_table(request.source)
    if len(set(request.methods)) < len(request.methods):
        raise ConfigError(f"A method stands twice in {', '.join(request.methods)}; name each once.")
    known = Knowledge() if request.knowledge is None else read_knowledge(request.knowledge)
    table, left_out = _nodes(table, request)
    whole = table.num_rows
    if request.missing == "drop":
        table = table.drop_null()
    elif request.settings.get("missing") != "test_wise":
        _refuse_missing(table)
    kind = kind_of(table)
    chosen = {} if len(request.methods) > 1 else _fitting(request.methods[0], kind, request.settings)
    search = _search(request, kind, chosen)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", VarianceOrderWarning)
        graph = search.discover(table, known, context)
    checks = (
        ()
        if not set(graph.nodes) <= set(table.column_names)
        else _checks(graph, table, kind, request.settings.get("missing", "refuse"), context)
    )
    checks = [*checks, *(_as_verdict(one) for one in heard if issubclass(one.category, VarianceOrderWarning))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VarianceOrderWarning)  # said of the graph that counts
        beside = None if request.knowledge is None else search.discover(table, None, context)
    truth = None if request.truth is None else read_graph(str(request.truth))
    return Discovered(
        request=request,
        graph=graph,
        knowledge=known,
        rows=table.num_rows,
        dropped_rows=whole - table.num_rows,
        left_out=left_out,
        chosen=chosen,
        verdicts=tuple(checks),
        without_knowledge=beside,
        comparison=None if truth is None else compare_graphs(graph, truth),
    )


def purposes() -> dict[str, str]:
    """What each discovery method finds, in a sentence.

    >>> purposes()["pc"]
    'The equivalence class of DAGs (a CPDAG) that the independences in a table support.'
    """
    return REGISTRY.purposes()


def kind_of(table: pa.Table) -> str:
    """Whether the columns are "numbers", "classes" or "mixed".

    >>> kind_of(pa.table({"a": [0.5, 1.5], "b": ["x", "y"]}))
    'mixed'
    """
    text = [_is_text(table.column(name)) for name in table.column_names]
    few = [t or _has_few_levels(table.column(n)) for n, t in zip(table.column_names, text, strict=True)]
    if all(few):
        return "classes"
    return "mixed" if any(text) else "numbers"


def _refuse_missing(table: pa.Table) -> None:
    missing = {name: table.column(name).null_count for name in table.column_names if table.column(name).null_count}
    if missing:
        said = ", ".join(f"{name} ({n:,})" for name, n in list(missing.items())[:10])
        raise NotFinite(
            f"columns have missing values: {said}{', ...' if len(missing) > 10 else ''}, of {table.num_rows:,} rows",
            remedy="--drop-missing leaves these rows out, --column names the columns to take; PC and FCI can test on "
            "the rows that each test has: --set missing=test_wise",
            evidence={"columns": missing},
        )


def _as_verdict(warning: warnings.WarningMessage) -> Verdict:
    return Verdict(check="variance order", status="warning", code="variance_order", meaning=str(warning.message))


def _search(request: DiscoverRequest, kind: str, chosen: Mapping[str, Any]) -> Discoverer:
    if len(request.methods) == 1:
        one: Discoverer = make(request.methods[0], **{**chosen, **request.settings})
    else:
        if request.settings:
            raise ConfigError("--set goes with a single --method, since methods have settings of their own.")
        one = EnsembleDiscovery(tuple(make(name, **_fitting(name, kind, {})) for name in request.methods))
    return BootstrapDiscovery(one, n_bootstrap=request.bootstrap) if request.bootstrap else one


_SCORES = {"numbers": "bic", "classes": "discrete_bic", "mixed": "mixed"}
TESTS = {"numbers": "fisher_z", "classes": "g_square", "mixed": "degenerate_gaussian"}


def _fitting(method: str, kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The score or test that fits the columns, where the method has one and the user named none."""
    allowed = get_type_hints(REGISTRY.load(method))
    by_field = {"score": _SCORES[kind], "test": TESTS[kind]}
    return {k: v for k, v in by_field.items() if k not in given and v in get_args(allowed.get(k))}


def _checks(graph: CausalGraph, table: pa.Table, kind: str, missing: Any, context: RunContext) -> list[Verdict]:
    try:
        return markov_check(graph, table, test=TESTS[kind], missing=missing, context=context)  # type: ignore[arg-type]
    except DorecError as problem:
        said = f"the graph was not held against the table: {problem}"
        return [Verdict(check="implied independences", status="warning", meaning=said, code="not_checked")]


def _nodes(table: pa.Table, request: DiscoverRequest) -> tuple[pa.Table, dict[str, str]]:
    """The columns that become nodes, and why the others do not; what the user names is never left out."""
    if request.columns:
        for name in request.columns:
            if name not in table.column_names:
                raise ColumnNotFound(name, table.column_names, where=request.source.name)
        return table.select(list(dict.fromkeys(request.columns))), {}
    roles = _roles(request)
    why = {
        name: "" if name in roles else _unfit(table.column(name), table.num_rows, request)
        for name in table.column_names
    }
    left_out = {name: reason for name, reason in why.items() if reason}
    return table.select([name for name, reason in why.items() if not reason]), left_out


def _roles(request: DiscoverRequest) -> set[str]:
    """Columns that a method over time reads as unit, time or event, which are no nodes but have to be there."""
    methods = [make(name, **(request.settings if len(request.methods) == 1 else {})) for name in request.methods]
    return {str(getattr(method, key, "")) for method in methods for key in ("unit", "time", "event")}


def _unfit(column: pa.ChunkedArray, n: int, request: DiscoverRequest) -> str:
    kind = column.type
    if pa.types.is_temporal(kind):
        return "a time stamp; turn it into a number if it may matter"
    if not (_is_text(column) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return f"of type {kind}, which is no number, text or truth value"
    levels = pc.count_distinct(column).as_py()
    if levels < 2:
        return "one value in all rows"
    if request.missing == "drop" and column.null_count > n / 2:
        return f"missing in {column.null_count / n:.0%} of the rows"
    if _is_text(column) and levels > MAX_LEVELS:
        return f"text with {levels:,} values, as of an identifier; group them if they may matter"
    if pa.types.is_integer(kind) and levels == n and n > FEW:
        steps = pc.max(column).as_py() - pc.min(column).as_py() + 1
        if steps == n:
            return "a row number: every whole number once"
    return ""


def _is_text(column: pa.ChunkedArray) -> bool:
    kind = column.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind))


def _has_few_levels(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_integer(column.type) and pc.count_distinct(column).as_py() <= FEW)
