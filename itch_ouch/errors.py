"""What the Python side of the codecs raises; the compiled side returns codes and raises nothing."""


class Refused(ValueError):
    """Bytes that a codec refused; `reason` is the name that the drop is counted under."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"refused: {reason}")
        self.reason = reason
