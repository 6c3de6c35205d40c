"""Who asks: a person with a role, working on somebody's books, perhaps by a token that may do less."""

from dataclasses import dataclass
from enum import StrEnum

from thetaloom.domain.values.ids import UserId


class Role(StrEnum):
    """What a person may do; each includes those before it."""

    VIEWER = "viewer"
    TRADER = "trader"
    APPROVER = "approver"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether this role may do all that ``other`` may."""
        ranks = tuple(Role)
        return ranks.index(self) >= ranks.index(other)


class Scope(StrEnum):
    """What a token may do of what its person may; any of them may read."""

    READ = "read"
    TRADE = "trade"
    APPROVE = "approve"
    ADMIN = "admin"


class Theme(StrEnum):
    """The look of the pages; system follows the machine's."""

    DARK = "dark"
    LIGHT = "light"
    SYSTEM = "system"


SCOPES = {Role.VIEWER: Scope.READ, Role.TRADER: Scope.TRADE, Role.APPROVER: Scope.APPROVE, Role.ADMIN: Scope.ADMIN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who is signed in, or whose token it is."""

    id: UserId
    name: str
    role: Role
    books: UserId  # whose rows are shown and changed
    scopes: frozenset[Scope] | None = None  # of a token; a browser has none, and may all that the role may
    token_id: str = ""
    session_id: str = ""
    theme: Theme = Theme.DARK
    zone: str = ""  # of shown times; empty: the exchange's
    is_private: bool = False  # money is blurred

    def has_scope_for(self, needed: Role) -> bool:
        """Whether the token, if it is one, was made for this."""
        return self.scopes is None or needed is Role.VIEWER or SCOPES[needed] in self.scopes

    def may(self, needed: Role) -> bool:
        """Whether what needs this role is open to this person by this way."""
        return self.role.includes(needed) and self.has_scope_for(needed)
