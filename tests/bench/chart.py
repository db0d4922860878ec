# SPDX-License-Identifier: MIT
"""Horizontal bars as SVG, for light and dark pages."""

import math
from dataclasses import dataclass
from html import escape

from figures import number

WIDTH, LEFT, RIGHT, TOP, ROW, BAR, BOTTOM = 760, 150, 90, 48, 26, 16, 44
STYLE = """
svg{color-scheme:light dark;--page:#fff;--ink:#1b1f24;--soft:#59636e;--grid:#e8ebef;--bar:#9aa7b5;
--ours:#0b62c4;--wanted:#a14b00;font:13px system-ui,sans-serif;font-variant-numeric:tabular-nums}
@media (prefers-color-scheme:dark){svg{--page:#0f1318;--ink:#e4e8ed;--soft:#98a3af;--grid:#232a32;
--bar:#5b6875;--ours:#6cb0ff;--wanted:#f0a35e}}
text{fill:var(--ink)}.title{font-size:15px;font-weight:600}.soft{fill:var(--soft)}
.page{fill:var(--page)}.grid{stroke:var(--grid)}.bar{fill:var(--bar)}.ours{fill:var(--ours)}
.spread{stroke:var(--ink)}.value{paint-order:stroke;stroke:var(--page);stroke-width:4}
.mark{stroke:var(--wanted);stroke-width:1.5;stroke-dasharray:5 3}
"""


@dataclass(frozen=True)
class Bar:
    label: str
    spread: object  # Spread
    is_ours: bool


def bar_chart(title, axis, bars, mark=None):
    """One bar for each median, with a line from the least to the greatest; mark is a value."""
    height = TOP + ROW * len(bars) + BOTTOM
    top_value, step = scale(max([mark or 0, *(bar.spread.high for bar in bars)]))

    def x_of(value):
        return LEFT + (WIDTH - LEFT - RIGHT) * value / top_value

    bottom = TOP + ROW * len(bars)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="12" y="26">{escape(title)}</text>',
    ]
    for i in range(round(top_value / step) + 1):
        x = f"{x_of(i * step):.1f}"
        parts.append(f'<path class="grid" d="M{x} {TOP}V{bottom}"/>'
                     f'<text class="soft" x="{x}" y="{bottom + 16}" text-anchor="middle">'
                     f"{tick(i * step)}</text>")
    parts.append(f'<text class="soft" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{bottom + 35}" '
                 f'text-anchor="middle">{escape(axis)}</text>')
    if mark is not None:
        parts.append(f'<path class="mark" d="M{x_of(mark):.1f} {TOP}V{bottom}"/>')
    for i, bar in enumerate(bars):
        parts.append(bar_parts(bar, TOP + ROW * i + ROW / 2, x_of))
    return "\n".join([*parts, "</svg>"]) + "\n"


def bar_parts(bar, middle, x_of):
    low, median, high = (x_of(value) for value in
                         (bar.spread.low, bar.spread.median, bar.spread.high))
    name = "ours" if bar.is_ours else "bar"
    return (f'<text x="{LEFT - 8}" y="{middle + 4.5}" text-anchor="end">{escape(bar.label)}</text>'
            f'<rect class="{name}" x="{LEFT}" y="{middle - BAR / 2}" width="{median - LEFT:.1f}" '
            f'height="{BAR}" rx="2"/>'
            f'<path class="spread" d="M{low:.1f} {middle}H{high:.1f}"/>'
            f'<text class="value" x="{high + 6:.1f}" y="{middle + 4.5}">'
            f"{number(bar.spread.median)}</text>")


def scale(highest):
    """A round value not below the highest, and a round step that divides it in at most six."""
    power = 10 ** math.floor(math.log10(highest))
    step = next(power * factor for factor in (0.2, 0.5, 1, 2) if highest <= 6 * power * factor)
    return step * math.ceil(highest / step), step


def tick(value):
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"
