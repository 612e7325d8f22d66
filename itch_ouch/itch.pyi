from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from typing_extensions import Buffer

RESULTS: tuple[str, ...]

class Scan(NamedTuple):
    counts: list[int]
    end_offset: int
    reason: str | None

def check(message: Buffer) -> str: ...
def scan(data: Buffer) -> Scan: ...
def scatter(data: Buffer, tables: Mapping[int, np.ndarray[Any, Any]]) -> None: ...
