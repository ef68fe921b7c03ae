"""Whom to treat as a decision of a run: entered once, doubted where a check failed, shown in the report."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dorec.domain.errors import IntegrityError
from dorec.domain.verdict import Verdict
from dorec.loop.deciding import decide, settle
from dorec.loop.run import run_study
from dorec.loop.treating import enter_card, promise_of
from dorec.store import StudyFolder

TOML = (
    '[data]\nunits = "../u.parquet"\n[effects]\nrefute = false\n[question]\nkind = "units"\ntreatment = "arm"\n'
    'control = "none"\noutcomes = ["spend"]\nunit = "id"\nrandomised = true\n[policy]\ncost = 2.0\n'
)


N = 400


def study(path):
    """Mail brings 4 to the old and 1 to others."""
    rng = np.random.default_rng(0)
    old = rng.integers(0, 2, N)
    mailed = rng.random(N) < 0.5
    spend = mailed * np.where(old == 1, 4.0, 1.0) + rng.normal(size=N)
    table = {"id": [f"u{i}" for i in range(N)], "old": old, "spend": spend}
    path.mkdir(exist_ok=True)
    pq.write_table(pa.table({**table, "arm": np.array(["none", "mail"])[mailed.astype(int)]}), path / "u.parquet")
    (path / "study").mkdir(exist_ok=True)
    (path / "study" / "dorec.toml").write_text(TOML)
    return path / "study"


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return run_study(study(tmp_path_factory.mktemp("treating")))


def test_the_card_is_that_of_the_gain_net_of_cost(done):
    card, gain = done.decision, done.results["effects"].estimates["policy/value"]
    assert (card.choice, card.gain) == ("ship", gain.value)
    assert (card.lower, card.upper) == pytest.approx(tuple(gain.interval()))
    assert card.value - card.incumbent_value == pytest.approx(card.gain)
    assert card.plan.n_control > 0
    shown = done.report.read_text()
    assert "Ship: the gain is at least" in shown
    assert card.decision_id in shown
    assert json.loads((done.report.parent / "decision.json").read_text())["decision_id"] == card.decision_id


def test_the_same_content_is_one_card_and_other_content_another(done):
    folder, space = done.workspace.path, done.workspace
    files = dict(done.run.inputs)
    assert run_study(folder).decision == enter_card(space, files) == done.decision
    ledger = StudyFolder.open(folder).decisions
    assert len(ledger.record().entries) == 1
    other = enter_card(space, {**files, "u.parquet": "0" * 64})
    assert other.decision_id != done.decision.decision_id
    assert len(ledger.record().entries) == 2
    ledger.settle(settle(done.decision, done.results["effects"].estimates["policy/value"]))
    assert enter_card(space, files).status == "settled"


def test_where_no_one_is_worth_the_cost_there_is_no_decision(done):
    result = done.results["effects"]
    assert promise_of(replace(result, facts={**result.facts, "allocation": {"none": N, "mail": 0}}), {}) is None


def test_a_hidden_cause_could_turn_it_where_no_coin_decided(done):
    result = done.results["effects"]
    hidden = {"contrast": "mail - none", "robustness_value": 0.3, "robustness_value_limit": 0.25}
    (told,) = promise_of(replace(result, facts={**result.facts, "attacked": {"hidden": hidden}}), {}).sensitivity
    assert told.threshold == 0.25
    assert "30.0% the effect itself" in told.meaning
    assert promise_of(result, {}).sensitivity == ()


def test_a_failed_refutation_stops_it(done):
    result = done.results["effects"]
    gain = replace(
        result.estimates["policy/value"], verdicts=(Verdict(check="placebo", status="failed", meaning="it moves"),)
    )
    card = decide(promise_of(replace(result, estimates={"policy/value": gain}), {}))
    assert (card.choice, card.reason) == ("test", "check_failed")
    assert card.doubts == ("placebo: it moves",)


def test_a_ledger_that_was_edited_is_not_written_on(done):
    said = done.workspace.path / "decisions.json"
    kept = said.read_bytes()
    said.write_text('{"sequence": 7, "chain": "0"}')
    with pytest.raises(IntegrityError):
        enter_card(done.workspace, {})
    said.write_bytes(kept)
