"""The C itself under the address and undefined-behaviour sanitizers, in drivers of its own."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from capture_bytes import SMALL
from contract_cases import no_private_network, unique
from netmap_standin import pipe_name, sanitized
from private_network import PrivateNetwork

HERE = Path(__file__).parent
CSRC = HERE.parent.parent / "dpdk_bindings/csrc"
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
ROUNDS = 5000


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sanitized")
    if not shutil.which("gcc"):
        pytest.skip("there is no gcc to build the drivers with")
    probe = ["gcc", *SANITIZE, "-x", "c", "-", "-o", str(path / "probe")]
    if subprocess.run(probe, input=b"int main(void){return 0;}", capture_output=True).returncode:
        pytest.skip("gcc has no address sanitizer here (Debian: libgcc-12-dev has it)")
    return path


def build(path: Path, sources: list[Path]) -> Path:
    command = ["gcc", "-std=gnu11", "-O1", "-g", *SANITIZE, f"-I{CSRC}", *map(str, sources)]
    subprocess.run([*command, "-o", str(path)], check=True)
    return path


def run(driver: Path, *arguments: str) -> list[int]:
    """Runs it; the numbers it printed."""
    done = subprocess.run([driver, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return [int(word) for word in done.stdout.split() if word.isdigit()]


def test_no_cut_or_changed_capture_is_read_past_its_end(scratch: Path) -> None:
    driver = build(scratch / "capture", [HERE / "capture_driver.c", CSRC / "pio_capture.c"])
    files = []
    for form, content in SMALL.items():
        files.append(scratch / form)
        files[-1].write_bytes(content)
    walks, records = run(driver, "1", *map(str, files))
    assert walks == sum(map(len, SMALL.values())) + len(SMALL) + 40_000
    assert records > walks


def sources() -> list[Path]:
    # DPDK's has a build of its own under the sanitizers.
    backends = [file for file in CSRC.glob("pio_*.c") if "dpdk" not in file.name]
    return [*backends, *CSRC.glob("net_host*.c"), CSRC / "tp_segment.c"]


@pytest.fixture(scope="module")
def driver(scratch: Path) -> Path:
    return build(scratch / "backends", [HERE / "backends_driver.c", *sources()])


@pytest.mark.parametrize("options", [",slots=2", ",slots=64,frame_bytes=256", ""])
def test_a_memory_link_between_threads(scratch: Path, options: str) -> None:
    driver = build(scratch / "links", [HERE / "links_stress.c", *sources()])
    link = f"memory:{unique('stress')}{options}"
    done = subprocess.run([driver, link, "100000"], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


HOST = "host(address=10.0.0.2/24,mac=02:00:00:00:00:02,groups=233.54.12.111)"


def test_a_host_among_damaged_control_frames(scratch: Path) -> None:
    driver = build(scratch / "host", [HERE / "host_driver.c", *sources()])
    for seed, options in (("1", ""), ("2", ",slots=64"), ("3", ",slots=512,frame_bytes=192")):
        link = f"memory:{unique('sanitized')}{options}"
        data, refused, sent = run(driver, seed, str(2 * ROUNDS), link, f"{HOST}:{link}")
        assert data > ROUNDS and refused > ROUNDS and sent > ROUNDS // 4, (seed, options)


def test_members_of_a_shared_queue_against_a_model(scratch: Path) -> None:
    driver = build(scratch / "share", [HERE / "share_driver.c", *sources()])
    lost = [0, 0, 0]
    for seed in ("1", "2", "3"):
        for options in ("", ",slots=64", ",slots=512,frame_bytes=192"):
            link = f"memory:{unique('sanitized')}{options}"
            received, *losses, sent = run(driver, seed, str(ROUNDS), link)
            assert received > 2 * ROUNDS and sent > 5 * ROUNDS, (seed, options)
            lost = [sum(both) for both in zip(lost, losses, strict=True)]
    assert all(lost), "each way to lose a frame was met"


def test_whose_a_frame_is_told_by_its_own_bytes_alone(scratch: Path) -> None:
    others = [file for file in sources() if file.name != "pio_share.c"]  # the driver includes it
    driver = build(scratch / "share_edge", [HERE / "share_edge_driver.c", *others])
    claimed, rest = run(driver, "1", "500")
    assert claimed > 500 and rest > 500


@pytest.mark.parametrize("seed", [1, 2])
def test_backends_driven_at_random(driver: Path, scratch: Path, seed: int) -> None:
    link = f"memory:{unique('sanitized')}"
    file = scratch / "frames.pcapng"
    faults = "fault(loss=0.1,duplicate=0.2,reorder=0.3,corrupt=0.1,truncate=0.1)"
    most = "fault(duplicate=1,reorder=1,depth=64):fault(duplicate=1)"
    for sender, receiver in (
        (link, link),
        (f"{link},slots=2", f"{link},slots=2"),
        (f"{link},slots=64", f"{faults}:{link},slots=64"),
        (f"{HOST}:{link}", f"{HOST}:{link}"),
        (f"share:{link}", f"share():{link},slots=4096"),
        (f"fault(short_send=0.5):{link},frame_bytes=64", f"{most}:{link},frame_bytes=64"),
    ):
        sent, received = run(driver, str(seed), str(ROUNDS), sender, receiver)
        assert sent > ROUNDS // 4 and received > ROUNDS // 4, (sender, receiver)
    sent, _ = run(driver, str(seed), str(ROUNDS // 10), f"pcap:,out={file}", link)
    _, received = run(driver, str(seed), str(ROUNDS), link, f"{faults}:pcap:{file},loop=2")
    assert sent < received < 3 * sent


@pytest.mark.parametrize("mode", ["skb", "copy"])
def test_afxdp_driven_at_random(driver: Path, network: PrivateNetwork, mode: str) -> None:
    for seed, options in (("1", ""), ("2", ",rx_slots=64,tx_slots=64"), ("3", ",frame_bytes=64")):
        ends = (f"afxdp:{end},steer=all,mode={mode}{options}" for end in ("left", "right"))
        sent, received = network.call(run, driver, seed, str(ROUNDS), *ends)
        assert sent > ROUNDS // 4 and received > ROUNDS // 8, options
    steer = ",steer=10.0.0.1:1+10.0.0.2+233.54.12.111:26477,busy_poll_us=20"
    network.call(run, driver, "4", str(ROUNDS), f"afxdp:left{steer}", f"fault:afxdp:right{steer}")


def test_udp_driven_at_random_while_datagrams_come(driver: Path) -> None:
    """None of the driver's frames is a datagram, so what comes is sent from here."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source:
        source.bind(("127.0.0.1", 0))
        ports = free_ports(2)
        ends = [f"udp:lo,address=127.0.0.1,port={port},rx_slots=64,frame_bytes=700"
                for port in ports]
        stop = threading.Event()

        def send() -> None:
            length = 0
            while not stop.is_set():
                length = (length + 37) % 900  # some are too long
                source.sendto(bytes(length), ("127.0.0.1", ports[1]))

        sender = threading.Thread(target=send)
        sender.start()
        try:
            sent, received = run(driver, "1", str(ROUNDS), *ends)
        finally:
            stop.set()
            sender.join()
    assert sent == 0 and received > 100


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                   for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


@pytest.fixture(scope="module")
def netmap_driver(scratch: Path) -> Path:
    return sanitized(scratch / "netmap", SANITIZE)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_netmap_driven_at_random(netmap_driver: Path, seed: int) -> None:
    """Over its stand-in, which tells of every breach of the rings' rules."""
    for options in ("", ",rx_slots=16,tx_slots=16", ",rx_slots=97,tx_slots=33"):
        left = f"netmap:{pipe_name()}{{1{options}"
        right = left.replace("{", "}")
        if "97" in options:  # the ends of a pipe see it from either side
            right = right.split(",")[0] + ",rx_slots=33,tx_slots=97"
        sent, received = run(netmap_driver, str(seed), str(ROUNDS), left, right)
        assert sent > ROUNDS // 4 and received > ROUNDS // 4, (left, right)


def test_netmap_interfaces_driven_at_random(
    netmap_driver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason := no_private_network():
        pytest.skip(reason)
    monkeypatch.setenv("TICKPATH_TEST_RINGS", "3")
    with PrivateNetwork() as network:
        network.veth("left", "right", mtu=2048 - 14)
        for left, right in (("left", "right"), ("left-2", "right"), ("left^", "right^")):
            ends = f"netmap:{left}", f"netmap:{right}"
            sent, _ = network.call(run, netmap_driver, "5", str(ROUNDS), *ends)
            assert sent > ROUNDS // 4, ends
