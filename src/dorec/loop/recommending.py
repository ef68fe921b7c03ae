"""`dorec recommend`: a file of events -> models compared on what was held out -> the best one's lists, with reasons."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError, Refusal
from dorec.domain.event_log import EventLog
from dorec.domain.protocols import Scorer
from dorec.domain.run import Run, RunContext, new_run_id
from dorec.domain.verdict import Verdict
from dorec.evaluate import Comparison, compare
from dorec.ingest import ColumnRoles
from dorec.loop.event_source import EventSource
from dorec.loop.learning_curve import LearningCurve, learning_curve
from dorec.loop.recommend_request import TUNED, RecommendRequest
from dorec.loop.recommended_lists import Reranked, lists_of_users, most_active, write_lists
from dorec.loop.successive_halving import Leaderboard, grid, in_order, search
from dorec.loop.tables import read_table
from dorec.profile import Split, audit, leave_last_out, random_split, temporal_split, to_dataset
from dorec.recommend import REGISTRY
from dorec.store import StudyFolder

NO_INTERACTION = "no_interaction"  # impressions, cancellations, events without an item, ratings that are not above 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Recommended:
    """Models side by side, the best one fitted on everything, and its lists; made by `recommend_file`.

    Example:
        >>> sorted(Recommended.__dataclass_fields__)[:4]
        ['best', 'comparison', 'curve', 'dataset']
    """

    request: RecommendRequest
    roles: ColumnRoles
    received: int
    set_aside: Mapping[str, int]  # reason -> rows
    dataset: Dataset
    split: Split
    comparison: Comparison
    leaderboard: Leaderboard | None
    curve: LearningCurve | None
    best: str
    reranking: Comparison | None  # the best model's lists before and after re-ranking
    learners: Mapping[str, Any]  # as they were fitted
    scorer: Scorer  # the best learner, on all interactions
    verdicts: tuple[Verdict, ...]  # leak audit
    refused: Mapping[str, str]  # model -> why it has no place in the comparison
    table: pa.Table  # user_id, item_id, rank, score, fallback, title, because

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "columns": dict(self.roles.columns),
            "rows": {"received": self.received, "set_aside": dict(self.set_aside)},
            "users": self.dataset.n_users,
            "items": self.dataset.n_items,
            "interactions": self.dataset.n_interactions,
            "split": self.split.how,
            "best": self.best,
            "settings": {name: repr(learner) for name, learner in self.learners.items()},
            "reranking": None if self.reranking is None else self.reranking.to_arrow().to_pylist(),
            "reference": self.comparison.reference,
            "comparison": self.comparison.to_arrow().to_pylist(),
            "leaderboard": None if self.leaderboard is None else self.leaderboard.to_arrow().to_pylist(),
            "learning_curve": None if self.curve is None else self.curve.to_arrow().to_pylist(),
            "verdicts": [v.to_dict() for v in self.verdicts],
            "refused": dict(self.refused),
            "recommendations": self.table.to_pylist(),
        }


def recommend_file(request: RecommendRequest, *, context: RunContext) -> Recommended:
    r"""Read the events, hold some out, compare the models, fit the best on everything, and recommend.

    Raises:
        UnreadableSource, ColumnNotFound: the file is not there, or lacks a column.
        InputError: it has no users and items.
        Refusal: too little is left to learn from or to judge by.

    Example:
        >>> import tempfile
        >>> rng = np.random.default_rng(0)
        >>> rows = "\n".join(f"u{i // 8},i{rng.integers(10) * 2 + i // 8 % 2}" for i in range(800))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "events.csv")
        ...     _ = file.write_text("user,item\n" + rows)
        ...     asked = RecommendRequest(source=str(file), models=("popularity", "ease"), k=3)
        ...     found = recommend_file(asked, context=RunContext())
        >>> found.best, found.table.num_rows > 0
        ('ease', True)
    """
    dataset, roles, received, set_aside = _read(request, context)
    request = replace(request, k=min(request.k, dataset.n_items))
    split = _split(dataset, request, context)
    learners, leaderboard = _tuned(request, split, context)
    scorers, refused = {}, {}
    for name, learner in context.track(learners.items(), "fitting recommenders", len(learners)):
        try:
            scorers[name] = learner.fit(split.train, context=context)
        except Refusal as refusal:
            refused[name] = str(refusal)
    if not scorers:
        raise InputError("Every model refused; the first said: " + next(iter(refused.values())))
    comparison = _compared(scorers, split, request, "popularity", context)
    best = max(scorers, key=lambda name: float(comparison.scores[name][0].value))
    reranking, reranker = None, request.reranker()
    if reranker is not None:
        picked = {best: scorers[best], f"{best}, {request.rerank}": Reranked(scorers[best], reranker, context)}
        reranking = _compared(picked, split, request, best, context)
    curve = None
    if request.curve:
        how = {"metric": request.metrics[0], "k": request.k, "exclude_seen": request.exclude_seen}
        fitted = {name: learners[name] for name in scorers}
        curve = learning_curve(fitted, split, context=context, **how)  # type: ignore[arg-type]
    scorer = learners[best].fit(dataset, context=context)
    users = np.asarray(request.users) if request.users else most_active(dataset)
    return Recommended(
        request=request,
        roles=roles,
        received=received,
        set_aside=set_aside,
        dataset=dataset,
        split=split,
        comparison=comparison,
        leaderboard=leaderboard,
        curve=curve,
        best=best,
        reranking=reranking,
        learners=learners,
        scorer=scorer,
        verdicts=tuple(audit(split)),
        refused=refused,
        table=lists_of_users(scorer, request, users, context),
    )


def purposes() -> dict[str, str]:
    """What each recommender is, in a sentence.

    >>> purposes()["popularity"]
    'Scores an item by the number of users who ever chose it.'
    """
    return REGISTRY.purposes()


def write_recommendations(found: Recommended, path: Path, *, context: RunContext) -> Path:
    """Lists of every user (or of those that were named) as Parquet or CSV, by the ending of the path."""
    wanted = found.table
    if not found.request.users:
        wanted = lists_of_users(found.scorer, found.request, found.dataset.users, context)
    return write_lists(wanted, path)


def record(found: Recommended, folder: Path, *, command: str, seed: int) -> str:
    """Enter the comparison and what a search tried in a study's ledger; the run's id."""
    ledger = StudyFolder.open(folder).ledger
    run = Run(run_id=new_run_id(), command=command, seed=seed)
    ledger.start(run)
    rows = [{**row, "name": f"{row['model']}: {row['metric']}"} for row in found.comparison.to_arrow().to_pylist()]
    if found.leaderboard is not None:
        trials = found.leaderboard.to_arrow().to_pylist()
        rows += [{**trial, "name": f"search: {trial['learner']}"} for trial in trials]
    ledger.record_estimates(run.run_id, rows)
    ledger.finish(run.finish("done", best=found.best, split=found.split.how))
    return run.run_id


def _read(request: RecommendRequest, context: RunContext) -> tuple[Dataset, ColumnRoles, int, dict[str, int]]:
    opened = EventSource.look(request.source, request.table, request.columns)
    for role, option in (("user_id", "--user"), ("item_id", "--item")):
        if role not in opened.roles.columns:
            raise InputError(
                f"No column of {request.source} looks like {role}; name it: {option} COLUMN. "
                f"Columns: {', '.join(opened.roles.source_columns)}."
            )
    if opened.roles.columns["user_id"] == opened.roles.columns["item_id"]:
        raise InputError(f"Column {opened.roles.columns['user_id']!r} can't hold both users and items; name two.")
    events, reasons, received = [], Counter[str](), 0
    for batch in context.track(opened.batches(context), "reading events"):
        events.append(batch.events)
        reasons.update(batch.quarantined.column("reason").to_pylist())
        received += batch.received
    if not sum(part.num_rows for part in events):
        raise InputError(f"None of the {received:,} rows of {request.source} is an event: {dict(reasons)}.")
    sides: dict[str, Any] = {}
    if request.items is not None:
        catalogue = read_table(request.items)
        key = request.item_key or opened.roles.columns["item_id"]
        title = request.title or next((c for c in ("title", "name") if c in catalogue.column_names), None)
        sides = {"items": catalogue, "item": key, "text": title}
    table = pa.concat_tables(events)
    dataset = to_dataset(EventLog.from_table(table), **sides)
    if left := table.num_rows - dataset.n_interactions:
        reasons[NO_INTERACTION] = left
    return dataset, opened.roles, received, dict(reasons)


def _compared(
    scorers: Mapping[str, Scorer], split: Split, request: RecommendRequest, reference: str, context: RunContext
) -> Comparison:
    """Scorers on the test, judged as was asked."""
    return compare(
        scorers,
        split.test,
        reference=reference if reference in scorers else None,
        k=request.k,
        metrics=request.metrics,
        exclude_seen=request.exclude_seen,
        category=request.category,
        context=context,
    )


def _split(dataset: Dataset, request: RecommendRequest, context: RunContext) -> Split:
    how = request.split
    if how == "auto":
        how = "random" if dataset.time is None or np.ptp(dataset.time) == 0 else "temporal"
    if how == "temporal":
        split = temporal_split(dataset, test_fraction=request.test_fraction)
        # where most users come once and never again, the future holds strangers, and a test on them is one of fallbacks
        return split if request.split == "temporal" or not _mostly_strangers(split) else leave_last_out(dataset)
    if how == "leave_last_out":
        return leave_last_out(dataset)
    return random_split(dataset, test_fraction=request.test_fraction, context=context)


def _mostly_strangers(split: Split) -> bool:
    """Whether most users of the test have no training data."""
    tested = np.unique(split.test.user_index)
    return bool(np.isin(tested, split.train.user_index).mean() < 0.5)


def _tuned(request: RecommendRequest, split: Split, context: RunContext) -> tuple[dict[str, Any], Leaderboard | None]:
    """The learners to compare; with a search, the best configuration of each, found within the training part."""
    learners = request.learners()
    if not request.search:
        return learners, None
    trials: list[Any] = []
    within = _split(split.train, request, context)
    for name in learners:
        tried = request.tried.get(name, {} if request.tried else TUNED.get(name, {}))
        if not tried:
            continue
        fixed = {setting: [value] for setting, value in request.settings.get(name, {}).items()}
        options = grid(name, **{**fixed, **_values(name, tried)})
        judged = {"metric": request.metrics[0], "k": request.k, "exclude_seen": request.exclude_seen}
        found = search(options, within, context=context, **judged)  # type: ignore[arg-type]
        learners[name] = found.best
        trials += found.trials
    return learners, Leaderboard(best=None, trials=in_order(trials), metric=f"{request.metrics[0]}@{request.k}")


def _values(name: str, tried: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The values to try of each setting of a model; one alone may stand without brackets."""
    values = {setting: options if isinstance(options, list) else [options] for setting, options in tried.items()}
    if not all(values.values()):
        raise ConfigError(
            f"A search of {name} has no value to try: {dict(tried)}. Give some, as --try '{name}.k=[5,50]'."
        )
    return values
