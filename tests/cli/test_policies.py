"""`dorec evaluate`, `dorec experiment`, `dorec decisions`."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from typer.testing import CliRunner

from dorec.cli.main import app, run_app
from dorec.domain.errors import (
    BadPropensity,
    ColumnNotFound,
    ConfigError,
    ConstantColumn,
    InputError,
    NotFinite,
    OneArm,
    SampleRatioMismatch,
    UnknownAction,
)

ROLES = ("--action", "offer", "--reward", "spent", "--propensity", "p")
N = 1200


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("policies")


@pytest.fixture(scope="module")
def columns():
    """Mail is worth 1 more than none, text 1 less on phones and 1 more on others; the log throws an uneven die."""
    rng = np.random.default_rng(0)
    device = rng.choice(["phone", "web"], N)
    share = np.where((device == "phone")[:, None], [0.5, 0.3, 0.2], [0.2, 0.3, 0.5])
    act = (share.cumsum(axis=1) > rng.random((N, 1))).argmax(axis=1)
    worth = np.column_stack([np.zeros(N), np.ones(N), np.where(device == "phone", -1.0, 1.0)])
    spent = 2 + worth[np.arange(N), act] + rng.normal(size=N)
    offers = np.array(["none", "mail", "text"])
    table = {"offer": offers[act], "spent": spent.round(4), "p": share[np.arange(N), act], "device": device}
    table |= {"new": np.full(N, "mail"), "user": np.arange(N) // 2, "day": np.arange(N), "returns": rng.random(N)}
    return table


def save(path, columns, **changed):
    pyarrow.csv.write_csv(pa.table({**columns, **changed}), path)
    return path


@pytest.fixture(scope="module")
def log(folder, columns):
    return save(folder / "log.csv", columns)


def invoke(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def found(*arguments):
    done = invoke(*arguments, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


def test_a_column_of_choices_is_judged_and_shipped(log):
    made = found("evaluate", log, *ROLES, "--policy", "new", "--context", "device", "--per-day", 500)
    card, (one,) = made["decision"], made["policies"]
    truth = 3.0
    assert one["value"]["lower"] < truth < one["value"]["upper"]
    assert (card["choice"], card["reason"], card["candidate"]) == ("ship", "gain_shown", "new")
    assert card["gain"] == pytest.approx(card["value"] - made["incumbent"]["value"])
    assert {"support", "mean weight is one", "effective sample size"} <= {v["check"] for v in made["verdicts"]}
    assert card["plan"]["days"] >= 1
    assert {r["what"] for r in card["reversals"]} == {"cost", "propensities"}
    assert len(card["inputs"][str(log)]) == 64


def test_a_file_may_say_it_for_all_by_key_or_row_by_row(folder, log, columns):
    def value(text):
        path = folder / "policy.csv"
        path.write_text(text)
        return found("evaluate", log, *ROLES, "--policy", path, "--estimators", "ips")["decision"]["value"]

    for_all = value("none,mail,text\n0,1,0\n")
    assert for_all == pytest.approx(
        found("evaluate", log, *ROLES, "--policy", "new", "--estimators", "ips")["decision"]["value"]
    )
    by_key = value("device,none,mail,text\nphone,0,1,0\nweb,0,0,1\n")
    rows = "\n".join({"phone": "mail", "web": "text"}[d] for d in columns["device"])
    assert by_key == pytest.approx(value("offer\n" + rows + "\n"))
    weight = (
        np.where(columns["device"] == "phone", columns["offer"] == "mail", columns["offer"] == "text") / columns["p"]
    )
    assert by_key == pytest.approx(float(np.mean(weight * columns["spent"])))


def test_what_is_learned_is_judged_on_other_rows_and_several_share_their_bounds(log):
    made = found("evaluate", log, *ROLES, "--policy", "best", "--policy", "uniform", "--user", "user")
    assert made["rows"] + made["rows_learned_on"] == N
    assert {one["policy"] for one in made["policies"]} == {"best", "uniform"}
    best = next(one for one in made["policies"] if one["policy"] == made["decision"]["candidate"])
    assert made["decision"]["lower"] < best["gain"]["lower"]
    assert made["decision"]["plan"]["unit"] == "user"


def test_a_learner_of_policies_needs_a_context(log):
    made = found("evaluate", log, *ROLES, "--policy", "policy_tree", "--context", "device", "--estimators", "dr")
    assert made["decision"]["choice"] == "ship"
    assert isinstance(invoke("evaluate", log, *ROLES, "--policy", "policy_tree").exception, ConfigError)


def test_segments_have_gains_that_hold_at_once(log):
    made = found("evaluate", log, *ROLES, "--policy", "new", "--segment", "device", "--time", "day")
    phone, web = made["segments"]["gains"]
    assert (phone["name"], web["name"]) == ("phone", "web")
    # the log's own mix brings .1 on phones and .8 elsewhere, mail brings 1
    assert phone["lower"] < 0.9 < phone["upper"]
    assert web["lower"] < 0.2 < web["upper"]
    assert "value over time" in {v["check"] for v in made["verdicts"]}


def test_another_incumbent_and_a_margin(log):
    made = found("evaluate", log, *ROLES, "--policy", "uniform", "--incumbent", "new", "--margin", "0.5")
    assert made["decision"]["choice"] == "don't ship"
    assert made["decision"]["incumbent"] == "new"


BAD = [
    ({"p": lambda p: np.where(np.arange(N) == 7, 0.0, p)}, (), BadPropensity, r"first in row 7: 0"),
    ({"p": lambda p: np.where(np.arange(N) == 8, 1.5, p)}, (), BadPropensity, r"first in row 8: 1.5"),
    ({"spent": lambda r: np.where(np.arange(N) == 9, np.nan, r)}, (), NotFinite, "'spent', the first in row 9"),
    ({"spent": lambda r: np.where(np.arange(N) == 9, np.inf, r)}, (), NotFinite, "row 9"),
    ({"offer": lambda a: np.full(N, "mail")}, (), OneArm, "'mail'"),
    ({"spent": lambda r: np.where(np.arange(N) == 3, "much", r.astype(str))}, (), InputError, "'much' in row 3"),
    ({"new": lambda a: np.where(np.arange(N) == 5, "gift", a)}, (), UnknownAction, "'gift' in row 5"),
    ({"p": lambda p: np.minimum(2 * p, 1.0)}, (), BadPropensity, None),
    ({}, ("--segment", "spent"), InputError, "at most 50"),
    ({}, ("--segment", "devise"), ColumnNotFound, "Did you mean 'device'"),
    ({}, ("--guardrail", "device"), InputError, "holds text"),
    ({}, ("--estimators", "ipps"), ConfigError, "Did you mean 'ips'"),
    ({}, ("--policy", "unifrom"), ConfigError, "Did you mean 'uniform'"),
    ({}, ("--policy", "new"), ConfigError, "named twice"),
    ({}, ("--margin", "nan"), InputError, "margin"),
]


@pytest.mark.parametrize(("changed", "options", "kind", "said"), BAD)
def test_nonsense_is_refused_with_the_row_or_the_name(folder, columns, changed, options, kind, said):
    path = save(folder / "bad.csv", columns, **{name: change(columns[name]) for name, change in changed.items()})
    done = invoke("evaluate", path, *ROLES, "--policy", "new", *options)
    if said is None:  # either side of what weights can refute
        assert type(done.exception).__name__ in ("BadPropensity", "NoSupport")
        return
    assert isinstance(done.exception, kind), done.output
    assert said in str(done.exception)


def test_bad_rows_may_be_left_out(folder, columns):
    path = save(folder / "bad.csv", columns, p=np.where(np.arange(N) < 3, 0.0, columns["p"]))
    made = found("evaluate", path, *ROLES, "--policy", "new", "--drop-bad")
    assert (made["rows_dropped"], made["rows"]) == (3, N - 3)


def test_a_weight_of_a_million_ships_nothing(folder, columns):
    p = np.where(np.arange(N) == np.flatnonzero(columns["offer"] == "mail")[0], 1e-6, columns["p"])
    done = invoke("evaluate", save(folder / "bad.csv", columns, p=p), *ROLES, "--policy", "new", "--json")
    if done.exit_code == 0:
        made = json.loads(done.stdout)
        assert made["decision"]["choice"] != "ship"
        assert made["policies"][0]["refused"]["ips"]["code"] == "no_support"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("none,mail,text\n0.5,0.2,0.2\n", "sums to 0.9"),
        ("none,mail,text\n1.5,-0.5,0\n", "no probability distribution"),
        ("none,mail,text\n1,0,0\n0,1,0\n", "has 2 rows, the log 1,200"),
        ("device,none,mail,text\nphone,1,0,0\n", "no row for {'device': 'web'}"),
        ("device,none,mail,text\nphone,1,0,0\nphone,0,1,0\n", "two rows for one value"),
        ("u,v\n1,0\n", "holds no policy"),
    ],
)
def test_a_policy_file_that_does_not_fit_is_refused(folder, log, text, said):
    path = folder / "policy.csv"
    path.write_text(text)
    assert said in str(invoke("evaluate", log, *ROLES, "--policy", path).exception)


@pytest.fixture(scope="module")
def trial(folder):
    rng = np.random.default_rng(1)
    arm, before = rng.integers(2, size=2000), rng.normal(size=2000)
    spent = 2 + 0.6 * arm + before + 0.5 * rng.normal(size=2000)
    table = {"arm": np.array(["A", "B"])[arm], "spent": spent, "before": before, "bought": (spent > 2).astype(int)}
    return save(folder / "trial.csv", {**table, "views": np.full(2000, 4)})


def test_a_promise_is_kept_settled_and_listed(tmp_path, log, trial):
    study = tmp_path / "shop"
    page = tmp_path / "card.html"
    card = found("evaluate", log, *ROLES, "--policy", "new", "--study", study, "--page", page, "--guardrail", "returns")
    text = page.read_text()
    assert "Should new replace the logged policy" in text
    assert "<script" not in text
    made = found("experiment", trial, "--variant", "arm", "--metric", "spent", "--covariate", "before",
                 "--study", study,
                 "--decision", card["decision"]["decision_id"], "--page", tmp_path / "trial.html")  # fmt: skip
    assert made["settlement"]["error"] == pytest.approx(card["decision"]["gain"] - made["metrics"]["spent"][0]["value"])
    assert made["settlement"]["held"] is True
    assert "The promise" in (tmp_path / "trial.html").read_text()
    listed = found("decisions", study)
    assert listed["track_record"].startswith("1 of 1 promise held")
    assert listed["rows_verified"] == 2
    again = invoke("experiment", trial, "--variant", "arm", "--metric", "spent", "--study", study,
                   "--decision", card["decision"]["decision_id"])  # fmt: skip
    assert "measured already" in str(again.exception)


def test_people_read_it_too(tmp_path, log, trial):
    shown = invoke("evaluate", log, *ROLES, "--policy", "new", "--segment", "device", "--study", tmp_path)
    assert shown.exit_code == 0, shown.exception
    assert "Ship" in shown.output
    assert "would settle it" in shown.output
    assert "Ship" in invoke("experiment", trial, "--variant", "arm", "--metric", "spent").output
    assert "ship" in invoke("decisions", tmp_path).output


def test_what_fell_beside_the_first_metric_stands_on_the_card(tmp_path):
    rng = np.random.default_rng(0)
    arm = rng.integers(0, 2, 4000)
    table = {"arm": np.array(["A", "B"])[arm], "spent": arm + rng.normal(size=4000)}
    table |= {"visits": -arm + rng.normal(size=4000), "age": rng.normal(size=4000)}
    pyarrow.csv.write_csv(pa.table(table), tmp_path / "t.csv")
    command = ("experiment", tmp_path / "t.csv", "--variant", "arm", "--metric", "spent")
    made = found(*command, "--metric", "visits", "--metric", "age")
    assert made["decision"]["choice"] == "ship"
    assert any("visits by" in doubt for doubt in made["decision"]["doubts"])
    assert not any("age by" in doubt for doubt in made["decision"]["doubts"])
    assert not found(*command)["decision"]["doubts"]


def test_an_experiment_by_several_metrics(trial):
    made = found("experiment", trial, "--variant", "arm", "--metric", "spent", "--metric", "bought/views,bought")
    assert set(made["metrics"]) == {"spent", "bought / views", "bought"}
    assert made["decision"]["choice"] == "ship"
    assert made["metrics"]["bought"][0]["method"].startswith("Proportion")


def test_a_broken_randomisation_stops_everything(folder):
    arms = np.array(["A"] * 1200 + ["B"] * 800)
    path = save(folder / "srm.csv", {"arm": arms, "spent": np.arange(2000) % 7})
    command = ("experiment", path, "--variant", "arm", "--metric", "spent")
    assert isinstance(invoke(*command).exception, SampleRatioMismatch)
    planned = invoke(*command, "--expected", "A=0.6", "--expected", "B=0.4")
    assert planned.exit_code == 0, planned.exception
    assert "Write ARM=SHARE" in str(invoke(*command, "--expected", "A").exception)


def test_several_arms_get_joint_bounds_and_a_settlement_names_its_arm(tmp_path, folder, log):
    rng = np.random.default_rng(2)
    arm = rng.integers(3, size=1500)
    path = save(folder / "three.csv", {"arm": arm, "spent": arm + rng.normal(size=1500)})
    card = found("evaluate", log, *ROLES, "--policy", "new", "--study", tmp_path)["decision"]["decision_id"]
    command = ("experiment", path, "--variant", "arm", "--metric", "spent", "--study", tmp_path, "--decision", card)
    assert "--arm" in str(invoke(*command).exception)
    made = found(*command, "--arm", "1", "--control", "0")
    assert made["settlement"]["measured"] == pytest.approx(1.0, abs=0.3)
    assert made["decision"]["candidate"] == "2"
    (low, high), one = made["joint_intervals"]["spent"][1], made["metrics"]["spent"][1]
    assert low < one["lower"] < one["upper"] < high


def test_a_plan_is_a_size_and_a_length():
    made = found("experiment", "--plan", "--baseline", 0.1, "--effect", 0.02, "--per-day", 700)
    assert (made["n_control"], made["days"]) == (3841, 11)
    assert "3,841 users an arm" in invoke("experiment", "--plan", "--baseline", 0.1, "--effect", 0.02).output
    assert "--effect" in str(invoke("experiment", "--plan", "--baseline", 0.1).exception)
    assert isinstance(invoke("experiment").exception, ConfigError)


@pytest.mark.parametrize("command", ["evaluate", "experiment", "decisions"])
def test_help_teaches(command):
    shown = invoke(command, "--help")
    assert shown.exit_code == 0
    assert f"dorec {command}" in shown.output


def test_open_bandit_both_ways(shared):
    roles = ("--action", "item_id", "--reward", "click", "--propensity", "propensity_score", "--policy", "uniform")
    made = found("evaluate", shared / "data" / "obd" / "bts" / "men" / "men.csv.gz", *roles)
    (one,) = made["policies"]
    # 46 clicks in 10,000 rows of the uniform log itself
    assert one["value"]["lower"] < 0.0046 < one["value"]["upper"] + 0.001
    assert 300 < one["effective_sample_size"] < 2000


def test_estimated_propensities_are_told_on_the_card(log):
    roles = ("--action", "offer", "--reward", "spent", "--policy", "new", "--estimate-propensities")
    made = found("evaluate", log, *roles, "--context", "device")
    card = made["decision"]
    assert made["policies"][0]["value"]["lower"] < 3.0 < made["policies"][0]["value"]["upper"]
    assert card["assumptions"][0].startswith("device hold every reason")
    assert any(doubt.startswith("estimated propensities") for doubt in card["doubts"])
    assert any("estimated propensities were wrong" in r["meaning"] for r in card["reversals"])
    assert "--context" in str(invoke("evaluate", log, *roles).exception)
    assert "One of both" in str(invoke("evaluate", log, *ROLES, *roles[-1:]).exception)
    assert "--estimate-propensities" in str(invoke("evaluate", log, *roles[:-1]).exception)


def test_a_log_put_in_order_by_time_keeps_its_rows_beside_those_of_a_policy_file(folder, columns):
    back = save(folder / "back.csv", columns, day=-columns["day"])
    path = folder / "policy.csv"
    path.write_text("offer\n" + "\n".join({"phone": "mail", "web": "text"}[d] for d in columns["device"]) + "\n")
    values = [
        found("evaluate", back, *ROLES, "--policy", path, "--estimators", "ips", *more)["decision"]["value"]
        for more in ((), ("--time", "day"))
    ]
    assert values[0] == pytest.approx(values[1])
    bad = save(folder / "bad.csv", columns, day=-columns["day"], p=np.where(np.arange(N) == 7, 0.0, columns["p"]))
    assert "row 7" in str(invoke("evaluate", bad, *ROLES, "--policy", "new", "--time", "day").exception)


def test_what_can_decide_nothing_is_refused(folder, columns):
    same = save(folder / "same.csv", columns, spent=np.ones(N), twin=columns["new"])
    assert isinstance(invoke("evaluate", same, *ROLES, "--policy", "new").exception, ConstantColumn)
    twins = save(folder / "twins.csv", columns, twin=columns["new"])
    alike = invoke("evaluate", twins, *ROLES, "--policy", "new", "--incumbent", "twin")
    assert "nothing to decide" in str(alike.exception)
    huge = save(folder / "huge.csv", columns, spent=columns["spent"] * 1e200)
    assert "larger unit" in str(invoke("evaluate", huge, *ROLES, "--policy", "new").exception)
    assert "--effect is -1" in str(invoke("evaluate", twins, *ROLES, "--policy", "new", "--effect", "-1").exception)


def test_a_refusal_is_json_even_where_its_evidence_is_infinite(folder, columns, monkeypatch, capsys):
    sure = save(folder / "sure.csv", columns, p=np.full(N, 1 / 3))
    monkeypatch.setattr("sys.argv", ["dorec", "evaluate", str(sure), *ROLES, "--policy", "offer", "--json"])
    with pytest.raises(SystemExit) as stop:
        run_app()
    assert stop.value.code == 3
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert told["code"] == "bad_propensity"
