"""What the report shows of effects that differ between units, and of attacks on the average: pictures from facts."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dorec.domain.explanation import Figure
from dorec.domain.verdict import Verdict
from dorec.explain import (
    Block,
    Details,
    FigureBlock,
    Note,
    Section,
    Table,
    Text,
    VerdictList,
    effect_curve_figure,
    effect_map_figure,
    importance_figure,
    love_figure,
    sensitivity_figure,
    toc_figure,
)
from dorec.explain.figures import bars_figure

Facts = Mapping[str, Any]
SHOWN_COLUMNS = 3  # whose segments are drawn; the others are in a table


def attack_pictures(facts: Facts) -> list[Block]:
    """The Love plot and what a hidden confounder would leave."""
    blocks: list[Block] = []
    if facts.get("balance"):
        found = facts["balance"]
        caption = "The farthest arm from the first. Weighting should bring the dots to the left of the dashed line."
        drawn = love_figure(found["names"], found["before"], found["after"], caption=caption)
        blocks.append(FigureBlock(drawn))
    if facts.get("hidden"):
        found, strongest = facts["hidden"], facts["hidden"]["strongest"]
        marks = {strongest["name"]: (strongest["r2_treatment"], strongest["r2_outcome"])} if strongest else None
        caption = (
            f"Effect of {found['contrast']} at worst. One that explains {found['robustness_value']:.1%} of what is "
            f"left of both takes it to 0, {found['robustness_value_limit']:.1%} takes its interval there."
        )
        drawn = sensitivity_figure(found["shares"], found["shares"], found["left"], benchmarks=marks, caption=caption)
        blocks.append(FigureBlock(drawn))
    return blocks


def varying(facts: Facts, outcome: str) -> list[Section]:
    """For whom the effect differs: whether it does at all, rules, segments, importance, curve, map, targeting."""
    found = facts.get("varying")
    if not found or "calibration" not in found:
        return []
    calibration = Verdict(**found["calibration"])
    blocks: list[Block] = [VerdictList([calibration])]
    blocks += _rules(found)
    blocks += [FigureBlock(figure) for figure in _pictures(found, outcome)]
    blocks += _segments(found)
    if found["left_out"]:
        rows = [[name, why] for name, why in found["left_out"].items()]
        blocks.append(Details("What could not be shown", [Table(["picture", "because"], rows)]))
    flat = calibration.code == "no_heterogeneity"
    lead = (
        f"The effect of {found['contrast']} on {outcome} is not shown to differ between units; what follows may be "
        "noise."
        if flat
        else f"How the effect of {found['contrast']} on {outcome} goes with what is known of a unit. It says for whom "
        "the effect is larger, not what would make it larger."
    )
    return [Section("For whom it differs", lead=lead, blocks=blocks, anchor="modifiers")]


def _rules(found: Facts) -> list[Block]:
    tree = found.get("tree")
    if not tree:
        return []
    bars = bars_figure(
        [rule["path"] for rule in tree["rules"]],
        [rule["value"] for rule in tree["rules"]],
        lower=[rule["lower"] for rule in tree["rules"]],
        upper=[rule["upper"] for rule in tree["rules"]],
        title="The effect in a few rules",
        caption="One half of the units chose the rules, the effects are those of the other half; intervals hold "
        f"jointly. The rules tell {tree['fidelity']:.0%} of the variance of the units' predicted effects.",
    )
    rows = [[rule["path"], rule["share"], rule["value"], rule["lower"], rule["upper"]] for rule in tree["rules"]]
    table = Table(["units with", "share", "effect", "lower", "upper"], rows, formats={"share": "percent"})
    return [FigureBlock(bars), Details("The rules as a table", [table])]


def _pictures(found: Facts, outcome: str) -> list[Figure]:
    figures = []
    if found.get("importance"):
        part = found["importance"]
        order = np.argsort(-np.array(part["values"], dtype=np.float64), kind="stable")[:15].tolist()
        figures.append(
            bars_figure(
                [part["names"][j] for j in order],
                [part["values"][j] for j in order],
                lower=[part["lower"][j] for j in order],
                upper=[part["upper"][j] for j in order],
                title="What the effect goes with",
                caption="How much worse predicted effects fit units they were not learned from, once a column is "
                "shuffled; 0 for a column of no use.",
            )
            if part["names"]
            else importance_figure({})
        )
    if found.get("curve"):
        part = found["curve"]
        figures.append(
            effect_curve_figure(
                part["at"],
                part["effect"],
                (part["lower"], part["upper"]),
                column=part["column"],
                partial=part["partial"],
                average=part["average"],
                y_label=f"effect on {outcome}",
                caption="The band holds for the whole curve at once.",
            )
        )
    if found.get("map"):
        part = found["map"]
        values = [np.array(part[key], dtype=np.float64) for key in ("values", "lower", "upper")]
        title = f"The effect by {part['by'][0]} (down) and {part['by'][1]} (across)"
        figures.append(
            effect_map_figure(part["rows"], part["columns"], values[0], lower=values[1], upper=values[2], title=title)
        )
    if found.get("toc"):
        part = found["toc"]
        figures.append(
            toc_figure(
                part["share"],
                part["advantage"],
                (part["lower"], part["upper"]),
                caption="Units in the order of their out-of-fold effects; the band holds for the whole curve at once.",
            )
        )
    return figures


def _segments(found: Facts) -> list[Block]:
    segments = found.get("segments")
    if not segments:
        return []
    shown = [column for column in segments["columns"] if len(column["names"]) > 1][:SHOWN_COLUMNS]
    if not shown:
        return []
    data: dict[str, list[Any]] = {
        key: [v for c in shown for v in c[key]] for key in ("names", "values", "lower", "upper")
    }
    caption = (
        f"The columns that tell segments apart best. Intervals hold for all {segments['looked_at']} segments that were "
        "looked at, at once."
    )
    figure = Figure(kind="intervals", title="The effect by segment", caption=caption, data={**data, "reference": 0.0})
    rows = [
        [name, value, low, high, column["p_value"]]
        for column in segments["columns"]
        for name, value, low, high in zip(
            column["names"], column["values"], column["lower"], column["upper"], strict=True
        )
    ]
    names = ["segment", "effect", "lower", "upper", "p that the column's segments are alike"]
    inner: list[Block] = [Table(names, rows, formats={names[-1]: "p_value"})]
    inner += [Note(note) for column in segments["columns"] for note in column["notes"]]
    inner.append(Text("Effects are means of orthogonal scores over the units of the segment."))
    return [FigureBlock(figure), Details("Every segment", inner)]
