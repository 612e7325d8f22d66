"""Wrong input at the command line: one sentence with the remedy, an exit code, no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def appliance(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "appliance.cli", *words],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)


def complaint(*words: str, status: int = 2) -> str:
    done = appliance(*words)
    assert done.returncode == status, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().count("\n") == 0, done.stderr
    return done.stderr


CONFIGS = {
    "[feed]\ngap_wait_ms = 5": [":2:", "gap_wait_us"],
    "[risk]\nshares_maxx = 5": [":2:", "did you mean 'shares_max'"],
    "[feed]\ngap_wait_us = '5ms'": [":2:", "microseconds"],
    "[engine\n": ["not valid TOML"],
    "[orders]\naddress = 'here'": ["not an IPv4 address"],
    "[feed]\nline_a = 'teleport:x'": ["teleport", "memory"],
    "[feed]\nline_a = 'afpacket:nope'": ["no network interface 'nope'", "lo"],
    "[feed]\nline_a = 'afpacket:lo,'": ["unknown queue option ''", "rx_slots"],
    '[feed]\nline_a = "afpacket:lo\\u0000x"': ["has what cannot be printed"],
    "[feed]\nline_a = 'afpacket:lo,rx_slots=64,rx_slots=64'": ["rx_slots= is there twice"],
    "[feed]\nline_a = 'auto:nope'": ["no network interface 'nope'", "PCI address"],
    "[engine]\nrequire = 'zero-copy'\n[feed]\nline_a = 'auto:lo'": ["did you mean 'zerocopy'"],
    "[engine]\ncore = 4000": ["core 4000"],
    "[orders]\nvenue_mac = ''": ['venue_mac is ""', "has no host", "or give the Ethernet address"],
}


@pytest.mark.parametrize("text", CONFIGS)
def test_bad_configurations(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    said = complaint("run", "-c", str(path))
    for words in CONFIGS[text]:
        assert words in said


def test_missing_files(tmp_path: Path) -> None:
    assert "nowhere.toml" in complaint("run", "-c", str(tmp_path / "nowhere.toml"))
    assert "nothing.itch" in complaint("replay", str(tmp_path / "nothing.itch"))
    assert "nothing.pcap" in complaint("replay", str(tmp_path / "nothing.pcap"))


def test_a_folder_and_an_unknown_kind(tmp_path: Path) -> None:
    folder = tmp_path / "folder.itch"
    folder.mkdir()
    complaint("replay", str(folder))
    other = tmp_path / "day.xlsx"
    other.write_bytes(b"x")
    assert ".pcapng" in complaint("replay", str(other))


def test_no_such_engine() -> None:
    for verb in ("status", "kill", "arm"):
        assert "no engine named 'nobody'" in complaint(verb, "--name", "nobody")


@pytest.mark.parametrize("cut", [1, 5, 20, 39])
def test_a_truncated_day_file_is_read_as_far_as_it_goes(tmp_path: Path, cut: int) -> None:
    message = b"\x00\x0cS\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01O"
    path = tmp_path / "cut.itch"
    path.write_bytes((message * 3)[:cut])
    done = appliance("replay", str(path), "--json")
    assert done.returncode == 2
    whole = cut // len(message)
    assert f"damaged at byte {whole * len(message)}" in done.stderr
    assert f'"messages": {whole}' in done.stdout


def test_a_day_file_with_a_lying_length(tmp_path: Path) -> None:
    path = tmp_path / "lies.itch"
    path.write_bytes(b"\x00\x0cS" + bytes(10) + b"O" + b"\x00\x0bS" + bytes(10))
    assert "damaged at byte 14" in complaint("replay", str(path), "--json")


def test_an_unknown_symbol_and_a_bad_time(tmp_path: Path) -> None:
    path = tmp_path / "day.itch"
    path.write_bytes(b"\x00\x0cS" + bytes(10) + b"O")
    assert "no symbol 'ACME'" in complaint("book", str(path), "ACME")
    assert "HH:MM:SS" in complaint("book", str(path), "ACME", "--at", "9.30")


def test_help_is_there_for_every_verb() -> None:
    for verb in ("run", "check", "status", "kill", "arm", "backends", "replay", "book"):
        done = appliance(verb, "--help")
        assert done.returncode == 0 and "Usage" in done.stdout


def test_bytes_behind_the_end_marker_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "zeros.itch"
    path.write_bytes(bytes(1000))
    assert "damaged at byte 0" in complaint("replay", str(path), "--json")
    path.write_bytes(b"\x00\x0cS" + bytes(10) + b"O" + b"\x00\x00")
    assert appliance("replay", str(path), "--json").returncode == 0


def test_a_full_standard_output_is_told(tmp_path: Path) -> None:
    path = tmp_path / "day.itch"
    path.write_bytes(b"\x00\x0cS" + bytes(10) + b"O")
    with open("/dev/full", "wb") as full:
        words = [sys.executable, "-m", "appliance.cli", "replay", str(path), "--json"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert "No space left" in done.stderr and "Traceback" not in done.stderr
