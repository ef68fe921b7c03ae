import gzip
import time
from itertools import product

import numpy as np
import pytest

from dorec.domain.bif import ConditionalTable
from dorec.domain.errors import ColumnNotFound, InputError, TooLarge
from dorec.simulate import DiscreteNetwork, FittedStructuralModel
from dorec.simulate.exact_inference import marginal


def random_network(seed, d=6):
    rng = np.random.default_rng(seed)
    names = [f"v{i}" for i in rng.permutation(d)]
    levels = {name: tuple("abc"[: rng.integers(2, 4)]) for name in names}
    tables = []
    for i, name in enumerate(names):
        parents = tuple(n for n in names[:i] if rng.random() < 0.5)
        shape = (*(len(levels[p]) for p in parents), len(levels[name]))
        values = rng.dirichlet(np.ones(shape[-1]), shape[:-1]).reshape(shape)
        tables.append(ConditionalTable(name, levels[name], parents, values))
    return DiscreteNetwork(tuple(tables))


def brute_force(network, do):
    """The joint distribution of all variables, by the truncated factorisation."""
    names = list(network.levels)
    joint = np.zeros([len(network.levels[n]) for n in names])
    for cell in product(*(range(k) for k in joint.shape)):
        at = dict(zip(names, cell, strict=True))
        weight = 1.0
        for table in network.tables:
            if table.name in do:
                weight *= network.levels[table.name][at[table.name]] == do[table.name]
            else:
                weight *= table.values[(*(at[p] for p in table.parents), at[table.name])]
        joint[cell] = weight
    return names, joint


@pytest.mark.parametrize("seed", range(12))
def test_against_the_sum_over_all_worlds(seed):
    network = random_network(seed)
    model = FittedStructuralModel.from_network(network)
    rng = np.random.default_rng(seed)
    a, b, c, d = rng.permutation(sorted(network.levels))[:4].tolist()
    given, do = {c: "a"}, {d: "b"}
    for seen, done in (({}, {}), (given, {}), ({}, do), (given, do)):
        names, joint = brute_force(network, done)
        for name, level in seen.items():
            at = [slice(None)] * joint.ndim
            at[names.index(name)] = [i for i, own in enumerate(network.levels[name]) if own != level]
            joint[tuple(at)] = 0
        others = tuple(i for i, n in enumerate(names) if n not in (a, b))
        expected = joint.sum(axis=others) / joint.sum()
        if names.index(a) > names.index(b):
            expected = expected.T
        assert np.allclose(model.distribution([a, b], given=seen, do=done), expected, atol=1e-12)
        assert np.isclose(network.probability({a: "b", b: "a"}, given=seen, do=done), expected[1, 0])


def test_alarm_is_answered_in_seconds_and_agrees_with_its_samples(shared):
    network = DiscreteNetwork.from_bif(
        gzip.decompress((shared / "data/bnlearn_bif/alarm.bif.gz").read_bytes()).decode()
    )
    model = FittedStructuralModel.from_network(network)
    started = time.process_time()
    exact = {name: model.distribution([name]) for name in model.graph.nodes}
    evidence = {name: model.variables[name].levels[0] for name in ("BP", "HRBP", "EXPCO2")}
    others = [name for name in model.graph.nodes if name not in evidence]
    given = {name: model.distribution([name], given=evidence, do={"VENTALV": "NORMAL"}) for name in others[:10]}
    assert time.process_time() - started < 5
    assert all(np.isclose(share.sum(), 1) for share in given.values())
    n = 50_000
    drawn = network.sample_codes(n)
    for name, share in exact.items():
        found = np.bincount(drawn[name], minlength=len(share)) / n
        assert np.abs(found - share).max() < 5 * 0.5 / np.sqrt(n)


def test_evidence_on_everything_else_is_bayes(shared):
    network = DiscreteNetwork.from_bif(gzip.decompress((shared / "data/bnlearn_bif/asia.bif.gz").read_bytes()).decode())
    row = {name: column[0] for name, column in network.sample(1).to_pydict().items()}
    lung = network.levels["lung"]
    given = {name: level for name, level in row.items() if name != "lung"}
    joint = []
    for level in lung:
        at = {**row, "lung": level}
        code = {name: network.levels[name].index(value) for name, value in at.items()}
        joint.append(np.prod([t.values[(*(code[p] for p in t.parents), code[t.name])] for t in network.tables]))
    expected = np.array(joint) / sum(joint)
    assert np.allclose([network.probability({"lung": level}, given=given) for level in lung], expected)


def test_doing_is_not_seeing():
    z = ConditionalTable("z", ("0", "1"), (), np.array([0.5, 0.5]))
    x = ConditionalTable("x", ("0", "1"), ("z",), np.array([[0.9, 0.1], [0.2, 0.8]]))
    y = ConditionalTable("y", ("0", "1"), ("x", "z"), np.array([[[0.9, 0.1], [0.5, 0.5]], [[0.8, 0.2], [0.4, 0.6]]]))
    model = FittedStructuralModel.from_network(DiscreteNetwork((y, x, z)))
    assert np.isclose(model.probability({"y": "1"}, do={"x": "1"}), 0.5 * 0.2 + 0.5 * 0.6)
    assert np.isclose(model.probability({"y": "1"}, given={"x": "1"}), (0.1 * 0.2 + 0.8 * 0.6) / 0.9)
    assert np.isclose(model.ate("x", "y", level="1").value, 0.1)


def test_what_can_not_be_asked():
    network = random_network(0)
    names = sorted(network.levels)
    with pytest.raises(ColumnNotFound, match="variables of the model"):
        network.probability({"nobody": "a"})
    with pytest.raises(InputError, match="has no level 'z'"):
        network.probability({names[0]: "z"})
    with pytest.raises(InputError, match="name each variable once"):
        network.probability({names[0]: "a"}, given={names[0]: "a"})
    with pytest.raises(InputError, match="name each variable once"):
        network.probability({names[0]: "a"}, given={names[1]: "a"}, do={names[1]: "a"})
    sure = {"a": ((), np.array([1.0, 0.0])), "b": (("a",), np.array([[0.5, 0.5], [0.5, 0.5]]))}
    with pytest.raises(InputError, match="has probability 0"):
        marginal(sure, ["b"], {"a": 1}, {})


def test_a_model_that_is_too_entangled_is_refused():
    grid = {f"x{i}": ((), np.array([0.5, 0.5])) for i in range(28)}
    grid["y"] = ((), np.array([1.0]))
    with pytest.raises(TooLarge, match="draw a sample"):
        marginal(grid, list(grid), {}, {})
