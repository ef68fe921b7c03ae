"""Files that survive a crash: written beside their place, flushed to the disk, then moved into it."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

CHUNK = 1 << 20
TEMPORARY = ".writing"


def write_durably(path: Path, write: Callable[[Path], None], *, settle: bool = True) -> None:
    """Let `write` fill a file beside `path`, flush it, and move it to `path` in one step.

    A crash leaves either the old file or the new one; a file that ends in `.writing` is rubbish. With `settle=False`
    the caller flushes the folder, once for several files.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        write(beside)
        flush(beside)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    if settle:
        flush(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Bytes to a file, durably."""
    write_durably(path, lambda beside: _write_all(beside, data))


def flush(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """SHA-256 of a file, read in pieces.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a").write_bytes(b"tea")
    ...     sha256(Path(folder) / "a")[:8]
    'a9f74d1e'
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _write_all(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
