"""The shared segment's layout is one thing in C, Python and the registry; the config says where."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.config import ConfigError, from_text, load_config
from appliance.journal.record import RECORD_DTYPE
from appliance.journal.record import Kind as RecordKind
from appliance.state import CHECKPOINT_DTYPE, HEADER_DTYPE, TOP_DTYPE, Kill, Layout, State, clipped
from appliance.telemetry.registry import METRICS, MOLD_DROPS, NET_DROPS, RISK_REASONS, TIMERS
from itch_ouch import mold, net

ROOT = Path(__file__).resolve().parents[2]
STRUCTS = {
    "state_header": HEADER_DTYPE,
    "state_top": TOP_DTYPE,
    "state_checkpoint": CHECKPOINT_DTYPE,
    "journal_record": RECORD_DTYPE,
}


def c_values(tmp_path: Path, expressions: list[str]) -> dict[str, int]:
    """What the C compiler makes of these expressions, over our headers."""
    lines = [f'    printf("%llu\\n", (unsigned long long)({e}));' for e in expressions]
    source = tmp_path / "layout.c"
    source.write_text(
        "#include <stddef.h>\n#include <stdio.h>\n#include \"state.h\"\n#include \"journal.h\"\n"
        "int main(void) {\n" + "\n".join(lines) + "\n    return 0;\n}\n"
    )
    program = tmp_path / "layout"
    include = f"-I{ROOT / 'appliance' / 'csrc'}"
    subprocess.run(["gcc", "-Wall", "-Werror", include, "-o", program, source], check=True)
    out = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return dict(zip(expressions, map(int, out.split()), strict=True))


def test_structs_lie_alike_in_c_and_numpy(tmp_path: Path) -> None:
    wanted = {}
    for name, dtype in STRUCTS.items():
        wanted[f"sizeof(struct {name})"] = dtype.itemsize
        assert dtype.fields
        for field, (_, offset) in ((f, v[:2]) for f, v in dtype.fields.items()):
            wanted[f"offsetof(struct {name}, {field})"] = offset
    assert c_values(tmp_path, list(wanted)) == wanted


def test_enums_count_alike_in_c_and_python(tmp_path: Path) -> None:
    wanted = {f"C_{metric.name.upper()}": i for i, metric in enumerate(METRICS)}
    wanted |= {f"H_{timer.name.upper()}": i for i, timer in enumerate(TIMERS)}
    wanted |= {f"KILL_{kill.name}": kill.value for kill in Kill}
    wanted |= {f"JOURNAL_{kind.name}": kind.value for kind in RecordKind}
    wanted |= {"C_COUNT": len(METRICS), "H_COUNT": len(TIMERS)}
    assert c_values(tmp_path, list(wanted)) == wanted


def test_generated_files_are_up_to_date() -> None:
    for module in ("appliance.generate", "itch_ouch.generate"):
        done = subprocess.run(
            [sys.executable, "-m", module, "--check"], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_drop_counters_stand_in_the_order_of_their_codes() -> None:
    """The loop adds a code to the first counter; the parsers' own lists give the order."""
    assert tuple(NET_DROPS.split()) == net.RESULTS[1:]
    assert tuple(MOLD_DROPS.split()) == mold.RESULTS[1:]
    text = (ROOT / "appliance/core/risk.pxd").read_text()
    codes = re.findall(r"    RISK_(\w+) = (\d+)", text)
    reasons = [name.lower() for name, code in codes if int(code) < 200 and "COUNT" not in name]
    assert reasons == RISK_REASONS.split()
    assert [int(code) for _, code in codes][: len(reasons)] == list(range(len(reasons)))
    names = [metric.name for metric in METRICS]
    for prefix, list_ in (("net_drop", NET_DROPS), ("mold_drop", MOLD_DROPS),
                          ("risk", RISK_REASONS)):  # fmt: skip
        first = names.index(f"{prefix}_{list_.split()[0]}")
        assert names[first:][: len(list_.split())] == [f"{prefix}_{n}" for n in list_.split()]


def test_metric_names_are_unique() -> None:
    names = [metric.name for metric in METRICS]
    series = [(metric.family, *sorted(metric.labels.items())) for metric in METRICS]
    assert len(set(names)) == len(names) and len(set(series)) == len(series)
    families = {metric.family for metric in METRICS}
    for family in families:
        kinds = {metric.kind for metric in METRICS if metric.family == family}
        helps = [metric.help for metric in METRICS if metric.family == family and metric.help]
        assert len(kinds) == 1 and helps, family
        assert family.endswith("_total") == (kinds == {"counter"}), family


# ---- the configuration ---------------------------------------------------------------------------

BAD = [
    # text, line, what the sentence has to name
    ("[engine]\nnmae = 'x'\n", 2, ["nmae", "'name'"]),
    ("[feed]\ngap_wait_ms = 5\n", 2, ["gap_wait_ms", "gap_wait_us", "unit"]),
    ("[risk]\n\nshares_max = 'many'\n", 3, ["risk.shares_max", "int"]),
    ("[risk]\nshares_max = 0\n", 2, ["risk.shares_max"]),
    ("[feed]\ngap_wait_us = '5ms'\n", 2, ["feed.gap_wait_us", "microseconds"]),
    ("[strategy]\nname = 'quota'\n", 2, ["strategy.name", "quota"]),
    ("[strategys]\nname = 'quote'\n", 1, ["strategys", "'strategy'"]),
    ("[strategy]\nsymbols = ['TOOLONGNAME']\n", 2, ["strategy.symbols"]),
    ("[strategy]\nfile = 'my.py'\nname = 'quote'\n", None, ["strategy.name", "leave one out"]),
    ("[strategy]\nfile = 'my.py'\nshares = 200\n", None, ["strategy.shares", "under settings"]),
    ("[strategy]\nfile = 'my.py'\nrest_us = 2\n", None, ["strategy.rest_us", "under settings"]),
    ("[strategy]\nfile = 'my.py'\nspread_ticks = 2\n", None, ["strategy.spread_ticks"]),
    ("[strategy]\nfile = 'my.py'\nimbalance_thousandths = 9\n", None, ["_thousandths means"]),
    ("[strategy]\nname = 'quote'\nsettings = { shares = 2 }\n", None, ["strategy.settings is for"]),
    (f"[strategy]\nfile_sha256 = '{'0' * 64}'\n", None, ["strategy.file_sha256 is for"]),
    ("[strategy]\nfile = 'quote'\n", None, ["strategy.file", 'write name = "quote"']),
    ("[orders]\naddress = '10.0.0'\n", None, ["orders.address", "10.0.0", "IPv4"]),
    ("[orders]\nport = 99999\n", 2, ["orders.port"]),
    ("[engine\n", None, ["TOML", "line 1"]),
]


def test_text_in_the_state_ends_with_a_whole_character() -> None:
    assert clipped("quote") == b"quote"
    assert clipped("a" + "é" * 31) == ("a" + "é" * 31).encode()
    assert clipped("é" * 32) == ("é" * 31).encode()


@pytest.mark.parametrize(("text", "line", "named"), BAD)
def test_a_bad_key_is_one_sentence(text: str, line: int | None, named: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        from_text(text, "my.toml")
    sentence = str(error.value)
    assert sentence.startswith(f"my.toml:{line}: " if line else "my.toml:"), sentence
    assert "\n" not in sentence
    for name in named:
        assert name in sentence, sentence


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml: No such file.*check the path"):
        load_config(tmp_path / "nothing.toml")


def test_a_file_that_is_not_text_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(tmp_path / "binary.toml")


@pytest.mark.parametrize("field", ["version", "counters_count", "histograms_count",
                                   "histograms_offset", "journal_offset", "total_bytes"])
@pytest.mark.parametrize("change", [-8192, 1, 1 << 30])
def test_a_segment_of_another_build_is_not_read(field: str, change: int) -> None:
    """Its counters would have other names, and its histograms would lie in no memory of ours."""
    name = f"test-state-{os.getpid()}"
    state = State.create(name, Layout(16, 16, 4096))
    before = int(state.header[field])
    try:
        state.header[field] = max(0, before + change)
        with pytest.raises(ValueError, match="not the state of this version"):
            State.view(name)
    finally:
        state.header[field] = before
        State.view(name).close()
        state.close()
