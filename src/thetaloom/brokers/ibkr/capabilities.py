"""What Interactive Brokers can do through TWS, and what a person should know of it."""

from thetaloom.ports.broker import BrokerCapabilities, BrokerNote

LEGS_MAX = 4
WORKING_MAX = 20

NOTES = (
    BrokerNote(
        topic="price sign",
        text="A structure is bought as a combination at the price that we pay: a net credit has a negative price."
        " A single option has a positive price on either side.",
        source="IBKR, Notes on Combination Orders (quoted in wboayue/rust-ibapi#338); QuantConnect/Lean#9287",
    ),
    BrokerNote(
        topic="symbols",
        text="A class of shares is BRK B, its options have that symbol and the trading class BRKB; BRKB and BRK.B are"
        " unknown to TWS. Here all are BRKB.",
        source="Lean.Brokerages.InteractiveBrokers#85",
    ),
    BrokerNote(
        topic="expiration",
        text="TWS dates an option by its last day of trading: an AM-settled one (SPX, NDX, RUT, VIX) by the session"
        " before the one that settles it. It is searched by that day, and its own day is read from its OCC symbol.",
        source="erdewit/ib_insync, option_chain.ipynb; QuantConnect/Lean.Brokerages.InteractiveBrokers, its tests",
    ),
    BrokerNote(
        topic="legs",
        text="Combinations of up to four options of one underlying, guaranteed, at one net price, routed by SMART.",
        source="reference/field.md 6.11",
    ),
    BrokerNote(
        topic="order ids",
        text="An order id counts within one client id and is never used again; the book of the account keeps the last"
        " one over restarts. The permanent id of TWS is the broker's order id, our own id its order reference. What"
        " went out under another client id, and what TWS no longer has, is not changed: TWS would take it for a new"
        " order.",
        source="Lean.Brokerages.InteractiveBrokers#242, erdewit/ib_insync#130, ib-api-reloaded/ib_async#66",
    ),
    BrokerNote(
        topic="idempotency",
        text="TWS does not refuse an order reference it has seen; an id of ours that went out is not sent again because"
        " our own book says so.",
        source="ib_async 2.1.0, client.placeOrder",
    ),
    BrokerNote(
        topic="executions",
        text="Executions come leg by leg, in any order, before or after the order's status, with commissions later. A"
        " corrected execution ends in .02 and takes the place of the first one; the summary of a combination is none.",
        source="erdewit/ib_insync#36, QuantConnect/Lean.Brokerages.InteractiveBrokers#249",
    ),
    BrokerNote(
        topic="busts",
        text="TWS has no word for a trade that was busted. It is told as such where the position has changed by just"
        " the executions of today that TWS lists no longer; what does not fit is a difference for a person.",
        source="TWS API: execDetails and reqExecutions tell trades that stand",
    ),
    BrokerNote(
        topic="status",
        text="Errors other than 201 and 202 do not end an order that works, whatever the SDK says of it. Inactive is"
        " over, unless TWS says why it holds the order, and only once the list of orders says so too.",
        source="ib-api-reloaded/ib_async#191, nautechsystems/nautilus_trader#3603",
    ),
    BrokerNote(
        topic="assignment",
        text="Exercise, assignment and expiration are not told through the socket. They are read off positions and cash"
        " where only one explanation fits; what does not fit shows up as drift.",
        source="TWS API: execDetails tells trades only",
    ),
    BrokerNote(
        topic="live account",
        text="The number of the account is what TWS says of it: paper accounts begin with D (DU, DF, DI).",
        source="ib_async 2.1.0, managedAccounts",
    ),
    BrokerNote(
        topic="currency",
        text="Balances come in the base currency of the account, and here all money is in dollars: an account of"
        " another base currency is refused with that reason.",
        source="TWS API: reqAccountSummary",
    ),
    BrokerNote(
        topic="rate limit",
        text="50 messages a second, after which TWS hangs up: reads wait, orders do not. 20 working orders a contract"
        " and side.",
        source="reference/field.md 6.11",
    ),
    BrokerNote(
        topic="maintenance",
        text="TWS and the gateway restart once a day; around IBKR's own restart (23:45 to 00:45 in New York) no order"
        " is sent. The login lasts a week at most and needs the second factor.",
        source="QuantConnect/Lean.Brokerages.InteractiveBrokers#242",
    ),
    BrokerNote(
        topic="market data",
        text="100 quotes at a time unless more lines were bought: a whole SPX chain is far beyond them. The chain is"
        " listed near the money once a day and swept over the lines that are left, again a minute after the last sweep"
        " while somebody asks; a run waits for the end of it. A sweep takes two messages for each contract, 40 a"
        " second: some two and a half minutes for 3,000. Set chain_days and chain_percent to what your strategies"
        " need, or put another source before it in market_sources. Legs of orders and proposals are lent a"
        " line for a minute.",
        source="TWS API: market data lines; erdewit/ib_insync#547",
    ),
    BrokerNote(
        topic="symbol search",
        text="TWS finds up to 16 contracts by the beginning of a symbol or words of a name; shares and indices with"
        " options in dollars are looked up and kept with their contract ids.",
        source="TWS API: reqMatchingSymbols",
    ),
    BrokerNote(
        topic="paper account",
        text="A paper account simulates fills from the top of the book and has the market data of the live one only if"
        " it is shared with it.",
        source="TWS API: paper trading",
    ),
)

CAPABILITIES = BrokerCapabilities(
    legs_max=LEGS_MAX,
    gtc=True,
    replace=True,
    native_oco=False,
    absence_seconds=30,
    orders_per_second=10,
    cancels_per_second=40,
    keeps_id_on_replace=True,
    replace_keeps_place=True,
    reports_by_leg=True,
    refuses_known_ids=False,
    client_order_id_length_max=40,
    preview=True,
    working_orders_max=WORKING_MAX,
    notes=NOTES,
)
