"""How fast other programs' files become recordings, one format after another, beside a plain reading of the rows."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile

from thetaloom.cli.bench_figures import Figure, timed
from thetaloom.cli.bench_peers import ask_peer, peer_text
from thetaloom.cli.price import shipped_calendar
from thetaloom.domain.market.rates import RateCurve

ROWS = 400_000
BAR = 2.0  # milliseconds for a thousand rows: 500,000 rows in a second
FIRST_ON = date(2020, 1, 2)
STRIKES = 100
LEAN_MINUTES, LEAN_BEGINS = 250, 34_200_000  # of a session of 390; 9:30 in milliseconds
PEERED = "dolthub"
OPTIONSDX = (
    "[QUOTE_UNIXTIME], [QUOTE_READTIME], [QUOTE_DATE], [QUOTE_TIME_HOURS], [UNDERLYING_LAST], [EXPIRE_DATE], "
    "[EXPIRE_UNIX], [DTE], [C_DELTA], [C_GAMMA], [C_VEGA], [C_THETA], [C_RHO], [C_IV], [C_VOLUME], [C_LAST], [C_SIZE], "
    "[C_BID], [C_ASK], [STRIKE], [P_BID], [P_ASK], [P_SIZE], [P_LAST], [P_DELTA], [P_GAMMA], [P_VEGA], [P_THETA], "
    "[P_RHO], [P_IV], [P_VOLUME], [STRIKE_DISTANCE], [STRIKE_DISTANCE_PCT]"
)
DATASHOP = (
    "underlying_symbol,quote_date,root,expiration,strike,option_type,open,high,low,close,trade_volume,bid_size_1545,"
    "bid_1545,ask_size_1545,ask_1545,underlying_bid_1545,underlying_ask_1545,implied_underlying_price_1545,"
    "active_underlying_price_1545,implied_volatility_1545,delta_1545,gamma_1545,theta_1545,vega_1545,rho_1545,"
    "bid_size_eod,bid_eod,ask_size_eod,ask_eod,underlying_bid_eod,underlying_ask_eod,vwap,open_interest,delivery_code"
)
YFINANCE = (
    "contractSymbol,type,expiration,strike,lastTradeDate,lastPrice,bid,ask,volume,openInterest,impliedVolatility,"
    "snap_date,spot_price"
)
CBOE = (
    "Expiration Date,Calls,Last Sale,Net,Bid,Ask,Volume,IV,Delta,Gamma,Open Interest,Strike,Puts,Last Sale,Net,Bid,Ask,"
    "Volume,IV,Delta,Gamma,Open Interest"
)


def imports() -> list[Figure]:
    """A thousand rows of each text format, and of LEAN's archives, read, checked, judged and written as a recording."""
    texts = [_figure(name, partial(_write_text, name, write)) for name, write in WRITERS.items()]
    return [*texts, _figure("lean", _write_lean)]


def _write_text(name: str, write: Callable[[], Iterator[str]], home: Path) -> Path:
    path = home / f"spx_{name}.csv"
    path.write_text("\n".join(write()) + "\n", encoding="utf-8")
    return path


def _write_lean(home: Path) -> Path:
    """Write one session by the minute, a member for each contract."""
    path = home / "option" / "usa" / "minute" / "goog" / f"{FIRST_ON:%Y%m%d}_quote_american.zip"
    path.parent.mkdir(parents=True)
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for number in range(ROWS // LEAN_MINUTES):
            strike, expiration = 1000 + 5 * (number // 2 % STRIKES), FIRST_ON + timedelta(days=15 + number // 200)
            right, cents = ("call", "put")[number % 2], number % 97
            row = f"180000,190000,170000,18{cents:02}00,10,200000,210000,190000,19{cents:02}00,20"
            lines = (f"{LEAN_BEGINS + 60_000 * at},{row}\n" for at in range(LEAN_MINUTES))
            member = f"{FIRST_ON:%Y%m%d}_goog_minute_quote_american_{right}_{strike}0000_{expiration:%Y%m%d}.csv"
            archive.writestr(member, "".join(lines))
    return path


def _figure(name: str, write: Callable[[Path], Path]) -> Figure:
    from thetaloom.market_parts import Wish, import_paths

    with TemporaryDirectory(prefix="thetaloom-bench-") as home:
        path = write(Path(home))
        size = path.stat().st_size
        wish = Wish(
            format_name=name,
            out=Path(home) / "out",
            symbol=None,
            calendar=shipped_calendar(),
            rates=RateCurve.flat(0.03),
        )
        found = import_paths([path], wish)  # the first compiles, and fills the caches
        rows = sum(one.rows for one in found.files)
        if rows != ROWS or any(one.rejected for one in found.files):
            raise RuntimeError(f"the bench's own file of {name} is not right: {found.as_dict()}")
        took = timed(lambda: import_paths([path], wish, again=True))
        peer = ""
        if name == PEERED:
            peer = peer_text("pandas, read_csv and a filter of rows", ask_peer("read_csv", str(path)), 1000 / ROWS)
    note = f"{ROWS / took * 1000:,.0f} rows/s, {size / took / 1000:,.0f} MB/s of {ROWS:,} rows"
    return Figure(
        name=f"import {name}, 1,000 rows", figure=took / ROWS * 1000, unit="ms", bar=BAR, note=note, peer=peer
    )


def _contracts() -> Iterator[tuple[date, date, float, int]]:
    calendar = shipped_calendar()
    on, number = FIRST_ON, 0
    while number < ROWS // 2:
        session = calendar.session_on(on)
        if session is not None:
            for life in (15, 30, 45, 60, 90):
                for strike in range(STRIKES):
                    yield on, on + timedelta(days=life), 3000.0 + 5 * strike, number
                    number += 1
        on += timedelta(days=1)


def _pairs() -> Iterator[tuple[date, date, float, int, str]]:
    for on, expiration, strike, number in _contracts():
        for right in "CP":
            yield on, expiration, strike, number, right


def _optionsdx() -> Iterator[str]:
    yield OPTIONSDX
    for on, expiration, strike, number in _contracts():
        cents = number % 97
        yield (
            f", {on} 16:00, {on}, 16.000000, 3258.14, {expiration}, 1578085200, 15.00, 0.51234, 0.00123, 0.61234, "
            f"-0.51234, 0.04123, 0.11234, {cents}.000000, 14.{cents:02}, 5 x 10, 14.{cents:02}, 15.{cents:02}, "
            f"{strike}, 10.{cents:02}, 11.{cents:02}, 7 x 8, 11.10, -0.49123, 0.00123, 0.61234, -0.51234, -0.04123, "
            "0.11234, , 3.1, 0.001"
        )


def _datashop() -> Iterator[str]:
    yield DATASHOP
    for on, expiration, strike, number, right in _pairs():
        cents = number % 97
        yield (
            f"^SPX,{on},SPXW,{expiration},{strike},{right},20.1,22.0,18.0,19.{cents:02},{cents},12,19.0,9,19.8,3142.1,3142.9,"
            f"3142.5,3142.5,0.1012,0.5212,0.0041,-0.8123,2.9123,0.9123,30,18.{cents:02},25,19.{cents:02},3140.9,3141.1,19.9,1500,"
        )


def _dolthub() -> Iterator[str]:
    yield "date,act_symbol,expiration,strike,call_put,bid,ask,vol,delta,gamma,theta,vega,rho"
    for on, expiration, strike, number, right in _pairs():
        cents, word = number % 97, "Call" if right == "C" else "Put"
        greeks = "0.3104,0.5612,0.0431,-0.0812,0.1103,0.0342"
        yield f"{on},SPX,{expiration},{strike:.2f},{word},18.{cents:02},19.{cents:02},{greeks}"


def _delta_neutral() -> Iterator[str]:
    yield (
        "date, symbol, under, expiration, strike, put/call, bid, ask, price, volume, open interest, implied vol, "
        "delta, gamma, rho, theta, vega, nonstd"
    )
    for on, expiration, strike, number, right in _pairs():
        cents = number % 97
        yield (
            f"{on},SPX   {expiration:%y%m%d}{right}{int(strike * 1000):08d},SPX,{expiration},{strike},{right},"
            f"18.{cents:02},19.{cents:02},18.5,100,2000,0.1623,0.5512,0.0512,0.0312,-0.0612,0.1412,104"
        )


def _l3() -> Iterator[str]:
    yield (
        "underlying,underlying_last, exchange,optionroot,optionext,type,expiration,quotedate,strike,last,bid,ask,"
        "volume,openinterest,impliedvol,delta,gamma,theta,vega,optionalias,dte"
    )
    for on, expiration, strike, number, right in _pairs():
        cents, symbol = number % 97, f"SPX{expiration:%y%m%d}{right}{int(strike * 1000):08d}"
        word = "call" if right == "C" else "put"
        yield (
            f"SPX,3257.83,*,{symbol},,{word},{expiration:%m/%d/%Y},{on:%m/%d/%Y},{strike},18.1,18.{cents:02},19.{cents:02},5,120,"
            f"0.1844,0.5123,0.0041,-90.12,380.12,{symbol},73"
        )


def _yfinance() -> Iterator[str]:
    yield YFINANCE
    for on, expiration, strike, number, right in _pairs():
        cents, word = number % 97, "call" if right == "C" else "put"
        symbol = f"SPXW{expiration:%y%m%d}{right}{int(strike * 1000):08d}"
        yield (
            f"{symbol},{word},{expiration},{strike},{on} 18:{number % 60:02}:{cents % 60:02}+00:00,18.5,18.{cents:02},"
            f"19.{cents:02},6.0,7,0.30859397851562496,{on},3257.1000061035156"
        )


def _cboe() -> Iterator[str]:
    yield from ("", "Standard & Poors 500 Index,Last: 3257.53,Change:  23.0898")
    yield '"Date: January 2, 2020 at 8:09 PM EST",Bid: 3256.5,Ask: 3258.4,Size: 1*1,Volume: 0'
    yield CBOE
    for number in range(ROWS // 2):
        cents, expiration = number % 97, FIRST_ON + timedelta(days=1 + number // 1000)
        strike = 1000 + 5 * (number % 1000)
        named = f"SPXW{expiration:%y%m%d}{{}}{strike * 1000:08d}"
        side = f"18.{cents:02},0.5,18.{cents:02},19.{cents:02},{cents},0.1623,0.5512,0.0012,{number % 1000}"
        put = side.replace("0.5512", "-0.4488")
        yield f"{expiration:%a %b %d %Y},{named.format('C')},{side},{strike:.2f},{named.format('P')},{put}"


def _deribit() -> Iterator[str]:
    yield (
        "snapshot_utc,exchange,underlying,instrument,expiry,strike,type,mark_price,bid,ask,mark_iv,delta,gamma,vega,theta,"
        "open_interest,volume_24h,underlying_price"
    )
    for on, expiration, strike, number, right in _pairs():
        cents, word = number % 97, "call" if right == "C" else "put"
        instrument = f"BTC-{expiration:%d%b%y}-{strike:.0f}-{right}".upper()
        yield (
            f"{on} 03:40:39,deribit,BTC,{instrument},{expiration},{strike:.0f},{word},0.00252055,0.00{cents:02},"
            f"0.01{cents:02},54.93,,,,,495.0,0.5,63844.89"
        )


WRITERS: dict[str, Callable[[], Iterator[str]]] = {
    "optionsdx": _optionsdx,
    "datashop": _datashop,
    "dolthub": _dolthub,
    "deltaneutral": _delta_neutral,
    "l3": _l3,
    "yfinance": _yfinance,
    "cboe_csv": _cboe,
    "deribit": _deribit,
}
