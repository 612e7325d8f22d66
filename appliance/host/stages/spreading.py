"""Software spreading of frames over cores: none of it on the loops' cores."""

from __future__ import annotations

from appliance.host.cpus import format_mask, parse_mask
from appliance.host.host import Host
from appliance.host.kinds import CORE_MASK
from appliance.host.stage import Knob, Setting, absent, compare
from appliance.host.stages.nic import NicStage
from appliance.host.wish import Wish

SOURCE = "Linux Documentation/networking/scaling.rst"


class Spreading(NicStage):
    """RPS keeps off the loops' cores; their frames leave by the bound queue, others' do not."""

    name = "spreading"
    title = "Spreading of frames over cores"
    knobs = (
        Knob("spreading.rps", "Which cores the kernel hands received frames to (RPS)",
             "A loop's core in this mask is interrupted for the protocol work of other traffic.",
             f"{SOURCE}, RPS", "/sys/class/net/INTERFACE/queues/rx-N/rps_cpus"),
        Knob("spreading.xps", "Which cores send by which transmit queue (XPS)",
             "Two cores on one transmit queue wait for its lock. The bound queue is the loops' "
             "alone; all others are for everybody else.",
             f"{SOURCE}, XPS", "/sys/class/net/INTERFACE/queues/tx-N/xps_cpus"),
    )

    def of(self, host: Host, wish: Wish, name: str) -> list[Setting]:
        if not wish.cores:
            return [absent("spreading.rps", name, "there is only one core")]
        return [*_receive(host, wish, name), *_transmit(host, wish, name)]


def _receive(host: Host, wish: Wish, name: str) -> list[Setting]:
    settings = []
    for target in host.glob(f"/sys/class/net/{name}/queues/rx-*/rps_cpus"):
        try:
            cores = parse_mask(host.read(target) or "0")
        except ValueError:
            cores = frozenset()
        settings.append(compare(host, "spreading.rps", target, format_mask(cores - wish.cores),
                                CORE_MASK))
    return settings


def _transmit(host: Host, wish: Wish, name: str) -> list[Setting]:
    bound = {flow.queue for flow in wish.bound(name)}
    targets = host.glob(f"/sys/class/net/{name}/queues/tx-*/xps_cpus")
    if not bound or len(targets) < 2:
        return []
    settings = []
    for target in targets:
        queue = int(target.split("/")[-2].removeprefix("tx-"))
        cores = wish.cores if queue in bound else wish.housekeeping
        settings.append(compare(host, "spreading.xps", target, format_mask(cores), CORE_MASK))
    return settings
