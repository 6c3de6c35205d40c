"""What reading an answer of the other side may raise when the answer is none."""

from collections.abc import Iterable

# All that a wrong type, a missing field, an absurd number or a bottomless nesting ends in. Our own errors are none of
# these. Only code that reads what came over a wire may catch it: elsewhere it would hide a fault of ours.
NONSENSE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
HIDDEN = "(hidden)"


def without(text: str, secrets: Iterable[str]) -> str:
    """Return a text of the other side without our secrets: some servers and proxies repeat what they were sent."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, HIDDEN)
    return text
