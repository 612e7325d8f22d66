"""The journal writer: a process that puts what the engine recorded on file.

``python -m appliance.journal.writer SEGMENT PATH --config-json FILE`` drains the ring of the
engine's segment into PATH as record.py describes it. The engine never waits for this process: a
ring that it finds full halts trading, and so does ``journal_error``, which any storage error here
sets. Signals do not end it, because what is in the ring has been decided on already: it ends when
the engine has left its loop, or is gone, and the ring is empty.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec

from appliance.config import ConfigError, from_json
from appliance.journal.drain import Drain
from appliance.journal.record import LENGTH, MAGIC, Kind, pack
from appliance.state import State
from dpdk_bindings import PioError
from dpdk_bindings.env import Ring

# One write: large enough for the disk's full rate, small beside the ring (64 MiB by default).
BATCH_BYTES = 8 << 20
# Reached when the ring has nothing: at 300 MB/s, 300 KB more are there after it.
IDLE_S = 0.001
# What a crash of the machine may lose. A crash of the engine or of this process loses nothing that
# was committed: written bytes are the kernel's, the rest is still in the segment.
SYNC_INTERVAL_S = 0.05
# Whether the engine is alive is a system call to ask; its own word, loop_done, is not.
ALIVE_INTERVAL_S = 0.05

_REMEDIES = {
    errno.ENOSPC: "make room on that file system",
    errno.EDQUOT: "make room within the quota",
    errno.ENOENT: "make the directory first",
    errno.ENOTDIR: "check the path",
    errno.EISDIR: "name a file, not a directory",
    errno.EACCES: "check who may write there",
    errno.EROFS: "choose a file system that is not read-only",
    errno.EIO: "check the disk (dmesg)",
}


class JournalFile:
    """A journal being written: made new, never written over, synced beside the writing."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        self._syncs = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal-sync")
        self._sync: Future[None] | None = None
        self._synced_at = time.monotonic()
        self._dirty = False
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)  # the name itself
        finally:
            os.close(folder)

    def write(self, data: memoryview) -> None:
        """All of ``data``, or OSError."""
        while data:
            data = data[os.write(self._file, data) :]
        self._dirty = True

    def record(self, record: bytes) -> None:
        self.write(memoryview(LENGTH.pack(len(record)) + record))

    def sync_if_due(self) -> None:
        """Starts a sync when the last is done and long enough ago; raises what that one met."""
        now = time.monotonic()
        if self._sync is not None:
            if not self._sync.done():
                return
            self._sync.result()
            self._sync = None
        if self._dirty and now - self._synced_at >= SYNC_INTERVAL_S:
            self._dirty, self._synced_at = False, now
            self._sync = self._syncs.submit(os.fdatasync, self._file)

    def finish(self) -> None:
        """Everything on the disk, size included."""
        if self._sync is not None:
            self._sync.result()
        os.fsync(self._file)

    def close(self) -> None:
        self._syncs.shutdown()
        os.close(self._file)


class Writer:
    """Drains one engine's ring. ``run`` returns when there will be nothing more."""

    def __init__(self, state: State, path: Path) -> None:
        self.state = state
        self.file = JournalFile(path)
        ring = state.address + int(state.header["journal_offset"])
        self.drain = Drain(ring, BATCH_BYTES)
        self._alive_until = 0.0

    def begin(self, config: bytes) -> None:
        """The file's first bytes: what it is, and the configuration of the run."""
        self.file.write(memoryview(MAGIC))
        started = int(self.state.header["start_ns"])
        self.file.record(pack(Kind.START, config, now_ns=started))

    def _engine_ended(self) -> bool:
        if int(self.state.header["loop_done"]):
            return True
        now = time.monotonic()
        if now >= self._alive_until:
            self._alive_until = now + ALIVE_INTERVAL_S
            return not self.state.segment.owned
        return False

    def run(self) -> None:
        """Until the engine's loop is over and the ring is empty."""
        while True:
            ended = self._engine_ended()  # asked first: what was committed before is drained below
            filled = self.drain.fill()
            if filled:
                self.file.write(memoryview(self.drain))
                self.drain.written()
            elif ended:
                return
            self.file.sync_if_due()
            if filled < BATCH_BYTES // 2 and not ended:
                time.sleep(IDLE_S)

    def end(self) -> None:
        """END only when the loop was left in good order and nothing was kept from the ring."""
        if int(self.state.header["loop_done"]) and not self.state.counter("journal_full"):
            heartbeat = int(self.state.header["heartbeat_ns"])
            counters = msgspec.json.encode(self.state.counter_map())
            self.file.record(pack(Kind.END, counters, now_ns=heartbeat))
        self.file.finish()
        self.state.header["journal_done"] = 1


def _complain(sentence: str) -> None:
    print(f"journal: {sentence}", file=sys.stderr, flush=True)


def _storage_error(state: State, path: Path, error: OSError) -> int:
    """Halts trading; the exit code."""
    state.header["journal_error"] = error.errno or errno.EIO
    if error.errno == errno.EEXIST:
        _complain(
            f"{path} exists, and a journal is never written over; name another path or move it away"
        )
        return 2
    remedy = _REMEDIES.get(error.errno or 0, "check the file system")
    _complain(
        f"cannot write {path}: {error.strerror}; trading is halted: {remedy}, "
        f"then start again with another path"
    )
    return 1


def write_journal(state: State, path: Path, config: bytes) -> int:
    """Writes one journal to its end; the exit code."""
    try:
        writer = Writer(state, path)
    except OSError as error:
        return _storage_error(state, path, error)
    try:
        writer.begin(config)
        writer.run()
        writer.end()
        return 0
    except OSError as error:
        return _storage_error(state, path, error)
    except ValueError as error:
        state.header["journal_error"] = errno.EIO
        _complain(f"{error}; stop the engine and start it anew")
        return 1
    finally:
        writer.file.close()


def attach(segment: str) -> State:
    """The state of an engine that records; ValueError when it keeps no ring."""
    state = State.attach(segment)
    capacity = Ring(state.address + int(state.header["journal_offset"])).capacity_bytes
    if capacity < 64 or capacity & (capacity - 1):
        state.close()
        raise ValueError(f"the engine of segment '{segment}' keeps no journal ring")
    return state


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m appliance.journal.writer",
        description="Puts what the engine of SEGMENT records into the new file PATH, "
        "until the engine's loop ends. Signals do not end it: what is in the ring is put on file.",
    )
    parser.add_argument("segment", help="name of the engine's segment, as in [engine] name")
    parser.add_argument("path", type=Path, help="the journal; it must not exist")
    parser.add_argument(
        "--config-json", type=Path, required=True, help="the run's configuration, kept in the file"
    )
    options = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        config = options.config_json.read_bytes()
        from_json(config)
        state = attach(options.segment)
    except OSError as error:
        _complain(str(error) if isinstance(error, PioError) else
                  f"{options.config_json}: {error.strerror}; check --config-json")
        return 2
    except (ConfigError, ValueError) as error:
        _complain(str(error))
        return 2
    return write_journal(state, options.path, config)


if __name__ == "__main__":
    sys.exit(main())
