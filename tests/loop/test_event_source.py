import sqlite3

import pytest

from dorec.domain.errors import ConfigError, UnreadableSource
from dorec.domain.run import RunContext
from dorec.loop.event_source import EventSource, without_secrets
from dorec.loop.init import Sources, init_study
from dorec.loop.run import run_study


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE clicks (user TEXT, item TEXT, event TEXT, timestamp INTEGER)")
        rows = [(f"u{i % 25}", f"i{i % 9}", ("view", "purchase")[i % 2], 1_700_000_000 + i * 60) for i in range(500)]
        connection.executemany("INSERT INTO clicks VALUES (?, ?, ?, ?)", rows)
        connection.execute("CREATE TABLE empty (user TEXT)")
    connection.close()
    return f"sqlite:///{path}"


def test_a_study_of_a_database_runs(tmp_path, database):
    init_study(tmp_path / "shop", Sources(events=database, table="clicks"))
    summary = run_study(tmp_path / "shop")
    assert summary.results["ingest"].facts["stored"] == 500
    assert summary.results["profile"].facts["users"] == 25


def test_the_environment_holds_the_secret(database, monkeypatch):
    monkeypatch.setenv("SHOP_DB", database.removeprefix("sqlite://"))
    source = EventSource.look("sqlite://${SHOP_DB}", "clicks")
    assert sum(batch.received for batch in source.batches(RunContext())) == 500


def test_what_a_database_lacks_is_named(database):
    with pytest.raises(ConfigError, match="Did you mean 'clicks'"):
        EventSource.look(database, "click")
    with pytest.raises(UnreadableSource, match="no rows"):
        EventSource.look(database, "empty")


def test_secrets_never_show():
    assert "secret" not in without_secrets("mysql+pymysql://me:se@cret:secret@host:3306/db")
