"""Zhang's rules, each on the smallest graph it speaks of."""

import numpy as np
import pytest

from dorec.discover import pag
from dorec.discover.pag import ARROW, CIRCLE, TAIL, PartialAncestral
from dorec.discover.skeleton import Skeleton, keys

SYMBOL = {"o": CIRCLE, "<": ARROW, ">": ARROW, "-": TAIL}


def graph_of(text):
    """`a o-> b, b --- c`: nodes are letters."""
    edges = [part.split() for part in text.split(", ")]
    d = max(ord(n) - 96 for a, _, b in edges for n in (a, b))
    marks = np.zeros((d, d), dtype=np.int8)
    for a, kind, b in edges:
        marks[ord(b) - 97, ord(a) - 97] = SYMBOL[kind[0]]
        marks[ord(a) - 97, ord(b) - 97] = SYMBOL[kind[2]]
    return PartialAncestral(marks, marks > 0, [np.flatnonzero(row).tolist() for row in marks])


def separated(graph, *triples):
    """A skeleton in which the middle node of each triple is in a set that separates the ends."""
    rows = np.array([[ord(x) - 97, ord(z) - 97, ord(s) - 97] for x, s, z in triples]).reshape(-1, 3)
    none = np.zeros(graph.adjacent.shape)
    return Skeleton(graph.adjacent, none, none, none > 0, np.sort(keys(rows, len(none))), 0)


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        (pag.rule_1, "a o-> b, b o-o c", "a o-> b, b --> c"),
        (pag.rule_1, "a o-> b, b o-o c, a o-o c", "a o-> b, b o-o c, a o-o c"),
        (pag.rule_2, "a --> b, b o-> c, a o-o c", "a --> b, b o-> c, a o-> c"),
        (pag.rule_2, "a o-> b, b --> c, a o-o c", "a o-> b, b --> c, a o-> c"),
        (pag.rule_2, "a o-> b, b o-> c, a o-o c", "a o-> b, b o-> c, a o-o c"),
        (pag.rule_3, "a o-> b, c o-> b, a o-o d, c o-o d, d o-o b", "a o-> b, c o-> b, a o-o d, c o-o d, d o-> b"),
        (
            pag.rule_3,
            "a o-> b, c o-> b, a o-o d, c o-o d, d o-o b, a o-o c",
            "a o-> b, c o-> b, a o-o d, c o-o d, d o-o b, a o-o c",
        ),
        (pag.rule_5, "a o-o b, b o-o c, c o-o d, d o-o a", "a --- b, b --- c, c --- d, d --- a"),
        (pag.rule_5, "a o-o b, b o-o c, c o-o a, c o-o d", "a o-o b, b o-o c, c o-o a, c o-o d"),
        (pag.rule_6, "a --- b, b o-> c", "a --- b, b --> c"),
        (pag.rule_7, "a --o b, b o-o c", "a --o b, b --o c"),
        (pag.rule_7, "a --o b, b o-o c, a o-o c", "a --o b, b o-o c, a o-o c"),
        (pag.rule_8, "a --> b, b --> c, a o-> c", "a --> b, b --> c, a --> c"),
        (pag.rule_8, "a --o b, b --> c, a o-> c", "a --o b, b --> c, a --> c"),
        (pag.rule_9_and_10, "a o-o b, b o-o d, d --> c, a o-> c", "a o-o b, b o-o d, d --> c, a --> c"),
        (
            pag.rule_9_and_10,
            "a o-o b, b o-o d, d o-> c, a o-> c, b o-> c",
            "a o-o b, b o-o d, d o-> c, a o-> c, b o-> c",
        ),
        (
            pag.rule_9_and_10,
            "a o-o b, a o-o d, b --> c, d --> c, a o-> c",
            "a o-o b, a o-o d, b --> c, d --> c, a --> c",
        ),
        (
            pag.rule_9_and_10,
            "a o-o b, a o-o d, b --> c, d --> c, a o-> c, b o-o d",
            "a o-o b, a o-o d, b --> c, d --> c, a o-> c, b o-o d",
        ),
    ],
)
def test_a_rule_marks_what_it_says_and_nothing_else(rule, before, after):
    graph, wanted = graph_of(before), graph_of(after)
    changed = graph.mark(rule(graph))
    assert (graph.marks == wanted.marks).all()
    assert changed == (before != after)


def test_rule_4_on_a_node_that_separates():
    graph = graph_of("d o-> a, a <-o b, a --> c, b o-o c")
    graph.mark(pag.rule_4(graph, separated(graph, "dbc")))
    assert (graph.marks == graph_of("d o-> a, a <-o b, a --> c, b --> c").marks).all()


def test_rule_4_on_a_node_that_does_not_separate():
    graph = graph_of("d o-> a, a <-o b, a --> c, b o-o c")
    graph.mark(pag.rule_4(graph, separated(graph)))
    assert (graph.marks == graph_of("d o-> a, a <-> b, a --> c, b <-> c").marks).all()


def test_rule_4_along_a_longer_path():
    # e o-> d <-> a <-o b, with d -> c and a -> c
    graph = graph_of("e o-> d, d <-> a, a <-o b, d --> c, a --> c, b o-o c")
    graph.mark(pag.rule_4(graph, separated(graph, "ebc")))
    assert (graph.marks == graph_of("e o-> d, d <-> a, a <-o b, d --> c, a --> c, b --> c").marks).all()


def test_an_arrowhead_wins_over_a_tail_and_a_mark_stays():
    graph = graph_of("a o-o b")
    assert graph.mark([(0, 1, TAIL), (0, 1, ARROW)])
    assert not graph.mark([(0, 1, TAIL)])
    assert graph.marks[0, 1] == ARROW


def test_marks_that_would_close_a_cycle_are_left_out_together():
    graph = graph_of("a --> b, b o-> c, c o-> a")
    assert not graph.mark([(2, 1, TAIL), (0, 2, TAIL)])
    assert (graph.marks == graph_of("a --> b, b o-> c, c o-> a").marks).all()
    assert not graph.mark([(2, 1, TAIL)])
