"""The loop's core: what it is, whom it shares with, and what else runs on it.

Sources: Linux Documentation/ABI/testing/sysfs-devices-system-cpu, filesystems/proc.rst,
admin-guide/hw-vuln/; Intel SDM volume 3, 18.17 (time-stamp counter).
"""

from __future__ import annotations

from appliance.host.case import Case, Task
from appliance.host.check import Finding, absent, bad, check, ok, warn
from appliance.host.cpus import format_list, parse_list
from appliance.host.host import CPU

NAMES_SHOWN_MAX = 6


def some(names: list[str]) -> str:
    """A few of many names."""
    unique = sorted(set(names))
    more = f" and {len(unique) - NAMES_SHOWN_MAX} more" if len(unique) > NAMES_SHOWN_MAX else ""
    return ", ".join(unique[:NAMES_SHOWN_MAX]) + more


@check("cpu.loop_core", "major", "cores named for the loops, and others for everything else",
       "The loop polls without a pause: on a core it must share it is preempted for milliseconds, "
       "and starves whatever waits for it.",
       "name it: [engine] core = N in the configuration, or --core N")
def loop_core(case: Case) -> Finding:
    said = f"{format_list(case.wish.cores) or 'none'} ({case.wish.chosen})"
    if not case.wish.cores:
        return bad(said, "move to a host with two cores or more")
    return warn(said) if "since none is named" in case.wish.chosen else ok(said)


@check("cpu.invariant_tsc", "critical", "constant_tsc and nonstop_tsc",
       "The loop reads the time-stamp counter as its clock. One that changes speed or stops in an "
       "idle state makes every latency figure, limit and time-out wrong.",
       "choose a host whose processor has an invariant TSC; in a virtual machine, pass it through "
       "(qemu: -cpu host,+invtsc)")
def invariant_tsc(case: Case) -> Finding:
    if not case.x86:
        return absent("no x86 processor: its counter is constant by architecture")
    missing = {"constant_tsc", "nonstop_tsc"} - case.host.flags
    return bad(f"no {' and no '.join(sorted(missing))}") if missing else ok("both")


@check("cpu.fast_tsc_read", "minor", "rdtscp",
       "Without rdtscp, a fenced clock read needs a serialising instruction, some 100 cycles.",
       "choose a newer processor, or pass the flag through to the virtual machine")
def fast_tsc_read(case: Case) -> Finding:
    if not case.x86:
        return absent("no x86 processor: the counter is read by cntvct")
    return ok("rdtscp") if "rdtscp" in case.host.flags else bad("no rdtscp")


@check("cpu.hypervisor", "minor", "no hypervisor",
       "In a virtual machine the core itself is scheduled: its host may take it away for "
       "milliseconds, and no setting in here prevents that.",
       "move to bare metal, or pin the virtual core to an isolated one on its host")
def hypervisor(case: Case) -> Finding:
    if not case.x86:
        return absent("only x86 processors tell")
    vendor = case.host.read("/sys/hypervisor/type") or case.host.read(
        "/sys/class/dmi/id/sys_vendor") or "unknown"
    return bad(f"a virtual machine ({vendor})") if case.virtual else ok("none")


@check("cpu.steal", "major", "0 since boot",
       "Time that the hypervisor gave to somebody else while the loop's core wanted to run: each "
       "time, the loop stood still.",
       "pin the virtual core to a core of its own on the virtual machine's host")
def steal(case: Case) -> Finding:
    rows = {fields[0]: fields for fields in map(str.split, case.text("/proc/stat").split("\n"))
            if fields}

    def look(core: int) -> Finding:
        ticks = int(rows[f"cpu{core}"][8])
        return bad(f"{ticks / 100:.2f} s since boot") if ticks else ok("0 since boot")
    return case.each_core(look)


@check("cpu.l2_shared", "minor", "no other core but its own SMT siblings",
       "Who shares the second-level cache evicts the books: a miss costs some 40 ns each.",
       "choose a core with a second-level cache of its own (lscpu -C, lscpu -e)")
def l2_shared(case: Case) -> Finding:
    def look(core: int) -> Finding:
        sharing = case.cache(core, 2)
        if sharing is None:
            return absent("this kernel does not tell of a second-level cache")
        others = sharing - _siblings(case, core)
        busy = others & case.wish.housekeeping
        if busy:
            return bad(f"shared with core {format_list(busy)}")
        return ok(f"shared with core {format_list(others)}, kept free" if others else "alone")
    return case.each_core(look)


@check("cpu.llc_shared", "info", "a last-level cache shared with few, or with loops alone",
       "What others bring into the last-level cache drives the books out of it. Where there are "
       "several such caches, everything else can be kept in another.",
       "choose a core of another cache for the loop (lscpu -C, lscpu -e), or give it ways of its "
       "own by resctrl")
def llc_shared(case: Case) -> Finding:
    def look(core: int) -> Finding:
        others = case.cache(core, 3)
        if others is None:
            return absent("this kernel does not tell of a third-level cache")
        outside = case.host.cores("online") - others - {core}
        busy = others & case.wish.housekeeping
        said = f"shared with core {format_list(others)}" if others else "alone"
        # With one cache for all there is nothing to choose; with several, there is.
        return bad(said) if busy and outside else ok(said)
    return case.each_core(look)


@check("cpu.frequency_cap", "major", "scaling_max_freq = cpuinfo_max_freq",
       "A cap left behind by a power profile slows every tick in proportion.",
       "cpupower -c all frequency-set --max $(cat /sys/devices/system/cpu/cpu0/cpufreq/"
       "cpuinfo_max_freq)kHz")
def frequency_cap(case: Case) -> Finding:
    def look(core: int) -> Finding:
        folder = f"{CPU}/cpu{core}/cpufreq"
        cap, most = (case.host.number(f"{folder}/{name}_max_freq")
                     for name in ("scaling", "cpuinfo"))
        if cap is None or most is None:
            return absent(case.host.why_not(f"{folder}/scaling_max_freq"))
        said = f"{cap // 1000} of {most // 1000} MHz"
        return bad(said) if cap < most else ok(said)
    return case.each_core(look)


@check("cpu.throttled", "major", "0 events since boot",
       "A core that was too hot or drew too much ran slower for a while, whatever the governor "
       "said.",
       "look at fans, airflow and the firmware's power limits; sensors and turbostat tell more")
def throttled(case: Case) -> Finding:
    names = ("core_throttle_count", "package_throttle_count")
    def look(core: int) -> Finding:
        folder = f"{CPU}/cpu{core}/thermal_throttle"
        counts = [case.host.number(f"{folder}/{name}") for name in names]
        if counts == [None, None]:
            return absent(case.host.why_not(f"{folder}/{names[0]}"))
        own, package = (count or 0 for count in counts)
        said = f"{own} of the core, {package} of its package since boot"
        return bad(said) if own or package else ok(said)
    return case.each_core(look)


@check("cpu.machine_checks", "critical", "0 since boot",
       "A machine check is broken hardware that the processor saw: memory, cache or bus.",
       "journalctl -k -g 'mce|Machine check|Hardware Error'; replace what it names")
def machine_checks(case: Case) -> Finding:
    rows = case.per_core("/proc/interrupts", case.core)
    if "MCE" not in rows:
        return absent("this kernel counts no machine checks")
    total = sum(case.per_core("/proc/interrupts", core).get("MCE", 0)
                for core in case.host.cores("online"))
    return bad(f"{total} since boot") if total else ok("0 since boot")


@check("cpu.microcode", "minor", "one version on all cores",
       "Cores with different microcode differ in speed and in what is mended in them.",
       "apt-get install intel-microcode or amd64-microcode, then reboot")
def microcode(case: Case) -> Finding:
    versions = sorted(set(case.cpu_fields("microcode")))
    if not versions:
        return absent("/proc/cpuinfo names no microcode")
    if versions == ["0xffffffff"] or case.virtual:
        return absent("the hypervisor hides it")
    said = ", ".join(versions)
    return bad(said) if len(versions) > 1 else ok(said)


@check("cpu.vulnerabilities", "minor", "no entry is Vulnerable",
       "An unmitigated flaw lets another program on this host read the strategy's memory.",
       "update kernel and microcode; grep . /sys/devices/system/cpu/vulnerabilities/*")
def vulnerabilities(case: Case) -> Finding:
    rows = _vulnerabilities(case)
    if not rows:
        return absent(case.host.why_not(f"{CPU}/vulnerabilities/meltdown"))
    open_ = [name for name, text in rows.items() if text.startswith("Vulnerable")]
    return bad(some(open_)) if open_ else ok(f"none of {len(rows)}")


@check("cpu.mitigation_cost", "info", "none that makes system calls dear",
       "Page table isolation, IBRS and buffer clearing cost 100 to 1,000 ns at each entry into the "
       "kernel. The loop over DPDK makes none; AF_XDP's and AF_PACKET's kicks do.",
       "use a backend without system calls, a newer processor, or (on a host that runs nothing "
       "foreign) mitigations=off at boot")
def mitigation_cost(case: Case) -> Finding:
    rows = _vulnerabilities(case)
    if not rows:
        return absent(case.host.why_not(f"{CPU}/vulnerabilities/meltdown"))
    # Enhanced and automatic IBRS are set once; plain IBRS at each entry.
    dear = [word for word in ("PTI", "IBRS", "Clear CPU buffers", "untrained return thunk")
            if any(text.startswith(f"Mitigation: {word}") for text in rows.values())]
    return bad(", ".join(dear)) if dear else ok("none")


@check("cpu.user_tasks", "major", "no task but those pinned there",
       "Each other task that runs on the loop's core takes it away for its whole time slice, "
       "milliseconds.",
       "isolate the core (appliance tune plan --only isolation), or move the task: taskset -cp "
       "HOUSEKEEPING PID")
def user_tasks(case: Case) -> Finding:
    if not case.tasks:
        return absent(case.host.why_not("/proc/1/stat"))
    return _tasks(case, kernel=False)


@check("cpu.kernel_threads", "minor", "no kernel thread but those bound to it",
       "A kernel thread that may run elsewhere and yet runs on the loop's core takes it away for "
       "microseconds at a time.",
       "isolate the core (appliance tune plan --only isolation), or move it: taskset -cp "
       "HOUSEKEEPING PID")
def kernel_threads(case: Case) -> Finding:
    if not any(task.kernel for task in case.tasks):
        return absent("no kernel thread is to be seen, as in a container")
    return _tasks(case, kernel=True)


@check("cpu.online", "minor", "every core that is present",
       "A core taken offline by hand, or by a failed start, is one that housekeeping lacks.",
       "echo 1 > /sys/devices/system/cpu/cpuN/online")
def online(case: Case) -> Finding:
    present, up = case.host.cores("present"), case.host.cores("online")
    if not present:
        return absent(case.host.why_not(f"{CPU}/present"))
    off = present - up
    smt = case.host.read(f"{CPU}/smt/control") or ""
    if off and smt in ("off", "forceoff"):
        return ok(f"core {format_list(off)} is off, SMT being off")
    return bad(f"core {format_list(off)} is off") if off else ok(format_list(up))


def _siblings(case: Case, core: int) -> frozenset[int]:
    text = case.host.read(f"{CPU}/cpu{core}/topology/thread_siblings_list")
    return parse_list(text or "") - {core}


def _vulnerabilities(case: Case) -> dict[str, str]:
    names = case.host.glob(f"{CPU}/vulnerabilities/*")
    return {name.rpartition("/")[2]: case.host.read(name) or "" for name in names}


def _tasks(case: Case, kernel: bool) -> Finding:
    """The tasks on a loop's core that could be elsewhere, the pinned ones left out."""
    def elsewhere(task: Task) -> bool:
        return bool(case.allowed(task) - cores)

    cores = case.cores
    here = [task for task in case.tasks
            if task.kernel == kernel and task.core in cores and elsewhere(task)]
    said = f"{len(here)}, as {some([task.name for task in here])}" if here else "none"
    return bad(said) if here else ok(said)
