"""`dorec estimate --design`: effects from when and at which threshold units were treated, in place of covariates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from dorec.domain.errors import ColumnNotFound, ConfigError, NoInterval
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.panel import Panel
from dorec.domain.registry import Registry
from dorec.domain.run import RunContext
from dorec.domain.study import Missing, Study
from dorec.domain.verdict import Verdict
from dorec.explain import (
    AssumptionList,
    Block,
    EstimateTable,
    FigureBlock,
    Note,
    Report,
    Section,
    VerdictList,
    describe_estimate,
    forest_figure,
    render_html,
)
from dorec.loop.tables import read_table

DESIGNS = Registry(
    "design",
    "dorec.designs",
    {
        "did": "dorec.estimate.difference_in_differences:DifferenceInDifferences",
        "synthetic": "dorec.estimate.synthetic_control:SyntheticControl",
        "rdd": "dorec.estimate.regression_discontinuity:RegressionDiscontinuity",
    },
)
ASSUMPTIONS = {
    "did": (
        "without the treatment, treated and comparison units would have moved alike ({y} over {time}{given})",
        "nobody acted on the treatment before it began",
        "one unit's treatment does not change another unit's {y}",
    ),
    "synthetic": (
        "untreated units, weighted to follow the treated ones before the treatment, follow them after it, too",
        "nobody acted on the treatment before it began, and it does not reach the untreated units",
        "nothing else happened to the treated units alone when it began",
    ),
    "rdd": (
        "{y} would go on smoothly through {running} = {cutoff} if {t} did not change there",
        "nobody places units just on one side of {running} = {cutoff}",
        "the effect is that on units at the threshold, not on others",
    ),
}


@dataclass(frozen=True, kw_only=True)
class DesignRequest:
    """What `dorec estimate --design` is asked.

    Example:
        >>> DesignRequest(source=Path("vip.csv"), design="rdd", outcome="visits", treatment="vip").missing
        'refuse'
    """

    source: Path
    design: str  # did, synthetic, rdd
    outcome: str
    treatment: str = ""  # of a panel: 0 or 1 in each row
    treated_from: str = ""  # of a panel, in its place: the first treated time of each unit
    unit: str = ""
    time: str = ""
    running: str = ""
    cutoff: float | None = None
    covariates: Sequence[str] = ()
    cluster: str | None = None
    missing: Missing = "refuse"
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Designed:
    """The effect of a design, its parts, and what was found against it; made by `estimate_by_design`.

    Example:
        >>> asked = DesignRequest(source=Path("vip.csv"), design="rdd", outcome="visits", treatment="vip")
        >>> jump = Estimate(1.5, name="1 - 0 at spent = 60")
        >>> found = Designed(request=asked, rows=900, model=None, effect=jump, parts=None, bounds=None, p_value=None,
        ...                  assumptions=("nobody places units",))
        >>> found.to_dict()["effects"][0]["value"]
        1.5
    """

    request: DesignRequest
    rows: int
    model: Any
    effect: Estimate
    parts: Estimate | None  # by periods since the start, where the design has them
    bounds: Interval | None  # what placebos allow, where there is no sampling error
    p_value: float | None
    assumptions: tuple[str, ...]

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What the fit itself found."""
        return self.effect.verdicts

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "design": self.request.design,
            "rows": self.rows,
            "method": self.effect.method,
            "assumptions": list(self.assumptions),
            "effects": [one.to_dict() for one in self.effect.scalars()],
            "by_period": None if self.parts is None else [one.to_dict() for one in self.parts.scalars()],
            "placebo_interval": None if self.bounds is None else list(self.bounds),
            "placebo_p_value": self.p_value,
            "verdicts": [v.to_dict() for v in self.verdicts],
        }


def estimate_by_design(request: DesignRequest, *, context: RunContext) -> Designed:
    r"""Read the table and estimate the effect by its design.

    Raises:
        ConfigError: the design is unknown or lacks a column, or a setting is unknown.
        ColumnNotFound, UnreadableSource: the table is not there, or lacks a column.
        Refusal: the data can't tell.

    Example:
        >>> import tempfile
        >>> on = [(s, w, int(s > 7 and w > 3)) for s in range(16) for w in range(8)]
        >>> rows = [f"{s},{w},{s + w + 2 * promo},{promo}" for s, w, promo in on]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "shops.csv")
        ...     _ = file.write_text("shop,week,sales,promo\n" + "\n".join(rows))
        ...     roles = dict(outcome="sales", treatment="promo", unit="shop", time="week")
        ...     found = estimate_by_design(DesignRequest(source=file, design="did", **roles), context=RunContext())
        >>> round(found.effect.value, 6)
        2.0
    """
    DESIGNS.load(request.design)  # a design that is not there is told before the table is read
    table = read_table(request.source)
    _check(request, table)
    special = {"running": request.running, "cutoff": request.cutoff} if request.design == "rdd" else {}
    learner = DESIGNS.make(request.design, **{**special, **request.settings})
    data: Study | Panel = _study(request, table) if request.design == "rdd" else _panel(request, table)
    model: Any = learner.fit(data, context=context)
    effect: Estimate = model.ate()
    study = getattr(model, "event_study", None)
    return Designed(
        request=request,
        rows=table.num_rows,
        model=model,
        effect=effect,
        parts=None if study is None else study(),
        bounds=_bounds(model) if request.design == "synthetic" else None,
        p_value=float(model.p_value) if request.design == "synthetic" else None,
        assumptions=_assumptions(request),
    )


def write_design_page(found: Designed, path: Path) -> Path:
    """Write the page of a design to a file; its path."""
    asked = found.request
    blocks: list[Block] = [EstimateTable(list(found.effect.scalars()), caption=found.effect.method)]
    if found.bounds is not None:
        low, high = found.bounds
        blocks.append(Note(f"Placebos allow {low:.4g} to {high:.4g} (p {found.p_value:.3g})."))
    if found.parts is not None:
        title = "By periods since the start; negative ones are placebos"
        blocks.append(FigureBlock(forest_figure(list(found.parts.scalars()), title=title)))
    gap = getattr(found.model, "gap_figure", None)
    if gap is not None:
        blocks.append(FigureBlock(gap()))
    sections = [
        Section("The effect", blocks=blocks),
        Section("Does it survive attack?", blocks=[VerdictList(found.verdicts)]),
        Section("What has to be true for this to hold", blocks=[AssumptionList(list(found.assumptions))]),
    ]
    report = Report(
        f"What {asked.treatment or asked.treated_from} does to {asked.outcome}",
        subtitle=asked.source.name,
        facts={"rows": f"{found.rows:,}", "design": asked.design},
        headline=[describe_estimate(found.effect, outcome=asked.outcome)],
        sections=sections,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_html(report), encoding="utf-8")
    return path


def _bounds(model: Any) -> Interval | None:
    try:
        found: Interval = model.interval()
    except NoInterval:
        return None
    return found


def _study(request: DesignRequest, table: pa.Table) -> Study:
    return Study.from_table(
        table,
        outcome=request.outcome,
        treatment=request.treatment,
        covariates=list(dict.fromkeys([request.running, *request.covariates])),
        unit=request.unit or None,
        cluster=request.cluster,
        missing=request.missing,
    )


def _panel(request: DesignRequest, table: pa.Table) -> Panel:
    started = {"treated_from": request.treated_from} if request.treated_from else {"treated": request.treatment}
    return Panel.from_table(
        table,
        unit=request.unit,
        time=request.time,
        outcome=request.outcome,
        covariates=list(request.covariates),
        cluster=request.cluster,
        **started,
    )


def _check(request: DesignRequest, table: pa.Table) -> None:
    if request.design == "rdd":
        needed = {"--treatment": request.treatment, "--running": request.running}
        if request.cutoff is None and "cutoff" not in request.settings:
            raise ConfigError("A regression discontinuity needs the threshold: --cutoff 60.")
    else:
        needed = {"--unit": request.unit, "--time": request.time}
        needed["--treatment (0 or 1 in each row) or --treated-from"] = request.treatment or request.treated_from
        if request.treatment and request.treated_from:
            raise ConfigError(
                "Give either --treatment (0 or 1 in each row) or --treated-from (the first treated time)."
            )
    lacking = [option for option, given in needed.items() if not given]
    if lacking:
        raise ConfigError(f"The design {request.design} needs {', '.join(lacking)}.")
    named = [request.outcome, request.treatment, request.treated_from, request.unit, request.time, request.running]
    for name in [*named, *request.covariates, request.cluster or ""]:
        if name and name not in table.column_names:
            raise ColumnNotFound(name, table.column_names, where=request.source.name)


def _assumptions(request: DesignRequest) -> tuple[str, ...]:
    words = {
        "y": request.outcome,
        "t": request.treatment,
        "time": request.time,
        "running": request.running,
        "cutoff": request.settings.get("cutoff", request.cutoff),
        "given": f", given {', '.join(request.covariates)}" if request.covariates else "",
    }
    return tuple(line.format(**words) for line in ASSUMPTIONS.get(request.design, ()))
