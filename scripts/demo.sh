#!/bin/sh
# The whole thing on one machine: an exchange and an appliance, two processes on two cores, for some
# seconds; then what happened, a latency plot and a report. Installs whatever is missing first.
#
#   scripts/demo.sh [--seconds N] [--strategy quote|cross] [--rate MESSAGES_PER_S] [--seed N]
#                   [--backend memory|dpdk|afxdp|afpacket|auto] [--cut | --one-port]
#                   [--huge-pages auto|on|off]
#
# With --backend dpdk the two meet in DPDK's memif; as root with huge pages, which are set aside for
# the run and given back however it ends.
#
# With --backend afxdp, afpacket or auto, as root, each side runs in a network namespace of its own,
# and veth pairs join them; --cut cuts line B for the middle third of the run, --one-port has both
# lines and the orders go through one pair.
#
# Ends with a status other than 0 when anything is wrong: an unresolved gap, an order without an
# answer, a book that differs from the exchange's.
set -eu
TICKPATH_CALLER=$PWD
export TICKPATH_CALLER
cd "$(dirname "$0")/.."
. scripts/prepare.sh
case " $* " in
*" --backend dpdk "* | *" --backend=dpdk "*) prepare_dpdk || exit 2 ;;
esac
prepare report
exec "$PYTHON" scripts/demo.py "$@"
