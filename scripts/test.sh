#!/bin/sh
# Everything that must hold before a change lands. Installs whatever is missing first.
#
#   scripts/test.sh [PYTEST ARGUMENTS]
#
# One test installs and runs the product on an emulated machine, which takes some minutes of two
# cores (docs/rehearsal.md); TICKPATH_REHEARSAL=0 in the environment leaves it out.
set -eu
cd "$(dirname "$0")/.."
. scripts/prepare.sh
# The tests of DPDK are skipped without it, and say so.
prepare_dpdk || say "going on without"
prepare report,strategies,test tshark:tshark shellcheck:shellcheck ip:iproute2 valgrind:valgrind \
    qemu-system-x86_64:qemu-system-x86 mmdebstrap:mmdebstrap strace:strace ethtool:ethtool \
    busybox:busybox
export ITCH_NO_CPP=1
exec "$PYTHON" -m pytest "$@"
