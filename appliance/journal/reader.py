"""Reading a journal: every record up to where the file ends, or stops making sense.

A writer that lost its disk, or a machine that lost its power, leaves a file whose last record is
cut short. All that came before is good and is given out; then :class:`JournalError` says where
reading ended and why.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from appliance.journal.record import HEADER, LENGTH, MAGIC, Kind, Record, parse

# A frame is at most 16 KiB and a configuration far below this: a larger length is damage.
RECORD_BYTES_MAX = 16 << 20


class JournalError(ValueError):
    """A journal that is not whole. ``broken_at`` is the offset where reading ended, in bytes."""

    def __init__(self, path: Path, broken_at: int, why: str) -> None:
        super().__init__(f"{path}: {why} at byte {broken_at}; what comes before is good")
        self.path = path
        self.broken_at = broken_at
        self.why = why


class JournalReader:
    """The records of one file, in order. A context manager; iterate it as often as wanted.

    Raises JournalError at once when the file is not a journal at all, OSError when it cannot be
    read. ``offset`` is where the next record begins.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        with self.path.open("rb") as file:
            size = file.seek(0, 2)
            self.data: mmap.mmap | bytes = (
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
            )
        self.size_bytes = size
        self.offset = 0
        if self.data[: len(MAGIC)] != MAGIC:
            self.close()
            cut = size < len(MAGIC)
            raise JournalError(self.path, 0, "the file is cut short" if cut else "not a journal")

    def __enter__(self) -> JournalReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the mapping; it ends with whoever still looks at it."""
        self.data = b""

    def __iter__(self) -> Iterator[Record]:
        self.offset = len(MAGIC)
        while self.offset < self.size_bytes:
            record, self.offset = self._at(self.offset)
            yield record

    def _at(self, offset: int) -> tuple[Record, int]:
        """The record at ``offset`` and where the next one begins."""
        begin = offset + LENGTH.size
        if begin > self.size_bytes:
            raise JournalError(self.path, offset, "a record's length is cut short")
        (length,) = LENGTH.unpack_from(self.data, offset)
        if not HEADER.size <= length <= RECORD_BYTES_MAX:
            raise JournalError(self.path, offset, f"a record cannot have {length} bytes")
        if begin + length > self.size_bytes:
            raise JournalError(self.path, offset, "a record is cut short")
        try:
            record = parse(self.data[begin : begin + length])
        except ValueError as error:
            raise JournalError(self.path, offset, str(error)) from None
        if offset == len(MAGIC) and record.kind != Kind.START:
            raise JournalError(self.path, offset, "the first record does not tell how it began")
        return record, begin + length

    def start(self) -> Record:
        """The first record, whose payload is the run's configuration as JSON."""
        return self._at(len(MAGIC))[0]


def read_journal(path: Path | str) -> Iterator[Record]:
    """Every record of the file; JournalError after the last good one when it is not whole."""
    with JournalReader(path) as reader:
        yield from reader
