/* pio_afxdp_device.c: what AF_XDP has to know of an interface (see pio_afxdp.h): its queues and how
 * datagrams are spread over them, its driver, and whether somebody else's program is on it.
 */
#include "pio_afxdp.h"
#include "pio_interface.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define RSS_ENTRIES_MAX 4096u /* the longest table of any driver in the kernel is half of it */
#define REPLY_BYTES 32768u    /* what iproute2 reads a link's description into */

int afxdp_control_socket(struct pio_error *error) {
    return pio_interface_socket("run as root, or give CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF (in "
                                "systemd: AmbientCapabilities=), or have a privileged opener hand "
                                "over the queue (fds=)",
                                "no permission to open an AF_XDP queue", error);
}

/* One ethtool request; 0, or -1 and errno. */
static int ethtool(int control, const char *interface, void *request) {
    struct ifreq carrier = {.ifr_data = request};
    snprintf(carrier.ifr_name, sizeof carrier.ifr_name, "%s", interface);
    return ioctl(control, SIOCETHTOOL, &carrier);
}

int afxdp_device_find(int control, const char *name, struct afxdp_device *device,
                      struct pio_error *error) {
    struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
    struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
    *device = (struct afxdp_device){0};
    int number = pio_interface_find(control, name, &device->index, device->mac, error);
    if (number)
        return number;
    pio_interface_look(control, device->index, &device->mtu);
    if (!ethtool(control, name, &channels)) {
        uint32_t receive = channels.combined_count + channels.rx_count;
        uint32_t transmit = channels.combined_count + channels.tx_count;
        device->queues = receive > transmit ? receive : transmit;
    }
    if (!ethtool(control, name, &driver))
        snprintf(device->driver, sizeof device->driver, "%.31s", driver.driver);
    return 0;
}

int afxdp_device_partial(const char *driver) {
    return !strcmp(driver, "veth") || !strcmp(driver, "tun") || !strcmp(driver, "virtio_net");
}

/* ---- how datagrams are spread ---- */

/* How many of the interface's queues its hash spreads datagrams over; 0: it does not say. */
static uint32_t spread_over(int control, const char *interface) {
    struct ethtool_rxfh_indir size = {.cmd = ETHTOOL_GRXFHINDIR};
    uint64_t heard[RSS_ENTRIES_MAX / 64] = {0};
    uint32_t count = 0;
    if (ethtool(control, interface, &size) || !size.size || size.size > RSS_ENTRIES_MAX)
        return 0;
    struct ethtool_rxfh_indir *table = calloc(1, sizeof *table + size.size * sizeof(uint32_t));
    if (!table)
        return 0;
    *table = (struct ethtool_rxfh_indir){.cmd = ETHTOOL_GRXFHINDIR, .size = size.size};
    if (!ethtool(control, interface, table))
        for (uint32_t i = 0; i < size.size; i++) {
            uint32_t queue = table->ring_index[i] % RSS_ENTRIES_MAX;
            count += !(heard[queue / 64] >> queue % 64 & 1);
            heard[queue / 64] |= UINT64_C(1) << queue % 64;
        }
    free(table);
    return count;
}

/* How many rules the interface has that steer what they name to a queue. */
static uint32_t steering_rules(int control, const char *interface) {
    struct ethtool_rxnfc rules = {.cmd = ETHTOOL_GRXCLSRLCNT};
    return ethtool(control, interface, &rules) ? 0 : rules.rule_cnt;
}

int afxdp_device_queues(int control, const struct afxdp_options *o,
                        const struct afxdp_device *device, struct pio_error *error) {
    char remedy[sizeof error->remedy];
    if (device->queues && o->queue >= device->queues) {
        snprintf(remedy, sizeof remedy, "name queue=%u or less, or give it more: ethtool -L %s",
                 device->queues - 1, o->interface);
        return pio_refuse(error, EINVAL, remedy, "interface '%s' has no queue %llu, but %u in all",
                          o->interface, (unsigned long long)o->queue, device->queues);
    }
    uint32_t spread = o->rss_check ? spread_over(control, o->interface) : 0;
    if (spread <= o->queues || steering_rules(control, o->interface))
        return 0;
    snprintf(remedy, sizeof remedy,
             "give it one queue: ethtool -L %s combined 1; or steer: ethtool -N %s flow-type udp4 "
             "dst-ip ADDRESS action %llu; or accept that: rss_check=0", o->interface, o->interface,
             (unsigned long long)o->queue);
    return pio_refuse(error, EINVAL, remedy,
                      "interface '%s' spreads datagrams over %u queues, and only %llu would be "
                      "heard", o->interface, spread, (unsigned long long)o->queues);
}

/* ---- somebody else's program ---- */

/* The id of the program within an IFLA_XDP attribute; 0: none. */
static uint32_t program_of(const struct rtattr *nested) {
    uint32_t id = 0;
    int left = (int)RTA_PAYLOAD(nested);
    for (const struct rtattr *one = RTA_DATA(nested); RTA_OK(one, left);
         one = RTA_NEXT(one, left)) {
        int is_id = one->rta_type == IFLA_XDP_PROG_ID || one->rta_type == IFLA_XDP_DRV_PROG_ID ||
                    one->rta_type == IFLA_XDP_SKB_PROG_ID || one->rta_type == IFLA_XDP_HW_PROG_ID;
        if (is_id && RTA_PAYLOAD(one) >= sizeof id)
            memcpy(&id, RTA_DATA(one), sizeof id);
    }
    return id;
}

/* Asks rtnetlink, the only place that tells: bpf(2) does not say what an interface runs. */
static uint32_t program_on(int index) {
    _Alignas(struct nlmsghdr) static _Thread_local uint8_t reply[REPLY_BYTES];
    struct {
        struct nlmsghdr header;
        struct ifinfomsg body;
    } request = {{sizeof request, RTM_GETLINK, NLM_F_REQUEST, 1, 0}, {.ifi_index = index}};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return 0;
    int asked = send(fd, &request, sizeof request, 0) >= 0;
    ssize_t bytes = asked ? recv(fd, reply, REPLY_BYTES, 0) : -1;
    close(fd);
    const struct nlmsghdr *header = (const struct nlmsghdr *)reply;
    if (bytes < (ssize_t)sizeof *header || !NLMSG_OK(header, (size_t)bytes) ||
        header->nlmsg_type != RTM_NEWLINK)
        return 0;
    int left = (int)IFLA_PAYLOAD(header);
    for (const struct rtattr *one = IFLA_RTA((struct ifinfomsg *)NLMSG_DATA(header));
         RTA_OK(one, left); one = RTA_NEXT(one, left))
        if ((one->rta_type & NLA_TYPE_MASK) == IFLA_XDP)
            return program_of(one);
    return 0;
}

int afxdp_device_program(const struct afxdp_device *device, const char *name,
                         struct pio_error *error) {
    char program[BPF_OBJ_NAME_LEN + 1], remedy[sizeof error->remedy];
    uint32_t id = program_on(device->index);
    if (!id)
        return 0;
    afxdp_program_name(id, program, sizeof program);
    int ours = !strcmp(program, AFXDP_PROGRAM_NAME);
    snprintf(remedy, sizeof remedy,
             ours ? "end it, or open all queues of '%s' in one process"
                  : "take it off (ip link set dev %s xdp off, or end the process that bpftool net "
                    "shows), or use afpacket", name);
    return pio_refuse(error, EBUSY, remedy, "%s '%s' (id %u) is on interface '%s' already",
                      ours ? "the XDP program of another tickpath process," : "an XDP program,",
                      program[0] ? program : "without a name", id, name);
}
