#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every header opens with its licence and what it is for, and every function in it is explained.

headers.py ROOT

A header begins with the SPDX line and a comment; where it declares functions or data, the comment
has a "Threads:" sentence. Right above each function declaration stands its comment.
"""
import pathlib
import re
import sys

from tree import Findings, files

SPDX = "/* SPDX-License-Identifier: MIT */\n"
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|^[ \t]*#(?:\\\n|[^\n])*|"(?:\\.|[^"\\])*"|[{};]|\n|[^\S\n]+|[^\s{};/"#]+|.',
                   re.S | re.M)


class Declaration:
    """What stands at file scope up to its semicolon, without bodies."""

    def __init__(self, line, has_comment):
        self.line = line
        self.has_comment = has_comment  # right above it
        self.has_body = False
        self.text = ""

    def is_type(self):
        is_named_so = re.match(r"(struct|union|enum|typedef)\b", self.text) is not None
        return is_named_so and (self.has_body or "(" not in self.text or self.text.startswith("typedef"))

    def is_function(self):
        """A service is declared by its type alone: `service_run service_echo;`."""
        return not self.is_type() and ("(" in self.text or self.text.startswith("service_run "))


def declarations(text):
    found, current = [], None
    line, depth = 1, 0
    comment_end = 0  # the line of the last comment's end, 0 once something else has followed it
    for match in TOKEN.finditer(text):
        token = match.group(0)
        is_comment = token.startswith(("/*", "//"))
        if current is None and is_comment:
            comment_end = line + token.count("\n")
        elif current is None and token.lstrip().startswith("#"):
            comment_end = 0
        elif token.strip() and not is_comment:
            if current is None:
                current = Declaration(line, comment_end != 0 and comment_end >= line - 1)
                comment_end = 0
            if depth == 0 and token not in "{};":
                current.text += token
            depth += {"{": 1, "}": -1}.get(token, 0)
            current.has_body = current.has_body or token == "{"
            is_end = depth == 0 and (token == ";" or token == "}" and current.is_function())
            if is_end:
                current.text = " ".join(current.text.split())
                found.append(current)
                current = None
        elif current is not None and depth == 0:
            current.text += " "
        line += token.count("\n")
    return found


def check(header, inside, findings):
    text = header.read_text(encoding="utf-8")
    found = declarations(text)
    opening = re.match(r"/\*(.*?)\*/", text[len(SPDX):], re.S)
    if not text.startswith(SPDX):
        findings.add(inside, 1, f"expected the first line {SPDX.strip()}")
    elif opening is None:
        findings.add(inside, 2, "expected a comment that says what the header is for")
    elif "Threads:" not in opening.group(1) and any(not item.is_type() for item in found):
        findings.add(inside, 2, 'expected a sentence "Threads: ..." in the comment of the header')
    for item in found:
        if item.is_function() and not item.has_comment:
            findings.add(inside, item.line, f'expected a comment right above "{item.text}"')


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    findings = Findings(root)
    for header in files(root / "include", "*.h"):
        check(header, header.relative_to(root), findings)
    findings.finish()


main()
