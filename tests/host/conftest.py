"""Fixtures of the script tests: a host as a tree of files, for each shell or for the first."""

from __future__ import annotations

from pathlib import Path

import pytest
from script_rig import SHELLS, Rig, make_rig


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    return make_rig(tmp_path, request.param)


@pytest.fixture
def one_rig(tmp_path: Path) -> Rig:
    return make_rig(tmp_path)
