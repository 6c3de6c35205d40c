"""Colors and settings that every picture shares: those of the pages, in the dark and in the light."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH: Final = 100
# A person's own matplotlib settings must not change our pictures, nor may two drawings differ in their ids.
SETTINGS: Final = {
    "font.family": ["DejaVu Sans"],
    "font.size": 11.0,
    "svg.fonttype": "path",
    "svg.hashsalt": "thetaloom",
    "path.simplify": True,
    "axes.unicode_minus": True,
    "axes.formatter.use_locale": False,
    "text.usetex": False,
    "savefig.bbox": None,
    "savefig.dpi": DOTS_PER_INCH,
}
# What a writer would add by itself: its version and today's date.
METADATA: Final = {"png": {"Software": None}, "svg": {"Creator": None, "Date": None}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """What each color means, as in the tokens of the pages."""

    page: str
    text: str
    dim: str
    line: str
    accent: str
    profit: str
    loss: str
    caution: str
    quiet: str
    other: str


DARK: Final = Theme(
    page="#0d1117",
    text="#f0f6fc",
    dim="#9ba7b4",
    line="#30363d",
    accent="#00d4aa",
    profit="#56d364",
    loss="#ff8078",
    caution="#e3b341",
    quiet="#79c0ff",
    other="#d2a8ff",
)
LIGHT: Final = Theme(
    page="#ffffff",
    text="#1c2530",
    dim="#57636f",
    line="#d5dbe1",
    accent="#00795f",
    profit="#1a7f37",
    loss="#c4302b",
    caution="#8a5a00",
    quiet="#0a62b9",
    other="#7d3cc0",
)


@contextmanager
def drawing(width: int, height: int, theme: Theme) -> "Iterator[Figure]":
    """Give an empty figure of so many pixels; draw and save it within."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # Any: its stubs list every setting by name.
    settings: Any = {name: preset for name, preset in mpl.rcParamsDefault.items() if not name.startswith("backend")}
    settings.update(SETTINGS)
    with mpl.rc_context(settings):
        yield Figure(figsize=(width / DOTS_PER_INCH, height / DOTS_PER_INCH), dpi=DOTS_PER_INCH, facecolor=theme.page)


def saved(figure: "Figure", form: str, said: Mapping[str, str] | None = None) -> bytes:
    """Return the picture as the bytes of a PNG or an SVG; what is ``said`` of it travels within."""
    written = io.BytesIO()
    metadata = {**METADATA[form], **(said or {})}
    figure.savefig(written, format=form, facecolor=figure.get_facecolor(), metadata=metadata)
    return written.getvalue()
