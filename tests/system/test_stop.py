# SPDX-License-Identifier: MIT
"""Stop: the drain, what is still answered in it, how it ends; and the other signals."""

import fcntl
import os
import random
import signal
import socket
import struct
import termios
import time

from yodel_harness import (PATIENCE, SLACK, SystemTest, main, receive_all, receive_end,
                           receive_exactly, send_until_full, wait_until)


def unacknowledged(client):
    """The bytes that we have sent and the other kernel has not confirmed: tcp(7), SIOCOUTQ."""
    return struct.unpack("i", fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)))[0]


class StopTest(SystemTest):
    def stop(self, daemon, number=signal.SIGTERM):
        daemon.signal(number)
        daemon.wait_for("drain")

    def assert_exits(self, daemon, code=0):
        self.assertEqual(daemon.wait_for_exit(), code)

    def peer_of(self, client):
        return "%s:%d" % client.getsockname()


class Idleness(StopTest):
    def test_term_ends_an_idle_daemon_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                daemon = self.start(options=["timeouts.drain=1h"])
                began = time.monotonic()
                self.stop(daemon, number)
                self.assert_exits(daemon)
                self.assertLess(time.monotonic() - began, SLACK)
                self.assertEqual(daemon.events()[-1].event, "stop")

    def test_after_its_end_nobody_listens(self):
        daemon = self.start()
        self.stop(daemon)
        self.assert_exits(daemon)
        with self.assertRaises(ConnectionRefusedError):
            self.connect(daemon)


class Drain(StopTest):
    def test_nobody_new_is_let_in_while_it_drains(self):
        daemon = self.start(options=["timeouts.drain=1h"])
        client = self.connect(daemon)
        self.assert_echoes(client)
        self.stop(daemon)
        with self.assertRaises(ConnectionRefusedError):
            self.connect(daemon)
        self.assert_echoes(client)
        client.close()
        self.assert_exits(daemon)

    def test_running_connections_go_on_until_they_finish(self):
        daemon = self.start(options=["timeouts.drain=1h"])
        clients = [self.connect(daemon) for _ in range(5)]
        for client in clients:
            self.assert_echoes(client)
        self.stop(daemon)
        self.assertEqual(daemon.wait_for("drain")["active"], "5")
        for client in clients:
            self.assert_echoes(client, b"still here")
            client.shutdown(socket.SHUT_WR)
            self.assert_ends(client)
            client.close()
        self.assert_exits(daemon)
        self.assertEqual(len(daemon.events("close", reason="client_fin")), 5)

    def test_what_came_before_term_is_echoed(self):
        daemon = self.start(options=["timeouts.drain=1h"])
        client = self.connect(daemon)
        self.assert_echoes(client)
        data = random.Random(1).randbytes(2_000_000)
        with daemon.frozen():
            sent = send_until_full(client, data, len(data))
            client.shutdown(socket.SHUT_WR)
            daemon.signal(signal.SIGTERM)
        received = receive_all(client)
        self.assertEqual(len(received), sent)
        self.assertTrue(received == data[:sent])
        client.close()
        self.assert_exits(daemon)
        self.assertEqual(daemon.events("close")[0]["reason"], "client_fin")

    def test_client_in_the_backlog_is_still_echoed(self):
        daemon = self.start(options=["timeouts.drain=1h"])
        with daemon.frozen():
            clients = [self.connect(daemon) for _ in range(20)]
            for number, client in enumerate(clients):
                client.sendall(b"waiting %d" % number)
                client.shutdown(socket.SHUT_WR)
            daemon.signal(signal.SIGTERM)
        for number, client in enumerate(clients):
            self.assertEqual(receive_all(client), b"waiting %d" % number)
            client.close()
        self.assert_exits(daemon)

    def test_client_that_just_fitted_into_the_backlog_is_still_echoed(self):
        # The kernel queues one client more than the backlog says.
        daemon = self.start(options=["timeouts.drain=1h", "backlog=8"])
        with daemon.frozen():
            clients = [self.connect(daemon) for _ in range(9)]
            for client in clients:
                client.sendall(b"waiting")
                client.shutdown(socket.SHUT_WR)
            daemon.signal(signal.SIGTERM)
        for client in clients:
            self.assertEqual(receive_all(client), b"waiting")
            client.close()
        self.assert_exits(daemon)

    def test_drain_ends_an_active_an_idle_and_a_stuck_client_each_in_its_way(self):
        daemon = self.start(listen=["127.0.0.1:0=echo", "127.0.0.1:0=chargen"],
                            options=["timeouts.drain=700ms", "timeouts.write=1h",
                                     "timeouts.linger=1h", "socket.send_buffer=64k"])
        active, idle = self.connect(daemon, 0), self.connect(daemon, 0)
        stuck = self.connect(daemon, 1, receive_buffer=4096)
        self.assert_echoes(active)
        self.assert_echoes(idle)
        daemon.wait_for("accept", listener="chargen")
        peers = [self.peer_of(client) for client in (active, idle, stuck)]
        data = random.Random(2).randbytes(100_000)
        began = time.monotonic()
        with daemon.frozen():
            active.sendall(data)
            daemon.signal(signal.SIGTERM)
        self.assertTrue(receive_exactly(active, len(data)) == data)
        active.shutdown(socket.SHUT_WR)
        self.assert_ends(active)
        active.close()
        self.assert_ends(idle)
        self.assertGreaterEqual(time.monotonic() - began, 0.7)
        self.assert_exits(daemon)
        self.assert_between(time.monotonic() - began, 0.7, 0.7 + SLACK)
        self.assertEqual(
            [daemon.wait_for("close", peer=peer)["reason"] for peer in peers],
            ["client_fin", "drain", "drain"])
        receive_end(stuck)

    def test_what_came_before_the_end_of_the_drain_is_echoed(self):
        # The daemon is in the middle of writing to a slow reader when the drain ends.
        daemon = self.start(options=["timeouts.drain=0", "socket.receive_buffer=1M",
                                     "socket.send_buffer=16k"])
        slow = self.connect(daemon, receive_buffer=4096)
        data = random.Random(3).randbytes(120_000)
        slow.sendall(data)
        wait_until(lambda: unacknowledged(slow) == 0, "all has arrived at the daemon")
        idle = self.connect(daemon)
        self.assert_echoes(idle)
        daemon.signal(signal.SIGTERM)
        self.assert_ends(idle)  # the drain is over, for the older connection as well
        self.assertTrue(receive_all(slow) == data)
        self.assert_exits(daemon)
        peer = self.peer_of(slow)
        closed = daemon.wait_for("close", peer=peer)
        self.assertEqual((closed["reason"], closed.number("out")), ("drain", len(data)))

    def test_drain_of_0_ends_idle_clients_at_once(self):
        daemon = self.start(options=["timeouts.drain=0"])
        clients = [self.connect(daemon) for _ in range(3)]
        for client in clients:
            self.assert_echoes(client)
        began = time.monotonic()
        daemon.signal(signal.SIGTERM)
        for client in clients:
            self.assert_ends(client)
        self.assert_exits(daemon)
        self.assertLess(time.monotonic() - began, SLACK)
        self.assertEqual(len(daemon.events("close", reason="drain")), 3)

    def test_drain_of_0_cuts_a_stuck_client(self):
        daemon = self.start(listen=["127.0.0.1:0=chargen"],
                            options=["timeouts.drain=0", "timeouts.write=1h",
                                     "socket.send_buffer=64k"])
        stuck = self.connect(daemon, receive_buffer=4096)
        receive_exactly(stuck, 1)
        began = time.monotonic()
        daemon.signal(signal.SIGTERM)
        self.assert_exits(daemon)
        self.assertLess(time.monotonic() - began, SLACK)
        self.assertEqual(daemon.wait_for("close")["reason"], "drain")

    def test_drain_does_not_wait_for_a_client_that_trickles(self):
        daemon = self.start(options=["timeouts.drain=300ms"])
        client = self.connect(daemon)
        self.assert_echoes(client)
        self.stop(daemon)
        began = time.monotonic()
        sent = 0
        with self.assertRaises(ConnectionError):
            while time.monotonic() - began < PATIENCE:
                client.sendall(b"x")
                sent += 1
                time.sleep(0.01)  # the client's pace
        self.assertGreater(sent, 0)
        self.assert_exits(daemon)
        self.assertEqual(daemon.wait_for("close")["reason"], "drain")

    def test_refused_client_still_hears_why_while_it_drains(self):
        daemon = self.start(options=["timeouts.drain=1h", "limits.max_connections=1",
                                     "limits.refuse_text=full"])
        client = self.connect(daemon)
        self.assert_echoes(client)
        with daemon.frozen():
            late = self.connect(daemon)
            late.sendall(b"unread")
            daemon.signal(signal.SIGTERM)
        self.assertEqual(receive_all(late), b"full")
        late.close()
        client.close()
        self.assert_exits(daemon)

    def test_timeouts_hold_while_it_drains(self):
        daemon = self.start(options=["timeouts.drain=1h", "timeouts.idle=500ms"])
        client = self.connect(daemon)
        self.assert_echoes(client)
        self.stop(daemon)
        self.assert_ends(client)
        client.close()
        self.assert_exits(daemon)
        self.assertEqual(daemon.wait_for("close")["reason"], "idle")


class SecondSignal(StopTest):
    def test_second_signal_exits_at_once_with_1(self):
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)):
            with self.subTest(first=first, second=second):
                daemon = self.start(listen=["127.0.0.1:0=echo", "127.0.0.1:0=chargen"],
                                    options=["timeouts.drain=1h", "timeouts.write=1h"],
                                    expect_exit=1)
                idle, stuck = self.connect(daemon, 0), self.connect(daemon, 1)
                self.assert_echoes(idle)
                receive_exactly(stuck, 1)
                self.stop(daemon, first)
                self.assert_echoes(idle)
                began = time.monotonic()
                daemon.signal(second)
                self.assert_exits(daemon, 1)
                self.assertLess(time.monotonic() - began, SLACK)


class OtherSignals(StopTest):
    def test_usr1_logs_statistics_and_serving_goes_on(self):
        daemon = self.start(listen=["127.0.0.1:0=echo", "127.0.0.1:0=greet"],
                            options=["listen.[1].limits.max_connections=1"])
        daemon.signal(signal.SIGUSR1)
        first = daemon.wait_for("statistics")
        self.assertEqual((first["active"], first["accepted"], first["refused"]), ("0", "0", "0"))
        done = self.connect(daemon)
        self.assert_echoes(done, b"four")
        done.shutdown(socket.SHUT_WR)
        self.assert_ends(done)
        daemon.wait_for("close")
        client = self.connect(daemon)
        self.assert_echoes(client)
        greeted = self.connect(daemon, 1)
        self.assertEqual(receive_all(greeted), b"Hello, Client!")
        receive_end(self.connect(daemon, 1))  # refused, for the first one lingers
        daemon.signal(signal.SIGUSR1)
        second = daemon.wait_for("statistics", active=2)
        self.assertEqual(
            {name: second[name] for name in
             ("accepted", "refused", "in", "out", "client_fin", "limit_listener")},
            {"accepted": "3", "refused": "1", "in": "4", "out": "4", "client_fin": "1",
             "limit_listener": "1"})
        self.assert_echoes(client)

    def test_hup_does_not_kill(self):
        daemon = self.start()
        client = self.connect(daemon)
        daemon.signal(signal.SIGHUP)
        self.assertEqual(daemon.wait_for("reload").level, "warn")
        self.assert_echoes(client)
        self.assert_echoes(self.connect(daemon))

    def test_pipe_does_not_kill(self):
        daemon = self.start()
        daemon.signal(signal.SIGPIPE)
        self.assert_echoes(self.connect(daemon))

    def test_a_log_that_nobody_reads_any_more_does_not_kill(self):
        reader, writer = os.pipe()
        daemon = self.start(stderr=writer)
        os.close(writer)
        os.close(reader)
        for _ in range(3):
            client = self.connect(daemon)
            self.assert_echoes(client)
            client.shutdown(socket.SHUT_WR)
            self.assert_ends(client)


if __name__ == "__main__":
    main()
