# Digests that equal books share, whatever structures hold them: for checkpoints against a venue.
from libc.stdint cimport uint64_t
from appliance.core.book cimport Book

cdef uint64_t book_orders_digest(const Book *book) noexcept nogil
cdef uint64_t book_levels_digest(const Book *book) noexcept nogil
