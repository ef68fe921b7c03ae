import numpy as np
import pytest

from dorec.domain.errors import InputError
from dorec.domain.graph import CausalGraph
from dorec.domain.intervention import Intervention
from dorec.simulate.interventions import Rule, plan, read_rules
from dorec.simulate.variables import Variable

VARIABLES = {"x": Variable("x"), "k": Variable("k", (0, 1, 2)), "w": Variable("w", ("a", "b"))}
RNG = np.random.default_rng(0)


def applied(do, natural=None, visible=None, n=4):
    ((name, rule),) = read_rules(do, VARIABLES).items()
    return rule.apply(VARIABLES[name], natural, visible or {}, n, RNG)


def test_values_are_encoded():
    assert applied({"x": 2}).tolist() == [2.0] * 4
    assert applied({"w": "b"}).tolist() == [1] * 4
    assert applied({"k": np.int32(2)}).tolist() == [2] * 4
    assert applied({"w": ["a", "b", "b", "a"]}).tolist() == [0, 1, 1, 0]
    assert applied([Intervention(target="w", kind="policy", value={"b": 1.0})]).tolist() == [1] * 4


def test_shifts_move_levels_that_are_numbers_and_stay_among_them():
    assert applied({"k": ("shift", 1)}, np.array([0, 1, 0, 1])).tolist() == [1, 2, 1, 2]
    with pytest.raises(InputError, match="no level 3"):
        applied({"k": ("shift", 1)}, np.array([0, 1, 2, 1]))
    with pytest.raises(InputError, match=r"no level 0\.5"):
        applied({"k": ("shift", 0.5)}, np.array([0, 0, 0, 0]))


def test_decisions_must_decide_for_every_unit():
    with pytest.raises(InputError, match="one for each of 4"):
        applied({"x": lambda values, rng: [1.0]}, np.zeros(4))
    assert applied({"w": lambda values, rng: rng.choice(["a", "b"], 4)}, np.zeros(4, dtype=int)).max() <= 1


@pytest.mark.parametrize("seed", range(20))
def test_every_decision_comes_after_what_it_sees_and_sees_its_causes(seed):
    rng = np.random.default_rng(seed)
    names = [f"v{i}" for i in range(8)]
    edges = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if rng.random() < 0.3]
    graph = CausalGraph.from_edges(rng.permutation(names).tolist(), directed=edges)
    deciding = rng.choice(names, 3, replace=False).tolist()
    order, visible = plan(graph, {name: Rule(name, "decide", None) for name in deciding})
    place = {name: i for i, name in enumerate(order)}
    assert sorted(order) == names
    assert all(place[a] < place[b] for a, b in graph.directed)
    for name in deciding:
        assert all(place[seen] < place[name] for seen in visible[name])
        assert graph.parents(name) <= set(visible[name])
        assert not graph.descendants([name]) & set(visible[name])
