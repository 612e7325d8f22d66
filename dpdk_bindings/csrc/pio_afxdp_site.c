/* pio_afxdp_site.c: the program that this process has on an interface (see pio_afxdp_site.h). */
#define _GNU_SOURCE
#include "pio_afxdp_site.h"

#include <errno.h>
#include <linux/if_link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define KERNEL_REMEDY "use Linux 5.11 or newer with CONFIG_XDP_SOCKETS and CONFIG_BPF_SYSCALL"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct afxdp_site *sites;

void afxdp_lock(void) {
    pthread_mutex_lock(&lock);
}

void afxdp_unlock(void) {
    pthread_mutex_unlock(&lock);
}

static int refuse_bpf(const char *what, struct pio_error *error) {
    int number = errno;
    if (number == EPERM || number == EACCES)
        return pio_refuse(error, EPERM,
                          "run as root, or give CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF and "
                          "CAP_PERFMON, or have a privileged opener hand over the queue (fds=)",
                          "no permission to %s", what);
    if (number == ENOSYS || number == EINVAL)
        return pio_refuse(error, number, KERNEL_REMEDY, "this kernel is too old to %s: %s", what,
                          strerror(number));
    return pio_refuse(error, number, "free some memory", "cannot %s: %s", what, strerror(number));
}

static int refuse_hook(struct pio_error *error) {
    int number = errno;
    return pio_refuse(error, number,
                      "see that net.core.bpf_jit_enable is 1, or leave hardware_timestamps=1 out",
                      "this kernel loads no XDP program that asks for the card's receive times: "
                      "error %d", number);
}

/* ---- the program ---- */

static int program_load(struct afxdp_site *site, struct pio_error *error) {
    static struct bpf_insn code[AFXDP_INSTRUCTIONS_MAX]; /* under the lock */
    for (;;) {
        struct afxdp_target target = {site->sockets, site->counts, site->stamps, site->hook};
        int hardware = site->stamps == AFXDP_STAMPS_HARDWARE;
        uint32_t count = afxdp_assemble(code, &target, site->rules, site->rule_count);
        int program = afxdp_program_load(code, count, hardware ? site->interface_index : 0);
        if (program >= 0)
            return program;
        if (hardware && errno != EPERM) {
            errno = refuse_hook(error);
            return -1;
        }
        if (site->stamps == AFXDP_STAMPS_NONE || errno == EPERM) {
            refuse_bpf("load an XDP program", error);
            return -1;
        }
        site->stamps = AFXDP_STAMPS_NONE; /* Linux before 6.1 tells no time in Unix's terms */
    }
}

static int refuse_mode(const struct afxdp_options *o, struct pio_error *error) {
    int number = errno;
    char remedy[sizeof error->remedy];
    if (number == EPERM)
        return refuse_bpf("attach an XDP program", error);
    if (number == EBUSY || number == EEXIST)
        return pio_refuse(error, EBUSY, "see whose it is: bpftool net",
                          "another XDP program came onto interface '%s' just now", o->interface);
    if (number == EINVAL && o->mode == AFXDP_AUTO)
        return refuse_bpf("attach an XDP program by a link", error);
    if (o->stamps == AFXDP_STAMPS_HARDWARE)
        return pio_refuse(error, number,
                          "see that its MTU is not too long for its driver and that LRO is off; or "
                          "leave hardware_timestamps=1 out",
                          "the driver of '%s' takes no XDP program now, and only by one are the "
                          "card's receive times had: %s", o->interface, strerror(number));
    snprintf(remedy, sizeof remedy, "%stake %safpacket:%s",
             number == EOPNOTSUPP ? ""
                                  : "see that its MTU is not too long for its driver (at most "
                                    "3,498 on veth), that LRO is off, and that it has enough "
                                    "queues; or ",
             o->mode == AFXDP_SKB ? "" : "mode=skb, or ", o->interface);
    return pio_refuse(error, number, remedy, "the driver of '%s' takes no XDP program%s: %s",
                      o->interface, o->mode == AFXDP_SKB ? ", not even in skb mode" : "",
                      strerror(number));
}

/* Native first, then skb, unless one of them is demanded, or only the driver's own will do. */
static int link_make(struct afxdp_site *site, int program, const struct afxdp_options *o,
                     struct pio_error *error) {
    site->is_skb = o->mode == AFXDP_SKB;
    site->link = afxdp_link_make(program, site->interface_index,
                                 site->is_skb ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
    if (site->link < 0 && o->mode == AFXDP_AUTO && site->stamps != AFXDP_STAMPS_HARDWARE &&
        errno != EPERM && errno != EBUSY) {
        site->is_skb = 1;
        site->link = afxdp_link_make(program, site->interface_index, XDP_FLAGS_SKB_MODE);
    }
    return site->link < 0 ? refuse_mode(o, error) : 0;
}

/* Puts a program for the site's rules onto the interface, in one step if there is one already. */
static int program_put(struct afxdp_site *site, const struct afxdp_options *o,
                       struct pio_error *error) {
    int program = program_load(site, error), number = 0;
    if (program < 0)
        return errno;
    if (site->link < 0)
        number = link_make(site, program, o, error);
    else if (afxdp_link_update(site->link, program))
        number = refuse_bpf("change the XDP program", error);
    close(program);
    return number;
}

/* ---- sites ---- */

/* What tells interfaces of the same number in different namespaces apart. */
static uint64_t namespace_inode(void) {
    struct stat found;
    return stat("/proc/thread-self/ns/net", &found) ? 0 : found.st_ino;
}

static void site_free(struct afxdp_site *site) {
    for (struct afxdp_site **at = &sites; *at; at = &(*at)->next)
        if (*at == site) {
            *at = site->next;
            break;
        }
    if (site->link >= 0)
        close(site->link);
    if (site->sockets >= 0)
        close(site->sockets);
    if (site->counts >= 0)
        close(site->counts);
    free(site);
}

static int site_make(struct afxdp_site **out, uint64_t namespace, const struct afxdp_device *device,
                     const char *name, struct pio_error *error) {
    int number = afxdp_device_program(device, name, error);
    struct afxdp_site *site = number ? NULL : calloc(1, sizeof *site);
    if (number)
        return number;
    if (!site)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    uint32_t queues = device->queues > AFXDP_QUEUES_MAX ? device->queues : AFXDP_QUEUES_MAX;
    *site = (struct afxdp_site){.next = sites, .namespace = namespace, .link = -1,
                                .interface_index = device->index, .counts = -1};
    sites = site;
    site->sockets = afxdp_sockets_make(queues);
    if (site->sockets >= 0)
        site->counts = afxdp_counts_make();
    if (site->counts < 0) {
        number = refuse_bpf("make the maps of an XDP program", error);
        site_free(site);
        return number;
    }
    *out = site;
    return 0;
}

static int queue_check(const struct afxdp_site *site, const struct afxdp_options *o,
                       struct pio_error *error) {
    for (uint32_t i = 0; i < site->rule_count; i++)
        if (site->rules[i].queue == o->queue)
            return pio_refuse(error, EBUSY, "open another queue, as in queue=1; or share this one: "
                              "name it in the same words wherever it is named",
                              "this process has queue %llu of '%s' open already",
                              (unsigned long long)o->queue, o->interface);
    if (site->rule_count + o->rule_count > AFXDP_RULES_MAX)
        return pio_refuse(error, ENOSPC, "name fewer in steer=",
                          "the queues of '%s' have more than %u destinations", o->interface,
                          AFXDP_RULES_MAX);
    int fits = site->link < 0 || o->mode == AFXDP_AUTO || site->is_skb == (o->mode == AFXDP_SKB);
    if (!fits)
        return pio_refuse(error, EBUSY, "give all of its queues the same mode",
                          "this process has '%s' open in %s mode, and an interface has one",
                          o->interface, site->is_skb ? "skb" : "native");
    if (o->stamps == AFXDP_STAMPS_HARDWARE && site->is_skb)
        return pio_refuse(error, EBUSY, "open that queue first, or without hardware_timestamps=1",
                          "this process has '%s' open in skb mode, which has no receive times of "
                          "the card", o->interface);
    if (o->stamps && site->stamps && o->stamps != site->stamps)
        return pio_refuse(error, EBUSY, "give all of its queues the same hardware_timestamps=",
                          "this process has '%s' open with receive times of the %s, and an "
                          "interface has one program", o->interface,
                          site->stamps == AFXDP_STAMPS_HARDWARE ? "card" : "kernel");
    return 0;
}

static void rules_remove(struct afxdp_site *site, uint32_t queue) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < site->rule_count; i++)
        if (site->rules[i].queue != queue)
            site->rules[kept++] = site->rules[i];
    site->rule_count = kept;
}

int afxdp_site_join(struct afxdp_site **out, const struct afxdp_options *o,
                    const struct afxdp_device *device, struct pio_error *error) {
    uint64_t namespace = namespace_inode();
    struct afxdp_site *site = sites;
    while (site && (site->namespace != namespace || site->interface_index != device->index))
        site = site->next;
    int number = site ? 0 : site_make(&site, namespace, device, o->interface, error);
    if (number)
        return number;
    number = queue_check(site, o, error);
    if (!number) {
        memcpy(site->rules + site->rule_count, o->rules, o->rule_count * sizeof *o->rules);
        site->rule_count += o->rule_count;
        enum afxdp_stamps before = site->stamps;
        site->stamps = o->stamps ? o->stamps : before;
        site->hook = device->hook ? device->hook : site->hook;
        number = program_put(site, o, error);
        if (number) {
            rules_remove(site, (uint32_t)o->queue);
            site->stamps = before;
        }
    }
    if (number && !site->users)
        site_free(site);
    if (number)
        return number;
    site->users++;
    *out = site;
    return 0;
}

/* The program still has the rules, and finds no socket: the frames go to the kernel. To load
 * another would need privileges that may be gone by now. */
void afxdp_site_leave(struct afxdp_site *site, uint32_t queue) {
    rules_remove(site, queue);
    if (!--site->users)
        site_free(site);
}

/* ---- memories ---- */

/* A file of memory: in huge pages where there are any, unless that is ruled out. */
static int memory_make(size_t bytes, int huge_pages, struct pio_error *error) {
    for (int huge = huge_pages >= 0; huge >= 0; huge--) {
        int fd = memfd_create("tickpath-afxdp", MFD_CLOEXEC | (huge ? MFD_HUGETLB : 0u));
        void *map = MAP_FAILED;
        if (fd >= 0 && !ftruncate(fd, (off_t)bytes))
            map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
        if (map != MAP_FAILED) {
            munmap(map, bytes);
            return fd;
        }
        if (fd >= 0)
            close(fd);
        if (huge && huge_pages == 1) {
            pio_refuse(error, ENOMEM, "set some aside: sysctl vm.nr_hugepages, or leave "
                       "huge_pages=on out", "no %zu MiB of huge pages are free for frames",
                       bytes >> 20);
            errno = ENOMEM;
            return -1;
        }
    }
    pio_refuse(error, ENOMEM, "free some memory, or ask for fewer slots",
               "no memory for %zu MiB of frames", bytes >> 20);
    errno = ENOMEM;
    return -1;
}

int afxdp_pool_find(struct afxdp_pool **out, uint32_t *part, struct afxdp_site *site,
                    const struct afxdp_options *o, uint32_t frame_bytes, struct pio_error *error) {
    size_t part_bytes = afxdp_part_bytes(o, frame_bytes), bytes = afxdp_umem_bytes(o, frame_bytes);
    for (struct afxdp_pool *pool = site->pools; pool; pool = pool->next)
        for (*part = 0; pool->part_bytes == part_bytes && pool->bytes == bytes &&
                        pool->chunk_bytes == afxdp_chunk_bytes(frame_bytes) && *part < pool->parts;
             ++*part)
            if (pool->members[*part] < 0) {
                *out = pool;
                return 0;
            }
    struct afxdp_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    pool->fd = memory_make(bytes, o->huge_pages, error);
    if (pool->fd < 0) {
        free(pool);
        return errno;
    }
    pool->parts = (uint32_t)o->queues;
    pool->bytes = bytes;
    pool->part_bytes = part_bytes;
    pool->chunk_bytes = afxdp_chunk_bytes(frame_bytes);
    for (uint32_t i = 0; i < AFXDP_QUEUES_MAX; i++)
        pool->members[i] = -1;
    pool->next = site->pools;
    site->pools = pool;
    *part = 0;
    *out = pool;
    return 0;
}

void afxdp_pool_leave(struct afxdp_site *site, struct afxdp_pool *pool, uint32_t part) {
    pool->members[part] = -1;
    for (uint32_t i = 0; i < pool->parts; i++)
        if (pool->members[i] >= 0)
            return;
    for (struct afxdp_pool **at = &site->pools; *at; at = &(*at)->next)
        if (*at == pool) {
            *at = pool->next;
            break;
        }
    close(pool->fd);
    free(pool);
}

int afxdp_site_probe(struct pio_error *error) {
    struct afxdp_site site = {.link = -1, .stamps = AFXDP_STAMPS_KERNEL, .rule_count = 1,
                              .rules = {{.address = 1, .port = 1}}};
    int number = 0, program = -1;
    afxdp_lock();
    site.sockets = afxdp_sockets_make(1);
    site.counts = site.sockets < 0 ? -1 : afxdp_counts_make();
    if (site.counts < 0)
        number = refuse_bpf("make the maps of an XDP program", error);
    else if ((program = program_load(&site, error)) < 0)
        number = errno;
    afxdp_unlock();
    for (int *fd = (int[]){site.sockets, site.counts, program, -2}; *fd != -2; fd++)
        if (*fd >= 0)
            close(*fd);
    return number;
}
