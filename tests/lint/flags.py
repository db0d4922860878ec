#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The options that --help prints are those of the manual, in its list and in its synopsis.

flags.py ROOT PROGRAM MANUAL
"""
import re
import subprocess
import sys

from tree import Findings


def flags_of_help(program):
    """All of "  -c, --config FILE   text"; continuation lines begin further right."""
    output = subprocess.run([program, "--help"], check=True, capture_output=True, text=True).stdout
    flags = set()
    for line in output.splitlines():
        if line.startswith("  -"):
            left = re.split(r"\s{2,}", line.strip())[0]
            flags.update(re.findall(r"(?<!\S)--?([A-Za-z0-9][\w-]*)", left))
    return flags


def flags_of_items(text):
    """All of ".It Fl c Ar FILE , Fl -config Ar FILE"."""
    flags = set()
    for line in re.findall(r"^\.It (Fl .*)", text, re.M):
        flags.update(flag.lstrip("-") for flag in re.findall(r"\bFl (-?[A-Za-z0-9][\w-]*)", line))
    return flags


def letters_of_synopsis(text):
    """All of ".Op Fl c Ar FILE" and ".Op Fl 46"."""
    synopsis = text.split(".Sh SYNOPSIS", 1)[1].split("\n.Sh ", 1)[0]
    return {letter for word in re.findall(r"\bFl (\w+)", synopsis) for letter in word}


def compare(findings, page, what, expected, got):
    for flag in sorted(expected - got):
        findings.add(page, 0, f"{what} lacks -{'-' if len(flag) > 1 else ''}{flag}, which --help prints")
    for flag in sorted(got - expected):
        findings.add(page, 0, f"{what} has -{'-' if len(flag) > 1 else ''}{flag}, which --help does not print")


def main():
    root, program, page = sys.argv[1:]
    findings = Findings(root)
    with open(f"{root}/{page}", encoding="utf-8") as file:
        text = file.read()
    flags = flags_of_help(program)
    if not flags:
        findings.add(page, 0, f"{program} --help prints no options")
    compare(findings, page, "the list of options", flags, flags_of_items(text))
    compare(findings, page, "the synopsis", {flag for flag in flags if len(flag) == 1}, letters_of_synopsis(text))
    findings.finish()


if __name__ == "__main__":
    main()
