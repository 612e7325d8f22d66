"""Rings of a network card: how many frames wait in it while nobody looks."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.link_kinds import LINK
from appliance.host.stage import Knob, Setting, compare
from appliance.host.stages.nic import NicStage
from appliance.host.wish import Wish

SOURCE = "ethtool(8), --set-ring; Linux Documentation/networking/ethtool-netlink.rst, RINGS_SET"


class Rings(NicStage):
    """As many descriptors as asked for, at most what the card has."""

    name = "rings"
    title = "Rings of the card"
    resets = True
    knobs = (
        Knob("rings.rx", "Frames the card can hold for the host",
             "A feed comes in bursts of thousands of datagrams at line rate. What does not fit "
             "into the ring while a core is away is lost, and seen only in the card's counters. A "
             "large ring costs memory and cache, but no latency while it is nearly empty. Setting "
             "it resets the link for a moment.",
             SOURCE, "netlink: INTERFACE ring rx"),
        Knob("rings.tx", "Frames the card can hold for the wire",
             "A full transmit ring turns an order away. Setting it resets the link for a moment.",
             SOURCE, "netlink: INTERFACE ring tx"),
    )

    def of(self, host: Host, wish: Wish, name: str) -> list[Setting]:
        wanted = wish.section.ring_frames
        if not wanted:
            return []
        try:
            values = host.links.values(name, "ring")
        except OSError:
            values = {}
        return [compare(host, f"rings.{way}", f"{name} ring {way}",
                        str(min(wanted, values.get(f"{way}-max") or wanted)), LINK)
                for way in ("rx", "tx")]
