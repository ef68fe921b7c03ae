"""Dataset -> models compared on held-out behaviour -> the best one's recommendations, with reasons."""

from collections.abc import Mapping

from dorec.domain.dataset import Dataset
from dorec.domain.errors import Refusal
from dorec.domain.estimate import Estimate
from dorec.evaluate import ranking
from dorec.loop.recommended_lists import most_active, recommendation_table
from dorec.loop.results import StageResult, refused
from dorec.loop.workspace import Workspace
from dorec.profile import Split, audit, leave_last_out, random_split, temporal_split
from dorec.recommend import make

METRICS = ("ndcg", "recall", "mrr", "hit_rate", "novelty", "coverage")
MIN_INTERACTIONS = 50


def applies(workspace: Workspace) -> str:
    """Why nothing can be recommended, if so."""
    data = workspace.dataset
    if data is None:
        return "there are no events with users and items"
    if data.n_interactions < MIN_INTERACTIONS or data.n_items < 2 or data.n_users < 2:
        return f"{data.n_interactions} interactions of {data.n_users} users with {data.n_items} items are too few"
    return ""


def run(workspace: Workspace, key: str) -> StageResult:
    """Fit each model on the past, judge it on what came after, fit the best on everything, recommend."""
    del key
    data, chosen = workspace.dataset, workspace.settings.recommender
    assert data is not None
    split, how = _split(workspace, data)
    scores: dict[str, Estimate] = {}
    refusals = []
    for name in workspace.context.track(chosen.models, "fitting recommenders", len(chosen.models)):
        try:
            scorer = make(name, **chosen.settings.get(name, {})).fit(split.train, context=workspace.context)
        except Refusal as refusal:
            refusals.append(refused(f"How well does {name} recommend?", refusal))
            continue
        scores[name] = ranking(scorer, split.test, k=chosen.k, metrics=METRICS, context=workspace.context)
    if not scores:
        return StageResult(refusals=tuple(refusals))
    best = max(scores, key=lambda name: float(scores[name][0].value))
    scorer = make(best, **chosen.settings.get(best, {})).fit(data, context=workspace.context)
    lists = scorer.recommend(most_active(data, chosen.max_users), k=chosen.k, exclude_seen=True)
    table = recommendation_table(scorer, lists)
    arrays, metadata = scorer.to_arrays()
    facts = {
        "best": best,
        "k": chosen.k,
        "split": how,
        "users": data.n_users,
        "items": data.n_items,
        "interactions": data.n_interactions,
        "train": split.train.n_interactions,
        "test": split.test.n_interactions,
        "metrics": list(METRICS),
        "model": metadata,
        "differences": _against_popularity(scores),
    }
    return StageResult(
        facts=facts,
        estimates=scores,
        verdicts=tuple(audit(split)),
        refusals=tuple(refusals),
        tables={"recommendations": table},
        arrays={f"model/{name}": array for name, array in arrays.items()},
    )


def _split(workspace: Workspace, data: Dataset) -> tuple[Split, str]:
    how, fraction = workspace.settings.evaluation.split, workspace.settings.evaluation.test_fraction
    if how == "temporal" and data.time is not None:
        return temporal_split(data, test_fraction=fraction), "temporal"
    if how == "leave_last_out" and data.time is not None:
        return leave_last_out(data), "leave_last_out"
    return random_split(data, test_fraction=fraction, context=workspace.context), "random"


def _against_popularity(scores: Mapping[str, Estimate]) -> list[dict[str, object]]:
    """NDCG of each model minus that of popularity, paired over users, with p-values adjusted for all of them."""
    if "popularity" not in scores or len(scores) < 2:
        return []
    others = [name for name in scores if name != "popularity"]
    differences = Estimate.concat([scores[name][0] - scores["popularity"][0] for name in others])
    lower, upper = differences.interval(joint=True)
    adjusted = differences.adjusted_p_values()
    rows = zip(others, differences.value, lower, upper, adjusted, strict=True)
    return [{"model": m, "value": v, "lower": lo, "upper": up, "p_value": p} for m, v, lo, up, p in rows]
