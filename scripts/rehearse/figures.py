"""Runs in the machine, with the product's Python: a running engine's book digests, one a line."""

from __future__ import annotations

import json
import sys

from appliance.show import digests
from appliance.state import State


def main(name: str = "appliance") -> None:
    state = State.view(name)
    try:
        for row in digests(state):
            print(json.dumps(row))
    finally:
        state.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
