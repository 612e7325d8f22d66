/* pio_interface.h: what the backends over the kernel ask of a network interface. Any socket of the
 * interface's namespace that takes interface ioctls will do as `fd`; nothing needs a privilege.
 */
#ifndef TICKPATH_PIO_INTERFACE_H
#define TICKPATH_PIO_INTERFACE_H

#include "pio.h"

/* A packet socket that hears nothing yet, for asking and for memberships; -1 and errno: refused,
 * for lack of a permission with the caller's own words. */
int pio_interface_socket(const char *remedy, const char *forbidden, struct pio_error *error);
/* Has it hear a group's Ethernet address, for as long as the packet socket is open. */
int pio_interface_hear(int fd, int index, const uint8_t group[6], const char *remedy,
                       struct pio_error *error);
/* Its index and address (zeros: none); refuses one that is not there, not Ethernet, or down. */
int pio_interface_find(int fd, const char *name, int *index, uint8_t mac[6],
                       struct pio_error *error);
/* Its link now, and its MTU; an MTU of 0 could not be read. By index: it may be renamed. */
enum pio_link pio_interface_look(int fd, int index, uint32_t *mtu);
/* Was it taken down (ip link set down), rather than left without a carrier? */
int pio_interface_is_off(int fd, int index);

#endif
