# SPDX-License-Identifier: MIT
"""Configuration: every class of error with its place, precedence, origins, and the command line."""

import os
import re
import subprocess

from yodel_harness import (CONFIGURATION, MISSING_FILE, SOURCE_DIR, USAGE, YODELD, SystemTest, main,
                           receive_all, run)

DEFAULT_FILE = "/etc/yodel/yodeld.conf"
SHOWN = re.compile(r"(?P<path>[^ ]+) = (?P<value>\"(?:[^\"\\]|\\.)*\"|\(.*\)|[^\" ]+)"
                   r"  # (?P<origin>.+)")
ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def unquote(text):
    """The raw text of a value that -T shows."""
    if not text.startswith('"'):
        return text
    return re.sub(r"\\(x(..)|.)", lambda match: chr(int(match[2], 16)) if match[2]
                  else ESCAPES.get(match[1], match[1]), text[1:-1])


class ConfigurationTest(SystemTest):
    def show(self, *arguments):
        """What -T shows: {path: (raw value, origin)}."""
        done = run("-T", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        matches = [SHOWN.fullmatch(line) for line in done.stdout.splitlines()]
        self.assertNotIn(None, matches, done.stdout)
        return {match["path"]: (unquote(match["value"]), match["origin"]) for match in matches}

    def show_file(self, text, *arguments):
        path = self.write_config(text)
        return self.show("-c", path, *arguments), path

    def problems_of(self, text, *arguments):
        """The problems of a file, with its name cut off: ["3: port: expected ..."]."""
        path = self.write_config(text)
        done = run("-t", "-c", path, *arguments)
        self.assertEqual((done.returncode, done.stdout), (CONFIGURATION, ""), done.stderr)
        *problems, last = done.stderr.splitlines()
        plural = "" if len(problems) == 1 else "s"
        self.assertEqual(
            last, f"yodeld: configuration refused: {len(problems)} problem{plural}")
        return [line[len(path) + 1:] if line.startswith(path + ":") else line
                for line in problems]

    def assert_problem(self, text, expected, *arguments):
        """One problem, which is `expected`: a regular expression for all of it."""
        problems = self.problems_of(text, *arguments)
        self.assertEqual(len(problems), 1, problems)
        self.assertRegex(problems[0], rf"^{expected}$")

    def assert_lines(self, rows):
        """A file with a problem in every line: all are reported in one run, in their order."""
        problems = self.problems_of("".join(text + "\n" for text, _ in rows))
        self.assertEqual(len(problems), len(rows), "\n".join(problems))
        for number, (problem, (text, expected)) in enumerate(zip(problems, rows), 1):
            with self.subTest(line=text):
                self.assertRegex(problem, rf"^{number}: {expected}$")


class ErrorsOfValues(ConfigurationTest):
    def test_wrong_types_are_reported_each_with_its_line(self):
        self.assert_lines([
            ('port = 1.5;', r'port: expected a port from 0 to 65535 or a service name, '
                            r'got the floating-point number 1\.5'),
            ('backlog = "many";', 'backlog: expected an integer from 0 to 65535, got "many"'),
            ('host = 7;', 'host: expected a string, got 7'),
            ('service = true;', 'service: expected one of echo, greet, .*, got the boolean true'),
            ('thread_stack = [ 1, 2 ];', 'thread_stack: expected a size .*, got a list of 2'),
        ])
        self.assertEqual(
            [re.sub(", got.*", "", problem) for problem in self.problems_of(
                'limits: {\n max_connections = true;\n accept_rate = { };\n'
                ' max_per_peer = "3";\n};\nsocket: {\n nodelay = 1;\n nodelay_ = 1; };\n')],
            ["2: limits.max_connections: expected an integer from 1 to 1000000",
             "3: limits.accept_rate: expected a rate like 50/s or 100/m of 0 to 1000000",
             "4: limits.max_per_peer: expected an integer from 0 to 1000000",
             "7: socket.nodelay: expected true or false",
             "8: socket.nodelay_: expected a known option"])

    def test_values_out_of_range_are_reported_each_with_its_line(self):
        self.assert_lines([
            ('port = 65536;', 'port: expected a port from 0 to 65535 or a service name, got 65536'),
            ('backlog = -1;', 'backlog: expected an integer from 0 to 65535, got -1'),
            ('thread_stack = "47k";', 'thread_stack: expected a size .* from 48k to 64M, got "47k"'),
        ])
        self.assert_problem("port = -1;", "1: port: expected a port .*, got -1")
        self.assert_problem('thread_stack = "65M";',
                            '1: thread_stack: expected a size .*, got "65M"')
        self.assert_problem("limits: { max_connections = 0; };",
                            r"1: limits\.max_connections: .*, got 0")
        self.assert_problem("limits: { peer_prefix_v4 = 33; };",
                            r"1: limits\.peer_prefix_v4: .* from 1 to 32, got 33")
        self.assert_problem("limits: { peer_prefix_v6 = 129; };",
                            r"1: limits\.peer_prefix_v6: .* from 1 to 128, got 129")
        self.assert_problem('timeouts: { idle = "25h"; };',
                            r'1: timeouts\.idle: expected a duration .*, got "25h"')
        self.assert_problem('timeouts: { idle = "-1s"; };',
                            r'1: timeouts\.idle: expected a duration .*, got "-1s"')

    def test_malformed_words_are_reported(self):
        for text, expected in (
                ('timeouts: { idle = "5 m"; };', r'timeouts\.idle: expected a duration .*'),
                ('timeouts: { idle = ""; };', r'timeouts\.idle: expected a duration .*, got ""'),
                ('timeouts: { idle = "5y"; };', r'timeouts\.idle: expected a duration .*'),
                ('timeouts: { idle = "99999999999999999999s"; };', r'timeouts\.idle: .*'),
                ('timeouts: { idle = "9223372036854775807h"; };', r'timeouts\.idle: .*'),
                ('thread_stack = "64K";', 'thread_stack: expected a size .*, got "64K"'),
                ('limits: { accept_rate = "50/d"; };', r'limits\.accept_rate: expected a rate .*'),
                ('limits: { accept_rate = "fast"; };', r'limits\.accept_rate: expected a rate .*'),
                ('log: { level = "inof"; };', r'log\.level: expected one of error, warn, info, '
                                              r'debug, got "inof" \(did you mean "info"\?\)'),
                ('log: { format = "xml"; };', r'log\.format: expected one of text, json, .*'),
                ('service = "ehco";', r'service: expected one of echo, greet, discard, chargen, '
                                      r'daytime, time, message, talk, got "ehco" \(did you mean "echo"\?\)'),
                ('host = "";', 'host: expected a host name, .*, got ""'),
                ('host = "a b";', 'host: expected a host name, .*'),
                ('host = "systemd:";', 'host: expected a host name, .*'),
                ('host = "unix:tmp/x";', 'host: expected a host name, .*'),
                ('port = "80 80";', 'port: expected a port .*'),
                ('port = "";', 'port: expected a port .*'),
                ('name = "a b";', "name: expected at most 32 letters, digits, '_' and '-', .*"),
                ('name = "%s";' % ("n" * 33), "name: expected at most 32 letters, .*"),
                ('socket: { keepalive_idle = "1500ms"; };',
                 r'socket\.keepalive_idle: expected .*whole seconds, got "1500ms"'),
                ('limits: { refuse_text = "%s"; };' % ("r" * 513),
                 r'limits\.refuse_text: expected at most 512 bytes, .*'),
                (r'service = "greet"; text = "\\q";', 'text: expected .*, got .*'),
                ('service = "greet"; text = "${who}";', 'text: expected .*, got .*'),
                ('service = "greet"; text = "%s";' % ("t" * 4097), 'text: expected at most 4096 .*')):
            with self.subTest(text=text[:80]):
                self.assert_problem("\n\n" + text, "3: " + expected)

    def test_integers_that_libconfig_would_change_are_reported(self):
        for literal in ("5000000000", "4294967297", "-4294967295", "0x100000001", "010", "00",
                        "99999999999999999999", "99999999999999999999L"):
            with self.subTest(literal=literal):
                problems = self.problems_of(f"\nbacklog = {literal};")
                self.assertRegex(problems[0], r"^2: backlog: expected a decimal integer of 32 bits "
                                 rf"without leading zeros, got {literal.rstrip('L')}$")

    def test_integers_that_libconfig_reads_right_are_taken(self):
        for literal, value in (("128", "128"), ("+128", "128"), ("128L", "128"), ("0x80", "128")):
            with self.subTest(literal=literal):
                shown, _ = self.show_file(f"backlog = {literal};")
                self.assertEqual(shown["listen.[0].backlog"][0], value)

    def test_numbers_in_strings_comments_and_names_are_nobody_s_business(self):
        self.show_file('# 5000000000\n/* 010 */ // 010\nname = "5000000000";\n')


class ErrorsOfStructure(ConfigurationTest):
    def test_inside_of_an_unknown_list_is_not_reported_however_deep(self):
        self.assert_problem("prot = ( { key = 1; }, [ 2 ], ( \"x\" ) );",
                            r'1: prot: expected a known option, .* \(did you mean "port"\?\)')
        self.assert_problem("xyzzy = " + 3000 * "(" + 3000 * ")" + ";",
                            "1: xyzzy: expected a known option, got an unknown name")

    def test_unknown_names_are_reported_with_the_nearest_known_one(self):
        for text, expected in (
                ('prot = 7;', r'prot: expected a known option, got an unknown name '
                              r'\(did you mean "port"\?\)'),
                ('backlgo = 7;', r'backlgo: .* \(did you mean "backlog"\?\)'),
                ('timeouts: { ilde = "5m"; };',
                 r'timeouts\.ilde: .* \(did you mean "timeouts\.idle"\?\)'),
                ('xyzzyxyzzy = 1;', 'xyzzyxyzzy: expected a known option, got an unknown name'),
                ('xyzzyxyzzy: { a = 1; b: { c = 2; }; };',
                 'xyzzyxyzzy: expected a known option, got an unknown name'),
                ('limits = 5;', r'limits: expected a group of options \{ \.\.\. \}, '
                                r'got something else'),
                ('text = "x";', 'text: expected an option of the listener\'s service, got one of '
                                'service "greet"')):
            with self.subTest(text=text):
                self.assert_problem("\n" + text, "2: " + expected)

    def test_errors_within_the_list_name_listener_and_line(self):
        problems = self.problems_of(
            'listen: (\n'
            '  { name = "one"; port = 99999; },\n'
            '  { servce = "echo"; port = 7;\n'
            '    text = "x"; },\n'
            '  { service = "greet"; port = 8; limits: { max_connections = -1; }; drain = 1; }\n'
            ');\n')
        self.assertEqual([re.sub(r"(expected) .*", r"\1", problem) for problem in problems], [
            "2: listen.[0].port: expected",
            "3: listen.[1].servce: expected",
            "4: listen.[1].text: expected",
            "5: listen.[2].limits.max_connections: expected",
            "5: listen.[2].drain: expected"])

    def test_options_of_the_daemon_are_unknown_within_the_list(self):
        self.assert_problem('listen: ( { log: { level = "info"; }; } );',
                            r'1: listen\.\[0\]\.log: expected a known option, .*')

    def test_listen_must_be_a_list_of_groups(self):
        for text, expected in (
                ('listen = 7;', r'listen: expected a list of one or more groups .*'),
                ('listen: ();', r'listen: expected a list of one or more groups .*'),
                ('listen: { port = 7; };', r'listen: expected a list of one or more groups .*'),
                ('listen: ( 7 );', r'listen\.\[0\]: expected a group .*')):
            with self.subTest(text=text):
                self.assert_problem("\n" + text, "2: " + expected)

    def test_duplicate_addresses_and_names_are_reported(self):
        self.assertEqual(self.problems_of(
            'listen: (\n'
            '  { name = "a"; host = "127.0.0.1"; port = 7; },\n'
            '  { name = "a"; host = "127.0.0.1"; port = 8; },\n'
            '  { name = "b"; host = "127.0.0.1";\n'
            '    port = 7; }\n'
            ');\n'), [
                '3: listen.[1].name: expected a name of its own, got "a", which listener 0 has',
                '5: listen.[2].port: expected an address of its own, got "127.0.0.1" port 7, '
                'which listener 0 has'])

    def test_listeners_without_a_name_are_numbered(self):
        shown, _ = self.show_file('listen: ( { port = 1; }, { port = 2; }, { port = 3; '
                                  'service = "greet"; }, { port = 0; }, { port = 0; } );')
        self.assertEqual([shown[f"listen.[{index}].name"][0] for index in range(5)],
                         ["echo", "echo-2", "greet", "echo-3", "echo-4"])

    def test_syntax_errors_have_a_line(self):
        for text, line in (("port = ;", 2), ("port 7;", 2),
                           ("listen: ( { port = 7; }, );", 2), ("port = 7;\nport = 8;", 3)):
            with self.subTest(text=text):
                self.assert_problem("\n" + text, f"{line}: expected libconfig syntax, got a .*")

    def test_a_string_without_end_is_named(self):
        self.assertEqual(self.problems_of('port = 7;\n\nhost = "a')[0],
                         "3: host: expected the end of a string, got the end of the file")

    def test_all_problems_are_reported_in_one_run_whatever_their_kind(self):
        problems = self.problems_of(
            'prot = 1;\n'
            'backlog = "many";\n'
            'log: { level = "loud"; };\n'
            'timeouts: { idle = "1y"; };\n'
            'listen: (\n'
            '  { name = "a"; port = 7; },\n'
            '  { name = "b"; port = 7; }\n'
            ');\n', "-o", "nothing=1", "-o", "limits.max_connections=0")
        self.assertEqual([re.sub(r": expected.*", "", problem) for problem in problems if
                          "address of its own" not in problem],
                         ["1: prot", "2: backlog", "3: log.level", "4: timeouts.idle",
                          "-o: nothing", "-o: limits.max_connections"])
        self.assertTrue([problem for problem in problems if
                         re.match(r"7: listen\.\[1\]\.port: expected an address", problem)],
                        "the duplicate address is missing:\n" + "\n".join(problems))

    def test_nothing_listens_where_the_configuration_is_wrong(self):
        path = self.write_config("port = 0;\nprot = 1;\n")
        done = run("-1", "-c", path)
        self.assertEqual((done.returncode, done.stdout), (CONFIGURATION, ""))
        self.assertNotIn("listen ", done.stderr)


class Files(ConfigurationTest):
    def test_missing_file_exits_66_and_is_named(self):
        for flags in ((), ("-t",), ("-T",)):
            done = run("-c", "/nonexistent/yodeld.conf", *flags)
            self.assertEqual(done.returncode, MISSING_FILE)
            self.assertIn('"/nonexistent/yodeld.conf": No such file', done.stderr)

    def test_folder_in_place_of_a_file_is_an_error(self):
        done = run("-t", "-c", self.folder())
        self.assertEqual(done.returncode, MISSING_FILE)
        self.assertIn("Is a directory", done.stderr)

    def test_included_file_is_found_beside_the_file_and_named_in_problems(self):
        path = self.write_config('\n@include "more.conf"\n')
        more = os.path.join(os.path.dirname(path), "more.conf")
        with open(more, "w", encoding="ascii") as file:
            file.write("backlog = 77;\n")
        self.assertEqual(self.show("-c", path)["listen.[0].backlog"][0], "77")
        with open(more, "w", encoding="ascii") as file:
            file.write("\n\nbacklog = -1;\nport = 5000000000;\n")
        done = run("-t", "-c", path, cwd="/")
        self.assertEqual(done.returncode, CONFIGURATION)
        self.assertRegex(done.stderr, r"(?m)^\S*more\.conf:3: backlog: expected an integer")
        self.assertRegex(done.stderr, r"(?m)^\S*more\.conf:4: port: expected a decimal integer of 32")

    def test_a_pipe_is_read_once(self):
        path = self.write_config("backlog = 5;\n")
        read = subprocess.run(["sh", "-c", 'cat "$2" | "$1" -T -c /dev/stdin', "sh", YODELD, path],
                              capture_output=True, text=True, timeout=60, check=True)
        self.assertIn("listen.[0].backlog = 5  # /dev/stdin:1\n", read.stdout)

    def test_included_folder_is_refused(self):
        self.assert_problem('@include "."\n', "1: expected to include .*: not a regular file")

    def test_what_cannot_be_written_fails(self):
        for arguments in (("-T", "-c", "/dev/null"), ("-t", "-c", "/dev/null"), ("-h",), ("-V",)):
            with self.subTest(arguments=arguments), open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run([YODELD, *arguments], stdout=full, stderr=subprocess.PIPE,
                                      text=True, timeout=60, check=False)
                self.assertEqual((done.returncode, done.stderr), (
                    1, "yodeld: cannot write to standard output: No space left on device\n"))

    def test_missing_included_file_is_an_error_with_its_line(self):
        self.assert_problem('\n@include "nothing-here.conf"\n', "2: expected .*")

    def test_shipped_file_parses_to_exactly_the_defaults(self):
        path = os.path.join(SOURCE_DIR, "conf", "yodeld.conf")
        if not os.path.exists(path):
            self.skipTest("conf/yodeld.conf is not there yet")
        shipped, plain = self.show("-c", path), self.show("-c", "/dev/null")
        self.assertEqual({name: value for name, (value, _) in shipped.items()},
                         {name: value for name, (value, _) in plain.items()})

    def test_without_c_the_built_in_defaults_hold(self):
        if os.path.exists(DEFAULT_FILE):
            self.skipTest(f"{DEFAULT_FILE} exists here")
        shown = self.show()
        self.assertEqual({origin for _, origin in shown.values()}, {"default"})
        for path, value in (("service", "echo"), ("host", "127.0.0.1"), ("port", "65432"),
                            ("backlog", "0"), ("timeouts.idle", "5m"), ("timeouts.write", "30s"),
                            ("timeouts.first_byte", "0"), ("timeouts.lifetime", "0"),
                            ("timeouts.linger", "2s")):
            self.assertEqual(shown[f"listen.[0].{path}"][0], value)
        for path, value in (("limits.max_connections", "1024"), ("limits.max_per_peer", "0"),
                            ("limits.accept_rate", "0"), ("timeouts.drain", "30s"),
                            ("log.level", "info"), ("log.format", "text")):
            self.assertEqual(shown[path][0], value)

    def test_simple_form_and_list_form_are_the_same_configuration(self):
        simple, _ = self.show_file('host = "127.0.0.1"; port = 7; service = "greet"; text = "a";')
        listed, _ = self.show_file(
            'listen: ( { host = "127.0.0.1"; port = 7; service = "greet"; text = "a"; } );')
        self.assertEqual({name: value for name, (value, _) in simple.items()},
                         {name: value for name, (value, _) in listed.items()})

    def test_the_example_of_the_design_serves(self):
        path = self.write_config(
            'host = "127.0.0.1";  port = 65432;  backlog = 128;  service = "echo";\n'
            'limits:   { max_connections = 1024; max_per_peer = 0; accept_rate = 0; };\n'
            'timeouts: { first_byte = "0"; idle = "5m"; write = "30s"; lifetime = "0";\n'
            '            linger = "2s"; drain = "30s"; };\n'
            'log:      { level = "info"; format = "text"; };\n'
            'listen: (\n'
            '  { name = "echo";  service = "echo";  host = "*"; port = 0; backlog = 512; },\n'
            '  { name = "hello"; service = "greet"; host = "127.0.0.1"; port = 0;\n'
            '    text = "hello ${peer}\\r\\n"; timeouts: { idle = "10s"; }; }\n'
            ');\n')
        daemon = self.start(listen=[], config=path)
        client = self.connect(daemon, 1)
        self.assertEqual(receive_all(client), b"hello %s:%d\r\n" % (
            client.getsockname()[0].encode(), client.getsockname()[1]))
        self.assert_echoes(self.connect(("127.0.0.1", daemon.address(0)[1])))


class Precedence(ConfigurationTest):
    def test_default_then_file_then_command_line_whatever_their_order(self):
        path = self.write_config('\nbacklog = 11;\ntimeouts: {\n  idle = "1m"; };\n')
        for arguments in (("-o", "backlog=22", "-c", path), ("-c", path, "-o", "backlog=22")):
            shown = self.show(*arguments)
            self.assertEqual(shown["listen.[0].backlog"], ("22", "-o"))
            self.assertEqual(shown["listen.[0].timeouts.idle"], ("1m", f"{path}:4"))
            self.assertEqual(shown["listen.[0].timeouts.write"], ("30s", "default"))
        self.assertEqual(self.show("-c", path)["listen.[0].backlog"], ("11", f"{path}:2"))

    def test_listener_then_top_for_what_both_have(self):
        text = ('timeouts: { idle = "1m"; };\n'
                'listen: ( { port = 1; timeouts: { idle = "2m"; }; },\n { port = 2; } );\n')
        shown, path = self.show_file(text)
        self.assertEqual(shown["listen.[0].timeouts.idle"], ("2m", f"{path}:2"))
        self.assertEqual(shown["listen.[1].timeouts.idle"], ("1m", f"{path}:1"))
        shown, _ = self.show_file(text, "-o", "timeouts.idle=3m")
        self.assertEqual([shown[f"listen.[{index}].timeouts.idle"] for index in (0, 1)],
                         [("3m", "-o")] * 2)
        shown, _ = self.show_file(text, "-o", "timeouts.idle=3m", "-o",
                                  "listen.[0].timeouts.idle=4m")
        self.assertEqual([shown[f"listen.[{index}].timeouts.idle"] for index in (0, 1)],
                         [("4m", "-o"), ("3m", "-o")])

    def test_listener_is_addressed_by_its_name(self):
        shown, _ = self.show_file('listen: ( { name = "front"; port = 1; }, '
                                  '{ name = "back"; port = 2; } );',
                                  "-o", "listen.back.backlog=9")
        self.assertEqual([shown[f"listen.[{index}].backlog"][0] for index in (0, 1)],
                         ["0", "9"])
        done = run("-t", "-c", "/dev/null", "-o", "listen.nobody.backlog=9")
        self.assertEqual(done.returncode, CONFIGURATION)
        self.assertIn('-o: listen.nobody.backlog: expected listen.NAME.OPTION', done.stderr)

    def test_the_last_of_two_o_wins(self):
        shown = self.show("-c", "/dev/null", "-o", "backlog=1", "-o", "backlog=2")
        self.assertEqual(shown["listen.[0].backlog"], ("2", "-o"))

    def test_l_replaces_the_listeners_of_the_file(self):
        text = 'listen: ( { port = 1; }, { port = 2; }, { port = 3; } );'
        shown, _ = self.show_file(text, "-l", "127.0.0.9:99=greet")
        self.assertNotIn("listen.[1].port", shown)
        self.assertEqual([shown[f"listen.[0].{name}"] for name in ("host", "port", "service")],
                         [("127.0.0.9", "-l"), ("99", "-l"), ("greet", "-l")])
        self.assertEqual(shown["listen.[0].text"], ("Hello, Client!", "default"))

    def test_wrong_line_is_wrong_also_where_another_overrides_it(self):
        self.assert_problem("backlog = -1;", "1: backlog: expected .*", "-o", "backlog=5")

    def test_verbose_and_quiet_set_the_level(self):
        self.assertEqual(self.show("-c", "/dev/null", "-v")["log.level"], ("debug", "-v"))
        self.assertEqual(self.show("-c", "/dev/null", "-q")["log.level"], ("warn", "-q"))

    def test_what_T_shows_gives_the_same_values_through_o(self):
        text = ('limits: { max_connections = 77; accept_rate = "90/m"; peer_prefix_v4 = 24; };\n'
                'timeouts: { idle = 90; drain = "1500ms"; }; thread_stack = "1M";\n'
                'socket: { nodelay = false; send_buffer = 65536; keepalive_idle = "2m"; };\n'
                'listen: ( { name = "x"; port = 1; host = "::1";\n'
                '            limits: { max_per_peer = 3; refuse_text = "a \\"b\\" c\\n"; }; },\n'
                '          { port = "http"; service = "greet"; text = "t\\\\n${peer} \xe4"; } );\n')
        path = self.write_config(text)
        first = self.show("-c", path)
        # As they are shown, only without the quotes: -o knows the escapes of the file, and no lists.
        options = []
        for line in run("-T", "-c", path).stdout.splitlines():
            match = SHOWN.fullmatch(line)
            if match["value"].startswith("("):
                continue
            options += ["-o", "{}={}".format(match["path"], match["value"].strip('"'))]
        again = self.show("-c", "/dev/null", "-l", "127.0.0.1:0", "-l", "127.0.0.1:0", *options)
        self.assertEqual({name: value for name, (value, _) in first.items()},
                         {name: value for name, (value, _) in again.items()})
        self.assertEqual({origin for value, origin in again.values()
                          if not value.startswith("(")} - {"-l"}, {"-o"})
        self.assertEqual(first["listen.[0].limits.refuse_text"][0], 'a "b" c\n')
        self.assertEqual(first["listen.[0].timeouts.idle"][0], "90s")

    def test_values_are_shown_in_their_largest_whole_unit(self):
        shown = self.show("-c", "/dev/null", "-o", "timeouts.idle=120s", "-o",
                          "timeouts.write=1500ms", "-o", "timeouts.drain=7200", "-o",
                          "thread_stack=131072", "-o", "limits.accept_rate=5")
        self.assertEqual(shown["listen.[0].timeouts.idle"][0], "2m")
        self.assertEqual(shown["listen.[0].timeouts.write"][0], "1500ms")
        self.assertEqual(shown["timeouts.drain"][0], "2h")
        self.assertEqual(shown["thread_stack"][0], "128k")
        self.assertEqual(shown["limits.accept_rate"][0], "5/s")


class CommandLine(ConfigurationTest):
    def assert_usage(self, expected, *arguments):
        done = run(*arguments)
        self.assertEqual((done.returncode, done.stdout), (USAGE, ""))
        self.assertRegex(done.stderr, rf"^yodeld: {expected}\n$")

    def test_t_says_that_the_configuration_is_ok(self):
        done = run("-t", "-c", "/dev/null")
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (0, "configuration OK\n", ""))
        done = run("--test", "--config", self.write_config("port = 1;"))
        self.assertEqual((done.returncode, done.stdout), (0, "configuration OK\n"))

    def test_version_is_one_line(self):
        for flag in ("-V", "--version"):
            done = run(flag)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertRegex(done.stdout, r"^yodeld \d+\.\d+\.\d+\n$")

    def test_help_shows_every_flag_and_every_option(self):
        done = run("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(run("-h").stdout, done.stdout)
        for flag in "coltT1vqVh":
            self.assertRegex(done.stdout, rf"(?m)^  -{flag}, --\w+")
        for path in self.show("-c", "/dev/null", "-o", "service=greet"):
            bare = re.sub(r"^listen\.\[0\]\.", "", path)
            self.assertRegex(done.stdout, rf"(?m)^  {re.escape(bare)} = ")

    def test_unknown_flags_and_missing_arguments_exit_64(self):
        self.assert_usage('unknown or malformed option "-x"; try --help', "-x")
        self.assert_usage('unknown or malformed option "--frobnicate"; try --help',
                          "--frobnicate")
        self.assert_usage('option "-c" needs an argument; try --help', "-c")
        self.assert_usage('option "--config" needs an argument; try --help', "--config")
        self.assert_usage('unknown or malformed option "--test=7"; try --help', "--test=7")
        self.assert_usage('expected no argument, got "stray"; try --help', "stray")

    def test_malformed_o_and_l_exit_64(self):
        for argument in ("novalue", "=5", ""):
            self.assert_usage(f'-o: expected PATH=VALUE, got "{argument}"', "-o", argument)
        for argument in ("nowhere", "127.0.0.1:", "::1:7", "127.0.0.1:7=", "", "[::1]"):
            self.assert_usage(rf'-l: expected HOST:PORT\[=SERVICE\] .*, got "{re.escape(argument)}"',
                              "-l", argument)

    def test_bad_values_on_the_command_line_exit_78_and_name_the_flag(self):
        for arguments, expected in (
                (("-o", "prot=7"), r'-o: prot: .*\(did you mean "port"\?\)'),
                (("-o", "port=70000"), '-o: port: expected a port .*, got "70000"'),
                (("-o", "socket.nodelay=yes"), '-o: socket.nodelay: expected true or false, .*'),
                (("-l", "127.0.0.1:70000"), r'-l: listen\.\[0\]\.port: expected a port .*'),
                (("-l", "127.0.0.1:7=ecko"), r'-l: listen\.\[0\]\.service: .*'),
                (("-l", "a:7", "-l", "a:7"), r'-l: listen\.\[1\]\.port: expected an address of '
                                             r'its own, .*'),
                (("-o", "listen.[3].port=1"), r'-o: listen\.\[3\]\.port: expected listen\.NAME.*'),
                (("-o", "text=x"), "-o: text: expected an option of the listener's service, .*")):
            with self.subTest(arguments=arguments):
                done = run("-t", "-c", "/dev/null", *arguments)
                self.assertEqual((done.returncode, done.stdout), (CONFIGURATION, ""))
                self.assertRegex(done.stderr.splitlines()[0], rf"^{expected}$")


class OddIncludes(SystemTest):
    def test_folder_behind_an_odd_name_is_a_problem_and_not_libconfig_s_exit(self):
        folder = self.folder()
        os.makedirs(os.path.join(folder, "a\\b"))
        os.makedirs(os.path.join(folder, "c", "c", "x.conf"))
        for name, text in (("y.conf", '@include "a\\b"\n'), ("c/x.conf", '@include "c/x.conf"\n')):
            with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                file.write(text)
            done = run("-t", "-c", name, cwd=folder)
            self.assertEqual(done.returncode, 78, done.stderr)
            self.assertIn(f"{name}:1: expected to include a readable file", done.stderr)


if __name__ == "__main__":
    main()
