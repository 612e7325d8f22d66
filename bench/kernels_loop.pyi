import numpy as np
import numpy.typing as npt

from appliance.tile import Tile

def day_through(
    tile: Tile, data: npt.NDArray[np.uint8], feed_address: int, venue_address: int,
    messages_a_frame: int, idle_turns: int,
) -> tuple[int, int]: ...
def idle(tile: Tile, turns: int) -> int: ...
