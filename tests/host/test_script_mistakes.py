"""What an operator may do wrong with the host scripts, each ending in one sentence."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess

import pytest
from script_rig import APPLIES, CARD, COMMON, DISK, JOURNAL, LONE, ROUTED, Rig

from appliance.host.host import STATE_FOLDER, HostError, refusal
from appliance.host.journal import Journal, read_journal


def lockdown(rig: Rig) -> None:
    rig.write("/sys/kernel/security/lockdown", "none [integrity] confidentiality")


def no_frequencies(rig: Rig) -> None:
    for core in range(4):
        folder = rig.path(f"/sys/devices/system/cpu/cpufreq/policy{core}")
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def addressed(rig: Rig) -> None:
    text = rig.read("/proc/net/route")
    rig.write("/proc/net/route", f"{text}\neth1\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF")


def addressed_6(rig: Rig) -> None:
    rig.write("/proc/net/if_inet6", f"20010db8{'0' * 23}1 02 40 00 80     eth1")


def bonded(rig: Rig) -> None:
    rig.path("/sys/class/net/eth1/upper_bond0").mkdir()


def shared_group(rig: Rig) -> None:
    rig.link(f"/sys/kernel/iommu_groups/7/devices/{DISK}", f"../../../../bus/pci/devices/{DISK}")


def no_driver(rig: Rig) -> None:
    folder = rig.path("/sys/bus/pci/drivers/vfio-pci")
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def no_huge_pages(rig: Rig) -> None:
    rig.path("/sys/kernel/mm/hugepages").rename(rig.root / "elsewhere")


def few_pages(rig: Rig) -> None:
    rig.write("/pages_free", "100")


def refusing(rig: Rig) -> None:
    rig.write("/refused", "/sys/devices/system/cpu/cpufreq/policy1/scaling_governor")


def damaged(rig: Rig) -> None:
    rig.write(JOURNAL, "tickpath-tune\t1\nset\tone")


def no_state(rig: Rig) -> None:
    rig.write("/var/lib", "a file where the folder should be")


def in_use(rig: Rig) -> None:
    rig.write("/proc/4711/comm", "dpdk-testpmd")
    rig.link("/proc/4711/fd/9", "/dev/vfio/7")


def no_cores(rig: Rig) -> None:
    rig.path("/sys/devices/system/cpu/online").unlink()


def nothing(rig: Rig) -> None:
    """The host is as it is."""


HUGE, IRQ, GOVERNOR, BIND = APPLIES
PERFORMANCE = ["apply", "performance"]
MISTAKES = {
    "no verb": (HUGE, [], nothing, 2, "status, apply or undo? See setup_hugepages.sh --help"),
    "two verbs": (IRQ, ["apply", "undo"], nothing, 2, "one of status, apply and undo"),
    "no such option": (IRQ, ["apply", "--core", "2"], nothing, 2, "'--core' is no option"),
    "no value": (HUGE, ["apply", "--count"], nothing, 2, "--count needs a value after it"),
    "no count": (HUGE, ["apply"], nothing, 2, "Give --count, as in"),
    "count is a word": (HUGE, ["apply", "--count", "many"], nothing, 2, "write digits, as in"),
    "count is negative": (HUGE, ["apply", "--count", "-1"], nothing, 2, "'-1' is not a number"),
    "count is huge": (HUGE, ["apply", "--count", "9" * 30], nothing, 2, "is not a number"),
    "no such size": (HUGE, ["apply", "--size", "4M", "--count", "1"], nothing, 2,
                     "no pages of 4M; they have 1G 2M"),
    "size without unit": (HUGE, ["apply", "--size", "2048", "--count", "1"], nothing, 2,
                          "has no unit; write 2M or 1G"),
    "size is a word": (HUGE, ["apply", "--size", "big", "--count", "1"], nothing, 2,
                       "'big' is not a size; write 2M or 1G"),
    "no such node": (HUGE, ["apply", "--count", "1", "--node", "7"], nothing, 2,
                     "there is no NUMA node 7; the nodes here are 0 1"),
    "no huge pages": (HUGE, ["apply", "--count", "1"], no_huge_pages, 2, "CONFIG_HUGETLBFS"),
    "fragmented": (HUGE, ["apply", "--count", "512", "--node", "1"], few_pages, 1,
                   "only 100 of 512 pages were to be had"),
    "no cores given": (IRQ, ["apply"], nothing, 2, "Give --cores, as in"),
    "no such core": (IRQ, ["apply", "--cores", "3-9"], nothing, 2,
                     "core 4-9 is not online; the cores here are 0-3"),
    "no list": (IRQ, ["apply", "--cores", "two"], nothing, 2, "write numbers and ranges"),
    "backwards": (IRQ, ["apply", "--cores", "3-2"], nothing, 2, "write numbers and ranges"),
    "core 0": (IRQ, ["apply", "--cores", "0-1"], nothing, 2, "choose others of 0-3"),
    "unknown cores": (IRQ, ["apply", "--cores", "1"], no_cores, 2, "run this on the host itself"),
    "no governor": (GOVERNOR, ["apply"], nothing, 2, "Name one, as in"),
    "unknown governor": (GOVERNOR, ["apply", "fast"], nothing, 2,
                         "no governor 'fast'; choose one of performance powersave"),
    "two governors": (GOVERNOR, ["apply", "performance", "powersave"], nothing, 2,
                      "'powersave' is no option of cpu_governor.sh"),
    "virtual machine": (GOVERNOR, PERFORMANCE, no_frequencies, 2,
                        "in a virtual machine set the governor on its host"),
    "refused": (GOVERNOR, PERFORMANCE, refusing, 1, "does not take that value; see"),
    "no card": (BIND, ["apply"], nothing, 2, "Name it, as in"),
    "unknown address": (BIND, ["apply", "0000:09:00.0"], nothing, 2,
                        "there is no PCI device 0000:09:00.0; see `bind_nic.sh status`"),
    "unknown interface": (BIND, ["apply", "eth9"], nothing, 2, "no interface or PCI device eth9"),
    "not a card": (BIND, ["apply", "00:1f.2"], nothing, 2, "0000:00:1f.2 is no network card"),
    "default route": (BIND, ["apply", "eth2"], nothing, 2,
                      "carries the default route, and without it you may be cut off"),
    "default route by address": (BIND, ["apply", CARD, ROUTED], nothing, 2,
                                 "take another card, or give --force"),
    "an address": (BIND, ["apply", CARD], addressed, 2, "ip address flush dev eth1"),
    "an address, IPv6": (BIND, ["apply", "eth1"], addressed_6, 2, "you may come in by it"),
    "part of a bond": (BIND, ["apply", CARD], bonded, 2, "take it out of bond0, or give --force"),
    "no IOMMU": (BIND, ["apply", LONE], nothing, 2, "boot with intel_iommu=on iommu=pt"),
    "secure boot": (BIND, ["apply", CARD, "--driver", "uio_pci_generic"], lockdown, 2,
                    "use an IOMMU with vfio-pci"),
    "group shared": (BIND, ["apply", CARD], shared_group, 2,
                     "shares IOMMU group 7 with 0000:00:1f.2, which ahci drives"),
    "driver not loaded": (BIND, ["apply", CARD], no_driver, 2, "`modprobe vfio-pci`"),
    "unknown driver": (BIND, ["apply", CARD, "--driver", "igb"], nothing, 2, "is none of vfio-pci"),
    "in use": (BIND, ["apply", CARD], in_use, 1, "in use by dpdk-testpmd (4711); stop that first"),
    "no such root": (IRQ, ["status", "--root", "/nowhere"], nothing, 2, "no folder /nowhere"),
    "wait is a word": (GOVERNOR, [*PERFORMANCE, "--wait", "long"], nothing, 2, "as in --wait 10"),
    "damaged journal": (GOVERNOR, PERFORMANCE, damaged, 2, "/journal is damaged at line 2"),
    "damaged journal, undo": (GOVERNOR, ["undo"], damaged, 2, "mend or move it away"),
    "damaged journal, status": (HUGE, ["status"], damaged, 2, "mend or move it away"),
    "no state folder": (GOVERNOR, PERFORMANCE, no_state, 2, "nothing is changed without a journal"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_in_one_sentence(rig: Rig, mistake: str) -> None:
    script, words, prepare, status, sentence = MISTAKES[mistake]
    prepare(rig)
    before = rig.tree(journal=True)
    done = rig.run(script, *words)
    assert done.returncode == status, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr.startswith(f"{script}: ")
    assert sentence in done.stderr
    if status == 2:
        # And nothing was touched.
        after = rig.tree(journal=True)
        after.pop(f"{STATE_FOLDER}/lock", None)
        assert after == before


# What the kernel may say to a write, and the remedy.
REFUSALS = {
    errno.EROFS: "is read-only here, as in a container; run this on the host itself",
    errno.EACCES: "may not be written; run this as root on the host itself",
    errno.EPERM: "may not be written, even by root (kernel lockdown, or a container); see",
    errno.EINVAL: "does not take that value; see `appliance tune explain`",
    errno.EIO: "the kernel does not let that be set; leave the knob out",
    errno.ENOSPC: "there is no room for that any more; leave the knob out",
    errno.EBUSY: "is in use; stop what uses it and try again",
    errno.ENOMEM: "the kernel has no memory for that; free some, or ask at boot time",
    errno.ENODEV: "there is no such device any more; look at",
    errno.EOPNOTSUPP: "the driver cannot do that; leave the knob out",
}


@pytest.mark.parametrize("number", REFUSALS, ids=errno.errorcode.get)
def test_a_refusal_is_told_as_python_tells_it(rig: Rig, number: int) -> None:
    refusing(rig)
    rig.write("/refusal", os.strerror(number))
    before = rig.tree()
    done = rig.run(GOVERNOR, *PERFORMANCE)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert REFUSALS[number] in done.stderr
    target = rig.read("/refused")
    assert REFUSALS[number] in refusal(target, OSError(number, os.strerror(number)))
    # It stopped nothing else, and is not in the journal.
    assert done.stdout.endswith("3 set, 1 not\n")
    assert target not in {record.target for record in read_journal(rig.host()).standing}
    assert rig.run(GOVERNOR, "undo").returncode == 0 and rig.tree() == before


def test_another_tuner_is_at_work(rig: Rig) -> None:
    with Journal(rig.host()):
        done = rig.run(GOVERNOR, *PERFORMANCE)
        waited = rig.run(GOVERNOR, *PERFORMANCE, "--wait", "1")
    for each in (done, waited):
        assert each.returncode == 2
        assert each.stderr == (
            f"cpu_governor.sh: another tuner (process {os.getpid()}) is at work; wait until it has "
            f"ended, or give --wait SECONDS\n")
    assert rig.run(GOVERNOR, *PERFORMANCE).returncode == 0


def test_a_script_that_works_keeps_python_out(one_rig: Rig) -> None:
    """The lock and the process in it are the same for both."""
    script = one_rig.bin / "hold.sh"
    script.write_text(f"NAME=hold\n. {COMMON}\nopen_journal\necho $$\nread x\n")
    with subprocess.Popen(["dash", str(script)], env=one_rig.environment(), text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == f"{process.pid}\n"
        with pytest.raises(HostError, match=rf"\(process {process.pid}\) is at work"), \
                Journal(one_rig.host()):
            pass
        process.communicate("\n", timeout=10)
    assert not one_rig.path(JOURNAL).exists()
    handle = os.open(one_rig.path(f"{STATE_FOLDER}/lock"), os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(handle)


def test_only_root_tunes_a_host(one_rig: Rig) -> None:
    (one_rig.bin / "id").write_text("#!/bin/sh\necho 1000\n")
    (one_rig.bin / "id").chmod(0o755)
    done = one_rig.run(HUGE, "apply", "--count", "1", TICKPATH_ROOT="")
    assert done.returncode == 2 and "run this with sudo, or see what would be done" in done.stderr
