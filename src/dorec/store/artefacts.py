"""What runs made: JSON, Parquet, safetensors and pages, with a manifest of SHA-256 that is checked before parsing."""

import hashlib
import json
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dorec.domain.errors import InputError, IntegrityError, UnreadableSource
from dorec.numeric.arrays import AnyArray
from dorec.store.durable import sha256, write_bytes, write_durably

Artefact: TypeAlias = "bytes | str | Mapping[str, Any] | list[Any] | pa.Table"
MANIFEST = "manifest.json"
PARSED = {".json", ".parquet", ".safetensors"}
COPIED = {".html", ".txt", ".md", ".csv", ".svg", ".png", ".dot", ".css", ".js", ".toml"}
NAME = re.compile(r"[A-Za-z0-9_][\w .+=@-]*(?:/[A-Za-z0-9_][\w .+=@-]*)*")
MAX_HEADER = 16 << 20  # bytes of a safetensors header
MAX_MANIFEST = 64 << 20


def write_artefacts(folder: Path, files: Mapping[str, Any]) -> Path:
    """Write files and, last, `manifest.json` with their SHA-256 and sizes; a crash leaves no manifest.

    Args:
        folder: made if it does not exist; other files in it stay.
        files: name -> bytes or text, a dict or list (JSON), an Arrow table (Parquet), a dict of arrays (safetensors).
            The suffix says which: .json, .parquet, .safetensors, or a page or picture that is copied.

    Returns:
        The path of the manifest.

    Raises:
        InputError: a name leaves the folder, its format is not among the allowed, or JSON has a NaN.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = {"effect.json": {"ate": 2.0}, "m.safetensors": {"w": np.ones(3)}}
        ...     write_artefacts(Path(folder), files).name, read_json(Path(folder), "effect.json")
        ('manifest.json', {'ate': 2.0})
    """
    for name in files:
        _checked(name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    entries = {}
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pa.Table):
            _must_be(name, ".parquet", "a table")
            write_durably(path, lambda beside, table=content: pq.write_table(table, beside, compression="zstd"))  # type: ignore[misc]
        else:
            write_bytes(path, _to_bytes(name, content))
        entries[name] = {"sha256": sha256(path), "bytes": path.stat().st_size}
    manifest = {"files": entries, "versions": _versions()}
    write_bytes(folder / MANIFEST, json.dumps(manifest, indent=1).encode())
    return folder / MANIFEST


def read_json(folder: Path, name: str) -> Any:
    """A JSON artefact, after its bytes were compared with the manifest.

    Raises:
        UnreadableSource: the folder has no manifest, or none that names the file.
        IntegrityError: the bytes have changed.
        InputError: the name or format is not allowed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_artefacts(Path(folder), {"a.json": [1, 2]})
        ...     read_json(Path(folder), "a.json")
        [1, 2]
    """
    _must_be(name, ".json", "JSON")
    data = _verified(folder, name)
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise InputError(f"format_not_allowed: {folder / name} is no JSON.") from None


def read_table(folder: Path, name: str) -> pa.Table:
    """A Parquet artefact as Arrow, verified first.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_artefacts(Path(folder), {"t.parquet": pa.table({"x": [1, 2]})})
        ...     read_table(Path(folder), "t.parquet").num_rows
        2
    """
    _must_be(name, ".parquet", "a table")
    data = _verified(folder, name)
    try:
        return pq.read_table(pa.BufferReader(data))
    except pa.ArrowException:
        raise InputError(f"format_not_allowed: {folder / name} is no Parquet file.") from None


def read_arrays(folder: Path, name: str) -> dict[str, AnyArray]:
    """The arrays of a safetensors artefact by name, verified first.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_artefacts(Path(folder), {"m.safetensors": {"w": np.eye(2)}})
        ...     read_arrays(Path(folder), "m.safetensors")["w"].shape
        (2, 2)
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    _must_be(name, ".safetensors", "arrays")
    data = _verified(folder, name)
    header = int.from_bytes(data[:8], "little")
    if len(data) < 8 or header > min(MAX_HEADER, len(data) - 8):
        raise InputError(f"limit: {folder / name} announces a header of {header:,} bytes in a file of {len(data):,}.")
    try:
        return dict(load(data))
    except SafetensorError as error:
        raise InputError(f"format_not_allowed: {folder / name} is no safetensors file ({error}).") from None


def _verified(folder: Path, name: str) -> bytes:
    _checked(name)
    path = folder / name
    entry = _manifest(folder).get(name)
    if entry is None or not path.is_file():
        raise UnreadableSource(f"{path} is not among the finished files of {folder}. Run the study again to make it.")
    data = path.read_bytes() if path.stat().st_size == entry["bytes"] else b""
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:  # of the very bytes that are parsed
        raise IntegrityError(f"{path} is not what was written (SHA-256 differs); nothing of it was read.")
    return data


def _manifest(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / MANIFEST
    if not path.is_file():
        raise UnreadableSource(f"{folder} has no {MANIFEST}: it was not finished. Run the study again to make it.")
    try:
        files = json.loads(path.read_bytes())["files"] if path.stat().st_size <= MAX_MANIFEST else None
        if not isinstance(files, dict) or not all({"sha256", "bytes"} <= set(e) for e in files.values()):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise IntegrityError(f"{path} is damaged; nothing in {folder} was read.") from None
    return files


def _checked(name: str) -> None:
    if not NAME.fullmatch(name) or name == MANIFEST:
        raise InputError(f"name_not_allowed: {name!r}. Give a relative name of letters, digits, - _ . and /.")
    suffix = Path(name).suffix
    if suffix not in PARSED | COPIED:
        allowed = ", ".join(sorted(PARSED | COPIED))
        raise InputError(
            f"format_not_allowed: {name!r}. Artefacts are {allowed}; nothing that can run code on loading."
        )


def _must_be(name: str, suffix: str, what: str) -> None:
    if Path(name).suffix != suffix:
        raise InputError(f"format_not_allowed: {name!r} does not hold {what}, which are kept as *{suffix}.")


def _to_bytes(name: str, content: Any) -> bytes:
    suffix = Path(name).suffix
    if isinstance(content, bytes | str):
        return content.encode() if isinstance(content, str) else content
    if suffix == ".safetensors":
        from safetensors.numpy import save

        return bytes(save({key: np.ascontiguousarray(value) for key, value in content.items()}))
    _must_be(name, ".json", "a dict or list")
    try:
        return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} can't be written as JSON: {error}. Hand in plain, finite values.") from None


def _versions() -> dict[str, str]:
    found = {}
    for package in ("dorec", "numpy", "pyarrow", "safetensors"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "source"
    return found
