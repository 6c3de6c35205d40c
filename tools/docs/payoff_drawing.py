"""The payoff of a sample as a small SVG, the same to the byte wherever it is drawn."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from tools.docs.strategy_samples import Sample

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 96, 16, 34, 62  # room for the labels
LABEL_GAP = 66  # two labels nearer than this stand in two rows
INK, FAINT, GAIN, LOSS, MARK = "#333333", "#999999", "#cfe8d5", "#f3d3d0", "#1f4e8c"
Point = tuple[float, float]


def draw_payoff(title: str, sample: Sample) -> str:
    """Return the picture of one structure's profit and loss when its nearest leg expires."""
    scale = _Scale(sample.curve)
    points = [(scale.x(price), scale.y(profit)) for price, profit in sample.curve]
    found = sample.evaluation
    strikes = sorted({float(one.leg.contract.strike) for one in found.legs})
    parts = [
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _area(scale, sample.curve, GAIN, above=True),
        _area(scale, sample.curve, LOSS, above=False),
        *_strikes(scale, strikes),
        _line(LEFT, scale.y(0.0), WIDTH - RIGHT, scale.y(0.0), INK),
        _line(scale.x(float(sample.spot)), TOP, scale.x(float(sample.spot)), HEIGHT - BOTTOM, MARK, dash="5 4"),
        _text(scale.x(float(sample.spot)), TOP - 12, f"spot {float(sample.spot):.2f}", MARK),
        f'<polyline fill="none" stroke="{INK}" stroke-width="2" points="{_points(points)}"/>',
        *(_breakeven(scale, float(level), at) for at, level in enumerate(found.breakevens)),
        *_amounts(scale),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
    return f'{head} font-family="sans-serif" font-size="13">\n' + "\n".join(parts) + "\n</svg>\n"


class _Scale:
    """From prices and dollars to the picture's units."""

    def __init__(self, curve: Sequence[Point]) -> None:
        self.low, self.high = curve[0][0], curve[-1][0]
        profits = [0.0, *(profit for _, profit in curve)]
        self.worst, self.best = min(profits), max(profits)

    def x(self, price: float) -> float:
        return round(LEFT + (price - self.low) / (self.high - self.low) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, profit: float) -> float:
        part = (self.best - profit) / ((self.best - self.worst) or 1.0)
        return round(TOP + part * (HEIGHT - TOP - BOTTOM), 1)


def _area(scale: _Scale, curve: Sequence[Point], color: str, *, above: bool) -> str:
    cut = []
    for (price, profit), (later, other) in zip(curve, [*curve[1:], curve[-1]], strict=True):
        cut.append((price, max(profit, 0.0) if above else min(profit, 0.0)))
        if profit * other < 0:  # the line crosses zero between two points
            cut.append((price + (later - price) * profit / (profit - other), 0.0))
    outline = [(curve[0][0], 0.0), *cut, (curve[-1][0], 0.0)]
    points = _points([(scale.x(price), scale.y(profit)) for price, profit in outline])
    return f'<polygon fill="{color}" points="{points}"/>'


def _strikes(scale: _Scale, strikes: Sequence[float]) -> list[str]:
    parts, row, last = [], 0, -LABEL_GAP * 2.0
    for strike in strikes:
        x = scale.x(strike)
        row = 1 - row if x - last < LABEL_GAP else 0
        last = x
        parts.append(_line(x, TOP, x, HEIGHT - BOTTOM, FAINT, dash="2 4"))
        parts.append(_text(x, HEIGHT - BOTTOM + 20 + row * 18, f"{strike:g}", INK))
    return parts


def _breakeven(scale: _Scale, level: float, at: int) -> str:
    x, y = scale.x(level), scale.y(0.0)
    above = _text(x, y - 10 - at % 2 * 16, f"{level:.2f}", MARK)
    return f'<circle cx="{x}" cy="{y}" r="4" fill="{MARK}"/>{above}'


def _amounts(scale: _Scale) -> list[str]:
    shown: dict[float, float] = {}
    for amount in (scale.best, scale.worst, 0.0):
        y = scale.y(amount)
        if all(abs(y - other) >= 14 for other in shown):  # nearer ones would stand on each other
            shown[y] = amount
    return [_text(LEFT - 8, y + 4, f"{amount:+,.0f}" if amount else "0", INK, "end") for y, amount in shown.items()]


def _line(x1: float, y1: float, x2: float, y2: float, color: str, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{color}"{dashes}/>'


def _text(x: float, y: float, text: str, color: str, anchor: str = "middle") -> str:
    halo = 'paint-order="stroke" stroke="#ffffff" stroke-width="3"'  # so that lines beneath do not cut the words
    place = f'x="{round(x, 1)}" y="{round(y, 1)}"'
    return f'<text {place} fill="{color}" {halo} text-anchor="{anchor}">{escape(text)}</text>'


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)
