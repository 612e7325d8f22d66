"""Machine checks: the poll for corrected memory errors does not visit the loop's core."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.stage import Knob, Setting, Stage, compare
from appliance.host.wish import Wish


class MachineChecks(Stage):
    """Errors that the processor reports by itself still are; only the polling ends."""

    name = "machine_checks"
    title = "Machine checks"
    knobs = (
        Knob("machine_checks.interval", "How often each core looks for corrected hardware errors",
             "A timer on every core reads its error banks each 5 minutes: tens of microseconds. 0 "
             "ends it. Costs: corrected errors that the processor raises no interrupt for are "
             "noticed late or never; uncorrected ones are, as before.",
             "Linux Documentation/arch/x86/x86_64/machinecheck.rst, check_interval",
             "/sys/devices/system/machinecheck/machinecheck0/check_interval"),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        # One value for all cores, shown under each of them.
        return [compare(host, self.knobs[0].id, self.knobs[0].path, "0")]
