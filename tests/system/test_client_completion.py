# SPDX-License-Identifier: MIT
"""What bash offers for a command line of yodel, with the completion that yodel prints."""

import os
import re
import shutil
import subprocess
import unittest

from client_harness import OK, yodel
from yodel_harness import PATIENCE, main


@unittest.skipIf(shutil.which("bash") is None, "bash is not installed")
class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        done = yodel("completion")
        assert (done.returncode, done.stderr) == (OK, b""), done
        cls.script = done.stdout.decode()

    def offered(self, *words, cwd=None):
        """What is offered for the last of the words."""
        program = (self.script + 'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _yodel 2>&1; '
                   'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "--norc", "-uc", program, "bash", "yodel", *words], cwd=cwd,
                              capture_output=True, text=True, timeout=PATIENCE, check=True)
        return done.stdout.split()

    def test_script_is_clean(self):
        if shutil.which("shellcheck") is None:
            self.skipTest("shellcheck is not installed")
        done = subprocess.run(["shellcheck", "-s", "bash", "-"], input=self.script, text=True,
                              capture_output=True, timeout=PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def commands(self):
        text = yodel("--help").stdout.decode().split("Commands:\n")[1].split("\n\n")[0]
        return re.findall(r"^  (\w+)", text, re.M)

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

    def test_nothing_is_offered_for_a_value(self):
        self.assertEqual(self.offered("load", "--count", ""), [])
        self.assertEqual(self.offered("send", "-t", ""), [])

    def test_a_service_is_offered_behind_the_host(self):
        if not os.path.exists("/etc/services"):
            self.skipTest("no /etc/services")
        self.assertIn("echo", self.offered("send", "localhost", "ech"))
        self.assertIn("echo", self.offered("load", "-c", "10", "localhost", "ech"))
        self.assertNotIn("echo", self.offered("send", "localhost", "7", "ech"))


if __name__ == "__main__":
    main()
