"""``python -m bench.child MODULE:FUNCTION SETTINGS``: one contender, one round, a JSON of rows.

Whatever the contender prints goes to standard error: standard output is the result's.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys

from bench.settings import Absent, Settings


def main(function: str, settings: str) -> None:
    module, _, name = function.partition(":")
    with contextlib.redirect_stdout(sys.stderr):
        try:
            made = getattr(importlib.import_module(module), name)(Settings.from_json(settings))
        except Absent as why:
            result: dict[str, object] = {"absent": str(why)}
        else:
            # An oracle makes counts, a contender rows.
            made = made if isinstance(made, dict) else [row.to_dict() for row in made]
            result = {"made": made}
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
