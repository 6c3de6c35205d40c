"""Cboe's free chains, a quarter of an hour late: no account, no key.

The endpoint is public and promised by nobody, so every part of an answer is checked before it is believed.
"""

from thetaloom.marketdata.cboe.market import CboeMarket as CboeMarket
from thetaloom.marketdata.cboe.settings import CboeSettings as CboeSettings
