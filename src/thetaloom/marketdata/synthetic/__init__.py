"""A made-up options world: seeded, free of arbitrage at every instant, and marked as synthetic everywhere."""

from thetaloom.marketdata.synthetic.market import SyntheticMarket as SyntheticMarket
