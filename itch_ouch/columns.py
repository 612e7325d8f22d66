"""Whole day files as columns: one table per message type, as numpy, Arrow or Parquet.

A day file is Nasdaq's BinaryFILE framing: a 2-byte length and a message, until a length of 0 or
the end of the file; gzip is recognised by its first bytes. Timestamps and prices stay integers in
the feed's own units (the Arrow fields say which). A damaged file is no exception: everything before
the damage is returned, with the offset where reading ended and the reason.
"""

import contextlib
import gzip
import mmap
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from itch_ouch import dtypes, itch, spec
from itch_ouch.spec_model import Field, Message

if TYPE_CHECKING:
    import pyarrow

Table = np.ndarray[tuple[int], np.dtype[np.void]]

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_CHUNK_BYTES = 1 << 20
_MADV_POPULATE_READ = 22  # linux/mman.h; not in Python's mmap
_BY_LETTER = {m.letter: m for m in spec.ITCH}

# Why reading ended before the end, by the name that the scan gives it.
PROBLEMS = {
    "truncated": "the file ends inside a message",
    "length": "a message has a length that its type does not have",
    "trailing": "bytes follow the end-of-session mark",
    "gzip": "the gzip stream is damaged or ends early",
}

_UNITS = {"price4": "1/10000 dollar", "price8": "1/100000000 dollar"}


@dataclass(frozen=True, slots=True)
class Columns:
    """What a file holds: `tables` by type letter, rows of dtypes.NATIVE.

    `unknown` counts messages by a type letter that the spec does not name. `end_offset` is where
    reading ended, in the uncompressed file. `problem` is None, or one sentence on why it ended
    there and not at the file's end.
    """

    tables: Mapping[str, Table]
    unknown: Mapping[str, int]
    message_count: int
    end_offset: int
    problem: str | None


def _gunzip(path: Path) -> tuple[bytearray, bool]:
    """The file's bytes, as far as they can be had, and whether that is all of them."""
    content = bytearray()
    try:
        with gzip.open(path) as stream:
            while chunk := stream.read(_GZIP_CHUNK_BYTES):
                content += chunk
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return _gunzip_damaged(path), False
    return content, True


def _gunzip_damaged(path: Path) -> bytearray:
    """All that decompresses before the damage; gzip.open would lose its last chunk."""
    content = bytearray()
    rest = path.read_bytes()
    try:
        while rest.startswith(_GZIP_MAGIC):
            member = zlib.decompressobj(wbits=31)
            for start in range(0, len(rest), 4096):
                content += member.decompress(rest[start : start + 4096])
                if member.eof:
                    rest = member.unused_data + rest[start + 4096 :]
                    break
            else:
                break
    except zlib.error:
        pass
    return content


@contextmanager
def day_bytes(path: Path) -> Iterator[tuple[bytes | bytearray | mmap.mmap, bool]]:
    """A day file's bytes, plain or gzip, and whether they are all; OSError when it is not there.

    A plain file is mapped, and its bytes are there only within.
    """
    with path.open("rb") as stream:
        if stream.read(2) == _GZIP_MAGIC:
            yield _gunzip(path)
        elif path.stat().st_size == 0:
            yield b"", True
        else:
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapping:
                # Kernels before 5.14 do not know it; pages then come a few at a time.
                with contextlib.suppress(OSError, ValueError):
                    mapping.madvise(_MADV_POPULATE_READ)
                yield mapping, True


def read_columns(path: Path | str) -> Columns:
    """Reads a day file, plain or gzip; OSError when it cannot be opened."""
    with day_bytes(Path(path)) as (content, whole):
        return decode_columns(content, whole=whole)


def decode_columns(content: bytes | bytearray | mmap.mmap, *, whole: bool = True) -> Columns:
    """Decodes the bytes of a day file; `whole` is false when more should have followed them."""
    scan = itch.scan(content)
    tables: dict[str, Table] = {
        letter: np.empty(scan.counts[ord(letter)], dtypes.NATIVE[message.name])
        for letter, message in _BY_LETTER.items()
        if scan.counts[ord(letter)]
    }
    itch.scatter(content, {ord(letter): rows for letter, rows in tables.items()})
    unknown = {
        chr(code): count
        for code, count in enumerate(scan.counts)
        if count and chr(code) not in _BY_LETTER
    }
    reason = scan.reason if whole else "gzip"
    problem = None
    if reason is not None:
        problem = f"{PROBLEMS[reason]}, at offset {scan.end_offset}"
    return Columns(tables, unknown, sum(scan.counts), scan.end_offset, problem)


def require_pyarrow() -> Any:
    """pyarrow; ImportError names the remedy."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            "Arrow and Parquet need pyarrow; install it with: pip install 'tickpath[report]'"
        ) from error
    return pyarrow


def _unit(field: Field) -> str:
    if field.name == "timestamp":
        return "ns since midnight, US Eastern"
    return _UNITS.get(field.type, field.note)


def _text(values: np.ndarray[Any, Any], length: int) -> Any:
    """Alpha as dictionary-encoded text without its padding; bytes beyond ASCII become `?`."""
    arrow = require_pyarrow()
    import pyarrow.compute as compute

    raw = np.ascontiguousarray(values).view(np.uint8)
    raw = np.where(raw < 0x80, raw, ord("?")).astype(np.uint8)
    binary = arrow.Array.from_buffers(
        arrow.binary(length), len(values), [None, arrow.py_buffer(raw)]
    )
    text = binary.cast(arrow.binary()).cast(arrow.string())
    if length > 1:
        text = compute.utf8_rtrim(text, " ")
    return text.dictionary_encode()


def arrow_table(message: Message, table: Table) -> "pyarrow.Table":
    """One table in Arrow; a field's metadata names its unit, the schema's the message."""
    arrow = require_pyarrow()
    arrays = [arrow.array(np.ascontiguousarray(table["sequence"]))]
    fields = [arrow.field("sequence", arrays[0].type, False)]
    for field in message.fixed:
        if field.name == "message_type":
            continue
        values = np.ascontiguousarray(table[field.name])
        is_text = field.type == "alpha"
        arrays.append(_text(values, field.length) if is_text else arrow.array(values))
        unit = _unit(field)
        metadata = {"unit": unit} if unit and not is_text else None
        fields.append(arrow.field(field.name, arrays[-1].type, False, metadata))
    about = {"message": message.title, "type": message.letter, "document": message.document}
    return arrow.table(arrays, schema=arrow.schema(fields, about))


def to_arrow(columns: Columns) -> dict[str, "pyarrow.Table"]:
    """Every table in Arrow, by type letter; ImportError names the remedy without pyarrow."""
    return {k: arrow_table(_BY_LETTER[k], table) for k, table in columns.tables.items()}


def write_parquet(columns: Columns, directory: Path | str) -> list[Path]:
    """Writes one file per message type (add_order.parquet, ...) and returns their paths."""
    require_pyarrow()
    import pyarrow.parquet as parquet

    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for letter, table in to_arrow(columns).items():
        paths.append(directory / f"{_BY_LETTER[letter].name.removeprefix('itch_')}.parquet")
        parquet.write_table(table, paths[-1])
    return paths
