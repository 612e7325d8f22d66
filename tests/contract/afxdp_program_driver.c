/* afxdp_program_driver.c: the XDP program's assembler by itself.
 *
 *   dump STAMPS          its instructions for steer=all on queue 0, one a line, in numbers:
 *                        code, destination, source, offset, constant
 *   longest STAMPS       how many there are for as many destinations as there can be
 *   run STAMPS VALUE ERROR   loads the program with its call of the driver's hook turned into one
 *                        of a function appended to it, which writes VALUE and returns ERROR, and
 *                        has the kernel run it over a frame: prints the action, how many bytes
 *                        stand before the frame, and what they say
 */
#include "pio_afxdp_program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HOOK 77 /* a BTF id */
#define FRAME_BYTES 60

static uint32_t dump(const struct afxdp_target *target) {
    static struct bpf_insn code[AFXDP_INSTRUCTIONS_MAX];
    const struct afxdp_rule all = {.all = 1};
    uint32_t count = afxdp_assemble(code, target, &all, 1);
    for (uint32_t i = 0; i < count; i++)
        printf("%#x %u %u %d %d\n", code[i].code, code[i].dst_reg, code[i].src_reg, code[i].off,
               code[i].imm);
    return count;
}

static void longest(const struct afxdp_target *target) {
    struct bpf_insn *code = malloc(AFXDP_INSTRUCTIONS_MAX * sizeof *code);
    struct afxdp_rule rules[AFXDP_RULES_MAX];
    for (uint32_t i = 0; i < AFXDP_RULES_MAX; i++)
        rules[i] = (struct afxdp_rule){.address = 0xe9360c6fu + i, .port = 26477, .queue = i};
    printf("%u %u\n", afxdp_assemble(code, target, rules, AFXDP_RULES_MAX),
           AFXDP_INSTRUCTIONS_MAX);
    free(code);
}

/* The function that stands in for the hook: its second argument points to where the time goes. */
static uint32_t stand_in(struct bpf_insn *code, uint32_t count, uint64_t value, int error) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++)
        if (code[i].code == (BPF_JMP | BPF_CALL) && code[i].src_reg == 2) {
            code[i].src_reg = BPF_PSEUDO_CALL;
            code[i].imm = (int32_t)(count - i - 1);
        }
    struct bpf_insn body[] = {
        {BPF_LD | BPF_DW | BPF_IMM, BPF_REG_0, 0, 0, (int32_t)(uint32_t)value},
        {0, 0, 0, 0, (int32_t)(uint32_t)(value >> 32)},
        {BPF_STX | BPF_DW | BPF_MEM, BPF_REG_2, BPF_REG_0, 0, 0},
        {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, error},
        {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
    };
    for (; at < sizeof body / sizeof *body; at++)
        code[count + at] = body[at];
    return count + at;
}

static int run(struct afxdp_target *target, uint64_t value, int error) {
    static struct bpf_insn code[AFXDP_INSTRUCTIONS_MAX];
    const struct afxdp_rule all = {.all = 1};
    uint8_t frame[FRAME_BYTES], back[FRAME_BYTES + 256];
    struct xdp_md context = {.data_end = sizeof frame}, left = {0};
    for (uint32_t i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i + 1);
    target->sockets = afxdp_sockets_make(1);
    target->counts = afxdp_counts_make();
    uint32_t count = afxdp_assemble(code, target, &all, 1);
    if (target->stamps == AFXDP_STAMPS_HARDWARE)
        count = stand_in(code, count, value, error);
    int program = afxdp_program_load(code, count, 0);
    union bpf_attr attr = {.test = {.prog_fd = (uint32_t)program, .repeat = 1,
                                    .data_in = (uintptr_t)frame, .data_size_in = sizeof frame,
                                    .data_out = (uintptr_t)back, .data_size_out = sizeof back,
                                    .ctx_in = (uintptr_t)&context, .ctx_size_in = sizeof context,
                                    .ctx_out = (uintptr_t)&left, .ctx_size_out = sizeof left}};
    if (program < 0 || syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof attr)) {
        fprintf(stderr, "the kernel does not run it: %s\n", strerror(errno));
        return 1;
    }
    uint64_t stamp = 0;
    uint32_t before = attr.test.data_size_out - FRAME_BYTES;
    if (before >= sizeof stamp)
        memcpy(&stamp, back, sizeof stamp);
    if (memcmp(back + before, frame, sizeof frame)) {
        fprintf(stderr, "the frame was changed\n");
        return 1;
    }
    printf("%u %u %llu\n", attr.test.retval, before, (unsigned long long)stamp);
    return 0;
}

int main(int count, char **words) {
    if (count < 3)
        return 2;
    struct afxdp_target target = {.sockets = 3, .counts = 4, .hook = HOOK,
                                  .stamps = (enum afxdp_stamps)atoi(words[2])};
    if (!strcmp(words[1], "dump"))
        return dump(&target) == 0;
    if (!strcmp(words[1], "run") && count == 5)
        return run(&target, strtoull(words[3], NULL, 0), atoi(words[4]));
    longest(&target);
    return 0;
}
