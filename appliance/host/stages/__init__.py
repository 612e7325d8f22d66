"""The stages in the order in which they are applied, and the kinds that they write by.

Huge pages come first, while memory may still be moved to make room; isolation before the masks,
which it narrows by itself; irqbalance before the interrupts, which it would move back.
Of a card, the queues come first of all: new ones have new interrupts and default settings.
Devices come last, since their interfaces vanish.
"""

from __future__ import annotations

from appliance.host.irqbalance import BANNED
from appliance.host.kinds import (
    CHOICE,
    CORE_LIST,
    CORE_MASK,
    IRQ_CORES,
    OWN_FILE,
    PAGES,
    VALUE,
    Kind,
)
from appliance.host.link_kinds import LINK, RULE, TABLE
from appliance.host.partition import CONTROLLER, PARTITION
from appliance.host.pci import BINDING
from appliance.host.stage import Stage
from appliance.host.stages.balancer import Balancer
from appliance.host.stages.busy_poll import BusyPoll
from appliance.host.stages.clock import ClockSource
from appliance.host.stages.coalescing import Coalescing
from appliance.host.stages.compaction import Compaction
from appliance.host.stages.devices import Devices
from appliance.host.stages.frequency import Frequency
from appliance.host.stages.huge_pages import HugePages
from appliance.host.stages.idle import Idle
from appliance.host.stages.interrupts import Interrupts
from appliance.host.stages.isolation import Isolation
from appliance.host.stages.ksm import Ksm
from appliance.host.stages.machine_checks import MachineChecks
from appliance.host.stages.memlock import Memlock
from appliance.host.stages.numa_balancing import NumaBalancing
from appliance.host.stages.offloads import Offloads
from appliance.host.stages.pause import Pause
from appliance.host.stages.pcie import Pcie
from appliance.host.stages.ptp import Ptp
from appliance.host.stages.queues import Queues
from appliance.host.stages.rcu import Rcu
from appliance.host.stages.rings import Rings
from appliance.host.stages.rt_throttling import RtThrottling
from appliance.host.stages.smt import Smt
from appliance.host.stages.spreading import Spreading
from appliance.host.stages.steering import Steering
from appliance.host.stages.swappiness import Swappiness
from appliance.host.stages.timer_migration import TimerMigration
from appliance.host.stages.transparent_huge_pages import TransparentHugePages
from appliance.host.stages.turbo import Turbo
from appliance.host.stages.vm_statistics import VmStatistics
from appliance.host.stages.watchdogs import Watchdogs
from appliance.host.stages.workqueues import Workqueues

NIC_STAGES: tuple[Stage, ...] = (
    Queues(), Rings(), Coalescing(), Offloads(), Pause(), Steering(), Spreading(), BusyPoll(),
)
STAGES: tuple[Stage, ...] = (
    HugePages(), TransparentHugePages(), Compaction(), Ksm(), NumaBalancing(), Swappiness(),
    VmStatistics(), Memlock(),
    Isolation(), Workqueues(), Rcu(), TimerMigration(), Watchdogs(), MachineChecks(),
    RtThrottling(), *NIC_STAGES, Balancer(), Interrupts(),
    Frequency(), Turbo(), Smt(), Idle(), Pcie(),
    ClockSource(), Ptp(), Devices(),
)  # fmt: skip

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (VALUE, CHOICE, CORE_LIST, CORE_MASK, OWN_FILE, IRQ_CORES, PAGES, BANNED,
                 CONTROLLER, PARTITION, LINK, RULE, TABLE, BINDING)
}
