"""What the verbs of the command line share: options, and how an error becomes one sentence.

Exit status: 0 fine; 1 the run itself went wrong; 2 wrong input, or a file that could be read only
in part (what could be read is printed).
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import rich_click as click

from appliance.config import ConfigError
from appliance.errors import RunError
from dpdk_bindings import PioError

CONFIG = click.option(
    "-c", "--config", "config_path", type=click.Path(path_type=Path), required=True,
    metavar="FILE", help="The configuration, TOML. `docs/appliance.toml` is a commented one.",
)
NAME = click.option(
    "-n", "--name", default="appliance", show_default=True,
    help="Which engine: `engine.name` of its configuration.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print figures as JSON.")


def fail(sentence: str, status: int = 2) -> NoReturn:
    """One sentence on standard error, and out."""
    print(f"appliance: {sentence}", file=sys.stderr)
    sys.exit(status)


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """Turns what a user can cause into one sentence and exit status 2."""
    try:
        yield
    except BrokenPipeError:
        # Whoever read our output has left: there is nobody to tell.
        sys.stderr.close()
        sys.exit(1)
    except (PioError, ConfigError, RunError, ValueError, MemoryError) as error:
        if str(error):
            fail(str(error))
        sys.exit(2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        fail(f"{where}{error.strerror}; check the path and its permissions")
