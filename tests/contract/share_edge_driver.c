/* share_edge_driver.c: whose a frame is, told by its own bytes alone, under the sanitizers.
 *
 * share_edge_driver SEED ROUNDS: frames of every length from 0 to 80, each in memory of just that
 * length: tags, IPv4 header lengths, protocols and fragments at random. Prints how many a rule
 * claimed, and how many were left to the rest.
 */
#include "pio_share.c"

#include <stdio.h>
#include <stdlib.h>

#define LENGTH_MAX 80u

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    static struct share share;
    static const uint8_t address[4] = {233, 54, 12, 111}, port[2] = {26477 >> 8, 26477 & 0xff};
    uint64_t claimed = 0, rest = 0;
    share.rest = 1;
    share.rule_count = 1;
    share.rules[0].mask = UINT64_C(0xffffffffffff);
    share.rules[0].want = share_key(address, port);
    srand((unsigned)atol(argv[1]));
    for (long rounds = atol(argv[2]); rounds; rounds--) {
        uint8_t whole[LENGTH_MAX + 64] = {0}, *at = whole + 12;
        uint32_t words = (uint32_t)(4 + rand() % 4);
        for (int tags = rand() % 4; tags; tags--, at += TAG_BYTES)
            at[0] = tags & 1 ? 0x81 : 0x88, at[1] = tags & 1 ? 0x00 : 0xa8;
        at[0] = 0x08;
        at += 2;
        at[0] = (uint8_t)(0x40 | words);
        at[9] = rand() % 8 ? 17 : 6;
        memcpy(at + 16, address, sizeof address);
        memcpy(at + 4 * words + 2, port, sizeof port);
        for (uint32_t length = 0; length <= LENGTH_MAX; length++) {
            uint8_t *data = malloc(length ? length : 1); /* nothing may be read behind it */
            struct pio_frame frame = {.data = data, .length = length};
            memcpy(data, whole, length);
            *(slot_of(&share, &frame) ? &rest : &claimed) += 1;
            free(data);
        }
    }
    printf("%llu claimed %llu rest\n", (unsigned long long)claimed, (unsigned long long)rest);
    return 0;
}
