#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Text files are as .editorconfig says: UTF-8, LF, no trailing blanks, a final newline, the indent.

whitespace.py ROOT
"""
import configparser
import fnmatch
import re
import sys

from tree import Findings, files


def rules_of(root):
    """The sections of .editorconfig, in order: patterns and settings."""
    parser = configparser.ConfigParser(delimiters=("=",), comment_prefixes=("#", ";"))
    with open(f"{root}/.editorconfig", encoding="utf-8") as file:
        parser.read_string("[root]\n" + file.read())
    rules = []
    for section in parser.sections():
        if section == "root":
            continue
        braces = re.fullmatch(r"(.*)\{(.*)\}(.*)", section)
        names = [section]
        if braces:
            names = [braces.group(1) + part + braces.group(3) for part in braces.group(2).split(",")]
        rules.append((names, dict(parser[section])))
    return rules


def settings_for(path, rules):
    settings = {}
    for names, values in rules:
        if any(fnmatch.fnmatch(path.name, name) for name in names):
            settings.update(values)
    return settings


def check_lines(path, text, settings, findings):
    size = int(settings.get("indent_size", 8))
    for number, line in enumerate(text.split("\n"), 1):
        indent = line[:len(line) - len(line.lstrip(" \t"))]
        if settings.get("trim_trailing_whitespace") == "true" and line != line.rstrip(" \t"):
            findings.add(path, number, "trailing blanks")
        if settings.get("indent_style") == "space" and "\t" in indent:
            findings.add(path, number, "expected blanks as indent, got a tab")
        if settings.get("indent_style") == "tab" and " " * size in indent:
            findings.add(path, number, "expected tabs as indent, got blanks")


def main():
    root = sys.argv[1]
    findings = Findings(root)
    rules = rules_of(root)
    for path in files(root):
        data = path.read_bytes()
        if b"\0" in data:
            continue
        settings = settings_for(path, rules)
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            findings.add(path, 0, f"expected UTF-8, got byte {data[error.start]:#x} at offset {error.start}")
            continue
        if settings.get("end_of_line") == "lf" and "\r" in text:
            findings.add(path, 0, "expected LF at the ends of lines, got CR")
        if settings.get("insert_final_newline") == "true" and text and not text.endswith("\n"):
            findings.add(path, 0, "expected a newline at the end")
        check_lines(path, text, settings, findings)
    findings.finish()


main()
