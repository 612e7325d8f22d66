"""One feed through every backend and mode that can run here: bit-equal results, equal counters.

The first 20,000 frames' worth of it; TICKPATH_CONFORMANCE_COUNT=100000 in the environment makes it
the whole, as conformance_table.py has it, which writes the table in docs/backends.md.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from conformance import ROWS, Row, run
from conformance_calls import counted
from conformance_calls import missing as no_strace
from conformance_table import BEGIN, END, PAGE
from contract_cases import memory_pair

COUNT = int(os.environ.get("TICKPATH_CONFORMANCE_COUNT", "20000"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.case.name)
def test_nothing_tells_it_from_memory(row: Row, tmp_path: Path) -> None:
    if reason := row.case.skip():
        pytest.skip(reason)
    done = run(row, tmp_path, COUNT)
    assert done.result == done.expected
    assert done.losses == done.expected_losses


@pytest.mark.parametrize("fault", ["loss", "duplicate", "reorder", "corrupt", "truncate"])
def test_a_few_faults_in_a_thousand_are_told(fault: str, tmp_path: Path) -> None:
    """The suite sees what it is there to see."""
    faulty = replace(ROWS[0].case, open=memory_pair(wrap=f"fault({fault}=0.005):"))
    row = replace(ROWS[0], case=faulty)
    assert run(row, tmp_path, 2000).result != run(ROWS[0], tmp_path, 2000).result


def test_the_page_has_every_row() -> None:
    """A new backend is not done before its results are on the page."""
    text = PAGE.read_text()
    table = text[text.index(BEGIN) : text.index(END)]
    missing = [row.case.name for row in ROWS if f"| `{row.case.name}` |" not in table]
    assert not missing, "run python tests/contract/conformance_table.py --write"


@pytest.mark.parametrize(("name", "out"), [
    ("memory", {}), ("afpacket-v2", {"sendto": 100}), ("afxdp-copy", {"sendto": 100}),
])  # fmt: skip
def test_a_burst_in_takes_no_system_call_and_one_out_as_many_as_promised(
    name: str, out: dict[str, int]
) -> None:
    case = next(row.case for row in ROWS if row.case.name == name)
    if reason := no_strace() or case.skip():
        pytest.skip(reason)
    assert counted(name) == [out, {}, {}]
