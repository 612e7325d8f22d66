from appliance.core.strategy import Strategy

class Cross(Strategy):
    def __init__(
        self, *, shares: int, threshold: int, spread_min: int, rest_ns: int
    ) -> None: ...
    def configure(
        self, shares: int, threshold: int, spread_min: int, rest_ns: int
    ) -> None: ...
