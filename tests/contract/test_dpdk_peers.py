"""A memif peer that is killed and returns, while the other end polls at full rate all the time.

Ten kills for each role here; with TICKPATH_TEST_LONG=1 in the environment 200 for each. DPDK's
driver unmaps the shared rings as soon as the peer is gone: before csrc/dpdk_keeper.c halted the
bursts, one kill in twenty took the survivor with it (SIGSEGV), at 1,500-byte frames on two cores.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from dpdk_builds import EAL

KILLS = 200 if os.environ.get("TICKPATH_TEST_LONG") else 10
FRAME_BYTES = 1500
OTHER = {"server": "client", "client": "server"}


class Poller:
    """A process; killed if it is still there at the end of a with statement."""

    def __init__(self, poller: Path, role: str, path: Path) -> None:
        device = f"net_memif0,role={role},socket={path}/memif.sock,socket-abstract=no"
        self.process = subprocess.Popen(
            [poller, f"dpdk:{device}", str(FRAME_BYTES), *EAL],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._line() == "open", self.process.communicate()

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def ask(self) -> dict[str, int]:
        assert self.process.poll() is None, f"died: {self.process.returncode}"
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._counts(self._line())

    def _counts(self, line: str) -> dict[str, int]:
        names = ("sent", "received", "disordered", "restarts", "losses", "up", "missing")
        return dict(zip(names, map(int, line.split()), strict=False))

    def wait_for(self, condition: Callable[[dict[str, int]], bool]) -> dict[str, int]:
        deadline = time.monotonic() + 20
        while not condition(counts := self.ask()):
            assert time.monotonic() < deadline, counts
            time.sleep(0.01)
        return counts

    def end(self) -> dict[str, int]:
        out, error = self.process.communicate("", timeout=20)
        assert self.process.returncode == 0, (self.process.returncode, error[-2000:])
        return self._counts(out)

    def __enter__(self) -> Poller:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def remove_socket(path: Path) -> None:
    """As open_queue does before it opens a server; the poller has only its C."""
    (path / "memif.sock").unlink(missing_ok=True)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("role", ["server", "client"])
def test_the_survivor_of_many_kills(poller: Path, tmp_path: Path, role: str) -> None:
    rng = random.Random(KILLS)
    with Poller(poller, role, tmp_path) as survivor:
        for kill in range(KILLS):
            before = survivor.ask()
            if role == "client":
                remove_socket(tmp_path)
            with Poller(poller, OTHER[role], tmp_path) as victim:
                victim.wait_for(lambda counts: counts["received"] > 0)
                survivor.wait_for(lambda now, then=before: now["received"] > then["received"])
                survivor.wait_for(lambda now: bool(now["up"]))
                time.sleep(rng.random() * 0.05)
            # Gone: said, counted, and nothing is taken for later.
            lost = survivor.wait_for(lambda now: not now["up"])
            assert lost["losses"] == kill + 1
            time.sleep(0.01)
            assert survivor.ask()["sent"] == lost["sent"]
        counts = survivor.end()
    assert counts["losses"] == KILLS
    assert counts["disordered"] == counts["missing"] == 0
    assert counts["restarts"] >= KILLS if role == "client" else counts["restarts"] == 0
    assert [path.name for path in tmp_path.iterdir() if role == "server"] == []
