# SPDX-License-Identifier: MIT
"""
The cells: what is measured, one row each.

A cell is named like its load: 100x16k-T2 is 100 connections with round trips of 16 KiB from two
client threads. T1 and T2 are one and two client threads, TC is one thread for each connection.
"""

import fnmatch
from dataclasses import dataclass

from errors import BenchError

KIB = 1024
SIZES = {"64": 64, "1k": KIB, "16k": 16 * KIB}
MOST_CLIENT_THREADS = 256  # of `yodel load`
BURST_CONNECTIONS = 10000
OPEN_LOOP_PER_S = 10000
BULK_BYTES, BULK_DEPTH = 256 * KIB, 16


@dataclass(frozen=True)
class Measure:
    """What the figure of a cell is."""
    what: str
    unit: str
    json_name: str
    is_less_better: bool = False


RATE = Measure("round trips", "1/s", "round_trips_per_s")
CONNECTS = Measure("connections", "1/s", "connections_per_s")
BULK = Measure("bulk echo", "MB/s", "megabytes_per_s")
BURST = Measure("burst", "ms", "elapsed_ms", is_less_better=True)
MEMORY = Measure("memory", "KiB", "kib_per_connection", is_less_better=True)


@dataclass(frozen=True)
class Cell:
    name: str
    title: str
    measure: Measure
    connections: int
    threads: int = 1
    size_bytes: int = 64
    depth: int = 1
    rate_per_s: int = 0
    is_connecting: bool = False
    is_pinned: bool = False    # client and server share one CPU
    is_main: bool = False      # measured by a quick run, too
    is_blocking: bool = False  # driven by the second generator
    most_rounds: int = 100

    @property
    def needs_fresh_server(self):
        return self.measure in (BURST, MEMORY)


def round_trips(size, connections, shape, is_main=False):
    threads = {"T1": 1, "T2": 2, "TC": connections}[shape]
    clients = {"T1": "one client thread", "T2": "two client threads",
               "TC": "a client thread for each connection"}[shape]
    if connections == 1:
        return Cell(f"1x{size}", f"1 connection, {size_name(SIZES[size])}, one CPU for both ends",
                    RATE, 1, size_bytes=SIZES[size], is_pinned=True, is_main=is_main)
    return Cell(f"{connections}x{size}-{shape}",
                f"{connections} connections, {size_name(SIZES[size])}, {clients}", RATE,
                connections, threads, SIZES[size], is_main=is_main)


def size_name(size_bytes):
    return f"{size_bytes} B" if size_bytes < KIB else f"{size_bytes // KIB} KiB"


MAIN_ROUND_TRIPS = {("64", 1, "T1"), ("64", 10, "T2"), ("64", 100, "T1"), ("64", 100, "T2"),
                    ("64", 100, "TC"), ("16k", 100, "T2"), ("64", 1000, "T2")}

CELLS = (
    *(round_trips(size, connections, shape, (size, connections, shape) in MAIN_ROUND_TRIPS)
      for size in SIZES
      for connections in (1, 10, 100, 1000)
      for shape in ("T1", "T2", "TC")
      if not (connections == 1 and shape != "T1")
      and not (shape == "TC" and connections > MOST_CLIENT_THREADS)),
    Cell("open", f"100 connections, 64 B, {OPEN_LOOP_PER_S} messages/s, two client threads", RATE,
         100, 2, rate_per_s=OPEN_LOOP_PER_S, is_main=True),
    Cell("connect-T1", "connect, round trip, close; one client thread", CONNECTS, 100,
         is_connecting=True, is_main=True),
    Cell("connect-T2", "connect, round trip, close; two client threads", CONNECTS, 100, 2,
         is_connecting=True, is_main=True),
    Cell("bulk-1", "1 connection, as much as it takes", BULK, 1, 1, BULK_BYTES, BULK_DEPTH,
         is_main=True),
    Cell("bulk-8", "8 connections, as much as they take, two client threads", BULK, 8, 2,
         BULK_BYTES, BULK_DEPTH, is_main=True),
    Cell("burst", f"{BURST_CONNECTIONS} connects at once, until all are answered", BURST,
         BURST_CONNECTIONS, is_connecting=True, is_main=True),
    Cell("memory-1000", "memory of an idle connection, 1000 of them", MEMORY, 1000, most_rounds=1),
    Cell("memory-10000", "memory of an idle connection, 10000 of them", MEMORY, 10000,
         is_main=True, most_rounds=1),
    Cell("blocking-100", "second generator: 100 connections, 64 B, a client thread for each", RATE,
         100, 100, is_main=True, is_blocking=True, most_rounds=3),
    Cell("blocking-bulk-1", "second generator: 1 connection, as much as it takes", BULK, 1, 1,
         BULK_BYTES, is_blocking=True, most_rounds=3),
)


def find(name):
    return next(cell for cell in CELLS if cell.name == name)


def select(patterns):
    """The cells whose names match one of the patterns; BenchError for one that matches none."""
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(cell.name, pattern) for cell in CELLS):
            raise BenchError(f'no cell is named "{pattern}"')
    return [cell for cell in CELLS
            if any(fnmatch.fnmatchcase(cell.name, pattern) for pattern in patterns)]
