"""Every wire message, described once; everything else about a layout is made from this page.

Packed structs, encoders and length tables (`generate.py`), numpy dtypes (`dtypes.py`), scapy layers
(`layers.py`) and the reference page (`docs/wire.md`) all come from the tables below. Integers are
big-endian and unsigned; alpha is ASCII, left-justified and padded with spaces; no message has
padding. Offsets follow from the order of the fields, so that a table cannot contradict itself; the
tests hold them against an independent copy.

The lists of values are *open*: they say what the documents name, and a value outside them never
makes a message invalid, because venues add values between revisions.
"""

from typing import Final

from itch_ouch.spec_model import (
    ETHERNET_DOCUMENT,
    MOLD_DOCUMENT,
    Message,
    Row,
    Tag,
    alpha,
    header,
    integer,
    itch,
    ouch,
    price,
    values_of,
)

# ---------------------------------------------------------------------------------------------
# Ethernet, IPv4, UDP and MoldUDP64 headers.

NETWORK: Final[tuple[Message, ...]] = (
    header("eth_header", "Ethernet header", ETHERNET_DOCUMENT, "802.3 section 3",
            ("destination", 6, "bytes", "MAC address", {}),
            ("source", 6, "bytes", "MAC address", {}),
            integer("ethertype", 2, "0x0800 IPv4; 0x8100 and 0x88A8: a VLAN tag follows")),
    header("vlan_tag", "VLAN tag", ETHERNET_DOCUMENT, "802.1Q section 9.6",
            integer("control", 2, "priority (3 bits), drop eligible (1), VLAN id (12)"),
            integer("ethertype", 2, "of what follows")),
    header("ipv4_header", "IPv4 header", ETHERNET_DOCUMENT, "RFC 791 section 3.1",
            integer("version_ihl", 1, "version (4 bits), header length in 32-bit words (4)"),
            integer("type_of_service", 1),
            integer("total_length", 2, "header and payload, in bytes"),
            integer("identification", 2),
            integer("flags_fragment_offset", 2, "reserved, don't fragment, more fragments, offset"),
            integer("time_to_live", 1),
            integer("protocol", 1, "17: UDP"),
            integer("header_checksum", 2),
            integer("source_address", 4),
            integer("destination_address", 4)),
    header("udp_header", "UDP header", ETHERNET_DOCUMENT, "RFC 768",
            integer("source_port", 2),
            integer("destination_port", 2),
            integer("length", 2, "header and payload, in bytes"),
            integer("checksum", 2, "0: none was computed")),
)  # fmt: skip

MOLD_HEADER: Final = header(
    "mold_header", "MoldUDP64 downstream and request header", MOLD_DOCUMENT, "Downstream Packet",
    alpha("session", 10),
    integer("sequence_number", 8, "of the first message; heartbeat and end: of the next one"),
    integer("message_count", 2, "0: heartbeat; 0xFFFF: end of session; in a request: how many"),
)  # fmt: skip
MOLD_BLOCK: Final = header(
    "mold_block", "MoldUDP64 message block", MOLD_DOCUMENT, "Message Block",
    integer("length", 2, "of the message data that follows; may be 0"),
)  # fmt: skip
MOLD: Final[tuple[Message, ...]] = (MOLD_HEADER, MOLD_BLOCK)

# ---------------------------------------------------------------------------------------------
# ITCH 5.0. Letters are case-sensitive: H and h are two messages.

_STOCK = alpha("stock", 8, note="symbol")
_REFERENCE = integer("order_reference_number", 8, "unique over the day and all stocks")
_BUY_SELL = alpha("buy_sell_indicator", 1, "B buy; S sell")
_SHARES = integer("shares", 4)
_EXECUTED = integer("executed_shares", 4, "incremental")
_MATCH = integer("match_number", 8, "unique over the day")
_CROSS_TYPES = (
    "O opening; C closing; H halt or IPO; I intraday or post-close; A extended trading close"
)
_REASONS = (
    "T1 news pending; T2 news released; T3 news and resumption times; T5 single-stock pause; "
    "T6 extraordinary activity; T7 quotation only; T8 ETF halt; T12 information requested; "
    "H4 non-compliance; H9 not current in filings; H10 SEC suspension; H11 regulatory concern; "
    "O1 operations halt; LUDP volatility pause; LUDS volatility pause, straddle; "
    "MWC0 market-wide halt, carried over; MWC1 market-wide halt, level 1; "
    "MWC2 market-wide halt, level 2; MWC3 market-wide halt, level 3; MWCQ market-wide resumption; "
    "IPO1 IPO not yet trading; IPOQ IPO released for quotation; IPOE IPO window extension; "
    "M1 corporate action; M2 quotation not available; R1 new issue available; R2 issue available; "
    "R4 qualification halt ended; R9 filing requirements met; C3 news not forthcoming; "
    "C4 qualifications halt ended; C9 qualifications halt concluded; C11 another halt ended"
)

ITCH: Final[tuple[Message, ...]] = (
    itch("system_event", "S", "System Event", "1.1",
          alpha("event_code", 1,
                 "O start of messages; S start of system hours; Q start of market hours; "
                 "M end of market hours; E end of system hours; C end of messages")),
    itch("stock_directory", "R", "Stock Directory", "1.2.1", _STOCK,
          alpha("market_category", 1,
                 "Q Nasdaq Global Select; G Nasdaq Global Market; S Nasdaq Capital Market; N NYSE; "
                 "A NYSE American; P NYSE Arca; Z Cboe BZX; V IEX; M NYSE Texas; _ not available"),
          alpha("financial_status_indicator", 1,
                 "D deficient; E delinquent; Q bankrupt; S suspended; G deficient and bankrupt; "
                 "H deficient and delinquent; J delinquent and bankrupt; K all three; "
                 "C creations or redemptions suspended; N normal; _ not available"),
          integer("round_lot_size", 4, "shares"),
          alpha("round_lots_only", 1, "Y yes; N no"),
          alpha("issue_classification", 1,
                 "A American depositary share; B bond; C common; F depository receipt; I 144A; "
                 "L limited partnership; N notes; O ordinary share; P preferred; Q other; R right; "
                 "S shares of beneficial interest; T convertible debenture; U unit; "
                 "V units of beneficial interest; W warrant"),
          alpha("issue_sub_type", 2, note="one or two letters; Z: not applicable"),
          alpha("authenticity", 1, "P production; T test"),
          alpha("short_sale_threshold_indicator", 1, "Y restricted; N not; _ not available"),
          alpha("ipo_flag", 1, "Y new IPO; N not; Z new listing, not an IPO; _ not available"),
          alpha("luld_reference_price_tier", 1, "1 tier 1; 2 tier 2; _ not available"),
          alpha("etp_flag", 1, "Y yes; N no; _ not available"),
          integer("etp_leverage_factor", 4, "rounded down since 2022"),
          alpha("inverse_indicator", 1, "Y inverse ETP; N not")),
    itch("stock_trading_action", "H", "Stock Trading Action", "1.2.2", _STOCK,
          alpha("trading_state", 1, "H halted; P paused; Q quotation only; T trading"),
          alpha("reserved", 1),
          alpha("reason", 4, _REASONS)),
    itch("reg_sho_restriction", "Y", "Reg SHO Short Sale Price Test Restriction", "1.2.3", _STOCK,
          alpha("reg_sho_action", 1,
                 "0 no test; 1 restriction in effect; 2 restriction remains in effect")),
    itch("market_participant_position", "L", "Market Participant Position", "1.2.4",
          alpha("mpid", 4, note="market participant id"), _STOCK,
          alpha("primary_market_maker", 1, "Y yes; N no"),
          alpha("market_maker_mode", 1,
                 "N normal; P passive; S syndicate; R pre-syndicate; L penalty"),
          alpha("market_participant_state", 1,
                 "A active; E excused; W withdrawn; S suspended; D deleted")),
    itch("mwcb_decline_level", "V", "MWCB Decline Level", "1.2.5.1",
          ("level_1", 8, "price8", "", {}), ("level_2", 8, "price8", "", {}),
          ("level_3", 8, "price8", "", {})),
    itch("mwcb_status", "W", "MWCB Status", "1.2.5.2",
          alpha("breached_level", 1, "1 level 1; 2 level 2; 3 level 3")),
    itch("ipo_quoting_period_update", "K", "IPO Quoting Period Update", "1.2.6", _STOCK,
          integer("ipo_quotation_release_time", 4, "seconds since midnight; 0 when cancelled"),
          alpha("ipo_quotation_release_qualifier", 1, "A anticipated; C cancelled or postponed"),
          price("ipo_price", note="0 when cancelled")),
    itch("luld_auction_collar", "J", "LULD Auction Collar", "1.2.7", _STOCK,
          price("auction_collar_reference_price"), price("upper_auction_collar_price"),
          price("lower_auction_collar_price"),
          integer("auction_collar_extension", 4, "number of extensions")),
    itch("operational_halt", "h", "Operational Halt", "1.2.8", _STOCK,
          alpha("market_code", 1, "Q Nasdaq; B BX; X PSX"),
          alpha("operational_halt_action", 1, "H halted; T resumed")),
    itch("add_order", "A", "Add Order (no MPID)", "1.3.1",
          _REFERENCE, _BUY_SELL, _SHARES, _STOCK, price("price")),
    itch("add_order_mpid", "F", "Add Order with MPID Attribution", "1.3.2",
          _REFERENCE, _BUY_SELL, _SHARES, _STOCK, price("price"),
          alpha("attribution", 4, note="MPID")),
    itch("order_executed", "E", "Order Executed", "1.4.1", _REFERENCE, _EXECUTED, _MATCH),
    itch("order_executed_with_price", "C", "Order Executed With Price", "1.4.2",
          _REFERENCE, _EXECUTED, _MATCH,
          alpha("printable", 1, "Y yes; N no, the shares are printed again in bulk"),
          price("execution_price")),
    itch("order_cancel", "X", "Order Cancel", "1.4.3", _REFERENCE,
          integer("cancelled_shares", 4, "removed, not remaining")),
    itch("order_delete", "D", "Order Delete", "1.4.4", _REFERENCE),
    itch("order_replace", "U", "Order Replace", "1.4.5",
          integer("original_order_reference_number", 8), integer("new_order_reference_number", 8),
          integer("shares", 4, "new total displayed"), price("price")),
    itch("trade", "P", "Trade (non-cross)", "1.5.1",
          integer("order_reference_number", 8, "always 0 since 2010-12-06"),
          alpha("buy_sell_indicator", 1, "B buy; S sell", "always B since 2014-07-14"),
          _SHARES, _STOCK, price("price"), _MATCH),
    itch("cross_trade", "Q", "Cross Trade", "1.5.2", integer("shares", 8, "may be 0"), _STOCK,
          price("cross_price"), _MATCH, alpha("cross_type", 1, _CROSS_TYPES)),
    itch("broken_trade", "B", "Broken Trade / Execution", "1.5.3",
          integer("match_number", 8, "of an earlier execution or trade")),
    itch("noii", "I", "Net Order Imbalance Indicator", "1.6",
          integer("paired_shares", 8), integer("imbalance_shares", 8),
          alpha("imbalance_direction", 1,
                 "B buy; S sell; N none; O insufficient orders; P paused"),
          _STOCK, price("far_price"), price("near_price"), price("current_reference_price"),
          alpha("cross_type", 1, _CROSS_TYPES),
          alpha("price_variation_indicator", 1,
                 "L below 1%; 1 to 1.99%; 2 to 2.99%; 3 to 3.99%; 4 to 4.99%; 5 to 5.99%; "
                 "6 to 6.99%; 7 to 7.99%; 8 to 8.99%; 9 to 9.99%; A to 19.99%; B to 29.99%; "
                 "C 30% and more; _ not available")),
    itch("rpii", "N", "Retail Price Improvement Indicator", "1.7", _STOCK,
          alpha("interest_flag", 1, "B buy; S sell; A both; N none")),
    itch("direct_listing", "O", "Direct Listing with Capital Raise Price Discovery", "1.8", _STOCK,
          alpha("open_eligibility_status", 1, "N not eligible; Y eligible"),
          price("minimum_allowable_price"), price("maximum_allowable_price"),
          price("near_execution_price"),
          integer("near_execution_time", 8, "of the near price; ns since midnight assumed"),
          price("lower_price_range_collar"), price("upper_price_range_collar")),
)  # fmt: skip

# ---------------------------------------------------------------------------------------------
# OUCH 5.0. A letter means one thing inbound (to the venue) and another outbound. Prices have 8
# bytes; 0x7FFFFFFF, or $200,000 and more, is a market order. Timestamps have 8 bytes.

_USER_REF = integer("user_ref_num", 4, "from 1, strictly increasing over the day")
_ORIGINAL = integer("orig_user_ref_num", 4)
_TIME = integer("timestamp", 8, "ns since midnight")
_SIDE = alpha("side", 1, "B buy; S sell; T sell short; E sell short exempt")
_QUANTITY = integer("quantity", 4)
_SYMBOL = alpha("symbol", 8)
_PRICE8 = price("price", 8)
_TIME_IN_FORCE = alpha(
    "time_in_force", 1,
    "0 day; 3 immediate or cancel; 5 extended hours; 6 good till time; E after hours",
)  # fmt: skip
_DISPLAY = alpha("display", 1, "Y visible; N hidden; A attributable; Z conformant (outbound)")
_CAPACITY = alpha("capacity", 1, "A agency; P principal; R riskless; O other")
_SWEEP = alpha("intermarket_sweep_eligibility", 1, "Y yes; N no")
_CROSS = alpha(
    "cross_type", 1,
    "N continuous; O opening; C closing; H halt or IPO; S supplemental; R retail; "
    "E extended life; A after hours close",
)  # fmt: skip
_CLIENT_ID = alpha("cl_ord_id", 14, note="letters, digits, spaces; not checked")
_FIRM = alpha("firm", 4)
_STATE = alpha("order_state", 1, "L live; D dead")
_LIQUIDITY = alpha("liquidity_flag", 1, "A added; R removed",
                    "more letters than these: the venue's price list explains them")  # fmt: skip

CANCEL_REASONS: Final = values_of(
    "D regulatory; E closed; F post only, NMS; G post only, displayed contra; H halted; "
    "I immediate or cancel; K market collars; Q self match; S supervisory; T timeout; U user; "
    "X open protection; Z system; e direct listing excess; C cross cancelled"
)
REJECT_REASONS: Final = {
    0x01: "quote unavailable", 0x02: "destination closed", 0x03: "display", 0x04: "max floor",
    0x05: "peg type", 0x06: "fat finger", 0x07: "halted", 0x08: "ISO not allowed", 0x09: "side",
    0x0A: "processing error", 0x0B: "cancel pending", 0x0C: "firm not authorised",
    0x0D: "min quantity", 0x0E: "no closing reference", 0x0F: "other", 0x10: "cancel not allowed",
    0x11: "pegging", 0x12: "crossed market", 0x13: "quantity", 0x14: "cross order",
    0x15: "replace not allowed", 0x16: "routing", 0x17: "symbol", 0x18: "test",
    0x19: "late LOC too aggressive", 0x1A: "retail", 0x1B: "midpoint post only price",
    0x1C: "destination", 0x1D: "price", 0x1E: "shares exceed threshold", 0x1F: "notional",
    0x20: "risk aggregate exposure", 0x21: "risk market impact", 0x22: "risk restricted stock",
    0x23: "risk short sell restricted", 0x24: "risk ISO", 0x25: "risk ADV",
    0x26: "risk fat finger", 0x27: "risk locate required", 0x28: "risk symbol rate",
    0x29: "risk port rate", 0x2A: "risk duplicate rate", 0x2B: "risk short sell",
    0x2C: "risk market order", 0x2D: "risk pre market", 0x2E: "risk post market",
    0x2F: "risk short exempt", 0x30: "risk single order notional", 0x31: "risk max quantity",
    0x32: "risk Reg SHO state", 0x33: "risk IPO market buy",
}  # fmt: skip
_CANCEL_REASON: Row = ("reason", 1, "alpha", "", CANCEL_REASONS)

OUCH_IN: Final[tuple[Message, ...]] = (
    ouch("enter_order", "O", "Enter Order", "2.1",
          _USER_REF, _SIDE, _QUANTITY, _SYMBOL, _PRICE8, _TIME_IN_FORCE, _DISPLAY, _CAPACITY,
          _SWEEP, _CROSS, _CLIENT_ID, appendage="required",
          tags=(2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 15, 16, 17, 24, 25, 26, 28)),
    ouch("replace_order", "U", "Replace Order Request", "2.2",
          _ORIGINAL, _USER_REF, integer("quantity", 4, "total liable, executed shares included"),
          _PRICE8, _TIME_IN_FORCE, _DISPLAY, _SWEEP, _CLIENT_ID, appendage="required",
          tags=(3, 5, 6, 7, 9, 10, 11, 12, 13, 15, 16, 17, 25, 26, 27, 28)),
    ouch("cancel_order", "X", "Cancel Order Request", "2.3",
          _USER_REF, integer("quantity", 4, "new intended total; 0: all")),
    ouch("modify_order", "M", "Modify Order Request", "2.4", _USER_REF, _SIDE, _QUANTITY,
          tags=(25, 26, 28)),
    ouch("mass_cancel", "C", "Mass Cancel Request", "2.5",
          _USER_REF, _FIRM, alpha("symbol", 8, note="spaces: all"), appendage="required",
          tags=(24, 27, 28)),
    ouch("disable_order_entry", "D", "Disable Order Entry Request", "2.6", _USER_REF, _FIRM,
          appendage="required"),
    ouch("enable_order_entry", "E", "Enable Order Entry Request", "2.7", _USER_REF, _FIRM,
          appendage="required"),
    ouch("account_query", "Q", "Account Query Request", "2.8"),
)  # fmt: skip

OUCH_OUT: Final[tuple[Message, ...]] = (
    ouch("system_event", "S", "System Event", "3.1", _TIME,
          alpha("event_code", 1, "S start of day; E end of day"), appendage="none"),
    ouch("order_accepted", "A", "Order Accepted", "3.2", _TIME,
          _USER_REF, _SIDE, _QUANTITY, _SYMBOL, _PRICE8, _TIME_IN_FORCE, _DISPLAY,
          integer("order_reference_number", 8, "the ITCH reference when displayed"), _CAPACITY,
          _SWEEP, _CROSS, _STATE, _CLIENT_ID, appendage="required",
          tags=(2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 24, 25, 28)),
    ouch("order_replaced", "U", "Order Replaced", "3.3", _TIME,
          _ORIGINAL, _USER_REF, _SIDE, integer("quantity", 4, "shares left exposed"), _SYMBOL,
          _PRICE8, _TIME_IN_FORCE, _DISPLAY, integer("order_reference_number", 8, "new"), _CAPACITY,
          _SWEEP, _CROSS, _STATE, _CLIENT_ID, appendage="required",
          tags=(2, 3, 5, 6, 12, 15, 16, 17, 18, 28)),
    ouch("order_canceled", "C", "Order Canceled", "3.4", _TIME, _USER_REF,
          integer("quantity", 4, "decrement"), _CANCEL_REASON),
    ouch("aiq_canceled", "D", "AIQ Canceled", "3.5", _TIME, _USER_REF,
          integer("decrement_shares", 4), alpha("reason", 1, "Q self match"),
          integer("quantity_prevented_from_trading", 4), price("execution_price", 8), _LIQUIDITY,
          alpha("aiq_strategy", 1, note="absent before 2023-10"), bytes_older=31),
    ouch("order_executed", "E", "Order Executed", "3.6", _TIME, _USER_REF,
          integer("quantity", 4, "incremental"), _PRICE8, _LIQUIDITY, integer("match_number", 8),
          appendage="required"),
    ouch("broken_trade", "B", "Broken Trade", "3.7", _TIME, _USER_REF, integer("match_number", 8),
          alpha("reason", 1, "E erroneous; C consent; S supervisory; X external"), _CLIENT_ID),
    ouch("rejected", "J", "Rejected", "3.8", _TIME, _USER_REF,
          ("reason", 2, "int", "", {f"0x{k:04X}": v for k, v in REJECT_REASONS.items()}),
          _CLIENT_ID),
    ouch("cancel_pending", "P", "Cancel Pending", "3.9", _TIME, _USER_REF),
    ouch("cancel_reject", "I", "Cancel Reject", "3.10", _TIME, _USER_REF),
    ouch("order_priority_update", "T", "Order Priority Update", "3.11", _TIME, _USER_REF,
          _PRICE8, _DISPLAY, integer("order_reference_number", 8, "new")),
    ouch("order_modified", "M", "Order Modified", "3.12", _TIME, _USER_REF, _SIDE,
          integer("quantity", 4, "outstanding"), tags=(25, 26, 28)),
    ouch("order_restated", "R", "Order Restated", "3.13", _TIME, _USER_REF,
          alpha("reason", 1, "R display refresh; P displayed price update"),
          appendage="required", tags=(1, 22, 23, 28)),
    ouch("mass_cancel_response", "X", "Mass Cancel Response", "3.14", _TIME, _USER_REF, _FIRM,
          _SYMBOL, appendage="required", tags=(24, 27, 28)),
    ouch("disable_response", "G", "Disable Order Entry Response", "3.15", _TIME, _USER_REF, _FIRM,
          appendage="required"),
    ouch("enable_response", "K", "Enable Order Entry Response", "3.16", _TIME, _USER_REF, _FIRM,
          appendage="required"),
    ouch("account_query_response", "Q", "Account Query Response", "3.17", _TIME,
          integer("next_user_ref_num", 4)),
)  # fmt: skip

# The appendage's options. 8 and 21 are unused; 19 and 20 were removed in 2023; 29 and 30 are in a
# later edition than the document's: read, never sent.
OUCH_TAGS: Final = (
    Tag(1, "secondary_ord_ref_num", 8, "int", "the reference shown on ITCH (reserve orders)"),
    Tag(2, "firm", 4, "alpha", "spaces: the account's default"),
    Tag(3, "min_qty", 4, "int", "round lots; 0: none"),
    Tag(4, "customer_type", 1, "alpha", "R; N; space: the port's default"),
    Tag(5, "max_floor", 4, "int", "displayed part; 0: none"),
    Tag(6, "price_type", 1, "alpha", "L limit; P, M, R, Q, m pegged"),
    Tag(7, "peg_offset", 4, "signed_price4"),
    Tag(9, "discretion_price", 8, "price4"),
    Tag(10, "discretion_price_type", 1, "alpha", "L; P; M; R"),
    Tag(11, "discretion_peg_offset", 4, "signed_price4"),
    Tag(12, "post_only", 1, "alpha", "P post only; N not"),
    Tag(13, "random_reserves", 4, "int"),
    Tag(14, "route", 4, "alpha", "outbound only"),
    Tag(15, "expire_time", 4, "int", "seconds to live, below 86,400"),
    Tag(16, "trade_now", 1, "alpha", "Y; N; space: the port's default"),
    Tag(17, "handle_inst", 1, "alpha", "I imbalance only; O, T, Q retail; B; D; R; space: none"),
    Tag(18, "bbo_weight_indicator", 1, "alpha", "0 to 3; S; N; space"),
    Tag(22, "display_quantity", 4, "int"),
    Tag(23, "display_price", 8, "price4"),
    Tag(24, "group_id", 2, "int", "0: none"),
    Tag(25, "shares_located", 1, "alpha", "Y; N"),
    Tag(26, "locate_broker", 4, "alpha"),
    Tag(27, "side", 1, "alpha", "B; S; T; E"),
    Tag(28, "user_ref_idx", 1, "int", "order flow channel; absent: numbering is the port's"),
    Tag(29, "aiq_strategy", 1, "int", "of a later edition: accepted, never sent"),
    Tag(30, "aiq_group", 2, "int", "of a later edition: accepted, never sent"),
)

MESSAGES: Final[tuple[Message, ...]] = (*NETWORK, *MOLD, *ITCH, *OUCH_IN, *OUCH_OUT)
