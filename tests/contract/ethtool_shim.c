/* ethtool_shim.c: preloaded, answers for a card what veth does not have: a hash that spreads
 * datagrams over queues (SHIM_SPREAD, as in "0123"), rules that steer (SHIM_RULES, a count), and
 * which frames are stamped (SHIM_STAMPS, a HWTSTAMP_FILTER).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/ethtool.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static int spread(struct ethtool_rxfh_indir *asked, const char *queues) {
    uint32_t count = (uint32_t)strlen(queues);
    for (uint32_t i = 0; i < count && i < asked->size; i++)
        asked->ring_index[i] = (uint32_t)(queues[i] - '0');
    asked->size = count;
    return 0;
}

int ioctl(int fd, unsigned long request, ...) {
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    const char *queues = getenv("SHIM_SPREAD"), *rules = getenv("SHIM_RULES");
    const char *stamps = getenv("SHIM_STAMPS");
    if (request == SIOCGHWTSTAMP && stamps) {
        struct hwtstamp_config *config = (void *)((struct ifreq *)argument)->ifr_data;
        *config = (struct hwtstamp_config){.rx_filter = atoi(stamps)};
        return 0;
    }
    if (request == SIOCETHTOOL && queues && rules) {
        void *asked = ((struct ifreq *)argument)->ifr_data;
        uint32_t command;
        memcpy(&command, asked, sizeof command);
        if (command == ETHTOOL_GRXFHINDIR)
            return spread(asked, queues);
        if (command == ETHTOOL_GRXCLSRLCNT) {
            ((struct ethtool_rxnfc *)asked)->rule_cnt = (uint32_t)atoi(rules);
            return 0;
        }
    }
    int (*real)(int, unsigned long, ...);
    *(void **)&real = dlsym(RTLD_NEXT, "ioctl");
    return real(fd, request, argument);
}
