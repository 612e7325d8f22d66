# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2317 # shared variables; eval sets some; called by name
# PCI devices: which driver has one, and giving it to another.

DEVICES=/sys/bus/pci/devices

# "DRIVER OVERRIDE", a dash for none of either: a bind that was cut short between the two is undone.
read_driver() {
    [ -e "$ROOT$DEVICES/$1" ] || return 1
    override=$(cat "$ROOT$DEVICES/$1/driver_override" 2>/dev/null)
    [ "$override" != '(null)' ] || override=''
    driver_of "$1"
    value="${driver:--} ${override:--}"
}

why_not_driver() { reason="there is no PCI device $1"; }

driver_of() {
    driver=$(readlink "$ROOT$DEVICES/$1/driver")
    driver=${driver##*/}
}

link_name() {
    link=$(readlink "$1")
    printf '%s' "${link##*/}"
}

write_driver() {
    users=$(device_users "$1")
    if [ -n "$users" ]; then
        # The kernel would wait in the write until that process lets go.
        reason="$1 is in use by $users; stop that first"
        return
    fi
    read_driver "$1"
    before=$value
    bind_device "$1" "$2"
    read_driver "$1"
    [ "${value%% *}" != "${2%% *}" ] || return
    refused_by=$reason
    bind_device "$1" "$before"
    driver_of "$1"
    reason=${refused_by:-"${2%% *} did not take $1, which is with ${driver:-no driver} as before; \
the reason is in \`dmesg | grep $1\`"}
}

# The override comes first: so no other driver has a chance in between.
bind_device() {
    reason='' to=${2%% *} over=${2#* }
    [ "$to" != - ] || to=''
    read_driver "$1"
    if [ "${value#* }" != "$over" ]; then
        [ "$over" != - ] || over='\-'
        write_value "$DEVICES/$1/driver_override" "$over"
    fi
    [ -z "$reason" ] || return
    driver_of "$1"
    [ "$driver" != "$to" ] || return
    if [ -n "$driver" ]; then
        write_value "$DEVICES/$1/driver/unbind" "$1"
        [ -z "$reason" ] || return
    fi
    [ -n "$to" ] || return
    write_value /sys/bus/pci/drivers_probe "$1"
    driver_of "$1"
    # A driver that the device's identity does not lead to: it was bound by hand.
    [ "$driver" = "$to" ] || write_value "/sys/bus/pci/drivers/$to/bind" "$1"
    reason='' # a driver's refusal to probe is told by who looks at what came of it
}

between_driver() {
    # shellcheck disable=SC2086 # two words each
    set -- $1 $2 $3
    case $1 in "$3" | "$5" | -) ;; *) return 1 ;; esac
    case $2 in "$4" | "$6" | -) ;; *) return 1 ;; esac
}

# The processes that have the device $1 open through VFIO or UIO.
device_users() (
    device=$ROOT$DEVICES/$1 nodes=' ' found=''
    group=$(link_name "$device/iommu_group")
    [ -z "$group" ] || nodes=" /dev/vfio/$group /dev/vfio/noiommu-$group "
    for node in "$device"/uio/uio*; do
        [ ! -e "$node" ] || nodes="$nodes/dev/${node##*/} "
    done
    for node in "$device"/vfio-dev/vfio*; do
        [ ! -e "$node" ] || nodes="$nodes/dev/vfio/devices/${node##*/} "
    done
    [ "$nodes" != ' ' ] || return 0
    for process in "$ROOT"/proc/[0-9]*; do
        for opened in $(readlink "$process"/fd/* 2>/dev/null); do
            case $nodes in *" $opened "*)
                { read -r command <"$process/comm"; } 2>/dev/null
                found="$found${found:+, }${command:-a process} (${process##*/})"
                break ;;
            esac
        done
    done
    printf '%s' "$found"
)
