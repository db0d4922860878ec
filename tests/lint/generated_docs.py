#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shipped file, the manual and the page of options say what the option tables say.

generated_docs.py [--update] ROOT OPTION_DOCS

OPTION_DOCS prints the sections; each stands in its document between two lines that hold
"BEGIN GENERATED name" and "END GENERATED name". --update writes them there.
"""
import difflib
import pathlib
import re
import subprocess
import sys

from tree import Findings

DOCUMENTS = {
    "conf/yodeld.conf": "conf",
    "docs/man/yodeld.conf.5": "mdoc",
    "docs/configuration.md": "markdown",
}


def sections_of(tool, form):
    output = subprocess.run([tool, form], check=True, capture_output=True, text=True).stdout
    sections = {}
    for line in output.splitlines(keepends=True):
        if line.startswith("%% "):
            name = line[3:].strip()
            sections[name] = []
        else:
            sections[name].append(line)
    return {name: "".join(lines).strip("\n") + "\n" for name, lines in sections.items()}


def fill(text, name, content):
    """The text with the section between its markers, or None where they are missing."""
    pattern = re.compile(
        rf"(^[^\n]*BEGIN GENERATED {re.escape(name)}\b[^\n]*\n).*?(^[^\n]*END GENERATED {re.escape(name)}\b)",
        re.S | re.M)
    if len(pattern.findall(text)) != 1:
        return None
    return pattern.sub(lambda match: match.group(1) + content + match.group(2), text)


def main():
    arguments = sys.argv[1:]
    is_update = "--update" in arguments
    root, tool = [argument for argument in arguments if argument != "--update"]
    findings = Findings(root)
    for document, form in DOCUMENTS.items():
        path = pathlib.Path(root) / document
        before = after = path.read_text(encoding="utf-8")
        for name, content in sections_of(tool, form).items():
            filled = fill(after, name, content)
            if filled is None:
                findings.add(document, 0, f'expected one pair of markers "BEGIN/END GENERATED {name}"')
            else:
                after = filled
        if before == after:
            continue
        if is_update:
            path.write_text(after, encoding="utf-8")
            print(f"{document}: updated")
        else:
            difference = difflib.unified_diff(
                before.splitlines(), after.splitlines(), document, "option tables", lineterm="")
            findings.add(document, 0, "differs from the option tables; build the target update_docs\n"
                         + "\n".join(difference))
    findings.finish()


main()
