"""The host scripts on a tree of files: what they do, cut short anywhere, and what they leave."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from script_rig import (
    APPLIES,
    CARD,
    JOURNAL,
    SCRIPTS,
    SHELLS,
    SWAPPINESS,
    Rig,
    make_rig,
    undo_all,
)

from appliance.host.host import STATE_FOLDER
from appliance.host.journal import Journal, read_journal

# What each of them leaves, besides the journal.
LEFT = {
    "setup_hugepages.sh": {f"/sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/"
                           f"nr_hugepages": "512" for node in (0, 1)},
    "irq_affinity.sh": {"/proc/irq/default_smp_affinity": "3",
                        **{f"/proc/irq/{irq}/smp_affinity_list": "0-1" for irq in (24, 25)}},
    "cpu_governor.sh": {f"/sys/devices/system/cpu/cpufreq/policy{core}/scaling_governor":
                        "performance" for core in (1, 2, 3)},
    "bind_nic.sh": {f"/sys/bus/pci/devices/{CARD}/driver_override": "vfio-pci"},
}
each_script = pytest.mark.parametrize("script", APPLIES)


# ---- what they do --------------------------------------------------------------------------------


@each_script
def test_a_script_sets_what_it_says_and_undoes_it(rig: Rig, script: str) -> None:
    before = rig.tree()
    applied = rig.run(script, "apply", *APPLIES[script])
    assert (applied.returncode, applied.stderr) == (0, "")
    after = rig.tree()
    changed = {name: rig.read(name) for name in LEFT[script]}
    assert changed == LEFT[script]
    links = {name for name in before.keys() | after.keys() if "/drivers/" in name
             or name.endswith("/driver")}
    assert {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)} - links == (
        set(LEFT[script]))
    again = rig.run(script, "apply", *APPLIES[script])
    assert again.returncode == 0 and again.stdout.endswith("0 set, 0 not\n")
    assert rig.tree() == after
    status = rig.run(script, "status")
    standing = len(read_journal(rig.host()).standing)
    assert status.stdout.endswith(f"{standing} set by tune; undo restores them\n")
    undone = rig.run(script, "undo")
    assert (undone.returncode, undone.stderr) == (0, "")
    assert rig.tree() == before
    assert not rig.path(JOURNAL).exists()


def test_a_card_goes_to_vfio_and_comes_back(rig: Rig) -> None:
    assert rig.run("bind_nic.sh", "apply", "eth1").returncode == 0
    link = rig.path(f"/sys/bus/pci/devices/{CARD}/driver")
    assert os.readlink(link) == "../../drivers/vfio-pci"
    assert f"{CARD}: driver vfio-pci, IOMMU group 7" in rig.run("bind_nic.sh", "status").stdout
    assert rig.run("bind_nic.sh", "undo").returncode == 0
    assert os.readlink(link) == "../../drivers/igb"


def test_a_probe_that_fails_leaves_the_card_where_it_was(rig: Rig) -> None:
    rig.write("/probe_fails", "vfio-pci")
    before = rig.tree()
    done = rig.run("bind_nic.sh", "apply", CARD)
    assert done.returncode == 1
    assert done.stderr == (f"bind_nic.sh: vfio-pci did not take {CARD}, which is with igb as "
                           f"before; the reason is in `dmesg | grep {CARD}`\n")
    assert rig.tree() == before and not rig.path(JOURNAL).exists()


def test_an_interrupt_that_the_kernel_keeps_stops_nothing(rig: Rig) -> None:
    done = rig.run("irq_affinity.sh", "apply", "--cores", "2-3")
    assert "not here  /proc/irq/0/smp_affinity_list: the kernel keeps this" in done.stdout
    assert done.returncode == 0
    assert rig.read(f"{STATE_FOLDER}/fixed") == "6f9d-1 /proc/irq/0/smp_affinity_list"
    assert "irq/0/" not in rig.run("irq_affinity.sh", "apply", "--cores", "2-3").stdout


def test_interrupts_go_to_no_other_loop(rig: Rig) -> None:
    rig.write("/sys/devices/system/cpu/isolated", "1-3")
    assert rig.run("irq_affinity.sh", "apply", "--cores", "2-3").returncode == 0
    assert rig.read("/proc/irq/25/smp_affinity_list") == "0"


def test_undo_is_of_ones_own_stage(rig: Rig) -> None:
    before = rig.tree()
    for script, words in APPLIES.items():
        assert rig.run(script, "apply", *words).returncode == 0
    for script in APPLIES:
        assert rig.run(script, "undo").returncode == 0
        assert all(rig.tree()[name] == before[name] for name in LEFT[script])
    assert rig.tree() == before and not rig.path(JOURNAL).exists()


def test_what_somebody_changed_since_is_left_unless_forced(rig: Rig) -> None:
    target = "/sys/devices/system/cpu/cpufreq/policy2/scaling_governor"
    rig.run("cpu_governor.sh", "apply", "performance", "--cores", "2")
    rig.write(target, "ondemand")
    left = rig.run("cpu_governor.sh", "undo")
    assert left.returncode == 1 and "give --force to restore powersave" in left.stderr
    assert rig.read(target) == "ondemand" and rig.path(JOURNAL).exists()
    assert rig.run("cpu_governor.sh", "undo", "--force").returncode == 0
    assert rig.read(target) == "powersave" and not rig.path(JOURNAL).exists()


@pytest.mark.parametrize(("moved", "runs", "left"), [
    ("1", True, False), ("1", False, True), ("2", True, True),
])  # fmt: skip
def test_what_irqbalance_moved_since_is_no_operators(
        rig: Rig, moved: str, runs: bool, left: bool) -> None:
    target = "/proc/irq/24/smp_affinity_list"
    rig.run("irq_affinity.sh", "apply", "--cores", "2-3")
    rig.write(target, moved)
    if runs:
        rig.path("/proc/77").mkdir()
        rig.path("/proc/77/comm").write_text("irqbalance\n")
    done = rig.run("irq_affinity.sh", "undo")
    assert done.returncode == int(left)
    assert rig.read(target) == (moved if left else "0-3")


@pytest.mark.parametrize(("now", "left"), [("300", False), ("700", True)])
def test_pages_that_were_in_use_are_given_back_later(rig: Rig, now: str, left: bool) -> None:
    target = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"
    former = rig.read(target)
    rig.run("setup_hugepages.sh", "apply", "--size", "2M", "--count", "512")
    rig.write(target, now)
    assert rig.run("setup_hugepages.sh", "undo").returncode == int(left)
    assert rig.read(target) == (now if left else former)


def test_a_reboot_has_undone_it(rig: Rig) -> None:
    rig.run("cpu_governor.sh", "apply", "performance", "--cores", "2")
    rig.write("/proc/sys/kernel/random/boot_id", "6f9d-2")
    done = rig.run("cpu_governor.sh", "undo")
    assert done.returncode == 0 and "gone" in done.stdout
    assert not rig.path(JOURNAL).exists()


def test_a_value_of_this_boot_is_restored_beside_one_of_the_last(rig: Rig) -> None:
    target = "/sys/devices/system/cpu/cpufreq/policy2/scaling_governor"
    apply = ("cpu_governor.sh", "apply", "performance", "--cores", "2")
    rig.run(*apply)
    rig.write("/proc/sys/kernel/random/boot_id", "6f9d-2")
    rig.write(target, "ondemand")  # as this boot found it
    rig.run(*apply)
    done = rig.run("cpu_governor.sh", "undo")
    assert done.returncode == 0 and "gone" in done.stdout
    assert rig.read(target) == "ondemand" and not rig.path(JOURNAL).exists()


def test_what_is_gone_is_struck_out_with_the_last(rig: Rig) -> None:
    """Until nothing else stands, something may bring it back."""
    targets = [f"/sys/devices/system/cpu/cpufreq/policy{core}/scaling_governor" for core in (1, 2)]
    rig.run("cpu_governor.sh", "apply", "performance", "--cores", "1-2")
    rig.write(targets[0], "ondemand")
    rig.path(targets[1]).unlink()
    done = rig.run("cpu_governor.sh", "undo")
    assert done.returncode == 1 and f"gone      {targets[1]}: this kernel has no" in done.stdout
    assert [r.target for r in read_journal(rig.host()).standing] == targets
    rig.write(targets[1], "performance")
    assert rig.run("cpu_governor.sh", "undo", "--force").returncode == 0
    assert [rig.read(target) for target in targets] == ["powersave", "powersave"]
    assert not rig.path(JOURNAL).exists()


# ---- cut short -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("shell", "script"), [
    *((SHELLS[0], script) for script in APPLIES), *((shell, "bind_nic.sh") for shell in SHELLS[1:])
])
def test_a_kill_at_any_step_is_undone(tmp_path: Path, shell: list[str], script: str) -> None:
    rig = make_rig(tmp_path, shell)
    before = rig.tree()
    for verb, words in (("apply", APPLIES[script]), ("undo", [])):
        step, killed = 0, 0
        while True:
            step += 1
            if verb == "undo":
                assert rig.run(script, "apply", *APPLIES[script]).returncode == 0
            done = rig.run(script, verb, *words, kill_at=step)
            if done.returncode == 0:
                break
            assert done.returncode == -9, done.stderr
            killed += 1
            if step % 2:
                undo_all(rig)
            else:
                again = rig.run(script, "undo", "--wait", "5")
                assert again.returncode == 0, again.stderr
            assert rig.tree() == before, f"{verb} killed at step {step}"
            assert not rig.path(JOURNAL).exists()
        assert killed == rig.steps > 8
        undo_all(rig)


@each_script
def test_what_is_begun_is_ended_whoever_listens(rig: Rig, script: str) -> None:
    """The reader of a pipe has left, or the line is cut."""
    assert rig.run(script, "apply", *APPLIES[script]).returncode == 0
    wanted = rig.tree()
    assert rig.run(script, "undo").returncode == 0
    reader, writer = os.pipe()
    os.close(reader)
    command = [*rig.shell, str(SCRIPTS / script), "apply", *APPLIES[script]]
    done = subprocess.run(command, env=rig.environment(), stdout=writer, stderr=subprocess.PIPE,
                          timeout=60, restore_signals=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"") and rig.tree() == wanted
    assert not read_journal(rig.host()).half_applied
    undo_all(rig)
    hang_up = rig.bin / "hang_up.sh"
    text = (SCRIPTS / script).read_text().replace('"$(dirname "$0")/', f'"{SCRIPTS}/')
    hang_up.write_text(text.replace("    begin $STAGE\n", "    begin $STAGE\n    kill -HUP $$\n"))
    assert rig.run(hang_up, "apply", *APPLIES[script]).returncode == 0
    assert rig.tree() == wanted


def test_a_script_does_not_end_the_plan_of_another_that_was_cut_short(one_rig: Rig) -> None:
    with Journal(one_rig.host()) as journal:
        journal.begin(["swappiness"])
    words = ("apply", "performance", "--cores", "1")
    assert one_rig.run("cpu_governor.sh", *words).returncode == 0
    assert read_journal(one_rig.host()).half_applied
    assert one_rig.run("cpu_governor.sh", "undo").returncode == 0
    assert not one_rig.path(JOURNAL).exists(), "all is undone"


def test_a_line_cut_short_anywhere_was_never_acted_on(one_rig: Rig) -> None:
    before = one_rig.tree()
    with Journal(one_rig.host()) as journal:
        journal.begin(["swappiness"])
        journal.set("swappiness", "value", SWAPPINESS, "60", "0")
    whole = one_rig.path(JOURNAL).read_bytes()
    last = whole.index(b"set")
    for size in (*range(0, last, 4), *range(last, len(whole) + 1)):
        one_rig.path(JOURNAL).write_bytes(whole[:size])
        done = one_rig.run("cpu_governor.sh", "apply", "performance", "--cores", "1")
        assert done.returncode == 0, done.stderr
        read_journal(one_rig.host())
        undo_all(one_rig)
        assert one_rig.tree() == before


# ---- nothing is written that should not be -------------------------------------------------------


@each_script
def test_dry_runs_and_status_write_nothing(rig: Rig, script: str) -> None:
    before = rig.tree(journal=True)
    dry = rig.run(script, "apply", *APPLIES[script], "--dry-run")
    assert dry.returncode == 0 and "would set" in dry.stdout
    assert rig.run(script, "status").returncode == 0
    assert rig.run(script, "undo").returncode == 0
    assert rig.tree(journal=True) == before
    assert not rig.path("/var").exists()
    assert rig.run(script, "apply", *APPLIES[script]).returncode == 0
    after = rig.tree(journal=True)
    dry = rig.run(script, "undo", "--dry-run")
    assert dry.returncode == 0 and "would restore" in dry.stdout
    assert rig.tree(journal=True) == after
    done = rig.run(script, "--help")
    assert done.returncode == 0 and done.stdout.startswith(f"usage: {script} status | apply")


WRITING = re.compile(r'\b(?:openat|open|creat|unlink\w*|rename\w*|mkdir\w*|truncate)\((?:[^"]*)'
                     r'"([^"]*)"(?:, "([^"]*)")?(.*)')


OPENED = re.compile("O_WRONLY|O_RDWR|O_CREAT")


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@each_script
def test_the_kernel_saw_no_other_write(one_rig: Rig, tmp_path: Path, script: str) -> None:
    """By strace, with the real dd, sync and mv, so on a tree that is no kernel."""
    trace = tmp_path / "trace"
    seen = set[str]()
    one_rig.path(STATE_FOLDER).mkdir(parents=True)
    for verb, words in (("apply", APPLIES[script]), ("undo", [])):
        one_rig.run(script, verb, *words, prefix=(
            "strace", "-f", "-qq", "-s", "300", "-o", str(trace),
            "-e", "trace=openat,open,creat,unlink,unlinkat,rename,renameat,renameat2,mkdir,"
            "mkdirat,truncate"), PATH=os.environ["PATH"])
        written = set()
        for line in trace.read_text().split("\n"):
            match = WRITING.search(line)
            opens = "open" in line.split("(")[0]
            if match and " = -1 " not in line and (not opens or OPENED.search(match[3])):
                written.add(match[1])
        seen |= written
        root = str(one_rig.root)
        allowed = re.compile(
            rf"/dev/(null|tty)|{root}/var|{root}/var/lib|{root}/var/lib/tickpath(/.*)?"
            rf"|{root}/(proc/irq|sys)/.*")
        assert not {name for name in written if not allowed.fullmatch(name)}
    assert f"{one_rig.root}{JOURNAL}" in seen
