"""Plan, apply, verify and undo: the same for all stages.

The order of every single write: journal the former value (on disk), write, read back, journal what
came of it. Whatever is cut short between two of these is found by the next call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from appliance.host.host import Host, HostError, NotHere, refusal
from appliance.host.journal import Journal, Record
from appliance.host.kinds import ABSENT, Kind
from appliance.host.stage import Setting, Stage
from appliance.host.stages import KINDS, STAGES
from appliance.host.wish import Wish

Outcome = Literal["set", "kept", "absent", "refused", "restored", "left", "gone"]


@dataclass(frozen=True)
class Done:
    """What became of one setting. ``kept``: it was right. ``left``: someone else changed it since.

    ``absent``: it turned out to be no knob. ``gone``: it ended with a reboot, or its device has.
    """

    stage: str
    target: str
    former: str
    now: str
    outcome: Outcome
    reason: str = ""


Tell = Callable[[Done], None]


def chosen_stages(only: Sequence[str], skip: Iterable[str]) -> list[Stage]:
    """The stages by name, in their order; raises HostError on a name that is none."""
    known = {stage.name for stage in STAGES} | {k.id for stage in STAGES for k in stage.knobs}
    for name in (*only, *skip):
        if name not in known:
            raise HostError(f"there is no stage or knob '{name}'; the stages are "
                            f"{', '.join(stage.name for stage in STAGES)}")
    wanted = {name.partition(".")[0] for name in only} or {stage.name for stage in STAGES}
    return [stage for stage in STAGES if stage.name in wanted and stage.name not in set(skip)]


def plan(host: Host, wish: Wish, only: Sequence[str] = ()) -> list[tuple[Stage, Setting]]:
    """Every setting of the chosen stages as found and as wanted; changes nothing."""
    rows = []
    for stage in chosen_stages(only, wish.skip):
        rows += [(stage, setting) for setting in _settings(stage, host, wish, only)]
    return rows


def _settings(stage: Stage, host: Host, wish: Wish, only: Sequence[str]) -> list[Setting]:
    knobs = {name for name in only if name.partition(".")[0] == stage.name and "." in name}
    return [setting for setting in stage.check(host, wish)
            if setting.knob not in wish.skip and (not knobs or setting.knob in knobs)]


def apply(host: Host, wish: Wish, tell: Tell, only: Sequence[str] = (),
          wait_s: float = 0.0) -> list[Done]:
    """Sets what differs, each after its former value is on disk; a refusal stops nothing else."""
    done: list[Done] = []
    stages = chosen_stages(only, wish.skip)
    with Journal(host, wait_s) as journal:
        names = list(only) or [stage.name for stage in stages]
        journal.begin(names)
        for stage in stages:
            # Compared again here: a stage may build on what the one before it has set.
            for setting in _settings(stage, host, wish, only):
                if setting.verdict == "change":
                    done.append(_set(host, journal, stage, setting))
                    tell(done[-1])
                elif setting.verdict == "ok":
                    done.append(Done(stage.name, setting.target, setting.found, setting.found,
                                     "kept"))
                elif setting.verdict == "refused":
                    done.append(Done(stage.name, setting.target, setting.found, setting.found,
                                     "refused", f"{setting.reason}; {setting.remedy}"))
                    tell(done[-1])
        journal.end(names)
    return done


def _set(host: Host, journal: Journal, stage: Stage, setting: Setting) -> Done:
    kind, target = setting.kind, setting.target
    former = kind.read(host, target)
    if former is None:
        return Done(stage.name, target, "", "", "refused", kind.why_not(host, target))
    record = journal.set(stage.name, kind.name, target, former, setting.wanted)
    error = _write(host, kind, target, setting.wanted)
    now = kind.read(host, target)
    journal.got(record, former if now is None else now)
    if error or now is None or not kind.same(now, setting.wanted):
        if now is not None and kind.same(now, former):
            journal.undone([record])
        reason = str(error or f"{target} was written {setting.wanted} and reads {now}; see "
                              f"`appliance tune explain {setting.knob}`")
        outcome: Outcome = "absent" if isinstance(error, NotHere) else "refused"
        return Done(stage.name, target, former, now or "", outcome, reason)
    return Done(stage.name, target, former, now, "set")


def _write(host: Host, kind: Kind, target: str, value: str) -> HostError | None:
    """Writes; what that was refused with."""
    try:
        kind.write(host, target, value)
    except HostError as error:
        return error
    except OSError as error:
        return HostError(refusal(target, error))
    return None


# ---- undo ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """One target that undo would restore: its records in order, the first has the true former.

    All of one boot, unless the value outlives it: what another boot found is no former of this one.
    """

    records: tuple[Record, ...]

    @property
    def first(self) -> Record:
        return self.records[0]

    @property
    def last(self) -> Record:
        return self.records[-1]


def standing(records: Iterable[Record]) -> list[Standing]:
    """What stands, target by target, the one set last first."""
    by_target: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        kind = KINDS.get(record.kind)
        boot_id = "" if kind is not None and kind.persistent else record.boot_id
        by_target.setdefault((record.kind, record.target, boot_id), []).append(record)
    found = [Standing(tuple(records)) for records in by_target.values()]
    return sorted(found, key=lambda each: each.first.number, reverse=True)


def undo_stages(only: Sequence[str]) -> set[str]:
    """The stages to undo, empty for all that stands; raises HostError on a name that is none."""
    for name in only:
        stage, _, knob = name.partition(".")
        if knob and any(name == known.id for each in STAGES for known in each.knobs):
            raise HostError(f"undo goes stage by stage; name the stage, {stage}")
    return {stage.name for stage in chosen_stages(only, ())} if only else set()


def undo(host: Host, tell: Tell, only: Sequence[str] = (), force: bool = False,
         wait_s: float = 0.0) -> list[Done]:
    """Restores former values exactly, the last set first.

    A value that somebody changed since is left as it is and stays in the journal, unless
    ``force``. What a reboot has already put back is only struck out; so is what is gone, once
    nothing else stands: until then a queue or device may come back with it.
    """
    done = []
    gone: list[Record] = []
    wanted = undo_stages(only)
    with Journal(host, wait_s) as journal:
        for each in standing(journal.contents.standing):
            if wanted and each.first.stage not in wanted:
                continue
            done.append(_restore(host, journal, each, force))
            tell(done[-1])
            if done[-1].outcome == "gone":
                gone += each.records
        if all(record in gone for record in journal.contents.standing):
            journal.undone(record for record in gone if not record.undone)
        if not journal.contents.standing:
            journal.nothing_begun()
    return done


def _restore(host: Host, journal: Journal, each: Standing, force: bool) -> Done:
    kind = KINDS.get(each.first.kind)
    first, target = each.first, each.first.target
    told = Done(first.stage, target, first.former, "", "restored")
    if kind is None:
        return replace(told, outcome="refused", reason=(
            f"the journal speaks of '{first.kind}', which this version does not know; undo "
            f"{target} with the version that applied it"))
    if first.boot_id != host.boot_id and not kind.persistent:
        journal.undone(each.records)
        return replace(told, outcome="gone", reason="the reboot has put it back")
    now = kind.read(host, target)
    if now is None:
        return replace(told, outcome="gone", reason=kind.why_not(host, target))
    if kind.same(now, first.former) and not kind.late:
        journal.undone(each.records)
        return replace(told, now=now)
    ours = each.last.got is None or any(
        kind.same(now, value) for record in each.records
        for value in (record.got or record.wanted, record.wanted, record.former)
    ) or kind.between(now, each.last.wanted, first.former) or kind.drifted(
        host, now, each.last.wanted)
    if not ours and not force:
        return replace(told, now=now, outcome="left", reason=(
            f"it is {now} now, which tune did not set; give --force to restore {first.former}"))
    error = _write(host, kind, target, first.former)
    now = kind.read(host, target)
    if error or now is None or not kind.same(now, first.former):
        return replace(told, now=now or "", outcome="refused", reason=str(error or (
            f"{target} was written {first.former} and reads {now}; try again, or reboot")))
    journal.undone(each.records)
    return replace(told, now=now)


def shown(value: str) -> str:
    """A value for people."""
    return {ABSENT: "(none)", "": '""'}.get(value, value)
