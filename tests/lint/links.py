#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Relative links between the Markdown documents lead to files and headings that are there.

links.py ROOT
"""
import re
import sys

from tree import Findings, files

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def prose_of(text):
    """The text with code blocks and code words blanked, line by line."""
    text = re.sub(r"^```.*?^```", lambda match: "\n" * match.group(0).count("\n"), text, flags=re.S | re.M)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors_of(text):
    """Headings as the web shows them: lower case, blanks as hyphens, without punctuation."""
    headings = re.findall(r"^#+\s+(.*)$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def main():
    root = sys.argv[1]
    findings = Findings(root)
    for document in files(root, "*.md"):
        text = prose_of(document.read_text(encoding="utf-8"))
        for match in LINK.finditer(text):
            target, _, anchor = match.group(1).partition("#")
            line = text.count("\n", 0, match.start()) + 1
            if re.match(r"[a-z]+:", target):
                continue
            place = document.parent / target if target else document
            if not place.exists():
                findings.add(document, line, f'link to "{target}", which is not there')
            elif anchor and anchor not in anchors_of(place.read_text(encoding="utf-8")):
                findings.add(document, line, f'link to "#{anchor}", a heading that is not there')
    findings.finish()


main()
