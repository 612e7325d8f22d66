/* sums.h: the sum of every field of every row, so that none is decoded for nothing.
 *
 * Made from itch_ouch/spec.py by `python -m bench.generate`; edit the spec, not this file.
 *
 * Alpha counts as little-endian words of up to 8 bytes. bench/oracle.py makes the same sum of the
 * messages' own bytes.
 */
#ifndef TICKPATH_SUMS_H
#define TICKPATH_SUMS_H

#include "itch_sort.h"

static inline uint64_t sum_word(const uint8_t *bytes, uint32_t length) {
    uint64_t word = 0;
    memcpy(&word, bytes, length);
    return word;
}

static inline uint64_t sum_system_event(const itch_system_event_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += row->event_code;
    return sum;
}

static inline uint64_t sum_stock_directory(const itch_stock_directory_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += sum_word(row->stock + 0, 8);
    sum += row->market_category;
    sum += row->financial_status_indicator;
    sum += row->round_lot_size;
    sum += row->round_lots_only;
    sum += row->issue_classification;
    sum += sum_word(row->issue_sub_type + 0, 2);
    sum += row->authenticity;
    sum += row->short_sale_threshold_indicator;
    sum += row->ipo_flag;
    sum += row->luld_reference_price_tier;
    sum += row->etp_flag;
    sum += row->etp_leverage_factor;
    sum += row->inverse_indicator;
    return sum;
}

static inline uint64_t sum_stock_trading_action(const itch_stock_trading_action_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += sum_word(row->stock + 0, 8);
    sum += row->trading_state;
    sum += row->reserved;
    sum += sum_word(row->reason + 0, 4);
    return sum;
}

static inline uint64_t sum_reg_sho_restriction(const itch_reg_sho_restriction_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += sum_word(row->stock + 0, 8);
    sum += row->reg_sho_action;
    return sum;
}

static inline uint64_t sum_market_participant_position(const itch_market_participant_position_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += sum_word(row->mpid + 0, 4);
    sum += sum_word(row->stock + 0, 8);
    sum += row->primary_market_maker;
    sum += row->market_maker_mode;
    sum += row->market_participant_state;
    return sum;
}

static inline uint64_t sum_mwcb_decline_level(const itch_mwcb_decline_level_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += row->level_1;
    sum += row->level_2;
    sum += row->level_3;
    return sum;
}

static inline uint64_t sum_mwcb_status(const itch_mwcb_status_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += row->breached_level;
    return sum;
}

static inline uint64_t sum_ipo_quoting_period_update(const itch_ipo_quoting_period_update_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += sum_word(row->stock + 0, 8);
    sum += row->ipo_quotation_release_time;
    sum += row->ipo_quotation_release_qualifier;
    sum += row->ipo_price;
    return sum;
}

static inline uint64_t sum_luld_auction_collar(const itch_luld_auction_collar_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += sum_word(row->stock + 0, 8);
    sum += row->auction_collar_reference_price;
    sum += row->upper_auction_collar_price;
    sum += row->lower_auction_collar_price;
    sum += row->auction_collar_extension;
    return sum;
}

static inline uint64_t sum_operational_halt(const itch_operational_halt_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += sum_word(row->stock + 0, 8);
    sum += row->market_code;
    sum += row->operational_halt_action;
    return sum;
}

static inline uint64_t sum_add_order(const itch_add_order_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += row->order_reference_number;
    sum += row->buy_sell_indicator;
    sum += row->shares;
    sum += sum_word(row->stock + 0, 8);
    sum += row->price;
    return sum;
}

static inline uint64_t sum_add_order_mpid(const itch_add_order_mpid_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += row->order_reference_number;
    sum += row->buy_sell_indicator;
    sum += row->shares;
    sum += sum_word(row->stock + 0, 8);
    sum += row->price;
    sum += sum_word(row->attribution + 0, 4);
    return sum;
}

static inline uint64_t sum_order_executed(const itch_order_executed_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += row->order_reference_number;
    sum += row->executed_shares;
    sum += row->match_number;
    return sum;
}

static inline uint64_t sum_order_executed_with_price(const itch_order_executed_with_price_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += row->order_reference_number;
    sum += row->executed_shares;
    sum += row->match_number;
    sum += row->printable;
    sum += row->execution_price;
    return sum;
}

static inline uint64_t sum_order_cancel(const itch_order_cancel_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += row->order_reference_number;
    sum += row->cancelled_shares;
    return sum;
}

static inline uint64_t sum_order_delete(const itch_order_delete_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += row->order_reference_number;
    return sum;
}

static inline uint64_t sum_order_replace(const itch_order_replace_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += row->original_order_reference_number;
    sum += row->new_order_reference_number;
    sum += row->shares;
    sum += row->price;
    return sum;
}

static inline uint64_t sum_trade(const itch_trade_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += row->order_reference_number;
    sum += row->buy_sell_indicator;
    sum += row->shares;
    sum += sum_word(row->stock + 0, 8);
    sum += row->price;
    sum += row->match_number;
    return sum;
}

static inline uint64_t sum_cross_trade(const itch_cross_trade_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += row->shares;
    sum += sum_word(row->stock + 0, 8);
    sum += row->cross_price;
    sum += row->match_number;
    sum += row->cross_type;
    return sum;
}

static inline uint64_t sum_broken_trade(const itch_broken_trade_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += row->match_number;
    return sum;
}

static inline uint64_t sum_noii(const itch_noii_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += row->paired_shares;
    sum += row->imbalance_shares;
    sum += row->imbalance_direction;
    sum += sum_word(row->stock + 0, 8);
    sum += row->far_price;
    sum += row->near_price;
    sum += row->current_reference_price;
    sum += row->cross_type;
    sum += row->price_variation_indicator;
    return sum;
}

static inline uint64_t sum_rpii(const itch_rpii_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += sum_word(row->stock + 0, 8);
    sum += row->interest_flag;
    return sum;
}

static inline uint64_t sum_direct_listing(const itch_direct_listing_row_t *row) {
    uint64_t sum = 0;
    sum += row->sequence;
    sum += row->stock_locate;
    sum += row->tracking_number;
    sum += row->timestamp;
    sum += sum_word(row->stock + 0, 8);
    sum += row->open_eligibility_status;
    sum += row->minimum_allowable_price;
    sum += row->maximum_allowable_price;
    sum += row->near_execution_price;
    sum += row->near_execution_time;
    sum += row->lower_price_range_collar;
    sum += row->upper_price_range_collar;
    return sum;
}

/* The sum of a batch's rows; rows[kind] is the first of its kind. */
static inline uint64_t sum_rows(const itch_batch *batch, uint8_t *const rows[ITCH_KINDS]) {
    uint64_t sum = 0;
#define SUM_KIND(kind, name, type)                                                               \
    for (uint32_t i = 0; i < batch->counts[kind]; i++)                                           \
        sum += sum_##name((const type *)rows[kind] + i);
    ITCH_KINDS_EACH(SUM_KIND)
#undef SUM_KIND
    return sum;
}

#endif
