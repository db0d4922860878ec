# SPDX-License-Identifier: MIT
"""What is being done, and how long the rest will take, on standard error."""

import shutil
import sys
import time


class Progress:
    """Work is told in seconds that it should take; what it really took corrects the estimate."""

    def __init__(self):
        self.expected_s = self.done_s = self.start_s = 0
        self.is_terminal = sys.stderr.isatty()
        self.last_line = ""

    def begin(self, expected_s):
        self.expected_s = expected_s
        self.start_s = time.monotonic()
        self.note(f"measuring takes about {minutes(expected_s)}")

    def show(self, line, detail):
        """The detail on a terminal only, where it replaces the one before."""
        text = f"[{self._percent():3.0f} %, {self._left()} left] {line}"
        if self.is_terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K{f'{text}; {detail}'[:width]}", end="", file=sys.stderr, flush=True)
        elif line != self.last_line:
            print(text, file=sys.stderr, flush=True)
        self.last_line = line

    def did(self, expected_s):
        self.done_s += expected_s

    def note(self, text):
        """A line that stays."""
        print(f"\r\033[K{text}" if self.is_terminal else text, file=sys.stderr, flush=True)

    def finish(self):
        self.note(f"measured in {minutes(time.monotonic() - self.start_s)}")

    def _percent(self):
        return 100 * self.done_s / self.expected_s if self.expected_s else 100

    def _left(self):
        left_s = self.expected_s - self.done_s
        if self.done_s > 0:
            left_s *= (time.monotonic() - self.start_s) / self.done_s
        return minutes(left_s)


def minutes(seconds):
    return f"{seconds // 60:.0f}:{seconds % 60:02.0f}"
