# SPDX-License-Identifier: MIT
"""What yodeld is held against: bounds for its figures, most of them as ratios to the yardstick."""

from dataclasses import dataclass

OURS, YARDSTICK = "yodeld", "epoll"
CPU = "server_cpu_us_per_round_trip"
P99 = "p99_ms"


@dataclass(frozen=True)
class Target:
    what: str
    cell: str
    bound: float
    key: str = "figure"
    is_at_most: bool = False
    is_ratio: bool = True

    def reached(self, results):
        """The spread that yodeld has, or None where it or the yardstick has no figure."""
        find = results.ratio if self.is_ratio else results.spread
        return find(self.cell, OURS, self.key)

    def is_met_by(self, spread):
        if spread is None:
            return False
        return spread.median <= self.bound if self.is_at_most else spread.median >= self.bound

    def text(self):
        sign = "<=" if self.is_at_most else ">="
        return f"{sign} {self.bound:g}" + ("" if self.is_ratio else " KiB")


TARGETS = (
    Target("rate, 1 connection, 64 B", "1x64", 1.05),
    Target("rate, 10 connections, 64 B, T2", "10x64-T2", 2.0),
    Target("rate, 100 connections, 64 B, T2", "100x64-T2", 1.45),
    Target("rate, 100 connections, 64 B, TC", "100x64-TC", 1.3),
    Target("rate, 100 connections, 64 B, T1", "100x64-T1", 0.85),
    Target("rate, 100 connections, 16 KiB, T2", "100x16k-T2", 0.8),
    Target("rate, 1000 connections, 64 B, T2", "1000x64-T2", 0.75),
    Target("connections/s, T1", "connect-T1", 1.0),
    Target("connections/s, T2", "connect-T2", 0.9),
    Target("bulk echo, 1 connection", "bulk-1", 2.0),
    Target("bulk echo, 8 connections", "bulk-8", 1.0),
    Target("CPU of a round trip, 100 connections, T2", "100x64-T2", 0.75, CPU, is_at_most=True),
    Target("p99 of a round trip, 100 connections, T2", "100x64-T2", 0.2, P99, is_at_most=True),
    Target("memory of an idle connection, 10,000 of them", "memory-10000", 33, is_at_most=True,
           is_ratio=False),
)
