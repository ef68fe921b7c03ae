"""`dorec doctor`: what is here of all that a run needs, and what is missing for what."""

import importlib.metadata
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from dorec.domain.verdict import Status, Verdict

CORE = ("numpy", "scipy", "pyarrow", "duckdb", "ibis-framework", "scikit-learn", "numba", "sqlalchemy", "safetensors")
EXTRAS = {"torch": "deep", "lightgbm": "boost", "pymysql": "db", "psycopg": "db", "causal-learn": "oracles"}


@dataclass(frozen=True)
class _Memory:
    total: float  # GiB
    available: float


def examine(folder: Path | None = None) -> list[Verdict]:
    """Checks of the machine, the packages and, if one is named, of a study.

    >>> examine()[0].check
    'Python'
    """
    version = platform.python_version()
    fine = sys.version_info >= (3, 11)
    found = [
        Verdict(
            check="Python", status="passed" if fine else "failed", meaning=version, remedy="" if fine else "Use 3.11."
        )
    ]
    found += [_package(name) for name in CORE]
    for name, extra in EXTRAS.items():
        if _version(name) is None:
            remedy = f"Only if you need it: pip install 'dorec[{extra}]'."
            found.append(Verdict(check=name, status="warning", meaning="not installed (optional)", remedy=remedy))
        else:
            found.append(Verdict(check=name, status="passed", meaning=str(_version(name))))
    return [*found, *_machine(folder or Path.cwd()), *(_study(folder) if folder else [])]


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _package(name: str) -> Verdict:
    version = _version(name)
    if version is None:
        return Verdict(check=name, status="failed", meaning="not installed", remedy="pip install dorec")
    return Verdict(check=name, status="passed", meaning=version)


def _machine(folder: Path) -> list[Verdict]:
    existing = next(p for p in [folder.resolve(), *folder.resolve().parents] if p.exists())
    free = shutil.disk_usage(existing).free / 2**30
    found = [Verdict(check="cores", status="passed", meaning=str(os.cpu_count()))]
    memory = _memory()
    if memory is not None:
        enough = memory.available >= 2
        found.append(
            Verdict(
                check="memory",
                status="passed" if enough else "warning",
                meaning=f"{memory.available:.1f} of {memory.total:.1f} GiB free",
                remedy="" if enough else "Close other programs: a million events want about 1 GiB.",
            )
        )
    writable = os.access(existing, os.W_OK)
    status: Status = "failed" if not writable else ("passed" if free >= 1 else "warning")
    meaning = f"{free:.1f} GiB free" if writable else f"{existing} can't be written to"
    remedy = "" if status == "passed" else "Choose another folder, or make room."
    return [*found, Verdict(check="disk", status=status, meaning=meaning, remedy=remedy)]


def _memory() -> _Memory | None:
    path = Path("/proc/meminfo")
    if not path.exists():
        return None
    kib = {line.split(":")[0]: int(line.split()[1]) for line in path.read_text().splitlines() if ":" in line}
    return _Memory(kib["MemTotal"] / 2**20, kib.get("MemAvailable", kib["MemFree"]) / 2**20)


def _study(folder: Path) -> list[Verdict]:
    from dorec.domain.errors import DorecError
    from dorec.loop.event_source import is_url, without_secrets
    from dorec.loop.study_file import StudyFile, listed
    from dorec.loop.tables import resolve
    from dorec.store import StudyFolder

    try:
        settings = StudyFile.read(folder)
    except DorecError as error:
        return [Verdict(check="dorec.toml", status="failed", meaning=str(error))]
    found = [Verdict(check="dorec.toml", status="passed", meaning=f"study {settings.name!r}")]
    for name in ("events", "items", "users", "treatments", "units", "feedback"):
        for source in listed(getattr(settings.data, name)):
            path = resolve(folder, source)
            there = is_url(path) or any(c in path for c in "*?[") or Path(path).exists()
            remedy = "" if there else "Correct the path under [data]."
            status: Status = "passed" if there else "failed"
            shown = without_secrets(path) if is_url(path) else path
            found.append(Verdict(check=name, status=status, meaning=shown, remedy=remedy))
    try:
        StudyFolder.open(folder).event_store.verify()
        found.append(Verdict(check="event store", status="passed", meaning="every stored byte is as it was written"))
    except DorecError as error:
        found.append(Verdict(check="event store", status="failed", meaning=str(error)))
    return found
