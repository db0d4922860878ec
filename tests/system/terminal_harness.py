# SPDX-License-Identifier: MIT
"""
A program on a real terminal, which is tmux's: what is typed are keys, what is checked is what a
person would see.
"""

import os
import shlex
import shutil
import subprocess
import termios
import unittest

from client_harness import YODEL
from yodel_harness import PATIENCE, environment, wait_until

# Tells how the program ended, and keeps the terminal open for a look. The traps are the shell's own.
WRAPPER = ("trap : INT QUIT; stty -g >before; {}; code=$?; stty -g >after; "
           "echo ended $code; exec cat >/dev/null")


class Terminal:
    """
    A window with a program in it.

        terminal = Terminal(self, ["connect", *address], columns=40)
        terminal.type("helo")               # as it stands
        terminal.press("Left", "C-a")       # keys, as tmux names them
        terminal.wait_for(" -> helo")       # the last rows of the screen
    """

    def __init__(self, test, arguments, columns=80, rows=24, command=None, term=None):
        self.tmux = shutil.which("tmux")
        if self.tmux is None:
            raise unittest.SkipTest("tmux is not installed")
        self.test = test
        self.folder = test.folder()
        self.command = shlex.join([YODEL, *arguments])
        if term is not None:
            self.command = f"TERM={term} {self.command}"
        self.run("-f", "/dev/null", "-u", "new-session", "-d", "-x", str(columns), "-y", str(rows),
                 "-c", self.folder, *(command or ["sh", "-c", WRAPPER.format(self.command)]))
        test.addCleanup(self.close)
        self.tty = self.ask("#{pane_tty}")

    def run(self, *arguments):
        return subprocess.run(
            [self.tmux, "-S", os.path.join(self.folder, "tmux"), *arguments], check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment({"TMUX": ""}), timeout=PATIENCE).stdout.decode()

    def close(self):
        self.run("kill-server")

    def ask(self, form):
        return self.run("display-message", "-p", form).rstrip("\n")

    # --- what a person does ---

    def type(self, text):
        self.run("send-keys", "-l", "--", text)

    def press(self, *keys):
        self.run("send-keys", "--", *keys)

    def paste(self, text):
        """All of it at once; without the marks of a bracketed paste."""
        self.run("set-buffer", "--", text)
        self.run("paste-buffer", "-r")

    def enter(self, line):
        self.type(line)
        self.press("Enter")

    def resize(self, columns, rows=24):
        self.run("resize-window", "-x", str(columns), "-y", str(rows))

    # --- what a person sees ---

    def screen(self):
        """The rows, down to the last that is not empty."""
        return self.run("capture-pane", "-p").rstrip("\n").split("\n")

    def cursor(self):
        """Column and row, from 0."""
        return tuple(map(int, self.ask("#{cursor_x} #{cursor_y}").split()))

    def wait_for(self, *rows):
        """The last rows of the screen become these. Blanks at the end of a row do not count."""
        wanted = [row.rstrip() for row in rows]
        try:
            wait_until(lambda: [row.rstrip() for row in self.screen()[-len(wanted):]] == wanted)
        except AssertionError:
            self.test.assertEqual([row.rstrip() for row in self.screen()], wanted)

    def wait_for_cursor(self, column, row):
        wait_until(lambda: self.cursor() == (column, row), f"cursor at {column}, {row}")

    # --- what the kernel sees ---

    def modes(self):
        """The terminal's modes, as termios has them."""
        fd = os.open(self.tty, os.O_RDWR | os.O_NOCTTY)
        try:
            return termios.tcgetattr(fd)
        finally:
            os.close(fd)

    def is_edited(self):
        """Whether the terminal is in the modes of a line editor."""
        return not self.modes()[3] & (termios.ICANON | termios.ECHO)

    def wait_for_prompt(self, prompt=" ->"):
        wait_until(lambda: self.screen()[-1].rstrip() == prompt and self.is_edited(), "a prompt")

    def child(self):
        """The process id of the program."""
        shell = self.ask("#{pane_pid}")
        with open(f"/proc/{shell}/task/{shell}/children", encoding="ascii") as file:
            return int(file.read().split()[0])

    def assert_ended(self, code):
        """The program has ended like this, and left the terminal as it was."""
        wait_until(lambda: "ended " in self.screen()[-1], "the end of the program")
        # Before it the kernel may have echoed the key that ended it.
        self.test.assertIn(self.screen()[-1], (f"ended {code}", f"^Cended {code}"))
        with open(os.path.join(self.folder, "before"), encoding="ascii") as before, \
                open(os.path.join(self.folder, "after"), encoding="ascii") as after:
            self.test.assertEqual(before.read(), after.read())
