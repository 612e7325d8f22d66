"""What operators do wrong around network cards: each ends in one sentence with its remedy."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from fake_links import Card
from fake_pci import BRIDGE, NVME, SOUND, FakePci, tree

from appliance.config import ConfigError, from_text
from appliance.host.ethtool import FlowRule
from appliance.host.host import HostError
from appliance.host.links import Feature
from appliance.host.pci import DRIVERS
from appliance.host.stages import NIC_STAGES
from appliance.host.tuner import apply
from appliance.host.wish import make_wish

NICS = [*(stage.name for stage in NIC_STAGES), "devices"]
PCI = "0000:03:00.0"
TAKE = f'[host]\ndevices = ["{PCI}"]\n'
FEED = '[feed]\nline_a = "afxdp:eth1,queue={}"\n[host]\nnic_queues = {}\n'
TUNE = '[host]\ninterfaces = ["eth1"]\n'


def nothing(host: FakePci) -> None:
    """The mistake is in the configuration."""


@dataclass(frozen=True)
class Mistake:
    """What is configured, what the host is like, and what is said."""

    name: str
    config: str
    said: str
    host: Callable[[FakePci], object] = nothing
    taken_with_force: bool = False


def card(**changes: object) -> Callable[[FakePci], None]:
    def change(host: FakePci) -> None:
        for name, value in changes.items():
            setattr(host.fake_links.cards["eth1"], name, value)
    return change


def eth1_refuses(word: str, number: int) -> Callable[[FakePci], None]:
    return lambda host: host.fake_links.cards["eth1"].refuses.update({word: number})


def eth1_lacks(group: str) -> Callable[[FakePci], object]:
    return lambda host: host.fake_links.cards["eth1"].values.pop(group)


def route_over_bond(host: FakePci) -> None:
    host.put("/sys/class/net/vlan5/lower_bond0", "")
    host.put("/sys/class/net/bond0/lower_eth2", "")
    host.fake_links.routes = frozenset({"vlan5"})


def without_iommu(host: FakePci) -> None:
    host.path(f"/sys/bus/pci/devices/{PCI}/iommu_group").unlink()


def shared_group(host: FakePci) -> None:
    group = host.target(f"/sys/bus/pci/devices/{PCI}/iommu_group") or ""
    host.device("0000:03:00.1", group=group, eth3=Card())
    host.device("0000:03:00.2", driver="snd_hda_intel", kind=SOUND, group=group)
    host.device("0000:00:1c.0", driver="pcieport", kind=BRIDGE, group=group)


def open_elsewhere(host: FakePci) -> None:
    host.put(f"/sys/bus/pci/devices/{PCI}/uio/uio3/name", "igb_uio")
    host.put("/proc/812/comm", "dpdk-l2fwd")
    host.link("/proc/812/fd/17", "/dev/uio3")


def mounted_disk(host: FakePci) -> None:
    host.device("0000:04:00.0", driver="nvme", kind=NVME)
    host.put("/sys/bus/pci/devices/0000:04:00.0/nvme/nvme0/nvme0n1/nvme0n1p2/size", "1")
    host.put("/proc/mounts", "/dev/nvme0n1p2 / ext4 rw 0 0")


def full_of_rules(host: FakePci) -> None:
    rules = {place: FlowRule("239.0.0.1", place + 1, 0, place) for place in range(8)}
    card(rules=rules)(host)


def no_rules(host: FakePci) -> None:
    host.fake_links.cards["eth1"].features["rx-ntuple-filter"] = Feature(False, True)


def no_steering(host: FakePci) -> None:
    no_rules(host)
    card(table=[])(host)


def lro_held(host: FakePci) -> None:
    host.fake_links.cards["eth1"].features["rx-lro"] = Feature(True, True)


MISTAKES = (
    Mistake("an interface that is not there", '[host]\ninterfaces = ["eth9"]',
            "there is no interface eth9; there are eth0, eth1, eth2"),
    Mistake("an interface that has gone to DPDK", TAKE + 'interfaces = ["eth7"]',
            "there is no interface eth7 (any more)"),
    Mistake("the interface of a device that is taken", TAKE + 'interfaces = ["eth2"]',
            f"eth2 is of {PCI}, which host.devices takes from the kernel"),
    Mistake("no interface at all", "", "name one with --interface or in host.interfaces"),
    Mistake("a virtual interface as a device", '[host]\ndevices = ["veth0"]',
            "veth0 is a virtual interface, which no PCI device is behind; name a card in "
            "host.devices, or give veth0 to afxdp or afpacket",
            lambda host: host.interface("veth0", Card("veth"))),
    Mistake("an interface's name as a device", '[host]\ndevices = ["eth1"]',
            "eth1 is an interface's name; name its device in host.devices: 0000:02:00.1"),
    Mistake("a device without its domain", '[host]\ndevices = ["03:00.0"]',
            "'03:00.0' is no PCI address; write one as in 0000:03:00.0"),
    Mistake("a device that is not there", '[host]\ndevices = ["0000:09:00.0"]',
            "there is no PCI device 0000:09:00.0; name another in host.devices; the network cards "
            "here are 0000:02:00.0 (eth0), 0000:02:00.1 (eth1), 0000:03:00.0 (eth2)"),
    Mistake("a bridge as a device", '[host]\ndevices = ["0000:00:1c.0"]',
            "0000:00:1c.0 is a bridge, which other devices are behind; name the card itself",
            lambda host: host.device("0000:00:1c.0", driver="pcieport", kind=BRIDGE)),
    Mistake("a sound card as a device", '[host]\ndevices = ["0000:00:1b.0"]',
            "0000:00:1b.0 is neither a network card nor an NVMe disk (class 040300); name another",
            lambda host: host.device("0000:00:1b.0", driver="snd_hda_intel", kind=SOUND),
            taken_with_force=True),
    Mistake("the disk with the root file system", '[host]\ndevices = ["0000:04:00.0"]',
            "0000:04:00.0 is the disk nvme0n1p2, which a mounted file system or swap uses; unmount "
            "it", mounted_disk),
    Mistake("the card with the default route", '[host]\ndevices = ["0000:02:00.0"]',
            "0000:02:00.0 is eth0, which carries the default route; use another card, or give "
            "--force if you reach this host without eth0", taken_with_force=True),
    Mistake("the card below the default route", TAKE,
            f"{PCI} is eth2, which carries the default route; use another card", route_over_bond,
            taken_with_force=True),
    Mistake("a card of a bond", TAKE,
            f"{PCI} is eth2, which bond1 is built on; take it out of bond1, or give --force",
            lambda host: host.put("/sys/class/net/eth2/upper_bond1", ""), taken_with_force=True),
    Mistake("a card with addresses", TAKE,
            f"{PCI} is eth2 with 10.5.0.1/24, which undo does not bring back; remove them (`ip "
            f"address flush dev eth2`), or give --force",
            lambda host: setattr(host.fake_links.cards["eth2"], "addresses", ("10.5.0.1/24",)),
            taken_with_force=True),
    Mistake("the card of one's own ssh session", TAKE,
            f"{PCI} is eth2 with 10.9.0.1/24, which your ssh session comes in by; remove them",
            lambda host: setattr(host.fake_links.cards["eth2"], "addresses", ("10.9.0.1/24",)),
            taken_with_force=True),
    Mistake("a device that a process has open", TAKE,
            f"{PCI} is in use by dpdk-l2fwd (812); stop that first", open_elsewhere),
    Mistake("vfio-pci is not loaded", TAKE,
            "the driver vfio-pci is not loaded; load it with `modprobe vfio-pci`",
            lambda host: host.path(f"{DRIVERS}/vfio-pci").rename(host.path("/gone"))),
    Mistake("igb_uio is not built", TAKE + 'device_driver = "igb_uio"',
            "the driver igb_uio is not loaded; build it for this kernel and load it, or set "
            "host.device_driver to vfio-pci (kernels under secure boot take only a signed"),
    Mistake("no IOMMU", TAKE,
            "vfio-pci needs an IOMMU, and this host runs without one; switch VT-d or AMD-Vi on in "
            "the firmware and boot with intel_iommu=on iommu=pt (AMD: amd_iommu=on), or let the",
            without_iommu),
    Mistake("a shared IOMMU group", TAKE,
            f"{PCI} shares its IOMMU group with 0000:03:00.1 (ixgbe), 0000:03:00.2 "
            f"(snd_hda_intel), and vfio-pci lends only whole groups; name those in host.devices",
            shared_group),
    Mistake("a virtual function for uio_pci_generic", TAKE + 'device_driver = "uio_pci_generic"',
            f"{PCI} interrupts by MSI-X alone, as virtual functions do, and uio_pci_generic knows "
            f"only the wired interrupt; set host.device_driver to vfio-pci",
            lambda host: host.link(f"/sys/bus/pci/devices/{PCI}/physfn", "../0000:03:00.7")),
    Mistake("a driver that fails to probe", TAKE,
            f"vfio-pci did not take {PCI}, which is with ixgbe as before; the reason is in `dmesg "
            f"| grep {PCI}`", lambda host: host.broken.add("vfio-pci")),
    Mistake("an unknown driver", TAKE + 'device_driver = "e1000"', "device_driver"),
    Mistake("more queues than the card has", TUNE + "nic_queues = 64",
            "eth1 has at most 8 receive queues; set host.nic_queues to 8 or less"),
    Mistake("a queue that the count takes away", FEED.format(3, 2),
            "queue 3 of eth1 is named by a line or the order session, and would be gone; set "
            "host.nic_queues to 4 or more, or name queue 0"),
    Mistake("a queue that is not there", FEED.format(6, 0),
            "queue 6 of eth1 is named by a line or the order session, and it has 4; name a lower "
            "queue, or set host.nic_queues"),
    Mistake("queues held by an AF_XDP socket", TUNE + "nic_queues = 1",
            "eth1 is in use in a way that forbids changing channels combined (an XDP program or "
            "AF_XDP socket, say); stop what uses it", eth1_refuses("combined", errno.EBUSY)),
    Mistake("rings below a running engine", TUNE,
            "eth1 has an XDP program on it, as of a running engine, and this resets the link; stop "
            "what put it there first, or give --force", card(xdp=True), taken_with_force=True),
    Mistake("a driver without rings", TUNE, "eth1's driver, ixgbe, has no ring rx",
            eth1_lacks("ring")),
    Mistake("a driver without pause frames", TUNE, "eth1's driver, ixgbe, has no pause autoneg",
            eth1_lacks("pause")),
    Mistake("a driver without queues to set", TUNE + "nic_queues = 2",
            "eth1's driver, ixgbe, has no channels combined", eth1_lacks("channels")),
    Mistake("rings while the link is down", TUNE,
            "eth1 is down; set it up with `ip link set eth1 up`, and try again",
            eth1_refuses("rx", errno.ENETDOWN)),
    Mistake("a coalescing of 0 that the driver refuses", TUNE,
            "eth1's driver, ixgbe, does not take 0 for coalesce rx-usecs; see `appliance tune "
            "explain`, or leave it out with --skip", eth1_refuses("rx-usecs", errno.EINVAL)),
    Mistake("adaptive coalescing that cannot be set", TUNE,
            "eth1's driver, ixgbe, cannot set coalesce adaptive-rx; leave the knob out with --skip",
            eth1_refuses("adaptive-rx", errno.EOPNOTSUPP)),
    Mistake("no right to set features", TUNE,
            "feature rx-gro of eth1 may not be set; run this as root",
            eth1_refuses("rx-gro", errno.EPERM)),
    Mistake("no memory for rings", TUNE + "ring_frames = 2048",
            "eth1: the kernel has no memory for ring rx 2048; ask for less in [host]",
            eth1_refuses("rx", errno.ENOMEM)),
    Mistake("an offload that the driver holds", TUNE, "the driver of eth1 holds rx-lro on",
            lro_held),
    Mistake("a card full of rules", FEED.format(1, 0), "eth1 has no room for another rule; remove "
            "one (`ethtool -n eth1` shows them", full_of_rules),
    Mistake("a card whose rules know no UDP", FEED.format(1, 0),
            "eth1's driver, ixgbe, takes no rule for udp 233.54.12.111 26477; set host.nic_queues "
            "to 1, so that one queue hears everything", eth1_refuses("rule", errno.EINVAL)),
    Mistake("two queues and no rules",
            '[orders]\nqueue = "afxdp:eth1,queue=2"\n' + FEED.format(1, 0),
            "eth1's driver takes no rules, and its hash cannot tell the flows apart; let all "
            "queues of the configuration on it be the same", no_rules),
    Mistake("several queues and no steering at all", FEED.format(1, 0),
            "eth1 spreads frames over 4 queues, and its driver steers neither by rule nor by "
            "table; set host.nic_queues to 1", no_steering),
    Mistake("busy polling that no queue asks for", '[feed]\nline_a = "afxdp:eth1"',
            "no queue of the configuration on eth1 asks for busy polling (busy_poll_us=), and "
            "without it these only delay frames"),
    Mistake("pause frames that follow the link", TUNE,
            "with ice it follows the negotiation of the link", card(driver="ice")),
)  # fmt: skip


def build(root: Path) -> FakePci:
    host = FakePci(root)
    host.device("0000:02:00.0", eth0=Card(addresses=("10.0.0.1/24",)))
    host.device("0000:02:00.1", eth1=Card())
    host.device(PCI, eth2=Card())
    host.fake_links.routes = frozenset({"eth0"})
    return host


def sentences(host: FakePci, text: str, force: bool = False) -> list[str]:
    """All that apply says against something."""
    try:
        wish = make_wish(host, from_text(text, "the configuration"), force=force)
        said = [setting.reason for stage in (*NIC_STAGES,)
                for setting in stage.check(host, wish) if setting.verdict == "absent"]
        return said + [done.reason for done in apply(host, wish, lambda _: None, NICS)]
    except (ConfigError, HostError) as error:
        return [str(error)]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_one_sentence_with_its_remedy(
    mistake: Mistake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.9.0.77 50000 10.9.0.1 22")
    host = build(tmp_path)
    mistake.host(host)
    before = tree(host)
    said = [sentence for sentence in sentences(host, mistake.config) if mistake.said in sentence]
    assert len(set(said)) == 1, sentences(host, mistake.config)
    assert "\n" not in said[0] and len(said[0]) < 400 and not re.search(r"Errno|None", said[0])
    if "devices" in mistake.config and "interfaces" not in mistake.config:
        assert tree(host) == before  # nothing was taken
    if mistake.taken_with_force:
        assert mistake.said not in "".join(sentences(host, mistake.config, force=True))
        assert tree(host) != before


def test_the_unsafe_mode_without_an_iommu_is_the_operators_choice(tmp_path: Path) -> None:
    host = build(tmp_path)
    without_iommu(host)
    host.put("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y")
    wish = make_wish(host, from_text(TAKE, "test"))
    assert [done.outcome for done in apply(host, wish, lambda _: None, ["devices"])] == ["set"]


def test_a_whole_group_is_taken(tmp_path: Path) -> None:
    host = build(tmp_path)
    group = host.target(f"/sys/bus/pci/devices/{PCI}/iommu_group") or ""
    host.device("0000:03:00.1", group=group, eth3=Card())
    text = f'[host]\ndevices = ["{PCI}", "0000:03:00.1"]'
    done = apply(host, make_wish(host, from_text(text, "test")), lambda _: None, ["devices"])
    assert [each.outcome for each in done] == ["set", "set"]
