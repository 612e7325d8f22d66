/* dpdk_eal.c: starts DPDK's environment and keeps what it says. */
#define _GNU_SOURCE
#include "dpdk_eal.h"

#include "dpdk_compat.h"
#include "dpdk_keeper.h"
#include "pio_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* What is kept of the log: some fifty lines, more than one refusal ever takes. */
#define LOG_BYTES 8192u
#define ARGUMENTS_MAX 128
#define HOLD_SECONDS 2

static struct {
    pthread_mutex_t lock; /* EAL's own threads log, too */
    size_t length;
    int echo;
    char text[LOG_BYTES];
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static enum { EAL_NEW, EAL_RUNS, EAL_FAILED, EAL_STOPPED } eal_state = EAL_NEW;

static int forked, left_running;

/* ---- the log ---- */

/* Lines beyond what was asked for are only listened to: see dpdk_keeper.c. */
static int memif_type = -1;
static uint32_t level_wanted = RTE_LOG_MAX;
static __thread int hushed_thread;

static void listen_to_memif(void) {
    level_wanted = rte_log_get_global_level();
    int type = rte_log_register("pmd.net.memif"); /* the driver's own, if it is there */
    if (type < 0)
        return;
    rte_log_set_level((uint32_t)type, RTE_LOG_DEBUG);
    rte_log_set_global_level(RTE_LOG_DEBUG);
    memif_type = type;
}

static ssize_t log_write(void *cookie, const char *text, size_t bytes) {
    (void)cookie;
    if (memif_type >= 0 && rte_log_cur_msg_logtype() == memif_type && dpdk_thread_is_intr())
        dpdk_keeper_beware(text, bytes);
    if (hushed_thread || (uint32_t)rte_log_cur_msg_loglevel() > level_wanted)
        return (ssize_t)bytes;
    pthread_mutex_lock(&kept.lock);
    size_t fits = bytes < LOG_BYTES ? bytes : LOG_BYTES;
    const char *tail = text + bytes - fits;
    if (kept.length + fits > LOG_BYTES) { /* the oldest goes */
        size_t excess = kept.length + fits - LOG_BYTES;
        memmove(kept.text, kept.text + excess, kept.length - excess);
        kept.length -= excess;
    }
    memcpy(kept.text + kept.length, tail, fits);
    kept.length += fits;
    if (kept.echo)
        fwrite(text, 1, bytes, stderr);
    pthread_mutex_unlock(&kept.lock);
    return (ssize_t)bytes;
}

void dpdk_log_clear(void) {
    pthread_mutex_lock(&kept.lock);
    kept.length = 0;
    pthread_mutex_unlock(&kept.lock);
}

void dpdk_log_hush(int on) {
    hushed_thread = on;
}

void dpdk_log_echo(int on) {
    kept.echo = on;
}

size_t dpdk_log_text(char *text, size_t bytes) {
    pthread_mutex_lock(&kept.lock);
    size_t fits = kept.length < bytes - 1 ? kept.length : bytes - 1;
    memcpy(text, kept.text, fits);
    text[fits] = 0;
    pthread_mutex_unlock(&kept.lock);
    return fits;
}

/* "EAL: " or "function(): " before the words that matter. */
static const char *after_prefix(const char *line) {
    const char *colon = strstr(line, ": ");
    return colon && !memchr(line, ' ', (size_t)(colon - line)) ? after_prefix(colon + 2) : line;
}

/* Cuts the last line off `text` and returns its words; "" when there is none. */
static const char *cut_last(char *text) {
    size_t length = strlen(text);
    while (length && text[length - 1] == '\n')
        text[--length] = 0;
    char *newline = strrchr(text, '\n');
    if (!newline)
        return after_prefix(text);
    *newline = 0;
    return after_prefix(newline + 1);
}

/* Drivers that share state between processes complain of --in-memory, and do without. */
static int beside_the_point(const char *line) {
    return strstr(line, "mp action") != NULL;
}

void dpdk_log_first(char *line, size_t bytes) {
    char text[LOG_BYTES + 1], *rest = text;
    dpdk_log_text(text, sizeof text);
    *line = 0;
    for (char *one; (one = strsep(&rest, "\n"));) {
        if (!*one || beside_the_point(one))
            continue;
        snprintf(line, bytes, "%s", after_prefix(one));
        return;
    }
}

/* ---- start and stop ---- */

/* A failing rte_eal_init prints its usage, pages of it, past the log: kept from the terminal. */
struct hushed {
    int out, error;
};

static struct hushed hush(void) {
    struct hushed saved = {-1, -1};
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere < 0)
        return saved;
    fflush(stdout);
    fflush(stderr);
    saved.out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    saved.error = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (saved.out >= 0)
        dup2(nowhere, STDOUT_FILENO);
    if (saved.error >= 0)
        dup2(nowhere, STDERR_FILENO);
    close(nowhere);
    return saved;
}

static void unhush(struct hushed saved) {
    fflush(stdout);
    fflush(stderr);
    if (saved.out >= 0) {
        dup2(saved.out, STDOUT_FILENO);
        close(saved.out);
    }
    if (saved.error >= 0) {
        dup2(saved.error, STDERR_FILENO);
        close(saved.error);
    }
}

/* The last line says that it failed, the one before says why. */
static int start_refused(int number, struct pio_error *error) {
    char text[LOG_BYTES + 1];
    eal_state = EAL_FAILED;
    dpdk_log_text(text, sizeof text);
    cut_last(text); /* an only line stays */
    const char *line = cut_last(text);
    return pio_refuse(error, number ? number : EIO,
                      "mend that, or let DPDK log more: log_level = \"debug\"",
                      "DPDK does not start: %.180s", line[0] ? line : rte_strerror(number));
}

static void note_fork(void) {
    forked = 1;
}

int dpdk_eal_start(int argc, char *const *argv, struct pio_error *error) {
    /* rte_eal_init writes to the vector (and getopt sorts it), so it gets its own. */
    char *arguments[ARGUMENTS_MAX + 1];
    cpu_set_t affinity;
    if (eal_state == EAL_RUNS)
        return 0;
    if (eal_state != EAL_NEW)
        return pio_refuse(error, EALREADY, "start a new process",
                          "DPDK has %s in this process and cannot be started twice",
                          eal_state == EAL_STOPPED ? "been stopped" : "failed to start");
    if (argc > ARGUMENTS_MAX)
        return pio_refuse(error, E2BIG, "give fewer",
                          "%d arguments are more than DPDK is given here", argc);
    for (int i = 0; i < argc; i++)
        arguments[i] = argv[i];
    arguments[argc] = NULL;
    static const cookie_io_functions_t keeper = {.write = log_write};
    FILE *log = fopencookie(NULL, "w", keeper);
    if (log) {
        setvbuf(log, NULL, _IOLBF, 0);
        rte_openlog_stream(log); /* for as long as the process lives */
    }
    dpdk_log_clear();
    int known = !pthread_getaffinity_np(pthread_self(), sizeof affinity, &affinity);
    struct hushed saved = kept.echo ? (struct hushed){-1, -1} : hush();
    int result = rte_eal_init(argc, arguments);
    int number = rte_errno;
    unhush(saved);
    if (known)
        pthread_setaffinity_np(pthread_self(), sizeof affinity, &affinity);
    if (result < 0)
        return start_refused(number, error);
    listen_to_memif();
    eal_state = EAL_RUNS;
    pthread_atfork(NULL, NULL, note_fork);
    atexit(dpdk_eal_stop);
    return 0;
}

/* ---- threads ---- */

static pthread_key_t thread_place;

static void thread_leave(void *known) {
    (void)known;
    if (eal_state == EAL_RUNS && !forked)
        rte_thread_unregister();
}

static void thread_place_make(void) {
    pthread_key_create(&thread_place, thread_leave);
}

void dpdk_thread_join(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, thread_place_make);
    if (!dpdk_thread_known() && !rte_thread_register())
        pthread_setspecific(thread_place, &thread_place); /* whatever is not NULL */
}

int dpdk_thread_known(void) {
    return rte_lcore_id() != LCORE_ID_ANY;
}

int dpdk_eal_running(void) {
    return eal_state == EAL_RUNS;
}

static sem_t held;

static void hold(void *none) {
    (void)none;
    sem_post(&held);
    for (;;)
        pause();
}

/* rte_eal_cleanup unmaps what EAL's interrupt thread goes on reading: with memif's listener, which
 * its driver never takes back, a crash. The thread is not ours to end; an interrupt of our own
 * keeps it where it reads nothing until the process has ended. (Not an alarm: cleanup waits for
 * that to return.) */
static void hold_interrupt_thread(void) {
    struct timespec until;
    int fd = eventfd(1, EFD_CLOEXEC);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += HOLD_SECONDS;
    if (fd >= 0 && !sem_init(&held, 0, 0) && !dpdk_interrupt_set(fd, hold))
        while (sem_timedwait(&held, &until) && errno == EINTR)
            ;
}

void dpdk_eal_leave_running(void) {
    left_running = 1;
}

void dpdk_eal_stop(void) {
    if (eal_state != EAL_RUNS || forked)
        return;
    char folder[PATH_MAX];
    eal_state = EAL_STOPPED;
    snprintf(folder, sizeof folder, "%s", rte_eal_get_runtime_dir());
    if (!left_running) {
        hold_interrupt_thread();
        rte_eal_cleanup();
    }
    rmdir(folder); /* if nothing is left in it */
}

int dpdk_eal_forked(void) {
    return forked;
}

int dpdk_eal_huge_pages(void) {
    return rte_eal_has_hugepages();
}

const char *dpdk_eal_version(void) {
    return rte_version();
}

const char *dpdk_eal_runtime_folder(void) {
    return eal_state == EAL_RUNS ? rte_eal_get_runtime_dir() : "";
}
