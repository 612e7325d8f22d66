"""The queues of a configuration by role, with what their backends must know of the wire.

A socket has to be told which datagrams are wanted, and the configuration has said it already: the
address and port that a line's or the order session's datagrams are addressed to. What a name says
itself goes before. Roles that name one queue of one device share it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.shared_ports import Role, shared
from dpdk_bindings import innermost_backend
from dpdk_bindings.afxdp import steered
from dpdk_bindings.ladder import is_auto

if TYPE_CHECKING:  # which asks here whether its queues can be shared
    from appliance.config import Config


def queue_names(config: Config) -> dict[str, str]:
    """Role to queue name, of the lines that are configured.

    Raises ConfigError for roles that cannot share the queue they name.
    """
    feed, orders = config.feed, config.orders
    roles = [
        Role("feed_a", feed.line_a, feed.address_a, feed.port_a),
        Role("feed_b", feed.line_b, feed.address_b, feed.port_b),
        Role("orders", orders.queue, orders.address, orders.port),
    ]
    members = shared(roles)
    return {one.role: members.get(one.role) or completed(one.name, one.address, one.port)
            for one in roles if one.name}


def completed(name: str, address: str, port: int) -> str:
    """``name`` with the destination that it hears, where its backend asks for one.

    A socket hears one address and port: "any" (0.0.0.0, or port 0) is none, and its backend then
    says what it needs.
    """
    if innermost_backend(name) == "udp" and address != "0.0.0.0" and port:
        for key, value in (("address", address), ("port", str(port))):
            if f",{key}=" not in name:
                name += f",{key}={value}"
    if is_auto(name) and ",steer=" not in name:
        name += f",steer={address}:{port}"
    return steered(name, [(address, port)])
