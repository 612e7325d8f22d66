/* pio_capture.h: reading and writing pcap and pcapng, pure functions over the bytes of a file.
 *
 * A reader walks a mapping it does not own and never reads past its end, whatever the lengths in
 * it say. Each step either moves forward by at least one record or block, or ends the walk for
 * good: at the end of the bytes, or at the offset of the first record or block that cannot be true.
 *
 * Formats: pcap in both byte orders with us or ns (draft-ietf-opsawg-pcap), and pcapng
 * (draft-ietf-opsawg-pcapng) with any number of sections of either byte order, interfaces with
 * their own resolution and offset, and enhanced, simple and obsolete packet blocks. Other blocks
 * are stepped over. Written are pcap with ns, and pcapng of one section and one Ethernet interface
 * with ns.
 */
#ifndef TICKPATH_PIO_CAPTURE_H
#define TICKPATH_PIO_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

#define CAPTURE_LINK_ETHERNET 1u
/* libpcap's own limit of a record (MAXIMUM_SNAPLEN): a longer one is a lying length. */
#define CAPTURE_RECORD_BYTES_MAX 262144u
/* Interfaces of one pcapng section; a capture has one, a merged one a few. */
#define CAPTURE_INTERFACES_MAX 256u

struct capture_interface {
    uint32_t link_type;
    uint32_t snap_bytes; /* 0: no limit */
    uint64_t multiplier; /* ns = offset_ns + (ticks * multiplier / divisor >> shift) */
    uint64_t divisor;
    uint32_t shift;
    uint64_t offset_ns; /* two's complement: an offset may be negative */
};

struct capture {
    const uint8_t *bytes;
    size_t bytes_count;
    size_t offset; /* of the next record or block; where reading ended */
    size_t first_offset;
    uint32_t is_pcapng;
    uint32_t swapped; /* the other byte order than this machine's */
    uint32_t interface_count;
    struct capture_interface interfaces[CAPTURE_INTERFACES_MAX];
};

struct capture_record {
    const uint8_t *data;
    uint32_t length;
    uint32_t wire_length;
    uint32_t link_type;
    uint64_t timestamp_ns; /* 0: the record has none */
};

enum capture_step {
    CAPTURE_RECORD,  /* the record is filled in */
    CAPTURE_NOTHING, /* stepped over something that is no packet */
    CAPTURE_END,     /* the bytes ended where a record did */
    CAPTURE_BROKEN,  /* what stands at `offset` is no record */
};

/* Reads the file's head. NULL, or what is wrong with it as the end of "FILE ...". */
const char *capture_open(struct capture *capture, const uint8_t *bytes, size_t bytes_count);
enum capture_step capture_next(struct capture *capture, struct capture_record *record);
/* Back to the first record. */
void capture_rewind(struct capture *capture);

/* What a written record takes beyond its data, at most. A file's head takes 60 bytes or less. */
#define CAPTURE_OVERHEAD_BYTES 36u
/* Both write at `at` and return how many bytes; the caller sees to the room. */
uint32_t capture_write_head(uint8_t *at, uint32_t is_pcapng);
uint32_t capture_write(uint8_t *at, uint32_t is_pcapng, const uint8_t *data, uint32_t length,
                       uint64_t timestamp_ns);

#endif
