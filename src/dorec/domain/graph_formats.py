"""Causal graphs as text and as networkx: JSON, Graphviz DOT, GML, and the structure of a BIF network.

Everything read here is data to be parsed; nothing in it is evaluated. networkx is loaded on use.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, cast, get_args

from dorec.domain.errors import InputError
from dorec.domain.graph import CausalGraph, Edge, Mark

# -- JSON ---------------------------------------------------------------------------------------------------------


def to_json(graph: CausalGraph) -> str:
    """The graph as JSON text: nodes, and edges with both end marks, confidence and provenance.

    >>> to_json(CausalGraph.from_edges("ab", directed=[("a", "b")])) == to_json(
    ...     from_json(to_json(CausalGraph.from_edges("ab", directed=[("a", "b")]))))
    True
    """
    return json.dumps(graph.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> CausalGraph:
    """The graph that `to_json` wrote.

    Raises:
        InputError: the text is no JSON, or no graph; the message says where.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"This is no JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from error
    if not isinstance(data, dict) or not {"nodes", "edges"} <= data.keys():
        raise InputError('A graph is {"nodes": [...], "edges": [{"a": ..., "b": ..., "mark_a": ..., "mark_b": ...}]}.')
    edges = []
    for i, edge in enumerate(data["edges"]):
        if not isinstance(edge, dict) or not {"a", "b"} <= edge.keys():
            raise InputError(f"Edge {i} of the graph is {edge!r}; it needs the ends a and b.")
        edges.append(_edge(str(edge["a"]), str(edge["b"]), edge))
    return CausalGraph(tuple(str(n) for n in data["nodes"]), tuple(edges))


# -- networkx -----------------------------------------------------------------------------------------------------


def to_networkx(graph: CausalGraph) -> Any:
    """A `networkx.MultiDiGraph`; each edge has `mark_a`, `mark_b`, and `confidence`, `provenance` where known.

    >>> sorted(to_networkx(CausalGraph.from_edges("ab", directed=[("a", "b")])).edges())
    [('a', 'b')]
    """
    import networkx as nx

    out = nx.MultiDiGraph()
    out.add_nodes_from(graph.nodes)
    for edge in graph.edges:
        more = {"confidence": edge.confidence, "provenance": edge.provenance or None}
        known = {key: value for key, value in more.items() if value is not None}
        out.add_edge(edge.a, edge.b, mark_a=edge.mark_a, mark_b=edge.mark_b, **known)
    return out


def from_networkx(graph: Any) -> CausalGraph:
    """The graph of any networkx graph: directed edges point, undirected ones don't, unless `mark_a`, `mark_b` say so.

    >>> import networkx as nx
    >>> from_networkx(nx.DiGraph([("a", "b")])).directed
    (('a', 'b'),)
    """
    default = ("tail", "arrow") if graph.is_directed() else ("tail", "tail")
    edges = [_edge(str(a), str(b), data, default) for a, b, data in graph.edges(data=True)]
    return CausalGraph(tuple(str(n) for n in graph.nodes()), tuple(edges))


# -- GML ----------------------------------------------------------------------------------------------------------


def to_gml(graph: CausalGraph) -> str:
    """The graph as GML text, end marks as edge attributes.

    >>> print(to_gml(CausalGraph.from_edges("a")))
    graph [
      directed 1
      multigraph 1
      node [
        id 0
        label "a"
      ]
    ]
    """
    import networkx as nx

    as_text = to_networkx(graph)
    for _, _, data in as_text.edges(data=True):  # GML keys have no underscore
        data["markA"], data["markB"] = data.pop("mark_a"), data.pop("mark_b")
    return "\n".join(nx.generate_gml(as_text))


def from_gml(text: str) -> CausalGraph:
    """The graph of a GML text, ours or anyone's: edges of a directed graph point from source to target.

    Raises:
        InputError: the text is no GML.

    >>> from_gml('graph [directed 1 node [id 0 label "a"] node [id 1 label "b"] edge [source 1 target 0]]').directed
    (('b', 'a'),)
    """
    import networkx as nx

    try:
        parsed = nx.parse_gml(text)
    except nx.NetworkXError as error:
        raise InputError(f"This is no GML: {error}.") from error
    for *_, data in parsed.edges(data=True):
        if "markA" in data:
            data["mark_a"], data["mark_b"] = data["markA"], data.get("markB")
    return from_networkx(parsed)


# -- DOT ----------------------------------------------------------------------------------------------------------

_ARROWHEAD = {"tail": "none", "arrow": "normal", "circle": "odot"}
_MARK = {"none": "tail", "normal": "arrow", "odot": "circle", "dot": "circle", "vee": "arrow", "": "arrow"}
_TOKEN = re.compile(
    r"""\s+|//[^\n]*|/\*.*?\*/|^\#[^\n]*
    |(?P<edge><->|->|<-|--)
    |(?P<mark>[{}\[\];,=:])
    |"(?P<quoted>(?:[^"\\]|\\.)*)"
    |(?P<name>[^\s{}\[\];,=:"<>-]+(?:-(?![->])[^\s{}\[\];,=:"<>-]+)*)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


def to_dot(graph: CausalGraph) -> str:
    """The graph as Graphviz DOT; other ends than tail and arrow are written as arrowtail and arrowhead.

    >>> print(to_dot(CausalGraph.from_edges("ab", bidirected=[("a", "b")])))
    digraph {
      "a";
      "b";
      "a" -> "b" [dir=both, arrowtail=normal, arrowhead=normal];
    }
    """
    lines = [f"  {_quote(node)};" for node in graph.nodes]
    for edge in graph.edges:
        ends = ""
        if (edge.mark_a, edge.mark_b) != ("tail", "arrow"):
            ends = f" [dir=both, arrowtail={_ARROWHEAD[edge.mark_a]}, arrowhead={_ARROWHEAD[edge.mark_b]}]"
        lines.append(f"  {_quote(edge.a)} -> {_quote(edge.b)}{ends};")
    return "\n".join(["digraph {", *lines, "}"])


def from_dot(text: str) -> CausalGraph:
    """The graph of a DOT text: chains `a -> b -> c`, `a <-> b`, `a -- b`.

    The edge attributes dir, arrowhead and arrowtail are heeded; node and graph attributes are read over. Nodes keep the
    order of their first mention.

    Raises:
        InputError: the text is no DOT, or has subgraphs; the message says where.
        CyclicGraph: the arrows close a cycle.

    >>> from_dot("digraph{U->t;U->y;t->y;}").directed
    (('U', 't'), ('U', 'y'), ('t', 'y'))
    """
    tokens = list(_tokens(text))
    start = next((i for i, (_, word) in enumerate(tokens) if word == "{"), None)
    head = [word.lower() for _, word in tokens[: start or 0]]
    if start is None or tokens[-1][1] != "}" or not {"graph", "digraph", "dag", "mag", "pdag"} & set(head):
        raise InputError("A DOT text is digraph { ... } or graph { ... }.")
    reader = _DotReader(tokens[start + 1 : -1])
    reader.read()
    return CausalGraph(tuple(reader.nodes), tuple(reader.edges))


class _DotReader:
    """Reads the statements between the braces."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.at = 0
        self.nodes: dict[str, None] = {}
        self.edges: list[Edge] = []

    def read(self) -> None:
        while self.at < len(self.tokens):
            kind, word = self._next()
            if kind == "mark" and word in ";,":
                continue
            if kind != "name" or word == "subgraph":
                raise InputError(f"DOT: {word!r} is not read here; write nodes and edges, a statement each.")
            if self._peek() == "=":  # a graph attribute
                self.at += 2
            else:
                self._statement(word)

    def _statement(self, first: str) -> None:
        chain, kinds = [first], []
        while self.at < len(self.tokens) and self.tokens[self.at][0] == "edge":
            kinds.append(self._next()[1])
            kind, word = self._next()
            if kind != "name":
                raise InputError(f"DOT: after {chain[-1]} {kinds[-1]} comes {word!r}, where a node is needed.")
            chain.append(word)
        attributes = self._attributes()
        if not kinds and first in ("node", "edge", "graph"):
            return
        self.nodes |= dict.fromkeys(chain)
        for a, kind, b in zip(chain, kinds, chain[1:], strict=False):
            self.edges.append(_dot_edge(a, kind, b, attributes))

    def _attributes(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while self._peek() == "[":
            self.at += 1
            while (word := self._next()[1]) != "]":
                if self._peek() == "=":
                    self.at += 1
                    found[word.lower()] = self._next()[1].lower()
        return found

    def _peek(self) -> str:
        kind, word = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        return word if kind == "mark" else ""

    def _next(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise InputError("The DOT text ends in the middle of a statement.")
        self.at += 1
        return self.tokens[self.at - 1]


def _dot_edge(a: str, kind: str, b: str, attributes: dict[str, str]) -> Edge:
    direction = {"->": "forward", "<-": "back", "<->": "both", "--": "none"}[kind]
    direction = attributes.get("dir", direction)
    head, tail = (attributes.get(key, "normal") for key in ("arrowhead", "arrowtail"))
    at_a = _MARK.get(tail, "arrow") if direction in ("back", "both") else "tail"
    at_b = _MARK.get(head, "arrow") if direction in ("forward", "both") else "tail"
    return Edge(a, b, cast(Mark, at_a), cast(Mark, at_b))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            line = text.count("\n", 0, place) + 1
            raise InputError(f"DOT: line {line} has {text[place]!r} where a name, an edge or a bracket is needed.")
        place = found.end()
        if found.lastgroup == "quoted":
            yield "name", found["quoted"].replace('\\"', '"').replace("\\\\", "\\")
        elif found.lastgroup:
            yield found.lastgroup, found[found.lastgroup]


def _quote(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


# -- BIF ----------------------------------------------------------------------------------------------------------

_VARIABLE = re.compile(r'\bvariable\s+("[^"]*"|[^\s{"]+)\s*\{')
_PROBABILITY = re.compile(r"\bprobability\s*\(([^)]*)\)")


def from_bif(text: str) -> CausalGraph:
    """The structure of a Bayesian network in the Bayesian interchange format; its tables are not read.

    Raises:
        InputError: the text declares no variable, or a parent that is none.

    >>> text = "variable a { } variable b { } probability ( a ) { } probability ( b | a ) { }"
    >>> from_bif(text).directed
    (('a', 'b'),)
    """
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
    nodes = [name.strip('"') for name in _VARIABLE.findall(text)]
    if not nodes:
        raise InputError("This BIF text declares no variable; it needs `variable name { ... }` for each node.")
    edges = []
    for inside in _PROBABILITY.findall(text):
        child, _, causes = inside.partition("|")
        names = [name.strip().strip('"') for name in re.split(r"[,\s]+", causes.strip()) if name.strip()]
        edges += [(name, child.strip().strip('"')) for name in names]
    return CausalGraph.from_edges(nodes, directed=edges, provenance="BIF")


# -- inside -------------------------------------------------------------------------------------------------------


def _edge(a: str, b: str, data: Any, default: tuple[str, str] = ("tail", "arrow")) -> Edge:
    at_a, at_b = data.get("mark_a") or default[0], data.get("mark_b") or default[1]
    for mark in (at_a, at_b):
        if mark not in get_args(Mark):
            raise InputError(f"The edge {a}, {b} has the end mark {mark!r}; allowed: {', '.join(get_args(Mark))}.")
    confidence = data.get("confidence")
    sure = None if confidence is None else float(confidence)
    return Edge(a, b, cast(Mark, at_a), cast(Mark, at_b), sure, str(data.get("provenance") or ""))
