#!/bin/sh
# Huge pages for DPDK and the loop's tables, at run time, with a journal of the former count.
set -u
NAME=${0##*/}
USAGE="usage: $NAME status | apply --size 2M|1G --count N [--node N] | undo

Sets how many huge pages there are on each NUMA node, or on the node given. Pages of 1 GiB, and many
of 2 MiB on a host that has run for long, are best asked for at boot: default_hugepagesz=1G
hugepagesz=1G hugepages=4.

  status            the pages of each node, and what undo would restore
  apply             sets the count; the former one is on disk before
  undo              restores it, after a crash, too
  --size SIZE       2M or 1G, or what else the kernel has, as in 64K; 2M without it
  --count N         how many; 0 gives them back
  --node N          on this NUMA node only
  --dry-run         says what would be done, and writes nothing
  --force           undo: also what somebody has changed since
  --wait SECONDS    waits for another tuner to end
  --root FOLDER     works on this tree instead of /

  $NAME apply --size 2M --count 512"
# shellcheck source=scripts/host_common.sh
. "$(dirname "$0")/host_common.sh"
STAGE=huge_pages
MANY=/sys/kernel/mm/hugepages # of all nodes together: a kernel without NUMA has this alone
size=2M pages='' node=''

own_option() {
    case $1 in
    --size) need "$@"; size=$2 ;;
    --count) need "$@"; number "$2" || die "--count: '$2' is not a number of pages; write digits, \
as in --count 512"; pages=$2 ;;
    --node) need "$@"; number "$2" || die "--node: '$2' is not a number; the NUMA nodes here are\
$(nodes)"; node=$2 ;;
    *) return 1 ;;
    esac
}

nodes() {
    for folder in "$ROOT"/sys/devices/system/node/node[0-9]*; do
        [ ! -d "$folder" ] || printf ' %s' "${folder##*/node}"
    done
}

# $kib is the size as the kernel names it.
size_kib() {
    digits=${1%[kKmMgG]}
    number "$digits" || die "--size: '$1' is not a size; write 2M or 1G"
    case $1 in
    *[kK]) kib=$digits ;;
    *[mM]) kib=$((digits * 1024)) ;;
    *[gG]) kib=$((digits * 1048576)) ;;
    *) die "--size: '$1' has no unit; write 2M or 1G" ;;
    esac
}

sizes() {
    for folder in "$ROOT$MANY"/hugepages-*; do
        [ -d "$folder" ] || continue
        one=${folder##*-} one=${one%kB}
        if [ $((one % 1048576)) = 0 ]; then printf ' %sG' $((one / 1048576))
        elif [ $((one % 1024)) = 0 ]; then printf ' %sM' $((one / 1024))
        else printf ' %sK' "$one"
        fi
    done
}

show() {
    for folder in "$ROOT"/sys/devices/system/node/node[0-9]*/hugepages/hugepages-* \
        "$ROOT$MANY"/hugepages-*; do
        [ -r "$folder/nr_hugepages" ] || continue
        case $folder in
        */node/*) where=${folder%/hugepages/*} where="node ${where##*/node}" ;;
        *) where="all nodes" ;;
        esac
        read -r all <"$folder/nr_hugepages"
        read -r free <"$folder/free_hugepages"
        say "$where: $all pages of ${folder##*-}, $free free"
    done
    show_standing $STAGE
}

apply() {
    [ -n "$pages" ] || die "how many pages? Give --count, as in $NAME apply --size 2M --count 512"
    size_kib "$size"
    [ -d "$ROOT$MANY" ] || die "this kernel has no huge pages ($MANY is missing); \
boot one with CONFIG_HUGETLBFS"
    [ -d "$ROOT$MANY/hugepages-${kib}kB" ] ||
        die "--size: this kernel and processor have no pages of $size; they have$(sizes)"
    known_nodes=$(nodes)
    case "$known_nodes " in
    *" ${node:-x} "*) ;;
    *) [ -z "$node" ] || die "--node: there is no NUMA node $node; the nodes here are\
${known_nodes:- not numbered: leave --node out}" ;;
    esac
    open_journal
    begin $STAGE
    stage=$STAGE
    for one in ${node:-$known_nodes}; do
        folder=/sys/devices/system/node/node$one/hugepages
        put pages "$folder/hugepages-${kib}kB/nr_hugepages" "$pages"
    done
    [ -n "$known_nodes" ] || put pages "$MANY/hugepages-${kib}kB/nr_hugepages" "$pages"
    end
    finish set
}

options "$@"
case $verb in
status) show ;;
apply) apply ;;
undo) undo $STAGE; finish restored ;;
*) die "status, apply or undo? See $NAME --help" ;;
esac
