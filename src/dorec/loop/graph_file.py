"""A causal graph as a file or as lines: "z -> t", "t <-> y", "a -- b"."""

from collections.abc import Callable, Sequence
from pathlib import Path

from dorec.domain.errors import ConfigError, InputError, UnreadableSource
from dorec.domain.graph import CausalGraph

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
    if "--" in source or "->" in source:
        return parse_graph([line for line in source.replace("\n", ";").split(";") if line.strip()], "the graph")
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
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    return parse_graph([line for line in lines if line], path.name)


def parse_graph(edges: Sequence[str], where: str = "question.graph") -> CausalGraph:
    """A graph from lines such as "a -> b", "a <-> b" and "a -- b".

    >>> parse_graph(["z -> t", "z -> y", "t -> y"]).directed
    (('t', 'y'), ('z', 't'), ('z', 'y'))
    """
    found: dict[str, list[tuple[str, str]]] = {"->": [], "<->": [], "--": []}
    for line in edges:
        mark = next((m for m in ("<->", "->", "--") if m in line), "->")
        a, sign, b = (part.strip() for part in line.partition(mark))
        if not (a and sign and b) or any(m in b for m in ("->", "--")):
            raise ConfigError(f'{line!r} in {where} is no edge. Write "a -> b", or "a <-> b" for a hidden cause.')
        found[mark].append((a, b))
    nodes = list(dict.fromkeys(n for pairs in found.values() for pair in pairs for n in pair))
    return CausalGraph.from_edges(
        nodes, directed=found["->"], bidirected=found["<->"], undirected=found["--"], provenance=where
    )
