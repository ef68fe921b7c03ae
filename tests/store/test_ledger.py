import sqlite3
from datetime import UTC

import pytest

from dorec.domain.errors import InputError, UnreadableSource
from dorec.domain.run import Run
from dorec.store import StudyFolder
from dorec.store.state import HEAD, open_state


@pytest.fixture
def study(tmp_path):
    return StudyFolder.create(tmp_path / "shop")


def test_runs_come_back_as_they_were_entered(study):
    first = Run(run_id="r1", command="dorec run shop", seed=3, version="0.1", config_hash="c", inputs={"a.csv": "0f"})
    study.ledger.start(first)
    assert study.ledger.runs() == [first]
    done = first.finish("done", ate=2.0, gone=float("nan"))
    study.ledger.finish(done)
    (kept,) = StudyFolder.open(study.path).ledger.runs()
    assert (kept.status, kept.finished, kept.started.tzinfo) == ("done", done.finished, UTC)
    assert kept.results == {"ate": 2.0, "gone": None}
    assert kept.inputs == {"a.csv": "0f"}


def test_a_run_is_entered_once(study):
    run = Run(run_id="r1", command="x", seed=0)
    study.ledger.start(run)
    with pytest.raises(InputError, match="'r1'"):
        study.ledger.start(run)


def test_a_finished_stage_is_found_by_its_key_while_its_folder_is_there(study):
    assert study.ledger.finished_stage("clean", "k1") is None
    study.ledger.stage("r1", "clean", "k1")
    assert study.ledger.finished_stage("clean", "k1") is None
    folder = study.path / "stages" / "clean-k1"
    folder.mkdir(parents=True)
    assert study.ledger.finished_stage("clean", "k1") == folder
    assert study.ledger.finished_stage("clean", "k2") is None
    study.ledger.stage("r2", "clean", "k1", study.runs_folder)
    assert study.ledger.finished_stage("clean", "k1") == study.runs_folder


def test_estimates_are_kept_in_order_and_finite(study):
    study.ledger.record_estimates("r1", [{"name": "ate", "value": 2.0}, {"name": "att", "value": float("inf")}])
    study.ledger.record_estimates("r1", [])
    assert study.ledger.estimates("r1") == [{"name": "ate", "value": 2.0}, {"name": "att", "value": None}]


def test_a_study_can_be_moved(study, tmp_path):
    (study.path / "stages" / "clean-k1").mkdir(parents=True)
    study.ledger.stage("r1", "clean", "k1")
    moved = StudyFolder.open(study.path.rename(tmp_path / "elsewhere"))
    assert moved.ledger.finished_stage("clean", "k1") == moved.path / "stages" / "clean-k1"


def test_the_state_can_be_another_database(tmp_path):
    url = f"sqlite:///{tmp_path / 'other.sqlite'}"
    StudyFolder.create(tmp_path / "shop", state_url=url).ledger.start(Run(run_id="r1", command="x", seed=0))
    assert len(StudyFolder.open(tmp_path / "shop", state_url=url).ledger.runs()) == 1
    assert not (tmp_path / "shop" / "state.sqlite").exists()


def test_a_migration_that_dies_leaves_nothing_behind(tmp_path, monkeypatch):
    from alembic.operations import Operations

    url = f"sqlite:///{tmp_path / 'state.sqlite'}"
    with monkeypatch.context() as patch:
        patch.setattr(Operations, "create_index", lambda *a, **k: (_ for _ in ()).throw(RuntimeError("power")))
        with pytest.raises((RuntimeError, AttributeError)):
            open_state(url)
    connection = sqlite3.connect(tmp_path / "state.sqlite")
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'runs'").fetchall() == []
    connection.close()
    with open_state(url).connect() as opened:
        assert opened.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == HEAD


def test_a_state_of_a_newer_version_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path / 'state.sqlite'}"
    with open_state(url).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(InputError, match="9999"):
        open_state(url)


def test_the_migrations_make_what_the_code_expects(tmp_path):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from dorec.store.schema import METADATA

    with open_state(f"sqlite:///{tmp_path / 'state.sqlite'}").connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_what_is_no_database_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "state.sqlite").write_bytes(b"this is no database at all, only text" * 100)
    with pytest.raises(UnreadableSource, match="can't be opened"):
        open_state(f"sqlite:///{tmp_path / 'state.sqlite'}")


def test_a_study_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UnreadableSource, match="dorec init"):
        StudyFolder.open(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnreadableSource, match="is a file"):
        StudyFolder.create(tmp_path / "file")
