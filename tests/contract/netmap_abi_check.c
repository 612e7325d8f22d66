/* netmap_abi_check.c: netmap_abi.h held against netmap's own header, where there is one; it is
 * only compiled.
 */
#include <net/if.h>
#include <stdint.h>
#include <sys/types.h>

#include <net/netmap.h>

#include "netmap_abi.h"

#define SAME_NUMBER(ours, theirs) _Static_assert((ours) == (theirs), #theirs)
#define SAME_SIZE(ours, theirs)                                                                   \
    _Static_assert(sizeof(struct netmap_abi_##ours) == sizeof(struct theirs), #theirs)
#define SAME_PLACE(ours, our_member, theirs, their_member)                                        \
    _Static_assert(offsetof(struct netmap_abi_##ours, our_member) ==                              \
                       offsetof(struct theirs, their_member), #theirs "." #their_member)
#define SAME_MEMBER(ours, our_member, theirs, their_member)                                       \
    SAME_PLACE(ours, our_member, theirs, their_member);                                           \
    _Static_assert(sizeof(((struct netmap_abi_##ours *)0)->our_member) ==                         \
                       sizeof(((struct theirs *)0)->their_member), #theirs "." #their_member)

_Static_assert(NETMAP_ABI_VERSION >= NETMAP_MIN_API, "older than this netmap takes");
_Static_assert(NETMAP_ABI_VERSION <= NETMAP_MAX_API, "newer than this netmap takes");
SAME_NUMBER(NETMAP_ABI_REGISTER, NETMAP_REQ_REGISTER);
SAME_NUMBER(NETMAP_ABI_NAME_BYTES, NETMAP_REQ_IFNAMSIZ);
SAME_NUMBER((int)NETMAP_ABI_ALL_NIC, (int)NR_REG_ALL_NIC);
SAME_NUMBER((int)NETMAP_ABI_ALL_HOST, (int)NR_REG_SW);
SAME_NUMBER((int)NETMAP_ABI_ONE_NIC, (int)NR_REG_ONE_NIC);
SAME_NUMBER((int)NETMAP_ABI_ONE_HOST, (int)NR_REG_ONE_SW);
SAME_NUMBER(NETMAP_ABI_EXCLUSIVE, NR_EXCLUSIVE);
SAME_NUMBER(NETMAP_ABI_BUFFER_CHANGED, NS_BUF_CHANGED);
SAME_NUMBER(NETMAP_ABI_MORE, NS_MOREFRAG);
SAME_NUMBER(NETMAP_ABI_CONTROL, NIOCCTRL);
SAME_NUMBER(NETMAP_ABI_TX_SYNC, NIOCTXSYNC);
SAME_NUMBER(NETMAP_ABI_RX_SYNC, NIOCRXSYNC);

SAME_SIZE(slot, netmap_slot);
SAME_MEMBER(slot, buffer_index, netmap_slot, buf_idx);
SAME_MEMBER(slot, length, netmap_slot, len);
SAME_MEMBER(slot, flags, netmap_slot, flags);
SAME_MEMBER(slot, pointer, netmap_slot, ptr);

SAME_SIZE(ring, netmap_ring);
SAME_MEMBER(ring, buffers_offset, netmap_ring, buf_ofs);
SAME_MEMBER(ring, slots_count, netmap_ring, num_slots);
SAME_MEMBER(ring, buffer_bytes, netmap_ring, nr_buf_size);
SAME_MEMBER(ring, ring_index, netmap_ring, ringid);
SAME_MEMBER(ring, direction, netmap_ring, dir);
SAME_MEMBER(ring, head, netmap_ring, head);
SAME_MEMBER(ring, cur, netmap_ring, cur);
SAME_MEMBER(ring, tail, netmap_ring, tail);
SAME_MEMBER(ring, flags, netmap_ring, flags);
SAME_MEMBER(ring, synced, netmap_ring, ts);
SAME_MEMBER(ring, offset_mask, netmap_ring, offset_mask);
SAME_MEMBER(ring, buffer_align, netmap_ring, buf_align);
SAME_PLACE(ring, slots, netmap_ring, slot);

SAME_SIZE(port, netmap_if);
SAME_MEMBER(port, version, netmap_if, ni_version);
SAME_MEMBER(port, flags, netmap_if, ni_flags);
SAME_MEMBER(port, tx_rings, netmap_if, ni_tx_rings);
SAME_MEMBER(port, rx_rings, netmap_if, ni_rx_rings);
SAME_MEMBER(port, spare_buffer_first, netmap_if, ni_bufs_head);
SAME_MEMBER(port, host_tx_rings, netmap_if, ni_host_tx_rings);
SAME_MEMBER(port, host_rx_rings, netmap_if, ni_host_rx_rings);
SAME_PLACE(port, ring_offsets, netmap_if, ring_ofs);

SAME_SIZE(header, nmreq_header);
SAME_MEMBER(header, version, nmreq_header, nr_version);
SAME_MEMBER(header, request, nmreq_header, nr_reqtype);
SAME_MEMBER(header, name, nmreq_header, nr_name);
SAME_MEMBER(header, options, nmreq_header, nr_options);
SAME_MEMBER(header, body, nmreq_header, nr_body);

SAME_SIZE(register, nmreq_register);
SAME_MEMBER(register, port_offset, nmreq_register, nr_offset);
SAME_MEMBER(register, map_bytes, nmreq_register, nr_memsize);
SAME_MEMBER(register, tx_slots, nmreq_register, nr_tx_slots);
SAME_MEMBER(register, rx_slots, nmreq_register, nr_rx_slots);
SAME_MEMBER(register, tx_rings, nmreq_register, nr_tx_rings);
SAME_MEMBER(register, rx_rings, nmreq_register, nr_rx_rings);
SAME_MEMBER(register, host_tx_rings, nmreq_register, nr_host_tx_rings);
SAME_MEMBER(register, host_rx_rings, nmreq_register, nr_host_rx_rings);
SAME_MEMBER(register, memory_id, nmreq_register, nr_mem_id);
SAME_MEMBER(register, ring_index, nmreq_register, nr_ringid);
SAME_MEMBER(register, rings, nmreq_register, nr_mode);
SAME_MEMBER(register, spare_buffers, nmreq_register, nr_extra_bufs);
SAME_MEMBER(register, flags, nmreq_register, nr_flags);
