"""What `dorec discover` writes into a folder: the graph in three formats, its picture, and a page to read."""

from pathlib import Path

from dorec.domain.explanation import Figure
from dorec.domain.graph import CausalGraph, Edge
from dorec.explain import FigureBlock, Note, Report, Section, Table, Text, VerdictList, draw, graph_figure, render_html
from dorec.loop.discovering import Discovered
from dorec.loop.results import plain
from dorec.store import write_artefacts

_SAYS = {
    ("tail", "arrow"): "affects",
    ("arrow", "arrow"): "shares a hidden cause with",
    ("tail", "tail"): "is linked with, direction not known,",
    ("circle", "arrow"): "affects, or shares a hidden cause with,",
    ("circle", "circle"): "is linked with, nature not known,",
}


def write_graph(found: Discovered, folder: Path) -> Path:
    """Write graph.json, graph.dot, graph.svg, discovery.json and report.html; the path of the page."""
    figure = picture(found)
    files = {
        "graph.json": found.graph.to_json().encode(),
        "graph.dot": found.graph.to_dot().encode(),
        "graph.svg": draw(figure, standalone=True).encode(),
        "discovery.json": plain(found.to_dict()),
        "report.html": render_html(page(found, figure)).encode(),
    }
    write_artefacts(folder, files)
    return folder / "report.html"


def picture(found: Discovered) -> Figure:
    """The graph, layered by the tiers of the knowledge."""
    caption = (
        f"From {found.rows:,} rows by {_method(found)}. An arrow means: may cause, directly, given the other columns. "
        "It rests on the method's assumptions, not on an experiment."
    )
    return graph_figure(found.graph, tiers=found.knowledge.tiers, title="What may cause what", caption=caption)


def page(found: Discovered, figure: Figure) -> Report:
    """The page: picture, edges, what the data say against it, what knowledge changed, what was left out."""
    rows = [[edge_in_words(e), e.confidence, e.provenance] for e in found.graph.edges]
    edges = Table(["edge", "confidence", "from"], rows, caption="Edges")
    sections = [Section("What may cause what", blocks=[FigureBlock(figure), edges])]
    sections.append(Section("Do the data agree?", blocks=[VerdictList(found.verdicts)]))
    if found.without_knowledge is not None:
        added, removed = difference(found.graph, found.without_knowledge)
        beside = graph_figure(found.without_knowledge, title="The same search without knowledge")
        said = "Knowledge changed nothing." if not added and not removed else ""
        changed = Table(["with knowledge", "without"], [[a, b] for a, b in _side_by_side(added, removed)])
        sections.append(
            Section("What knowledge changed", blocks=[FigureBlock(beside), Text(said) if said else changed])
        )
    if found.comparison is not None:
        sections.append(Section("Beside the given graph", blocks=[comparison_table(found)]))
    if found.left_out:
        left = Table(["column", "because"], [[name, why] for name, why in found.left_out.items()])
        sections.append(Section("Columns that are no nodes", blocks=[left]))
    dropped = [Note(f"{found.dropped_rows:,} rows with missing values were dropped.", tone="warning")]
    if found.dropped_rows:
        sections.insert(0, Section("Before you read on", blocks=dropped))
    facts = {"rows": f"{found.rows:,}", "nodes": len(found.graph.nodes), "method": _method(found)}
    return Report(found.request.source.name, subtitle="What may cause what", facts=facts, sections=sections)


def comparison_table(found: Discovered) -> Table:
    """How far the graph is from the one that was handed in."""
    compared = found.comparison
    assert compared is not None
    rows = [
        ["pairs joined", compared.skeleton.precision, compared.skeleton.recall, compared.skeleton.f1],
        ["directions", compared.directed.precision, compared.directed.recall, compared.directed.f1],
    ]
    return Table(["", "precision", "recall", "F1"], rows, caption=f"Structural Hamming distance {compared.shd}")


def edge_in_words(edge: Edge) -> str:
    """The edge as a sentence.

    >>> edge_in_words(Edge("ad", "view", "tail", "arrow"))
    'ad affects view'
    """
    return f"{edge.a} {_SAYS.get((edge.mark_a, edge.mark_b), 'is linked with')} {edge.b}"


def difference(one: CausalGraph, other: CausalGraph) -> tuple[list[str], list[str]]:
    """Edges, as text, that only the one has, and that only the other has."""
    mine, theirs = ({str(e) for e in g.edges} for g in (one, other))
    return sorted(mine - theirs), sorted(theirs - mine)


def _side_by_side(left: list[str], right: list[str]) -> list[tuple[str, str]]:
    n = max(len(left), len(right))
    return [(left[i] if i < len(left) else "", right[i] if i < len(right) else "") for i in range(n)]


def _method(found: Discovered) -> str:
    settings = ", ".join(f"{k}={v}" for k, v in {**found.chosen, **found.request.settings}.items())
    name = " and ".join(found.request.methods) + (f" ({settings})" if settings else "")
    resampled = f", {found.request.bootstrap} resamples" if found.request.bootstrap else ""
    return name + resampled
