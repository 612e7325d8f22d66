"""The engine's process: opens everything, runs the loop, leaves in good order.

``python -m appliance.engine_process CONFIG_JSON CONTROL_PID`` is started by the supervisor, which
watches it through the shared segment. Nothing here runs while the loop does.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType

import msgspec

from appliance.config import Config, ConfigError, from_json
from appliance.core.engine import Engine
from appliance.core.strategies import make_strategy
from appliance.errors import RunError
from appliance.host.latency_hold import LatencyHold
from appliance.host.partition import join
from appliance.parent import die_with_parent
from appliance.queue_names import queue_names
from appliance.state import CONTROL_CLAIM, Layout, State, clipped
from appliance.tile import Tile
from dpdk_bindings import PioError, Queue, configure_dpdk, open_queue, wrapping
from dpdk_bindings.env import Clock, Ring, StopWord, pin_to_core
from dpdk_bindings.ladder import climb, is_auto, rungs

LOCATES = 65_536


def make_state(config: Config) -> State:
    """Creates the engine's segment, journal ring included."""
    journal_bytes = config.journal.ring_mib << 20 if config.journal.path else 4096
    journal_bytes = 1 << (journal_bytes - 1).bit_length()
    layout = Layout(LOCATES, config.engine.checkpoints_max, journal_bytes)
    state = State.create(config.engine.name, layout)
    Ring(state.address + int(state.header["journal_offset"]), journal_bytes)
    return state


def _announce(state: State, config: Config, queues: dict[str, Queue], now: int) -> None:
    """Writes who we are into the segment; the start time last: it says that we are ready."""
    for role, queue in queues.items():
        state.header[f"queue_{role}"] = clipped(f"{queue.wrapped} {queue.mode}")
    state.header["strategy"] = clipped(config.strategy.label)
    state.header["engine_pid"] = os.getpid()
    state.header["start_ns"] = now


def require(wanted: str, role: str, queue: Queue) -> None:
    """Raises ValueError unless the queue's backend or mode is the one demanded (R5).

    Of a queue within others ("host(...):dpdk:...") it is the innermost that counts.
    """
    obtained = (queue.backend, queue.mode, queue.wrapped, queue.mode.rpartition("+")[2])
    if wanted and wanted not in obtained:
        raise ValueError(f"{role}: {queue.name} is {queue.wrapped} {queue.mode}, and [engine] "
                         f"require = \"{wanted}\"; change the queue, or lift the requirement")


def possible_names(names: dict[str, str]) -> list[str]:
    """The names that may be opened: of one that leaves the choice, all rungs of its ladder."""
    return [each for name in names.values()
            for each in ([r.name for r in rungs(name)] if is_auto(name) else [name]) if each]


def open_role(role: str, name: str, wanted: str, climbs: dict[str, tuple[str, str]]) -> Queue:
    """Opens a role's queue. What the ladder chose is told in one line: no silent downgrade (R5).

    Who shares an interface stands on the rung that the first of them took: ``climbs`` has, by
    interface, that role and the rung.
    """
    if not is_auto(name):
        return open_queue(name)
    prefix, inner = wrapping(name)
    interface = inner.partition(",")[0] if "share" in prefix else ""
    first, rung = climbs.get(interface, ("", ""))
    try:
        climbed = climb(name, wanted, rung)
    except PioError as error:
        raise PioError(error.errno or errno.EIO, f"{role}: {error.why}", error.remedy) from None
    if interface:
        climbs.setdefault(interface, (role, climbed.label))
    said = (f"took {climbed.queue.wrapped} {climbed.queue.mode}, as {first} did" if first
            else climbed.sentence)
    print(f"appliance: {role}: {prefix}{inner.partition(',')[0]} {said}", file=sys.stderr)
    return climbed.queue


def publish_statistics(state: State, queues: dict[str, Queue]) -> None:
    """Has each device's own statistics in the segment: once, be it that several roles share it."""
    devices = {wrapping(queue.name)[1]: (role, queue) for role, queue in reversed(queues.items())}
    for role, queue in devices.values():
        queue.publish_statistics(state.device_address(role))


def with_addresses(config: Config, queue: Queue) -> Config:
    """The same with the order session's Ethernet addresses: what is "" comes from the queue.

    Raises PioError when the queue has no address of its own, or cannot find the venue's.
    """
    orders = config.orders
    mac = orders.mac or queue.mac
    if not mac:
        raise PioError(
            errno.EADDRNOTAVAIL,
            f'[orders] mac is "", and {queue.name} has no Ethernet address of its own',
            "give one, as in mac = \"02:74:70:00:00:02\"",
        )
    try:
        venue_mac = orders.venue_mac or queue.resolve(orders.venue_address)
    except PioError as error:
        why = f'[orders] venue_mac is "", and {error.why}'
        raise PioError(error.errno or errno.EIO, why, error.remedy) from None
    orders = msgspec.structs.replace(orders, mac=mac, venue_mac=venue_mac)
    return msgspec.structs.replace(config, orders=orders)


def run(config: Config, ready: Callable[[], None] = lambda: None,
        opened: Mapping[str, str] = MappingProxyType({})) -> int:
    """Runs one engine to its end; 0, or raises PioError, RunError, MemoryError or ValueError.

    ``ready`` is called when everything is open, just before the loop. ``opened`` names, by role,
    queues that somebody with the rights to has opened for us (appliance/opener.py).
    """
    with ExitStack() as stack:
        state = make_state(config)
        stack.callback(state.close)
        if config.engine.core >= 0:
            hold = LatencyHold(config.host.idle_latency_us)
            stack.callback(hold.close)
            if not hold.held and config.host.idle_latency_us >= 0:
                print(f"appliance: cores may sleep deeply while this runs ({hold.why}); see "
                      f"`appliance tune explain idle.hold`", file=sys.stderr)
            join(config.engine.core)
        # DPDK's own threads stay where we may run when it starts, except on the engine's core.
        names = {**queue_names(config), **opened}
        configure_dpdk(possible_names(names), config.dpdk, config.engine.core)
        climbs: dict[str, tuple[str, str]] = {}
        queues = {
            role: stack.enter_context(open_role(role, name, config.engine.require, climbs))
            for role, name in names.items()
        }
        for role, queue in queues.items():
            require(config.engine.require, role, queue)
        publish_statistics(state, queues)
        config = with_addresses(config, queues["orders"])
        if config.engine.core >= 0:
            # Before the tables are faulted in: memory comes from the node that first touches it.
            pin_to_core(config.engine.core)
        clock = Clock()
        engine = Engine(config, state, make_strategy(config.strategy))
        tile = Tile(engine, queues, clock)
        if config.journal.path:
            ring = state.address + int(state.header["journal_offset"])
            tile.record_to(ring, config.journal.record == "all")
        stop = stack.enter_context(StopWord(state.word_address("stop")))
        _announce(state, config, queues, clock.now())
        ready()
        seconds = config.engine.seconds
        tile.run(clock.now() + seconds * 1_000_000_000 if seconds else 0)
        tile.finish(clock.now())
        state.header["unanswered"] = tile.orders_unanswered
        state.header["stop"] = stop.value or 1
        if not state.segment.claimed(CONTROL_CLAIM):
            # Control tells; when it was killed nobody else does.
            print(f"appliance: the engine has ended unwatched; {state.counter('orders_open'):,} "
                  f"orders are open at the venue", file=sys.stderr)
        state.header["loop_done"] = 1
        return 0


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("usage: python -m appliance.engine_process CONFIG_JSON CONTROL_PID", file=sys.stderr)
        return 2
    die_with_parent(int(arguments[1]))  # the loop stops in order: nobody trades unwatched
    try:
        return run(from_json(Path(arguments[0]).read_bytes()))
    except (PioError, RunError, ConfigError, ValueError, MemoryError, OSError) as error:
        print(f"appliance: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
