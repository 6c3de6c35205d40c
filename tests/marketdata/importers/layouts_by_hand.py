"""Small files of each format, in the documented layout, with two contracts that are right."""

OPTIONSDX_HEADER = (
    "[QUOTE_UNIXTIME], [QUOTE_READTIME], [QUOTE_DATE], [QUOTE_TIME_HOURS], [UNDERLYING_LAST], [EXPIRE_DATE], "
    "[EXPIRE_UNIX], [DTE], [C_DELTA], [C_GAMMA], [C_VEGA], [C_THETA], [C_RHO], [C_IV], [C_VOLUME], [C_LAST], [C_SIZE], "
    "[C_BID], [C_ASK], [STRIKE], [P_BID], [P_ASK], [P_SIZE], [P_LAST], [P_DELTA], [P_GAMMA], [P_VEGA], [P_THETA], "
    "[P_RHO], [P_IV], [P_VOLUME], [STRIKE_DISTANCE], [STRIKE_DISTANCE_PCT]"
)
OPTIONSDX_ROW = (
    "1577998800, 2020-01-02 16:00, 2020-01-02, 16.000000, 3258.14, 2020-01-03, 1578085200, 1.00, 0.51, 0.01, 0.6, "
    "-2.0, 0.04, 0.11, 120.000000, 14.2, 5 x 10, 14.0, 14.5, 3255.000, 10.9, 11.3, 7 x 8, 11.1, -0.49, 0.01, 0.6, "
    "-1.9, -0.04, 0.112, , 3.1, 0.001"
)
DATASHOP_HEADER = (
    "underlying_symbol,quote_date,root,expiration,strike,option_type,open,high,low,close,trade_volume,bid_size_1545,"
    "bid_1545,ask_size_1545,ask_1545,underlying_bid_1545,underlying_ask_1545,implied_underlying_price_1545,"
    "active_underlying_price_1545,implied_volatility_1545,delta_1545,gamma_1545,theta_1545,vega_1545,rho_1545,"
    "bid_size_eod,bid_eod,ask_size_eod,ask_eod,underlying_bid_eod,underlying_ask_eod,vwap,open_interest,delivery_code"
)
DATASHOP_ROWS = (
    "^SPX,2019-11-29,SPX,2019-12-20,3140.000,C,20.1,22.0,18.0,19.5,44,12,19.0,9,19.8,3142.1,3142.9,3142.5,3142.5,0.1012,"
    "0.52,0.004,-0.8,2.9,0.9,30,18.9,25,19.6,3140.9,3141.1,19.9,1500,",
    "^SPX,2019-11-29,SPXW,2019-12-20,3140.000,P,20.1,22.0,18.0,17.5,4,12,17.0,9,17.8,3142.1,3142.9,3142.5,3142.5,0.1010,"
    "-0.48,0.004,-0.8,2.9,-0.9,30,16.9,25,17.6,3140.9,3141.1,17.9,900,",
)
DOLTHUB_HEADER = "date,act_symbol,expiration,strike,call_put,bid,ask,vol,delta,gamma,theta,vega,rho"
DOLTHUB_ROWS = (
    "2020-11-27,AAPL,2020-12-18,115.00,Call,3.75,3.85,0.3104,0.5612,0.0431,-0.0812,0.1103,0.0342",
    "2020-11-27,AAPL,2020-12-18,115.00,Put,2.10,2.15,0.3101,-0.4388,0.0431,-0.0801,0.1103,-0.0291",
)
DELTA_NEUTRAL_HEADER = (
    "date, symbol, under, expiration, strike, put/call, bid, ask, price, volume, open interest, implied vol, delta, "
    "gamma, rho, theta, vega, nonstd"
)
DELTA_NEUTRAL_ROWS = (
    "2015-01-05,SPY   150117C00200000,SPY,2015-01-17,200,C,4.1,4.2,4.15,100,2000,0.16,0.55,0.05,0.03,-0.06,0.14,104",
    "2015-01-05,SPY7  150117P00200000,SPY,2015-01-17,200,P,2.6,2.7,2.65,90,1000,0.17,-0.45,0.05,-0.03,-0.06,0.14,104",
)
L3_HEADER = (
    "underlying,underlying_last, exchange,optionroot,optionext,type,expiration,quotedate,strike,last,bid,ask,volume,"
    "openinterest,impliedvol,delta,gamma,theta,vega,optionalias,dte"
)
L3_ROWS = (
    "SPX,2257.83,*,SPX170317C02250000,,call,03/17/2017,01/03/2017,2250,40.1,41.3,42.1,5,120,0.12,0.52,0.004,-90.1,380.0,"
    "SPX170317C02250000,73",
    "SPX,2257.83,*,SPX170317P02250000,,put,03/17/2017,01/03/2017,2250,38.0,37.2,38.0,7,220,0.13,-0.48,0.004,-80.1,380.0,"
    "SPX170317P02250000,73",
)
YFINANCE_HEADER = (
    "contractSymbol,lastTradeDate,strike,lastPrice,bid,ask,change,percentChange,volume,openInterest,impliedVolatility,"
    "inTheMoney,contractSize,currency"
)
YFINANCE_ROWS = (
    "AAPL251219C00280000,2025-12-01 20:11:55+00:00,280.0,8.3,8.2,8.4,0.0,0.0,1200.0,5000,0.2451,True,REGULAR,USD",
    "AAPL251219P00280000,2025-12-01 19:00:00+00:00,280.0,4.3,4.2,4.4,0.0,0.0,,4000,0.2351,False,REGULAR,USD",
)
DERIBIT_HEADER = (
    "snapshot_utc,exchange,underlying,instrument,expiry,strike,type,mark_price,bid,ask,mark_iv,delta,gamma,vega,theta,"
    "open_interest,volume_24h,underlying_price"
)
DERIBIT_ROWS = (
    "2026-07-17 03:40:39,deribit,BTC,BTC-28AUG26-46000-P,2026-08-28,46000,put,0.00252,0.0024,0.0027,54.93,,,,,495.0,"
    "0.5,63844.89",
    "2026-07-17 03:40:39,deribit,BTC,BTC-26MAR27-95000-C,2027-03-26,95000,call,0.0035,0.0031,,43.83,,,,,756.3,"
    "0.1,65413.7",
)
CBOE_TITLE = "SPDR S&P 500 ETF Trust,Last: 450.81,Change:  3.85"
CBOE_DATE = '"Date: September 14, 2023 at 2:31 PM EDT",Bid: 450.81,Ask: 450.83,Size: 9*11,"Volume: 71,039,449"'
CBOE_HEADER = (
    "Expiration Date,Calls,Last Sale,Net,Bid,Ask,Volume,IV,Delta,Gamma,Open Interest,Strike,Puts,Last Sale,Net,Bid,Ask,"
    "Volume,IV,Delta,Gamma,Open Interest"
)
CBOE_ROW = (
    "Fri Sep 15 2023,SPY230915C00450000,2.1,0.4,2.05,2.1,1500,0.12,0.55,0.08,3000,450.00,SPY230915P00450000,1.2,0,1.15,"
    "1.2,1700,0.13,-0.45,0.08,4000"
)

# The lines of each file, the format's name, and the file's own.
FILES: dict[str, tuple[str, tuple[str, ...]]] = {
    "optionsdx": ("spx_eod_202001.txt", (OPTIONSDX_HEADER, OPTIONSDX_ROW)),
    "datashop": ("UnderlyingOptionsEODCalcs_2019-11-29.csv", (DATASHOP_HEADER, *DATASHOP_ROWS)),
    "dolthub": ("option_chain.csv", (DOLTHUB_HEADER, *DOLTHUB_ROWS)),
    "deltaneutral": ("spy_options.csv", (DELTA_NEUTRAL_HEADER, *DELTA_NEUTRAL_ROWS)),
    "l3": ("spx_sample.csv", (L3_HEADER, *L3_ROWS)),
    "yfinance": ("AAPL.csv", (YFINANCE_HEADER, *YFINANCE_ROWS)),
    "deribit": ("deribit_20260717.csv", (DERIBIT_HEADER, *DERIBIT_ROWS)),
    "cboe_csv": ("spy_quotedata.csv", ("", CBOE_TITLE, CBOE_DATE, CBOE_HEADER, CBOE_ROW)),
}


def text_of(name: str) -> str:
    """Return the whole file of a format."""
    return "\n".join(FILES[name][1]) + "\n"
