# SPDX-License-Identifier: MIT
"""What the lint tests share: the files of the tree, and a list of findings that decides the exit code."""
import fnmatch
import os
import pathlib
import sys

NOT_OURS = {".git", "build", "out", "__pycache__", ".cache", "corpus"}  # a seed may hold any bytes


class Findings:
    """Collects findings; `finish` prints them and ends the program with 1 if there are any."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.lines = []

    def add(self, path, line, message):
        place = pathlib.Path(path)
        if place.is_absolute() and place.is_relative_to(self.root):
            place = place.relative_to(self.root)
        self.lines.append(f"{place}:{line}: {message}" if line else f"{place}: {message}")

    def finish(self):
        for line in self.lines:
            print(line)
        sys.exit(1 if self.lines else 0)


def files(root, *patterns):
    """The files of the tree whose names match one of the patterns, in order."""
    found = []
    for folder, folders, names in os.walk(pathlib.Path(root).resolve()):
        folders[:] = [name for name in folders if name not in NOT_OURS]
        for name in names:
            if not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
                found.append(pathlib.Path(folder, name))
    return sorted(found)


def text_of(path):
    """The text of a file, or None where it holds no UTF-8 text."""
    data = path.read_bytes()
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None
