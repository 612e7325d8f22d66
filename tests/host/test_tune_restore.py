"""Undo restores every byte: after any order of apply and undo, and after a death at any write."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import patch

import pytest
from fake_kernel import FakeHost, build, snapshot
from tune_rig import Mortal, applied, journal, undone, wish

from appliance.host.journal import read_journal
from appliance.host.stages import STAGES
from appliance.host.tuner import apply, plan, undo

ORDERS = 1000
HERE = Path(__file__).parent


@pytest.fixture
def root(tmp_path: Path) -> Path:
    build(tmp_path)
    return tmp_path


def test_apply_sets_everything_and_undo_restores_it(root: Path) -> None:
    before = snapshot(root)
    done = applied(root)
    assert sum(each.outcome == "set" for each in done) > 35
    assert {each.outcome for each in done} <= {"set", "kept"}
    host = FakeHost(root)
    left = [row for _, row in plan(host, wish(host)) if row.verdict == "change"]
    assert not left
    assert snapshot(root) != before
    assert {each.outcome for each in applied(root)} == {"kept"}, "a second apply changes nothing"
    assert {each.outcome for each in undone(root)} == {"restored"}
    assert snapshot(root) == before
    assert not journal(root).exists()


def test_any_order_of_apply_and_undo_restores_every_byte(root: Path) -> None:
    seed = int(os.environ.get("TICKPATH_SEED", time.time_ns() % 1_000_000_000))
    print(f"seed {seed}")
    chance = random.Random(seed)
    before = snapshot(root)
    names = [stage.name for stage in STAGES]
    with patch("os.fsync"):
        for order in range(ORDERS):
            for _ in range(chance.randint(1, 4)):
                some = chance.sample(names, chance.randint(1, 4))
                if chance.random() < 0.7:
                    applied(root, *some, cores=chance.choice(("2", "3", "2-3", "5")))
                else:
                    undone(root, *some)
            undone(root)
            assert not journal(root).exists(), f"seed {seed}, order {order}"
            # With no journal left, nothing mends a wrong byte later: what one left, the next keeps.
            if chance.random() < 0.05 or order == ORDERS - 1:
                assert snapshot(root) == before, f"seed {seed}, order {order}"


@pytest.mark.parametrize("torn", [False, True], ids=["between", "within a line"])
def test_a_death_at_any_write_of_apply_is_undone(root: Path, torn: bool) -> None:
    before = snapshot(root)
    deaths, mortal = 0, Mortal(0)
    while mortal.dead or not deaths:
        mortal = Mortal(deaths + 1, torn)
        host = FakeHost(root, before_write=mortal.step)
        wanted = wish(host)
        with mortal.life():
            apply(host, wanted, lambda done: None)
        deaths += mortal.dead
        with patch("os.fsync"):
            assert "left" not in {each.outcome for each in undone(root)}
        assert snapshot(root) == before, f"death at write {deaths}"
        assert not journal(root).exists(), f"death at write {deaths}"
    assert deaths > 100


def test_a_death_at_any_write_of_undo_is_finished_by_the_next(root: Path) -> None:
    before = snapshot(root)
    deaths, mortal = 0, Mortal(0)
    while mortal.dead or not deaths:
        with patch("os.fsync"):
            applied(root)
        mortal = Mortal(deaths + 1)
        with mortal.life():
            undo(FakeHost(root, before_write=mortal.step), lambda done: None)
        deaths += mortal.dead
        with patch("os.fsync"):
            undone(root)
        assert snapshot(root) == before, f"death at write {deaths}"
        assert not journal(root).exists(), f"death at write {deaths}"
    assert deaths > 80


def test_a_plan_that_was_cut_short_is_finished_by_the_next_apply(root: Path) -> None:
    before = snapshot(root)
    for at in range(20, 120, 10):
        mortal = Mortal(at)
        host = FakeHost(root, before_write=mortal.step)
        wanted = wish(host)
        with mortal.life():
            apply(host, wanted, lambda done: None)
        assert mortal.dead and read_journal(FakeHost(root)).half_applied
        applied(root)
        assert not read_journal(FakeHost(root)).half_applied
        assert not [row for _, row in plan(host, wanted) if row.verdict == "change"]
        undone(root)
        assert snapshot(root) == before, f"death at write {at}"


def test_a_plan_of_less_does_not_end_one_of_more_that_was_cut_short(root: Path) -> None:
    mortal = Mortal(25)
    host = FakeHost(root, before_write=mortal.step)
    wanted = wish(host)
    with mortal.life():
        apply(host, wanted, lambda done: None, ["thp.enabled", "huge_pages"])
    for less, left in (("ksm", {"thp.enabled", "huge_pages"}), ("thp", {"huge_pages"}),
                       ("huge_pages.2mib", {"huge_pages"}), ("huge_pages", set())):
        applied(root, less)
        assert read_journal(FakeHost(root)).begun == left
    for each in ("ksm", "thp", "huge_pages"):
        undone(root, each)
    assert not journal(root).exists()


class Disk:
    """What a power cut would leave: of a file as much, of a folder the names, as were synced."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.folders: dict[str, set[str]] = {}

    def fsync(self, handle: int) -> None:
        name = os.readlink(f"/proc/self/fd/{handle}")
        if os.path.isdir(name):
            self.folders[name] = set(os.listdir(name))
        else:
            self.files[name] = Path(name).read_bytes()


class Watched(FakeHost):
    """Lets nothing be written whose former value a power cut would lose."""

    disk: Disk
    writes = 0

    def write(self, name: str, text: str) -> None:
        path = journal(self.root)
        lines = self.disk.files.get(str(path), b"").decode().split("\n")
        target = lines[-2].split("\t")[4] if lines[-2].startswith("set\t") else "nothing"
        assert name.startswith(target), f"{name} is written, and on disk is {lines[-2:]}"
        folder = path.parent
        while folder != self.root:
            assert path.name in self.disk.folders[str(folder)]
            path, folder = folder, folder.parent
        assert path.name in self.disk.folders[str(folder)]
        super().write(name, text)
        self.writes += 1


def test_a_former_value_is_on_disk_before_its_write(root: Path) -> None:
    host, disk = Watched(root), Disk()
    host.disk, limits = disk, root / "etc/security/limits.d"
    with patch("os.fsync", disk.fsync):
        apply(host, wish(host), lambda done: None)
        assert host.writes > 35
        assert "tickpath.conf" in disk.folders[str(limits)]
        undo(FakeHost(root), lambda done: None)
        assert "tickpath.conf" not in disk.folders[str(limits)]


CHILD = """
import os, signal, sys
from pathlib import Path
from tune_rig import FakeHost, wish
from appliance.host.tuner import apply, undo
def step():
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
left = [int(sys.argv[3])]
host = FakeHost(Path(sys.argv[1]), before_write=step)
if sys.argv[2] == "apply":
    apply(host, wish(host), lambda done: None)
else:
    undo(host, lambda done: None)
"""


@pytest.mark.parametrize(("verb", "at"), [("apply", 1), ("apply", 17), ("apply", 40), ("undo", 20)])
def test_kill_9_is_undone(root: Path, verb: str, at: int) -> None:
    before = snapshot(root)
    if verb == "undo":
        applied(root)
    paths = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    child = subprocess.run([sys.executable, "-c", CHILD, str(root), verb, str(at)], timeout=60,
                           env={**os.environ, "PYTHONPATH": paths})
    assert child.returncode == -signal.SIGKILL
    undone(root)
    assert snapshot(root) == before
    assert not journal(root).exists()
