"""The C side of the wire tests: every generated struct and encoder behind one plain signature.

For each message a `write` calls the encoder with its integers and text taken from two arrays, and a
`read` takes them out of the packed struct. The C is made from the spec, compiled against
csrc/wire.h with sanitizers where the compiler has them trap, and called through ctypes.
"""

import ctypes
import subprocess
from pathlib import Path

from itch_ouch import spec
from itch_ouch.spec_model import Field, Message

CSRC = Path(__file__).resolve().parents[2] / "itch_ouch/csrc"
MESSAGES = (*spec.ITCH, *spec.OUCH_IN, *spec.OUCH_OUT)
_SKIPPED = ("message_type", "appendage_length", "appendage")


def arguments(message: Message) -> list[Field]:
    """The fields that a caller chooses."""
    return [f for f in message.fields if f.name not in _SKIPPED]


def _is_text(field: Field) -> bool:
    return field.type == "alpha" and field.length > 1


def _functions(message: Message) -> str:
    family, _, rest = message.name.partition("_")
    calls, reads = [], []
    text = 0
    for index, field in enumerate(arguments(message)):
        if _is_text(field):
            calls.append(f"text + {text}")
            reads.append(f"memcpy(text + {text}, m->{field.name}, {field.length});")
            text += field.length
            continue
        kind = {1: "uint8_t", 2: "uint16_t", 4: "uint32_t"}.get(field.length, "uint64_t")
        calls.append(f"({kind})numbers[{index}]")
        value = {
            1: f"m->{field.name}", 2: f"be16(m->{field.name})", 4: f"be32(m->{field.name})",
            6: f"get48(m->{field.name})", 8: f"be64(m->{field.name})",
        }[field.length]  # fmt: skip
        reads.append(f"numbers[{index}] = {value};")
    return f"""
uint32_t write_{message.name}(uint8_t *out, const uint64_t *numbers, const uint8_t *text) {{
    (void)numbers; (void)text;
    return {family}_write_{rest}({", ".join(["out", *calls])});
}}
void read_{message.name}(const uint8_t *in, uint64_t *numbers, uint8_t *text) {{
    const {message.name}_t *m = (const {message.name}_t *)in;
    (void)numbers; (void)text; (void)m;
    {" ".join(reads)}
}}
"""


class Harness:
    """The compiled functions, with Python values in and out."""

    def __init__(self, folder: Path) -> None:
        source, library = folder / "harness.c", folder / "harness.so"
        source.write_text('#include "wire.h"\n' + "".join(map(_functions, MESSAGES)))
        command = ["gcc", "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        checks = ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]
        paths = ["-I", str(CSRC), "-o", str(library), str(source)]
        subprocess.run([*command, *checks, *paths], check=True)
        self.library = ctypes.CDLL(str(library))

    def write(self, message: Message, values: dict[str, int | bytes], misalign: int) -> bytes:
        """What the encoder writes at an address that is `misalign` past an aligned one."""
        fields = arguments(message)
        plain = [values[f.name] for f in fields]
        numbers = (ctypes.c_uint64 * max(len(fields), 1))()
        for index, (field, value) in enumerate(zip(fields, plain, strict=True)):
            if not _is_text(field):
                numbers[index] = value[0] if isinstance(value, bytes) else value
        text = b"".join(
            v for f, v in zip(fields, plain, strict=True) if _is_text(f) and isinstance(v, bytes)
        )
        out = ctypes.create_string_buffer(b"\xa5" * (message.bytes + 16))
        place = ctypes.byref(out, misalign)
        length = getattr(self.library, f"write_{message.name}")(place, numbers, text)
        end = misalign + length
        assert out.raw[:misalign] == b"\xa5" * misalign
        assert set(out.raw[end:-1]) == {0xA5}, "the encoder wrote past its message"
        return out.raw[misalign:end]

    def read(self, message: Message, data: bytes, misalign: int) -> dict[str, int | bytes]:
        """The fields as the packed struct holds them, one-byte alpha as bytes too."""
        fields = arguments(message)
        numbers = (ctypes.c_uint64 * max(len(fields), 1))()
        text = ctypes.create_string_buffer(64)
        held = ctypes.create_string_buffer(bytes(misalign) + data)
        getattr(self.library, f"read_{message.name}")(ctypes.byref(held, misalign), numbers, text)
        values: dict[str, int | bytes] = {}
        offset = 0
        for index, field in enumerate(fields):
            if _is_text(field):
                values[field.name] = text.raw[offset : offset + field.length]
                offset += field.length
            else:
                number = numbers[index]
                values[field.name] = bytes([number]) if field.type == "alpha" else number
        return values
