"""Every reason for a no, and the verdict that carries it.

Each member's text is its page in the dictionary: what it means and what the reader can do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from thetaloom.errors import InvalidInput


class Reason(StrEnum):
    """Why something was refused, skipped or ended. The code is API; the text is documentation."""

    text: str

    def __new__(cls, code: str, text: str) -> "Reason":
        member = str.__new__(cls, code)
        member._value_ = code
        member.text = text
        return member

    @classmethod
    def of(cls, code: str) -> "Reason":
        """Return the reason with this code. Raises ``ValueError`` when there is none."""
        return cls(code)  # type: ignore[call-arg]  # mypy reads __new__, not the enum's look-up by value

    # before there is a candidate
    STRATEGY_INACTIVE = "strategy_inactive", "The strategy is switched off. Switch it on or name another."
    STRATEGY_NOT_FOUND = "strategy_not_found", "No strategy has this id. `thetaloom strategy list` shows them."
    UNKNOWN_SYMBOL = "unknown_symbol", "The market data source does not know this symbol. Check the spelling."
    MARKET_CLOSED = "market_closed", "The exchange is closed at this instant. Start again when it is open."
    TOO_LATE_IN_SESSION = "too_late_in_session", "Too few minutes remain before the close to open a position."
    HALTED = "halted", "New risk is halted. `thetaloom resume` lifts the halt; exits go on meanwhile."
    DUPLICATE_RUN = "duplicate_run", "Enough runs of this strategy and symbol are already open."
    NO_MARKET_DATA = "no_market_data", "The source gave no data for this symbol at this instant."
    EMPTY_CHAIN = "empty_chain", "The option chain holds no contract."
    STALE_MARKET_DATA = "stale_market_data", "The newest data is older than the limit for a decision."
    NO_SPOT = "no_spot", "The price of the underlying is unknown."
    INDICATOR_UNKNOWN = "indicator_unknown", "An entry condition needs a number that is not known."
    CONDITION_NOT_MET = "condition_not_met", "An entry condition of the strategy is not met."
    # starting by itself
    MISSED_RUN = "missed_run", "The due time of a schedule passed while nobody was there, or too late to start."
    OVERLAPPING = "overlapping", "The firing before still looked for its entry, and the schedule does not overlap."
    QUEUE_FULL = "queue_full", "As many firings of the schedule waited for their turn as may."
    WINDOW_PASSED = "window_passed", "The schedule's window or hours were over when the firing's turn came."
    NO_ACCOUNT = "no_account", "You work on books of your own, and no trading account belongs to them."
    NO_ACTIVE_ACCOUNT = "no_active_account", "The broker does not answer, or the account is not that of the user."
    TRADE_EXISTS_TODAY = "trade_exists_today", "The account has an entry today; the daily cycle makes one at most."
    UNSUITABLE_MARKET_CONDITIONS = (
        "unsuitable_market_conditions",
        "The strategy's own rules say no to the market as it is.",
    )
    RISK_VALIDATION_FAILED = "risk_validation_failed", "A limit of the account refused the trade of the daily cycle."
    DRY_RUN_MODE = "dry_run_mode", "The schedule only decides and records; switch `dry_run` off to let it trade."
    STALE_PRICES = "stale_prices", "Prices were older than 30 seconds at each of three looks."
    NO_CREDIT = "no_credit", "The structure brought no credit at any of three looks."
    ENTRY_FAILED = "entry_failed", "The run of the daily cycle ended without an order at the broker."
    # judging the market for a strategy
    SCORE_TOO_LOW = "score_too_low", "The market's score for the strategy is below its minimum."
    HISTORY_TOO_SHORT = (
        "history_too_short",
        "There are fewer daily bars than the strategy asks for. The setting `history_files` adds bars.",
    )
    EARNINGS_NEAR = "earnings_near", "Earnings are due within the strategy's window. Wait until they are out."
    EARNINGS_UNKNOWN = (
        "earnings_unknown",
        "The date of the next earnings is not known. The setting `events_file` supplies it.",
    )
    EX_DIVIDEND_NEAR = (
        "ex_dividend_near",
        "The share goes ex-dividend soon, and a short American option may be exercised for it.",
    )
    EX_DIVIDEND_UNKNOWN = (
        "ex_dividend_unknown",
        "The next ex-dividend date is not known. The setting `events_file` supplies it.",
    )
    RANGE_BOUND = (
        "range_bound",
        "The last three closes lie too close together: positions would pile up at the same strikes.",
    )
    BLOCKED_BY_METRIC = "blocked_by_metric", "A number of the market bars an entry by a hard stop of the strategy."
    # selecting legs
    NO_EXPIRATION = "no_expiration", "No listed expiration lies within the strategy's DTE window."
    NO_STRIKE = "no_strike", "No listed strike fits the leg's selection rule."
    NO_QUOTE = "no_quote", "A leg has no quote, so nothing can be said of its price."
    ONE_SIDED_QUOTE = "one_sided_quote", "A leg has an ask but no bid, so it cannot be sold."
    CROSSED_QUOTE = "crossed_quote", "A leg's bid is above its ask; such a quote cannot be right."
    STALE_QUOTE = "stale_quote", "A leg's quote is older than the limit."
    INVALID_QUOTE = "invalid_quote", "A leg's quote has a negative or impossible number."
    SELECTION_TOO_FAR = "selection_too_far", "The nearest listed strike misses the wished one by more than allowed."
    ADJUSTED_CONTRACT = "adjusted_contract", "The contract was adjusted; what it delivers is not 100 plain shares."
    LEGS_COINCIDE = "legs_coincide", "Two legs ended on the same contract. Widen the distance between their rules."
    SELECTION_UNKNOWN = "selection_unknown", "A leg's selection rule needs a number that is not known."
    SHARES_MISSING = "shares_missing", "The account does not hold the shares that the strategy needs."
    # judging a candidate
    BID_ASK_TOO_WIDE = "bid_ask_too_wide", "A leg's bid-ask width is above the limit: to trade it costs too much."
    OPEN_INTEREST_TOO_LOW = "open_interest_too_low", "A leg has less open interest than the limit."
    VOLUME_TOO_LOW = "volume_too_low", "A leg has traded less today than the limit."
    CREDIT_TOO_LOW = "credit_too_low", "The net credit at mid is below the strategy's minimum."
    DEBIT_TOO_HIGH = "debit_too_high", "The net debit at mid is above the strategy's maximum."
    CREDIT_TO_WIDTH_TOO_LOW = "credit_to_width_too_low", "The credit is too small a part of the width at risk."
    NOT_A_CREDIT = "not_a_credit", "The structure should bring a credit but the quotes give none."
    POP_TOO_LOW = "pop_too_low", "The probability of profit is below the strategy's minimum."
    NO_MAX_LOSS = "no_max_loss", "The loss is unlimited and the strategy does not allow undefined risk."
    IMPLAUSIBLE_PRICE = (
        "implausible_price",
        "At these prices no outcome would lose, so the quotes do not belong together. Wait for better ones.",
    )
    EARLY_EXERCISE = (
        "early_exercise",
        "A box of American options is none once a leg is exercised early. Take an index of European style.",
    )
    UNDERLYING_PRICE_TOO_LOW = "underlying_price_too_low", "The underlying costs less than the strategy's minimum."
    STRIKE_QUALITY_TOO_LOW = (
        "strike_quality_too_low",
        "The weakest leg trades too thinly or too wide for the strategy's minimum.",
    )
    # risk
    ACCOUNT_UNKNOWN = "account_unknown", "The account's balances are unknown, so nothing can be sized."
    QUANTITY_ZERO = "quantity_zero", "The sizing rule allows not even one structure."
    MAX_LOSS_PER_TRADE = "max_loss_per_trade", "The trade could lose more than the limit per trade."
    MAX_QUANTITY = "max_quantity", "More structures than the limit per order."
    BUYING_POWER = "buying_power", "The account lacks the buying power. It needs a deposit or a smaller trade."
    NOT_PERMITTED = (
        "not_permitted",
        "An account of this kind may not hold this. Cover the short options or use a margin account.",
    )
    BUYING_POWER_RESERVE = "buying_power_reserve", "After the trade less buying power would remain than the reserve."
    MAX_POSITIONS = "max_positions", "The account already holds as many positions as the limit allows."
    MAX_POSITIONS_PER_SYMBOL = "max_positions_per_symbol", "The symbol already has as many positions as allowed."
    MAX_ALLOCATION = "max_allocation", "More of the account would be at risk than the allocation limit."
    MAX_TRADES_PER_DAY = "max_trades_per_day", "As many positions as the daily limit were opened today."
    MAX_LOSS_PER_DAY = "max_loss_per_day", "Today's realized loss has reached the limit; new risk waits for tomorrow."
    MAX_DELTA = "max_delta", "The portfolio's share-equivalent delta would leave its band."
    # further limits of the account
    MAX_LOSS_PER_TRADE_DOLLARS = "max_loss_per_trade_dollars", "The trade could lose more dollars than the limit."
    MAX_PREMIUM = "max_premium", "The net credit or debit of one structure is above the account's limit."
    MIN_PREMIUM = "min_premium", "The net credit or debit of one structure is below the account's limit."
    MAX_BID_ASK_PERCENT = (
        "max_bid_ask_percent",
        "A leg's bid-ask spread is too wide for its mid, by the account's limit.",
    )
    MAX_BID_ASK_WIDTH = "max_bid_ask_width", "A leg's bid-ask spread is wider than the account's limit."
    MIN_OPEN_INTEREST = "min_open_interest", "A leg has less open interest than the account's limit."
    MIN_VOLUME = "min_volume", "A leg has traded less today than the account's limit."
    MAX_QUOTE_AGE = "max_quote_age", "A leg's quote is older than the account's limit for a decision."
    MAX_ENTRY_QUOTE_AGE = "max_entry_quote_age", "A leg's quote is too old to stage an order on."
    MAX_APPROVAL_AGE = "max_approval_age", "The approval is too old to become an order. Start again."
    MAX_ENTRIES_PER_SYMBOL = "max_entries_per_symbol", "The symbol was entered as often today as the limit allows."
    MAX_POSITIONS_PER_STRATEGY = "max_positions_per_strategy", "The strategy has as many positions as allowed."
    MAX_RISK_PER_SYMBOL = "max_risk_per_symbol", "Too much of the account would be at risk on this symbol."
    MAX_RISK_PER_SECTOR = "max_risk_per_sector", "Too much of the account would be at risk in this sector."
    MAX_RISK_IN_EQUITIES = "max_risk_in_equities", "Too much of the account would be at risk on single stocks."
    MAX_RISK_PER_STRATEGY = "max_risk_per_strategy", "Too much of the account would be at risk by this strategy."
    MAX_RISK_PER_EXPIRATION = "max_risk_per_expiration", "Too much of the account would be at risk on one expiration."
    MAX_BUYING_POWER_USE = "max_buying_power_use", "More buying power would be tied up than the limit allows."
    RISK_PROFILE = "risk_profile", "The risk profile in force; it denies by the limits that it sets."
    TOLERANCE = "tolerance", "The trade does not fit into what is left of the risk budget."
    STRESSED_TOLERANCE = "stressed_tolerance", "The trade does not fit into the risk budget of a stressed market."
    BUDGET_WARNING_MEDIUM = "budget_warning_medium", "The trade takes the use of the risk budget above its first mark."
    BUDGET_WARNING_HIGH = (
        "budget_warning_high",
        "So much of the risk budget would be in use that a person must approve.",
    )
    MAX_LOSS_PER_WEEK = "max_loss_per_week", "This week's realized loss has reached the limit; new risk waits."
    MAX_LOSS_TOTAL = "max_loss_total", "The account's realized loss has reached the limit. A person must raise it."
    MAX_LOSSES_IN_A_ROW = "max_losses_in_a_row", "Too many losses in a row; new risk waits for the next session."
    SYMBOL_COOL_DOWN = "symbol_cool_down", "A position on the symbol closed at a loss just now; the symbol waits."
    MAX_BETA_DELTA = "max_beta_delta", "The portfolio's beta-weighted delta would leave its band."
    MAX_GAMMA = "max_gamma", "The portfolio's gamma would leave its band."
    MAX_THETA = "max_theta", "The portfolio's theta would leave its band."
    MAX_VEGA = "max_vega", "The portfolio's vega would leave its band."
    VIX_BLOCK = "vix_block", "The VIX is above the limit; nothing new is opened."
    VIX_HALVING = "vix_halving", "The VIX is so high that a trade may lose only half of the usual."
    TOO_SOON_AFTER_OPEN = "too_soon_after_open", "The session opened too few minutes ago for the account's limit."
    TOO_NEAR_THE_CLOSE = "too_near_the_close", "The session closes in too few minutes for the account's limit."
    # runaway
    MAX_ORDERS_PER_SECOND = "max_orders_per_second", "More orders were to be sent within a second than allowed."
    MAX_ORDERS_PER_MINUTE = "max_orders_per_minute", "More orders were to be sent within a minute than allowed."
    MAX_ORDERS_PER_HOUR = "max_orders_per_hour", "More orders were to be sent within an hour than allowed."
    MAX_ORDERS_PER_SESSION = "max_orders_per_session", "More orders were to be sent in the session than allowed."
    MAX_CONTRACTS_PER_MINUTE = (
        "max_contracts_per_minute",
        "More contracts were to be sent within a minute than allowed.",
    )
    MAX_CONTRACTS_PER_HOUR = "max_contracts_per_hour", "More contracts were to be sent within an hour than allowed."
    MAX_CONTRACTS_PER_SESSION = (
        "max_contracts_per_session",
        "More contracts were to be sent in the session than allowed.",
    )
    MAX_CONTRACTS_PER_SYMBOL = (
        "max_contracts_per_symbol",
        "More contracts on the symbol were to be sent in the session than allowed.",
    )
    MAX_NOTIONAL_PER_SESSION = (
        "max_notional_per_session",
        "More dollars of contracts were to be sent in the session than allowed.",
    )
    MAX_REPLACES_PER_ORDER = "max_replaces_per_order", "The limit price of one order was to be moved too often."
    # sizing
    VIX_UNKNOWN = "vix_unknown", "The sizing rule scales with the VIX, and the VIX is not known."
    IV_UNKNOWN = "iv_unknown", "The sizing rule scales with implied volatility, and that is not known."
    BUDGET_UNKNOWN = "budget_unknown", "The sizing rule needs a risk budget: none is set, or the account is not known."
    # approval
    APPROVAL_REJECTED = "approval_rejected", "A person rejected the proposal."
    APPROVAL_EXPIRED = "approval_expired", "Nobody decided before the proposal expired."
    APPROVAL_ALREADY_DECIDED = "approval_already_decided", "The proposal was decided before; the first answer stands."
    APPROVAL_CONTENT_CHANGED = "approval_content_changed", "What was approved is not what is stored now."
    APPROVAL_AUTOMATIC = "approval_automatic", "Approved by the rule in the strategy, not by a person."
    PROPOSAL_SUPERSEDED = "proposal_superseded", "Another version took the proposal's place; decide on that one."
    CREDIT_OUT_OF_RANGE = "credit_out_of_range", "The limit lies outside of what the quotes of this moment can bring."
    CREDIT_OFF_TICK = "credit_off_tick", "No order can stand at this limit: the price moves in larger steps."
    QUANTITY_TOO_LARGE = "quantity_too_large", "Size and limits of the account allow fewer structures than asked for."
    CONFIRMATION_NEEDED = (
        "confirmation_needed",
        "The new version brings a warning that was not shown. Look at it first.",
    )
    PRICE_MOVED = "price_moved", "The price left the band that was approved; a new proposal is needed."
    # orders
    ORDER_TIMED_OUT = "order_timed_out", "The order found no fill within its time and was canceled."
    ORDER_LOST = "order_lost", "The order never arrived at the broker, whose books do not have it."
    ORDER_REJECTED = "order_rejected", "The broker refused the order; its message is kept with the order."
    ORDER_CANCELED = "order_canceled", "The order was canceled by a person."
    ORDER_EXPIRED = "order_expired", "The order expired at the end of the trading session."
    # what the broker refused, and what is in doubt
    INSUFFICIENT_BUYING_POWER = (
        "insufficient_buying_power",
        "The broker says that the account lacks the buying power. Deposit money, close something, or trade smaller.",
    )
    DRY_RUN_REFUSED = (
        "dry_run_refused",
        "The broker's dry run says that it would not take the order. Its message is beside this reason.",
    )
    STRIKE_GONE = "strike_gone", "A contract of the order is not listed any more; the run selects and evaluates anew."
    BAD_PRICE = "bad_price", "The broker took neither the limit nor the next valid price."
    TOO_MANY_LEGS = "too_many_legs", "The broker takes fewer legs in one order. Use a structure with fewer legs."
    QUANTITY_CONFLICT = (
        "quantity_conflict",
        "The broker says that less is held than the order would trade. `thetaloom reconcile` compares the books.",
    )
    BROKER_ERROR = "broker_error", "The broker failed while it took the order; nothing is sent again by itself."
    WAITING_FOR_OPEN = "waiting_for_open", "Everything was approved; the order waits for the open and is checked anew."
    TARGET_WITHDRAWN = "target_withdrawn", "The target's order made way for another exit."
    TARGETS_REPLACED = "targets_replaced", "A person asked for targets by the strategy as it is now."
    MORE_THAN_HELD = "more_than_held", "The order would have closed more than is held."
    WOULD_CLOSE_ANOTHER = (
        "would_close_another",
        "A leg would cancel against the other side that another position holds or is opening in this account. "
        "Choose another strike or expiration, or close that position first.",
    )
    LEGS_UNWOUND = "legs_unwound", "Legs that stood alone were taken back."
    LEGS_ALONE = (
        "legs_alone",
        "Legs of a position on this symbol stand alone. Settle them first: `thetaloom position show` tells how.",
    )
    # live gates
    LIVE_ACCOUNT_IN_PAPER_MODE = (
        "live_account_in_paper_mode",
        "The broker's session is about real money, and the mode is paper. Use the paper account's credentials.",
    )
    LIVE_NOT_ALLOWED = "live_not_allowed", "Real money needs the second switch as well, the setting `allow_live`."
    ACCOUNT_NOT_LIVE = (
        "account_not_live",
        "No admin has allowed real money here: `thetaloom broker allow-live ACCOUNT`.",
    )
    SESSION_NOT_LIVE = "session_not_live", "The mode is live, and the broker's session is about no real money."
    SYNTHETIC_DATA = "synthetic_data", "The market data are made by a seed; what rests on them never reaches a broker."
    # exits and ends
    PROFIT_TARGET = "profit_target", "The profit reached the target."
    STOP_LOSS = "stop_loss", "The loss reached the stop."
    DTE_EXIT = "dte_exit", "The days to expiration fell to the exit rule's number."
    DAYS_HELD_EXIT = "days_held_exit", "The position was held for as many days as the rule allows."
    SESSION_END_EXIT = "session_end_exit", "The position's plan ends before the close of the trading session."
    DELTA_BREACH = "delta_breach", "A delta moved beyond the rule's number."
    UNDERLYING_LEVEL = "underlying_level", "The underlying crossed the rule's level."
    TRAILING_STOP = "trailing_stop", "As much of the highest profit was given back as the rule allows."
    CLOCK_EXIT = "clock_exit", "The exchange's clock reached the exit rule's time."
    SHORT_STRIKE_BREACH = "short_strike_breach", "The underlying moved beyond a short strike."
    THETA_EXIT = "theta_exit", "A day costs as large a share of the position's value as the rule allows."
    IV_CRUSH = "iv_crush", "Implied volatility fell since entry by as much as the rule allows."
    ATR_STOP = "atr_stop", "The underlying moved against the position by the rule's average true ranges."
    GAMMA_FLIP = "gamma_flip", "Dealers' gamma turned against the position."
    EARNINGS_EXIT = "earnings_exit", "Earnings are as near, or behind, as the exit rule says."
    OPPOSING_MARKET = "opposing_market", "The market's regime or bias stands against the position."
    EXPIRY_LADDER = "expiry_ladder", "Expiration is near, and the ladder of closing limits takes over."
    ROLL = "roll", "The position makes way for its successor, or a part of it is taken off, as approved."
    ROLL_NOT_CLOSED = "roll_not_closed", "The closing order of the roll did not fill: nothing has changed."
    ROLL_INCOMPLETE = "roll_incomplete", "The roll closed the old position, but its successor was not opened."
    ROLL_UNDER_WAY = "roll_under_way", "A roll of the position is under way already."
    ROLL_CLOSING = "roll_closing", "The old side of the roll is being closed."
    ROLL_SIZE = "roll_size", "The limits leave no room for as many as the roll would open."
    MANUAL_CLOSE = "manual_close", "A person asked to close the position."
    EXPIRED_WORTHLESS = "expired_worthless", "All legs expired without value."
    CASH_SETTLED = "cash_settled", "The legs were settled in cash at expiration."
    ASSIGNED = "assigned", "A short leg was assigned or a long leg exercised at expiration."
    SETTLEMENT_MISSING = (
        "settlement_missing",
        "Contracts have expired, and the broker has not said what became of them; look into the account.",
    )
    TRADE_BUSTED = "trade_busted", "The exchange busted the trade, or corrected it, after it was reported."
    BOOK_IN_DOUBT = (
        "book_in_doubt",
        "The broker holds less than the position, so nothing of it is traded. `thetaloom reconcile` tells what to do.",
    )
    CLOSED_ELSEWHERE = "closed_elsewhere", "The contracts were closed at the broker by a trade that was not ours."
    CANCELED_BY_USER = "canceled_by_user", "A person canceled the run."
    STEP_FAILED = "step_failed", "A step ended with an error; the record holds its message."
    # what an analyst's opinion must say
    NO_OPINION = "no_opinion", "The analyst gave no opinion of the market; the facts say why."
    OPINION_AGAINST = "opinion_against", "The analysts' view of the market is none that the strategy suits."
    OPINION_UNSURE = "opinion_unsure", "The analysts' confidence is below the strategy's least."
    REWARD_TOO_SMALL = "reward_too_small", "The first target is worth too little for the risk down to the stop."
    RETURN_TOO_SMALL = "return_too_small", "The first target is too near to the price."
    # signals
    SIGNAL_TOO_WEAK = "signal_too_weak", "The indicator's own score is below the least with which its shape is taken."
    SIGNAL_TOO_OLD = "signal_too_old", "The signal was sent longer ago than its source's age limit allows."
    SIGNAL_FROM_FUTURE = "signal_from_future", "The signal's time lies ahead of the clock. Check the sender's clock."
    SIGNAL_COOLDOWN = "signal_cooldown", "A signal on this symbol in this direction was taken shortly before."
    SIGNAL_OUTSIDE_HOURS = (
        "signal_outside_hours",
        "Signals open positions from the open until 30 minutes before the close. A source whose profile says `queues` "
        "may leave one with a confidence of 70 or more for the next open.",
    )
    SIGNAL_AGAINST_STRATEGY = (
        "signal_against_strategy",
        "The strategy suits the opposite view of the market. Name one that suits the signal's direction.",
    )
    SIGNAL_OUTDONE = "signal_outdone", "Another queued signal on this symbol and direction is more confident."
    SIGNAL_EXPIRED = "signal_expired", "The signal's time went by before it could start."
    SIGNAL_NOTHING_TO_CLOSE = "signal_nothing_to_close", "No open position is what the signal asks to close."
    SIGNAL_CONFIDENCE_LOW = (
        "signal_confidence_low",
        "The confidence of signal, market and other sources together is below the least that the source asks for.",
    )
    SIGNAL_VIX_HIGH = "signal_vix_high", "VIX is above 50: no signal opens a position in such a market."
    # steps that had nothing to do
    NOT_REQUESTED = "not_requested", "The strategy does not ask for this step."
    # what is noted beside the steps
    LINE_GAP = "line_gap", "A connection was down while the position was held; what rests on quotes waited for them."


NOTES = frozenset({Reason.LINE_GAP})  # of records beside the steps: no word of a step itself


class Answer(StrEnum):
    """What a check can say; unknown denies like a no but says that nobody knows."""

    ALLOW = "allow"
    DENY = "deny"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A check's answer with the numbers behind it."""

    answer: Answer
    reason: Reason | None = None
    facts: Mapping[str, str] = field(default_factory=dict)  # name → number or word, as text

    def __post_init__(self) -> None:
        if self.reason is None and self.answer is not Answer.ALLOW:
            raise InvalidInput("a no without a reason helps nobody")

    @property
    def is_allowed(self) -> bool:
        """Only a plain yes allows."""
        return self.answer is Answer.ALLOW

    def __str__(self) -> str:
        if self.reason is None:
            return "allowed"
        numbers = ", ".join(f"{name}={fact}" for name, fact in self.facts.items())
        return f"{self.reason.value}" + (f" ({numbers})" if numbers else "")


ALLOWED = Verdict(answer=Answer.ALLOW)


def denied(reason: Reason, **facts: object) -> Verdict:
    """Refuse, with the numbers that explain it."""
    return Verdict(answer=Answer.DENY, reason=reason, facts={name: str(fact) for name, fact in facts.items()})


def unknown(reason: Reason, **facts: object) -> Verdict:
    """Refuse because something needed is not known."""
    return Verdict(answer=Answer.UNKNOWN, reason=reason, facts={name: str(fact) for name, fact in facts.items()})
