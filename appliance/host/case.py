"""One host as the checks see it: its files, what is wanted of it, and what they share.

What several checks need is read once, at the first question, and kept: a run of all checks is one
look at the host.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

from appliance.config import Config
from appliance.host.check import Finding, Unknown, absent, worst
from appliance.host.cpus import format_list, parse_list
from appliance.host.host import CPU, READ_BYTES_MAX, Host
from appliance.host.machine import KernelMachine, Machine, NoMachine
from appliance.host.pci import DEVICES, address_of
from appliance.host.segments import PREFIX, EngineState, engine_states
from appliance.host.wish import Wish

CACHES_MAX = 8  # of a core, as sysfs numbers them; x86 has four
WINDOW_S = 0.3  # how long is watched for what happens now
TASKS_MAX = 20_000  # looked at; more threads than any trading host has, and under a second
KERNEL_THREAD = 0x0020_0000  # PF_KTHREAD, linux/sched.h
NOT_NAMED = "no interface is named; give --interface NAME, or -c FILE with kernel queues"
NO_DEVICES = "no PCI device is named: neither by [host] devices, a queue, nor an interface's card"


class Task(NamedTuple):
    """One thread of /proc, as its stat file tells."""

    process: int
    thread: int
    name: str
    kernel: bool
    core: int  # where it ran last


class Case:
    """The host, the wish and the configuration; ``machine`` answers what no file shows.

    ``given`` are the options that made the wish, for the commands that are printed.
    """

    def __init__(self, host: Host, wish: Wish, config: Config,
                 machine: Machine | None = None, given: str = "") -> None:
        self.host, self.wish, self.config, self.given = host, wish, config, given
        # Before doctor gets out of the loop's way.
        self.own_status = self.status("self")
        self.machine = machine or (KernelMachine(config) if host.real else NoMachine())

    # ---- cores -----------------------------------------------------------------------------------

    @property
    def cores(self) -> frozenset[int]:
        """The loops' cores; raises Unknown when there is none."""
        if not self.wish.cores:
            raise Unknown("there is no core for the loop; give --core LIST")
        return self.wish.cores

    @property
    def core(self) -> int:
        """The first of them."""
        return min(self.cores)

    @property
    def words(self) -> dict[str, str]:
        """What placeholders of a fix stand for; "" is not known."""
        loops = format_list(self.wish.cores)
        return {"NAME": next(iter(self.wish.interfaces), ""), "DEVICE": next(iter(self.pci), ""),
                "CORE": loops.partition(",")[0].partition("-")[0], "LOOPS": loops,
                "HOUSEKEEPING": format_list(self.wish.housekeeping)}

    def each_core(self, look: Callable[[int], Finding]) -> Finding:
        """The worst that ``look`` says of the loops' cores."""
        if len(self.cores) == 1:
            return look(self.core)
        return worst((f"core {core}", look(core)) for core in sorted(self.cores))

    def cache(self, core: int, level: int) -> frozenset[int] | None:
        """The cores that share a core's cache of a level, it left out; None: nobody tells."""
        for index in range(CACHES_MAX):
            folder = f"{CPU}/cpu{core}/cache/index{index}"
            if self.host.number(f"{folder}/level") == level:
                return parse_list(self.host.read(f"{folder}/shared_cpu_list") or "") - {core}
        return None

    def node_of_core(self) -> int:
        """The NUMA node of the loop's core; 0 where the kernel knows none."""
        names = self.host.glob(f"{CPU}/cpu{self.core}/node[0-9]*")
        return int(names[0].rpartition("node")[2]) if names else 0

    def cpu_fields(self, name: str) -> list[str]:
        """A field of /proc/cpuinfo, core by core."""
        lines = (self.host.read("/proc/cpuinfo") or "").split("\n")
        pairs = (line.partition(":") for line in lines)
        return [value.strip() for key, _, value in pairs if key.strip() == name]

    @property
    def x86(self) -> bool:
        return bool(self.host.flags)

    @property
    def virtual(self) -> bool:
        return "hypervisor" in self.host.flags

    # ---- tables of /proc -------------------------------------------------------------------------

    def table(self, path: str) -> dict[str, int]:
        """A file of "Name:   number" or "name number" lines, as numbers."""
        rows = (line.replace(":", " ").split() for line in self.text(path).split("\n"))
        return {row[0]: int(row[1]) for row in rows
                if len(row) > 1 and row[1].lstrip("-").isdigit()}

    def text(self, path: str) -> str:
        """A file that must be there; raises Unknown that says why it is not."""
        text = self.host.read(path)
        if text is None:
            raise Unknown(self.host.why_not(path))
        return text

    def per_core(self, path: str, core: int, text: str | None = None) -> dict[str, int]:
        """One core's column of /proc/interrupts or /proc/softirqs, by the row's name."""
        lines = (self.text(path) if text is None else text).split("\n")
        column = lines[0].split().index(f"CPU{core}") + 1
        rows = (line.replace(":", " ").split() for line in lines[1:])
        return {row[0]: int(row[column]) for row in rows
                if len(row) > column and row[column].isdigit()}

    @cached_property
    def window(self) -> tuple[float, dict[str, str], dict[str, str]]:
        """The kernel's counts by core twice, and the seconds between; raises Unknown."""
        names = ("/proc/interrupts", "/proc/softirqs")
        first = {name: self.text(name) for name in names}
        seconds = self.machine.wait(WINDOW_S)
        return seconds, first, {name: self.text(name) for name in names}

    @property
    def uptime_s(self) -> float:
        return max(1.0, float(self.text("/proc/uptime").split()[0]))

    def pressure(self, resource: str) -> float:
        """The share of the last minute, in percent, in which some task waited for it."""
        some = self.text(f"/proc/pressure/{resource}").split("\n")[0]
        return float(some.partition("avg60=")[2].split()[0])

    # ---- tasks -----------------------------------------------------------------------------------

    @cached_property
    def tasks(self) -> list[Task]:
        """Every thread, our own process left out."""
        found: list[Task] = []
        for process in self._numbers("/proc"):
            if self.host.real and process == os.getpid():
                continue
            for thread in self._numbers(f"/proc/{process}/task"):
                stat = self.host.read(f"/proc/{process}/task/{thread}/stat") or ""
                fields = stat.rpartition(")")[2].split()
                if len(fields) > 36 and len(found) < TASKS_MAX:
                    name = stat.partition("(")[2].rpartition(")")[0]
                    found.append(Task(process, thread, name, bool(int(fields[6]) & KERNEL_THREAD),
                                      int(fields[36])))
        return found

    def _numbers(self, folder: str) -> list[int]:
        try:
            names = os.listdir(self.host.path(folder))
        except OSError:
            return []
        return sorted(int(name) for name in names if name.isdigit())

    def allowed(self, task: Task) -> frozenset[int]:
        """The cores a thread may run on; empty when it has ended."""
        fields = self.status(task.process, task.thread)
        return parse_list(fields.get("Cpus_allowed_list", ""))

    def status(self, process: int | str, thread: int | str | None = None) -> dict[str, str]:
        """The status file of a process or thread."""
        part = "" if thread is None else f"/task/{thread}"
        lines = (self.host.read(f"/proc/{process}{part}/status") or "").split("\n")
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}

    def running(self, *names: str) -> list[str]:
        """Which of these programs run; the kernel keeps 15 letters of a name."""
        return [name for name in names if name[:15] in self.programs]

    @cached_property
    def programs(self) -> frozenset[str]:
        return frozenset(self.host.programs().values())

    # ---- interfaces, devices, engine, build ------------------------------------------------------

    def each_interface(self, look: Callable[[str], Finding]) -> Finding:
        """The worst that ``look`` says of the interfaces to trade over."""
        if not self.wish.interfaces:
            return absent(NOT_NAMED)
        taken = absent("the kernel has it no more: DPDK's, or unplugged")
        return worst((name, look(name) if self.host.exists(f"/sys/class/net/{name}") else taken)
                     for name in self.wish.interfaces)

    @cached_property
    def pci(self) -> dict[str, str]:
        """The PCI devices to trade over: address to folder, those of the interfaces, too."""
        found = {name: f"{DEVICES}/{name}" for name in self.wish.devices}
        for interface in self.wish.interfaces:
            address = address_of(self.host, interface)
            if address is not None:
                found[address] = f"{DEVICES}/{address}"
        return found

    def each_device(self, look: Callable[[str], Finding]) -> Finding:
        """The worst that ``look`` says of the folders of :attr:`pci`."""
        if not self.pci:
            return absent(NO_DEVICES)
        return worst((name, look(folder)) for name, folder in self.pci.items())

    @cached_property
    def queues(self) -> tuple[str, ...]:
        feed = self.config.feed
        return tuple(q for q in (feed.line_a, feed.line_b, self.config.orders.queue) if q)

    def uses(self, backend: str) -> bool:
        """Whether a configured queue is of it, within others or not."""
        return any(f":{backend}:" in f":{queue}" for queue in self.queues)

    @cached_property
    def engines(self) -> list[EngineState]:
        """The segments of engines, dead ones too."""
        return engine_states(self.host)

    @property
    def engine(self) -> EngineState:
        """The running engine; raises Unknown when there is none."""
        for each in self.engines:
            if each.alive and each.name == self.config.engine.name:
                return each
        path = f"{PREFIX}{self.config.engine.name}"
        if self.host.exists(path) and self.host.read(path) is None:
            raise Unknown(f"only root and the engine's user may read {path}")
        raise Unknown(f"no engine named '{self.config.engine.name}' is running")

    @cached_property
    def kernel_options(self) -> dict[str, str]:
        """How the kernel was built, CONFIG_ left out; raises Unknown when nobody knows."""
        release = self.host.read("/proc/sys/kernel/osrelease") or "unknown"
        for name in (f"/boot/config-{release}", f"/lib/modules/{release}/config",
                     f"/usr/lib/modules/{release}/config", "/proc/config.gz"):
            text = self._gzip(name) if name.endswith(".gz") else self.host.read(name)
            if text:
                pairs = (line.partition("=") for line in text.split("\n")
                         if line.startswith("CONFIG_"))
                return {key.removeprefix("CONFIG_"): value for key, _, value in pairs}
        raise Unknown(f"neither /boot/config-{release} nor /proc/config.gz can be read")

    def _gzip(self, name: str) -> str:
        try:
            with gzip.open(self.host.path(name)) as file:
                return file.read(READ_BYTES_MAX).decode("utf-8", "replace")
        except (OSError, EOFError, zlib.error):
            return ""
