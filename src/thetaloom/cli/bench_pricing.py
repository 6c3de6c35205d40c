"""Speed of whole American chains and of the chances that a proposal shows."""

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from thetaloom.cli.bench_figures import Figure, median_of
from thetaloom.cli.bench_peers import ask_peer, peer_text

CHAIN_SIZE, EXPIRATIONS = 5_000, 20
PEER_SAMPLE = 2_000
SPOT, RATE, DIVIDEND_YIELD = 500.0, 0.04, 0.013


def american_chains() -> list[Figure]:
    """IV and greeks of a 5,000-contract American chain on one core."""
    from thetaloom.maths.american_chain import chain_american_greeks, chain_american_volatility

    strikes, years, is_call, iv = _chain()
    terms: dict[str, Any] = {"strikes": strikes, "years": years, "is_call": is_call, "rate": RATE}
    terms["dividend_yield"] = DIVIDEND_YIELD
    prices = chain_american_greeks(SPOT, iv=iv, **terms).price

    def both() -> None:
        found, _ = chain_american_volatility(prices, SPOT, **terms)
        chain_american_greeks(SPOT, iv=found, **terms)

    cash = (np.array([0.2, 0.45]), np.array([1.6, 1.6]))
    without_yield = {**terms, "dividend_yield": 0.0}
    note = f"{CHAIN_SIZE:,} contracts of {EXPIRATIONS} expirations"
    peer = ask_peer("quantlib_american", _question(strikes, years, is_call, iv))
    return [
        Figure(
            name="American chain, IV + greeks",
            figure=median_of(both, 9),
            unit="ms",
            bar=150,
            note=f"{note}, continuous yield",
            peer=peer_text("QuantLib QdFp fast, prices alone", peer, CHAIN_SIZE / PEER_SAMPLE),
        ),
        Figure(
            name="American chain, greeks with cash dividends",
            figure=median_of(lambda: chain_american_greeks(SPOT, iv=iv, dividends=cash, **without_yield), 3),
            unit="ms",
            bar=1000,
            note=f"{note}, two dividends, on trees of 51 and 103 steps",
        ),
    ]


def probabilities() -> list[Figure]:
    """POP, P50, touch and expected value of an iron condor."""
    from thetaloom.domain.strategy.payoff import LegKind, PayoffLeg, exact_payoff
    from thetaloom.domain.strategy.probabilities import ProbabilityLeg, structure_probabilities
    from thetaloom.domain.values.instruments import Right
    from thetaloom.domain.values.money import Price

    parts = ((Right.PUT, 450, 1), (Right.PUT, 460, -1), (Right.CALL, 540, -1), (Right.CALL, 550, 1))
    legs = [
        PayoffLeg(
            kind=LegKind.OPTION, quantity=quantity, right=right, strike=Decimal(strike), expires_on=date(2026, 7, 17)
        )
        for right, strike, quantity in parts
    ]
    payoff = exact_payoff(legs, Price("2.50"), 100)
    seen = [ProbabilityLeg(leg=leg, years=45 / 365, iv=0.2) for leg in legs]
    took = median_of(
        lambda: structure_probabilities(seen, payoff, spot=SPOT, rate=RATE, dividend_yield=DIVIDEND_YIELD), 15
    )
    return [Figure(name="chances of an iron condor", figure=took, unit="ms", bar=50, note="POP, P50, touch, mean")]


def _chain() -> tuple[Any, Any, Any, Any]:
    numbers = np.random.default_rng(1)
    years = np.repeat(np.round(np.geomspace(1, 800, EXPIRATIONS)) / 365, CHAIN_SIZE // EXPIRATIONS)
    deviations = numbers.uniform(-3.0, 2.0, CHAIN_SIZE)
    strikes = np.round(SPOT * np.exp(np.clip(0.25 * np.sqrt(years) * deviations, -0.6, 0.6)))
    moneyness = np.log(strikes / SPOT) / np.sqrt(years)
    iv = np.clip(0.2 - 0.25 * moneyness + 0.3 * moneyness**2, 0.1, 0.8)
    return strikes, years, np.arange(CHAIN_SIZE) % 2 == 0, iv


def _question(strikes: Any, years: Any, is_call: Any, iv: Any) -> list[list[object]]:
    picked = np.random.default_rng(2).choice(CHAIN_SIZE, PEER_SAMPLE, replace=False)
    return [
        [
            bool(is_call[i]),
            SPOT,
            float(strikes[i]),
            round(float(years[i]) * 365),
            RATE,
            DIVIDEND_YIELD,
            float(iv[i]),
        ]
        for i in picked
    ]
