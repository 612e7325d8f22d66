from typing_extensions import Buffer

RESULTS: tuple[str, ...]

def check(message: Buffer) -> str: ...
