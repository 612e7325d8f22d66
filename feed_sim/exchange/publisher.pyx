"""The store, the lines that read it, and the messages that open and close a trading day."""

from ipaddress import IPv4Address

from libc.stdlib cimport calloc, free
from libc.string cimport memset

from itch_ouch.mold cimport mold_append, mold_begin, mold_finish, mold_write_header, mold_writer
from itch_ouch.net cimport net_group_mac, net_template_init
from itch_ouch.wire cimport (
    MOLD_SESSION_BYTES, itch_write_stock_directory, itch_write_stock_trading_action,
    itch_write_system_event,
)

cdef extern from "<stdlib.h>" nogil:
    void *aligned_alloc(size_t alignment, size_t size)

cdef extern from "<sys/mman.h>" nogil:
    const int MADV_HUGEPAGE
    int madvise(void *address, size_t length, int advice)


# Frames that one lend asks for; a flush takes as many lends as it needs.
cdef enum:
    FLUSH_FRAMES = 16
    # What one request is answered with at most.
    RESEND_PACKETS_MAX = 64
    HUGE_PAGE_BYTES = 1 << 21

# Where a venue's hosts would be: the source address of a line has a MAC of its own making,
# locally administered, from the address's last three bytes.
MAC_PREFIX = b"\x02\x00\x5e"


cdef void *table_new(size_t bytes) noexcept:
    """Zeroed memory for free(), in huge pages where there are any; every page is touched."""
    cdef size_t whole = (bytes + HUGE_PAGE_BYTES - 1) & ~<size_t>(HUGE_PAGE_BYTES - 1)
    cdef void *table = aligned_alloc(HUGE_PAGE_BYTES, whole)
    if table != NULL:
        madvise(table, whole, MADV_HUGEPAGE)
        memset(table, 0, whole)
    return table


cdef store_t *store_new(uint64_t store_count, uint64_t slot_bytes) except NULL:
    """A store of `store_count` messages, a power of two; every page is touched."""
    if store_count < 2 or store_count & (store_count - 1):
        raise ValueError(f"a store of {store_count} messages: the count must be a power of two")
    cdef store_t *store = <store_t *>calloc(1, sizeof(store_t))
    if store == NULL:
        raise MemoryError("no memory for a store of messages")
    store.slots = <uint8_t *>table_new(store_count * slot_bytes)
    if store.slots == NULL:
        free(store)
        raise MemoryError(f"no memory for a store of {store_count} messages; make it smaller")
    store.slot_bytes = slot_bytes
    store.mask = store_count - 1
    store.next_sequence = 1
    return store


cdef void store_free(store_t *store) noexcept:
    if store != NULL:
        free(store.slots)
        free(store)


cdef void publish_event(store_t *store, uint8_t event_code, uint64_t timestamp) noexcept nogil:
    """A system event: O, S, Q open the day, M, E, C close it."""
    cdef uint8_t *slot = store_slot(store, store.next_sequence)
    store_commit(store, slot, itch_write_system_event(
        slot + MOLD_BLOCK_BYTES, 0, 0, timestamp, event_code))


cdef void publish_opening(
    store_t *store, const symbols_t *symbols, uint64_t timestamp
) noexcept nogil:
    """Start of messages and system hours, the directory, trading states, start of market hours.

    2 * symbols + 3 messages: the store must hold them until the lines have sent them.
    """
    cdef uint8_t *slot
    cdef const uint8_t *name
    cdef uint32_t locate
    publish_event(store, c"O", timestamp)
    publish_event(store, c"S", timestamp)
    for locate in range(1, symbols.count + 1):
        slot = store_slot(store, store.next_sequence)
        name = symbols.names + 8 * <size_t>locate
        store_commit(store, slot, itch_write_stock_directory(
            slot + MOLD_BLOCK_BYTES, <uint16_t>locate, 0, timestamp, name, c"Q", c"N", 100, c"N",
            c"C", b"Z ", c"T", c"N", c"N", c"1", c"N", 0, c"N"))
    for locate in range(1, symbols.count + 1):
        slot = store_slot(store, store.next_sequence)
        name = symbols.names + 8 * <size_t>locate
        store_commit(store, slot, itch_write_stock_trading_action(
            slot + MOLD_BLOCK_BYTES, <uint16_t>locate, 0, timestamp, name, c"T", c" ", b"    "))
    publish_event(store, c"Q", timestamp)


cdef inline void stall(line_t *line) noexcept nogil:
    line.stalls += not line.stalled
    line.stalled = True


cdef uint32_t line_pack(
    line_t *line, const store_t *store, uint8_t *payload, uint32_t capacity, uint64_t span_ns
) noexcept nogil:
    """Fills a payload with the line's next messages; returns its length, or 0 without messages.

    A packet ends when it is full, or before a message `span_ns` or more younger than its first.
    """
    cdef mold_writer writer
    cdef const uint8_t *slot
    cdef uint8_t *place
    cdef uint64_t sequence = line.next_sequence, first_ns = 0, at_ns
    cdef uint32_t length
    if store.next_sequence - sequence > store.mask + 1:
        line.overrun_messages += store.next_sequence - sequence - (store.mask + 1)
        sequence = line.next_sequence = store.next_sequence - (store.mask + 1)
    mold_begin(&writer, payload, capacity)
    while sequence < store.next_sequence:
        slot = store_slot(store, sequence)
        length = be16((<const uint16_t *>slot)[0])
        at_ns = get48(slot + MOLD_BLOCK_BYTES + 5)
        if sequence == line.next_sequence:
            first_ns = at_ns
        elif at_ns - first_ns >= span_ns:
            break
        place = mold_append(&writer, length)
        if place == NULL:
            break
        memcpy(place, slot + MOLD_BLOCK_BYTES, length)
        sequence += 1
    if sequence == line.next_sequence:
        return 0
    length = mold_finish(&writer, line.session, line.next_sequence)
    line.messages += sequence - line.next_sequence
    line.next_sequence = sequence
    return length


cdef void line_flush(
    line_t *line, const store_t *store, uint64_t now_ns, uint64_t midnight_ns, uint64_t span_ns
) noexcept nogil:
    """Sends what the line has not sent, as far as its queue has room.

    A packet's own time is now_ns, or, given a midnight, that of its last message.
    """
    cdef pio_frame[FLUSH_FRAMES] frames
    cdef uint32_t lent, used, taken, capacity, length
    while line.next_sequence < store.next_sequence:
        lent = line.queue.tx_lend(line.queue, frames, FLUSH_FRAMES)
        if lent == 0:
            stall(line)
            return
        used = 0
        while used < lent and line.next_sequence < store.next_sequence:
            capacity = frames[used].length - line.headers.header_length
            if capacity > <uint32_t>NET_UDP_PAYLOAD_BYTES_MAX:
                capacity = NET_UDP_PAYLOAD_BYTES_MAX
            length = line_pack(line, store, frames[used].data + line.headers.header_length,
                               capacity, span_ns)
            frames[used].length = net_write_udp_header(&line.headers, frames[used].data, length)
            frames[used].flags = 0
            frames[used].timestamp_ns = now_ns
            if midnight_ns:
                frames[used].timestamp_ns = midnight_ns + get48(
                    store_slot(store, line.next_sequence - 1) + MOLD_BLOCK_BYTES + 5)
            used += 1
        taken = line.queue.tx_burst(line.queue, frames, used)
        line.packets += taken
        line.sent_ns = now_ns
        line.stalled = False
        if taken < lent:
            line_take_back(line, frames, taken, used, lent)
        if taken < used:
            stall(line)
            return


cdef void line_take_back(
    line_t *line, pio_frame *frames, uint32_t taken, uint32_t used, uint32_t lent
) noexcept nogil:
    """Frames that the queue did not take go back, and the messages in them are sent again."""
    cdef uint16_t count
    cdef uint32_t i
    for i in range(taken, used):
        memcpy(&count, frames[i].data + line.headers.header_length + 18, 2)
        line.next_sequence -= be16(count)
        line.messages -= be16(count)
    line.queue.tx_return(line.queue, frames + taken, lent - taken)


cdef void line_resend(
    line_t *line, const store_t *store, uint64_t sequence, uint64_t count, uint64_t now_ns
) noexcept nogil:
    """Sends messages again that have been sent, RESEND_PACKETS_MAX packets of them at most.

    What is not answered is asked for again (MoldUDP64); so is what the queue has no room for.
    """
    cdef line_t again = line[0]
    cdef store_t upto = store[0]
    cdef pio_frame frame
    cdef uint32_t i, length
    again.next_sequence = sequence
    again.messages = 0
    upto.next_sequence = min(sequence + count, line.next_sequence)
    for i in range(RESEND_PACKETS_MAX):
        if again.next_sequence >= upto.next_sequence:
            break
        if line.queue.tx_lend(line.queue, &frame, 1) == 0:
            stall(line)
            break
        length = line_pack(&again, &upto, frame.data + line.headers.header_length,
                           NET_UDP_PAYLOAD_BYTES_MAX, <uint64_t>-1)
        frame.length = net_write_udp_header(&line.headers, frame.data, length)
        frame.flags = 0
        frame.timestamp_ns = now_ns
        if line.queue.tx_burst(line.queue, &frame, 1) == 0:
            line.queue.tx_return(line.queue, &frame, 1)
            stall(line)
            break
        line.packets += 1
    line.resent += again.messages


cdef bint line_say(
    line_t *line, uint64_t sequence, uint16_t count, uint64_t now_ns
) noexcept nogil:
    """Sends a header alone: a heartbeat, or the end of the session, by its count."""
    cdef pio_frame frame
    if line.queue.tx_lend(line.queue, &frame, 1) == 0:
        stall(line)
        return False
    mold_write_header(frame.data + line.headers.header_length, line.session, sequence, count)
    frame.length = net_write_udp_header(&line.headers, frame.data, MOLD_HEADER_BYTES)
    frame.flags = 0
    frame.timestamp_ns = now_ns
    if line.queue.tx_burst(line.queue, &frame, 1) == 0:
        line.queue.tx_return(line.queue, &frame, 1)
        stall(line)
        return False
    line.packets += 1
    line.sent_ns = now_ns
    return True


cdef void line_service(line_t *line, const store_t *store, uint64_t now_ns) noexcept nogil:
    """Flushes, keeps the line from falling silent, and lets the queue do its own work."""
    if line.next_sequence < store.next_sequence:
        line_flush(line, store, now_ns, 0, <uint64_t>-1)
    elif now_ns - line.sent_ns >= HEARTBEAT_NS:
        line.heartbeats += line_say(line, store.next_sequence, 0, now_ns)
    line.queue.service(line.queue, now_ns)


cdef bytes _mac(address):
    return MAC_PREFIX + IPv4Address(address).packed[1:]


cdef void line_init(line_t *line, pio_queue *queue, bytes session, dict address) except *:
    """A line at its first message. `address`: source, group (or peer), port."""
    cdef uint8_t[6] mac
    destination = IPv4Address(address["destination"])
    memset(line, 0, sizeof(line_t))
    if destination.is_multicast:
        net_group_mac(int(destination), mac)
        destination_mac = <bytes>mac[:6]
    else:
        destination_mac = _mac(destination)
    if len(session) > MOLD_SESSION_BYTES:
        raise ValueError(f"a session has at most {MOLD_SESSION_BYTES} characters: {session!r}")
    session = session.ljust(MOLD_SESSION_BYTES)
    memcpy(line.session, <const uint8_t *>session, MOLD_SESSION_BYTES)
    net_template_init(&line.headers, _mac(address["source"]), destination_mac, 0,
                      int(IPv4Address(address["source"])), int(destination), address["port"],
                      address["port"], 16)
    line.queue = queue
    line.next_sequence = 1


cdef class SymbolTable:
    """Names by locate, 1 to len(names), and the market participants that attributed orders name."""

    def __cinit__(self, names, mpids=()):
        cdef size_t i
        if not 1 <= len(names) <= 65535:
            raise ValueError(f"{len(names)} symbols; a feed has 1 to 65535")
        if len(mpids) >= MPIDS_MAX:
            raise ValueError(f"{len(mpids)} participants; a feed here has at most {MPIDS_MAX - 1}")
        self.names = list(names)
        self.table.count = len(names)
        self.table.names = <uint8_t *>calloc(len(names) + 1, 8)
        if self.table.names == NULL:
            raise MemoryError("no memory for the symbol table")
        for i, name in enumerate(names, 1):
            raw = name.encode("ascii").ljust(8)
            if len(raw) != 8:
                raise ValueError(f"symbol {name!r} is longer than 8 characters")
            memcpy(self.table.names + 8 * i, <const uint8_t *>raw, 8)
        for i, mpid in enumerate(mpids, 1):
            raw = mpid.encode("ascii").ljust(4)
            memcpy(self.table.mpids[i], <const uint8_t *>raw, 4)

    def __dealloc__(self):
        free(self.table.names)
