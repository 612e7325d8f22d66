/* pio_afxdp_site.h: what this process has on one interface: the program, its link and maps, which
 * all of its queues there share, and the memories that queues opened with queues=2 or more share.
 *
 * Invariant: a site is in the table while it has users; the table and all that hangs on it are
 * touched under one lock, by openers and closers alone. No data path ever looks here.
 */
#ifndef TICKPATH_PIO_AFXDP_SITE_H
#define TICKPATH_PIO_AFXDP_SITE_H

#include "pio_afxdp.h"

struct afxdp_site {
    struct afxdp_site *next;
    uint64_t namespace; /* the network namespace's inode: interfaces are numbered within it */
    int interface_index;
    int sockets, counts, link;
    int is_skb;
    enum afxdp_stamps stamps; /* what its program puts before frames, until the last queue leaves */
    uint32_t hook;
    uint32_t users;
    struct afxdp_rule rules[AFXDP_RULES_MAX];
    uint32_t rule_count;
    struct afxdp_pool *pools;
};

/* Memory registered once, in `parts` parts of one size. */
struct afxdp_pool {
    struct afxdp_pool *next;
    int fd;
    uint32_t parts;
    size_t bytes, part_bytes;
    uint32_t chunk_bytes;
    int members[AFXDP_QUEUES_MAX]; /* by part: a bound socket; -1: free */
};

void afxdp_lock(void);
void afxdp_unlock(void);
/* All below: under the lock. 0, or an errno with the error filled in. */
int afxdp_site_join(struct afxdp_site **site, const struct afxdp_options *o,
                    const struct afxdp_device *device, struct pio_error *error);
/* Forgets the queue's rules; the last one to leave closes everything. */
void afxdp_site_leave(struct afxdp_site *site, uint32_t queue);
/* A memory with a free part, registered already or (then its members are all -1) still to be. */
int afxdp_pool_find(struct afxdp_pool **pool, uint32_t *part, struct afxdp_site *site,
                    const struct afxdp_options *o, uint32_t frame_bytes, struct pio_error *error);
/* Can a program be loaded here at all? Takes the lock itself. */
int afxdp_site_probe(struct pio_error *error);
/* Frees the part; the last one closes the memory. */
void afxdp_pool_leave(struct afxdp_site *site, struct afxdp_pool *pool, uint32_t part);

#endif
