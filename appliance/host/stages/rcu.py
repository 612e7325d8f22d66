"""RCU: grace periods wait instead of interrupting, and their callbacks run elsewhere."""

from __future__ import annotations

from appliance.host.cpus import format_list
from appliance.host.host import Host
from appliance.host.kinds import CORE_LIST
from appliance.host.stage import ONE_CORE, Knob, Setting, Stage, absent, compare
from appliance.host.wish import Wish

SOURCE = "Linux Documentation/admin-guide/kernel-parameters.txt"


class Rcu(Stage):
    """The kernel's read-copy-update: who frees what all cores have stopped reading."""

    name = "rcu"
    title = "RCU"
    knobs = (
        Knob("rcu.expedited", "Whether every grace period is hurried",
             "A hurried one interrupts all cores that are not idle, the loop's, too, to hear that "
             "they have left the old data. 0 hurries only those that ask. Costs time at boot and "
             "when modules are loaded.",
             f"{SOURCE}, rcupdate.rcu_expedited", "/sys/kernel/rcu_expedited"),
        Knob("rcu.normal", "Whether no grace period is hurried",
             "1 makes even those wait that ask to be hurried, as changes of interfaces, cgroups "
             "and BPF programs do. Costs them some tens of milliseconds each.",
             f"{SOURCE}, rcupdate.rcu_normal", "/sys/kernel/rcu_normal"),
        Knob("rcu.threads", "Where the threads run that take over a core's callbacks",
             "With rcu_nocbs the callbacks of the loop's core run in threads (rcuo...); they are "
             "free to run on the loop's core as well until they are kept from it. Costs nothing.",
             "Linux Documentation/admin-guide/kernel-per-CPU-kthreads.rst",
             "/proc/PID/status of rcuo threads, Cpus_allowed_list", reported=True),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        expedited, normal, threads = self.knobs
        return [compare(host, expedited.id, expedited.path, "0"),
                compare(host, normal.id, normal.path, "1"),
                _threads(host, threads.id, wish)]


def _threads(host: Host, knob: str, wish: Wish) -> Setting:
    """Reported only: there are threads for every core, and taskset(1) moves them in one line."""
    if not wish.cores:
        return absent(knob, "rcuo threads", ONE_CORE)
    numbers = [pid for pid, name in host.programs().items() if name.startswith("rcuo")]
    if not numbers:
        return absent(knob, "rcuo threads", "no core has its callbacks taken over (rcu_nocbs)")
    near = [pid for pid in numbers if _allowed(host, pid) & wish.cores]
    elsewhere = f"{len(numbers)} threads elsewhere"
    if not near:
        return Setting(knob, "rcuo threads", elsewhere, elsewhere, "ok")
    others = format_list(wish.housekeeping)
    return Setting(knob, "rcuo threads", f"{len(near)} of {len(numbers)} threads may come",
                   elsewhere, "manual", reason="they may run on a loop's core",
                   remedy=f"for p in $(pgrep rcuo); do taskset -pc {others} $p; done")


def _allowed(host: Host, pid: int) -> frozenset[int]:
    for line in (host.read(f"/proc/{pid}/status") or "").split("\n"):
        if line.startswith("Cpus_allowed_list:"):
            try:
                return CORE_LIST.parse(line.partition(":")[2])
            except ValueError:
                break
    return frozenset()
