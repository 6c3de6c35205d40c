"""What a person gave to an adapter, read field by field: whatever is missing or wrong is named with what to do."""

import re
from collections.abc import Mapping

from thetaloom.errors import ConfigError
from thetaloom.links.addresses import WEB, checked_address
from thetaloom.ports.broker_plugin import SetupField

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


class GivenSetup:
    """The secrets and options of one broker, with its defaults where nothing was given."""

    def __init__(
        self,
        broker: str,
        fields: tuple[SetupField, ...],
        options: Mapping[str, str],
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        """Check the names. Raises ``ConfigError`` for a secret that is missing and an option that is unknown."""
        known = {field.name: field.default for field in fields if not field.is_secret}
        self._broker = broker
        self._secrets = {name: text.strip() for name, text in (secrets or {}).items()}
        missing = [one.name for one in fields if one.is_secret and one.is_needed and not self._secrets.get(one.name)]
        if missing:
            raise ConfigError(
                f"{broker} needs {' and '.join(missing)}",
                advice=" && ".join(f"thetaloom secret set {broker} {name}" for name in missing),
                details={"missing": missing},
            )
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise ConfigError(
                f"{broker} has no option {', '.join(unknown)}",
                advice=f"Its options are {', '.join(sorted(known))}.",
                details={"unknown": unknown},
            )
        self._options = known | {name: text.strip() for name, text in options.items()}

    def secret(self, name: str) -> str:
        """Return a secret."""
        return self._secrets.get(name, "")

    def text(self, name: str) -> str:
        """Return an option as it was given, or its default."""
        return self._options[name]

    def address(self, name: str, schemes: tuple[str, str] = WEB) -> str:
        """Return an address without the slash at its end, or nothing where none was given."""
        return checked_address(f"{self._broker}: the option {name}", self._options[name], schemes)

    def one_of(self, name: str, words: tuple[str, ...]) -> str:
        """Return an option that must be one of these words."""
        if self._options[name] not in words:
            raise self.wrong(name, f"one of {', '.join(words)}")
        return self._options[name]

    def number(self, name: str, least: float, most: float) -> float:
        """Return a number from ``least`` to ``most``."""
        text = self._options[name]
        if not _NUMBER.fullmatch(text) or not least <= float(text) <= most:
            raise self.wrong(name, f"a number from {least:g} to {most:g}")
        return float(text)

    def whole(self, name: str, least: int, most: int) -> int:
        """Return a whole number from ``least`` to ``most``."""
        text = self._options[name]
        if not re.fullmatch("[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise self.wrong(name, f"a whole number from {least} to {most}")
        return int(text)

    def wrong(self, name: str, wanted: str) -> ConfigError:
        """Return the error that says an option is not what is ``wanted``."""
        return ConfigError(
            f'{self._broker}: the option {name} is "{self._options[name]}"',
            advice=f"Write {wanted}.",
            details={"option": name},
        )
