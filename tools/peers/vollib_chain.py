"""Imply the volatility of each option and its greeks with vollib, one by one; runs on the peers' Python.

A question is a JSON array of [price, spot, strike, years, is_call, rate, yield].
"""

import json
import sys
import time

from vollib.black_scholes_merton.greeks.analytical import delta, gamma, rho, theta, vega
from vollib.black_scholes_merton.implied_volatility import implied_volatility

GREEKS = (delta, gamma, theta, vega, rho)


def main() -> None:
    """Answer with the milliseconds and the volatilities."""
    options = json.load(sys.stdin)
    began = time.perf_counter()
    ivs = []
    for price, spot, strike, years, is_call, rate, dividend_yield in options:
        flag = "c" if is_call else "p"
        iv = implied_volatility(price, spot, strike, years, rate, dividend_yield, flag)
        for greek in GREEKS:
            greek(flag, spot, strike, years, rate, iv, dividend_yield)
        ivs.append(iv)
    json.dump({"milliseconds": (time.perf_counter() - began) * 1000, "answers": ivs}, sys.stdout)


if __name__ == "__main__":
    main()
