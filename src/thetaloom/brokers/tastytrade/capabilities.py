"""What tastytrade can do, with the source of each fact."""

from thetaloom.ports.broker import BrokerCapabilities, BrokerNote

SDK = "source of the SDK tastytrade 13.2.3"
DOCS = "developer.tastytrade.com"
NOTES = (
    BrokerNote(
        topic="price sign",
        text="A price is positive on the wire, with an effect of Credit or Debit beside it.",
        source=SDK,
    ),
    BrokerNote(
        topic="symbols",
        text="A class of shares is BRK/B in requests, positions and the feed, its options have the root BRKB. Here both"
        " are BRKB.",
        source=f"README of the SDK tastytrade 13.2.3; {DOCS}, instruments and symbology",
    ),
    BrokerNote(
        topic="idempotency",
        text="There is none: the external identifier is echoed and not enforced, so a request without an answer is"
        " looked up in the books and never sent again by itself.",
        source=f"{DOCS}, guide on idempotency and retries",
    ),
    BrokerNote(
        topic="replace",
        text="Cancel-replace gives a new id. A fill of the order in the meantime ends the replacement.",
        source=f"{DOCS}, order management",
    ),
    BrokerNote(
        topic="fills",
        text="An order of several legs is called Filled when its first leg is processed. Thetaloom counts the fills of"
        " the legs and reads the order again until all are there.",
        source=f"{DOCS}, account streamer",
    ),
    BrokerNote(
        topic="closing orders",
        text="An order that closes what is not held any more is turned into one that opens, with a warning alone,"
        " unless it asks for strict validation. Each order of ours that closes asks for it, and is refused instead;"
        " exits that an entry brings with it cannot, because nothing is held when they are placed.",
        source=f"{DOCS}, orders; {SDK}; tastyware/tastytrade#178",
    ),
    BrokerNote(
        topic="stops",
        text="A stop at the market is for one leg. A stop of several legs has a limit too, and may not fill beyond it.",
        source="tastytrade help centre, stop orders on options spreads",
    ),
    BrokerNote(
        topic="deliveries",
        text="The shares of an assignment or exercise are told as bought or sold, beside the contracts that end at the"
        " same instant. Thetaloom pairs them by strike and count; shares wait ten minutes for their contracts.",
        source=f"{DOCS}, transactions; recorded transactions of an account",
    ),
    BrokerNote(
        topic="transactions",
        text="The history names an execution by another id than its order does. A trade is written under the order's"
        " ids once they add up to it, and waits until then, so that nothing counts twice.",
        source=SDK,
    ),
    BrokerNote(
        topic="fees",
        text="A fill tells no fees. The estimate of the dry run is spread over the contracts; transactions are exact.",
        source=SDK,
    ),
    BrokerNote(
        topic="width",
        text="An order that would pay more than a spread is wide is refused, so a closing limit never goes beyond it.",
        source="field reports on closing orders",
    ),
    BrokerNote(
        topic="busts",
        text="A transaction that takes back another one names it as reverses-id; whatever side it tells, it is taken"
        " for the opposite of that one. The next trade of the same order and contract stands in its place.",
        source=SDK,
    ),
    BrokerNote(
        topic="token",
        text="A token lives 15 minutes; it is renewed after 10. Requests without a User-Agent of the form"
        " product/version are refused.",
        source=f"{DOCS}, authentication",
    ),
    BrokerNote(
        topic="rate limit",
        text="No quota is published. Status 429 carries no time to wait.",
        source=f"{DOCS}, guide on rate limits",
    ),
    BrokerNote(
        topic="proxy",
        text="Requests and quotes go through the proxy of HTTPS_PROXY; the account streamer and the candles, which the"
        " SDK opens, through that of ALL_PROXY alone. Behind a proxy set both; NO_PROXY excepts hosts.",
        source="source of httpx2 and of websockets",
    ),
    BrokerNote(
        topic="paper account",
        text="The test site is reset every day, its quotes are 15 minutes late, and it has no market metrics.",
        source=f"{DOCS}, sandbox",
    ),
    BrokerNote(
        topic="live account",
        text="Live is what is neither on the test site nor a test-drive account, by what the session says.",
        source=SDK,
    ),
)

CAPABILITIES = BrokerCapabilities(
    legs_max=4,
    gtc=True,
    replace=True,
    native_oco=True,
    native_otoco=True,
    absence_seconds=30,
    orders_per_second=2,
    cancels_per_second=20,  # no quota is published; 429 is answered by asking again
    exact_books=False,
    legs_min=1,
    market_orders=True,
    keeps_id_on_replace=False,
    replace_keeps_place=False,
    reports_by_leg=True,
    refuses_known_ids=False,
    client_order_id_length_max=64,
    preview=True,
    notes=NOTES,
)
