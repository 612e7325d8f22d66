#!/bin/sh
# The frequency governor of cores, with a journal of the former one.
set -u
NAME=${0##*/}
USAGE="usage: $NAME status | apply GOVERNOR [--cores LIST] | undo

Sets how the kernel chooses the frequency of the cores: performance keeps it at the highest, so that
no tick waits for a clock to go up.

  status            the governor of each core, and what undo would restore
  apply GOVERNOR    sets it; the former one is on disk before
  undo              restores it, after a crash, too
  --cores LIST      these cores alone, as in 2-3,6; all that are online without it
  --dry-run         says what would be done, and writes nothing
  --force           undo: also what somebody has changed since
  --wait SECONDS    waits for another tuner to end
  --root FOLDER     works on this tree instead of /

  $NAME apply performance --cores 2-3"
# shellcheck source=scripts/host_common.sh
. "$(dirname "$0")/host_common.sh"
STAGE=frequency
CPU=/sys/devices/system/cpu
cores='' governor=''
NO_FREQUENCY="this kernel sets no frequencies here ($CPU/cpufreq has no policies): in a virtual \
machine set the governor on its host, on bare metal have the firmware leave them to the system"

own_option() {
    case $1 in
    --cores) need "$@"; cores=$2 ;;
    -*) return 1 ;;
    *) [ -z "$governor" ] || return 1; governor=$1 ;;
    esac
}

show() {
    any=no
    for folder in "$ROOT$CPU"/cpufreq/policy[0-9]*; do
        [ -r "$folder/scaling_governor" ] || continue
        any=yes
        read -r of_cores <"$folder/affected_cpus"
        read -r now <"$folder/scaling_governor"
        say "core $of_cores: $now"
    done
    [ $any = yes ] || say "not here: $NO_FREQUENCY"
    show_standing $STAGE
}

# The policies of the cores $1: cores that share a clock share one.
policies() {
    asked=" $(list_cores "$1" | tr '\n' ' ')"
    for folder in "$ROOT$CPU"/cpufreq/policy[0-9]*; do
        [ -r "$folder/affected_cpus" ] || continue
        read -r of_cores <"$folder/affected_cpus"
        for core in $of_cores; do
            case $asked in *" $core "*) printf '%s ' "$CPU/cpufreq/${folder##*/}"; break ;; esac
        done
    done
}

apply() {
    [ -n "$governor" ] || die "which governor? Name one, as in $NAME apply performance"
    cores=${cores:-$(cat "$ROOT$CPU/online" 2>/dev/null)}
    check_cores "$cores" --cores
    chosen=$(policies "$cores")
    [ -n "$chosen" ] || die "$NO_FREQUENCY"
    for policy in $chosen; do
        flat "$(cat "$ROOT$policy/scaling_available_governors" 2>/dev/null)"
        case " ${flat:-$governor} " in
        *" $governor "*) ;;
        *) die "${policy##*/} has no governor '$governor'; choose one of $flat" ;;
        esac
    done
    open_journal
    begin $STAGE
    stage=$STAGE
    for policy in $chosen; do
        put value "$policy/scaling_governor" "$governor"
    done
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
