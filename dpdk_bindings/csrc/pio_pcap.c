/* pio_pcap.c: frames from a capture file and into one.
 *
 *   "pcap:IN"  "pcap:IN,loop=3"  "pcap:IN,out=OUT"  "pcap:,out=OUT"
 *
 * IN is pcap or pcapng by its content, OUT by its ending (".pcapng", else pcap with ns). The input
 * is mapped and its frames are lent where they lie; the mapping is private, so that a consumer who
 * writes into a frame changes no file (with loop= it sees its own writing again). A record or
 * block that cannot be true ends the reading: it is counted as rx_malformed, the link goes down
 * and rx_end_offset tells where in the file that was. A file that another process cuts short
 * while it is mapped ends this process: replace captures, do not overwrite them.
 *
 * This backend makes system calls, which others do not: tx_burst and service write(2) the output
 * buffer out when it is full or WRITE_INTERVAL_NS old, and close writes the rest.
 */
#include "pio_capture.h"
#include "pio_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The longest frame: what fits 16 bits, as IPv4 does. Longer records are skipped and counted. */
#define FRAME_BYTES 65535u
#define PATH_BYTES 256u /* pio_info.device holds both paths */
/* Files up to this size are read in when opened; larger ones as they are walked. */
#define PREFAULT_BYTES_MAX (UINT64_C(1) << 30)
/* What one rx_burst steps over that is no frame, so that it is bounded whatever the file holds. */
#define SKIPS_MAX 256u
#define LOOP_MAX UINT32_MAX
/* Two full bursts may be lent at once. Power of two. */
#define TX_SLOTS (2u * PIO_BURST_MAX)
#define TX_STRIDE_BYTES 65536u
#define WRITE_BUFFER_BYTES (1u << 20) /* sixteen of the longest records */
#define WRITE_INTERVAL_NS UINT64_C(100000000)

enum { EXTRA_END_OFFSET, EXTRA_UNDERSIZE, EXTRA_NOT_ETHERNET, EXTRA_TIMESTAMP };

struct writer {
    int fd; /* -1: none, or failed */
    uint32_t is_pcapng;
    uint32_t lent;
    uint32_t buffered_bytes;
    uint64_t position; /* slots ever sent */
    uint64_t buffered_frames;
    uint64_t buffered_frame_bytes;
    uint64_t written_bytes; /* whole records in the file */
    uint64_t written_ns;
    uint64_t now_ns;  /* as service was last told */
    uint64_t last_ns; /* the last record's time */
    uint8_t *slots;
    uint8_t *buffer;
};

struct pcap {
    uint8_t *map;
    size_t map_bytes;
    uint64_t passes_left; /* over the file, this one included */
    struct capture capture;
    struct writer writer;
};

/* ---- reading ---- */

/* Puts one record into `frame`; 0 when it is counted and passed over instead. */
static int take_record(struct pio_info *info, const struct capture_record *record,
                       struct pio_frame *frame) {
    struct pio_stats *stats = &info->stats;
    if (record->link_type != CAPTURE_LINK_ETHERNET) {
        stats->extra[EXTRA_NOT_ETHERNET]++;
        return 0;
    }
    if (record->length < PIO_FRAME_BYTES_MIN) {
        stats->extra[EXTRA_UNDERSIZE]++;
        return 0;
    }
    if (record->length > FRAME_BYTES) {
        stats->rx_oversize++;
        return 0;
    }
    frame->data = (uint8_t *)record->data; /* a private mapping: writing to it is harmless */
    frame->length = record->length;
    frame->flags = record->length < record->wire_length ? PIO_FRAME_TRUNCATED : 0;
    frame->timestamp_ns = record->timestamp_ns;
    frame->cookie = 0;
    stats->rx_truncated += record->length < record->wire_length;
    stats->rx_bytes += record->length;
    return 1;
}

static uint32_t pcap_rx_burst(struct pio_queue *queue, struct pio_frame *frames,
                              uint32_t count_max) {
    struct pcap *p = queue->state;
    struct pio_info *info = queue->info;
    struct capture_record record;
    uint32_t count = 0, skips = 0, rewound = 0;
    while (count < count_max && skips < SKIPS_MAX && p->passes_left) {
        enum capture_step step = capture_next(&p->capture, &record);
        if (step == CAPTURE_RECORD && take_record(info, &record, &frames[count])) {
            count++;
        } else if (step == CAPTURE_RECORD || step == CAPTURE_NOTHING) {
            skips++;
        } else if (step == CAPTURE_END && p->passes_left > 1) {
            if (rewound++)
                break; /* a file without frames: go round it once a call */
            p->passes_left--;
            capture_rewind(&p->capture);
        } else {
            info->stats.rx_malformed += step == CAPTURE_BROKEN;
            p->passes_left = 0;
            info->link = PIO_LINK_DOWN;
        }
    }
    info->stats.rx_frames += count;
    info->stats.extra[EXTRA_END_OFFSET] = p->capture.offset;
    return count;
}

/* ---- writing ---- */

/* The device refused: what was buffered is lost and named so, and the file ends where it last was
 * whole. */
static void writer_fail(struct writer *w, struct pio_info *info) {
    info->stats.tx_frames -= w->buffered_frames;
    info->stats.tx_bytes -= w->buffered_frame_bytes;
    info->stats.tx_error += w->buffered_frames;
    info->link = PIO_LINK_GONE;
    if (ftruncate(w->fd, (off_t)w->written_bytes))
        info->link = PIO_LINK_GONE; /* a pipe, say, has no length to put right */
    close(w->fd);
    w->fd = -1;
}

static void writer_flush(struct writer *w, struct pio_info *info) {
    uint32_t done = 0;
    w->written_ns = w->now_ns;
    while (done < w->buffered_bytes) {
        ssize_t result = write(w->fd, w->buffer + done, w->buffered_bytes - done);
        if (result < 0 && errno == EINTR)
            continue;
        if (result <= 0) {
            writer_fail(w, info);
            break;
        }
        done += (uint32_t)result;
    }
    w->written_bytes += done;
    w->buffered_bytes = 0;
    w->buffered_frames = 0;
    w->buffered_frame_bytes = 0;
}

static uint32_t pcap_tx_lend(struct pio_queue *queue, struct pio_frame *frames,
                             uint32_t count_max) {
    struct writer *w = &((struct pcap *)queue->state)->writer;
    uint32_t count = TX_SLOTS - w->lent < count_max ? TX_SLOTS - w->lent : count_max;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t position = w->position + w->lent + i;
        uint8_t *data = w->slots + (position & (TX_SLOTS - 1)) * TX_STRIDE_BYTES;
        struct pio_frame frame = {data, FRAME_BYTES, 0, 0, position};
        frames[i] = frame;
    }
    w->lent += count;
    queue->info->stats.tx_full += count_max - count;
    return count;
}

static uint32_t pcap_tx_burst(struct pio_queue *queue, const struct pio_frame *frames,
                              uint32_t count) {
    struct writer *w = &((struct pcap *)queue->state)->writer;
    struct pio_info *info = queue->info;
    uint32_t taken = 0;
    for (; taken < count && taken < w->lent; taken++) {
        const struct pio_frame *frame = &frames[taken];
        if (frame->cookie != w->position + taken)
            break; /* not in the order lent: the rest stays the caller's */
        if (!pio_tx_sendable(info, frame))
            continue;
        if (w->fd >= 0 &&
            WRITE_BUFFER_BYTES - w->buffered_bytes < frame->length + CAPTURE_OVERHEAD_BYTES)
            writer_flush(w, info);
        if (w->fd < 0) {
            info->stats.tx_error++;
            continue;
        }
        w->last_ns = frame->timestamp_ns ? frame->timestamp_ns : w->now_ns ? w->now_ns : w->last_ns;
        w->buffered_bytes += capture_write(w->buffer + w->buffered_bytes, w->is_pcapng, frame->data,
                                           frame->length, w->last_ns);
        w->buffered_frames++;
        w->buffered_frame_bytes += frame->length;
        info->stats.tx_frames++;
        info->stats.tx_bytes += frame->length;
        /* The seconds of a pcap record have 32 bits, which end in 2106. */
        if (!w->is_pcapng && w->last_ns / 1000000000u > UINT32_MAX)
            info->stats.extra[EXTRA_TIMESTAMP]++;
    }
    w->position += taken;
    w->lent -= taken;
    return taken;
}

static void pcap_tx_return(struct pio_queue *queue, const struct pio_frame *frames,
                           uint32_t count) {
    struct writer *w = &((struct pcap *)queue->state)->writer;
    (void)frames;
    w->lent -= count < w->lent ? count : w->lent;
}

static void pcap_service(struct pio_queue *queue, uint64_t now_ns) {
    struct writer *w = &((struct pcap *)queue->state)->writer;
    w->now_ns = now_ns;
    if (w->fd >= 0 && w->buffered_bytes && now_ns - w->written_ns >= WRITE_INTERVAL_NS)
        writer_flush(w, queue->info);
}

/* ---- opening ---- */

/* Steps over what precedes the first packet, to learn whether anything here is Ethernet. */
static int refuse_link_type(struct capture *c, const char *path, struct pio_error *error) {
    struct capture_record record;
    uint32_t other = 0, others = 0;
    enum capture_step step = c->is_pcapng ? CAPTURE_NOTHING : CAPTURE_RECORD;
    while (step == CAPTURE_NOTHING)
        step = capture_next(c, &record);
    for (uint32_t i = 0; i < c->interface_count; i++)
        if (c->interfaces[i].link_type != CAPTURE_LINK_ETHERNET) {
            other = c->interfaces[i].link_type;
            others++;
        }
    uint32_t all_other = others && others == c->interface_count;
    capture_rewind(c);
    if (all_other)
        return pio_refuse(error, EPROTONOSUPPORT,
                          "capture on an Ethernet interface, not on 'any' or a tunnel",
                          "the capture '%.150s' has link type %u, and frames here are Ethernet (1)",
                          path, other);
    return 0;
}

static int refuse_file(struct pio_error *error, int number, const char *what, const char *path) {
    return pio_refuse(error, number,
                      number == ENOENT ? "check the path" : "check the file and its permissions",
                      "cannot %s '%.150s': %s", what, path, strerror(number));
}

/* Maps the whole file; no byte of a regular file that stays as long as it is lies outside. */
static int map_input(struct pcap *p, int fd, const char *path, struct pio_error *error) {
    struct stat status;
    if (fstat(fd, &status))
        return refuse_file(error, errno, "read", path);
    if (!S_ISREG(status.st_mode))
        return pio_refuse(error, EINVAL, "write what it gives to a file first",
                          "'%.150s' is not a regular file, so it cannot be mapped", path);
    const char *why = "is empty";
    if (status.st_size) {
        /* Read-only at first: to populate a writable private mapping would copy the file. */
        int prefault = (uint64_t)status.st_size <= PREFAULT_BYTES_MAX ? MAP_POPULATE : 0;
        p->map_bytes = (size_t)status.st_size;
        p->map = mmap(NULL, p->map_bytes, PROT_READ, MAP_PRIVATE | prefault, fd, 0);
        if (p->map == MAP_FAILED) {
            p->map = NULL;
            return refuse_file(error, errno, "map", path);
        }
        if (mprotect(p->map, p->map_bytes, PROT_READ | PROT_WRITE))
            return refuse_file(error, errno, "map", path);
        madvise(p->map, p->map_bytes, MADV_SEQUENTIAL);
        why = capture_open(&p->capture, p->map, p->map_bytes);
    }
    if (why)
        return pio_refuse(error, EINVAL, "give a whole, uncompressed pcap or pcapng file",
                          "the capture '%.150s' %s", path, why);
    return refuse_link_type(&p->capture, path, error);
}

static int open_input(struct pcap *p, const char *path, struct pio_error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */
    if (fd < 0)
        return refuse_file(error, errno, "open", path);
    int number = map_input(p, fd, path, error);
    close(fd);
    return number;
}

static int open_output(struct writer *w, const char *path, const char *input,
                       struct pio_error *error) {
    struct stat in, out;
    size_t length = strlen(path);
    w->is_pcapng = length > 7 && !strcmp(path + length - 7, ".pcapng");
    w->buffer = malloc(WRITE_BUFFER_BYTES);
    w->slots = malloc((size_t)TX_SLOTS * TX_STRIDE_BYTES);
    if (!w->buffer || !w->slots)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    w->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (w->fd < 0 || fstat(w->fd, &out))
        return refuse_file(error, errno, "write", path);
    if (*input && !stat(input, &in) && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
        return pio_refuse(error, EINVAL, "write to another file",
                          "'%.150s' is both the input and the output", path);
    if (S_ISREG(out.st_mode) && ftruncate(w->fd, 0))
        return refuse_file(error, errno, "write", path);
    w->buffered_bytes = capture_write_head(w->buffer, w->is_pcapng);
    return 0;
}

static void pcap_free(struct pcap *p) {
    if (p->map)
        munmap(p->map, p->map_bytes);
    if (p->writer.fd >= 0)
        close(p->writer.fd);
    free(p->writer.buffer);
    free(p->writer.slots);
    free(p);
}

static int pcap_probe(char *mode, size_t mode_bytes, struct pio_error *error) {
    (void)error;
    snprintf(mode, mode_bytes, "file");
    return 0;
}

static int pcap_open_files(struct pcap *p, const char *device, struct pio_error *error) {
    char input[PATH_BYTES] = "", output[PATH_BYTES] = "";
    int number = pio_option_check(device, "out loop", error);
    if (!number)
        number = pio_option_u64(device, "loop", 1, LOOP_MAX, &p->passes_left, error);
    if (!number)
        number = pio_option_text(device, "out", output, sizeof output, error);
    if (!number)
        number = pio_option_name(device, input, sizeof input, error);
    if (!number && !*input && !*output)
        number = pio_refuse(error, EINVAL, "write pcap:IN.pcap, pcap:IN.pcap,out=OUT.pcap or "
                            "pcap:,out=OUT.pcap", "the pcap queue '%.60s' names no file", device);
    if (!number && *input)
        number = open_input(p, input, error);
    if (!number && *output)
        number = open_output(&p->writer, output, input, error);
    return number;
}

static int pcap_open(struct pio_queue *queue, const char *device, struct pio_error *error) {
    struct pcap *p = calloc(1, sizeof *p);
    if (!p)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    p->writer.fd = -1;
    p->passes_left = 1;
    int number = pcap_open_files(p, device, error);
    if (number) {
        pcap_free(p);
        return number;
    }
    int reads = p->map != NULL, writes = p->writer.fd >= 0;
    queue->rx_burst = reads ? pcap_rx_burst : pio_rx_none;
    queue->rx_release = pio_release_none; /* the mapping stays until close */
    queue->tx_lend = writes ? pcap_tx_lend : pio_tx_lend_none;
    queue->tx_burst = writes ? pcap_tx_burst : pio_tx_none;
    queue->tx_return = writes ? pcap_tx_return : pio_release_none;
    queue->service = writes ? pcap_service : pio_service_none;
    queue->state = p;
    queue->info->frame_bytes_max = FRAME_BYTES;
    queue->info->link = PIO_LINK_UP;
    queue->info->stats.extra[EXTRA_END_OFFSET] = p->capture.offset;
    snprintf(queue->info->mode, sizeof queue->info->mode, "%s",
             reads && writes ? "read+write" : reads ? "read" : "write");
    return 0;
}

static void pcap_close(struct pio_queue *queue) {
    struct pcap *p = queue->state;
    if (p->writer.fd >= 0)
        writer_flush(&p->writer, queue->info);
    pcap_free(p);
}

const struct pio_backend pio_backend_pcap = {
    .name = "pcap",
    .summary = "capture files: pcap and pcapng, read and written",
    .extra_names = {"rx_end_offset", "rx_undersize", "rx_not_ethernet", "tx_timestamp_wrapped"},
    .probe = pcap_probe,
    .open = pcap_open,
    .close = pcap_close,
    .hear = pio_hear_all,
};
