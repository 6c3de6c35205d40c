"""Price American options with QuantLib's QdFp engine, one by one; runs on the peers' Python.

A question is a JSON array of [is_call, spot, strike, days, rate, yield, iv]; the days are whole.
"""

import json
import sys
import time

import QuantLib as ql  # noqa: N813  # the name its own documentation uses

TODAY = ql.Date(15, 1, 2024)
COUNT = ql.Actual365Fixed()


def main() -> None:
    """Answer with the milliseconds and the prices; the objects of a market are made once and their quotes set."""
    options = json.load(sys.stdin)
    ql.Settings.instance().evaluationDate = TODAY
    spot, rate, carry, iv = (ql.SimpleQuote(0.1) for _ in range(4))
    curves = [ql.YieldTermStructureHandle(ql.FlatForward(TODAY, ql.QuoteHandle(each), COUNT)) for each in (carry, rate)]
    smile = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(TODAY, ql.NullCalendar(), ql.QuoteHandle(iv), COUNT))
    process = ql.BlackScholesMertonProcess(ql.QuoteHandle(spot), *curves, smile)
    engine = ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.fastScheme())
    began = time.perf_counter()
    prices = []
    for is_call, now, strike, days, r, q, vol in options:
        for quote, level in ((spot, now), (rate, r), (carry, q), (iv, vol)):
            quote.setValue(level)
        right = ql.Option.Call if is_call else ql.Option.Put
        option = ql.VanillaOption(ql.PlainVanillaPayoff(right, strike), ql.AmericanExercise(TODAY, TODAY + int(days)))
        option.setPricingEngine(engine)
        prices.append(option.NPV())
    json.dump({"milliseconds": (time.perf_counter() - began) * 1000, "answers": prices}, sys.stdout)


if __name__ == "__main__":
    main()
