/* matching.h: price-time priority matching of many symbols on one core.
 *
 * One core holds every symbol, by locate 1..symbols_max. Each call (submit, cancel, replace) is one
 * operation: it changes the book, leaves reports of what happened, in order, and returns. Nothing
 * is allocated after match_create, nothing blocks, and a full table is a named result that leaves
 * the book as it was. A core is used by one thread.
 *
 * What the reports promise: the book-changing ones (ADDED, EXECUTED, REDUCED, DELETED, REPLACED)
 * say everything about the displayed book, so a feed made of one message for each of them rebuilds
 * this core's book exactly. The others are for the order's owner.
 *
 * Structures, and why:
 *   - A side of a book is a sorted array of keys with its best price at the back, the levels'
 *     numbers in a second array beside it. Most operations touch the best few levels: they are
 *     found by comparing 16 adjacent keys at once, without a branch a level, and inserting there
 *     moves almost nothing. A key is the price for bids and its complement for asks, so that
 *     better is greater on both sides and one code serves them. Any u32 price works, no tick and
 *     no window is assumed, and far levels cost a binary search and one memmove.
 *   - A level is 32 bytes: totals, and the ends of an intrusive queue of orders.
 *   - An order is 32 bytes, from a LIFO pool (the slot freed last is still cached); it knows its
 *     level, so cancel and reduce never search for a price.
 *   - References count up from 1 and index a flat array of slots: 4 bytes for each reference ever
 *     issued buys a look-up that is one load. slot_of() in matching.c is its only reader.
 *
 * Reports lie in one array, overwritten by the next operation: it stays in the first-level cache,
 * and a caller reads it in place with match_reports().
 */
#ifndef TICKPATH_MATCHING_H
#define TICKPATH_MATCHING_H

#include <stdint.h>

/* Prices are integers in 1/10000 dollar. Keys are signed 32 bits, hence the limit. */
#define MATCH_PRICE_MAX 0x7FFFFFFEu
/* Shares of one order; sums over a level are 64 bits wide. */
#define MATCH_SHARES_MAX 0x7FFFFFFFu
/* Locates are 16 bits on the wire. */
#define MATCH_SYMBOLS_MAX 65535u
/* The fewest reports an operation can need: accepted, deleted, executed once, added or canceled. */
#define MATCH_REPORTS_MIN 8u

enum match_side { MATCH_BUY = 0, MATCH_SELL = 1 };

/* How long what is not executed at once lives. */
enum match_life {
    MATCH_DAY = 0, /* rests */
    MATCH_IOC = 1, /* is canceled */
    MATCH_FOK = 2, /* all at once, or nothing at all */
};

enum match_flag {
    MATCH_MARKET = 1u << 0,    /* any price; what finds no counterpart is canceled */
    MATCH_POST_ONLY = 1u << 1, /* canceled rather than take liquidity */
};

/* What an operation came to, and why an order was refused. */
enum match_result {
    MATCH_OK = 0,
    MATCH_UNCHANGED,        /* a cancel that leaves the order as large as it was */
    MATCH_BAD_LOCATE,       /* not 1..symbols_max */
    MATCH_BAD_SIDE,
    MATCH_BAD_SHARES,       /* 0, or above MATCH_SHARES_MAX */
    MATCH_BAD_PRICE,        /* a limit order's is 0, or above MATCH_PRICE_MAX */
    MATCH_BAD_COMBINATION,  /* post-only together with IOC, FOK or market; unknown life or flag */
    MATCH_UNKNOWN_REFERENCE,
    MATCH_FULL_ORDERS,
    MATCH_FULL_LEVELS,
    MATCH_FULL_REFERENCES,
    MATCH_RESULTS,
};

enum match_report_type {
    /* For the owner of the order alone. */
    MATCH_ACCEPTED = 1, /* reference, side, shares, price as submitted */
    MATCH_REJECTED,     /* result says why; no reference was used */
    MATCH_REPLACING,    /* other_reference is replaced by reference, whose open shares these are */
    MATCH_CANCELED,     /* shares of an order that will never rest; reason says why */
    /* Changes of the displayed book. */
    MATCH_ADDED,    /* reference rests with shares at price, last in its level's queue */
    MATCH_EXECUTED, /* shares of resting reference at price, by aggressor other_reference */
    MATCH_REDUCED,  /* shares taken off reference, which keeps its place */
    MATCH_DELETED,  /* reference is gone with its remaining shares; reason says why */
    MATCH_REPLACED, /* other_reference is gone; reference rests instead, last in its queue */
};

enum match_reason {
    MATCH_BY_NOTHING = 0,
    MATCH_BY_USER,
    MATCH_BY_REPLACE,   /* a replacement took its place; the replacement has its own reports */
    MATCH_BY_IOC,
    MATCH_BY_FOK,
    MATCH_BY_POST_ONLY,
    MATCH_BY_MARKET,    /* a market order met an empty side */
    MATCH_BY_REPORTS,   /* the sweep filled the report array: reports_max bounds one operation */
};

struct match_report {
    uint8_t type;   /* enum match_report_type */
    uint8_t side;   /* of `reference` */
    uint8_t reason; /* enum match_reason */
    uint8_t result; /* enum match_result, of REJECTED */
    uint16_t locate;
    uint16_t reserved;
    uint32_t shares;
    uint32_t price;
    uint64_t reference;
    uint64_t other_reference;
    uint64_t match_number; /* of EXECUTED: day-unique, from 1 */
    uint32_t tag;          /* the submitter's own word, of `reference` */
    uint32_t other_tag;    /* of `other_reference` */
};

struct match_order {
    uint16_t locate;
    uint8_t side;   /* enum match_side */
    uint8_t life;   /* enum match_life */
    uint32_t flags; /* enum match_flag */
    uint32_t shares;
    uint32_t price; /* ignored with MATCH_MARKET */
    uint32_t tag;   /* returned in every report; never read */
};

struct match_limits {
    uint32_t symbols_max;
    uint32_t orders_max;     /* resting at one time */
    uint32_t levels_max;     /* non-empty at one time */
    uint32_t reports_max;    /* of one operation; MATCH_REPORTS_MIN or more */
    uint64_t references_max; /* ever accepted or replaced; 4 bytes each, once they are reached */
};

/* A resting order, by value. */
struct match_order_view {
    uint64_t reference;
    uint32_t shares;   /* open */
    uint32_t executed; /* over the whole chain of replacements */
    uint32_t price;
    uint32_t tag;
    uint16_t locate;
    uint8_t side;
};

struct match_level_view {
    uint64_t shares;
    uint32_t order_count;
    uint32_t price;
};

struct match_core;

/* NULL when the limits are impossible (errno EINVAL) or memory is short (ENOMEM). Every page is
 * touched, so that the first operation is as fast as the last; only the index of references past
 * the first 2^24 is left to the kernel, which gives it a page as they are reached. */
struct match_core *match_create(const struct match_limits *limits);
void match_destroy(struct match_core *core); /* NULL is allowed */

/* A new order gets the next reference, whether it rests or not. */
enum match_result match_submit(struct match_core *core, const struct match_order *order);

/* Reduces the order to `total` shares, of which those executed already are part (OUCH's meaning);
 * 0 removes it. An order that stays keeps its place in the queue. */
enum match_result match_cancel(struct match_core *core, uint64_t reference, uint32_t total);

/* Ends an order and enters another of the same symbol and side in one step; order->shares is the
 * new total including what the chain executed so far, locate and side are ignored. The replacement
 * always takes a new reference and the last place in its queue, even when only its size shrank:
 * the feed's replace message says so (ITCH 5.0 "Order Replace": it loses its priority), and
 * readers of the feed must be able to know the queue. match_cancel is the way to shrink in place.
 * What cannot be (a bad price, full tables) is refused and leaves the old order untouched. */
enum match_result match_replace(struct match_core *core, uint64_t reference,
                                const struct match_order *order);

/* The reports of the last operation, in order. */
const struct match_report *match_reports(const struct match_core *core, uint32_t *count);

/* Looking on. None of these changes anything. */
uint64_t match_next_reference(const struct match_core *core); /* which the next order gets */
uint32_t match_live_orders(const struct match_core *core);
uint32_t match_live_levels(const struct match_core *core);
/* 1 and *view, or 0 when no such order rests. */
int match_find(const struct match_core *core, uint64_t reference, struct match_order_view *view);
/* Resting orders lie in slots 0..match_slots(core)-1, some of which are free; 0: a free one. */
uint32_t match_slots(const struct match_core *core);
int match_slot(const struct match_core *core, uint32_t slot, struct match_order_view *view);
/* Levels by rank, 0 being the best; 0 when there are not so many. */
uint32_t match_level_count(const struct match_core *core, uint16_t locate, uint8_t side);
int match_level(const struct match_core *core, uint16_t locate, uint8_t side, uint32_t rank,
                struct match_level_view *view);
/* The orders of a level in priority: the first of a rank, then the one behind a reference; 0 when
 * there is none. */
uint64_t match_first(const struct match_core *core, uint16_t locate, uint8_t side, uint32_t rank);
uint64_t match_behind(const struct match_core *core, uint64_t reference);
/* Walks every structure and compares it with every other: 0, or the line of matching_view.c that
 * found a contradiction. For tests. */
int match_check(const struct match_core *core);

#endif
