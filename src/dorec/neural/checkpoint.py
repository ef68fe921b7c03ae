"""Tensors kept in a folder: safetensors with a JSON header, hashed before they are parsed, replaced in one step."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from dorec.domain.errors import IntegrityError

MANIFEST = "checkpoint.json"
HEADER = "dorec"  # the key of our facts among the metadata of a safetensors file


def write_tensors(folder: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Keep tensors and JSON facts in a folder: after a crash it holds either the former or these, never a mixture.

    The file is named by its hash and written first; the manifest that points to it is replaced in one step.

    >>> import tempfile, torch
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_tensors(folder, {"w": torch.ones(2)}, {"epoch": 3})
    >>> read_tensors(folder)
    ({'w': tensor([1., 1.])}, {'epoch': 3})
    """
    folder.mkdir(parents=True, exist_ok=True)
    plain = {name: values.detach().cpu().contiguous().clone() for name, values in tensors.items()}
    raw = save(plain, metadata={HEADER: json.dumps(facts)})
    digest = hashlib.sha256(raw).hexdigest()
    name = f"{digest[:16]}.safetensors"
    _write(folder / name, raw)
    _write(folder / MANIFEST, json.dumps({"file": name, "sha256": digest}).encode())
    for old in folder.glob("*.safetensors"):
        if old.name != name:
            old.unlink(missing_ok=True)


def read_tensors(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts that `write_tensors` kept.

    >>> import tempfile
    >>> read_tensors(Path(tempfile.mkdtemp()))
    Traceback (most recent call last):
    ...
    dorec.domain.errors.IntegrityError: The checkpoint in ... is incomplete (...); delete the folder.

    Raises:
        IntegrityError: a file is missing, or its bytes are not those that were written; nothing was parsed.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        name, digest = Path(manifest["file"]).name, manifest["sha256"]
        raw = (folder / name).read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise IntegrityError(f"The checkpoint in {folder} is incomplete ({problem}); delete the folder.") from None
    if hashlib.sha256(raw).hexdigest() != digest:
        raise IntegrityError(f"{folder / name} is not what was written: its SHA-256 differs; delete the folder.")
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    return load(raw), json.loads(header["__metadata__"][HEADER])


def _write(path: Path, raw: bytes) -> None:
    """The bytes are on the disk, or the file is as it was."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
