"""Receive queues of a card: how many, which decides who hears what.

What hangs on a queue goes with it: masks of a queue that goes, and a hash table of the operator's
own, are put to what the kernel gives a new queue first, so that undo has them after the queues.
"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.host.host import Host
from appliance.host.kinds import CORE_MASK, VALUE
from appliance.host.link_kinds import LINK, TABLE
from appliance.host.stage import Knob, Setting, compare, refused
from appliance.host.stages.nic import NicStage
from appliance.host.wish import Wish


class Queues(NicStage):
    """As many as host.nic_queues asks for; it leaves them when that is 0."""

    name = "queues"
    title = "Queues of the card"
    resets = True
    knobs = (
        Knob("queues.count", "How many receive queues the card uses",
             "A card with several queues spreads frames by a hash of their addresses, and an "
             "AF_XDP queue hears only its own. With one queue everything lands there; with more, "
             "steering must bring the feed to the bound one. Setting it resets the link for a "
             "moment; the interrupts of queues that went and came back are spread anew.",
             "ethtool(8), --set-channels; Linux Documentation/networking/scaling.rst, RSS",
             "netlink: INTERFACE channels combined, or rx"),
    )

    def of(self, host: Host, wish: Wish, name: str) -> list[Setting]:
        count = wish.section.nic_queues
        if not count:
            return []
        try:
            values = host.links.values(name, "channels")
        except OSError:
            values = {}
        word = "combined" if values.get("combined-max", 1) else "rx"
        target, most = f"{name} channels {word}", values.get(f"{word}-max", count)
        if count > most > 0:
            return [refused("queues.count", target, str(count),
                            f"{name} has at most {most} receive queues",
                            f"set host.nic_queues to {most} or less")]
        bound = [flow.queue for flow in wish.bound(name)]
        if max(bound, default=0) >= count:
            return [refused("queues.count", target, str(count),
                            f"queue {max(bound)} of {name} is named by a line or the order "
                            f"session, and would be gone",
                            f"set host.nic_queues to {max(bound) + 1} or more, or name queue 0")]
        setting = compare(host, "queues.count", target, str(count), LINK)
        if setting.verdict != "change" or int(setting.found) < count:
            return [setting]
        ways = ("rx", "tx") if word == "combined" else ("rx",)
        return [*_going(host, name, count, ways), setting]


def _going(host: Host, name: str, count: int, ways: tuple[str, ...]) -> Iterator[Setting]:
    """What is lost with the queues from ``count`` on; a new queue has none of it."""
    for way in ways:
        for target in host.glob(f"/sys/class/net/{name}/queues/{way}-*/[rx]ps_*"):
            if int(target.split("/")[-2].partition("-")[2]) < count:
                continue
            kind = VALUE if target.endswith("cnt") else CORE_MASK
            lost = compare(host, "queues.count", target, "0", kind)
            if lost.verdict == "change":
                yield lost
    table = compare(host, "queues.count", f"{name} table", "default", TABLE)
    if table.verdict == "change":
        yield table
