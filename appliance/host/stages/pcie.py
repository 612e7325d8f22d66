"""PCI Express links: they do not go to sleep between two packets."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.kinds import CHOICE
from appliance.host.stage import Knob, Setting, Stage, compare
from appliance.host.wish import Wish


class Pcie(Stage):
    """Active-state power management lets a link that is idle for a while sleep."""

    name = "pcie"
    title = "PCI Express links"
    knobs = (
        Knob("pcie.aspm", "Whether idle links go to sleep",
             "The first packet after a pause waits for the link to wake: microseconds in L0s, tens "
             "of them in L1. 'performance' keeps all links awake. Costs a watt or so a device. "
             "Kernels that leave this to the firmware refuse; then turn ASPM off there.",
             "Linux Documentation/admin-guide/kernel-parameters.txt, pcie_aspm.policy",
             "/sys/module/pcie_aspm/parameters/policy"),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        return [compare(host, self.knobs[0].id, self.knobs[0].path, "performance", CHOICE)]
