"""Cython's view of csrc/wire.h.

Made from itch_ouch/spec.py by `python -m itch_ouch.generate`; edit the spec, not this file.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "wire.h" nogil:
    uint16_t be16(uint16_t value)
    uint32_t be32(uint32_t value)
    uint64_t be64(uint64_t value)
    uint64_t get48(const uint8_t* bytes)
    void put48(uint8_t* bytes, uint64_t value)

    enum:
        MOLD_COUNT_HEARTBEAT
        MOLD_COUNT_END
        MOLD_SESSION_BYTES
        OUCH_PRICE_MARKET
        OUCH_TAG_SECONDARY_ORD_REF_NUM
        OUCH_TAG_FIRM
        OUCH_TAG_MIN_QTY
        OUCH_TAG_CUSTOMER_TYPE
        OUCH_TAG_MAX_FLOOR
        OUCH_TAG_PRICE_TYPE
        OUCH_TAG_PEG_OFFSET
        OUCH_TAG_DISCRETION_PRICE
        OUCH_TAG_DISCRETION_PRICE_TYPE
        OUCH_TAG_DISCRETION_PEG_OFFSET
        OUCH_TAG_POST_ONLY
        OUCH_TAG_RANDOM_RESERVES
        OUCH_TAG_ROUTE
        OUCH_TAG_EXPIRE_TIME
        OUCH_TAG_TRADE_NOW
        OUCH_TAG_HANDLE_INST
        OUCH_TAG_BBO_WEIGHT_INDICATOR
        OUCH_TAG_DISPLAY_QUANTITY
        OUCH_TAG_DISPLAY_PRICE
        OUCH_TAG_GROUP_ID
        OUCH_TAG_SHARES_LOCATED
        OUCH_TAG_LOCATE_BROKER
        OUCH_TAG_SIDE
        OUCH_TAG_USER_REF_IDX
        OUCH_TAG_AIQ_STRATEGY
        OUCH_TAG_AIQ_GROUP
        OUCH_CANCEL_REASON_REGULATORY
        OUCH_CANCEL_REASON_CLOSED
        OUCH_CANCEL_REASON_POST_ONLY_NMS
        OUCH_CANCEL_REASON_POST_ONLY_DISPLAYED_CONTRA
        OUCH_CANCEL_REASON_HALTED
        OUCH_CANCEL_REASON_IMMEDIATE_OR_CANCEL
        OUCH_CANCEL_REASON_MARKET_COLLARS
        OUCH_CANCEL_REASON_SELF_MATCH
        OUCH_CANCEL_REASON_SUPERVISORY
        OUCH_CANCEL_REASON_TIMEOUT
        OUCH_CANCEL_REASON_USER
        OUCH_CANCEL_REASON_OPEN_PROTECTION
        OUCH_CANCEL_REASON_SYSTEM
        OUCH_CANCEL_REASON_DIRECT_LISTING_EXCESS
        OUCH_CANCEL_REASON_CROSS_CANCELLED
        OUCH_REJECT_REASON_QUOTE_UNAVAILABLE
        OUCH_REJECT_REASON_DESTINATION_CLOSED
        OUCH_REJECT_REASON_DISPLAY
        OUCH_REJECT_REASON_MAX_FLOOR
        OUCH_REJECT_REASON_PEG_TYPE
        OUCH_REJECT_REASON_FAT_FINGER
        OUCH_REJECT_REASON_HALTED
        OUCH_REJECT_REASON_ISO_NOT_ALLOWED
        OUCH_REJECT_REASON_SIDE
        OUCH_REJECT_REASON_PROCESSING_ERROR
        OUCH_REJECT_REASON_CANCEL_PENDING
        OUCH_REJECT_REASON_FIRM_NOT_AUTHORISED
        OUCH_REJECT_REASON_MIN_QUANTITY
        OUCH_REJECT_REASON_NO_CLOSING_REFERENCE
        OUCH_REJECT_REASON_OTHER
        OUCH_REJECT_REASON_CANCEL_NOT_ALLOWED
        OUCH_REJECT_REASON_PEGGING
        OUCH_REJECT_REASON_CROSSED_MARKET
        OUCH_REJECT_REASON_QUANTITY
        OUCH_REJECT_REASON_CROSS_ORDER
        OUCH_REJECT_REASON_REPLACE_NOT_ALLOWED
        OUCH_REJECT_REASON_ROUTING
        OUCH_REJECT_REASON_SYMBOL
        OUCH_REJECT_REASON_TEST
        OUCH_REJECT_REASON_LATE_LOC_TOO_AGGRESSIVE
        OUCH_REJECT_REASON_RETAIL
        OUCH_REJECT_REASON_MIDPOINT_POST_ONLY_PRICE
        OUCH_REJECT_REASON_DESTINATION
        OUCH_REJECT_REASON_PRICE
        OUCH_REJECT_REASON_SHARES_EXCEED_THRESHOLD
        OUCH_REJECT_REASON_NOTIONAL
        OUCH_REJECT_REASON_RISK_AGGREGATE_EXPOSURE
        OUCH_REJECT_REASON_RISK_MARKET_IMPACT
        OUCH_REJECT_REASON_RISK_RESTRICTED_STOCK
        OUCH_REJECT_REASON_RISK_SHORT_SELL_RESTRICTED
        OUCH_REJECT_REASON_RISK_ISO
        OUCH_REJECT_REASON_RISK_ADV
        OUCH_REJECT_REASON_RISK_FAT_FINGER
        OUCH_REJECT_REASON_RISK_LOCATE_REQUIRED
        OUCH_REJECT_REASON_RISK_SYMBOL_RATE
        OUCH_REJECT_REASON_RISK_PORT_RATE
        OUCH_REJECT_REASON_RISK_DUPLICATE_RATE
        OUCH_REJECT_REASON_RISK_SHORT_SELL
        OUCH_REJECT_REASON_RISK_MARKET_ORDER
        OUCH_REJECT_REASON_RISK_PRE_MARKET
        OUCH_REJECT_REASON_RISK_POST_MARKET
        OUCH_REJECT_REASON_RISK_SHORT_EXEMPT
        OUCH_REJECT_REASON_RISK_SINGLE_ORDER_NOTIONAL
        OUCH_REJECT_REASON_RISK_MAX_QUANTITY
        OUCH_REJECT_REASON_RISK_REG_SHO_STATE
        OUCH_REJECT_REASON_RISK_IPO_MARKET_BUY
        ETH_HEADER_BYTES
        VLAN_TAG_BYTES
        IPV4_HEADER_BYTES
        UDP_HEADER_BYTES
        MOLD_HEADER_BYTES
        MOLD_BLOCK_BYTES
        ITCH_SYSTEM_EVENT
        ITCH_SYSTEM_EVENT_BYTES
        ITCH_STOCK_DIRECTORY
        ITCH_STOCK_DIRECTORY_BYTES
        ITCH_STOCK_TRADING_ACTION
        ITCH_STOCK_TRADING_ACTION_BYTES
        ITCH_REG_SHO_RESTRICTION
        ITCH_REG_SHO_RESTRICTION_BYTES
        ITCH_MARKET_PARTICIPANT_POSITION
        ITCH_MARKET_PARTICIPANT_POSITION_BYTES
        ITCH_MWCB_DECLINE_LEVEL
        ITCH_MWCB_DECLINE_LEVEL_BYTES
        ITCH_MWCB_STATUS
        ITCH_MWCB_STATUS_BYTES
        ITCH_IPO_QUOTING_PERIOD_UPDATE
        ITCH_IPO_QUOTING_PERIOD_UPDATE_BYTES
        ITCH_LULD_AUCTION_COLLAR
        ITCH_LULD_AUCTION_COLLAR_BYTES
        ITCH_OPERATIONAL_HALT
        ITCH_OPERATIONAL_HALT_BYTES
        ITCH_ADD_ORDER
        ITCH_ADD_ORDER_BYTES
        ITCH_ADD_ORDER_MPID
        ITCH_ADD_ORDER_MPID_BYTES
        ITCH_ORDER_EXECUTED
        ITCH_ORDER_EXECUTED_BYTES
        ITCH_ORDER_EXECUTED_WITH_PRICE
        ITCH_ORDER_EXECUTED_WITH_PRICE_BYTES
        ITCH_ORDER_CANCEL
        ITCH_ORDER_CANCEL_BYTES
        ITCH_ORDER_DELETE
        ITCH_ORDER_DELETE_BYTES
        ITCH_ORDER_REPLACE
        ITCH_ORDER_REPLACE_BYTES
        ITCH_TRADE
        ITCH_TRADE_BYTES
        ITCH_CROSS_TRADE
        ITCH_CROSS_TRADE_BYTES
        ITCH_BROKEN_TRADE
        ITCH_BROKEN_TRADE_BYTES
        ITCH_NOII
        ITCH_NOII_BYTES
        ITCH_RPII
        ITCH_RPII_BYTES
        ITCH_DIRECT_LISTING
        ITCH_DIRECT_LISTING_BYTES
        OUCH_ENTER_ORDER
        OUCH_ENTER_ORDER_BYTES
        OUCH_REPLACE_ORDER
        OUCH_REPLACE_ORDER_BYTES
        OUCH_CANCEL_ORDER
        OUCH_CANCEL_ORDER_BYTES
        OUCH_CANCEL_ORDER_BYTES_BARE
        OUCH_MODIFY_ORDER
        OUCH_MODIFY_ORDER_BYTES
        OUCH_MODIFY_ORDER_BYTES_BARE
        OUCH_MASS_CANCEL
        OUCH_MASS_CANCEL_BYTES
        OUCH_DISABLE_ORDER_ENTRY
        OUCH_DISABLE_ORDER_ENTRY_BYTES
        OUCH_ENABLE_ORDER_ENTRY
        OUCH_ENABLE_ORDER_ENTRY_BYTES
        OUCH_ACCOUNT_QUERY
        OUCH_ACCOUNT_QUERY_BYTES
        OUCH_ACCOUNT_QUERY_BYTES_BARE
        OUCH_SYSTEM_EVENT
        OUCH_SYSTEM_EVENT_BYTES
        OUCH_ORDER_ACCEPTED
        OUCH_ORDER_ACCEPTED_BYTES
        OUCH_ORDER_REPLACED
        OUCH_ORDER_REPLACED_BYTES
        OUCH_ORDER_CANCELED
        OUCH_ORDER_CANCELED_BYTES
        OUCH_ORDER_CANCELED_BYTES_BARE
        OUCH_AIQ_CANCELED
        OUCH_AIQ_CANCELED_BYTES
        OUCH_AIQ_CANCELED_BYTES_BARE
        OUCH_AIQ_CANCELED_BYTES_OLDER
        OUCH_ORDER_EXECUTED
        OUCH_ORDER_EXECUTED_BYTES
        OUCH_BROKEN_TRADE
        OUCH_BROKEN_TRADE_BYTES
        OUCH_BROKEN_TRADE_BYTES_BARE
        OUCH_REJECTED
        OUCH_REJECTED_BYTES
        OUCH_REJECTED_BYTES_BARE
        OUCH_CANCEL_PENDING
        OUCH_CANCEL_PENDING_BYTES
        OUCH_CANCEL_PENDING_BYTES_BARE
        OUCH_CANCEL_REJECT
        OUCH_CANCEL_REJECT_BYTES
        OUCH_CANCEL_REJECT_BYTES_BARE
        OUCH_ORDER_PRIORITY_UPDATE
        OUCH_ORDER_PRIORITY_UPDATE_BYTES
        OUCH_ORDER_PRIORITY_UPDATE_BYTES_BARE
        OUCH_ORDER_MODIFIED
        OUCH_ORDER_MODIFIED_BYTES
        OUCH_ORDER_MODIFIED_BYTES_BARE
        OUCH_ORDER_RESTATED
        OUCH_ORDER_RESTATED_BYTES
        OUCH_MASS_CANCEL_RESPONSE
        OUCH_MASS_CANCEL_RESPONSE_BYTES
        OUCH_DISABLE_RESPONSE
        OUCH_DISABLE_RESPONSE_BYTES
        OUCH_ENABLE_RESPONSE
        OUCH_ENABLE_RESPONSE_BYTES
        OUCH_ACCOUNT_QUERY_RESPONSE
        OUCH_ACCOUNT_QUERY_RESPONSE_BYTES
        OUCH_ACCOUNT_QUERY_RESPONSE_BYTES_BARE

    ctypedef struct eth_header_t:
        uint8_t destination[6]
        uint8_t source[6]
        uint16_t ethertype

    ctypedef struct vlan_tag_t:
        uint16_t control
        uint16_t ethertype

    ctypedef struct ipv4_header_t:
        uint8_t version_ihl
        uint8_t type_of_service
        uint16_t total_length
        uint16_t identification
        uint16_t flags_fragment_offset
        uint8_t time_to_live
        uint8_t protocol
        uint16_t header_checksum
        uint32_t source_address
        uint32_t destination_address

    ctypedef struct udp_header_t:
        uint16_t source_port
        uint16_t destination_port
        uint16_t length
        uint16_t checksum

    ctypedef struct mold_header_t:
        uint8_t session[10]
        uint64_t sequence_number
        uint16_t message_count

    ctypedef struct mold_block_t:
        uint16_t length

    ctypedef struct itch_system_event_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint8_t event_code

    uint32_t itch_write_system_event(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        uint8_t event_code)

    ctypedef struct itch_stock_directory_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint8_t stock[8]
        uint8_t market_category
        uint8_t financial_status_indicator
        uint32_t round_lot_size
        uint8_t round_lots_only
        uint8_t issue_classification
        uint8_t issue_sub_type[2]
        uint8_t authenticity
        uint8_t short_sale_threshold_indicator
        uint8_t ipo_flag
        uint8_t luld_reference_price_tier
        uint8_t etp_flag
        uint32_t etp_leverage_factor
        uint8_t inverse_indicator

    uint32_t itch_write_stock_directory(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        const uint8_t *stock, uint8_t market_category, uint8_t financial_status_indicator,
        uint32_t round_lot_size, uint8_t round_lots_only, uint8_t issue_classification,
        const uint8_t *issue_sub_type, uint8_t authenticity,
        uint8_t short_sale_threshold_indicator, uint8_t ipo_flag,
        uint8_t luld_reference_price_tier, uint8_t etp_flag, uint32_t etp_leverage_factor,
        uint8_t inverse_indicator)

    ctypedef struct itch_stock_trading_action_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint8_t stock[8]
        uint8_t trading_state
        uint8_t reserved
        uint8_t reason[4]

    uint32_t itch_write_stock_trading_action(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        const uint8_t *stock, uint8_t trading_state, uint8_t reserved, const uint8_t *reason)

    ctypedef struct itch_reg_sho_restriction_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint8_t stock[8]
        uint8_t reg_sho_action

    uint32_t itch_write_reg_sho_restriction(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        const uint8_t *stock, uint8_t reg_sho_action)

    ctypedef struct itch_market_participant_position_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint8_t mpid[4]
        uint8_t stock[8]
        uint8_t primary_market_maker
        uint8_t market_maker_mode
        uint8_t market_participant_state

    uint32_t itch_write_market_participant_position(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        const uint8_t *mpid, const uint8_t *stock, uint8_t primary_market_maker,
        uint8_t market_maker_mode, uint8_t market_participant_state)

    ctypedef struct itch_mwcb_decline_level_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint64_t level_1
        uint64_t level_2
        uint64_t level_3

    uint32_t itch_write_mwcb_decline_level(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        uint64_t level_1, uint64_t level_2, uint64_t level_3)

    ctypedef struct itch_mwcb_status_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint8_t breached_level

    uint32_t itch_write_mwcb_status(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        uint8_t breached_level)

    ctypedef struct itch_ipo_quoting_period_update_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint8_t stock[8]
        uint32_t ipo_quotation_release_time
        uint8_t ipo_quotation_release_qualifier
        uint32_t ipo_price

    uint32_t itch_write_ipo_quoting_period_update(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        const uint8_t *stock, uint32_t ipo_quotation_release_time,
        uint8_t ipo_quotation_release_qualifier, uint32_t ipo_price)

    ctypedef struct itch_luld_auction_collar_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint8_t stock[8]
        uint32_t auction_collar_reference_price
        uint32_t upper_auction_collar_price
        uint32_t lower_auction_collar_price
        uint32_t auction_collar_extension

    uint32_t itch_write_luld_auction_collar(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        const uint8_t *stock, uint32_t auction_collar_reference_price,
        uint32_t upper_auction_collar_price, uint32_t lower_auction_collar_price,
        uint32_t auction_collar_extension)

    ctypedef struct itch_operational_halt_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint8_t stock[8]
        uint8_t market_code
        uint8_t operational_halt_action

    uint32_t itch_write_operational_halt(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        const uint8_t *stock, uint8_t market_code, uint8_t operational_halt_action)

    ctypedef struct itch_add_order_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint64_t order_reference_number
        uint8_t buy_sell_indicator
        uint32_t shares
        uint8_t stock[8]
        uint32_t price

    uint32_t itch_write_add_order(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        uint64_t order_reference_number, uint8_t buy_sell_indicator, uint32_t shares,
        const uint8_t *stock, uint32_t price)

    ctypedef struct itch_add_order_mpid_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint64_t order_reference_number
        uint8_t buy_sell_indicator
        uint32_t shares
        uint8_t stock[8]
        uint32_t price
        uint8_t attribution[4]

    uint32_t itch_write_add_order_mpid(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        uint64_t order_reference_number, uint8_t buy_sell_indicator, uint32_t shares,
        const uint8_t *stock, uint32_t price, const uint8_t *attribution)

    ctypedef struct itch_order_executed_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint64_t order_reference_number
        uint32_t executed_shares
        uint64_t match_number

    uint32_t itch_write_order_executed(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        uint64_t order_reference_number, uint32_t executed_shares, uint64_t match_number)

    ctypedef struct itch_order_executed_with_price_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint64_t order_reference_number
        uint32_t executed_shares
        uint64_t match_number
        uint8_t printable
        uint32_t execution_price

    uint32_t itch_write_order_executed_with_price(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        uint64_t order_reference_number, uint32_t executed_shares, uint64_t match_number,
        uint8_t printable, uint32_t execution_price)

    ctypedef struct itch_order_cancel_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint64_t order_reference_number
        uint32_t cancelled_shares

    uint32_t itch_write_order_cancel(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        uint64_t order_reference_number, uint32_t cancelled_shares)

    ctypedef struct itch_order_delete_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint64_t order_reference_number

    uint32_t itch_write_order_delete(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        uint64_t order_reference_number)

    ctypedef struct itch_order_replace_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint64_t original_order_reference_number
        uint64_t new_order_reference_number
        uint32_t shares
        uint32_t price

    uint32_t itch_write_order_replace(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        uint64_t original_order_reference_number, uint64_t new_order_reference_number,
        uint32_t shares, uint32_t price)

    ctypedef struct itch_trade_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint64_t order_reference_number
        uint8_t buy_sell_indicator
        uint32_t shares
        uint8_t stock[8]
        uint32_t price
        uint64_t match_number

    uint32_t itch_write_trade(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        uint64_t order_reference_number, uint8_t buy_sell_indicator, uint32_t shares,
        const uint8_t *stock, uint32_t price, uint64_t match_number)

    ctypedef struct itch_cross_trade_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint64_t shares
        uint8_t stock[8]
        uint32_t cross_price
        uint64_t match_number
        uint8_t cross_type

    uint32_t itch_write_cross_trade(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        uint64_t shares, const uint8_t *stock, uint32_t cross_price, uint64_t match_number,
        uint8_t cross_type)

    ctypedef struct itch_broken_trade_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint64_t match_number

    uint32_t itch_write_broken_trade(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        uint64_t match_number)

    ctypedef struct itch_noii_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint64_t paired_shares
        uint64_t imbalance_shares
        uint8_t imbalance_direction
        uint8_t stock[8]
        uint32_t far_price
        uint32_t near_price
        uint32_t current_reference_price
        uint8_t cross_type
        uint8_t price_variation_indicator

    uint32_t itch_write_noii(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        uint64_t paired_shares, uint64_t imbalance_shares, uint8_t imbalance_direction,
        const uint8_t *stock, uint32_t far_price, uint32_t near_price,
        uint32_t current_reference_price, uint8_t cross_type, uint8_t price_variation_indicator)

    ctypedef struct itch_rpii_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint8_t stock[8]
        uint8_t interest_flag

    uint32_t itch_write_rpii(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        const uint8_t *stock, uint8_t interest_flag)

    ctypedef struct itch_direct_listing_t:
        uint8_t message_type
        uint16_t stock_locate
        uint16_t tracking_number
        uint8_t timestamp[6]
        uint8_t stock[8]
        uint8_t open_eligibility_status
        uint32_t minimum_allowable_price
        uint32_t maximum_allowable_price
        uint32_t near_execution_price
        uint64_t near_execution_time
        uint32_t lower_price_range_collar
        uint32_t upper_price_range_collar

    uint32_t itch_write_direct_listing(
        uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
        const uint8_t *stock, uint8_t open_eligibility_status, uint32_t minimum_allowable_price,
        uint32_t maximum_allowable_price, uint32_t near_execution_price,
        uint64_t near_execution_time, uint32_t lower_price_range_collar,
        uint32_t upper_price_range_collar)

    ctypedef struct ouch_enter_order_t:
        uint8_t message_type
        uint32_t user_ref_num
        uint8_t side
        uint32_t quantity
        uint8_t symbol[8]
        uint64_t price
        uint8_t time_in_force
        uint8_t display
        uint8_t capacity
        uint8_t intermarket_sweep_eligibility
        uint8_t cross_type
        uint8_t cl_ord_id[14]
        uint16_t appendage_length

    uint32_t ouch_write_enter_order(
        uint8_t *out, uint32_t user_ref_num, uint8_t side, uint32_t quantity,
        const uint8_t *symbol, uint64_t price, uint8_t time_in_force, uint8_t display,
        uint8_t capacity, uint8_t intermarket_sweep_eligibility, uint8_t cross_type,
        const uint8_t *cl_ord_id)

    ctypedef struct ouch_replace_order_t:
        uint8_t message_type
        uint32_t orig_user_ref_num
        uint32_t user_ref_num
        uint32_t quantity
        uint64_t price
        uint8_t time_in_force
        uint8_t display
        uint8_t intermarket_sweep_eligibility
        uint8_t cl_ord_id[14]
        uint16_t appendage_length

    uint32_t ouch_write_replace_order(
        uint8_t *out, uint32_t orig_user_ref_num, uint32_t user_ref_num, uint32_t quantity,
        uint64_t price, uint8_t time_in_force, uint8_t display,
        uint8_t intermarket_sweep_eligibility, const uint8_t *cl_ord_id)

    ctypedef struct ouch_cancel_order_t:
        uint8_t message_type
        uint32_t user_ref_num
        uint32_t quantity
        uint16_t appendage_length

    uint32_t ouch_write_cancel_order(
        uint8_t *out, uint32_t user_ref_num, uint32_t quantity)

    ctypedef struct ouch_modify_order_t:
        uint8_t message_type
        uint32_t user_ref_num
        uint8_t side
        uint32_t quantity
        uint16_t appendage_length

    uint32_t ouch_write_modify_order(
        uint8_t *out, uint32_t user_ref_num, uint8_t side, uint32_t quantity)

    ctypedef struct ouch_mass_cancel_t:
        uint8_t message_type
        uint32_t user_ref_num
        uint8_t firm[4]
        uint8_t symbol[8]
        uint16_t appendage_length

    uint32_t ouch_write_mass_cancel(
        uint8_t *out, uint32_t user_ref_num, const uint8_t *firm, const uint8_t *symbol)

    ctypedef struct ouch_disable_order_entry_t:
        uint8_t message_type
        uint32_t user_ref_num
        uint8_t firm[4]
        uint16_t appendage_length

    uint32_t ouch_write_disable_order_entry(
        uint8_t *out, uint32_t user_ref_num, const uint8_t *firm)

    ctypedef struct ouch_enable_order_entry_t:
        uint8_t message_type
        uint32_t user_ref_num
        uint8_t firm[4]
        uint16_t appendage_length

    uint32_t ouch_write_enable_order_entry(
        uint8_t *out, uint32_t user_ref_num, const uint8_t *firm)

    ctypedef struct ouch_account_query_t:
        uint8_t message_type
        uint16_t appendage_length

    uint32_t ouch_write_account_query(
        uint8_t *out)

    ctypedef struct ouch_system_event_t:
        uint8_t message_type
        uint64_t timestamp
        uint8_t event_code

    uint32_t ouch_write_system_event(
        uint8_t *out, uint64_t timestamp, uint8_t event_code)

    ctypedef struct ouch_order_accepted_t:
        uint8_t message_type
        uint64_t timestamp
        uint32_t user_ref_num
        uint8_t side
        uint32_t quantity
        uint8_t symbol[8]
        uint64_t price
        uint8_t time_in_force
        uint8_t display
        uint64_t order_reference_number
        uint8_t capacity
        uint8_t intermarket_sweep_eligibility
        uint8_t cross_type
        uint8_t order_state
        uint8_t cl_ord_id[14]
        uint16_t appendage_length

    uint32_t ouch_write_order_accepted(
        uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint8_t side,
        uint32_t quantity, const uint8_t *symbol, uint64_t price, uint8_t time_in_force,
        uint8_t display, uint64_t order_reference_number, uint8_t capacity,
        uint8_t intermarket_sweep_eligibility, uint8_t cross_type, uint8_t order_state,
        const uint8_t *cl_ord_id)

    ctypedef struct ouch_order_replaced_t:
        uint8_t message_type
        uint64_t timestamp
        uint32_t orig_user_ref_num
        uint32_t user_ref_num
        uint8_t side
        uint32_t quantity
        uint8_t symbol[8]
        uint64_t price
        uint8_t time_in_force
        uint8_t display
        uint64_t order_reference_number
        uint8_t capacity
        uint8_t intermarket_sweep_eligibility
        uint8_t cross_type
        uint8_t order_state
        uint8_t cl_ord_id[14]
        uint16_t appendage_length

    uint32_t ouch_write_order_replaced(
        uint8_t *out, uint64_t timestamp, uint32_t orig_user_ref_num, uint32_t user_ref_num,
        uint8_t side, uint32_t quantity, const uint8_t *symbol, uint64_t price,
        uint8_t time_in_force, uint8_t display, uint64_t order_reference_number,
        uint8_t capacity, uint8_t intermarket_sweep_eligibility, uint8_t cross_type,
        uint8_t order_state, const uint8_t *cl_ord_id)

    ctypedef struct ouch_order_canceled_t:
        uint8_t message_type
        uint64_t timestamp
        uint32_t user_ref_num
        uint32_t quantity
        uint8_t reason
        uint16_t appendage_length

    uint32_t ouch_write_order_canceled(
        uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint32_t quantity,
        uint8_t reason)

    ctypedef struct ouch_aiq_canceled_t:
        uint8_t message_type
        uint64_t timestamp
        uint32_t user_ref_num
        uint32_t decrement_shares
        uint8_t reason
        uint32_t quantity_prevented_from_trading
        uint64_t execution_price
        uint8_t liquidity_flag
        uint8_t aiq_strategy
        uint16_t appendage_length

    uint32_t ouch_write_aiq_canceled(
        uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint32_t decrement_shares,
        uint8_t reason, uint32_t quantity_prevented_from_trading, uint64_t execution_price,
        uint8_t liquidity_flag, uint8_t aiq_strategy)

    ctypedef struct ouch_order_executed_t:
        uint8_t message_type
        uint64_t timestamp
        uint32_t user_ref_num
        uint32_t quantity
        uint64_t price
        uint8_t liquidity_flag
        uint64_t match_number
        uint16_t appendage_length

    uint32_t ouch_write_order_executed(
        uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint32_t quantity,
        uint64_t price, uint8_t liquidity_flag, uint64_t match_number)

    ctypedef struct ouch_broken_trade_t:
        uint8_t message_type
        uint64_t timestamp
        uint32_t user_ref_num
        uint64_t match_number
        uint8_t reason
        uint8_t cl_ord_id[14]
        uint16_t appendage_length

    uint32_t ouch_write_broken_trade(
        uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint64_t match_number,
        uint8_t reason, const uint8_t *cl_ord_id)

    ctypedef struct ouch_rejected_t:
        uint8_t message_type
        uint64_t timestamp
        uint32_t user_ref_num
        uint16_t reason
        uint8_t cl_ord_id[14]
        uint16_t appendage_length

    uint32_t ouch_write_rejected(
        uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint16_t reason,
        const uint8_t *cl_ord_id)

    ctypedef struct ouch_cancel_pending_t:
        uint8_t message_type
        uint64_t timestamp
        uint32_t user_ref_num
        uint16_t appendage_length

    uint32_t ouch_write_cancel_pending(
        uint8_t *out, uint64_t timestamp, uint32_t user_ref_num)

    ctypedef struct ouch_cancel_reject_t:
        uint8_t message_type
        uint64_t timestamp
        uint32_t user_ref_num
        uint16_t appendage_length

    uint32_t ouch_write_cancel_reject(
        uint8_t *out, uint64_t timestamp, uint32_t user_ref_num)

    ctypedef struct ouch_order_priority_update_t:
        uint8_t message_type
        uint64_t timestamp
        uint32_t user_ref_num
        uint64_t price
        uint8_t display
        uint64_t order_reference_number
        uint16_t appendage_length

    uint32_t ouch_write_order_priority_update(
        uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint64_t price,
        uint8_t display, uint64_t order_reference_number)

    ctypedef struct ouch_order_modified_t:
        uint8_t message_type
        uint64_t timestamp
        uint32_t user_ref_num
        uint8_t side
        uint32_t quantity
        uint16_t appendage_length

    uint32_t ouch_write_order_modified(
        uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint8_t side,
        uint32_t quantity)

    ctypedef struct ouch_order_restated_t:
        uint8_t message_type
        uint64_t timestamp
        uint32_t user_ref_num
        uint8_t reason
        uint16_t appendage_length

    uint32_t ouch_write_order_restated(
        uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint8_t reason)

    ctypedef struct ouch_mass_cancel_response_t:
        uint8_t message_type
        uint64_t timestamp
        uint32_t user_ref_num
        uint8_t firm[4]
        uint8_t symbol[8]
        uint16_t appendage_length

    uint32_t ouch_write_mass_cancel_response(
        uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, const uint8_t *firm,
        const uint8_t *symbol)

    ctypedef struct ouch_disable_response_t:
        uint8_t message_type
        uint64_t timestamp
        uint32_t user_ref_num
        uint8_t firm[4]
        uint16_t appendage_length

    uint32_t ouch_write_disable_response(
        uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, const uint8_t *firm)

    ctypedef struct ouch_enable_response_t:
        uint8_t message_type
        uint64_t timestamp
        uint32_t user_ref_num
        uint8_t firm[4]
        uint16_t appendage_length

    uint32_t ouch_write_enable_response(
        uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, const uint8_t *firm)

    ctypedef struct ouch_account_query_response_t:
        uint8_t message_type
        uint64_t timestamp
        uint32_t next_user_ref_num
        uint16_t appendage_length

    uint32_t ouch_write_account_query_response(
        uint8_t *out, uint64_t timestamp, uint32_t next_user_ref_num)

    const uint8_t[256] itch_message_bytes
    const uint8_t[256] ouch_in_message_bytes
    const uint8_t[256] ouch_in_message_bytes_bare
    const uint8_t[256] ouch_in_message_bytes_older
    const uint8_t[256] ouch_out_message_bytes
    const uint8_t[256] ouch_out_message_bytes_bare
    const uint8_t[256] ouch_out_message_bytes_older
    const uint8_t[256] ouch_tag_bytes
