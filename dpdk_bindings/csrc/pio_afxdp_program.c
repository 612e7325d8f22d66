/* pio_afxdp_program.c: assembles the XDP program and hands it to bpf(2) (pio_afxdp_program.h).
 *
 * Registers, once the frame's headers are known to be there:
 *   r6 the context   r7 the queue it came in at   r2 the Ethernet header, then behind any tags
 *   r3 the end       r9 UDP destination port, in network order; PORT_NONE: a later fragment
 *   r1 destination address, in network order      r8 1: some rule wanted it at another queue
 *
 * Jumps go forward only, so each is written as an open one to a label and closed when the label
 * is reached. The verifier proves each load from the comparison with r3 before it.
 */
#include "pio_afxdp_program.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TAGS_MAX 2
#define IP_AT 14          /* from r2 */
#define IP_BYTES_MIN 20
#define UDP_BYTES 8
#define FRAGMENT_OFFSET_MASK 0x1fffu
#define PORT_NONE 0x10000
#define OPEN_JUMPS_MAX (3u * AFXDP_RULES_MAX + 32u)
/* Helpers by number: all are part of the kernel's stable interface. */
#define HELPER_REDIRECT_MAP 51
#define HELPER_ADJUST_META 54
#define HELPER_TAI_NS 208
/* Not in the headers of older systems. */
#define CALL_KERNEL_FUNCTION 2  /* BPF_PSEUDO_KFUNC_CALL */
#define BOUND_TO_DEVICE (1u << 6) /* BPF_F_XDP_DEV_BOUND_ONLY */

enum label { PASS, MISSED, TAKE, UNTAGGED, NEXT_RULE, LABELS };

struct assembler {
    struct bpf_insn *out;
    uint32_t at;
    uint32_t jump_count;
    struct { uint32_t at; enum label to; } jumps[OPEN_JUMPS_MAX];
};

static void emit(struct assembler *s, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
                 int32_t imm) {
    s->out[s->at++] = (struct bpf_insn){code, dst, src, off, imm};
}

static void move(struct assembler *s, uint8_t dst, uint8_t src) {
    emit(s, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static void set(struct assembler *s, uint8_t dst, int32_t value) {
    emit(s, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value);
}

static void alu(struct assembler *s, uint8_t operation, uint8_t dst, int32_t value) {
    emit(s, (uint8_t)(BPF_ALU64 | operation | BPF_K), dst, 0, 0, value);
}

static void load(struct assembler *s, uint8_t size, uint8_t dst, uint8_t src, int16_t off) {
    emit(s, (uint8_t)(BPF_LDX | size | BPF_MEM), dst, src, off, 0);
}

static void call(struct assembler *s, int32_t helper) {
    emit(s, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

static void note(struct assembler *s, enum label to) {
    s->jumps[s->jump_count].at = s->at;
    s->jumps[s->jump_count++].to = to;
}

/* Compares 32 bits with a constant and jumps. */
static void jump(struct assembler *s, uint8_t condition, uint8_t dst, int32_t value,
                 enum label to) {
    note(s, to);
    emit(s, (uint8_t)(BPF_JMP32 | condition | BPF_K), dst, 0, 0, value);
}

static void jump_register(struct assembler *s, uint8_t condition, uint8_t dst, uint8_t src,
                          enum label to) {
    note(s, to);
    emit(s, (uint8_t)(BPF_JMP | condition | BPF_X), dst, src, 0, 0);
}

/* Every open jump to this label comes to here. */
static void close_jumps(struct assembler *s, enum label label) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->jump_count; i++) {
        if (s->jumps[i].to == label)
            s->out[s->jumps[i].at].off = (int16_t)(s->at - s->jumps[i].at - 1);
        else
            s->jumps[kept++] = s->jumps[i];
    }
    s->jump_count = kept;
}

/* A map, or with `kind` BPF_PSEUDO_MAP_VALUE its first value, into a register: two slots. */
static void load_map(struct assembler *s, uint8_t dst, uint8_t kind, int map) {
    emit(s, BPF_LD | BPF_DW | BPF_IMM, dst, kind, 0, map);
    emit(s, 0, 0, 0, 0, 0);
}

/* The frame's bounds into r2 and r3. */
static void load_bounds(struct assembler *s) {
    load(s, BPF_W, BPF_REG_2, BPF_REG_6, offsetof(struct xdp_md, data));
    load(s, BPF_W, BPF_REG_3, BPF_REG_6, offsetof(struct xdp_md, data_end));
}

/* Passes frames that are too short for UDP from r2 on. */
static void require_headers(struct assembler *s) {
    move(s, BPF_REG_4, BPF_REG_2);
    alu(s, BPF_ADD, BPF_REG_4, IP_AT + IP_BYTES_MIN + UDP_BYTES);
    jump_register(s, BPF_JGT, BPF_REG_4, BPF_REG_3, PASS);
}

/* Steps over up to two VLAN tags, then passes what is no UDP over IPv4. */
static void parse(struct assembler *s) {
    load_bounds(s);
    for (int tag = 0; tag < TAGS_MAX; tag++) {
        require_headers(s);
        load(s, BPF_H, BPF_REG_5, BPF_REG_2, 2 * ETH_ALEN);
        jump(s, BPF_JEQ, BPF_REG_5, htons(ETH_P_IP), UNTAGGED);
        /* Two compares: over the move to the next tag when it is one, else on to the kernel. */
        emit(s, BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_5, 0, 1, htons(ETH_P_8021Q));
        jump(s, BPF_JNE, BPF_REG_5, htons(ETH_P_8021AD), PASS);
        alu(s, BPF_ADD, BPF_REG_2, 4);
    }
    require_headers(s);
    load(s, BPF_H, BPF_REG_5, BPF_REG_2, 2 * ETH_ALEN);
    jump(s, BPF_JNE, BPF_REG_5, htons(ETH_P_IP), PASS);
    close_jumps(s, UNTAGGED);
    load(s, BPF_B, BPF_REG_0, BPF_REG_2, IP_AT + 9);
    jump(s, BPF_JNE, BPF_REG_0, IPPROTO_UDP, PASS);
    load(s, BPF_B, BPF_REG_5, BPF_REG_2, IP_AT);
    move(s, BPF_REG_0, BPF_REG_5);
    alu(s, BPF_RSH, BPF_REG_0, 4);
    jump(s, BPF_JNE, BPF_REG_0, 4, PASS);
    alu(s, BPF_AND, BPF_REG_5, 15);
    jump(s, BPF_JLT, BPF_REG_5, IP_BYTES_MIN / 4, PASS);
    alu(s, BPF_LSH, BPF_REG_5, 2);
    load(s, BPF_W, BPF_REG_1, BPF_REG_2, IP_AT + 16);
    load(s, BPF_H, BPF_REG_0, BPF_REG_2, IP_AT + 6);
    set(s, BPF_REG_9, PORT_NONE);
    alu(s, BPF_AND, BPF_REG_0, htons(FRAGMENT_OFFSET_MASK));
    /* A later fragment has no ports: over the next five instructions. */
    emit(s, BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_0, 0, 5, 0);
    emit(s, BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_2, BPF_REG_5, 0, 0);
    move(s, BPF_REG_4, BPF_REG_2);
    alu(s, BPF_ADD, BPF_REG_4, IP_AT + UDP_BYTES);
    jump_register(s, BPF_JGT, BPF_REG_4, BPF_REG_3, PASS);
    load(s, BPF_H, BPF_REG_9, BPF_REG_2, IP_AT + 2);
}

static int is_group(uint32_t address) {
    return address >> 28 == 0xe;
}

static void match(struct assembler *s, const struct afxdp_rule *rule) {
    if (rule->address)
        jump(s, BPF_JNE, BPF_REG_1, (int32_t)htonl(rule->address), NEXT_RULE);
    if (rule->port) {
        /* A later fragment to a group can only be the feed's, and is its to refuse; one to a
         * station may belong to anybody there. */
        if (is_group(rule->address))
            emit(s, BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_9, 0, 1, PORT_NONE);
        jump(s, BPF_JNE, BPF_REG_9, htons(rule->port), NEXT_RULE);
    }
    jump(s, BPF_JEQ, BPF_REG_7, (int32_t)rule->queue, TAKE);
    set(s, BPF_REG_8, 1);
    close_jumps(s, NEXT_RULE);
}

/* The card's receive time onto the stack, or 0. Asked before room is made for it: a card may have
 * left it just there. */
static void ask_hook(struct assembler *s, uint32_t hook) {
    const int16_t at = -(int16_t)AFXDP_STAMP_BYTES;
    emit(s, BPF_ST | BPF_DW | BPF_MEM, BPF_REG_10, 0, at, 0);
    move(s, BPF_REG_1, BPF_REG_6);
    move(s, BPF_REG_2, BPF_REG_10);
    alu(s, BPF_ADD, BPF_REG_2, at);
    emit(s, BPF_JMP | BPF_CALL, 0, CALL_KERNEL_FUNCTION, 0, (int32_t)hook);
    emit(s, BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_0, 0, 1, 0);
    emit(s, BPF_ST | BPF_DW | BPF_MEM, BPF_REG_10, 0, at, 0);
}

/* Hands the frame to the socket of its queue, its receive time before it if the driver lets us. */
static void take(struct assembler *s, const struct afxdp_target *target) {
    int hardware = target->stamps == AFXDP_STAMPS_HARDWARE;
    if (hardware)
        ask_hook(s, target->hook);
    if (target->stamps != AFXDP_STAMPS_NONE) {
        move(s, BPF_REG_1, BPF_REG_6);
        set(s, BPF_REG_2, -(int32_t)AFXDP_STAMP_BYTES);
        call(s, HELPER_ADJUST_META);
        emit(s, BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_0, 0, 7, 0);
        if (hardware)
            load(s, BPF_DW, BPF_REG_0, BPF_REG_10, -(int16_t)AFXDP_STAMP_BYTES);
        else
            call(s, HELPER_TAI_NS);
        load(s, BPF_W, BPF_REG_2, BPF_REG_6, offsetof(struct xdp_md, data_meta));
        load(s, BPF_W, BPF_REG_3, BPF_REG_6, offsetof(struct xdp_md, data));
        move(s, BPF_REG_4, BPF_REG_2);
        alu(s, BPF_ADD, BPF_REG_4, AFXDP_STAMP_BYTES);
        emit(s, BPF_JMP | BPF_JGT | BPF_X, BPF_REG_4, BPF_REG_3, 1, 0);
        emit(s, BPF_STX | BPF_DW | BPF_MEM, BPF_REG_2, BPF_REG_0, 0, 0);
    }
    load_map(s, BPF_REG_1, BPF_PSEUDO_MAP_FD, target->sockets);
    move(s, BPF_REG_2, BPF_REG_7);
    set(s, BPF_REG_3, XDP_PASS);
    call(s, HELPER_REDIRECT_MAP);
    emit(s, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

uint32_t afxdp_assemble(struct bpf_insn *out, const struct afxdp_target *target,
                        const struct afxdp_rule *rules, uint32_t count) {
    struct assembler s = {.out = out};
    uint32_t parsed = 0;
    move(&s, BPF_REG_6, BPF_REG_1);
    load(&s, BPF_W, BPF_REG_7, BPF_REG_6, offsetof(struct xdp_md, rx_queue_index));
    for (uint32_t i = 0; i < count; i++)
        if (rules[i].all)
            jump(&s, BPF_JEQ, BPF_REG_7, (int32_t)rules[i].queue, TAKE);
    set(&s, BPF_REG_8, 0);
    for (uint32_t i = 0; i < count; i++) {
        if (rules[i].all)
            continue;
        if (!parsed++)
            parse(&s);
        match(&s, &rules[i]);
    }
    if (parsed) {
        jump(&s, BPF_JEQ, BPF_REG_8, 0, PASS);
        load_map(&s, BPF_REG_1, BPF_PSEUDO_MAP_VALUE, target->counts);
        set(&s, BPF_REG_2, 1);
        emit(&s, BPF_STX | BPF_DW | BPF_ATOMIC, BPF_REG_1, BPF_REG_2, 0, BPF_ADD);
    }
    close_jumps(&s, PASS);
    set(&s, BPF_REG_0, XDP_PASS);
    emit(&s, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    close_jumps(&s, TAKE);
    take(&s, target);
    return s.at;
}

/* ---- bpf(2) ---- */

static int bpf(int command, union bpf_attr *attr) {
    return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

int afxdp_program_load(const struct bpf_insn *instructions, uint32_t count, int bound_to) {
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_XDP,
                           .insn_cnt = count,
                           .insns = (uintptr_t)instructions,
                           .license = (uintptr_t)(bound_to ? "Dual MIT/GPL" : "unlisted"),
                           .prog_flags = bound_to ? BOUND_TO_DEVICE : 0,
                           .prog_ifindex = (uint32_t)bound_to,
                           .expected_attach_type = BPF_XDP,
                           .prog_name = AFXDP_PROGRAM_NAME};
    return bpf(BPF_PROG_LOAD, &attr);
}

int afxdp_sockets_make(uint32_t queues) {
    union bpf_attr attr = {.map_type = BPF_MAP_TYPE_XSKMAP,
                           .key_size = sizeof(uint32_t),
                           .value_size = sizeof(int),
                           .max_entries = queues,
                           .map_name = AFXDP_PROGRAM_NAME};
    return bpf(BPF_MAP_CREATE, &attr);
}

int afxdp_counts_make(void) {
    union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY,
                           .key_size = sizeof(uint32_t),
                           .value_size = sizeof(uint64_t),
                           .max_entries = 1,
                           .map_flags = BPF_F_MMAPABLE,
                           .map_name = AFXDP_PROGRAM_NAME};
    return bpf(BPF_MAP_CREATE, &attr);
}

int afxdp_link_make(int program, int interface_index, uint32_t flags) {
    union bpf_attr attr = {.link_create = {.prog_fd = (uint32_t)program,
                                           .target_ifindex = (uint32_t)interface_index,
                                           .attach_type = BPF_XDP,
                                           .flags = flags}};
    return bpf(BPF_LINK_CREATE, &attr);
}

int afxdp_link_update(int link, int program) {
    union bpf_attr attr = {.link_update = {.link_fd = (uint32_t)link,
                                           .new_prog_fd = (uint32_t)program}};
    return bpf(BPF_LINK_UPDATE, &attr);
}

int afxdp_sockets_put(int sockets, uint32_t queue, int socket) {
    union bpf_attr attr = {.map_fd = (uint32_t)sockets,
                           .key = (uintptr_t)&queue,
                           .value = (uintptr_t)&socket};
    return bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

void afxdp_program_name(uint32_t id, char *name, size_t bytes) {
    union bpf_attr attr = {.prog_id = id};
    struct bpf_prog_info info = {0};
    name[0] = '\0';
    int fd = bpf(BPF_PROG_GET_FD_BY_ID, &attr);
    if (fd < 0)
        return;
    attr = (union bpf_attr){.info = {.bpf_fd = (uint32_t)fd, .info_len = sizeof info,
                                     .info = (uintptr_t)&info}};
    if (!bpf(BPF_OBJ_GET_INFO_BY_FD, &attr))
        snprintf(name, bytes, "%s", info.name);
    close(fd);
}
