"""Of every verb: it has --json, and it reads no standard input."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from appliance.cli import main
from appliance.host.manual import verbs

# Every verb, those within groups too, with the words that call it.
VERBS = {words: verb for words, verb in verbs(main) if not isinstance(verb, click.Group)}
# Words with which a verb comes to its end by itself, whatever it ends with.
WORDS = {
    ("run",): ("-c", "CONFIG", "--seconds", "1"),
    ("check",): ("-c", "CONFIG"),
    ("replay",): ("DAY",),
    ("book",): ("DAY", "ACME"),
    ("bbo",): ("DAY", "OUT.npy"),
    ("exporter",): ("--address", "192.0.2.1", "--port", "1"),
    ("install",): ("--root", "FOLDER", "--dry-run"),
    ("uninstall",): ("--root", "FOLDER", "--dry-run"),
    ("noise",): ("--seconds", "1"),
    ("process", "engine"): ("-c", "CONFIG", "--settings", "NOWHERE/x"),
    ("process", "journal"): ("-c", "CONFIG"),
    ("process", "control"): ("--settings", "NOWHERE/x"),
    ("tune", "explain"): ("swappiness",),
}
# These would change this machine; their arguments are looked at and refused before.
REFUSED = ("--no-such-option",)
CHANGING = {("tune", "apply"), ("tune", "undo")}


def test_every_verb_has_json() -> None:
    without = [" ".join(words) for words, verb in VERBS.items()
               if not any("--json" in option.opts for option in verb.params)]
    assert not without
    assert len(VERBS) > 15


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_no_verb_reads_standard_input(words: tuple[str, ...], tmp_path: Path) -> None:
    """Bytes are waiting in a pipe; afterwards they are all still there."""
    config = tmp_path / "appliance.toml"
    name = f"test-verbs-{os.getpid()}"
    config.write_text(f'[engine]\nname = "{name}"\n[feed]\nline_a = "memory:{name}-a"\n[orders]\n'
                      f'queue = "memory:{name}-o"\n[tables]\norders = 4096\nlevels = 4096\n')
    day = tmp_path / "day.itch"
    day.write_bytes(b"\x00\x0cS" + bytes(10) + b"O")
    stand_ins = {"CONFIG": str(config), "DAY": str(day), "FOLDER": str(tmp_path)}
    more = REFUSED if words in CHANGING else WORDS.get(words, ())
    arguments = [stand_ins.get(word, word) for word in more]
    reader, writer = os.pipe()
    text = b"yes\n" * 100
    os.write(writer, text)
    os.close(writer)
    with os.fdopen(reader, "rb") as waiting:
        done = subprocess.run([sys.executable, "-m", "appliance.cli", *words, *arguments, "--json"],
                              stdin=waiting, capture_output=True, timeout=60, cwd=tmp_path,
                              env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])})
        assert b"Traceback" not in done.stderr, done.stderr
        assert waiting.read() == text


WRONG_WORDS = (
    ("--no-such-option",), ("no-such-verb",), ("tune", "no-such-verb"), ("tune", "plan", "--core"),
    ("tune", "plan", "more"), ("tune", "plan", "--no-such-option"), ("run",), ("run", "-c"),
    ("replay",), ("tune", "plan", "--root", "/no/such/folder"), ("tune", "apply", "--wait", "abc"),
    ("tune", "apply", "--wait", "-1"), ("noise", "--seconds", "abc"), ("doctor", "more"),
)


@pytest.mark.parametrize("words", WRONG_WORDS, ids=" ".join)
def test_wrong_words_are_told_in_one_sentence(words: tuple[str, ...],
                                              capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(list(words), prog_name="appliance")
    printed = capsys.readouterr()
    assert end.value.code == 2 and not printed.out
    assert re.fullmatch(r"appliance: [^\n]+; see `appliance( [a-z]+)* --help`\n", printed.err)


def test_help_ends_well_and_who_calls_main_gets_the_error() -> None:
    with pytest.raises(SystemExit) as end:
        main(["tune", "plan", "--help"], prog_name="appliance")
    assert end.value.code == 0
    with pytest.raises(click.UsageError):
        main(["no-such-verb"], standalone_mode=False)
