"""For whom the effect differs, and what attacks look like: plain data behind the report's pictures."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from dorec.domain.errors import DorecError, Refusal
from dorec.domain.estimate import Estimate
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate import (
    AIPWModel,
    calibration_test,
    effect_curve,
    effect_map,
    permutation_importance,
    segment_effects,
    surrogate_tree,
)
from dorec.estimate.modifier_importance import column_groups
from dorec.evaluate import toc_curve
from dorec.loop.results import plain
from dorec.refute import balance_table, hidden_confounding

MOST_UNITS = 20_000  # for what fits the model again
MOST_COLUMNS, MOST_CELLS = 40, 20_000_000  # whose segments are looked at together; units times segments
TOC_UNITS = 500  # below which a targeting curve is all band
GRID = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3)  # shares that a hidden confounder might explain


def varying_effects(study: Study, model: AIPWModel, context: RunContext) -> dict[str, Any]:
    """What is known of how the effect of the first arm differs: verdict, segments, rules, importance, curve and map.

    Each part that the data refuse is left out, with its reason under `left_out`.
    """
    facts: dict[str, Any] = {"contrast": f"{study.arms[1]} - {study.arms[0]}", "left_out": {}}
    columns = list(column_groups(study))
    if not columns:
        return {**facts, "left_out": {"everything": "the study has no covariates"}}
    calibration = calibration_test(model)
    facts["calibration"] = calibration.to_dict()

    def add(name: str, make: Callable[[], Any]) -> None:
        try:
            facts[name] = make()
        except Refusal as refusal:
            facts["left_out"][name] = refusal.reason
        except DorecError as error:
            facts["left_out"][name] = str(error)

    add("segments", lambda: _segments(model, columns[: min(MOST_COLUMNS, max(3, MOST_CELLS // (5 * study.n)))]))
    if study.n >= TOC_UNITS:
        add("toc", lambda: _toc(study, model))
    if calibration.code == "no_heterogeneity":
        return plain_facts(facts)
    small, part = _part(study, model, context)
    add("tree", lambda: _tree(part, context))
    add("importance", lambda: _rows(permutation_importance(part, context=context)))
    first = _foremost(facts, columns)
    if len(first) > 1:
        add("map", lambda: _map(model, first[0], first[1]))
    for column in (c for c in first if c in study.covariate_names):
        if len(np.unique(study.covariates[:, study.covariate_names.index(column)])) >= 10:
            add("curve", partial(_curve, model, column))
            break
    facts["units"] = small.n
    return plain_facts(facts)


def attacked(study: Study, model: AIPWModel, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Balance before and after weighting, and what a hidden confounder would leave of the effect."""
    facts: dict[str, Any] = {}
    if study.covariate_names:
        table = balance_table(study, model)
        worst = np.abs(table.before).max(axis=0), np.abs(table.after).max(axis=0)
        facts["balance"] = {"names": table.covariates, "before": worst[0], "after": worst[1]}
    if study.propensity is None and model.learner.population == "all":
        try:
            hidden = hidden_confounding(study, model)
        except Refusal:
            return plain_facts(facts)
        grid = np.array(GRID)
        strongest = next((v.evidence.get("strongest_covariate") for v in verdicts if v.check == "sensitivity"), None)
        facts["hidden"] = {
            "contrast": hidden.effect.name,
            "shares": grid,
            "left": hidden.contour(grid, grid),
            "robustness_value": hidden.robustness_value(),
            "robustness_value_limit": hidden.robustness_value(0.975),
            "strongest": dict(strongest) if strongest else {},
        }
    return plain_facts(facts)


def plain_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as JSON has them."""
    return {key: plain(value) for key, value in facts.items()}


def _part(study: Study, model: AIPWModel, context: RunContext) -> tuple[Study, AIPWModel]:
    """The model, or one of a random part of a large study."""
    if study.n <= MOST_UNITS:
        return study, model
    rows = context.rng("a part for rules").permutation(study.n)[:MOST_UNITS]
    part = study.take(np.sort(rows))
    return part, model.learner.fit(part, context=context)


def _segments(model: AIPWModel, columns: Sequence[str]) -> dict[str, Any]:
    """Segments of every column; the intervals hold for all of them, so any may be picked out."""
    parts = {column: segment_effects(model, column) for column in columns}
    every = Estimate.concat(list(parts.values()))
    lower, upper = every.interval(joint=True)
    k, rows, start = len(model.arms) - 1, [], 0
    for column, part in parts.items():
        size = len(part.value)
        take = slice(start, start + size, k)  # of the first arm
        names = [str(name).rsplit(": ", 1)[0] if k > 1 else str(name) for name in part.name[::k]]
        test = next((v for v in part.verdicts if v.check == "segments differ"), None)
        rows.append(
            {
                "column": column,
                "names": names,
                "values": every.value[take],
                "lower": lower[take],
                "upper": upper[take],
                "p_value": None if test is None else test.p_value,
                "notes": [v.meaning for v in part.verdicts if v.code == "small_segments"],
            }
        )
        start += size
    rows.sort(key=lambda row: 1.0 if row["p_value"] is None else row["p_value"])
    return {"columns": rows, "looked_at": len(every.value)}


def _toc(study: Study, model: AIPWModel) -> dict[str, Any]:
    own, cluster = model.pseudo_outcomes, model.units.cluster
    curve = toc_curve(model.unit_effects, own, n_points=20, sample=study.sample, cluster=cluster)
    lower, upper = curve.band(joint=True)
    return {"share": curve.share, "advantage": curve.advantage.value, "lower": lower, "upper": upper}


def _tree(model: AIPWModel, context: RunContext) -> dict[str, Any]:
    tree = surrogate_tree(model, context=context)
    lower, upper = tree.effects.interval(joint=True)
    k = len(tree.contrasts)
    rules = [
        {"path": rule.path, "share": rule.share, "value": rule.effects[0].value, "lower": low, "upper": high}
        for rule, low, high in zip(tree.rules(), lower[::k], upper[::k], strict=True)
    ]
    return {"text": tree.to_text(), "fidelity": tree.fidelity, "rules": rules}


def _rows(estimate: Estimate) -> dict[str, Any]:
    lower, upper = estimate.interval(joint=True)
    known = np.isfinite(lower) & np.isfinite(upper)
    return {
        "names": [name for name, good in zip(estimate.name, known, strict=True) if good],
        "values": estimate.value[known],
        "lower": lower[known],
        "upper": upper[known],
    }


def _foremost(facts: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    """Columns that the effect goes with most, by importance where it could be told."""
    found = facts.get("importance")
    if not found or not found["names"]:
        return list(columns[:2])
    order = sorted(range(len(found["names"])), key=lambda j: -float(found["values"][j]))
    return [found["names"][j] for j in order]


def _map(model: AIPWModel, rows: str, columns: str) -> dict[str, Any]:
    found = effect_map(model, rows, columns)
    lower, upper = found.effects.interval(joint=True)
    where = found.cell.astype(np.int64)
    return {
        "by": [rows, columns],
        "rows": [_without(rows, name) for name in found.rows],
        "columns": [_without(columns, name) for name in found.columns],
        "values": found.grid(),
        "lower": np.append(lower, np.nan)[where],
        "upper": np.append(upper, np.nan)[where],
    }


def _without(column: str, level: str) -> str:
    """A level's name without its column's, where a title says that.

    >>> _without("age", "age up to 30"), _without("city", "city = Rome")
    ('up to 30', 'Rome')
    """
    return level.removeprefix(column).removeprefix(" =").strip()


def _curve(model: AIPWModel, column: str) -> dict[str, Any]:
    curve = effect_curve(model, column)
    lower, upper = curve.effect.interval(joint=True)
    average = model.ate()
    first = average if not np.ndim(average.value) else average[0]
    return {
        "column": column,
        "at": curve.at,
        "effect": curve.effect.value,
        "lower": lower,
        "upper": upper,
        "partial": curve.partial,
        "average": float(first.value),
    }
