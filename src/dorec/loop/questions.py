"""dorec.toml's question -> studies, one for each outcome, on the same units."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dorec.domain.errors import ColumnNotFound, ConfigError, InputError
from dorec.domain.estimate import fingerprint
from dorec.domain.study import Study
from dorec.domain.table import column, is_numeric
from dorec.loop.tables import read_tables
from dorec.loop.workspace import Workspace
from dorec.profile import treatment_window_study


@dataclass(frozen=True, kw_only=True)
class Question:
    """A causal question about this study's data, ready to be estimated."""

    text: str
    table: pa.Table
    treatment: str
    outcomes: tuple[str, ...]
    covariates: tuple[str, ...]
    left_out: dict[str, str]  # column -> why it is no covariate
    randomised: bool
    control: Any = None
    unit: str | None = None
    cluster: str | None = None
    notes: tuple[str, ...] = ()

    def study(self, outcome: str, missing: Any, covariates: Sequence[str] | None = None) -> Study:
        """The study of one outcome; all outcomes of a question with the same covariates share their sample."""
        study = Study.from_table(
            self.table,
            outcome=outcome,
            treatment=self.treatment,
            covariates=list(self.covariates if covariates is None else covariates),
            control=self.control,
            unit=self.unit,
            cluster=self.cluster,
            missing=missing,
        )
        sample = fingerprint(study.unit, study.treatment, study.covariates)
        propensity = None
        if self.randomised:  # by design: the same chance for everyone, which the arms' shares estimate
            share = np.bincount(study.treatment, minlength=len(study.arms)) / study.n
            propensity = np.tile(share, (study.n, 1))
        return replace(study, sample=sample, propensity=propensity)


def ask(workspace: Workspace) -> Question:
    """The question of dorec.toml, with its table built from the events if need be."""
    asked = workspace.settings.question
    return _about_units(workspace) if asked.kind == "units" else _about_campaign(workspace)


def _about_units(workspace: Workspace) -> Question:
    asked = workspace.settings.question
    table = read_tables(workspace.path, workspace.settings.data.units or workspace.settings.data.treatments or [])
    for name in [asked.treatment, asked.unit, *asked.outcomes, *(asked.covariates or [])]:
        if name and name not in table.column_names:
            raise ColumnNotFound(name, table.column_names, where="the units table")
    if not asked.treatment or not asked.outcomes:
        raise ConfigError("[question] needs a treatment and at least one outcome. Name their columns in dorec.toml.")
    table, control = _arms(table, asked.treatment, asked.control, asked.treated)
    covariates, left_out = _covariates(table, asked.covariates, [asked.treatment, asked.unit, *asked.outcomes])
    return Question(
        text=f"What does {asked.treatment} do to {', '.join(asked.outcomes)}?",
        table=table,
        treatment=asked.treatment,
        outcomes=tuple(asked.outcomes),
        covariates=covariates,
        left_out=left_out,
        randomised=asked.randomised,
        control=control,
        unit=asked.unit,
    )


def _about_campaign(workspace: Workspace) -> Question:
    asked = workspace.settings.question
    if workspace.events is None:
        raise InputError("A campaign's effect needs events. Name them under [data] events.")
    if asked.unit is None or asked.start is None or not workspace.settings.data.treatments:
        lacks = "unit" if asked.unit is None else "start" if asked.start is None else "[data] treatments"
        raise ConfigError(f"A campaign question lacks {lacks} in dorec.toml. Name the columns of the treatments table.")
    built = treatment_window_study(
        workspace.events,
        read_tables(workspace.path, workspace.settings.data.treatments),
        unit=asked.unit,
        arm=asked.treatment,
        treated=None if asked.treated is None else [str(level) for level in asked.treated],
        start=asked.start,
        end=asked.end,
        outcome_event=asked.outcome_event,
        before_days=asked.before_days,
        users=workspace.users,
        user=workspace.settings.keys.user,
    )
    treated = " or ".join(map(str, asked.treated or ["any arm"]))
    return Question(
        text=f"What does {treated} do to what a user spends ({asked.outcome_event}) in its window?",
        table=built.table,
        treatment=built.treatment,
        outcomes=(built.outcome,),
        covariates=tuple(built.covariates),
        left_out={},
        randomised=asked.randomised,
        control=built.control,
        unit=built.unit,
        cluster=built.cluster,
        notes=tuple(built.notes),
    )


def _arms(table: pa.Table, treatment: str, control: Any, treated: Sequence[Any] | None) -> tuple[pa.Table, Any]:
    """Rows of the arms that are asked about, and the control level as the column's own type."""
    levels = pc.unique(table.column(treatment)).to_pylist()
    by_text = {str(level).lower(): level for level in levels}
    for level in [*(treated or []), *([] if control is None else [control])]:
        if str(level).lower() not in by_text:
            shown = ", ".join(str(known) for known in levels)
            raise ConfigError(f"[question] names the level {level!r} of {treatment!r}; its levels are {shown}.")
    chosen = None if control is None else by_text[str(control).lower()]
    if treated is None:
        return table, chosen
    wanted = [*(by_text[str(level).lower()] for level in treated), chosen]
    keep = pc.is_in(table.column(treatment), value_set=pa.array([w for w in wanted if w is not None]))
    return table.filter(keep), chosen


def _covariates(
    table: pa.Table, named: Sequence[str] | None, roles: Sequence[str | None]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The covariates, and why other columns are none."""
    if named is not None:
        return tuple(named), {}
    chosen, left_out = [], {}
    for name in table.column_names:
        if name in roles:
            continue
        values = column(table, name)
        distinct = pc.count_distinct(table.column(name)).as_py()
        if distinct <= 1:
            left_out[name] = "it has one value"
        elif not is_numeric(values) and distinct > 0.5 * table.num_rows:
            left_out[name] = "nearly every row has a value of its own"
        elif pa.types.is_temporal(table.schema.field(name).type):
            left_out[name] = "it is a time; name it under covariates as a number if it matters"
        else:
            chosen.append(name)
    return tuple(chosen), left_out
