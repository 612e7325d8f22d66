# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2317 # shared variables; eval sets some; called by name
#
# What the host scripts share with the script that `appliance tune script` prints: the parts are in
# appliance/host/sh, all of them together in scripts/host_common.sh. POSIX sh with coreutils and
# util-linux.
#
# The journal of former values is the one of `appliance tune` (appliance/host/journal.py describes
# it): a former value is on disk before its write, so either of the two undoes what the other has
# set, after a kill at any step, too. Values are held as the journal writes them, as words: a tab,
# a newline and a backslash are escaped, \- is empty and \! is "there is no such thing".
#
# A script sets NAME and USAGE and has own_option; then: options "$@"; open_journal; begin; stage=
# and put KIND TARGET VALUE for each setting; end; finish. Nothing but put and undo writes.

LC_ALL=C
export LC_ALL
TAB=$(printf '\t')
NEWLINE='
'
STATE=/var/lib/tickpath/tune
ROOT=${TICKPATH_ROOT:-}
verb='' dry=no force=no wait_s=0 stage='' count=0 failures=0

say() { printf '%s\n' "$*" 2>/dev/null || return 0; }
warn() { printf '%s: %s\n' "$NAME" "$*" >&2; }
die() {
    warn "$*"
    exit 2
}

# Takes the verb and the options. What it does not know goes to own_option, which fails when it
# does not either, and sets $used when it takes more than one word.
options() {
    while [ $# -gt 0 ]; do
        used=1
        case $1 in
        --dry-run) dry=yes ;;
        --force) force=yes ;;
        --wait)
            need "$@"
            number "$2" || die "--wait: '$2' is not a number of seconds; write digits, as in \
--wait 10"
            wait_s=$2 ;;
        --root)
            need "$@"
            [ -d "$2" ] || die "--root: there is no folder $2; give one that is there"
            ROOT=${2%/} ;;
        -h | --help)
            say "$USAGE"
            exit 0 ;;
        status | apply | undo)
            [ -z "$verb" ] || die "one of status, apply and undo at a time; see $NAME --help"
            verb=$1 ;;
        *) own_option "$@" || die "'$1' is no option of $NAME; see $NAME --help" ;;
        esac
        shift $used
    done
}

# An option wants a value after it.
need() {
    [ $# -ge 2 ] || die "$1 needs a value after it; see $NAME --help"
    used=2
}

# Digits alone, without a leading zero, which a shell reads as octal, and few enough to count with.
number() {
    case $1 in '' | *[!0-9]* | 0?* | ??????????*) return 1 ;; esac
}

require_root() {
    [ -n "$ROOT" ] || [ "$(id -u)" = 0 ] ||
        die "only root may tune a host; run this with sudo, or see what would be done with \
--dry-run"
}

# $replaced is $1 with every $2 made $3.
replace() {
    remains=$1 replaced=''
    while :; do
        case $remains in
        *"$2"*) replaced=$replaced${remains%%"$2"*}$3 remains=${remains#*"$2"} ;;
        *) replaced=$replaced$remains; return 0 ;;
        esac
    done
}

# $word is the raw text $1 as the journal writes it.
escape() {
    word=$1
    case $word in
    '') word='\-' ;;
    *\\* | *"$TAB"* | *"$NEWLINE"*)
        replace "$word" "\\" "\\\\"
        replace "$replaced" "$TAB" '\t'
        replace "$replaced" "$NEWLINE" '\n'
        word=$replaced ;;
    esac
}

# $raw is the text of the word $1; fails on an escape that does not exist.
unescape() {
    raw='' remains=$1
    case $1 in '\-' | '\!') return 0 ;; esac
    while :; do
        case $remains in
        *\\*) raw=$raw${remains%%\\*} remains=${remains#*\\} ;;
        *) raw=$raw$remains; return 0 ;;
        esac
        case $remains in
        \\*) raw=$raw\\ ;;
        t*) raw=$raw$TAB ;;
        n*) raw=$raw$NEWLINE ;;
        *) return 1 ;;
        esac
        remains=${remains#?}
    done
}

shown() {
    case $1 in '\-') printf '""' ;; '\!') printf '(none)' ;; *) printf '%s' "$1" ;; esac
}

