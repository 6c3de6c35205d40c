"""What the paper broker is made of by the settings: its account, its numbers, and where its books are."""

from pathlib import Path

from thetaloom.brokers.paper.settings import PaperSettings, read_shares
from thetaloom.config import Settings
from thetaloom.domain.values.ids import AccountId
from thetaloom.domain.values.money import Money

PAPER_ACCOUNT = AccountId("PAPER")


def paper_books(settings: Settings) -> Path | None:
    """Return the file of the paper broker's books; ``None`` where they live in the database itself."""
    url = paper_url(settings)
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else None


def paper_url(settings: Settings) -> str:
    """Return the address of the paper broker's books."""
    # On SQLite the broker's books are a file of their own: it is another party, with commits of its own.
    if settings.database.startswith("sqlite"):
        main = Path(settings.database.removeprefix("sqlite:///"))
        return f"sqlite:///{main.with_name(main.stem + '-paper-broker.db')}"
    return settings.database


def paper_settings(settings: Settings) -> PaperSettings:
    """Return the paper broker's own settings."""
    return PaperSettings(
        account_id=PAPER_ACCOUNT,
        seed=settings.seed,
        fill_at=settings.paper_fill_at,
        fee_per_contract=Money(settings.fee_per_contract),
        starting_cash=Money(settings.paper_cash),
        is_cash_account=settings.paper_cash_account,
        shares=read_shares(settings.paper_shares),
    )
