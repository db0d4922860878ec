#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Breaks a copy of the tree in one place at a time; the lint test that guards the place has to notice.

every_rule_can_break.py ROOT YODELD YODEL OPTION_DOCS

Each break is tried on a tree that the test accepts, so that it is the break that is noticed. Where the
tree itself is not accepted, or a tool is missing, that test says so itself and is left out here.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

from tree import NOT_OURS

HERE = pathlib.Path(__file__).resolve().parent
UNIT = "systemd/yodeld.service.in"


def appended(text):
    return lambda old: old + text


def replaced(old, new):
    def change(text):
        if old not in text:
            raise ValueError(f'expected "{old}" to replace')
        return text.replace(old, new, 1)
    return change


def breaks(daemon, client, docs):
    """Test, its arguments behind the root, file to break, change, what the test has to say."""
    note = "TO" + "DO"
    yield "floors.py", [], "src/base/text.c", appended('#include "yodel/transport/address.h"\n'), "higher floor"
    yield "floors.py", [], "src/session/registry.c", appended('#include "yodel/config/config.h"\n'), \
        "whole configuration"
    yield "floors.py", [], "include/yodel/base/clock.h", appended('#include "yodel/base/clock.h"\n'), "circle"
    yield "floors.py", [], "include/yodel/base/check.h", appended('#include "yodel/base/nothing.h"\n'), "nothing.h"
    yield "floors.py", [], "CMakeLists.txt", appended("target_link_libraries(yodel_base PUBLIC yodel_server)\n"), \
        "not below"
    yield "headers.py", [], "include/yodel/base/clock.h", replaced("SPDX", "XDPS"), "SPDX"
    yield "headers.py", [], "include/yodel/base/clock.h", replaced("Threads:", "Thread:"), "Threads:"
    yield "headers.py", [], "include/yodel/base/clock.h", replaced("#endif", "int clock_new(void);\n#endif"), \
        "clock_new"
    for document in ("conf/yodeld.conf", "docs/man/yodeld.conf.5", "docs/configuration.md"):
        yield "generated_docs.py", [docs], document, replaced("may be silent", "may be quiet"), document
    yield "generated_docs.py", [docs], "docs/configuration.md", replaced("END GENERATED daemon", ""), "markers"
    yield "conf_parses.sh", [daemon], "conf/yodeld.conf", replaced("port = 65432", "port = 65431"), "defaults"
    yield "conf_parses.sh", [daemon], "conf/yodeld.conf", replaced("#listen", "#lister"), "good file"
    yield "conf_parses.sh", [daemon], "docs/configuration.md", replaced("port = 65432", "prt = 65432"), "good file"
    yield "conf_parses.sh", [daemon], "docs/man/yodeld.conf.5", replaced("port = 7007", "prt = 7007"), "good file"
    yield "flags.py", [daemon, "docs/man/yodeld.8"], "docs/man/yodeld.8", replaced("Fl -config", "Fl -konfig"), \
        "--konfig"
    yield "flags.py", [daemon, "docs/man/yodeld.8"], "docs/man/yodeld.8", replaced(".Op Fl t\n", ""), "synopsis"
    yield "commands.py", [client], "docs/man/yodel.1", replaced(".It Fl 4", ".It Fl 5"), "-5"
    yield "commands.py", [client], "docs/man/yodel.1", replaced(".It Fl r", ".It Fl R"), "-R"
    yield "commands.py", [client], "docs/man/yodel.1", replaced(".Ss Load", ".Ss Lead"), "Load"
    yield "commands.py", [client], "docs/man/yodel.1", replaced(".Cm load", ".Cm laod"), "synopsis"
    yield "commands.py", [client], "README.md", replaced("yodel load", "yodel laod"), "load"
    yield "words.py", [docs], "docs/man/yodeld.8", replaced(".It Ic limit_peer", ".It Ic limit_pear"), "limit_pear"
    yield "words.py", [docs], "docs/man/yodeld.8", replaced(".It Ic chargen", ".It Ic chargin"), "chargen"
    yield "words.py", [docs], "README.md", replaced("| `daytime` |", "| `datetime` |"), "daytime"
    yield "manuals.sh", [], "docs/man/yodel.1", appended(".Xr yodelay 1\n"), "yodelay"
    yield "manuals.sh", [], "docs/man/yodel.1", appended(".Bl -tag\n"), "yodel.1"
    yield "links.py", [], "README.md", appended("[x](docs/nowhere.md)\n"), "nowhere.md"
    yield "links.py", [], "README.md", appended("[x](docs/architecture.md#nowhere)\n"), "#nowhere"
    yield "format.sh", [], "src/base/text.c", appended("int  x ;\n"), "text.c"
    yield "scripts.sh", [], "quickstart", appended("echo $unquoted\n"), "quickstart"
    yield "units.sh", [daemon], UNIT, replaced("[Service]", "[Service]\nLimitNoFiles=3"), "LimitNoFiles"
    yield "units.sh", [daemon], UNIT, replaced("[Install]", "[Service]\nPrivateDevices=no\nNoNewPrivileges=no\n"
                                               "RestrictNamespaces=no\nProtectSystem=no\n[Install]"), "exposure"
    yield "banned.py", [], "src/base/text.c", appended("void f(char *s) { strcpy(s, s); }\n"), "strcpy"
    yield "banned.py", [], "src/base/text.c", appended("void f(void) { gmtime(0); }\n"), "gmtime"
    yield "banned.py", [], "tests/lint/option_docs.c", appended("void f(void) { usleep(1); }\n"), "usleep"
    yield "banned.py", [], "README.md", appended(note + "\n"), "note"
    yield "whitespace.py", [], "README.md", appended("trailing \n"), "trailing"
    yield "whitespace.py", [], "README.md", appended("no newline"), "newline"
    yield "whitespace.py", [], "CMakeLists.txt", appended("\tset(x)\n"), "tab"
    yield "whitespace.py", [], "src/base/text.c", appended("        int x;\n"), "blanks"


def run(script, root, arguments):
    interpreter = ["python3", "-B"] if script.endswith(".py") else ["sh"]
    result = subprocess.run(interpreter + [HERE / script, root] + arguments,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return result.returncode, result.stdout


def main():
    root, *programs = sys.argv[1:]
    needed = {"manuals.sh": "mandoc", "scripts.sh": "shellcheck", "units.sh": "systemd-analyze"}
    failures, good = 0, {}
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch, "tree")
        shutil.copytree(root, copy, ignore=shutil.ignore_patterns(*NOT_OURS), symlinks=True)
        for script, arguments, name, change, message in breaks(*programs):
            key = (script, *arguments)
            if key not in good:
                has_tool = script not in needed or shutil.which(needed[script]) is not None
                good[key] = has_tool and run(script, copy, arguments)[0] == 0
                if not good[key]:
                    print(f"left out: {script}: the tree is not accepted, or a tool is missing")
            path = copy / name
            if not good[key] or not path.exists():
                continue
            before = path.read_text(encoding="utf-8")
            path.write_text(change(before), encoding="utf-8")
            status, output = run(script, copy, arguments)
            path.write_text(before, encoding="utf-8")
            if status not in (1, 123) or message not in output:
                failures += 1
                print(f'{script}: expected a failure about "{message}" after a break in {name}, '
                      f"got status {status}:\n{output}")
    sys.exit(1 if failures else 0)


main()
