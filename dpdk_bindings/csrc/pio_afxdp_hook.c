/* pio_afxdp_hook.c: can the card's own receive times be had of an interface (see pio_afxdp.h)?
 *
 * Loading a program that asks for them says nothing: where a driver has no hook, the kernel calls
 * one that always fails. So the kernel's netdev family of generic netlink is asked, which tells
 * since Linux 6.7 (Documentation/netlink/specs/netdev.yaml). Its header may be older here than the
 * kernel, hence the numbers.
 */
#include "pio_afxdp.h"
#include "pio_afxdp_btf.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/net_tstamp.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOOK_FUNCTION "bpf_xdp_metadata_rx_timestamp"
#define FAMILY_NAME "netdev"
#define COMMAND_DEVICE_GET 1
#define ATTRIBUTE_INTERFACE 1
#define ATTRIBUTE_RX_METADATA 5
#define RX_METADATA_TIMESTAMP UINT64_C(1)
#define VALUE_BYTES_MAX 8u
#define REPLY_BYTES 8192u /* a family's description, the longer of the two, takes under 2,000 */

struct question {
    struct nlmsghdr header;
    struct genlmsghdr body;
    struct nlattr attribute;
    uint8_t value[VALUE_BYTES_MAX];
};
_Static_assert(sizeof(struct question) == 32, "a message without padding");

/* Sends a question of one attribute; the answer's bytes, or -1. */
static ssize_t ask(int fd, uint16_t family, uint8_t command, uint16_t type, const void *value,
                   uint16_t bytes, uint8_t *reply) {
    struct question q = {{sizeof q - VALUE_BYTES_MAX + bytes, family, NLM_F_REQUEST, 1, 0},
                         {command, 1, 0}, {(uint16_t)(NLA_HDRLEN + bytes), type}, {0}};
    memcpy(q.value, value, bytes);
    if (send(fd, &q, sizeof q - VALUE_BYTES_MAX + NLA_ALIGN(bytes), 0) < 0)
        return -1;
    return recv(fd, reply, REPLY_BYTES, 0);
}

/* Copies the answer's attribute of that type; 0 when there is none of that size. */
static int answered(const uint8_t *reply, ssize_t got, uint16_t type, void *value, size_t bytes) {
    const struct nlmsghdr *header = (const struct nlmsghdr *)reply;
    if (got < (ssize_t)(NLMSG_HDRLEN + GENL_HDRLEN) || !NLMSG_OK(header, (size_t)got) ||
        header->nlmsg_type == NLMSG_ERROR)
        return 0;
    size_t end = header->nlmsg_len;
    for (size_t at = NLMSG_HDRLEN + GENL_HDRLEN; at + NLA_HDRLEN <= end;) {
        struct nlattr one;
        memcpy(&one, reply + at, sizeof one);
        if (one.nla_len < NLA_HDRLEN || one.nla_len > end - at)
            return 0;
        if ((one.nla_type & NLA_TYPE_MASK) == type && one.nla_len == NLA_HDRLEN + bytes) {
            memcpy(value, reply + at + NLA_HDRLEN, bytes);
            return 1;
        }
        at += NLA_ALIGN(one.nla_len);
    }
    return 0;
}

/* Which of the driver's metadata a program can read, as bits; -1: the kernel does not tell. */
static int64_t metadata_of(int index) {
    _Alignas(struct nlmsghdr) uint8_t reply[REPLY_BYTES];
    uint16_t family = 0;
    uint64_t bits = 0;
    uint32_t interface = (uint32_t)index;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
    if (fd < 0)
        return -1;
    ssize_t got = ask(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, FAMILY_NAME,
                      sizeof FAMILY_NAME, reply);
    int told = answered(reply, got, CTRL_ATTR_FAMILY_ID, &family, sizeof family);
    if (told) {
        got = ask(fd, family, COMMAND_DEVICE_GET, ATTRIBUTE_INTERFACE, &interface,
                  sizeof interface, reply);
        told = answered(reply, got, ATTRIBUTE_RX_METADATA, &bits, sizeof bits);
    }
    close(fd);
    return told ? (int64_t)bits : -1;
}

/* Is the card told to stamp nothing? A driver that does not say is taken at its word later: frames
 * without a time are counted. */
static int stamps_are_off(int control, const char *interface) {
    struct hwtstamp_config config = {0};
    struct ifreq carrier = {.ifr_data = (void *)&config};
    snprintf(carrier.ifr_name, sizeof carrier.ifr_name, "%s", interface);
    return !ioctl(control, SIOCGHWTSTAMP, &carrier) && config.rx_filter == HWTSTAMP_FILTER_NONE;
}

static int refuse_kernel(int number, struct pio_error *error) {
    if (number == ENODATA || number == EBADMSG)
        return pio_refuse(error, number,
                          "use a kernel with CONFIG_DEBUG_INFO_BTF, or leave "
                          "hardware_timestamps=1 out",
                          "the card's receive times take the kernel's own description, and "
                          "/sys/kernel/btf/vmlinux %s", number == ENODATA ? "is not there"
                                                                          : "cannot be understood");
    if (number == ENOENT)
        return pio_refuse(error, EOPNOTSUPP,
                          "use Linux 6.7 or newer, or leave hardware_timestamps=1 out",
                          "this kernel hands no card's receive times to an XDP program");
    return pio_refuse(error, number, "see that it can be read, or leave hardware_timestamps=1 out",
                      "/sys/kernel/btf/vmlinux cannot be read: %s", strerror(number));
}

int afxdp_device_hook(int control, const struct afxdp_options *o, struct afxdp_device *device,
                      struct pio_error *error) {
    char remedy[sizeof error->remedy];
    int number = afxdp_btf_kernel_function(HOOK_FUNCTION, &device->hook);
    if (number)
        return refuse_kernel(number, error);
    int64_t bits = metadata_of(device->index);
    if (bits < 0)
        return pio_refuse(error, EOPNOTSUPP,
                          "use Linux 6.7 or newer, or leave hardware_timestamps=1 out",
                          "this kernel does not tell whether the driver of '%s' hands out the "
                          "card's receive times", o->interface);
    if (!((uint64_t)bits & RX_METADATA_TIMESTAMP)) {
        snprintf(remedy, sizeof remedy,
                 "leave hardware_timestamps=1 out, for the kernel's times; or take "
                 "afpacket:%s,hardware_timestamps=1", o->interface);
        return pio_refuse(error, EOPNOTSUPP, remedy,
                          "the driver of '%s'%s%s%s hands no receive times of the card to an XDP "
                          "program", o->interface, device->driver[0] ? " (" : "", device->driver,
                          device->driver[0] ? ")" : "");
    }
    if (!stamps_are_off(control, o->interface))
        return 0;
    snprintf(remedy, sizeof remedy, "switch them on: hwstamp_ctl -i %s -r 1", o->interface);
    return pio_refuse(error, ENODATA, remedy, "receive times are switched off in the card of '%s'",
                      o->interface);
}
