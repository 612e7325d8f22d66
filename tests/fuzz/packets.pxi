# Makes datagrams for the fuzzer: good ones that fit the engine's state, then damage to some.
#
# A parser is only fuzzed deeply by input that nearly passes. So every datagram begins as one that
# the engine would take now: right session, next number, known references and order numbers. Half
# are then changed in one to three places, and lengths and checksums mostly mended afterwards.

cdef enum:
    MESSAGES_MAX = 8            # of a made datagram
    REFERENCES = 96             # live references: more than the tiny tables hold
    LOCATES_USED = 6

cdef uint64_t[16] BOUNDARIES = [
    0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000,
    0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF,
]
cdef const char *ITCH_KINDS = b"SRHYLVWKJhAFECXDUPQBINO"
cdef const char *ITCH_BOOK_KINDS = b"AAAAAAAAFFEEECXXXDDDDDUUUU"
cdef const char *OUCH_KINDS = b"SAUCDEBJPITMRXGKQ"
cdef const char *OUCH_COMMON_KINDS = b"AAAAEEECCUUJ"
cdef const char *OUCH_IN_KINDS = b"OUXMCDEQ"


cdef inline uint64_t draw(Fuzz *f) noexcept nogil:
    f.random += <uint64_t>0x9E3779B97F4A7C15
    return mix64(f.random)


cdef inline uint32_t below(Fuzz *f, uint32_t bound) noexcept nogil:
    """A number below `bound`; the bias is nothing to a fuzzer."""
    return <uint32_t>(((draw(f) >> 32) * bound) >> 32)


cdef inline bint one_in(Fuzz *f, uint32_t odds) noexcept nogil:
    return below(f, odds) == 0


cdef void fill(Fuzz *f, uint8_t *to, uint32_t length) noexcept nogil:
    cdef uint32_t at = 0
    cdef uint64_t bits
    while at < length:
        bits = draw(f)
        memcpy(to + at, &bits, min(8, length - at))
        at += 8


# ---- ITCH ----------------------------------------------------------------------------------------


cdef uint64_t a_reference(Fuzz *f) noexcept nogil:
    """Mostly one of few, so that messages meet; they collide in the window, and reach both ends."""
    cdef uint64_t few = below(f, REFERENCES)
    cdef uint32_t how = below(f, 16)
    if how == 0:
        return ~few
    if how < 4:
        return (few & 7) + 64 * (few >> 3)
    if how == 4 and one_in(f, 8):
        return draw(f)
    return few


cdef uint32_t a_shares(Fuzz *f) noexcept nogil:
    if one_in(f, 32):
        return <uint32_t>BOUNDARIES[below(f, 16)]
    return 100 * (1 + below(f, 5))


cdef uint32_t a_price(Fuzz *f, uint8_t side) noexcept nogil:
    """Around 1.00 dollar; bids mostly below offers; sometimes any at all."""
    if one_in(f, 64):
        return <uint32_t>draw(f)
    return 10000 + 100 * (below(f, 20) + (0 if side == c'B' else 14))


cdef uint32_t itch_message(Fuzz *f, uint8_t *to) noexcept nogil:
    """One good message (or, rarely, one of no known type); its length."""
    cdef uint8_t kind = ITCH_BOOK_KINDS[below(f, 26)]
    cdef uint32_t length
    cdef itch_add_order_t *order = <itch_add_order_t *>to
    cdef itch_order_replace_t *replace = <itch_order_replace_t *>to
    if one_in(f, 8):
        kind = ITCH_KINDS[below(f, 23)]
    length = itch_message_bytes[kind]
    if one_in(f, 64):
        kind = <uint8_t>draw(f)
        length = itch_message_bytes[kind]
        if length == 0:
            length = below(f, 80)
    fill(f, to, length)
    if length < 11:
        return length
    to[0] = kind
    order.stock_locate = be16(<uint16_t>below(f, LOCATES_USED))
    if one_in(f, 256):
        order.stock_locate = <uint16_t>draw(f)
    if kind == c'A' or kind == c'F':
        order.buy_sell_indicator = c'B' if one_in(f, 2) else c'S'
        if one_in(f, 100):
            order.buy_sell_indicator = <uint8_t>draw(f)
        order.order_reference_number = be64(a_reference(f))
        order.shares = be32(a_shares(f))
        order.price = be32(a_price(f, order.buy_sell_indicator))
    elif kind == c'U':
        replace.original_order_reference_number = be64(a_reference(f))
        replace.new_order_reference_number = be64(a_reference(f))
        replace.shares = be32(a_shares(f))
        replace.price = be32(a_price(f, c'B' if one_in(f, 2) else c'S'))
    elif kind == c'E' or kind == c'C' or kind == c'X' or kind == c'D':
        order.order_reference_number = be64(a_reference(f))
        if kind != c'D':
            (<itch_order_cancel_t *>to).cancelled_shares = be32(a_shares(f) // 2)
    return length


# ---- OUCH ----------------------------------------------------------------------------------------


cdef uint32_t append_tags(Fuzz *f, uint8_t *to, uint32_t full) noexcept nogil:
    """Up to three options behind a full message, mostly of the right length."""
    cdef uint8_t[256] value
    cdef uint32_t i, count = below(f, 4), size, length = full
    cdef uint8_t tag
    for i in range(count):
        tag = <uint8_t>(1 + below(f, 32))
        size = ouch_tag_bytes[tag]
        if size == 0 or one_in(f, 40):
            size = below(f, 20)
        fill(f, value, size)
        length = ouch_append_tag(to, length, full, tag, value, <uint8_t>size)
    return length


cdef uint32_t ouch_body(Fuzz *f, uint8_t *to, uint8_t kind, uint32_t full, uint32_t bare,
                        uint32_t older) noexcept nogil:
    """Random fields in a message of a good length, options included."""
    cdef uint16_t none = 0
    if full == 0:
        return 0
    fill(f, to, full)
    to[0] = kind
    if older and one_in(f, 4):
        return older
    if bare < full and one_in(f, 2):
        return bare
    if kind == c'S':
        return full
    memcpy(to + full - 2, &none, 2)
    return append_tags(f, to, full)


cdef uint32_t a_user_ref(Fuzz *f) noexcept nogil:
    cdef uint32_t following = f.engine.oms.next_user_ref
    if one_in(f, 64):
        return <uint32_t>draw(f)
    return following - 1 - below(f, 72 if one_in(f, 3) else 12)


cdef uint8_t fitting_kind(Fuzz *f, const OmsOrder *order) noexcept nogil:
    """An answer that the state of this order allows."""
    if order.state == OMS_PENDING_NEW:
        return c'J' if one_in(f, 8) else c'A'
    if order.state == OMS_REPLACEMENT:
        return c'J' if one_in(f, 4) else c'U'
    if order.state == OMS_PENDING_CANCEL and one_in(f, 4):
        return c'I'
    return c'E' if one_in(f, 2) else c'C'


cdef uint32_t ouch_message(Fuzz *f, uint8_t *to) noexcept nogil:
    """One answer of the venue about one of our latest orders; its length."""
    cdef uint8_t kind = OUCH_COMMON_KINDS[below(f, 12)]
    cdef uint32_t length, ref = a_user_ref(f), quantity = a_shares(f), original = a_user_ref(f)
    cdef const OmsOrder *order = oms_find(&f.engine.oms, ref)
    if one_in(f, 5):
        kind = OUCH_KINDS[below(f, 17)]
    elif order != NULL and not one_in(f, 4):
        kind = fitting_kind(f, order)
    if f.engine.oms.next_user_ref == 0:
        kind = c'Q'
    if order != NULL and not one_in(f, 50):
        quantity = order.leaves if one_in(f, 2) else below(f, order.leaves + 1)
        original = order.other_ref
    length = ouch_body(f, to, kind, ouch_out_message_bytes[kind], ouch_out_message_bytes_bare[kind],
                       ouch_out_message_bytes_older[kind])
    if kind == c'Q':
        (<ouch_account_query_response_t *>to).next_user_ref_num = be32(1 + below(f, 100))
    elif kind == c'U':
        (<ouch_order_replaced_t *>to).orig_user_ref_num = be32(original)
        (<ouch_order_replaced_t *>to).user_ref_num = be32(ref)
        (<ouch_order_replaced_t *>to).quantity = be32(quantity)
        (<ouch_order_replaced_t *>to).order_state = c'D' if one_in(f, 8) else c'L'
    elif kind != c'S':
        (<ouch_order_accepted_t *>to).user_ref_num = be32(ref)
    if kind == c'A':
        (<ouch_order_accepted_t *>to).quantity = be32(quantity)
        (<ouch_order_accepted_t *>to).order_state = c'D' if one_in(f, 8) else c'L'
    elif kind == c'E':
        (<ouch_order_executed_t *>to).quantity = be32(quantity)
    elif kind == c'C':
        (<ouch_order_canceled_t *>to).quantity = be32(quantity)
    return length


# ---- datagrams -----------------------------------------------------------------------------------


cdef uint64_t a_sequence(Fuzz *f, uint64_t expected) noexcept nogil:
    cdef uint32_t how = below(f, 200)
    if how < 160:
        return expected
    if how < 176:
        return expected - 1 - below(f, 6)
    if how < 196:
        return expected + 1 + below(f, 8)
    if how < 199:
        return expected + below(f, 400)
    return draw(f) if one_in(f, 20) else expected


cdef uint32_t feed_payload(Fuzz *f, uint8_t *to) noexcept nogil:
    cdef Feed *feed = &f.engine.feed
    cdef uint64_t sequence = a_sequence(f, feed.expected)
    cdef mold_writer writer
    cdef uint8_t[10] session
    cdef uint8_t[96] message
    cdef uint8_t *room
    cdef uint32_t i, length
    memcpy(session, feed.session, 10)
    if not feed.session_known or feed.state == FEED_ENDED or one_in(f, 300):
        fill(f, session, 10)
        sequence = 1 + (0 if one_in(f, 2) else below(f, 3))
    elif (feed.state == FEED_STALE and one_in(f, 100)) or feed.expected >> 62 or one_in(f, 2000):
        mold_write_header(to, session, feed.expected, MOLD_COUNT_END)
        return MOLD_HEADER_BYTES
    elif one_in(f, 30):
        mold_write_header(to, session, sequence, 0)
        return MOLD_HEADER_BYTES
    mold_begin(&writer, to, NET_UDP_PAYLOAD_BYTES_MAX)
    for i in range(1 + below(f, MESSAGES_MAX)):
        length = itch_message(f, message)
        if one_in(f, 100) and length > 3:
            length += below(f, 7) - 3
        room = mold_append(&writer, length)
        if room != NULL:
            memcpy(room, message, length)
    return mold_finish(&writer, session, sequence)


cdef uint32_t orders_payload(Fuzz *f, uint8_t *to) noexcept nogil:
    cdef Channel *channel = &f.engine.channel
    cdef uint64_t sequence = a_sequence(f, channel.rx_expected)
    cdef mold_writer writer
    cdef uint8_t[10] session
    cdef uint8_t[512] message
    cdef uint8_t *room
    cdef uint32_t i, length
    if one_in(f, 2000 if f.silent else 20000):
        f.silent = not f.silent
    if f.silent or one_in(f, 12):
        sequence = channel.tx_next - below(f, 40)
        mold_write_header(to, channel.tx_session, sequence if not one_in(f, 30) else draw(f),
                          <uint16_t>(1 + below(f, 50)))
        if one_in(f, 16):
            fill(f, to, 10)
        return MOLD_HEADER_BYTES
    memcpy(session, channel.rx_session, 10)
    if not channel.rx_known or channel.lost or channel.rx_expected >> 62 or one_in(f, 2000):
        fill(f, session, 10)
        sequence = 1 + below(f, 2)
    elif one_in(f, 30):
        mold_write_header(to, session, sequence, MOLD_COUNT_END if one_in(f, 9) else 0)
        return MOLD_HEADER_BYTES
    mold_begin(&writer, to, NET_UDP_PAYLOAD_BYTES_MAX)
    for i in range(1 + below(f, MESSAGES_MAX)):
        length = ouch_message(f, message)
        if one_in(f, 50) and length > 3:
            length += below(f, 7) - 3
        room = mold_append(&writer, length)
        if room != NULL:
            memcpy(room, message, length)
    return mold_finish(&writer, session, sequence)


cdef uint32_t seed_payload(Fuzz *f, uint8_t *to) noexcept nogil:
    """A payload from a real capture or built from the spec, as Python gave it."""
    cdef uint32_t which = below(f, f.seed_count)
    cdef uint32_t length = f.seed_offsets[which + 1] - f.seed_offsets[which]
    memcpy(to, f.seeds + f.seed_offsets[which], length)
    return length


cdef void make_frame(Fuzz *f) noexcept nogil:
    """A good frame for a role, in f.frame."""
    cdef uint32_t header = f.headers[0].header_length, length
    cdef uint8_t *payload = f.frame + header
    f.role = below(f, 3)
    if f.seed_count and one_in(f, 20):
        length = seed_payload(f, payload)
    elif f.role == ROLE_ORDERS:
        length = orders_payload(f, payload)
    else:
        length = feed_payload(f, payload)
    f.length = net_write_udp_header(&f.headers[f.role], f.frame, length)


# ---- damage --------------------------------------------------------------------------------------


cdef void poke(Fuzz *f, uint32_t at, uint32_t width, uint64_t value) noexcept nogil:
    cdef uint32_t i
    for i in range(width):
        if at + i < f.length:
            f.frame[at + i] = <uint8_t>(value >> (8 * (width - 1 - i)))


cdef void insert(Fuzz *f, uint32_t at, uint32_t count) noexcept nogil:
    """`count` random bytes in front of position `at`."""
    if f.length + count > FRAME_MAX or at > f.length:
        return
    memmove(f.frame + at + count, f.frame + at, f.length - at)
    fill(f, f.frame + at, count)
    f.length += count


cdef void damage(Fuzz *f) noexcept nogil:
    cdef uint32_t how = below(f, 13), at
    if f.length == 0:
        return
    at = below(f, f.length)
    if how == 0:
        f.frame[at] ^= <uint8_t>(1 << below(f, 8))
    elif how == 1:
        poke(f, at, 1, BOUNDARIES[below(f, 6)])
    elif how == 2:
        poke(f, at, <uint32_t>1 << below(f, 4), BOUNDARIES[below(f, 16)])
    elif how == 3:      # the header's fields
        poke(f, 12 + below(f, 30), 1 + below(f, 2), BOUNDARIES[below(f, 16)])
    elif how == 4:      # the MoldUDP64 header, its count most of all
        poke(f, 42 + (18 if one_in(f, 2) else below(f, 20)), 2, below(f, 12))
    elif how == 5:      # the first block's length and what follows it
        poke(f, 62, 2, below(f, 80))
    elif how == 6:
        f.length = at
    elif how == 7:
        insert(f, f.length, below(f, 20))
    elif how == 8:      # the rest of the frame before this one
        if at < f.former_length:
            memcpy(f.frame + at, f.former + at, f.former_length - at)
            f.length = f.former_length
    elif how == 9:      # one to three VLAN tags
        for at in range(1 + below(f, 3)):
            insert(f, 12, 4)
            poke(f, 12, 2, 0x8100 if one_in(f, 2) else 0x88A8)
    elif how == 10:     # IPv4 options
        insert(f, 34, 4 * (1 + below(f, 3)))
        f.frame[14] = <uint8_t>(0x40 + below(f, 16)) if one_in(f, 4) else 0x46
    elif how == 11:     # a length that lies by little
        at = 16 if one_in(f, 2) else 38
        if at < f.length:
            f.frame[at + 1] += <uint8_t>(1 + below(f, 9))
            f.keep_lengths = 1
    else:
        insert(f, at, 1 + below(f, 6))


cdef void mend(Fuzz *f) noexcept nogil:
    """Right lengths and checksums again, wherever the headers can be found: deeper that way."""
    cdef uint32_t ip = 14, udp, header, total
    cdef ipv4_header_t *v4
    cdef udp_header_t *u
    cdef uint64_t total_sum
    while ip + 4 <= f.length and ip < 14 + 8 and (
            (f.frame[ip - 2] == 0x81 and f.frame[ip - 1] == 0)
            or (f.frame[ip - 2] == 0x88 and f.frame[ip - 1] == 0xA8)):
        ip += 4
    if f.length < ip + 28:
        return
    v4 = <ipv4_header_t *>(f.frame + ip)
    header = 4 * (v4.version_ihl & 15)
    if header < 20 or f.length < ip + header + 8:
        return
    udp = ip + header
    u = <udp_header_t *>(f.frame + udp)
    if not f.keep_lengths:
        v4.total_length = be16(<uint16_t>(f.length - ip))
        u.length = be16(<uint16_t>(f.length - udp))
    v4.header_checksum = 0
    v4.header_checksum = <uint16_t>~net_fold(net_sum(<uint8_t *>v4, header))
    total = be16(v4.total_length)
    if total < header + 8 or ip + total > f.length:
        return
    u.checksum = 0
    if one_in(f, 30):
        return
    total_sum = net_sum(<uint8_t *>v4 + 12, 8) + be16(17) + u.length
    u.checksum = <uint16_t>~net_fold(total_sum + net_sum(<uint8_t *>u, total - header))
    if u.checksum == 0:
        u.checksum = 0xFFFF


cdef void next_datagram(Fuzz *f) noexcept nogil:
    cdef uint32_t i
    memcpy(f.former, f.frame, f.length)
    f.former_length = f.length
    make_frame(f)
    f.keep_lengths = 0
    if one_in(f, 2):
        return
    for i in range(1 + below(f, 3)):
        damage(f)
    if not one_in(f, 8):
        mend(f)
