#!/bin/sh
# Interrupts away from the cores of the loops, with a journal of where each could go before.
set -u
NAME=${0##*/}
USAGE="usage: $NAME status | apply --cores LIST | undo

Takes the cores of LIST from every interrupt, and from those that are yet to come. One that could go
to these cores alone goes to all others. The kernel keeps some where they are.

  status            where each interrupt may go, and what undo would restore
  apply             sets it; where it could go before is on disk first
  undo              restores that, after a crash, too
  --cores LIST      the cores to keep free, as in 2-3,6
  --dry-run         says what would be done, and writes nothing
  --force           undo: also what somebody has changed since
  --wait SECONDS    waits for another tuner to end
  --root FOLDER     works on this tree instead of /

  $NAME apply --cores 2-3"
# shellcheck source=scripts/host_common.sh
. "$(dirname "$0")/host_common.sh"
STAGE=interrupts
cores=''

own_option() {
    case $1 in
    --cores) need "$@"; cores=$2 ;;
    *) return 1 ;;
    esac
}

show() {
    for folder in "$ROOT"/proc/irq/[0-9]*; do
        [ -r "$folder/smp_affinity_list" ] || continue
        read -r now <"$folder/smp_affinity_list"
        what=''
        for action in "$folder"/*/; do
            [ ! -d "$action" ] || { action=${action%/}; what="$what ${action##*/}"; }
        done
        say "interrupt ${folder##*/}: cores $now$what"
    done
    balancer=$(balancing)
    [ -z "$balancer" ] || say "irqbalance runs (process $balancer) and may move them"
    show_standing $STAGE
}

balancing() {
    for name in "$ROOT"/proc/[0-9]*/comm; do
        { read -r program <"$name"; } 2>/dev/null || continue
        [ "$program" != irqbalance ] || { name=${name%/comm}; printf '%s' "${name##*/}"; return; }
    done
}

# Where an interrupt that may go to $1 may go from now on.
elsewhere() {
    left=$(cores_without "$1" "$cores")
    offline=$(cores_without "$left" "$online")
    [ "$left" != "$offline" ] || left=$others
    printf '%s' "$left"
}

apply() {
    [ -n "$cores" ] || die "which cores? Give --cores, as in $NAME apply --cores 2-3"
    check_cores "$cores" --cores
    case " $(list_cores "$cores" | tr '\n' ' ')" in *' 0 '*)
        die "--cores: core 0 takes the kernel's own work (timers, interrupts that cannot move); \
choose others of $online" ;;
    esac
    # What is isolated at boot is another loop's.
    isolated=$(cat "$ROOT/sys/devices/system/cpu/isolated" 2>/dev/null)
    others=$(cores_without "$online" "$cores,$isolated")
    others=${others:-$(cores_without "$online" "$cores")}
    [ -d "$ROOT/proc/irq" ] || die "this kernel has no /proc/irq; run this on the host itself"
    open_journal
    begin $STAGE
    stage=$STAGE
    if read_value /proc/irq/default_smp_affinity; then
        default=$(elsewhere "$(list_of_mask "$value")")
        put mask /proc/irq/default_smp_affinity "$(mask_of "$default")"
    fi
    for folder in "$ROOT"/proc/irq/[0-9]*; do
        [ -e "$folder/smp_affinity_list" ] || continue
        target=/proc/irq/${folder##*/}/smp_affinity_list
        read_value "$target" || continue
        ! is_fixed "$target" || continue
        put irq "$target" "$(elsewhere "$value")"
    done
    end
    balancer=$(balancing)
    [ -z "$balancer" ] || warn "irqbalance runs (process $balancer) and will move interrupts back; \
stop it with \`systemctl stop irqbalance\`, or ban the cores: IRQBALANCE_BANNED_CPULIST=$cores in \
/etc/default/irqbalance"
    finish set
}

options "$@"
case $verb in
status) show ;;
apply) apply ;;
undo) undo $STAGE; finish restored ;;
*) die "status, apply or undo? See $NAME --help" ;;
esac
