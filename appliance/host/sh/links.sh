# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2317 # shared variables; eval sets some; called by name
# Settings of network interfaces, by ethtool: "eth0 ring rx", "eth0 feature rx-gro". A tree of files
# has no interfaces: with a root of its own, a script leaves those of the machine alone.

read_link() {
    [ -z "$ROOT" ] || return 1
    # shellcheck disable=SC2086 # words
    set -- $1
    case $2:$3 in
    ring:* | channels:*) key=$3 ;;
    coalesce:adaptive-rx) key='adaptive rx' ;;
    coalesce:adaptive-tx) key='adaptive tx' ;;
    pause:autoneg) key=autonegotiate ;;
    feature:*) key=$(feature_shown "$3") ;;
    *) key=$3 ;;
    esac
    value=$(link_option "$2" "$1" | tr '[:upper:]' '[:lower:]' | link_value "$2" "$key")
    [ -n "$value" ]
}

# What ethtool shows of the group $1 of the interface $2.
link_option() {
    case $1 in
    ring) ethtool -g "$2" ;;
    channels) ethtool -l "$2" ;;
    coalesce) ethtool -c "$2" ;;
    pause) ethtool -a "$2" ;;
    feature) ethtool -k "$2" ;;
    esac 2>/dev/null
}

# Those that ethtool shows by names of its own; it takes the kernel's.
feature_shown() {
    case $1 in
    rx-gro) say generic-receive-offload ;;
    rx-lro) say large-receive-offload ;;
    rx-hashing) say receive-hashing ;;
    rx-ntuple-filter) say ntuple-filters ;;
    rx-vlan-hw-parse) say rx-vlan-offload ;;
    tx-vlan-hw-insert) say tx-vlan-offload ;;
    tx-generic-segmentation) say generic-segmentation-offload ;;
    *) say "$1" ;;
    esac
}

# The value of $2 in what ethtool shows on standard input; of a group with limits, when not 0.
link_value() (
    most='' figure=''
    while read -r line; do
        case $line in
        'adaptive rx:'*)
            flat "$line"
            case $2 in
            'adaptive rx') figure=${flat#adaptive rx: } figure=${figure%% *} ;;
            'adaptive tx') figure=${flat##* } ;;
            esac ;;
        'current hardware settings:'*) most=$figure figure='' ;;
        *"$2:"*)
            flat "$line"
            [ "${flat%%:*}" != "$2" ] || { figure=${flat#*: } figure=${figure%% *}; } ;;
        esac
    done
    case $1:$most in ring:0 | channels:0 | *:n/a) return 0 ;; esac
    [ "$figure" = n/a ] || printf '%s' "$figure"
)

why_not_link() {
    if [ -n "$ROOT" ]; then reason="a tree of files has no interfaces"
    elif ! command -v ethtool >/dev/null; then reason="there is no ethtool here; install it"
    elif ! [ -e "/sys/class/net/${1%% *}" ]; then reason="there is no interface ${1%% *}"
    else reason="the driver of ${1%% *} has no ${1#* }"
    fi
}

write_link() {
    link_to=$2
    # shellcheck disable=SC2086 # words
    set -- $1
    case $2 in
    ring) flag=-G ;;
    channels) flag=-L ;;
    coalesce) flag=-C ;;
    pause) flag=-A ;;
    feature) flag=-K ;;
    esac
    message=$(ethtool "$flag" "$1" "$3" "$link_to" 2>&1) && reason='' && return
    reason="$1 does not take $link_to for $2 $3 ($(flat "${message##*: }"; say "$flat")); see \
\`appliance tune explain\`, or leave the knob out"
}
