# SPDX-License-Identifier: MIT
"""yodel ping --udp and send --udp: what is lost, late, double, wrong or refused is told apart."""

import json
import os
import re
import signal
import socket
import subprocess

from client_harness import FAILED, OK, USAGE, YODEL, ClientTest, in_shell, yodel
from other_ends import (DATAGRAM_PROGRAMS, RefusingDatagrams, absorb, changing, duplicating,
                        holding_back, losing_datagrams, reflect, serve_datagrams, use)
from yodel_harness import PATIENCE, SANITIZE, environment, has_ipv6, main, wait_until

MAX_BYTES = 65507
COUNTS = re.compile(r"(\d+) sent, (\d+) received, (\d+) lost \(([\d.]+)%\), (\d+) mismatched, "
                    r"(\d+) duplicate, (\d+) late, time \d+ ms")
# A round that is lost takes so long; no answer should, on a busy machine either.
TIMEOUT = "2s" if SANITIZE else "500ms"
SHORT = ["-t", TIMEOUT, "-i", "1ms"]


class Ping(ClientTest):
    def ping(self, end, *arguments):
        return yodel("ping", "--udp", *arguments, *end.arguments)

    def fares(self, end, counts, code, *arguments, message=b""):
        """counts: sent, received, lost, mismatched, duplicate, late"""
        done = self.ping(end, *arguments)
        match = COUNTS.search(done.stdout.decode())
        self.assertIsNotNone(match, done)
        self.assertEqual(tuple(int(match[i]) for i in (1, 2, 3, 5, 6, 7)), counts, done)
        self.assert_ended(done, code, message)
        return done

    def start_client(self, *arguments):
        process = subprocess.Popen([YODEL, "ping", "--udp", *arguments], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=environment())
        for stream in (process.stdout, process.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process


class PingRounds(Ping):
    def test_each_round_is_one_datagram_of_its_own(self):
        server = serve_datagrams(self, reflect)
        done = self.fares(server, (100, 100, 0, 0, 0, 0), OK, "-n", "100", "-i", "0")
        name = f"127.0.0.1:{server.port}"
        lines = done.stdout.decode().splitlines()
        self.assertEqual(lines[0], f"PING {name} (127.0.0.1 UDP port {server.port}): "
                                   "datagrams of 64 bytes")
        self.assertRegex(lines[100], rf"^64 bytes from {name}: seq=100 time=[\d.]+ ms$")
        self.assertEqual({len(data) for data in server.received}, {64})
        self.assertEqual(len(set(server.received)), 100)

    def test_sizes_from_the_least_to_the_greatest_come_back(self):
        for size in (1, 2, 7, 1400, MAX_BYTES):
            server = serve_datagrams(self, reflect)
            self.fares(server, (70, 70, 0, 0, 0, 0), OK, "-n", "70", "-i", "0", "-s", str(size))
            self.assertEqual({len(data) for data in server.received}, {size})

    def test_foreign_servers_are_measured(self):
        for name, start in DATAGRAM_PROGRAMS.items():
            with self.subTest(name), start() as end:
                self.fares(end, (10, 10, 0, 0, 0, 0), OK, "-n", "10", "-i", "0", "-s", "1000")

    def test_ipv6_is_as_good(self):
        if not has_ipv6():
            self.skipTest("no IPv6 here")
        self.fares(serve_datagrams(self, reflect, host="::1"), (3, 3, 0, 0, 0, 0), OK, "-n", "3", *SHORT)

    def test_datagrams_come_from_where_they_shall(self):
        server = serve_datagrams(self, reflect)
        done = self.ping(server, "-n", "1", "-v", "--source", "127.0.0.9")
        self.assert_ended(done, OK, b" from 127.0.0.9:")


class PingFaults(Ping):
    def test_lost_datagram_is_loss_and_no_failure(self):
        done = self.fares(serve_datagrams(self, losing_datagrams(1)), (4, 3, 1, 0, 0, 0), OK, "-n", "4",
                          *SHORT, message=f"TIMEOUT: seq=2: expected the message back within {TIMEOUT}, "
                                  "0 of 64 bytes came from 127.0.0.1:".encode())
        self.assertIn(b"1 lost (25%)", done.stdout)

    def test_nothing_but_loss_is_a_failure(self):
        done = self.fares(serve_datagrams(self, absorb), (2, 0, 2, 0, 0, 0), FAILED, "-n", "2",
                          *SHORT, message=b"TIMEOUT: seq=2: ")
        self.assertNotIn(b"rtt", done.stdout)

    def test_duplicate_is_counted_and_answers_no_other_round(self):
        server = serve_datagrams(self, duplicating(0, 1))
        self.fares(server, (4, 4, 0, 0, 2, 0), OK, "-n", "4", *SHORT)

    def test_late_answer_is_counted_and_answers_no_other_round(self):
        for is_behind in (False, True):
            server = serve_datagrams(self, holding_back(1, is_behind=is_behind))
            self.fares(server, (4, 3, 1, 0, 0, 1), OK, "-n", "4", *SHORT, message=b"TIMEOUT: seq=2: ")

    def test_late_answers_that_come_in_another_order_are_counted(self):
        server = serve_datagrams(self, holding_back(0, 1, 2))
        self.fares(server, (5, 2, 3, 0, 0, 3), OK, "-n", "5", *SHORT, message=b"TIMEOUT: seq=3: ")

    def test_late_answer_that_comes_twice_is_late_once(self):
        first = []

        def talk(reply, number, data):
            first.append(data)
            if number == 1:
                reply(first[0])
                reply(first[0])
            if number > 0:
                reply(data)
        self.fares(serve_datagrams(self, talk), (3, 2, 1, 0, 1, 1), OK, "-n", "3", *SHORT,
                   message=b"TIMEOUT: seq=1: ")

    def test_changed_answers_are_mismatches_that_tell_what_came(self):
        def flip(data):
            return data[:10] + bytes([data[10] ^ 1]) + data[11:]
        for change, message in (
                (flip, rb'in place of "'), (lambda data: data[:-1], b"got its first 63 of 64 bytes"),
                (lambda data: data + b"!", b'got more behind its 64 bytes: "!"'),
                (lambda data: b"", b"got its first 0 of 64 bytes"),
                (lambda data: b"\x1b[31m", rb'got "\x1b[31m" in place of "')):
            server = serve_datagrams(self, changing(change, 1))
            done = self.fares(server, (3, 2, 0, 1, 0, 0), FAILED, "-n", "3", *SHORT,
                              message=b"OTHER: seq=2: expected the message back, ")
            self.assertIn(message, done.stderr)
            self.assertNotIn(b"\x1b", done.stdout + done.stderr)

    def test_answer_of_another_ping_is_none_of_ours(self):
        older = serve_datagrams(self, reflect)
        self.ping(older, "-n", "1")
        server = serve_datagrams(self, changing(lambda data: older.received[0], 0))
        self.fares(server, (1, 0, 0, 1, 0, 0), FAILED, "-n", "1", *SHORT,
                   message=b"OTHER: seq=1: expected the message back")

    def test_answer_from_another_port_is_none(self):
        server = serve_datagrams(self, reflect, is_elsewhere=True)
        self.fares(server, (2, 0, 2, 0, 0, 0), FAILED, "-n", "2", *SHORT, message=b"TIMEOUT: ")

    def test_stale_answers_without_end_do_not_hold_up_the_timeout(self):
        def talk(reply, number, data):
            reply(data)
            while number == 0 and reply(data):
                pass
        process = self.start_client("-n", "2", *SHORT, *serve_datagrams(self, talk).arguments)
        output, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, OK)
        self.assertIn(b"TIMEOUT: seq=2: ", errors)
        self.assertIn(b"2 sent, 1 received, 1 lost", output)

    def test_refused_datagrams_are_told_at_once(self):
        done = self.fares(use(self, RefusingDatagrams()), (3, 0, 3, 0, 0, 0), FAILED, "-n", "3", "-i", "1ms",
                          "-t", "1h", message=b"REFUSED: seq=3: the datagram to 127.0.0.1:")
        self.assertIn(b"Connection refused; does the server run", done.stderr)

    def test_server_that_goes_and_comes_is_noticed(self):
        server = serve_datagrams(self, reflect)
        process = self.start_client("-i", "10ms", *server.arguments)
        while b"seq=1 " not in process.stdout.readline():
            self.assertIsNone(process.poll())
        server.close()
        self.assertIn(b"REFUSED: ", process.stderr.readline())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, OK)

    def test_second_address_is_tried_where_the_first_refuses(self):
        addresses = {entry[4][0] for entry in socket.getaddrinfo("localhost", 7)}
        if len(addresses) < 2 or not has_ipv6():
            self.skipTest("localhost has not two addresses here")
        for host in addresses:
            server = serve_datagrams(self, reflect, host=host)
            done = yodel("ping", "--udp", "-n", "3", *SHORT, "localhost", str(server.port))
            self.assert_ended(done, OK)
            self.assertIn(b"3 sent, 3 received, 0 lost", done.stdout)

    def test_unreachable_network_is_told(self):
        done = yodel("ping", "--udp", "-n", "1", "-t", "1s", "--source", "127.0.0.1", "192.0.2.1", "7")
        self.assertEqual(done.returncode, FAILED)
        self.assertIn(b"192.0.2.1", done.stderr)


class PingOutput(Ping):
    def test_json_counts_them_all(self):
        def talk(reply, number, data):
            if number != 0:
                reply(data)
            if number == 1:
                reply(data)
        done = self.ping(serve_datagrams(self, talk), "--json", "-n", "3", *SHORT)
        answer = json.loads(done.stdout)
        expected = {"measures": "datagram", "sent": 3, "received": 2, "lost": 1, "duplicate": 1,
                    "late": 0, "mismatched": 0, "connects": 0, "reconnects": 0}
        self.assertEqual({key: answer[key] for key in expected}, expected)
        self.assertIn(" UDP port ", answer["target"])
        self.assertIn("127.0.0.1:", answer["address"])

    def test_json_has_no_address_where_nobody_answers(self):
        done = self.ping(use(self, RefusingDatagrams()), "--json", "-n", "1")
        self.assertIsNone(json.loads(done.stdout)["address"])

    def test_plug_in_judges_datagrams_as_messages(self):
        for talk, code, word in ((reflect, 0, b"OK"), (losing_datagrams(1), 1, b"WARNING"),
                                 (absorb, 2, b"CRITICAL")):
            done = self.ping(serve_datagrams(self, talk), "--nagios", "-n", "3", *SHORT)
            self.assertEqual(done.returncode, code, done)
            self.assertTrue(done.stdout.startswith(b"YODEL " + word), done)

    def test_ctrl_c_prints_the_summary(self):
        server = serve_datagrams(self, absorb)
        process = self.start_client("-t", "1h", *server.arguments)
        wait_until(lambda: server.received, "the first datagram")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE)
        self.assertIn(b"0 sent, 0 received, 0 lost", output)


class Send(ClientTest):
    def send(self, end, *arguments, **keywords):
        return yodel("send", "--udp", *end.arguments, *arguments, **keywords)

    def comes_back(self, end, data, *arguments):
        done = self.send(end, *arguments, data=data)
        self.assert_ended(done, OK)
        self.assertTrue(done.stdout == data)

    def test_text_is_one_datagram_and_the_answer_is_printed(self):
        server = serve_datagrams(self, lambda reply, number, data: reply(b"got " + data))
        done = self.send(server, "Hello, mountain!")
        self.assert_ended(done, OK)
        self.assertEqual(done.stdout, b"got Hello, mountain!")
        self.assertEqual(server.received, [b"Hello, mountain!"])

    def test_standard_input_is_one_datagram_of_any_bytes(self):
        server = serve_datagrams(self, reflect)
        for data in (b"", bytes(range(256)) * 3, os.urandom(MAX_BYTES)):
            self.comes_back(server, data)
        self.assertEqual(len(server.received), 3)

    def test_standard_input_may_come_in_pieces(self):
        server = serve_datagrams(self, reflect)
        process = subprocess.Popen([YODEL, "send", "--udp", *server.arguments],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment())
        self.addCleanup(process.stdout.close)
        for piece in (b"one ", b"two"):
            process.stdin.write(piece)
            process.stdin.flush()
        process.stdin.close()
        self.assertEqual(process.stdout.read(), b"one two")
        self.assertEqual(process.wait(PATIENCE), OK)

    def test_closed_standard_input_is_an_empty_datagram(self):
        server = serve_datagrams(self, reflect)
        self.assert_ended(in_shell("<&-", "send", "--udp", *server.arguments), OK)
        self.assertEqual(server.received, [b""])

    def test_empty_answer_is_an_answer(self):
        server = serve_datagrams(self, lambda reply, number, data: reply(b""))
        done = self.send(server, "text")
        self.assert_ended(done, OK)
        self.assertEqual(done.stdout, b"")

    def test_foreign_servers_answer(self):
        for name, start in DATAGRAM_PROGRAMS.items():
            with self.subTest(name), start() as end:
                self.comes_back(end, os.urandom(5000))

    def test_ipv6_is_as_good(self):
        if not has_ipv6():
            self.skipTest("no IPv6 here")
        self.comes_back(serve_datagrams(self, reflect, host="::1"), b"text")

    def test_input_that_is_too_long_is_told_with_the_limit_and_not_sent(self):
        server = serve_datagrams(self, reflect)
        done = self.send(server, data=bytes(MAX_BYTES + 1))
        self.assert_ended(done, FAILED, b"OTHER: expected at most 65507 bytes in a datagram, got more")
        self.assert_ended(self.send(server, "x" * (MAX_BYTES + 1)), USAGE,
                          b"TEXT: expected at most 65507 bytes in a datagram, got 65508")
        self.assertEqual(server.received, [])
        self.comes_back(server, bytes(MAX_BYTES))

    def test_loss_is_told(self):
        done = self.send(serve_datagrams(self, absorb), "-t", "300ms", "text")
        self.assert_ended(done, FAILED, b"within 300ms, none came; a datagram may get lost on the way")
        self.assertTrue(done.stderr.startswith(b"TIMEOUT: expected an answer from 127.0.0.1:"), done)
        self.assertEqual(done.stdout, b"")

    def test_answer_from_another_port_is_none(self):
        server = serve_datagrams(self, reflect, is_elsewhere=True)
        self.assert_ended(self.send(server, "-t", "300ms", "text"), FAILED, b"TIMEOUT: ")

    def test_refused_datagram_is_told_at_once(self):
        done = self.send(use(self, RefusingDatagrams()), "-t", "1h", "text")
        self.assert_ended(done, FAILED, b"Connection refused; does the server run, and take datagrams")
        self.assertTrue(done.stderr.startswith(b"REFUSED: the datagram to 127.0.0.1:"), done)

    def test_only_the_first_answer_is_printed(self):
        done = self.send(serve_datagrams(self, duplicating(0)), "text")
        self.assertEqual(done.stdout, b"text")

    def test_unknown_host_is_told(self):
        done = yodel("send", "--udp", "no-such-host.invalid", "7", "text")
        self.assert_ended(done, FAILED, b"DNS: ")

    def test_service_names_are_those_of_udp(self):
        try:
            socket.getservbyname("tftp", "udp")
        except OSError:
            self.skipTest("no such service here")
        done = yodel("send", "--udp", "-t", "100ms", "127.0.0.1", "tftp", "")
        self.assertNotIn(b"DNS", done.stderr)  # whoever takes it there
        self.assert_ended(yodel("send", "127.0.0.1", "tftp", ""), FAILED, b"DNS: ")

    def test_json_is_that_of_a_connection(self):
        server = serve_datagrams(self, reflect)
        result = json.loads(self.send(server, "--json", "Jödler").stdout)
        self.assertGreater(result.pop("elapsed_ms"), 0)
        self.assertEqual(result, {
            "command": "send", "target": f"127.0.0.1 UDP port {server.port}", "sent_bytes": 7,
            "received_bytes": 7, "is_interrupted": False, "input_is_cut": False,
            "answer_is_cut": False, "answer": "Jödler"})
        self.assertEqual(json.loads(self.send(server, "--json", data=b"a\0b").stdout)["answer_base64"],
                         "YQBi")
        failure = json.loads(self.send(use(self, RefusingDatagrams()), "--json", "x").stdout)
        self.assertEqual(failure["error"], "REFUSED")

    def test_ctrl_c_is_told_by_json(self):
        server = serve_datagrams(self, absorb)
        process = subprocess.Popen([YODEL, "send", "-ut", "1h", "--json", *server.arguments, "text"],
                                   stdout=subprocess.PIPE, env=environment())
        self.addCleanup(process.stdout.close)
        wait_until(lambda: server.received, "the datagram")
        process.send_signal(signal.SIGINT)
        result = json.loads(process.stdout.read())
        self.assertEqual(process.wait(PATIENCE), OK)
        self.assertTrue(result["is_interrupted"])
        self.assertEqual((result["sent_bytes"], result["received_bytes"]), (4, 0))

    def test_verbose_says_what_was_done(self):
        done = self.send(serve_datagrams(self, reflect), "-v", "text")
        self.assert_ended(done, OK, b"sent 4 bytes, received 4 bytes in ")
        self.assertIn(b"connected to 127.0.0.1:", done.stderr)

    def test_output_that_fails_is_told(self):
        done = in_shell(">/dev/full", "send", "--udp", *serve_datagrams(self, reflect).arguments, "x")
        self.assert_ended(done, FAILED, b"cannot write to standard output")


class Usage(ClientTest):
    def test_what_makes_no_sense_with_datagrams_is_wrong_usage(self):
        for arguments, message in (
                (["ping", "--udp", "--connect", "127.0.0.1", "7"], b"--connect and --udp"),
                (["ping", "--udp", "-s", "65508", "127.0.0.1", "7"], b"at most 65507 bytes in a datagram"),
                (["ping", "--udp", "unix:/nowhere"], b'--udp is for HOST and PORT, not for the Unix socket'),
                (["ping", "-u", "-U", "@name"], b'Unix socket "@name"'),
                (["send", "--udp", "-k", "127.0.0.1", "7", "text"], b"--keep-open is for connections"),
                (["send", "--udp", "unix:@name", "text"], b'--udp is for HOST and PORT'),
                (["verify", "--udp", "127.0.0.1", "7"], b"--udp")):
            self.assert_ended(yodel(*arguments), USAGE, message)


if __name__ == "__main__":
    main()
