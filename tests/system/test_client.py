# SPDX-License-Identifier: MIT
"""Our own client: its command line, the same for every command."""

import json
import os

from client_harness import FAILED, OK, USAGE, YODEL, ClientTest, Pty, yodel
from other_ends import Refusing, abstract_name, socat_pipe, use
from yodel_harness import environment, main


class Usage(ClientTest):
    def test_wrong_command_line_is_told_and_exits_with_2(self):
        for arguments, message in (
                ([], b"expected a command; try yodel --help"),
                (["sing"], b'unknown command "sing"'),
                (["conect"], b'(did you mean "connect"?)'),
                (["send", "127.0.0.1"], b"expected: yodel send [OPTION...] HOST PORT [TEXT]"),
                (["send", "127.0.0.1", "7", "text", "more"], b"expected: yodel send"),
                (["connect", "127.0.0.1", "7", "text"],
                 b"expected: yodel connect [OPTION...] HOST PORT;"),
                (["send", "unix:/socket", "-4"], b"-4, -6 and --source are for HOST and PORT"),
                (["send", "unix:"], b"the path of a Unix socket"),
                (["ping", "unix:/socket", "7"],
                 b'expected nothing more behind unix:/socket, which has no port, got "7"'),
                (["send", "-U", "@name", "text", "\x1b[2J"], rb'unix:@name, which has no port, got "\x1b[2J"'),
                (["send", "-46", "localhost", "7"], b"-4 and -6 exclude each other"),
                (["send", "-x", "127.0.0.1", "7"], b'"-x"'),
                (["send", "-t", "soon", "127.0.0.1", "7"], b'"soon"')):
            with self.subTest(arguments):
                self.assert_ended(yodel(*arguments), USAGE, message)

    def test_numeric_port_is_1_to_65535(self):
        for port in ("99999", "65536", "0", "-1", "+7", "", " 7", "18446744073709551623"):
            for command in ("send", "connect"):
                with self.subTest(command=command, port=port):
                    self.assert_ended(yodel(command, "127.0.0.1", "--", port), USAGE,
                                      b'expected 1 to 65535 or the name of a service, got "'
                                      + port.encode() + b'"')

    def test_version_and_help_are_answered_with_and_without_a_command(self):
        for command in ([], ["send"], ["connect"]):
            for option, start in (("-V", b"yodel "), ("--version", b"yodel "),
                                  ("-h", b"Usage: "), ("--help", b"Usage: ")):
                with self.subTest(command=command, option=option):
                    done = yodel(*command, option)
                    self.assert_ended(done, OK)
                    self.assertTrue(done.stdout.startswith(start), done.stdout)

    def test_names_that_could_trick_a_terminal_are_escaped(self):
        for target in ([b"unix:/tmp/\xff\x1b[2J.sock"], [b"no\x1b[2Jhost\xff.invalid", b"7"]):
            for command in ("send", "connect", "check", "ping", "load", "verify", "multi"):
                with self.subTest(command=command, target=target):
                    done = yodel(command, *target, "--json")
                    self.assertIn(done.returncode, (FAILED, 3))
                    self.assertNotIn(b"\x1b", done.stderr + done.stdout)
                    self.assertNotIn(b"\xff", done.stderr + done.stdout)
                    json.loads(done.stdout)


class UnixSockets(ClientTest):
    COMMANDS = (["send", "text"], ["connect"], ["check"], ["ping", "-n", "2", "-i", "1ms"],
                ["ping", "--connect", "-n", "2", "-i", "1ms"], ["load", "-c", "3", "-n", "30"],
                ["load", "--connect", "-c", "3", "-n", "30"], ["verify", "-n", "100k"], ["multi", "text"])

    def test_every_command_takes_one_in_place_of_host_and_port(self):
        for path in (os.path.join(self.folder(), "echo"), abstract_name()):
            end = use(self, socat_pipe(path=path))
            for command, *arguments in self.COMMANDS:
                for target in (["unix:" + path], ["-U", path], ["--unix=" + path]):
                    with self.subTest(command=command, arguments=arguments, target=target):
                        done = yodel(command, *target, *arguments, "--json", data=b"text\n")
                        self.assert_ended(done, OK)
                        self.assertEqual(json.loads(done.stdout)["target"], "unix:" + end.path)


class Json(ClientTest):
    def test_every_object_begins_with_the_command_and_the_target(self):
        address, refused = self.serve_daemon(), use(self, Refusing()).arguments
        for command, options in (("send", []), ("connect", []), ("check", []),
                                 ("ping", ["-n", "1"]), ("load", ["-n", "9"]),
                                 ("verify", ["-n", "9"]), ("multi", [])):
            for host, port in (address, refused):
                with self.subTest(command=command, port=port):
                    done = yodel(command, "--json", *options, host, str(port), data=b"hello\n")
                    target = host if command == "check" else f"{host} port {port}"
                    for line in done.stdout.splitlines():
                        self.assertEqual(list(json.loads(line).items())[:2],
                                         [("command", command), ("target", target)])
                    self.assertNotEqual(done.stdout, b"")


class Colours(ClientTest):
    RED, PLAIN = b"\033[31mREFUSED", b"REFUSED"

    def shown(self, arguments, wishes):
        """What a terminal gets."""
        variables = environment({"TERM": "xterm"})
        variables.pop("NO_COLOR", None)
        with Pty([YODEL, *arguments], env=dict(variables, **wishes)) as terminal:
            return terminal.read_all()

    def test_words_are_coloured_on_a_terminal_unless_somebody_is_against_it(self):
        address = use(self, Refusing()).arguments
        for command in ("check", "send"):  # a word of its result, and a line of failure
            for wishes in ({}, {"NO_COLOR": ""}):
                with self.subTest(command=command, wishes=wishes):
                    self.assertIn(self.RED, self.shown([command, *address], wishes))
            for wishes in ({"NO_COLOR": "1"}, {"NO_COLOR": "0"}, {"TERM": "dumb"}, {"TERM": ""}):
                with self.subTest(command=command, wishes=wishes):
                    shown = self.shown([command, *address], wishes)
                    self.assertIn(self.PLAIN, shown)
                    self.assertNotIn(b"\033[3", shown)
            shown = self.shown([command, "--no-color", *address], {})
            self.assertIn(self.PLAIN, shown)
            self.assertNotIn(b"\033[3", shown)

    def test_open_port_is_green(self):
        self.assertIn(b"\033[32mOPEN", self.shown(["check", *self.serve_daemon()], {}))

    def test_failure_is_coloured_with_quiet_and_json_too(self):
        for option in ("--quiet", "--json"):
            shown = self.shown(["send", option, *use(self, Refusing()).arguments], {})
            self.assertIn(self.RED, shown)


if __name__ == "__main__":
    main()
