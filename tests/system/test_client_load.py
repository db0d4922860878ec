# SPDX-License-Identifier: MIT
"""yodel load: it counts rightly, measures rightly, notices every fault, and tells them."""

import contextlib
import csv
import io
import json
import os
import pty
import re
import resource
import select
import signal
import socket
import subprocess
import threading

import other_ends
from client_harness import FAILED, OK, USAGE, YODEL, ClientTest, catches_interrupts, yodel
from other_ends import serve, use
from yodel_harness import PATIENCE, environment, main, scaled, wait_until


class LoadTest(ClientTest):
    def load(self, *arguments, code=OK, **keywords):
        """Runs a load and returns its JSON."""
        done = yodel("load", "--json", *arguments, **keywords)
        self.assertEqual(done.returncode, code, done.stderr)
        self.said = done.stderr.decode()
        if code == OK:
            self.assertEqual(self.said, "")
        return json.loads(done.stdout)

    def assert_all_came_back(self, result, count=None, size=64):
        if count is not None:
            self.assertEqual(result["completed"], count)
        self.assertEqual(result["lost"], 0)
        self.assertEqual(result["connections_mismatched"], 0)
        self.assertEqual(result["connections_failed"], {})
        self.assertEqual(result["sent_bytes"], result["completed"] * size)
        self.assertEqual(result["received_bytes"], result["sent_bytes"])


class AgainstTheDaemon(LoadTest):
    def setUp(self):
        self.daemon = self.start(listen=["127.0.0.1:0=echo"])
        self.address = ["127.0.0.1", str(self.daemon.address()[1])]

    def assert_daemon_agrees(self, result):
        """Its totals are the client's, to the byte; and no connection was reset."""
        opened = result["connections_opened"]
        for event in self.daemon.wait_for_count(opened, "close"):
            self.assertEqual(event["reason"], "client_fin")
        self.daemon.stop()
        stop = self.daemon.wait_for("stop")
        self.assertEqual(stop.number("accepted"), opened)
        self.assertEqual(stop.number("in"), result["sent_bytes"])
        self.assertEqual(stop.number("out"), result["received_bytes"])

    def test_count_of_messages_is_kept_and_the_totals_are_the_daemons(self):
        for arguments in ([], ["-c", "7", "-T", "3"], ["-c", "3", "-p", "16", "-s", "1000"]):
            with self.subTest(arguments):
                self.setUp()
                result = self.load(*self.address, "-n", "5003", *arguments)
                size = result["load"]["size_bytes"]
                self.assert_all_came_back(result, 5003, size)
                self.assertEqual(result["round_trips"], 5003)
                self.assertEqual(result["latency_ms"]["count"], 5003)
                self.assertEqual(sum(result["timeline"]["round_trips"]), 5003)
                self.assertEqual(result["connections_opened"], result["load"]["connections"])
                self.assert_daemon_agrees(result)

    def test_duration_is_kept_and_the_totals_are_the_daemons(self):
        result = self.load(*self.address, "-c", "20", "-T", "2", "-d", "700ms", "-w", "300ms")
        self.assert_all_came_back(result)
        self.assertAlmostEqual(result["elapsed_ms"], 700, delta=1)
        self.assertGreater(result["completed"], result["round_trips"])
        self.assertGreaterEqual(result["latency_ms"]["count"], result["round_trips"])
        self.assert_daemon_agrees(result)

    def test_large_and_tiny_messages_come_back(self):
        for size, count in (("1", 3000), ("1M", scaled(60, 12)), ("65521", 500), ("300001", 60)):
            with self.subTest(size):
                result = self.load(*self.address, "-s", size, "-n", str(count), "-c", "3",
                                   "-p", "2")
                self.assert_all_came_back(result, count, result["load"]["size_bytes"])

    def test_connections_for_each_message_are_opened_and_closed(self):
        result = self.load(*self.address, "--connect", "-n", "500", "-c", "20", "-T", "2")
        self.assert_all_came_back(result, 500)
        self.assertEqual(result["connections_opened"], 500)
        self.assertEqual(result["connect_ms"]["count"], 500)
        self.assertGreaterEqual(result["latency_ms"]["max"], result["connect_ms"]["max"])
        self.assert_daemon_agrees(result)

    def test_rate_is_kept(self):
        for arguments in ([], ["--connect"], ["-T", "3"]):
            with self.subTest(arguments):
                self.setUp()
                result = self.load(*self.address, "-r", "200/s", "-d", "1s", *arguments)
                self.assert_all_came_back(result, 200)
                self.assertEqual(result["latency_ms"]["count"], 200)
                self.assert_daemon_agrees(result)

    def test_a_thousand_connections_answer(self):
        count = scaled(1000, 200)
        result = self.load(*self.address, "-c", str(count), "-n", str(5 * count))
        self.assert_all_came_back(result, 5 * count)
        self.assertEqual(result["connections_opened"], count)

    def test_sources_take_turns(self):
        self.load(*self.address, "--source", "127.0.1.0/28", "-c", "32", "-n", "100")
        peers = [event["peer"].split(":")[0] for event in self.daemon.wait_for_count(32, "accept")]
        self.assertEqual(sorted(peers), sorted([f"127.0.1.{i}" for i in range(16)] * 2))

    def test_more_clients_than_it_lets_in_are_told(self):
        daemon = self.start(options=["limits.max_connections=5"])
        result = self.load("127.0.0.1", str(daemon.address()[1]), "-c", "8", "-n", "800",
                           code=FAILED)
        self.assertEqual(result["connections_failed"]["RESET"]["count"], 3)
        self.assertEqual(result["completed"] + result["lost"], 800)
        self.assertRegex(self.said, r"\ARESET: connection \d+ to .* after 0 bytes")

    def test_hundreds_that_it_does_not_let_in_do_not_end_it_for_the_others(self):
        daemon = self.start(options=["limits.max_connections=50", "log.level=warn"])
        result = self.load("127.0.0.1", str(daemon.address()[1]), "-c", "300", "-n", "20000",
                           code=FAILED)
        self.assertEqual(result["completed"] + result["lost"], 20000)
        self.assertGreater(result["completed"], 10000)

    def test_csv_and_table_have_the_figures(self):
        done = yodel("load", "--csv", *self.address, "-n", "300")
        self.assert_ended(done, OK)
        row, = csv.DictReader(io.StringIO(done.stdout.decode()))
        self.assertEqual(row["round_trips"], "300")
        self.assertEqual(row["received_bytes"], str(300 * 64))
        self.assertGreater(float(row["latency_p99_ms"]), 0)
        server = serve(self, other_ends.echo, path=os.path.join(self.folder(), 'a"b,c'))
        row, = csv.DictReader(io.StringIO(
            yodel("load", "--csv", *server.arguments, "-n", "10").stdout.decode()))
        self.assertEqual(row["target"], server.arguments[0])
        done = yodel("load", *self.address, "-n", "300")
        self.assert_ended(done, OK)
        for pattern in (rb"round trips +300 in ", rb"connections +10 opened, 0 failed",
                        rb"none: every byte came back", rb"round trip( +\d+\.?\d*){7}\n",
                        rb"19200 sent \(18.8 KiB\), 19200 received"):
            self.assertRegex(done.stdout, pattern)
        self.assertNotIn(b"\033", done.stdout)


class Measuring(LoadTest):
    def test_open_loop_counts_what_a_stall_delays(self):
        """
        No coordinated omission: of 1000/s in three seconds with a stall of one, a third is late, by
        anything from nothing to the whole stall.
        """
        stall = other_ends.Stalling(for_seconds=1, after_seconds=1)
        result = self.load(*serve(self, stall).arguments, "-r", "1000/s", "-d", "3s", "-c", "5")
        self.assert_all_came_back(result, 3000)
        latency = result["latency_ms"]
        self.assertGreater(latency["max"], 950)
        self.assertGreater(latency["p99"], 850)   # by the rule of three 970
        self.assertGreater(latency["p90"], 550)   # 700
        self.assertLess(latency["median"], 500)
        self.assertGreater(latency["mean"], 120)  # 167

    def test_closed_loop_waits_for_a_stall_and_counts_it_once_for_each_connection(self):
        stall = other_ends.Stalling(for_seconds=1, after_bytes=2000 * 64)
        result = self.load(*serve(self, stall).arguments, "-n", "4000", "-c", "5")
        self.assert_all_came_back(result, 4000)
        self.assertGreater(result["latency_ms"]["max"], 950)
        self.assertLess(result["latency_ms"]["p99"], 500)

    def test_messages_that_are_due_before_the_stop_are_waited_for(self):
        """Leaving out the late ones at the end would be an omission, too."""
        stall = other_ends.Stalling(for_seconds=1, after_seconds=0.3)
        result = self.load(*serve(self, stall).arguments, "-d", "600ms", "-c", "4")
        self.assert_all_came_back(result)
        self.assertEqual(result["completed"] - result["round_trips"], 4)
        self.assertEqual(result["latency_ms"]["count"], result["completed"])
        self.assertGreater(result["latency_ms"]["max"], 900)

    def test_latency_is_that_of_the_server(self):
        server = serve(self, other_ends.slow(0.05))
        latency = self.load(*server.arguments, "-n", "40", "-c", "4")["latency_ms"]
        self.assertGreaterEqual(latency["min"], 50)
        self.assertLess(latency["median"], 500)


    def test_messages_that_found_no_connection_are_lost_and_not_forgotten(self):
        """1000/s, but two connections at a time, each of which takes 100 ms: 20/s is all there is."""
        server = serve(self, other_ends.slow(0.1))
        result = self.load(*server.arguments, "--connect", "-c", "2", "-r", "1000/s", "-d", "300ms",
                           "-t", "500ms", code=FAILED)
        self.assertEqual(result["completed"] + result["lost"] + result["unfinished"], 300)
        self.assertGreater(result["unfinished"], 200)
        self.assertGreater(result["latency_ms"]["max"], 300)

    def test_a_rate_above_one_call_a_message_is_kept(self):
        """What is due at the same time goes out in one call for each connection."""
        address = self.serve_daemon()
        result = self.load(*address, "-c", "2", "-r", "150000/s", "-d", "500ms",
                           *(["-s", "8"] if scaled(1, 0) else ["-r", "10000/s"]))
        self.assert_all_came_back(result, result["completed"], result["load"]["size_bytes"])
        self.assertLess(result["latency_ms"]["median"], 250)

    def test_a_run_that_is_dead_ends_and_counts_what_was_due(self):
        """And not what would have been due in the day that was planned."""
        server = serve(self, other_ends.truncating(0))
        result = self.load(*server.arguments, "-r", "1000000/s", "-d", "24h", code=FAILED)
        self.assertLess(result["lost"] + result["unfinished"], 60_000_000)

    def test_a_hang_counts_in_the_time_of_the_rate(self):
        stall = other_ends.Stalling(for_seconds=60, after_bytes=64 * 500)
        result = self.load(*serve(self, stall).arguments, "-d", "1h", "-t", "1s", code=FAILED)
        self.assertGreater(result["elapsed_ms"], 1000)

    def test_one_connection_that_hangs_among_others_is_noticed(self):
        first = []

        def talk(client):
            first.append(client)
            if client is first[0]:
                other_ends.silent(client)
            else:
                other_ends.echo(client)
        result = self.load(*serve(self, talk).arguments, "-c", "3", "-d", "2s", "-t", "1s",
                           code=FAILED)
        self.assertEqual(result["connections_failed"]["TIMEOUT"]["count"], 1)
        self.assertEqual(result["lost"], 1)


class Faults(LoadTest):
    def assert_trouble(self, talk, pattern, *arguments, **expected):
        with self.subTest(pattern):
            result = self.load(*serve(self, talk).arguments, "-n", "4000", "-c", "4", *arguments,
                               code=FAILED)
            self.assertRegex(self.said, pattern)
            self.assertGreater(result["lost"], 0)
            for key, value in expected.items():
                self.assertEqual(result[key], value)

    def test_faults_are_noticed_and_named(self):
        at = 30_000
        differs = rf"\AOTHER: connection \d to .*: what came back differs from byte {at} on\n\Z"
        for talk in (other_ends.corrupting(at, flip=0x80), other_ends.losing(at, 3),
                     other_ends.adding(at, b"\xfe" * 3)):
            self.assert_trouble(talk, "OTHER: connection .* differs from byte 30[0-9]{3} on\n",
                                connections_mismatched=4)
        self.assert_trouble(other_ends.corrupting(at), differs, connections_mismatched=4)
        self.assert_trouble(other_ends.truncating(at),
                            rf"\ARESET: .* closed by the server after {at} bytes",
                            connections_mismatched=0)
        self.assert_trouble(other_ends.resetting(at), r"\ARESET: connection \d to .* broke after")
        self.assert_trouble(other_ends.greeting(b"Hello, Client!"), "differs from byte 0 on")

    def test_answers_of_another_connection_are_noticed(self):
        """All get the echo of the first: right bytes, but not theirs."""
        first = []

        def talk(client):
            first.append(client)
            with contextlib.suppress(OSError):  # the first may have been left already
                for piece in other_ends.pieces(client):
                    first[0].sendall(piece)
        result = self.load(*serve(self, talk).arguments, "-c", "3", "-n", "300", "-t", "1s",
                           code=FAILED)
        self.assertGreaterEqual(result["connections_mismatched"], 1)

    def test_bytes_behind_the_last_message_are_noticed(self):
        result = self.load(*serve(self, other_ends.trailing(b"x")).arguments, "-n", "100",
                           code=FAILED)
        self.assertEqual(result["completed"], 100)
        self.assertEqual(result["connections_mismatched"], 10)

    def test_silence_is_a_timeout(self):
        for arguments in (["-n", "100"], ["-d", "100ms"], ["-r", "50/s", "-d", "200ms"],
                          ["-n", "100", "--connect"]):
            with self.subTest(arguments):
                result = self.load(*serve(self, other_ends.silent).arguments, "-t", "500ms",
                                   *arguments, code=FAILED)
                self.assertEqual(result["completed"], 0)
                self.assertGreater(result["lost"], 0)
                self.assertEqual(list(result["connections_failed"]), ["TIMEOUT"])
                self.assertRegex(self.said, r"\ATIMEOUT: connection \d+ to .* had no answer")

    def test_refused_port_is_named_and_does_not_take_long(self):
        end = use(self, other_ends.Refusing())
        for arguments in ([], ["--connect"], ["--connect", "-r", "10000/s"], ["-T", "4"]):
            with self.subTest(arguments):
                result = self.load(*end.arguments, "-d", "1h", *arguments, code=FAILED)
                self.assertEqual(result["connections_opened"], 0)
                self.assertEqual(list(result["connections_failed"]), ["REFUSED"])
                self.assertRegex(self.said, r"\AREFUSED: connection \d+ to .*Connection refused")

    def test_server_that_takes_all_and_answers_nothing_is_a_timeout(self):
        """Sending on at a rate is no sign of life."""
        result = self.load(*serve(self, other_ends.swallow).arguments, "-r", "20/s", "-c", "1",
                           "-d", "1h", "-t", "500ms", code=FAILED)
        self.assertEqual(list(result["connections_failed"]), ["TIMEOUT"])
        self.assertEqual(result["completed"], 0)

    def test_connects_that_hang_are_a_timeout(self):
        end = use(self, other_ends.Full())
        result = self.load(*end.arguments, "-c", "3", "-t", "300ms", code=FAILED)
        self.assertEqual(result["connections_failed"]["TIMEOUT"]["count"], 3)

    def test_unknown_host_is_named(self):
        done = yodel("load", "no-such-host.invalid", "7")
        self.assert_ended(done, FAILED, b"DNS: ")
        self.assertEqual(done.stdout, b"")

    def test_too_few_open_files_are_told(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
        done = yodel("load", "127.0.0.1", "7", "-c", "200", preexec_fn=limit)
        self.assert_ended(done, FAILED, b"OTHER: 200 connections need 217 open files, the limit "
                                        b"is 100 (ulimit -Hn)")

    def test_files_that_cannot_be_written_are_told_before_the_run(self):
        server = serve(self, other_ends.echo)
        for option in ("--hgrm", "--report"):
            done = yodel("load", *server.arguments, option, "/nowhere/file")
            self.assert_ended(done, FAILED, b"OTHER: cannot write /nowhere/file: No such file")
        self.assertEqual(server.connections, 0)
        for option in ("--hgrm", "--report"):
            done = yodel("load", *server.arguments, "-n", "100", option, "/dev/full")
            self.assert_ended(done, FAILED, b"OTHER: cannot write /dev/full: No space left")

    def test_wrong_values_are_told(self):
        for arguments, message in ((["-c", "0"], b"--connections: expected an integer from 1"),
                                   (["-s", "0"], b"--size: expected a size"),
                                   (["-r", "fast"], b"--rate: expected a rate"),
                                   (["-d", "-1"], b"--duration: expected a duration"),
                                   (["-p", "0"], b"--depth: expected"),
                                   (["--csv", "--json"], b"--csv and --json"),
                                   (["text"], b"expected: yodel load")):
            with self.subTest(arguments):
                self.assert_ended(yodel("load", "127.0.0.1", "7", *arguments), USAGE, message)


class OtherPeoplesServers(LoadTest):
    def assert_works(self, name, start, **keywords):
        with self.subTest(name):
            end = use(self, start(**keywords))
            result = self.load(*end.arguments, "-c", "5", "-n", "500")
            self.assert_all_came_back(result, 500)

    def test_servers_nobody_here_wrote_are_loaded(self):
        for name, start in other_ends.PROGRAMS.items():
            self.assert_works(name, start)

    def test_unix_sockets_are_loaded(self):
        for name, start in other_ends.UNIX_PROGRAMS.items():
            self.assert_works(name, start, path=os.path.join(self.folder(), "socket"))
        server = serve(self, other_ends.echo, path=other_ends.abstract_name())
        self.assert_all_came_back(self.load(*server.arguments, "-n", "500"), 500)

    def test_ipv6_is_loaded(self):
        try:
            server = serve(self, other_ends.echo, host="::1")
        except OSError as error:
            self.skipTest(f"no IPv6: {error}")
        self.assert_all_came_back(self.load(*server.arguments, "-n", "500"), 500)


class SlowToAccept(LoadTest):
    """Unix sockets, whose queue is full at once."""

    def listen(self):
        path = os.path.join(self.folder(), "socket")
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(path)
        listener.listen(1)
        return listener, "unix:" + path

    def test_connections_wait_for_their_turn(self):
        listener, target = self.listen()

        def serve_all():
            for _ in range(30):
                client, _ = listener.accept()
                with client:
                    client.sendall(client.recv(64, socket.MSG_WAITALL))
                    client.recv(1)
        thread = threading.Thread(target=serve_all)
        thread.start()
        result = self.load(target, "--connect", "-c", "4", "-n", "30")
        thread.join()
        self.assert_all_came_back(result, 30)

    def test_full_queue_is_a_timeout_in_every_mode(self):
        _, target = self.listen()
        for arguments in ([], ["--connect"], ["--connect", "-r", "100/s"]):
            with self.subTest(arguments):
                result = self.load(target, "-c", "4", "-d", "500ms", "-t", "300ms", *arguments,
                                   code=FAILED)
                self.assertEqual(list(result["connections_failed"]), ["TIMEOUT"])
                self.assertEqual(result["completed"], 0)


class Interrupted(LoadTest):
    def start_load(self, *arguments, **keywords):
        process = subprocess.Popen([YODEL, "load", *arguments], env=environment(keywords.pop(
            "env", None)), **keywords)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_ctrl_c_ends_in_order_with_what_was_measured(self):
        for arguments in ([], ["-r", "100/s"], ["--connect"]):
            with self.subTest(arguments):
                server = serve(self, other_ends.echo)
                process = self.start_load(*server.arguments, "-d", "1h", "--json", *arguments,
                                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                wait_until(lambda: server.received > 64 * 100)
                process.send_signal(signal.SIGINT)
                output, said = process.communicate(timeout=PATIENCE)
                self.assertEqual((process.returncode, said), (OK, b""))
                result = json.loads(output)
                self.assert_all_came_back(result)
                self.assertLess(result["elapsed_ms"], 1000 * 3600)

    def test_ctrl_c_does_not_wait_long_for_what_is_under_way(self):
        for arguments in (["-r", "100/s"], ["--connect"], []):
            with self.subTest(arguments):
                server = serve(self, other_ends.silent)
                process = self.start_load(*server.arguments, "-d", "1h", "-t", "0", "--json",
                                          *arguments, stdout=subprocess.PIPE,
                                          stderr=subprocess.PIPE)
                wait_until(lambda: server.connections >= 10, "it is connected")
                process.send_signal(signal.SIGINT)
                output, _ = process.communicate(timeout=PATIENCE)
                self.assertEqual(process.returncode, FAILED)
                result = json.loads(output)
                self.assertTrue(result["is_interrupted"])
                self.assertEqual(result["completed"], 0)
                self.assertGreater(result["unfinished"], 0)

    def test_ctrl_c_is_heard_while_a_queue_is_full(self):
        with socket.socket(socket.AF_UNIX) as listener:
            path = os.path.join(self.folder(), "socket")
            listener.bind(path)
            listener.listen(0)
            process = self.start_load("unix:" + path, "--connect", "-r", "1000/s", "-d", "1h",
                                      "-t", "0", "--json", stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE)
            wait_until(lambda: catches_interrupts(process), "it handles signals")
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=PATIENCE)
        self.assertTrue(json.loads(output)["is_interrupted"])

    def test_ctrl_c_is_not_told_as_a_fault_of_the_server(self):
        server = serve(self, other_ends.silent)
        process = self.start_load(*server.arguments, "-c", "2", "-s", "8M", "-d", "1h", "--json",
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_until(lambda: server.connections == 2, "it is connected")
        process.send_signal(signal.SIGINT)
        output, said = process.communicate(timeout=PATIENCE)
        self.assertEqual(said, b"")
        self.assertEqual(json.loads(output)["connections_failed"], {})

    def test_ctrl_c_while_connecting_ends_it(self):
        end = use(self, other_ends.Full())
        process = self.start_load(*end.arguments, "-t", "1h", stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        wait_until(lambda: is_waiting(process.pid))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, FAILED)

    def run_on_terminal(self, *arguments, env=None):
        """Everything that a run writes to a terminal."""
        ours, its = pty.openpty()
        self.addCleanup(os.close, ours)
        process = self.start_load(*arguments, stdin=its, stdout=its, stderr=its,
                                  env={"TERM": "xterm", **(env or {})})
        os.close(its)
        screen = b""
        while select.select([ours], [], [], PATIENCE)[0]:
            try:
                screen += os.read(ours, 65536)
            except OSError:
                break
        self.assertEqual(process.wait(PATIENCE), OK)
        return screen

    def test_terminal_gets_a_bar_with_the_rate_and_colours(self):
        address = serve(self, other_ends.echo).arguments
        screen = self.run_on_terminal(*address, "-d", "500ms")
        self.assertRegex(screen, rb"\r\[#* *\] +\d+% \d s, \d+ round trips, \d+/s\x1b\[K")
        self.assertRegex(screen, rb"\r\x1b\[Kload ")  # the bar is gone before the result
        self.assertIn(b"\x1b[32m none: every byte came back", screen)
        for env, option in (({"NO_COLOR": "1"}, "-v"), ({}, "--no-color"), ({"TERM": "dumb"}, "-v")):
            screen = self.run_on_terminal(*address, "-n", "100", option, env=env)
            self.assertIsNone(re.search(rb"\x1b\[\d+m", screen), screen)
        screen = self.run_on_terminal(*address, "-d", "300ms", "--quiet")
        self.assertNotIn(b"%", screen)


def is_waiting(pid):
    """Whether it has a connect under way."""
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as file:
        return any(line.split()[3] == "02" for line in file.readlines()[1:])


if __name__ == "__main__":
    main()
