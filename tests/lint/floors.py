#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Includes and link lines point down the floors, and headers include each other in no circle.

floors.py ROOT
"""
import pathlib
import re
import sys

from tree import Findings, files

FLOORS = ["base", "transport", "config", "session", "service", "server", "programs"]
PROGRAM_FOLDERS = {"client"}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)

# Only those who are meant to see the whole configuration.
WHOLE_CONFIGURATION = "yodel/config/config.h"
SEES_WHOLE_CONFIGURATION = {"config", "server", "programs"}


def floor_of(path):
    """The floor of include/yodel/FLOOR/x.h, src/FLOOR/x.c, or src/x.c, a program."""
    parts = path.parts
    if parts[0] == "include":
        folder = parts[2]
    else:
        folder = parts[1] if len(parts) > 2 else "programs"
    return "programs" if folder in PROGRAM_FOLDERS else folder


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def check_includes(root, findings):
    """Checks every include; returns which header includes which."""
    graph = {}
    for path in files(root / "include", "*.h") + files(root / "src", "*.c", "*.h"):
        inside = path.relative_to(root)
        own = floor_of(inside)
        text = path.read_text(encoding="utf-8")
        if own not in FLOORS:
            findings.add(inside, 0, f'expected a floor of {FLOORS}, got "{own}"')
            continue
        for match in INCLUDE.finditer(text):
            name, line = match.group(1), line_of(text, match.start())
            target = root / "include" / name
            if not target.exists():
                findings.add(inside, line, f'expected a header of the project under include/, got "{name}"')
                continue
            graph.setdefault(str(inside), []).append("include/" + name)
            floor = floor_of(pathlib.Path("include", name))
            if floor in FLOORS and FLOORS.index(floor) > FLOORS.index(own):
                findings.add(inside, line, f'floor {own} includes "{name}" of the higher floor {floor}')
            if name == WHOLE_CONFIGURATION and own not in SEES_WHOLE_CONFIGURATION:
                findings.add(inside, line, f"floor {own} sees the whole configuration; hand it values")
    return graph


def check_circles(graph, findings):
    done, trail = set(), []

    def walk(header):
        if header in trail:
            findings.add(header, 0, "include circle: " + " -> ".join(trail[trail.index(header):] + [header]))
            return
        if header in done:
            return
        trail.append(header)
        for target in graph.get(header, []):
            walk(target)
        trail.pop()
        done.add(header)

    for header in sorted(graph):
        walk(header)


def check_links(root, findings):
    """target_link_libraries(yodel_FLOOR ... yodel_OTHER ...); other targets are programs."""
    text = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    for match in re.finditer(r"target_link_libraries\(\s*(\w+)([^)]*)\)", text):
        own = match.group(1).removeprefix("yodel_")
        if own == "options":
            continue
        own = own if own in FLOORS else "programs"
        for name in re.findall(r"\byodel_(\w+)", match.group(2)):
            if name in FLOORS and FLOORS.index(name) >= FLOORS.index(own):
                findings.add("CMakeLists.txt", line_of(text, match.start()),
                             f"{match.group(1)} links yodel_{name}, which is not below it")


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    findings = Findings(root)
    check_circles(check_includes(root, findings), findings)
    check_links(root, findings)
    findings.finish()


main()
