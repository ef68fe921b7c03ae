import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from dorec.domain.decision import Decision, Reversal, Settlement, TrialPlan
from dorec.domain.errors import InputError, IntegrityError
from dorec.domain.run import Run
from dorec.store import StudyFolder
from dorec.store.state import HEAD, MIGRATIONS, make_engine


def card(name="d1", **changed):
    plan = TrialPlan(effect=0.2, power=0.8, alpha=0.05, n_control=90, n_treatment=90, guardrails={"returns": 0.1})
    fields = {"question": "new 'ranking'; DROP TABLE decisions", "choice": "test", "reason": "gain_uncertain"}
    fields |= {"meaning": "m", "gain": 0.3, "std_error": 0.2, "raw_std_error": 0.2, "lower": -0.1, "upper": 0.7}
    fields |= {"reversals": (Reversal(what="cost", threshold=0.1, meaning="c"),), "plan": plan, "inputs": {"a": "0f"}}
    return Decision(decision_id=name, **{**fields, **changed})


@pytest.fixture
def study(tmp_path):
    return StudyFolder.create(tmp_path / "shop")


def test_cards_come_back_as_they_were_entered(study):
    study.decisions.enter(card())
    study.decisions.enter(card("d2", plan=None))
    study.decisions.settle(Settlement.of(card("d2"), 0.1, 0.1, method="Welch"))
    (first, none), (second, end) = StudyFolder.open(study.path).decisions.record().entries
    assert none is None
    assert first == replace(card(), created=first.created)
    assert (second.status, end.measured, end.method, end.held) == ("settled", 0.1, "Welch", True)
    assert study.decisions.verify() == 3


def test_a_card_is_entered_once_and_settled_once(study):
    study.decisions.enter(card())
    with pytest.raises(InputError, match="in the ledger already"):
        study.decisions.enter(card())
    study.decisions.settle(Settlement.of(card(), 0.1, 0.1))
    with pytest.raises(InputError, match="measured already"):
        study.decisions.settle(Settlement.of(card(), 0.2, 0.1))
    with pytest.raises(InputError, match=r"no decision 'd7'.*d1"):
        study.decisions.settle(Settlement.of(card("d7"), 0.2, 0.1))


def test_writers_beside_one_another_lose_nothing_and_alarm_no_reader(study):
    def write(writer):
        for i in range(5):
            StudyFolder.open(study.path).decisions.enter(card(f"{writer}-{i}"))

    def read(_):
        return [StudyFolder.open(study.path).decisions.verify() for _ in range(10)]

    study.decisions.enter(card())
    with ThreadPoolExecutor(4) as pool:
        seen = pool.submit(read, 0)
        list(pool.map(write, "abc"))
        assert sorted(seen.result()) == seen.result()
    assert study.decisions.verify() == 16
    assert json.loads((study.path / "decisions.json").read_text())["sequence"] == 16


EDITS = (
    "UPDATE decisions SET record = replace(record, '0.3', '0.4') WHERE sequence = 2",
    "UPDATE decisions SET question = 'another' WHERE sequence = 1",
    "UPDATE decisions SET created = '2020-01-01' WHERE sequence = 1",
    "UPDATE decisions SET inputs = '{}' WHERE sequence = 1",
    "UPDATE decisions SET entry = 'note' WHERE sequence = 3",
    "UPDATE decisions SET decision_id = 'd9' WHERE sequence = 2",
    "UPDATE decisions SET sequence = 9 WHERE sequence = 3",
    "UPDATE decisions SET chain = replace(chain, substr(chain, 1, 1), 'x') WHERE sequence = 2",
    "DELETE FROM decisions WHERE sequence = 1",
    "DELETE FROM decisions WHERE sequence = 3",
    "DELETE FROM decisions",
)


@pytest.mark.parametrize("edit", EDITS)
def test_any_edit_is_detected(study, edit):
    study.decisions.enter(card())
    study.decisions.enter(card("d2"))
    study.decisions.settle(Settlement.of(card("d2"), 0.1, 0.1))
    connection = sqlite3.connect(study.path / "state.sqlite")
    with connection:
        assert connection.execute(edit).rowcount
    connection.close()
    for use in (study.decisions.verify, study.decisions.record, lambda: study.decisions.enter(card("d3"))):
        with pytest.raises(IntegrityError):
            use()


def test_a_row_that_was_not_acknowledged_before_a_crash_stays(study):
    study.decisions.enter(card())
    before = (study.path / "decisions.json").read_bytes()
    study.decisions.enter(card("d2"))
    (study.path / "decisions.json").write_bytes(before)
    assert study.decisions.verify() == 2
    (study.path / "decisions.json").write_bytes(b"{")
    with pytest.raises(IntegrityError, match="damaged"):
        study.decisions.verify()


def test_a_study_of_the_first_shape_is_brought_to_the_newest_with_what_it_holds(tmp_path):
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    folder = tmp_path / "shop"
    folder.mkdir()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    environment = EnvironmentContext(config, script, fn=lambda at, _: script._upgrade_revs("0001", at))
    engine = make_engine(f"sqlite:///{folder / 'state.sqlite'}")
    with environment, engine.connect().execution_options(writes=True) as connection, connection.begin():
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()
    old = sqlite3.connect(folder / "state.sqlite")
    assert old.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    assert old.execute("SELECT name FROM sqlite_master WHERE name = 'decisions'").fetchall() == []
    with old:
        old.execute("INSERT INTO runs VALUES ('r1', 'x', 0, '2026-01-01', NULL, 'done', '0.1', 'c', '{}', '{}')")
    old.close()
    study = StudyFolder.open(folder)
    assert [run.run_id for run in study.ledger.runs()] == ["r1"]
    study.ledger.start(Run(run_id="r2", command="x", seed=0))
    study.decisions.enter(card())
    assert study.decisions.verify() == 1
    with study.engine.connect() as opened:
        assert opened.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == HEAD
