# shellcheck shell=sh
# Sourced by the scripts beside it: makes the machine able to build and run tickpath.
#
#   prepare EXTRAS PACKAGE...   EXTRAS are pyproject.toml extras ("report", "report,test"); each
#                               PACKAGE is "command:debian-package", wanted besides the compiler.
#
# Everything is done once: a second call only compares checksums. Sets PYTHON to the venv's python.

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

install_packages() {
    wanted=$(missing_packages "$@")
    [ -n "$wanted" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        die "missing:$wanted (Debian's names); install them with your package manager and run this \
again"
    elif [ "$(id -u)" = 0 ]; then
        root=
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        root="sudo -n"
    else
        die "missing packages; as root run: apt-get install --no-install-recommends$wanted"
    fi
    say "installing:$wanted"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # words on purpose
    { $root apt-get update -qq && $root apt-get install -y -qq --no-install-recommends $wanted; } \
        >"$LOGS/apt.log" 2>&1 || { tail -n 5 "$LOGS/apt.log" >&2
        die "apt-get failed; its output is in $LOGS/apt.log"; }
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
    built=$(sources | xargs cat | digest)
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

prepare() {
    extras=$1
    shift
    LOGS=$PWD/out/logs
    mkdir -p "$LOGS"
    install_packages "$@"
    install_python "$extras"
    PYTHON=$PWD/.venv/bin/python
    export PYTHON
}
