import json
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from dorec.cli.main import app

COMMANDS = ("demo", "init", "run", "report", "ingest", "discover", "identify", "doctor")
ROWS = "user,item,event,timestamp\n" + "\n".join(
    f"u{i % 30},i{(i * 7) % 20},{('view', 'cart', 'purchase')[i % 3]},{1_700_000_000 + 600 * i}" for i in range(900)
)


def run(*arguments):
    """The command in a process of its own, as a user starts it."""
    command = [sys.executable, "-c", "from dorec.cli.main import run_app; run_app()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def events(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(ROWS + "\n")
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_each_command(command):
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert "--json" in shown.output


def test_help_is_there_at_once():
    started = time.perf_counter()
    assert run("--help").returncode == 0
    assert time.perf_counter() - started < 5


def test_init_run_report_in_three_commands(tmp_path, events):
    study = tmp_path / "study"
    assert run("init", study, "--events", events).returncode == 0
    done = run("run", study, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["facts"]["ingest"]["stored"] == 900
    assert {e["name"] for e in document["estimates"]["profile"]} == {"view to cart", "cart to purchase"}
    where = json.loads(run("report", study, "--json").stdout)["report"]
    assert where == document["report"]


def test_ingest_twice_stores_nothing_twice(tmp_path, events):
    study = tmp_path / "study"
    run("init", study, "--events", events)
    first, second = (json.loads(run("ingest", study, "--json").stdout) for _ in range(2))
    assert (first["stored"], first["duplicates"]) == (900, 0)
    assert (second["stored"], second["duplicates"]) == (0, 900)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "nowhere"), "dorec init"),
        (("init", "new"), "No data were named"),
        (("init", "new", "--events", "absent.csv"), "absent.csv"),
        (("report", "."), "dorec run"),
    ],
)
def test_a_mistake_is_one_message_and_no_traceback(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) < 12


def test_errors_are_json_for_machines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("run", "nowhere", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"] == "ConfigError"


def test_usage_errors_are_json_too():
    done = run("run", "x", "--jsonn", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"] == "UsageError"


@pytest.mark.parametrize("make", ["file", "utf16"])
def test_what_the_disk_holds_instead_of_a_study_is_told(tmp_path, events, make):
    target = tmp_path / "study"
    if make == "file":
        target.write_text("")
        done = run("init", target, "--events", events)
    else:
        target.mkdir()
        (target / "dorec.toml").write_bytes(b"\xff\xfe bad")
        done = run("run", target)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_doctor_finds_what_is_wrong(tmp_path, events):
    study = tmp_path / "study"
    run("init", study, "--events", events)
    assert json.loads(run("doctor", study, "--json").stdout)[0]["check"] == "Python"
    events.unlink()
    done = run("doctor", study)
    assert done.returncode == 1
    assert "Correct the path" in " ".join(done.stdout.split())


def test_the_version_is_that_of_the_package():
    import dorec

    assert run("--version").stdout.strip() == f"dorec {dorec.__version__}"
