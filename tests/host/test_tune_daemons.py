"""What is told to running programs and held by them: irqbalance, the latency device, a cpuset."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_kernel import FakeHost, build, snapshot
from tune_rig import EVERYTHING, applied, undone, wish

from appliance.host import irqbalance
from appliance.host.cpus import format_mask, parse_list
from appliance.host.host import HostError
from appliance.host.irqbalance import BANNED, TARGET, ask
from appliance.host.latency_hold import DEVICE, LatencyHold
from appliance.host.partition import join
from appliance.host.tuner import apply, plan, undo


class Irqbalance(threading.Thread):
    """Answers as irqbalance does: root only, one request a connection, heeded at its next round."""

    def __init__(self, root: Path, banned: str = "", rounds: int = 2) -> None:
        super().__init__(daemon=True)
        (root / "run/irqbalance").mkdir(parents=True)
        self.banned, self.told, self.default = banned, banned, banned
        self.rounds, self.left = rounds, 0
        self.requests: list[str] = []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        here = os.open(root / "run/irqbalance", os.O_PATH)
        self.socket.bind(f"/proc/self/fd/{here}/irqbalance77.sock")
        os.close(here)
        self.socket.listen(1)

    def run(self) -> None:
        while True:
            try:
                line, _ = self.socket.accept()
            except OSError:
                return
            with line:
                self._answer(line)

    def _answer(self, line: socket.socket) -> None:
        data, rights, _, _ = line.recvmsg(16384, socket.CMSG_SPACE(12))
        level, kind, credentials = rights[0]
        assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS)
        assert struct.unpack("3i", credentials)[:2] == (os.getpid(), os.geteuid())
        request = data.decode()
        self.requests.append(request)
        if request.startswith("settings cpus "):
            words = request.removeprefix("settings cpus ")
            self.told = self.default if words == "NULL" else words
            self.left = self.rounds
        elif request == "setup":
            self.left -= 1
            if self.left < 0:
                self.banned = self.told
            mask = format_mask(parse_list(self.banned))
            line.sendall(f"SLEEP 1 IRQ 9 LOAD 0 DIFF 0 CLASS 0 BANNED {mask:0>8}".encode())


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(irqbalance, "POLL_S", 0.01)
    build(tmp_path)
    yield tmp_path


def serve(root: Path, banned: str = "", rounds: int = 2) -> Irqbalance:
    server = Irqbalance(root, banned, rounds)
    server.start()
    return server


@pytest.mark.parametrize("banned", ["", "6"])
def test_irqbalance_is_told_and_told_back(root: Path, banned: str) -> None:
    server = serve(root, banned)
    done = {each.target: each for each in applied(root, "irqbalance")}[TARGET]
    assert (done.outcome, done.former) == ("set", banned)
    assert parse_list(server.banned) == {2, 3} | parse_list(banned)
    assert {each.outcome for each in undone(root)} == {"restored"}
    assert server.banned == banned
    assert server.requests[-1] == "setup"
    server.socket.close()


def test_what_irqbalance_has_not_come_round_to_is_taken_back_too(root: Path) -> None:
    """Killed between telling and reading back: the old cores still show, and would not for long."""
    server = serve(root, rounds=10_000)
    host = FakeHost(root)
    wanted = wish(host)

    class Death(BaseException):
        pass

    def die() -> float:
        raise Death

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Death):
        patch.setattr(irqbalance.time, "sleep", lambda seconds: die())
        apply(host, wanted, lambda done: None, ["irqbalance"])
    assert (server.told, server.banned) == ("2-3", "")
    server.rounds = 0
    undo(FakeHost(root), lambda done: None)
    assert (server.told, server.banned) == ("", "")
    server.socket.close()


def test_irqbalance_that_never_comes_round_is_named(root: Path, monkeypatch: pytest.MonkeyPatch
                                                    ) -> None:
    monkeypatch.setattr(irqbalance, "ANSWER_S", 0.2)
    server = serve(root, rounds=10_000)
    with pytest.raises(HostError, match="systemctl stop irqbalance"):
        BANNED.write(FakeHost(root), TARGET, "2-3")
    server.socket.close()


def test_without_irqbalance_there_is_nobody_to_tell(root: Path) -> None:
    (row,) = [row for _, row in plan(FakeHost(root), wish(FakeHost(root)), ["irqbalance.cpus"])]
    assert (row.verdict, row.reason) == ("absent", "irqbalance does not run")
    left = root / "run/irqbalance/irqbalance99.sock"  # of one that was killed
    left.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as dead:
        here = os.open(left.parent, os.O_PATH)
        dead.bind(f"/proc/self/fd/{here}/irqbalance99.sock")
        os.close(here)
    assert ask(FakeHost(root), "setup") is None


@pytest.mark.parametrize(("line", "verdict"), [
    ("#IRQBALANCE_BANNED_CPULIST=2-3", "manual"), ("IRQBALANCE_BANNED_CPULIST=2-3", "ok"),
    ('IRQBALANCE_BANNED_CPULIST="1-7"', "ok"), ("IRQBALANCE_BANNED_CPULIST=2", "manual"),
    ("IRQBALANCE_BANNED_CPULIST=", "manual"),
])  # fmt: skip
def test_the_file_of_irqbalance_is_read(root: Path, line: str, verdict: str) -> None:
    (root / "etc/default/irqbalance").write_text(f"# options\n{line}\n")
    (row,) = [row for _, row in plan(FakeHost(root), wish(FakeHost(root)), ["irqbalance.file"])]
    assert row.verdict == verdict


@pytest.mark.parametrize(("moved", "runs", "outcome"), [
    ("5", True, "restored"), ("5", False, "left"), ("2", True, "left"),
])  # fmt: skip
def test_what_irqbalance_moved_since_is_no_operators(
        root: Path, moved: str, runs: bool, outcome: str) -> None:
    before = snapshot(root)
    applied(root, "interrupts")
    (root / "proc/irq/30/smp_affinity_list").write_text(f"{moved}\n")
    if runs:
        (root / "proc/77").mkdir()
        (root / "proc/77/comm").write_text("irqbalance\n")
    done = {each.target: each for each in undone(root)}["/proc/irq/30/smp_affinity_list"]
    assert done.outcome == outcome
    shutil.rmtree(root / "proc/77", ignore_errors=True)
    undone(root, force=True)
    assert snapshot(root) == before


# ---- the latency device --------------------------------------------------------------------------


def test_the_device_has_the_bound_while_it_is_held(tmp_path: Path) -> None:
    device = tmp_path / DEVICE[1:]
    device.parent.mkdir()
    device.write_bytes(b"")
    hold = LatencyHold(7, tmp_path)
    assert hold.held and not hold.why
    assert struct.unpack("=i", device.read_bytes()) == (7,)
    name = os.path.realpath(device)
    open_files = [os.path.realpath(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")]
    assert name in open_files
    hold.close()
    hold.close()
    open_files = [os.path.realpath(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")]
    assert name not in open_files and not hold.held


def test_nothing_is_held_when_nothing_is_wanted_or_permitted(tmp_path: Path) -> None:
    assert (LatencyHold(-1, tmp_path).held, LatencyHold(-1).why) == (
        False, "host.idle_latency_us is -1")
    absent = LatencyHold(0, tmp_path)
    assert not absent.held and DEVICE in absent.why


def test_check_says_whether_cores_may_sleep(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    core = max(os.sched_getaffinity(0))
    file.write_text(f"[engine]\ncore = {core}\n[host]\nidle_latency_us = -1\n")
    done = subprocess.run([sys.executable, "-m", "appliance.cli", "check", "-c", str(file)],
                          capture_output=True, text=True, timeout=60)
    assert "cores may sleep deeply while it runs (host.idle_latency_us" in " ".join(
        done.stdout.replace("│", " ").split())


# ---- the partition -------------------------------------------------------------------------------


def test_the_engine_enters_its_partition_alone(tmp_path: Path) -> None:
    group = tmp_path / "tickpath"
    join(2, group)  # there is none
    group.mkdir()
    (group / "cpuset.cpus").write_text("2-3\n")
    (group / "cgroup.procs").write_text("")
    join(5, group)
    assert (group / "cgroup.procs").read_text() == ""
    join(3, group)
    assert (group / "cgroup.procs").read_text() == "0\n"
    (group / "cgroup.procs").unlink()
    (group / "cgroup.procs").mkdir()
    with pytest.raises(HostError, match="undo --only isolation"):
        join(3, group)


def test_a_partition_of_other_cores_is_changed_and_given_back(tmp_path: Path) -> None:
    build(tmp_path)
    before = snapshot(tmp_path)
    applied(tmp_path, "isolation", cores="5")
    applied(tmp_path, "isolation")
    host = FakeHost(tmp_path)
    assert (tmp_path / "sys/fs/cgroup/tickpath/cpuset.cpus").read_text() == "2-3\n"
    assert not [row for _, row in plan(host, wish(host, EVERYTHING), ["isolation"])
                if row.verdict == "change"]
    undone(tmp_path)
    assert snapshot(tmp_path) == before
