"""The verbs that run one process of the appliance by itself: what the units in systemd/ start."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import rich_click as click

from appliance.cli_common import CONFIG, JSON, fail, one_sentence
from appliance.config import load_config
from appliance.notify import Notifier

SETTINGS = click.option(
    "--settings", type=click.Path(path_type=Path), metavar="FILE", show_default=True,
    default=Path("/run/tickpath/settings.json"),
    help="Where the engine says, while it runs, what it runs with.",
)


def _end(process: str, status: int, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"process": process, "status": status}))
    sys.exit(status)


@click.command()
@click.option("-c", "--config", "config_path", type=click.Path(path_type=Path), metavar="FILE",
              help="The configuration, for the engine's name, the address and the port.")
@click.option("-n", "--name", help="Which engine: `engine.name` of its configuration.")
@click.option("--port", type=click.IntRange(0, 65535), help="Serve here; 0: any that is free.")
@click.option("--address", help="The address to serve on; 127.0.0.1 unless configured.")
@JSON
def exporter(config_path: Path | None, name: str | None, port: int | None, address: str | None,
             as_json: bool) -> None:
    """Serves the metrics of an engine to Prometheus, whether the engine runs or not.

    It needs no privilege. While there is no engine of that name, `tickpath_up` is 0; when one
    comes, or comes back, it is found by itself. A socket that a service manager passes
    (`appliance-exporter.socket`) is used rather than a port of its own.

        appliance exporter --name appliance --port 9477
    """
    with one_sentence():
        from appliance.config import from_text
        from appliance.passed import is_passed
        from appliance.telemetry import exporter as module

        config = load_config(config_path) if config_path else from_text("", "defaults")
        given = config.telemetry.port if port is None else port
        if port is None and not given and not is_passed():
            fail("no port to serve on; give --port, or [telemetry] port with -c")

        def told(url: str) -> None:
            if as_json:
                print(json.dumps({"url": url}), flush=True)
            else:
                print(f"exporter: {url}", file=sys.stderr, flush=True)

        module.serve(name or config.engine.name, address or config.telemetry.address, given, told)


@click.group()
def process() -> None:
    """One process of `appliance run` by itself, as the units start it.

    **journal** first: it waits for the engine. Then **engine**, then **control**. Apart, each has
    the rights it needs and no more; `docs/service.md` tells how they hang together.
    """


@process.command("engine")
@CONFIG
@SETTINGS
@click.option("--opener", type=click.Path(path_type=Path), metavar="SOCKET",
              envvar="TICKPATH_OPENER",
              help="Have queues that take privileges opened there; TICKPATH_OPENER says so, too.")
@JSON
def engine_verb(config_path: Path, settings: Path, opener: Path | None, as_json: bool) -> None:
    """Opens the queues and runs the loop until SIGTERM, or until control says stop."""
    with one_sentence():
        from appliance import service

        status = service.engine(config_path, settings, opener, Notifier.from_environment())
    _end("engine", status, as_json)


@process.command("opener")
@CONFIG
@JSON
def opener_verb(config_path: Path, as_json: bool) -> None:
    """Opens queues that take privileges for an engine that has none, and ends.

    It answers one connection to the socket that the service manager passes.
    """
    with one_sentence():
        from appliance import opener
        from appliance.passed import take_socket

        listening = take_socket()
        if listening is None:
            fail("no socket was passed; this is started by systemd: appliance-opener.socket")
        with listening:
            opener.serve(listening, load_config(config_path))
    _end("opener", 0, as_json)


@process.command("journal")
@CONFIG
@SETTINGS
@JSON
def journal_verb(config_path: Path, settings: Path, as_json: bool) -> None:
    """Waits for the engine and puts what it records on file, until the engine has ended."""
    with one_sentence():
        from appliance import service

        status = service.journal(config_path, settings)
    _end("journal", status, as_json)


@process.command("control")
@SETTINGS
@JSON
def control_verb(settings: Path, as_json: bool) -> None:
    """Watches a running engine, and ends it in order on SIGTERM.

    Tells the service manager that the loop runs, and feeds its watchdog only while the loop's
    heartbeat moves. Exit status: 0 the run was ended in order; 1 the engine died, or the recording
    is not whole; 2 there was no engine to watch; 3 trading was halted when the run ended.
    """
    with one_sentence():
        from appliance import service

        status = service.control(settings, Notifier.from_environment(), as_json)
    sys.exit(status)
