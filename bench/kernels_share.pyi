def taken_ns(
    far_address: int, near_address: int, clock_address: int, frame: bytes, rounds: int,
    other_address: int = 0,
) -> float: ...
