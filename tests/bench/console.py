# SPDX-License-Identifier: MIT
"""What was measured, as text for a terminal: a table for each cell, and the targets."""

from figures import number, with_spread

COLUMNS = ("p50_ms", "p99_ms", "server_cpu_us_per_round_trip")
HEADS = ("p50 ms", "p99 ms", "CPU us")


def tables(results):
    blocks = [cell_table(results, cell) for cell in results.cells]
    if results.targets():
        blocks.append(target_table(results))
    blocks.append(ahead_table(results))
    return "\n\n".join(blocks)


def cell_table(results, cell):
    what = f"{cell.measure.what}, {cell.measure.unit}"
    lines = [f"{cell.name}: {cell.title}",
             f"{'':20}{what:>30}{'ratio to ' + results.yardstick:>26}"
             + "".join(f"{head:>9}" for head in HEADS)]
    for peer in results.versions:
        spread = results.spread(cell.name, peer)
        if spread is None:
            lines.append(f"{peer:20}- {results.why_nothing(cell.name, peer)}")
            continue
        medians = [results.spread(cell.name, peer, key) for key in COLUMNS]
        lines.append(f"{peer:20}{with_spread(spread):>30}"
                     f"{with_spread(results.ratio(cell.name, peer)):>26}"
                     + "".join(f"{number(median and median.median):>9}" for median in medians))
    return "\n".join(lines)


def ahead_table(results):
    lines = [f"{cell:20}{peer:20}{with_spread(spread):>26}"
             for cell, peer, spread in results.ahead_of_ours()]
    return "\n".join(["threads and processes that are ahead of yodeld, ratios to it:",
                      *(lines or ["none"])])


def target_table(results):
    lines = [f"{'targets, ratios to ' + results.yardstick:48}{'target':>12}{'reached':>26}"]
    for target, spread in results.targets():
        verdict = "reached" if target.is_met_by(spread) else "MISSED"
        lines.append(f"{target.what:48}{target.text():>12}{with_spread(spread):>26}  {verdict}"
                     f"  {results.why_not_reached(target)}".rstrip())
    return "\n".join(lines)
