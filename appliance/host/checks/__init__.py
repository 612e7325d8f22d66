"""Every check, area by area, in the order in which they are told."""

from __future__ import annotations

# Importing a module registers its checks.
from appliance.host.check import REGISTRY, Check
from appliance.host.checks import (  # noqa: F401
    clock,
    cpu,
    devices,
    engine,
    interrupts,
    kernel,
    limits,
    memory,
    network,
    security,
    service,
    software,
    storage,
)

AREAS = {
    "cpu": "The loop's core", "interrupts": "Interrupts", "memory": "Memory",
    "tune": "Settings of appliance tune", "kernel": "Kernel", "clock": "Clock",
    "network": "Network", "devices": "Devices", "limits": "Limits and privileges",
    "storage": "Storage", "software": "Software", "service": "Service", "security": "Security",
    "engine": "Engine",
}
CHECKS: tuple[Check, ...] = tuple(sorted(REGISTRY, key=lambda each: list(AREAS).index(each.area)))
