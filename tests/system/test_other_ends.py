# SPDX-License-Identifier: MIT
"""The other ends that tests of the client use do what they claim, to plain sockets."""

import contextlib
import os
import socket
import threading
import time

import other_ends
from other_ends import (DATAGRAM_PROGRAMS, LOCKSTEP, PROGRAMS, UNIX_PROGRAMS, Full, NeverAccepting,
                        Refusing, RefusingDatagrams, Server, Stalling, abstract_name, adding, changing,
                        chunking, corrupting, duplicating, echo, greeting, holding_back, losing,
                        losing_datagrams, reflect, reordering, repeating, resetting, serve,
                        serve_datagrams, silent, slow, swallow, trailing, truncating, use)
from yodel_harness import (PATIENCE, SLACK, SystemTest, has_ipv6, main, receive_all,
                           receive_exactly, send_until_full, wait_until)

BIG = os.urandom(3 << 20)
AT = 1_234_567


class EndTest(SystemTest):
    def connect_to(self, end, timeout=PATIENCE):
        client = end.connect(timeout)
        self.addCleanup(client.close)
        return client

    def answer_to(self, end, data, ends=True):
        """What comes back up to the end of the stream, while data and, maybe, an end are sent."""
        client = self.connect_to(end)

        def send():
            with contextlib.suppress(ConnectionError):
                client.sendall(data)
                if ends:
                    client.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        try:
            return receive_all(client)
        finally:
            sender.join(PATIENCE)
            client.close()

    def assert_answers(self, talk, data, expected):
        self.assertTrue(self.answer_to(serve(self, talk), data) == expected)

    def assert_is_an_echo(self, end, step=None):
        """Exact for no byte, one, and many; for several clients at once; half-close-correct,
        or else only if the client awaits the answer to each `step` bytes."""
        for data in (b"", b"y", BIG):
            if step is None:
                self.assertTrue(self.answer_to(end, data) == data)
                continue
            with end.connect() as client:
                for start in range(0, min(len(data), 10 * step), step):
                    self.assert_echoes(client, data[start:start + step])
                client.shutdown(socket.SHUT_WR)
                self.assert_ends(client)
        clients = [self.connect_to(end) for _ in range(5)]
        for number, client in enumerate(clients):
            client.sendall(b"%d" % number)
        for number, client in enumerate(clients):
            self.assertEqual(client.recv(10), b"%d" % number)
            client.close()


class Exact(EndTest):
    def test_echo_is_exact_and_counts(self):
        server = serve(self, echo)
        self.assert_is_an_echo(server)
        self.assertEqual(server.connections, 8)
        wait_until(lambda: server.received == 6 + len(BIG), "all are counted")
        self.assertEqual(server.arguments, ["127.0.0.1", str(server.port)])
        self.assertEqual(server.address, ("127.0.0.1", server.port))

    def test_echo_over_ipv6(self):
        if not has_ipv6():
            self.skipTest("no IPv6 here")
        server = serve(self, echo, host="::1")
        self.assert_is_an_echo(server)
        self.assertEqual(server.arguments[0], "::1")

    def test_echo_over_unix_sockets_leaves_no_file(self):
        for path in (os.path.join(self.folder(), "echo"), abstract_name()):
            with Server(echo, path=path) as server:
                self.assert_is_an_echo(server)
                self.assertEqual(server.arguments, ["unix:" + path])
            self.assertFalse(os.path.exists(path))

    def test_chunking_is_exact(self):
        data = BIG[:50_000]
        for size in (1, 7):
            self.assert_answers(chunking(size), data, data)

    def test_chunking_sends_single_bytes(self):
        client = self.connect_to(serve(self, chunking(1)))
        client.sendall(b"yodel")
        self.assertEqual(receive_exactly(client, 5), b"yodel")
        # TCP_INFO: tcpi_data_segs_in, linux/tcp.h
        info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
        self.assertEqual(int.from_bytes(info[152:156], "little"), 5)

    def test_slow_is_exact_and_takes_its_time(self):
        begin = time.monotonic()
        self.assert_answers(slow(0.02, 1000), BIG[:10_000], BIG[:10_000])
        self.assert_between(time.monotonic() - begin, 0.2, SLACK)

    def test_stalling_is_exact(self):
        for stall in (Stalling(0.1, after_bytes=AT), Stalling(0.1, after_seconds=0)):
            self.assert_answers(stall, BIG, BIG)
            self.assertEqual(stall.end, stall.begin + 0.1)

    def test_stalling_answers_no_connection_within_its_time(self):
        for stall in (Stalling(0.3, after_seconds=0.2), Stalling(0.3, after_bytes=40)):
            server = serve(self, stall)
            clients = [self.connect_to(server) for _ in range(3)]
            longest = 0
            while stall.end is None or time.monotonic() < stall.end + 0.05:
                sent = time.monotonic()
                for client in clients:
                    client.sendall(b"y")
                for client in clients:
                    self.assertEqual(client.recv(1), b"y")
                answered = time.monotonic()
                longest = max(longest, answered - sent)
                if stall.begin is not None and stall.begin <= sent:
                    self.assertGreaterEqual(answered, stall.end)
                time.sleep(0.002)  # the pace of these clients
            if stall.after_bytes is not None:
                self.assertGreaterEqual(longest, 0.3)

    def test_greeting_is_said_to_a_client_that_talks_too(self):
        server = serve(self, greeting(b"Hello, Client!"))
        self.assertEqual(self.answer_to(server, b""), b"Hello, Client!")
        self.assertEqual(self.answer_to(server, BIG), b"Hello, Client!")
        self.assertEqual(receive_all(self.connect_to(server)), b"Hello, Client!")

    def test_swallow_answers_only_the_end(self):
        server = serve(self, swallow)
        self.assertEqual(self.answer_to(server, BIG), b"")
        self.assertEqual(server.received, len(BIG))


class Faulty(EndTest):
    def assert_reset(self, client, expected):
        """So much comes, and then a reset."""
        self.assertTrue(receive_exactly(client, len(expected)) == expected)
        with self.assertRaises(ConnectionResetError):
            client.recv(1)

    def test_resetting_resets_after_what_it_has_echoed(self):
        for after in (1, 5000, 100_000):
            client = self.connect_to(serve(self, resetting(after)))
            client.sendall(BIG[:after])
            self.assert_reset(client, BIG[:after])
        # With more under way than is echoed, whose sending fails at some time.
        client = self.connect_to(serve(self, resetting(AT)))

        def send():
            with contextlib.suppress(ConnectionError):
                client.sendall(BIG * 4)
        sender = threading.Thread(target=send)
        sender.start()
        # The error is told once: to the sender or to the receiver.
        echoed = bytearray()
        with contextlib.suppress(ConnectionError):
            while piece := client.recv(1 << 16):
                echoed += piece
        sender.join(PATIENCE)
        self.assertTrue(echoed == BIG[:AT])

    def test_resetting_at_once(self):
        try:
            client = self.connect_to(serve(self, resetting()))
        except ConnectionResetError:
            return  # it came before connect(2) had seen that it is connected
        self.assert_reset(client, b"")

    def test_resetting_of_fewer_bytes_is_an_echo(self):
        self.assert_answers(resetting(100), b"yodel", b"yodel")

    def test_truncating_ends_orderly_though_the_client_goes_on(self):
        for after in (0, 1, AT, len(BIG)):
            server = serve(self, truncating(after))
            self.assertTrue(self.answer_to(server, BIG, ends=False) == BIG[:after])
            self.assertTrue(self.answer_to(server, BIG) == BIG[:after])
            wait_until(lambda server=server: server.received == 2 * len(BIG), "it reads on")

    def test_corrupting_changes_only_its_bytes(self):
        for at, flip, count in ((0, 1, 1), (AT, 0x80, 1), (AT, 0xff, 100_000),
                                (len(BIG) - 1, 1, 1), (len(BIG) - 1, 1, 10)):
            changed = bytes(byte ^ flip for byte in BIG[at:at + count])
            self.assert_answers(corrupting(at, flip, count), BIG,
                                BIG[:at] + changed + BIG[at + count:])
        self.assert_answers(corrupting(at=len(BIG)), BIG, BIG)

    def test_losing_loses_only_its_bytes(self):
        for at, count in ((0, 1), (AT, 1), (AT, 200_000), (len(BIG) - 1, 1), (len(BIG) - 5, 10)):
            self.assert_answers(losing(at, count), BIG, BIG[:at] + BIG[at + count:])
        self.assert_answers(losing(len(BIG)), BIG, BIG)

    def test_repeating_sends_a_block_twice(self):
        for at, count in ((1, 1), (AT, 1), (AT, 200_000), (len(BIG), 10)):
            self.assert_answers(repeating(at, count), BIG, BIG[:at] + BIG[at - count:])
        self.assert_answers(repeating(len(BIG) + 1, 5), BIG, BIG)

    def test_adding_puts_bytes_between(self):
        for at in (0, 1, AT, len(BIG)):
            self.assert_answers(adding(at, b"alien"), BIG, BIG[:at] + b"alien" + BIG[at:])
        self.assert_answers(adding(len(BIG) + 1, b"alien"), BIG, BIG)
        self.assertEqual(self.connect_to(serve(self, adding(0, b"first"))).recv(5), b"first")

    def test_reordering_exchanges_two_blocks(self):
        for at, count in ((0, 1), (AT, 1), (AT, 200_000), (len(BIG) - 20, 10)):
            first, second = BIG[at:at + count], BIG[at + count:at + 2 * count]
            self.assert_answers(reordering(at, count), BIG,
                                BIG[:at] + second + first + BIG[at + 2 * count:])
        self.assert_answers(reordering(len(BIG) - 1), BIG, BIG)

    def test_trailing_comes_after_the_end(self):
        self.assert_answers(trailing(b"more"), BIG, BIG + b"more")
        self.assert_answers(trailing(b"more"), b"", b"more")

    def test_silent_neither_reads_nor_answers(self):
        server = serve(self, silent)
        client = self.connect_to(server)
        client.sendall(b"yodel")
        client.settimeout(0.1)
        self.assertRaises(TimeoutError, client.recv, 1)
        self.assertEqual((server.connections, server.received), (1, 0))


class NotServing(EndTest):
    hosts = ["127.0.0.1", *(["::1"] if has_ipv6() else [])]

    def test_refusing_refuses_and_holds_its_port(self):
        for host in self.hosts:
            end = use(self, Refusing(host))
            for _ in range(3):
                self.assertRaises(ConnectionRefusedError, end.connect)
            with socket.socket(end.family) as other:
                self.assertRaises(OSError, other.bind, end.address)

    def test_never_accepting_connects_and_that_is_all(self):
        for host in self.hosts:
            end = use(self, NeverAccepting(host))
            clients = [self.connect_to(end) for _ in range(20)]
            clients[0].sendall(b"yodel")
            clients[0].settimeout(0.1)
            self.assertRaises(TimeoutError, clients[0].recv, 1)

    def test_full_lets_connects_hang(self):
        for host in self.hosts:
            end = use(self, Full(host))
            for _ in range(3):
                self.assertRaises(TimeoutError, self.connect_to, end, timeout=0.2)

    def test_full_refuses_once_it_is_closed(self):
        with Full() as end:
            pass
        self.assertRaises(ConnectionRefusedError, end.connect)


class Ending(EndTest):
    def test_close_ends_all_threads_though_clients_stay(self):
        before = threading.active_count()
        behaviours = [echo, silent, swallow, greeting(b"hi"), slow(PATIENCE), resetting(5),
                      truncating(5), Stalling(PATIENCE, after_bytes=1), reordering(0, 100)]
        servers = [Server(talk) for talk in behaviours]
        clients = [self.connect_to(server) for server in servers for _ in range(3)]
        for client in clients:
            client.sendall(b"y")
        for server in servers:
            wait_until(lambda server=server: server.connections == 3, "all are accepted")
        begin = time.monotonic()
        for server in servers:
            server.close()
            self.assertRaises(ConnectionRefusedError, server.connect)
            server.close()
        self.assertLess(time.monotonic() - begin, SLACK)
        self.assertEqual(threading.active_count(), before)

    def test_close_ends_a_server_whose_client_does_not_read(self):
        for talk in (echo, chunking(7), resetting(1 << 30), trailing(b"")):
            with Server(talk) as server:
                client = self.connect_to(server)
                send_until_full(client)
                wait_until(lambda server=server: server.clients, "it is accepted")
            self.assertTrue(server.clients[0].fileno() < 0)

    def test_close_tells_a_failure_of_talk(self):
        def fail(client):
            raise ValueError(client.recv(1))
        server = Server(fail)
        self.assertEqual(self.answer_to(server, b"y"), b"")
        with self.assertRaises(AssertionError) as caught:
            server.close()
        self.assertIsInstance(caught.exception.__cause__, ValueError)

    def test_300_clients_at_once(self):
        server = serve(self, echo)
        clients = [self.connect_to(server) for _ in range(300)]
        for client in clients:
            client.sendall(b"yodel")
        for client in clients:
            self.assertEqual(receive_exactly(client, 5), b"yodel")
            client.close()
        self.assertEqual(server.connections, 300)


class Datagrams(EndTest):
    def answers_to(self, talk, count=4):
        """What comes back for each of the datagrams 0, 1, ..., sent once the server has the last."""
        server = serve_datagrams(self, talk)
        client = self.connect_to(server)
        for number in range(count):
            client.send(b"%d" % number)
        wait_until(lambda: len(server.received) == count, "the server has them")
        server.close()  # so all is said
        answers = []
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            client.setblocking(False)
            while True:
                answers.append(client.recv(100))
        return b" ".join(answers)

    def test_each_fault_is_the_one_that_is_promised(self):
        for talk, expected in (
                (reflect, b"0 1 2 3"), (losing_datagrams(0, 2), b"1 3"), (duplicating(1), b"0 1 1 2 3"),
                (changing(lambda data: data + b"!", 2), b"0 1 2! 3"),
                (holding_back(0, 1), b"0 1 2 3"), (holding_back(1, is_behind=True), b"0 2 1 3")):
            self.assertEqual(self.answers_to(talk), expected)

    def test_answer_may_come_from_another_port(self):
        server = serve_datagrams(self, reflect, is_elsewhere=True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(PATIENCE)
            client.sendto(b"x", server.address)
            data, sender = client.recvfrom(10)
            self.assertEqual(data, b"x")
            self.assertNotEqual(sender, server.address)

    def test_refusing_refuses_and_holds_its_port(self):
        end = use(self, RefusingDatagrams())
        client = self.connect_to(end)
        client.send(b"x")
        self.assertRaises(ConnectionRefusedError, client.recv, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            self.assertRaises(OSError, other.bind, end.address)

    def test_programs_echo(self):
        for name, start in DATAGRAM_PROGRAMS.items():
            for host in NotServing.hosts:
                with self.subTest(name=name, host=host), start(host=host) as end:
                    client = self.connect_to(end)
                    for data in (b"y", bytes(range(256)) * 200):
                        client.send(data)
                        self.assertEqual(client.recv(65536), data)

    def test_close_tells_a_failure_of_talk(self):
        server = serve_datagrams(self, lambda reply, number, data: 1 / 0)
        self.connect_to(server).send(b"x")
        wait_until(lambda: server.failures, "it fails")
        self.assertRaisesRegex(AssertionError, "a server failed", server.close)


class Programs(EndTest):
    def test_programs_echo(self):
        for name, start in PROGRAMS.items():
            for host in NotServing.hosts:
                with self.subTest(name=name, host=host):
                    with start(host=host) as end:
                        self.assert_is_an_echo(end, LOCKSTEP.get(name))
                    self.assert_gone(end)

    def test_programs_echo_over_unix_sockets(self):
        for name, start in UNIX_PROGRAMS.items():
            for path in (os.path.join(self.folder(), "echo"), abstract_name()):
                with self.subTest(name=name, path=path):
                    with start(path=path) as end:
                        self.assert_is_an_echo(end)
                    self.assert_gone(end)

    def assert_gone(self, end):
        self.assertIsNotNone(end.process.returncode)
        self.assertFalse(os.path.exists(end.folder))
        self.assertRaises(OSError, end.connect)

    def test_missing_program_skips(self):
        with self.assertRaisesRegex(Exception, "no-such-program is not installed") as caught:
            other_ends.find_program("no-such-program")
        self.assertEqual(type(caught.exception).__name__, "SkipTest")

    def test_program_that_does_not_start_tells_what_it_said(self):
        with self.assertRaisesRegex(AssertionError, "(?s)has ended with 1:.*sorry"):
            other_ends.Program(lambda end: ["sh", "-c", "echo sorry; exit 1"])


if __name__ == "__main__":
    main()
