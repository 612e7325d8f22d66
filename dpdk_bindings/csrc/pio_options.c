/* pio_options.c: device strings, refusals and no-op members (see pio_internal.h). */
#include "pio_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int pio_refuse(struct pio_error *error, int number, const char *remedy, const char *why, ...) {
    va_list arguments;
    va_start(arguments, why);
    vsnprintf(error->why, sizeof error->why, why, arguments);
    va_end(arguments);
    snprintf(error->remedy, sizeof error->remedy, "%s", remedy);
    return number;
}

int pio_option_name(const char *device, char *name, size_t bytes, struct pio_error *error) {
    size_t length = strcspn(device, ",");
    if (length >= bytes)
        return pio_refuse(error, ENAMETOOLONG, "use a shorter name",
                          "the device name '%.*s' is longer than %zu bytes",
                          (int)(length < 60 ? length : 60), device, bytes - 1);
    memcpy(name, device, length);
    name[length] = '\0';
    return 0;
}

/* The first option after the name, or the next after `at`; NULL past the last. */
static const char *next_option(const char *at) {
    const char *comma = strchr(at, ',');
    return comma ? comma + 1 : NULL;
}

/* Is the first `length` characters of `key` one of the blank-separated `keys`? */
static int key_known(const char *key, size_t length, const char *keys) {
    while (*keys) {
        size_t known = strcspn(keys, " ");
        if (known == length && !memcmp(key, keys, length))
            return 1;
        keys += known + (keys[known] == ' ');
    }
    return 0;
}

/* A known key whose value is there, and that is not given twice. */
static int option_refuse(const char *device, const char *option, size_t key_length,
                         struct pio_error *error) {
    const char *value = option + key_length + 1;
    if (!*value || *value == ',')
        return pio_refuse(error, EINVAL, "give it one, or leave it out",
                          "queue option %.*s= has no value", (int)key_length, option);
    for (const char *at = next_option(device); at < option; at = next_option(at))
        if (!strncmp(at, option, key_length + 1))
            return pio_refuse(error, EINVAL, "give it once", "queue option %.*s= is there twice",
                              (int)key_length, option);
    return 0;
}

int pio_option_check(const char *device, const char *keys, struct pio_error *error) {
    for (const char *at = next_option(device); at; at = next_option(at)) {
        size_t length = strcspn(at, "=,");
        if (at[length] == '=' && key_known(at, length, keys)) {
            int number = option_refuse(device, at, length, error);
            if (number)
                return number;
            continue;
        }
        snprintf(error->why, sizeof error->why, "unknown queue option '%.*s' in '%.120s'",
                 (int)(strcspn(at, ",") < 60 ? strcspn(at, ",") : 60), at, device);
        snprintf(error->remedy, sizeof error->remedy, "options are key=value with key one of: %s",
                 *keys ? keys : "(none)");
        return EINVAL;
    }
    return 0;
}

static const char *value_of(const char *device, const char *key, size_t *length) {
    size_t key_length = strlen(key);
    for (const char *at = next_option(device); at; at = next_option(at))
        if (!strncmp(at, key, key_length) && at[key_length] == '=') {
            *length = strcspn(at + key_length + 1, ",");
            return at + key_length + 1;
        }
    return NULL;
}

int pio_option_u64(const char *device, const char *key, uint64_t low, uint64_t high,
                   uint64_t *value, struct pio_error *error) {
    size_t length;
    const char *text = value_of(device, key, &length);
    char *end;
    if (!text)
        return 0;
    errno = 0;
    uint64_t parsed = strtoull(text, &end, 10);
    if (errno || !length || text[0] == '-' || end != text + length || parsed < low ||
        parsed > high) {
        snprintf(error->why, sizeof error->why, "queue option %s=%.*s is out of range", key,
                 (int)length, text);
        snprintf(error->remedy, sizeof error->remedy, "give a whole number from %llu to %llu",
                 (unsigned long long)low, (unsigned long long)high);
        return EINVAL;
    }
    *value = parsed;
    return 0;
}

int pio_option_power_of_two(uint64_t value, const char *key, struct pio_error *error) {
    if (!(value & (value - 1)))
        return 0;
    return pio_refuse(error, EINVAL, "give a power of two", "%s=%llu is not a power of two", key,
                      (unsigned long long)value);
}

int pio_option_fraction(const char *device, const char *key, double *value,
                        struct pio_error *error) {
    size_t length;
    const char *text = value_of(device, key, &length);
    char *end;
    if (!text)
        return 0;
    double parsed = strtod(text, &end);
    if (!length || end != text + length || !(parsed >= 0.0 && parsed <= 1.0))
        return pio_refuse(error, EINVAL, "give a fraction from 0 to 1, as in 0.05",
                          "queue option %s=%.*s is out of range", key, (int)length, text);
    *value = parsed;
    return 0;
}

int pio_option_text(const char *device, const char *key, char *value, size_t bytes,
                    struct pio_error *error) {
    size_t length;
    const char *text = value_of(device, key, &length);
    if (!text)
        return 0;
    if (length >= bytes)
        return pio_refuse(error, ENAMETOOLONG, "use a shorter value",
                          "queue option %s is longer than %zu bytes", key, bytes - 1);
    memcpy(value, text, length);
    value[length] = '\0';
    return 0;
}

int pio_option_wrap(const char *device, const char *backend, const char *example, char *options,
                    size_t bytes, const char **inner, struct pio_error *error) {
    *inner = device;
    snprintf(options, bytes, "%s", backend);
    if (*device != '(')
        return 0;
    size_t length = strcspn(device, ")");
    if (!device[length] || device[length + 1] != ':') {
        pio_refuse(error, EINVAL, "", "the %s queue '%.80s' names no queue to wrap", backend,
                   device);
        snprintf(error->remedy, sizeof error->remedy, "write %s", example);
        return EINVAL;
    }
    *inner = device + length + 2;
    if (length > 1)
        snprintf(options, bytes, "%s,%.*s", backend, (int)(length - 1), device + 1);
    return 0;
}

uint32_t pio_rx_none(struct pio_queue *queue, struct pio_frame *frames, uint32_t count_max) {
    (void)queue, (void)frames, (void)count_max;
    return 0;
}

void pio_release_none(struct pio_queue *queue, const struct pio_frame *frames, uint32_t count) {
    (void)queue, (void)frames, (void)count;
}

uint32_t pio_tx_lend_none(struct pio_queue *queue, struct pio_frame *frames, uint32_t count_max) {
    (void)frames;
    queue->info->stats.tx_full += count_max;
    return 0;
}

uint32_t pio_tx_none(struct pio_queue *queue, const struct pio_frame *frames, uint32_t count) {
    (void)queue, (void)frames, (void)count;
    return 0;
}

void pio_service_none(struct pio_queue *queue, uint64_t now_ns) {
    (void)queue, (void)now_ns;
}

int pio_hear_all(struct pio_queue *queue, const uint8_t group[6], struct pio_error *error) {
    (void)queue, (void)group, (void)error;
    return 0;
}
