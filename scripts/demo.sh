#!/bin/sh
# The whole thing on one machine: an exchange and an appliance, two processes on two cores, for some
# seconds; then what happened, a latency plot and a report. Installs whatever is missing first.
#
#   scripts/demo.sh [--seconds N] [--strategy quote|cross] [--rate MESSAGES_PER_S] [--seed N]
#
# Ends with a status other than 0 when anything is wrong: an unresolved gap, an order without an
# answer, a book that differs from the exchange's.
set -eu
TICKPATH_CALLER=$PWD
export TICKPATH_CALLER
cd "$(dirname "$0")/.."
. scripts/prepare.sh
prepare report
exec "$PYTHON" scripts/demo.py "$@"
