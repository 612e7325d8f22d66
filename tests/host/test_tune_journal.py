"""The journal of former values: reboots, two tuners, crashes within a line, damage, full disks."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_kernel import BOOT_ID, FakeHost, build, files, snapshot
from tune_rig import EVERYTHING, applied, journal, undone, wish

from appliance.host.host import HostError
from appliance.host.journal import escape, read_journal, unescape
from appliance.host.kinds import ABSENT
from appliance.host.tuner import apply

PAGES = "sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(
    [str(Path(__file__).parent), str(Path(__file__).parents[2])])}
LIMITS = "etc/security/limits.d/tickpath.conf"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    build(tmp_path)
    return tmp_path


def reboot(root: Path) -> None:
    """Another boot: /sys and /proc are as the kernel makes them, /etc is what it was."""
    for name, text in files().items():
        if not name.startswith("/etc"):
            (root / name[1:]).parent.mkdir(parents=True, exist_ok=True)
            (root / name[1:]).write_text(text + "\n")
    for name in ("cpuset.cpus.partition", "cpuset.cpus", "cgroup.procs"):
        (root / "sys/fs/cgroup/tickpath" / name).unlink()
    (root / "sys/fs/cgroup/tickpath").rmdir()
    (root / "proc/sys/kernel/random/boot_id").write_text("another\n")


def test_a_reboot_has_undone_all_but_files(root: Path) -> None:
    before = snapshot(root)
    applied(root)
    assert (root / LIMITS).exists()
    reboot(root)
    outcomes = {each.target: each.outcome for each in undone(root)}
    assert outcomes.pop(f"/{LIMITS}") == "restored"
    assert set(outcomes.values()) == {"gone"}
    (root / "proc/sys/kernel/random/boot_id").write_text(BOOT_ID + "\n")
    assert snapshot(root) == before
    assert not journal(root).exists()


def test_records_of_two_boots_stand_side_by_side(root: Path) -> None:
    before = snapshot(root)
    applied(root)
    reboot(root)
    after_boot = snapshot(root)
    applied(root)
    boots = {record.boot_id for record in read_journal(FakeHost(root)).standing}
    assert boots == {BOOT_ID, "another"}
    undone(root)
    (root / "proc/sys/kernel/random/boot_id").write_text(BOOT_ID + "\n")
    assert snapshot(root) == before
    assert after_boot != before


def test_the_second_tuner_leaves_with_a_sentence_or_waits(root: Path) -> None:
    applied(root, "swappiness")
    lock = os.open(journal(root).with_name("lock"), os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    before = snapshot(root)
    command = [sys.executable, "-m", "appliance.cli", "tune", "apply", "--root", str(root),
               "--core", "3", "--only", "ksm"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert "another tuner" in refused.stderr and "--wait" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert snapshot(root) == before
    timer = threading.Timer(0.3, lambda: os.close(lock))
    timer.start()
    waited = subprocess.run([*command, "--wait", "30"], capture_output=True, timeout=60)
    timer.join()
    assert waited.returncode == 0
    assert (root / "sys/kernel/mm/ksm/run").read_text() == "0\n"


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_torn_last_line_is_dropped(root: Path, cut: int) -> None:
    """Only a line that was never acted on can be torn: its write comes after the fsync."""
    before = snapshot(root)
    applied(root)
    with open(journal(root), "ab") as file:
        file.write(b"set\t99\tswappiness\tvalue\t/proc/sys/vm/swappiness\t1\t2"[:-cut])
    assert {each.outcome for each in undone(root)} == {"restored"}
    assert snapshot(root) == before


def damage(find: bytes, replace: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data.replace(find, replace, 1)


@pytest.mark.parametrize("harm", [
    damage(b"tickpath-tune\t1", b"tickpath-tune\t2"), damage(b"\nset\t1\t", b"\nset\tone\t"),
    damage(b"\ngot\t2\t", b"\ngot\t777\t"), damage(b"\nend\t", b"\nfin\t"),
    damage(b"\nset\t3\t", b"\nset\t3\textra\t"), damage(b"\tvalue\t", b"\t\\q\t"),
    lambda data: bytes(reversed(data)) + b"\n", lambda data: b"\xff\x00\n" + data,
    lambda data: data[40:],
])  # fmt: skip
def test_a_damaged_journal_changes_nothing(root: Path, harm: Callable[[bytes], bytes]) -> None:
    applied(root)
    data = journal(root).read_bytes()
    journal(root).write_bytes(harm(data))
    assert journal(root).read_bytes() != data
    before = snapshot(root)
    for tune in (applied, undone):
        with pytest.raises(HostError, match=r"damaged at line [0-9]+ .*nothing was changed"):
            tune(root)
    assert snapshot(root) == before
    assert journal(root).read_bytes() == harm(data), "the evidence stays as it is"


def test_a_kind_that_nobody_knows_is_left_standing(root: Path) -> None:
    before = snapshot(root)
    applied(root, "swappiness", "ksm")
    data = journal(root).read_bytes()
    journal(root).write_bytes(data.replace(b"\tvalue\t", b"\tfuture\t", 1))
    outcomes = {each.stage: each for each in undone(root)}
    assert outcomes["ksm"].outcome == "refused"
    assert "'future', which this version does not know" in outcomes["ksm"].reason
    assert outcomes["swappiness"].outcome == "restored", "it ends nothing else"
    data = journal(root).read_bytes()
    journal(root).write_bytes(data.replace(b"\tfuture\t", b"\tvalue\t"))
    assert {each.outcome for each in undone(root)} == {"restored"}
    assert snapshot(root) == before


def limited(room: int) -> Callable[[], None]:
    """RLIMIT_FSIZE is the disk: files grow no further than ``room`` bytes."""
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    return limit


def test_a_disk_without_room_is_told_in_one_sentence(root: Path) -> None:
    before = snapshot(root)
    child = subprocess.run(
        [sys.executable, "-m", "appliance.cli", "tune", "apply", "--root", str(root), "--core",
         "2-3"], capture_output=True, text=True, timeout=60, preexec_fn=limited(0))
    assert child.returncode == 2
    assert child.stderr.count("\n") == 1 and "nothing is changed without a journal" in child.stderr
    assert snapshot(root) == before


CHILD = """
import sys
from pathlib import Path
from tune_rig import applied
from appliance.host.host import HostError
try:
    applied(Path(sys.argv[1]))
except HostError as error:
    print(error)
    sys.exit(2)
"""


@pytest.mark.parametrize("room", [20, 60, 130, 400, 900, 2000])
def test_a_disk_that_fills_stops_before_the_next_write(root: Path, room: int) -> None:
    before = snapshot(root)
    child = subprocess.run([sys.executable, "-c", CHILD, str(root)], capture_output=True, text=True,
                           timeout=60, preexec_fn=limited(room), env=ENVIRONMENT)
    assert child.returncode == 2, child.stderr
    assert "free some space: nothing more is changed" in child.stdout
    records = len(read_journal(FakeHost(root)).standing)
    assert (records == 0) == (room <= 400), "what is begun takes 400 bytes, a record 100"
    if not records:
        assert snapshot(root) == before
    undone(root)
    assert snapshot(root) == before and not journal(root).exists()


@pytest.mark.parametrize("word", ["", "a\tb", "a\nb", "\\", "\\t", "\\!", "\\-", ABSENT, "é\udcff"])
def test_words_survive_the_journal(word: str) -> None:
    assert unescape(escape(word)) == word
    assert not set(escape(word)) & set("\t\n") and escape(word)


def test_a_value_somebody_changed_since_is_left_unless_forced(root: Path) -> None:
    before = snapshot(root)
    applied(root)
    (root / PAGES).write_text("600\n")
    outcomes = {each.target: each for each in undone(root)}
    assert outcomes[f"/{PAGES}"].outcome == "left"
    assert "--force" in outcomes[f"/{PAGES}"].reason
    assert (root / PAGES).read_text() == "600\n"
    assert len(read_journal(FakeHost(root)).standing) == 1
    assert [each.outcome for each in undone(root)] == ["left"]
    assert [each.outcome for each in undone(root, force=True)] == ["restored"]
    assert snapshot(root) == before and not journal(root).exists()


def test_what_a_refused_write_made_of_a_value_is_undone(root: Path) -> None:
    """Of 1,000 pages the fake kernel has 800: refused, and changed all the same."""
    before, host = snapshot(root), FakeHost(root)
    text = EVERYTHING + "huge_pages_2mib = 1000\n"
    done = apply(host, wish(host, text), lambda done: None, ["huge_pages.2mib"])
    assert {each.outcome for each in done} == {"refused"} and snapshot(root) != before
    assert {each.outcome for each in undone(root)} == {"restored"}
    assert snapshot(root) == before


def test_what_nobody_had_time_to_read_back_is_undone(root: Path) -> None:
    """The kernel made 7 of what was written, and the tuner died before it saw that."""
    before = snapshot(root)
    applied(root, "swappiness")
    data = journal(root).read_bytes()
    journal(root).write_bytes(data[: data.index(b"got\t")])
    (root / "proc/sys/vm/swappiness").write_text("7\n")
    assert [each.outcome for each in undone(root)] == ["restored"]
    assert snapshot(root) == before


def test_undo_restores_what_was_before_the_first_of_several_applies(root: Path) -> None:
    before = snapshot(root)
    for cores in ("2", "3", "5", "2-3"):
        applied(root, cores=cores)
    undone(root)
    assert snapshot(root) == before
