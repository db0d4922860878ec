# SPDX-License-Identifier: MIT
"""What was measured, and what it comes to: medians with spread, and ratios within rounds."""

import json
import statistics
from dataclasses import dataclass, field

import cells
from targets import OURS, TARGETS, YARDSTICK


RIVALS = ("threads", "processes")  # yodeld is to be ahead of these kinds in every cell


@dataclass(frozen=True)
class Spread:
    """The median of some values, the least and the greatest."""
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values):
        return cls(statistics.median(values), min(values), max(values)) if values else None


@dataclass
class Results:
    """Cells and peers are named here; samples are by round."""
    yardstick: str
    versions: dict   # of the peers that were measured
    kinds: dict      # of the same: what each has for a connection
    skipped: dict    # peer: why it was not measured at all
    machine: dict
    date: str
    method: dict     # rounds and seconds
    load_averages: list  # at the start and at the end
    cells: list = field(default_factory=list)     # in order
    samples: dict = field(default_factory=dict)   # (cell, peer): {round: sample}
    failures: dict = field(default_factory=dict)  # (cell, peer): why there are no samples
    left_out: dict = field(default_factory=dict)  # (cell, peer): why it was not tried
    is_complete: bool = False                     # nothing has ended the run early

    def of(self, cell, peer):
        return self.samples.get((cell, peer), {})

    def spread(self, cell, peer, key="figure"):
        return Spread.of([sample[key] for sample in self.of(cell, peer).values() if key in sample])

    def ratio(self, cell, peer, key="figure", to=None):
        """To the yardstick, round by round: the drift of the machine hits both."""
        other = self.of(cell, to or self.yardstick)
        return Spread.of([sample[key] / other[number][key]
                          for number, sample in self.of(cell, peer).items()
                          if key in sample and other.get(number, {}).get(key)])

    def ahead_of_ours(self):
        """(cell, peer, ratio to yodeld) where a peer of threads or processes is ahead of it."""
        for cell in self.cells:
            for peer, kind in self.kinds.items():
                spread = self.ratio(cell.name, peer, to=OURS)
                if (spread is None or peer == OURS or kind not in RIVALS
                        or cell.rate_per_s):  # everybody has the rate that it is given
                    continue
                if (spread.median < 1) if cell.measure.is_less_better else (spread.median > 1):
                    yield cell.name, peer, spread

    def why_nothing(self, cell, peer):
        return self.failures.get((cell, peer)) or self.left_out.get((cell, peer))

    def targets(self):
        """Each target whose cell was measured, with what yodeld has reached there, if anything."""
        if self.yardstick != YARDSTICK:
            return []
        measured = {cell for cell, _ in (*self.samples, *self.failures, *self.left_out)}
        return [(target, target.reached(self)) for target in TARGETS if target.cell in measured]

    def why_not_reached(self, target):
        """Why there is no figure to hold against a target; empty where there is one."""
        if target.reached(self) is not None:
            return ""
        for peer in (OURS, self.yardstick) if target.is_ratio else (OURS,):
            if not self.spread(target.cell, peer, target.key):
                reason = self.why_nothing(target.cell, peer) or self.skipped.get(peer)
                return f"{peer}: {reason or 'not measured'}"
        return "no round in common"

    # --- As JSON ---

    def write_json(self, file):
        """A line for each sample, so that two runs can be compared with diff(1)."""
        head = {"machine": self.machine, "date": self.date,
                "load_averages": self.load_averages, "is_complete": self.is_complete,
                "yardstick": self.yardstick, "method": self.method, "versions": self.versions,
                "kinds": self.kinds, "skipped": self.skipped,
                "targets": [{"what": target.what, "cell": target.cell,
                             "figure": measured_name(target.cell, target.key),
                             "is_ratio": target.is_ratio, "bound": target.bound,
                             "is_at_most": target.is_at_most,
                             "reached": spread and spread.median,
                             "is_met": target.is_met_by(spread),
                             "why_not": self.why_not_reached(target)}
                            for target, spread in self.targets()],
                "cells": [{"name": cell.name, "title": cell.title,
                           "figure": cell.measure.json_name, "is_pinned": cell.is_pinned,
                           "is_main": cell.is_main, "most_rounds": cell.most_rounds}
                          for cell in self.cells],
                "ahead_of_yodeld": [{"cell": cell, "peer": peer, "ratio": short(spread.median)}
                                    for cell, peer, spread in self.ahead_of_ours()],
                "failures": self._reasons(self.failures),
                "left_out": self._reasons(self.left_out)}
        lines = [f'"{name}": {json.dumps(value)}' for name, value in head.items()]
        samples = ",\n".join(json.dumps(sample) for sample in self._flat_samples())
        file.write("{\n" + ",\n".join([*lines, f'"samples": [\n{samples}\n]']) + "\n}\n")

    @staticmethod
    def _reasons(reasons):
        return [{"cell": cell, "peer": peer, "reason": reason}
                for (cell, peer), reason in reasons.items()]

    def _flat_samples(self):
        for (cell, peer), rounds in self.samples.items():
            for number, sample in sorted(rounds.items()):
                yield {"cell": cell, "peer": peer, "round": number + 1,
                       **{measured_name(cell, name): short(value)
                          for name, value in sample.items()}}


def measured_name(cell, key):
    """What a figure is called where it stands without its cell's table."""
    return cells.find(cell).measure.json_name if key == "figure" else key


def short(value):
    """Six digits say all that a measurement knows."""
    return float(f"{value:.6g}") if isinstance(value, float) else value
