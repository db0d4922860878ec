# SPDX-License-Identifier: MIT
"""yodel multi: several connections at once, what each has said and heard, and the totals."""

import collections
import json
import os
import re
import resource
import signal
import socket
import subprocess
import threading

from client_harness import FAILED, OK, USAGE, YODEL, ClientTest, catches_interrupts, yodel
from other_ends import (LOCKSTEP, PROGRAMS, UNIX_PROGRAMS, Full, NeverAccepting, Refusing,
                        abstract_name, chunking, copy, echo, greeting, pieces, resetting, serve,
                        silent, slow, swallow, trailing, truncating, use)
from yodel_harness import PATIENCE, environment, main, receive_all, scaled, wait_until

LINE = re.compile(rb'(\d+) (?:connected to \S+|sent \d+ bytes|received "(?:[^"\\]|\\.)*"'
                  rb'|closed: \d+ bytes sent, \d+ received)')
TOTALS = re.compile(rb"(\d+) connections?, (\d+) failed(?:, (\d+) interrupted)?: "
                    rb"(\d+) bytes sent, (\d+) received in [\d.]+ ms")
DEFAULT = b"Message 1 from client.Message 2 from client."


def multi(end, *arguments, **keywords):
    return yodel("multi", *end.arguments, *arguments, **keywords)


class Multi(ClientTest):
    def lines_of(self, done):
        """The lines of each connection, checked, and the fields of the totals."""
        *lines, last = done.stdout.splitlines()
        talks = collections.defaultdict(list)
        for line in lines:
            match = LINE.fullmatch(line)
            self.assertIsNotNone(match, line)
            talks[int(match[1])].append(line.split(b" ", 1)[1])
        self.assertRegex(last, TOTALS)
        return talks, TOTALS.fullmatch(last)

    def test_two_connections_say_two_messages_by_themselves(self):
        end = serve(self, echo)
        done = multi(end)
        self.assert_ended(done, OK)
        talks, totals = self.lines_of(done)
        self.assertEqual(sorted(talks), [1, 2])
        for lines in talks.values():
            self.assertEqual(lines[0], b"connected to 127.0.0.1:%d" % end.port)
            self.assertEqual(lines.count(b"sent 22 bytes"), 2)
            heard = b"".join(line[10:-1] for line in lines if line.startswith(b"received"))
            self.assertEqual(heard, DEFAULT)
            self.assertEqual(lines[-1], b"closed: 44 bytes sent, 44 received")
        self.assertEqual(totals.groups(), (b"2", b"0", None, b"88", b"88"))

    def test_each_connection_sends_each_message(self):
        heard = []
        end = serve(self, lambda client: heard.append(b"".join(map(bytes, pieces(client)))))
        done = multi(end, "-c", "5", "one ", "", "two ", "three")
        self.assert_ended(done, OK)
        talks, _ = self.lines_of(done)
        self.assertEqual([line for line in talks[3] if b"sent" in line],
                         [b"sent 4 bytes", b"sent 0 bytes", b"sent 4 bytes", b"sent 5 bytes",
                          b"closed: 13 bytes sent, 0 received"])
        end.close()
        self.assertEqual(heard, [b"one two three"] * 5)

    def test_what_comes_is_made_visible(self):
        done = multi(serve(self, greeting(b'\x1b[31m"\n\xff')), "-c", "1", "text")
        self.assert_ended(done, OK)
        self.assertIn(rb'1 received "\x1b[31m\"\n\xff"' + b"\n", done.stdout)

    def test_large_message_comes_back(self):
        done = multi(serve(self, echo), "-c", "2", *["x" * 100_000] * 10)
        self.assert_ended(done, OK)
        talks, totals = self.lines_of(done)
        self.assertEqual(totals[5], b"2000000")
        self.assertEqual(b"".join(line[10:-1] for line in talks[1]
                                  if line.startswith(b"received")), b"x" * 1_000_000)

    def test_lines_of_a_thousand_connections_do_not_mix(self):
        count = scaled(1000, 200)
        host, port = self.serve_daemon()
        done = yodel("multi", host, port, "-c", str(count))
        self.assert_ended(done, OK)
        talks, totals = self.lines_of(done)
        self.assertEqual(len(talks), count)
        for lines in talks.values():
            self.assertEqual(lines[-1], b"closed: 44 bytes sent, 44 received")
        self.assertEqual(totals[5], b"%d" % (44 * count))

    def test_quiet_prints_the_totals_only(self):
        done = multi(serve(self, echo), "-q")
        self.assert_ended(done, OK)
        self.assertRegex(done.stdout, rb"^2 connections, 0 failed: 88 bytes sent, 88 received in "
                                      rb"[\d.]+ ms\n$")

    def test_json_is_one_object_with_each_connection(self):
        end = serve(self, echo)
        done = multi(end, "--json", "-c", "3", "text")
        self.assert_ended(done, OK)
        result = json.loads(done.stdout)
        self.assertEqual([result[name] for name in ("command", "is_interrupted", "connections",
                                                    "failed", "interrupted", "sent_bytes",
                                                    "received_bytes")],
                         ["multi", False, 3, 0, 0, 12, 12])
        self.assertGreater(result["duration_ms"], 0)
        self.assertEqual(result["results"], [
            {"connection": number, "address": f"127.0.0.1:{end.port}", "outcome": "closed",
             "sent_bytes": 4, "received_bytes": 4} for number in (1, 2, 3)])

    def test_foreign_servers_answer(self):
        for name, start in PROGRAMS.items():
            with self.subTest(name), start() as end:
                done = multi(end, "-c", "5")
                self.assert_ended(done, OK)
                if name not in LOCKSTEP:
                    self.assertEqual(self.lines_of(done)[1][5], b"220")

    def test_unix_sockets_answer(self):
        for name, start in UNIX_PROGRAMS.items():
            with self.subTest(name), start(path=abstract_name()) as end:
                done = multi(end, "-c", "5")
                self.assert_ended(done, OK)
                self.assertEqual(self.lines_of(done)[1][5], b"220")
                self.assertIn(b"1 connected to unix:" + end.path.encode(), done.stdout)

    def test_any_server_is_read_to_its_end(self):
        for talk, received in ((chunking(), 44), (slow(0.05), 44), (swallow, 0),
                               (greeting(b"Hello!"), 6), (trailing(b"more"), 48),
                               (truncating(10), 10)):
            done = multi(serve(self, talk), "-q")
            self.assert_ended(done, OK)
            self.assertIn(b": 88 bytes sent, %d received" % (2 * received), done.stdout)

    # --- failures ---

    def test_refused_connections_are_told_each(self):
        end = use(self, Refusing())
        done = multi(end, "-c", "3")
        self.assertEqual(done.returncode, FAILED)
        self.assertEqual(sorted(done.stderr.splitlines()), [
            b"REFUSED: connection %d: cannot connect to 127.0.0.1:%d: Connection refused"
            % (number, end.port) for number in (1, 2, 3)])
        self.assertTrue(done.stdout.startswith(b"3 connections, 3 failed: 0 bytes sent"))

    def test_reset_is_told_with_what_was_heard(self):
        end = serve(self, resetting(10))
        done = multi(end, "--json", "-c", "2")
        self.assertEqual(done.returncode, FAILED)
        for number in (1, 2):
            self.assertRegex(done.stderr, rb"RESET: connection %d: broke after \d+ bytes sent and "
                                          rb"\d+ received: Connection reset by peer\n" % number)
        result = json.loads(done.stdout)
        self.assertEqual(result["failed"], 2)
        self.assertEqual({(talk["outcome"], talk["error"]) for talk in result["results"]},
                         {("failed", "RESET")})

    def test_one_failed_connection_does_not_stop_the_others(self):
        first = []

        def talk(client):
            first.append(client)
            if first[0] is client:
                resetting(0)(client)
            else:
                copy(client)
        done = multi(serve(self, talk), "-c", "4", "-q")
        self.assertEqual(done.returncode, FAILED)
        self.assertEqual(done.stderr.count(b"RESET: "), 1)
        self.assertEqual(TOTALS.fullmatch(done.stdout.strip()).group(1, 2), (b"4", b"1"))

    def test_nobody_is_waited_for_longer_than_the_timeout(self):
        for end in (serve(self, silent), use(self, NeverAccepting())):
            done = multi(end, "-t", "300ms")
            self.assertEqual(done.returncode, FAILED)
            self.assertEqual(sorted(done.stderr.splitlines()), [
                b"TIMEOUT: connection %d: nothing moved for 300ms, after 44 bytes sent and "
                b"0 received" % number for number in (1, 2)])

    def test_connect_is_not_waited_for_longer_than_the_timeout(self):
        done = multi(use(self, Full()), "-t", "300ms")
        self.assertEqual(done.returncode, FAILED)
        self.assertEqual(done.stderr.count(b"TIMEOUT: connection "), 2, done.stderr)

    def test_timeout_is_since_the_last_byte(self):
        done = multi(serve(self, slow(0.2, size=10)), "-t", "5s", "-q")
        self.assert_ended(done, OK)

    def test_unknown_host_is_one_failure(self):
        done = yodel("multi", "no-such-host.invalid", "7")
        self.assertEqual((done.returncode, done.stderr[:5]), (FAILED, b"DNS: "))

    def test_limit_on_open_files_is_raised_as_far_as_it_goes(self):
        def limit(soft, hard):
            return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        end = serve(self, echo)
        done = multi(end, "-c", "40", "-q", preexec_fn=limit(30, 100))
        self.assert_ended(done, OK)
        done = multi(end, "-c", "90", preexec_fn=limit(30, 100))
        self.assert_ended(done, FAILED, b"OTHER: 90 connections need 106 open files, "
                                        b"the limit is 100")
        self.assertEqual(done.stdout, b"")

    def test_wrong_options_are_told(self):
        for options in (["-c", "0"], ["-c", "-1"], ["-c", "many"]):
            self.assertEqual(yodel("multi", "127.0.0.1", "7", *options).returncode, USAGE)

    # --- Ctrl-C ---

    def test_interrupt_prints_the_totals_so_far(self):
        end = serve(self, silent)
        with subprocess.Popen([YODEL, "multi", *end.arguments, "-t", "0"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=environment()) as process:
            for _ in range(6):  # both are connected and have sent both messages
                self.assertRegex(process.stdout.readline().rstrip(), LINE)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, err), (OK, b""))
        self.assertRegex(out, rb"^2 connections, 0 failed, 2 interrupted: 88 bytes sent, "
                              rb"0 received in [\d.]+ ms\n$")

    def test_server_that_serves_one_after_the_other_serves_all(self):
        """Its queue has room for one: the others are begun when there is room."""
        path = os.path.join(self.folder(), "socket")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)

            def serve_all():
                for _ in range(8):
                    client, _ = listener.accept()
                    with client:
                        client.sendall(receive_all(client))
            thread = threading.Thread(target=serve_all)
            thread.start()
            done = yodel("multi", "-c", "8", "--json", "unix:" + path)
            thread.join()
        self.assertEqual(done.returncode, OK, done.stderr)
        self.assertEqual(json.loads(done.stdout)["received_bytes"], 8 * 44)

    def test_endless_answer_ends_with_ctrl_c(self):
        def talk(client):
            while True:
                client.sendall(b"yodel " * 100)
        with subprocess.Popen([YODEL, "multi", *serve(self, talk).arguments, "--json"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=environment()) as process:
            wait_until(lambda: catches_interrupts(process))
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, OK)
        result = json.loads(out)
        self.assertEqual((result["interrupted"], result["is_interrupted"]), (2, True))


if __name__ == "__main__":
    main()
