"""Names that are typed: of markets, of brokers and of their secrets, refused with those that there are."""

from thetaloom.cli.cases import refuse, shown
from thetaloom.config import PAPER_BROKER, MarketSource


def check_market(market: str | None) -> None:
    """Refuse a source of market data that is none."""
    if market is None or market in set(MarketSource):
        return
    known = _installed()
    if market not in known:
        refuse("market", f"{shown(market)} is none of {', '.join((*MarketSource, *known))}")


def check_broker(broker: str | None) -> None:
    """Refuse a broker that is none, so far as orders could go there."""
    if broker in (None, PAPER_BROKER):
        return
    known = _installed()
    if broker not in known:
        refuse("broker", f"{shown(broker)} is none of {', '.join((PAPER_BROKER, *known))}")


def check_connectable(broker: str) -> None:
    """Refuse a broker that nobody connects to, the paper broker too."""
    if broker == PAPER_BROKER:
        refuse("broker", "paper is always there, inside Thetaloom: it has no secrets, no options and no server")
    from thetaloom.broker_parts import found_brokers

    known = found_brokers()  # one that cannot be used says why by itself
    if broker not in known:
        refuse("broker", f"{shown(broker)} is none of {', '.join(known)}")


def check_secret(broker: str, name: str) -> None:
    """Refuse a secret that the broker does not have, so that a slip of the fingers is not kept."""
    from thetaloom.broker_parts import found_brokers

    check_connectable(broker)
    plugin = found_brokers()[broker].plugin
    if plugin is None:
        return  # what it would take is not known
    known = [one.name for one in plugin.fields if one.is_secret]
    if name not in known:
        has = f"its secrets are {', '.join(known)}" if known else "it takes no secrets"
        refuse("name", f"{shown(name)} is no secret of {broker}; {has}")


def _installed() -> list[str]:
    from thetaloom.broker_parts import installed_brokers

    return sorted(installed_brokers())
