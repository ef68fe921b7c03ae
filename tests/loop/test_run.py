import json
import re
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dorec.domain.errors import ConfigError, DorecError, InputError
from dorec.loop.init import Sources, init_study
from dorec.loop.report import newest_report
from dorec.loop.run import run_study
from dorec.store import StudyFolder


@pytest.fixture
def copy(shop, tmp_path):
    """The finished study in a folder of its own, to be changed."""
    shutil.copytree(shop[0], tmp_path / "shop")
    return tmp_path / "shop"


def status(summary):
    return {stage.name: stage.status for stage in summary.stages}


def test_every_station_is_visited(shop):
    _, summary = shop
    assert set(status(summary).values()) == {"done"}
    assert not [r for result in summary.results.values() for r in result.refusals]


def test_rows_are_conserved(shop, world):
    facts = shop[1].results["ingest"].facts
    assert facts["received"] == world.event_table().num_rows
    assert facts["received"] == facts["stored"] + facts["duplicates"] + facts["quarantined"]


def test_the_adjusted_effect_is_nearer_the_truth_than_the_naive_one(shop, world):
    found = shop[1].results["effects"].estimates
    naive = found["value_in_window/naive"].value
    adjusted = found["value_in_window/adjusted"]
    assert abs(adjusted.value - world.true_ate()) < abs(naive - world.true_ate())
    assert abs(adjusted.value - world.true_ate()) < 4 * adjusted.std_error


def test_policies_are_valued_as_the_world_values_them(shop, world):
    estimate = shop[1].results["off_policy"].estimates["uniform (DoublyRobust)"]
    truth = world.true_value(np.full(world.n_items, 1 / world.n_items))
    assert abs(estimate.value - truth) < 4 * estimate.std_error


def test_artefacts_are_there_and_agree_with_the_results(shop):
    folder, summary = shop
    run = summary.report.parent
    names = {path.name for path in run.iterdir()}
    assert {"report.html", "estimates.json", "graph.json", "recommendations.parquet", "model.safetensors"} <= names
    estimates = json.loads((run / "estimates.json").read_text())
    values = [e["value"] for e in estimates["effects"] if "value" in e]
    assert summary.results["effects"].estimates["value_in_window/adjusted"].value in values
    table = pq.read_table(run / "recommendations.parquet")
    assert table.column("rank").to_pylist()[:3] == [1, 2, 3]
    assert newest_report(folder) == summary.report


def test_nothing_recommended_was_seen_before(shop, world):
    table = pq.read_table(shop[1].report.parent / "recommendations.parquet").to_pandas()
    events = world.event_table().to_pandas().query("event != 'impression'")
    seen = set(zip(events.user_id, events.item_id, strict=True))
    assert not seen & set(zip(table.user_id, table.item_id, strict=True))


def test_a_report_stands_alone(shop):
    page = shop[1].report.read_text()
    assert re.findall(r'(?:src|href)="(?!#)[^"]+"', page) == []
    assert "<script" not in page
    assert page.count("<svg") > 8
    for title in ("The data", "Who did what", "What it causes", "Whom to treat", "What to show"):
        assert title in page


def test_an_unchanged_study_is_kept_and_gives_the_same_numbers(copy, shop):
    again = run_study(copy)
    assert set(status(again).values()) == {"kept"}
    for name, estimate in shop[1].results["effects"].estimates.items():
        assert np.array_equal(again.results["effects"].estimates[name].value, estimate.value)
        assert np.allclose(again.results["effects"].estimates[name].std_error, estimate.std_error, rtol=1e-12)


def test_a_changed_setting_redoes_just_what_depends_on_it(copy):
    settings = copy / "dorec.toml"
    settings.write_text(settings.read_text().replace("k = 10", "k = 5"))
    found = status(run_study(copy))
    assert {name for name, s in found.items() if s == "done"} == {"recommend"}


def test_a_new_event_redoes_everything_and_stores_one_row(copy):
    path = copy / "data" / "events.parquet"
    table = pq.read_table(path)
    before = StudyFolder.open(copy).event_store.totals().stored
    last = table.slice(table.num_rows - 1)
    place = table.schema.get_field_index("event_id")
    extra = last.set_column(place, table.schema.field(place), [["brand-new"]])
    pq.write_table(pa.concat_tables([table, extra]), path)
    summary = run_study(copy)
    assert set(status(summary).values()) == {"done"}
    assert summary.results["ingest"].facts["stored"] == 1
    assert StudyFolder.open(copy).event_store.totals().stored == before + 1


def test_a_killed_stage_is_done_again_and_the_rest_is_kept(copy):
    stage = next((copy / "stages").glob("recommend-*"))
    shutil.rmtree(stage)
    found = status(run_study(copy))
    assert {name for name, s in found.items() if s == "done"} == {"recommend"}


def test_a_tampered_result_is_not_trusted_but_made_again(copy, shop):
    file = next((copy / "stages").glob("effects-*")) / "result.json"
    file.write_text(file.read_text().replace("voucher", "vOucher", 1))
    again = run_study(copy)
    assert {name for name, s in status(again).items() if s == "done"} == {"effects"}
    name = "value_in_window/adjusted"
    assert again.results["effects"].estimates[name].value == shop[1].results["effects"].estimates[name].value


def test_damaged_events_are_cleaned_again(copy):
    file = next((copy / "stages").glob("clean-*")) / "events" / "events.parquet"
    file.write_bytes(file.read_bytes()[:-100])
    assert status(run_study(copy))["clean"] == "done"


def test_a_changed_experiment_is_estimated_again(units, tmp_path):
    first = units('covariates = ["z"]').estimates["spend/adjusted"].value
    path = tmp_path / "u.parquet"
    table = pq.read_table(path)
    place = table.schema.get_field_index("spend")
    shifted = pa.array(np.asarray(table["spend"]) + 5 * np.asarray(table["treated"]))
    pq.write_table(table.set_column(place, "spend", shifted), path)
    assert units('covariates = ["z"]').estimates["spend/adjusted"].value == pytest.approx(first + 5, abs=0.2)


@pytest.mark.parametrize("levels", [(0, 1), ("false", "true"), ("A", "B")])
def test_init_writes_what_run_understands(tmp_path, levels):
    rng = np.random.default_rng(1)
    arm = rng.integers(0, 2, 300)
    rows = [f"{i},{levels[t]},{t + rng.normal():.3f},{rng.integers(18, 80)}" for i, t in enumerate(arm)]
    (tmp_path / "test.csv").write_text("user,treated,revenue,age\n" + "\n".join(rows) + "\n")
    init_study(tmp_path / "study", Sources(treatments=[str(tmp_path / "test.csv")]), randomised=True)
    settings = tmp_path / "study" / "dorec.toml"
    settings.write_text(settings.read_text().replace("n_folds = 5", "n_folds = 2\nrefute = false"))
    estimate = run_study(tmp_path / "study").results["effects"].estimates["revenue/adjusted"]
    assert abs(estimate.value - 1) < 4 * estimate.std_error


def test_a_bandit_log_with_users_is_one(tmp_path):
    rng = np.random.default_rng(2)
    rows = [f"u{i % 90},a{rng.integers(5)},0.2,{rng.integers(2)}" for i in range(1200)]
    (tmp_path / "log.csv").write_text("user,action,propensity,reward\n" + "\n".join(rows) + "\n")
    init_study(tmp_path / "study", Sources(events=str(tmp_path / "log.csv")))
    result = run_study(tmp_path / "study").results["off_policy"]
    assert result.facts["decisions"] == 1200
    assert result.estimates["uniform (IPS)"].cluster is not None


def test_a_stage_that_can_not_start_leaves_the_others_alone(tmp_path):
    rows = [f"u{i},impression,{1_700_000_000 + i}" for i in range(200)]
    (tmp_path / "e.csv").write_text("user_id,event,timestamp\n" + "\n".join(rows) + "\n")
    init_study(tmp_path / "study", Sources(events=str(tmp_path / "e.csv")))
    summary = run_study(tmp_path / "study")
    assert status(summary)["recommend"] == "left out"
    assert summary.report.exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('models = ["alz"]', "Did you mean 'als'"),
        ('graph = ["a b"]', "is no edge"),
        ('control = "nobody"', "its levels are"),
    ],
)
def test_a_wrong_name_stops_the_run(units, line, words):
    section = "[recommender]\n" if "models" in line else ""
    with pytest.raises(ConfigError, match=words):
        units(section + line)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("user_id,item_id,event,timestamp\n", "no rows"),
        ("Kunde,Artikel,Preis\nk1,a,2\nk2,b,3\n", "Rename"),
        ("user,variant,revenue\n" + "\n".join(f"{i},arm{i % 40},{i}" for i in range(400)), "40 levels"),
    ],
)
def test_init_says_what_it_can_not_read(tmp_path, text, words):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        init_study(tmp_path / "study", Sources(treatments=[str(tmp_path / "t.csv")]))


def test_the_ledger_remembers_runs_and_failures(copy):
    ledger = StudyFolder.open(copy).ledger
    runs = ledger.runs()
    assert [r.status for r in runs] == ["done"]
    assert runs[0].inputs
    settings = copy / "dorec.toml"
    settings.write_text(settings.read_text().replace('"bots"', '"botz"'))
    with pytest.raises(ConfigError, match="Did you mean 'bots'"):
        run_study(copy)
    settings.write_text(settings.read_text().replace('"botz"', '"bots"'))
    (copy / "data" / "events.parquet").write_bytes(b"not parquet")
    with pytest.raises(DorecError, match="is not in the source"):
        run_study(copy)
    assert sorted(r.status for r in ledger.runs()) == ["done", "failed"]


def test_a_missing_file_is_named(copy):
    (copy / "data" / "items.parquet").unlink()
    with pytest.raises(ConfigError, match=r"items\.parquet.*does not exist"):
        run_study(copy)


def test_a_study_is_not_overwritten_by_accident(copy):
    with pytest.raises(ConfigError, match="--force"):
        init_study(copy, Sources(events=str(copy / "data" / "events.parquet")))


def test_no_data_at_all_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="No data were named"):
        init_study(tmp_path / "new", Sources())


def test_one_arm_is_refused_with_a_reason_and_the_rest_still_runs(tmp_path):
    rows = "\n".join(f"{i},1,{i % 7}" for i in range(300))
    (tmp_path / "test.csv").write_text("id,treated,spend\n" + rows + "\n")
    settings = tmp_path / "study" / "dorec.toml"
    settings.parent.mkdir()
    settings.write_text(
        '[data]\nunits = "../test.csv"\n'
        '[question]\nkind = "units"\ntreatment = "treated"\noutcomes = ["spend"]\nunit = "id"\n'
    )
    summary = run_study(settings.parent)
    refusals = summary.results["effects"].refusals
    assert [r["code"] for r in refusals] == ["no_control_arm"]
    assert refusals[0]["remedy"]
    assert "no_control_arm" in summary.report.read_text() or "nobody to compare" in summary.report.read_text()


@pytest.fixture
def units(tmp_path):
    """A confounded table whose effect is 2, with z the only common cause; and a function that runs a study of it."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=1500)
    t = (rng.random(1500) < 1 / (1 + np.exp(-z))).astype(int)
    y = 2 * t + 3 * z + rng.normal(size=1500)
    pq.write_table(
        pa.table({"z": z, "treated": t, "spend": y, "after": y + rng.normal(size=1500)}), tmp_path / "u.parquet"
    )

    def study(*lines):
        folder = tmp_path / "study"
        folder.mkdir(exist_ok=True)
        head = ["[data]", 'units = "../u.parquet"', "[effects]", "refute = false", "[question]", 'kind = "units"']
        roles = ['treatment = "treated"', 'outcomes = ["spend"]']
        (folder / "dorec.toml").write_text("\n".join([*head, *roles, *lines]))
        return run_study(folder).results["effects"]

    return study


def test_a_graph_of_the_user_chooses_the_adjustment_set(units):
    result = units('graph = ["z -> treated", "z -> spend", "treated -> spend", "spend -> after"]')
    estimate = result.estimates["spend/adjusted"]
    assert result.facts["by_outcome"]["spend"]["estimand"]["adjustment_set"] == ["z"]
    assert abs(estimate.value - 2) < 4 * estimate.std_error


def test_a_hidden_common_cause_is_refused_with_the_open_path(units):
    result = units('graph = ["u -> treated", "u -> spend", "treated -> spend"]')
    assert [r["code"] for r in result.refusals] == ["not_identifiable"]
    assert "u" in result.refusals[0]["reason"]
    assert "spend/adjusted" not in result.estimates


def test_a_control_after_the_treatment_is_refused(units):
    edges = 'graph = ["z -> treated", "z -> spend", "treated -> spend", "treated -> after", "spend -> after"]'
    result = units(edges, 'covariates = ["z", "after"]')
    assert [r["code"] for r in result.refusals] == ["bad_control"]
    assert "after" in result.refusals[0]["reason"]


def test_a_cyclic_graph_is_refused_with_the_cycle(units):
    result = units('graph = ["treated -> spend", "spend -> treated"]')
    assert [r["code"] for r in result.refusals] == ["graph_cyclic"]


def test_a_mediator_serves_where_no_covariates_suffice(tmp_path):
    rng = np.random.default_rng(0)
    mood = rng.normal(size=3000)
    seen = (rng.random(3000) < 1 / (1 + np.exp(-2 * mood))).astype(int)
    visits = (rng.random(3000) < 0.2 + 0.6 * seen).astype(int)
    spend = 2 * visits + 2 * mood + rng.normal(size=3000)
    pq.write_table(pa.table({"seen": seen, "visited": visits, "spend": spend}), tmp_path / "u.parquet")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "dorec.toml").write_text(
        '[data]\nunits = "../u.parquet"\n[question]\nkind = "units"\ntreatment = "seen"\noutcomes = ["spend"]\n'
        'graph = ["seen -> visited", "visited -> spend", "seen <-> spend"]\n'
    )
    summary = run_study(tmp_path / "study")
    result = summary.results["effects"]
    assert result.facts["by_outcome"]["spend"]["estimand"]["strategy"] == "front-door"
    lower, upper = result.estimates["spend/adjusted"].interval()
    assert lower < 1.2 < upper < result.estimates["spend/naive"].value
    assert "data subset" in {v.check for v in result.verdicts}
    report = summary.report.read_text()
    assert "through visited" in report
    assert "follows the formula that the graph gives" in report


def allocated(tmp_path, *lines):
    """The allocation of a test in which mails bring 4 to the old, 1 to the young."""
    rng = np.random.default_rng(0)
    old = rng.integers(0, 2, 2000)
    mailed = rng.integers(0, 2, 2000)
    spend = mailed * np.where(old == 1, 4.0, 1.0) + rng.normal(size=2000)
    table = {"id": [f"u{i}" for i in range(2000)], "old": old, "spend": spend}
    pq.write_table(pa.table({**table, "arm": np.array(["none", "mail"])[mailed]}), tmp_path / "u.parquet")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "dorec.toml").write_text(
        '[data]\nunits = "../u.parquet"\n[effects]\nrefute = false\n[question]\nkind = "units"\ntreatment = "arm"\n'
        'control = "none"\nrandomised = true\noutcomes = ["spend"]\nunit = "id"\n[policy]\n' + "\n".join(lines)
    )
    summary = run_study(tmp_path / "study")
    return summary, pq.read_table(summary.report.parent / "allocation.parquet").to_pandas(), old


def test_who_does_not_pay_for_the_mail_gets_none(tmp_path):
    summary, plan, old = allocated(tmp_path, "cost = 2.0")
    assert plan["unit"].tolist()[:2] == ["u0", "u1"]
    assert np.mean((plan["arm"] == "mail") == (old == 1)) > 0.98
    value = summary.results["effects"].estimates["policy/value"]
    assert abs(value.value - (old == 1).mean() * 2) < 4 * value.std_error
    assert (plan["propensity"] == 1).all()


def test_limits_hold_and_chance_is_logged(tmp_path):
    summary, plan, _ = allocated(tmp_path, "explore = 0.05", "[policy.capacity]", "mail = 300")
    assert (plan["planned"] == "mail").sum() <= 300
    differs = plan["arm"] != plan["planned"]
    assert 0.02 < differs.mean() < 0.09
    assert np.allclose(plan["propensity"], np.where(differs, 0.05, 0.95))
    assert "keeps a probability of 5.0%" in summary.report.read_text()


def test_an_arm_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"'male'.*Did you mean 'mail'"):
        allocated(tmp_path, "[policy.cost]", "male = 1.0")
