"""`dorec run`: everything that the data allow, each stage once, and a report."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import dorec
from dorec.domain.decision import Decision
from dorec.domain.errors import ConfigError, DorecError, Refusal, UnreadableSource, did_you_mean
from dorec.domain.run import Run, RunContext, new_run_id
from dorec.ingest.cleaning import STEPS
from dorec.loop.event_source import is_url, without_secrets
from dorec.loop.graph_file import parse_graph
from dorec.loop.report import write_report
from dorec.loop.results import StageResult, hash_file, key_of, refused
from dorec.loop.stages import STAGES
from dorec.loop.study_file import FILE_NAME, StudyFile, listed
from dorec.loop.tables import resolve
from dorec.loop.treating import enter_card
from dorec.loop.workspace import Stage, Workspace
from dorec.recommend import REGISTRY
from dorec.store import StudyFolder, open_events

Inputs = dict[str, dict[str, str]]  # key of [data] -> path -> SHA-256
DATABASE = "database"  # in place of a hash


@dataclass(frozen=True, kw_only=True)
class StageOutcome:
    """What became of a stage in one run."""

    name: str
    label: str
    status: str  # done, kept (nothing it depends on changed), left out
    seconds: float = 0.0
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """A finished run: its record, its stages and where the report is; see `run_study`.

    Example:
        >>> sorted(RunSummary.__dataclass_fields__)
        ['report', 'run', 'stages', 'workspace']
    """

    run: Run
    stages: tuple[StageOutcome, ...]
    report: Path
    workspace: Workspace

    @property
    def results(self) -> dict[str, StageResult]:
        """The stages' results by name."""
        return self.workspace.results

    @property
    def decision(self) -> Decision | None:
        """The card of whom to treat, where there is something to decide."""
        return self.workspace.decision


def run_study(folder: Path, *, context: RunContext | None = None, command: str = "", fresh: bool = False) -> RunSummary:
    r"""Run a study: ingest, clean, profile, recommend, estimate effects, judge policies, report.

    A stage whose inputs, settings and predecessors did not change is read from the last run instead of done again.

    Args:
        folder: holds `dorec.toml`.
        context: seed, threads and progress; the seed of dorec.toml by default.
        command: kept in the ledger.
        fresh: do every stage again.

    Raises:
        ConfigError, InputError: what is wrong with dorec.toml or a source, and the next step.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name:
        ...     rows = "ann,tea,view\nann,tea,purchase\nbob,tea,view\n"
        ...     _ = Path(name, "e.csv").write_text("user,item,event\n" + rows)
        ...     _ = Path(name, "dorec.toml").write_text('[data]\nevents = "e.csv"')
        ...     summary = run_study(Path(name))
        >>> [(s["stage"], s["users"]) for s in summary.results["profile"].facts["stages"]]
        [('view', 2), ('purchase', 1)]
        >>> [stage.name for stage in summary.stages if stage.status == "left out"]
        ['recommend', 'effects', 'off_policy']
    """
    settings = StudyFile.read(folder)
    context = replace(context or RunContext(), seed=settings.seed)
    study = StudyFolder.open(folder)
    workspace = Workspace(folder=study, settings=settings, context=context)
    check_names(settings)
    inputs = hash_inputs(folder, settings)
    run_id = new_run_id()
    config = hash_file(folder / FILE_NAME)
    files = {path: digest for named in inputs.values() for path, digest in named.items()}
    record = Run(
        run_id=run_id,
        command=command or f"dorec run {folder}",
        seed=settings.seed,
        version=dorec.__version__,
        config_hash=config,
        inputs=files,
    )
    study.ledger.start(record)
    try:
        outcomes = tuple(
            [_do(stage, workspace, inputs, run_id, fresh) for stage in context.track(STAGES, "stages", len(STAGES))]
        )
        workspace.decision = enter_card(workspace, files)
        report = write_report(workspace, record, outcomes)
    except BaseException:
        study.ledger.finish(record.finish("failed"))
        raise
    record = record.finish("done", report=str(report.relative_to(study.path)))
    study.ledger.finish(record)
    estimates = [e.to_dict() for r in workspace.results.values() for e in r.estimates.values()]
    study.ledger.record_estimates(run_id, estimates)
    return RunSummary(run=record, stages=outcomes, report=report, workspace=workspace)


def hash_inputs(folder: Path, settings: StudyFile) -> Inputs:
    """SHA-256 of every file, by key of [data] and path; a database is named by its URL without user and password."""
    found: Inputs = {}
    for name, given in settings.data:
        if name == "table" or given is None:
            continue
        paths = [path for source in listed(given) for path in _files(resolve(folder, source), name)]
        found[name] = {path: hash_file(Path(path)) if Path(path).is_file() else DATABASE for path in paths}
    return found


def check_names(settings: StudyFile) -> None:
    """Refuse a model, cleaning step or edge that does not exist before any work starts."""
    named = {
        "recommender.models": (settings.recommender.models, REGISTRY),
        "cleaning.steps": (settings.cleaning.steps, STEPS),
    }
    for key, (given, known) in named.items():
        for name in given:
            if name not in known:
                raise ConfigError(f"Unknown {name!r} in {key}.{did_you_mean(name, known)} Allowed: {', '.join(known)}.")
    with suppress(Refusal):  # a cycle is an answer to the question; a line that is no edge is a mistake
        parse_graph(settings.question.graph or [])


def _files(source: str, name: str) -> Sequence[str]:
    if is_url(source):
        return [without_secrets(source)]
    path = Path(source)
    if path.is_dir():
        return sorted(str(p) for p in path.rglob("*") if p.is_file())
    if any(c in source for c in "*?["):
        return sorted(str(p) for p in path.parent.glob(path.name))
    if not path.is_file():
        raise ConfigError(f"{source} ([data] {name}) does not exist. Correct the path in {FILE_NAME}.")
    return [source]


def _do(stage: Stage, workspace: Workspace, inputs: Inputs, run_id: str, fresh: bool) -> StageOutcome:
    try:
        why = stage.applies(workspace)
    except DorecError as error:
        why = str(error)
    if why:
        return StageOutcome(name=stage.name, label=stage.label, status="left out", why=why)
    key = _key(stage, workspace, inputs)
    workspace.keys[stage.name] = key
    started = time.perf_counter()
    kept = None if fresh or _reads_database(stage, inputs) else _kept(workspace.stage_folder(stage.name, key))
    if kept is None:
        workspace.results[stage.name] = _result(stage, workspace, key)
        workspace.folder.ledger.stage(run_id, stage.name, key)
    else:
        workspace.results[stage.name] = kept
    if stage.name == "ingest":  # what comes after depends on what is stored, whichever run or source it came from
        workspace.keys["ingest"] = workspace.folder.event_store.fingerprint
    status = "done" if kept is None else "kept"
    return StageOutcome(name=stage.name, label=stage.label, status=status, seconds=time.perf_counter() - started)


def _result(stage: Stage, workspace: Workspace, key: str) -> StageResult:
    """What the stage makes; a refusal is a result, a mistake in settings or sources stops the run."""
    try:
        result = stage.run(workspace, key)
    except Refusal as refusal:
        result = StageResult(refusals=(refused(stage.label, refusal),))
    except (ConfigError, UnreadableSource):
        raise
    except DorecError as error:
        if stage.name in {"ingest", "clean"}:
            raise
        result = StageResult(refusals=({"question": stage.label, "code": "input", "reason": str(error), "remedy": ""},))
    result.save(workspace.stage_folder(stage.name, key))
    return result


def _kept(folder: Path) -> StageResult | None:
    """The result that an earlier run left, or None where there is none or its bytes have changed."""
    if not (folder / "manifest.json").exists():
        return None
    try:
        if (folder / "events").exists():
            open_events(folder / "events")
        return StageResult.load(folder)
    except DorecError:
        return None


def _reads_database(stage: Stage, inputs: Inputs) -> bool:
    """Whether the stage reads a source whose content has no hash, so that it can't be known to be unchanged."""
    return any(DATABASE in inputs.get(name, {}).values() for name in stage.reads)


def _key(stage: Stage, workspace: Workspace, inputs: Inputs) -> str:
    """Hash of all that the stage's result depends on: data, settings, seed, earlier stages, the stage's version."""
    settings = workspace.settings.model_dump()
    chosen = {name: settings[name] for name in stage.settings}
    before = {name: workspace.keys.get(name) for name in stage.after}
    data = {name: sorted(inputs.get(name, {}).values()) for name in stage.reads}  # wherever the files lie
    return key_of(stage.name, stage.version, chosen, before, data, settings["seed"], dorec.__version__)
