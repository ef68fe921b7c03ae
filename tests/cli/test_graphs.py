import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from typer.testing import CliRunner

from dorec.cli.main import app
from dorec.domain.errors import DorecError, NotIdentifiable


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    n = 1500
    age = rng.normal(40, 10, n)
    ad = rng.random(n) < 1 / (1 + np.exp(-(age - 40) / 10))
    view = ad + rng.normal(size=n)
    columns = {"row": np.arange(n), "day": ["mon"] * n, "age": age, "ad": ad.astype(int), "view": view}
    columns["buy"] = view + rng.normal(size=n)
    path = tmp_path / "shop.csv"
    pyarrow.csv.write_csv(pa.table(columns), path)
    return path


def invoke(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_discover_reads_a_table_as_it_is(table):
    done = invoke("discover", table, "--method", "pc", "--set", "alpha=0.01", "--json")
    found = json.loads(done.stdout)
    assert {frozenset((e["a"], e["b"])) for e in found["graph"]["edges"]} == {
        frozenset(p) for p in (("age", "ad"), ("ad", "view"), ("view", "buy"))
    }
    assert set(found["left_out"]) == {"row", "day"}
    assert found["settings"] == {"test": "fisher_z", "alpha": 0.01}
    assert found["verdicts"][0]["status"] == "passed"


def test_knowledge_and_truth_and_the_page(table, tmp_path):
    known = tmp_path / "known.toml"
    known.write_text('tiers = [["age"], ["ad"], ["view"], ["buy"]]\n')
    truth = tmp_path / "truth.txt"
    truth.write_text("age -> ad\nad -> view  # shown, then seen\nview -> buy\n")
    out = tmp_path / "graph"
    arguments = ("--method", "pc", "--method", "boss", "--knowledge", known, "--truth", truth, "--out", out)
    nodes = [x for name in ("age", "ad", "view", "buy") for x in ("--column", name)]
    done = invoke("discover", table, *arguments, *nodes)
    assert done.exit_code == 0, done.output
    assert "SHD 0" in done.output
    assert {p.name for p in out.iterdir()} == {
        "graph.json",
        "graph.dot",
        "graph.svg",
        "discovery.json",
        "report.html",
        "manifest.json",
    }
    assert "What knowledge changed" in (out / "report.html").read_text()
    again = invoke("discover", table, "--truth", out / "graph.json", *nodes, "--knowledge", known, "--json")
    assert json.loads(again.stdout)["comparison"]["shd"] == 0


def test_methods_over_time_get_their_columns(tmp_path):
    rng = np.random.default_rng(0)
    day, unit = np.tile(np.arange(50), 20), np.repeat([f"u{i}" for i in range(20)], 50)
    noise = rng.normal(size=(1000, 2))
    view, cart = noise[:, 0].copy(), noise[:, 1].copy()
    for i in range(1, 1000):
        if day[i]:
            cart[i] += 0.8 * view[i - 1]
    path = tmp_path / "panel.csv"
    pyarrow.csv.write_csv(pa.table({"user": unit, "day": day, "view": view, "cart": cart}), path)
    settings = ("--set", "unit=user", "--set", "max_lag=1")
    found = json.loads(invoke("discover", path, "--method", "lag_pc", *settings, "--json").stdout)
    assert [(e["a"], e["b"]) for e in found["graph"]["edges"]] == [("view[t-1]", "cart[t]")]
    assert found["verdicts"] == []


def test_methods_are_explained():
    found = json.loads(invoke("discover", "--methods", "--json").stdout)
    assert "equivalence class" in found["pc"]
    assert all(len(purpose) > 20 for purpose in found.values())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "needs a table"),
        (("--method", "pcc"), "Did you mean 'pc'"),
        (("--method", "pc", "--set", "alfa=0.1"), "Did you mean 'alpha'"),
        (("--method", "pc", "--set", "alpha"), "is no setting"),
        (("--method", "pc", "--method", "boss", "--set", "alpha=0.1"), "single --method"),
        (("--column", "agee"), "Did you mean 'age'"),
        (("--knowledge", "none.toml"), "does not exist"),
    ],
)
def test_mistakes_are_named(table, arguments, said):
    done = invoke("discover", *([table] if arguments else []), *arguments)
    assert isinstance(done.exception, DorecError)
    assert said in str(done.exception)


def test_missing_values_are_refused_or_dropped(tmp_path):
    path = tmp_path / "holes.csv"
    rng = np.random.default_rng(0)
    a = rng.normal(size=200)
    rows = [f"{x},{y}" for x, y in zip(a, a + rng.normal(size=200), strict=True)]
    path.write_text("a,b\n" + "\n".join(rows[:-5] + [r.split(",")[0] + "," for r in rows[-5:]]) + "\n")
    refused = invoke("discover", path)
    assert "non_finite" in str(refused.exception)
    dropped = json.loads(invoke("discover", path, "--drop-missing", "--json").stdout)
    assert (dropped["rows"], dropped["dropped_rows"]) == (195, 5)


def test_identify_gives_the_formula_and_its_proof():
    found = json.loads(invoke("identify", "z -> t; z -> y; t -> y", "-t", "t", "-y", "y", "--json").stdout)
    assert found["estimand"]["expression"] == "Σ_{z} P(y | t, z) P(z)"
    assert found["verified"]["status"] == "passed"
    assert found["adjustment_sets"] == [["z"]]


def test_identify_refuses_with_a_remedy():
    done = invoke("identify", "z -> t; z -> y; t -> y", "-t", "t", "-y", "y", "--unobserved", "z")
    assert isinstance(done.exception, NotIdentifiable)
    assert "measure z" in done.exception.remedy


def test_a_refusal_lists_the_cheapest_ways_out():
    question = ("identify", "u -> t; u -> y; t -> y", "-t", "t", "-y", "y", "--unobserved", "u")
    cheap = invoke(*question, "--cost", "u=2", "--cost", "t=50").exception
    assert cheap.evidence["options"][0]["measure"] == ["u"]
    other = invoke(*question, "--cost", "u=200", "--cost", "t=50").exception
    assert other.evidence["options"][0]["randomise"] == ["t"]


def test_an_experiment_on_another_node_can_tell():
    graph = "z -> t; t -> y; z <-> y; t <-> y; z <-> t"
    assert isinstance(invoke("identify", graph, "-t", "t", "-y", "y").exception, NotIdentifiable)
    found = json.loads(invoke("identify", graph, "-t", "t", "-y", "y", "--experiment", "t", "--json").stdout)
    assert found["verified"]["status"] == "passed"


def test_a_table_of_classes_bounds_what_can_not_be_told(tmp_path):
    rng = np.random.default_rng(0)
    n = 20_000
    z, u = rng.integers(0, 2, (2, n))
    t = (rng.random(n) < 0.1 + 0.6 * z + 0.2 * u).astype(int)
    y = (rng.random(n) < 0.2 + 0.3 * t + 0.3 * u).astype(int)
    path = tmp_path / "trial.csv"
    pyarrow.csv.write_csv(pa.table({"z": z, "t": t, "y": y}), path)
    refusal = invoke("identify", "z -> t; t -> y; t <-> y", "-t", "t", "-y", "y", "--data", path).exception
    lower, upper = refusal.evidence["bounds"]["difference"]
    assert lower <= 0.3 <= upper
    assert upper - lower < 0.6
    assert "lies between" in refusal.reason
    wide = invoke("identify", "a -> t; t -> y; t <-> y", "-t", "t", "-y", "y", "--data", path).exception
    assert "lacks a" in wide.evidence["bounds_refused"]


@pytest.mark.parametrize("graph", ["z => t", "none.json", "a -> b -> c"])
def test_identify_refuses_what_is_no_graph(graph):
    assert isinstance(invoke("identify", graph, "-t", "t", "-y", "y").exception, DorecError)
