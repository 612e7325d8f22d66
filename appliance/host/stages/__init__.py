"""The stages in the order in which they are applied, and the kinds that they write by."""

from __future__ import annotations

from appliance.host.kinds import CHOICE, CORE_LIST, CORE_MASK, OWN_FILE, VALUE, Kind
from appliance.host.stage import Stage
from appliance.host.stages.swappiness import Swappiness
from appliance.host.stages.transparent_huge_pages import TransparentHugePages

STAGES: tuple[Stage, ...] = (TransparentHugePages(), Swappiness())

KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (VALUE, CHOICE, CORE_LIST, CORE_MASK, OWN_FILE)
}
