# SPDX-License-Identifier: MIT
"""Figures as people read them: three digits, or whole thousands."""


def number(value):
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def with_spread(spread, separator=" "):
    if spread is None:
        return "-"
    if spread.low == spread.high:
        return number(spread.median)
    return f"{number(spread.median)}{separator}({number(spread.low)}..{number(spread.high)})"
