"""The software: this Python, what is built for it, and what the configuration needs of it."""

from __future__ import annotations

from appliance.host.case import Case
from appliance.host.check import Finding, absent, bad, check, ok, warn

PYTHON_MIN = (3, 11)
DPDK_MIN = (21, 11)
# pyproject.toml's extras: what each is for.
OPTIONAL = {"numba": "strategies in Python", "pyarrow": "Parquet tables",
            "matplotlib": "the report's plots"}
# e_machine of linux/elf-em.h, by what uname says.
ELF_MACHINES = {62: "x86_64", 183: "aarch64"}


def _version(text: str) -> tuple[int, ...]:
    digits = "".join(letter if letter.isdigit() else " " for letter in text)
    return tuple(int(part) for part in digits.split()[:2])


@check("software.python", "major", "CPython 3.11 or newer",
       "Older ones lack what the appliance uses.", "apt-get install python3 (Debian 12 or newer)")
def python(case: Case) -> Finding:
    found = case.machine.build().python
    return bad(found) if _version(found) < PYTHON_MIN else ok(found)


@check("software.python_debug", "minor", "an ordinary build, without -X dev",
       "A debug build checks every object: control and exporter become several times slower.",
       "run the distribution's python3, and unset PYTHONDEVMODE")
def python_debug(case: Case) -> Finding:
    return bad("a debug build, or -X dev") if case.machine.build().debug else ok("an ordinary one")


@check("software.extensions", "critical", "all built",
       "The loop and all it calls are compiled; without one of them no engine starts.",
       "pip install --force-reinstall tickpath, or python setup.py build_ext --inplace")
def extensions(case: Case) -> Finding:
    missing = case.machine.build().missing
    return bad(f"missing: {', '.join(missing)}") if missing else ok("all built")


@check("software.architecture", "critical", "the extensions are for this processor",
       "A package for another processor cannot be loaded.",
       "pip install --force-reinstall tickpath on this host")
def architecture(case: Case) -> Finding:
    build = case.machine.build()
    found = {ELF_MACHINES.get(number, str(number)) for number in build.elf_machines}
    if not found:
        return absent("no extension was found to look at")
    said = ", ".join(sorted(found))
    return ok(said) if found == {build.machine} else bad(f"{said} on {build.machine}")


@check("software.backends", "critical", "every backend that a queue names works here",
       "A queue whose backend is not built, or not usable here, keeps the engine from starting.",
       "appliance backends says for each what it lacks")
def backends(case: Case) -> Finding:
    known = {row.name: row for row in case.machine.backends()}
    wanted = [name for name in known if case.uses(name)]
    for name in wanted:
        if not known[name].usable:
            return bad(f"{name}: {known[name].why}", known[name].remedy)
    return ok(", ".join(wanted) or "none named")


@check("software.dpdk", "major", "DPDK 21.11 or newer, where a queue is of it",
       "DPDK is how a card is driven past the kernel; older ones lack interfaces that are used.",
       "apt-get install libdpdk-dev pkg-config, then install tickpath again")
def dpdk(case: Case) -> Finding:
    known = {row.name: row for row in case.machine.backends()}
    if not known["dpdk"].built:
        return bad("not built in") if case.uses("dpdk") else absent("this build has no DPDK")
    found = case.machine.dpdk_version()
    return bad(found) if _version(found) < DPDK_MIN else ok(found)


@check("software.dpdk_memory", "major", "huge pages, where a queue is of a card",
       "In ordinary memory DPDK drives virtual devices only.",
       "appliance tune apply --only huge_pages")
def dpdk_memory(case: Case) -> Finding:
    if not case.uses("dpdk"):
        return absent("no queue is of dpdk")
    found = case.machine.dpdk_memory()
    if "ordinary" not in found:
        return ok(found)
    return bad(found) if case.wish.devices else warn(found)


@check("software.optional_packages", "info", "numba, pyarrow and matplotlib",
       "Strategies in Python, Parquet tables and the report's plots need them; the loop does not.",
       "pip install 'tickpath[strategies,report]'")
def optional_packages(case: Case) -> Finding:
    missing = [f"{name} ({use})" for name, use in OPTIONAL.items()
               if not case.machine.package(name)]
    return bad(f"missing: {', '.join(missing)}") if missing else ok("all installed")


@check("software.strategy", "major", "numba, where the strategy is a file in Python",
       "A strategy in Python is compiled before the loop starts; without numba it cannot be.",
       "pip install 'tickpath[strategies]'")
def strategy(case: Case) -> Finding:
    if not case.config.strategy.file:
        return absent("no strategy of one's own is configured")
    found = case.machine.package("numba")
    return ok(f"numba {found}") if found else bad("no numba")
