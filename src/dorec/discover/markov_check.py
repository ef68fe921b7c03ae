"""Whether a graph agrees with a table: the independences that it implies, each put to the data."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from dorec.discover.columns import Missing
from dorec.discover.equivalence_class import a_member
from dorec.discover.independence import IndependenceTest, TestName, independence_test
from dorec.domain.errors import ConfigError, InputError
from dorec.domain.graph import CausalGraph
from dorec.domain.run import RunContext
from dorec.domain.table import to_arrow
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import FloatArray
from dorec.numeric.multiplicity import holm

DEFAULT_CONTEXT = RunContext(seed=0)


@dataclass(frozen=True, order=True)
class Independence:
    """a and b are independent given the others.

    >>> str(Independence("view", "price", ("ad",)))
    'view ⟂ price | ad'
    """

    a: str
    b: str
    given: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.a} ⟂ {self.b}" + (f" | {', '.join(self.given)}" if self.given else "")


def implied_independences(graph: CausalGraph) -> tuple[Independence, ...]:
    """One independence for each pair that the graph does not join, from which all others follow.

    Of the two nodes the later one, b, is independent of the earlier one given b's Markov blanket among the ancestors
    of both: its parents, and through hidden common causes the nodes and parents that they reach (the local Markov
    property; Richardson 2003, doi:10.1111/1467-9469.00323). Pairs that hidden causes keep dependent whatever is given
    are left out. For a class of graphs one of its members is taken, since all imply the same.

    Example:
        >>> [str(i) for i in implied_independences(CausalGraph.from_edges("abc", directed=[("a", "b"), ("b", "c")]))]
        ['c ⟂ a | b']
    """
    member = a_member(graph)
    order = {node: i for i, node in enumerate(member.topological_order())}
    found = []
    for pair in combinations(member.nodes, 2):
        if frozenset(pair) in member.skeleton:
            continue
        first, last = sorted(pair, key=order.__getitem__)
        blanket = _blanket(member, last, member.ancestors(pair))
        if first not in blanket:
            found.append(Independence(last, first, tuple(sorted(blanket))))
    return tuple(sorted(found))


def markov_check(
    graph: CausalGraph,
    table: Any,
    *,
    test: TestName = "fisher_z",
    level: float = 0.05,
    missing: Missing = "refuse",
    context: RunContext = DEFAULT_CONTEXT,
) -> list[Verdict]:
    """Which independences that the graph implies the data reject: a verdict on all, then one for each that fails.

    P-values are adjusted for how many independences are tested (Holm 1979), so that a graph that is right fails with
    a probability of at most `level`. A graph that was learned from the same rows passes more easily than it should:
    check it on others. With many rows, slight dependences are rejected too; look at how large they are.

    Args:
        graph: any graph whose nodes are columns of the table.
        table: any frame.
        test, missing: as in `PC`.
        level: the chance at which one rejection too many is accepted.
        context: progress.

    Raises:
        InputError: a node is no column; Refusal: the columns can't be tested, as in `PC`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a = rng.normal(size=500)
        >>> b = a + rng.normal(size=500)
        >>> table = {"a": a, "b": b, "c": b + rng.normal(size=500)}
        >>> right = CausalGraph.from_edges("abc", directed=[("a", "b"), ("b", "c")])
        >>> wrong = CausalGraph.from_edges("abc", directed=[("a", "b"), ("a", "c")])
        >>> markov_check(right, table)[0].status, [v.check for v in markov_check(wrong, table)]
        ('passed', ['implied independences', 'c ⟂ b | a'])
    """
    if not 0 < level < 1:
        raise ConfigError(f"level is {level}; give a probability strictly between 0 and 1, as 0.05.")
    implied = implied_independences(graph)
    if not implied:
        meaning = "the graph implies no independence between two columns, so no data could speak against it"
        return [Verdict(check="implied independences", status="warning", meaning=meaning, code="nothing_implied")]
    names, asked = columns_of(graph, table, test, level, missing, context)
    p_value = np.array([p_of(asked, names, one) for one in context.track(implied, "implied independences")])
    adjusted = holm(p_value)
    rejected = [i for i in np.argsort(adjusted, kind="stable").tolist() if adjusted[i] <= level]
    return [_overall(len(implied), len(rejected), float(adjusted.min())), *_each(implied, p_value, adjusted, rejected)]


def columns_of(
    graph: CausalGraph, table: Any, test: TestName, alpha: float, missing: Missing, context: RunContext
) -> tuple[tuple[str, ...], IndependenceTest]:
    """The graph's nodes as columns, and the test on them."""
    arrow = to_arrow(table)
    strangers = [node for node in graph.nodes if node not in arrow.column_names]
    if strangers:
        raise InputError(
            f"{', '.join(strangers)} of the graph are no columns of the table ({', '.join(arrow.column_names[:20])}). "
            "Check a graph on what was measured: project hidden nodes out first."
        )
    return independence_test(arrow.select(list(graph.nodes)), test, alpha, missing, context)


def p_of(test: IndependenceTest, names: tuple[str, ...], asked: Independence) -> float:
    """The p-value of one independence; 1 where the sample allows no test of that size.

    The test answers levels: the one here has a single pair, whose one set is the one asked about.
    """
    if len(asked.given) > test.deepest:
        return 1.0
    d, place = len(names), {name: i for i, name in enumerate(names)}
    x, y = sorted((place[asked.a], place[asked.b]))  # tests without a set look at each pair once, from the first
    given = [place[g] for g in asked.given]
    adjacent, usable = np.zeros((d, d), dtype=bool), np.zeros((d, d), dtype=bool)
    adjacent[x, [y, *given]] = True
    usable[given, x] = True
    found = test.level(len(given), adjacent, usable, np.zeros((d, d), dtype=bool))
    return float(np.maximum(found.p_value, found.p_value.T)[x, y])


def _blanket(graph: CausalGraph, node: str, among: frozenset[str]) -> frozenset[str]:
    district, stack = {node}, [node]
    while stack:
        new = (graph.spouses(stack.pop()) & among) - district
        district |= new
        stack += new
    return frozenset(district.union(*(graph.parents(n) for n in district))) - {node}


def _overall(n_implied: int, n_rejected: int, smallest: float) -> Verdict:
    said = "independence" if n_implied == 1 else "independences"
    evidence = {"implied": n_implied, "rejected": n_rejected}
    if not n_rejected:
        meaning = f"the data reject none of the {n_implied:,} {said} that the graph implies"
        return Verdict(
            check="implied independences", status="passed", meaning=meaning, p_value=smallest, evidence=evidence
        )
    return Verdict(
        check="implied independences",
        status="failed",
        meaning=f"the data reject {n_rejected:,} of the {n_implied:,} {said} that the graph implies",
        code="independence_rejected",
        p_value=smallest,
        remedy="Add an edge or a hidden common cause between these pairs, or say why the test misleads.",
        evidence=evidence,
    )


def _each(
    implied: tuple[Independence, ...], p_value: FloatArray, adjusted: FloatArray, rejected: list[int]
) -> list[Verdict]:
    return [
        Verdict(
            check=str(implied[i]),
            status="failed",
            meaning=f"{implied[i].a} and {implied[i].b} still depend on each other, though the graph says they do not",
            code="independence_rejected",
            p_value=float(adjusted[i]),
            remedy=f"Join {implied[i].a} and {implied[i].b}, or look for what both have as a cause.",
            evidence={"given": list(implied[i].given), "p_value_alone": float(p_value[i])},
        )
        for i in rejected
    ]
