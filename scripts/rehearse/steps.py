"""The steps of a rehearsal, in order."""

from __future__ import annotations

from stage import Step
from steps_host import boot, doctor, install, tune, tune_killed, vfio
from steps_netmap import MODULE, netmap
from steps_service import (
    engine_killed,
    reboot,
    service,
    service_afxdp,
    service_install,
    uninstall,
    watchdog,
)
from steps_trade import trade_over

STEPS = (
    Step("boot", "the machine boots, as its kernel was told", boot),
    Step("install", "the wheel is installed as a user does", install, ("boot",)),
    Step("doctor", "the doctor, for anybody and for root", doctor, ("install",)),
    Step("tune", "plan, apply, verify, undo: every byte is back", tune, ("install",)),
    Step("tune-killed", "kill -9 in the middle of apply, and back", tune_killed,
         ("install", "tune")),
    Step("vfio", "cards to vfio-pci and back, DPDK's real drivers on them", vfio, ("install",)),
    Step("trade-afpacket", "an exchange and the appliance trade over the kernel's packet rings",
         trade_over("afpacket"), ("install",), in_short=False),
    Step("trade-afxdp", "they trade over AF_XDP", trade_over("afxdp"), ("install",),
         in_short=False),
    Step("netmap", f"pipes and switch ports of netmap, whose module {MODULE} names", netmap,
         ("install",), in_short=False),
    Step("trade-dpdk", "they trade over DPDK on three cards", trade_over("dpdk"),
         ("install", "vfio"), in_short=False),
    Step("service-install", "`appliance install` puts units, user and configuration in",
         service_install, ("install",)),
    Step("service", "a day under systemd, over DPDK: rights, metrics, kill switch, books", service,
         ("service-install", "vfio"), in_short=False),
    Step("engine-killed", "kill -9 of the engine: nothing restarts, the recording is whole",
         engine_killed, ("service-install", "vfio"), in_short=False),
    Step("watchdog", "a loop that hangs is ended by systemd", watchdog, ("service-install", "vfio"),
         in_short=False),
    Step("reboot", "enabled, it comes back by itself, tuned", reboot, ("service-install", "vfio"),
         in_short=False),
    Step("service-afxdp", "a day under systemd over AF_XDP, whose engine has no right at all",
         service_afxdp, ("service-install",), in_short=False),
    Step("uninstall", "everything out again, and the host is what it was", uninstall,
         ("service-install",), in_short=False),
)  # fmt: skip
