"""What a machine can check about the tree: layering, lengths, words, generated files, linters."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("dpdk_bindings", "itch_ouch", "appliance", "feed_sim")
# R6: which of our packages a package may import, besides itself.
MAY_IMPORT = {
    "dpdk_bindings": set[str](),
    "itch_ouch": set[str](),
    "appliance": {"dpdk_bindings", "itch_ouch"},
    "feed_sim": {"dpdk_bindings", "itch_ouch"},
}
FILE_LINES_MAX = 450
FUNCTION_LINES_MAX = 75
LINE_COLUMNS_MAX = 100
CODE = (".py", ".pyi", ".pyx", ".pxd", ".pxi", ".c", ".h", ".sh")
# Written by the generate modules; dpdk_bindings' writes a table into a page.
GENERATED = {
    "itch_ouch/csrc/wire.h", "itch_ouch/wire.pxd", "appliance/csrc/state.h",
    "appliance/core/state.pxd", "docs/wire.md", "docs/metrics.md", "itch_ouch/csrc/rows.h",
    "bench/csrc/sums.h", "scripts/host_common.sh",
}  # fmt: skip
# The loop and all it calls: no call that needs the GIL, no hidden exception check.
HOT = (
    "appliance/core/*.pyx", "appliance/core/strategies/*.pyx", "appliance/tile.pyx",
    "appliance/replay.pyx", "appliance/host/*.pyx",
)  # fmt: skip
NOT_HOT = {"inspect.pyx"}


@cache
def tracked() -> tuple[str, ...]:
    """The files under version control; without git, all that the ignore list would leave."""
    try:
        out = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return tuple(sorted(name for name in out.split("\n") if name and (ROOT / name).is_file()))


def code() -> list[str]:
    return [name for name in tracked() if name.endswith(CODE) and name not in GENERATED]


def text(name: str) -> str:
    return (ROOT / name).read_text()


def report(found: list[str]) -> None:
    assert not found, "\n" + "\n".join(found)


# ---- layering ------------------------------------------------------------------------------------


def imports(name: str) -> set[str]:
    """The packages that a file imports or cimports, whatever it is written in."""
    pattern = r"^\s*(?:from\s+([\w.]+)\s+c?import|c?import\s+([\w., ]+))"
    found = set()
    for match in re.finditer(pattern, text(name), re.M):
        for module in (match[1] or match[2]).split(","):
            found.add(module.strip().split(".")[0].split(" ")[0])
    found |= {path.split("/")[0] for path in re.findall(r'#include "([\w/]+)', text(name))}
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_what_lies_below(package: str) -> None:
    forbidden = set(PACKAGES) - MAY_IMPORT[package] - {package}
    names = [name for name in code() if name.startswith(package + "/")]
    assert names
    report([f"{n} imports {bad}" for n in names for bad in sorted(imports(n) & forbidden)])


def test_headers_are_included_only_from_below() -> None:
    """C has one include path for all packages, so the compiler does not keep R6."""
    owner = {Path(n).name: n.split("/")[0] for n in tracked() if n.endswith(".h")}
    found = []
    for name in code():
        package = name.split("/")[0]
        if package not in PACKAGES:
            continue
        used = re.findall(r'(?:#include|cdef extern from) "([\w.]+)"', text(name))
        for header in used:
            home = owner.get(header, package)
            if home != package and home not in MAY_IMPORT[package]:
                found.append(f"{name} includes {header} of {home}")
    report(found)


# ---- lengths -------------------------------------------------------------------------------------


def test_files_fit_the_mind() -> None:
    found = []
    for name in code():
        lines = text(name).count("\n")
        if lines > FILE_LINES_MAX:
            found.append(f"{name} has {lines} lines, {FILE_LINES_MAX} at most")
    report(found)


def test_lines_fit_the_screen() -> None:
    found = []
    for name in (*code(), *(n for n in tracked() if n.startswith("docs/") and n.endswith(".toml"))):
        for number, line in enumerate(text(name).split("\n"), 1):
            if len(line) > LINE_COLUMNS_MAX:
                found.append(f"{name}:{number} has {len(line)} columns")
            if line != line.rstrip() or "\t" in line:
                found.append(f"{name}:{number} has a tab or trailing space")
    report(found)


def python_functions(name: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(text(name))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or 0) - node.lineno + 1


def cython_functions(name: str) -> Iterator[tuple[str, int]]:
    """A def or cdef with a body, up to the next line that is not deeper than it."""
    lines = text(name).split("\n")
    for start, line in enumerate(lines):
        match = re.match(r"(\s*)(?:async def|def|cdef|cpdef)\b.*?(\w+)\(", line)
        if not match or re.match(r"\s*cdef (extern|struct|enum|class)", line):
            continue
        end = start
        for at in range(start + 1, len(lines)):
            deeper = len(lines[at]) - len(lines[at].lstrip()) > len(match[1])
            if lines[at].strip() and not deeper and not lines[at].lstrip().startswith(")"):
                break
            end = at if lines[at].strip() else end
        yield match[2], end - start + 1


def c_functions(name: str) -> Iterator[tuple[str, int]]:
    """From a line that ends in an opening brace at no depth to the brace that closes it."""
    started, title = 0, ""
    for number, line in enumerate(text(name).split("\n"), 1):
        if line.endswith("{") and "(" in line and not line.startswith((" ", "}", "#")):
            started, title = number, line
        elif line.startswith("}") and started:
            yield title, number - started + 1
            started = 0


def test_functions_fit_the_screen() -> None:
    found = []
    for name in code():
        kind = Path(name).suffix
        if kind in (".py", ".pyi"):
            functions = python_functions(name)
        elif kind in (".pyx", ".pxd", ".pxi"):
            functions = cython_functions(name)
        elif kind in (".c", ".h"):
            functions = c_functions(name)
        else:
            continue
        found += [f"{name}: {f} has {n} lines" for f, n in functions if n > FUNCTION_LINES_MAX]
    report(found)


# ---- words ---------------------------------------------------------------------------------------

# In two parts each, so that this file does not find itself.
WORDS = {
    "an absolute path of a machine": r"(?<![\w.])/(?:home|work|root|Users)" + r"/\w+",
    "a registry's host": r"(?:files\.pythonhosted|pypi\.(?:org|python)|crates\.io"
    r"|registry\.npm|proxy\.gol" + r"ang)",
    "unfinished business": r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b",
}


def test_words() -> None:
    found = []
    for name in tracked():
        if Path(name).suffix in (".gz", ".pcap", ".pcapng", ".png"):
            continue
        for number, line in enumerate(text(name).split("\n"), 1):
            found += [f"{name}:{number} has {what}" for what, p in WORDS.items()
                      if re.search(p, line)]  # fmt: skip
    report(found)


def cimported(name: str) -> Iterator[str]:
    for block in re.finditer(r"^from [\w.]+ c?import (\([^)]*\)|[^\n(]*)$", text(name), re.M):
        yield from re.findall(r"(\w+)(?:,|\s*\)|\s*$)", block[1])


def test_cython_uses_what_it_cimports() -> None:
    """A .pxd's names are its .pyx's too, and an included file's are its includer's."""
    found = []
    for name in code():
        if not name.endswith((".pyx", ".pxd")):
            continue
        beside = [str(Path(name).with_suffix(".pyx"))] if name.endswith(".pxd") else []
        beside = [other for other in beside if (ROOT / other).exists()]
        for other in (name, *beside):
            included = re.findall(r'^include "(.+)"', text(other), re.M)
            beside += [str(Path(name).parent / file) for file in included]
        body = "".join(text(other) for other in (name, *beside))
        found += [f"{name} cimports {imported} and does not use it" for imported in cimported(name)
                  if len(re.findall(rf"\b{imported}\b", body)) < 2]  # fmt: skip
    report(found)


# ---- generated files and linters -----------------------------------------------------------------


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]


@pytest.mark.parametrize(
    "module",
    ["itch_ouch.generate", "appliance.generate", "dpdk_bindings.generate", "bench.generate"],
)
def test_generated_files_are_up_to_date(module: str) -> None:
    run(sys.executable, "-m", module, "--check")


def test_ruff() -> None:
    run(sys.executable, "-m", "ruff", "check", ".")


def test_mypy() -> None:
    run(sys.executable, "-m", "mypy")


def test_shellcheck() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    shebang = re.compile(rb"#!\s*/bin/(?:ba|da)?sh|#!/usr/bin/env (?:ba)?sh")
    scripts = [n for n in tracked() if n.endswith(".sh")]
    scripts += [n for n in tracked() if n not in scripts and os.access(ROOT / n, os.X_OK)
                and shebang.match((ROOT / n).read_bytes())]  # fmt: skip
    assert scripts
    run("shellcheck", "-x", *scripts)


def hot_modules() -> list[str]:
    names = {str(path.relative_to(ROOT)) for pattern in HOT for path in ROOT.glob(pattern)}
    return sorted(name for name in names if Path(name).name not in NOT_HOT)


@pytest.mark.parametrize("name", hot_modules())
def test_hot_modules_have_no_performance_hints(name: str, tmp_path: Path) -> None:
    """Cython's own analysis: no exception check, no GIL where the loop calls."""
    directives = "boundscheck=False,wraparound=False,cdivision=True,show_performance_hints=True"
    command = [sys.executable, "-m", "cython", "-3", "-I", ".", "-X", directives,
               "-o", str(tmp_path / "out.c"), name]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    hints = [line for line in done.stderr.split("\n") if line.startswith("performance hint:")]
    report(hints)


# ---- documents -----------------------------------------------------------------------------------


def test_every_document_is_linked() -> None:
    readme = ROOT / "README.md"
    documents = [n for n in tracked() if n.startswith("docs/") and n.count("/") == 1]
    linking = "".join(text(n) for n in documents if n.endswith(".md")) + readme.read_text()
    report([f"nothing links {name}" for name in documents if Path(name).name not in linking])
