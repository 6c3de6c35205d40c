"""What the API answers of findings: differences between the broker's books and ours."""

from datetime import datetime

from pydantic import Field

from thetaloom.domain.book.elsewhere import Finding as Found
from thetaloom.web.api.records import Record


class Moved(Record):
    """Contracts that a finding is about."""

    occ_symbol: str
    quantity: int = Field(description="Bought positive, sold negative.")


class Finding(Record):
    """A difference that waits for a person or to go away, or that was settled."""

    id: str
    kind: str = Field(examples=["unknown_holding"])
    status: str = Field(examples=["waiting"])
    text: str
    account_id: str
    symbol: str
    contracts: list[Moved]
    candidates: list[str] = Field(description="Positions that could have lost the contracts.")
    broker_order_id: str
    prices_known: bool = Field(description="Whether the broker told at which prices the contracts came.")
    found_at: datetime
    settled_at: datetime | None
    settled_as: str

    @classmethod
    def of(cls, found: Found) -> "Finding":
        """Return a finding as the API shows it."""
        moved = sorted(found.contracts.items(), key=lambda pair: pair[0].occ_symbol)
        return cls(
            id=found.id,
            kind=found.kind.value,
            status=found.status.value,
            text=found.text,
            account_id=found.account_id,
            symbol=found.symbol,
            contracts=[Moved(occ_symbol=one.occ_symbol, quantity=quantity) for one, quantity in moved],
            candidates=list(found.candidates),
            broker_order_id=found.order,
            prices_known=found.prices_known,
            found_at=found.found_at,
            settled_at=found.settled_at,
            settled_as=found.settled_as,
        )
