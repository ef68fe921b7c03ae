"""Test-wise deletion: each test says what it would say of the rows that know its variables."""

import numpy as np
import pytest

from dorec.discover import FCI, PC, RFCI
from dorec.discover.independence import independence_test
from dorec.domain.errors import ConfigError, NotFinite, TooFewUnits

WORDS = np.array(list("abc"))


def holes(n, seed, share=0.1, test="fisher_z"):
    """Five columns that a chain joins, with a share of the values missing at random."""
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(n, 5))
    for j in range(1, 5):
        data[:, j] += 0.8 * data[:, j - 1]
    gone = rng.random((n, 5)) < share
    table = {}
    for j in range(5):
        column = data[:, j]
        if test in ("chi_square", "g_square") or (j % 2 and test.endswith("gaussian")):
            words = WORDS[np.digitize(column, [-0.7, 0.7])].tolist()
            table[f"v{j}"] = [None if gone[i, j] else words[i] for i in range(n)]
        else:
            table[f"v{j}"] = np.where(gone[:, j], np.nan, column)
    return table, gone


@pytest.mark.parametrize(
    "test", ["fisher_z", "chi_square", "g_square", "degenerate_gaussian", "conditional_gaussian", "rcot"]
)
@pytest.mark.parametrize("share", [0.02, 0.25])
def test_each_test_is_that_of_the_complete_rows(test, share):
    table, gone = holes(400, 0, share, test)
    _, incomplete = independence_test(table, test, 0.05, missing="test_wise")
    for row in ([0, 1], [0, 4], [0, 2, 1], [1, 3, 2], [0, 4, 1, 2]):
        rows = ~gone[:, row].any(axis=1)
        found = incomplete.answer(np.array([row], dtype=np.int32))
        assert found.n_rows.tolist() == [rows.sum()]
        if test == "rcot":
            continue  # widths of columns come from all that is known of them
        kept = {f"v{j}": np.asarray(table[f"v{j}"])[rows] for j in row}
        kept = {name: column if column.dtype == float else column.astype(str) for name, column in kept.items()}
        _, complete = independence_test(kept, test, 0.05)
        wanted = complete.answer(np.arange(len(row), dtype=np.int32)[None])
        assert np.isclose(found.p_value, wanted.p_value, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("search", [PC, FCI, RFCI])
@pytest.mark.parametrize("test", ["fisher_z", "g_square", "degenerate_gaussian", "conditional_gaussian"])
def test_the_chain_is_found_and_the_effective_n_is_said(search, test):
    table, gone = holes(3000, 1, 0.1, test)
    graph = search(alpha=0.001, test=test, missing="test_wise").discover(table)
    assert {frozenset((f"v{j}", f"v{j + 1}")) for j in range(4)} <= graph.skeleton
    least = min((~gone[:, [i, j]].any(axis=1)).sum() for i in range(5) for j in range(i))
    said = graph.edges[0].provenance
    assert "test-wise n=" in said
    assert ", median " in said
    assert 1500 < int(said.split("test-wise n=")[1].split(", median")[0].replace(",", "")) <= least


@pytest.mark.parametrize("test", ["fisher_z", "g_square", "degenerate_gaussian", "conditional_gaussian", "rcot"])
def test_order_of_rows_and_columns_does_not_matter(test):
    table, _ = holes(300, 2, 0.2, test)
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(300), rng.permutation(5)
    shuffled = {f"v{j}": [table[f"v{j}"][i] for i in rows] for j in columns}
    shuffled = {k: np.array(v) if isinstance(v[0], float) else v for k, v in shuffled.items()}
    search = PC(test=test, missing="test_wise")
    assert {str(e) for e in search.discover(shuffled).edges} == {str(e) for e in search.discover(table).edges}


@pytest.mark.parametrize("test", ["fisher_z", "g_square", "degenerate_gaussian"])
def test_a_table_without_holes_gives_the_same_graph(test):
    table, _ = holes(300, 3, 0.0, test)
    graph = PC(test=test, missing="test_wise").discover(table)
    assert graph == PC(test=test).discover(table)
    assert "test-wise" not in graph.edges[0].provenance


def test_missing_values_are_never_silent():
    table, gone = holes(200, 0)
    with pytest.raises(NotFinite, match=rf"v0 \({gone[:, 0].sum()}\).*or take missing='test_wise'"):
        PC().discover(table)
    with pytest.raises(ConfigError, match=r"missing is 'testwise'.*Did you mean 'test_wise'"):
        PC(missing="testwise")
    with pytest.raises(NotFinite, match=r"infinite values, which are not missing: v1 \(1\)"):
        PC(missing="test_wise").discover({**table, "v1": np.where(np.arange(200) == 5, np.inf, table["v1"])})
    with pytest.raises(TooFewUnits, match=r"v1 \(4\)"):
        PC(missing="test_wise").discover({**table, "v1": np.where(np.arange(200) < 4, np.arange(200.0), np.nan)})


def test_columns_never_known_together_are_not_called_independent():
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, 200))
    half = np.arange(200) < 100
    graph = PC(missing="test_wise").discover({"a": np.where(half, a, np.nan), "b": np.where(half, np.nan, b), "c": c})
    assert frozenset("ab") in graph.skeleton  # nothing spoke against the edge
    assert graph.edge("a", "b").confidence == 1.0
