"""What DPDK refuses, each in one sentence and with the command that mends it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dpdk_cases import device, memif_folder, missing, missing_or_no_network
from private_network import PrivateNetwork

from dpdk_bindings import open_queue
from dpdk_bindings.dpdk.diagnose import GENERIC, Finding, Host, explained, prepare
from dpdk_bindings.dpdk.diagnose_start import memory_check
from dpdk_bindings.dpdk.options import EalOptions
from dpdk_bindings.errors import PioError

ROOT = Path(__file__).resolve().parents[2]
CARD = "0000:03:00.0"
NOBODY = "65534"


def one_sentence(text: str) -> bool:
    return bool(text) and "\n" not in text and not text.endswith(".") and len(text) < 256


def refusal(name: str) -> PioError:
    with pytest.raises(PioError) as caught:
        open_queue(name).close()
    error = caught.value
    assert one_sentence(error.why) and one_sentence(error.remedy)
    return error


@pytest.fixture
def dpdk() -> None:
    if reason := missing():
        pytest.skip(reason)


# ---- devices ----

REFUSED = {
    "net_foo0": ("no driver for a device called 'net_foo0'", "net_memif"),
    "lo": ("'lo' is a network interface", "dpdk:net_af_packet0,iface=lo"),
    "ffff:00:00.0": ("no PCI device at ffff:00:00.0", "dpdk-devbind.py --status-dev net"),
    "net_af_packet0": ("net_af_packet0 names no network interface", "iface=eth0"),
    "net_af_packet0,iface=nowhere": ("no network interface 'nowhere'", "ip -brief link"),
    "net_af_xdp0,iface=nowhere": ("no network interface 'nowhere'", "ip -brief link"),
    "net_tap0,iface=lo": ("interface 'lo' is there already", "ip link delete lo"),
    "net_tap0,ifase=x": ("net_tap has no argument 'ifase'", "iface"),
    "net_ring0,foo=1": ("net_ring has no argument 'foo'", "nodeaction"),
    "net_pcap0": ("neither a capture nor an interface", "rx_pcap=day.pcap"),
    "net_pcap0,rx_pcap=/nowhere/x.pcap": ("'/nowhere/x.pcap' is not there", "ls -l /nowhere"),
    "net_pcap0,tx_pcap=/nowhere/x.pcap": ("folder '/nowhere' is not there", "mkdir -p /nowhere"),
    "net_pcap0,iface=nowhere": ("no network interface 'nowhere'", "ip -brief link"),
    "net_memif0,role=peer": ("memif has no role 'peer'", "role=client or role=server"),
    "net_memif0,rolle=client": ("net_memif has no argument 'rolle'", "role"),
    "net_memif0,role=server,socket=/nowhere/x.sock,socket-abstract=no": (
        "folder '/nowhere' is not there", "mkdir -p /nowhere",
    ),
    f"net_memif0,socket={'x' * 120}": ("a name of 120 bytes", "at most 107"),
    f"net_memif0,secret={'x' * 24}": ("secret has 24 bytes", "at most 23"),
    "net_virtio_user0": ("net_virtio_user0 names no other end", "path=/dev/vhost-net"),
    "net_virtio_user0,path=/nowhere": ("'/nowhere' is not there", "start its server"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_device_that_does_not_open_says_what_mends_it(dpdk: None, name: str) -> None:
    error = refusal(f"dpdk:{name}")
    why, remedy = REFUSED[name]
    assert why in error.why and remedy in error.remedy
    assert not error.remedy.startswith(GENERIC)
    # Nothing is left of it: a queue opens, and its mbufs all come back.
    with open_queue(f"dpdk:{device('net_null')}") as queue:
        assert queue.receive(4)


@pytest.mark.parametrize(
    ("options", "device_name", "why", "remedy"),
    [
        ("queue=1", "net_null9", "queue=1 is not one of queues=1", "give queues="),
        ("queues=17", "net_null9", "queues", "16"),
        ("queues=3", "net_af_packet9,iface=lo,qpairs=2", "has 2 queues, not 3", "at most 2"),
        ("rx_slots=1", "net_null9", "rx_slots", "32"),
        ("frame_bytes=9999999", "net_null9", "frame_bytes", "16384"),
        ("frames=9", "net_null9", "frames", "queues"),
        ("steer=239.0.0.1:99999", "net_null9", "is no destination", "ADDRESS:PORT"),
        ("queues=2,steer=239.0.0.1:9", "net_null9", "cannot steer", "queues=1"),
        ("segment_bytes=256", "net_null9,copy=1,size=1500", "1500 bytes over", "segment_bytes="),
    ],
)
def test_options_that_cannot_be(
    dpdk: None, options: str, device_name: str, why: str, remedy: str
) -> None:
    error = refusal(f"dpdk({options}):{device_name}")
    assert why in str(error) and remedy in str(error)


def test_a_device_is_opened_once_and_alike(dpdk: None) -> None:
    name = device("net_null")
    with open_queue(f"dpdk(queues=2):{name}"):
        assert "is open in this process" in refusal(f"dpdk(queues=2):{name}").why
        error = refusal(f"dpdk:{name}")
        assert "is open with queues=2" in error.why
        error = refusal(f"dpdk(queues=2,queue=1):{name},size=100")
        assert "is open with other arguments" in error.why
        open_queue(f"dpdk(queues=2,queue=1):{name}").close()


def test_a_socket_that_is_served_and_one_left_behind(dpdk: None, tmp_path: Path) -> None:
    served = f"{memif_folder()}/served.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(served)
        server.listen()
        name = f"dpdk:{device('net_memif')},role=server,socket={served},socket-abstract=no"
        error = refusal(name)
        assert f"another process serves memif's socket '{served}'" in error.why
        assert f"ss -xlp src {served}" in error.remedy
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()  # the server was not disturbed
    assert os.path.exists(served)
    assert "give the device another number" in refusal(name).remedy
    # Nobody is behind it now: it is replaced.
    open_queue(name.replace("net_memif", "net_memif9")).close()


def test_a_server_after_its_own_client(dpdk: None, tmp_path: Path) -> None:
    socket_of = f"socket={tmp_path}/own.sock,socket-abstract=no"
    with open_queue(f"dpdk:{device('net_memif')},role=client,{socket_of}"):
        error = refusal(f"dpdk:{device('net_memif')},role=server,{socket_of}")
    assert "is a client of memif's socket" in error.why
    assert error.remedy == "open the server before the client"


def test_a_tap_without_the_other_interface(dpdk: None) -> None:
    if reason := missing_or_no_network():
        pytest.skip(reason)
    with PrivateNetwork() as network, pytest.raises(PioError) as caught:
        network.open_queue(f"dpdk:{device('net_tap')},iface=tap7,remote=nowhere")
    assert "no network interface 'nowhere'" in caught.value.why


# ---- cards, of a host that is not this one ----


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    (tmp_path / "usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0").mkdir(parents=True)
    (tmp_path / "sys/module/vfio_pci").mkdir(parents=True)
    yield Host(root=tmp_path, is_root=True, interface_exists=lambda name: False)


def card(host: Host, driver: str = "", kind: str = "0x020000", vendor: str = "0x8086") -> Path:
    folder = host.pci / CARD
    folder.mkdir(parents=True)
    for name, word in (("vendor", vendor), ("device", "0x10fb"), ("class", kind)):
        (folder / name).write_text(word + "\n")
    if driver:
        (host.root / "sys/bus/pci/drivers" / driver).mkdir(parents=True)
        (folder / "driver").symlink_to(host.root / "sys/bus/pci/drivers" / driver)
    return folder


def card_finding(host: Host, name: str = CARD) -> Finding:
    plain = PioError(19, f"DPDK cannot open '{name}': it says nothing", f"{GENERIC} ...")
    error = explained(name, plain, host)
    return Finding(error.why, error.remedy)


def test_a_card_in_the_kernels_hands(host: Host) -> None:
    (card(host, "ixgbe") / "net/eth3").mkdir(parents=True)
    finding = card_finding(host)
    assert finding.why == f"the kernel's driver ixgbe holds the card at {CARD}, as interface eth3"
    assert f"dpdk-devbind.py --bind=vfio-pci {CARD};" in finding.remedy
    assert "modprobe" not in finding.remedy
    assert card_finding(host, "03:00.0") == finding
    (host.root / "sys/module/vfio_pci").rmdir()
    assert "modprobe vfio-pci && dpdk-devbind.py" in card_finding(host).remedy


def test_a_card_in_nobodys_hands(host: Host) -> None:
    card(host)
    assert card_finding(host).why == f"no driver holds the card at {CARD}"
    assert card_finding(host).remedy.endswith(f"dpdk-devbind.py --bind=vfio-pci {CARD}")


def test_a_card_without_an_iommu(host: Host) -> None:
    card(host, "vfio-pci")
    finding = card_finding(host)
    assert finding.why.startswith("no IOMMU") and "intel_iommu=on" in finding.remedy
    assert "echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode" in finding.remedy


def test_a_card_that_this_user_may_not_use(host: Host) -> None:
    group = host.root / "sys/kernel/iommu_groups/17"
    group.mkdir(parents=True)
    (card(host, "vfio-pci") / "iommu_group").symlink_to(group)
    user = Host(host.root, is_root=False, interface_exists=host.interface_exists)
    assert f"chown {os.geteuid()} /dev/vfio/17" in card_finding(user).remedy


def test_a_card_whose_driver_is_not_installed(host: Host) -> None:
    group = host.root / "sys/kernel/iommu_groups/17"
    group.mkdir(parents=True)
    (card(host, "vfio-pci") / "iommu_group").symlink_to(group)
    finding = card_finding(host)
    assert "knows the card" in finding.why and "8086:10fb" in finding.why
    assert "apt-get install librte-net-ixgbe23 or librte-net-i40e23" in finding.remedy
    assert "librte-net-e1000-23" in finding.remedy
    (host.plugins()[0] / "librte_net_ixgbe.so.23").touch()
    assert card_finding(host).remedy.startswith(GENERIC)  # what is left over


def test_no_card(host: Host) -> None:
    assert "no PCI device at" in card_finding(host).why
    card(host, kind="0x030000")
    assert "is no network card" in card_finding(host).why


def test_a_missing_plugin(host: Host) -> None:
    plain = PioError(14, 'x: failed to parse device "net_memif0"', f"{GENERIC} ...")
    error = explained("net_memif0,role=server", plain, host)
    assert "(librte_net_memif.so)" in error.why
    assert "apt-get install librte-net-memif23;" in error.remedy
    assert "librte-net-virtio23" in explained("net_virtio_user0,path=x", plain, host).remedy


def test_the_kernels_name_of_a_card(host: Host) -> None:
    (host.root / "sys/class/net/eth3").mkdir(parents=True)
    (host.root / "sys/class/net/eth3/device").symlink_to(card(host, "ixgbe"))
    plain = PioError(14, 'x: failed to parse device "eth3"', f"{GENERIC} ...")
    kernel = Host(host.root, interface_exists=lambda name: name == "eth3")
    assert explained("eth3", plain, kernel).remedy == f"open dpdk:{CARD}"


def test_arguments_of_others_are_their_own_business() -> None:
    prepare("net_null0,foo=1")
    prepare("0000:03:00.0,foo=1")
    prepare("")


# ---- the start, which a process has once ----

START = """
import sys
from dpdk_bindings import open_queue
from dpdk_bindings.dpdk import eal
from dpdk_bindings.dpdk.options import EalOptions
from dpdk_bindings.errors import PioError
eal.configure(EalOptions(**eval(sys.argv[1])))
for device in sys.argv[2:]:
    try:
        queue = open_queue("dpdk:" + device)
        print("open", device, flush=True)
    except PioError as error:
        print(error.why, "|", error.remedy, flush=True)
sys.stdin.read()
"""


def start(options: str, *devices: str, user: str = "") -> subprocess.Popen[str]:
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    return subprocess.Popen(
        [*become, sys.executable, "-c", START, f"dict({options})", *(devices or ("net_null0",))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


def said(options: str, *devices: str, user: str = "") -> list[str]:
    return start(options, *devices, user=user).communicate("", timeout=60)[0].splitlines()


@pytest.mark.parametrize(
    ("options", "why", "remedy"),
    [
        ("huge_pages='on',memory_mib=1<<20", "wants 1048576 MiB in huge pages",
         "/proc/sys/vm/nr_hugepages"),
        ("huge_pages='off',memory_mib=1<<20", "wants 1048576 MiB of memory", "lower memory_mib"),
        ("huge_pages='off',extra=('--nonsense',)", "refuses its arguments '--nonsense'", "extra"),
        ("huge_pages='off',core=4095", "no core 4095", "give core"),
        ("huge_pages='off',plugins='/nowhere'", "drivers of DPDK's in '/nowhere'", "librte_net_"),
        ("huge_pages='off',allow=('nonsense',)", "'nonsense' in allow", "dpdk-devbind.py"),
    ],
)  # fmt: skip
def test_a_start_that_is_refused(dpdk: None, options: str, why: str, remedy: str) -> None:
    (line,) = said(options)
    assert why in line.partition(" | ")[0] and remedy in line.partition(" | ")[2]
    assert all(map(one_sentence, line.split(" | ")))


def test_the_same_prefix_twice(dpdk: None) -> None:
    options = "huge_pages='off',in_memory=False,file_prefix='tickpath-twice'"
    first = start(options)
    assert first.stdout and first.stdout.readline() == "open net_null0\n"
    (line,) = said(options)
    assert line.startswith("another DPDK process uses the file prefix 'tickpath-twice' | ")
    assert re.search(r"fuser -v /\S+/tickpath-twice/config", line)
    first.kill()
    first.communicate()
    assert said(options) == ["open net_null0"]  # over what the killed one left
    shutil.rmtree(re.findall(r"fuser -v (\S+)/config", line)[0])


def test_memory_is_asked_for_before_it_is_taken(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:   131071 kB\n")
    with pytest.raises(PioError, match="wants 128 MiB of memory and 127 MiB are free"):
        memory_check(EalOptions(), tmp_path / "meminfo")
    memory_check(EalOptions(memory_mib=127), tmp_path / "meminfo")


def test_as_nobody(dpdk: None) -> None:
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("becoming nobody needs root and setpriv")
    devices = (
        "net_null0", "net_ring0", "net_af_packet0,iface=lo", "net_af_xdp0,iface=lo",
        "net_tap0,iface=tap8", "net_pcap0,iface=lo",
        "net_memif0,role=server,socket=/run/tickpath.sock,socket-abstract=no",
    )  # fmt: skip
    lines = said("huge_pages='off'", *devices, user=NOBODY)
    assert lines[:2] == ["open net_null0", "open net_ring0"]
    for line, name in zip(lines[2:6], devices[2:6], strict=True):
        assert f"this user may not open {name.partition(',')[0]}" in line
        assert "run as root, or: setcap cap_net_raw,cap_net_admin" in line
    assert "may not make memif's socket in '/run' | run as root, or: chown 65534 /run" in lines[6]
