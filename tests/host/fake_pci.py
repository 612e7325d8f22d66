"""A host of files with a PCI bus that binds drivers as the kernel does, and cards behind it."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from fake_links import Card, FakeLinks
from fuse import Fuse

from appliance.host.host import Host
from appliance.host.pci import DEVICES, DRIVERS

NIC, NVME, BRIDGE, SOUND = "0x020000", "0x010802", "0x060400", "0x040300"


class FakePci(Host):
    """``root`` gets what the stages read; writes to the bus have their effect."""

    def __init__(self, root: Path) -> None:
        self.fuse = Fuse()
        self.fake_links = FakeLinks(self.fuse)
        super().__init__(root, self.fake_links)
        self.fake_links.resized = self._resized
        self.cards: dict[str, dict[str, Card]] = {}  # what each device is to the kernel
        self.natural: dict[str, str] = {}  # the driver that its identity leads to
        self.broken: set[str] = set()  # drivers whose probe fails
        self.put("/proc/sys/kernel/random/boot_id", "boot-1")
        for which in ("online", "present"):
            self.put(f"/sys/devices/system/cpu/{which}", "0-3")
        self.put("/proc/mounts", "")
        self.put(f"{DRIVERS.rpartition('/')[0]}/drivers_probe", "")
        for driver in ("vfio-pci", "ixgbe", "nvme", "uio_pci_generic"):
            self.driver(driver)

    # ---- building --------------------------------------------------------------------------------

    def put(self, name: str, text: str) -> None:
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).write_text(text + "\n")

    def link(self, name: str, to: str) -> None:
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).symlink_to(to)

    def driver(self, name: str) -> None:
        for file in ("bind", "unbind"):
            self.put(f"{DRIVERS}/{name}/{file}", "")

    def device(self, address: str, driver: str = "ixgbe", kind: str = NIC, group: str = "",
               **cards: Card) -> None:
        """A device that ``driver`` has, with the interfaces it makes of it."""
        folder = f"{DEVICES}/{address}"
        self.put(f"{folder}/class", kind)
        self.put(f"{folder}/driver_override", "(null)")
        if not self.exists(f"{DRIVERS}/{driver}"):
            self.driver(driver)
        self.natural[address], self.cards[address] = driver, cards
        group = group or str(20 + len(self.cards))
        self.link(f"{folder}/iommu_group", f"../../../../kernel/iommu_groups/{group}")
        self.put(f"/sys/kernel/iommu_groups/{group}/devices/{address}", "")
        self._bound(address, driver)

    def interface(self, name: str, card: Card) -> None:
        """An interface in /sys/class/net, with as many queues as it has channels."""
        folder = f"/sys/class/net/{name}"
        for file, value in (("napi_defer_hard_irqs", "0"), ("gro_flush_timeout", "0")):
            self.put(f"{folder}/{file}", value)
        for queue in range(card.values.get("channels", {}).get("combined", 1)):
            self._queue(name, queue, "f", f"{1 << queue:x}")
        self.fake_links.cards[name] = card

    def _queue(self, name: str, queue: int, receive: str, send: str) -> None:
        folder = f"/sys/class/net/{name}/queues"
        self.put(f"{folder}/rx-{queue}/rps_cpus", receive)
        self.put(f"{folder}/tx-{queue}/xps_cpus", send)

    def _resized(self, name: str, count: int) -> None:
        """Queues come without masks, and go with them."""
        found = len(self.glob(f"/sys/class/net/{name}/queues/rx-*"))
        for queue in range(found, count):
            self._queue(name, queue, "0", "0")
        for queue in range(count, found):
            for way in ("rx", "tx"):
                shutil.rmtree(self.path(f"/sys/class/net/{name}/queues/{way}-{queue}"))

    # ---- the kernel's part -----------------------------------------------------------------------

    def write(self, name: str, text: str) -> None:
        super().write(name, text)
        bus = DRIVERS.rpartition("/")[0]
        if name.endswith("/driver_override") and not text:
            self.put(name, "(null)")
        elif name.endswith("/unbind"):
            self._unbound(text)
        elif name == f"{bus}/drivers_probe":
            override = (self.read(f"{DEVICES}/{text}/driver_override") or "").replace("(null)", "")
            self._probe(text, override or self.natural[text])
        elif name.startswith(DRIVERS) and name.endswith("/bind"):
            self._probe(text, name.split("/")[-2])
            if self.target(f"{DEVICES}/{text}/driver") is None:
                raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        self.fuse.passed()

    def _probe(self, address: str, driver: str) -> None:
        loaded = self.exists(f"{DRIVERS}/{driver}") and driver not in self.broken
        if loaded and self.target(f"{DEVICES}/{address}/driver") is None:
            self._bound(address, driver)

    def _bound(self, address: str, driver: str) -> None:
        if driver:
            self.link(f"{DEVICES}/{address}/driver", f"../../drivers/{driver}")
        if driver == self.natural[address]:
            for name, card in self.cards[address].items():
                self.path(f"{DEVICES}/{address}/net/{name}").mkdir(parents=True)
                self.interface(name, card)

    def _unbound(self, address: str) -> None:
        self.path(f"{DEVICES}/{address}/driver").unlink()
        for name in self.cards[address]:
            shutil.rmtree(self.path(f"/sys/class/net/{name}"), ignore_errors=True)
            self.fake_links.cards.pop(name, None)
        shutil.rmtree(self.path(f"{DEVICES}/{address}/net"), ignore_errors=True)


def tree(host: FakePci) -> dict[str, object]:
    """All there is of a host but the journal's folder: what undo must restore."""
    found: dict[str, object] = {}
    for folder, folders, files in os.walk(host.root):
        for name in (*files, *folders):
            path = Path(folder) / name
            if path.is_symlink():
                found[str(path)] = os.readlink(path)
            elif path.is_file() and "/var/lib/" not in str(path):
                found[str(path)] = path.read_text()
    # The kernel's own files for orders show nothing when they are read.
    orders = ("/bind", "/unbind", "/drivers_probe")
    state = {name: value for name, value in found.items() if not name.endswith(orders)}
    return {**state, **{name: repr(card) for name, card in host.fake_links.cards.items()}}
