"""Identifiers as types, and how the ones we make ourselves are made."""

import hashlib
from base64 import b32encode
from typing import NewType

UserId = NewType("UserId", str)
AccountId = NewType("AccountId", str)
StrategyId = NewType("StrategyId", str)
RunId = NewType("RunId", str)
ProposalId = NewType("ProposalId", str)
ClientOrderId = NewType("ClientOrderId", str)  # ours, made and committed before anything is sent
BrokerOrderId = NewType("BrokerOrderId", str)  # theirs
FillId = NewType("FillId", str)  # the broker's id of one execution report, unique within an order
PositionId = NewType("PositionId", str)
PromptId = NewType("PromptId", str)  # chosen by a person
SignalId = NewType("SignalId", str)
ScheduleId = NewType("ScheduleId", str)
ScanId = NewType("ScanId", str)


def make_run_id(installation: str, number: int) -> RunId:
    """Name run ``number`` of one installation; two installations never share a name."""
    return RunId(f"run-{_short('run', installation, str(number))}")


def make_proposal_id(run: RunId, attempt: int) -> ProposalId:
    """Name the proposal a run shows; a run that must ask again shows another."""
    return ProposalId(f"prop-{_short('proposal', run, str(attempt))}")


def make_position_id(run: RunId) -> PositionId:
    """Name the position a run opens; a run opens at most one."""
    return PositionId(f"pos-{_short('position', run)}")


def make_client_order_id(run: RunId, purpose: str, attempt: int, part: str = "") -> ClientOrderId:
    """Name an order by what it is for, so that the same intent can never become two orders."""
    wanted = f"{purpose}:{part}" if part else purpose
    return ClientOrderId(f"tl-{_short('order', run, wanted, str(attempt))}")


def make_alert_id(user: str, subject: str, cause: str, raised_at: str) -> str:
    """Name an alert by what it is about and when it came up."""
    return f"al-{_short('alert', user, subject, cause, raised_at)}"


def make_finding_id(account: AccountId, key: str, number: int) -> str:
    """Name a finding by what it is about; ``number`` tells apart those that came again."""
    return f"find-{_short('finding', account, key, str(number))}"


def make_opinion_id(run: RunId, analyst: str, seq: int) -> str:
    """Name what an analyst said in a run before its record ``seq + 1``."""
    return f"op-{_short('opinion', run, analyst, str(seq))}"


def make_signal_id(user: UserId, source: str, body_digest: str, received_at: str) -> SignalId:
    """Name a signal by who sent what, and when it came."""
    return SignalId(f"sig-{_short('signal', user, source, body_digest, received_at)}")


def make_schedule_id(installation: str, number: int) -> ScheduleId:
    """Name schedule ``number`` of one installation."""
    return ScheduleId(f"sched-{_short('schedule', installation, str(number))}")


def make_scan_id(installation: str, number: int) -> ScanId:
    """Name scan ``number`` of one installation."""
    return ScanId(f"scan-{_short('scan', installation, str(number))}")


def make_delivery_id(user: UserId, destination: str, key: str) -> str:
    """Name a message to a destination by its key: what is told again has the same name."""
    return f"msg-{_short('delivery', user, destination, key)}"


def _short(*parts: str) -> str:
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=10).digest()
    return b32encode(digest).decode().lower()
