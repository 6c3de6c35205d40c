"""Addresses that a person may set: looked at before a secret goes there, and named where nobody answers."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from thetaloom.errors import ConfigError

NOT_REACHED = "See whether this computer is online, and whether the address and a proxy in the environment are right."
WEB, STREAM = ("https", "http"), ("wss", "ws")  # the first keeps what is sent to itself


def checked_address(what: str, text: str, schemes: tuple[str, str] = WEB) -> str:
    """Return an address without its last slash; empty stays so.

    Raises ``ConfigError`` for one that is none, and for one to which secrets would travel in the clear.
    """
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if parts.scheme not in schemes or not host or port == 0 or "@" in parts.netloc:
        raise ConfigError(f'{what} is "{text[:100]}", no address', advice=f"Write it like {schemes[0]}://host.example.")
    if parts.scheme != schemes[0] and not _is_loopback(host):
        raise ConfigError(
            f"{what} would send secrets to {host} in the clear",
            advice=f"Write it with {schemes[0]}://, not {schemes[1]}.",
        )
    return text.rstrip("/")


def place_of(url: object) -> str:
    """Return the host of an address, and its port where it names one, as errors call it."""
    parts = urlsplit(str(url))
    return parts.netloc.rpartition("@")[2] or "an unknown address"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
