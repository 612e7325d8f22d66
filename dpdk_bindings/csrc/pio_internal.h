/* pio_internal.h: what backends share and consumers never see: options, refusals, no-op members.
 *
 * A device string is "NAME,key=value,key=value". Unknown keys and bad values are errors with the
 * list of what was meant.
 */
#ifndef TICKPATH_PIO_INTERNAL_H
#define TICKPATH_PIO_INTERNAL_H

#include "pio.h"

/* Fills in the error and returns `number`, so that a refusal is one statement. */
int pio_refuse(struct pio_error *error, int number, const char *remedy, const char *why, ...)
    __attribute__((format(printf, 4, 5)));

/* Copies the part before the first comma. ENAMETOOLONG if it does not fit. */
int pio_option_name(const char *device, char *name, size_t bytes, struct pio_error *error);
/* EINVAL unless every key is among `keys`, a blank-separated list. */
int pio_option_check(const char *device, const char *keys, struct pio_error *error);
/* Leaves *value alone when the key is absent. */
int pio_option_u64(const char *device, const char *key, uint64_t low, uint64_t high,
                   uint64_t *value, struct pio_error *error);
/* Refuses an option's value that is no power of two. */
int pio_option_power_of_two(uint64_t value, const char *key, struct pio_error *error);
/* As pio_option_u64, a decimal fraction from 0 to 1. */
int pio_option_fraction(const char *device, const char *key, double *value,
                        struct pio_error *error);
/* Copies a string value; leaves `value` alone when the key is absent. */
int pio_option_text(const char *device, const char *key, char *value, size_t bytes,
                    struct pio_error *error);

/* Splits "(OPTIONS):QUEUE", or ":QUEUE", of a backend that wraps another: the options as a device
 * string, and where the wrapped queue's name begins. */
int pio_option_wrap(const char *device, const char *backend, const char *example, char *options,
                    size_t bytes, const char **inner, struct pio_error *error);
/* What such a backend's queue wraps. */
struct pio_queue *pio_fault_inner(struct pio_queue *queue);
struct pio_queue *pio_share_inner(struct pio_queue *queue);
/* What all of them are wrapped around. */
struct pio_queue *pio_innermost(struct pio_queue *queue);

/* Members for what a backend lacks. */
uint32_t pio_rx_none(struct pio_queue *queue, struct pio_frame *frames, uint32_t count_max);
void pio_release_none(struct pio_queue *queue, const struct pio_frame *frames, uint32_t count);
uint32_t pio_tx_lend_none(struct pio_queue *queue, struct pio_frame *frames, uint32_t count_max);
uint32_t pio_tx_none(struct pio_queue *queue, const struct pio_frame *frames, uint32_t count);
void pio_service_none(struct pio_queue *queue, uint64_t now_ns);
/* For a backend that hears every frame there is. */
int pio_hear_all(struct pio_queue *queue, const uint8_t group[6], struct pio_error *error);

/* 1 when a frame may be sent; else counts the reason and returns 0. */
static inline int pio_tx_sendable(struct pio_info *info, const struct pio_frame *frame) {
    if (__builtin_expect(frame->length > info->frame_bytes_max, 0)) {
        info->stats.tx_oversize++;
        return 0;
    }
    if (__builtin_expect(frame->length < PIO_FRAME_BYTES_MIN, 0)) {
        info->stats.tx_undersize++;
        return 0;
    }
    return 1;
}

#endif
