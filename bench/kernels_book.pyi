import numpy as np
import numpy.typing as npt

from appliance.core.engine import Engine

def through_queue(
    engine: Engine, data: npt.NDArray[np.uint8], tx_address: int, rx_address: int,
    clock_address: int,
) -> tuple[int, int]: ...
