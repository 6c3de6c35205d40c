"""What Alpaca can do, and every word of its that we act on, each in one table."""

from thetaloom.domain.book.orders import OrderStatus as S
from thetaloom.domain.book.reports import ReportKind
from thetaloom.domain.book.transactions import TransactionKind as T
from thetaloom.ports.broker import BrokerCapabilities, BrokerNote

LEGS_MAX = 4
CLIENT_ORDER_ID_LENGTH_MAX = 128
RATIO_MAX = 100
CUT_OFF_MINUTES = 30  # before the close of a contract's last session: 15:30, on half-days 12:30
_SPEC = "Alpaca trading API specification 2.0.1"

# A word that is not here may be of a live order, and is taken as WORKING.
STATUSES: dict[str, S] = {
    "new": S.WORKING,
    "partially_filled": S.WORKING,
    "filled": S.FILLED,
    "done_for_day": S.WORKING,  # "expired" follows
    "canceled": S.CANCELED,
    "expired": S.EXPIRED,
    "replaced": S.CANCELED,  # the one that replaced it goes on; see ``replaced_by``
    "pending_cancel": S.WORKING,
    "pending_replace": S.WORKING,
    "accepted": S.WORKING,
    "pending_new": S.WORKING,
    "accepted_for_bidding": S.WORKING,
    "stopped": S.WORKING,  # a fill is guaranteed, and has not come
    "rejected": S.REJECTED,
    "suspended": S.WORKING,
    "calculated": S.WORKING,  # its settlement is being worked out; another word follows
    "held": S.WORKING,
}
ENDS: dict[S, ReportKind] = {
    S.CANCELED: ReportKind.CANCELED,
    S.EXPIRED: ReportKind.EXPIRED,
    S.REJECTED: ReportKind.REJECTED,
}
# Only these events say what their order does not say by its status.
REFUSED_EVENTS: dict[str, ReportKind] = {
    "order_replace_rejected": ReportKind.REPLACE_REFUSED,
    "order_cancel_rejected": ReportKind.CANCEL_REFUSED,
}

ACTIVITIES: dict[str, T] = {
    "FILL": T.TRADE,
    "OPTRD": T.EXERCISE,  # the shares of an exercise or an assignment; its sibling says of which
    "OPASN": T.ASSIGNMENT,
    "OPEXC": T.EXERCISE,
    "OPEXP": T.EXPIRATION,
    "OPCSH": T.CASH_SETTLEMENT,
    "OPCA": T.TRANSFER,
    "DIV": T.DIVIDEND,
    "DIVCGL": T.DIVIDEND,
    "DIVCGS": T.DIVIDEND,
    "DIVFEE": T.FEE,
    "DIVFT": T.DIVIDEND,
    "DIVNRA": T.DIVIDEND,
    "DIVROC": T.DIVIDEND,
    "DIVTW": T.DIVIDEND,
    "DIVTXEX": T.DIVIDEND,
    "CGD": T.DIVIDEND,
    "INT": T.INTEREST,
    "INTNRA": T.INTEREST,
    "INTTW": T.INTEREST,
    "FEE": T.FEE,
    "CFEE": T.FEE,
    "PTC": T.FEE,
    "PTR": T.FEE,
    "CSD": T.TRANSFER,
    "CSW": T.TRANSFER,
    "TRANS": T.TRANSFER,
    "JNL": T.TRANSFER,
    "JNLC": T.TRANSFER,
    "JNLS": T.TRANSFER,
    "ACATC": T.TRANSFER,
    "ACATS": T.TRANSFER,
    "FOPT": T.TRANSFER,
    "MA": T.TRANSFER,
    "NC": T.TRANSFER,
    "REORG": T.TRANSFER,
    "SPIN": T.TRANSFER,
    "SPLIT": T.TRANSFER,
    "MISC": T.TRANSFER,
}

NOTES = (
    BrokerNote(
        topic="price sign",
        text="The limit of several legs is positive for a debit and negative for a credit; of one leg it has no sign.",
        source=f"{_SPEC}, limit_price of POST /v2/orders",
    ),
    BrokerNote(
        topic="legs",
        text="Two to four legs of different contracts, in ratios without a common divisor; one leg goes as a simple "
        "order. Market and limit orders only.",
        source=f"{_SPEC}, POST /v2/orders; alpaca-py 0.44, trading/requests.py",
    ),
    BrokerNote(
        topic="time in force",
        text="Options work for the day only. What we mean to rest for longer is sent for the day, ends with it, and is "
        "placed again at the next review. Alpaca has also ignored a child order's time in force.",
        source=f"{_SPEC}, TimeInForce; Alpaca-API#283",
    ),
    BrokerNote(
        topic="cut-off",
        text="From 15:30 in New York (half an hour before an early close) nothing is opened in contracts that expire "
        "that day; Alpaca itself stops at 15:15 but for broad ETFs such as SPY. What closes is sent, and may be "
        "refused. Alpaca closes such positions by itself, one leg alone among them: at 15:30, broad ETFs at 15:45, and "
        "from 15:00 on what the account could not pay for. An exit on the last day belongs before 15:00. Outside of "
        "the session nothing is sent, since Alpaca would keep it for the next day.",
        source="Alpaca's options documentation and support pages on cut-off times; alpaca-py#774",
    ),
    BrokerNote(
        topic="symbols",
        text="A class of shares is BRK.B, its options have the root BRKB. Here both are BRKB. That chains and listed "
        "contracts are asked for under BRK.B follows from the specification, which shows none.",
        source=f"{_SPEC}, underlying_symbols and root_symbol of /v2/options/contracts",
    ),
    BrokerNote(
        topic="replace",
        text="A replacement is a new order with a new id. It takes over the whole first quantity, filled parts "
        "included, so we name what is left. A replacement of closing orders may be refused for want of quantity.",
        source=f"{_SPEC}, PATCH /v2/orders/{{order_id}}; Alpaca-API#165 and #282",
    ),
    BrokerNote(
        topic="replace race",
        text="What fills between our look and the replacement is not taken off the replacement's quantity. The old "
        "order is read again after each replacement of a partly filled one, and a replacement that has become too "
        "large is taken back; between the two it may fill too much, which is told as a contradiction.",
        source=f"{_SPEC}, qty of PATCH /v2/orders/{{order_id}}; Alpaca-API#165",
    ),
    BrokerNote(
        topic="unknown outcome",
        text="An error, 504 among them, may come though the order was taken. The SDK sends again after 429 and 504; "
        "that is switched off.",
        source="Alpaca-API#270; alpaca-py 0.44, common/rest.py",
    ),
    BrokerNote(
        topic="legs of an order",
        text="An order may be told without its legs, as by our id, and a leg by itself; both are looked up by the id "
        "of the whole order.",
        source=f"{_SPEC}, legs of an order and nested of GET /v2/orders",
    ),
    BrokerNote(
        topic="adjusted contracts",
        text="What is listed with another multiplier or size than 100, or may not be traded, is in no chain. Alpaca "
        "lets adjusted contracts be closed only.",
        source=f"{_SPEC}, /v2/options/contracts; Alpaca's support pages",
    ),
    BrokerNote(
        topic="trade updates",
        text="Messages of orders with several legs carry empty words that the SDK's models refuse, which ended its "
        "stream; they are read raw. Executions are read from the activities, where each has an id.",
        source="alpaca-py#557 and #630",
    ),
    BrokerNote(
        topic="busts",
        text="A bust or a correction looks like a fill of its order and is told apart by its kind of execution; it "
        "names the execution that it takes back.",
        source=f"{_SPEC}, execution_type and previous_id of activities",
    ),
    BrokerNote(
        topic="rate limit",
        text="200 requests a minute of orders and books, and as many of market data, counted apart and each page for "
        "itself. 429 says by Retry-After when to come again.",
        source="Alpaca's documentation of usage limits",
    ),
    BrokerNote(
        topic="fees",
        text="Fees are no part of a fill: they are booked by themselves, as activities of the kind FEE, mostly the "
        "day after.",
        source=f"{_SPEC}, /v2/account/activities",
    ),
    BrokerNote(
        topic="quotes",
        text="The free feed, indicative, is 15 minutes late and made from trades; quotes carry their own time, so "
        "limits of age refuse them for live decisions. Real quotes need the feed opra.",
        source="Alpaca market data specification, option_feed",
    ),
    BrokerNote(
        topic="live or paper",
        text="The address decides, because it takes only the keys of its own kind; at another address the key (PK "
        "paper, AK live) and the account's number (PA paper, digits live) do. What says nothing counts as live.",
        source="Alpaca's documentation of paper trading; seen in account examples of the specification",
    ),
    BrokerNote(
        topic="paper account",
        text="Fills are simulated from quotes without regard to size, and sometimes in parts of no meaning; no fees, "
        "no dividends.",
        source="Alpaca's documentation of paper trading",
    ),
    BrokerNote(topic="preview", text="There is no dry run; only our own checks can refuse beforehand.", source=_SPEC),
)

CAPABILITIES = BrokerCapabilities(
    legs_max=LEGS_MAX,
    gtc=False,
    replace=True,
    native_oco=False,
    absence_seconds=60,
    orders_per_second=2,
    cancels_per_second=50,  # at once, out of the 200 of a minute; the session keeps to those
    legs_min=2,
    ratio_max=RATIO_MAX,
    market_orders=True,
    keeps_id_on_replace=False,
    replace_keeps_place=False,
    reports_by_leg=True,
    native_otoco=False,
    refuses_known_ids=True,
    client_order_id_length_max=CLIENT_ORDER_ID_LENGTH_MAX,
    preview=False,
    notes=NOTES,
)
