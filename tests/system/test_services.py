# SPDX-License-Identifier: MIT
"""Greet, discard, chargen, daytime, time: what each says, and how each ends."""

import calendar
import re
import socket
import struct
import time

from yodel_harness import (PATIENCE, SystemTest, close_with_reset, main, receive_all,
                           receive_end, receive_exactly, scaled)

SECONDS_FROM_1900_TO_1970 = 2208988800
CHARGEN_LINE = 72
CHARGEN_CYCLE = 95


def chargen_pattern():
    """RFC 864: the ring of printing characters; each line begins one character further on."""
    ring = "".join(map(chr, range(32, 127))) * 2
    return "".join(ring[start:start + CHARGEN_LINE] + "\r\n"
                   for start in range(CHARGEN_CYCLE)).encode()


class ServiceTest(SystemTest):
    def close_line(self, daemon, client):
        return daemon.wait_for("close", peer="%s:%d" % client.getsockname())

    def assert_ends_cleanly(self, daemon, check):
        """
        The service's words, checked by `check`, and then the end of the stream, also where bytes
        of the client arrive before, between and after that nobody reads.
        """
        client = self.connect(daemon)
        check(receive_all(client))
        self.assert_ends(client)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(self.close_line(daemon, client)["reason"], "done")

        with daemon.frozen():
            client = self.connect(daemon)
            client.sendall(b"unread" * 1000)
        client.sendall(b"more" * 1000)
        check(receive_all(client))
        # It still listens, if only to drop it: were it closed, this would bring a reset.
        for _ in range(10):
            client.sendall(b"late" * 100)
        self.assert_ends(client)
        client.shutdown(socket.SHUT_WR)
        closed = self.close_line(daemon, client)
        self.assertEqual(closed["reason"], "done")
        self.assertEqual(closed.number("in"), 6000 + 4000 + 4000)


class Greet(ServiceTest):
    def greeting_of(self, *options):
        daemon = self.start(listen=["127.0.0.1:0=greet"], options=options)
        return receive_all(self.connect(daemon))

    def test_greet_sends_exactly_these_14_bytes_and_ends(self):
        daemon = self.start(listen=["127.0.0.1:0=greet"])
        self.assert_ends_cleanly(
            daemon, lambda words: self.assertEqual(words, b"Hello, Client!"))

    def test_greet_fills_in_peer_listener_connections_and_time(self):
        daemon = self.start(listen=["127.0.0.1:0=greet"], options=[
            "listen.[0].name=front", "text=${peer}|${listener}|${connections}|${time}"])
        first = self.connect(daemon)
        before = time.time()
        words = receive_all(first).decode().split("|")
        self.assertEqual(words[:3], ["%s:%d" % first.getsockname(), "front", "1"])
        self.assertRegex(words[3], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        said = calendar.timegm(time.strptime(words[3][:19], "%Y-%m-%dT%H:%M:%S"))
        self.assert_between(said, before - 5, before + PATIENCE)
        # The first one lingers while we keep it open.
        self.assertEqual(receive_all(self.connect(daemon)).decode().split("|")[2], "2")

    def test_greet_understands_c_escapes(self):
        escapes = r"a\r\n\t\\\"\'\a\b\f\v\x41\x00\101\0\$\?z"
        # -o has the escapes of the file, which come first.
        self.assertEqual(
            self.greeting_of("text=" + escapes.replace("\\", "\\\\")),
            b"a\r\n\t\\\"'\a\b\f\vA\x00A\x00$?z")

    def test_greet_takes_its_text_from_the_file(self):
        path = self.write_config(
            'host = "127.0.0.1"; port = 0; service = "greet"; text = "gr\xfc\xdf dich\\\\n\\n";\n')
        daemon = self.start(listen=[], config=path)
        self.assertEqual(receive_all(self.connect(daemon)), "gr\xfc\xdf dich\n\n".encode())

    def test_greet_with_an_empty_text_just_ends(self):
        self.assertEqual(self.greeting_of("text="), b"")

    def test_greet_sends_the_longest_text_whole(self):
        length = 4096
        self.assertEqual(self.greeting_of("text=" + "y" * length), b"y" * length)

    def test_greet_does_not_fall_over_a_client_that_is_gone(self):
        daemon = self.start(listen=["127.0.0.1:0=greet"])
        with daemon.frozen():
            for _ in range(5):
                close_with_reset(self.connect(daemon))
        self.assertEqual(receive_all(self.connect(daemon)), b"Hello, Client!")


class Discard(ServiceTest):
    def test_discard_reads_everything_and_never_answers(self):
        daemon = self.start(listen=["127.0.0.1:0=discard"])
        client = self.connect(daemon)
        total = scaled(20, 4) * 1024 * 1024
        for _ in range(total // 65536):
            client.sendall(b"x" * 65536)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_all(client), b"")
        self.assert_ends(client)
        closed = self.close_line(daemon, client)
        self.assertEqual((closed.number("in"), closed["out"], closed["reason"]),
                         (total, "0", "client_fin"))


class Chargen(ServiceTest):
    def setUp(self):
        self.daemon = self.start(listen=["127.0.0.1:0=chargen"])

    def test_chargen_follows_rfc_864_over_several_cycles(self):
        client = self.connect(self.daemon)
        expected = chargen_pattern() * 20
        received = receive_exactly(client, len(expected))
        self.assertEqual(received[:74], bytes(range(32, 104)) + b"\r\n")
        self.assertTrue(received == expected)

    def test_chargen_goes_on_for_a_client_that_sends(self):
        client = self.connect(self.daemon)
        expected = chargen_pattern() * 3
        for _ in range(10):
            client.sendall(b"noise" * 100)
            self.assertTrue(receive_exactly(client, len(expected)) == expected)

    def test_chargen_goes_on_for_a_client_that_has_ended_its_own_stream(self):
        client = self.connect(self.daemon)
        client.shutdown(socket.SHUT_WR)
        expected = chargen_pattern() * scaled(2000, 300)
        self.assertTrue(receive_exactly(client, len(expected)) == expected)

    def test_chargen_ends_when_the_client_does(self):
        threads = self.daemon.client_threads()
        client = self.connect(self.daemon)
        receive_exactly(client, 10_000)
        peer = "%s:%d" % client.getsockname()
        client.close()
        closed = self.daemon.wait_for("close", peer=peer)
        self.assertIn(closed["reason"], ("client_reset", "client_fin"))
        self.assertGreaterEqual(closed.number("out"), 10_000)
        self.daemon.wait_for_client_threads(threads)


class Clock(ServiceTest):
    def test_daytime_says_the_date_in_utc_and_ends(self):
        def check(words):
            self.assertRegex(words, rb"\A[ -~]+\r\n\Z")
            text = words.decode().strip()
            self.assertTrue(text.endswith("-UTC"), text)
            said = calendar.timegm(time.strptime(text[:-4], "%A, %B %d, %Y %H:%M:%S"))
            self.assert_between(said, time.time() - 5 - PATIENCE, time.time() + 5)
        self.assert_ends_cleanly(self.start(listen=["127.0.0.1:0=daytime"]), check)

    def test_time_says_the_seconds_since_1900_and_ends(self):
        def check(words):
            self.assertEqual(len(words), 4)
            said = struct.unpack(">I", words)[0] - SECONDS_FROM_1900_TO_1970
            self.assert_between(said, time.time() - 5 - PATIENCE, time.time() + 5)
        self.assert_ends_cleanly(self.start(listen=["127.0.0.1:0=time"]), check)


class Together(ServiceTest):
    def test_one_daemon_serves_all_services_at_once(self):
        names = ["echo", "greet", "discard", "chargen", "daytime", "time"]
        daemon = self.start(listen=[f"127.0.0.1:0={name}" for name in names])
        self.assertEqual(len(daemon.addresses), len(names))
        clients = {name: self.connect(daemon, index) for index, name in enumerate(names)}
        self.assert_echoes(clients["echo"])
        self.assertEqual(receive_all(clients["greet"]), b"Hello, Client!")
        self.assertEqual(len(receive_all(clients["time"])), 4)
        self.assertTrue(re.search(rb"UTC\r\n$", receive_all(clients["daytime"])))
        self.assertEqual(receive_exactly(clients["chargen"], 7030), chargen_pattern())
        clients["discard"].sendall(b"x")
        clients["discard"].shutdown(socket.SHUT_WR)
        self.assertEqual(receive_all(clients["discard"]), b"")
        for name in names:
            self.assertEqual(len(daemon.wait_for_count(1, "accept", listener=name)), 1)
        clients["chargen"].close()
        self.assertEqual(receive_end(clients["greet"]), b"")


if __name__ == "__main__":
    main()
