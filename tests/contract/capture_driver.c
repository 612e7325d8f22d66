/* capture_driver.c: walks captures that are cut or changed anywhere, under the sanitizers.
 *
 * For each file named: every beginning of it, each in a heap block of just that size so that a
 * read past the end is a fault, and then SEED-drawn changes of a few bytes of the whole. Prints
 * what was walked; a walk that does not end within as many steps as there are bytes aborts.
 */
#include "pio_capture.h"
#include "random_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (1u << 20)
#define CHANGED_WALKS 20000u
#define CHANGES_MAX 4u

/* Walks to the end, touches every byte of every record; returns their number. */
static uint64_t walk(const uint8_t *bytes, size_t count) {
    static struct capture capture;
    struct capture_record record;
    volatile uint8_t sum = 0;
    uint64_t records = 0;
    if (capture_open(&capture, bytes, count))
        return 0;
    for (size_t steps = 0;; steps++) {
        size_t before = capture.offset;
        enum capture_step step = capture_next(&capture, &record);
        if (steps > count || capture.offset > count || capture.offset < before)
            abort();
        if (step == CAPTURE_END || step == CAPTURE_BROKEN)
            return records;
        if (step == CAPTURE_RECORD) {
            for (uint32_t i = 0; i < record.length; i++)
                sum = (uint8_t)(sum + record.data[i]);
            records++;
        }
    }
}

int main(int argc, char **argv) {
    static uint8_t file[FILE_BYTES_MAX];
    uint64_t walks = 0, records = 0;
    if (argc < 2)
        return 2;
    state = strtoull(argv[1], NULL, 10);
    for (int i = 2; i < argc; i++) {
        FILE *stream = fopen(argv[i], "rb");
        if (!stream)
            return 2;
        size_t bytes = fread(file, 1, sizeof file, stream);
        fclose(stream);
        for (size_t cut = 0; cut <= bytes; cut++, walks++) {
            uint8_t *copy = malloc(cut ? cut : 1);
            memcpy(copy, file, cut);
            records += walk(copy, cut);
            free(copy);
        }
        uint8_t *copy = malloc(bytes);
        for (uint32_t n = 0; n < CHANGED_WALKS; n++, walks++) {
            memcpy(copy, file, bytes);
            for (uint32_t change = draw(CHANGES_MAX) + 1; change; change--)
                copy[draw((uint32_t)bytes)] = (uint8_t)draw(256);
            records += walk(copy, bytes);
        }
        free(copy);
    }
    printf("%llu walks %llu records\n", (unsigned long long)walks, (unsigned long long)records);
    return 0;
}
