/* pio_interface.h: what the backends over the kernel ask of a network interface. Any socket of the
 * interface's namespace that takes interface ioctls will do as `fd`; nothing needs a privilege.
 */
#ifndef TICKPATH_PIO_INTERFACE_H
#define TICKPATH_PIO_INTERFACE_H

#include "pio.h"

/* Its index and address (zeros: none); refuses one that is not there, not Ethernet, or down. */
int pio_interface_find(int fd, const char *name, int *index, uint8_t mac[6],
                       struct pio_error *error);
/* Its link now, and its MTU; an MTU of 0 could not be read. By index: it may be renamed. */
enum pio_link pio_interface_look(int fd, int index, uint32_t *mtu);

#endif
