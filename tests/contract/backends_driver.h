/* backends_driver.h: what a library behind a backend adds to backends_driver.c. */
#ifndef TICKPATH_BACKENDS_DRIVER_H
#define TICKPATH_BACKENDS_DRIVER_H

#include "pio.h"

void driver_prepare(void); /* before the first queue is opened */
void driver_ready(struct pio_queue *sender, struct pio_queue *receiver); /* waits for the link */
uint32_t driver_end(void); /* after the last is closed: how many frames are missing */

#endif
