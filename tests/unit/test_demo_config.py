"""The demo's configurations, whatever its files are called."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import demo
from demo_links import memory_links

from appliance.config import from_text


@pytest.mark.parametrize("name", ['my "own"', "back\\slash", "é🦊", "new\nline"])
def test_a_path_is_escaped(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    options = demo.arguments(["--strategy", str(folder / "my.py"), "--out", str(folder)])
    exchange, appliance = demo.write_configs(options, memory_links("test", False))
    config = from_text(appliance.read_text(), "appliance.toml")
    assert config.strategy.file == str(folder / "my.py")
    assert config.journal.path == str(folder / "recording.tpj")
    checkpoints = tomllib.loads(exchange.read_text())["exchange"]["checkpoints"]
    assert checkpoints == str(folder / "venue-checkpoints.jsonl")
