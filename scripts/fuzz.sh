#!/bin/sh
# Throws damaged datagrams at the engine under AddressSanitizer and UBSan.
#
#   scripts/fuzz.sh [COUNT [SEED]]     100,000,000 datagrams, seed 1
#
# Prints what was reached and how fast; ends non-zero on any finding, with the seed and the
# datagram's number that bring it back.
set -eu
cd "$(dirname "$0")/.."
. scripts/prepare.sh
prepare report,test
exec "$PYTHON" tests/fuzz/run.py --count "${1:-100000000}" --seed "${2:-1}"
