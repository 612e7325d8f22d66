/* pio_interface.c: looks at a network interface by ioctl (see pio_interface.h). */
#include "pio_interface.h"

#include "pio_internal.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int pio_interface_socket(const char *remedy, const char *forbidden, struct pio_error *error) {
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int number = errno;
    if (fd >= 0)
        return fd;
    if (number == EPERM || number == EACCES)
        pio_refuse(error, number, remedy, "%s", forbidden);
    else if (number == EAFNOSUPPORT)
        pio_refuse(error, number, "load its module: modprobe af_packet",
                   "this kernel has no packet sockets");
    else
        pio_refuse(error, number, "free some of that resource", "no packet socket: %s",
                   strerror(number));
    errno = number;
    return -1;
}

int pio_interface_hear(int fd, int index, const uint8_t group[6], const char *remedy,
                       struct pio_error *error) {
    struct packet_mreq membership = {.mr_ifindex = index, .mr_type = PACKET_MR_MULTICAST,
                                     .mr_alen = 6};
    memcpy(membership.mr_address, group, 6);
    if (!setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership))
        return 0;
    return pio_refuse(error, errno, remedy,
                      "the interface cannot be made to hear a group address: %s",
                      strerror(errno));
}

static int refuse_interface(const char *name, struct pio_error *error) {
    char known[160] = "";
    size_t at = 0;
    struct if_nameindex *interfaces = if_nameindex();
    for (struct if_nameindex *i = interfaces; i && i->if_index && at < sizeof known; i++)
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", at ? ", " : "", i->if_name);
    if (interfaces)
        if_freenameindex(interfaces);
    pio_refuse(error, ENODEV, "", "there is no network interface '%s'", name);
    snprintf(error->remedy, sizeof error->remedy, "name one of those that exist: %s", known);
    return ENODEV;
}

int pio_interface_find(int fd, const char *name, int *index, uint8_t mac[6],
                       struct pio_error *error) {
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    /* Not if_nametoindex: that looks in this process's namespace, and fd may be of another. */
    if (ioctl(fd, SIOCGIFINDEX, &request))
        return refuse_interface(name, error);
    *index = request.ifr_ifindex;
    if (ioctl(fd, SIOCGIFHWADDR, &request))
        return refuse_interface(name, error);
    int type = request.ifr_hwaddr.sa_family;
    if (type != ARPHRD_ETHER && type != ARPHRD_LOOPBACK)
        return pio_refuse(error, ENOTSUP, "name an Ethernet interface",
                          "interface '%s' does not carry Ethernet frames (its type is %d)", name,
                          type);
    memcpy(mac, request.ifr_hwaddr.sa_data, 6);
    if (!ioctl(fd, SIOCGIFFLAGS, &request) && !(request.ifr_flags & IFF_UP)) {
        char remedy[64];
        snprintf(remedy, sizeof remedy, "bring it up: ip link set %s up", name);
        return pio_refuse(error, ENETDOWN, remedy, "interface '%s' is down", name);
    }
    return 0;
}

enum pio_link pio_interface_look(int fd, int index, uint32_t *mtu) {
    struct ifreq request = {.ifr_ifindex = index};
    *mtu = 0;
    if (ioctl(fd, SIOCGIFNAME, &request) || ioctl(fd, SIOCGIFFLAGS, &request))
        return PIO_LINK_GONE;
    int flags = request.ifr_flags;
    if (!ioctl(fd, SIOCGIFMTU, &request))
        *mtu = (uint32_t)request.ifr_mtu;
    return flags & IFF_UP && flags & IFF_RUNNING ? PIO_LINK_UP : PIO_LINK_DOWN;
}

int pio_interface_is_off(int fd, int index) {
    struct ifreq request = {.ifr_ifindex = index};
    return !ioctl(fd, SIOCGIFNAME, &request) && !ioctl(fd, SIOCGIFFLAGS, &request) &&
           !(request.ifr_flags & IFF_UP);
}
