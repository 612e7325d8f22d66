"""The Prometheus exporter: a process that maps an engine's segment read-only and serves it.

``appliance exporter``, or ``python -m appliance.telemetry.exporter SEGMENT --port P [--address A]``
as a child of ``appliance run``. Every scrape maps the segment anew, so an engine may end and come
back, and one that is gone leaves ``tickpath_up 0``. Names, help and labels are the registry's
(docs/metrics.md). It needs no privilege but to read the segment: the engine's group may.
"""

from __future__ import annotations

import argparse
import errno
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from socketserver import BaseServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import numpy as np
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from appliance.errors import RunError
from appliance.parent import die_with_parent
from appliance.passed import take_socket
from appliance.state import Kill, State
from appliance.telemetry.registry import BUCKETS_NS, EXTRAS, METRICS, ROLES
from dpdk_bindings import PioError
from dpdk_bindings.env import Histogram
from dpdk_bindings.env.histogram import HIGHEST

PREFIX = "tickpath_"
REQUEST_TIMEOUT_S = 5.0  # who connects and asks nothing has a thread of ours for so long
HEARTBEAT_MAX_S = 5.0  # an engine that has not published for so long is not up
_HELP = {extra.family: extra.help for extra in EXTRAS}


def _text(state: State, field: str) -> str:
    return bytes(state.header[field]).decode("utf-8", "replace")


def _gauge(family: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + family, _HELP[family], value)


def _info(family: str, rows: list[dict[str, str]]) -> InfoMetricFamily:
    labels = next(extra.labels for extra in EXTRAS if extra.family == family)
    metric = InfoMetricFamily(PREFIX + family, _HELP[family], labels=labels)
    for row in rows:
        metric.add_metric([row[label] for label in labels], {})
    return metric


class EngineCollector(Collector):
    """The metrics of the engine whose segment is ``name``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._beat = (0, 0)  # the engine's start and heartbeat, as last seen
        self._seen_s = self._moved_s = float("-inf")  # when first as it is; when it moved last

    def describe(self) -> list[Metric]:
        """Nothing, so that registering does not scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        try:
            state = State.view(self.name)
        except (PioError, ValueError):  # gone, not ours to read, or just being made
            yield _gauge("up", 0)
            return
        try:
            metrics = [*self._liveness(state), *_words(state), *_histograms(state), *_facts(state)]
        finally:
            state.close()
        yield from metrics

    def _liveness(self, state: State) -> Iterator[Metric]:
        started = int(state.header["start_ns"])
        beat = int(state.header["heartbeat_ns"]) or started
        age_s = (time.time_ns() - beat) / 1e9
        alive = bool(started) and not int(state.header["loop_done"]) and self._moves(
            started, beat, age_s)
        yield _gauge("up", int(alive))
        if started:
            yield _gauge("heartbeat_age_seconds", max(0.0, age_s))
            yield _gauge("start_time_seconds", started / 1e9)

    def _moves(self, started: int, beat: int, age_s: float) -> bool:
        """Whether it was seen to move: the loop's clock is set once, and the host's may be stepped.

        What was never seen to move is believed by its age, but not for longer than that.
        """
        now_s = time.monotonic()
        if (started, beat) != self._beat:
            if started == self._beat[0] and beat > self._beat[1]:
                self._moved_s = now_s
            self._beat, self._seen_s = (started, beat), now_s
        if now_s - self._moved_s < HEARTBEAT_MAX_S:
            return True
        return abs(age_s) < HEARTBEAT_MAX_S and now_s - self._seen_s < HEARTBEAT_MAX_S


def _words(state: State) -> Iterator[Metric]:
    """The registry's counters and gauges, one family for all that share its name."""
    families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
    counts = state.counter_map()
    helps: dict[str, str] = {}
    for metric in METRICS:
        helps[metric.family] = helps.get(metric.family) or metric.help
    for metric in METRICS:
        kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        family = families.get(metric.family)
        if family is None:
            family = kind(PREFIX + metric.family, helps[metric.family], labels=list(metric.labels))
            families[metric.family] = family
        family.add_metric(list(metric.labels.values()), counts[metric.name])
    yield from families.values()


def bucket_counts(histogram: Histogram) -> list[tuple[str, float]]:
    """Prometheus's cumulative buckets; a value counts at its counter's highest equivalent."""
    running = np.cumsum(histogram.counts())
    last = np.searchsorted(HIGHEST, np.array(BUCKETS_NS, np.uint64), side="right")
    rows = [
        (str(bound), float(running[i - 1]) if i else 0.0)
        for bound, i in zip(BUCKETS_NS, last, strict=True)
    ]
    return [*rows, ("+Inf", float(running[-1]))]


def _histograms(state: State) -> Iterator[Metric]:
    for timer in state.timers():
        histogram = state.histogram(timer.name).copy()
        yield HistogramMetricFamily(
            f"{PREFIX}{timer.name}_ns",
            timer.help,
            buckets=bucket_counts(histogram),
            sum_value=histogram.mean * histogram.total_count,
        )


def _facts(state: State) -> Iterator[Metric]:
    yield _info("engine", [{
        "name": _text(state, "name"),
        "strategy": _text(state, "strategy"),
        "pid": str(int(state.header["engine_pid"])),
    }])
    queues = []
    for role in ROLES:
        backend, _, mode = _text(state, f"queue_{role}").partition(" ")
        if backend:
            queues.append({"role": role, "backend": backend, "mode": mode})
    yield _info("queue", queues)
    yield _device_statistics(state)
    word = int(state.header["kill"])
    known = word in Kill.__members__.values()
    yield _info("kill", [{
        "word": Kill(word).name.lower() if known else str(word),
        "reason": _text(state, "kill_reason"),
    }])


def _device_statistics(state: State) -> GaugeMetricFamily:
    labels = next(extra.labels for extra in EXTRAS if extra.family == "device_statistic")
    metric = GaugeMetricFamily(
        PREFIX + "device_statistic", _HELP["device_statistic"], labels=labels
    )
    for role in ROLES:
        for name, value in state.device_statistics(role).items():
            metric.add_metric([role, name], value)
    return metric


def _remedy(error: OSError, address: str, port: int) -> str:
    where = f"port {port} of {address}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use; stop who has it, or choose another port (telemetry.port)"
    if error.errno == errno.EACCES:
        return f"{where} is not ours to open; choose a port above 1023 (telemetry.port)"
    return f"{where} cannot be opened ({error.strerror}); give an address of this host"


class _Server(ThreadingMixIn, WSGIServer):
    """A thread a request, which ends with the process. Opens no socket itself."""

    daemon_threads = True

    def __init__(self, listening: socket.socket) -> None:
        address, port = listening.getsockname()[:2]
        # Not TCPServer's own: it would make a socket, which a service without network may not,
        # nor HTTPServer's server_bind, which asks a name server for our name.
        BaseServer.__init__(self, (address, port), _Handler)
        self.socket = listening
        self.server_name, self.server_port = address, port
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who breaks off, or says nothing for too long, is not news either."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(WSGIRequestHandler):
    timeout = REQUEST_TIMEOUT_S

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape is not news."""


def _listen(address: str, port: int) -> socket.socket:
    """Raises RunError when the port cannot be opened."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family)
    except OverflowError:
        raise RunError(f"{port} is no port; choose 1 to 65535") from None
    except OSError as error:
        raise RunError(_remedy(error, address, port)) from None


def _server(name: str, listening: socket.socket) -> WSGIServer:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(EngineCollector(name))
    server = _Server(listening)
    server.set_app(make_wsgi_app(registry))
    return server


def _check_name(name: str) -> None:
    """Raises PioError when no segment can ever have that name."""
    try:
        State.view(name).close()
    except PioError as error:
        if error.errno == errno.EINVAL:
            raise
    except ValueError:
        pass  # of another version, or just being made: it may be replaced


def serve(name: str, address: str, port: int, told: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM; ``told`` is given the URL when it can be asked.

    On the socket the service manager passed, if it did: then address and port are the manager's.
    """
    _check_name(name)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    server = _server(name, take_socket() or _listen(address, port))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    host = f"[{server.server_name}]" if ":" in server.server_name else server.server_name
    told(f"http://{host}:{server.server_port}/metrics")
    stopped.wait()
    server.shutdown()
    server.server_close()
    thread.join()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m appliance.telemetry.exporter",
        description="Serves the metrics of the engine SEGMENT to Prometheus until Ctrl-C or "
        "SIGTERM, whether the engine runs or not.",
    )
    parser.add_argument("segment", help="name of the engine's segment, as in [engine] name")
    parser.add_argument("--port", type=int, required=True, help="0: any that is free")
    parser.add_argument("--address", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--control", type=int, metavar="PID", help="end with this parent")
    options = parser.parse_args(arguments)
    if options.control is not None:
        die_with_parent(options.control)
    try:
        serve(options.segment, options.address, options.port,
              lambda url: print(f"exporter: {url}", file=sys.stderr, flush=True))
    except (PioError, RunError) as error:
        print(f"exporter: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
