"""Themes: every text can be read on every ground, by night and by day."""

import re

import pytest

from thetaloom.web.app import STATIC

TOKENS = (STATIC / "css" / "tokens.css").read_text()
LITERAL = re.compile(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(")
CONTRAST_MIN = 4.5
FIELD_CONTRAST_MIN = 3.0
INKS = ("text", "dim", "accent", "profit", "loss", "caution", "quiet", "other")
GROUNDS = ("page", "card", "raised")


def meanings(theme: str) -> dict[str, str]:
    """The colors of a theme by their meaning, as hexadecimal numbers."""
    raw = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", TOKENS))
    blocks = re.findall(r"(:root[^{]*)\{([^}]*)\}", TOKENS)
    wanted = [body for head, body in blocks if "color-scheme" in body and theme in (head if theme != "dark" else body)]
    assert wanted, theme
    return {name: raw[token] for name, token in re.findall(r"--color-([\w-]+): var\(--([\w-]+)\);", wanted[0])}


def brightness(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((brightness(one), brightness(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["dark", "light", "system"])
def test_every_ink_can_be_read_on_every_ground(theme: str) -> None:
    colors = meanings(theme)
    pairs = [(ink, ground) for ink in INKS for ground in GROUNDS]
    pairs += [("on-accent", "accent"), ("halt", "halt-back"), ("text", "halt-back"), ("accent", "halt-back")]

    faint = {pair: contrast(colors[pair[0]], colors[pair[1]]) for pair in pairs}

    assert {pair: round(ratio, 2) for pair, ratio in faint.items() if ratio < CONTRAST_MIN} == {}
    assert min(contrast(colors["field"], colors[ground]) for ground in GROUNDS) >= FIELD_CONTRAST_MIN


def test_all_themes_give_every_meaning_a_color() -> None:
    assert meanings("dark").keys() == meanings("light").keys() == meanings("system").keys()
    assert meanings("light") == meanings("system")
    night = {"page": "#0d1117", "card": "#161b22", "accent": "#00d4aa", "text": "#f0f6fc"}
    assert night.items() <= meanings("dark").items()


def test_colors_are_written_in_one_file() -> None:
    sheets = [sheet for sheet in (STATIC / "css").glob("*.css") if sheet.name not in {"tokens.css", "chart.css"}]

    assert len(sheets) > 10
    assert [sheet.name for sheet in sheets if LITERAL.search(sheet.read_text())] == []
