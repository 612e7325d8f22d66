"""The kernel: its version, how it was built and started, and what it complains of.

Sources: Linux Documentation/admin-guide/kernel-parameters.txt, timers/no_hz.rst,
admin-guide/tainted-kernels.rst, networking/af_xdp.rst.
"""

from __future__ import annotations

import re

from appliance.host.case import Case
from appliance.host.check import Finding, absent, bad, check, ok, warn
from appliance.host.cpus import format_list, parse_list

# BPF links for XDP came with 5.9, preferred busy polling with 5.11.
VERSION_MIN, VERSION_WANTED = (5, 9), (5, 11)
ISOLATING = ("isolcpus", "nohz_full", "rcu_nocbs")
# isolcpus=managed_irq,domain,2-3: words before the list.
FLAG = re.compile(r"^(?:[a-z_]+,)+")
DEAR = ("KASAN", "KCSAN", "KMSAN", "PROVE_LOCKING", "LOCKDEP", "DEBUG_PAGEALLOC", "DEBUG_OBJECTS",
        "SLUB_DEBUG_ON", "DEBUG_PREEMPT", "KFENCE_STRESS", "DEBUG_KMEMLEAK", "UBSAN_TRAP")
TAINTS = {2: "forced module removal", 4: "a machine check", 5: "a bad page", 7: "an oops",
          9: "a warning", 14: "a soft lockup"}
PRESSURE_MAX = 20.0  # percent


@check("kernel.version", "major", "5.9; 5.11 for AF_XDP with busy polling",
       "Older kernels lack what AF_XDP needs: links that detach by themselves (5.9), busy polling "
       "that keeps interrupts off (5.11).",
       "install a newer kernel: apt-get install linux-image-amd64")
def version(case: Case) -> Finding:
    release = case.text("/proc/sys/kernel/osrelease")
    numbers = tuple(int(part) for part in re.findall(r"[0-9]+", release)[:2])
    if numbers < VERSION_MIN:
        return bad(release)
    return warn(release) if numbers < VERSION_WANTED else ok(release)


def _lists(case: Case) -> dict[str, frozenset[int]]:
    """What the command line isolates, by parameter."""
    rows = {name: case.host.command_line[name] for name in ISOLATING
            if name in case.host.command_line}
    every = case.host.cores("present")
    return {name: every if text == "all" or text == name else parse_list(FLAG.sub("", text))
            for name, text in rows.items()}


@check("kernel.isolation_agrees", "major", "isolcpus, nohz_full and rcu_nocbs name the same cores",
       "A core that only one of them names still has the tick, or callbacks, or tasks.",
       "appliance tune plan --only isolation prints all three")
def isolation_agrees(case: Case) -> Finding:
    lists = _lists(case)
    if not lists:
        return absent("the kernel's command line isolates no core")
    said = ", ".join(f"{name}={format_list(cores)}" for name, cores in lists.items())
    missing = [name for name in ISOLATING if name not in lists]
    # nohz_full implies rcu_nocbs for the same cores.
    if missing == ["rcu_nocbs"]:
        missing = []
    if missing:
        return bad(f"{said}, no {' and no '.join(missing)}")
    return ok(said) if len(set(lists.values())) == 1 else bad(said)


def _option(case: Case, name: str, fix_word: str) -> Finding:
    value = case.kernel_options.get(name)
    return ok(f"CONFIG_{name}={value}") if value in ("y", "m") else bad(
        f"CONFIG_{name} is not set", f"use a kernel built with {fix_word} (Debian's and Ubuntu's "
                                     f"are), or build one")


@check("kernel.nohz_full_built", "major", "CONFIG_NO_HZ_FULL=y",
       "Only a kernel built for it can stop the tick on the loop's core.", "use another kernel")
def nohz_full_built(case: Case) -> Finding:
    return _option(case, "NO_HZ_FULL", "full dynticks")


@check("kernel.rcu_nocb_built", "major", "CONFIG_RCU_NOCB_CPU=y",
       "Only a kernel built for it can keep RCU's callbacks off the loop's core.",
       "use another kernel")
def rcu_nocb_built(case: Case) -> Finding:
    return _option(case, "RCU_NOCB_CPU", "offloaded RCU callbacks")


@check("kernel.xdp_built", "minor", "CONFIG_XDP_SOCKETS=y and CONFIG_BPF_SYSCALL=y",
       "The AF_XDP backend needs both.", "use another kernel")
def xdp_built(case: Case) -> Finding:
    sockets = _option(case, "XDP_SOCKETS", "XDP sockets")
    return sockets if sockets.status == "bad" else _option(case, "BPF_SYSCALL", "the bpf call")


@check("kernel.vfio_built", "minor", "CONFIG_VFIO_PCI=m or y",
       "The driver by which DPDK takes a card.", "use another kernel")
def vfio_built(case: Case) -> Finding:
    return _option(case, "VFIO_PCI", "vfio-pci")


@check("kernel.cpusets_built", "minor", "CONFIG_CPUSETS=y",
       "Cores can be kept free at run time only by a cpuset.", "use another kernel")
def cpusets_built(case: Case) -> Finding:
    return _option(case, "CPUSETS", "cpusets")


@check("kernel.tick_rate", "info", "250 Hz or less, or a core without a tick",
       "Each tick takes 1 to 5 us from the loop: at 1,000 Hz up to half a percent of its time.",
       "nohz_full=LOOPS at boot, or a kernel with CONFIG_HZ=250")
def tick_rate(case: Case) -> Finding:
    value = int(case.kernel_options.get("HZ", "0"))
    if not value:
        return absent("the kernel's build does not tell")
    return ok(f"{value} Hz") if value <= 250 or case.core in case.host.cores("nohz_full") else bad(
        f"{value} Hz")


@check("kernel.preemption", "info", "any but PREEMPT_RT",
       "A real-time kernel runs interrupt handlers as threads and takes more locks: steadier for "
       "everything else, slower for the kernel's own packet path.",
       "use the distribution's ordinary kernel")
def preemption(case: Case) -> Finding:
    text = case.text("/proc/sys/kernel/version")
    found = re.search(r"PREEMPT(?:_RT|_DYNAMIC)?", text)
    said = found[0] if found else "voluntary or none"
    chosen = case.host.command_line.get("preempt")
    said += f", preempt={chosen}" if chosen else ""
    return bad(said) if "PREEMPT_RT" in said else ok(said)


@check("kernel.debugging", "major", "no dear debugging option",
       "Lock proving and memory sanitisers make the kernel several times slower.",
       "use the distribution's ordinary kernel")
def debugging(case: Case) -> Finding:
    found = [f"CONFIG_{name}" for name in DEAR if case.kernel_options.get(name) == "y"]
    return bad(", ".join(found)) if found else ok("none")


@check("kernel.tainted", "minor", "no sign of an earlier fault",
       "The kernel has noted a fault since it booted; what it does after that is less certain.",
       "journalctl -k -p err tells what; reboot before the next trading day")
def tainted(case: Case) -> Finding:
    value = case.host.number("/proc/sys/kernel/tainted")
    if value is None:
        return absent(case.host.why_not("/proc/sys/kernel/tainted"))
    found = [name for bit, name in TAINTS.items() if value >> bit & 1]
    return bad(", ".join(found)) if found else ok(f"none ({value})")


@check("kernel.live_patch", "minor", "no patch in transition",
       "To apply a live patch the kernel waits until every task has been in it: a loop that never "
       "enters it is signalled again and again.",
       "stop the engine, or wait: cat /sys/kernel/livepatch/*/transition")
def live_patch(case: Case) -> Finding:
    paths = case.host.glob("/sys/kernel/livepatch/*/transition")
    moving = [path.split("/")[4] for path in paths if case.host.number(path)]
    return bad(f"{', '.join(moving)} in transition") if moving else ok(
        f"{len(paths)} patches, none in transition" if paths else "none")


@check("kernel.profilers", "minor", "no tracer",
       "Stack tracing and function tracing slow down every call in the kernel.",
       "sysctl -w kernel.stack_tracer_enabled=0; echo nop > /sys/kernel/tracing/current_tracer")
def profilers(case: Case) -> Finding:
    found = []
    if case.host.number("/proc/sys/kernel/stack_tracer_enabled"):
        found.append("stack tracer")
    tracer = case.host.read("/sys/kernel/tracing/current_tracer")
    if tracer not in (None, "nop"):
        found.append(f"tracer {tracer}")
    return bad(", ".join(found)) if found else ok("none that can be seen")


@check("kernel.load", "minor", "fewer running tasks than cores for them",
       "When housekeeping cores are full, the journal's writer and control wait for them, and a "
       "full journal halts trading.",
       "ps -eo pcpu,pid,comm --sort -pcpu | head; stop what is not needed")
def load(case: Case) -> Finding:
    # Each engine that runs is one, on a core of its own.
    mean = float(case.text("/proc/loadavg").split()[1]) - sum(e.alive for e in case.engines)
    room = max(1, len(case.wish.housekeeping))
    said = f"{max(0.0, mean):.2f} on {room} core{'s' * (room > 1)}, mean of 5 minutes"
    return bad(said) if mean > room else ok(said)


@check("kernel.cpu_pressure", "minor", f"below {PRESSURE_MAX} % of the last minute",
       "The share of time in which some task was ready to run and had no core.",
       "ps -eo pcpu,pid,comm --sort -pcpu | head; stop what is not needed")
def cpu_pressure(case: Case) -> Finding:
    share = case.pressure("cpu")
    return bad(f"{share} %") if share >= PRESSURE_MAX else ok(f"{share} %")


@check("kernel.entropy", "info", "at least 128 bits",
       "A host that lacks randomness blocks programs at their start.",
       "apt-get install rng-tools5, or give the virtual machine virtio-rng")
def entropy(case: Case) -> Finding:
    value = case.host.number("/proc/sys/kernel/random/entropy_avail")
    if value is None:
        return absent(case.host.why_not("/proc/sys/kernel/random/entropy_avail"))
    return bad(f"{value} bits") if value < 128 else ok(f"{value} bits")
