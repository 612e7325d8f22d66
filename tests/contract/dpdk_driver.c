/* dpdk_driver.c: has backends_driver.c start DPDK, wait for its links, and count its mbufs. */
#include "backends_driver.h"

#include "dpdk_eal.h"
#include "dpdk_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINK_WAITS 5000

extern const struct pio_backend pio_backend_dpdk;

void driver_prepare(void) {
    static char *const arguments[] = {
        "driver", "-l", "0", "--no-huge", "-m", "128", "--no-shconf", "--no-telemetry",
        "--file-prefix=tickpath-driver", "-a", "ffff:ff:1f.7", "--log-level=warning",
    };
    struct pio_error error;
    if (dpdk_eal_start(sizeof arguments / sizeof *arguments, arguments, &error)) {
        fprintf(stderr, "%s; %s\n", error.why, error.remedy);
        exit(1);
    }
    pio_register(&pio_backend_dpdk);
}

void driver_ready(struct pio_queue *sender, struct pio_queue *receiver) {
    for (int i = 0; i < LINK_WAITS; i++) {
        sender->service(sender, 1);
        receiver->service(receiver, 1);
        if (sender->info->link == PIO_LINK_UP && receiver->info->link == PIO_LINK_UP)
            return;
        usleep(1000);
    }
    fprintf(stderr, "the link does not come up\n");
    exit(1);
}

uint32_t driver_end(void) {
    uint32_t missing = dpdk_pools_missing();
    dpdk_eal_stop();
    return missing;
}
