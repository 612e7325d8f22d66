"""Interrupt coalescing: how long a card holds a frame back to spare interrupts."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.link_kinds import LINK
from appliance.host.stage import Knob, Setting, compare
from appliance.host.stages.nic import NicStage
from appliance.host.wish import Wish

SOURCE = "ethtool(8), --coalesce; Linux Documentation/networking/ethtool-netlink.rst, COALESCE_SET"


class Coalescing(NicStage):
    """No waiting, and no guessing how long to wait."""

    name = "coalescing"
    title = "Interrupt coalescing"
    knobs = (
        Knob("coalescing.adaptive_rx", "Whether the card guesses how long to hold frames back",
             "It lengthens the wait when frames come fast, which is when the market moves. Off, "
             "the wait is what is set.",
             SOURCE, "netlink: INTERFACE coalesce adaptive-rx"),
        Knob("coalescing.adaptive_tx", "The same for frames sent",
             "As coalescing.adaptive_rx, for the interrupts that give sent frames back.",
             SOURCE, "netlink: INTERFACE coalesce adaptive-tx"),
        Knob("coalescing.rx_us", "How long the card waits for more frames before it interrupts",
             "With AF_XDP and AF_PACKET the kernel sees a frame only after the interrupt: this "
             "wait is added to every tick. At 0 there is an interrupt for each frame that comes "
             "alone, which costs the core that takes them, so not the loop's. A driver that "
             "refuses 0 takes 1 (host.coalesce_us). DPDK polls and does not care.",
             SOURCE, "netlink: INTERFACE coalesce rx-usecs"),
        Knob("coalescing.tx_us", "How long the card waits before it gives sent frames back",
             "A sent frame's slot is free again only after this; a small ring can run dry.",
             SOURCE, "netlink: INTERFACE coalesce tx-usecs"),
    )

    def of(self, host: Host, wish: Wish, name: str) -> list[Setting]:
        wait_us = wish.section.coalesce_us
        if wait_us < 0:
            return []
        wanted = {"adaptive_rx": ("adaptive-rx", "off"), "adaptive_tx": ("adaptive-tx", "off"),
                  "rx_us": ("rx-usecs", str(wait_us)), "tx_us": ("tx-usecs", str(wait_us))}
        return [compare(host, f"coalescing.{knob}", f"{name} coalesce {word}", value, LINK)
                for knob, (word, value) in wanted.items()]
