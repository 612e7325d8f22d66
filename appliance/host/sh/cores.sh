# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2317 # shared variables; eval sets some; called by name
# Sets of cores: lists ("1-3,5"), as the kernel prints them, or one a line; and masks.

CORES_MAX=8192 # CONFIG_NR_CPUS of the largest x86-64 kernels

# The cores of the list $1, a line each; fails, with a line that says so, when it is none.
list_cores() (
    set -f
    IFS=', '
    for part in $1; do
        [ -n "$part" ] || continue
        low=${part%%-*} high=${part#*-}
        if ! { number "$low" && number "$high" && [ "$low" -le "$high" ] &&
            [ "$high" -lt "$CORES_MAX" ]; }; then
            say "bad $1"
            return 1
        fi
        seq "$low" "$high"
    done
)

# The shortest list of the cores on standard input, a line each.
format_cores() (
    list='' first='' last=''
    sorted=$(sort -nu)
    for core in $sorted end; do
        if [ -n "$last" ] && [ "$core" = $((last + 1)) ]; then
            last=$core
            continue
        fi
        [ "$first" = "$last" ] || first=$first-$last
        list=$list${list:+,}$first
        first=$core last=$core
    done
    printf '%s' "${list#,}"
)

# The list $1 without the cores of the list $2.
cores_without() {
    away=" $(list_cores "$2" | tr '\n' ' ')"
    list_cores "$1" | while read -r core; do
        case $away in *" $core "*) ;; *) say "$core" ;; esac
    done | format_cores
}

# The mask of the list $1, groups of 32 bits as the kernel prints them.
mask_of() (
    groups=0
    for core in $(list_cores "$1"); do
        group=$((core / 32))
        while [ "$groups" -le "$group" ]; do
            eval "bits_$groups=0"
            groups=$((groups + 1))
        done
        eval "bits_$group=\$((bits_$group | 1 << core % 32))"
    done
    format=%x
    while [ "$groups" -gt 0 ]; do
        groups=$((groups - 1))
        eval "bits=\$bits_$groups"
        # shellcheck disable=SC2059 # the first group has no leading zeros
        printf "$format" "$bits"
        format=,%08x
    done
)

# The list of the mask $1.
list_of_mask() {
    bare=$(bare_mask "$1")
    at_core=0
    while [ -n "$bare" ]; do
        digit=${bare#"${bare%?}"} bare=${bare%?}
        for bit in 0 1 2 3; do
            [ $((0x$digit >> bit & 1)) = 0 ] || say $((at_core + bit))
        done
        at_core=$((at_core + 4))
    done | format_cores
}

# Dies, as option $2, when the list $1 is none, or names a core that is not online.
check_cores() {
    online=$(cat "$ROOT/sys/devices/system/cpu/online" 2>/dev/null)
    [ -n "$online" ] || die "this kernel does not say which cores are online \
(/sys/devices/system/cpu/online); run this on the host itself"
    if [ -z "$1" ] || ! list_cores "$1" >/dev/null; then
        die "$2: '$1' is not a list of cores; write numbers and ranges, as in 2-5,8"
    fi
    missing=$(cores_without "$1" "$online")
    [ -z "$missing" ] || die "$2: core $missing is not online; the cores here are $online"
}
