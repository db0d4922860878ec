#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The commands of the client and their options are those of its manual, each with an example there and
one in the README.

commands.py ROOT YODEL
"""
import pathlib
import re
import subprocess
import sys

from flags import compare, flags_of_items
from tree import Findings

PAGE = "docs/man/yodel.1"


def help_of(program, *command):
    return subprocess.run([program, *command, "--help"], check=True, capture_output=True, text=True).stdout


def flags_under(text, heading):
    """All of "  -c, --connections N   text" under a heading of the help."""
    block = text.partition(f"\n{heading}:\n")[2].partition("\n\n")[0]
    flags = set()
    for line in block.splitlines():
        left = re.split(r"\s{2,}", line.strip())[0]
        if left.startswith("-"):
            flags.update(re.findall(r"(?<!\S)--?([A-Za-z0-9][\w-]*)", left))
    return flags


def section(text, macro, heading):
    """What stands under ".Sh HEADING" or ".Ss HEADING" of the manual, or None."""
    found = re.search(rf'^\.{macro} "?{re.escape(heading)}"?\n(.*?)(?=^\.S[hs] |\Z)', text, re.M | re.S)
    return found and found.group(1)


def check_command(program, name, manual, readme, findings):
    text = help_of(program, name)
    usage = text.splitlines()[0].split()
    heading = re.search(r'^Manual: yodel\(1\), "(.*)"\.$', text, re.M)[1]
    part = section(manual, "Ss", heading)
    if part is None:
        findings.add(PAGE, 0, f'the heading ".Ss {heading}" of the command {name} is missing')
        return
    compare(findings, PAGE, f'".Ss {heading}"', flags_under(text, "Options"), flags_of_items(part))
    if f".Cm {name}" not in (section(manual, "Sh", "SYNOPSIS") or ""):
        findings.add(PAGE, 0, f"the synopsis lacks the command {name}")
    if not re.search(rf"yodel {name}\b", section(manual, "Sh", "EXAMPLES") or ""):
        findings.add(PAGE, 0, f"no example of yodel {name}")
    if "HOST" in usage and not re.search(rf"yodel {name}\b", readme):
        findings.add("README.md", 0, f"no example of yodel {name}")


def main():
    root, program = pathlib.Path(sys.argv[1]), sys.argv[2]
    findings = Findings(root)
    manual = (root / PAGE).read_text(encoding="utf-8")
    readme = (root / "README.md").read_text(encoding="utf-8")
    overview = help_of(program)
    names = re.findall(r"^  ([\w-]+)", overview.partition("Commands:\n")[2].partition("\n\n")[0], re.M)
    if not names:
        findings.add(PAGE, 0, f"{program} --help prints no commands")
    for name in names:
        check_command(program, name, manual, readme, findings)
    for heading, part in (("Options of every command", "OPTIONS"),
                          ("Options of every command, for TLS", "TLS")):
        compare(findings, PAGE, f'".Sh {part}"', flags_under(overview, heading),
                flags_of_items(section(manual, "Sh", part) or ""))
    findings.finish()


main()
