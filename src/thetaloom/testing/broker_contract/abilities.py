"""What a scenario needs that not every broker and not every rig can do, each with the words for leaving it out."""

from enum import StrEnum
from typing import TYPE_CHECKING

from thetaloom.ports.market_data import SymbolSearch
from thetaloom.testing.broker_contract.world import Busts

if TYPE_CHECKING:
    from thetaloom.testing.broker_contract.rig import Rig


class Ability(StrEnum):
    """One thing that a scenario needs; ``text`` says why it was left out where it is missing."""

    text: str

    def __new__(cls, code: str, text: str) -> "Ability":
        member = str.__new__(cls, code)
        member._value_ = code
        member.text = text
        return member

    # of the rig: what stands around the broker
    SESSIONS = "sessions", "no night passes on this rig"
    OUTSIDE = "outside", "nothing happens outside of this rig"
    BUSTS = "busts", "no trade is busted or corrected on this rig"
    JUDGES = "judges", "this rig's broker takes whatever is ordered"
    WIRE = "wire", "no wire lies between us and this broker"
    STREAMS = "streams", "this broker speaks on no stream"
    SIGN_IN = "sign_in", "nobody signs in to this broker"
    MARKET = "market", "this broker brings no market data"
    SEARCH = "search", "this broker's market data has no search for symbols"
    GREEKS = "greeks", "this rig's market has no greeks to tell"
    BY_LEG = "by_leg", "this rig's broker fills whole structures only"
    FEES = "fees", "this broker tells no fees with a fill"
    # of the broker: what its capabilities say
    PREVIEW = "preview", "this broker has no dry run"
    REPLACE = "replace", "this broker moves no working order's limit"
    SAME_ID = "same_id", "a replacement is a new order in this broker's books"
    GTC = "gtc", "this broker lets no order of several legs rest over many sessions"
    KNOWN_IDS = "known_ids", "this broker takes a client order id twice; our adapter alone must not send it twice"

    OCO = "oco", "no order of this broker cancels another for us; the engine works its exits itself"
    OTOCO = "otoco", "no entry of this broker brings its exits with it; the engine works its exits itself"

    def is_had_by(self, rig: "Rig") -> bool:
        """Tell whether a rig and its broker have it."""
        can = rig.broker.capabilities
        return {
            Ability.SESSIONS: rig.next_session is not None and rig.close_market is not None,
            Ability.OUTSIDE: rig.outside is not None,
            Ability.BUSTS: isinstance(rig.outside, Busts),
            Ability.JUDGES: rig.judges,
            Ability.WIRE: rig.wire is not None,
            Ability.STREAMS: rig.streams is not None,
            Ability.SIGN_IN: rig.sign_in is not None,
            Ability.MARKET: rig.market is not None,
            Ability.SEARCH: isinstance(rig.market, SymbolSearch),
            Ability.GREEKS: rig.set_greeks is not None,
            Ability.BY_LEG: rig.execute is not None,
            Ability.FEES: rig.has_fees_in_fills,
            Ability.PREVIEW: can.preview,
            Ability.REPLACE: can.replace,
            Ability.SAME_ID: can.keeps_id_on_replace,
            Ability.GTC: can.gtc,
            Ability.KNOWN_IDS: can.refuses_known_ids,
            Ability.OCO: can.native_oco,
            Ability.OTOCO: can.native_otoco,
        }[self]
