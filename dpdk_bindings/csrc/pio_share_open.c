/* pio_share_open.c: opens and closes what shares a queue (see pio_share.h): options and refusals.
 *
 * Who opens a name that is open in this process and network namespace becomes one more member; the
 * last to close closes the queue. The list of what is open, and who is a member of it, are touched
 * under one lock, by openers and closers alone; members of one queue are opened, used and closed in
 * one thread.
 */
#define _GNU_SOURCE
#include "pio_share.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXAMPLE "share(hears=233.54.12.111:26477):afxdp:eth0,steer=233.54.12.111:26477"
#define TEXT_BYTES 272u /* as long as pio_info.device, with a name before it */

/* Recursive: a queue that is opened may be shared itself. */
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static struct share *shares;

/* ---- what a member hears ---- */

/* One of "ADDRESS:PORT" and "ADDRESS"; cut apart. */
static int rule_read(struct share_rule *rule, char *text, struct pio_error *error) {
    static const uint8_t every[4] = {0xff, 0xff, 0xff, 0xff}, none[4];
    char *colon = strchr(text, ':'), *end = text;
    unsigned long number = 0;
    uint8_t address[4] = {0};
    if (colon) {
        *colon = '\0';
        number = strtoul(colon + 1, &end, 10);
    }
    int good = inet_pton(AF_INET, text, address) == 1 &&
               (!colon || (!*end && end != colon + 1 && number >= 1 && number <= 65535));
    const uint8_t port[2] = {(uint8_t)(number >> 8), (uint8_t)number};
    rule->want = share_key(address, port);
    rule->port = (uint16_t)number;
    rule->any_address = !memcmp(address, none, sizeof none);
    rule->mask = share_key(rule->any_address ? none : every, number ? every : none);
    if (good && rule->mask)
        return 0;
    if (colon)
        *colon = ':'; /* told as it was given */
    return pio_refuse(error, EINVAL,
                      good ? "leave hears= out: one member hears all that the others do not"
                           : "write ADDRESS:PORT or ADDRESS, joined by +, as in "
                             "hears=233.54.12.111:26477+10.0.0.2:26400",
                      good ? "share option hears= has %.40s, which is every destination"
                           : "share option hears= has '%.40s', which is no destination", text);
}

static int rules_read(struct share_member *m, struct share_rule *rules, uint32_t *count, char *text,
                      struct pio_error *error) {
    for (char *one; (one = strsep(&text, "+"));) {
        if (*count == SHARE_RULES_MAX)
            return pio_refuse(error, EINVAL, "name fewer",
                              "share option hears= names more than %u destinations",
                              SHARE_RULES_MAX);
        int number = rule_read(&rules[*count], one, error);
        if (number)
            return number;
        rules[(*count)++].slot = m->slot;
    }
    return 0;
}

/* An address with its port, before an address, before a port of any. */
static uint32_t rank(const struct share_rule *rule) {
    return rule->any_address ? 0 : rule->port ? 2 : 1;
}

static void rule_add(struct share *s, const struct share_rule *rule) {
    uint32_t at = s->rule_count++;
    for (; at && rank(&s->rules[at - 1]) < rank(rule); at--)
        s->rules[at] = s->rules[at - 1];
    s->rules[at] = *rule;
}

static int rules_join(struct share *s, const struct share_rule *rules, uint32_t count,
                      struct pio_error *error) {
    if (s->rule_count + count > SHARE_RULES_MAX)
        return pio_refuse(error, EINVAL, "name fewer",
                          "all that share %.80s hear more than %u destinations", s->name,
                          SHARE_RULES_MAX);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < s->rule_count; k++)
            if (rules[i].mask == s->rules[k].mask && rules[i].want == s->rules[k].want) {
                char text[INET_ADDRSTRLEN], port[16] = "every port";
                inet_ntop(AF_INET, &rules[i].want, text, sizeof text);
                if (rules[i].port)
                    snprintf(port, sizeof port, "port %u", (unsigned)rules[i].port);
                return pio_refuse(error, EADDRINUSE, "give each destination to one of them",
                                  "another that shares %.80s hears %s, %s, already", s->name,
                                  text, port);
            }
    for (uint32_t i = 0; i < count; i++)
        rule_add(s, &rules[i]);
    return 0;
}

static void rules_leave(struct share *s, uint32_t slot) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->rule_count; i++)
        if (s->rules[i].slot != slot)
            s->rules[kept++] = s->rules[i];
    s->rule_count = kept;
}

/* ---- the inner queue ---- */

/* What tells interfaces of the same name in different namespaces apart. */
static uint64_t namespace_inode(void) {
    struct stat file;
    return stat("/proc/thread-self/ns/net", &file) ? 0 : (uint64_t)file.st_ino;
}

static struct share *share_find(const char *name) {
    uint64_t namespace = namespace_inode();
    pid_t pid = getpid(); /* what a fork has is its parent's */
    for (struct share *s = shares; s; s = s->next)
        if (!strcmp(s->name, name) && s->namespace == namespace && s->pid == pid)
            return s;
    return NULL;
}

static int share_make(struct share **out, const char *name, struct pio_error *error) {
    struct share *s = aligned_alloc(64, (sizeof *s + 63) & ~(size_t)63);
    char *copy = strdup(name);
    if (!s || !copy) {
        free(s);
        free(copy);
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    }
    memset(s, 0, sizeof *s);
    int number = pio_open(name, &s->inner, error);
    if (number) {
        free(copy);
        free(s);
        return number;
    }
    s->rest = SHARE_NOBODY;
    s->seen = s->inner->info->stats;
    s->name = copy;
    s->namespace = namespace_inode();
    s->pid = getpid();
    s->next = shares;
    shares = *out = s;
    return 0;
}

static void share_unmake(struct share *s) {
    struct share **at = &shares;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    pio_close(s->inner);
    free(s->name);
    free(s);
}

/* ---- members ---- */

static uint32_t first_slot(const struct share *s, int taken) {
    uint32_t slot = 0;
    while (slot < SHARE_MEMBERS_MAX && (s->members[slot] != NULL) != taken)
        slot++;
    return slot;
}

static int member_join(struct share_member *m, char *hears, struct pio_error *error) {
    struct share *s = m->share;
    struct share_rule rules[SHARE_RULES_MAX];
    uint32_t count = 0;
    m->slot = first_slot(s, 0);
    if (m->slot == SHARE_MEMBERS_MAX)
        return pio_refuse(error, EBUSY, "open it less often", "%u share %.80s already",
                          SHARE_MEMBERS_MAX, s->name);
    if (!hears && s->rest != SHARE_NOBODY)
        return pio_refuse(error, EADDRINUSE, "say what this one hears, as in " EXAMPLE,
                          "another that shares %.80s has all that nobody else hears", s->name);
    int number = hears ? rules_read(m, rules, &count, hears, error) : 0;
    if (!number)
        number = rules_join(s, rules, count, error);
    if (number)
        return number;
    if (!hears)
        s->rest = m->slot;
    s->members[m->slot] = m;
    s->teller = first_slot(s, 1);
    m->turn = s->turn;
    m->asked_at = s->asks;
    return 0;
}

static void member_leave(struct share_member *m) {
    struct share *s = m->share;
    rules_leave(s, m->slot);
    if (s->rest == m->slot)
        s->rest = SHARE_NOBODY;
    s->members[m->slot] = NULL;
    s->teller = first_slot(s, 1);
    if (s->teller == SHARE_MEMBERS_MAX)
        share_unmake(s);
    else if (s->tx_owner == m->slot)
        s->tx_owner = s->teller;
}

/* ---- open and close ---- */

static int attach(struct share_member *m, const char *device, struct pio_error *error) {
    char options[TEXT_BYTES], hears[TEXT_BYTES] = "";
    const char *name;
    int number = pio_option_wrap(device, "share", EXAMPLE, options, sizeof options, &name, error);
    if (!number)
        number = pio_option_check(options, "hears", error);
    if (!number)
        number = pio_option_text(options, "hears", hears, sizeof hears, error);
    if (number)
        return number;
    pthread_mutex_lock(&lock);
    m->share = share_find(name);
    int made = !m->share;
    if (made)
        number = share_make(&m->share, name, error);
    if (!number) {
        number = member_join(m, strstr(options, ",hears=") ? hears : NULL, error);
        if (number && made)
            share_unmake(m->share);
    }
    pthread_mutex_unlock(&lock);
    return number;
}

static int share_open(struct pio_queue *queue, const char *device, struct pio_error *error) {
    struct share_member *m = calloc(1, sizeof *m);
    if (!m)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    m->queue = queue;
    int number = attach(m, device, error);
    if (number) {
        free(m);
        return number;
    }
    const struct pio_info *inner = m->share->inner->info;
    share_hot_set(queue);
    queue->state = m;
    queue->info->frame_bytes_max = inner->frame_bytes_max;
    queue->info->link = inner->link;
    memcpy(queue->info->mac, inner->mac, sizeof queue->info->mac);
    snprintf(queue->info->mode, sizeof queue->info->mode, "share+%.25s", inner->mode);
    return 0;
}

static void share_close(struct pio_queue *queue) {
    struct share_member *m = queue->state;
    pthread_mutex_lock(&lock);
    share_take_back(m);
    member_leave(m);
    pthread_mutex_unlock(&lock);
    free(m);
}

struct pio_queue *pio_share_inner(struct pio_queue *queue) {
    return ((struct share_member *)queue->state)->share->inner;
}

static int share_hear(struct pio_queue *queue, const uint8_t group[6], struct pio_error *error) {
    struct pio_queue *inner = pio_share_inner(queue);
    return inner->info->backend->hear(inner, group, error);
}

static int share_probe(char *mode, size_t mode_bytes, struct pio_error *error) {
    (void)error;
    snprintf(mode, mode_bytes, "share+");
    return 0;
}

const struct pio_backend pio_backend_share = {
    .name = "share",
    .summary = "one queue for several consumers of one process, by what each hears",
    .extra_names = {"share_full", "share_unread", "share_unclaimed"},
    .probe = share_probe,
    .open = share_open,
    .close = share_close,
    .hear = share_hear,
};
