"""What is in a feed: counts by type and symbol, time span, streams and their gaps.

A Scan takes a day file's bytes chunk by chunk, or a capture's frames from an open queue. It stops
at the first thing that cannot be true and says where; what came before stands.
"""

from ipaddress import IPv4Address

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

from dpdk_bindings.pio cimport (
    PIO_FRAME_CHECKSUM_PARTIAL, pio_frame, pio_queue,
)
from itch_ouch.itch cimport ITCH_DROP_LENGTH, ITCH_OK, itch_check
from itch_ouch.mold cimport MOLD_OK, mold_check, mold_is_request, mold_next, mold_packet
from itch_ouch.net cimport NET_OK, net_datagram, net_parse_udp
from itch_ouch.wire cimport (
    ITCH_STOCK_DIRECTORY, MOLD_BLOCK_BYTES, MOLD_SESSION_BYTES, be16, get48,
)

cdef enum:
    LOCATES = 65536
    # Streams told apart in one capture: lines A and B of a few sessions.
    STREAMS_MAX = 16

ctypedef struct stream_t:
    uint8_t[16] session
    uint32_t address
    uint16_t port
    uint64_t first_sequence
    uint64_t next_sequence
    uint64_t packets
    uint64_t messages
    uint64_t heartbeats
    uint64_t ends
    uint64_t gaps
    uint64_t gap_messages
    uint64_t repeated_messages


cdef class Scan:
    """Feed it with ``framed`` or ``frames``; the attributes are what it found so far."""

    cdef uint64_t[256] counts
    cdef uint64_t *locate_counts
    cdef uint8_t *names
    cdef readonly uint64_t messages, empty, offset
    cdef readonly uint64_t frames_seen, not_udp, not_mold, requests, streams_dropped, bad_lengths
    cdef uint64_t first_ns, last_ns
    cdef stream_t[STREAMS_MAX] stream
    cdef uint32_t stream_count
    cdef readonly str problem
    cdef readonly bint ended

    def __cinit__(self):
        self.locate_counts = <uint64_t *>calloc(LOCATES, 8)
        self.names = <uint8_t *>calloc(LOCATES, 8)
        if self.locate_counts == NULL or self.names == NULL:
            raise MemoryError("no memory for the counts by symbol")
        self.first_ns = <uint64_t>-1

    def __dealloc__(self):
        free(self.locate_counts)
        free(self.names)

    cdef bint _message(self, const uint8_t *message, uint32_t length) noexcept nogil:
        """Counts one message; False when its length is not its type's."""
        cdef int result = itch_check(message, length)
        cdef uint16_t locate
        cdef uint64_t at_ns
        if result == ITCH_DROP_LENGTH:
            return False
        self.messages += 1
        if length == 0:
            self.empty += 1
            return True
        self.counts[message[0]] += 1
        if result != ITCH_OK:
            return True
        memcpy(&locate, message + 1, 2)
        locate = be16(locate)
        at_ns = get48(message + 5)
        self.first_ns = min(self.first_ns, at_ns)
        self.last_ns = max(self.last_ns, at_ns)
        self.locate_counts[locate] += 1
        if message[0] == ITCH_STOCK_DIRECTORY:
            memcpy(self.names + 8 * <size_t>locate, message + 11, 8)
        return True

    def framed(self, const uint8_t[::1] content not None, bint last):
        """Takes whole messages behind their lengths; returns the bytes taken.

        Pass what is left in front of the next chunk; ``last`` when there is no next one. After a
        problem, or a length of 0 (the end of the session), nothing more is taken.
        """
        cdef uint64_t size = content.shape[0], used = 0
        cdef uint32_t length
        cdef const uint8_t *data
        cdef bint whole = True
        if size == 0 or self.problem is not None:
            return 0
        data = &content[0]
        if self.ended:
            self.problem = "bytes follow the end-of-session mark"
            return 0
        with nogil:
            while size - used >= MOLD_BLOCK_BYTES:
                length = <uint32_t>data[used] << 8 | data[used + 1]
                if length == 0:
                    used += MOLD_BLOCK_BYTES
                    self.ended = True
                    break
                if size - used - MOLD_BLOCK_BYTES < length:
                    break
                whole = self._message(data + used + MOLD_BLOCK_BYTES, length)
                if not whole:
                    break
                used += MOLD_BLOCK_BYTES + length
        self.offset += used
        if not whole:
            self.problem = (f"a message of type {chr(data[used + 2])!r} has {length} bytes, which "
                            "its type never has")
        elif self.ended and used < size:
            self.problem = "bytes follow the end-of-session mark"
        elif last and used < size:
            self.problem = "the file ends inside a message"
        return used

    def stop(self, str problem not None, offset=None):
        """What a source found wrong with itself, and where; nothing is taken any more."""
        self.problem = problem
        if offset is not None:
            self.offset = offset

    cdef stream_t *_stream(self, const net_datagram *d, const uint8_t *session) noexcept nogil:
        cdef stream_t *stream
        cdef uint32_t i
        for i in range(self.stream_count):
            stream = &self.stream[i]
            if (stream.address == d.destination_address and stream.port == d.destination_port
                    and memcmp(stream.session, session, MOLD_SESSION_BYTES) == 0):
                return stream
        if self.stream_count == STREAMS_MAX:
            return NULL
        stream = &self.stream[self.stream_count]
        self.stream_count += 1
        stream.address = d.destination_address
        stream.port = d.destination_port
        memcpy(stream.session, session, MOLD_SESSION_BYTES)
        return stream

    cdef void _packet(self, stream_t *stream, mold_packet *packet) noexcept nogil:
        cdef const uint8_t *message = NULL
        cdef uint32_t length = 0
        cdef uint64_t sequence = packet.sequence_number
        stream.packets += 1
        if stream.packets == 1:
            stream.first_sequence = stream.next_sequence = sequence
        if sequence > stream.next_sequence:
            stream.gaps += 1
            stream.gap_messages += sequence - stream.next_sequence
            stream.next_sequence = sequence
        if packet.end_of_session:
            stream.ends += 1
        elif packet.message_count == 0:
            stream.heartbeats += 1
        while mold_next(packet, &message, &length):
            if sequence < stream.next_sequence:
                stream.repeated_messages += 1
            elif self._message(message, length):
                stream.messages += 1
            else:
                self.bad_lengths += 1
            sequence += 1
        stream.next_sequence = max(stream.next_sequence, sequence)

    cdef void _frame(self, const pio_frame *frame) noexcept nogil:
        cdef net_datagram datagram
        cdef mold_packet packet
        cdef stream_t *stream
        self.frames_seen += 1
        if net_parse_udp(frame.data, frame.length, PIO_FRAME_CHECKSUM_PARTIAL, &datagram) != NET_OK:
            self.not_udp += 1
        elif mold_is_request(datagram.payload, datagram.payload_length):
            self.requests += 1
        elif mold_check(datagram.payload, datagram.payload_length, &packet) != MOLD_OK:
            self.not_mold += 1
        else:
            stream = self._stream(&datagram, packet.session)
            if stream == NULL:
                self.streams_dropped += 1
            else:
                self._packet(stream, &packet)

    def frames(self, size_t queue_address, uint64_t count_max):
        """Takes up to ``count_max`` frames from an open queue; returns how many there were."""
        cdef pio_queue *queue = <pio_queue *>queue_address
        cdef pio_frame[64] frames
        cdef uint64_t taken = 0
        cdef uint32_t count, i
        with nogil:
            while taken < count_max:
                count = queue.rx_burst(queue, frames, 64)
                if count == 0:
                    break
                for i in range(count):
                    self._frame(&frames[i])
                queue.rx_release(queue, frames, count)
                taken += count
        return taken

    @property
    def by_type(self):
        """Messages by type letter, the unknown ones too."""
        return {chr(i): self.counts[i] for i in range(256) if self.counts[i]}

    @property
    def span_ns(self):
        """Lowest and highest timestamp, or None without messages."""
        return (self.first_ns, self.last_ns) if self.first_ns != <uint64_t>-1 else None

    def most_active(self, count):
        """(locate, name, messages) of the busiest symbols; a name is "" without its directory."""
        ranked = sorted(((self.locate_counts[i], i) for i in range(1, LOCATES)
                         if self.locate_counts[i]), key=lambda row: (-row[0], row[1]))
        return [(i, (<bytes>self.names[8 * i : 8 * i + 8]).strip(b"\0 ").decode("latin-1"), n)
                for n, i in ranked[:count]]

    @property
    def symbol_count(self):
        """Symbols with at least one message."""
        cdef int i
        return sum(1 for i in range(1, LOCATES) if self.locate_counts[i])

    def streams(self):
        """One row for each session on each address and port."""
        return [
            {
                "session": (<bytes>s.session[:MOLD_SESSION_BYTES]).decode("latin-1").rstrip(),
                "address": str(IPv4Address(s.address)),
                "port": s.port,
                "packets": s.packets,
                "messages": s.messages,
                "first_sequence": s.first_sequence,
                "last_sequence": s.next_sequence - 1,
                "gaps": s.gaps,
                "gap_messages": s.gap_messages,
                "repeated_messages": s.repeated_messages,
                "heartbeats": s.heartbeats,
                "end_of_session": s.ends > 0,
            }
            for s in self.stream[: self.stream_count]
        ]
