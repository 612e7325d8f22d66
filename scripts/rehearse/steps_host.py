"""The steps about the host: boot, installation, doctor, tuning and its undoing, VFIO."""

from __future__ import annotations

import json
import re
from pathlib import Path

from image import USER, VENV
from machine import BOOT_HUGE_PAGES, ENGINE_CORE, WIRES, address
from stage import APPLIANCE, Stage
from trade import appliance_toml
from wheels import byte_code

HERE = Path(__file__).resolve().parent
TUNE_TOML = "/etc/tickpath/rehearsal.toml"
SNAPSHOT = "/usr/local/lib/rehearsal-snapshot.py"
JOURNAL = "/var/lib/tickpath/tune/journal"
SITE_PACKAGES = f"{VENV}/lib/python3.11/site-packages"
DOCTOR_STATUSES = {"ok", "warn", "fail", "absent"}
DOCTOR_KEYS = {"id", "status", "severity", "measured", "expected", "why", "fix"}
DOCTOR_CHECKS_MIN = 60
TUNE_TIMEOUT_S = 300.0
NVME_TIMEOUT_S = 60.0


# ---- boot and installation -----------------------------------------------------------------------


def boot(stage: Stage) -> None:
    stage.machine.await_boot()
    stage.must("systemctl is-system-running --wait", statuses=(0, 1))
    failed = stage.must("systemctl list-units --failed --plain --no-legend").stdout.strip()
    stage.check(not failed, f"no unit has failed ({failed or 'none'})")
    line = stage.must("cat /proc/cmdline").stdout
    stage.check(f"isolcpus={ENGINE_CORE}" in line, f"the kernel was told to isolate {ENGINE_CORE}")
    isolated = stage.read("/sys/devices/system/cpu/isolated").strip()
    stage.check(isolated == str(ENGINE_CORE), f"core {isolated or 'none'} is isolated")
    pages = stage.read("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages").strip()
    stage.check(pages == str(BOOT_HUGE_PAGES), f"{pages} huge pages were set aside at boot")
    groups = stage.must("ls /sys/kernel/iommu_groups | wc -l").stdout.strip()
    stage.check(int(groups) > 0, f"the IOMMU has {groups} groups")
    # Nothing is mounted from it, so that no unit waits until the kernel has found it.
    waited = stage.until("the NVMe disk", lambda: stage.run("test -b /dev/nvme0n1").status == 0,
                         NVME_TIMEOUT_S)
    stage.check(True, f"an NVMe disk is there ({waited:.0f} s)")
    # Asking who was slow takes longer here than who was slowest.
    blame = "" if stage.short else "systemd-analyze blame | head; "
    stage.must(f"systemd-analyze time; {blame}lspci -nn; ip -brief link")


def install(stage: Stage) -> None:
    """As a user does, from a wheel; no network is there, and the dependencies are in the image."""
    wheel = f"/var/tmp/{stage.context.wheel.name}"
    stage.machine.put(wheel, stage.context.wheel.read_bytes())
    stage.must([f"{VENV}/bin/pip", "install", "--no-index", "--no-compile", wheel], timeout_s=400)
    stage.machine.put("/var/tmp/byte-code.tar.gz", byte_code(stage.context.wheel, SITE_PACKAGES))
    stage.must(f"tar -xzf /var/tmp/byte-code.tar.gz -C {SITE_PACKAGES}")
    version = stage.must([APPLIANCE, "--version"]).stdout.strip()
    stage.check("version" in version, f"`appliance --version` says: {version}")
    # What is on root's PATH is what the units call.
    stage.must(f"ln -sf {VENV}/bin/appliance {VENV}/bin/feedsim /usr/local/bin/")
    rows = stage.json([APPLIANCE, "backends", "--json"])["backends"]
    for name in ("dpdk", "afpacket", "memory"):
        row = next((row for row in rows if row["name"] == name), {"usable": False, "why": "absent"})
        stage.check(row["usable"], f"backend {name} is usable {row['why']}".strip())
    stage.row.figures["backends"] = {row["name"]: row["mode"] or row["why"] for row in rows}


# ---- doctor --------------------------------------------------------------------------------------


def doctor(stage: Stage) -> None:
    """For anybody and for root: the same checks, and nobody is refused."""
    seen: dict[str, set[str]] = {}
    for user in (USER, ""):
        who = user or "root"
        rows = stage.json([APPLIANCE, "doctor", "--json"], statuses=(0, 1, 2), user=user)["checks"]
        stage.keep(f"doctor-{who}.json", json.dumps(rows, indent=2) + "\n")
        stage.check(len(rows) >= DOCTOR_CHECKS_MIN, f"{who}: {len(rows)} checks")
        malformed = [row.get("id", "?") for row in rows
                     if not row.keys() >= DOCTOR_KEYS or row["status"] not in DOCTOR_STATUSES]
        stage.check(not malformed, f"{who}: each as the schema says ({malformed or 'all'})")
        seen[who] = {row["id"] for row in rows}
        stage.check(len(seen[who]) == len(rows), f"{who}: every check has an id of its own")
        silent = [row["id"] for row in rows
                  if row["status"] in ("warn", "fail") and not (row["fix"] and row["why"])]
        stage.check(not silent, f"{who}: whatever is wrong has a reason and a remedy "
                                f"({', '.join(silent) or 'all'})")
        counts = {status: sum(row["status"] == status for row in rows)
                  for status in sorted(DOCTOR_STATUSES)}
        stage.row.figures[f"doctor as {who}"] = counts
    both = seen[USER] == seen["root"]
    stage.check(both, "both were asked the same")


# ---- tuning --------------------------------------------------------------------------------------


def snapshot(stage: Stage) -> dict[str, str | None]:
    """Everything that a tuner might touch, as it is now."""
    if "snapshot" not in stage.context.memory:
        stage.machine.put(SNAPSHOT, (HERE / "snapshot.py").read_bytes())
        stage.context.memory["snapshot"] = True
    stage.must(["python3", SNAPSHOT, "/run/rehearsal-snapshot.json"])
    values: dict[str, str | None] = json.loads(stage.read("/run/rehearsal-snapshot.json"))
    return values


def untuned(stage: Stage) -> tuple[dict[str, str | None], set[str]]:
    """The host before any tuning, and the names whose values move by themselves.

    Looked at twice, once a rehearsal: every later comparison is with these.
    """
    memory = stage.context.memory
    if "untuned" not in memory:
        before, again = snapshot(stage), snapshot(stage)
        moving = {name for name in before.keys() | again.keys()
                  if before.get(name) != again.get(name)}
        stage.note("values that move by themselves:\n" + "\n".join(sorted(moving)))
        memory["untuned"] = again, moving
    values, names = memory["untuned"]
    return values, names


def differences(old: dict[str, str | None], new: dict[str, str | None], but: set[str]) -> list[str]:
    names = sorted((old.keys() | new.keys()) - but)
    return [f"{name}: {old.get(name)!r} -> {new.get(name)!r}" for name in names
            if old.get(name) != new.get(name)]


def restored(stage: Stage, old: dict[str, str | None], moving: set[str], after: str) -> None:
    left = differences(old, snapshot(stage), moving)
    stage.note("what differs:\n" + "\n".join(left))
    stage.check(not left, f"after {after} {len(old) - len(moving):,} values are what they were, "
                          f"byte for byte; {len(left)} differ: {'; '.join(left[:3]) or 'none'}")
    stage.check(stage.run(f"test -e {JOURNAL}").status != 0, f"after {after} nothing is left to "
                                                             f"undo: the journal is gone")


def tune_words(verb: str) -> list[str]:
    config = ["-c", TUNE_TOML] if verb in ("plan", "apply", "verify", "script") else []
    return [APPLIANCE, "tune", verb, *config]


def write_tune_config(stage: Stage) -> None:
    """The configuration of an engine on the kernel's interfaces."""
    stage.machine.put(TUNE_TOML, appliance_toml("afpacket", ""))


def tune(stage: Stage) -> None:
    write_tune_config(stage)
    before, moving = untuned(stage)
    rows = stage.json([*tune_words("plan"), "--json"], TUNE_TIMEOUT_S)["settings"]
    wanted = [row for row in rows if row["verdict"] == "change"]
    stage.check(wanted, f"the plan has {len(rows)} settings, {len(wanted)} to change")
    refused = stage.run([APPLIANCE, "tune", "apply", "-c", TUNE_TOML], user=USER)
    stage.check(refused.status == 2 and "root" in refused.stderr and
                "Traceback" not in refused.stderr, f"nobody but root applies: {refused.said}")
    done = stage.json([*tune_words("apply"), "--json"], TUNE_TIMEOUT_S, (0, 1))["done"]
    outcomes = {kind: sum(row["outcome"] == kind for row in done)
                for kind in sorted({row["outcome"] for row in done})}
    stage.row.figures["applied"] = outcomes
    wrong = [f"{row['target']}: {row['reason']}" for row in done
             if row["outcome"] in ("refused", "left")]
    stage.row.figures["refused by this kernel"] = wrong
    stage.check(outcomes.get("set", 0) + outcomes.get("kept", 0) > 0, f"applied: {outcomes}")
    changed = differences(before, snapshot(stage), moving)
    stage.note("what apply changed:\n" + "\n".join(changed))
    stage.check(changed, f"{len(changed)} values of the snapshot are others now")
    unseen = [row["target"] for row in done if row["outcome"] == "set"
              and row["target"].startswith("/") and row["target"] not in before]
    stage.check(not unseen, f"every file that was set is one that is compared "
                            f"({', '.join(unseen[:5]) or 'all'})")
    verified = stage.run([*tune_words("verify"), "--json"], TUNE_TIMEOUT_S)
    stage.check(verified.status == (1 if wrong else 0), f"verify ends with {verified.status}, "
                f"{len(wrong)} settings having been refused")
    again = stage.json([*tune_words("apply"), "--json"], TUNE_TIMEOUT_S, (0, 1))["done"]
    anew = [row["target"] for row in again if row["outcome"] == "set"]
    stage.check(not anew, f"applied again, nothing is set ({', '.join(anew[:5]) or 'none'})")
    undone = stage.json([*tune_words("undo"), "--json"], TUNE_TIMEOUT_S, (0, 1))["done"]
    stage.row.figures["undone"] = len(undone)
    restored(stage, before, moving, "undo")
    stage.context.memory["sets"] = outcomes.get("set", 0)


# `appliance`, dying before its n-th os.write: journal and knobs are written by nothing else.
MORTAL = """
import os, signal, sys
left, write = int(sys.argv.pop(1)), os.write
def mortal(*arguments):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(*arguments)
os.write = mortal
from appliance.cli import entry
entry()
"""


def tune_killed(stage: Stage) -> None:
    """kill -9 just before the n-th write of apply, to its journal or to a knob."""
    write_tune_config(stage)
    before, moving = untuned(stage)
    sets = int(stage.context.memory.get("sets", 0))
    points = sorted({sets} if stage.short else {6, sets // 2, sets, sets * 3 // 2})
    for index, point in enumerate(point for point in points if point > 1):
        killed = stage.run([f"{VENV}/bin/python", "-c", MORTAL, str(point),
                            *tune_words("apply")[1:]], TUNE_TIMEOUT_S)
        stage.check(killed.status == -9, f"apply was killed at its write {point} "
                                        f"(status {killed.status})")
        noted = stage.run(f"cat {JOURNAL}").stdout
        stage.check("\nset\t" in noted or noted.startswith("set\t"),
                    f"its journal was there first, with {len(re.findall('^set', noted, re.M))} "
                    f"former values")
        if index % 2:  # finished by the next apply, and then undone; else undone at once
            stage.must(tune_words("apply"), TUNE_TIMEOUT_S, (0, 1))
            cut = stage.json([*tune_words("verify"), "--json"], TUNE_TIMEOUT_S, (0, 1))
            stage.check(not cut["half_applied"], "the next apply finished what was begun")
        stage.must(tune_words("undo"), TUNE_TIMEOUT_S, (0, 1))
        restored(stage, before, moving, f"a kill at write {point}")


# ---- VFIO ----------------------------------------------------------------------------------------


def driver_of(stage: Stage, device: str) -> str:
    path = f"/sys/bus/pci/devices/{device}/driver"
    return stage.run(f"basename $(readlink {path})").stdout.strip()


def bind(stage: Stage, device: str, driver: str) -> None:
    """Gives a card to a driver, or back to the one that it comes to by itself with ""."""
    folder = f"/sys/bus/pci/devices/{device}"
    stage.must(f"modprobe vfio-pci; echo '{driver}' >{folder}/driver_override; "
               f"test ! -e {folder}/driver || echo {device} >{folder}/driver/unbind; "
               f"echo {device} >/sys/bus/pci/drivers_probe")


OPEN = """
import json, sys, time
from dpdk_bindings import dpdk, open_queue
dpdk.start(huge_pages="on", memory_mib=32)
with open_queue("dpdk:" + sys.argv[1]) as queue:
    print(json.dumps({"mode": queue.mode, "mac": queue.mac}))
"""


def vfio(stage: Stage) -> None:
    """Each of the appliance's cards goes to vfio-pci, alone in its group, and DPDK opens it."""
    drivers = set()
    for wire, kind, ours, _ in WIRES:
        device = address(ours)
        group = stage.must(f"ls /sys/bus/pci/devices/{device}/iommu_group/devices").stdout.split()
        stage.check(group == [device], f"{wire}: {device} is alone in its IOMMU group")
        former = driver_of(stage, device)
        bind(stage, device, "vfio-pci")
        held = driver_of(stage, device)
        stage.check(held == "vfio-pci", f"{wire}: {former} gave {device} to {held}")
        opened = stage.run([f"{VENV}/bin/python", "-c", OPEN, device])
        fine = opened.status == 0 and json.loads(opened.stdout.splitlines()[-1])
        stage.check(fine and fine["mode"] == "poll", f"{wire}: DPDK's driver for {kind} opens it "
                                                     f"({fine or opened.said})")
        bind(stage, device, "")
        back = driver_of(stage, device)
        stage.check(back == former, f"{wire}: {device} is {back}'s again")
        drivers.add(former)
        if stage.short and len(drivers) == 2:
            break
