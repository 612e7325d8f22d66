"""Flow steering: the feed's groups and the order session land on the queue that is bound."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.link_kinds import LINK, NTUPLE, RULE, TABLE, queue_count
from appliance.host.stage import Knob, Setting, absent, compare, refused
from appliance.host.stages.nic import NicStage
from appliance.host.wish import Flow, Wish

SOURCE = "ethtool(8), --config-ntuple and --rxfh; Linux Documentation/networking/scaling.rst"


class Steering(NicStage):
    """A rule for each flow where the card takes rules; else its whole hash goes to the queue."""

    name = "steering"
    title = "Flow steering"
    knobs = (
        Knob("steering.ntuple", "Whether the card takes rules",
             "Without rules a hash decides which queue hears a group, and it is rarely the one "
             "that is bound.",
             SOURCE, f"netlink: INTERFACE feature {NTUPLE}"),
        Knob("steering.rule", "Which queue hears a line or the order session",
             "One rule in the card for each, by address and port. Undo removes exactly these; "
             "rules of others are never touched.",
             SOURCE, "ioctl: INTERFACE udp ADDRESS PORT"),
        Knob("steering.table", "Which queue hears what no rule names",
             "Of a card without rules: all of its hash goes to the bound queue, so that the feed "
             "does, and all other traffic with it.",
             SOURCE, "ioctl: INTERFACE table"),
    )

    def of(self, host: Host, wish: Wish, name: str) -> list[Setting]:
        flows = wish.bound(name)
        count = queue_count(host.links, name)
        if not flows:
            return [absent("steering.rule", name, f"no line or order session names a queue "
                                                  f"of {name}, so there is nothing to steer")]
        highest = max(flow.queue for flow in flows)
        if highest >= (wish.section.nic_queues or count):
            return [refused("steering.rule", name, f"queue {highest}",
                            f"queue {highest} of {name} is named by a line or the order session, "
                            f"and it has {wish.section.nic_queues or count}",
                            "name a lower queue, or set host.nic_queues")]
        if count == 1:
            return [absent("steering.rule", name, f"{name} has one queue, which hears everything")]
        try:
            ntuple = host.links.features(name).get(NTUPLE)
        except OSError:
            ntuple = None
        if ntuple is None or (ntuple.fixed and not ntuple.on):
            return _by_table(host, name, flows)
        return [compare(host, "steering.ntuple", f"{name} feature {NTUPLE}", "on", LINK),
                *(_by_rule(host, flow) for flow in flows)]


def _by_rule(host: Host, flow: Flow) -> Setting:
    target = f"{flow.interface} udp {flow.address} {flow.port}"
    if flow.port == 0 and flow.address == "0.0.0.0":
        return absent("steering.rule", target, "it has neither address nor port to steer by")
    return compare(host, "steering.rule", target, f"queue {flow.queue}", RULE)


def _by_table(host: Host, name: str, flows: list[Flow]) -> list[Setting]:
    queues = sorted({flow.queue for flow in flows})
    setting = compare(host, "steering.table", f"{name} table", f"queue {queues[0]}", TABLE)
    if setting.verdict == "absent":
        count = queue_count(host.links, name)
        return [refused("steering.table", name, f"queue {queues[0]}",
                        f"{name} spreads frames over {count} queues, and its driver steers "
                        f"neither by rule nor by table", "set host.nic_queues to 1")]
    if len(queues) > 1:
        return [refused("steering.table", name, f"queues {', '.join(map(str, queues))}",
                        f"{name}'s driver takes no rules, and its hash cannot tell the flows apart",
                        "let all queues of the configuration on it be the same, or use another "
                        "card for each")]
    return [setting]
