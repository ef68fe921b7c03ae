"""The adapters to causal-learn: the peer's own answer, with our names, checks and silence."""

import random

import numpy as np
import pytest

from dorec.discover import CDNOD, GIN, PC, GRaSP, KernelPC, make
from dorec.discover import peers as shared
from dorec.domain.errors import Collinear, ColumnNotFound, ConfigError, ConstantColumn, InputError, NotFinite, TooLarge
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext

pytest.importorskip("causallearn", reason="causal-learn is not installed: pip install 'dorec[tail]'")

MARK = {"TAIL": "tail", "ARROW": "arrow", "CIRCLE": "circle"}


def linear(d, n, seed, degree=2.5, shift=0.0):
    """Linear-Gaussian columns in a random DAG; `shift` (n,) or a number moves the noise of the third."""
    rng = np.random.default_rng(seed)
    weight = np.triu(rng.random((d, d)) < degree / (d - 1), 1) * rng.uniform(0.5, 1.2, (d, d))
    noise = rng.normal(size=(n, d))
    noise[:, 2] += shift
    return noise @ np.linalg.inv(np.eye(d) - weight)


def table(matrix, order=None):
    d = matrix.shape[1]
    return {f"v{j}": matrix[:, j] for j in (range(d) if order is None else order)}


def ends(graph):
    return {(e.a, e.b, e.mark_b) for e in graph.edges} | {(e.b, e.a, e.mark_a) for e in graph.edges}


def their_ends(graph, names):
    called = {node.get_name(): name for node, name in zip(graph.get_nodes(), names, strict=True)}
    found = set()
    for edge in graph.get_graph_edges():
        a, b = called[edge.get_node1().get_name()], called[edge.get_node2().get_name()]
        found |= {(a, b, MARK[edge.get_endpoint2().name]), (b, a, MARK[edge.get_endpoint1().name])}
    return found


@pytest.mark.parametrize("seed", range(4))
def test_grasp_gives_the_graph_of_a_direct_call(seed, capfd):
    from causallearn.search.PermutationBased.GRaSP import grasp

    matrix = linear(6, 2000, seed)
    before = random.getstate()[1][:5]
    graph = GRaSP(penalty_discount=2.0).discover(table(matrix, order=[3, 1, 0, 2, 5, 4]))
    assert random.getstate()[1][:5] == before
    assert capfd.readouterr().out == ""
    random.seed(int(RunContext(seed=0).rng("peer").integers(2**31)))  # its first permutation is drawn
    direct = grasp(matrix, verbose=False, parameters={"lambda_value": 2.0})
    assert ends(graph) == their_ends(direct, [f"v{j}" for j in range(6)])
    assert graph.nodes == ("v3", "v1", "v0", "v2", "v5", "v4")
    assert all("causal-learn" in e.provenance for e in graph.edges)
    assert len(graph.edges) >= 3


@pytest.mark.parametrize("seed", range(4))
def test_cdnod_gives_the_graph_of_a_direct_call(seed):
    from causallearn.search.ConstraintBased.CDNOD import cdnod

    domain = np.repeat([0.0, 1.0, 2.0], 300)
    matrix = linear(5, 900, seed, shift=1.5 * domain)
    labels = np.array(["east", "north", "west"])[domain.astype(int)]
    graph = CDNOD(index="region").discover({"region": labels, **table(matrix)})
    direct = cdnod(matrix, domain[:, None], 0.05, show_progress=False)
    assert ends(graph) == their_ends(direct.G, [*(f"v{j}" for j in range(5)), "region"])
    assert ("region", "v2") in graph.directed
    assert graph.parents("region") == frozenset()
    with pytest.raises(ColumnNotFound, match="'domain'"):
        CDNOD().discover(table(matrix))
    with pytest.raises(ConstantColumn, match="region has one value"):
        CDNOD(index="region").discover({"region": np.full(900, "east"), **table(matrix)})
    with pytest.raises(NotFinite, match="no region"):
        CDNOD(index="region").discover({"region": [None, *labels[1:].tolist()], **table(matrix)})


def nonlinear(n, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    c = np.tanh(2 * a) + b**2 + 0.3 * rng.normal(size=n)
    return {"a": a, "b": b, "c": c, "e": np.sin(c) + 0.3 * rng.normal(size=n)}


def test_kernel_pc_asks_kci_and_finds_what_fisher_z_misses():
    from causallearn.search.ConstraintBased.PC import pc

    columns = nonlinear(200, 0)
    graph = KernelPC(alpha=0.01).discover(columns)
    direct = pc(np.column_stack(list(columns.values())), 0.01, "kci", show_progress=False)
    assert graph.skeleton == {frozenset((a, b)) for a, b, _ in their_ends(direct.G, list(columns))}
    assert frozenset("bc") in graph.skeleton
    assert frozenset("bc") not in PC(alpha=0.01).discover(columns).skeleton
    assert {e.provenance.split(" (")[0] for e in graph.edges} == {"PC kci alpha=0.01"}
    known = KernelPC(alpha=0.01).discover(
        columns, Knowledge(forbidden=(("b", "c"), ("c", "b")), required=(("a", "b"),))
    )
    assert frozenset("bc") not in known.skeleton
    assert ("a", "b") in known.directed


def test_gin_gives_the_hidden_variables_of_a_direct_call():
    from causallearn.search.HiddenCausal.GIN.GIN import GIN as DIRECT

    rng = np.random.default_rng(0)
    first = rng.uniform(-1, 1, 500)
    second = first + 0.6 * rng.uniform(-1, 1, 500)
    matrix = np.column_stack([(first, second)[j // 2] + 0.3 * rng.uniform(-1, 1, 500) for j in range(4)])
    graph = GIN().discover(table(matrix, order=[2, 0, 3, 1]))
    direct, _ = DIRECT(matrix, "hsic", 0.05)
    called = {f"X{j + 1}": f"v{j}" for j in range(4)}
    names = [called.get(n.get_name(), f"hidden {n.get_name()[1:]}") for n in direct.get_nodes()]
    assert ends(graph) == their_ends(direct, names)
    assert graph.nodes[:4] == ("v2", "v0", "v3", "v1")
    assert any(node.startswith("hidden") for node in graph.nodes)


@pytest.mark.parametrize("name", ["grasp", "cdnod", "kernel_pc", "gin", "rcd", "camuv"])
def test_bad_tables_and_knowledge_are_refused_before_the_peer_is_asked(name, monkeypatch):
    monkeypatch.setattr(shared, "import_module", lambda _: pytest.fail("asked") if name == "never" else FakePeer())
    method = make(name, **({"index": "v0"} if name == "cdnod" else {}))
    columns = table(linear(4, 100, 0))
    with pytest.raises(NotFinite, match="v1"):
        method.discover({**columns, "v1": np.where(np.arange(100) == 3, np.nan, columns["v1"])})
    with pytest.raises(ConstantColumn, match="v2"):
        method.discover({**columns, "v2": np.ones(100)})
    with pytest.raises(Collinear, match="v3 and z"):
        method.discover({**columns, "z": columns["v3"] * 2})
    if name != "kernel_pc":
        with pytest.raises(InputError, match="takes no"):
            method.discover(columns, Knowledge(required=(("v1", "v2"),)))
    if name not in ("grasp", "cdnod"):
        with pytest.raises(TooLarge, match="max_rows=50"):
            make(name, max_rows=50).discover(columns)


class FakePeer:
    """Any attribute at all."""

    def __getattr__(self, name):
        return None


@pytest.mark.parametrize("name", ["grasp", "cdnod", "kernel_pc", "gin", "rcd", "camuv"])
def test_an_absent_package_is_named_with_what_brings_it(name, monkeypatch):
    def absent(module):
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr(shared, "import_module", absent)
    with pytest.raises(ConfigError, match=r"(causal-learn|lingam) is not installed; pip install 'dorec\[tail\]'"):
        make(name).discover({**table(linear(4, 100, 0)), "domain": np.arange(100) % 2})


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("grasp", {"penalty_discount": 0}),
        ("grasp", {"depth": 0}),
        ("cdnod", {"test": "hsic"}),
        ("kernel_pc", {"alpha": 1.5}),
        ("gin", {"independence": "fisher_z"}),
        ("rcd", {"shapiro_alpha": 0}),
        ("rcd", {"max_explanatory_num": 0}),
        ("camuv", {"independence": "kci"}),
    ],
)
def test_bad_settings_are_refused(name, settings):
    with pytest.raises(ConfigError):
        make(name, **settings)
