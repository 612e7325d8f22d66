/* pio_afxdp_btf.h: finds a kernel function's number in the kernel's description of its own types
 * (BTF), by which an XDP program calls it. See Linux Documentation/bpf/btf.rst.
 *
 * What is read is taken for hostile: every length is compared with what is there before it is
 * used, so no content makes it read past the end, and each step goes on by at least one record.
 */
#ifndef TICKPATH_PIO_AFXDP_BTF_H
#define TICKPATH_PIO_AFXDP_BTF_H

#include <stddef.h>
#include <stdint.h>

/* The id of the function of that name. 0, or an errno: EBADMSG: this is no BTF, or damaged, or of a
 * kind not known here; ENOENT: it is, and has no such function. */
int afxdp_btf_function(const uint8_t *btf, size_t bytes, const char *name, uint32_t *id);
/* The same, of the running kernel's; also the errno of what keeps its file from being read. */
int afxdp_btf_kernel_function(const char *name, uint32_t *id);

#endif
