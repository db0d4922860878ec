# SPDX-License-Identifier: MIT
"""What ends a program here with one line that says why."""


class BenchError(Exception):
    pass
