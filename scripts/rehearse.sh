#!/bin/sh
# The product on a machine like a real one: makes a Debian, boots it in qemu (emulated, so that it
# runs everywhere), installs the wheel, tunes and undoes, binds cards to DPDK, trades.
#
#   scripts/rehearse.sh [--short] [--steps NAME,...] [--list]
#
# docs/rehearsal.md says what it shows and what it takes. Ends with a status other than 0 when
# anything did not hold; the report is in out/rehearsal/last.
set -eu
cd "$(dirname "$0")/.."
. scripts/prepare.sh
prepare_dpdk || say "the wheel will be without DPDK"
prepare report qemu-system-x86_64:qemu-system-x86 mmdebstrap:mmdebstrap \
    fakeroot:fakeroot newuidmap:uidmap
exec "$PYTHON" scripts/rehearse "$@"
