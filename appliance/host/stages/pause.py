"""Pause frames: nobody on the wire can halt the sender of orders."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.link_kinds import LINK
from appliance.host.stage import Knob, Setting, absent, compare
from appliance.host.stages.nic import NicStage
from appliance.host.wish import Wish

SOURCE = "ethtool(8), --pause; IEEE 802.3, annex 31B"
# These refuse to change it here: it follows the link's own negotiation (ethtool -s ... autoneg).
FOLLOWS_LINK = frozenset({"i40e", "ice"})


class Pause(NicStage):
    """Off in both directions, unless host.pause leaves them."""

    name = "pause"
    title = "Pause frames"
    resets = True
    knobs = (
        Knob("pause.autoneg", "Whether pause frames are agreed on with the switch",
             "While they are negotiated, the switch has a say in the two below. Setting it resets "
             "the link for a moment.",
             SOURCE, "netlink: INTERFACE pause autoneg"),
        Knob("pause.rx", "Whether the card stops sending when a pause frame arrives",
             "A switch port that is congested, or a broken station, silences the order session "
             "for up to 65,535 slots (3.4 ms at 10 Gbit/s) by one frame.",
             SOURCE, "netlink: INTERFACE pause rx"),
        Knob("pause.tx", "Whether the card sends pause frames when its ring fills",
             "The switch then holds the feed back for every receiver behind that port, and what "
             "comes afterwards is old. A loss is seen as a gap, and repaired.",
             SOURCE, "netlink: INTERFACE pause tx"),
    )

    def of(self, host: Host, wish: Wish, name: str) -> list[Setting]:
        if wish.section.pause == "leave":
            return []
        settings = [compare(host, f"pause.{word}", f"{name} pause {word}", "off", LINK)
                    for word in ("autoneg", "rx", "tx")]
        try:
            driver = host.links.driver(name)
        except OSError:
            return settings
        if settings[0].verdict == "change" and driver in FOLLOWS_LINK:
            settings[0] = absent("pause.autoneg", settings[0].target,
                                 f"with {driver} it follows the negotiation of the link")
        return settings
