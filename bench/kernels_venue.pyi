from feed_sim.exchange.venue import Venue

class OrderStream:
    count: int
    frame_count: int
    def __init__(self, venue: Venue, count: int, per_datagram: int, seed: int) -> None: ...

def run(
    venue: Venue, stream: OrderStream, orders_address: int, feed_address: int, burst: int
) -> tuple[int, int, dict[str, int]]: ...
