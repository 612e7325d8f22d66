"""``appliance noise``: how quiet a core is, and who interrupted it.

Exit status: 0 measured; 1 a gap was longer than ``--limit-us``; 2 wrong input.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import rich_click as click

from appliance.cli_common import JSON, fail, one_sentence

LIMIT_US_MAX = 60e6  # a gap of a minute is below what the histogram holds


@click.command()
@click.option("--core", "cores", multiple=True, metavar="LIST",
              help="A core, or cores as in 1-3,5; may be given again. The isolated ones otherwise, "
              "or the last core where none is isolated.")
@click.option("--seconds", type=float, default=5.0, show_default=True,
              help="How long; Ctrl-C ends it early and prints what was measured.")
@click.option("--threshold-us", type=float, default=1.0, show_default=True,
              help="From how long on a gap is noise.")
@click.option("--worst", type=int, default=10, show_default=True,
              help="How many of the longest gaps to keep, 64 at most.")
@click.option("--limit-us", type=float, help="Exit with status 1 when a gap is longer than this.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE",
              help="Draw the gaps over their percentile into this PNG (`tickpath[report]`).")
@click.option("--root", type=click.Path(path_type=Path, file_okay=False, exists=True),
              default=Path("/"), metavar="FOLDER",
              help="Read /proc, /sys and /dev in this tree instead of the machine's own.")
@JSON
def noise(cores: tuple[str, ...], seconds: float, threshold_us: float, worst: int,
          limit_us: float | None, plot: Path | None, root: Path, as_json: bool) -> None:
    """Measures how quiet a core is, and says who interrupted it.

    Reads the clock back to back on each core, all at the same time: the gaps between two reads
    are what a loop on that core would lose to interrupts, other threads, the hypervisor and the
    firmware. Needs no root. Run it where the engine is to run, while the engine does not.

        appliance noise --core 1-3 --seconds 60 --limit-us 20
    """
    from rich.console import Console

    from appliance.host import noise_report
    from appliance.host.host import Host
    from dpdk_bindings.env import StopWord

    if limit_us is not None and not 0 < limit_us <= LIMIT_US_MAX:
        fail(f"--limit-us {limit_us:g} is out of range; give a number above 0, {LIMIT_US_MAX:g} "
             f"at most")
    with one_sentence():
        _can_plot(plot)
        host = Host(root)
        settings = noise_report.checked(cores, seconds, threshold_us, worst, host)
        with StopWord() as stop:
            figures, histograms = noise_report.run(settings, host, stop)
        longest_ns = max(row["histogram"]["max"] for row in figures["cores"])
        exceeded = limit_us is not None and longest_ns > limit_us * 1000
        figures |= {"limit_us": limit_us, "exceeded": exceeded}
        if plot is not None:
            from appliance.telemetry.plot import write_plot

            write_plot({f"core {row['core']}": histogram for row, histogram
                        in zip(figures["cores"], histograms, strict=True)},
                       "Core noise", "time between two reads of the clock", plot)
        if as_json:
            print(json.dumps(figures, indent=2))
        else:
            from appliance.host.noise_show import show

            show(Console(), figures, histograms)
            if exceeded:
                print(f"appliance: a gap of {longest_ns / 1000:,.1f} us is longer than --limit-us "
                      f"{limit_us:g}", file=sys.stderr)
    sys.exit(1 if exceeded else 0)


def _can_plot(plot: Path | None) -> None:
    """Before the run and not after it: whether the picture can be written."""
    if plot is None:
        return
    if not plot.absolute().parent.is_dir():
        fail(f"{plot.parent} is not a folder; make it before the run")
    if plot.is_dir() or not os.access(plot if plot.exists() else plot.absolute().parent, os.W_OK):
        fail(f"{plot} cannot be written; name a file in a folder of yours")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        fail("--plot needs matplotlib; `pip install 'tickpath[report]'` brings it")
