# SPDX-License-Identifier: MIT
"""The tables."""


def number(value):
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 10 else f"{value:.3f}"


def with_spread(spread):
    if spread is None:
        return "-"
    return f"{number(spread.median)} ({number(spread.low)}..{number(spread.high)})"


def tables(plan, results):
    lines = []
    for cell in plan.cells:
        lines.append(f"\n{cell.name}: {cell.title}")
        lines.append(f"{'':18}{cell.measure.what + cell.measure.unit:>34}"
                     f"{'ratio':>24}{'p50 ms':>10}{'p99 ms':>10}{'CPU us':>10}")
        for peer in plan.peers:
            if not results.of(cell, peer.name):
                reason = (results.failures.get((cell.name, peer.name))
                          or results.left_out.get((cell.name, peer.name)))
                lines.append(f"{peer.name:18}- {reason}")
                continue
            medians = [results.spread(cell, peer.name, key)
                       for key in ("p50_ms", "p99_ms", "server_cpu_us_per_round_trip")]
            lines.append(f"{peer.name:18}{with_spread(results.spread(cell, peer.name)):>34}"
                         f"{with_spread(results.ratio(cell, peer.name)):>24}"
                         + "".join(f"{number(median and median.median):>10}" for median in medians))
    return "\n".join(lines)
