"""What every benchmark leaves behind: a table on the terminal, its numbers as JSON, and a plot beside them as SVG."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

Row = dict[str, Any]
Points = dict[str, list[tuple[float, float]]]
"""Name of a line -> its points."""

WIDTH, HEIGHT = 460, 340
LEFT, RIGHT, TOP, BOTTOM = 62, 128, 40, 48
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
"""Told apart by the colour-blind too (Okabe and Ito)."""


@dataclass(frozen=True)
class Panel:
    """One plot: lines with a dot at every point."""

    title: str
    x: str
    y: str
    lines: Points
    log: bool = False
    """Whether x grows by factors."""


def keep(path: Path, found: Any, *panels: Panel) -> None:  # noqa: ANN401
    """Write JSON to path and the panels, where they have points, to the same name with .svg."""
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    drawn = [panel for panel in panels if any(panel.lines.values())]
    if drawn:
        path.with_suffix(".svg").write_text(svg(drawn), encoding="utf-8")


def table(rows: Sequence[Row]) -> str:
    """Rows of equal keys as text, a column a key."""
    cells = [[str(key) for key in rows[0]], *([_short(v) for v in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells)


def lines(rows: Sequence[Row], name: str, x: str, y: str) -> Points:
    """A line for each value of `name`; where several rows share an x, the mean of their y."""
    found: dict[str, dict[float, list[float]]] = {}
    for row in rows:
        found.setdefault(str(row[name]), {}).setdefault(float(row[x]), []).append(float(row[y]))
    return {k: [(x, sum(ys) / len(ys)) for x, ys in sorted(points.items())] for k, points in found.items()}


def svg(panels: Sequence[Panel]) -> str:
    """Panels side by side."""
    size = f'width="{WIDTH * len(panels)}" height="{HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11" fill="#333">'
    inner = "".join(f'<g transform="translate({WIDTH * i} 0)">{_panel(p)}</g>' for i, p in enumerate(panels))
    return f'{head}<rect width="100%" height="100%" fill="white"/>{inner}</svg>\n'


def _panel(panel: Panel) -> str:
    points = [p for line in panel.lines.values() for p in line]
    across = _Axis([x for x, _ in points], LEFT, WIDTH - RIGHT, panel.log)
    upwards = _Axis([y for _, y in points], HEIGHT - BOTTOM, TOP, log=False)
    parts = [_text(LEFT, 20, panel.title, 'font-size="13" font-weight="bold"')]
    for y in upwards.ticks:
        parts.append(f'<path d="M{LEFT} {upwards(y):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 6, upwards(y) + 4, f"{y:g}", 'text-anchor="end"'))
    parts += [_text(across(x), HEIGHT - BOTTOM + 16, f"{x:g}", 'text-anchor="middle"') for x in across.ticks]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, panel.x, 'text-anchor="middle"'))
    parts.append(_text(LEFT, TOP - 8, panel.y, ""))
    for i, (name, line) in enumerate(panel.lines.items()):
        colour, places = COLOURS[i % len(COLOURS)], [(across(x), upwards(y)) for x, y in line]
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
        parts.append(_text(WIDTH - RIGHT + 12, TOP + 8 + 16 * i, name, f'fill="{colour}"'))
    return "".join(parts)


class _Axis:
    """Values to pixels, with ticks at round values (or at the values themselves, where they grow by factors)."""

    def __init__(self, values: list[float], begin: float, end: float, log: bool) -> None:  # noqa: FBT001
        self._log = log
        if log:
            self.ticks = sorted(set(values))
        else:
            low, high = min(values), max(values)
            spread = (high - low) or abs(high) or 1.0
            step = 10.0 ** math.floor(math.log10(spread / 3))
            step *= next(k for k in (1, 2, 5, 10) if spread / (k * step) <= 6)
            first, last = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
            self.ticks = [round(k * step, 10) for k in range(first, last + 1)]
        self._low, self._high = self._scaled(self.ticks[0]), self._scaled(self.ticks[-1])
        self._begin, self._end = begin, end

    def __call__(self, value: float) -> float:
        share = (self._scaled(value) - self._low) / ((self._high - self._low) or 1)
        return self._begin + share * (self._end - self._begin)

    def _scaled(self, value: float) -> float:
        return math.log(value) if self._log else value


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def as_bytes(picture: Tensor) -> np.ndarray:
    """[3, H, W], shown as far as it lies in [0, 1] -> uint8 [H, W, 3]."""
    return (picture.clamp(0, 1).permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
