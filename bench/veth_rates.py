"""How many 64-byte frames a second each backend over the kernel receives over a veth pair, beside
programs that only drop them.

The sender is always the same, an afxdp queue in the driver's own mode, so that only the receiver
differs. veth hands frames over on the sender's core: what the kernel does to receive one is taken
from the sender's time, and so is every cache line that it must have back from a receiver who looks
at once. "On its own core" is the other arrangement, that of a card whose sender is another machine:
the kernel receives on the core of the program that takes the frames.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import statistics
import time

from bench.rows import Row
from bench.settings import Absent, Settings, last_core
from bench.veth import STEER
from bench.veth_ends import FAR, GROUP, LINE, NEAR, PORT, RUN_S, START_S, Wire, end, told

SENDER = f"afxdp:{LINE},{STEER},mode=copy"
RATE_TARGET = ">= 1"
SHARE_TARGET = ">= 0.9"  # of a program that only drops, in the same mode
OWN_CORE = " on its own core"
BUSY_POLLED = ", busy polling"
NEIGHBOURS_MAX = 1000  # frames a second that are not the flood's


def _rate(role: str, name: str, *, own_core: bool = False, polled: bool = False) -> float:
    """Million frames a second that the far end, in a role of veth_ends, gets."""
    with Wire() as wire:
        if own_core:
            wire.receive_on_last_core()
        if polled:
            wire.defer_interrupts(FAR)
        if name.startswith("udp:"):
            wire.give_addresses()
        with contextlib.ExitStack() as stack:
            if polled:  # who polls must have heard a frame (busy_poll_wait_ms)
                stack.enter_context(wire.running(NEAR, "flood", SENDER))
            far = stack.enter_context(wire.running(FAR, role, name))
            if not polled:
                stack.enter_context(wire.running(NEAR, "flood", SENDER))
            return float(told(far)["rate"])


def _received(name: str, queue: str) -> list[Row]:
    return [Row(f"receive, {name}", "M frames/s", _rate("sink", queue), better="higher")]


def afpacket(_: Settings) -> list[Row]:
    return _received("afpacket", f"afpacket:{LINE}")


def udp(_: Settings) -> list[Row]:
    return _received("udp", f"udp:{LINE},port={PORT},address={GROUP}")


def _beside_drops(mode: str, drops: str, *, own_core: bool = False,
                  polled: bool = False) -> list[Row]:
    """An afxdp queue's rate, with and without receive times, as a share of what is dropped."""
    where = OWN_CORE if own_core else ""
    most = _rate("drop", drops, own_core=own_core)
    rows = [Row(f"receive, a program that only drops, {drops}{where}", "M frames/s", most,
                better="")]
    if polled:
        where = BUSY_POLLED
    for times, more in (("", ""), (" without times", ",timestamps=0")):
        steer = f"steer={GROUP}:{PORT},busy_poll_us=20" if polled else STEER
        queue = f"afxdp:{LINE},{steer},mode={mode}{more}"
        rate = _rate("sink", queue, own_core=own_core, polled=polled)
        name = f"receive, afxdp {drops}{times}{where}"
        rows += [Row(name, "M frames/s", rate, RATE_TARGET, better="higher"),
                 Row(f"{name} / only drops", "", rate / most, SHARE_TARGET, better="higher")]
    return rows


def skb(_: Settings) -> list[Row]:
    return _beside_drops("skb", "skb")


def native(_: Settings) -> list[Row]:
    return _beside_drops("copy", "native")


def native_busy_polled(_: Settings) -> list[Row]:
    return _beside_drops("copy", "native", polled=True)


def skb_on_its_own_core(_: Settings) -> list[Row]:
    return _beside_drops("skb", "skb", own_core=True)


def xdp_bench(_: Settings) -> list[Row]:
    """What others' programs get, per mode: one that only drops, and an AF_XDP receiver, which
    xdp-bench has from 1.6 on."""
    if shutil.which("xdp-bench") is None:
        raise Absent("xdp-bench is not installed (Debian: apt-get install xdp-tools)")
    rows = []
    for mode in ("skb", "native"):
        for words in (("drop", "-m", mode), ("xsk-drop", "-A", mode, "-C", "copy")):
            rates, said = _xdp_bench(*words)
            if rates:
                rows.append(Row(f"receive, xdp-bench {words[0]}, {mode}", "M frames/s",
                                statistics.median(rates) / 1e6, better=""))
            elif words[0] == "drop":
                raise Absent(f"xdp-bench received nothing here: {said!r}; see xdp-bench")
    return rows


def _xdp_bench(*words: str) -> tuple[list[int], str]:
    """The frames of each whole second, and the end of what it said."""
    with Wire() as wire:
        theirs = wire.start(FAR, "taskset", "-c", str(last_core()), "xdp-bench", *words, "-i", "1",
                            LINE)
        time.sleep(START_S)
        with wire.running(NEAR, "flood", SENDER):
            time.sleep(RUN_S + START_S)
            said = end(theirs)
    rates = [int(rate.replace(",", "")) for rate in re.findall(r"([\d,]+) rx/s", said)]
    whole = [number for number, rate in enumerate(rates) if rate > NEIGHBOURS_MAX]
    # The flood began within the first of them; the last is the average over all.
    return rates[whole[0] + 1 : -1] if whole else [], said.strip()[-160:]
