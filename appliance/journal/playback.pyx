"""The engine's step over a journal: what came in goes in again, what went out must come out again.

Records of one turn of the loop bear the same `now` and are one step. Frames are stepped over where
they lie in the file. Every ORDER record is compared, byte for byte, with what the step made (R2);
the first that differs ends the playback. Whatever a step made counts as sent before the next: the
wire is not part of a recording.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from appliance.core.channel cimport ChannelEntry, channel_entry
from appliance.core.engine cimport BURST_MAX, ROLE_COUNT, Burst, Engine, EngineState, step

cdef extern from "journal.h" nogil:
    enum:
        JOURNAL_FRAME
        JOURNAL_COMMAND
        JOURNAL_TICK
        JOURNAL_ORDER
        JOURNAL_END
    cdef struct journal_record:
        uint16_t kind
        uint16_t role
        uint32_t length
        uint64_t now_ns
        uint64_t number
        uint32_t flags

cdef enum:
    LENGTH_BYTES = 4            # before each record; record.py LENGTH
    RECORD_BYTES_MAX = 1 << 24  # as reader.py has it
    BURSTS_MAX = 2 * ROLE_COUNT # a turn has one burst a role; more is no turn of ours

cdef enum:                      # Playback.outcome
    PLAY_GOING = 0
    PLAY_END = 1                # at the END record
    PLAY_CUT = 2                # at the end of the file, without one
    PLAY_BROKEN = 3
    PLAY_DIFFERENT = 4

cdef struct Playback:
    const uint8_t *data
    uint64_t size_bytes
    uint64_t offset             # of the record to be read next
    uint64_t last_offset        # of the record read last
    uint64_t now
    uint64_t records
    uint64_t frames
    uint64_t steps
    uint64_t orders
    uint64_t commands
    uint64_t ticks
    uint64_t order_next         # number of the ORDER record to come
    uint32_t outcome
    uint32_t kill
    uint32_t unsent             # at a kill: messages made and not sent when it came
    uint32_t burst_count
    uint8_t gathered            # there is input that no step has seen
    uint8_t has_recorded        # PLAY_DIFFERENT: is there a recorded message?
    const char *why             # PLAY_BROKEN
    const uint8_t *recorded     # PLAY_DIFFERENT: the recorded message
    uint32_t recorded_length
    Burst bursts[BURSTS_MAX]


cdef bint _broken(Playback *p, const char *why) noexcept nogil:
    p.outcome = PLAY_BROKEN
    p.why = why
    p.offset = p.last_offset
    return False


cdef bint _next(Playback *p, journal_record *record, const uint8_t **payload) noexcept nogil:
    """The next record's header, copied (a file aligns nothing), and its payload's place."""
    cdef uint64_t left = p.size_bytes - p.offset
    cdef uint32_t length
    p.last_offset = p.offset
    if left == 0:
        p.outcome = PLAY_CUT
        return False
    if left < LENGTH_BYTES:
        return _broken(p, b"a record's length is cut short")
    memcpy(&length, p.data + p.offset, LENGTH_BYTES)
    if length < sizeof(journal_record) or length > RECORD_BYTES_MAX:
        return _broken(p, b"a record cannot have the length it says")
    if length > left - LENGTH_BYTES:
        return _broken(p, b"a record is cut short")
    memcpy(record, p.data + p.offset + LENGTH_BYTES, sizeof(journal_record))
    if record.length != length - sizeof(journal_record):
        return _broken(p, b"a record's two lengths disagree")
    payload[0] = p.data + p.offset + LENGTH_BYTES + sizeof(journal_record)
    p.offset += LENGTH_BYTES + length
    p.records += 1
    return True


cdef void _differ(Playback *p, const uint8_t *recorded, uint32_t length) noexcept nogil:
    p.outcome = PLAY_DIFFERENT
    p.has_recorded = recorded != NULL
    p.recorded = recorded
    p.recorded_length = length


cdef void _apply(Playback *p, EngineState *engine) noexcept nogil:
    """One step over what was gathered, unless the last one made more than was recorded of it."""
    if not p.gathered:
        return
    if p.steps and p.order_next != engine.channel.tx_next:
        _differ(p, NULL, 0)
        return
    engine.channel.tx_wire = engine.channel.tx_next - p.unsent
    p.unsent = 0
    step(engine, p.bursts, p.burst_count, p.kill, p.now)
    engine.channel.tx_wire = engine.channel.tx_next
    p.steps += 1
    p.burst_count = 0
    p.gathered = 0


cdef bint _gather_frame(Playback *p, const journal_record *record,
                        const uint8_t *payload) noexcept nogil:
    cdef Burst *burst = &p.bursts[p.burst_count - 1] if p.burst_count else NULL
    if record.role >= ROLE_COUNT:
        return _broken(p, b"a frame came from nowhere we know")
    if burst == NULL or burst.role != record.role or burst.count == BURST_MAX:
        if p.burst_count == BURSTS_MAX:
            return _broken(p, b"one turn of the loop cannot have so many frames")
        burst = &p.bursts[p.burst_count]
        burst.role = record.role
        burst.count = 0
        p.burst_count += 1
    burst.frames[burst.count].data = <uint8_t *>payload
    burst.frames[burst.count].length = record.length
    burst.frames[burst.count].flags = record.flags
    burst.frames[burst.count].timestamp_ns = record.number
    burst.count += 1
    p.frames += 1
    return True


cdef void _compare(Playback *p, EngineState *engine, const journal_record *record,
                   const uint8_t *payload) noexcept nogil:
    cdef const ChannelEntry *entry
    if record.number != p.order_next:
        _broken(p, b"an order is out of sequence")
        return
    entry = channel_entry(&engine.channel, record.number)
    if record.number >= engine.channel.tx_next or entry.length != record.length \
            or memcmp(entry.message, payload, record.length) != 0:
        _differ(p, payload, record.length)
        return
    p.order_next += 1
    p.orders += 1


cdef void _take(Playback *p, EngineState *engine, const journal_record *record,
                const uint8_t *payload) noexcept nogil:
    """Files one record: input is gathered, an order is compared after its step."""
    if record.now_ns != p.now or record.kind == JOURNAL_ORDER or record.kind == JOURNAL_END:
        _apply(p, engine)
        if p.outcome != PLAY_GOING:
            return
    if record.kind == JOURNAL_ORDER:
        _compare(p, engine, record, payload)
        return
    if record.kind == JOURNAL_END:
        if p.order_next != engine.channel.tx_next:
            _differ(p, NULL, 0)
        elif p.offset != p.size_bytes:
            _broken(p, b"something follows the end")
        else:
            p.outcome = PLAY_END
        return
    p.now = record.now_ns
    p.gathered = 1
    if record.kind == JOURNAL_FRAME:
        _gather_frame(p, record, payload)
    elif record.kind == JOURNAL_COMMAND:
        p.kill = <uint32_t>record.number
        p.unsent = record.flags
        p.commands += 1
    elif record.kind == JOURNAL_TICK:
        p.ticks += 1
    else:
        _broken(p, b"a record of a kind we do not know")


cdef void play(Playback *p, EngineState *engine, uint64_t records_max) noexcept nogil:
    cdef journal_record record
    cdef const uint8_t *payload = NULL
    cdef uint64_t i
    for i in range(records_max):
        if not _next(p, &record, &payload):
            if p.outcome == PLAY_CUT:
                _apply(p, engine)
            return
        _take(p, engine, &record, payload)
        if p.outcome != PLAY_GOING:
            return


cdef class Player:
    """Plays the journal in ``data`` from ``offset`` (behind its START record) into ``engine``."""

    cdef Playback playback
    cdef Engine engine
    cdef const uint8_t[:] view

    def __init__(self, Engine engine, data, offset: int):
        memset(&self.playback, 0, sizeof(Playback))
        self.engine = engine
        self.view = data
        self.playback.data = &self.view[0]
        self.playback.size_bytes = len(data)
        self.playback.offset = offset
        self.playback.order_next = 1

    def run(self, records_max: int) -> bool:
        """Plays up to ``records_max`` records, without the GIL; False when there are no more."""
        cdef uint64_t limit = records_max
        with nogil:
            play(&self.playback, self.engine.engine, limit)
        return self.playback.outcome == PLAY_GOING

    @property
    def counts(self) -> dict[str, int]:
        p = self.playback
        return {"records": p.records, "frames": p.frames, "steps": p.steps, "orders": p.orders,
                "commands": p.commands, "ticks": p.ticks}

    @property
    def complete(self) -> bool:
        """Did it reach the END record?"""
        return self.playback.outcome == PLAY_END

    @property
    def offset(self) -> int:
        """Where reading ended, in bytes from the file's start."""
        return self.playback.offset

    @property
    def last_offset(self) -> int:
        """Where the record that was read last begins."""
        return self.playback.last_offset

    @property
    def broken(self) -> str | None:
        """Why the file made no more sense at ``offset``, or None."""
        return self.playback.why.decode() if self.playback.outcome == PLAY_BROKEN else None

    @property
    def difference(self) -> tuple[int, bytes | None, bytes | None] | None:
        """Number, recorded and replayed message of the first order that differs, or None."""
        cdef const ChannelEntry *entry
        cdef EngineState *engine = self.engine.engine
        cdef uint64_t number = self.playback.order_next
        if self.playback.outcome != PLAY_DIFFERENT:
            return None
        recorded = replayed = None
        if self.playback.has_recorded:
            recorded = (<const char *>self.playback.recorded)[:self.playback.recorded_length]
        if number < engine.channel.tx_next:
            entry = channel_entry(&engine.channel, number)
            replayed = (<const char *>entry.message)[:entry.length]
        return (number, recorded, replayed)
