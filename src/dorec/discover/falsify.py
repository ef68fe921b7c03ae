"""Whether a graph explains a table better than the same graph with its nodes shuffled."""

from typing import Any

import numpy as np

from dorec.discover.independence import TestName
from dorec.discover.markov_check import Independence, columns_of, implied_independences, p_of
from dorec.domain.errors import ConfigError
from dorec.domain.graph import CausalGraph
from dorec.domain.run import RunContext
from dorec.domain.verdict import Verdict

DEFAULT_CONTEXT = RunContext(seed=0)


def falsify(
    graph: CausalGraph,
    table: Any,
    *,
    n_permutations: int = 200,
    test: TestName = "fisher_z",
    alpha: float = 0.05,
    context: RunContext = DEFAULT_CONTEXT,
) -> Verdict:
    """Whether the data contradict a graph less than they contradict random graphs of the same shape.

    The number of implied independences that the data reject, each at `alpha`, beside the same count for the graph
    with its nodes permuted (Eulig, Mastakouri, Blöbaum, Hardt, Janzing 2023, arXiv:2305.09565). The p-value is the
    share of permutations, and the graph itself, that are rejected no more often: a graph by somebody who knows the
    domain should beat nearly all of them. Where many permutations imply the same independences the comparison says
    little, and the verdict says so.

    Args:
        graph: any graph whose nodes are columns of the table.
        table: any frame.
        n_permutations: how many shuffled graphs.
        test, alpha: of each independence, as in `PC`.
        context: the seed of the permutations, and progress.

    Raises:
        InputError: a node is no column; Refusal: the columns can't be tested, as in `PC`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a, c = rng.normal(size=(2, 500))
        >>> b = a + c + rng.normal(size=500)
        >>> table = {"a": a, "b": b, "c": c, "d": b + rng.normal(size=500), "e": c + rng.normal(size=500)}
        >>> edges = [("a", "b"), ("c", "b"), ("b", "d"), ("c", "e")]
        >>> verdict = falsify(CausalGraph.from_edges("abcde", directed=edges), table)
        >>> verdict.status, verdict.statistic, verdict.p_value < 0.05
        ('passed', 0.0, True)
    """
    if n_permutations < 20:
        raise ConfigError(f"n_permutations is {n_permutations}; give at least 20, better 200.")
    names, asked = columns_of(graph, table, test, alpha, "refuse", context)
    answers: dict[tuple[frozenset[str], tuple[str, ...]], bool] = {}

    def rejected(one: Independence) -> bool:
        key = (frozenset((one.a, one.b)), one.given)
        if key not in answers:
            answers[key] = p_of(asked, names, one) <= alpha
        return answers[key]

    implied = implied_independences(graph)
    own = sum(map(rejected, implied))
    rng = context.rng("falsify")
    counts, n_same = [], 0
    said = {(frozenset((one.a, one.b)), one.given) for one in implied}
    for _ in context.track(range(n_permutations), "shuffled graphs", n_permutations):
        turned = dict(zip(graph.nodes, rng.permutation(list(graph.nodes)).tolist(), strict=True))
        other = [_renamed(one, turned) for one in implied]
        n_same += {(frozenset((one.a, one.b)), one.given) for one in other} == said
        counts.append(sum(map(rejected, other)))
    beaten = np.asarray(counts) > own
    p_value = float((1 + (~beaten).sum()) / (1 + n_permutations))
    return _verdict(own, len(implied), np.asarray(counts), n_same / n_permutations, p_value)


def _renamed(one: Independence, name: dict[str, str]) -> Independence:
    return Independence(name[one.a], name[one.b], tuple(sorted(name[g] for g in one.given)))


def _verdict(own: int, n_implied: int, counts: np.ndarray, same: float, p_value: float) -> Verdict:
    evidence = {
        "rejected": own,
        "implied": n_implied,
        "rejected_of_permuted": {f"p{q}": float(np.quantile(counts, q / 100)) for q in (5, 50, 95)},
        "permutations_that_imply_the_same": same,
    }
    found = (
        f"the data reject {own:,} of {n_implied:,} implied independences; of shuffled graphs, {np.median(counts):,g}"
    )
    if not n_implied or same > 0.05 or (own == 0 and p_value > 0.05):  # chance could not have done worse
        return Verdict(
            check="graph against shuffled graphs",
            status="warning",
            meaning="too many shuffled graphs imply the same independences for the comparison to say anything",
            code="graph_not_informative",
            statistic=float(own),
            p_value=p_value,
            evidence=evidence,
        )
    better = p_value <= 0.05
    return Verdict(
        check="graph against shuffled graphs",
        status="passed" if better else "failed",
        meaning=f"{found} of those of the median shuffled graph",
        code="" if better else "graph_no_better_than_chance",
        statistic=float(own),
        p_value=p_value,
        remedy="" if better else "Do not build on this graph: learn one, or correct the edges that markov_check names.",
        evidence=evidence,
    )
