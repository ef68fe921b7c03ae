"""The page of `dorec estimate`: the effect, who is comparable with whom, what a hidden cause could do, attacks."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dorec.domain.errors import DorecError
from dorec.domain.estimand import Estimand
from dorec.explain import (
    AssumptionList,
    Block,
    Details,
    EstimateTable,
    FigureBlock,
    Note,
    Report,
    Section,
    Table,
    Text,
    VerdictList,
    curve_figure,
    describe_estimand,
    describe_estimate,
    forest_figure,
    graph_figure,
    love_figure,
    overlap_figure,
    render_html,
    sensitivity_figure,
)
from dorec.loop.estimating import Estimated, settings_of
from dorec.refute import balance_table, hidden_confounding
from dorec.refute.sensitivity import strongest_covariate

GRID = np.linspace(0.0, 0.3, 11)  # shares of a hidden cause that the contour shows


def write_effect_page(found: Estimated, path: Path) -> Path:
    """Write the page to a file; its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_html(effect_page(found)), encoding="utf-8")
    return path


def effect_page(found: Estimated) -> Report:
    """The page, sections left out where there is nothing to say."""
    asked = found.request
    sections = [_answer(found), *_response(found), *_comparable(found), *_hidden(found), *_attacks(found)]
    facts = {"rows": f"{found.rows:,}", "method": found.method, "strategy": found.strategy}
    return Report(
        f"What {asked.treatment} does to {asked.outcome}",
        subtitle=asked.source.name,
        facts=facts,
        headline=[_headline(found)],
        sections=[*sections, _assumptions(found)],
    )


def _headline(found: Estimated) -> str:
    asked = found.request
    if np.ndim(found.effect.value) or found.study.dose is not None:
        return describe_estimate(found.effect)
    return describe_estimate(found.effect, treatment=asked.treatment, outcome=asked.outcome, per="unit")


def _answer(found: Estimated) -> Section:
    rows = [("adjusted" if found.strategy != "randomised" else "effect", one) for one in found.effect.scalars()]
    if found.naive is not None:
        rows = [("naive", one) for one in found.naive.scalars()] + rows
    shown = [replace(one, name=f"{one.name}, {group}") for group, one in rows]
    figure = forest_figure(shown, title=f"Effect on {found.request.outcome}", groups=[group for group, _ in rows])
    blocks: list[Block] = [
        FigureBlock(figure),
        EstimateTable(list(found.effect.scalars()), caption=found.effect.method),
    ]
    if found.weak_set is not None:
        blocks.append(
            Note(f"Effects that the data do not reject (95%): {set_in_words(found.weak_set)}.", tone="warning")
        )
    if found.groups is not None:
        blocks.append(EstimateTable(list(found.groups.scalars()), caption="Whom the instrument moves"))
    if found.naive is not None and found.strategy != "randomised":
        blocks.append(Details("The naive difference, not adjusted", [EstimateTable(list(found.naive.scalars()))]))
    if found.dropped_rows:
        blocks.insert(0, Note(f"{found.dropped_rows:,} rows with missing values were dropped.", tone="warning"))
    return Section("The effect", blocks=blocks)


def _response(found: Estimated) -> list[Section]:
    response = found.response
    if response is None or response.no_interval:
        return []
    doses = [float(name.rsplit(" ", 1)[1]) for name in response.name]
    band = response.interval(joint=True)
    figure = curve_figure(
        {"mean outcome": (doses, response.value.tolist())},
        bands={"mean outcome": (band.lower.tolist(), band.upper.tolist())},
        title=f"{found.request.outcome} had everyone had each amount",
        caption="The band holds the whole curve with 95% confidence, if the method's shape is right.",
        x_label=found.request.treatment,
        y_label=found.request.outcome,
    )
    return [Section("By amount", blocks=[FigureBlock(figure)])]


def _comparable(found: Estimated) -> list[Section]:
    study, propensity = found.study, getattr(getattr(found.model, "nuisances", None), "propensity", None)
    if propensity is None or study.dose is not None or found.strategy not in ("randomised", "back-door"):
        return []
    caption = "Where the arms share no ground, nothing can be compared."
    blocks: list[Block] = [
        FigureBlock(overlap_figure(propensity, study.treatment, [str(arm) for arm in study.arms], caption=caption))
    ]
    if study.covariate_names:
        balance = balance_table(study, propensity, population=found.request.population)
        many = len(study.arms) > 2
        names = [f"{n}, {arm}" if many else n for arm in study.arms[1:] for n in balance.covariates]
        blocks.append(FigureBlock(love_figure(names, balance.before.ravel().tolist(), balance.after.ravel().tolist())))
    return [Section("Who is comparable with whom", blocks=blocks)]


def _hidden(found: Estimated) -> list[Section]:
    if found.strategy != "back-door" or found.study.dose is not None or found.request.population != "all":
        return []
    try:
        hidden = hidden_confounding(found.study, found.model)
    except DorecError:  # a method that does not tell its nuisances: the attacks below still stand
        return []
    strongest = strongest_covariate(found.study)
    benchmarks = (
        {strongest["name"]: (max(strongest["r2_treatment"], 0.0), max(strongest["r2_outcome"], 0.0))}
        if strongest
        else None
    )
    caption = (
        f"A hidden cause that explains {hidden.robustness_value():.1%} of what is left of both would take "
        f"{hidden.effect.name} to zero; {hidden.robustness_value(0.975):.1%} its interval."
    )
    figure = sensitivity_figure(
        GRID.tolist(), GRID[::-1].tolist(), hidden.contour(GRID, GRID[::-1]), benchmarks=benchmarks, caption=caption
    )
    return [Section("What a hidden cause could do", blocks=[FigureBlock(figure)])]


def _attacks(found: Estimated) -> list[Section]:
    if not found.checks:
        return []
    lead = "" if found.request.refute else "Only what the fit itself found; --refute attacks it."
    return [Section("Does it survive attack?", lead=lead, blocks=[VerdictList(found.checks)])]


def _assumptions(found: Estimated) -> Section:
    blocks: list[Block] = []
    if isinstance(found.estimand, Estimand):
        blocks.append(Text(describe_estimand(found.estimand)))
    blocks.append(AssumptionList(list(found.estimand.assumptions)))
    if found.graph is not None:
        roles = {found.request.treatment: "treatment", found.request.outcome: "outcome"}
        blocks.append(FigureBlock(graph_figure(found.graph, highlight=roles)))
    settings = [[name, str(value)] for name, value in settings_of(found.learner).items()]
    if settings:
        blocks.append(Details("Settings of the method", [Table(["setting", "value"], settings)]))
    return Section("What has to be true for this to hold", blocks=blocks)


def set_in_words(intervals: Sequence[tuple[float, float]]) -> str:
    """A set of numbers as text.

    >>> set_in_words([(float("-inf"), -1.0), (2.5, float("inf"))])
    'below -1 or above 2.5'
    >>> set_in_words([])
    'none (the model itself is rejected)'
    """
    told = []
    for low, high in intervals:
        if not np.isfinite(low) and not np.isfinite(high):
            return "any"
        told.append(
            f"below {high:.4g}"
            if not np.isfinite(low)
            else f"above {low:.4g}"
            if not np.isfinite(high)
            else f"{low:.4g} to {high:.4g}"
        )
    return " or ".join(told) or "none (the model itself is rejected)"
