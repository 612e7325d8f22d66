#!/bin/sh
# Everything that must hold before a change lands. Installs whatever is missing first.
#
#   scripts/test.sh [PYTEST ARGUMENTS]
set -eu
cd "$(dirname "$0")/.."
. scripts/prepare.sh
# The tests of DPDK are skipped without it, and say so.
prepare_dpdk || say "going on without"
prepare report,strategies,test tshark:tshark shellcheck:shellcheck ip:iproute2 valgrind:valgrind
export ITCH_NO_CPP=1
exec "$PYTHON" -m pytest "$@"
