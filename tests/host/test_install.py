"""Install and uninstall in a root of their own: whole, again, interrupted, and changed by hand."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from appliance.config import Config, from_text
from appliance.errors import RunError
from appliance.host import cli_install
from appliance.host import install_system as system
from appliance.host.install import MANIFEST, STATE_FOLDER, Installation
from appliance.host.install_files import CONFIG, UNIT_FOLDER, rights_for, service_files, units

PROGRAM = "/opt/tickpath/bin/appliance"
ENGINE = f"{UNIT_FOLDER}/appliance-engine.service"


def config(text: str = "") -> Config:
    return from_text(text, "test")


def install(root: Path, text: str = "", program: str = PROGRAM) -> dict[str, str]:
    files = service_files(config(text), text.encode(), program, 2)
    return {row.path: row.action for row in Installation(root).install(files)}


def tree(root: Path) -> dict[str, bytes]:
    """Every file and folder, but the manifest, whose order of events may differ."""
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else b"folder"
            for path in root.rglob("*") if path != root / MANIFEST.lstrip("/")}


def appliance(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "appliance.cli", *words],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_the_units_start_the_program_that_is_there(tmp_path: Path) -> None:
    actions = install(tmp_path, "[engine]\ncore = 2\n[telemetry]\nport = 9999\n")
    assert set(actions.values()) == {"write"} and CONFIG in actions
    started = 0
    for path in (tmp_path / UNIT_FOLDER[1:]).glob("*.service"):
        assert path.stat().st_mode & 0o777 == 0o644
        for line in path.read_text().split("\n"):
            if line.startswith("ExecStart="):
                assert line.startswith(f"ExecStart={PROGRAM} ")
                started += 1
    assert started == 6
    cores = (tmp_path / f"{UNIT_FOLDER[1:]}/appliance.service.d/20-cores.conf").read_text()
    assert "CPUAffinity=0-1 3-1023" in cores
    socket = tmp_path / f"{UNIT_FOLDER[1:]}/appliance-exporter.socket.d/20-address.conf"
    assert "ListenStream=\nListenStream=127.0.0.1:9999\n" in socket.read_text()


def test_a_second_install_writes_nothing_and_uninstall_leaves_nothing(tmp_path: Path) -> None:
    install(tmp_path)
    before = {path: path.stat().st_ino for path in tmp_path.rglob("*") if path.is_file()}
    assert set(install(tmp_path).values()) == {"same"}
    again = {path: path.stat().st_ino for path in tmp_path.rglob("*") if path.is_file()}
    del before[tmp_path / MANIFEST[1:]], again[tmp_path / MANIFEST[1:]]
    assert again == before
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / "appliance.service").symlink_to(f"{UNIT_FOLDER}/appliance.service")
    (wants / "ssh.service").symlink_to("/usr/lib/systemd/system/ssh.service")
    Installation(tmp_path).uninstall()
    assert list(tree(tmp_path)) and all("ssh" in name or tree(tmp_path)[name] == b"folder"
                                        for name in tree(tmp_path))
    assert os.listdir(wants) == ["ssh.service"]
    assert Installation(tmp_path).uninstall() == []


def test_uninstall_takes_the_tuners_lock_unless_it_is_needed(tmp_path: Path) -> None:
    folder = tmp_path / STATE_FOLDER[1:] / "tune"
    for journal, held, left in (("", False, set()), ("set\n", False, {"journal", "lock", "fixed"}),
                                ("", True, {"lock", "fixed"})):
        install(tmp_path)
        folder.mkdir(exist_ok=True)
        (folder / "journal").unlink(missing_ok=True)
        for name, text in (("journal", journal), ("lock", " "), ("fixed", "boot knob\n")):
            if text:
                (folder / name).write_text(text)
        with (folder / "lock").open() as lock:
            if held:
                fcntl.flock(lock, fcntl.LOCK_EX)
            Installation(tmp_path).uninstall()
        assert (set(os.listdir(folder)) if folder.exists() else set()) == left


def test_the_rights_follow_the_queues(tmp_path: Path) -> None:
    dpdk = '[feed]\nline_a = "dpdk:net_memif0"\n[strategy]\nfile = "my.py:cross"\n'
    packet = '[feed]\nline_a = "host(10.0.0.2/24):afpacket:eth1"\n'
    xdp = '[feed]\nline_a = "afxdp:eth1"\n[orders]\nqueue = "fault(loss=0.1):afxdp:eth2"\n'
    assert rights_for(config()) == []
    assert rights_for(config(dpdk)) == ["dpdk", "jit"]
    assert rights_for(config(packet)) == ["opener"]
    assert rights_for(config(xdp)) == ["opener"]
    assert rights_for(config('[orders]\nqueue = "udp:eth1"\n')) == ["udp"]
    with pytest.raises(RunError, match="auto:eth1 may become any backend"):
        rights_for(config('[orders]\nqueue = "auto:eth1"\n'))
    install(tmp_path, dpdk)
    drop_ins = tmp_path / f"{ENGINE[1:]}.d"
    assert sorted(os.listdir(drop_ins)) == ["10-dpdk.conf", "10-jit.conf"]
    actions = install(tmp_path, packet)
    assert actions[f"{ENGINE}.d/10-dpdk.conf"] == "remove"
    assert os.listdir(drop_ins) == ["10-opener.conf"], "no right of the former queues stays"


def test_the_driver_of_a_card_is_loaded_before_tuning_gives_it_one(tmp_path: Path) -> None:
    drop_in = tmp_path / f"{UNIT_FOLDER[1:]}/appliance-tune.service.d/20-driver.conf"
    install(tmp_path, '[orders]\nqueue = "host(10.0.0.2/24):dpdk:0000:03:00.0"\n')
    assert "After=modprobe@vfio-pci.service" in drop_in.read_text().splitlines()
    install(tmp_path, '[host]\ndevices = ["0000:03:00.0"]\ndevice_driver = "uio_pci_generic"\n')
    assert "Wants=modprobe@uio_pci_generic.service" in drop_in.read_text().splitlines()
    install(tmp_path, '[feed]\nline_a = "dpdk:net_memif0"\n')
    assert not drop_in.exists()


def test_what_an_operator_changed_or_made_is_kept(tmp_path: Path) -> None:
    own = tmp_path / f"{UNIT_FOLDER[1:]}/appliance.slice"
    own.parent.mkdir(parents=True)
    own.write_text("[Slice]\n")
    install(tmp_path)
    changed = tmp_path / ENGINE[1:]
    changed.write_text(changed.read_text() + "# mine\n")
    actions = install(tmp_path, program="/opt/other/appliance")
    assert actions[ENGINE] == actions[f"{UNIT_FOLDER}/appliance.slice"] == "keep"
    rows = {row.path: row for row in Installation(tmp_path).uninstall()}
    assert rows[ENGINE].action == "keep" and "changed" in rows[ENGINE].why
    assert changed.read_text().endswith("# mine\n") and own.read_text() == "[Slice]\n"
    assert not (tmp_path / f"{UNIT_FOLDER[1:]}/appliance.service").exists()


class Interrupted(BaseException):
    """As kill -9: nothing of ours may catch it."""


@contextmanager
def interrupted_at(step: int) -> Iterator[list[int]]:
    """The ``step``-th change to the file system, counted from 1, does not happen any more."""
    taken = [0]
    patch = pytest.MonkeyPatch()

    def wrap(owner: object, name: str) -> None:
        former = getattr(owner, name)

        def limited(*words: object, **more: object) -> object:
            taken[0] += 1
            if taken[0] >= step:
                raise Interrupted
            return former(*words, **more)

        patch.setattr(owner, name, limited)

    for owner, name in ((os, "rename"), (os, "fsync"), (Path, "unlink"), (Path, "mkdir"),
                        (Path, "rmdir")):
        wrap(owner, name)
    try:
        yield taken
    finally:
        patch.undo()


DPDK = '[feed]\nline_a = "dpdk:net_memif0"\n'


def test_an_interrupted_install_is_finished_or_undone_from_any_step(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    install(whole)
    install(whole, DPDK)
    steps = 0
    for step in range(1, 200):
        root = tmp_path / str(step)
        root.mkdir()
        with interrupted_at(step) as taken:
            try:
                install(root)
                install(root, DPDK)
            except Interrupted:
                steps += 1
        if step % 2:
            install(root, DPDK)
            assert tree(root) == tree(whole), step
        Installation(root).uninstall()
        left = [name for name, data in tree(root).items() if data != b"folder"]
        assert not left, (step, left)
        if taken[0] < step:
            break
    assert steps > 50


def test_an_interrupted_uninstall_is_finished_from_any_step(tmp_path: Path) -> None:
    for step in range(1, 200):
        root = tmp_path / str(step)
        root.mkdir()
        install(root)
        with interrupted_at(step) as taken, suppress(Interrupted):
            Installation(root).uninstall()
        Installation(root).uninstall()
        assert not [name for name, data in tree(root).items() if data != b"folder"], step
        if taken[0] < step:
            return
    raise AssertionError("more steps than files")


def test_dry_runs_change_nothing_and_say_what_would_be(tmp_path: Path) -> None:
    words = ("--root", str(tmp_path), "--json")
    done = appliance("install", "--program", PROGRAM, "--dry-run", *words)
    said = json.loads(done.stdout)
    assert done.returncode == 0 and tree(tmp_path) == {}
    assert {row["action"] for row in said["actions"]} == {"write"}
    (tmp_path / "etc").mkdir()
    done = appliance("install", "--program", PROGRAM, *words)
    assert [row["path"] for row in json.loads(done.stdout)["actions"]] == [
        row["path"] for row in said["actions"]]
    before = tree(tmp_path)
    said = json.loads(appliance("uninstall", "--dry-run", *words).stdout)
    assert tree(tmp_path) == before
    assert {row["action"] for row in said["actions"]} == {"remove"}
    assert appliance("uninstall", *words).returncode == 0
    assert appliance("uninstall", *words).returncode == 0, "nothing is installed, and that is fine"
    assert not [name for name in tree(tmp_path) if "tickpath" in name or "systemd" in name]


def test_the_configuration_is_the_operators(tmp_path: Path) -> None:
    words = ("install", "--program", PROGRAM, "--root", str(tmp_path))
    (tmp_path / "etc").mkdir()
    mine = tmp_path / "mine.toml"
    mine.write_text("[engine]\ncore = 1\n")
    appliance(*words, "-c", str(mine))
    there = tmp_path / CONFIG[1:]
    assert there.read_text() == mine.read_text()
    appliance(*words)
    assert there.read_text() == mine.read_text(), "without -c it stays"
    mine.write_text("[engine]\ncore = 0\n")
    appliance(*words, "-c", str(mine))
    assert there.read_text() == mine.read_text()
    there.write_text("[engine]\ncore = -1\n")
    done = appliance(*words, "-c", str(mine))
    assert done.returncode == 2 and "changed by somebody" in done.stderr
    mine.write_text("[engine]\ncorr = 0\n")
    done = appliance(*words, "-c", str(mine))
    assert done.returncode == 2 and "did you mean 'core'" in done.stderr


def test_two_at_once_and_a_damaged_manifest(tmp_path: Path) -> None:
    first, second = Installation(tmp_path), Installation(tmp_path)
    with first._locked(), pytest.raises(RunError, match="another install"):
        second.install([])
    install(tmp_path)
    (tmp_path / MANIFEST[1:]).write_text("{")
    with pytest.raises(RunError, match="damaged"):
        install(tmp_path)


def test_a_program_that_the_units_cannot_see(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is hidden from them"):
        system.check_reachable(Path("/home", "me", "bin", "appliance"))


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming nobody takes root")
def test_without_root_it_is_one_sentence() -> None:
    program = ("import os, sys; sys.argv = ['appliance', 'install']\n"
               "from appliance.cli import entry\n"
               # Imported while we may still read it; then the refusal is install's own.
               "import appliance.host.cli_install\n"
               "os.setuid(65534); entry()")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "takes root" in done.stderr


@pytest.mark.parametrize("program", ["/opt/a b/x", "/opt/%h/x", "/opt/x\nUser=root", "/opt/$A/x",
                                     "/opt/\\x", "/opt/'x", "/"])
def test_a_path_that_a_unit_would_read_otherwise_is_refused(program: str) -> None:
    with pytest.raises(RunError, match=r"cannot stand in a unit|is a folder"):
        system.check_program(Path(program))
    system.check_program(Path("/opt/tick-path_1.0+x@y/bin/appliance"))


def test_the_group_that_looks_at_figures_gets_no_device() -> None:
    """Who may open a card's group of VFIO may have it write anywhere in its memory."""
    rules = (units() / "60-tickpath.rules").read_text()
    given = [line for line in rules.splitlines() if line and not line.startswith("#")]
    assert len(given) == 2
    assert all('OWNER="tickpath", MODE="0600"' in line and "GROUP" not in line for line in given)


@pytest.mark.parametrize("verb", ["install", "uninstall"])
def test_the_root_is_one_that_is_there(verb: str, tmp_path: Path) -> None:
    for root in ("", str(tmp_path / "none"), __file__):
        done = appliance(verb, "--root", root, "--dry-run")
        assert done.returncode == 2 and "is not a folder" in done.stderr
    assert cli_install._top("//") == cli_install._top(f"{tmp_path}/{'../' * 20}") == Path("/")


def test_a_link_out_of_the_root_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "usr/local").mkdir(parents=True)
    outside.mkdir()
    (root / "etc").symlink_to(outside)
    with pytest.raises(RunError, match=r"leads to .*outside/tickpath, out of"):
        install(root)
    assert not list(outside.iterdir()) and set(tree(root)) == {"usr", "usr/local", "etc"}
    (root / "etc").unlink()
    (root / "private").mkdir()
    (root / "etc").symlink_to("private")
    install(root)
    assert (root / "private/tickpath/appliance.toml").exists(), "within the root it may lead"


def test_a_service_manager_that_does_not_answer_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(system, "COMMAND_TIMEOUT_S", 0.05)
    with pytest.raises(RunError, match=r"`sleep 5` did not end within 0.05 s; .*list-jobs"):
        system._run("sleep", "5")
