#!/bin/sh
# Takes network cards from the kernel for DPDK, with a journal of their former driver.
set -u
NAME=${0##*/}
USAGE="usage: $NAME status | apply CARD... [--driver NAME] [--force] | undo

Binds a card to a driver that leaves it to a program: vfio-pci, which wants an IOMMU, or
uio_pci_generic or igb_uio, which do not. Load that driver first: modprobe vfio-pci.

  status            the network cards: driver, interfaces, IOMMU group, and what undo would restore
  apply CARD...     binds them; a card is a PCI address (0000:03:00.0) or an interface (eth1)
  undo              gives them back to their former driver, after a crash, too
  --driver NAME     vfio-pci without it
  --force           apply: also a card that carries the default route, has addresses or is part of
                    a bond or bridge, which may cut you off; undo: also what somebody has changed
                    since
  --dry-run         says what would be done, and writes nothing
  --wait SECONDS    waits for another tuner to end
  --root FOLDER     works on this tree instead of /

  $NAME apply eth1 --driver vfio-pci"
# shellcheck source=scripts/host_common.sh
. "$(dirname "$0")/host_common.sh"
STAGE=devices
cards='' driver_wanted=vfio-pci

own_option() {
    case $1 in
    --driver) need "$@"; driver_wanted=$2 ;;
    -*) return 1 ;;
    *) cards="$cards $1" ;;
    esac
}

interfaces_of() {
    for folder in "$ROOT$DEVICES/$1"/net/* "$ROOT$DEVICES/$1"/*/net/*; do
        [ ! -e "$folder" ] || printf '%s ' "${folder##*/}"
    done
}

is_card() { case $(cat "$ROOT$DEVICES/$1/class" 2>/dev/null) in 0x02*) ;; *) return 1 ;; esac; }

show() {
    any=no
    routed=" $(carriers) "
    for folder in "$ROOT$DEVICES"/*; do
        address=${folder##*/}
        is_card "$address" || continue
        any=yes
        driver_of "$address"
        group=$(link_name "$folder/iommu_group")
        line="$address: driver ${driver:-none}, IOMMU group ${group:-none}"
        for interface in $(interfaces_of "$address"); do
            line="$line, interface $interface"
            case $routed in *" $interface "*) line="$line (default route)" ;; esac
        done
        say "$line"
    done
    [ $any = yes ] || say "not here: there are no PCI network cards"
    show_standing $STAGE
}

# The interfaces that carry a default route, and what lies below a bond, bridge or VLAN that does.
carriers() (
    through=''
    while read -r interface destination _ _ _ _ _ mask _; do
        [ "$destination$mask" != 0000000000000000 ] || through="$through $interface"
    done <"$ROOT/proc/net/route"
    while read -r destination length _ _ _ _ _ _ _ interface; do
        case "$destination $length $interface" in
        *[!0]*' 00 '* | *' lo') ;;
        *' 00 '*) through="$through $interface" ;;
        esac
    done <"$ROOT/proc/net/ipv6_route"
    # Those two know the main table alone; ip knows them all.
    [ -n "$ROOT" ] || through="$through $(routed_by_ip)"
    for interface in $through; do
        say "$interface"
        below "$interface"
    done | sort -u | tr '\n' ' '
) 2>/dev/null

routed_by_ip() {
    for family in -4 -6; do
        ip -o "$family" route show table all default | while read -r line; do
            # shellcheck disable=SC2086 # words
            set -- $line
            while [ $# -ge 2 ]; do
                [ "$1" != dev ] || printf '%s ' "$2"
                shift
            done
        done
    done
}

below() {
    for lower in "$ROOT/sys/class/net/$1"/lower_*; do
        [ -e "$lower" ] || continue
        say "${lower##*/lower_}"
        below "${lower##*/lower_}"
    done
}

# $address is the PCI address that the operator means by $1.
resolve() {
    case $1 in
    *:*:*.*) address=$1 ;;
    *:*.*) address=0000:$1 ;;
    *) address=''
        [ -e "$ROOT/sys/class/net/$1" ] || die "there is no interface or PCI device $1; see \
\`$NAME status\`"
        for folder in "$ROOT$DEVICES"/*; do
            case " $(interfaces_of "${folder##*/}")" in *" $1 "*) address=${folder##*/} ;; esac
        done
        [ -n "$address" ] || die "$1 is no PCI card but a virtual interface; give the card's own"
        ;;
    esac
    [ -e "$ROOT$DEVICES/$address" ] || die "there is no PCI device $address; see \`$NAME status\`"
}

check_card() {
    is_card "$address" || die "$address is no network card; see \`$NAME status\`"
    [ "$force" = no ] || return 0
    for interface in $(interfaces_of "$address"); do
        case $routed in *" $interface "*)
            die "$interface ($address) carries the default route, and without it you may be cut \
off; take another card, or give --force" ;;
        esac
        for upper in "$ROOT/sys/class/net/$interface"/upper_*; do
            [ ! -e "$upper" ] || die "$interface ($address) is what ${upper##*/upper_} is built \
on; take it out of ${upper##*/upper_}, or give --force"
        done
        ! reached "$interface" || die "$interface ($address) has addresses, which undo does not \
bring back, and you may come in by it; remove them (\`ip address flush dev $interface\`), or give \
--force"
    done
}

# Whether the interface $1 has an address: then it has a route of IPv4, or more of IPv6 than the
# kernel gives every link (scope 20).
reached() {
    while read -r interface_routed _; do
        [ "$interface_routed" != "$1" ] || return 0
    done <"$ROOT/proc/net/route"
    while read -r _ _ _ scope _ name; do
        [ "$name:$scope" = "$1:20" ] || [ "$name" != "$1" ] || return 0
    done <"$ROOT/proc/net/if_inet6"
    return 1
} 2>/dev/null

check_driver() {
    case $driver_wanted in
    vfio-pci | uio_pci_generic | igb_uio) ;;
    *) die "--driver: '$driver_wanted' is none of vfio-pci, uio_pci_generic and igb_uio; name \
one of them" ;;
    esac
    [ -d "$ROOT/sys/bus/pci/drivers/$driver_wanted" ] ||
        die "the driver $driver_wanted is not loaded; load it with \`modprobe $driver_wanted\`"
}

# Whether the card can be left to a program: an IOMMU, or a kernel that does without.
check_iommu() {
    group=$(link_name "$ROOT$DEVICES/$address/iommu_group")
    read -r unsafe 2>/dev/null <"$ROOT/sys/module/vfio/parameters/enable_unsafe_noiommu_mode" ||
        unsafe=N
    case $driver_wanted:${group:-none}:$unsafe in
    vfio-pci:none:N) die "$address is behind no IOMMU, which vfio-pci needs: turn on VT-d or \
AMD-Vi in the firmware and boot with intel_iommu=on iommu=pt, or give --driver uio_pci_generic" ;;
    vfio-pci:none:*) check_lockdown "VFIO without an IOMMU" ;;
    vfio-pci:*) check_group ;;
    *) check_lockdown "$driver_wanted" ;;
    esac
}

check_lockdown() {
    case $(cat "$ROOT/sys/kernel/security/lockdown" 2>/dev/null) in
    '' | *'[none]'*) ;;
    *) die "the kernel is locked down (secure boot), which forbids $1; use an IOMMU with vfio-pci, \
or turn secure boot off" ;;
    esac
}

# VFIO opens a card only when everything of its group is let go by other drivers.
check_group() {
    for mate in "$ROOT/sys/kernel/iommu_groups/$group/devices"/*; do
        mate=${mate##*/}
        driver_of "$mate"
        case $driver:" $addresses " in
        vfio-pci:* | pci-stub:* | pcieport:* | :* | *" $mate "*) continue ;;
        esac
        die "$address shares IOMMU group $group with $mate, which $driver drives: bind both, or \
put the card into another slot"
    done
}

apply() {
    [ -n "$cards" ] || die "which card? Name it, as in $NAME apply 0000:03:00.0"
    check_driver
    routed=" $(carriers) " addresses=''
    for card in $cards; do
        resolve "$card"
        check_card
        addresses="$addresses $address"
    done
    for address in $addresses; do
        check_iommu
    done
    open_journal
    begin $STAGE
    stage=$STAGE
    for address in $addresses; do
        put driver "$address" "$driver_wanted $driver_wanted"
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
