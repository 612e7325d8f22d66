from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

ENDS: tuple[str, ...]

class BboReading:
    def __init__(
        self, orders_max: int, levels_max: int, counters: npt.NDArray[np.uint64]
    ) -> None: ...
    def read(
        self, data: Buffer | npt.NDArray[np.uint8], rows: npt.NDArray[Any], start: int = 0
    ) -> tuple[int, str]: ...
    @property
    def offset(self) -> int: ...
    @property
    def messages(self) -> int: ...
