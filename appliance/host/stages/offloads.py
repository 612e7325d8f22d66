"""Offloads: no frame is merged, split or altered between the wire and the loop."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.link_kinds import LINK
from appliance.host.stage import Knob, Setting, absent, compare
from appliance.host.stages.nic import NicStage
from appliance.host.wish import Wish

SOURCE = "ethtool(8), --features; Linux Documentation/networking/segmentation-offloads.rst"
# Knobs and the kernel's features, in an order in which none falls because another did.
FEATURES = {
    "gro_hw": ("rx-gro-hw",),
    "lro": ("rx-lro",),
    "gro_list": ("rx-gro-list",),
    "gro_forward": ("rx-udp-gro-forwarding",),
    "gro": ("rx-gro",),
    "tso": ("tx-tcp-ecn-segmentation", "tx-tcp-accecn-segmentation",
            "tx-tcp-mangleid-segmentation", "tx-tcp6-segmentation", "tx-tcp-segmentation"),
    "gso": ("tx-udp-segmentation", "tx-generic-segmentation"),
    "rx_vlan": ("rx-vlan-hw-parse",),
}


def _knob(name: str, title: str, why: str) -> Knob:
    words = ", ".join(FEATURES[name])
    return Knob(f"offloads.{name}", title, why, SOURCE, f"netlink: INTERFACE feature {words}")


class Offloads(NicStage):
    """Off is all that trades latency for throughput, or hides what was on the wire."""

    name = "offloads"
    title = "Offloads of the card"
    knobs = (
        _knob("gro_hw", "Whether the card merges received frames",
              "It holds a frame until it knows whether the next belongs to it, and hands over what "
              "was never on the wire. Many drivers refuse XDP with it."),
        _knob("lro", "Whether the driver merges received TCP frames",
              "As gro_hw, and the original headers are lost. Drivers refuse XDP with it."),
        _knob("gro_list", "Whether received frames are chained",
              "AF_PACKET then sees a chain as one frame longer than its slot (rx_oversize)."),
        _knob("gro_forward", "Whether UDP frames without a socket are merged",
              "These are exactly the loop's: no socket of the kernel wants them. Merged, they come "
              "late and too long for a slot (rx_oversize)."),
        _knob("gro", "Whether the kernel merges received frames",
              "Each frame waits in a list until the kernel's poll ends, and AF_PACKET sees what "
              "was merged. AF_XDP takes frames before it. TCP of this host over the interface "
              "takes more of the housekeeping cores without it."),
        _knob("tso", "Whether the card cuts TCP segments",
              "One write of another program goes to the card as 64 KiB in one piece: 52 us of a "
              "10 Gbit/s wire in front of an order. The loop sends UDP and never uses it."),
        _knob("gso", "Whether the kernel cuts segments late",
              "As tso, in the kernel's own queue; on veth such frames arrive uncut."),
        _knob("rx_vlan", "Whether the card takes VLAN tags out of frames",
              "A tag taken out is beside the frame, where AF_XDP does not see it: a tagged feed "
              "would seem untagged. AF_PACKET has to put it back, frame by frame."),
    )

    def of(self, host: Host, wish: Wish, name: str) -> list[Setting]:
        try:
            features = host.links.features(name)
        except OSError:
            return [compare(host, "offloads.gro", f"{name} feature rx-gro", "off", LINK)]
        settings = []
        for knob, words in FEATURES.items():
            for word in words:
                feature, target = features.get(word), f"{name} feature {word}"
                if feature is not None and feature.on and feature.fixed:
                    settings.append(absent(f"offloads.{knob}", target,
                                           f"the driver of {name} holds {word} on"))
                else:
                    settings.append(compare(host, f"offloads.{knob}", target, "off", LINK))
        return settings
