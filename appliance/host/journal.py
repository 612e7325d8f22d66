"""The journal of former values: what undo restores, on disk before anything is written.

A text file, ``/var/lib/tickpath/tune/journal``, that only grows; the shell scripts write the same
lines. Words are separated by one tab; a tab, newline or backslash within a word is escaped, an
empty word is ``\\-``, and ``\\!`` says that there was no such thing:

    tickpath-tune 1
    boot    BOOT_ID
    begin   STAGES                                a plan is being applied...
    set     NUMBER STAGE KIND TARGET FORMER WANTED
    got     NUMBER VALUE                          ...a write is done, and this is what it gave
    undone  NUMBER
    end     STAGES                                ...and all of it was; without them, of everything

``set`` is on disk (fsync) before its write, so a line that a crash cut short was never acted on and
is dropped. A record without ``got`` may or may not have been written. The file goes when nothing is
left to undo. Whoever writes holds the lock beside it, with flock(2); :class:`Journal` does both.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from appliance.host.host import STATE_FOLDER, Host, HostError, sync_folder
from appliance.host.kinds import ABSENT

FIRST_LINE = "tickpath-tune\t1"
POLL_S = 0.05
ESCAPES = {"\\\\": "\\", "\\t": "\t", "\\n": "\n"}


@dataclass
class Record:
    """One value that was set: ``got`` is None while nobody knows whether the write happened."""

    number: int
    stage: str
    kind: str
    target: str
    former: str
    wanted: str
    boot_id: str
    got: str | None = None
    undone: bool = False


@dataclass
class Contents:
    """What a journal says: records in order, and the stages or knobs of plans that were begun."""

    records: list[Record]
    begun: set[str] = field(default_factory=set)

    @property
    def half_applied(self) -> bool:
        return bool(self.begun)

    @property
    def standing(self) -> list[Record]:
        """What undo would restore, in the order it was set."""
        return [record for record in self.records if not record.undone]


def unfinished(begun: set[str], ended: Iterable[str] | None) -> set[str]:
    """What is left of the stages or knobs that were begun; None ends all."""
    if ended is None:
        return set()
    names = set(ended)
    return {name for name in begun if not {name, name.partition(".")[0]} & names}


def escape(word: str) -> str:
    if word == ABSENT:
        return "\\!"
    if not word:
        return "\\-"
    for short, long in ESCAPES.items():
        word = word.replace(long, short)
    return word


def unescape(word: str) -> str:
    """The reverse of :func:`escape`; raises ValueError on an escape that does not exist."""
    if word in ("\\!", "\\-"):
        return ABSENT if word == "\\!" else ""
    pieces, rest = [], word
    while rest:
        head, backslash, tail = rest.partition("\\")
        pieces.append(head)
        if backslash:
            pieces.append(ESCAPES.get(backslash + tail[:1], ""))
            if not pieces[-1]:
                raise ValueError(f"'\\{tail[:1]}' is no escape")
        rest = tail[1:]
    return "".join(pieces)


def read_journal(host: Host) -> Contents:
    """What the journal of ``host`` says; empty when there is none. Raises HostError."""
    text = host.read(f"{STATE_FOLDER}/journal")
    if text is None:
        if host.exists(f"{STATE_FOLDER}/journal"):
            raise HostError(f"{host.why_not(f'{STATE_FOLDER}/journal')}; run this as root")
        return Contents([])
    raw = host.path(f"{STATE_FOLDER}/journal").read_bytes()
    whole = raw[: raw.rfind(b"\n") + 1].decode("utf-8", "surrogateescape")
    return _parse(whole.split("\n")[:-1])


def _parse(lines: list[str]) -> Contents:
    contents, boot_id = Contents([]), "unknown"
    by_number: dict[int, Record] = {}
    for number, line in enumerate(lines, 1):
        word, *words = line.split("\t")
        try:
            words = [unescape(each) for each in words]
            if number == 1:
                if line != FIRST_LINE:
                    raise ValueError("it is of another version, or no journal")
            elif word == "boot":
                (boot_id,) = words
            elif word == "begin":
                contents.begun.update(words[0].split())
            elif word == "end":
                contents.begun = unfinished(contents.begun, words[0].split() if words else None)
            elif word == "set":
                index, stage, kind, target, former, wanted = words
                record = Record(int(index), stage, kind, target, former, wanted, boot_id)
                contents.records.append(record)
                by_number[record.number] = record
            elif word == "got":
                by_number[int(words[0])].got = words[1]
            elif word == "undone":
                by_number[int(words[0])].undone = True
            else:
                raise ValueError(f"'{word}' is no word of it")
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise HostError(
                f"{STATE_FOLDER}/journal is damaged at line {number} ({error}); nothing was "
                f"changed: look at it, mend or move it away, and run this again"
            ) from None
    return contents


class Journal:
    """The journal, locked and open for writing: a context manager.

    Raises HostError when another tuner holds the lock for longer than ``wait_s``, or when the
    state folder cannot be written.
    """

    def __init__(self, host: Host, wait_s: float = 0.0) -> None:
        self.host = host
        self._wait_s = wait_s
        self._folder = host.path(STATE_FOLDER)
        self._file = -1
        self._lock = -1
        self.contents = Contents([])

    def __enter__(self) -> Journal:
        try:
            self._make_folder()
            self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
            self._take_lock()
            self.contents = read_journal(self.host)
            self._open()
        except OSError as error:
            self._close()
            remedy = "run this as root" if error.errno in (errno.EACCES, errno.EPERM) else (
                "mend that first")
            raise HostError(f"{STATE_FOLDER} cannot be written ({error.strerror}), and nothing is "
                            f"changed without a journal; {remedy}") from None
        except BaseException:
            self._close()
            raise
        return self

    def _make_folder(self) -> None:
        missing = [folder for folder in (self._folder, *self._folder.parents)
                   if not folder.exists()]
        self._folder.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            sync_folder(folder.parent)

    def _take_lock(self) -> None:
        deadline = time.monotonic() + self._wait_s
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() < deadline:
                    time.sleep(POLL_S)
                    continue
                who = os.pread(self._lock, 64, 0).decode("ascii", "replace").strip() or "unknown"
                raise HostError(f"another tuner (process {who}) is at work; wait until it has "
                                f"ended, or give --wait SECONDS") from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def _open(self) -> None:
        path = self._folder / "journal"
        fresh = not path.exists()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        raw = b"" if fresh else path.read_bytes()
        os.ftruncate(self._file, raw.rfind(b"\n") + 1)  # a line that a crash cut short
        if not raw[: raw.rfind(b"\n") + 1]:
            self._append(FIRST_LINE, durable=False)
        self._words("boot", self.host.boot_id)
        sync_folder(self._folder)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        try:
            if not self.contents.standing and not self.contents.half_applied:
                (self._folder / "journal").unlink(missing_ok=True)
        finally:
            self._close()

    def _close(self) -> None:
        for handle in (self._file, self._lock):
            if handle >= 0:
                os.close(handle)
        self._file = self._lock = -1

    def _append(self, line: str, durable: bool = True) -> None:
        data = line.encode("utf-8", "surrogateescape") + b"\n"
        try:
            written = os.write(self._file, data)
            if durable:
                os.fsync(self._file)
        except OSError as error:
            raise HostError(f"{STATE_FOLDER}/journal cannot be written ({error.strerror}); free "
                            f"some space: nothing more is changed without it") from None
        if written < len(data):
            raise HostError(f"{STATE_FOLDER}/journal cannot be written (the disk is full); free "
                            f"some space: nothing more is changed without it")

    def _words(self, *words: str | int) -> None:
        first, *rest = words
        self._append("\t".join([str(first), *(escape(str(word)) for word in rest)]))

    # ---- what is noted ---------------------------------------------------------------------------

    def begin(self, names: Sequence[str]) -> None:
        """A plan of these stages or knobs is being applied from here on."""
        self._words("begin", " ".join(names))
        self.contents.begun.update(names)

    def end(self, names: Sequence[str]) -> None:
        """All of this plan was applied; what one of more began that was cut short is still to do.
        """
        self._words("end", " ".join(names))
        self.contents.begun = unfinished(self.contents.begun, names)

    def nothing_begun(self) -> None:
        """All was undone."""
        self._words("end")
        self.contents.begun.clear()

    def set(self, stage: str, kind: str, target: str, former: str, wanted: str) -> Record:
        """Notes a former value, on disk when this returns; only then may the value be written."""
        number = max((record.number for record in self.contents.records), default=0) + 1
        self._words("set", number, stage, kind, target, former, wanted)
        record = Record(number, stage, kind, target, former, wanted, self.host.boot_id)
        self.contents.records.append(record)
        return record

    def got(self, record: Record, value: str) -> None:
        """The write is done; this is what was read back."""
        self._words("got", record.number, value)
        record.got = value

    def undone(self, records: Iterable[Record]) -> None:
        """The former values of these hold again."""
        for record in records:
            self._words("undone", record.number)
            record.undone = True
