"""Documents say what is there: rooms, commands, settings, and code that runs."""

import re
from pathlib import Path

import pytest

from dorec.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
ROOMS = sorted(p.name for p in (ROOT / "src" / "dorec").iterdir() if (p / "__init__.py").exists())
DOCUMENTS = ["README.md", *(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("room", ROOMS)
def test_the_repo_map_and_the_walls_name_every_room(room):
    assert f"  {room}/" in text("CONTRIBUTING.md")
    assert re.search(rf"\b{room}\b", text(".importlinter"))


def test_every_command_is_documented():
    everything = "".join(text(name) for name in DOCUMENTS)
    commands = [c.name or c.callback.__name__ for c in app.registered_commands]
    assert [name for name in commands if f"dorec {name}" not in everything] == []


def test_the_code_of_the_readme_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", text("README.md"), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102 - our own document
    assert "voucher" in capsys.readouterr().out


def test_links_between_documents_lead_somewhere():
    links = [
        (name, target)
        for name in [*DOCUMENTS, "CONTRIBUTING.md"]
        for target in re.findall(r"\]\(([^)#]+)\)", text(name))
        if "://" not in target
    ]
    broken = [f"{name} -> {target}" for name, target in links if not (ROOT / name).parent.joinpath(target).exists()]
    assert broken == []


def test_each_dependency_is_argued():
    block = re.search(r"dependencies = \[(.*?)\]\n\n", text("pyproject.toml"), flags=re.DOTALL)
    assert block is not None
    names = re.findall(r'"([A-Za-z0-9_-]+)', block.group(1))
    argued = text("docs/decisions/0001-dependencies.md")
    assert [name for name in names if name not in argued] == []


def test_the_documents_speak_of_the_product_alone():
    words = re.compile(r"/work/|/tmp/|/root/|\.library|helper-\d|pypi-more", re.IGNORECASE)
    files = [p for p in ROOT.rglob("*") if p.suffix in {".md", ".py", ".toml", ".txt"} and ".venv" not in p.parts]
    files = [p for p in files if not {"build", "demo-study", ".mypy_cache"} & set(p.parts)]
    here = Path(__file__).resolve()
    assert [str(p.relative_to(ROOT)) for p in files if p != here and words.search(p.read_text(errors="replace"))] == []
