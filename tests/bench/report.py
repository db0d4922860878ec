# SPDX-License-Identifier: MIT
"""The document: tables and charts in the places that performance.md.in has for them."""

import pathlib
import string
from dataclasses import dataclass
from functools import partial

import cells
from chart import Bar, bar_chart
from figures import with_spread
from targets import CPU, OURS, P99

TEMPLATE = pathlib.Path(__file__).resolve().parent / "performance.md.in"
DOCUMENT, FOLDER = "performance.md", "performance"
NOTHING = "Not measured in this run."


@dataclass(frozen=True)
class Chart:
    name: str
    title: str
    cell: str
    key: str = "figure"
    is_ratio: bool = True
    axis: str = "rate, as a ratio to the yardstick"


CHARTS = (
    Chart("10x64-T2", "Rate: 10 connections, 64 B, two client threads", "10x64-T2"),
    Chart("100x64-T2", "Rate: 100 connections, 64 B, two client threads", "100x64-T2"),
    Chart("100x64-T1", "Rate: 100 connections, 64 B, one client thread", "100x64-T1"),
    Chart("1000x64-T2", "Rate: 1000 connections, 64 B, two client threads", "1000x64-T2"),
    Chart("100x16k-T2", "Rate: 100 connections, 16 KiB, two client threads", "100x16k-T2"),
    Chart("connect-T2", "Rate: connect, round trip, close; two client threads", "connect-T2"),
    Chart("bulk-1", "Rate: bulk echo on 1 connection", "bulk-1"),
    Chart("cpu", "Server CPU: 100 connections, 64 B, two client threads", "100x64-T2", CPU,
          is_ratio=False, axis="microseconds for a round trip (less is better)"),
    Chart("p99", "p99: 100 connections, 64 B, two client threads", "100x64-T2", P99,
          is_ratio=False, axis="milliseconds (less is better)"),
    Chart("memory", "Memory of an idle connection, 10,000 of them", "memory-10000",
          is_ratio=False, axis="KiB (less is better)"),
)


def write(results, folder):
    """performance.md in the folder, and performance/ beside it with the charts and the JSON."""
    beside = folder / FOLDER
    beside.mkdir(parents=True, exist_ok=True)
    for old in beside.glob("*.svg"):
        old.unlink()
    bars = {chart: bars_of(results, chart) for chart in CHARTS}
    with open(beside / "results.json", "w", encoding="utf-8") as file:
        results.write_json(file)
    text = string.Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        **facts(results), **result_tables(results),
        **{f"chart_{chart.name.replace('-', '_')}": image(chart) if bars[chart] else ""
           for chart in CHARTS})
    (folder / DOCUMENT).write_text(text, encoding="utf-8")
    for chart in filter(bars.get, CHARTS):
        (beside / f"{chart.name}.svg").write_text(
            bar_chart(chart.title, chart.axis, bars[chart], 1 if chart.is_ratio else None),
            encoding="utf-8")


# --- Charts ----------------------------------------------------------------------------------


def bars_of(results, chart):
    find = results.ratio if chart.is_ratio else results.spread
    bars = [Bar(peer, spread, peer == OURS) for peer in results.versions
            if (spread := find(chart.cell, peer, chart.key)) is not None]
    return sorted(bars, key=lambda bar: bar.spread.median, reverse=chart.is_ratio)


def image(chart):
    return f"![{chart.title}: {chart.axis}]({FOLDER}/{chart.name}.svg)"


# --- Facts -----------------------------------------------------------------------------------


def facts(results):
    machine = results.machine
    return {
        "cpu": f"{machine['cpu']}, {machine['cpu_count']} CPUs",
        "memory": f"{machine['memory_mib'] / 1024:.1f} GiB",
        "kernel": f"{machine['kernel']}, {machine['system']}",
        "date": results.date,
        "end": "" if results.is_complete else "**This run ended early.**",
        "cpu_source": machine["cpu_source"],
        "memory_source": machine["memory_source"] or "nothing here",
        "yardstick": results.yardstick,
        "loads": ", ".join(f"{load:g}" for load in results.load_averages),
        "rounds": rounds_text(results),
        "measured_s": f"{results.method['measured_s']:g}",
        "warmup_s": f"{results.method['warmup_s']:g}",
        "versions": markdown(["server", "what it is"], results.versions.items(), "---"),
        "skipped": listed(f"{peer}: {reason}" for peer, reason in results.skipped.items()),
        "left_out": listed(grouped(results.left_out)),
        "failures": listed(grouped(results.failures)),
    }


def rounds_text(results):
    """How many samples a figure is of."""
    method = results.method
    always, others = method["in_every_round"], method["rounds_of_others"]
    parts = [f"{', '.join(always)}: {method['rounds']}"]
    if set(results.versions) - set(always):
        parts.append(f"other servers: {others['main']} in the main cells (those of `--quick`), "
                     f"{others['beside']} in the others")
    return "; ".join([*parts, "memory once, the second generator 3 times at most"])


def grouped(reasons):
    """A line for each peer and kind of reason: the first one in full, and all its cells."""
    groups = {}
    for (cell, peer), reason in reasons.items():
        kind = reason.partition(":")[0]
        groups.setdefault((peer, kind), (reason, []))[1].append(cell)
    return [f"{peer}: {reason} ({', '.join(names)})"
            for (peer, _), (reason, names) in groups.items()]


def listed(lines):
    return "\n".join(f"- {line}" for line in lines) or "None."


# --- Tables ----------------------------------------------------------------------------------


def result_tables(results):
    measured = {cell.name: cell for cell in results.cells}

    def those(condition):
        return [cell.name for cell in measured.values() if condition(cell)]

    def of_size(size):
        return those(lambda cell: cell.measure is cells.RATE and cell.size_bytes == size
                     and not cell.is_blocking and not cell.rate_per_s)

    main = those(lambda cell: cell.is_main and cell.measure is cells.RATE and not cell.is_blocking
                 and not cell.rate_per_s)
    others = those(lambda cell: cell.measure in (cells.CONNECTS, cells.BULK)
                   and not cell.is_blocking)
    bursts = those(lambda cell: cell.measure is cells.BURST)
    memory = those(lambda cell: cell.measure is cells.MEMORY)
    return {
        "targets": target_table(results),
        "ahead": ahead_table(results),
        "ratios_64": peer_table(results, of_size(64), results.ratio),
        "ratios_1k": peer_table(results, of_size(cells.KIB), results.ratio),
        "ratios_16k": peer_table(results, of_size(16 * cells.KIB), results.ratio),
        "ratios_others": peer_table(results, others + bursts, results.ratio),
        "rates": peer_table(results, main, results.spread),
        "cpu_times": peer_table(results, main, partial(results.spread, key=CPU)),
        "p99s": peer_table(results, main, partial(results.spread, key=P99)),
        "open_loop": open_table(results, those(lambda cell: cell.rate_per_s)),
        "others": peer_table(
            results, others + bursts, results.spread,
            [f"{name}, {measured[name].measure.unit}" for name in others + bursts]),
        "memory_used": peer_table(results, memory, results.spread),
        "generators": peer_table(
            results, [name for name in ("100x64-TC", "blocking-100", "bulk-1", "blocking-bulk-1")
                      if name in measured], results.ratio),
    }


def peer_table(results, names, spread_of, heads=None):
    """A row for each peer that has something to show, a column for each cell."""
    rows = []
    for peer in results.versions:
        values = [as_text(spread_of(name, peer)) for name in names]
        if any(text != "-" for text in values):
            rows.append([peer, *values])
    return markdown(["", *(heads or names)], rows) if rows else NOTHING


def as_text(spread):
    """Its ends are in a second line: the columns stay narrow."""
    return with_spread(spread, "<br>")


def open_table(results, names):
    rows = []
    for name in names:
        for peer in results.versions:
            spreads = [results.spread(name, peer, key) for key in
                       ("p50_ms", "p99_ms", "p99_9_ms", CPU)]
            if spreads[0] is not None:
                rows.append([peer, *map(as_text, spreads)])
    return markdown(["", "p50, ms", "p99, ms", "p99.9, ms", "server CPU, us"],
                    rows) if rows else NOTHING


def target_table(results):
    rows = [[target.what, target.text(), with_spread(spread),
             "yes" if target.is_met_by(spread) else "**no**", results.why_not_reached(target)]
            for target, spread in results.targets()]
    heads = ["", "target", "reached", "is it reached?", "why there is no figure"]
    return markdown(heads, rows) if rows else NOTHING


def ahead_table(results):
    rows = [[cell, peer, with_spread(spread)] for cell, peer, spread in results.ahead_of_ours()]
    return markdown(["cell", "server", "its figure, as a ratio to yodeld's"], rows) if rows else (
        "None of them, in none of the cells.")


def markdown(heads, rows, other_columns="---:"):
    """The first column is text, the others are figures unless they are said to be "---"."""
    lines = [heads, ["---", *([other_columns] * (len(heads) - 1))], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
