"""Busy polling of a kernel queue: its interrupts stay off while the loop asks."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.stage import Knob, Setting, absent, compare
from appliance.host.stages.nic import NicStage
from appliance.host.wish import Wish

SOURCE = "Linux Documentation/networking/napi.rst, IRQ mitigation and Busy polling"
DEFERRALS = 2  # empty polls before the interrupt is armed again
# The timer that polls if the loop does not. The kernel sets it anew at each poll, and one that is
# due before the scheduler's own (4 ms with HZ=250) is written to the hardware each time.
TIMEOUT_NS = 10_000_000


class BusyPoll(NicStage):
    """Only where a queue asks for it: for others these knobs would add their timeout to frames."""

    name = "busy_poll"
    title = "Busy polling"
    knobs = (
        Knob("busy_poll.defer", "How many empty polls before interrupts are armed again",
             "A loop that busy-polls its queue (busy_poll_us= in the queue's name) takes frames "
             "itself. With interrupts armed, each frame also wakes the kernel's own poll on "
             "another core, and the two contend. When the loop stops, frames for others wait for "
             "the timer of busy_poll.flush. So do the loop's own where it cannot poll the driver: "
             "see that the metric device_statistic named busy_polled is 1 for an afxdp queue, "
             "which from Linux 6.13 on is not a matter of course.",
             SOURCE, "/sys/class/net/INTERFACE/napi_defer_hard_irqs"),
        Knob("busy_poll.flush", "How long interrupts stay off without a poll",
             "The timer, in ns, that takes over when the loop does not poll: long enough that it "
             "never fires while the loop runs, and beyond the scheduler's next tick, or each poll "
             "also programs the hardware's timer (3.8 us a poll on a virtual machine, 0.4 "
             "without); short enough that nothing is stuck when the loop ends.",
             SOURCE, "/sys/class/net/INTERFACE/gro_flush_timeout"),
    )

    def of(self, host: Host, wish: Wish, name: str) -> list[Setting]:
        if not any(flow.interface == name and flow.busy_poll for flow in wish.flows):
            return [absent(self.knobs[0].id, name, f"no queue of the configuration on {name} asks "
                                                   f"for busy polling (busy_poll_us=), and "
                                                   f"without it these only delay frames")]
        return [compare(host, knob.id, knob.path.replace("INTERFACE", name), str(value))
                for knob, value in zip(self.knobs, (DEFERRALS, TIMEOUT_NS), strict=True)]
