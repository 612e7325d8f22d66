# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2317 # shared variables; eval sets some; called by name
# Setting and undoing, one target at a time: journal, write, read back, journal what came of it.

# Sets target $2 of kind $1 to the raw value $3, journal first.
put() {
    escape "$3"
    put_word "$1" "$2" "$word"
}

# Takes a thing away that may be absent.
take_away() { put_word "$1" "$2" '\!'; }

put_word() {
    kind=$1 target=$2 wanted=$3
    if ! by_kind read "$kind" "$target"; then
        by_kind why_not "$kind" "$target"
        say "not here  $target: $reason"
        return
    fi
    former=$value
    if by_kind same "$kind" "$former" "$wanted"; then
        say "kept      $target: $(shown "$former")"
        return
    fi
    if [ "$dry" = yes ]; then
        count=$((count + 1))
        say "would set $target: $(shown "$former") -> $(shown "$wanted")"
        return
    fi
    here=$((highest + 1))
    escape "$target"
    append "set$TAB$here$TAB$stage$TAB$kind$TAB$word$TAB$former$TAB$wanted"
    remember "$here" "$stage" "$kind" "$word" "$former" "$wanted"
    fixed=no reason=''
    by_kind write "$kind" "$target" "$wanted"
    refused=$reason
    by_kind read "$kind" "$target" || value=$former
    append "got$TAB$here$TAB$value"
    eval "got_$here=\$value"
    if [ -z "$refused" ] && by_kind same "$kind" "$value" "$wanted"; then
        count=$((count + 1))
        say "set       $target: $(shown "$former") -> $(shown "$value")"
        return
    fi
    ! by_kind same "$kind" "$value" "$former" || undone "$here"
    if [ "$fixed" = yes ]; then
        say "not here  $target: $refused"
        return
    fi
    failed "${refused:-$target was written $(shown "$wanted") and reads \
$(shown "$value"); see \`appliance tune explain\`}"
}

failed() {
    failures=$((failures + 1))
    warn "$1"
}

# Restores what the stages $1 have set (all of them when empty), the last set first.
undo() {
    [ -e "$ROOT$STATE/journal" ] || return 0
    open_journal
    # By value: the record that was first has the true former one.
    seen='' order='' missing=''
    for n in $standing; do
        value_of "$n"
        eval "of=\$stage_$n"
        case $NEWLINE$seen in *"$NEWLINE$key$NEWLINE"*) continue ;; esac
        seen=$seen$key$NEWLINE
        case " ${1:-$of} " in *" $of "*) order="$n $order" ;; esac
    done
    for n in $order; do
        restore "$n"
    done
    [ "$dry" = no ] || return 0
    strike_missing
    [ -n "${standing# }" ] || nothing_begun
}

# What is gone is struck out once nothing else stands: until then something may bring it back.
strike_missing() {
    for n in $standing; do
        case "$missing " in *" $n "*) ;; *) return 0 ;; esac
    done
    # shellcheck disable=SC2086 # numbers
    undone $missing
}

# Sets $key, which records of the same value share: of one kind, target and boot, since what another
# boot found is no former value of this one. What outlives a boot is one value in all of them.
value_of() {
    eval "kind=\$kind_$1 key=\$kind_$1:\$target_$1:\$boot_$1"
    ! persistent "$kind" || eval "key=\$kind_$1:\$target_$1:"
}

# Restores the value of record $1, from whatever any record of it made of it.
restore() {
    value_of "$1"
    this=$key group=''
    for each in $standing; do
        value_of "$each"
        [ "$key" != "$this" ] || group="$group $each"
    done
    eval "kind=\$kind_$1 former=\$former_$1 was_boot=\$boot_$1"
    eval "unescape \"\$target_$1\""
    target=$raw
    if ! known_kind "$kind"; then
        failed "$target was set by \`appliance tune\` alone; restore it with \`appliance tune \
undo\`"
    elif [ "$was_boot" != "$boot" ] && ! persistent "$kind"; then
        say "gone      $target: the reboot has put it back"
        # shellcheck disable=SC2086 # numbers
        [ "$dry" = yes ] || undone $group
    elif ! by_kind read "$kind" "$target"; then
        by_kind why_not "$kind" "$target"
        missing="$missing$group"
        say "gone      $target: $reason"
    elif by_kind same "$kind" "$value" "$former" && ! late "$kind"; then
        restored
    elif ! ours && [ "$force" = no ]; then
        failed "$target is $(shown "$value") now, which tune did not set; give --force to \
restore $(shown "$former")"
    else
        write_back
    fi
}

# Whether $value is one that a record of $group gave it, or may have.
ours() {
    for each in $group; do
        eval "got=\$got_$each wanted=\$wanted_$each was=\$former_$each"
        for one_of in "${got:-$wanted}" "$wanted" "$was"; do
            ! by_kind same "$kind" "$value" "$one_of" || return 0
        done
    done
    [ -z "$got" ] || by_kind between "$kind" "$value" "$wanted" "$former" ||
        by_kind drifted "$kind" "$value" "$wanted"
}

write_back() {
    if [ "$dry" = yes ]; then
        restored
        return
    fi
    reason=''
    by_kind write "$kind" "$target" "$former"
    refused=$reason
    by_kind read "$kind" "$target" || value='\!'
    if [ -z "$refused" ] && by_kind same "$kind" "$value" "$former"; then
        restored
        return
    fi
    failed "${refused:-$target was written $(shown "$former") and reads \
$(shown "$value"); try again, or reboot}"
}

restored() {
    count=$((count + 1))
    if [ "$dry" = yes ]; then
        say "would restore $target: $(shown "$former")"
        return
    fi
    # shellcheck disable=SC2086 # numbers
    undone $group
    say "restored  $target: $(shown "$former")"
}

# What became of all; exit status 1 when something was refused or left.
finish() {
    [ "$dry" = no ] || say "$count would be $1; nothing was written"
    [ "$dry" = yes ] || say "$count $1, $failures not"
    [ "$failures" = 0 ] || exit 1
    exit 0
}

# What undo would restore of the stages $1, without root and without a lock.
show_standing() {
    load_journal
    shown_count=0
    for n in $standing; do
        eval "of=\$stage_$n former=\$former_$n now=\${got_$n:-\$wanted_$n} target=\$target_$n"
        case " ${1:-$of} " in *" $of "*) ;; *) continue ;; esac
        shown_count=$((shown_count + 1))
        say "$target: $(shown "$now"), was $(shown "$former")"
    done
    say "$shown_count set by tune; undo restores them"
}
