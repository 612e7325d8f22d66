# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2317 # shared variables; eval sets some; called by name
# The kinds of settings. read_KIND sets $value to a word, or fails when there is no such knob;
# write_KIND sets $reason, '' when it is done; same_KIND compares two words. A kind has those of its
# own in which it differs from a value. With $fixed set, a knob turned out to be none.

# Whether the value outlives a reboot.
persistent() { [ "$1" = file ]; }

# Whether undo writes even what seems to hold: a write that was cut short left something beside it.
late() { [ "$1" = file ]; }

# A kind that has a function of its own, or is the one that others differ from.
known_kind() {
    case $1 in *[!a-z0-9_]*) return 1 ;; esac
    command -v "read_$1" >/dev/null || command -v "write_$1" >/dev/null ||
        command -v "same_$1" >/dev/null
}

by_kind() {
    function=$1_$2
    command -v "$function" >/dev/null || function=$1_value
    shift 2
    "$function" "$@"
}

# Why there is no such knob, as part of a sentence.
why_not_value() {
    if ! [ -e "$ROOT$1" ]; then reason="this kernel has no $1"
    elif ! [ -r "$ROOT$1" ]; then reason="only root may read $1"
    else reason="$1 cannot be read"
    fi
}

read_value() {
    text=$(cat "$ROOT$1" 2>/dev/null && printf .) || return 1
    text=${text%.}
    escape "${text%"$NEWLINE"}"
    value=$word
}

# One write(2), as /sys and /proc want it, and never a new file: a knob the kernel lacks must fail.
write_value() {
    unescape "$2"
    message=$(printf '%s\n' "$raw" |
        dd of="$ROOT$1" bs=64k iflag=fullblock conv=nocreat status=none 2>&1) && reason='' && return
    case $message in
    *'No such file'*) reason="this kernel has no $1; leave the knob out" ;;
    *'Read-only'*) reason="$1 is read-only here, as in a container; run this on the host itself" ;;
    *'Permission denied'*) reason="$1 may not be written; run this as root on the host itself" ;;
    *'not permitted'*) reason="$1 may not be written, even by root (kernel lockdown, or a \
container); see \`appliance doctor\`" ;;
    *'Invalid argument'*) reason="$1 does not take that value; see \`appliance tune explain\`" ;;
    *' busy'*) reason="$1 is in use; stop what uses it and try again" ;;
    *'Cannot allocate'*) reason="$1: the kernel has no memory for that; free some, or ask at boot \
time" ;;
    *'No such device'*) reason="$1: there is no such device any more; look at \`$NAME status\`" ;;
    *'not supported'*) reason="$1: the driver cannot do that; leave the knob out" ;;
    *'Input/output'*) reason="$1: the kernel does not let that be set; leave the knob out" ;;
    *'No space'*) reason="$1: there is no room for that any more; leave the knob out" ;;
    *) reason="$1: ${message##*: }; see \`appliance tune explain\`" ;;
    esac
}

# Whether $1 is where a write from $2 to $3 may have been cut short.
between_value() { false; }

# Whether a program, and no operator, made $1 of what was set to $2.
drifted_value() { false; }

same_value() {
    unescape "$1"
    flat "$raw"
    one=$flat
    unescape "$2"
    flat "$raw"
    [ "$one" = "$flat" ]
}

flat() {
    set -f
    # shellcheck disable=SC2086 # into words on purpose
    set -- $1
    set +f
    flat=$*
}

# "always [madvise] never": the one that holds.
read_choice() {
    read_value "$1" || return 1
    case $value in *\[*\]*) value=${value#*\[} value=${value%%\]*} ;; esac
}

same_cores() {
    [ "$1" = "$2" ] || [ "$(list_cores "$1" | sort -u)" = "$(list_cores "$2" | sort -u)" ]
}

same_mask() { [ "$1" = "$2" ] || [ "$(bare_mask "$1")" = "$(bare_mask "$2")" ]; }

# The mask without commas and leading zeros; each group is of 32 bits.
bare_mask() (
    case $1 in *[!0-9a-fA-F,]*) printf 'bad %s' "$1"; return ;; esac
    IFS=,
    digits=''
    for group in $1; do
        digits=$digits$(printf %08x "0x$group")
    done
    printf '%s' "${digits#"${digits%%[!0]*}"}"
)

read_file() {
    [ -d "$ROOT${1%/*}" ] || return 1
    value='\!'
    ! [ -e "$ROOT$1" ] || read_value "$1"
}

write_file() {
    reason='' beside=$ROOT${1%/*}/.${1##*/}.tickpath
    if [ "$2" = '\!' ]; then
        rm -f "$beside" "$ROOT$1" || reason="$1 cannot be taken away; see above"
        return
    fi
    unescape "$2"
    { printf '%s\n' "$raw" >"$beside" && sync "$beside" && mv -f "$beside" "$ROOT$1"; } \
        2>/dev/null || reason="$1 cannot be written; run this as root on the host itself"
}

same_file() { [ "$1" = "$2" ]; }

# Where an interrupt may go. The kernel keeps some to itself, and says EIO, or EPERM since 6.11.
same_irq() { same_cores "$@"; }

write_irq() {
    write_value "$@"
    case $message in *'Input/output'* | *'not permitted'*)
        fixed=yes
        note_fixed "$1"
        reason="the kernel keeps this interrupt where it is (it is one of a core's own, or managed \
by its driver, one queue to each core)" ;;
    esac
}

# irqbalance picks one core after the other out of those that it was left.
drifted_irq() {
    [ -z "$(cores_without "$1" "$2")" ] && grep -qsx irqbalance "$ROOT"/proc/[0-9]*/comm
}

# So that nobody tries again until a reboot.
note_fixed() {
    noted=$ROOT$STATE/fixed lines=''
    if [ -e "$noted" ]; then
        while read -r line; do
            case $line in "$boot $1") return ;; "$boot "*) lines=$lines$line$NEWLINE ;; esac
        done <"$noted"
    fi
    printf '%s' "$lines$boot $1$NEWLINE" >"$noted"
}

# A number of huge pages, of which the kernel makes as many as it finds room for.
write_pages() {
    write_value "$@"
    [ -z "$reason" ] || return
    read_value "$1" && number "$value" && number "$2" || return
    if [ "$value" -gt "$2" ]; then
        reason="$1: $value pages are in use, which is more than $2; stop what uses them and run \
this again"
    elif [ "$value" -lt "$2" ]; then
        reason="$1: only $value of $2 pages were to be had, since memory is short or in fragments; \
run \`sync; echo 1 > /proc/sys/vm/drop_caches; echo 1 > /proc/sys/vm/compact_memory\` and apply \
again, or ask for them at boot with hugepages=$2"
    fi
}

# Some were in use when they were to go.
between_pages() {
    number "$1" && number "$2" && number "$3" || return
    { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]; } || { [ "$1" -le "$2" ] && [ "$1" -ge "$3" ]; }
}

# Whether nobody may write $1: its mode says so, or a write of this boot did.
is_fixed() {
    case $(stat -c %A "$ROOT$1") in ??w*) ;; *) return 0 ;; esac
    [ -e "$ROOT$STATE/fixed" ] || return 1
    while read -r line; do
        [ "$line" != "$boot $1" ] || return 0
    done <"$ROOT$STATE/fixed"
    return 1
}
