"""The same step over a file: day files, captures and recordings.

A day file's messages are packed into the MoldUDP64 datagrams they would have come in, so that a
replay exercises the whole way from the frame on. `now` is the time of the frame's first message.
The strategy's orders, if it has any, are answered by an obliging venue (obliging.pyx).
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy, memset

from dpdk_bindings.pio cimport PIO_FRAME_CHECKSUM_GOOD, pio_queue
from itch_ouch.mold cimport mold_append, mold_begin, mold_finish, mold_writer
from itch_ouch.net cimport (
    NET_UDP_PAYLOAD_BYTES_MAX, net_template_init, net_write_udp_header,
)
from itch_ouch.wire cimport be16, get48, itch_message_bytes, itch_system_event_t
from appliance.core.engine cimport BURST_MAX, ROLE_FEED_A, Burst, Engine, EngineState, step
from appliance.obliging cimport oblige

cdef enum:
    MESSAGE_BYTES_MIN = 11      # type, locate, tracking, timestamp: the part every message has

cdef const uint8_t *SESSION = b"REPLAY0001"
cdef uint8_t[6] ZERO_MAC = [0, 0, 0, 0, 0, 0]


cdef void itch_source_begin(ItchSource *source, const uint8_t *data, uint64_t size_bytes,
                            uint32_t address, uint32_t port) noexcept nogil:
    memset(source, 0, sizeof(ItchSource))
    source.data = data
    source.size_bytes = size_bytes
    source.sequence = 1
    net_template_init(&source.headers, ZERO_MAC, ZERO_MAC, 0, 0, address, 0, <uint16_t>port, 1)


cdef uint32_t _next_length(ItchSource *source) noexcept nogil:
    """Length of the next message, or 0 with `ended` or `broken` set."""
    cdef uint64_t left = source.size_bytes - source.offset
    cdef uint32_t length
    if left == 0:
        source.ended = 1
        return 0
    if left < 2:
        source.broken = 1
        return 0
    length = be16((<const uint16_t *>(source.data + source.offset))[0])
    if length == 0:
        # BinaryFILE's end of session is the last of a file: anything behind it is damage.
        source.ended = 1
        source.broken = left > 2
        return 0
    if length > left - 2 or length < MESSAGE_BYTES_MIN or \
            length > NET_UDP_PAYLOAD_BYTES_MAX - 22 or \
            (itch_message_bytes[source.data[source.offset + 2]] not in (0, length)):
        source.broken = 1
        return 0
    return length


cdef uint32_t itch_source_frame(ItchSource *source, uint8_t *frame, uint64_t *now) noexcept nogil:
    cdef mold_writer writer
    cdef uint8_t *payload = frame + source.headers.header_length
    cdef uint8_t *room
    cdef const uint8_t *message
    cdef uint32_t length
    cdef uint64_t timestamp
    mold_begin(&writer, payload, NET_UDP_PAYLOAD_BYTES_MAX)
    while True:
        length = _next_length(source)
        if length == 0:
            break
        message = source.data + source.offset + 2
        timestamp = get48((<const itch_system_event_t *>message).timestamp)
        if source.until_ns and timestamp > source.until_ns:
            source.ended = 1
            break
        if source.messages_max and writer.message_count == source.messages_max:
            break
        room = mold_append(&writer, length)
        if room == NULL:
            break
        if writer.message_count == 1:
            now[0] = source.midnight_ns + timestamp
        memcpy(room, message, length)
        source.last_ns = timestamp
        source.offset += 2 + length
    if writer.message_count == 0:
        return 0
    length = mold_finish(&writer, SESSION, source.sequence)
    source.sequence += writer.message_count
    return net_write_udp_header(&source.headers, frame, length)


cdef uint64_t _replay(EngineState *engine, ItchSource *source, uint8_t *frame, Burst *burst,
                      uint64_t frames_max) noexcept nogil:
    """Steps over up to frames_max datagrams; how many there were."""
    cdef uint64_t frames = 0, now = 0, answered = engine.channel.tx_wire
    cdef uint32_t length
    oblige(engine, &answered)
    while frames < frames_max:
        length = itch_source_frame(source, frame, &now)
        if length == 0:
            break
        burst.frames[0].data = frame
        burst.frames[0].length = length
        burst.frames[0].flags = PIO_FRAME_CHECKSUM_GOOD
        step(engine, burst, 1, 0, now)
        oblige(engine, &answered)
        frames += 1
    return frames


cdef class ItchReplay:
    """Steps ``engine`` over a day file's bytes (2-byte length framing).

    ``until_ns`` (since midnight) stops before the first later message. After :meth:`run`,
    ``offset`` is where reading ended, ``broken`` whether the data there cannot be right.
    """

    cdef Engine engine
    cdef ItchSource source
    cdef Burst burst
    cdef uint8_t[ITCH_SOURCE_FRAME_BYTES] frame
    cdef object keep
    cdef const uint8_t[:] view

    def __init__(self, Engine engine, data, *, midnight_ns: int = 0, until_ns: int = 0):
        cdef const uint8_t *start = NULL
        memset(&self.burst, 0, sizeof(Burst))
        self.engine = engine
        self.keep = data
        if len(data):
            self.view = data
            start = &self.view[0]
        itch_source_begin(&self.source, start, len(data),
                          engine.engine.addresses[ROLE_FEED_A].address,
                          engine.engine.addresses[ROLE_FEED_A].port)
        self.source.midnight_ns = midnight_ns
        self.source.until_ns = until_ns
        self.burst.role = ROLE_FEED_A
        self.burst.count = 1

    def run(self, frames_max: int = 1 << 62) -> int:
        """Replays up to ``frames_max`` datagrams, without the GIL; how many there were."""
        cdef uint64_t limit = frames_max, frames
        with nogil:
            frames = _replay(self.engine.engine, &self.source, self.frame, &self.burst, limit)
        return frames

    @property
    def done(self) -> bool:
        return self.source.ended != 0 or self.source.broken != 0

    @property
    def broken(self) -> bool:
        return self.source.broken != 0

    @property
    def offset(self) -> int:
        return self.source.offset

    @property
    def messages(self) -> int:
        return self.source.sequence - 1

    @property
    def last_ns(self) -> int:
        """Timestamp of the last message taken, ns since midnight."""
        return self.source.last_ns


def replay_queue(Engine engine, queue, frames_max: int = 1 << 62) -> int:
    """Steps over what a queue still has (a capture, or a memory queue that is being filled).

    Every frame is taken for line A; `now` is its timestamp. Returns after frames_max frames or when
    the queue has nothing more; how many frames there were.
    """
    cdef uintptr_t address = queue.address
    cdef pio_queue *q = <pio_queue *>address
    cdef Burst burst
    cdef Burst one
    cdef uint64_t frames = 0, limit = frames_max
    cdef uint64_t answered = engine.engine.channel.tx_wire
    cdef uint32_t i, want
    memset(&one, 0, sizeof(Burst))
    one.role = ROLE_FEED_A
    one.count = 1
    with nogil:
        oblige(engine.engine, &answered)
        while frames < limit:
            want = <uint32_t>(limit - frames if limit - frames < BURST_MAX else BURST_MAX)
            burst.count = q.rx_burst(q, burst.frames, want)
            if burst.count == 0:
                break
            for i in range(burst.count):
                one.frames[0] = burst.frames[i]
                step(engine.engine, &one, 1, 0, burst.frames[i].timestamp_ns)
                oblige(engine.engine, &answered)
            q.rx_release(q, burst.frames, burst.count)
            frames += burst.count
    return frames
