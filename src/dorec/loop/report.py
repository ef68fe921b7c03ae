"""Results of a run -> `runs/<id>/`: the report and the artefacts behind it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dorec.domain.errors import UnreadableSource
from dorec.domain.estimate import Estimate
from dorec.domain.run import Run
from dorec.explain import Report, describe_estimate, render_html
from dorec.loop.results import StageResult, plain
from dorec.loop.sections import sections, truth
from dorec.loop.workspace import Workspace
from dorec.store import write_artefacts

if TYPE_CHECKING:
    from dorec.loop.run import RunSummary, StageOutcome

Row = tuple[str, Estimate, float | None]


def write_report(workspace: Workspace, record: Run, outcomes: "Sequence[StageOutcome]", rows: Sequence[Row] = (),
                 describe: str = "") -> Path:  # fmt: skip
    """Write the report and its artefacts, with a manifest of hashes; the path of the page."""
    results = workspace.results
    left_out = [(o.label, o.why) for o in outcomes if o.status == "left out"]
    parts = sections(results, left_out, workspace.decision)
    if rows:
        parts.insert(0, truth(rows, describe))
    page = Report(
        title=workspace.settings.name,
        subtitle="What to show or offer to whom, what that causes, and how sure that is",
        facts=_facts(workspace, record),
        headline=headline(results),
        sections=parts,
    )
    folder = workspace.folder.runs_folder / record.run_id
    decided = {} if workspace.decision is None else {"decision.json": plain(workspace.decision.to_dict())}
    write_artefacts(folder, {"report.html": render_html(page).encode(), **_artefacts(results), **decided})
    return folder / "report.html"


def rewrite_with_truth(summary: "RunSummary", rows: Sequence[Row], describe: str) -> Path:
    """The report of a simulated world again, with every estimate beside its truth."""
    return write_report(summary.workspace, summary.run, summary.stages, rows, describe)


def newest_report(folder: Path) -> Path:
    """The report of the newest finished run.

    Raises:
        UnreadableSource: there is none yet.

    Example:
        >>> newest_report(Path("no-such-study"))
        Traceback (most recent call last):
        ...
        dorec.domain.errors.UnreadableSource: no-such-study has no report yet. Make one with `dorec run no-such-study`.
    """
    found = sorted(folder.glob("runs/*/report.html"))
    if not found:
        raise UnreadableSource(f"{folder} has no report yet. Make one with `dorec run {folder}`.")
    return found[-1]


def headline(results: dict[str, StageResult]) -> list[str]:
    """The findings in a sentence each."""
    said = []
    effects = results.get("effects")
    if effects is not None and "question" in effects.facts:
        outcome = effects.facts["outcomes"][0]
        estimate = effects.estimates.get(f"{outcome}/adjusted")
        if estimate is not None:
            for part in estimate.scalars():
                arm = str(part.name).split(" - ")[0]
                said.append(describe_estimate(part, treatment=arm, outcome=outcome.replace("_", " "), per="unit"))
        said += [f"{r['question']} No answer: {r['reason']}." for r in effects.refusals]
    recommend = results.get("recommend")
    if recommend is not None and "best" in recommend.facts:
        facts = recommend.facts
        ndcg = recommend.estimates[facts["best"]][0]
        measured = describe_estimate(replace(ndcg, name=f"NDCG@{facts['k']}"))
        said.append(f"{facts['best']} recommends best. {measured}")
    ingest = results.get("ingest")
    if ingest is not None and ingest.facts["quarantined"]:
        said.append(
            f"{ingest.facts['quarantined']:,} of {ingest.facts['received']:,} rows were set aside as unreadable."
        )
    return said


def _facts(workspace: Workspace, record: Run) -> dict[str, Any]:
    facts: dict[str, Any] = {"run": record.run_id, "started": record.started.strftime("%Y-%m-%d %H:%M UTC")}
    if "ingest" in workspace.results:
        facts["data"] = str(workspace.results["ingest"].facts["fingerprint"])[:12]
    return {**facts, "seed": record.seed, "dorec": record.version}


def _artefacts(results: dict[str, StageResult]) -> dict[str, Any]:
    """estimates.json, graph.json, allocation.parquet, recommendations.parquet and model.safetensors, as far as made."""
    files: dict[str, Any] = {
        "estimates.json": {n: plain([e.to_dict() for e in r.estimates.values()]) for n, r in results.items()},
        "verdicts.json": {name: plain([v.to_dict() for v in r.verdicts]) for name, r in results.items()},
        "refusals.json": {name: plain(list(r.refusals)) for name, r in results.items()},
    }
    if "effects" in results and "graph" in results["effects"].facts:
        files["graph.json"] = plain(results["effects"].facts["graph"])
    if "effects" in results and "allocation" in results["effects"].tables:
        files["allocation.parquet"] = results["effects"].tables["allocation"]
    if "recommend" in results and "recommendations" in results["recommend"].tables:
        made = results["recommend"]
        files["recommendations.parquet"] = made.tables["recommendations"]
        files["model.safetensors"] = {k.removeprefix("model/"): v for k, v in made.arrays.items() if k[:6] == "model/"}
    return files
