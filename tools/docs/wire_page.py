"""The page of the live wire's messages, from the table that the code sends by."""

from collections.abc import Iterable

from thetaloom.web.wire.messages import KINDS, Direction, MessageKind
from tools.docs.markdown import page, table

INTRO = """`/ws` is one WebSocket a page; how it is used is told in [The live wire](../concepts/live-wire.md).
Every message is one flat JSON object with a `type`; those that the server sends also have a `seq`.
Prices and money are strings such as `"1.20"`, times are milliseconds since 1970, and what is unknown is `null`.
A field with a question mark may be left out.
"""


def wire_page() -> str:
    """Return the page."""
    sent = [one for one in KINDS if one.direction is Direction.IN]
    told = [one for one in KINDS if one.direction is Direction.OUT]
    facts = ", ".join(f"`{one.name}`" for one in told if one.is_fact)
    return page(
        "Messages of the live wire",
        INTRO,
        "## What a page sends",
        *_sections(sent),
        "## What a page is told",
        f"{facts} are facts: a page that comes back is told those it missed.",
        *_sections(told),
    )


def _sections(kinds: Iterable[MessageKind]) -> Iterable[str]:
    for one in kinds:
        yield f"### {one.name}"
        yield one.meaning.replace(". ", ".\n")
        if one.fields:
            yield table(("Field", "Holds"), [(f"`{name}`", text) for name, text in one.fields.items()])
