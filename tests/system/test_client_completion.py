# SPDX-License-Identifier: MIT
"""What bash offers for a command line of yodel, with the completion that yodel prints."""

import os
import re
import shutil
import subprocess
import unittest

from client_harness import OK, ClientTest, Pty, yodel
from yodel_harness import PATIENCE, environment, main

BREAKS = " \t\n\"'><=;|&(:"  # bash(1), COMP_WORDBREAKS


@unittest.skipIf(shutil.which("bash") is None, "bash is not installed")
class Completion(ClientTest):
    @classmethod
    def setUpClass(cls):
        done = yodel("completion")
        assert (done.returncode, done.stderr) == (OK, b""), done
        cls.script = done.stdout.decode()

    def offered(self, *words, cwd=None, breaks=BREAKS):
        """What is offered for the last of the words, in place of its last piece."""
        program = (self.script + 'COMP_LINE=$1; COMP_POINT=${#1}; COMP_WORDBREAKS=$2; _yodel 2>&1; '
                   'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "--norc", "-uc", program, "bash",
                               " ".join(["yodel", *words]), breaks], cwd=cwd,
                              capture_output=True, text=True, timeout=PATIENCE, check=True)
        return done.stdout.split()

    def typed(self, *lines):
        """What stands in the words of each line, which ends with TAB, in an interactive bash."""
        folder = self.folder()
        with open(os.path.join(folder, "hosts.txt"), "w", encoding="ascii"):
            pass
        with open(os.path.join(folder, "start"), "w", encoding="utf-8") as start:
            start.write(self.script + "yodel() { printf '<%s>' \"$@\" end; echo; }\n")
        with Pty(["bash", "--norc", "--noprofile", "-i"], cwd=folder,
                 env=environment({"PS1": "what? ", "INPUTRC": "/dev/null", "TERM": "dumb",
                                  "HISTFILE": "/dev/null"})) as bash:
            bash.read_until(b"what? ")
            bash.write(b". ./start\n")
            bash.read_until(b"what? ")
            answers = []
            for line in lines:
                bash.write(line.format(folder).encode() + b"\t\n")
                shown = bash.read_until(b"<end>").decode()
                bash.read_until(b"what? ")
                answers.append(re.findall(r"<([^<>]*)>", shown)[:-1])
        return [[word.replace(folder, "{}") for word in answer] for answer in answers]

    def test_script_is_clean(self):
        if shutil.which("shellcheck") is None:
            self.skipTest("shellcheck is not installed")
        done = subprocess.run(["shellcheck", "-s", "bash", "-"], input=self.script, text=True,
                              capture_output=True, timeout=PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def commands(self):
        text = yodel("--help").stdout.decode().split("Commands:\n")[1].split("\n\n")[0]
        return re.findall(r"^  ([\w-]+)", text, re.M)

    def test_commands_are_offered_first(self):
        self.assertEqual(sorted(self.offered("")),
                         sorted([*self.commands(), "--help", "--version"]))
        self.assertEqual(self.offered("lo"), ["load"])
        self.assertEqual(self.offered("load"), ["load"])
        self.assertEqual(self.offered("nonsense", "-"), [])
        self.assertEqual(self.offered("--v"), ["--version"])

    def test_every_option_of_its_help_is_offered_for_a_command_and_no_other(self):
        for command in self.commands():
            with self.subTest(command):
                text = yodel(command, "--help").stdout.decode()
                left = [re.split(r"\s{2,}", line.strip())[0] for line in text.splitlines()
                        if line.startswith("  -")]
                known = [flag for part in left for flag in re.findall(r"(?<!\S)--?[\w-]+", part)]
                self.assertEqual(sorted(self.offered(command, "-")), sorted(known))

    def test_options_may_stand_anywhere(self):
        self.assertEqual(self.offered("load", "localhost", "7", "--rep"), ["--report"])
        self.assertEqual(self.offered("send", "-4", "--js"), ["--json"])
        self.assertEqual(self.offered("load", "--cou"), ["--count"])

    def test_files_are_offered_where_a_file_is_wanted(self):
        folder = os.path.dirname(os.path.abspath(__file__))
        self.assertEqual(self.offered("load", "--report", "yodel_h", cwd=folder),
                         ["yodel_harness.py"])
        self.assertEqual(self.offered("send", "-U", "yodel_h", cwd=folder), ["yodel_harness.py"])

    def test_files_are_offered_behind_an_equals_sign_and_a_colon(self):
        folder = os.path.dirname(os.path.abspath(__file__))
        for words in (("load", "--report=yodel_h"), ("send", "--unix=yodel_h"),
                      ("send", "unix:yodel_h")):
            with self.subTest(words):
                self.assertEqual(self.offered(*words, cwd=folder), ["yodel_harness.py"])
                self.assertEqual(self.offered(*words, cwd=folder, breaks=" "),
                                 [words[-1].replace("yodel_h", "yodel_harness.py")])

    def test_only_what_stands_behind_the_last_break_is_offered(self):
        folder = self.folder()
        with open(os.path.join(folder, "a:b=c"), "w", encoding="ascii"):
            pass
        self.assertEqual(self.offered("load", "--report", "a:", cwd=folder), ["b=c"])
        self.assertEqual(self.offered("load", "--report", "a:b=", cwd=folder), ["c"])
        self.assertEqual(self.offered("load", "--report=a:b", cwd=folder), ["b=c"])

    def test_nothing_is_offered_for_a_value(self):
        self.assertEqual(self.offered("send", "--timeout="), [])
        self.assertEqual(self.offered("send", "--timeout=5"), [])
        self.assertEqual(self.offered("load", "--count", ""), [])
        self.assertEqual(self.offered("send", "-t", ""), [])

    def test_a_service_is_offered_behind_the_host(self):
        if not os.path.exists("/etc/services"):
            self.skipTest("no /etc/services")
        self.assertIn("echo", self.offered("send", "localhost", "ech"))
        self.assertIn("echo", self.offered("load", "-c", "10", "localhost", "ech"))
        self.assertNotIn("echo", self.offered("send", "localhost", "7", "ech"))
        for words in (["::1"], ["--timeout=5", "localhost"], ["-t", "5", "::1"], ["--", "-x"]):
            self.assertIn("echo", self.offered("send", *words, "ech"))

    def test_a_command_without_a_host_offers_none(self):
        for words in (["completion", ""], ["completion", "loc"], ["completion", "loc", "ech"]):
            self.assertEqual(self.offered(*words), [])
        self.assertIn("--quiet", self.offered("completion", "--q"))

    def test_no_option_is_offered_behind_two_dashes(self):
        self.assertEqual(self.offered("send", "--", "--js"), [])
        self.assertEqual(self.offered("send", "--", "-t", "7", ""), [])
        self.assertEqual(self.offered("load", "--report", "--", "--js"), ["--json"])

    def test_tab_completes_in_a_real_shell(self):
        lines = ["yodel load --report={}/hos", "yodel send unix:{}/hos", "yodel load --report {}/ho",
                 "yodel load --rep"]
        wanted = [["load", "--report={}/hosts.txt"], ["send", "unix:{}/hosts.txt"],
                  ["load", "--report", "{}/hosts.txt"], ["load", "--report"]]
        if os.path.exists("/etc/services"):
            lines += ["yodel send ::1 ech", "yodel send --timeout=5 localhost ech"]
            wanted += [["send", "::1", "echo"], ["send", "--timeout=5", "localhost", "echo"]]
        self.assertEqual(self.typed(*lines), wanted)


if __name__ == "__main__":
    main()
