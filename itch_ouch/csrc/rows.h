/* rows.h: ITCH messages as rows of native integers, a loop for each type.
 *
 * Made from itch_ouch/spec.py by `python -m itch_ouch.generate`; edit the spec, not this file.
 *
 * A row is a row of dtypes.NATIVE: the message's number, then its fields without the type, packed;
 * a 48-bit timestamp has 64 bits, alpha is copied as it is. A kind is a type's place in the spec,
 * from 1; 0 is a type that the spec does not name. A place is where itch_sort.h found a message:
 * its number in the batch in the upper half, its offset in the lower.
 */
#ifndef TICKPATH_ROWS_H
#define TICKPATH_ROWS_H

#include "wire.h"

enum {
    ITCH_KIND_SYSTEM_EVENT = 1,
    ITCH_KIND_STOCK_DIRECTORY = 2,
    ITCH_KIND_STOCK_TRADING_ACTION = 3,
    ITCH_KIND_REG_SHO_RESTRICTION = 4,
    ITCH_KIND_MARKET_PARTICIPANT_POSITION = 5,
    ITCH_KIND_MWCB_DECLINE_LEVEL = 6,
    ITCH_KIND_MWCB_STATUS = 7,
    ITCH_KIND_IPO_QUOTING_PERIOD_UPDATE = 8,
    ITCH_KIND_LULD_AUCTION_COLLAR = 9,
    ITCH_KIND_OPERATIONAL_HALT = 10,
    ITCH_KIND_ADD_ORDER = 11,
    ITCH_KIND_ADD_ORDER_MPID = 12,
    ITCH_KIND_ORDER_EXECUTED = 13,
    ITCH_KIND_ORDER_EXECUTED_WITH_PRICE = 14,
    ITCH_KIND_ORDER_CANCEL = 15,
    ITCH_KIND_ORDER_DELETE = 16,
    ITCH_KIND_ORDER_REPLACE = 17,
    ITCH_KIND_TRADE = 18,
    ITCH_KIND_CROSS_TRADE = 19,
    ITCH_KIND_BROKEN_TRADE = 20,
    ITCH_KIND_NOII = 21,
    ITCH_KIND_RPII = 22,
    ITCH_KIND_DIRECT_LISTING = 23,
    ITCH_KINDS = 24, /* how many there are, not a kind */
};

/* itch_kinds: the kind by type letter. */
WIRE_TABLE itch_kinds[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 11, 20, 14, 16, 13, 12, 0, 3, 21, 9, 8, 5, 0, 22, 23,
    18, 19, 2, 1, 0, 17, 6, 7, 15, 4, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
};

/* itch_row_bytes: a row's length by kind. */
WIRE_TABLE itch_row_bytes[ITCH_KINDS] = {
    0, 21, 48, 34, 29, 35, 44, 21, 37, 44, 30, 45, 49, 40, 45, 32, 28, 44, 53, 49, 28, 59, 29, 57,
};

typedef struct itch_system_event_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint8_t event_code;
} WIRE_PACKED itch_system_event_row_t;
WIRE_ASSERT(sizeof(itch_system_event_row_t) == 21, "itch_system_event_row");

static inline void itch_row_system_event(
    itch_system_event_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_system_event_t *m = (const itch_system_event_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    row->event_code = m->event_code;
}

typedef struct itch_stock_directory_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint8_t stock[8];
    uint8_t market_category;
    uint8_t financial_status_indicator;
    uint32_t round_lot_size;
    uint8_t round_lots_only;
    uint8_t issue_classification;
    uint8_t issue_sub_type[2];
    uint8_t authenticity;
    uint8_t short_sale_threshold_indicator;
    uint8_t ipo_flag;
    uint8_t luld_reference_price_tier;
    uint8_t etp_flag;
    uint32_t etp_leverage_factor;
    uint8_t inverse_indicator;
} WIRE_PACKED itch_stock_directory_row_t;
WIRE_ASSERT(sizeof(itch_stock_directory_row_t) == 48, "itch_stock_directory_row");

static inline void itch_row_stock_directory(
    itch_stock_directory_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_stock_directory_t *m = (const itch_stock_directory_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    memcpy(row->stock, m->stock, 8);
    row->market_category = m->market_category;
    row->financial_status_indicator = m->financial_status_indicator;
    row->round_lot_size = be32(m->round_lot_size);
    row->round_lots_only = m->round_lots_only;
    row->issue_classification = m->issue_classification;
    memcpy(row->issue_sub_type, m->issue_sub_type, 2);
    row->authenticity = m->authenticity;
    row->short_sale_threshold_indicator = m->short_sale_threshold_indicator;
    row->ipo_flag = m->ipo_flag;
    row->luld_reference_price_tier = m->luld_reference_price_tier;
    row->etp_flag = m->etp_flag;
    row->etp_leverage_factor = be32(m->etp_leverage_factor);
    row->inverse_indicator = m->inverse_indicator;
}

typedef struct itch_stock_trading_action_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint8_t stock[8];
    uint8_t trading_state;
    uint8_t reserved;
    uint8_t reason[4];
} WIRE_PACKED itch_stock_trading_action_row_t;
WIRE_ASSERT(sizeof(itch_stock_trading_action_row_t) == 34, "itch_stock_trading_action_row");

static inline void itch_row_stock_trading_action(
    itch_stock_trading_action_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_stock_trading_action_t *m = (const itch_stock_trading_action_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    memcpy(row->stock, m->stock, 8);
    row->trading_state = m->trading_state;
    row->reserved = m->reserved;
    memcpy(row->reason, m->reason, 4);
}

typedef struct itch_reg_sho_restriction_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint8_t stock[8];
    uint8_t reg_sho_action;
} WIRE_PACKED itch_reg_sho_restriction_row_t;
WIRE_ASSERT(sizeof(itch_reg_sho_restriction_row_t) == 29, "itch_reg_sho_restriction_row");

static inline void itch_row_reg_sho_restriction(
    itch_reg_sho_restriction_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_reg_sho_restriction_t *m = (const itch_reg_sho_restriction_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    memcpy(row->stock, m->stock, 8);
    row->reg_sho_action = m->reg_sho_action;
}

typedef struct itch_market_participant_position_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint8_t mpid[4];
    uint8_t stock[8];
    uint8_t primary_market_maker;
    uint8_t market_maker_mode;
    uint8_t market_participant_state;
} WIRE_PACKED itch_market_participant_position_row_t;
WIRE_ASSERT(sizeof(itch_market_participant_position_row_t) == 35, "itch_market_participant_position_row");

static inline void itch_row_market_participant_position(
    itch_market_participant_position_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_market_participant_position_t *m = (const itch_market_participant_position_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    memcpy(row->mpid, m->mpid, 4);
    memcpy(row->stock, m->stock, 8);
    row->primary_market_maker = m->primary_market_maker;
    row->market_maker_mode = m->market_maker_mode;
    row->market_participant_state = m->market_participant_state;
}

typedef struct itch_mwcb_decline_level_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint64_t level_1;
    uint64_t level_2;
    uint64_t level_3;
} WIRE_PACKED itch_mwcb_decline_level_row_t;
WIRE_ASSERT(sizeof(itch_mwcb_decline_level_row_t) == 44, "itch_mwcb_decline_level_row");

static inline void itch_row_mwcb_decline_level(
    itch_mwcb_decline_level_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_mwcb_decline_level_t *m = (const itch_mwcb_decline_level_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    row->level_1 = be64(m->level_1);
    row->level_2 = be64(m->level_2);
    row->level_3 = be64(m->level_3);
}

typedef struct itch_mwcb_status_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint8_t breached_level;
} WIRE_PACKED itch_mwcb_status_row_t;
WIRE_ASSERT(sizeof(itch_mwcb_status_row_t) == 21, "itch_mwcb_status_row");

static inline void itch_row_mwcb_status(
    itch_mwcb_status_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_mwcb_status_t *m = (const itch_mwcb_status_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    row->breached_level = m->breached_level;
}

typedef struct itch_ipo_quoting_period_update_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint8_t stock[8];
    uint32_t ipo_quotation_release_time;
    uint8_t ipo_quotation_release_qualifier;
    uint32_t ipo_price;
} WIRE_PACKED itch_ipo_quoting_period_update_row_t;
WIRE_ASSERT(sizeof(itch_ipo_quoting_period_update_row_t) == 37, "itch_ipo_quoting_period_update_row");

static inline void itch_row_ipo_quoting_period_update(
    itch_ipo_quoting_period_update_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_ipo_quoting_period_update_t *m = (const itch_ipo_quoting_period_update_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    memcpy(row->stock, m->stock, 8);
    row->ipo_quotation_release_time = be32(m->ipo_quotation_release_time);
    row->ipo_quotation_release_qualifier = m->ipo_quotation_release_qualifier;
    row->ipo_price = be32(m->ipo_price);
}

typedef struct itch_luld_auction_collar_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint8_t stock[8];
    uint32_t auction_collar_reference_price;
    uint32_t upper_auction_collar_price;
    uint32_t lower_auction_collar_price;
    uint32_t auction_collar_extension;
} WIRE_PACKED itch_luld_auction_collar_row_t;
WIRE_ASSERT(sizeof(itch_luld_auction_collar_row_t) == 44, "itch_luld_auction_collar_row");

static inline void itch_row_luld_auction_collar(
    itch_luld_auction_collar_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_luld_auction_collar_t *m = (const itch_luld_auction_collar_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    memcpy(row->stock, m->stock, 8);
    row->auction_collar_reference_price = be32(m->auction_collar_reference_price);
    row->upper_auction_collar_price = be32(m->upper_auction_collar_price);
    row->lower_auction_collar_price = be32(m->lower_auction_collar_price);
    row->auction_collar_extension = be32(m->auction_collar_extension);
}

typedef struct itch_operational_halt_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint8_t stock[8];
    uint8_t market_code;
    uint8_t operational_halt_action;
} WIRE_PACKED itch_operational_halt_row_t;
WIRE_ASSERT(sizeof(itch_operational_halt_row_t) == 30, "itch_operational_halt_row");

static inline void itch_row_operational_halt(
    itch_operational_halt_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_operational_halt_t *m = (const itch_operational_halt_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    memcpy(row->stock, m->stock, 8);
    row->market_code = m->market_code;
    row->operational_halt_action = m->operational_halt_action;
}

typedef struct itch_add_order_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint64_t order_reference_number;
    uint8_t buy_sell_indicator;
    uint32_t shares;
    uint8_t stock[8];
    uint32_t price;
} WIRE_PACKED itch_add_order_row_t;
WIRE_ASSERT(sizeof(itch_add_order_row_t) == 45, "itch_add_order_row");

static inline void itch_row_add_order(
    itch_add_order_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_add_order_t *m = (const itch_add_order_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    row->order_reference_number = be64(m->order_reference_number);
    row->buy_sell_indicator = m->buy_sell_indicator;
    row->shares = be32(m->shares);
    memcpy(row->stock, m->stock, 8);
    row->price = be32(m->price);
}

typedef struct itch_add_order_mpid_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint64_t order_reference_number;
    uint8_t buy_sell_indicator;
    uint32_t shares;
    uint8_t stock[8];
    uint32_t price;
    uint8_t attribution[4];
} WIRE_PACKED itch_add_order_mpid_row_t;
WIRE_ASSERT(sizeof(itch_add_order_mpid_row_t) == 49, "itch_add_order_mpid_row");

static inline void itch_row_add_order_mpid(
    itch_add_order_mpid_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_add_order_mpid_t *m = (const itch_add_order_mpid_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    row->order_reference_number = be64(m->order_reference_number);
    row->buy_sell_indicator = m->buy_sell_indicator;
    row->shares = be32(m->shares);
    memcpy(row->stock, m->stock, 8);
    row->price = be32(m->price);
    memcpy(row->attribution, m->attribution, 4);
}

typedef struct itch_order_executed_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint64_t order_reference_number;
    uint32_t executed_shares;
    uint64_t match_number;
} WIRE_PACKED itch_order_executed_row_t;
WIRE_ASSERT(sizeof(itch_order_executed_row_t) == 40, "itch_order_executed_row");

static inline void itch_row_order_executed(
    itch_order_executed_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_order_executed_t *m = (const itch_order_executed_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    row->order_reference_number = be64(m->order_reference_number);
    row->executed_shares = be32(m->executed_shares);
    row->match_number = be64(m->match_number);
}

typedef struct itch_order_executed_with_price_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint64_t order_reference_number;
    uint32_t executed_shares;
    uint64_t match_number;
    uint8_t printable;
    uint32_t execution_price;
} WIRE_PACKED itch_order_executed_with_price_row_t;
WIRE_ASSERT(sizeof(itch_order_executed_with_price_row_t) == 45, "itch_order_executed_with_price_row");

static inline void itch_row_order_executed_with_price(
    itch_order_executed_with_price_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_order_executed_with_price_t *m = (const itch_order_executed_with_price_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    row->order_reference_number = be64(m->order_reference_number);
    row->executed_shares = be32(m->executed_shares);
    row->match_number = be64(m->match_number);
    row->printable = m->printable;
    row->execution_price = be32(m->execution_price);
}

typedef struct itch_order_cancel_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint64_t order_reference_number;
    uint32_t cancelled_shares;
} WIRE_PACKED itch_order_cancel_row_t;
WIRE_ASSERT(sizeof(itch_order_cancel_row_t) == 32, "itch_order_cancel_row");

static inline void itch_row_order_cancel(
    itch_order_cancel_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_order_cancel_t *m = (const itch_order_cancel_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    row->order_reference_number = be64(m->order_reference_number);
    row->cancelled_shares = be32(m->cancelled_shares);
}

typedef struct itch_order_delete_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint64_t order_reference_number;
} WIRE_PACKED itch_order_delete_row_t;
WIRE_ASSERT(sizeof(itch_order_delete_row_t) == 28, "itch_order_delete_row");

static inline void itch_row_order_delete(
    itch_order_delete_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_order_delete_t *m = (const itch_order_delete_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    row->order_reference_number = be64(m->order_reference_number);
}

typedef struct itch_order_replace_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint64_t original_order_reference_number;
    uint64_t new_order_reference_number;
    uint32_t shares;
    uint32_t price;
} WIRE_PACKED itch_order_replace_row_t;
WIRE_ASSERT(sizeof(itch_order_replace_row_t) == 44, "itch_order_replace_row");

static inline void itch_row_order_replace(
    itch_order_replace_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_order_replace_t *m = (const itch_order_replace_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    row->original_order_reference_number = be64(m->original_order_reference_number);
    row->new_order_reference_number = be64(m->new_order_reference_number);
    row->shares = be32(m->shares);
    row->price = be32(m->price);
}

typedef struct itch_trade_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint64_t order_reference_number;
    uint8_t buy_sell_indicator;
    uint32_t shares;
    uint8_t stock[8];
    uint32_t price;
    uint64_t match_number;
} WIRE_PACKED itch_trade_row_t;
WIRE_ASSERT(sizeof(itch_trade_row_t) == 53, "itch_trade_row");

static inline void itch_row_trade(
    itch_trade_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_trade_t *m = (const itch_trade_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    row->order_reference_number = be64(m->order_reference_number);
    row->buy_sell_indicator = m->buy_sell_indicator;
    row->shares = be32(m->shares);
    memcpy(row->stock, m->stock, 8);
    row->price = be32(m->price);
    row->match_number = be64(m->match_number);
}

typedef struct itch_cross_trade_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint64_t shares;
    uint8_t stock[8];
    uint32_t cross_price;
    uint64_t match_number;
    uint8_t cross_type;
} WIRE_PACKED itch_cross_trade_row_t;
WIRE_ASSERT(sizeof(itch_cross_trade_row_t) == 49, "itch_cross_trade_row");

static inline void itch_row_cross_trade(
    itch_cross_trade_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_cross_trade_t *m = (const itch_cross_trade_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    row->shares = be64(m->shares);
    memcpy(row->stock, m->stock, 8);
    row->cross_price = be32(m->cross_price);
    row->match_number = be64(m->match_number);
    row->cross_type = m->cross_type;
}

typedef struct itch_broken_trade_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint64_t match_number;
} WIRE_PACKED itch_broken_trade_row_t;
WIRE_ASSERT(sizeof(itch_broken_trade_row_t) == 28, "itch_broken_trade_row");

static inline void itch_row_broken_trade(
    itch_broken_trade_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_broken_trade_t *m = (const itch_broken_trade_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    row->match_number = be64(m->match_number);
}

typedef struct itch_noii_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint64_t paired_shares;
    uint64_t imbalance_shares;
    uint8_t imbalance_direction;
    uint8_t stock[8];
    uint32_t far_price;
    uint32_t near_price;
    uint32_t current_reference_price;
    uint8_t cross_type;
    uint8_t price_variation_indicator;
} WIRE_PACKED itch_noii_row_t;
WIRE_ASSERT(sizeof(itch_noii_row_t) == 59, "itch_noii_row");

static inline void itch_row_noii(
    itch_noii_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_noii_t *m = (const itch_noii_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    row->paired_shares = be64(m->paired_shares);
    row->imbalance_shares = be64(m->imbalance_shares);
    row->imbalance_direction = m->imbalance_direction;
    memcpy(row->stock, m->stock, 8);
    row->far_price = be32(m->far_price);
    row->near_price = be32(m->near_price);
    row->current_reference_price = be32(m->current_reference_price);
    row->cross_type = m->cross_type;
    row->price_variation_indicator = m->price_variation_indicator;
}

typedef struct itch_rpii_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint8_t stock[8];
    uint8_t interest_flag;
} WIRE_PACKED itch_rpii_row_t;
WIRE_ASSERT(sizeof(itch_rpii_row_t) == 29, "itch_rpii_row");

static inline void itch_row_rpii(
    itch_rpii_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_rpii_t *m = (const itch_rpii_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    memcpy(row->stock, m->stock, 8);
    row->interest_flag = m->interest_flag;
}

typedef struct itch_direct_listing_row {
    uint64_t sequence;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint64_t timestamp;
    uint8_t stock[8];
    uint8_t open_eligibility_status;
    uint32_t minimum_allowable_price;
    uint32_t maximum_allowable_price;
    uint32_t near_execution_price;
    uint64_t near_execution_time;
    uint32_t lower_price_range_collar;
    uint32_t upper_price_range_collar;
} WIRE_PACKED itch_direct_listing_row_t;
WIRE_ASSERT(sizeof(itch_direct_listing_row_t) == 57, "itch_direct_listing_row");

static inline void itch_row_direct_listing(
    itch_direct_listing_row_t *row, const uint8_t *message, uint64_t sequence) {
    const itch_direct_listing_t *m = (const itch_direct_listing_t *)message;
    row->sequence = sequence;
    row->stock_locate = be16(m->stock_locate);
    row->tracking_number = be16(m->tracking_number);
    row->timestamp = get48(m->timestamp);
    memcpy(row->stock, m->stock, 8);
    row->open_eligibility_status = m->open_eligibility_status;
    row->minimum_allowable_price = be32(m->minimum_allowable_price);
    row->maximum_allowable_price = be32(m->maximum_allowable_price);
    row->near_execution_price = be32(m->near_execution_price);
    row->near_execution_time = be64(m->near_execution_time);
    row->lower_price_range_collar = be32(m->lower_price_range_collar);
    row->upper_price_range_collar = be32(m->upper_price_range_collar);
}

/* X(kind, name, row type) for every kind, in their order. */
#define ITCH_KINDS_EACH(X) \
    X(1, system_event, itch_system_event_row_t) \
    X(2, stock_directory, itch_stock_directory_row_t) \
    X(3, stock_trading_action, itch_stock_trading_action_row_t) \
    X(4, reg_sho_restriction, itch_reg_sho_restriction_row_t) \
    X(5, market_participant_position, itch_market_participant_position_row_t) \
    X(6, mwcb_decline_level, itch_mwcb_decline_level_row_t) \
    X(7, mwcb_status, itch_mwcb_status_row_t) \
    X(8, ipo_quoting_period_update, itch_ipo_quoting_period_update_row_t) \
    X(9, luld_auction_collar, itch_luld_auction_collar_row_t) \
    X(10, operational_halt, itch_operational_halt_row_t) \
    X(11, add_order, itch_add_order_row_t) \
    X(12, add_order_mpid, itch_add_order_mpid_row_t) \
    X(13, order_executed, itch_order_executed_row_t) \
    X(14, order_executed_with_price, itch_order_executed_with_price_row_t) \
    X(15, order_cancel, itch_order_cancel_row_t) \
    X(16, order_delete, itch_order_delete_row_t) \
    X(17, order_replace, itch_order_replace_row_t) \
    X(18, trade, itch_trade_row_t) \
    X(19, cross_trade, itch_cross_trade_row_t) \
    X(20, broken_trade, itch_broken_trade_row_t) \
    X(21, noii, itch_noii_row_t) \
    X(22, rpii, itch_rpii_row_t) \
    X(23, direct_listing, itch_direct_listing_row_t) \

#endif
