#!/bin/sh
# Stands in for dd, sync and mv when a script runs on a tree: does what they do, and what a kernel
# would do on such a write. Before and after each is a step (but not after sync, which changes
# nothing that one could see); at step $KERNEL_KILL the script, whose process is in the lock file,
# is killed. $KERNEL_STEPS is the file that counts them, when there is one. $KERNEL_ROOT is the
# tree, $KERNEL_REAL a PATH with the real commands.
set -u
PATH=$KERNEL_REAL
name=${0##*/}

step() {
    [ -n "${KERNEL_STEPS:-}" ] || return 0
    read -r steps <"$KERNEL_STEPS"
    steps=$((steps + 1))
    echo "$steps" >"$KERNEL_STEPS"
    [ "$steps" = "${KERNEL_KILL:-0}" ] || return 0
    read -r script <"$KERNEL_ROOT/var/lib/tickpath/tune/lock"
    kill -9 "$script"
    exit 9
}

refuse() {
    echo "dd: error writing '$file': $1" >&2
    exit 1
}

bind_to() {
    [ "$1" != "$(cat "$KERNEL_ROOT/probe_fails" 2>/dev/null)" ] || refuse 'Invalid argument'
    [ -d "$pci/drivers/$1" ] || return 0
    ln -sfn "../../drivers/$1" "$pci/devices/$address/driver"
    ln -sfn "../../devices/$address" "$pci/drivers/$1/$address"
}

probe() {
    [ -d "$pci/devices/$address" ] || refuse 'No such device'
    [ ! -e "$pci/devices/$address/driver" ] || return 0
    read -r override <"$pci/devices/$address/driver_override"
    # What its identity leads to, in place of modalias.
    [ "$override" != '(null)' ] || read -r override <"$pci/devices/$address/native"
    bind_to "$override"
}

# $value is written to $file: what reads back.
write() {
    pci=$KERNEL_ROOT/sys/bus/pci address=$value
    case $file in
    */transparent_hugepage/*)
        all=$(tr -d '[]' <"$file")
        case " $all " in *" $value "*) ;; *) refuse 'Invalid argument' ;; esac
        value=" $all "
        value="${value%%" $address "*} [$address] ${value#*" $address "}"
        value=${value# } value=${value% } ;;
    */nr_hugepages)
        room=$(cat "$KERNEL_ROOT/pages_free" 2>/dev/null || echo 100000)
        [ "$value" -le "$room" ] || value=$room ;;
    */irq/0/*) refuse 'Input/output error' ;;
    */driver_override) value=${value:-(null)} ;;
    */driver/unbind)
        bound=$(readlink "${file%/unbind}")
        rm "$pci/drivers/${bound##*/}/$address" "${file%/unbind}"
        return ;;
    */drivers_probe) probe; return ;;
    */bind) driver=${file%/bind}; bind_to "${driver##*/}"; return ;;
    esac
    printf '%s\n' "$value" >"$file"
}

step
if [ "$name" = dd ]; then
    file=''
    for word in "$@"; do
        case $word in of=*) file=${word#of=} ;; esac
    done
    # Its own refusals first: no such file, read-only.
    dd "$@" conv=notrunc,nocreat </dev/null || exit 1
    value=$(cat)
    ! grep -qxF "${file#"$KERNEL_ROOT"}" "$KERNEL_ROOT/refused" 2>/dev/null ||
        refuse "$(cat "$KERNEL_ROOT/refusal" 2>/dev/null || echo 'Invalid argument')"
    write
else
    "$name" "$@" || exit 1
fi
[ "$name" = sync ] || step
