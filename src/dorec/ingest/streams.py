"""Bytes of text files, inflated and cut at line ends, within limits of memory."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from dorec.domain.errors import UnreadableSource
from dorec.ingest.batch import MAX_RAW, Limits

GZIP = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"
FREE_INFLATION = 64 << 20


@dataclass(frozen=True)
class Block:
    """Whole lines of a file."""

    data: bytes
    offset: int  # of the first byte, in the inflated file
    line: int  # 1-based, of the first line
    last: bool = False  # the file ends here


@dataclass(frozen=True)
class LongLine:
    """A line above the limit: its first bytes and its length; the rest was passed over."""

    head: bytes
    length: int
    offset: int
    line: int

    def told(self, allowed: int) -> str:
        """What to say of it."""
        return f"{self.length:,} bytes, {allowed:,} are allowed; the first {len(self.head):,} are kept"


@contextmanager
def open_bytes(path: Path) -> Iterator["tuple[IO[bytes], IO[bytes]]"]:
    """The file's plain bytes, and the file beneath, from which the compressed bytes are counted.

    Raises:
        UnreadableSource: there is no such file, or it can't be read.
    """
    try:
        with path.open("rb") as beneath:
            packed = beneath.read(2) == GZIP
            beneath.seek(0)
            if not packed:
                yield beneath, beneath
                return
            with gzip.GzipFile(fileobj=beneath) as plain:
                yield plain, beneath  # type: ignore[misc]
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UnreadableSource(f"{path} can't be read: {error.strerror}. Check the path.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableSource(
            f"{path} is a damaged or cut gzip file ({error}). Rows before the damage may be stored; fetch it again."
        ) from None


def read_head(path: Path, size: int = 1 << 20) -> bytes:
    """The first bytes of a file, inflated."""
    with open_bytes(path) as (plain, _):
        return plain.read(size)


def blocks(path: Path, limits: Limits) -> Iterator[Block | LongLine]:
    """The file in blocks of whole lines of about `limits.block_bytes`; lines above the limit come by themselves.

    Raises:
        UnreadableSource: the file can't be read, or a gzip file inflates beyond the limit.
    """
    with open_bytes(path) as (plain, beneath):
        rest, offset, line = b"", 0, 1
        piece = plain.read(limits.block_bytes)
        while piece:
            following = plain.read(limits.block_bytes)
            _check_inflation(path, offset + len(rest) + len(piece), beneath.tell(), plain is not beneath, limits)
            if not offset and not rest and piece.startswith(BOM):
                piece, offset = piece[len(BOM) :], len(BOM)
            data = rest + piece
            if not following:
                yield from _ended(_split_long(data, offset, line, limits))
                return
            end = data.rfind(b"\n") + 1
            yield from _split_long(data[:end], offset, line, limits)
            offset, line, rest = offset + end, line + data.count(b"\n", 0, end), data[end:]
            piece = following
            if len(rest) > limits.row_bytes:
                long, piece = _pass_over(path, plain, beneath, (rest, piece), offset, line, limits)
                yield long
                offset, line, rest = offset + long.length, line + 1, b""
                piece = piece or plain.read(limits.block_bytes)
        yield Block(b"", offset, line, last=True)


def _ended(pieces: Iterator[Block | LongLine]) -> Iterator[Block | LongLine]:
    """The last pieces of a file, the very last marked as such."""
    found = list(pieces)
    if found and isinstance(found[-1], Block):
        found[-1] = replace(found[-1], last=True)
    else:
        found.append(Block(b"", 0, 0, last=True))
    yield from found


def _split_long(data: bytes, offset: int, line: int, limits: Limits) -> Iterator[Block | LongLine]:
    """The block, with lines above the limit taken out."""
    start = at = 0
    first = line
    while at < len(data):
        if len(data) - at <= limits.row_bytes:
            break
        end = data.rfind(b"\n", at, at + limits.row_bytes + 1) + 1
        if end:
            at = end
            continue
        if at > start:
            yield Block(data[start:at], offset + start, first)
        line_of = line + data.count(b"\n", 0, at)
        end = data.find(b"\n", at) + 1 or len(data)
        yield LongLine(data[at : at + MAX_RAW], end - at, offset + at, line_of)
        start = at = end
        first = line_of + 1
    if start < len(data):
        yield Block(data[start:], offset + start, first)


def _pass_over(
    path: Path, plain: IO[bytes], beneath: IO[bytes], begun: tuple[bytes, bytes], offset: int, line: int, limits: Limits
) -> tuple[LongLine, bytes]:
    """Read on to the end of a line that is too long, keeping only its head; returns what follows it."""
    head, length = begun[0][:MAX_RAW], len(begun[0])
    piece = begun[1]
    while piece:
        end = piece.find(b"\n") + 1
        if end:
            return LongLine(head, length + end, offset, line), piece[end:]
        length += len(piece)
        _check_inflation(path, offset + length, beneath.tell(), plain is not beneath, limits)
        piece = plain.read(1 << 20)
    return LongLine(head, length, offset, line), b""


def _check_inflation(path: Path, inflated: int, packed: int, compressed: bool, limits: Limits) -> None:
    if compressed and inflated > FREE_INFLATION and inflated > limits.inflate_ratio * max(packed, 1):
        raise UnreadableSource(
            f"{path} inflates to more than {limits.inflate_ratio} times its size ({packed:,} bytes gave {inflated:,}). "
            "If it is no gzip bomb, unpack it first."
        )
