"""`dorec recommend`."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from dorec.cli.main import app
from dorec.domain.errors import ColumnNotFound, ConfigError, InputError, UnreadableSource

FEW = ("-m", "popularity,ease", "-k", 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ninety users of two tastes, twelve items of each, a table of items."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(90), 9)
    item = np.concatenate([rng.choice(12, 9, replace=False) * 2 + u % 2 for u in range(90)])
    path = tmp_path_factory.mktemp("recommend")
    when = 1_700_000_000 + rng.permutation(len(user)) * 3600
    rows = pa.table({"user": [f"u{u}" for u in user], "item": [f"i{i}" for i in item], "timestamp": when})
    pyarrow.csv.write_csv(rows, path / "events.csv")
    items = {"item": [f"i{i}" for i in range(24)], "title": [f"Item {i}" for i in range(24)]}
    pyarrow.csv.write_csv(pa.table({**items, "kind": ["even", "odd"] * 12}), path / "items.csv")
    return path


def invoke(*arguments):
    return CliRunner().invoke(app, ["recommend", *(str(a) for a in arguments)])


def found(*arguments):
    done = invoke(*arguments, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


def test_the_model_that_sees_tastes_is_best_and_says_why(folder):
    result = found(folder / "events.csv", "--items", folder / "items.csv", "--for", "u0,nobody", *FEW)
    assert result["best"] == "ease"
    assert result["columns"] == {"user_id": "user", "item_id": "item", "timestamp": "timestamp"}
    assert result["rows"]["received"] == result["interactions"] == 810
    first = [row for row in result["recommendations"] if row["user_id"] == "u0"]
    assert all(int(row["item_id"][1:]) % 2 == 0 for row in first)
    assert first[0]["title"].startswith("Item ")
    assert first[0]["because"]
    assert [row["fallback"] for row in result["recommendations"] if row["user_id"] == "nobody"] == [True] * 3
    ease = next(row for row in result["comparison"] if row["model"] == "ease" and row["metric"] == "ndcg")
    assert ease["difference"] > 0
    assert ease["p_value"] < 0.05
    assert ease["reference"] == "popularity"


def test_a_search_keeps_to_the_values_tried_and_a_curve_to_its_shares(folder):
    result = found(folder / "events.csv", *FEW, "--try", "ease.reg=[1,1e6]", "--curve")
    assert {trial["learner"].split(",")[0] for trial in result["leaderboard"]} == {"EASE(reg=1", "EASE(reg=1000000.0"}
    assert "reg=1," in result["settings"]["ease"]
    shares = [row["share"] for row in result["learning_curve"] if row["learner"] == "ease"]
    values = [row["value"] for row in result["learning_curve"] if row["learner"] == "ease"]
    assert shares == [0.1, 0.25, 0.5, 1.0]
    assert values[-1] > values[0]


def test_everybodys_lists_are_written(folder, tmp_path):
    out, page = tmp_path / "lists.parquet", tmp_path / "page.html"
    done = invoke(folder / "events.csv", *FEW, "--out", out, "--page", page, "--search", "--curve")
    assert done.exit_code == 0, done.exception
    assert "ease ranks best" in done.stdout
    table = pyarrow.parquet.read_table(out)
    assert table.num_rows == 270
    assert len(set(table["user_id"].to_pylist())) == 90
    html = page.read_text()
    assert "Would more data help?" in html
    assert "What the search tried" in html
    assert "Which model" in html
    assert invoke(folder / "events.csv", *FEW, "--out", tmp_path / "lists.txt").exit_code == 1


def test_the_comparison_is_kept_in_a_ledger(folder, tmp_path):
    from dorec.store import StudyFolder

    StudyFolder.create(tmp_path / "shop")
    result = found(folder / "events.csv", *FEW, "--try", "ease.reg=[1,10]", "--study", tmp_path / "shop")
    ledger = StudyFolder.open(tmp_path / "shop").ledger
    names = [row["name"] for row in ledger.estimates(result["run_id"])]
    assert "ease: ndcg" in names
    assert sum(name.startswith("search: EASE") for name in names) == len(result["leaderboard"]) == 2
    assert ledger.runs()[0].results["best"] == "ease"


def test_lists_are_reranked_by_category(folder):
    asked = (folder / "events.csv", "--items", folder / "items.csv", "--for", "u0", *FEW)
    plain = found(*asked)
    mixed = found(*asked, "--category", "kind", "--rerank", "mmr", "--set", "mmr.trade_off=0.9")
    kinds = [{int(row["item_id"][1:]) % 2 for row in r["recommendations"]} for r in (plain, mixed)]
    assert kinds == [{0}, {0, 1}]


def test_what_reranking_costs_is_told(folder, tmp_path):
    asked = (folder / "events.csv", "--items", folder / "items.csv", *FEW, "--category", "kind")
    mixed = found(*asked, "--rerank", "mmr", "--set", "mmr.trade_off=0.9", "--metric", "ndcg,entropy")
    before, after = (
        {row["metric"]: row for row in mixed["reranking"] if row["model"] == name} for name in ("ease", "ease, mmr")
    )
    assert after["ndcg"]["value"] < before["ndcg"]["value"] - 0.05
    assert after["entropy"]["value"] > before["entropy"]["value"] + 0.5
    assert after["ndcg"]["difference_upper"] < 0
    compared = [row for row in mixed["comparison"] if row["model"] == "ease"]
    assert [row["value"] for row in compared] == [before[m]["value"] for m in ("ndcg", "entropy")]
    done = invoke(*asked, "--rerank", "mmr", "--page", tmp_path / "page.html")
    assert "ease, mmr" in done.stdout
    assert "its lists re-ranked by mmr" in (tmp_path / "page.html").read_text()


def test_a_cap_holds_over_everybody_whoever_is_asked_for(folder, tmp_path):
    asked = (folder / "events.csv", *FEW, "--rerank", "exposure_cap", "--set", "exposure_cap.max_share=0.06")
    assert invoke(*asked, "--out", tmp_path / "all.csv").exit_code == 0
    everyone = pyarrow.csv.read_csv(tmp_path / "all.csv").to_pylist()
    shown = np.unique([row["item_id"] for row in everyone], return_counts=True)[1]
    assert shown.max() <= 0.06 * 270
    some = found(*asked, "--for", "u3,nobody")["recommendations"]
    of = [[(r["rank"], r["item_id"]) for r in rows if r["user_id"] == "u3"] for rows in (some, everyone)]
    assert of[0] == of[1]
    assert len([row for row in some if row["user_id"] == "nobody"]) == 3


def test_a_search_is_judged_as_the_models_are(folder, monkeypatch):
    from dorec.loop import recommending

    asked, search = [], recommending.search
    monkeypatch.setattr(recommending, "search", lambda *a, **how: asked.append((a[1], how)) or search(*a, **how))
    for name in ("temporal", "leave_last_out", "random"):
        found(folder / "events.csv", "-m", "ease", "--try", "ease.reg=[1,9]", "--split", name, "--include-seen")
    assert [split.how for split, _ in asked] == ["temporal", "leave-last-out", "random"]
    assert not any(how["exclude_seen"] for _, how in asked)


def test_lists_end_where_the_items_do(folder, tmp_path):
    result = found(folder / "events.csv", "-m", "ease", "-k", 10**12, "--include-seen", "--for", "u1")
    assert len(result["recommendations"]) == 24
    (tmp_path / "one.csv").write_text(
        "user,item,timestamp\n" + "".join(f"u{u},i{u % 7},1700000000\n" for u in range(90))
    )
    assert found(tmp_path / "one.csv", "-m", "popularity")["split"] == "random"


def test_every_row_is_accounted_for(tmp_path):
    rows = "".join(f"u{i % 40},i{i % 7},{['5', '-3', 'NaN', '4'][i % 4]}\n" for i in range(400))
    (tmp_path / "e.csv").write_text("user,item,rating\n" + rows)
    result = found(tmp_path / "e.csv", "-m", "popularity", "--value", "rating", "--include-seen")
    assert result["rows"]["set_aside"] == {"non_finite_number": 100, "no_interaction": 100}
    assert result["interactions"] == 200


def test_strangers_of_the_future_turn_auto_to_each_users_last(tmp_path):
    user = np.repeat(np.arange(100), 5)  # each comes once, one after the other
    rows = {
        "user": user,
        "item": np.random.default_rng(0).integers(0, 9, 500),
        "timestamp": 1_700_000_000 + np.arange(500),
    }
    pyarrow.csv.write_csv(pa.table(rows), tmp_path / "e.csv")
    assert found(tmp_path / "e.csv", "-m", "popularity", "--include-seen")["split"] == "leave-last-out"
    given = found(tmp_path / "e.csv", "-m", "popularity", "--include-seen", "--split", "temporal")
    assert given["split"] == "temporal"


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ((), ConfigError, "needs events"),
        (("nowhere.csv",), UnreadableSource, "nowhere.csv"),
        (("EVENTS", "-m", "eese"), ConfigError, "Did you mean 'ease'"),
        (("EVENTS", "--user", "who"), ColumnNotFound, "who"),
        (("EVENTS", "--set", "reg=1", "-m", "ease,als"), ConfigError, "ease.reg"),
        (("EVENTS", "--set", "als.reg=1", "-m", "ease"), ConfigError, "not among the models"),
        (("EVENTS", "--rerank", "xquad"), ConfigError, "--category"),
        (("EVENTS", "--rerank", "mrm"), ConfigError, "mmr"),
        (("EVENTS", "--metric", "ncdg"), ConfigError, "ndcg"),
        (("EVENTS", "--metric", "gini,ndcg"), ConfigError, "can't choose a model"),
        (("EVENTS", "--split", "time"), ConfigError, "temporal"),
        (("EVENTS", "--out", "lists.txt"), ConfigError, ".parquet"),
        (("EVENTS", "--try", "ease.reg=[]", "-m", "ease"), ConfigError, "no value"),
        (("EVENTS", "--user", "user", "--item", "user"), InputError, "both"),
        (("EVENTS", "--items", "ITEMS", "--title", "name"), ColumnNotFound, "'name'"),
        (("ONE",), InputError, "item_id"),
    ],
)  # fmt: skip
def test_nonsense_is_told(folder, tmp_path, arguments, error, told):
    (tmp_path / "one.csv").write_text("user,amount\nann,3.5\nbob,2.5\n")
    places = {"EVENTS": folder / "events.csv", "ITEMS": folder / "items.csv", "ONE": tmp_path / "one.csv"}
    done = invoke(*(places.get(a, a) for a in arguments))
    assert isinstance(done.exception, error), (done.output, done.exception)
    assert told in str(done.exception)


def test_models_are_told():
    assert "ease" in json.loads(invoke("--models", "--json").stdout)
