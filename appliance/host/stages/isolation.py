"""Isolation: the loops' cores have no tasks but the loops, no ticks and no RCU callbacks.

Only the kernel's command line can do all of it; a cpuset partition can keep tasks away at run time.
"""

from __future__ import annotations

from appliance.host.cpus import format_list, parse_list
from appliance.host.host import CPU, Host
from appliance.host.partition import CONTROL, CONTROLLER, GROUP, NO_CPUSETS, PARTITION
from appliance.host.stage import ONE_CORE, Knob, Setting, Stage, absent, compare
from appliance.host.wish import Wish

PARAMETERS = "Linux Documentation/admin-guide/kernel-parameters.txt"
CPUSET = "Linux Documentation/admin-guide/cgroup-v2.rst, cpuset.cpus.partition"
COMMAND_LINE = "/proc/cmdline"


class Isolation(Stage):
    """What ``[host] isolate`` asks for: ``boot``, ``cpuset`` or ``none``."""

    name = "isolation"
    title = "Isolated cores"
    knobs = (
        Knob("isolation.controller", "Whether control groups have cpusets",
             "A partition needs the controller in the groups below the root. Costs nothing.",
             CPUSET, CONTROL),
        Knob("isolation.partition", "The loops' cores as a partition of their own",
             "Taken from every other task at run time, and from the scheduler's balancing. The "
             "engine enters by itself, with all its threads: for DPDK's own, give [host] cores one "
             "core more than the loop's. The kernel's per-core work stays. Costs: nothing else may "
             "run there, and kernels before 6.1 refuse.",
             CPUSET, f"{GROUP}, with cpuset.cpus and cpuset.cpus.partition in it"),
        Knob("isolation.isolcpus", "No tasks and no balancing on the loops' cores",
             "Without it the scheduler puts other tasks on the loop's core, and looks there for "
             "work to move: tens of microseconds to milliseconds. Costs the cores: only what is "
             "pinned runs on them.", f"{PARAMETERS}, isolcpus", f"{COMMAND_LINE}, isolcpus=",
             reported=True),
        Knob("isolation.nohz_full", "No timer tick on a core that runs one task",
             "Otherwise the tick interrupts the loop 100 to 1000 times a second, 1 to 5 "
             "microseconds each. Costs: system calls of these cores take longer, and one other "
             "core keeps the time.",
             f"{PARAMETERS}, nohz_full; timers/no_hz.rst", f"{COMMAND_LINE}, nohz_full=",
             reported=True),
        Knob("isolation.rcu_nocbs", "RCU callbacks of the loops' cores run elsewhere",
             "Otherwise memory that the kernel frees is freed on the loop's core, in a softirq. "
             "Costs threads on the other cores. nohz_full implies it.",
             f"{PARAMETERS}, rcu_nocbs", f"{COMMAND_LINE}, rcu_nocbs=", reported=True),
        Knob("isolation.irqaffinity", "Where interrupts go that are set up while booting",
             "`appliance tune apply` moves them later; this keeps them away from the start. Costs "
             "nothing.", f"{PARAMETERS}, irqaffinity", f"{COMMAND_LINE}, irqaffinity=",
             reported=True),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        how = wish.section.isolate
        if how == "none":
            return []
        if not wish.cores:
            return [absent("isolation.isolcpus", COMMAND_LINE, ONE_CORE)]
        rows = _partition(host, wish) if how == "cpuset" else [_isolcpus(host, wish)]
        return [*rows, _tickless(host, wish), _callbacks(host, wish), _affinity(host, wish)]


def _partition(host: Host, wish: Wish) -> list[Setting]:
    if CONTROLLER.read(host, CONTROL) is None:
        return [absent("isolation.partition", GROUP,
                       f"{NO_CPUSETS}; write isolate = \"boot\" in [host]")]
    if wish.cores <= host.cores("isolated"):
        return [absent("isolation.partition", GROUP, "these cores are isolated at boot already")]
    return [compare(host, "isolation.controller", CONTROL, "cpuset", CONTROLLER),
            compare(host, "isolation.partition", GROUP, f"{format_list(wish.cores)} isolated",
                    PARTITION)]


def _boot(host: Host, knob: str, found: frozenset[int], wish: Wish, flags: str = "") -> Setting:
    """A parameter that lists cores; what others have in it already stays."""
    name = knob.partition(".")[2]
    old = host.command_line.get(name)
    wanted = f"{name}={flags}{format_list(found | wish.cores)}"
    if wish.cores <= found:
        return Setting(knob, COMMAND_LINE, format_list(found), format_list(found), "ok")
    return Setting(knob, COMMAND_LINE, format_list(found), format_list(found | wish.cores), "boot",
                   reason=f"in place of {name}={old}" if old else "", remedy=wanted)


def _isolcpus(host: Host, wish: Wish) -> Setting:
    if host.read(f"{CPU}/isolated") is None:
        return absent("isolation.isolcpus", COMMAND_LINE, host.why_not(f"{CPU}/isolated"))
    return _boot(host, "isolation.isolcpus", host.cores("isolated"), wish, "managed_irq,domain,")


def _tickless(host: Host, wish: Wish) -> Setting:
    if host.read(f"{CPU}/nohz_full") is None:
        return absent("isolation.nohz_full", COMMAND_LINE,
                      "this kernel is built without CONFIG_NO_HZ_FULL")
    return _boot(host, "isolation.nohz_full", host.cores("nohz_full"), wish)


def _callbacks(host: Host, wish: Wish) -> Setting:
    given = host.command_line.get("rcu_nocbs", "")
    found = host.cores("nohz_full")  # which implies it
    if given in ("all", "rcu_nocbs"):
        found = host.cores("present")
    else:
        found |= _cores(given)
    return _boot(host, "isolation.rcu_nocbs", found, wish)


def _affinity(host: Host, wish: Wish) -> Setting:
    """The other way round: the cores that are left."""
    knob, given = "isolation.irqaffinity", host.command_line.get("irqaffinity", "")
    found = _cores(given)
    if found and not found & wish.cores:
        return Setting(knob, COMMAND_LINE, given, given, "ok")
    wanted = format_list(wish.housekeeping)
    return Setting(knob, COMMAND_LINE, given, wanted, "boot",
                   reason=f"in place of irqaffinity={given}" if given else "",
                   remedy=f"irqaffinity={wanted}")


def _cores(text: str) -> frozenset[int]:
    try:
        return parse_list(text)
    except ValueError:
        return frozenset()
