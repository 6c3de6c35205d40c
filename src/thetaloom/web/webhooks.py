"""The proof of a webhook's sender, before anything it says is believed."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from thetaloom.config import Mode
from thetaloom.domain.run.signal_bodies import read_body, secret_of, without_secrets
from thetaloom.domain.run.signal_faults import Problem
from thetaloom.domain.run.signal_sources import SignalSource, SourceAuth
from thetaloom.domain.values.canonical import canonical_json

BYTES_MAX = 64 * 1024
SIGNATURE_HEADERS = ("x-signature", "x-webhook-signature")
PREFIX = "sha256="


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why a sender is not believed: the status, and what he is told."""

    status: int
    code: str
    message: str
    advice: str


# Every refusal of a sender, for the answers and for the page that lists them.
UNKNOWN_SOURCE = Refused(
    status=404,
    code="unknown_source",
    message="no source has this name",
    advice="`thetaloom signal source add NAME` makes one.",
)
FOREIGN_ADDRESS = Refused(
    status=403,
    code="foreign_address",
    message="this source does not send from this address",
    advice="`thetaloom signal source list` shows the addresses that may.",
)
UNSIGNED_LIVE = Refused(
    status=403,
    code="unsigned_live",
    message="a source without a secret is taken in paper mode only",
    advice="Give the source a secret: `thetaloom signal source add NAME --auth hmac`.",
)
NO_SECRET = Refused(
    status=401,
    code="secret_missing_here",
    message="the secret of this source is not on this machine",
    advice="`thetaloom signal source add NAME --secret …` writes it.",
)
NO_SIGNATURE = Refused(
    status=401,
    code="signature_missing",
    message="the header X-Signature is missing",
    advice="Send X-Signature: sha256=… with the HMAC-SHA256 of the raw body, in hexadecimal.",
)
BAD_SIGNATURE = Refused(
    status=401,
    code="signature_wrong",
    message="the signature is not that of this body under this source's secret",
    advice="Sign the very bytes that are sent, not a copy that was written anew.",
)
BAD_SECRET = Refused(
    status=401,
    code="secret_wrong",
    message="the body does not carry this source's secret",
    advice='Send it at the top of the body: "secret": "…".',
)
TOO_LARGE = Refused(
    status=413,
    code="body_too_large",
    message=f"a signal has at most {BYTES_MAX} bytes",
    advice="Send the signal alone.",
)
REFUSALS = (
    UNKNOWN_SOURCE,
    FOREIGN_ADDRESS,
    UNSIGNED_LIVE,
    NO_SECRET,
    NO_SIGNATURE,
    BAD_SIGNATURE,
    BAD_SECRET,
    TOO_LARGE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """A message whose sender is who he says, as it may be stored."""

    payload: str


def prove(
    source: SignalSource, secret: str | None, body: bytes, headers: Mapping[str, str], address: str | None, mode: Mode
) -> Proved | Refused | Problem:
    """Check a sender; return his message without the secret, or why it is not taken."""
    refused = _refusal(source, secret, address, mode)
    if refused is not None:
        return refused
    if source.auth is SourceAuth.HMAC:
        refused = _check_signature(secret or "", body, headers)
    if refused is not None:
        return refused
    plain = read_body(body)
    if source.auth is SourceAuth.BODY and not _carries(plain, secret or ""):
        return BAD_SECRET
    if isinstance(plain, Problem):
        return plain
    return Proved(payload=canonical_json(without_secrets(plain, secret)).decode())


def _refusal(source: SignalSource, secret: str | None, address: str | None, mode: Mode) -> Refused | None:
    if not source.enabled:
        return UNKNOWN_SOURCE
    if not source.allows(address):
        return FOREIGN_ADDRESS
    if source.auth is SourceAuth.UNSIGNED:
        return None if mode is Mode.PAPER else UNSIGNED_LIVE
    return NO_SECRET if secret is None else None


def _check_signature(secret: str, body: bytes, headers: Mapping[str, str]) -> Refused | None:
    sent = next((headers[name] for name in SIGNATURE_HEADERS if headers.get(name)), None)
    if sent is None:
        return NO_SIGNATURE
    wanted = hmac.new(secret.encode(), body, sha256).hexdigest()
    given = sent.strip().removeprefix(PREFIX).lower()
    is_right = hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace"))
    return None if is_right else BAD_SIGNATURE


def _carries(plain: dict[str, Any] | Problem, secret: str) -> bool:
    sent = "" if isinstance(plain, Problem) else secret_of(plain) or ""
    return hmac.compare_digest(secret.encode(), sent.encode("utf-8", "replace"))
