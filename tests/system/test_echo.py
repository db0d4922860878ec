# SPDX-License-Identifier: MIT
"""Echo: exact for any bytes, at any pace, in any split; bounded memory; a clean end."""

import contextlib
import hashlib
import random
import select
import socket
import threading
import time

from yodel_harness import (PATIENCE, SLACK, SystemTest, close_with_reset, main, receive_all,
                           receive_exactly, scaled, send_until_full)

KIB, MIB = 1024, 1024 * 1024
# What VmRSS may move by while bytes flow; sanitizers keep shadow memory and quarantines.
FLAT_KIB = scaled(1024, 24 * 1024)


class Exactness(SystemTest):
    def setUp(self):
        self.daemon = self.start()

    def close_line(self, client):
        peer = "%s:%d" % client.getsockname()
        return self.daemon.wait_for("close", peer=peer)

    def test_echo_of_nothing_is_nothing_and_a_clean_end(self):
        client = self.connect(self.daemon)
        client.shutdown(socket.SHUT_WR)
        self.assert_ends(client)
        closed = self.close_line(client)
        self.assertEqual((closed["in"], closed["out"], closed["reason"]), ("0", "0", "probe"))

    def test_echo_answers_one_byte_at_a_time(self):
        client = self.connect(self.daemon)
        for value in random.Random(1).randbytes(500):
            self.assert_echoes(client, bytes([value]))
        client.shutdown(socket.SHUT_WR)
        self.assert_ends(client)

    def test_echo_of_single_bytes_sent_without_waiting_keeps_their_order(self):
        client = self.connect(self.daemon)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = random.Random(2).randbytes(3000)
        for value in data:
            client.sendall(bytes([value]))
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_all(client), data)

    def test_echo_returns_all_256_byte_values(self):
        client = self.connect(self.daemon)
        for data in (bytes(range(256)), bytes(reversed(range(256))), b"\x00" * 256, b"\xff" * 256,
                     b"\r\n" * 128, b"\xff\xf4\xff\xfd\x06" * 50):
            self.assert_echoes(client, data)

    def test_echo_is_exact_for_random_splits(self):
        for seed in range(scaled(12, 4)):
            with self.subTest(seed=seed):
                dice = random.Random(seed)
                data = dice.randbytes(dice.randint(1, 700_000))
                client = self.connect(self.daemon)

                def send(client=client, data=data, dice=dice):
                    at = 0
                    while at < len(data):
                        size = dice.choice((1, 2, 100, 1460, 16383, 16384, 16385, 70000))
                        client.sendall(data[at:at + size])
                        at += size
                    client.shutdown(socket.SHUT_WR)
                sender = threading.Thread(target=send)
                sender.start()
                received = receive_all(client)
                sender.join(PATIENCE)
                self.assertEqual(len(received), len(data))
                self.assertTrue(received == data)
                closed = self.close_line(client)
                self.assertEqual((closed.number("in"), closed.number("out")),
                                 (len(data), len(data)))

    def test_half_close_brings_everything_and_then_the_end(self):
        client = self.connect(self.daemon)
        data = random.Random(3).randbytes(300 * KIB)
        sent = send_until_full(client, data, len(data))
        client.shutdown(socket.SHUT_WR)
        received = receive_all(client)
        self.assertEqual(len(received), sent)
        self.assertTrue(received == data[:sent])
        closed = self.close_line(client)
        self.assertEqual(closed["reason"], "client_fin")
        self.assertEqual((closed.number("in"), closed.number("out")), (sent, sent))

    def test_two_clients_do_not_hear_each_other(self):
        one, other = self.connect(self.daemon), self.connect(self.daemon)
        one.sendall(b"one" * 1000)
        other.sendall(b"other" * 1000)
        self.assertEqual(receive_exactly(other, 5000), b"other" * 1000)
        self.assertEqual(receive_exactly(one, 3000), b"one" * 1000)
        for client in (one, other):
            client.shutdown(socket.SHUT_WR)
            self.assert_ends(client)

    def test_reset_in_mid_stream_ends_that_client_alone(self):
        threads = self.daemon.client_threads()
        bystander = self.connect(self.daemon)
        self.assert_echoes(bystander)
        for _ in range(20):
            client = self.connect(self.daemon)
            self.assert_echoes(client, b"x" * 1000)
            client.sendall(b"y" * 100_000)
            peer = "%s:%d" % client.getsockname()
            close_with_reset(client)
            self.assertEqual(self.daemon.wait_for("close", peer=peer)["reason"], "client_reset")
        self.assert_echoes(bystander)
        self.daemon.wait_for_client_threads(threads + 1)

    def test_client_that_closes_without_reading_does_no_harm(self):
        bystander = self.connect(self.daemon)
        self.assert_echoes(bystander)
        for _ in range(20):
            client = self.connect(self.daemon)
            client.sendall(b"x" * 50_000)
            peer = "%s:%d" % client.getsockname()
            client.close()
            self.assertIn(self.daemon.wait_for("close", peer=peer)["reason"],
                          ("client_reset", "client_fin"))
        self.assert_echoes(bystander)


class Pressure(SystemTest):
    def test_100_mib_with_a_slow_reader_are_exact_and_memory_stays_flat(self):
        daemon = self.start()
        client = self.connect(daemon)
        total = scaled(100, 20) * MIB
        dice = random.Random(4)
        block = dice.randbytes(MIB)
        sent_sum, received_sum = hashlib.sha256(), hashlib.sha256()
        sent = received = 0
        self.assert_echoes(client)
        rss = [daemon.rss_kib()]
        pending = b""
        client.setblocking(False)
        # Sends as much as there is room for before each short read: all buffers stay full.
        while received < total:
            with contextlib.suppress(BlockingIOError):
                while sent < total:
                    if not pending:
                        turn = dice.randrange(MIB)
                        pending = (block[turn:] + block[:turn])[:total - sent]
                    count = client.send(pending)
                    sent_sum.update(pending[:count])
                    pending = pending[count:]
                    sent += count
            self.assertTrue(select.select([client], [], [], PATIENCE)[0])
            piece = client.recv(128 * KIB)
            self.assertTrue(piece)
            received_sum.update(piece)
            received += len(piece)
            if received // MIB != (received - len(piece)) // MIB:
                rss.append(daemon.rss_kib())
        client.settimeout(PATIENCE)
        client.shutdown(socket.SHUT_WR)
        self.assert_ends(client)
        self.assertEqual(received_sum.hexdigest(), sent_sum.hexdigest())
        self.assertGreater(len(rss), total // MIB // 2)
        self.assertLess(max(rss) - min(rss), FLAT_KIB)
        closed = daemon.wait_for("close")
        self.assertEqual((closed.number("in"), closed.number("out")), (total + 5, total + 5))

    def test_client_that_never_reads_gets_back_pressure_and_then_the_write_timeout(self):
        daemon = self.start(options=["timeouts.write=400ms", "socket.send_buffer=64k",
                                     "socket.receive_buffer=64k"])
        client = self.connect(daemon, receive_buffer=4096)
        self.assert_echoes(client)
        rss = daemon.rss_kib()
        began = time.monotonic()
        sent = 0
        with self.assertRaises(ConnectionError):
            while time.monotonic() - began < PATIENCE:
                sent += client.send(b"x" * 16384)
        closed = daemon.wait_for("close")
        self.assertEqual(closed["reason"], "write_timeout")
        self.assert_between(time.monotonic() - began, 0.4, 0.4 + SLACK)
        self.assertGreaterEqual(closed.number("ms"), 400)
        self.assertLess(abs(daemon.rss_kib() - rss), FLAT_KIB)
        # What it took is what the kernel's buffers hold, not what the client would like to send.
        self.assertLess(closed.number("in"), 2 * MIB)

    def test_back_pressure_stops_the_sender(self):
        daemon = self.start(options=["timeouts.write=0", "socket.send_buffer=64k",
                                     "socket.receive_buffer=64k"])
        client = self.connect(daemon, receive_buffer=4096)
        self.assert_echoes(client)
        rss = daemon.rss_kib()
        client.setblocking(False)
        sent = 0
        # No room for a quarter of a second: the pressure has reached us.
        while select.select([], [client], [], 0.25)[1]:
            with contextlib.suppress(BlockingIOError):
                sent += client.send(b"x" * 65536)
            self.assertLess(sent, 64 * MIB)
        self.assertLess(abs(daemon.rss_kib() - rss), FLAT_KIB)
        client.settimeout(PATIENCE)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_all(client), b"x" * sent)

    def trickle(self, sip, pause):
        """Floods, and reads `sip` bytes in every `pause`; returns the close line."""
        daemon = self.start(options=["timeouts.write=500ms", "socket.send_buffer=16k",
                                     "socket.receive_buffer=64k"])
        client = self.connect(daemon, receive_buffer=4096)
        client.setblocking(False)
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - began < PATIENCE and not daemon.events("close"):
                with contextlib.suppress(BlockingIOError):
                    client.send(b"x" * 65536)
                with contextlib.suppress(BlockingIOError):
                    client.recv(sip)
                time.sleep(pause)  # the client's pace
        closed = daemon.wait_for("close")
        self.assertEqual(closed["reason"], "write_timeout")
        self.assert_between(closed.number("ms"), 500, (0.5 + SLACK) * 1000)
        return closed

    def test_reader_of_one_byte_at_a_time_meets_the_write_timeout(self):
        self.trickle(1, 0.01)

    def test_reader_of_small_sips_meets_the_write_timeout(self):
        closed = self.trickle(1024, 0.1)
        self.assertGreater(closed.number("out"), 0)

    def test_slow_reader_that_takes_every_piece_in_time_is_not_cut(self):
        daemon = self.start(options=["timeouts.write=5s", "socket.send_buffer=16k"])
        client = self.connect(daemon, receive_buffer=4096)
        sender = threading.Thread(target=lambda: (client.sendall(b"x" * 200_000),
                                                  client.shutdown(socket.SHUT_WR)))
        sender.start()
        received = 0
        while piece := client.recv(4096):
            received += len(piece)
            time.sleep(0.01)  # the client's pace
        sender.join(PATIENCE)
        self.assertEqual(received, 200_000)
        self.assertEqual(daemon.wait_for("close")["reason"], "client_fin")


if __name__ == "__main__":
    main()
