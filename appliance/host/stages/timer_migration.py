"""Timer migration: no idle core leaves its timers to the core that never sleeps."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.stage import Knob, Setting, Stage, compare
from appliance.host.wish import Wish


class TimerMigration(Stage):
    """Timers move from idle cores to busy ones, and the loop's core always looks busy.

    With ``nohz_full`` it is the other way round: the kernel then moves timers away from those cores
    and never to them, so migration is wanted.
    """

    name = "timer_migration"
    title = "Timer migration"
    knobs = (
        Knob("timer_migration.enabled", "Whether idle cores hand their timers to busy ones",
             "A core that polls is the busiest of all and gets the timers of those that sleep. 0 "
             "keeps timers where they were set; where the loops' cores are nohz_full, 1 moves "
             "theirs away. Costs: idle cores wake for their own timers, which takes power.",
             "Linux Documentation/admin-guide/sysctl/kernel.rst, timer_migration; "
             "timers/no_hz.rst", "/proc/sys/kernel/timer_migration"),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        tickless = bool(wish.cores) and wish.cores <= host.cores("nohz_full")
        return [compare(host, self.knobs[0].id, self.knobs[0].path, "1" if tickless else "0")]
