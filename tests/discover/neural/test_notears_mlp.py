from dataclasses import replace

import numpy as np
import pytest

from dorec.discover import GraphAutoencoder, Notears, NotearsMLP, VarianceOrderWarning, structural_hamming_distance
from dorec.discover.registry import make
from dorec.domain.errors import ConfigError, InputError, NotFinite
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext

ONE = RunContext(seed=0, threads=1)
SHORT = [NotearsMLP(max_steps=15, max_rounds=2), GraphAutoencoder(max_steps=15, max_rounds=2)]
each = pytest.mark.parametrize("search", SHORT, ids=lambda s: type(s).__name__)


def distances(search, world, seeds):
    errors = []
    for seed in seeds:
        table, truth = world(seed)
        ours, lines = search.report(table, context=ONE), Notears(compare=False).report(table)
        errors.append([structural_hamming_distance(truth, r.graph) for r in (ours, lines)])
    return np.mean(errors, axis=0)


def test_mixed_effects_are_found_that_lines_miss(mixed_world):
    ours, lines = distances(NotearsMLP(compare=False), mixed_world, range(21, 26))
    assert ours <= 0.7 * lines


def test_a_product_of_two_causes_is_found():
    random = np.random.default_rng(3)
    a, b, noise = random.normal(size=(3, 600))
    table = {"c": a * b + 0.7 * noise, "b": b, "a": a}
    assert set(NotearsMLP(compare=False).report(table, context=ONE).graph.directed) == {("a", "c"), ("b", "c")}
    assert Notears(compare=False).report(table).graph.directed == ()


def test_linear_slopes_come_out_as_weights():
    random = np.random.default_rng(0)
    a, noise = random.normal(size=(2, 800))
    report = NotearsMLP(compare=False).report({"a": a, "b": 1.5 * a + noise}, context=ONE)
    assert report.graph.directed == (("a", "b"),)
    assert report.weights["a", "b"] == pytest.approx(1.5, abs=0.15)


@each
def test_a_seed_repeats_and_another_differs(search, mixed_world):
    table, _ = mixed_world(0, n=200, d=4)
    first, again, other = (search.report(table, context=replace(ONE, seed=s)).weights for s in (3, 3, 4))
    assert first == again
    assert first != other


@each
def test_the_order_of_rows_and_columns_changes_nothing_but_rounding(search, mixed_world):
    table, _ = mixed_world(0, n=200, d=4)
    rows = np.random.default_rng(0).permutation(200)
    moved = {name: table[name][rows] for name in sorted(table, reverse=True)}
    before, after = (search.report(t, context=ONE).weights for t in (table, moved))
    assert after == pytest.approx(before, rel=1e-6)


@each
def test_knowledge_is_never_violated(search, mixed_world):
    table, _ = mixed_world(0, n=200, d=5)
    known = Knowledge(required=(("v4", "v0"),), forbidden=(("v0", "v1"), ("v0", "v2")), tiers=(("v1", "v2"), ("v3",)))
    report = replace(search, w_threshold=0.0).report(table, known, ONE)
    for graph in (report.graph, report.standardised_graph):
        found = set(graph.directed)
        assert ("v4", "v0") in found
        assert not found & {("v0", "v1"), ("v0", "v2"), ("v3", "v1"), ("v3", "v2"), ("v0", "v4")}
        assert graph.is_dag


def test_an_answer_that_rests_on_variances_warns():
    random = np.random.default_rng(0)
    chain = {"a": random.normal(size=200)}
    for cause, effect in ("ab", "bc"):
        chain[effect] = 1.5 * chain[cause] + random.normal(size=200)
    search = NotearsMLP(max_steps=40, max_rounds=7, hidden=4)
    report = search.report(chain, context=ONE)
    assert report.graph.directed == (("a", "b"), ("b", "c"))
    assert report.rests_on_variance_order
    with pytest.warns(VarianceOrderWarning, match="standardised columns"):
        search.discover(chain, context=ONE)
    alone = replace(search, standardise=True).report(chain, context=ONE)
    assert alone.graph == report.standardised_graph


@each
def test_bad_input_is_refused(search):
    with pytest.raises(NotFinite):
        search.discover({"a": [1.0, np.nan] * 10, "b": np.arange(20.0)})
    with pytest.raises(InputError):
        search.discover({"a": ["x", "y"] * 10, "b": np.arange(20.0)})
    for setting in ("reg", "hidden", "max_rounds"):
        with pytest.raises(ConfigError, match=setting):
            replace(search, **{setting: -1})


def test_both_are_made_by_name():
    assert make("notears_mlp", hidden=7) == NotearsMLP(hidden=7)
    assert make("graph_autoencoder") == GraphAutoencoder()
