"""Arrays of what the monitor watches: quotes by contract, spots by symbol, and per position legs, marks and rows.

One pass over them names the positions that a rule may close now, and raises the marks of those whose profit rose.
Prices are kept in twentieths of a thousandth of a dollar, in which the mid of any two prices with four decimals is
whole, so that sums of them are exact.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from thetaloom.domain.market.quotes import WORTHLESS_ASK_MAX, Quote
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.instruments import ExerciseStyle, OptionContract, Right
from thetaloom.domain.values.money import Price
from thetaloom.engine.exit_rows import AT_ONCE, GREEK_COLUMNS, SLACK, SLACK_SHARE, Column, ExitRow
from thetaloom.engine.greek_screen import Legs, greek_bounds
from thetaloom.engine.watch_slots import Look, Moment, Slot, microseconds

UNIT = 20_000  # to the dollar
HALF_UNIT = UNIT // 2
GRID_SLACK = 1e-5
WORTHLESS = float(WORTHLESS_ASK_MAX) * HALF_UNIT
CONTRACTS, SYMBOLS, POSITIONS, LEGS, ROWS = 256, 16, 64, 4, 4  # room at first; it doubles
NEVER = -(2**61)
CAREFUL_EVERY = 1_000_000  # microseconds between two looks at one position for its rise alone
CAREFUL_LOOKS = 8  # for rises alone, at a time
GREEK_PLACES = [int(column) for column in GREEK_COLUMNS]
NOBODY = 0  # the contract, symbol and position of this number are none: it fills what is not used

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class WatchTable:
    """Every watched position in one place of a few arrays; places are given to others when they are left."""

    def __init__(self, calendar: TradingCalendar, rate_at: Callable[[float], float], dividend_yield: float) -> None:
        self._calendar, self._rate_at, self._dividend_yield = calendar, rate_at, dividend_yield
        self._place_of: dict[OptionContract, int] = {}
        self._contracts: list[OptionContract | None] = [None]
        self._symbol_of: dict[str, int] = {}
        self._slot_of: dict[RunId, int] = {}
        self._runs: list[RunId] = [RunId("")]
        self._free: list[int] = []
        # by contract: half-units, so that bid and ask add up to the mid in units
        self.bid, self.ask = np.zeros(CONTRACTS), np.zeros(CONTRACTS)
        self.quoted_at: Ints = np.zeros(CONTRACTS, dtype=np.int64)
        self.is_fine: Flags = np.zeros(CONTRACTS, dtype=np.bool_)  # the quote has more decimals than the grid
        self.has_news: Flags = np.zeros(CONTRACTS, dtype=np.bool_)
        self.strike, self.settles_at = np.zeros(CONTRACTS), np.zeros(CONTRACTS, dtype=np.int64)
        self.is_call: Flags = np.zeros(CONTRACTS, dtype=np.bool_)
        self.is_american: Flags = np.zeros(CONTRACTS, dtype=np.bool_)
        self.spot = np.full(SYMBOLS, np.nan)
        self.spot_news: Flags = np.zeros(SYMBOLS, dtype=np.bool_)
        # by position
        self.symbol: Ints = np.zeros(POSITIONS, dtype=np.int64)
        self.leg: Ints = np.zeros((POSITIONS, LEGS), dtype=np.int64)
        self.ratio = np.zeros((POSITIONS, LEGS))
        self.premium, self.scale, self.realized = np.zeros(POSITIONS), np.zeros(POSITIONS), np.zeros(POSITIONS)
        self.opened_on, self.friday_on = np.zeros(POSITIONS), np.zeros(POSITIONS)
        self.age_max: Ints = np.zeros(POSITIONS, dtype=np.int64)
        self.high_close, self.high_water = np.full(POSITIONS, -np.inf), np.full(POSITIONS, -np.inf)
        self.risen_at: Ints = np.full(POSITIONS, NEVER, dtype=np.int64)
        self.risen_to = np.zeros(POSITIONS)
        self.is_careful: Flags = np.zeros(POSITIONS, dtype=np.bool_)
        self.careful_at: Ints = np.full(POSITIONS, NEVER, dtype=np.int64)  # when its rise was looked at last
        self.asked: Flags = np.zeros(POSITIONS, dtype=np.bool_)  # to be looked at whatever changed
        # by position and rule; the column -1 is no rule
        self.column: Ints = np.full((POSITIONS, ROWS), -1, dtype=np.int64)
        self.sign = np.ones((POSITIONS, ROWS))
        self.bound, self.at_minute = np.zeros((POSITIONS, ROWS)), np.zeros((POSITIONS, ROWS))
        self.profit_low, self.profit_high, self.peak_low = (np.zeros((POSITIONS, ROWS)) for _ in range(3))
        self.needs_profit: Flags = np.zeros((POSITIONS, ROWS), dtype=np.bool_)

    def put(self, slot: Slot) -> list[OptionContract]:
        """Take a position in, anew or in its place; return the contracts that were not known before."""
        self.drop(slot.run)
        number = self._free.pop() if self._free else len(self._runs)
        if number == len(self._runs):
            self._runs.append(slot.run)
        self._runs[number] = slot.run
        self._slot_of[slot.run] = number
        self._make_room(len(self._runs), len(slot.legs), 0)
        before = len(self._contracts)
        self.leg[number], self.ratio[number] = NOBODY, 0.0
        for place, leg in enumerate(slot.legs):
            self.leg[number, place], self.ratio[number, place] = self._place(leg.contract), leg.ratio
        self.symbol[number] = self._symbol(slot.symbol)
        self.premium[number], self.scale[number], self.realized[number] = slot.premium, slot.scale, slot.realized
        self.opened_on[number], self.friday_on[number] = slot.opened_on, 0
        self.age_max[number] = slot.age_max
        self.high_close[number] = -np.inf if slot.high_close is None else float(slot.high_close) * UNIT
        self.high_water[number] = -np.inf if slot.high_water is None else slot.high_water
        self.risen_at[number] = NEVER
        self.asked[number], self.is_careful[number], self.careful_at[number] = False, slot.is_careful, NEVER
        self.set_rows(slot.run, slot.rows)
        return [contract for contract in self._contracts[before:] if contract is not None]

    def drop(self, run: RunId) -> None:
        """Leave a position out."""
        number = self._slot_of.pop(run, None)
        if number is None:
            return
        self.leg[number], self.ratio[number], self.column[number] = NOBODY, 0.0, -1
        self.symbol[number], self.scale[number], self.asked[number] = NOBODY, 0.0, False
        self._free.append(number)

    def set_rows(self, run: RunId, rows: Sequence[ExitRow]) -> None:
        """Replace the rows of a position."""
        number = self._slot_of[run]
        self._make_room(0, 0, len(rows))
        self.column[number] = -1
        for place, row in enumerate(rows):
            where = number, place
            self.column[where], self.sign[where], self.bound[where] = row.column, row.sign, row.bound
            self.at_minute[where], self.needs_profit[where] = row.at_minute, row.needs_profit
            self.profit_low[where], self.profit_high[where] = row.profit_low, row.profit_high
            self.peak_low[where] = row.peak_low

    def set_friday(self, run: RunId, today: int) -> None:
        """Say that an expiration of the position ends its week today."""
        self.friday_on[self._slot_of[run]] = today

    def take(self, quotes: Mapping[OptionContract, Quote], spots: Mapping[str, Price | None]) -> None:
        """Take quotes and spots in; the positions they belong to are looked at next."""
        known = [(place, quote) for contract, quote in quotes.items() if (place := self._place_of.get(contract))]
        if known:
            self._set_quotes(known)
        for symbol, spot in spots.items():
            number = self._symbol_of.get(symbol)
            if number is not None:
                self.spot[number] = math.nan if spot is None else float(spot)
                self.spot_news[number] = True

    def ask_for(self, runs: Iterable[RunId]) -> None:
        """Have these positions looked at next, whatever changed."""
        for run in runs:
            number = self._slot_of.get(run)
            if number is not None:
                self.asked[number] = True

    def look(self, moment: Moment) -> Look:
        """Look at every position that news came for, and raise its marks."""
        used = len(self._runs)
        touched = self.has_news[self.leg[:used]].any(axis=1) | self.spot_news[self.symbol[:used]] | self.asked[:used]
        slots = np.flatnonzero(touched)
        if not len(slots):
            return Look(met=(), risen=(), stale=())
        close, is_fresh = self._closes(slots, moment)
        profit = self.premium[slots] + close * self.scale[slots] / UNIT
        risen, doubtful = self._rise(slots, close, profit, is_fresh, moment)
        met = self._met(slots, profit, moment)
        met[self._careful(slots, doubtful & is_fresh, moment)] = True
        stale = self._contracts_of(slots[doubtful & ~is_fresh])
        return Look(met=self._named(slots[met]), risen=self._named(slots[risen]), stale=stale)

    def has_looked(self) -> None:
        """Forget the news: what they call for was done."""
        self.has_news[:], self.spot_news[:], self.asked[:] = False, False, False

    def risen(self, run: RunId) -> tuple[Price, int] | None:
        """Return the highest closing price, and when it rose, since this was asked last; ``None`` where none rose."""
        number = self._slot_of.get(run)
        if number is None or self.risen_at[number] == NEVER:
            return None
        found = Price(Decimal(int(self.risen_to[number])) / UNIT), int(self.risen_at[number])
        self.risen_at[number] = NEVER
        return found

    def set_high(self, run: RunId, high_close: Price | None, high_water: float | None) -> None:
        """Take over marks that were raised elsewhere."""
        number = self._slot_of.get(run)
        if number is not None:
            self.high_close[number] = -np.inf if high_close is None else float(high_close) * UNIT
            self.high_water[number] = -np.inf if high_water is None else high_water

    def listed(self, contract: OptionContract) -> OptionContract:
        """Return the table's own value of a contract, or the one given where it has none."""
        place = self._place_of.get(contract)
        return contract if place is None else self._contracts[place] or contract

    def _closes(self, slots: Ints, moment: Moment) -> tuple[Floats, Flags]:
        leg, ratio = self.leg[slots], self.ratio[slots]
        bid, ask = self.bid[leg], self.ask[leg]
        # As ``judge_quote`` for an order that closes; a leg that is held is sold. NaN compares false.
        is_sound = (ask > 0) & (bid >= 0) & (bid <= ask) & ~((ratio > 0) & (bid == 0) & (ask > WORTHLESS))
        mid = np.where(is_sound | (leg == NOBODY), bid + ask, np.nan)
        oldest = np.where(leg == NOBODY, moment.at, self.quoted_at[leg]).min(axis=1)
        return (ratio * mid).sum(axis=1), moment.at - oldest <= self.age_max[slots]

    def _rise(self, slots: Ints, close: Floats, profit: Floats, is_fresh: Flags, moment: Moment) -> tuple[Flags, Flags]:
        whole = profit + self.realized[slots]
        rises = ((close > self.high_close[slots]) | (whole > self.high_water[slots] + SLACK)) & (self.scale[slots] > 0)
        is_plain = ~(self.is_careful[slots] | self.is_fine[self.leg[slots]].any(axis=1))
        is_sure = rises & is_fresh & is_plain
        who = slots[is_sure]
        self.high_close[who] = np.maximum(self.high_close[who], close[is_sure])
        self.high_water[who] = np.maximum(self.high_water[who], whole[is_sure])
        self.risen_to[who], self.risen_at[who] = close[is_sure], moment.at
        return is_sure, rises & ~is_sure

    def _careful(self, slots: Ints, rises: Flags, moment: Moment) -> Ints:
        rested = np.flatnonzero(rises & (moment.at - self.careful_at[slots] >= CAREFUL_EVERY))
        longest = rested[np.argsort(self.careful_at[slots[rested]], kind="stable")][:CAREFUL_LOOKS]
        self.careful_at[slots[longest]] = moment.at
        return longest

    def _met(self, slots: Ints, profit: Floats, moment: Moment) -> Flags:
        number = self._numbers(slots, profit, moment)
        column = self.column[slots]
        bound, at = self.bound[slots], self.at_minute[slots]
        if moment.close_minute == moment.close_minute:
            bound = np.where(at >= moment.close_minute, moment.close_minute - moment.early_minutes, bound)
        held = number[np.arange(len(slots))[:, None], column]
        sign = self.sign[slots]
        met = (column >= 0) & (sign * held >= sign * bound - SLACK - SLACK_SHARE * np.abs(bound))
        wide = SLACK + SLACK_SHARE * np.abs(profit)[:, None]
        low, high, now = self.profit_low[slots], self.profit_high[slots], profit[:, None]
        within = (now >= low - wide) & (now <= high + wide)
        peak = number[:, Column.PEAK][:, None] >= self.peak_low[slots] - wide
        found: Flags = (met & (within | ~self.needs_profit[slots]) & (peak | (self.peak_low[slots] == -np.inf))).any(
            axis=1
        )
        return found

    def _numbers(self, slots: Ints, profit: Floats, moment: Moment) -> Floats:
        number = np.full((len(slots), len(Column)), np.nan)
        scale = self.scale[slots]  # 0 where only loose legs are held, of which no close is known
        high = self.premium[slots] + np.where(scale > 0, self.high_close[slots], 0.0) * scale / UNIT
        peak = np.maximum(np.maximum(profit, high), 0.0)
        number[:, Column.ALWAYS] = AT_ONCE.bound
        number[:, Column.PROFIT], number[:, Column.PEAK], number[:, Column.BACK] = profit, peak, peak - profit
        with np.errstate(invalid="ignore", divide="ignore"):
            number[:, Column.BACK_PERCENT] = np.where(peak > 0, (peak - profit) * 100 / peak, np.nan)
        is_open = moment.minute == moment.minute  # not NaN
        number[:, Column.DAY] = moment.today
        number[:, Column.OPEN_DAY] = moment.today if is_open else np.nan
        number[:, Column.MINUTE], number[:, Column.TO_CLOSE] = moment.minute, moment.to_close
        none = 0.0 if is_open else np.nan
        number[:, Column.FIRST_DAY_MINUTE] = np.where(self.opened_on[slots] == moment.today, moment.minute, none)
        number[:, Column.FRIDAY_MINUTE] = np.where(self.friday_on[slots] == moment.today, moment.minute, none)
        number[:, Column.SPOT] = self.spot[self.symbol[slots]]
        self._add_greeks(number, slots, moment)
        return number

    def _add_greeks(self, number: Floats, slots: Ints, moment: Moment) -> None:
        rests_on_them = np.isin(self.column[slots], GREEK_PLACES).any(axis=1) & np.isfinite(number[:, Column.PROFIT])
        who = np.flatnonzero(rests_on_them & np.isfinite(number[:, Column.SPOT]))
        if not len(who):
            return
        some = slots[who]
        leg = self.leg[some]
        found = greek_bounds(
            Legs(
                ratio=self.ratio[some],
                mid=(self.bid[leg] + self.ask[leg]) / UNIT,
                strike=self.strike[leg],
                is_call=self.is_call[leg],
                is_american=self.is_american[leg],
                settles_at=self.settles_at[leg],
                spot=number[who, Column.SPOT],
            ),
            moment.at,
            self._rate_at,
            self._dividend_yield,
        )
        close = np.abs((number[who, Column.PROFIT] - self.premium[some]) / self.scale[some])
        number[who, Column.NET_DELTA], number[who, Column.SHORT_DELTA] = found.net_delta, found.short_delta
        number[who, Column.IV] = found.iv
        with np.errstate(invalid="ignore", divide="ignore"):
            number[who, Column.THETA] = np.where(close > 0, found.theta / close, np.nan)

    def _contracts_of(self, slots: Ints) -> tuple[OptionContract, ...]:
        places = np.unique(self.leg[slots])
        found = (self._contracts[place] for place in places.tolist())
        return tuple(contract for contract in found if contract is not None)

    def _named(self, slots: Ints) -> tuple[RunId, ...]:
        return tuple(self._runs[slot] for slot in slots.tolist())

    def _set_quotes(self, known: list[tuple[int, Quote]]) -> None:
        places = np.array([place for place, _ in known])
        bid, ask = (
            np.array([math.nan if side is None else float(side) for side in sides]) * HALF_UNIT
            for sides in ([quote.bid for _, quote in known], [quote.ask for _, quote in known])
        )
        # What is above zero stays above it: a bid of none is another matter than a bid of next to nothing.
        whole_bid, whole_ask = (np.where(side > 0, np.maximum(np.rint(side), 1), np.rint(side)) for side in (bid, ask))
        self.bid[places], self.ask[places] = whole_bid, whole_ask
        self.is_fine[places] = (np.abs(bid - whole_bid) > GRID_SLACK) | (np.abs(ask - whole_ask) > GRID_SLACK)
        instants = {at: microseconds(at) for at in {quote.quoted_at for _, quote in known}}
        self.quoted_at[places] = [instants[quote.quoted_at] for _, quote in known]
        self.has_news[places] = True

    def _place(self, contract: OptionContract) -> int:
        place = self._place_of.get(contract)
        if place is None:
            place = self._place_of[contract] = len(self._contracts)
            self._contracts.append(contract)
            if place >= len(self.bid):
                for name in BY_CONTRACT:
                    setattr(self, name, _doubled(getattr(self, name)))
            self.bid[place] = self.ask[place] = np.nan
            self.strike[place], self.is_call[place] = float(contract.strike), contract.right is Right.CALL
            self.is_american[place] = contract.exercise_style is ExerciseStyle.AMERICAN
            self.settles_at[place] = microseconds(self._calendar.settles_at(contract))
        return place

    def _symbol(self, symbol: str) -> int:
        number = self._symbol_of.setdefault(symbol, len(self._symbol_of) + 1)
        if number >= len(self.spot):
            for name in ("spot", "spot_news"):
                setattr(self, name, _doubled(getattr(self, name)))
            self.spot[number:] = np.nan
        return number

    def _make_room(self, positions: int, legs: int, rows: int) -> None:
        while positions > len(self.symbol):
            for name in (*BY_POSITION, *BY_LEG, *BY_ROW):
                setattr(self, name, _doubled(getattr(self, name)))
            self.column[len(self.column) // 2 :], self.sign[len(self.sign) // 2 :] = -1, 1.0
        while legs > self.leg.shape[1]:
            for name in BY_LEG:
                setattr(self, name, _doubled(getattr(self, name), axis=1))
        while rows > self.column.shape[1]:
            for name in BY_ROW:
                setattr(self, name, _doubled(getattr(self, name), axis=1))
            half = self.column.shape[1] // 2
            self.column[:, half:], self.sign[:, half:] = -1, 1.0


BY_CONTRACT = (
    *("bid", "ask", "quoted_at", "is_fine", "has_news"),
    *("strike", "settles_at", "is_call", "is_american"),
)
BY_POSITION = (
    *("symbol", "premium", "scale", "realized", "opened_on", "friday_on", "age_max"),
    *("high_close", "high_water", "risen_at", "risen_to", "asked", "is_careful", "careful_at"),
)
BY_LEG = ("leg", "ratio")
BY_ROW = ("column", "sign", "bound", "at_minute", "profit_low", "profit_high", "peak_low", "needs_profit")


def _doubled(column: npt.NDArray[np.generic], axis: int = 0) -> npt.NDArray[np.generic]:
    return np.concatenate([column, np.zeros_like(column)], axis=axis)
