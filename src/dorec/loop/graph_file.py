"""A causal graph as a file or as lines: "z -> t", "t <-> y", "a -- b"."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from dorec.domain.errors import ConfigError, InputError, UnreadableSource
from dorec.domain.graph import CausalGraph, Edge, Mark

_READERS: dict[str, Callable[[str], CausalGraph]] = {
    ".json": CausalGraph.from_json,
    ".dot": CausalGraph.from_dot,
    ".gv": CausalGraph.from_dot,
    ".gml": CausalGraph.from_gml,
    ".bif": CausalGraph.from_bif,
}


def read_graph(source: str) -> CausalGraph:
    """The graph of a file (.json, .dot, .gml, .bif, or .txt with a line an edge), or written out: "z -> t; t -> y".

    Raises:
        UnreadableSource: the file is not there or is no graph.
        ConfigError: a line is no edge.

    Example:
        >>> read_graph("z -> t; z -> y; t -> y").directed
        (('t', 'y'), ('z', 't'), ('z', 'y'))
    """
    path = Path(source)
    if not path.is_file() and ("--" in source or "->" in source or "<-" in source):
        return parse_graph(source.replace("\n", ";").split(";"), "the graph")
    if not path.is_file():
        raise UnreadableSource(f'{source} does not exist. Give a file, or edges as "z -> t; z -> y; t -> y".')
    try:
        text = path.read_text(encoding="utf-8")
        reader = _READERS.get(path.suffix.lower())
        if reader is not None:
            return reader(text)
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, OSError) as problem:
        raise UnreadableSource(f"{path} can't be read as a graph: {problem!r}.") from None
    return parse_graph(text.splitlines(), path.name)


def parse_graph(edges: Sequence[str], where: str = "question.graph") -> CausalGraph:
    """A graph from lines such as "a -> b", "a <-> b", "a -- b" and "a o-> b", or a name alone for a node without edges.

    Names that hold a dash or a space need spaces around the arrow; what follows a # is a comment.

    >>> parse_graph(["z -> t", "z --> y", "t -> y", "alone"]).directed
    (('t', 'y'), ('z', 't'), ('z', 'y'))
    """
    nodes: dict[str, None] = {}
    found = []
    for whole in edges:
        line = whole.partition("#")[0].strip()
        if not line:
            continue
        ends = _SPACED.fullmatch(line) or _TIGHT.fullmatch(line)
        names = [line] if ends is None else [ends["a"].strip(), ends["b"].strip()]
        if any(_ODD.search(name) for name in names) or (ends is None and " " in line):
            raise ConfigError(
                f'{whole.strip()!r} in {where} is no edge. Write "a -> b", "a <-> b" for a hidden cause, "a -- b" or '
                '"a o-> b" for what is not known; names have none of < > { } ; and no arrows.'
            )
        nodes |= dict.fromkeys(names)
        if ends is not None:
            left, right = _LEFT[ends["left"]], _RIGHT[ends["right"]]
            found.append(Edge(names[0], names[1], left, right, None, where))
    return CausalGraph(tuple(nodes), tuple(found))


_SPACED = re.compile(r"(?P<a>.*?\S)\s+(?P<left>[<o]?)-{1,3}(?P<right>[>o]?)\s+(?P<b>\S.*)")
_TIGHT = re.compile(r"(?P<a>[^\s<>-]+)\s*(?P<left><?)-{1,3}(?P<right>>?)\s*(?P<b>[^\s<>-]+)")
_ODD = re.compile(r"[<>{};]|(^|\s)[<o]?-{1,3}[>o]?(\s|$)|--|->")
_LEFT: dict[str, Mark] = {"": "tail", "<": "arrow", "o": "circle"}
_RIGHT: dict[str, Mark] = {"": "tail", ">": "arrow", "o": "circle"}
