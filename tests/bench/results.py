# SPDX-License-Identifier: MIT
"""What was measured, and what it comes to: medians with spread, and ratios within rounds."""

import statistics
from dataclasses import dataclass, field


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
    yardstick: str
    samples: dict = field(default_factory=dict)   # (cell, peer): {round: sample}
    failures: dict = field(default_factory=dict)  # (cell, peer): why there are no more samples
    left_out: dict = field(default_factory=dict)  # (cell, peer): why it was not tried

    def add(self, cell, peer, round_number, sample):
        self.samples.setdefault((cell.name, peer.name), {})[round_number] = sample

    def of(self, cell, name):
        return self.samples.get((cell.name, name), {})

    def spread(self, cell, name, key="figure"):
        return Spread.of([sample[key] for sample in self.of(cell, name).values()
                          if sample.get(key) is not None])

    def ratio(self, cell, name, key="figure"):
        """To the yardstick, round by round: drift of the machine hits both."""
        yardstick = self.of(cell, self.yardstick)
        return Spread.of([sample[key] / yardstick[number][key]
                          for number, sample in self.of(cell, name).items()
                          if number in yardstick and sample.get(key) and yardstick[number].get(key)])
