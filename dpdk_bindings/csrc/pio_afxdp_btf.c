/* pio_afxdp_btf.c: a walk over BTF's type records (see pio_afxdp_btf.h). Ids count the records from
 * 1; a record is 12 bytes and, by its kind, some more.
 */
#define _GNU_SOURCE
#include "pio_afxdp_btf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BTF_FILE "/sys/kernel/btf/vmlinux"
#define BTF_BYTES_MAX ((size_t)64 << 20) /* distributions' have 4 to 10 MiB */
#define BTF_MAGIC_WORD 0xeb9fu           /* in the byte order of the host, else it is not its own */
#define BTF_VERSION_KNOWN 1u
#define RECORD_BYTES 12u
#define KIND_FUNCTION 12u
#define KINDS 20u

struct header {
    uint16_t magic;
    uint8_t version, flags;
    uint32_t header_bytes, types_at, types_bytes, strings_at, strings_bytes;
};
_Static_assert(sizeof(struct header) == 24, "BTF's header as Documentation/bpf/btf.rst has it");

struct record {
    uint32_t name_at, info, size_or_type;
};
_Static_assert(sizeof(struct record) == RECORD_BYTES, "BTF's common part of a type");

/* What follows a record, by its kind: once, and for each of its members. */
static const struct { uint8_t once, each; } tails[KINDS] = {
    [1] = {4, 0},  [3] = {12, 0}, [4] = {0, 12}, [5] = {0, 12},   /* int, array, struct, union */
    [6] = {0, 8},  [13] = {0, 8}, [14] = {4, 0}, [15] = {0, 12}, /* enum, proto, var, section */
    [17] = {4, 0}, [19] = {0, 12},                               /* declaration tag, enum64 */
};

/* Is the string at this place the name? Both ends of it are within the strings. */
static int is_name(const uint8_t *strings, uint32_t bytes, uint32_t at, const char *name) {
    size_t length = strlen(name) + 1;
    return at < bytes && length <= bytes - at && !memcmp(strings + at, name, length);
}

int afxdp_btf_function(const uint8_t *btf, size_t bytes, const char *name, uint32_t *id) {
    struct header header;
    if (bytes < sizeof header || bytes > BTF_BYTES_MAX)
        return EBADMSG;
    memcpy(&header, btf, sizeof header);
    if (header.magic != BTF_MAGIC_WORD || header.version != BTF_VERSION_KNOWN ||
        header.header_bytes < sizeof header || header.header_bytes > bytes)
        return EBADMSG;
    const uint8_t *body = btf + header.header_bytes;
    size_t room = bytes - header.header_bytes;
    if (header.types_at > room || header.types_bytes > room - header.types_at ||
        header.strings_at > room || header.strings_bytes > room - header.strings_at)
        return EBADMSG;
    const uint8_t *types = body + header.types_at;
    uint32_t count = 0;
    for (size_t at = 0; at < header.types_bytes;) {
        struct record record;
        if (header.types_bytes - at < sizeof record)
            return EBADMSG;
        memcpy(&record, types + at, sizeof record);
        at += sizeof record;
        uint32_t kind = record.info >> 24 & 0x1f, members = record.info & 0xffff;
        if (!kind || kind >= KINDS)
            return EBADMSG; /* how long it is cannot be known */
        size_t tail = tails[kind].once + (size_t)tails[kind].each * members;
        if (header.types_bytes - at < tail)
            return EBADMSG;
        at += tail;
        count++;
        if (kind == KIND_FUNCTION && is_name(body + header.strings_at, header.strings_bytes,
                                             record.name_at, name)) {
            *id = count;
            return 0;
        }
    }
    return ENOENT;
}

/* All of a file into `data`; 0 or an errno. */
static int read_whole(int fd, uint8_t *data, size_t bytes) {
    for (size_t at = 0; at < bytes;) {
        ssize_t got = read(fd, data + at, bytes - at);
        if (got < 0)
            return errno;
        if (!got)
            return EBADMSG;
        at += (size_t)got;
    }
    return 0;
}

int afxdp_btf_kernel_function(const char *name, uint32_t *id) {
    struct stat file;
    uint8_t *data = NULL;
    int number = 0, fd = open(BTF_FILE, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ENODATA : errno;
    if (fstat(fd, &file))
        number = errno;
    else if (file.st_size <= 0 || (uintmax_t)file.st_size > BTF_BYTES_MAX)
        number = EBADMSG;
    else if (!(data = malloc((size_t)file.st_size)))
        number = ENOMEM;
    else if (!(number = read_whole(fd, data, (size_t)file.st_size)))
        number = afxdp_btf_function(data, (size_t)file.st_size, name, id);
    close(fd);
    free(data);
    return number;
}
