/* pio_afxdp_statistics.h: an AF_XDP queue's own counters and gauges where others can read them.
 *
 * Wrapped in others (host, fault, share) it shows theirs in its place; and busy_polled and
 * rx_unstamped say what was asked for and not obtained, which must not be found by nobody.
 */
#ifndef TICKPATH_PIO_AFXDP_STATISTICS_H
#define TICKPATH_PIO_AFXDP_STATISTICS_H

#include "pio.h"
#include "tp_statistics.h"

/* Has the AF_XDP queue at or within this one write them here: at once, and from its service every
 * 10 ms, until it is closed or NULL is given; the table must outlive that. 0; ENOTSUP: no such
 * queue, and nothing is ever written. */
int afxdp_statistics_to(struct pio_queue *queue, struct tp_statistics *table);

#endif
