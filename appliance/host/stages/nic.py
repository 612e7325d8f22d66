"""What the stages of network interfaces share: which interfaces they tune, and which they leave."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from appliance.host.host import Host
from appliance.host.pci import address_of
from appliance.host.stage import Setting, Stage, absent
from appliance.host.wish import Wish


class NicStage(Stage):
    """One area of every interface of the wish. Subclasses give :meth:`of`.

    An interface that is not there (any more), or goes to DPDK by the same plan, is told as such
    and stops nothing. One with an XDP program has an engine, and its link is not reset under it.
    """

    resets: ClassVar[bool] = False  # whether a change resets the link

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        knob = self.knobs[0].id
        if not wish.interfaces:
            return [absent(knob, "interface", "no queue names an interface; name one with "
                                              "--interface or in host.interfaces")]
        settings: list[Setting] = []
        for name in wish.interfaces:
            reason = _left(host, wish, name)
            found = [absent(knob, name, reason)] if reason else self.of(host, wish, name)
            if self.resets and not wish.force and _in_use(host, name):
                found = [_refuse(name, setting) for setting in found]
            settings += found
        return settings

    def of(self, host: Host, wish: Wish, name: str) -> list[Setting]:
        """The settings of one interface."""
        raise NotImplementedError


def _in_use(host: Host, name: str) -> bool:
    try:
        return host.links.link(name).xdp
    except OSError:
        return False


def _refuse(name: str, setting: Setting) -> Setting:
    if setting.verdict != "change":
        return setting
    return replace(setting, verdict="refused", reason=(
        f"{name} has an XDP program on it, as of a running engine, and this resets the link"),
        remedy="stop what put it there first, or give --force")


def _left(host: Host, wish: Wish, name: str) -> str:
    """Why an interface is left alone, as part of a sentence; "" when it is not."""
    if not host.exists(f"/sys/class/net/{name}"):
        return f"there is no interface {name} (any more)"
    address = address_of(host, name)
    if address in wish.devices:
        return f"{name} is of {address}, which host.devices takes from the kernel"
    return ""
