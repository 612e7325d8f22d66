"""The product as a user gets it: its wheel, and the wheels of what it depends on.

The wheel is built from this tree by the interpreter that runs this, and reuses the build folder:
what is compiled already is not compiled again.
"""

from __future__ import annotations

import compileall
import hashlib
import io
import json
import py_compile
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

BUILD_TIMEOUT_S = 900
ROOT = Path(__file__).resolve().parents[2]


class WheelError(Exception):
    """One sentence: what failed and where its output is."""


def _run(command: list[str], log: Path, what: str) -> None:
    with log.open("wb") as out:
        try:
            done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=out, timeout=BUILD_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            raise WheelError(f"{what} took longer than {BUILD_TIMEOUT_S} s; see {log}") from None
    if done.returncode:
        raise WheelError(f"{what} failed with status {done.returncode}; see {log}")


PACKAGES = ("dpdk_bindings", "itch_ouch", "appliance", "feed_sim")


def _reuse_extensions() -> None:
    """What was compiled in place is what the wheel's build would compile again."""
    for library in (ROOT / "build").glob("lib.*"):
        for package in PACKAGES:
            for here in (ROOT / package).rglob("*.so"):
                there = library / here.relative_to(ROOT)
                if not there.exists() or there.stat().st_mtime < here.stat().st_mtime:
                    there.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(here, there)


def byte_code(wheel: Path, site_packages: str) -> bytes:
    """The wheel's byte code, as a tar to unpack in ``site_packages`` of the machine.

    Made here by a real processor in a second, where pip would take an emulated one a minute. It is
    bound to its source by name and not by time, and to this minor version of Python.
    """
    with tempfile.TemporaryDirectory() as temporary:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(temporary)
        compileall.compile_dir(
            temporary, quiet=2, workers=1, stripdir=temporary, prependdir=site_packages,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as out:
            for path in Path(temporary).rglob("__pycache__"):
                out.add(path, str(path.relative_to(temporary)))
        return buffer.getvalue()


def product_wheel(cache: Path) -> Path:
    """Builds the wheel of this tree."""
    out = cache / "dist"
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.whl"):
        old.unlink()
    # Sources that were copied there once and are gone from the tree must not be packed.
    for kind in ("py", "pyi", "pxd", "h", "c"):
        for stale in (ROOT / "build").glob(f"lib.*/**/*.{kind}"):
            stale.unlink()
    _reuse_extensions()
    _run([sys.executable, "setup.py", "-q", "bdist_wheel", "-d", str(out)],
         cache / "wheel.log", "building the wheel")
    wheels = list(out.glob("tickpath-*.whl"))
    if len(wheels) != 1:
        raise WheelError(f"one wheel was to be built, {len(wheels)} are in {out}")
    return wheels[0]


def dependency_wheels(cache: Path) -> list[Path]:
    """Those of pyproject.toml's dependencies, downloaded once for each set of them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = sorted(project["dependencies"])
    mark = hashlib.sha256(json.dumps([wanted, sys.version_info[:2]]).encode()).hexdigest()[:16]
    folder = cache / f"wheels-{mark}"
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _run([sys.executable, "-m", "pip", "download", "-q", "--only-binary", ":all:",
              "-d", str(folder), *wanted], cache / "wheels.log",
             "downloading the dependencies' wheels")
        (folder / "complete").touch()
    return sorted(folder.glob("*.whl"))
