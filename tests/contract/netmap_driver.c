/* netmap_driver.c: what backends_driver.c needs over netmap's stand-in: the rings of interfaces,
 * from the environment, and at the end whether a kernel would have taken anything amiss.
 */
#include "backends_driver.h"
#include "netmap_kernel.h"

#include <stdio.h>
#include <stdlib.h>

void driver_prepare(void) {
    const char *rings = getenv("TICKPATH_TEST_RINGS");
    netmap_kernel_set(NETMAP_KERNEL_RINGS, rings ? atoi(rings) : 1);
}

/* Polls until both links are up: an interface of veth takes a moment. */
void driver_ready(struct pio_queue *sender, struct pio_queue *receiver) {
    uint64_t now_ns = 0;
    for (int i = 0; i < 1000000; i++) {
        now_ns += UINT64_C(20000000);
        sender->service(sender, now_ns);
        receiver->service(receiver, now_ns);
        if (sender->info->link == PIO_LINK_UP && receiver->info->link == PIO_LINK_UP)
            return;
    }
}

uint32_t driver_end(void) {
    const char *fault = netmap_kernel_fault();
    if (fault)
        fprintf(stderr, "%s\n", fault);
    return fault != NULL;
}
