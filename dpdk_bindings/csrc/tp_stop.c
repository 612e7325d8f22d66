/* tp_stop.c: signal handlers that set a word (see tp_stop.h). */
#include "tp_stop.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

static volatile uint32_t *stop_word;
static struct sigaction former_int, former_term;

static void on_signal(int number) {
    volatile uint32_t *word = stop_word;
    if (word)
        *word = (uint32_t)number;
}

int tp_stop_install(volatile uint32_t *word) {
    struct sigaction action = {.sa_handler = on_signal};
    if (stop_word)
        return EBUSY;
    stop_word = word;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGINT, &action, &former_int) || sigaction(SIGTERM, &action, &former_term)) {
        stop_word = NULL;
        return errno;
    }
    return 0;
}

void tp_stop_remove(void) {
    if (!stop_word)
        return;
    sigaction(SIGINT, &former_int, NULL);
    sigaction(SIGTERM, &former_term, NULL);
    stop_word = NULL;
}
