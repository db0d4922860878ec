# SPDX-License-Identifier: MIT
"""The log: one line an event, written whole, in text and in JSON, and what the lines say."""

import datetime
import json
import os
import re
import signal
import socket
import threading
import time

from yodel_harness import (PATIENCE, Event, SystemTest, main, receive_all, receive_end, scaled,
                           wait_until)

UTC = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def use(test, daemon, count=1):
    for _ in range(count):
        client = test.connect(daemon)
        test.assert_echoes(client)
        client.shutdown(socket.SHUT_WR)
        test.assert_ends(client)
        client.close()


class Text(SystemTest):
    def test_a_connection_is_an_accept_and_a_close_line(self):
        daemon = self.start()
        client = self.connect(daemon)
        peer = "%s:%d" % client.getsockname()
        self.assert_echoes(client, b"hello")
        client.shutdown(socket.SHUT_WR)
        self.assert_ends(client)
        daemon.wait_for("close")
        accept, close = daemon.events("accept")[0].line, daemon.events("close")[0].line
        self.assertRegex(
            accept, rf"^{UTC} info accept conn=1 listener=echo peer={peer} active=1$")
        self.assertRegex(
            close, rf"^{UTC} info close conn=1 listener=echo peer={peer} "
                   r"in=5 out=5 ms=\d+ active=0 reason=client_fin$")

    def test_time_is_utc_with_milliseconds_whatever_the_time_zone(self):
        before = time.time()
        daemon = self.start(env={"TZ": "Asia/Tokyo"})
        said = datetime.datetime.strptime(
            daemon.wait_for("start").time, "%Y-%m-%dT%H:%M:%S.%fZ").replace(
                tzinfo=datetime.timezone.utc).timestamp()
        self.assert_between(said, before - 0.002, before + PATIENCE)

    def test_active_counts_the_connections_there_are(self):
        daemon = self.start()
        clients = []
        for count in range(1, 6):
            clients.append(self.connect(daemon))
            self.assert_echoes(clients[-1])
            self.assertEqual(daemon.wait_for("accept", conn=count)["active"], str(count))
        for count in range(4, -1, -1):
            client = clients.pop(0)
            peer = "%s:%d" % client.getsockname()
            client.close()
            self.assertEqual(daemon.wait_for("close", peer=peer)["active"], str(count))

    def test_connections_are_numbered_from_1(self):
        daemon = self.start()
        use(self, daemon, 5)
        daemon.wait_for_count(5, "close")
        self.assertEqual([event["conn"] for event in daemon.events("accept")], list("12345"))

    def test_lines_are_whole_when_many_threads_write(self):
        daemon = self.start(options=["limits.max_connections=64"])
        crews = [threading.Thread(target=use, args=(self, daemon, scaled(100, 30)))
                 for _ in range(8)]
        for crew in crews:
            crew.start()
        for crew in crews:
            crew.join(PATIENCE * 2)
        total = 8 * scaled(100, 30)
        daemon.wait_for_count(total, "close")  # every line is parsed, or this fails
        self.assertEqual(sorted(event.number("conn") for event in daemon.events("close")),
                         list(range(1, total + 1)))
        self.assertEqual(len(daemon.events("accept")), total)

    def test_level_chooses_the_lines(self):
        daemon = self.start("-q", options=["limits.max_connections=1"])
        client = self.connect(daemon)
        self.assert_echoes(client)
        self.assertEqual(receive_end(self.connect(daemon)), b"")
        daemon.wait_for("refuse")
        client.close()
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait_for_exit(), 0)
        self.assertEqual({event.level for event in daemon.events()}, {"warn"})

    def test_the_end_is_told_with_its_totals(self):
        daemon = self.start()
        use(self, daemon, 3)
        daemon.wait_for_count(3, "close")
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait_for_exit(), 0)
        self.assertEqual([event.event for event in daemon.events()][-2:], ["drain", "stop"])
        stop = daemon.events("stop")[0]
        self.assertEqual((stop["accepted"], stop["in"], stop["out"], stop["client_fin"],
                          stop["active"]), ("3", "15", "15", "3", "0"))

    def test_threads_bear_the_name_of_listener_and_connection(self):
        daemon = self.start(listen=["127.0.0.1:0=echo", "127.0.0.1:0=echo"],
                            options=["listen.[1].name=a-rather-long-name-for-it"])
        for index in (0, 1):
            self.assert_echoes(self.connect(daemon, index))
        names = daemon.thread_names()
        self.assertIn("echo/1", names)
        self.assertIn("a-rather-long/2", names)


class Json(SystemTest):
    def objects(self, daemon):
        with daemon.news:
            return [json.loads(line) for line in daemon.lines]

    def test_every_line_is_one_object_with_the_same_fields(self):
        daemon = self.start(options=["log.format=json", "limits.max_connections=1"])
        client = self.connect(daemon)
        peer = "%s:%d" % client.getsockname()
        self.assert_echoes(client)
        self.assertEqual(receive_end(self.connect(daemon)), b"")
        client.shutdown(socket.SHUT_WR)
        self.assert_ends(client)
        daemon.wait_for_line(lambda line: '"event":"close"' in line)
        daemon.signal(signal.SIGUSR1)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_line(lambda line: '"event":"reload"' in line)
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait_for_exit(), 0)
        lines = self.objects(daemon)
        for line in lines:
            self.assertRegex(line["time"], rf"^{UTC}$")
            self.assertIn(line["level"], ("warn", "info"))
        self.assertEqual(
            [line["event"] for line in lines if line["event"] not in ("statistics", "reload")],
            ["start", "listen", "ready", "accept", "refuse", "close", "drain", "stop"])
        close = next(line for line in lines if line["event"] == "close")
        del close["time"], close["ms"]
        self.assertEqual(close, {"level": "info", "event": "close", "conn": 1, "listener": "echo",
                                 "peer": peer, "in": 5, "out": 5, "active": 0,
                                 "reason": "client_fin"})
        refuse = next(line for line in lines if line["event"] == "refuse")
        self.assertEqual((refuse["level"], refuse["listener"], refuse["reason"]),
                         ("warn", "echo", "limit_total"))


class Journal(SystemTest):
    def start_with_log_file(self, journal_stream, *options):
        """Its stderr is a file; journal_stream makes JOURNAL_STREAM of that file's status."""
        path = os.path.join(self.folder(), "log")
        with open(path, "wb") as file:
            daemon = self.start(stderr=file, options=options, env={
                "JOURNAL_STREAM": journal_stream(os.fstat(file.fileno()))})
        client = self.connect(daemon)
        self.assert_echoes(client)
        client.close()
        daemon.signal(signal.SIGHUP)

        def lines():
            with open(path, encoding="utf-8") as file:
                found = file.read().splitlines()
            return found if any(" reload " in line or '"reload"' in line
                                for line in found) else None
        return wait_until(lines, "reload is logged")

    def test_lines_carry_their_priority_where_stderr_is_the_journal(self):
        lines = self.start_with_log_file(lambda status: f"{status.st_dev}:{status.st_ino}")
        priorities = {(event.level, event.priority) for event in map(Event, lines)}
        self.assertEqual(priorities, {("info", "6"), ("warn", "4")})

    def test_json_lines_carry_their_priority_too(self):
        lines = self.start_with_log_file(
            lambda status: f"{status.st_dev}:{status.st_ino}", "log.format=json")
        for line in lines:
            self.assertRegex(line, r"^<[46]>\{")
            json.loads(line[3:])

    def test_lines_carry_no_priority_where_stderr_is_something_else(self):
        for stream in (lambda status: f"{status.st_dev}:{status.st_ino + 1}",
                       lambda status: "", lambda status: "nonsense"):
            lines = self.start_with_log_file(stream)
            self.assertEqual({event.priority for event in map(Event, lines)}, {None})


class StuckReader(SystemTest):
    def test_reader_that_does_not_read_stops_neither_service_nor_stop(self):
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        daemon = self.start(stderr=writing)
        os.close(writing)
        for _ in range(1000):  # two lines each: far more than a pipe holds
            client = self.connect(daemon)
            self.assert_echoes(client)
            client.close()
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait_for_exit(), 0)


class Escapes(SystemTest):
    def test_no_byte_of_a_client_reaches_the_log(self):
        daemon = self.start()
        client = self.connect(daemon)
        self.assert_echoes(client, b"\n2026-01-01T00:00:00.000Z error start forged=1\n\x1b[31m")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_all(client), b"")
        daemon.wait_for("close")
        for line in daemon.lines:
            self.assertNotIn("forged", line)
            self.assertTrue(re.fullmatch(r"[ -~]*", line), line)


if __name__ == "__main__":
    main()
