"""Every message as literal bytes, a group of hex digits per field, with the values they stand for.

Made from the documents' tables and not by the code under test.
"""

LITERALS: list[tuple[str, dict[str, int | bytes], str]] = [
    (
        "ITCHSystemEvent",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "event_code": b"B",
        },
        "53 1112 2122 313233343536 42",
    ),
    (
        "ITCHStockDirectory",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "stock": b"ZVZZT", "market_category": b"Y", "financial_status_indicator": b"N",
            "round_lot_size": 0x71727374, "round_lots_only": b"P", "issue_classification": b"A",
            "issue_sub_type": b"Z", "authenticity": b"H", "short_sale_threshold_indicator": b"T",
            "ipo_flag": b"L", "luld_reference_price_tier": b"O", "etp_flag": b"C",
            "etp_leverage_factor": 0x2030404, "inverse_indicator": b"R",
        },
        "52 1112 2122 313233343536 5a565a5a54202020 59 4e 71727374 50 41 5a20 48 54 4c 4f 43 "
        "02030404 52",
    ),
    (
        "ITCHStockTradingAction",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "stock": b"ZVZZT", "trading_state": b"S", "reserved": b"Y", "reason": b"NSDQ",
        },
        "48 1112 2122 313233343536 5a565a5a54202020 53 59 4e534451",
    ),
    (
        "ITCHRegShoRestriction",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "stock": b"ZVZZT", "reg_sho_action": b"A",
        },
        "59 1112 2122 313233343536 5a565a5a54202020 41",
    ),
    (
        "ITCHMarketParticipantPosition",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "mpid": b"NSDQ", "stock": b"ZVZZT", "primary_market_maker": b"T",
            "market_maker_mode": b"L", "market_participant_state": b"O",
        },
        "4c 1112 2122 313233343536 4e534451 5a565a5a54202020 54 4c 4f",
    ),
    (
        "ITCHMwcbDeclineLevel",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "level_1": 0x4142434445464748, "level_2": 0x5152535455565758,
            "level_3": 0x6162636465666768,
        },
        "56 1112 2122 313233343536 4142434445464748 5152535455565758 6162636465666768",
    ),
    (
        "ITCHMwcbStatus",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "breached_level": b"C",
        },
        "57 1112 2122 313233343536 43",
    ),
    (
        "ITCHIpoQuotingPeriodUpdate",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "stock": b"ZVZZT", "ipo_quotation_release_time": 0x51525354,
            "ipo_quotation_release_qualifier": b"B", "ipo_price": 0x71727374,
        },
        "4b 1112 2122 313233343536 5a565a5a54202020 51525354 42 71727374",
    ),
    (
        "ITCHLuldAuctionCollar",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "stock": b"ZVZZT", "auction_collar_reference_price": 0x51525354,
            "upper_auction_collar_price": 0x61626364, "lower_auction_collar_price": 0x71727374,
            "auction_collar_extension": 0x81828384,
        },
        "4a 1112 2122 313233343536 5a565a5a54202020 51525354 61626364 71727374 81828384",
    ),
    (
        "ITCHOperationalHalt",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "stock": b"ZVZZT", "market_code": b"N", "operational_halt_action": b"P",
        },
        "68 1112 2122 313233343536 5a565a5a54202020 4e 50",
    ),
    (
        "ITCHAddOrder",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "order_reference_number": 0x4142434445464748, "buy_sell_indicator": b"A",
            "shares": 0x61626364, "stock": b"ZVZZT", "price": 0x81828384,
        },
        "41 1112 2122 313233343536 4142434445464748 41 61626364 5a565a5a54202020 81828384",
    ),
    (
        "ITCHAddOrderMpid",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "order_reference_number": 0x4142434445464748, "buy_sell_indicator": b"H",
            "shares": 0x61626364, "stock": b"ZVZZT", "price": 0x81828384, "attribution": b"NSDQ",
        },
        "46 1112 2122 313233343536 4142434445464748 48 61626364 5a565a5a54202020 81828384 "
        "4e534451",
    ),
    (
        "ITCHOrderExecuted",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "order_reference_number": 0x4142434445464748, "executed_shares": 0x51525354,
            "match_number": 0x6162636465666768,
        },
        "45 1112 2122 313233343536 4142434445464748 51525354 6162636465666768",
    ),
    (
        "ITCHOrderExecutedWithPrice",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "order_reference_number": 0x4142434445464748, "executed_shares": 0x51525354,
            "match_number": 0x6162636465666768, "printable": b"O", "execution_price": 0x81828384,
        },
        "43 1112 2122 313233343536 4142434445464748 51525354 6162636465666768 4f 81828384",
    ),
    (
        "ITCHOrderCancel",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "order_reference_number": 0x4142434445464748, "cancelled_shares": 0x51525354,
        },
        "58 1112 2122 313233343536 4142434445464748 51525354",
    ),
    (
        "ITCHOrderDelete",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "order_reference_number": 0x4142434445464748,
        },
        "44 1112 2122 313233343536 4142434445464748",
    ),
    (
        "ITCHOrderReplace",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "original_order_reference_number": 0x4142434445464748,
            "new_order_reference_number": 0x5152535455565758, "shares": 0x61626364,
            "price": 0x71727374,
        },
        "55 1112 2122 313233343536 4142434445464748 5152535455565758 61626364 71727374",
    ),
    (
        "ITCHTrade",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "order_reference_number": 0x4142434445464748, "buy_sell_indicator": b"C",
            "shares": 0x61626364, "stock": b"ZVZZT", "price": 0x81828384,
            "match_number": 0x9192939495969798,
        },
        "50 1112 2122 313233343536 4142434445464748 43 61626364 5a565a5a54202020 81828384 "
        "9192939495969798",
    ),
    (
        "ITCHCrossTrade",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "shares": 0x4142434445464748, "stock": b"ZVZZT", "cross_price": 0x61626364,
            "match_number": 0x7172737475767778, "cross_type": b"S",
        },
        "51 1112 2122 313233343536 4142434445464748 5a565a5a54202020 61626364 7172737475767778 "
        "53",
    ),
    (
        "ITCHBrokenTrade",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "match_number": 0x4142434445464748,
        },
        "42 1112 2122 313233343536 4142434445464748",
    ),
    (
        "ITCHNoii",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "paired_shares": 0x4142434445464748, "imbalance_shares": 0x5152535455565758,
            "imbalance_direction": b"Y", "stock": b"ZVZZT", "far_price": 0x81828384,
            "near_price": 0x91929394, "current_reference_price": 0xA1A2A3A4, "cross_type": b"P",
            "price_variation_indicator": b"A",
        },
        "49 1112 2122 313233343536 4142434445464748 5152535455565758 59 5a565a5a54202020 "
        "81828384 91929394 a1a2a3a4 50 41",
    ),
    (
        "ITCHRpii",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "stock": b"ZVZZT", "interest_flag": b"H",
        },
        "4e 1112 2122 313233343536 5a565a5a54202020 48",
    ),
    (
        "ITCHDirectListing",
        {
            "stock_locate": 0x1112, "tracking_number": 0x2122, "timestamp": 0x313233343536,
            "stock": b"ZVZZT", "open_eligibility_status": b"L",
            "minimum_allowable_price": 0x61626364, "maximum_allowable_price": 0x71727374,
            "near_execution_price": 0x81828384, "near_execution_time": 0x9192939495969798,
            "lower_price_range_collar": 0xA1A2A3A4, "upper_price_range_collar": 0xB1B2B3B4,
        },
        "4f 1112 2122 313233343536 5a565a5a54202020 4c 61626364 71727374 81828384 "
        "9192939495969798 a1a2a3a4 b1b2b3b4",
    ),
    (
        "OUCHEnterOrder",
        {
            "user_ref_num": 0x11121314, "side": b"O", "quantity": 0x31323334, "symbol": b"ZVZZT",
            "price": 0x5152535455565758, "time_in_force": b"R", "display": b"B", "capacity": b"S",
            "intermarket_sweep_eligibility": b"Y", "cross_type": b"N", "cl_ord_id": b"ORDER 1",
        },
        "4f 11121314 4f 31323334 5a565a5a54202020 5152535455565758 52 42 53 59 4e "
        "4f52444552203120202020202020 0000",
    ),
    (
        "OUCHReplaceOrder",
        {
            "orig_user_ref_num": 0x11121314, "user_ref_num": 0x21222324, "quantity": 0x31323334,
            "price": 0x4142434445464748, "time_in_force": b"A", "display": b"Q",
            "intermarket_sweep_eligibility": b"H", "cl_ord_id": b"ORDER 1",
        },
        "55 11121314 21222324 31323334 4142434445464748 41 51 48 4f52444552203120202020202020 "
        "0000",
    ),
    (
        "OUCHCancelOrder",
        {"user_ref_num": 0x11121314, "quantity": 0x21222324},
        "58 11121314 21222324",
    ),
    (
        "OUCHModifyOrder",
        {"user_ref_num": 0x11121314, "side": b"L", "quantity": 0x31323334},
        "4d 11121314 4c 31323334",
    ),
    (
        "OUCHMassCancel",
        {"user_ref_num": 0x11121314, "firm": b"NSDQ", "symbol": b"ZVZZT"},
        "43 11121314 4e534451 5a565a5a54202020 0000",
    ),
    (
        "OUCHDisableOrderEntry",
        {"user_ref_num": 0x11121314, "firm": b"NSDQ"},
        "44 11121314 4e534451 0000",
    ),
    (
        "OUCHEnableOrderEntry",
        {"user_ref_num": 0x11121314, "firm": b"NSDQ"},
        "45 11121314 4e534451 0000",
    ),
    (
        "OUCHAccountQuery",
        {},
        "51",
    ),
    (
        "OUCHSystemEvent",
        {"timestamp": 0x1112131415161718, "event_code": b"S"},
        "53 1112131415161718 53",
    ),
    (
        "OUCHOrderAccepted",
        {
            "timestamp": 0x1112131415161718, "user_ref_num": 0x21222324, "side": b"Y",
            "quantity": 0x41424344, "symbol": b"ZVZZT", "price": 0x6162636465666768,
            "time_in_force": b"P", "display": b"A", "order_reference_number": 0x9192939495969798,
            "capacity": b"Q", "intermarket_sweep_eligibility": b"H", "cross_type": b"T",
            "order_state": b"L", "cl_ord_id": b"ORDER 1",
        },
        "41 1112131415161718 21222324 59 41424344 5a565a5a54202020 6162636465666768 50 41 "
        "9192939495969798 51 48 54 4c 4f52444552203120202020202020 0000",
    ),
    (
        "OUCHOrderReplaced",
        {
            "timestamp": 0x1112131415161718, "orig_user_ref_num": 0x21222324,
            "user_ref_num": 0x31323334, "side": b"C", "quantity": 0x51525354, "symbol": b"ZVZZT",
            "price": 0x7172737475767778, "time_in_force": b"B", "display": b"S",
            "order_reference_number": 0xA1A2A3A4A5A6A7A8, "capacity": b"Y",
            "intermarket_sweep_eligibility": b"N", "cross_type": b"P", "order_state": b"A",
            "cl_ord_id": b"ORDER 1",
        },
        "55 1112131415161718 21222324 31323334 43 51525354 5a565a5a54202020 7172737475767778 42 "
        "53 a1a2a3a4a5a6a7a8 59 4e 50 41 4f52444552203120202020202020 0000",
    ),
    (
        "OUCHOrderCanceled",
        {
            "timestamp": 0x1112131415161718, "user_ref_num": 0x21222324, "quantity": 0x31323334,
            "reason": b"H",
        },
        "43 1112131415161718 21222324 31323334 48",
    ),
    (
        "OUCHAiqCanceled",
        {
            "timestamp": 0x1112131415161718, "user_ref_num": 0x21222324,
            "decrement_shares": 0x31323334, "reason": b"T",
            "quantity_prevented_from_trading": 0x51525354, "execution_price": 0x6162636465666768,
            "liquidity_flag": b"L", "aiq_strategy": b"O",
        },
        "44 1112131415161718 21222324 31323334 54 51525354 6162636465666768 4c 4f",
    ),
    (
        "OUCHOrderExecuted",
        {
            "timestamp": 0x1112131415161718, "user_ref_num": 0x21222324, "quantity": 0x31323334,
            "price": 0x4142434445464748, "liquidity_flag": b"C", "match_number": 0x6162636465666768,
        },
        "45 1112131415161718 21222324 31323334 4142434445464748 43 6162636465666768 0000",
    ),
    (
        "OUCHBrokenTrade",
        {
            "timestamp": 0x1112131415161718, "user_ref_num": 0x21222324,
            "match_number": 0x3132333435363738, "reason": b"R", "cl_ord_id": b"ORDER 1",
        },
        "42 1112131415161718 21222324 3132333435363738 52 4f52444552203120202020202020",
    ),
    (
        "OUCHRejected",
        {
            "timestamp": 0x1112131415161718, "user_ref_num": 0x21222324, "reason": 0x3132,
            "cl_ord_id": b"ORDER 1",
        },
        "4a 1112131415161718 21222324 3132 4f52444552203120202020202020",
    ),
    (
        "OUCHCancelPending",
        {"timestamp": 0x1112131415161718, "user_ref_num": 0x21222324},
        "50 1112131415161718 21222324",
    ),
    (
        "OUCHCancelReject",
        {"timestamp": 0x1112131415161718, "user_ref_num": 0x21222324},
        "49 1112131415161718 21222324",
    ),
    (
        "OUCHOrderPriorityUpdate",
        {
            "timestamp": 0x1112131415161718, "user_ref_num": 0x21222324,
            "price": 0x3132333435363738, "display": b"Y",
            "order_reference_number": 0x5152535455565758,
        },
        "54 1112131415161718 21222324 3132333435363738 59 5152535455565758",
    ),
    (
        "OUCHOrderModified",
        {
            "timestamp": 0x1112131415161718, "user_ref_num": 0x21222324, "side": b"N",
            "quantity": 0x41424344,
        },
        "4d 1112131415161718 21222324 4e 41424344",
    ),
    (
        "OUCHOrderRestated",
        {"timestamp": 0x1112131415161718, "user_ref_num": 0x21222324, "reason": b"P"},
        "52 1112131415161718 21222324 50 0000",
    ),
    (
        "OUCHMassCancelResponse",
        {
            "timestamp": 0x1112131415161718, "user_ref_num": 0x21222324, "firm": b"NSDQ",
            "symbol": b"ZVZZT",
        },
        "58 1112131415161718 21222324 4e534451 5a565a5a54202020 0000",
    ),
    (
        "OUCHDisableResponse",
        {"timestamp": 0x1112131415161718, "user_ref_num": 0x21222324, "firm": b"NSDQ"},
        "47 1112131415161718 21222324 4e534451 0000",
    ),
    (
        "OUCHEnableResponse",
        {"timestamp": 0x1112131415161718, "user_ref_num": 0x21222324, "firm": b"NSDQ"},
        "4b 1112131415161718 21222324 4e534451 0000",
    ),
    (
        "OUCHAccountQueryResponse",
        {"timestamp": 0x1112131415161718, "next_user_ref_num": 0x21222324},
        "51 1112131415161718 21222324",
    ),
]  # fmt: skip
