/* pio_afxdp_opener.h: for a small process with privileges that opens AF_XDP queues for one without.
 *
 * It opens, hands over the descriptors (inherited, or as SCM_RIGHTS) and the queue's name with
 * fds=, mode= and frame_bytes= in it, and closes its own. Their new holder maps the rings and
 * binds the socket, and only then is known which mode was obtained. The queue lives as long as
 * somebody holds them; when the last holder is gone, however it died, the interface is as it
 * was.
 */
#ifndef TICKPATH_PIO_AFXDP_OPENER_H
#define TICKPATH_PIO_AFXDP_OPENER_H

#include "pio.h"

struct afxdp_opened {
    /* Memory, socket, link, counter, control; -1 or the socket it shares memory with; -1 or what
     * the driver is polled through. */
    int fds[7];
    uint32_t part, frame_bytes;
    char mode[16];
    struct afxdp_grant *grant;
};

/* 0, or an errno with the error filled in and nothing left behind. `hears`: its new holder will ask
 * for group addresses, as one behind host(...) does; that takes a packet socket, which can send
 * anything anywhere. Without it the control descriptor reaches no network. */
int afxdp_opener_open(const char *device, int hears, struct afxdp_opened *opened,
                      struct pio_error *error);
/* Closes the opener's descriptors; theirs who were handed copies stay. */
void afxdp_opener_close(struct afxdp_opened *opened);

#endif
