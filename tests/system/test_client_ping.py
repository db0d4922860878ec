# SPDX-License-Identifier: MIT
"""yodel ping: round trips are measured, answers verified, and what goes wrong is told and counted."""

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import termios
import time
import unittest

from client_harness import FAILED, OK, USAGE, YODEL, ClientTest, catches_interrupts, yodel
from other_ends import (LOCKSTEP, PROGRAMS, Full, NeverAccepting, Refusing, Stalling, abstract_name,
                        adding, chunking, copy, corrupting, echo, greeting, losing, repeating,
                        resetting, serve, silent, slow, swallow, take, truncating, use)
from yodel_harness import (PATIENCE, SANITIZE, close_with_reset, environment, main, scaled,
                           wait_until)

WARNING, CRITICAL, UNKNOWN = 1, 2, 3
FAST = ["-i", "1ms"]
ROUND = re.compile(r"64 bytes from \S+: seq=(\d+) time=[\d.]+ ms( \(reconnected in [\d.]+ ms\))?")
COUNTS = re.compile(r"(\d+) sent, (\d+) received, (\d+) lost \(([\d.]+)%\), (\d+) mismatched, "
                    r"(\d+) reconnects, time \d+ ms")
FIGURES = re.compile(r"rtt min/median/p90/p99/p99\.9/max/jitter = ((?:[\d.]+/){6}[\d.]+) ms")
# Monitoring Plugins Development Guidelines, "Performance data".
PERFDATA = re.compile(r"([a-z_]+)=(U|[\d.]+(?:s|%)?)((?:;[\d.]*){0,4})")


class Ping(ClientTest):
    def ping(self, *arguments):
        return yodel("ping", *arguments)

    def counts(self, done):
        """sent, received, lost, mismatched, reconnects"""
        match = COUNTS.search(done.stdout.decode())
        self.assertIsNotNone(match, done)
        return tuple(int(match[i]) for i in (1, 2, 3, 5, 6))

    def start_client(self, *arguments, **keywords):
        keywords.setdefault("stdout", subprocess.PIPE)
        process = subprocess.Popen([YODEL, "ping", *arguments], stderr=subprocess.PIPE,
                                   env=environment(), **keywords)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                self.addCleanup(stream.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process


class Rounds(Ping):
    def test_each_round_is_told_and_all_at_the_end(self):
        server = serve(self, echo)
        done = self.ping("-n", "4", *FAST, *server.arguments)
        self.assert_ended(done, OK)
        lines = done.stdout.decode().splitlines()
        name = f"127.0.0.1:{server.port}"
        self.assertEqual(lines[0], f"PING {name} (127.0.0.1 port {server.port}): messages of 64 bytes")
        self.assertEqual([ROUND.fullmatch(line)[1] for line in lines[1:5]], ["1", "2", "3", "4"])
        self.assertEqual(lines[5], f"--- {name} ping statistics ---")
        self.assertEqual(self.counts(done), (4, 4, 0, 0, 0))
        figures = [float(text) for text in FIGURES.fullmatch(lines[7])[1].split("/")]
        self.assertEqual(figures[:6], sorted(figures[:6]))
        self.assertEqual(server.connections, 1)

    def test_messages_differ_and_are_whole(self):
        messages = []

        def remember(client):
            while message := take(client, 64):
                messages.append(message)
                client.sendall(message)
        self.assert_ended(self.ping("-n", "50", "-i", "0", "-q",
                                    *serve(self, remember).arguments), OK)
        self.assertEqual(len(set(messages)), 50)
        self.assertEqual({len(message) for message in messages}, {64})

    def test_neighbouring_messages_of_one_byte_differ(self):
        server_side = bytearray()

        def remember(client):
            while piece := client.recv(1):
                server_side.extend(piece)
                client.sendall(piece)
        server = serve(self, remember)
        self.assert_ended(self.ping("-n", "200", "-i", "0", "-q", "-s", "1", *server.arguments), OK)
        self.assertTrue(all(one != next_one for one, next_one in zip(server_side, server_side[1:])))

    def test_large_messages_come_back(self):
        for talk in (echo, chunking(1000)):
            done = self.ping("-n", "3", *FAST, "--size", "1M", *serve(self, talk).arguments)
            self.assert_ended(done, OK)
            self.assertIn(b"1048576 bytes from", done.stdout)

    def test_daemon_is_measured(self):
        done = self.ping("-n", str(scaled(2000, 200)), "-i", "0", "-q", *self.serve_daemon())
        self.assert_ended(done, OK)
        self.assertEqual(self.counts(done)[1], scaled(2000, 200))

    def test_foreign_servers_are_measured(self):
        for name, start in PROGRAMS.items():
            with self.subTest(name), start() as end:
                size = LOCKSTEP.get(name, 4096)
                done = self.ping("-n", "20", "-i", "0", "-s", str(min(size, 4096)), *end.arguments)
                self.assert_ended(done, OK)
                self.assertEqual(self.counts(done), (20, 20, 0, 0, 0))

    def test_unix_socket_is_measured(self):
        server = serve(self, echo, path=abstract_name())
        done = self.ping("-n", "3", *FAST, *server.arguments)
        self.assert_ended(done, OK)
        self.assertIn(f"64 bytes from unix:{server.path}: seq=3".encode(), done.stdout)

    def test_rounds_begin_at_fixed_times(self):
        begin = time.monotonic()
        done = self.ping("-n", "6", "-i", "100ms", "-q", *serve(self, slow(0.05)).arguments)
        self.assert_ended(done, OK)
        self.assertGreaterEqual(time.monotonic() - begin, 0.55)
        elapsed = int(re.search(rb"time (\d+) ms", done.stdout)[1])
        self.assertGreaterEqual(elapsed, 550)

    def test_rounds_that_were_missed_are_not_made_up(self):
        stall = Stalling(1.0, after_bytes=64 * 2)
        done = self.ping("-i", "200ms", "-n", "6", *serve(self, stall).arguments)
        self.assert_ended(done, OK)
        self.assertGreaterEqual(int(re.search(rb"time (\d+) ms", done.stdout)[1]), 1500)

    def test_slow_answers_are_measured_as_they_are(self):
        answer = json.loads(self.ping("--json", "-n", "3", "-i", "0",
                                      *serve(self, slow(0.1)).arguments).stdout)
        self.assertGreaterEqual(answer["min_ms"], 100)


class Connects(Ping):
    def test_each_round_is_a_connection(self):
        server = serve(self, swallow)
        done = self.ping("--connect", "-n", "5", *FAST, *server.arguments)
        self.assert_ended(done, OK)
        self.assertEqual(self.counts(done), (5, 5, 0, 0, 0))
        self.assertIn(f"connected to 127.0.0.1:{server.port}: seq=5 time=".encode(), done.stdout)
        wait_until(lambda: server.connections == 5, "5 connections")
        self.assertEqual(server.received, 0)

    def test_each_refused_round_is_told(self):
        done = self.ping("--connect", "-n", "3", *FAST, *use(self, Refusing()).arguments)
        self.assert_ended(done, FAILED, b"REFUSED: seq=3: cannot connect to")
        self.assertEqual(self.counts(done), (3, 0, 3, 0, 0))
        self.assertNotIn(b"rtt", done.stdout)

    def test_server_that_comes_later_is_noticed(self):
        end = use(self, Refusing())
        process = self.start_client("--connect", "-i", "10ms", *end.arguments)
        self.assertIn(b"REFUSED", process.stderr.readline())
        end.listener.listen(128)
        self.assertIn(b"PING", process.stdout.readline())
        self.assertIn(b"connected", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, OK)


class Faults(Ping):
    def fails(self, talk, count, message, counts, code, *arguments):
        server = serve(self, talk)
        done = self.ping("-n", str(count), *FAST, *arguments, *server.arguments)
        self.assert_ended(done, code, message)
        self.assertEqual(self.counts(done), counts)
        return done

    def test_refused_port_ends_it_at_once(self):
        done = self.ping("-n", "5", *use(self, Refusing()).arguments)
        self.assert_ended(done, FAILED, b"REFUSED: cannot connect to")
        self.assertEqual(done.stdout, b"")

    def test_connect_that_hangs_is_a_timeout(self):
        self.assert_ended(self.ping("-t", "300ms", *use(self, Full()).arguments), FAILED, b"TIMEOUT: ")

    def test_unknown_host_is_told(self):
        self.assert_ended(self.ping("no-such-host.invalid", "7"), FAILED, b"DNS: ")

    def test_greeting_is_a_mismatch_that_shows_what_came(self):
        done = self.fails(greeting(b"Hello, Client!"), 1, b'OTHER: seq=1: expected the message back, '
                          b'got "Hello, Client!"', (1, 0, 0, 1, 0), FAILED)
        self.assertNotIn(b"rtt", done.stdout)

    def test_hostile_bytes_are_escaped(self):
        done = self.fails(greeting(b"\x1b[31m\0\xff\n"), 1, rb'\x1b[31m\x00\xff\n', (1, 0, 0, 1, 0),
                          FAILED)
        self.assertNotIn(b"\x1b", done.stdout + done.stderr)

    def test_one_flipped_bit_is_a_mismatch_and_the_next_round_connects_anew(self):
        done = self.fails(corrupting(at=64 + 10), 3, b"seq=2: expected the message back",
                          (3, 2, 0, 1, 1), FAILED)
        self.assertIn(b"at byte 10 of 64", done.stderr)
        self.assertRegex(done.stdout.decode(), r"seq=3 time=[\d.]+ ms \(reconnected in")

    def test_flipped_bit_at_the_end_is_noticed(self):
        self.fails(corrupting(at=63), 1, b"at byte 63 of 64", (1, 0, 0, 1, 0), FAILED)

    def test_flipped_bit_far_inside_a_large_message_is_noticed(self):
        server = serve(self, corrupting(at=777777))
        done = self.ping("-n", "1", "-s", "1M", *server.arguments)
        self.assert_ended(done, FAILED, b"at byte 777777 of 1048576")

    def test_stale_answer_is_a_mismatch(self):
        def stale(client):
            first = take(client, 64)
            client.sendall(first)
            while take(client, 64):
                client.sendall(first)
        self.fails(stale, 2, b"seq=2: expected the message back", (2, 1, 0, 1, 0), FAILED)

    def test_bytes_behind_the_message_are_a_mismatch(self):
        def more(client):
            while message := take(client, 64):
                client.sendall(message + b"!")
        self.fails(more, 1, b'got more behind its 64 bytes: "!"', (1, 0, 0, 1, 0), FAILED)

    def test_repeated_and_added_bytes_are_mismatches(self):
        for talk in (repeating(at=64 + 32), adding(0, b"banner\n")):
            done = self.ping("-n", "2", *FAST, *serve(self, talk).arguments)
            self.assert_ended(done, FAILED, b"expected the message back, got")

    def test_lost_byte_is_a_timeout(self):
        self.fails(losing(at=64 + 63), 3, b"TIMEOUT: seq=2: expected the message back within 300ms, "
                   b"63 of 64 bytes", (3, 2, 1, 0, 1), OK, "-t", "300ms")

    def test_silence_is_a_loss_of_each_round(self):
        for talk in (silent, swallow):
            self.fails(talk, 2, b"TIMEOUT: seq=2:", (2, 0, 2, 0, 1), FAILED, "-t", "200ms")

    def test_server_that_never_accepts_is_a_loss_too(self):
        for end in (use(self, NeverAccepting()), use(self, NeverAccepting(path=abstract_name()))):
            done = self.ping("-n", "1", "-t", "200ms", "-s", "1M", *end.arguments)
            self.assert_ended(done, FAILED, b"TIMEOUT: seq=1:")

    def test_end_in_the_middle_is_a_loss(self):
        self.fails(truncating(64 + 20), 3, b"RESET: seq=2: 127.0.0.1:", (3, 2, 1, 0, 1), OK)

    def test_reset_is_a_loss(self):
        self.fails(resetting(64 + 20), 3, b"Connection reset by peer", (3, 2, 1, 0, 1), OK)

    def test_reset_at_once_is_a_loss_of_each_round(self):
        # The reset may come before the first connection is looked at: then there are no rounds.
        done = self.ping("-n", "3", *FAST, *serve(self, resetting()).arguments)
        self.assert_ended(done, FAILED, b"RESET: ")
        if b"sent" in done.stdout:
            self.assertEqual(self.counts(done)[:3], (3, 0, 3))

    def test_server_that_closes_between_rounds_is_connected_to_anew_without_loss(self):
        def once(client):
            copy(client, 64)
        done = self.ping("-n", "3", "-i", "300ms", *serve(self, once).arguments)
        self.assert_ended(done, OK)
        self.assertEqual(self.counts(done), (3, 3, 0, 0, 2))

    def test_server_that_goes_away_is_told_round_by_round(self):
        server = serve(self, lambda client: (copy(client, 64), close_with_reset(client)))
        process = self.start_client("-i", "50ms", "-n", "3", *server.arguments)
        self.assertIn(b"PING", process.stdout.readline())
        self.assertIn(b"seq=1", process.stdout.readline())
        server.close()
        output, errors = process.communicate(timeout=PATIENCE)
        self.assertIn(b"REFUSED: seq=3: cannot connect", errors)
        self.assertIn(b"3 sent, ", output)
        self.assertEqual(process.returncode, OK)


class Output(Ping):
    def test_quiet_prints_the_summary_only(self):
        done = self.ping("-q", "-n", "3", *FAST, *serve(self, corrupting(at=64)).arguments)
        self.assert_ended(done, FAILED)
        self.assertEqual(len(done.stdout.splitlines()), 3)
        self.assertTrue(done.stdout.startswith(b"--- "))

    def test_json_has_all_figures(self):
        server = serve(self, losing(at=64))
        done = self.ping("--json", "-n", "4", *FAST, "-t", "200ms", "-s", "64", *server.arguments)
        answer = json.loads(done.stdout)
        expected = {"command": "ping", "address": f"127.0.0.1:{server.port}", "measures": "message",
                    "is_interrupted": False,
                    "size_bytes": 64, "interval_ms": 1, "timeout_ms": 200, "sent": 4}
        self.assertEqual({key: answer[key] for key in expected}, expected)
        self.assertEqual(answer["received"] + answer["lost"] + answer["mismatched"], 4)
        self.assertEqual(answer["reconnects"], answer["connects"] - 1)
        figures = [answer[key + "_ms"] for key in ("min", "median", "p90", "p99", "p99_9", "max")]
        self.assertEqual(figures, sorted(figures))
        self.assertGreater(figures[0], 0)
        self.assertGreaterEqual(answer["jitter_ms"], 0)

    def test_json_without_answers_has_no_figures(self):
        answer = json.loads(self.ping("--json", "-n", "1", "-t", "100ms",
                                      *serve(self, silent).arguments).stdout)
        self.assertIsNone(answer["median_ms"])
        self.assertEqual((answer["lost"], answer["loss_percent"]), (1, 100))

    def test_jitter_is_the_mean_difference_of_neighbours(self):
        def alternate(client):
            is_slow = False
            while message := take(client, 64):
                if is_slow and client.pause(0.1):
                    return
                is_slow = not is_slow
                client.sendall(message)
        answer = json.loads(self.ping("--json", "-n", "6", "-i", "0",
                                      *serve(self, alternate).arguments).stdout)
        self.assertGreaterEqual(answer["jitter_ms"], 50)

    def test_ctrl_c_prints_the_summary(self):
        for talk, arguments, seen in ((echo, [], b"seq=2"), (silent, ["-t", "60s"], b"PING")):
            process = self.start_client("-i", "20ms", *arguments, *serve(self, talk).arguments)
            while seen not in process.stdout.readline():
                self.assertIsNone(process.poll())
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=PATIENCE)
            self.assertIn(b"ping statistics", output)
            self.assertIn(b" 0 lost", output)  # a round that was cut short does not count
            self.assertEqual(process.returncode, OK if talk is echo else FAILED)

    def test_ctrl_c_is_told_by_json(self):
        server = serve(self, echo)
        process = self.start_client("--json", "-i", "10ms", *server.arguments)
        wait_until(lambda: server.received > 64, "the second round")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE)
        self.assertTrue(json.loads(output)["is_interrupted"])

    def test_ctrl_c_ends_a_connect(self):
        process = self.start_client("-t", "60s", "--connect", *use(self, Full()).arguments)
        self.assertIn(b"PING", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE)
        self.assertIn(b"0 sent", output)

    def test_reader_that_goes_away_ends_it(self):
        read_end, write_end = os.pipe()
        process = self.start_client("-i", "1ms", *serve(self, echo).arguments, stdout=write_end)
        os.close(write_end)
        self.assertTrue(os.read(read_end, 1))
        os.close(read_end)
        process.wait(PATIENCE)
        self.assertEqual(process.returncode, FAILED)
        self.assertIn(b"cannot write to standard output: Broken pipe", process.stderr.read())

    def test_wrong_usage_is_told(self):
        for arguments, word in ((["-s", "0"], b"--size"), (["-s", "2M"], b"--size"),
                                (["-i", "1w"], b"--interval"), (["-n", "-1"], b"--count"),
                                (["-w", "x"], b"--warning"), (["-w", "1"], b"--nagios")):
            done = self.ping(*arguments, "127.0.0.1", "7")
            self.assert_ended(done, USAGE, word)


class Nagios(Ping):
    def plugin(self, *arguments):
        """State, text, figures by their label; checks the form of the line."""
        done = self.ping("--nagios", *arguments)
        self.assertEqual(done.stderr, b"")
        line = done.stdout.decode()
        self.assertEqual(line.count("\n"), 1)
        text, _, data = line.rstrip("\n").partition(" | ")
        self.assertNotIn("|", text + data)
        self.assertTrue(text.startswith(
            f"YODEL {('OK', 'WARNING', 'CRITICAL', 'UNKNOWN')[done.returncode]} - "), text)
        figures = {}
        for word in data.split():
            match = PERFDATA.fullmatch(word)
            self.assertIsNotNone(match, word)
            figures[match[1]] = (match[2], match[3])
        return done.returncode, text, figures

    def test_all_well_is_ok(self):
        state, text, figures = self.plugin("-w", "10000", "-c", "20000.5",
                                           *serve(self, echo).arguments)
        self.assertEqual(state, OK)
        self.assertRegex(text, r"127\.0\.0\.1:\d+ rtt median [\d.]+ ms, loss 0%$")
        self.assertEqual(figures["rtt"][1], ";10;20.0005;0")
        self.assertEqual(figures["loss"][0], "0%")

    def test_thresholds_are_judged_by_the_median(self):
        server = serve(self, slow(0.02))
        self.assertEqual(self.plugin("-w", "0.5", *server.arguments)[0], WARNING)
        self.assertEqual(self.plugin("-w", "0.5", "-c", "1", *server.arguments)[0], CRITICAL)
        self.assertEqual(self.plugin("-c", "10000", *server.arguments)[0], OK)

    def test_partial_loss_is_a_warning(self):
        state, text, figures = self.plugin("-t", "300ms", "-n", "3", *FAST,
                                           *serve(self, losing(at=127)).arguments)
        self.assertEqual((state, figures["loss"][0]), (WARNING, "33.33%"))
        self.assertIn("TIMEOUT", text)

    def test_mismatch_is_critical(self):
        state, text, figures = self.plugin(*FAST, *serve(self, greeting(b"a|b\nc")).arguments)
        self.assertEqual((state, figures["rtt"][0], figures["mismatched"][0]), (CRITICAL, "U", "5"))
        self.assertIn("5 mismatched", text)

    def test_all_lost_or_refused_is_critical(self):
        self.assertEqual(self.plugin("-t", "100ms", *serve(self, silent).arguments)[0], CRITICAL)
        for extra in ([], ["--connect"]):
            state, text, _ = self.plugin(*extra, *FAST, *use(self, Refusing()).arguments)
            self.assertEqual(state, CRITICAL)
            self.assertIn("REFUSED: ", text)

    def test_connects_can_be_watched(self):
        self.assertEqual(self.plugin("--connect", *FAST, *serve(self, echo).arguments)[0], OK)

    def test_unknown_host_and_wrong_usage_are_unknown(self):
        for arguments in (["no-such-host.invalid", "7"], ["127.0.0.1"], ["127.0.0.1", "0"],
                          ["--bad", "127.0.0.1", "7"], ["-w", "2", "-c", "1", "127.0.0.1", "7"],
                          ["--json", "127.0.0.1", "7"]):
            self.assertEqual(self.plugin(*arguments)[0], UNKNOWN)

    def test_unknown_is_said_wherever_the_option_stands(self):
        done = self.ping("--bad", "--nagios", "127.0.0.1", "7")
        self.assertEqual((done.returncode, done.stderr), (UNKNOWN, b""))

    def test_unknown_is_said_for_each_abbreviation_of_the_option(self):
        for word in ("--na", "--nag", "--nagio", "--nagios"):
            done = self.ping(word, "127.0.0.1")
            self.assertEqual((done.returncode, done.stderr), (UNKNOWN, b""))
        for word in ("--n", "--nagiosx", "--no-color"):
            self.assertEqual(self.ping(word, "127.0.0.1").returncode, USAGE)

    def test_plugin_that_is_stopped_tells_what_it_knows(self):
        process = self.start_client("--nagios", "-t", "60s", *serve(self, silent).arguments)
        wait_until(lambda: catches_interrupts(process), "it waits")
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, UNKNOWN)
        self.assertTrue(output.startswith(b"YODEL UNKNOWN - "), output)


class Stopped(ClientTest):
    def test_unix_socket_with_a_full_queue_does_not_keep_it(self):
        path = os.path.join(self.folder(), "socket")
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
            listener.bind(path)
            listener.listen(0)
            first.connect(path)
            process = subprocess.Popen([YODEL, "ping", "-t", "0", "unix:" + path],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       env=environment())
            self.addCleanup(process.kill)
            wait_until(lambda: catches_interrupts(process), "it handles signals")
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE)

    @unittest.skipIf("thread" in SANITIZE, "TSan holds signals back while write(2) blocks")
    def test_second_signal_ends_it_where_nobody_reads(self):
        end = serve(self, echo)
        process = subprocess.Popen([YODEL, "ping", "-i", "0", *end.arguments],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=environment())
        self.addCleanup(lambda: process.communicate(timeout=PATIENCE))
        self.addCleanup(process.kill)
        size = fcntl.fcntl(process.stdout, fcntl.F_GETPIPE_SZ)

        def is_full():
            waiting = fcntl.ioctl(process.stdout, termios.FIONREAD, bytes(4))
            return int.from_bytes(waiting, sys.byteorder) > size - 4096
        wait_until(is_full, "it waits for its output")

        def is_killed():
            process.send_signal(signal.SIGTERM)
            return process.poll() is not None
        wait_until(is_killed, "it ends")
        self.assertEqual(process.returncode, -signal.SIGTERM)


if __name__ == "__main__":
    main()
