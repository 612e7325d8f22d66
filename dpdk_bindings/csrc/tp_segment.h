/* tp_segment.h: a named piece of shared memory that survives nobody.
 *
 * A segment is a file under /dev/shm named "tickpath.NAME". Who holds it is told by open-file-
 * description locks on its first bytes, which the kernel drops when their holder dies: byte 0
 * guards creation and removal, bytes 1.. are claims, one for each role (the owner, either end of a
 * link). So no crash leaves a role taken, and the last to close removes the name. Its user may
 * write, its group may look (0640, less the umask): an exporter needs no more.
 */
#ifndef TICKPATH_SEGMENT_H
#define TICKPATH_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "pio.h"

#define TP_SEGMENT_CLAIMS_MAX 8u
#define TP_SEGMENT_NAME_BYTES 128u

struct tp_segment {
    uint8_t *base;
    size_t bytes;
    int fd;
    uint32_t claims; /* bit per claim held through this handle */
    char name[TP_SEGMENT_NAME_BYTES];
};

/* Opens or creates NAME with at least `bytes` (0: attach to what exists, ENOENT if there is none),
 * faulted in; EACCES when what there is was made by another user. On return the creation lock is
 * held: initialise, then tp_segment_ready. */
int tp_segment_open(struct tp_segment *segment, const char *name, size_t bytes,
                    struct pio_error *error);
/* Maps an existing NAME read-only, without any lock. */
int tp_segment_view(struct tp_segment *segment, const char *name, struct pio_error *error);
void tp_segment_ready(struct tp_segment *segment);
/* 0, or EBUSY when another handle holds the claim. */
int tp_segment_claim(struct tp_segment *segment, uint32_t claim);
/* Nonzero when another handle holds the claim. */
int tp_segment_claimed(const struct tp_segment *segment, uint32_t claim);
/* Drops the claims, unmaps, and removes the name when nobody else holds a claim. */
void tp_segment_close(struct tp_segment *segment);

#endif
