/* tp_segment.c: named shared memory with crash-proof claims (see tp_segment.h). */
#define _GNU_SOURCE
#include "tp_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opening races with the last closer's unlink; each lost race is another process gone, so a
 * handful of retries is plenty. */
#define OPEN_TRIES 16

static int lock_byte(int fd, int command, short type, uint32_t byte, short *found) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    int result;
    do
        result = fcntl(fd, command, &lock);
    while (result && errno == EINTR);
    if (found)
        *found = lock.l_type;
    return result;
}

static int fail(struct pio_error *error, int number, const char *what, const char *name) {
    snprintf(error->why, sizeof error->why, "%s shared-memory segment '%s': %s", what, name,
             strerror(number));
    if (number == ENOSPC || number == ENOMEM)
        snprintf(error->remedy, sizeof error->remedy,
                 "free some of /dev/shm, or mount it larger: mount -o remount,size=1G /dev/shm");
    else if (number == EACCES)
        snprintf(error->remedy, sizeof error->remedy,
                 "another user made it: choose another name, or remove /dev/shm/tickpath.%.100s",
                 name);
    else if (number == ENOENT)
        snprintf(error->remedy, sizeof error->remedy,
                 "start the process that makes it, or check the name");
    else
        snprintf(error->remedy, sizeof error->remedy,
                 "check that /dev/shm is mounted and the name has letters, digits, '-', '_', '.'");
    return number;
}

static int path_of(struct tp_segment *segment, const char *name, char *path, size_t bytes,
                   struct pio_error *error) {
    size_t length = strlen(name);
    memset(segment, 0, sizeof *segment);
    segment->fd = -1;
    if (!length || length >= sizeof segment->name || name[0] == '.' ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") !=
            length)
        return fail(error, EINVAL, "bad name for a", name);
    memcpy(segment->name, name, length + 1);
    snprintf(path, bytes, "/tickpath.%s", name);
    return 0;
}

/* Opens the file and takes the creation lock on a file that still has its name. */
static int open_locked(struct tp_segment *segment, const char *path, int flags) {
    for (int i = 0; i < OPEN_TRIES; i++) {
        struct stat held, named;
        int fd = shm_open(path, flags | O_RDWR | O_CLOEXEC, 0640), check;
        if (fd < 0)
            return errno;
        if (lock_byte(fd, F_OFD_SETLKW, F_WRLCK, 0, NULL)) {
            int number = errno;
            close(fd);
            return number;
        }
        check = shm_open(path, O_RDWR | O_CLOEXEC, 0);
        if (check >= 0 && !fstat(fd, &held) && !fstat(check, &named) &&
            held.st_ino == named.st_ino) {
            close(check);
            segment->fd = fd;
            return 0;
        }
        if (check >= 0)
            close(check);
        close(fd);
    }
    return EAGAIN;
}

int tp_segment_open(struct tp_segment *segment, const char *name, size_t bytes,
                    struct pio_error *error) {
    char path[TP_SEGMENT_NAME_BYTES + 16];
    struct stat status;
    int number = path_of(segment, name, path, sizeof path, error);
    if (number)
        return number;
    number = open_locked(segment, path, bytes ? O_CREAT : 0);
    if (number)
        return fail(error, number, "cannot open", name);
    /* Anybody may make names in /dev/shm: who made this one could read and cut what is ours. */
    if (bytes && (fstat(segment->fd, &status) || status.st_uid != geteuid())) {
        close(segment->fd);
        segment->fd = -1;
        return fail(error, EACCES, "cannot take over", name);
    }
    int held = 0; /* what others use keeps its size: the caller will find that it differs */
    for (uint32_t claim = 0; claim < TP_SEGMENT_CLAIMS_MAX; claim++)
        held |= tp_segment_claimed(segment, claim);
    if (fstat(segment->fd, &status) == 0 && (size_t)status.st_size < bytes && !held)
        /* posix_fallocate rather than ftruncate: a full /dev/shm is an error here, not a SIGBUS
         * in the loop. */
        do
            number = posix_fallocate(segment->fd, 0, (off_t)bytes);
        while (number == EINTR);
    if (!number && fstat(segment->fd, &status))
        number = errno;
    if (!number) {
        segment->bytes = (size_t)status.st_size;
        segment->base = mmap(NULL, segment->bytes, PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_POPULATE, segment->fd, 0);
        if (segment->base == MAP_FAILED) {
            number = segment->bytes ? errno : ENOENT;
            segment->base = NULL;
        }
    }
    if (number) {
        tp_segment_close(segment);
        return fail(error, number, "cannot map", name);
    }
    return 0;
}

int tp_segment_view(struct tp_segment *segment, const char *name, struct pio_error *error) {
    char path[TP_SEGMENT_NAME_BYTES + 16];
    struct stat status;
    int number = path_of(segment, name, path, sizeof path, error);
    if (number)
        return number;
    int fd = shm_open(path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return fail(error, errno, "cannot open", name);
    if (!fstat(fd, &status) && status.st_size > 0) {
        segment->bytes = (size_t)status.st_size;
        segment->base = mmap(NULL, segment->bytes, PROT_READ, MAP_SHARED, fd, 0);
    }
    number = segment->base == MAP_FAILED ? errno : segment->base ? 0 : ENOENT;
    close(fd);
    if (number) {
        segment->base = NULL;
        return fail(error, number, "cannot map", name);
    }
    return 0;
}

void tp_segment_ready(struct tp_segment *segment) {
    lock_byte(segment->fd, F_OFD_SETLK, F_UNLCK, 0, NULL);
}

int tp_segment_claim(struct tp_segment *segment, uint32_t claim) {
    if (lock_byte(segment->fd, F_OFD_SETLK, F_WRLCK, 1 + claim, NULL))
        return EBUSY;
    segment->claims |= 1u << claim;
    return 0;
}

int tp_segment_claimed(const struct tp_segment *segment, uint32_t claim) {
    short found = F_UNLCK;
    lock_byte(segment->fd, F_OFD_GETLK, F_WRLCK, 1 + claim, &found);
    return found != F_UNLCK;
}

void tp_segment_close(struct tp_segment *segment) {
    char path[TP_SEGMENT_NAME_BYTES + 16];
    if (segment->base)
        munmap(segment->base, segment->bytes);
    segment->base = NULL;
    if (segment->fd < 0)
        return;
    /* Creation is locked out while we look whether anybody else is left. */
    lock_byte(segment->fd, F_OFD_SETLKW, F_WRLCK, 0, NULL);
    int others = 0;
    for (uint32_t claim = 0; claim < TP_SEGMENT_CLAIMS_MAX; claim++)
        if (!(segment->claims & (1u << claim)))
            others |= tp_segment_claimed(segment, claim);
    if (!others) {
        snprintf(path, sizeof path, "/tickpath.%s", segment->name);
        shm_unlink(path);
    }
    close(segment->fd); /* drops every lock */
    segment->fd = -1;
}
