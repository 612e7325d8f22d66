/* wire.h: packed structs over the bytes of a frame, encoders and length tables.
 *
 * Made from itch_ouch/spec.py by `python -m itch_ouch.generate`; edit the spec, not this file.
 *
 * Members are in wire order, that is big-endian: read `be32(m->shares)`, write
 * `m->shares = be32(n)`. The swaps are their own inverses. The structs are packed, so a pointer to
 * one may have any address; never take the address of a multi-byte member. A 48-bit timestamp is
 * six bytes: get48, put48. An encoder writes the fixed part and returns its bytes; an alpha
 * argument longer than one byte points to exactly as many bytes as the field has.
 */
#ifndef TICKPATH_WIRE_H
#define TICKPATH_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
#define WIRE_ASSERT(condition, text) static_assert(condition, text)
#else
#define WIRE_ASSERT(condition, text) _Static_assert(condition, text)
#endif
#define WIRE_AT(type, member, offset) WIRE_ASSERT(offsetof(type, member) == (offset), #member)
#define WIRE_PACKED __attribute__((packed, may_alias))
#define WIRE_TABLE static const uint8_t __attribute__((unused))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static inline uint16_t be16(uint16_t value) { return __builtin_bswap16(value); }
static inline uint32_t be32(uint32_t value) { return __builtin_bswap32(value); }
static inline uint64_t be64(uint64_t value) { return __builtin_bswap64(value); }
#else
static inline uint16_t be16(uint16_t value) { return value; }
static inline uint32_t be32(uint32_t value) { return value; }
static inline uint64_t be64(uint64_t value) { return value; }
#endif

/* A 48-bit big-endian integer at any address. */
static inline uint64_t get48(const uint8_t *bytes) {
    uint16_t high;
    uint32_t low;
    memcpy(&high, bytes, sizeof high);
    memcpy(&low, bytes + sizeof high, sizeof low);
    return (uint64_t)be16(high) << 32 | be32(low);
}

static inline void put48(uint8_t *bytes, uint64_t value) {
    const uint16_t high = be16((uint16_t)(value >> 32));
    const uint32_t low = be32((uint32_t)value);
    memcpy(bytes, &high, sizeof high);
    memcpy(bytes + sizeof high, &low, sizeof low);
}

enum {
    MOLD_COUNT_HEARTBEAT = 0, /* message_count of a heartbeat */
    MOLD_COUNT_END = 65535, /* message_count of an end of session */
    MOLD_SESSION_BYTES = 10,
    OUCH_PRICE_MARKET = 2147483647, /* the price of a market order */
    OUCH_TAG_SECONDARY_ORD_REF_NUM = 1, /* the reference shown on ITCH (reserve orders) */
    OUCH_TAG_FIRM = 2, /* spaces: the account's default */
    OUCH_TAG_MIN_QTY = 3, /* round lots; 0: none */
    OUCH_TAG_CUSTOMER_TYPE = 4, /* R; N; space: the port's default */
    OUCH_TAG_MAX_FLOOR = 5, /* displayed part; 0: none */
    OUCH_TAG_PRICE_TYPE = 6, /* L limit; P, M, R, Q, m pegged */
    OUCH_TAG_PEG_OFFSET = 7,
    OUCH_TAG_DISCRETION_PRICE = 9,
    OUCH_TAG_DISCRETION_PRICE_TYPE = 10, /* L; P; M; R */
    OUCH_TAG_DISCRETION_PEG_OFFSET = 11,
    OUCH_TAG_POST_ONLY = 12, /* P post only; N not */
    OUCH_TAG_RANDOM_RESERVES = 13,
    OUCH_TAG_ROUTE = 14, /* outbound only */
    OUCH_TAG_EXPIRE_TIME = 15, /* seconds to live, below 86,400 */
    OUCH_TAG_TRADE_NOW = 16, /* Y; N; space: the port's default */
    OUCH_TAG_HANDLE_INST = 17, /* I imbalance only; O, T, Q retail; B; D; R; space: none */
    OUCH_TAG_BBO_WEIGHT_INDICATOR = 18, /* 0 to 3; S; N; space */
    OUCH_TAG_DISPLAY_QUANTITY = 22,
    OUCH_TAG_DISPLAY_PRICE = 23,
    OUCH_TAG_GROUP_ID = 24, /* 0: none */
    OUCH_TAG_SHARES_LOCATED = 25, /* Y; N */
    OUCH_TAG_LOCATE_BROKER = 26,
    OUCH_TAG_SIDE = 27, /* B; S; T; E */
    OUCH_TAG_USER_REF_IDX = 28, /* order flow channel; absent: numbering is the port's */
    OUCH_TAG_AIQ_STRATEGY = 29, /* of a later edition: accepted, never sent */
    OUCH_TAG_AIQ_GROUP = 30, /* of a later edition: accepted, never sent */
    OUCH_CANCEL_REASON_REGULATORY = 68, /* regulatory */
    OUCH_CANCEL_REASON_CLOSED = 69, /* closed */
    OUCH_CANCEL_REASON_POST_ONLY_NMS = 70, /* post only, NMS */
    OUCH_CANCEL_REASON_POST_ONLY_DISPLAYED_CONTRA = 71, /* post only, displayed contra */
    OUCH_CANCEL_REASON_HALTED = 72, /* halted */
    OUCH_CANCEL_REASON_IMMEDIATE_OR_CANCEL = 73, /* immediate or cancel */
    OUCH_CANCEL_REASON_MARKET_COLLARS = 75, /* market collars */
    OUCH_CANCEL_REASON_SELF_MATCH = 81, /* self match */
    OUCH_CANCEL_REASON_SUPERVISORY = 83, /* supervisory */
    OUCH_CANCEL_REASON_TIMEOUT = 84, /* timeout */
    OUCH_CANCEL_REASON_USER = 85, /* user */
    OUCH_CANCEL_REASON_OPEN_PROTECTION = 88, /* open protection */
    OUCH_CANCEL_REASON_SYSTEM = 90, /* system */
    OUCH_CANCEL_REASON_DIRECT_LISTING_EXCESS = 101, /* direct listing excess */
    OUCH_CANCEL_REASON_CROSS_CANCELLED = 67, /* cross cancelled */
    OUCH_REJECT_REASON_QUOTE_UNAVAILABLE = 1, /* quote unavailable */
    OUCH_REJECT_REASON_DESTINATION_CLOSED = 2, /* destination closed */
    OUCH_REJECT_REASON_DISPLAY = 3, /* display */
    OUCH_REJECT_REASON_MAX_FLOOR = 4, /* max floor */
    OUCH_REJECT_REASON_PEG_TYPE = 5, /* peg type */
    OUCH_REJECT_REASON_FAT_FINGER = 6, /* fat finger */
    OUCH_REJECT_REASON_HALTED = 7, /* halted */
    OUCH_REJECT_REASON_ISO_NOT_ALLOWED = 8, /* ISO not allowed */
    OUCH_REJECT_REASON_SIDE = 9, /* side */
    OUCH_REJECT_REASON_PROCESSING_ERROR = 10, /* processing error */
    OUCH_REJECT_REASON_CANCEL_PENDING = 11, /* cancel pending */
    OUCH_REJECT_REASON_FIRM_NOT_AUTHORISED = 12, /* firm not authorised */
    OUCH_REJECT_REASON_MIN_QUANTITY = 13, /* min quantity */
    OUCH_REJECT_REASON_NO_CLOSING_REFERENCE = 14, /* no closing reference */
    OUCH_REJECT_REASON_OTHER = 15, /* other */
    OUCH_REJECT_REASON_CANCEL_NOT_ALLOWED = 16, /* cancel not allowed */
    OUCH_REJECT_REASON_PEGGING = 17, /* pegging */
    OUCH_REJECT_REASON_CROSSED_MARKET = 18, /* crossed market */
    OUCH_REJECT_REASON_QUANTITY = 19, /* quantity */
    OUCH_REJECT_REASON_CROSS_ORDER = 20, /* cross order */
    OUCH_REJECT_REASON_REPLACE_NOT_ALLOWED = 21, /* replace not allowed */
    OUCH_REJECT_REASON_ROUTING = 22, /* routing */
    OUCH_REJECT_REASON_SYMBOL = 23, /* symbol */
    OUCH_REJECT_REASON_TEST = 24, /* test */
    OUCH_REJECT_REASON_LATE_LOC_TOO_AGGRESSIVE = 25, /* late LOC too aggressive */
    OUCH_REJECT_REASON_RETAIL = 26, /* retail */
    OUCH_REJECT_REASON_MIDPOINT_POST_ONLY_PRICE = 27, /* midpoint post only price */
    OUCH_REJECT_REASON_DESTINATION = 28, /* destination */
    OUCH_REJECT_REASON_PRICE = 29, /* price */
    OUCH_REJECT_REASON_SHARES_EXCEED_THRESHOLD = 30, /* shares exceed threshold */
    OUCH_REJECT_REASON_NOTIONAL = 31, /* notional */
    OUCH_REJECT_REASON_RISK_AGGREGATE_EXPOSURE = 32, /* risk aggregate exposure */
    OUCH_REJECT_REASON_RISK_MARKET_IMPACT = 33, /* risk market impact */
    OUCH_REJECT_REASON_RISK_RESTRICTED_STOCK = 34, /* risk restricted stock */
    OUCH_REJECT_REASON_RISK_SHORT_SELL_RESTRICTED = 35, /* risk short sell restricted */
    OUCH_REJECT_REASON_RISK_ISO = 36, /* risk ISO */
    OUCH_REJECT_REASON_RISK_ADV = 37, /* risk ADV */
    OUCH_REJECT_REASON_RISK_FAT_FINGER = 38, /* risk fat finger */
    OUCH_REJECT_REASON_RISK_LOCATE_REQUIRED = 39, /* risk locate required */
    OUCH_REJECT_REASON_RISK_SYMBOL_RATE = 40, /* risk symbol rate */
    OUCH_REJECT_REASON_RISK_PORT_RATE = 41, /* risk port rate */
    OUCH_REJECT_REASON_RISK_DUPLICATE_RATE = 42, /* risk duplicate rate */
    OUCH_REJECT_REASON_RISK_SHORT_SELL = 43, /* risk short sell */
    OUCH_REJECT_REASON_RISK_MARKET_ORDER = 44, /* risk market order */
    OUCH_REJECT_REASON_RISK_PRE_MARKET = 45, /* risk pre market */
    OUCH_REJECT_REASON_RISK_POST_MARKET = 46, /* risk post market */
    OUCH_REJECT_REASON_RISK_SHORT_EXEMPT = 47, /* risk short exempt */
    OUCH_REJECT_REASON_RISK_SINGLE_ORDER_NOTIONAL = 48, /* risk single order notional */
    OUCH_REJECT_REASON_RISK_MAX_QUANTITY = 49, /* risk max quantity */
    OUCH_REJECT_REASON_RISK_REG_SHO_STATE = 50, /* risk Reg SHO state */
    OUCH_REJECT_REASON_RISK_IPO_MARKET_BUY = 51, /* risk IPO market buy */
};

/* Ethernet header.
 * IEEE 802.3, 802.1Q; RFC 791; RFC 768, 802.3 section 3. */
enum { ETH_HEADER_BYTES = 14 };
typedef struct eth_header {
    uint8_t destination[6];
    uint8_t source[6];
    uint16_t ethertype;
} WIRE_PACKED eth_header_t;
WIRE_ASSERT(sizeof(eth_header_t) == 14, "eth_header");
WIRE_AT(eth_header_t, source, 6);
WIRE_AT(eth_header_t, ethertype, 12);

/* VLAN tag.
 * IEEE 802.3, 802.1Q; RFC 791; RFC 768, 802.1Q section 9.6. */
enum { VLAN_TAG_BYTES = 4 };
typedef struct vlan_tag {
    uint16_t control;
    uint16_t ethertype;
} WIRE_PACKED vlan_tag_t;
WIRE_ASSERT(sizeof(vlan_tag_t) == 4, "vlan_tag");
WIRE_AT(vlan_tag_t, ethertype, 2);

/* IPv4 header.
 * IEEE 802.3, 802.1Q; RFC 791; RFC 768, RFC 791 section 3.1. */
enum { IPV4_HEADER_BYTES = 20 };
typedef struct ipv4_header {
    uint8_t version_ihl;
    uint8_t type_of_service;
    uint16_t total_length;
    uint16_t identification;
    uint16_t flags_fragment_offset;
    uint8_t time_to_live;
    uint8_t protocol;
    uint16_t header_checksum;
    uint32_t source_address;
    uint32_t destination_address;
} WIRE_PACKED ipv4_header_t;
WIRE_ASSERT(sizeof(ipv4_header_t) == 20, "ipv4_header");
WIRE_AT(ipv4_header_t, type_of_service, 1);
WIRE_AT(ipv4_header_t, total_length, 2);
WIRE_AT(ipv4_header_t, identification, 4);
WIRE_AT(ipv4_header_t, flags_fragment_offset, 6);
WIRE_AT(ipv4_header_t, time_to_live, 8);
WIRE_AT(ipv4_header_t, protocol, 9);
WIRE_AT(ipv4_header_t, header_checksum, 10);
WIRE_AT(ipv4_header_t, source_address, 12);
WIRE_AT(ipv4_header_t, destination_address, 16);

/* UDP header.
 * IEEE 802.3, 802.1Q; RFC 791; RFC 768, RFC 768. */
enum { UDP_HEADER_BYTES = 8 };
typedef struct udp_header {
    uint16_t source_port;
    uint16_t destination_port;
    uint16_t length;
    uint16_t checksum;
} WIRE_PACKED udp_header_t;
WIRE_ASSERT(sizeof(udp_header_t) == 8, "udp_header");
WIRE_AT(udp_header_t, destination_port, 2);
WIRE_AT(udp_header_t, length, 4);
WIRE_AT(udp_header_t, checksum, 6);

/* MoldUDP64 downstream and request header.
 * MoldUDP64 Protocol Specification V1.00, Downstream Packet. */
enum { MOLD_HEADER_BYTES = 20 };
typedef struct mold_header {
    uint8_t session[10];
    uint64_t sequence_number;
    uint16_t message_count;
} WIRE_PACKED mold_header_t;
WIRE_ASSERT(sizeof(mold_header_t) == 20, "mold_header");
WIRE_AT(mold_header_t, sequence_number, 10);
WIRE_AT(mold_header_t, message_count, 18);

/* MoldUDP64 message block.
 * MoldUDP64 Protocol Specification V1.00, Message Block. */
enum { MOLD_BLOCK_BYTES = 2 };
typedef struct mold_block {
    uint16_t length;
} WIRE_PACKED mold_block_t;
WIRE_ASSERT(sizeof(mold_block_t) == 2, "mold_block");

/* System Event.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.1. */
enum { ITCH_SYSTEM_EVENT = 'S' };
enum { ITCH_SYSTEM_EVENT_BYTES = 12 };
typedef struct itch_system_event {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint8_t event_code;
} WIRE_PACKED itch_system_event_t;
WIRE_ASSERT(sizeof(itch_system_event_t) == 12, "itch_system_event");
WIRE_AT(itch_system_event_t, stock_locate, 1);
WIRE_AT(itch_system_event_t, tracking_number, 3);
WIRE_AT(itch_system_event_t, timestamp, 5);
WIRE_AT(itch_system_event_t, event_code, 11);

static inline uint32_t itch_write_system_event(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    uint8_t event_code) {
    itch_system_event_t *m = (itch_system_event_t *)out;
    m->message_type = ITCH_SYSTEM_EVENT;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    m->event_code = event_code;
    return ITCH_SYSTEM_EVENT_BYTES;
}

/* Stock Directory.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.2.1. */
enum { ITCH_STOCK_DIRECTORY = 'R' };
enum { ITCH_STOCK_DIRECTORY_BYTES = 39 };
typedef struct itch_stock_directory {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
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
} WIRE_PACKED itch_stock_directory_t;
WIRE_ASSERT(sizeof(itch_stock_directory_t) == 39, "itch_stock_directory");
WIRE_AT(itch_stock_directory_t, stock_locate, 1);
WIRE_AT(itch_stock_directory_t, tracking_number, 3);
WIRE_AT(itch_stock_directory_t, timestamp, 5);
WIRE_AT(itch_stock_directory_t, stock, 11);
WIRE_AT(itch_stock_directory_t, market_category, 19);
WIRE_AT(itch_stock_directory_t, financial_status_indicator, 20);
WIRE_AT(itch_stock_directory_t, round_lot_size, 21);
WIRE_AT(itch_stock_directory_t, round_lots_only, 25);
WIRE_AT(itch_stock_directory_t, issue_classification, 26);
WIRE_AT(itch_stock_directory_t, issue_sub_type, 27);
WIRE_AT(itch_stock_directory_t, authenticity, 29);
WIRE_AT(itch_stock_directory_t, short_sale_threshold_indicator, 30);
WIRE_AT(itch_stock_directory_t, ipo_flag, 31);
WIRE_AT(itch_stock_directory_t, luld_reference_price_tier, 32);
WIRE_AT(itch_stock_directory_t, etp_flag, 33);
WIRE_AT(itch_stock_directory_t, etp_leverage_factor, 34);
WIRE_AT(itch_stock_directory_t, inverse_indicator, 38);

static inline uint32_t itch_write_stock_directory(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    const uint8_t *stock, uint8_t market_category, uint8_t financial_status_indicator,
    uint32_t round_lot_size, uint8_t round_lots_only, uint8_t issue_classification,
    const uint8_t *issue_sub_type, uint8_t authenticity,
    uint8_t short_sale_threshold_indicator, uint8_t ipo_flag,
    uint8_t luld_reference_price_tier, uint8_t etp_flag, uint32_t etp_leverage_factor,
    uint8_t inverse_indicator) {
    itch_stock_directory_t *m = (itch_stock_directory_t *)out;
    m->message_type = ITCH_STOCK_DIRECTORY;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    memcpy(m->stock, stock, 8);
    m->market_category = market_category;
    m->financial_status_indicator = financial_status_indicator;
    m->round_lot_size = be32(round_lot_size);
    m->round_lots_only = round_lots_only;
    m->issue_classification = issue_classification;
    memcpy(m->issue_sub_type, issue_sub_type, 2);
    m->authenticity = authenticity;
    m->short_sale_threshold_indicator = short_sale_threshold_indicator;
    m->ipo_flag = ipo_flag;
    m->luld_reference_price_tier = luld_reference_price_tier;
    m->etp_flag = etp_flag;
    m->etp_leverage_factor = be32(etp_leverage_factor);
    m->inverse_indicator = inverse_indicator;
    return ITCH_STOCK_DIRECTORY_BYTES;
}

/* Stock Trading Action.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.2.2. */
enum { ITCH_STOCK_TRADING_ACTION = 'H' };
enum { ITCH_STOCK_TRADING_ACTION_BYTES = 25 };
typedef struct itch_stock_trading_action {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint8_t stock[8];
    uint8_t trading_state;
    uint8_t reserved;
    uint8_t reason[4];
} WIRE_PACKED itch_stock_trading_action_t;
WIRE_ASSERT(sizeof(itch_stock_trading_action_t) == 25, "itch_stock_trading_action");
WIRE_AT(itch_stock_trading_action_t, stock_locate, 1);
WIRE_AT(itch_stock_trading_action_t, tracking_number, 3);
WIRE_AT(itch_stock_trading_action_t, timestamp, 5);
WIRE_AT(itch_stock_trading_action_t, stock, 11);
WIRE_AT(itch_stock_trading_action_t, trading_state, 19);
WIRE_AT(itch_stock_trading_action_t, reserved, 20);
WIRE_AT(itch_stock_trading_action_t, reason, 21);

static inline uint32_t itch_write_stock_trading_action(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    const uint8_t *stock, uint8_t trading_state, uint8_t reserved, const uint8_t *reason) {
    itch_stock_trading_action_t *m = (itch_stock_trading_action_t *)out;
    m->message_type = ITCH_STOCK_TRADING_ACTION;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    memcpy(m->stock, stock, 8);
    m->trading_state = trading_state;
    m->reserved = reserved;
    memcpy(m->reason, reason, 4);
    return ITCH_STOCK_TRADING_ACTION_BYTES;
}

/* Reg SHO Short Sale Price Test Restriction.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.2.3. */
enum { ITCH_REG_SHO_RESTRICTION = 'Y' };
enum { ITCH_REG_SHO_RESTRICTION_BYTES = 20 };
typedef struct itch_reg_sho_restriction {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint8_t stock[8];
    uint8_t reg_sho_action;
} WIRE_PACKED itch_reg_sho_restriction_t;
WIRE_ASSERT(sizeof(itch_reg_sho_restriction_t) == 20, "itch_reg_sho_restriction");
WIRE_AT(itch_reg_sho_restriction_t, stock_locate, 1);
WIRE_AT(itch_reg_sho_restriction_t, tracking_number, 3);
WIRE_AT(itch_reg_sho_restriction_t, timestamp, 5);
WIRE_AT(itch_reg_sho_restriction_t, stock, 11);
WIRE_AT(itch_reg_sho_restriction_t, reg_sho_action, 19);

static inline uint32_t itch_write_reg_sho_restriction(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    const uint8_t *stock, uint8_t reg_sho_action) {
    itch_reg_sho_restriction_t *m = (itch_reg_sho_restriction_t *)out;
    m->message_type = ITCH_REG_SHO_RESTRICTION;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    memcpy(m->stock, stock, 8);
    m->reg_sho_action = reg_sho_action;
    return ITCH_REG_SHO_RESTRICTION_BYTES;
}

/* Market Participant Position.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.2.4. */
enum { ITCH_MARKET_PARTICIPANT_POSITION = 'L' };
enum { ITCH_MARKET_PARTICIPANT_POSITION_BYTES = 26 };
typedef struct itch_market_participant_position {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint8_t mpid[4];
    uint8_t stock[8];
    uint8_t primary_market_maker;
    uint8_t market_maker_mode;
    uint8_t market_participant_state;
} WIRE_PACKED itch_market_participant_position_t;
WIRE_ASSERT(sizeof(itch_market_participant_position_t) == 26, "itch_market_participant_position");
WIRE_AT(itch_market_participant_position_t, stock_locate, 1);
WIRE_AT(itch_market_participant_position_t, tracking_number, 3);
WIRE_AT(itch_market_participant_position_t, timestamp, 5);
WIRE_AT(itch_market_participant_position_t, mpid, 11);
WIRE_AT(itch_market_participant_position_t, stock, 15);
WIRE_AT(itch_market_participant_position_t, primary_market_maker, 23);
WIRE_AT(itch_market_participant_position_t, market_maker_mode, 24);
WIRE_AT(itch_market_participant_position_t, market_participant_state, 25);

static inline uint32_t itch_write_market_participant_position(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    const uint8_t *mpid, const uint8_t *stock, uint8_t primary_market_maker,
    uint8_t market_maker_mode, uint8_t market_participant_state) {
    itch_market_participant_position_t *m = (itch_market_participant_position_t *)out;
    m->message_type = ITCH_MARKET_PARTICIPANT_POSITION;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    memcpy(m->mpid, mpid, 4);
    memcpy(m->stock, stock, 8);
    m->primary_market_maker = primary_market_maker;
    m->market_maker_mode = market_maker_mode;
    m->market_participant_state = market_participant_state;
    return ITCH_MARKET_PARTICIPANT_POSITION_BYTES;
}

/* MWCB Decline Level.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.2.5.1. */
enum { ITCH_MWCB_DECLINE_LEVEL = 'V' };
enum { ITCH_MWCB_DECLINE_LEVEL_BYTES = 35 };
typedef struct itch_mwcb_decline_level {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint64_t level_1;
    uint64_t level_2;
    uint64_t level_3;
} WIRE_PACKED itch_mwcb_decline_level_t;
WIRE_ASSERT(sizeof(itch_mwcb_decline_level_t) == 35, "itch_mwcb_decline_level");
WIRE_AT(itch_mwcb_decline_level_t, stock_locate, 1);
WIRE_AT(itch_mwcb_decline_level_t, tracking_number, 3);
WIRE_AT(itch_mwcb_decline_level_t, timestamp, 5);
WIRE_AT(itch_mwcb_decline_level_t, level_1, 11);
WIRE_AT(itch_mwcb_decline_level_t, level_2, 19);
WIRE_AT(itch_mwcb_decline_level_t, level_3, 27);

static inline uint32_t itch_write_mwcb_decline_level(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    uint64_t level_1, uint64_t level_2, uint64_t level_3) {
    itch_mwcb_decline_level_t *m = (itch_mwcb_decline_level_t *)out;
    m->message_type = ITCH_MWCB_DECLINE_LEVEL;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    m->level_1 = be64(level_1);
    m->level_2 = be64(level_2);
    m->level_3 = be64(level_3);
    return ITCH_MWCB_DECLINE_LEVEL_BYTES;
}

/* MWCB Status.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.2.5.2. */
enum { ITCH_MWCB_STATUS = 'W' };
enum { ITCH_MWCB_STATUS_BYTES = 12 };
typedef struct itch_mwcb_status {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint8_t breached_level;
} WIRE_PACKED itch_mwcb_status_t;
WIRE_ASSERT(sizeof(itch_mwcb_status_t) == 12, "itch_mwcb_status");
WIRE_AT(itch_mwcb_status_t, stock_locate, 1);
WIRE_AT(itch_mwcb_status_t, tracking_number, 3);
WIRE_AT(itch_mwcb_status_t, timestamp, 5);
WIRE_AT(itch_mwcb_status_t, breached_level, 11);

static inline uint32_t itch_write_mwcb_status(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    uint8_t breached_level) {
    itch_mwcb_status_t *m = (itch_mwcb_status_t *)out;
    m->message_type = ITCH_MWCB_STATUS;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    m->breached_level = breached_level;
    return ITCH_MWCB_STATUS_BYTES;
}

/* IPO Quoting Period Update.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.2.6. */
enum { ITCH_IPO_QUOTING_PERIOD_UPDATE = 'K' };
enum { ITCH_IPO_QUOTING_PERIOD_UPDATE_BYTES = 28 };
typedef struct itch_ipo_quoting_period_update {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint8_t stock[8];
    uint32_t ipo_quotation_release_time;
    uint8_t ipo_quotation_release_qualifier;
    uint32_t ipo_price;
} WIRE_PACKED itch_ipo_quoting_period_update_t;
WIRE_ASSERT(sizeof(itch_ipo_quoting_period_update_t) == 28, "itch_ipo_quoting_period_update");
WIRE_AT(itch_ipo_quoting_period_update_t, stock_locate, 1);
WIRE_AT(itch_ipo_quoting_period_update_t, tracking_number, 3);
WIRE_AT(itch_ipo_quoting_period_update_t, timestamp, 5);
WIRE_AT(itch_ipo_quoting_period_update_t, stock, 11);
WIRE_AT(itch_ipo_quoting_period_update_t, ipo_quotation_release_time, 19);
WIRE_AT(itch_ipo_quoting_period_update_t, ipo_quotation_release_qualifier, 23);
WIRE_AT(itch_ipo_quoting_period_update_t, ipo_price, 24);

static inline uint32_t itch_write_ipo_quoting_period_update(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    const uint8_t *stock, uint32_t ipo_quotation_release_time,
    uint8_t ipo_quotation_release_qualifier, uint32_t ipo_price) {
    itch_ipo_quoting_period_update_t *m = (itch_ipo_quoting_period_update_t *)out;
    m->message_type = ITCH_IPO_QUOTING_PERIOD_UPDATE;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    memcpy(m->stock, stock, 8);
    m->ipo_quotation_release_time = be32(ipo_quotation_release_time);
    m->ipo_quotation_release_qualifier = ipo_quotation_release_qualifier;
    m->ipo_price = be32(ipo_price);
    return ITCH_IPO_QUOTING_PERIOD_UPDATE_BYTES;
}

/* LULD Auction Collar.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.2.7. */
enum { ITCH_LULD_AUCTION_COLLAR = 'J' };
enum { ITCH_LULD_AUCTION_COLLAR_BYTES = 35 };
typedef struct itch_luld_auction_collar {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint8_t stock[8];
    uint32_t auction_collar_reference_price;
    uint32_t upper_auction_collar_price;
    uint32_t lower_auction_collar_price;
    uint32_t auction_collar_extension;
} WIRE_PACKED itch_luld_auction_collar_t;
WIRE_ASSERT(sizeof(itch_luld_auction_collar_t) == 35, "itch_luld_auction_collar");
WIRE_AT(itch_luld_auction_collar_t, stock_locate, 1);
WIRE_AT(itch_luld_auction_collar_t, tracking_number, 3);
WIRE_AT(itch_luld_auction_collar_t, timestamp, 5);
WIRE_AT(itch_luld_auction_collar_t, stock, 11);
WIRE_AT(itch_luld_auction_collar_t, auction_collar_reference_price, 19);
WIRE_AT(itch_luld_auction_collar_t, upper_auction_collar_price, 23);
WIRE_AT(itch_luld_auction_collar_t, lower_auction_collar_price, 27);
WIRE_AT(itch_luld_auction_collar_t, auction_collar_extension, 31);

static inline uint32_t itch_write_luld_auction_collar(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    const uint8_t *stock, uint32_t auction_collar_reference_price,
    uint32_t upper_auction_collar_price, uint32_t lower_auction_collar_price,
    uint32_t auction_collar_extension) {
    itch_luld_auction_collar_t *m = (itch_luld_auction_collar_t *)out;
    m->message_type = ITCH_LULD_AUCTION_COLLAR;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    memcpy(m->stock, stock, 8);
    m->auction_collar_reference_price = be32(auction_collar_reference_price);
    m->upper_auction_collar_price = be32(upper_auction_collar_price);
    m->lower_auction_collar_price = be32(lower_auction_collar_price);
    m->auction_collar_extension = be32(auction_collar_extension);
    return ITCH_LULD_AUCTION_COLLAR_BYTES;
}

/* Operational Halt.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.2.8. */
enum { ITCH_OPERATIONAL_HALT = 'h' };
enum { ITCH_OPERATIONAL_HALT_BYTES = 21 };
typedef struct itch_operational_halt {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint8_t stock[8];
    uint8_t market_code;
    uint8_t operational_halt_action;
} WIRE_PACKED itch_operational_halt_t;
WIRE_ASSERT(sizeof(itch_operational_halt_t) == 21, "itch_operational_halt");
WIRE_AT(itch_operational_halt_t, stock_locate, 1);
WIRE_AT(itch_operational_halt_t, tracking_number, 3);
WIRE_AT(itch_operational_halt_t, timestamp, 5);
WIRE_AT(itch_operational_halt_t, stock, 11);
WIRE_AT(itch_operational_halt_t, market_code, 19);
WIRE_AT(itch_operational_halt_t, operational_halt_action, 20);

static inline uint32_t itch_write_operational_halt(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    const uint8_t *stock, uint8_t market_code, uint8_t operational_halt_action) {
    itch_operational_halt_t *m = (itch_operational_halt_t *)out;
    m->message_type = ITCH_OPERATIONAL_HALT;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    memcpy(m->stock, stock, 8);
    m->market_code = market_code;
    m->operational_halt_action = operational_halt_action;
    return ITCH_OPERATIONAL_HALT_BYTES;
}

/* Add Order (no MPID).
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.3.1. */
enum { ITCH_ADD_ORDER = 'A' };
enum { ITCH_ADD_ORDER_BYTES = 36 };
typedef struct itch_add_order {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint64_t order_reference_number;
    uint8_t buy_sell_indicator;
    uint32_t shares;
    uint8_t stock[8];
    uint32_t price;
} WIRE_PACKED itch_add_order_t;
WIRE_ASSERT(sizeof(itch_add_order_t) == 36, "itch_add_order");
WIRE_AT(itch_add_order_t, stock_locate, 1);
WIRE_AT(itch_add_order_t, tracking_number, 3);
WIRE_AT(itch_add_order_t, timestamp, 5);
WIRE_AT(itch_add_order_t, order_reference_number, 11);
WIRE_AT(itch_add_order_t, buy_sell_indicator, 19);
WIRE_AT(itch_add_order_t, shares, 20);
WIRE_AT(itch_add_order_t, stock, 24);
WIRE_AT(itch_add_order_t, price, 32);

static inline uint32_t itch_write_add_order(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    uint64_t order_reference_number, uint8_t buy_sell_indicator, uint32_t shares,
    const uint8_t *stock, uint32_t price) {
    itch_add_order_t *m = (itch_add_order_t *)out;
    m->message_type = ITCH_ADD_ORDER;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    m->order_reference_number = be64(order_reference_number);
    m->buy_sell_indicator = buy_sell_indicator;
    m->shares = be32(shares);
    memcpy(m->stock, stock, 8);
    m->price = be32(price);
    return ITCH_ADD_ORDER_BYTES;
}

/* Add Order with MPID Attribution.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.3.2. */
enum { ITCH_ADD_ORDER_MPID = 'F' };
enum { ITCH_ADD_ORDER_MPID_BYTES = 40 };
typedef struct itch_add_order_mpid {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint64_t order_reference_number;
    uint8_t buy_sell_indicator;
    uint32_t shares;
    uint8_t stock[8];
    uint32_t price;
    uint8_t attribution[4];
} WIRE_PACKED itch_add_order_mpid_t;
WIRE_ASSERT(sizeof(itch_add_order_mpid_t) == 40, "itch_add_order_mpid");
WIRE_AT(itch_add_order_mpid_t, stock_locate, 1);
WIRE_AT(itch_add_order_mpid_t, tracking_number, 3);
WIRE_AT(itch_add_order_mpid_t, timestamp, 5);
WIRE_AT(itch_add_order_mpid_t, order_reference_number, 11);
WIRE_AT(itch_add_order_mpid_t, buy_sell_indicator, 19);
WIRE_AT(itch_add_order_mpid_t, shares, 20);
WIRE_AT(itch_add_order_mpid_t, stock, 24);
WIRE_AT(itch_add_order_mpid_t, price, 32);
WIRE_AT(itch_add_order_mpid_t, attribution, 36);

static inline uint32_t itch_write_add_order_mpid(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    uint64_t order_reference_number, uint8_t buy_sell_indicator, uint32_t shares,
    const uint8_t *stock, uint32_t price, const uint8_t *attribution) {
    itch_add_order_mpid_t *m = (itch_add_order_mpid_t *)out;
    m->message_type = ITCH_ADD_ORDER_MPID;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    m->order_reference_number = be64(order_reference_number);
    m->buy_sell_indicator = buy_sell_indicator;
    m->shares = be32(shares);
    memcpy(m->stock, stock, 8);
    m->price = be32(price);
    memcpy(m->attribution, attribution, 4);
    return ITCH_ADD_ORDER_MPID_BYTES;
}

/* Order Executed.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.4.1. */
enum { ITCH_ORDER_EXECUTED = 'E' };
enum { ITCH_ORDER_EXECUTED_BYTES = 31 };
typedef struct itch_order_executed {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint64_t order_reference_number;
    uint32_t executed_shares;
    uint64_t match_number;
} WIRE_PACKED itch_order_executed_t;
WIRE_ASSERT(sizeof(itch_order_executed_t) == 31, "itch_order_executed");
WIRE_AT(itch_order_executed_t, stock_locate, 1);
WIRE_AT(itch_order_executed_t, tracking_number, 3);
WIRE_AT(itch_order_executed_t, timestamp, 5);
WIRE_AT(itch_order_executed_t, order_reference_number, 11);
WIRE_AT(itch_order_executed_t, executed_shares, 19);
WIRE_AT(itch_order_executed_t, match_number, 23);

static inline uint32_t itch_write_order_executed(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    uint64_t order_reference_number, uint32_t executed_shares, uint64_t match_number) {
    itch_order_executed_t *m = (itch_order_executed_t *)out;
    m->message_type = ITCH_ORDER_EXECUTED;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    m->order_reference_number = be64(order_reference_number);
    m->executed_shares = be32(executed_shares);
    m->match_number = be64(match_number);
    return ITCH_ORDER_EXECUTED_BYTES;
}

/* Order Executed With Price.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.4.2. */
enum { ITCH_ORDER_EXECUTED_WITH_PRICE = 'C' };
enum { ITCH_ORDER_EXECUTED_WITH_PRICE_BYTES = 36 };
typedef struct itch_order_executed_with_price {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint64_t order_reference_number;
    uint32_t executed_shares;
    uint64_t match_number;
    uint8_t printable;
    uint32_t execution_price;
} WIRE_PACKED itch_order_executed_with_price_t;
WIRE_ASSERT(sizeof(itch_order_executed_with_price_t) == 36, "itch_order_executed_with_price");
WIRE_AT(itch_order_executed_with_price_t, stock_locate, 1);
WIRE_AT(itch_order_executed_with_price_t, tracking_number, 3);
WIRE_AT(itch_order_executed_with_price_t, timestamp, 5);
WIRE_AT(itch_order_executed_with_price_t, order_reference_number, 11);
WIRE_AT(itch_order_executed_with_price_t, executed_shares, 19);
WIRE_AT(itch_order_executed_with_price_t, match_number, 23);
WIRE_AT(itch_order_executed_with_price_t, printable, 31);
WIRE_AT(itch_order_executed_with_price_t, execution_price, 32);

static inline uint32_t itch_write_order_executed_with_price(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    uint64_t order_reference_number, uint32_t executed_shares, uint64_t match_number,
    uint8_t printable, uint32_t execution_price) {
    itch_order_executed_with_price_t *m = (itch_order_executed_with_price_t *)out;
    m->message_type = ITCH_ORDER_EXECUTED_WITH_PRICE;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    m->order_reference_number = be64(order_reference_number);
    m->executed_shares = be32(executed_shares);
    m->match_number = be64(match_number);
    m->printable = printable;
    m->execution_price = be32(execution_price);
    return ITCH_ORDER_EXECUTED_WITH_PRICE_BYTES;
}

/* Order Cancel.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.4.3. */
enum { ITCH_ORDER_CANCEL = 'X' };
enum { ITCH_ORDER_CANCEL_BYTES = 23 };
typedef struct itch_order_cancel {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint64_t order_reference_number;
    uint32_t cancelled_shares;
} WIRE_PACKED itch_order_cancel_t;
WIRE_ASSERT(sizeof(itch_order_cancel_t) == 23, "itch_order_cancel");
WIRE_AT(itch_order_cancel_t, stock_locate, 1);
WIRE_AT(itch_order_cancel_t, tracking_number, 3);
WIRE_AT(itch_order_cancel_t, timestamp, 5);
WIRE_AT(itch_order_cancel_t, order_reference_number, 11);
WIRE_AT(itch_order_cancel_t, cancelled_shares, 19);

static inline uint32_t itch_write_order_cancel(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    uint64_t order_reference_number, uint32_t cancelled_shares) {
    itch_order_cancel_t *m = (itch_order_cancel_t *)out;
    m->message_type = ITCH_ORDER_CANCEL;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    m->order_reference_number = be64(order_reference_number);
    m->cancelled_shares = be32(cancelled_shares);
    return ITCH_ORDER_CANCEL_BYTES;
}

/* Order Delete.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.4.4. */
enum { ITCH_ORDER_DELETE = 'D' };
enum { ITCH_ORDER_DELETE_BYTES = 19 };
typedef struct itch_order_delete {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint64_t order_reference_number;
} WIRE_PACKED itch_order_delete_t;
WIRE_ASSERT(sizeof(itch_order_delete_t) == 19, "itch_order_delete");
WIRE_AT(itch_order_delete_t, stock_locate, 1);
WIRE_AT(itch_order_delete_t, tracking_number, 3);
WIRE_AT(itch_order_delete_t, timestamp, 5);
WIRE_AT(itch_order_delete_t, order_reference_number, 11);

static inline uint32_t itch_write_order_delete(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    uint64_t order_reference_number) {
    itch_order_delete_t *m = (itch_order_delete_t *)out;
    m->message_type = ITCH_ORDER_DELETE;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    m->order_reference_number = be64(order_reference_number);
    return ITCH_ORDER_DELETE_BYTES;
}

/* Order Replace.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.4.5. */
enum { ITCH_ORDER_REPLACE = 'U' };
enum { ITCH_ORDER_REPLACE_BYTES = 35 };
typedef struct itch_order_replace {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint64_t original_order_reference_number;
    uint64_t new_order_reference_number;
    uint32_t shares;
    uint32_t price;
} WIRE_PACKED itch_order_replace_t;
WIRE_ASSERT(sizeof(itch_order_replace_t) == 35, "itch_order_replace");
WIRE_AT(itch_order_replace_t, stock_locate, 1);
WIRE_AT(itch_order_replace_t, tracking_number, 3);
WIRE_AT(itch_order_replace_t, timestamp, 5);
WIRE_AT(itch_order_replace_t, original_order_reference_number, 11);
WIRE_AT(itch_order_replace_t, new_order_reference_number, 19);
WIRE_AT(itch_order_replace_t, shares, 27);
WIRE_AT(itch_order_replace_t, price, 31);

static inline uint32_t itch_write_order_replace(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    uint64_t original_order_reference_number, uint64_t new_order_reference_number,
    uint32_t shares, uint32_t price) {
    itch_order_replace_t *m = (itch_order_replace_t *)out;
    m->message_type = ITCH_ORDER_REPLACE;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    m->original_order_reference_number = be64(original_order_reference_number);
    m->new_order_reference_number = be64(new_order_reference_number);
    m->shares = be32(shares);
    m->price = be32(price);
    return ITCH_ORDER_REPLACE_BYTES;
}

/* Trade (non-cross).
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.5.1. */
enum { ITCH_TRADE = 'P' };
enum { ITCH_TRADE_BYTES = 44 };
typedef struct itch_trade {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint64_t order_reference_number;
    uint8_t buy_sell_indicator;
    uint32_t shares;
    uint8_t stock[8];
    uint32_t price;
    uint64_t match_number;
} WIRE_PACKED itch_trade_t;
WIRE_ASSERT(sizeof(itch_trade_t) == 44, "itch_trade");
WIRE_AT(itch_trade_t, stock_locate, 1);
WIRE_AT(itch_trade_t, tracking_number, 3);
WIRE_AT(itch_trade_t, timestamp, 5);
WIRE_AT(itch_trade_t, order_reference_number, 11);
WIRE_AT(itch_trade_t, buy_sell_indicator, 19);
WIRE_AT(itch_trade_t, shares, 20);
WIRE_AT(itch_trade_t, stock, 24);
WIRE_AT(itch_trade_t, price, 32);
WIRE_AT(itch_trade_t, match_number, 36);

static inline uint32_t itch_write_trade(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    uint64_t order_reference_number, uint8_t buy_sell_indicator, uint32_t shares,
    const uint8_t *stock, uint32_t price, uint64_t match_number) {
    itch_trade_t *m = (itch_trade_t *)out;
    m->message_type = ITCH_TRADE;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    m->order_reference_number = be64(order_reference_number);
    m->buy_sell_indicator = buy_sell_indicator;
    m->shares = be32(shares);
    memcpy(m->stock, stock, 8);
    m->price = be32(price);
    m->match_number = be64(match_number);
    return ITCH_TRADE_BYTES;
}

/* Cross Trade.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.5.2. */
enum { ITCH_CROSS_TRADE = 'Q' };
enum { ITCH_CROSS_TRADE_BYTES = 40 };
typedef struct itch_cross_trade {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint64_t shares;
    uint8_t stock[8];
    uint32_t cross_price;
    uint64_t match_number;
    uint8_t cross_type;
} WIRE_PACKED itch_cross_trade_t;
WIRE_ASSERT(sizeof(itch_cross_trade_t) == 40, "itch_cross_trade");
WIRE_AT(itch_cross_trade_t, stock_locate, 1);
WIRE_AT(itch_cross_trade_t, tracking_number, 3);
WIRE_AT(itch_cross_trade_t, timestamp, 5);
WIRE_AT(itch_cross_trade_t, shares, 11);
WIRE_AT(itch_cross_trade_t, stock, 19);
WIRE_AT(itch_cross_trade_t, cross_price, 27);
WIRE_AT(itch_cross_trade_t, match_number, 31);
WIRE_AT(itch_cross_trade_t, cross_type, 39);

static inline uint32_t itch_write_cross_trade(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    uint64_t shares, const uint8_t *stock, uint32_t cross_price, uint64_t match_number,
    uint8_t cross_type) {
    itch_cross_trade_t *m = (itch_cross_trade_t *)out;
    m->message_type = ITCH_CROSS_TRADE;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    m->shares = be64(shares);
    memcpy(m->stock, stock, 8);
    m->cross_price = be32(cross_price);
    m->match_number = be64(match_number);
    m->cross_type = cross_type;
    return ITCH_CROSS_TRADE_BYTES;
}

/* Broken Trade / Execution.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.5.3. */
enum { ITCH_BROKEN_TRADE = 'B' };
enum { ITCH_BROKEN_TRADE_BYTES = 19 };
typedef struct itch_broken_trade {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint64_t match_number;
} WIRE_PACKED itch_broken_trade_t;
WIRE_ASSERT(sizeof(itch_broken_trade_t) == 19, "itch_broken_trade");
WIRE_AT(itch_broken_trade_t, stock_locate, 1);
WIRE_AT(itch_broken_trade_t, tracking_number, 3);
WIRE_AT(itch_broken_trade_t, timestamp, 5);
WIRE_AT(itch_broken_trade_t, match_number, 11);

static inline uint32_t itch_write_broken_trade(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    uint64_t match_number) {
    itch_broken_trade_t *m = (itch_broken_trade_t *)out;
    m->message_type = ITCH_BROKEN_TRADE;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    m->match_number = be64(match_number);
    return ITCH_BROKEN_TRADE_BYTES;
}

/* Net Order Imbalance Indicator.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.6. */
enum { ITCH_NOII = 'I' };
enum { ITCH_NOII_BYTES = 50 };
typedef struct itch_noii {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint64_t paired_shares;
    uint64_t imbalance_shares;
    uint8_t imbalance_direction;
    uint8_t stock[8];
    uint32_t far_price;
    uint32_t near_price;
    uint32_t current_reference_price;
    uint8_t cross_type;
    uint8_t price_variation_indicator;
} WIRE_PACKED itch_noii_t;
WIRE_ASSERT(sizeof(itch_noii_t) == 50, "itch_noii");
WIRE_AT(itch_noii_t, stock_locate, 1);
WIRE_AT(itch_noii_t, tracking_number, 3);
WIRE_AT(itch_noii_t, timestamp, 5);
WIRE_AT(itch_noii_t, paired_shares, 11);
WIRE_AT(itch_noii_t, imbalance_shares, 19);
WIRE_AT(itch_noii_t, imbalance_direction, 27);
WIRE_AT(itch_noii_t, stock, 28);
WIRE_AT(itch_noii_t, far_price, 36);
WIRE_AT(itch_noii_t, near_price, 40);
WIRE_AT(itch_noii_t, current_reference_price, 44);
WIRE_AT(itch_noii_t, cross_type, 48);
WIRE_AT(itch_noii_t, price_variation_indicator, 49);

static inline uint32_t itch_write_noii(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    uint64_t paired_shares, uint64_t imbalance_shares, uint8_t imbalance_direction,
    const uint8_t *stock, uint32_t far_price, uint32_t near_price,
    uint32_t current_reference_price, uint8_t cross_type,
    uint8_t price_variation_indicator) {
    itch_noii_t *m = (itch_noii_t *)out;
    m->message_type = ITCH_NOII;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    m->paired_shares = be64(paired_shares);
    m->imbalance_shares = be64(imbalance_shares);
    m->imbalance_direction = imbalance_direction;
    memcpy(m->stock, stock, 8);
    m->far_price = be32(far_price);
    m->near_price = be32(near_price);
    m->current_reference_price = be32(current_reference_price);
    m->cross_type = cross_type;
    m->price_variation_indicator = price_variation_indicator;
    return ITCH_NOII_BYTES;
}

/* Retail Price Improvement Indicator.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.7. */
enum { ITCH_RPII = 'N' };
enum { ITCH_RPII_BYTES = 20 };
typedef struct itch_rpii {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint8_t stock[8];
    uint8_t interest_flag;
} WIRE_PACKED itch_rpii_t;
WIRE_ASSERT(sizeof(itch_rpii_t) == 20, "itch_rpii");
WIRE_AT(itch_rpii_t, stock_locate, 1);
WIRE_AT(itch_rpii_t, tracking_number, 3);
WIRE_AT(itch_rpii_t, timestamp, 5);
WIRE_AT(itch_rpii_t, stock, 11);
WIRE_AT(itch_rpii_t, interest_flag, 19);

static inline uint32_t itch_write_rpii(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    const uint8_t *stock, uint8_t interest_flag) {
    itch_rpii_t *m = (itch_rpii_t *)out;
    m->message_type = ITCH_RPII;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    memcpy(m->stock, stock, 8);
    m->interest_flag = interest_flag;
    return ITCH_RPII_BYTES;
}

/* Direct Listing with Capital Raise Price Discovery.
 * Nasdaq TotalView-ITCH 5.0 (2023-04 revision), 1.8. */
enum { ITCH_DIRECT_LISTING = 'O' };
enum { ITCH_DIRECT_LISTING_BYTES = 48 };
typedef struct itch_direct_listing {
    uint8_t message_type;
    uint16_t stock_locate;
    uint16_t tracking_number;
    uint8_t timestamp[6];
    uint8_t stock[8];
    uint8_t open_eligibility_status;
    uint32_t minimum_allowable_price;
    uint32_t maximum_allowable_price;
    uint32_t near_execution_price;
    uint64_t near_execution_time;
    uint32_t lower_price_range_collar;
    uint32_t upper_price_range_collar;
} WIRE_PACKED itch_direct_listing_t;
WIRE_ASSERT(sizeof(itch_direct_listing_t) == 48, "itch_direct_listing");
WIRE_AT(itch_direct_listing_t, stock_locate, 1);
WIRE_AT(itch_direct_listing_t, tracking_number, 3);
WIRE_AT(itch_direct_listing_t, timestamp, 5);
WIRE_AT(itch_direct_listing_t, stock, 11);
WIRE_AT(itch_direct_listing_t, open_eligibility_status, 19);
WIRE_AT(itch_direct_listing_t, minimum_allowable_price, 20);
WIRE_AT(itch_direct_listing_t, maximum_allowable_price, 24);
WIRE_AT(itch_direct_listing_t, near_execution_price, 28);
WIRE_AT(itch_direct_listing_t, near_execution_time, 32);
WIRE_AT(itch_direct_listing_t, lower_price_range_collar, 40);
WIRE_AT(itch_direct_listing_t, upper_price_range_collar, 44);

static inline uint32_t itch_write_direct_listing(
    uint8_t *out, uint16_t stock_locate, uint16_t tracking_number, uint64_t timestamp,
    const uint8_t *stock, uint8_t open_eligibility_status, uint32_t minimum_allowable_price,
    uint32_t maximum_allowable_price, uint32_t near_execution_price,
    uint64_t near_execution_time, uint32_t lower_price_range_collar,
    uint32_t upper_price_range_collar) {
    itch_direct_listing_t *m = (itch_direct_listing_t *)out;
    m->message_type = ITCH_DIRECT_LISTING;
    m->stock_locate = be16(stock_locate);
    m->tracking_number = be16(tracking_number);
    put48(m->timestamp, timestamp);
    memcpy(m->stock, stock, 8);
    m->open_eligibility_status = open_eligibility_status;
    m->minimum_allowable_price = be32(minimum_allowable_price);
    m->maximum_allowable_price = be32(maximum_allowable_price);
    m->near_execution_price = be32(near_execution_price);
    m->near_execution_time = be64(near_execution_time);
    m->lower_price_range_collar = be32(lower_price_range_collar);
    m->upper_price_range_collar = be32(upper_price_range_collar);
    return ITCH_DIRECT_LISTING_BYTES;
}

/* Enter Order.
 * Nasdaq OUCH 5.0 (2025-07-25), 2.1. */
enum { OUCH_ENTER_ORDER = 'O' };
enum { OUCH_ENTER_ORDER_BYTES = 47 };
typedef struct ouch_enter_order {
    uint8_t message_type;
    uint32_t user_ref_num;
    uint8_t side;
    uint32_t quantity;
    uint8_t symbol[8];
    uint64_t price;
    uint8_t time_in_force;
    uint8_t display;
    uint8_t capacity;
    uint8_t intermarket_sweep_eligibility;
    uint8_t cross_type;
    uint8_t cl_ord_id[14];
    uint16_t appendage_length;
} WIRE_PACKED ouch_enter_order_t;
WIRE_ASSERT(sizeof(ouch_enter_order_t) == 47, "ouch_enter_order");
WIRE_AT(ouch_enter_order_t, user_ref_num, 1);
WIRE_AT(ouch_enter_order_t, side, 5);
WIRE_AT(ouch_enter_order_t, quantity, 6);
WIRE_AT(ouch_enter_order_t, symbol, 10);
WIRE_AT(ouch_enter_order_t, price, 18);
WIRE_AT(ouch_enter_order_t, time_in_force, 26);
WIRE_AT(ouch_enter_order_t, display, 27);
WIRE_AT(ouch_enter_order_t, capacity, 28);
WIRE_AT(ouch_enter_order_t, intermarket_sweep_eligibility, 29);
WIRE_AT(ouch_enter_order_t, cross_type, 30);
WIRE_AT(ouch_enter_order_t, cl_ord_id, 31);
WIRE_AT(ouch_enter_order_t, appendage_length, 45);

static inline uint32_t ouch_write_enter_order(
    uint8_t *out, uint32_t user_ref_num, uint8_t side, uint32_t quantity,
    const uint8_t *symbol, uint64_t price, uint8_t time_in_force, uint8_t display,
    uint8_t capacity, uint8_t intermarket_sweep_eligibility, uint8_t cross_type,
    const uint8_t *cl_ord_id) {
    ouch_enter_order_t *m = (ouch_enter_order_t *)out;
    m->message_type = OUCH_ENTER_ORDER;
    m->user_ref_num = be32(user_ref_num);
    m->side = side;
    m->quantity = be32(quantity);
    memcpy(m->symbol, symbol, 8);
    m->price = be64(price);
    m->time_in_force = time_in_force;
    m->display = display;
    m->capacity = capacity;
    m->intermarket_sweep_eligibility = intermarket_sweep_eligibility;
    m->cross_type = cross_type;
    memcpy(m->cl_ord_id, cl_ord_id, 14);
    m->appendage_length = 0;
    return OUCH_ENTER_ORDER_BYTES;
}

/* Replace Order Request.
 * Nasdaq OUCH 5.0 (2025-07-25), 2.2. */
enum { OUCH_REPLACE_ORDER = 'U' };
enum { OUCH_REPLACE_ORDER_BYTES = 40 };
typedef struct ouch_replace_order {
    uint8_t message_type;
    uint32_t orig_user_ref_num;
    uint32_t user_ref_num;
    uint32_t quantity;
    uint64_t price;
    uint8_t time_in_force;
    uint8_t display;
    uint8_t intermarket_sweep_eligibility;
    uint8_t cl_ord_id[14];
    uint16_t appendage_length;
} WIRE_PACKED ouch_replace_order_t;
WIRE_ASSERT(sizeof(ouch_replace_order_t) == 40, "ouch_replace_order");
WIRE_AT(ouch_replace_order_t, orig_user_ref_num, 1);
WIRE_AT(ouch_replace_order_t, user_ref_num, 5);
WIRE_AT(ouch_replace_order_t, quantity, 9);
WIRE_AT(ouch_replace_order_t, price, 13);
WIRE_AT(ouch_replace_order_t, time_in_force, 21);
WIRE_AT(ouch_replace_order_t, display, 22);
WIRE_AT(ouch_replace_order_t, intermarket_sweep_eligibility, 23);
WIRE_AT(ouch_replace_order_t, cl_ord_id, 24);
WIRE_AT(ouch_replace_order_t, appendage_length, 38);

static inline uint32_t ouch_write_replace_order(
    uint8_t *out, uint32_t orig_user_ref_num, uint32_t user_ref_num, uint32_t quantity,
    uint64_t price, uint8_t time_in_force, uint8_t display,
    uint8_t intermarket_sweep_eligibility, const uint8_t *cl_ord_id) {
    ouch_replace_order_t *m = (ouch_replace_order_t *)out;
    m->message_type = OUCH_REPLACE_ORDER;
    m->orig_user_ref_num = be32(orig_user_ref_num);
    m->user_ref_num = be32(user_ref_num);
    m->quantity = be32(quantity);
    m->price = be64(price);
    m->time_in_force = time_in_force;
    m->display = display;
    m->intermarket_sweep_eligibility = intermarket_sweep_eligibility;
    memcpy(m->cl_ord_id, cl_ord_id, 14);
    m->appendage_length = 0;
    return OUCH_REPLACE_ORDER_BYTES;
}

/* Cancel Order Request.
 * Nasdaq OUCH 5.0 (2025-07-25), 2.3. */
enum { OUCH_CANCEL_ORDER = 'X' };
enum { OUCH_CANCEL_ORDER_BYTES = 11 };
enum { OUCH_CANCEL_ORDER_BYTES_BARE = 9 };
typedef struct ouch_cancel_order {
    uint8_t message_type;
    uint32_t user_ref_num;
    uint32_t quantity;
    uint16_t appendage_length;
} WIRE_PACKED ouch_cancel_order_t;
WIRE_ASSERT(sizeof(ouch_cancel_order_t) == 11, "ouch_cancel_order");
WIRE_AT(ouch_cancel_order_t, user_ref_num, 1);
WIRE_AT(ouch_cancel_order_t, quantity, 5);
WIRE_AT(ouch_cancel_order_t, appendage_length, 9);

static inline uint32_t ouch_write_cancel_order(
    uint8_t *out, uint32_t user_ref_num, uint32_t quantity) {
    ouch_cancel_order_t *m = (ouch_cancel_order_t *)out;
    m->message_type = OUCH_CANCEL_ORDER;
    m->user_ref_num = be32(user_ref_num);
    m->quantity = be32(quantity);
    return OUCH_CANCEL_ORDER_BYTES_BARE;
}

/* Modify Order Request.
 * Nasdaq OUCH 5.0 (2025-07-25), 2.4. */
enum { OUCH_MODIFY_ORDER = 'M' };
enum { OUCH_MODIFY_ORDER_BYTES = 12 };
enum { OUCH_MODIFY_ORDER_BYTES_BARE = 10 };
typedef struct ouch_modify_order {
    uint8_t message_type;
    uint32_t user_ref_num;
    uint8_t side;
    uint32_t quantity;
    uint16_t appendage_length;
} WIRE_PACKED ouch_modify_order_t;
WIRE_ASSERT(sizeof(ouch_modify_order_t) == 12, "ouch_modify_order");
WIRE_AT(ouch_modify_order_t, user_ref_num, 1);
WIRE_AT(ouch_modify_order_t, side, 5);
WIRE_AT(ouch_modify_order_t, quantity, 6);
WIRE_AT(ouch_modify_order_t, appendage_length, 10);

static inline uint32_t ouch_write_modify_order(
    uint8_t *out, uint32_t user_ref_num, uint8_t side, uint32_t quantity) {
    ouch_modify_order_t *m = (ouch_modify_order_t *)out;
    m->message_type = OUCH_MODIFY_ORDER;
    m->user_ref_num = be32(user_ref_num);
    m->side = side;
    m->quantity = be32(quantity);
    return OUCH_MODIFY_ORDER_BYTES_BARE;
}

/* Mass Cancel Request.
 * Nasdaq OUCH 5.0 (2025-07-25), 2.5. */
enum { OUCH_MASS_CANCEL = 'C' };
enum { OUCH_MASS_CANCEL_BYTES = 19 };
typedef struct ouch_mass_cancel {
    uint8_t message_type;
    uint32_t user_ref_num;
    uint8_t firm[4];
    uint8_t symbol[8];
    uint16_t appendage_length;
} WIRE_PACKED ouch_mass_cancel_t;
WIRE_ASSERT(sizeof(ouch_mass_cancel_t) == 19, "ouch_mass_cancel");
WIRE_AT(ouch_mass_cancel_t, user_ref_num, 1);
WIRE_AT(ouch_mass_cancel_t, firm, 5);
WIRE_AT(ouch_mass_cancel_t, symbol, 9);
WIRE_AT(ouch_mass_cancel_t, appendage_length, 17);

static inline uint32_t ouch_write_mass_cancel(
    uint8_t *out, uint32_t user_ref_num, const uint8_t *firm, const uint8_t *symbol) {
    ouch_mass_cancel_t *m = (ouch_mass_cancel_t *)out;
    m->message_type = OUCH_MASS_CANCEL;
    m->user_ref_num = be32(user_ref_num);
    memcpy(m->firm, firm, 4);
    memcpy(m->symbol, symbol, 8);
    m->appendage_length = 0;
    return OUCH_MASS_CANCEL_BYTES;
}

/* Disable Order Entry Request.
 * Nasdaq OUCH 5.0 (2025-07-25), 2.6. */
enum { OUCH_DISABLE_ORDER_ENTRY = 'D' };
enum { OUCH_DISABLE_ORDER_ENTRY_BYTES = 11 };
typedef struct ouch_disable_order_entry {
    uint8_t message_type;
    uint32_t user_ref_num;
    uint8_t firm[4];
    uint16_t appendage_length;
} WIRE_PACKED ouch_disable_order_entry_t;
WIRE_ASSERT(sizeof(ouch_disable_order_entry_t) == 11, "ouch_disable_order_entry");
WIRE_AT(ouch_disable_order_entry_t, user_ref_num, 1);
WIRE_AT(ouch_disable_order_entry_t, firm, 5);
WIRE_AT(ouch_disable_order_entry_t, appendage_length, 9);

static inline uint32_t ouch_write_disable_order_entry(
    uint8_t *out, uint32_t user_ref_num, const uint8_t *firm) {
    ouch_disable_order_entry_t *m = (ouch_disable_order_entry_t *)out;
    m->message_type = OUCH_DISABLE_ORDER_ENTRY;
    m->user_ref_num = be32(user_ref_num);
    memcpy(m->firm, firm, 4);
    m->appendage_length = 0;
    return OUCH_DISABLE_ORDER_ENTRY_BYTES;
}

/* Enable Order Entry Request.
 * Nasdaq OUCH 5.0 (2025-07-25), 2.7. */
enum { OUCH_ENABLE_ORDER_ENTRY = 'E' };
enum { OUCH_ENABLE_ORDER_ENTRY_BYTES = 11 };
typedef struct ouch_enable_order_entry {
    uint8_t message_type;
    uint32_t user_ref_num;
    uint8_t firm[4];
    uint16_t appendage_length;
} WIRE_PACKED ouch_enable_order_entry_t;
WIRE_ASSERT(sizeof(ouch_enable_order_entry_t) == 11, "ouch_enable_order_entry");
WIRE_AT(ouch_enable_order_entry_t, user_ref_num, 1);
WIRE_AT(ouch_enable_order_entry_t, firm, 5);
WIRE_AT(ouch_enable_order_entry_t, appendage_length, 9);

static inline uint32_t ouch_write_enable_order_entry(
    uint8_t *out, uint32_t user_ref_num, const uint8_t *firm) {
    ouch_enable_order_entry_t *m = (ouch_enable_order_entry_t *)out;
    m->message_type = OUCH_ENABLE_ORDER_ENTRY;
    m->user_ref_num = be32(user_ref_num);
    memcpy(m->firm, firm, 4);
    m->appendage_length = 0;
    return OUCH_ENABLE_ORDER_ENTRY_BYTES;
}

/* Account Query Request.
 * Nasdaq OUCH 5.0 (2025-07-25), 2.8. */
enum { OUCH_ACCOUNT_QUERY = 'Q' };
enum { OUCH_ACCOUNT_QUERY_BYTES = 3 };
enum { OUCH_ACCOUNT_QUERY_BYTES_BARE = 1 };
typedef struct ouch_account_query {
    uint8_t message_type;
    uint16_t appendage_length;
} WIRE_PACKED ouch_account_query_t;
WIRE_ASSERT(sizeof(ouch_account_query_t) == 3, "ouch_account_query");
WIRE_AT(ouch_account_query_t, appendage_length, 1);

static inline uint32_t ouch_write_account_query(
    uint8_t *out) {
    ouch_account_query_t *m = (ouch_account_query_t *)out;
    m->message_type = OUCH_ACCOUNT_QUERY;
    return OUCH_ACCOUNT_QUERY_BYTES_BARE;
}

/* System Event.
 * Nasdaq OUCH 5.0 (2025-07-25), 3.1. */
enum { OUCH_SYSTEM_EVENT = 'S' };
enum { OUCH_SYSTEM_EVENT_BYTES = 10 };
typedef struct ouch_system_event {
    uint8_t message_type;
    uint64_t timestamp;
    uint8_t event_code;
} WIRE_PACKED ouch_system_event_t;
WIRE_ASSERT(sizeof(ouch_system_event_t) == 10, "ouch_system_event");
WIRE_AT(ouch_system_event_t, timestamp, 1);
WIRE_AT(ouch_system_event_t, event_code, 9);

static inline uint32_t ouch_write_system_event(
    uint8_t *out, uint64_t timestamp, uint8_t event_code) {
    ouch_system_event_t *m = (ouch_system_event_t *)out;
    m->message_type = OUCH_SYSTEM_EVENT;
    m->timestamp = be64(timestamp);
    m->event_code = event_code;
    return OUCH_SYSTEM_EVENT_BYTES;
}

/* Order Accepted.
 * Nasdaq OUCH 5.0 (2025-07-25), 3.2. */
enum { OUCH_ORDER_ACCEPTED = 'A' };
enum { OUCH_ORDER_ACCEPTED_BYTES = 64 };
typedef struct ouch_order_accepted {
    uint8_t message_type;
    uint64_t timestamp;
    uint32_t user_ref_num;
    uint8_t side;
    uint32_t quantity;
    uint8_t symbol[8];
    uint64_t price;
    uint8_t time_in_force;
    uint8_t display;
    uint64_t order_reference_number;
    uint8_t capacity;
    uint8_t intermarket_sweep_eligibility;
    uint8_t cross_type;
    uint8_t order_state;
    uint8_t cl_ord_id[14];
    uint16_t appendage_length;
} WIRE_PACKED ouch_order_accepted_t;
WIRE_ASSERT(sizeof(ouch_order_accepted_t) == 64, "ouch_order_accepted");
WIRE_AT(ouch_order_accepted_t, timestamp, 1);
WIRE_AT(ouch_order_accepted_t, user_ref_num, 9);
WIRE_AT(ouch_order_accepted_t, side, 13);
WIRE_AT(ouch_order_accepted_t, quantity, 14);
WIRE_AT(ouch_order_accepted_t, symbol, 18);
WIRE_AT(ouch_order_accepted_t, price, 26);
WIRE_AT(ouch_order_accepted_t, time_in_force, 34);
WIRE_AT(ouch_order_accepted_t, display, 35);
WIRE_AT(ouch_order_accepted_t, order_reference_number, 36);
WIRE_AT(ouch_order_accepted_t, capacity, 44);
WIRE_AT(ouch_order_accepted_t, intermarket_sweep_eligibility, 45);
WIRE_AT(ouch_order_accepted_t, cross_type, 46);
WIRE_AT(ouch_order_accepted_t, order_state, 47);
WIRE_AT(ouch_order_accepted_t, cl_ord_id, 48);
WIRE_AT(ouch_order_accepted_t, appendage_length, 62);

static inline uint32_t ouch_write_order_accepted(
    uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint8_t side,
    uint32_t quantity, const uint8_t *symbol, uint64_t price, uint8_t time_in_force,
    uint8_t display, uint64_t order_reference_number, uint8_t capacity,
    uint8_t intermarket_sweep_eligibility, uint8_t cross_type, uint8_t order_state,
    const uint8_t *cl_ord_id) {
    ouch_order_accepted_t *m = (ouch_order_accepted_t *)out;
    m->message_type = OUCH_ORDER_ACCEPTED;
    m->timestamp = be64(timestamp);
    m->user_ref_num = be32(user_ref_num);
    m->side = side;
    m->quantity = be32(quantity);
    memcpy(m->symbol, symbol, 8);
    m->price = be64(price);
    m->time_in_force = time_in_force;
    m->display = display;
    m->order_reference_number = be64(order_reference_number);
    m->capacity = capacity;
    m->intermarket_sweep_eligibility = intermarket_sweep_eligibility;
    m->cross_type = cross_type;
    m->order_state = order_state;
    memcpy(m->cl_ord_id, cl_ord_id, 14);
    m->appendage_length = 0;
    return OUCH_ORDER_ACCEPTED_BYTES;
}

/* Order Replaced.
 * Nasdaq OUCH 5.0 (2025-07-25), 3.3. */
enum { OUCH_ORDER_REPLACED = 'U' };
enum { OUCH_ORDER_REPLACED_BYTES = 68 };
typedef struct ouch_order_replaced {
    uint8_t message_type;
    uint64_t timestamp;
    uint32_t orig_user_ref_num;
    uint32_t user_ref_num;
    uint8_t side;
    uint32_t quantity;
    uint8_t symbol[8];
    uint64_t price;
    uint8_t time_in_force;
    uint8_t display;
    uint64_t order_reference_number;
    uint8_t capacity;
    uint8_t intermarket_sweep_eligibility;
    uint8_t cross_type;
    uint8_t order_state;
    uint8_t cl_ord_id[14];
    uint16_t appendage_length;
} WIRE_PACKED ouch_order_replaced_t;
WIRE_ASSERT(sizeof(ouch_order_replaced_t) == 68, "ouch_order_replaced");
WIRE_AT(ouch_order_replaced_t, timestamp, 1);
WIRE_AT(ouch_order_replaced_t, orig_user_ref_num, 9);
WIRE_AT(ouch_order_replaced_t, user_ref_num, 13);
WIRE_AT(ouch_order_replaced_t, side, 17);
WIRE_AT(ouch_order_replaced_t, quantity, 18);
WIRE_AT(ouch_order_replaced_t, symbol, 22);
WIRE_AT(ouch_order_replaced_t, price, 30);
WIRE_AT(ouch_order_replaced_t, time_in_force, 38);
WIRE_AT(ouch_order_replaced_t, display, 39);
WIRE_AT(ouch_order_replaced_t, order_reference_number, 40);
WIRE_AT(ouch_order_replaced_t, capacity, 48);
WIRE_AT(ouch_order_replaced_t, intermarket_sweep_eligibility, 49);
WIRE_AT(ouch_order_replaced_t, cross_type, 50);
WIRE_AT(ouch_order_replaced_t, order_state, 51);
WIRE_AT(ouch_order_replaced_t, cl_ord_id, 52);
WIRE_AT(ouch_order_replaced_t, appendage_length, 66);

static inline uint32_t ouch_write_order_replaced(
    uint8_t *out, uint64_t timestamp, uint32_t orig_user_ref_num, uint32_t user_ref_num,
    uint8_t side, uint32_t quantity, const uint8_t *symbol, uint64_t price,
    uint8_t time_in_force, uint8_t display, uint64_t order_reference_number,
    uint8_t capacity, uint8_t intermarket_sweep_eligibility, uint8_t cross_type,
    uint8_t order_state, const uint8_t *cl_ord_id) {
    ouch_order_replaced_t *m = (ouch_order_replaced_t *)out;
    m->message_type = OUCH_ORDER_REPLACED;
    m->timestamp = be64(timestamp);
    m->orig_user_ref_num = be32(orig_user_ref_num);
    m->user_ref_num = be32(user_ref_num);
    m->side = side;
    m->quantity = be32(quantity);
    memcpy(m->symbol, symbol, 8);
    m->price = be64(price);
    m->time_in_force = time_in_force;
    m->display = display;
    m->order_reference_number = be64(order_reference_number);
    m->capacity = capacity;
    m->intermarket_sweep_eligibility = intermarket_sweep_eligibility;
    m->cross_type = cross_type;
    m->order_state = order_state;
    memcpy(m->cl_ord_id, cl_ord_id, 14);
    m->appendage_length = 0;
    return OUCH_ORDER_REPLACED_BYTES;
}

/* Order Canceled.
 * Nasdaq OUCH 5.0 (2025-07-25), 3.4. */
enum { OUCH_ORDER_CANCELED = 'C' };
enum { OUCH_ORDER_CANCELED_BYTES = 20 };
enum { OUCH_ORDER_CANCELED_BYTES_BARE = 18 };
typedef struct ouch_order_canceled {
    uint8_t message_type;
    uint64_t timestamp;
    uint32_t user_ref_num;
    uint32_t quantity;
    uint8_t reason;
    uint16_t appendage_length;
} WIRE_PACKED ouch_order_canceled_t;
WIRE_ASSERT(sizeof(ouch_order_canceled_t) == 20, "ouch_order_canceled");
WIRE_AT(ouch_order_canceled_t, timestamp, 1);
WIRE_AT(ouch_order_canceled_t, user_ref_num, 9);
WIRE_AT(ouch_order_canceled_t, quantity, 13);
WIRE_AT(ouch_order_canceled_t, reason, 17);
WIRE_AT(ouch_order_canceled_t, appendage_length, 18);

static inline uint32_t ouch_write_order_canceled(
    uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint32_t quantity,
    uint8_t reason) {
    ouch_order_canceled_t *m = (ouch_order_canceled_t *)out;
    m->message_type = OUCH_ORDER_CANCELED;
    m->timestamp = be64(timestamp);
    m->user_ref_num = be32(user_ref_num);
    m->quantity = be32(quantity);
    m->reason = reason;
    return OUCH_ORDER_CANCELED_BYTES_BARE;
}

/* AIQ Canceled.
 * Nasdaq OUCH 5.0 (2025-07-25), 3.5. */
enum { OUCH_AIQ_CANCELED = 'D' };
enum { OUCH_AIQ_CANCELED_BYTES = 34 };
enum { OUCH_AIQ_CANCELED_BYTES_BARE = 32 };
enum { OUCH_AIQ_CANCELED_BYTES_OLDER = 31 };
typedef struct ouch_aiq_canceled {
    uint8_t message_type;
    uint64_t timestamp;
    uint32_t user_ref_num;
    uint32_t decrement_shares;
    uint8_t reason;
    uint32_t quantity_prevented_from_trading;
    uint64_t execution_price;
    uint8_t liquidity_flag;
    uint8_t aiq_strategy;
    uint16_t appendage_length;
} WIRE_PACKED ouch_aiq_canceled_t;
WIRE_ASSERT(sizeof(ouch_aiq_canceled_t) == 34, "ouch_aiq_canceled");
WIRE_AT(ouch_aiq_canceled_t, timestamp, 1);
WIRE_AT(ouch_aiq_canceled_t, user_ref_num, 9);
WIRE_AT(ouch_aiq_canceled_t, decrement_shares, 13);
WIRE_AT(ouch_aiq_canceled_t, reason, 17);
WIRE_AT(ouch_aiq_canceled_t, quantity_prevented_from_trading, 18);
WIRE_AT(ouch_aiq_canceled_t, execution_price, 22);
WIRE_AT(ouch_aiq_canceled_t, liquidity_flag, 30);
WIRE_AT(ouch_aiq_canceled_t, aiq_strategy, 31);
WIRE_AT(ouch_aiq_canceled_t, appendage_length, 32);

static inline uint32_t ouch_write_aiq_canceled(
    uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint32_t decrement_shares,
    uint8_t reason, uint32_t quantity_prevented_from_trading, uint64_t execution_price,
    uint8_t liquidity_flag, uint8_t aiq_strategy) {
    ouch_aiq_canceled_t *m = (ouch_aiq_canceled_t *)out;
    m->message_type = OUCH_AIQ_CANCELED;
    m->timestamp = be64(timestamp);
    m->user_ref_num = be32(user_ref_num);
    m->decrement_shares = be32(decrement_shares);
    m->reason = reason;
    m->quantity_prevented_from_trading = be32(quantity_prevented_from_trading);
    m->execution_price = be64(execution_price);
    m->liquidity_flag = liquidity_flag;
    m->aiq_strategy = aiq_strategy;
    return OUCH_AIQ_CANCELED_BYTES_BARE;
}

/* Order Executed.
 * Nasdaq OUCH 5.0 (2025-07-25), 3.6. */
enum { OUCH_ORDER_EXECUTED = 'E' };
enum { OUCH_ORDER_EXECUTED_BYTES = 36 };
typedef struct ouch_order_executed {
    uint8_t message_type;
    uint64_t timestamp;
    uint32_t user_ref_num;
    uint32_t quantity;
    uint64_t price;
    uint8_t liquidity_flag;
    uint64_t match_number;
    uint16_t appendage_length;
} WIRE_PACKED ouch_order_executed_t;
WIRE_ASSERT(sizeof(ouch_order_executed_t) == 36, "ouch_order_executed");
WIRE_AT(ouch_order_executed_t, timestamp, 1);
WIRE_AT(ouch_order_executed_t, user_ref_num, 9);
WIRE_AT(ouch_order_executed_t, quantity, 13);
WIRE_AT(ouch_order_executed_t, price, 17);
WIRE_AT(ouch_order_executed_t, liquidity_flag, 25);
WIRE_AT(ouch_order_executed_t, match_number, 26);
WIRE_AT(ouch_order_executed_t, appendage_length, 34);

static inline uint32_t ouch_write_order_executed(
    uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint32_t quantity,
    uint64_t price, uint8_t liquidity_flag, uint64_t match_number) {
    ouch_order_executed_t *m = (ouch_order_executed_t *)out;
    m->message_type = OUCH_ORDER_EXECUTED;
    m->timestamp = be64(timestamp);
    m->user_ref_num = be32(user_ref_num);
    m->quantity = be32(quantity);
    m->price = be64(price);
    m->liquidity_flag = liquidity_flag;
    m->match_number = be64(match_number);
    m->appendage_length = 0;
    return OUCH_ORDER_EXECUTED_BYTES;
}

/* Broken Trade.
 * Nasdaq OUCH 5.0 (2025-07-25), 3.7. */
enum { OUCH_BROKEN_TRADE = 'B' };
enum { OUCH_BROKEN_TRADE_BYTES = 38 };
enum { OUCH_BROKEN_TRADE_BYTES_BARE = 36 };
typedef struct ouch_broken_trade {
    uint8_t message_type;
    uint64_t timestamp;
    uint32_t user_ref_num;
    uint64_t match_number;
    uint8_t reason;
    uint8_t cl_ord_id[14];
    uint16_t appendage_length;
} WIRE_PACKED ouch_broken_trade_t;
WIRE_ASSERT(sizeof(ouch_broken_trade_t) == 38, "ouch_broken_trade");
WIRE_AT(ouch_broken_trade_t, timestamp, 1);
WIRE_AT(ouch_broken_trade_t, user_ref_num, 9);
WIRE_AT(ouch_broken_trade_t, match_number, 13);
WIRE_AT(ouch_broken_trade_t, reason, 21);
WIRE_AT(ouch_broken_trade_t, cl_ord_id, 22);
WIRE_AT(ouch_broken_trade_t, appendage_length, 36);

static inline uint32_t ouch_write_broken_trade(
    uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint64_t match_number,
    uint8_t reason, const uint8_t *cl_ord_id) {
    ouch_broken_trade_t *m = (ouch_broken_trade_t *)out;
    m->message_type = OUCH_BROKEN_TRADE;
    m->timestamp = be64(timestamp);
    m->user_ref_num = be32(user_ref_num);
    m->match_number = be64(match_number);
    m->reason = reason;
    memcpy(m->cl_ord_id, cl_ord_id, 14);
    return OUCH_BROKEN_TRADE_BYTES_BARE;
}

/* Rejected.
 * Nasdaq OUCH 5.0 (2025-07-25), 3.8. */
enum { OUCH_REJECTED = 'J' };
enum { OUCH_REJECTED_BYTES = 31 };
enum { OUCH_REJECTED_BYTES_BARE = 29 };
typedef struct ouch_rejected {
    uint8_t message_type;
    uint64_t timestamp;
    uint32_t user_ref_num;
    uint16_t reason;
    uint8_t cl_ord_id[14];
    uint16_t appendage_length;
} WIRE_PACKED ouch_rejected_t;
WIRE_ASSERT(sizeof(ouch_rejected_t) == 31, "ouch_rejected");
WIRE_AT(ouch_rejected_t, timestamp, 1);
WIRE_AT(ouch_rejected_t, user_ref_num, 9);
WIRE_AT(ouch_rejected_t, reason, 13);
WIRE_AT(ouch_rejected_t, cl_ord_id, 15);
WIRE_AT(ouch_rejected_t, appendage_length, 29);

static inline uint32_t ouch_write_rejected(
    uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint16_t reason,
    const uint8_t *cl_ord_id) {
    ouch_rejected_t *m = (ouch_rejected_t *)out;
    m->message_type = OUCH_REJECTED;
    m->timestamp = be64(timestamp);
    m->user_ref_num = be32(user_ref_num);
    m->reason = be16(reason);
    memcpy(m->cl_ord_id, cl_ord_id, 14);
    return OUCH_REJECTED_BYTES_BARE;
}

/* Cancel Pending.
 * Nasdaq OUCH 5.0 (2025-07-25), 3.9. */
enum { OUCH_CANCEL_PENDING = 'P' };
enum { OUCH_CANCEL_PENDING_BYTES = 15 };
enum { OUCH_CANCEL_PENDING_BYTES_BARE = 13 };
typedef struct ouch_cancel_pending {
    uint8_t message_type;
    uint64_t timestamp;
    uint32_t user_ref_num;
    uint16_t appendage_length;
} WIRE_PACKED ouch_cancel_pending_t;
WIRE_ASSERT(sizeof(ouch_cancel_pending_t) == 15, "ouch_cancel_pending");
WIRE_AT(ouch_cancel_pending_t, timestamp, 1);
WIRE_AT(ouch_cancel_pending_t, user_ref_num, 9);
WIRE_AT(ouch_cancel_pending_t, appendage_length, 13);

static inline uint32_t ouch_write_cancel_pending(
    uint8_t *out, uint64_t timestamp, uint32_t user_ref_num) {
    ouch_cancel_pending_t *m = (ouch_cancel_pending_t *)out;
    m->message_type = OUCH_CANCEL_PENDING;
    m->timestamp = be64(timestamp);
    m->user_ref_num = be32(user_ref_num);
    return OUCH_CANCEL_PENDING_BYTES_BARE;
}

/* Cancel Reject.
 * Nasdaq OUCH 5.0 (2025-07-25), 3.10. */
enum { OUCH_CANCEL_REJECT = 'I' };
enum { OUCH_CANCEL_REJECT_BYTES = 15 };
enum { OUCH_CANCEL_REJECT_BYTES_BARE = 13 };
typedef struct ouch_cancel_reject {
    uint8_t message_type;
    uint64_t timestamp;
    uint32_t user_ref_num;
    uint16_t appendage_length;
} WIRE_PACKED ouch_cancel_reject_t;
WIRE_ASSERT(sizeof(ouch_cancel_reject_t) == 15, "ouch_cancel_reject");
WIRE_AT(ouch_cancel_reject_t, timestamp, 1);
WIRE_AT(ouch_cancel_reject_t, user_ref_num, 9);
WIRE_AT(ouch_cancel_reject_t, appendage_length, 13);

static inline uint32_t ouch_write_cancel_reject(
    uint8_t *out, uint64_t timestamp, uint32_t user_ref_num) {
    ouch_cancel_reject_t *m = (ouch_cancel_reject_t *)out;
    m->message_type = OUCH_CANCEL_REJECT;
    m->timestamp = be64(timestamp);
    m->user_ref_num = be32(user_ref_num);
    return OUCH_CANCEL_REJECT_BYTES_BARE;
}

/* Order Priority Update.
 * Nasdaq OUCH 5.0 (2025-07-25), 3.11. */
enum { OUCH_ORDER_PRIORITY_UPDATE = 'T' };
enum { OUCH_ORDER_PRIORITY_UPDATE_BYTES = 32 };
enum { OUCH_ORDER_PRIORITY_UPDATE_BYTES_BARE = 30 };
typedef struct ouch_order_priority_update {
    uint8_t message_type;
    uint64_t timestamp;
    uint32_t user_ref_num;
    uint64_t price;
    uint8_t display;
    uint64_t order_reference_number;
    uint16_t appendage_length;
} WIRE_PACKED ouch_order_priority_update_t;
WIRE_ASSERT(sizeof(ouch_order_priority_update_t) == 32, "ouch_order_priority_update");
WIRE_AT(ouch_order_priority_update_t, timestamp, 1);
WIRE_AT(ouch_order_priority_update_t, user_ref_num, 9);
WIRE_AT(ouch_order_priority_update_t, price, 13);
WIRE_AT(ouch_order_priority_update_t, display, 21);
WIRE_AT(ouch_order_priority_update_t, order_reference_number, 22);
WIRE_AT(ouch_order_priority_update_t, appendage_length, 30);

static inline uint32_t ouch_write_order_priority_update(
    uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint64_t price,
    uint8_t display, uint64_t order_reference_number) {
    ouch_order_priority_update_t *m = (ouch_order_priority_update_t *)out;
    m->message_type = OUCH_ORDER_PRIORITY_UPDATE;
    m->timestamp = be64(timestamp);
    m->user_ref_num = be32(user_ref_num);
    m->price = be64(price);
    m->display = display;
    m->order_reference_number = be64(order_reference_number);
    return OUCH_ORDER_PRIORITY_UPDATE_BYTES_BARE;
}

/* Order Modified.
 * Nasdaq OUCH 5.0 (2025-07-25), 3.12. */
enum { OUCH_ORDER_MODIFIED = 'M' };
enum { OUCH_ORDER_MODIFIED_BYTES = 20 };
enum { OUCH_ORDER_MODIFIED_BYTES_BARE = 18 };
typedef struct ouch_order_modified {
    uint8_t message_type;
    uint64_t timestamp;
    uint32_t user_ref_num;
    uint8_t side;
    uint32_t quantity;
    uint16_t appendage_length;
} WIRE_PACKED ouch_order_modified_t;
WIRE_ASSERT(sizeof(ouch_order_modified_t) == 20, "ouch_order_modified");
WIRE_AT(ouch_order_modified_t, timestamp, 1);
WIRE_AT(ouch_order_modified_t, user_ref_num, 9);
WIRE_AT(ouch_order_modified_t, side, 13);
WIRE_AT(ouch_order_modified_t, quantity, 14);
WIRE_AT(ouch_order_modified_t, appendage_length, 18);

static inline uint32_t ouch_write_order_modified(
    uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint8_t side,
    uint32_t quantity) {
    ouch_order_modified_t *m = (ouch_order_modified_t *)out;
    m->message_type = OUCH_ORDER_MODIFIED;
    m->timestamp = be64(timestamp);
    m->user_ref_num = be32(user_ref_num);
    m->side = side;
    m->quantity = be32(quantity);
    return OUCH_ORDER_MODIFIED_BYTES_BARE;
}

/* Order Restated.
 * Nasdaq OUCH 5.0 (2025-07-25), 3.13. */
enum { OUCH_ORDER_RESTATED = 'R' };
enum { OUCH_ORDER_RESTATED_BYTES = 16 };
typedef struct ouch_order_restated {
    uint8_t message_type;
    uint64_t timestamp;
    uint32_t user_ref_num;
    uint8_t reason;
    uint16_t appendage_length;
} WIRE_PACKED ouch_order_restated_t;
WIRE_ASSERT(sizeof(ouch_order_restated_t) == 16, "ouch_order_restated");
WIRE_AT(ouch_order_restated_t, timestamp, 1);
WIRE_AT(ouch_order_restated_t, user_ref_num, 9);
WIRE_AT(ouch_order_restated_t, reason, 13);
WIRE_AT(ouch_order_restated_t, appendage_length, 14);

static inline uint32_t ouch_write_order_restated(
    uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, uint8_t reason) {
    ouch_order_restated_t *m = (ouch_order_restated_t *)out;
    m->message_type = OUCH_ORDER_RESTATED;
    m->timestamp = be64(timestamp);
    m->user_ref_num = be32(user_ref_num);
    m->reason = reason;
    m->appendage_length = 0;
    return OUCH_ORDER_RESTATED_BYTES;
}

/* Mass Cancel Response.
 * Nasdaq OUCH 5.0 (2025-07-25), 3.14. */
enum { OUCH_MASS_CANCEL_RESPONSE = 'X' };
enum { OUCH_MASS_CANCEL_RESPONSE_BYTES = 27 };
typedef struct ouch_mass_cancel_response {
    uint8_t message_type;
    uint64_t timestamp;
    uint32_t user_ref_num;
    uint8_t firm[4];
    uint8_t symbol[8];
    uint16_t appendage_length;
} WIRE_PACKED ouch_mass_cancel_response_t;
WIRE_ASSERT(sizeof(ouch_mass_cancel_response_t) == 27, "ouch_mass_cancel_response");
WIRE_AT(ouch_mass_cancel_response_t, timestamp, 1);
WIRE_AT(ouch_mass_cancel_response_t, user_ref_num, 9);
WIRE_AT(ouch_mass_cancel_response_t, firm, 13);
WIRE_AT(ouch_mass_cancel_response_t, symbol, 17);
WIRE_AT(ouch_mass_cancel_response_t, appendage_length, 25);

static inline uint32_t ouch_write_mass_cancel_response(
    uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, const uint8_t *firm,
    const uint8_t *symbol) {
    ouch_mass_cancel_response_t *m = (ouch_mass_cancel_response_t *)out;
    m->message_type = OUCH_MASS_CANCEL_RESPONSE;
    m->timestamp = be64(timestamp);
    m->user_ref_num = be32(user_ref_num);
    memcpy(m->firm, firm, 4);
    memcpy(m->symbol, symbol, 8);
    m->appendage_length = 0;
    return OUCH_MASS_CANCEL_RESPONSE_BYTES;
}

/* Disable Order Entry Response.
 * Nasdaq OUCH 5.0 (2025-07-25), 3.15. */
enum { OUCH_DISABLE_RESPONSE = 'G' };
enum { OUCH_DISABLE_RESPONSE_BYTES = 19 };
typedef struct ouch_disable_response {
    uint8_t message_type;
    uint64_t timestamp;
    uint32_t user_ref_num;
    uint8_t firm[4];
    uint16_t appendage_length;
} WIRE_PACKED ouch_disable_response_t;
WIRE_ASSERT(sizeof(ouch_disable_response_t) == 19, "ouch_disable_response");
WIRE_AT(ouch_disable_response_t, timestamp, 1);
WIRE_AT(ouch_disable_response_t, user_ref_num, 9);
WIRE_AT(ouch_disable_response_t, firm, 13);
WIRE_AT(ouch_disable_response_t, appendage_length, 17);

static inline uint32_t ouch_write_disable_response(
    uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, const uint8_t *firm) {
    ouch_disable_response_t *m = (ouch_disable_response_t *)out;
    m->message_type = OUCH_DISABLE_RESPONSE;
    m->timestamp = be64(timestamp);
    m->user_ref_num = be32(user_ref_num);
    memcpy(m->firm, firm, 4);
    m->appendage_length = 0;
    return OUCH_DISABLE_RESPONSE_BYTES;
}

/* Enable Order Entry Response.
 * Nasdaq OUCH 5.0 (2025-07-25), 3.16. */
enum { OUCH_ENABLE_RESPONSE = 'K' };
enum { OUCH_ENABLE_RESPONSE_BYTES = 19 };
typedef struct ouch_enable_response {
    uint8_t message_type;
    uint64_t timestamp;
    uint32_t user_ref_num;
    uint8_t firm[4];
    uint16_t appendage_length;
} WIRE_PACKED ouch_enable_response_t;
WIRE_ASSERT(sizeof(ouch_enable_response_t) == 19, "ouch_enable_response");
WIRE_AT(ouch_enable_response_t, timestamp, 1);
WIRE_AT(ouch_enable_response_t, user_ref_num, 9);
WIRE_AT(ouch_enable_response_t, firm, 13);
WIRE_AT(ouch_enable_response_t, appendage_length, 17);

static inline uint32_t ouch_write_enable_response(
    uint8_t *out, uint64_t timestamp, uint32_t user_ref_num, const uint8_t *firm) {
    ouch_enable_response_t *m = (ouch_enable_response_t *)out;
    m->message_type = OUCH_ENABLE_RESPONSE;
    m->timestamp = be64(timestamp);
    m->user_ref_num = be32(user_ref_num);
    memcpy(m->firm, firm, 4);
    m->appendage_length = 0;
    return OUCH_ENABLE_RESPONSE_BYTES;
}

/* Account Query Response.
 * Nasdaq OUCH 5.0 (2025-07-25), 3.17. */
enum { OUCH_ACCOUNT_QUERY_RESPONSE = 'Q' };
enum { OUCH_ACCOUNT_QUERY_RESPONSE_BYTES = 15 };
enum { OUCH_ACCOUNT_QUERY_RESPONSE_BYTES_BARE = 13 };
typedef struct ouch_account_query_response {
    uint8_t message_type;
    uint64_t timestamp;
    uint32_t next_user_ref_num;
    uint16_t appendage_length;
} WIRE_PACKED ouch_account_query_response_t;
WIRE_ASSERT(sizeof(ouch_account_query_response_t) == 15, "ouch_account_query_response");
WIRE_AT(ouch_account_query_response_t, timestamp, 1);
WIRE_AT(ouch_account_query_response_t, next_user_ref_num, 9);
WIRE_AT(ouch_account_query_response_t, appendage_length, 13);

static inline uint32_t ouch_write_account_query_response(
    uint8_t *out, uint64_t timestamp, uint32_t next_user_ref_num) {
    ouch_account_query_response_t *m = (ouch_account_query_response_t *)out;
    m->message_type = OUCH_ACCOUNT_QUERY_RESPONSE;
    m->timestamp = be64(timestamp);
    m->next_user_ref_num = be32(next_user_ref_num);
    return OUCH_ACCOUNT_QUERY_RESPONSE_BYTES_BARE;
}

/* itch_message_bytes: length by type letter; 0: unknown type. */
WIRE_TABLE itch_message_bytes[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 36, 19, 36, 19, 31, 40, 0, 25, 50, 35, 28, 26, 0, 20, 48,
    44, 40, 39, 12, 0, 35, 35, 12, 23, 20, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 21, 0, 0, 0, 0, 0, 0, 0,
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

/* ouch_in_message_bytes: fixed part with the appendage length; 0: unknown. */
WIRE_TABLE ouch_in_message_bytes[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 19, 11, 11, 0, 0, 0, 0, 0, 0, 0, 12, 0, 47,
    0, 3, 0, 0, 0, 40, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
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

/* ouch_in_message_bytes_bare: shortest valid length; 0: unknown type. */
WIRE_TABLE ouch_in_message_bytes_bare[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 19, 11, 11, 0, 0, 0, 0, 0, 0, 0, 10, 0, 47,
    0, 1, 0, 0, 0, 40, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
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

/* ouch_in_message_bytes_older: also accepted, from an earlier revision. */
WIRE_TABLE ouch_in_message_bytes_older[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
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

/* ouch_out_message_bytes: fixed part with the appendage length; 0: unknown. */
WIRE_TABLE ouch_out_message_bytes[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 64, 38, 20, 34, 36, 0, 19, 0, 15, 31, 19, 0, 20, 0, 0,
    15, 15, 16, 10, 32, 68, 0, 0, 27, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
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

/* ouch_out_message_bytes_bare: shortest valid length; 0: unknown type. */
WIRE_TABLE ouch_out_message_bytes_bare[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 64, 36, 18, 32, 36, 0, 19, 0, 13, 29, 19, 0, 18, 0, 0,
    13, 13, 16, 10, 30, 68, 0, 0, 27, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
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

/* ouch_out_message_bytes_older: also accepted, from an earlier revision. */
WIRE_TABLE ouch_out_message_bytes_older[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 31, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
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

/* ouch_tag_bytes: value bytes by tag; 0: unknown tag. */
WIRE_TABLE ouch_tag_bytes[256] = {
    0, 8, 4, 4, 1, 4, 1, 4, 0, 8, 1, 4, 1, 4, 4, 4,
    1, 1, 1, 0, 0, 0, 4, 8, 2, 1, 4, 1, 1, 1, 2, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
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

#endif
