import gzip
from itertools import product

import numpy as np
import pytest

from dorec.domain.bif import ConditionalTable, read_bif, write_bif
from dorec.domain.errors import InputError
from dorec.domain.graph import CausalGraph

A = "variable a { type discrete [ 2 ] { no, yes }; }\n"
B = "variable b { type discrete [ 3 ] { low, mid, high }; property seen = twice ; }\n"


def tables_of(text):
    return {table.name: table for table in read_bif(text)}


def test_rows_defaults_and_flat_tables_say_the_same():
    first = tables_of(
        A + B + "probability ( b ) { table 0.2, 0.3, 0.5; } "
        "probability ( a | b ) { (low) 1, 0; (mid) 0.5, 0.5; (high) .25, .75; }"
    )
    second = tables_of(
        A + B + "probability(b){table 0.2 0.3 0.5;}probability(a|b){(mid) 0.5 0.5;(high) .25 .75; default 1 0;}"
    )
    third = tables_of(
        A + B + "probability ( b ) { table 0.2, 0.3, 0.5; } probability ( a | b ) { table 1, 0.5, .25, 0, 0.5, .75; }"
    )
    for other in (second, third):
        for name in "ab":
            assert first[name].parents == other[name].parents
            assert first[name].values.tolist() == other[name].values.tolist()
    assert first["a"].values.tolist() == [[1, 0], [0.5, 0.5], [0.25, 0.75]]


def test_the_last_parent_changes_fastest_in_a_flat_table():
    text = A + B + "variable c { type discrete [ 2 ] { f, t }; } probability ( a ) { table .5, .5; }"
    text += "probability ( b ) { table 0.2, 0.3, 0.5; }"
    given = np.linspace(0.1, 0.6, 6)
    flat = ", ".join(str(p) for p in (*(1 - given), *given))
    found = tables_of(text + "probability ( c | a, b ) { table " + flat + "; }")["c"].values
    assert found[..., 1].ravel() == pytest.approx(given)
    assert found.shape == (2, 3, 2)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_written_is_read_to_the_last_digit(seed):
    rng = np.random.default_rng(seed)
    levels = {"x 1": ("a,b", "c"), "y": ("0", "1", "2"), "z": ("low", "<5"), "property": ("p", "q")}
    parents = {"x 1": (), "y": ("x 1",), "z": ("y", "x 1"), "property": ("z",)}
    tables = [
        ConditionalTable(
            n, levels[n], parents[n], rng.dirichlet(np.ones(len(levels[n])), [len(levels[p]) for p in parents[n]])
        )
        for n in levels
    ]
    for found, table in zip(read_bif(write_bif(tables, "my net")), tables, strict=True):
        assert (found.name, found.levels, found.parents) == (table.name, table.levels, table.parents)
        assert np.array_equal(found.values, table.values)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no variable"),
        (A, "no table for a"),
        (A + "probability ( a ) { table 0.5; }", "line 2 has 1 probabilities of a where 2 are needed"),
        (A + "probability ( a ) { table 0.5, 0.6; }", "rows of a that are no probabilities"),
        (A + "probability ( a ) { table -0.5, 1.5; }", "rows of a that are no probabilities"),
        (A + "probability ( a ) { table nan, 1; }", "without a row"),
        (A + "probability ( a ) { table x, y; }", "x, y where probabilities of a are needed"),
        (A + B + "probability ( a | b ) { (low) 1, 0; }", "without a row for every combination of b"),
        (A + B + "probability ( a | b ) { (tall) 1, 0; }", "level 'tall' of b, which has low, mid, high"),
        (A + B + "probability ( a | b ) { (low, low) 1, 0; }", "for the parents b of a"),
        (A + "probability ( a | q ) { table 1, 0; }", "a table with q, which is no variable"),
        (A + A, "line 2 has variable a twice"),
        ("variable a { type discrete [ 3 ] { no, yes }; }", "2 levels"),
        ("variable a { type real; }", "'real' where 'discrete' is needed"),
        ("hello", "'hello' where `network`"),
        (A + "probability ( a ) { table 0.5,", "ends in the middle"),
        (A + "probability ( a ) { rows 0.5, 0.5; }", "'rows' where a row of a is needed"),
        (A + "probability ( a ) { table .5, .5; } probability ( a ) { table .5, .5; }", "two tables of a"),
    ],
)
def test_texts_that_are_no_network_are_refused_with_the_place(text, said):
    with pytest.raises(InputError, match=said):
        read_bif(text)


def test_names_that_the_format_cannot_hold_are_refused():
    with pytest.raises(InputError, match="quotation mark"):
        write_bif([ConditionalTable('a"b', ("x", "y"), (), np.array([0.5, 0.5]))])


@pytest.mark.parametrize("name", ["alarm", "asia", "cancer", "child", "earthquake", "sachs", "survey"])
def test_published_networks_are_read_whole_and_written_back(shared, name):
    text = gzip.decompress((shared / "data" / "bnlearn_bif" / f"{name}.bif.gz").read_bytes()).decode()
    tables = read_bif(text)
    graph = CausalGraph.from_bif(text)
    assert graph.nodes == tuple(t.name for t in tables)
    assert set(graph.directed) == {(p, t.name) for t in tables for p in t.parents}
    assert all(np.allclose(t.values.sum(axis=-1), 1) for t in tables)
    again = read_bif(write_bif(tables))
    assert all(np.array_equal(a.values, b.values) for a, b in zip(tables, again, strict=True))


def test_a_case_of_asia_is_where_the_file_says(shared):
    text = gzip.decompress((shared / "data" / "bnlearn_bif" / "asia.bif.gz").read_bytes()).decode()
    either = next(t for t in read_bif(text) if t.name == "either")
    for lung, tub in product(range(2), repeat=2):
        assert either.values[lung, tub].tolist() == ([1, 0] if 0 in (lung, tub) else [0, 1])
