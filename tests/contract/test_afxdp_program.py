"""AF_XDP's program as it is assembled, and the reader of the kernel's BTF, in drivers of their own.

Both are built with the sanitizers where gcc has them.
"""

from __future__ import annotations

import errno
import random
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CSRC = HERE.parent.parent / "dpdk_bindings/csrc"
NONE, KERNEL, HARDWARE = "0", "1", "2"  # enum afxdp_stamps
PASS = 2  # XDP_PASS
HOOK = "bpf_xdp_metadata_rx_timestamp"
# code, destination, source, offset, constant. Map 3 has the sockets, BTF id 77 is the hook.
HEAD = [
    "0xbf 6 1 0 0", "0x61 7 6 16 0",  # r6 the context, r7 its queue
    "0x16 7 0 3 0",  # queue 0: take it
    "0xb7 8 0 0 0", "0xb7 0 0 0 2", "0x95 0 0 0 0",  # else it is the kernel's
]  # fmt: skip
ASK_HOOK = [
    "0x7a 10 0 -8 0",  # no time on the stack
    "0xbf 1 6 0 0", "0xbf 2 10 0 0", "0x7 2 0 0 -8", "0x85 0 2 0 77",  # hook(context, stack)
    "0x16 0 0 1 0", "0x7a 10 0 -8 0",  # it failed: none
]  # fmt: skip
ROOM = ["0xbf 1 6 0 0", "0xb7 2 0 0 -8", "0x85 0 0 0 54", "0x56 0 0 7 0"]  # bpf_xdp_adjust_meta
STAMP = ["0x61 2 6 8 0", "0x61 3 6 0 0", "0xbf 4 2 0 0", "0x7 4 0 0 8", "0x2d 4 3 1 0",
         "0x7b 2 0 0 0"]  # fmt: skip
REDIRECT = ["0x18 1 1 0 3", "0 0 0 0 0", "0xbf 2 7 0 0", "0xb7 3 0 0 2", "0x85 0 0 0 51",
            "0x95 0 0 0 0"]  # fmt: skip
GOLDEN = {
    NONE: HEAD + REDIRECT,
    KERNEL: [*HEAD, *ROOM, "0x85 0 0 0 208", *STAMP, *REDIRECT],  # bpf_ktime_get_tai_ns
    HARDWARE: [*HEAD, *ASK_HOOK, *ROOM, "0x79 0 10 -8 0", *STAMP, *REDIRECT],
}


def build(path: Path, *sources: Path) -> Path:
    if not shutil.which("gcc"):
        pytest.skip("there is no gcc to build the driver with")
    sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    command = ["gcc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", f"-I{CSRC}", "-o", str(path)]
    command += map(str, sources)
    if subprocess.run([*command, *sanitize], capture_output=True).returncode:
        subprocess.run(command, check=True)
    return path


def run(driver: Path, *words: str) -> list[str]:
    done = subprocess.run([driver, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def assembler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assembler")
    return build(folder / "driver", HERE / "afxdp_program_driver.c", CSRC / "pio_afxdp_program.c")


@pytest.mark.parametrize("stamps", [NONE, KERNEL, HARDWARE])
def test_the_instructions_are_these(assembler: Path, stamps: str) -> None:
    assert run(assembler, "dump", stamps) == GOLDEN[stamps]


@pytest.mark.parametrize("stamps", [NONE, KERNEL, HARDWARE])
def test_the_longest_program_has_room(assembler: Path, stamps: str) -> None:
    (line,) = run(assembler, "longest", stamps)
    count, most = map(int, line.split())
    assert 5 * 64 < count <= most


def test_what_the_hook_says_stands_before_the_frame(assembler: Path) -> None:
    """Run by the kernel, with a function of the program's own in the place of the driver's."""
    try:
        run(assembler, "run", NONE, "0", "0")
    except AssertionError as error:
        pytest.skip(str(error))
    for value in ("1", "1800000000123456789", "0x8000000000000001", "0"):
        assert run(assembler, "run", HARDWARE, value, "0") == [f"{PASS} 8 {int(value, 0)}"]
    for error in (errno.ENODATA, errno.EOPNOTSUPP, -1):
        assert run(assembler, "run", HARDWARE, "1800000000123456789", str(-error)) == [
            f"{PASS} 8 0"
        ]
    assert run(assembler, "run", NONE, "0", "0") == [f"{PASS} 0 0"]
    (line,) = run(assembler, "run", KERNEL, "0", "0")
    assert line.startswith(f"{PASS} 8 ") and int(line.split()[2]) > 1_700_000_000 * 10**9


# ---- BTF ----

# Each kind with one or two members: what follows its record, in bytes.
KINDS = {1: 4, 2: 0, 3: 12, 4: 24, 5: 12, 6: 16, 7: 0, 8: 0, 9: 0, 10: 0, 11: 0, 12: 0, 13: 8,
         14: 4, 15: 12, 16: 0, 17: 4, 18: 0, 19: 24}  # fmt: skip
MEMBERS = {4: 2, 5: 1, 6: 2, 13: 1, 15: 1, 19: 2}


def made_up(name: str = HOOK, header: bytes | None = None, last_kind: int = 12) -> bytes:
    """A record of every kind, the same name on some that are no function, then the function."""
    strings = b"\0other\0" + name.encode() + b"\0"
    at = strings.index(name.encode())
    records = b"".join(
        struct.pack("=III", 1 if kind == 12 else at, kind << 24 | MEMBERS.get(kind, 0), 0)
        + bytes(tail)
        for kind, tail in KINDS.items()
    )
    records += struct.pack("=III", at, last_kind << 24, 0)
    head = struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(records), len(records), len(strings))
    return (header or head) + records + strings


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("btf")
    return build(folder / "driver", HERE / "afxdp_btf_driver.c", CSRC / "pio_afxdp_btf.c")


def looked_up(reader: Path, path: Path, content: bytes, name: str = HOOK) -> list[str]:
    path.write_bytes(content)
    return run(reader, name, str(path))


def test_a_function_is_found_among_records_of_every_kind(reader: Path, tmp_path: Path) -> None:
    file = tmp_path / "btf"
    assert looked_up(reader, file, made_up()) == [f"0 {len(KINDS) + 1}"]
    assert looked_up(reader, file, made_up(), "other") == ["0 12"]
    for absent in (HOOK[:-1], HOOK + "x", "xdp_metadata_rx_timestamp"):
        assert looked_up(reader, file, made_up(), absent) == [f"{errno.ENOENT} 0"]
    assert looked_up(reader, file, made_up(last_kind=8)) == [f"{errno.ENOENT} 0"]


def test_what_is_no_btf_or_cannot_be_true_is_refused(reader: Path, tmp_path: Path) -> None:
    whole, most = made_up(), 2**32 - 1
    fields = list(struct.unpack_from("=HBBIIIII", whole))
    wrong = [b"", whole[:23], whole[:-1], bytes(4096), made_up(last_kind=0), made_up(last_kind=20)]
    for place, value in ((0, 0x9FEB), (1, 2), (3, 23), (3, most), (4, most), (5, most), (6, most),
                         (7, most), (5, fields[5] - 1), (7, fields[7] + 1)):  # fmt: skip
        changed = [*fields[:place], value, *fields[place + 1 :]]
        wrong.append(made_up(header=struct.pack("=HBBIIIII", *changed)))
    for content in wrong:
        assert looked_up(reader, tmp_path / "btf", content) == [f"{errno.EBADMSG} 0"], content[:24]


def test_no_cut_or_changed_btf_is_read_past_its_end(reader: Path, tmp_path: Path) -> None:
    seed, rounds, content = random.randrange(1, 2**32), 50_000, made_up()
    print(f"seed {seed}")
    (tmp_path / "btf").write_bytes(content)
    (line,) = run(reader, HOOK, str(tmp_path / "btf"), str(seed), str(rounds))
    found, absent, damaged = map(int, line.split())
    assert found + absent + damaged == len(content) + rounds
    assert found > rounds // 20 and absent > rounds // 100 and damaged > rounds // 20
