/* pio_afxdp_program.h: the XDP program that picks an AF_XDP queue's frames, and bpf(2) around it.
 *
 * The program is assembled here, instruction by instruction, for the destinations that are wanted:
 * there is no compiler, no object file and no library between. It gives frames for a queue's
 * destinations to the socket bound to the queue they came in at, counts those that came in
 * elsewhere, and passes everything else on to the kernel as if it were not there.
 */
#ifndef TICKPATH_PIO_AFXDP_PROGRAM_H
#define TICKPATH_PIO_AFXDP_PROGRAM_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#define AFXDP_RULES_MAX 64u
/* The head takes some 65 instructions and a rule 5. */
#define AFXDP_INSTRUCTIONS_MAX (96u + 6u * AFXDP_RULES_MAX)
#define AFXDP_PROGRAM_NAME "tickpath"
/* What a frame's receive time takes before its first byte. */
#define AFXDP_STAMP_BYTES 8u

/* Frames wanted by one queue. Address 0: any; port 0: any. `all`: every frame there is. */
struct afxdp_rule {
    uint32_t address; /* host order */
    uint16_t port;
    uint8_t all;
    uint8_t reserved;
    uint32_t queue;
};

/* Which receive time the program puts before each frame: none, the kernel's clock as it runs (TAI),
 * or what the driver's hook gives, 0 where it gives none. */
enum afxdp_stamps { AFXDP_STAMPS_NONE, AFXDP_STAMPS_KERNEL, AFXDP_STAMPS_HARDWARE };

/* What the program needs beside the rules. */
struct afxdp_target {
    int sockets; /* the XSKMAP, by queue */
    int counts;  /* an array of one counter: frames for us at somebody else's queue */
    enum afxdp_stamps stamps;
    uint32_t hook; /* BTF id of bpf_xdp_metadata_rx_timestamp, for AFXDP_STAMPS_HARDWARE */
};

/* Returns how many instructions were written; at most AFXDP_INSTRUCTIONS_MAX. */
uint32_t afxdp_assemble(struct bpf_insn *out, const struct afxdp_target *target,
                        const struct afxdp_rule *rules, uint32_t count);

/* Each returns a file descriptor, or -1 and errno. */
/* `bound_to`: 0, or the interface that it is loaded for and can be attached to alone, as a program
 * that calls the driver's hook must be; such a one declares itself "Dual MIT/GPL". */
int afxdp_program_load(const struct bpf_insn *instructions, uint32_t count, int bound_to);
int afxdp_sockets_make(uint32_t queues);
int afxdp_counts_make(void);
int afxdp_link_make(int program, int interface_index, uint32_t flags);
/* 0, or -1 and errno. */
int afxdp_link_update(int link, int program);
int afxdp_sockets_put(int sockets, uint32_t queue, int socket);
/* The name of a loaded program; "" when it cannot be told. */
void afxdp_program_name(uint32_t id, char *name, size_t bytes);

#endif
