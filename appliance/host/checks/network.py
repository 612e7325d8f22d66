"""The interfaces to trade over, and what the kernel does with frames on their way.

An interface that DPDK has taken is not among them: its card is looked at in ``devices.py``.
Sources: Linux Documentation/ABI/testing/sysfs-class-net and -net-statistics,
networking/ip-sysctl.rst, networking/napi.rst, networking/af_xdp.rst.
"""

from __future__ import annotations

from appliance.host.case import Case
from appliance.host.check import Finding, absent, bad, check, number, ok, warn

SPEED_MBPS_MIN = 10_000
FLAG_PROMISCUOUS = 0x100  # IFF_PROMISC, linux/if.h
FLAPS_MAX = 3
# Drivers with AF_XDP zero copy in Linux 6.1: grep -l xsk_pool drivers/net/ethernet.
ZERO_COPY = ("i40e", "ice", "igb", "igc", "ixgbe", "ixgbevf", "mlx5_core", "bnxt_en", "stmmac",
             "nfp", "fsl_dpaa2_eth", "gve", "mana", "virtio_net", "netdevsim")
XDP_MTU_MAX = 3498  # a page less headroom and tail: what an XDP program gets in one piece


def _net(name: str, leaf: str) -> str:
    return f"/sys/class/net/{name}/{leaf}"


def _count(case: Case, name: str, *statistics: str) -> dict[str, int]:
    counts = {each: case.host.number(_net(name, f"statistics/{each}")) for each in statistics}
    return {each: count for each, count in counts.items() if count}


def _none_of(counts: dict[str, int]) -> Finding:
    said = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    return bad(said) if counts else ok("0")


# ---- the link ------------------------------------------------------------------------------------


@check("network.carrier", "critical", "up",
       "No link, no feed and no orders.",
       "ip link set NAME up; then look at the cable, the transceiver and the switch's port")
def carrier(case: Case) -> Finding:
    def look(name: str) -> Finding:
        state = case.host.read(_net(name, "operstate")) or "unknown"
        up = state == "up" or (state == "unknown" and case.host.number(_net(name, "carrier")) == 1)
        return ok("up") if up else bad(state, f"ip link set {name} up; then look at the cable")
    return case.each_interface(look)


@check("network.speed", "major", f"at least {SPEED_MBPS_MIN} Mb/s",
       "The wire alone takes 1.2 us for 1,500 bytes at 10 Gb/s, and 12 us at 1 Gb/s; a burst of "
       "the feed queues up behind it.",
       "ethtool NAME tells what both ends can; change the card, transceiver or port")
def speed(case: Case) -> Finding:
    def look(name: str) -> Finding:
        value = case.host.number(_net(name, "speed"))
        if value is None or value <= 0:
            return absent("the driver does not tell, or there is no link")
        return bad(f"{value} Mb/s") if value < SPEED_MBPS_MIN else ok(f"{value} Mb/s")
    return case.each_interface(look)


@check("network.duplex", "major", "full",
       "At half duplex, sending an order and hearing the feed collide.",
       "ethtool -s NAME duplex full autoneg on")
def duplex(case: Case) -> Finding:
    def look(name: str) -> Finding:
        value = case.host.read(_net(name, "duplex"))
        if value not in ("full", "half"):
            return absent("the driver does not tell, or there is no link")
        return ok(value) if value == "full" else bad(value)
    return case.each_interface(look)


@check("network.mtu", "major", f"at least 1500; over AF_XDP {XDP_MTU_MAX} at most",
       "A smaller one cuts the feed's datagrams off; a greater one keeps XDP programs from being "
       "attached.", "ip link set NAME mtu 1500")
def mtu(case: Case) -> Finding:
    def look(name: str) -> Finding:
        value = case.host.number(_net(name, "mtu"))
        if value is None:
            return absent(case.host.why_not(_net(name, "mtu")))
        wrong = value < 1500 or (value > XDP_MTU_MAX and case.uses("afxdp"))
        return bad(value, f"ip link set {name} mtu 1500") if wrong else ok(value)
    return case.each_interface(look)


@check("network.physical", "minor", "a card of its own",
       "A virtual interface (veth, tun, macvlan) has no queues of hardware: no zero copy, no "
       "steering, and the kernel copies each frame.",
       "name the card's own interface in the queue")
def physical(case: Case) -> Finding:
    def look(name: str) -> Finding:
        if case.host.exists(_net(name, "wireless")):
            return bad("a wireless one")
        return ok("a card") if case.host.exists(_net(name, "device")) else bad("a virtual one")
    return case.each_interface(look)


@check("network.driver", "minor", "one with AF_XDP zero copy, where AF_XDP is used",
       "Without it each frame is copied once more, 50 to 200 ns, in a softirq.",
       "use a card with one of: i40e, ice, igb, igc, ixgbe, mlx5_core; or its DPDK driver")
def driver(case: Case) -> Finding:
    def look(name: str) -> Finding:
        found = case.host.target(_net(name, "device/driver"))
        if found is None:
            return absent("it has no driver of its own")
        wrong = case.uses("afxdp") and found not in ZERO_COPY
        return bad(found) if wrong else ok(found)
    return case.each_interface(look)


@check("network.errors", "major", "0 since the driver was loaded",
       "Frames that arrived damaged, or could not be sent: cable, transceiver or switch.",
       "ethtool -S NAME names the counter; clean or change the cable and transceiver")
def errors(case: Case) -> Finding:
    return case.each_interface(lambda name: _none_of(_count(
        case, name, "rx_errors", "tx_errors", "rx_crc_errors", "rx_length_errors",
        "rx_frame_errors", "tx_carrier_errors", "collisions")))


@check("network.drops", "major", "0 since the driver was loaded",
       "Frames that the card had no room for: each is a gap in the feed.",
       "appliance tune apply --only rings; ethtool -S NAME names the counter")
def drops(case: Case) -> Finding:
    return case.each_interface(lambda name: _none_of(_count(
        case, name, "rx_missed_errors", "rx_fifo_errors", "rx_over_errors", "rx_nohandler",
        "tx_dropped", "tx_fifo_errors")))


@check("network.carrier_changes", "minor", f"{FLAPS_MAX} at most",
       "A link that goes down and up loses the feed for seconds each time.",
       "look at the cable, the transceiver and the switch's log")
def carrier_changes(case: Case) -> Finding:
    def look(name: str) -> Finding:
        count = case.host.number(_net(name, "carrier_changes"))
        if count is None:
            return absent(case.host.why_not(_net(name, "carrier_changes")))
        return bad(count) if count > FLAPS_MAX else ok(count)
    return case.each_interface(look)


# ---- who else uses it ----------------------------------------------------------------------------


@check("network.default_route", "major", "no default route",
       "Whoever logs in, updates or copies a file does so over the wire of the feed; and taking "
       "the interface for trading cuts the operator off.",
       "trade over another interface, or manage this host over another")
def default_route(case: Case) -> Finding:
    rows = [line.split() for line in case.text("/proc/net/route").split("\n")[1:]]
    carriers = {row[0] for row in rows if len(row) > 7 and row[1] == row[7] == "00000000"}
    six = [line.split() for line in (case.host.read("/proc/net/ipv6_route") or "").split("\n")]
    carriers |= {row[9] for row in six if len(row) > 9 and row[1] == "00" and row[9] != "lo"
                 and set(row[0]) == {"0"}}
    return case.each_interface(
        lambda name: bad("it has a default route") if name in carriers else ok("none"))


@check("network.bridged", "critical", "of no bridge, bond or team",
       "Another interface owns its frames: they pass through more code, or never reach ours.",
       "ip link set NAME nomaster")
def bridged(case: Case) -> Finding:
    def look(name: str) -> Finding:
        master = case.host.target(_net(name, "master"))
        return bad(f"belongs to {master}", f"ip link set {name} nomaster") if master else ok("none")
    return case.each_interface(look)


@check("network.promiscuous", "minor", "off",
       "Somebody captures: every frame of the wire is taken, and copied for him.",
       "ip link set NAME promisc off; stop tcpdump and its like")
def promiscuous(case: Case) -> Finding:
    def look(name: str) -> Finding:
        flags = case.host.number(_net(name, "flags"))
        if flags is None:
            return absent(case.host.why_not(_net(name, "flags")))
        return bad("on", f"ip link set {name} promisc off") if flags & FLAG_PROMISCUOUS else (
            ok("off"))
    return case.each_interface(look)


@check("network.packet_sockets", "minor", "none but the engine's own",
       "Each packet socket (tcpdump, a DHCP client, lldpd) has every frame of its kind copied.",
       "ss -0p names who; stop it while trading")
def packet_sockets(case: Case) -> Finding:
    count = max(0, len(case.text("/proc/net/packet").split("\n")) - 1)
    own = case.uses("afpacket") and any(each.alive for each in case.engines)
    said = f"{count} open"
    return bad(said) if count and not own else ok(said)


@check("network.connection_tracking", "minor", "not loaded",
       "Every frame that goes through the kernel is looked up in a table of connections, 200 ns "
       "and more; when it is full, frames are dropped.",
       "iptables -t raw -A PREROUTING -i NAME -j NOTRACK, or unload nf_conntrack")
def connection_tracking(case: Case) -> Finding:
    count = case.host.number("/proc/sys/net/netfilter/nf_conntrack_count")
    return ok("not loaded") if count is None else bad(f"loaded, {count:,} connections")


@check("network.firewall", "minor", "no rules in the way",
       "Each frame that goes through the kernel is held against every rule before a socket has "
       "it.", "accept the feed's groups first, in the raw table or an ingress chain")
def firewall(case: Case) -> Finding:
    modules = [line.split() for line in case.text("/proc/modules").split("\n") if line]
    names = ("nf_tables", "ip_tables", "iptable_filter", "iptable_nat", "ebtables", "bpfilter")
    busy = [row[0] for row in modules if row[0] in names and len(row) > 2 and int(row[2])]
    return bad(", ".join(busy)) if busy else ok("none")


# ---- the kernel's path ---------------------------------------------------------------------------


@check("network.rp_filter", "major", "0 or 2",
       "With a strict filter the kernel drops multicast whose sender it would not route back over "
       "the same interface: the feed, in most set-ups.",
       "sysctl -w net.ipv4.conf.all.rp_filter=2")
def rp_filter(case: Case) -> Finding:
    def look(name: str) -> Finding:
        values = [case.host.number(f"/proc/sys/net/ipv4/conf/{each}/rp_filter")
                  for each in ("all", name)]
        if values == [None, None]:
            return absent(case.host.why_not("/proc/sys/net/ipv4/conf/all/rp_filter"))
        value = max(each or 0 for each in values)
        fix = f"sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.{name}.rp_filter=2"
        return bad(f"{value} (strict)", fix) if value == 1 else ok(value)
    return case.each_interface(look)


@check("network.neighbour", "minor", "the venue's Ethernet address is known",
       "The first order waits for ARP, or is lost.",
       "give [orders] venue_mac, or: ip neigh replace ADDRESS lladdr MAC dev NAME nud permanent")
def neighbour(case: Case) -> Finding:
    orders = case.config.orders
    if orders.venue_mac:
        return ok("given by [orders] venue_mac")
    rows = [line.split() for line in case.text("/proc/net/arp").split("\n")[1:]]
    known = {row[0] for row in rows if len(row) > 3 and int(row[2], 16) & 2}
    said = f"{orders.venue_address} {'is' if orders.venue_address in known else 'is not'} known"
    return ok(said) if orders.venue_address in known else bad(said)


@check("network.stack_drops", "major", "0 since boot",
       "The kernel's backlog was full: frames were dropped between the card and a socket.",
       "sysctl -w net.core.netdev_max_backlog=10000")
def stack_drops(case: Case) -> Finding:
    rows = [line.split() for line in case.text("/proc/net/softnet_stat").split("\n") if line]
    dropped = sum(int(row[1], 16) for row in rows)
    squeezed = sum(int(row[2], 16) for row in rows)
    said = f"{dropped:,} dropped, {squeezed:,} times out of budget"
    return bad(said) if dropped else ok(said)


@check("network.udp_errors", "minor", "0 since boot",
       "Datagrams that reached the kernel and found no room in a socket, or were damaged.",
       "sysctl -w net.core.rmem_max=16777216, and let the program ask for it")
def udp_errors(case: Case) -> Finding:
    lines = [line.split() for line in case.text("/proc/net/snmp").split("\n")]
    names, values = (row for row in lines if row and row[0] == "Udp:")
    rows = dict(zip(names[1:], map(int, values[1:]), strict=True))
    wrong = {name: rows[name] for name in ("RcvbufErrors", "SndbufErrors", "InCsumErrors")
             if rows.get(name)}
    return _none_of(wrong)


@check("network.busy_poll", "info", "0 beside AF_XDP, any other otherwise",
       "The global setting makes every socket of the host spin; AF_XDP asks for its own.",
       "sysctl -w net.core.busy_poll=0 net.core.busy_read=0")
def busy_poll(case: Case) -> Finding:
    values = [case.host.number(f"/proc/sys/net/core/{name}") for name in ("busy_poll", "busy_read")]
    if None in values:
        return absent(case.host.why_not("/proc/sys/net/core/busy_poll"))
    said = f"poll {values[0]} us, read {values[1]} us"
    return warn(said) if any(values) and case.uses("afxdp") else ok(said)


_CORE = "/proc/sys/net/core"
number("network.rmem_max", "minor", f"{_CORE}/rmem_max", low=16 << 20, unit=" bytes",
       why="The greatest receive buffer a socket may ask for: a burst of the feed on the kernel's "
           "path must fit.")
number("network.wmem_max", "minor", f"{_CORE}/wmem_max", low=4 << 20, unit=" bytes",
       why="The greatest send buffer a socket may ask for: AF_XDP's and AF_PACKET's sends wait "
           "there.")
number("network.backlog", "minor", f"{_CORE}/netdev_max_backlog", low=5000,
       why="Frames that may wait between softirq and stack; what comes on top is dropped.")
number("network.igmp_memberships", "minor", "/proc/sys/net/ipv4/igmp_max_memberships", low=20,
       why="Multicast groups that a socket may join; a feed of many channels needs one each.")
number("network.bpf_jit", "major", f"{_CORE}/bpf_jit_enable", low=1,
       why="AF_XDP's program is interpreted otherwise: some 10 times slower, for each frame.")
