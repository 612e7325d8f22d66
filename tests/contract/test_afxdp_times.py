"""AF_XDP queues that ask for the card's own receive times, over veth, whose driver has the hook.

No frame that comes over veth has such a time, so it says 0 for each: what is seen here is that the
hook is the one called, and that a frame without a time is told. What becomes of a time is in
test_afxdp_program.py.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from afpacket_ends import ARRIVAL_S, IFF_NO_PI, numbered, receive_all, tap_make, wait_for
from afpacket_ends import IFF_TAP as TAP
from afxdp_ends import (
    GROUP,
    STATION,
    STEER,
    SYS_BPF,
    XdpEnds,
    program_on,
    udp,
    veth_queues,
)
from private_network import PrivateNetwork
from test_afxdp_program import made_up
from test_leaks import HOLDER

from dpdk_bindings.afxdp import open_for_another
from dpdk_bindings.errors import PioError

ROOT = Path(__file__).resolve().parents[2]
TIMES = "steer=all,hardware_timestamps=1"
BPF_PROG_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD = 13, 15
CALL = 0x85
INSTRUCTIONS_AT, LICENCE_AT, INFO_BYTES = 32, 84, 232  # in struct bpf_prog_info


@pytest.fixture
def network(network: PrivateNetwork) -> Iterator[PrivateNetwork]:
    try:
        network.open_queue(f"afxdp:left,{TIMES}").close()
    except PioError as error:
        pytest.skip(f"this kernel has none of it: {error}")
    yield network


def bpf(command: int, attr: bytes) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    kept = ctypes.create_string_buffer(attr, 128)
    done = int(libc.syscall(SYS_BPF, command, kept, 128))
    if done < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return done


def loaded(program: int) -> tuple[list[tuple[int, int]], bool]:
    """The calls that the kernel made of a program's (source register, constant); is it GPL's?"""
    fd = bpf(BPF_PROG_GET_FD_BY_ID, struct.pack("I", program))
    code = ctypes.create_string_buffer(8 * 4096)
    info = ctypes.create_string_buffer(INFO_BYTES)
    struct.pack_into("I", info, 20, len(code))
    struct.pack_into("Q", info, INSTRUCTIONS_AT, ctypes.addressof(code))
    bpf(BPF_OBJ_GET_INFO_BY_FD, struct.pack("IIQ", fd, INFO_BYTES, ctypes.addressof(info)))
    os.close(fd)
    (length,) = struct.unpack_from("I", info, 20)
    calls = [(registers >> 4, constant)
             for operation, registers, _, constant in struct.iter_unpack("=BBhi", code[:length])
             if operation == CALL]  # fmt: skip
    return calls, bool(struct.unpack_from("I", info, LICENCE_AT)[0] & 1)


def address_of(symbol: str) -> int:
    for line in Path("/proc/kallsyms").read_text().splitlines():
        address, _, name, *_ = line.split()
        if name == symbol:
            return int(address, 16)
    return 0


def test_the_drivers_own_hook_is_called(network: PrivateNetwork) -> None:
    with network.open_queue(f"afxdp:left,{TIMES}"):
        calls, is_gpl = loaded(program_on(network, "left"))
        assert is_gpl and len(calls) == 3
        base, hook = address_of("__bpf_call_base"), address_of("veth_xdp_rx_timestamp")
        if base and hook:
            assert base + calls[0][1] == hook
    with network.open_queue("afxdp:left,steer=all"):
        calls, is_gpl = loaded(program_on(network, "left"))
        assert not is_gpl and len(calls) == 3


def test_a_frame_without_a_time_has_none_and_is_counted(network: PrivateNetwork) -> None:
    with (
        network.open_queue("afpacket:left") as sender,
        network.open_queue(f"afxdp:right,{STEER},hardware_timestamps=1") as queue,
    ):
        assert queue.mode == "copy"
        sender.send([udp(GROUP, 26477), udp(STATION, 26400), udp(STATION, 1)] * 10)
        frames = queue.receive_frames(20, ARRIVAL_S)
        frames += queue.receive_frames(20, ARRIVAL_S) if len(frames) < 20 else []
        assert [frame.timestamp_ns for frame in frames] == [0] * 20
        assert queue.stats()["rx_unstamped"] == queue.stats()["rx_frames"] == 20
    with XdpEnds(network, "copy") as ends:
        ends.left.send([numbered(n) for n in range(20)])
        assert len(receive_all(ends.right)) == 20
        assert ends.right.stats()["rx_unstamped"] == 0


def test_where_it_cannot_be_had_it_is_refused(network: PrivateNetwork) -> None:
    tap = network.call(os.open, "/dev/net/tun", os.O_RDWR)
    tap_make(network, tap, "tap", TAP | IFF_NO_PI)
    network.set("lo", state="up", mtu=1500)
    network.veth("long-a", "long-b", mtu=3800)
    cases = [
        ("left,mode=skb", errno.EINVAL, "mode=skb has no receive times", "leave mode=skb out"),
        ("left,timestamps=0", errno.EINVAL, "contradict each other", "leave one of them out"),
        ("left,hardware_timestamps=2", errno.EINVAL, "hardware_timestamps", "0 to 1"),
        ("lo", errno.EOPNOTSUPP, "the driver of 'lo' hands no receive times", "afpacket:lo,hard"),
        ("tap", errno.EOPNOTSUPP, "the driver of 'tap' (tun) hands no", "for the kernel's times"),
        ("long-a", errno.ERANGE, "takes no XDP program now, and only by one", "leave hardware"),
    ]
    for name, number, why, remedy in cases:
        asked = name if "hardware" in name else f"{name},hardware_timestamps=1"
        with pytest.raises(PioError) as caught:
            network.open_queue(f"afxdp:{asked},steer=all")
        assert caught.value.errno == number, str(caught.value)
        assert why in caught.value.why and remedy in caught.value.remedy, str(caught.value)
        assert program_on(network, name.split(",")[0]) == 0
    os.close(tap)


# Opens a queue with another file in the place of the kernel's description of itself.
ELSEWHERE = """
import ctypes, sys
from dpdk_bindings.errors import PioError
from dpdk_bindings.queue import open_queue
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x1000, 0x4000, 1 << 18
if sys.argv[2]:
    target = b"/sys/kernel/btf/vmlinux"
    assert libc.unshare(CLONE_NEWNS) == 0
    if libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None):
        sys.exit(77)
    assert libc.mount(sys.argv[2].encode(), target, None, MS_BIND, None) == 0, ctypes.get_errno()
try:
    with open_queue(sys.argv[1]) as queue:
        print(queue.mode)
except PioError as error:
    print(error)
"""


def opened_by_a_child(network: PrivateNetwork, file: str, **environment: str) -> str:
    child = network.call(
        subprocess.run,
        [sys.executable, "-c", ELSEWHERE, f"afxdp:left,{TIMES}", file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )
    if child.returncode == 77:
        pytest.skip("a private mount namespace needs a / that is a mount point (no chroot)")
    assert child.returncode == 0, child.stderr
    return str(child.stdout)


def test_a_kernel_without_a_description_or_the_hook_is_told(
    network: PrivateNetwork, tmp_path: Path
) -> None:
    file = tmp_path / "btf"
    for content, why, remedy in (
        (b"", "vmlinux cannot be understood", "CONFIG_DEBUG_INFO_BTF"),
        (made_up()[:-1], "vmlinux cannot be understood", "CONFIG_DEBUG_INFO_BTF"),
        (made_up("another"), "hands no card's receive times to an XDP program", "Linux 6.7"),
        (made_up(), "loads no XDP program that asks for", "leave hardware_timestamps=1 out"),
    ):
        file.write_bytes(content)
        said = opened_by_a_child(network, str(file))
        assert why in said and remedy in said, said
        assert program_on(network, "left") == 0
    assert opened_by_a_child(network, "") == "copy\n"


@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc to build the shim with")
def test_a_card_told_to_stamp_nothing_is_refused(network: PrivateNetwork, tmp_path: Path) -> None:
    """The card's answer is made up (ethtool_shim.c): veth has no such setting."""
    shim = tmp_path / "shim.so"
    source = Path(__file__).parent / "ethtool_shim.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", str(source), "-o",
                    str(shim)], check=True)  # fmt: skip
    off, all_frames = "0", "1"  # HWTSTAMP_FILTER_NONE, HWTSTAMP_FILTER_ALL
    said = opened_by_a_child(network, "", LD_PRELOAD=str(shim), SHIM_STAMPS=off)
    assert said.startswith("receive times are switched off in the card of 'left'; switch them on: ")
    said = opened_by_a_child(network, "", LD_PRELOAD=str(shim), SHIM_STAMPS=all_frames)
    assert said == "copy\n"


def test_queues_of_one_interface_have_times_of_one_kind(network: PrivateNetwork) -> None:
    veth_queues(network, "west", "east", 3)

    def opened(number: int, options: str = "") -> str:
        return f"afxdp:east,queue={number},steer={STATION}:{number + 1},mode=copy{options}"

    with (
        network.open_queue(opened(0, ",timestamps=0")) as without,
        network.open_queue(opened(1, ",hardware_timestamps=1")) as card,
    ):
        program = program_on(network, "east")
        assert loaded(program)[1], "the program was changed for one that asks the hook"
        with pytest.raises(PioError, match="'east' open with receive times of the card") as caught:
            network.open_queue(opened(2))
        assert "the same hardware_timestamps=" in caught.value.remedy
        assert program_on(network, "east") == program
        with network.open_queue("afxdp:west,steer=all,mode=copy") as sender:
            sender.send([udp(STATION, 1)] * 5)
            assert len(receive_all(without)) == 5
        assert without.stats()["rx_unstamped"] == 0
        with network.open_queue("afxdp:west,steer=all,mode=copy,queue=1") as sender:
            sender.send([udp(STATION, 2)] * 5)
            assert len(receive_all(card)) == 5
        assert card.stats()["rx_unstamped"] == 5
    with network.open_queue(opened(0)):
        with pytest.raises(PioError, match="with receive times of the kernel"):
            network.open_queue(opened(1, ",hardware_timestamps=1"))
        with network.open_queue(opened(1)):
            pass
    with (
        network.open_queue("afxdp:east,steer=all,mode=skb,timestamps=0"),
        pytest.raises(PioError, match="open in skb mode, which has no receive times of the card"),
    ):
        network.open_queue(f"afxdp:east,queue=1,{TIMES}")
    assert program_on(network, "east") == 0


def test_the_program_goes_with_a_killed_process_and_with_the_interface(
    network: PrivateNetwork,
) -> None:
    child = network.call(
        subprocess.Popen,
        [sys.executable, "-c", HOLDER, f"afxdp:left,{TIMES}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None and child.stdout.readline() == "copy\n"
        program = program_on(network, "left")
        assert loaded(program)[1]
        os.kill(child.pid, signal.SIGKILL)
        child.wait(10)
        wait_for(lambda: program_on(network, "left") == 0)
        wait_for(lambda: is_gone(program))
    finally:
        child.kill()
        child.communicate()
    with network.open_queue(f"afxdp:left,{TIMES}") as queue:
        assert queue.link == "up"
        network.delete("left")
        time.sleep(0.02)
        assert queue.receive() == [] and queue.link == "gone"
    network.veth("left", "right")
    network.open_queue(f"afxdp:left,{TIMES}").close()


def is_gone(program: int) -> bool:
    try:
        os.close(bpf(BPF_PROG_GET_FD_BY_ID, struct.pack("I", program)))
    except OSError as error:
        return error.errno == errno.ENOENT
    return False


def test_a_queue_opened_for_another_has_them_too(network: PrivateNetwork) -> None:
    with network.call(open_for_another, f"afxdp:left,{TIMES}") as opened:
        numbers = "+".join(str(os.dup(fd)) for fd in opened.fds)
        whole = opened.name.replace("+".join(map(str, opened.fds)), numbers)
        left = network.open_queue(whole)
    with left, network.open_queue("afpacket:right") as right:
        wait_for(lambda: left.link == right.link == "up")
        right.send([numbered(n) for n in range(7)])
        assert receive_all(left) == [numbered(n) for n in range(7)]
        assert left.stats()["rx_unstamped"] == 7
