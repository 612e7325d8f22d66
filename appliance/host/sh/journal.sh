# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2317 # shared variables; eval sets some; called by name
# The journal of former values: read, locked, written. A line is on disk before what it announces.

open=no records='' standing='' highest=0 begun=''

damaged() {
    die "$STATE/journal is damaged at line $at ($1); nothing was changed: look at it, mend or move \
it away, and run this again"
}

# Reads the journal into record_N variables. A line that a crash cut short has no newline: dropped.
load_journal() {
    at=0 boot=unknown journal=$ROOT$STATE/journal
    [ -e "$journal" ] || return 0
    [ -r "$journal" ] || die "only root may read $STATE/journal; run this as root"
    while IFS=$TAB read -r word a b c d e f more; do
        at=$((at + 1))
        for each in "$a" "$b" "$c" "$d" "$e" "$f"; do
            unescape "$each" || damaged "an escape that is none"
        done
        case $at:$word in
        1:tickpath-tune) [ "$a$b" = 1 ] || damaged "it is of another version, or no journal" ;;
        1:*) damaged "it is of another version, or no journal" ;;
        *:boot) [ -n "$a" ] || damaged "a word is missing"; boot=$a ;;
        *:begin) begun="$begun $a" ;;
        *:end) unfinished "${a:-$begun}" ;;
        *:set) load_set ;;
        *:got) [ -n "$b" ] || damaged "a word is missing"; known "$a"; eval "got_$a=\$b" ;;
        *:undone) known "$a"; strike "$a" ;;
        *) damaged "'$word' is no word of it" ;;
        esac
    done <"$journal"
}

load_set() {
    [ -n "$f" ] || damaged "a word is missing"
    [ -z "$more" ] || damaged "a word too many"
    number "$a" || damaged "'$a' is not a number"
    remember "$a" "$b" "$c" "$d" "$e" "$f"
}

known() {
    case $records in *" $1 "*) ;; *) damaged "there is no record '$1'" ;; esac
}

remember() {
    eval "stage_$1=\$2 kind_$1=\$3 target_$1=\$4 former_$1=\$5 wanted_$1=\$6"
    eval "got_$1='' boot_$1=\$boot"
    records="${records:- }$1 " standing="${standing:- }$1 "
    [ "$1" -le "$highest" ] || highest=$1
}

strike() { replace "$standing" " $1 " ' '; standing=$replaced; }

# Takes the lock, reads the journal and opens it for writing.
open_journal() {
    if [ "$dry" = yes ]; then
        load_journal
        boot_now
        return
    fi
    require_root
    lock=$ROOT$STATE/lock
    if ! { mkdir -p "$ROOT$STATE" && ( : >>"$lock" ); } 2>/dev/null; then
        die "$STATE cannot be written, and nothing is changed without a journal; run this as root \
on the host itself"
    fi
    exec 9<>"$lock"
    if ! flock -n 9 && ! { [ "$wait_s" -gt 0 ] && flock -w "$wait_s" 9; }; then
        read -r who <"$lock"
        die "another tuner (process ${who:-unknown}) is at work; wait until it has ended, or give \
--wait SECONDS"
    fi
    printf '%s\n' $$ >"$lock"
    load_journal
    boot_now
    trap close_journal EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # What is begun is ended, whoever listens: setting a card may cut the very line it is typed on.
    trap '' HUP PIPE
    open=yes
    if [ -e "$journal" ]; then
        truncate -s "$(head -n "$at" "$journal" | wc -c)" "$journal" || append_failed
    fi
    [ "$at" -gt 0 ] || append "tickpath-tune${TAB}1"
    append "boot$TAB$boot"
    sync "$ROOT$STATE"
}

boot_now() {
    boot=unknown
    { read -r boot <"$ROOT/proc/sys/kernel/random/boot_id"; } 2>/dev/null
    escape "${boot:-unknown}"
    boot=$word
}

# The journal goes when nothing is left to undo.
close_journal() {
    [ "$open" = yes ] || return 0
    open=no
    [ -n "${standing# }$begun" ] || rm -f "$journal"
}

append_failed() {
    die "$STATE/journal cannot be written; free some space: nothing more is changed without it"
}

append() { { printf '%s\n' "$1" >>"$journal" && sync "$journal"; } 2>/dev/null || append_failed; }

# A plan is being applied from here on; $1 are its stages.
begin() {
    [ "$dry" = no ] || return 0
    plan=$1
    append "begin$TAB$plan"
    begun="$begun $plan"
}

# All of it was applied; what a plan of more began that was cut short is still to do.
end() {
    [ "$dry" = no ] || return 0
    append "end$TAB$plan"
    unfinished "$plan"
}

# Takes what the words $1 end, stages or knobs, out of what was begun.
unfinished() {
    left=''
    for each in $begun; do
        case " $1 " in *" $each "* | *" ${each%%.*} "*) ;; *) left="$left $each" ;; esac
    done
    begun=$left
}

nothing_begun() {
    append end
    begun=''
}

undone() {
    for each in "$@"; do
        append "undone$TAB$each"
        strike "$each"
    done
}
