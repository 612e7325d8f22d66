# shellcheck shell=sh
# Sourced by the scripts beside it: makes the machine able to build and run tickpath.
#
#   prepare EXTRAS PACKAGE...   EXTRAS are pyproject.toml extras ("report", "report,test"); each
#                               PACKAGE is "command:debian-package", wanted besides the compiler.
#
#   prepare_dpdk          before it: DPDK is wanted, too; fails when it cannot be had
#
# Everything is done once: a second call only compares checksums. Sets PYTHON to the venv's python.
# What the build finds of optional libraries is among them: it is done again when one has appeared.

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 2; }

# Python.h of the python3 that the venv is made from.
python_header() {
    python3 -c 'import os, sysconfig, sys
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' 2>/dev/null
}

missing_packages() {
    command -v gcc >/dev/null 2>&1 || printf ' gcc libc6-dev'
    [ -e /usr/include/stdio.h ] || printf ' libc6-dev'
    if ! command -v python3 >/dev/null 2>&1; then
        printf ' python3 python3-venv python3-dev'
    else
        python3 -c 'import ensurepip, venv' 2>/dev/null || printf ' python3-venv'
        python_header || printf ' python3-dev'
    fi
    for want in "$@"; do
        command -v "${want%%:*}" >/dev/null 2>&1 || printf ' %s' "${want##*:}"
    done
}

# Installs $wanted; 1 when that cannot be done here, with $why and $remedy.
apt_install() {
    if ! command -v apt-get >/dev/null 2>&1; then
        why="there is no apt-get here"
        remedy="install with your package manager (Debian's names):$wanted"
        return 1
    elif [ "$(id -u)" = 0 ]; then
        root=
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        root="sudo -n"
    else
        why="only root installs packages"
        remedy="as root run: apt-get install --no-install-recommends$wanted"
        return 1
    fi
    say "installing:$wanted"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # words on purpose
    { $root apt-get update -qq && $root apt-get install -y -qq --no-install-recommends $wanted; } \
        >"$LOGS/apt.log" 2>&1 && return 0
    tail -n 5 "$LOGS/apt.log" >&2
    why="apt-get failed"
    remedy="see $LOGS/apt.log"
    return 1
}

install_packages() {
    wanted=$(missing_packages "$@")
    [ -z "$wanted" ] || apt_install || die "missing:$wanted: $why; $remedy, and run this again"
}

dpdk_version() { pkg-config --modversion libdpdk 2>/dev/null || true; }

prepare_dpdk() {
    [ -z "$(dpdk_version)" ] || return 0
    make_logs
    wanted=" libdpdk-dev pkg-config"
    apt_install && [ -n "$(dpdk_version)" ] && return 0
    say "no DPDK: ${why:-it was installed and pkg-config does not find it}; ${remedy:-look for \
libdpdk.pc}"
    return 1
}

digest() { sha256sum | cut -d' ' -f1; }

sources() {
    find dpdk_bindings itch_ouch appliance feed_sim bench setup.py \
        \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -path '*/csrc/*.[ch]' \
        -o -name 'build_*.py' -o -name setup.py \) -type f | LC_ALL=C sort
}

install_python() {
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "python3 is older than 3.11; install Python 3.11 or newer and put it first on PATH"
    [ -x .venv/bin/python ] || python3 -m venv .venv || die "python3 -m venv failed; see above"
    stamp=$( { cat pyproject.toml setup.py; echo "$1"; pwd; } | digest)
    built=$( { sources | xargs cat; dpdk_version; } | digest)
    [ "$(cat .venv/installed 2>/dev/null)" != "$stamp" ] || {
        [ "$(cat .venv/built 2>/dev/null)" != "$built" ] || return 0
        say "building"
        .venv/bin/python setup.py -q build_ext --inplace >"$LOGS/build.log" 2>&1 ||
            { tail -n 20 "$LOGS/build.log" >&2; die "the build failed: $LOGS/build.log"; }
        echo "$built" >.venv/built
        return 0
    }
    say "installing Python packages and building (once; some minutes)"
    { .venv/bin/pip install -q setuptools wheel cffi cython numpy &&
        .venv/bin/pip install -q --no-build-isolation -e ".[$1]"; } >"$LOGS/pip.log" 2>&1 ||
        { tail -n 20 "$LOGS/pip.log" >&2; die "pip failed: $LOGS/pip.log"; }
    echo "$stamp" >.venv/installed
    echo "$built" >.venv/built
}

make_logs() {
    LOGS=$PWD/out/logs
    mkdir -p "$LOGS"
}

prepare() {
    extras=$1
    shift
    make_logs
    install_packages "$@"
    install_python "$extras"
    PYTHON=$PWD/.venv/bin/python
    export PYTHON
}
