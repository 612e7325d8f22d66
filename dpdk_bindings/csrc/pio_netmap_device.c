/* pio_netmap_device.c: the network interface behind a netmap queue (see pio_netmap.h).
 *
 * netmap takes an interface's rings and leaves everything else to the kernel, so link, MTU,
 * addresses and what the card listens to are asked for and set as for any other. The packet socket
 * here moves no frame: it holds memberships, which the kernel ends with it.
 *
 * Which adapter a port has, the driver's own or netmap's emulation over any driver, netmap tells
 * nobody. It follows from what can be seen: a driver with netmap in it uses netmap's module, and
 * so is among that module's holders; and `admode` says when netmap is not to use it.
 */
#include "pio_netmap.h"

#include "pio_interface.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOLDERS "/sys/module/netmap/holders"
#define ADMODE_EMULATED 2u

static int membership_add(const struct netmap *n, int type, const uint8_t group[6]) {
    struct packet_mreq membership = {.mr_ifindex = n->interface_index,
                                     .mr_type = (unsigned short)type};
    if (group) {
        membership.mr_alen = 6;
        memcpy(membership.mr_address, group, 6);
    }
    return setsockopt(n->socket, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership,
                      sizeof membership);
}

int netmap_device_open(struct pio_queue *queue, const char *name, int promiscuous,
                       struct pio_error *error) {
    struct netmap *n = queue->state;
    char path[96];
    /* Protocol 0: it hears nothing. */
    n->socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (n->socket < 0)
        return pio_refuse(error, errno, "run as root, or give CAP_NET_RAW",
                          "no packet socket, which tells an interface what to hear: %s",
                          strerror(errno));
    int number = pio_interface_find(n->socket, name, &n->interface_index, queue->info->mac, error);
    if (number)
        return number;
    n->promiscuous = promiscuous;
    if (n->kind == NETMAP_INTERFACE && promiscuous && membership_add(n, PACKET_MR_PROMISC, NULL))
        return pio_refuse(error, errno, "give promiscuous=0",
                          "interface '%s' cannot be made promiscuous: %s", name, strerror(errno));
    snprintf(path, sizeof path, "/sys/class/net/%s/statistics/rx_missed_errors", name);
    n->missed_fd = open(path, O_RDONLY | O_CLOEXEC);
    netmap_device_read(queue); /* so that misses of an earlier time are not counted */
    queue->info->stats.rx_missed = 0;
    return 0;
}

static void missed_read(struct pio_queue *queue) {
    struct netmap *n = queue->state;
    char text[24];
    ssize_t length = n->missed_fd < 0 ? -1 : pread(n->missed_fd, text, sizeof text - 1, 0);
    if (length <= 0)
        return;
    text[length] = '\0';
    uint64_t missed = strtoull(text, NULL, 10);
    queue->info->stats.rx_missed += missed > n->missed ? missed - n->missed : 0;
    n->missed = missed;
}

void netmap_device_read(struct pio_queue *queue) {
    struct netmap *n = queue->state;
    uint32_t mtu = 0;
    enum pio_link link = PIO_LINK_UP;
    if (queue->info->link == PIO_LINK_GONE)
        return;
    if (n->kind == NETMAP_INTERFACE || n->kind == NETMAP_STACK) {
        link = pio_interface_look(n->socket, n->interface_index, &mtu);
        missed_read(queue);
    }
    if (mtu)
        n->tx.wire_bytes_max = mtu + 14;
    queue->info->link = link == PIO_LINK_UP && n->stopped ? PIO_LINK_DOWN : link;
}

int netmap_device_hear(struct pio_queue *queue, const uint8_t group[6],
                       struct pio_error *error) {
    const struct netmap *n = queue->state;
    if (n->kind != NETMAP_INTERFACE || n->promiscuous ||
        !membership_add(n, PACKET_MR_MULTICAST, group))
        return 0;
    return pio_refuse(error, errno, "see that it exists, or leave promiscuous=0 out",
                      "the interface cannot be made to hear a group address: %s",
                      strerror(errno));
}

/* The name of the module that the interface's driver is in, as the kernel spells it. */
static void module_name(int fd, const char *interface, char *name, size_t bytes) {
    struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq request = {.ifr_data = (char *)&driver};
    char path[96], target[256];
    snprintf(path, sizeof path, "/sys/class/net/%s/device/driver/module", interface);
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    const char *last = strrchr(target, '/');
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
    /* A device without a bus, as veth, has no such link; its driver's name is its module's. */
    if (!last && !ioctl(fd, SIOCETHTOOL, &request))
        last = driver.driver - 1;
    snprintf(name, bytes, "%s", last ? last + 1 : "");
}

int netmap_device_native(int fd, const char *name) {
    char module[64], path[128];
    module_name(fd, name, module, sizeof module);
    snprintf(path, sizeof path, HOLDERS "/%s", module);
    return module[0] && netmap_device_setting("admode") != ADMODE_EMULATED && !access(path, F_OK);
}

int netmap_device_native_any(void) {
    DIR *directory = opendir(HOLDERS);
    int count = 0;
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count > 2; /* its own entry and its parent's are always there */
}

uint64_t netmap_device_setting(const char *name) {
    char path[96], text[24] = "";
    snprintf(path, sizeof path, "/sys/module/netmap/parameters/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    if (read(fd, text, sizeof text - 1) < 0)
        text[0] = '\0';
    close(fd);
    return strtoull(text, NULL, 10);
}

void netmap_device_close(struct netmap *n) {
    if (n->missed_fd >= 0)
        close(n->missed_fd);
    if (n->socket >= 0)
        close(n->socket);
}
