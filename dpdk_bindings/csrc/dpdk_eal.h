/* dpdk_eal.h: DPDK's environment abstraction layer: once a process, and leaving its caller be.
 *
 * rte_eal_init pins the thread that calls it to the main lcore, and later threads inherit that;
 * here the caller's affinity is as before when dpdk_eal_start returns. What DPDK logs is kept, and
 * its complaint becomes the reason of a refusal.
 */
#ifndef TICKPATH_DPDK_EAL_H
#define TICKPATH_DPDK_EAL_H

#include "pio.h"

/* Starts EAL with these arguments, argv[0] being a program's name. 0, or an errno and the error.
 * Harmless when it runs already; EAL cannot be started again after it was stopped. */
int dpdk_eal_start(int argc, char *const *argv, struct pio_error *error);
int dpdk_eal_running(void);
/* Closes every port that is left and gives back memory. Happens by itself at exit(), after the
 * interpreter's end: no Python object can look at a frame then. */
void dpdk_eal_stop(void);
/* Has dpdk_eal_stop leave ports and memory to the kernel, which takes all back when the process
 * ends: for one that ends while threads that nobody can stop may be in the midst of a burst. */
void dpdk_eal_leave_running(void);
/* 1 in a process forked from the one that started it: its ports and frames are not ours. */
int dpdk_eal_forked(void);
/* Makes the calling thread one that DPDK knows, which has a cache of mbufs to itself; others are
 * slower. There are 128 places, and a thread that ends gives its own back. */
void dpdk_thread_join(void);
int dpdk_thread_known(void);
/* 1 when this process's DPDK memory is in huge pages. */
int dpdk_eal_huge_pages(void);
/* "DPDK 22.11.11" */
const char *dpdk_eal_version(void);
/* Where DPDK keeps this process's sockets and files; "" before the start. */
const char *dpdk_eal_runtime_folder(void);

/* The first complaint that DPDK logged since dpdk_log_clear: what came after it is its callers
 * saying that they failed, too. Without its prefix and newline; "" if none. */
void dpdk_log_first(char *line, size_t bytes);
void dpdk_log_clear(void);
/* Everything kept of what it logged, the oldest first; returns its length. */
size_t dpdk_log_text(char *text, size_t bytes);
/* 1: lines go to standard error, too. */
void dpdk_log_echo(int on);
/* 1: what the calling thread logs from now on is not kept. */
void dpdk_log_hush(int on);

#endif
