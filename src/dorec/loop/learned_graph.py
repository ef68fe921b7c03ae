"""What a question's own data say of the graph, drawn beside the effect: time order as knowledge, resampled edges."""

from typing import Any

import numpy as np
import pyarrow as pa

from dorec.discover import BOSS, BootstrapDiscovery, markov_check
from dorec.domain.errors import DorecError
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext
from dorec.domain.verdict import Verdict
from dorec.loop.questions import Question
from dorec.loop.results import StageResult
from dorec.numeric.arrays import AnyArray
from dorec.numeric.partial_correlation import determined_columns

MAX_ROWS = 50_000
MAX_COVARIATES = 16
MAX_LEVELS = 12  # a column of text with more is left out
RESAMPLES = 30


def learn_graph(question: Question, context: RunContext) -> StageResult:
    """The graph of covariates, treatment and outcomes that the best score gives, or why there is none.

    An edge's confidence is the share of resamples that have it. Covariates come before the treatment and that before
    the outcomes; nothing else is assumed of the order. The estimate does not rest on this graph.
    """
    columns, left_out = _columns(question)
    if len(columns) < 3:
        return StageResult(facts={"graph_refused": "fewer than three columns can be nodes of it"})
    order = (question.covariates, (question.treatment,), question.outcomes)
    tiers = tuple(tier for names in order if (tier := tuple(n for n in names if n in columns)))
    mixed = any(values.dtype == object for values in columns.values())
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    known = Knowledge(tiers=tiers)
    search = BootstrapDiscovery(BOSS(score="mixed" if mixed else "bic"), n_bootstrap=RESAMPLES, threshold=0.5)
    try:
        graph = search.discover(table, known, context)
    except DorecError as error:
        return StageResult(facts={"graph_refused": str(error)})
    facts = {
        "graph": graph.to_dict(),
        "tiers": [list(tier) for tier in tiers],
        "rows_for_graph": table.num_rows,
        "graph_method": f"BOSS, {'mixed' if mixed else 'linear'} score, {RESAMPLES} resamples",
        "graph_left_out": left_out,
    }
    try:
        checked = markov_check(graph, table, test="degenerate_gaussian" if mixed else "fisher_z", context=context)
    except DorecError as error:
        said = f"the graph was not held against the table: {error}"
        checked = [Verdict(check="implied independences", status="warning", meaning=said, code="not_checked")]
    return StageResult(facts={**facts, "graph_checks": [verdict.to_dict() for verdict in checked]})


def _columns(question: Question) -> tuple[dict[str, AnyArray], dict[str, str]]:
    """Columns as numbers or text, of the same rows, and why others are no nodes."""
    found: dict[str, AnyArray] = {}
    left_out: dict[str, str] = {}
    n = question.table.num_rows
    rows = np.sort(np.random.default_rng(0).permutation(n)[:MAX_ROWS])
    covariates = list(question.covariates)
    for name in [*covariates, question.treatment, *question.outcomes]:
        values = _values(question, name, rows)
        why = _unfit(values)
        if not why and name in covariates and sum(c in found for c in covariates) >= MAX_COVARIATES:
            why = f"one of more than {MAX_COVARIATES} covariates"
        if why:
            left_out[name] = why
        else:
            found[name] = values
    numbers = [name for name, values in found.items() if values.dtype != object]
    if len(numbers) > 1:
        places = determined_columns(np.corrcoef(np.stack([found[name] for name in numbers]))).tolist()
        for name in [numbers[i] for i in places if numbers[i] in covariates]:
            del found[name]
            left_out[name] = "it follows exactly from other columns"
    return found, left_out


def _values(question: Question, name: str, rows: AnyArray) -> AnyArray:
    """Numbers as float64, text of two levels as 0 and 1, other text as it is."""
    values = question.table.column(name).combine_chunks().to_numpy(zero_copy_only=False)[rows]
    if values.dtype.kind in "iuf":
        return np.asarray(values, dtype=np.float64)
    if name == question.treatment and question.control is not None:
        return np.array([str(v) != str(question.control) for v in values], dtype=np.float64)
    levels = sorted({str(v) for v in values})
    if len(levels) == 2:
        return np.array([str(v) == levels[1] for v in values], dtype=np.float64)
    return np.array([str(v) for v in values], dtype=object)


def _unfit(values: Any) -> str:
    if values.dtype == object:
        n_levels = len(set(values.tolist()))
        return f"text with {n_levels:,} levels" if n_levels > MAX_LEVELS else ""
    if not np.isfinite(values).all():
        return "it has missing values"
    return "" if values.std() > 0 else "it has one value"
