/* tp_stop.h: Ctrl-C for loops that never return to Python.
 *
 * A loop without the GIL polls a word; these handlers set it on SIGINT and SIGTERM. The word may
 * lie in shared memory. One word a process.
 */
#ifndef TICKPATH_STOP_H
#define TICKPATH_STOP_H

#include <stdint.h>

/* Sets *word to the signal's number when SIGINT or SIGTERM arrives; remembers former handlers. */
int tp_stop_install(volatile uint32_t *word);
/* Puts the former handlers back. */
void tp_stop_remove(void);

#endif
