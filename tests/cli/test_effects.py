"""`dorec estimate`."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from typer.testing import CliRunner

from dorec.cli.main import app
from dorec.domain.errors import ColumnNotFound, DorecError, InputError, NotFinite

QUICK = ("--method", "regression_adjustment", "--json")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The voucher is worth 2 and goes to the old; nobody took it unasked, and a letter asks half."""
    rng = np.random.default_rng(0)
    n = 400
    age, noise = rng.normal(40, 10, n), rng.normal(size=n)
    letter = rng.integers(0, 2, n)
    opened = letter * (rng.random(n) < 0.7)
    voucher = (rng.random(n) < 1 / (1 + np.exp(-(age - 40) / 10))).astype(int)
    view = (rng.random(n) < 0.2 + 0.6 * voucher).astype(int)
    columns = {"age": age, "city": rng.choice(["ams", "ber"], n), "letter": letter, "opened": opened, "view": view}
    columns |= {"voucher": voucher, "spent": 2 * voucher + 0.1 * age + noise, "bought": opened + 0.5 * noise}
    columns |= {"price": 0.1 * age + rng.normal(size=n), "sold": view + noise}
    path = tmp_path_factory.mktemp("effects") / "shop.csv"
    pyarrow.csv.write_csv(pa.table({k: np.round(v, 4) if v.dtype.kind == "f" else v for k, v in columns.items()}), path)
    return path


def invoke(*arguments):
    return CliRunner().invoke(app, ["estimate", *(str(a) for a in arguments)])


def found(*arguments):
    done = invoke(*arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


def test_covariates_are_adjusted_for(table):
    result = found(table, "-y", "spent", "-t", "voucher", "--covariates", "age,city", *QUICK)
    (effect,), (naive,) = result["effects"], result["naive"]
    assert effect["lower"] < 2 < effect["upper"] < naive["value"]
    assert result["strategy"] == "back-door"
    assert result["covariates"] == ["age", "city=ber"]
    assert "every common cause" in result["assumptions"][0]
    assert result["refutations"] == []


def test_a_graph_says_what_to_adjust_for(table):
    graph = "age -> voucher; age -> spent; voucher -> spent; city -> spent; mood -> spent"
    result = found(table, "-y", "spent", "-t", "voucher", "--graph", graph, *QUICK)
    assert result["covariates"] == ["age"]
    hidden = invoke(table, "-y", "spent", "-t", "voucher", "--graph", graph + "; mood -> voucher")
    assert "mood was not measured" in str(hidden.exception)
    through = "voucher -> view; view -> sold; voucher <-> sold"
    front = found(table, "-y", "sold", "-t", "voucher", "--graph", through, "--json")
    assert (front["strategy"], front["method"]) == ("front-door", "front_door")
    again = found(table, "-y", "sold", "-t", "voucher", "--graph", through, "--json", "--method", "plug_in")
    assert again["effects"][0]["value"] == pytest.approx(front["effects"][0]["value"])


def test_instruments_are_asked_of_the_graph_or_taken(table):
    taken = found(table, "-y", "bought", "-t", "opened", "--instruments", "letter", "--json")
    (effect,) = taken["effects"]
    assert (taken["method"], taken["instruments"]) == ("interactive_iv", ["letter"])
    assert effect["lower"] < 1 < effect["upper"]
    assert taken["compliance"][0]["value"] == pytest.approx(0.7, abs=0.1)
    graph = "letter -> opened; opened -> bought; opened <-> bought"
    drawn = found(table, "-y", "bought", "-t", "opened", "--instruments", "letter", "--graph", graph, "--json")
    assert drawn["effects"] == taken["effects"]
    linear = found(table, "-y", "bought", "-t", "opened", "--instruments", "letter", "--method", "2sls", "--json")
    assert linear["effects"][0]["value"] == pytest.approx(effect["value"])
    no = invoke(table, "-y", "bought", "-t", "opened", "--instruments", "age", "--graph", graph + "; age -> bought")
    assert "age is no instrument" in str(no.exception)
    weak = found(table, "-y", "bought", "-t", "view", "--instruments", "letter", "--json")
    assert weak["effects"][0]["lower"] is None
    assert weak["weak_instrument_set"]


def test_amounts_have_a_curve(table):
    result = found(table, "-y", "spent", "-t", "price", "--covariates", "age", "--dose", "--json", "--set", "n_folds=2")
    assert result["method"] == "double_ml"
    assert result["settings"]["n_folds"] == 2
    assert len(result["dose_response"]) == 10
    bent = ("--method", "dose_response", "--set", "n_folds=2")
    curve = found(table, "-y", "spent", "-t", "price", "--covariates", "age", "--dose", "--json", *bent)
    assert 3 <= len(curve["dose_response"]) <= 10


def test_the_page_and_the_attacks(table, tmp_path):
    page = tmp_path / "pages" / "effect.html"
    arguments = ("-y", "spent", "-t", "voucher", "--covariates", "age", "--set", "n_folds=2")
    done = invoke(table, *arguments, "--page", page)
    assert done.exit_code == 0, (done.output, done.exception)
    assert "It holds if" in done.output
    assert "by aipw (back-door)" in done.output
    text = page.read_text()
    drawn = ("What a hidden cause could do", "How far the arms differ", "Chance of getting 1", "Effect on spent")
    assert [said for said in (*drawn, "every common cause") if said not in text.replace("Every", "every")] == []
    attacked = found(table, *arguments[:-2], "--refute", *QUICK)
    checks = {v["check"] for v in attacked["refutations"]}
    assert {"placebo treatment", "random common cause", "data subset", "overlap", "sensitivity"} <= checks


def test_methods_are_explained():
    told = json.loads(invoke("--methods", "--json").stdout)
    assert "local average treatment effect" in told["interactive_iv"]
    assert all(len(purpose) > 20 for purpose in told.values())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "needs a table"),
        (("-y", "spent", "-t", "voucher"), "Nothing says why"),
        (("-y", "spend", "-t", "voucher", "--randomised"), "Did you mean 'spent'"),
        (("-y", "spent", "-t", "voucher", "--covariates", "agee"), "Did you mean 'age'"),
        (("-y", "spent", "-t", "voucher", "--randomised", "--method", "aipww"), "Did you mean 'aipw'"),
        (("-y", "spent", "-t", "voucher", "--randomised", "--set", "n_fold=3"), "Did you mean 'n_folds'"),
        (("-y", "spent", "-t", "voucher", "--randomised", "--set", "n_folds"), "is no setting"),
        (("-y", "spent", "-t", "voucher", "--randomised", "--population", "some"), "allowed: all, treated"),
        (("-y", "spent", "-t", "voucher", "--randomised", "--instruments", "letter"), "no instrument is needed"),
        (("-y", "spent", "-t", "voucher", "--instruments", "letter", "--method", "aipw"), "Methods for it"),
        (("-y", "spent", "-t", "voucher", "--covariates", "age", "--method", "robust_difference"), "randomised alone"),
        (("-y", "spent", "-t", "price", "--covariates", "age"), "give --dose"),
        (("-y", "spent", "-t", "voucher", "--randomised", "--graph", "voucher -> spent"), "leave out --covariates"),
        (("-y", "spent", "-t", "voucher", "--randomised", "--control", "2"), "control is '2'"),
    ],
)
def test_mistakes_are_named(table, arguments, said):
    done = invoke(*([table] if arguments else []), *arguments)
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)


def test_missing_values_are_refused_in_the_words_of_the_command(tmp_path):
    rng = np.random.default_rng(0)
    lines = [f"{i % 2},{rng.normal():.3f},{'' if i < 3 else i % 5}" for i in range(200)]
    path = tmp_path / "holes.csv"
    path.write_text("t,y,x\n" + "\n".join(lines) + "\n")
    refused = invoke(path, "-y", "y", "-t", "t", "--covariates", "x")
    assert isinstance(refused.exception, NotFinite)
    assert "--drop-missing" in refused.exception.remedy
    assert found(path, "-y", "y", "-t", "t", "--covariates", "x", "--drop-missing", *QUICK)["dropped_rows"] == 3
    assert isinstance(invoke(path, "-y", "y", "-t", "t", "--covariates", "q").exception, ColumnNotFound)
    assert isinstance(invoke(tmp_path / "none.csv", "-y", "y", "-t", "t").exception, DorecError)


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    """The promotion is worth 2 and starts in week 6 in every third shop; shop 0 is alone in a file of its own."""
    rng = np.random.default_rng(1)
    shop, week = np.repeat(np.arange(30), 10), np.tile(np.arange(10), 30)
    promo = ((shop % 3 == 0) & (week >= 6)).astype(int)
    sales = shop / 10 + np.sin(week) + 2.0 * promo + 0.2 * rng.normal(size=300)
    folder = tmp_path_factory.mktemp("panel")
    columns = {"shop": shop, "week": week, "promo": promo, "sales": np.round(sales, 4)}
    columns["start"] = [6 if s % 3 == 0 else None for s in shop]
    pyarrow.csv.write_csv(pa.table(columns), folder / "many.csv")
    one = (shop % 3 > 0) | (shop == 0)
    alone = {k: np.array(v, dtype=object)[one].tolist() for k, v in columns.items()}
    pyarrow.csv.write_csv(pa.table(alone), folder / "one.csv")
    return folder


def test_a_panel_is_compared_over_time(panel, tmp_path):
    page = tmp_path / "did.html"
    base = (panel / "many.csv", "-y", "sales", "--design", "did", "--unit", "shop", "--time", "week")
    by_flag = found(*base, "-t", "promo", "--json", "--page", page)
    (effect,) = by_flag["effects"]
    assert effect["lower"] < 2 < effect["upper"]
    assert [one["name"] for one in by_flag["by_period"]][-1] == "3"
    assert "moved alike" in by_flag["assumptions"][0]
    assert "placebos" in page.read_text()
    by_start = found(*base, "--treated-from", "start", "--json")
    assert by_start["effects"][0]["value"] == pytest.approx(effect["value"])
    assert "It holds if" in invoke(*base, "-t", "promo").output


def test_one_treated_unit_has_a_synthetic_twin(panel):
    base = (panel / "one.csv", "-y", "sales", "--design", "synthetic", "--unit", "shop", "--time", "week")
    result = found(*base, "-t", "promo", "--set", "method=synthetic_did", "--json")
    low, high = result["placebo_interval"]
    assert low < 2 < high
    assert result["placebo_p_value"] == pytest.approx(1 / 21)
    assert result["effects"][0]["lower"] is None


def test_a_threshold_decides(tmp_path):
    rng = np.random.default_rng(2)
    spent = rng.uniform(0, 100, 900)
    vip = (spent >= 60).astype(int)
    path = tmp_path / "vip.csv"
    visits = 0.02 * spent + 1.5 * vip + 0.5 * rng.normal(size=900)
    pyarrow.csv.write_csv(pa.table({"spent": spent, "vip": vip, "visits": visits}), path)
    base = (path, "-y", "visits", "-t", "vip", "--design", "rdd", "--running", "spent")
    (effect,) = found(*base, "--cutoff", "60", "--json")["effects"]
    assert effect["lower"] < 1.5 < effect["upper"]
    assert "needs the threshold" in str(invoke(*base).exception)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--design", "didd", "-t", "promo"), "Did you mean 'did'"),
        (("--design", "did", "-t", "promo"), "needs --unit, --time"),
        (("--design", "did", "--unit", "shop", "--time", "week"), "--treated-from"),
        (("--design", "did", "--unit", "shop", "--time", "weak", "-t", "promo"), "Did you mean 'week'"),
        (("--design", "rdd", "-t", "promo", "--cutoff", "3"), "needs --running"),
    ],
)
def test_mistakes_in_designs_are_named(panel, arguments, said):
    done = invoke(panel / "many.csv", "-y", "sales", *arguments)
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)
