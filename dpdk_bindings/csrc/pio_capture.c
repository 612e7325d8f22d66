/* pio_capture.c: reading and writing pcap and pcapng (see pio_capture.h). */
#include "pio_capture.h"

#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

#define PCAP_MAGIC_US 0xa1b2c3d4u
#define PCAP_MAGIC_NS 0xa1b23c4du
#define PCAP_HEADER_BYTES 24u
#define PCAP_RECORD_BYTES 16u /* the header of a record */

/* pcapng, section 4: block types, and the bytes of each kind's fixed part with both lengths. */
#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET 2u /* obsolete */
#define BLOCK_SIMPLE 3u
#define BLOCK_ENHANCED 6u
#define BLOCK_BYTES_MIN 12u
#define BLOCK_SECTION_BYTES 28u
#define BLOCK_INTERFACE_BYTES 20u
#define BLOCK_SIMPLE_BYTES 16u
#define BLOCK_ENHANCED_BYTES 32u
#define SECTION_MAGIC 0x1a2b3c4du
#define OPTION_TIMESTAMP_RESOLUTION 9u
#define OPTION_TIMESTAMP_OFFSET 14u

static inline uint16_t get16(const struct capture *c, const uint8_t *at) {
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return c->swapped ? __builtin_bswap16(value) : value;
}

static inline uint32_t get32(const struct capture *c, const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return c->swapped ? __builtin_bswap32(value) : value;
}

static inline uint64_t get64(const struct capture *c, const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return c->swapped ? __builtin_bswap64(value) : value;
}

static inline uint64_t ticks_to_ns(const struct capture_interface *interface, uint64_t ticks) {
    unsigned __int128 scaled = (unsigned __int128)ticks * interface->multiplier;
    if (interface->divisor > 1)
        scaled /= interface->divisor;
    return interface->offset_ns + (uint64_t)(scaled >> interface->shift);
}

/* if_tsresol (section 4.2): a power of ten, or of two when the top bit is set. */
static void set_resolution(struct capture_interface *interface, uint8_t resolution) {
    uint32_t power = resolution & 0x7f;
    interface->multiplier = 1;
    interface->divisor = 1;
    interface->shift = 0;
    if (resolution & 0x80) {
        interface->multiplier = NS_PER_S;
        interface->shift = power;
    } else {
        for (; power < 9; power++)
            interface->multiplier *= 10;
        for (; power > 9 && interface->divisor <= UINT64_MAX / 10; power--)
            interface->divisor *= 10;
        if (power > 9) /* finer than any 64-bit count can tell apart in ns */
            interface->multiplier = 0;
    }
}

/* ---- pcap ---- */

static enum capture_step pcap_next(struct capture *c, struct capture_record *record) {
    const uint8_t *at = c->bytes + c->offset;
    size_t left = c->bytes_count - c->offset;
    if (left == 0)
        return CAPTURE_END;
    if (left < PCAP_RECORD_BYTES)
        return CAPTURE_BROKEN;
    uint32_t length = get32(c, at + 8);
    if (length > CAPTURE_RECORD_BYTES_MAX || length > left - PCAP_RECORD_BYTES)
        return CAPTURE_BROKEN;
    record->data = at + PCAP_RECORD_BYTES;
    record->length = length;
    record->wire_length = get32(c, at + 12);
    record->link_type = c->interfaces[0].link_type;
    record->timestamp_ns = get32(c, at) * NS_PER_S +
                           (uint64_t)get32(c, at + 4) * c->interfaces[0].multiplier;
    c->offset += PCAP_RECORD_BYTES + length;
    return CAPTURE_RECORD;
}

static const char *pcap_open(struct capture *c, uint32_t magic) {
    if (c->bytes_count < PCAP_HEADER_BYTES)
        return "ends within the header of a pcap file";
    c->swapped = magic != PCAP_MAGIC_US && magic != PCAP_MAGIC_NS;
    magic = get32(c, c->bytes);
    c->interfaces[0].multiplier = magic == PCAP_MAGIC_US ? 1000 : 1;
    /* The upper half of the word tells of frame check sequences. */
    c->interfaces[0].link_type = get32(c, c->bytes + 20) & 0xffff;
    c->interface_count = 1;
    c->offset = PCAP_HEADER_BYTES;
    return NULL;
}

/* ---- pcapng ---- */

/* Takes over what the options say of time; 0 when an option runs past `end`. */
static int interface_options(const struct capture *c, struct capture_interface *interface,
                             const uint8_t *at, const uint8_t *end) {
    while (end - at >= 4) {
        uint16_t code = get16(c, at), length = get16(c, at + 2);
        at += 4;
        if (code == 0)
            return 1;
        if (length > end - at)
            return 0;
        if (code == OPTION_TIMESTAMP_RESOLUTION && length == 1)
            set_resolution(interface, *at);
        if (code == OPTION_TIMESTAMP_OFFSET && length == 8)
            interface->offset_ns = get64(c, at) * NS_PER_S;
        size_t padded = (length + 3u) & ~3u;
        at = padded > (size_t)(end - at) ? end : at + padded;
    }
    return 1;
}

static int read_interface(struct capture *c, const uint8_t *block, uint32_t bytes) {
    if (bytes < BLOCK_INTERFACE_BYTES || c->interface_count == CAPTURE_INTERFACES_MAX)
        return 0;
    struct capture_interface *interface = &c->interfaces[c->interface_count];
    memset(interface, 0, sizeof *interface);
    interface->link_type = get16(c, block + 8);
    interface->snap_bytes = get32(c, block + 12);
    set_resolution(interface, 6); /* us, unless it says otherwise */
    if (!interface_options(c, interface, block + 16, block + bytes - 4))
        return 0;
    c->interface_count++;
    return 1;
}

/* Fills in the record; `fixed` bytes stand before the packet's data. 0 when its length lies. */
static int fill_record(const struct capture *c, struct capture_record *record, uint32_t interface,
                       const uint8_t *block, uint32_t bytes, uint32_t fixed, uint32_t length) {
    if (interface >= c->interface_count || length > CAPTURE_RECORD_BYTES_MAX ||
        length > bytes - fixed - 4)
        return 0;
    record->data = block + fixed;
    record->length = length;
    record->link_type = c->interfaces[interface].link_type;
    return 1;
}

static int read_simple(const struct capture *c, struct capture_record *record,
                       const uint8_t *block, uint32_t bytes) {
    if (bytes < BLOCK_SIMPLE_BYTES || !c->interface_count)
        return 0;
    uint32_t length = get32(c, block + 8), snap = c->interfaces[0].snap_bytes;
    record->wire_length = length;
    record->timestamp_ns = 0;
    if (snap && length > snap)
        length = snap;
    return fill_record(c, record, 0, block, bytes, 12, length);
}

/* An enhanced packet block, or an obsolete one, which differs in the interface's width alone. */
static int read_packet(const struct capture *c, struct capture_record *record, uint32_t type,
                       const uint8_t *block, uint32_t bytes) {
    if (bytes < BLOCK_ENHANCED_BYTES)
        return 0;
    uint32_t interface = type == BLOCK_ENHANCED ? get32(c, block + 8) : get16(c, block + 8);
    uint64_t ticks = (uint64_t)get32(c, block + 12) << 32 | get32(c, block + 16);
    record->wire_length = get32(c, block + 24);
    if (!fill_record(c, record, interface, block, bytes, 28, get32(c, block + 20)))
        return 0;
    record->timestamp_ns = ticks_to_ns(&c->interfaces[interface], ticks);
    return 1;
}

/* A section starts anew: byte order, version, no interfaces. NULL, or what is wrong. */
static const char *read_section(struct capture *c) {
    const uint8_t *block = c->bytes + c->offset;
    uint32_t magic;
    if (c->bytes_count - c->offset < BLOCK_SECTION_BYTES)
        return "ends within the header of a pcapng section";
    memcpy(&magic, block + 8, sizeof magic);
    if (magic != SECTION_MAGIC && magic != __builtin_bswap32(SECTION_MAGIC))
        return "has a pcapng section of unknown byte order";
    c->swapped = magic != SECTION_MAGIC;
    uint32_t bytes = get32(c, block + 4);
    if (bytes < BLOCK_SECTION_BYTES || bytes % 4 || bytes > c->bytes_count - c->offset)
        return "has a pcapng section header whose length is wrong";
    if (get16(c, block + 12) != 1)
        return "has a pcapng version other than 1";
    c->interface_count = 0;
    return NULL;
}

static enum capture_step pcapng_next(struct capture *c, struct capture_record *record) {
    const uint8_t *block = c->bytes + c->offset;
    size_t left = c->bytes_count - c->offset;
    int good = 1, packet = 0;
    if (left == 0)
        return CAPTURE_END;
    if (left < BLOCK_BYTES_MIN)
        return CAPTURE_BROKEN;
    uint32_t type = get32(c, block);
    if (type == BLOCK_SECTION && read_section(c))
        return CAPTURE_BROKEN;
    uint32_t bytes = get32(c, block + 4);
    if (bytes < BLOCK_BYTES_MIN || bytes % 4 || bytes > left ||
        get32(c, block + bytes - 4) != bytes)
        return CAPTURE_BROKEN;
    if (type == BLOCK_INTERFACE)
        good = read_interface(c, block, bytes);
    else if (type == BLOCK_SIMPLE)
        good = packet = read_simple(c, record, block, bytes);
    else if (type == BLOCK_ENHANCED || type == BLOCK_PACKET)
        good = packet = read_packet(c, record, type, block, bytes);
    if (!good)
        return CAPTURE_BROKEN;
    c->offset += bytes;
    return packet ? CAPTURE_RECORD : CAPTURE_NOTHING;
}

/* ---- either ---- */

const char *capture_open(struct capture *capture, const uint8_t *bytes, size_t bytes_count) {
    const char *why = "is neither pcap nor pcapng";
    uint32_t magic = 0;
    memset(capture, 0, sizeof *capture);
    capture->bytes = bytes;
    capture->bytes_count = bytes_count;
    if (bytes_count < sizeof magic)
        return bytes_count ? why : "is empty";
    memcpy(&magic, bytes, sizeof magic);
    uint32_t other = __builtin_bswap32(magic);
    if (magic == BLOCK_SECTION) {
        capture->is_pcapng = 1;
        why = read_section(capture);
    } else if (magic == PCAP_MAGIC_US || magic == PCAP_MAGIC_NS || other == PCAP_MAGIC_US ||
               other == PCAP_MAGIC_NS) {
        why = pcap_open(capture, magic);
    } else if (bytes[0] == 0x1f && bytes[1] == 0x8b) {
        why = "is compressed with gzip";
    }
    capture->first_offset = capture->offset;
    return why;
}

enum capture_step capture_next(struct capture *capture, struct capture_record *record) {
    return capture->is_pcapng ? pcapng_next(capture, record) : pcap_next(capture, record);
}

void capture_rewind(struct capture *capture) {
    capture->offset = capture->first_offset;
    if (capture->is_pcapng)
        read_section(capture); /* read well when opened: it sets the byte order again */
}

/* ---- writing, in this machine's byte order, as both formats want it ---- */

static void put16(uint8_t *at, uint16_t value) {
    memcpy(at, &value, sizeof value);
}

static void put32(uint8_t *at, uint32_t value) {
    memcpy(at, &value, sizeof value);
}

uint32_t capture_write_head(uint8_t *at, uint32_t is_pcapng) {
    if (!is_pcapng) {
        memset(at, 0, 24);
        put32(at, PCAP_MAGIC_NS);
        put16(at + 4, 2);
        put16(at + 6, 4);
        put32(at + 16, CAPTURE_RECORD_BYTES_MAX);
        put32(at + 20, CAPTURE_LINK_ETHERNET);
        return 24;
    }
    memset(at, 0, 60);
    put32(at, BLOCK_SECTION);
    put32(at + 4, 28);
    put32(at + 8, SECTION_MAGIC);
    put16(at + 12, 1);
    memset(at + 16, 0xff, 8); /* the section's length is not known */
    put32(at + 24, 28);
    put32(at + 28, BLOCK_INTERFACE);
    put32(at + 32, 32);
    put16(at + 36, CAPTURE_LINK_ETHERNET);
    put16(at + 44, OPTION_TIMESTAMP_RESOLUTION);
    put16(at + 46, 1);
    at[48] = 9; /* 10^-9 s; then the end of options */
    put32(at + 56, 32);
    return 60;
}

uint32_t capture_write(uint8_t *at, uint32_t is_pcapng, const uint8_t *data, uint32_t length,
                       uint64_t timestamp_ns) {
    if (!is_pcapng) {
        put32(at, (uint32_t)(timestamp_ns / NS_PER_S));
        put32(at + 4, (uint32_t)(timestamp_ns % NS_PER_S));
        put32(at + 8, length);
        put32(at + 12, length);
        memcpy(at + 16, data, length);
        return 16 + length;
    }
    uint32_t padded = (length + 3u) & ~3u, bytes = 32 + padded;
    put32(at, BLOCK_ENHANCED);
    put32(at + 4, bytes);
    put32(at + 8, 0);
    put32(at + 12, (uint32_t)(timestamp_ns >> 32));
    put32(at + 16, (uint32_t)timestamp_ns);
    put32(at + 20, length);
    put32(at + 24, length);
    memcpy(at + 28, data, length);
    memset(at + 28 + length, 0, padded - length);
    put32(at + 28 + padded, bytes);
    return bytes;
}
