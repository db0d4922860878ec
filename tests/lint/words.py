#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every service and every close reason of the tables stands in the documents, and no other.

words.py ROOT OPTION_DOCS
"""
import pathlib
import re
import subprocess
import sys

from tree import Findings


def sections_of(tool):
    output = subprocess.run([tool, "words"], check=True, capture_output=True, text=True).stdout
    sections, name = {}, ""
    for line in output.splitlines():
        if line.startswith("%% "):
            name = line[3:]
            sections[name] = []
        else:
            sections[name].append(line)
    return sections


def compare(findings, document, what, expected, got):
    for word in expected:
        if word not in got:
            findings.add(document, 0, f'{what} "{word}" is missing')
    for word in got:
        if word not in expected:
            findings.add(document, 0, f'{what} "{word}" is not in the table of the source')


def items_between(text, start, end):
    """The tags of the lists in a part of a manual."""
    part = text.split(start, 1)[-1].split(end, 1)[0]
    return [word for line in re.findall(r"^\.It Ic (\w+)$", part, re.M) for word in [line]]


def main():
    root, tool = pathlib.Path(sys.argv[1]), sys.argv[2]
    findings = Findings(root)
    sections = sections_of(tool)
    services, reasons = sections["services"], sections["close reasons"]

    manual = (root / "docs/man/yodeld.8").read_text(encoding="utf-8")
    compare(findings, "docs/man/yodeld.8", "service", services,
            items_between(manual, "\n.Sh DESCRIPTION", "\n.Pp\nThe options are"))
    compare(findings, "docs/man/yodeld.8", "close reason", reasons,
            items_between(manual, "\n.Ss Close reasons", "\n.Sh "))

    readme = (root / "README.md").read_text(encoding="utf-8")
    table = readme.split("## Services", 1)[-1].split("\n## ", 1)[0]
    compare(findings, "README.md", "service", services, re.findall(r"^\| `(\w+)` \|", table, re.M))

    row = sections["service help"][0].split(":", 1)[-1]
    compare(findings, "src/config/listener_options.c", "service in the help of row \"service\"", services,
            re.findall(r"\w+", row.replace(" or ", " ")))
    findings.finish()


main()
