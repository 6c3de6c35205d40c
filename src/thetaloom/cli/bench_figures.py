"""What a measurement of ``thetaloom bench`` gives."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure beside its bar; ``peer`` is another library's figure from the same run."""

    name: str
    figure: float
    unit: str
    bar: float
    note: str = ""
    peer: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the figure is within its bar."""
        return self.figure <= self.bar
