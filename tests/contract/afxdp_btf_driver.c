/* afxdp_btf_driver.c: looks a function up in files of BTF.
 *
 *   NAME FILE            prints what was returned and the id
 *   NAME FILE SEED ROUNDS   the same with the file cut at every length and, ROUNDS times, with one
 *                        to four of its bytes changed, each time in memory of just that size;
 *                        prints how often each was returned: 0, ENOENT, EBADMSG
 */
#include "pio_afxdp_btf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;
static unsigned long outcomes[3];

static uint32_t draw(uint32_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 16) % below);
}

static void look(const uint8_t *data, size_t bytes, const char *name) {
    uint8_t *copy = malloc(bytes ? bytes : 1);
    uint32_t id = 0;
    memcpy(copy, data, bytes);
    int number = afxdp_btf_function(copy, bytes, name, &id);
    free(copy);
    if ((number && number != ENOENT && number != EBADMSG) || (!number && !id) ||
        (!number && id > bytes / 12))
        abort();
    outcomes[number == 0 ? 0 : number == ENOENT ? 1 : 2]++;
}

int main(int count, char **words) {
    static uint8_t data[1 << 16];
    FILE *file = count >= 3 ? fopen(words[2], "rb") : NULL;
    if (!file)
        return 2;
    size_t bytes = fread(data, 1, sizeof data, file);
    uint32_t id = 0;
    fclose(file);
    if (count < 5) {
        int number = afxdp_btf_function(data, bytes, words[1], &id);
        printf("%d %u\n", number, id);
        return 0;
    }
    state = strtoull(words[3], NULL, 0) * 2 + 1;
    for (size_t length = 0; length < bytes; length++)
        look(data, length, words[1]);
    for (unsigned long round = strtoul(words[4], NULL, 0); round; round--) {
        uint8_t before[4];
        uint32_t places[4], changes = 1 + draw(4);
        for (uint32_t i = 0; i < changes; i++) {
            places[i] = draw((uint32_t)bytes);
            before[i] = data[places[i]];
            data[places[i]] = (uint8_t)(draw(3) ? draw(256) : 0xff);
        }
        look(data, bytes, words[1]);
        while (changes--)
            data[places[changes]] = before[changes];
    }
    printf("%lu %lu %lu\n", outcomes[0], outcomes[1], outcomes[2]);
    return 0;
}
