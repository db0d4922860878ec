# SPDX-License-Identifier: MIT
"""Many clients, at once and one after another: all are echoed, and nothing is left behind."""

import contextlib
import select
import socket
import time

from yodel_harness import PATIENCE, SystemTest, close_with_reset, main, scaled, wait_until


class AtOnce(SystemTest):
    COUNT = scaled(1000, 300)
    WAITING_MAX = 20  # main, the one that accepts, and those kept for the next clients

    def test_1000_clients_at_once_are_all_echoed(self):
        daemon = self.start("-q", options=["backlog=1024", "limits.max_connections=1024"])
        threads, descriptors = daemon.client_threads(), daemon.descriptors()
        clients = [self.connect(daemon) for _ in range(self.COUNT)]
        wait_until(lambda: daemon.client_threads() == threads + self.COUNT, "a thread for each client")
        self.assertEqual(daemon.descriptors(), descriptors + self.COUNT)
        for turn in range(3):
            for number, client in enumerate(clients):
                client.sendall(b"%06d/%d" % (number, turn) * 50)
            for number, client in enumerate(clients):
                expected = b"%06d/%d" % (number, turn) * 50
                received = b""
                while len(received) < len(expected):
                    received += client.recv(len(expected) - len(received))
                self.assertEqual(received, expected)
        for client in clients:
            client.shutdown(socket.SHUT_WR)
        for client in clients:
            self.assert_ends(client)
            client.close()
        daemon.wait_for_client_threads(threads)
        daemon.wait_for_descriptors(descriptors)
        wait_until(lambda: len(daemon.thread_names()) <= self.WAITING_MAX, "few threads")

    def test_all_connect_in_one_moment_and_are_all_echoed(self):
        daemon = self.start("-q", options=["backlog=4096"])
        poll, states = select.poll(), {}
        for number in range(self.COUNT):
            client = socket.socket()
            self.addCleanup(client.close)
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.connect(daemon.address())
            states[client.fileno()] = [client, b"client %d" % number, b""]
            poll.register(client, select.POLLOUT)
        deadline = time.monotonic() + 2 * PATIENCE
        while states:
            self.assertLess(time.monotonic(), deadline, f"{len(states)} clients are left")
            for fd, events in poll.poll(1000):
                client, words, received = states[fd]
                if events & select.POLLOUT:
                    self.assertEqual(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)
                    client.sendall(words)
                    client.shutdown(socket.SHUT_WR)
                    poll.modify(client, select.POLLIN)
                elif piece := client.recv(4096):
                    states[fd][2] = received + piece
                else:
                    self.assertEqual(received, words)
                    poll.unregister(client)
                    del states[fd]


class OneAfterAnother(SystemTest):
    def test_20000_connections_leave_no_descriptor_no_thread_and_no_memory_behind(self):
        daemon = self.start("-q")
        threads, descriptors = daemon.client_threads(), daemon.descriptors()
        total = scaled(20_000, 2_000)
        address = daemon.address()
        warm = None
        for number in range(total):
            client = socket.create_connection(address, PATIENCE)
            client.sendall(b"yodel")
            self.assertEqual(client.recv(5), b"yodel")
            if number % 4 == 0:
                close_with_reset(client)
            elif number % 4 == 1:
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(client.recv(1), b"")
                client.close()
            else:
                client.close()
            if number == total // 10:
                warm = daemon.rss_kib()
        daemon.wait_for_client_threads(threads)
        daemon.wait_for_descriptors(descriptors)
        self.assertLess(daemon.rss_kib() - warm, scaled(1024, 24 * 1024))
        self.assert_echoes(self.connect(daemon))

    def test_greeted_clients_leave_nothing_behind(self):
        daemon = self.start("-q", listen=["127.0.0.1:0=greet"])
        threads, descriptors = daemon.client_threads(), daemon.descriptors()
        for _ in range(scaled(3000, 300)):
            client = socket.create_connection(daemon.address(), PATIENCE)
            self.assertEqual(client.recv(100), b"Hello, Client!")
            self.assertEqual(client.recv(100), b"")
            client.close()
        daemon.wait_for_client_threads(threads)
        daemon.wait_for_descriptors(descriptors)


if __name__ == "__main__":
    main()
