"""Engine, journal and control as processes of their own, without a manager and with a fake one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.state import Kill, State

WAIT_S = 20.0
NAME = f"test-service-{os.getpid()}"


class Trio:
    """The three processes over one configuration, and the socket they notify."""

    def __init__(self, folder: Path, journal: str = "", extra: str = "") -> None:
        self.folder, self.settings = folder, folder / "settings.json"
        self.config = folder / "appliance.toml"
        self.config.write_text(
            f'[engine]\nname = "{NAME}"\n[feed]\nline_a = "memory:{NAME}-a"\n[orders]\n'
            f'queue = "memory:{NAME}-o"\n[tables]\norders = 4096\nlevels = 4096\n'
            f'[journal]\npath = "{journal}"\nring_mib = 1\n{extra}')
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(WAIT_S)
        self.processes: dict[str, subprocess.Popen[str]] = {}

    def start(self, process: str) -> subprocess.Popen[str]:
        words = ["-c", str(self.config)] if process != "control" else []
        self.processes[process] = subprocess.Popen(
            [sys.executable, "-m", "appliance.cli", "process", process, *words, "--settings",
             str(self.settings), "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify")})
        return self.processes[process]

    def await_message(self, wanted: str) -> None:
        while wanted not in self.manager.recv(65536).decode().split("\n"):
            pass

    def start_all(self) -> None:
        for process in ("journal", "engine", "control"):
            self.start(process)
            if process != "journal":
                self.await_message("READY=1")

    def status(self, process: str) -> int:
        return self.processes[process].wait(WAIT_S)

    def said(self, process: str) -> tuple[str, str]:
        return self.processes[process].communicate(timeout=WAIT_S)

    def close(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=WAIT_S)
        self.manager.close()
        for tail in ("", "-a", "-o"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"/dev/shm/tickpath.{NAME}{tail}")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Trio]]:
    made: list[Trio] = []

    def one(journal: str = "", extra: str = "") -> Trio:
        made.append(Trio(tmp_path, journal, extra))
        return made[-1]

    yield one
    for trio in made:
        trio.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def catches_sigterm(pid: int) -> bool:
    caught = next(line for line in Path(f"/proc/{pid}/status").read_text().split("\n")
                  if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_sigterm_to_control_ends_all_in_order(make: Callable[..., Trio], tmp_path: Path) -> None:
    trio = make(f"{tmp_path}/day-%Y%m%d.tpj")
    trio.start_all()
    trio.processes["journal"].terminate()  # which does not hurry it
    trio.processes["control"].terminate()
    trio.await_message("STOPPING=1")
    assert [trio.status(name) for name in ("control", "engine", "journal")] == [0, 0, 0]
    assert json.loads(trio.said("control")[0])["kill"]["word"] == "armed"
    assert "unwatched" not in trio.said("engine")[1]
    day = tmp_path / time.strftime("day-%Y%m%d.tpj")
    assert day.stat().st_size > 1000, "settings and counters, at least"
    assert not trio.settings.exists() and not Path(f"/dev/shm/tickpath.{NAME}").exists()


def test_a_halted_day_ends_with_status_3(make: Callable[..., Trio]) -> None:
    trio = make()
    trio.start_all()
    assert trio.status("journal") == 0, "nothing to record"
    state = State.attach(NAME)
    state.kill(Kill.OPERATOR, "enough")
    state.segment.leave()
    trio.processes["control"].terminate()
    assert trio.status("control") == 3 and trio.status("engine") == 0
    assert json.loads(trio.said("control")[0])["kill"]["reason"] == "enough"


def test_a_killed_engine_is_told_and_leaves_its_figures(make: Callable[..., Trio]) -> None:
    trio = make()
    trio.start_all()
    trio.processes["engine"].kill()
    assert trio.status("engine") == -signal.SIGKILL and trio.status("control") == 1
    assert "may live on at the venue" in trio.said("control")[1]
    assert Path(f"/dev/shm/tickpath.{NAME}").exists()
    done = subprocess.run([sys.executable, "-m", "appliance.cli", "status", "-n", NAME],
                          capture_output=True, text=True)
    assert done.returncode == 2 and "is dead" in done.stderr


def test_when_control_is_killed_the_engine_tells_of_open_orders(make: Callable[..., Trio]) -> None:
    trio = make()
    trio.start_all()
    trio.processes["control"].kill()
    trio.status("control")
    trio.processes["engine"].terminate()  # as systemd does, for BindsTo=
    assert trio.status("engine") == 0
    assert "ended unwatched; 0 orders are open at the venue" in trio.said("engine")[1]


def test_a_stopped_loop_gets_no_watchdog(make: Callable[..., Trio]) -> None:
    trio = make()
    trio.start_all()
    trio.await_message("WATCHDOG=1")
    trio.processes["engine"].send_signal(signal.SIGSTOP)
    time.sleep(0.5)  # two looks of control's
    trio.manager.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        while True:
            trio.manager.recv(65536)
    trio.manager.settimeout(1.0)
    with pytest.raises(TimeoutError):
        trio.await_message("WATCHDOG=1")
    trio.manager.settimeout(WAIT_S)
    trio.processes["engine"].send_signal(signal.SIGCONT)
    trio.await_message("WATCHDOG=1")


def test_without_its_journal_the_engine_halts(make: Callable[..., Trio], tmp_path: Path) -> None:
    trio = make(f"{tmp_path}/day.tpj")
    trio.start_all()
    state = State.view(NAME)
    time.sleep(0.6)  # control has seen the writer
    trio.processes["journal"].kill()
    until(lambda: int(state.header["kill"]) == Kill.JOURNAL_ERROR)
    trio.processes["control"].terminate()
    assert trio.status("control") == 3
    state.close()


def test_what_cannot_be_started_says_so(make: Callable[..., Trio], tmp_path: Path) -> None:
    trio = make(f"{tmp_path}/day.tpj")
    (tmp_path / "day.tpj").touch()
    trio.start("engine")
    assert trio.status("engine") == 2 and "never overwritten" in trio.said("engine")[1]
    trio.start("control")
    assert trio.status("control") == 2 and "start the engine first" in trio.said("control")[1]
    waiting = trio.start("journal")
    until(lambda: catches_sigterm(waiting.pid))
    assert waiting.poll() is None
    waiting.terminate()
    assert trio.status("journal") == 0


def test_a_second_engine_leaves_the_settings_of_a_running_one(
    make: Callable[..., Trio], tmp_path: Path
) -> None:
    trio = make()
    trio.start("engine")
    trio.await_message("READY=1")
    before = trio.settings.read_bytes()
    for name in (NAME, f"{NAME}-other"):
        other = tmp_path / "other.toml"
        other.write_text(trio.config.read_text().replace(f'name = "{NAME}"', f'name = "{name}"'))
        done = subprocess.run(
            [sys.executable, "-m", "appliance.cli", "process", "engine", "-c", str(other),
             "--settings", str(trio.settings)], capture_output=True, text=True, timeout=WAIT_S)
        assert done.returncode == 2 and f"engine '{NAME}' runs" in done.stderr
        assert trio.settings.read_bytes() == before
    trio.processes["engine"].kill()
    trio.status("engine")
    trio.start("engine")  # what a dead one left is nobody's
    trio.await_message("READY=1")
    assert trio.settings.read_bytes() != before, "it has a session of its own"
    trio.processes["engine"].terminate()
    assert trio.status("engine") == 0
