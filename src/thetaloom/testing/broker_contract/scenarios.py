"""How scenarios are written down: each with a number that stays, a sentence, and what it needs."""

from collections.abc import Callable
from dataclasses import dataclass

from thetaloom.errors import InvalidInput
from thetaloom.testing.broker_contract.abilities import Ability
from thetaloom.testing.broker_contract.rig import Rig
from thetaloom.testing.broker_contract.world import Break, Call

Body = Callable[[Rig], None]

GROUPS = {  # in the order of the pages
    "CON": "Connect and sign in",
    "ACC": "Balances",
    "POS": "Positions and transactions",
    "CHN": "Chains",
    "QTE": "Quotes and greeks",
    "SYM": "Symbols that brokers write in their own way",
    "DRY": "Dry run",
    "SUB": "Submit, and what works",
    "IDS": "Client order ids are used once",
    "FIL": "Fills and parts",
    "SGN": "Signs of prices",
    "LEG": "Legs in any order",
    "TCK": "Ticks and limits on legs",
    "REP": "Replace",
    "CAN": "Cancel",
    "GRP": "Orders that depend on each other (OCO, OTOCO)",
    "TIF": "Time in force",
    "REJ": "Refusals and their advice",
    "UNK": "Unknown outcomes",
    "LAT": "Late and double reports",
    "RST": "Restarts",
    "ASG": "Assignment, exercise and the world outside",
    "BST": "Trades that are busted or corrected",
    "REC": "Reconciliation with the broker's books",
    "STR": "Streams that fall silent or break",
    "TOK": "Tokens that expire",
    "BSY": "Rate limits, outages and maintenance",
    "CLK": "Clocks that differ",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One thing that every broker must do."""

    number: str  # as "ORD-012": never given to another sentence
    name: str  # the sentence, its words joined by underscores
    run_on: Body
    needs: frozenset[Ability] = frozenset()
    breaks: tuple[tuple[Call, Break], ...] = ()  # what its wire must be able to do
    cites: str = ""  # where this went wrong for others

    @property
    def sentence(self) -> str:
        """The sentence, for people."""
        return self.name.replace("_", " ").capitalize()

    @property
    def group(self) -> str:
        """What the scenario is about."""
        return GROUPS[self.number.partition("-")[0]]

    def left_out_because(self, rig: Rig) -> str:
        """Say why the scenario cannot be tried on a rig; nothing where it can."""
        missing = [ability.text for ability in Ability if ability in self.needs and rig.lacks(ability)]
        if not missing and self.breaks and rig.wire is None:
            missing = [Ability.WIRE.text]
        if not missing:
            missing = [why for call, trouble in self.breaks if (why := rig.line.why_not(call, trouble))]
        return "; ".join(missing)


class Register:
    """Collects the scenarios of one module under the names of their functions, which are sentences."""

    def __init__(self) -> None:
        self._found: list[Scenario] = []

    def __call__(
        self, number: str, *needs: Ability, breaks: tuple[tuple[Call, Break], ...] = (), cites: str = ""
    ) -> Callable[[Body], Body]:
        """Enter the function that follows."""

        def enter(run_on: Body) -> Body:
            self.add(number, run_on.__name__.removeprefix("_"), run_on, *needs, breaks=breaks, cites=cites)
            return run_on

        return enter

    def add(
        self,
        number: str,
        name: str,
        run_on: Body,
        *needs: Ability,
        breaks: tuple[tuple[Call, Break], ...] = (),
        cites: str = "",
    ) -> None:
        """Enter one row of a table."""
        if number.partition("-")[0] not in GROUPS:
            raise InvalidInput(f"scenario {number} is of no group")
        self._found.append(
            Scenario(number=number, name=name, run_on=run_on, needs=frozenset(needs), breaks=breaks, cites=cites)
        )

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """What was collected."""
        return tuple(self._found)
