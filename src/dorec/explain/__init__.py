"""Why this? Results as blocks of a report, figures as data and as pictures, and plain words for all of it."""

from dorec.explain.attack_figures import love_figure, sensitivity_figure
from dorec.explain.blocks import (
    AssumptionList,
    Block,
    Card,
    CardItem,
    Cards,
    Details,
    EstimateTable,
    ExplanationBlock,
    FigureBlock,
    KeyFigures,
    Note,
    RefusalBlock,
    Report,
    Section,
    Table,
    Text,
    VerdictList,
)
from dorec.explain.effect_figures import effect_curve_figure, effect_map_figure, importance_figure, toc_figure
from dorec.explain.figures import (
    bars_figure,
    curve_figure,
    draw,
    forest_figure,
    funnel_figure,
    graph_figure,
    overlap_figure,
)
from dorec.explain.html import render_html
from dorec.explain.text import render_text
from dorec.explain.words import describe_estimand, describe_estimate, describe_refusal, describe_verdict

__all__ = [
    "AssumptionList",
    "Block",
    "Card",
    "CardItem",
    "Cards",
    "Details",
    "EstimateTable",
    "ExplanationBlock",
    "FigureBlock",
    "KeyFigures",
    "Note",
    "RefusalBlock",
    "Report",
    "Section",
    "Table",
    "Text",
    "VerdictList",
    "bars_figure",
    "curve_figure",
    "describe_estimand",
    "describe_estimate",
    "describe_refusal",
    "describe_verdict",
    "draw",
    "effect_curve_figure",
    "effect_map_figure",
    "forest_figure",
    "funnel_figure",
    "graph_figure",
    "importance_figure",
    "love_figure",
    "overlap_figure",
    "render_html",
    "render_text",
    "sensitivity_figure",
    "toc_figure",
]
