#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Functions that invite mistakes are not called, and no note is left for later.

banned.py ROOT
"""
import re
import sys

from tree import Findings, files, text_of

FUNCTIONS = {
    "strcpy": "has no bound: snprintf or memcpy",
    "strcat": "has no bound: snprintf",
    "sprintf": "has no bound: snprintf",
    "vsprintf": "has no bound: vsnprintf",
    "gets": "has no bound: fgets",
    "strtok": "keeps state of its own: strcspn, strchr",
    "atoi": "cannot fail: parse_integer",
    "atol": "cannot fail: parse_integer",
    "gmtime": "is shared by all threads: gmtime_r",
    "localtime": "is shared by all threads: localtime_r",
    "ctime": "is shared by all threads: strftime",
    "asctime": "is shared by all threads: strftime",
    "strerror": "may be shared by all threads: error_text",
}
# The one place that knows what it does with it.
ALLOWED = {("src/base/error.c", "strerror")}
SLEEPS = "waits for a time: wait for the event"
NOTES = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"]) + r")\b")


def code_of(text):
    """C without comments and strings, line by line."""
    def blank(match):
        return "\n" * match.group(0).count("\n") or " "
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def check_c(path, inside, text, findings):
    banned = dict(FUNCTIONS)
    if inside.startswith("tests/"):
        banned.update({"sleep": SLEEPS, "usleep": SLEEPS, "nanosleep": SLEEPS})
    for number, line in enumerate(code_of(text).splitlines(), 1):
        for name in re.findall(r"\b(\w+)\s*\(", line):
            if name in banned and (inside, name) not in ALLOWED:
                findings.add(path, number, f"{name} {banned[name]}")


def check_python(path, text, findings):
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"\bsleep\([^)]*\)\s*$", line):
            findings.add(path, number, f"sleep {SLEEPS}; or say behind it whose pace it is")


def check_shell(path, text, findings):
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"(^|[;&|({]|\bdo|\bthen)\s*sleep\s+[^#]*$", line):
            findings.add(path, number, f"sleep {SLEEPS}; or say behind it whose pace it is")


def main():
    root = sys.argv[1]
    findings = Findings(root)
    for path in files(root):
        text = text_of(path)
        if text is None:
            continue
        inside = str(path.relative_to(findings.root))
        is_test = inside.startswith("tests/")
        for number, line in enumerate(text.splitlines(), 1):
            if NOTES.search(line):
                findings.add(path, number, "a note for later; do it, or describe it in an issue")
        if path.suffix in (".c", ".h"):
            check_c(path, inside, text, findings)
        elif is_test and path.suffix == ".py":
            check_python(path, text, findings)
        elif is_test and text.startswith("#!") and "sh" in text.splitlines()[0]:
            check_shell(path, text, findings)
    findings.finish()


main()
