# SPDX-License-Identifier: MIT
"""Socket options: what the kernel has for the daemon's end of a connection."""

import os
import socket
import time

from yodel_harness import SystemTest, main, receive_exactly

TCP, SOCKET = socket.IPPROTO_TCP, socket.SOL_SOCKET


class SocketOptions(SystemTest):
    def option(self, level, name, *options):
        """The option of an accepted socket in a daemon that is started with `options`."""
        daemon = self.start(options=options)
        client = self.connect(daemon)
        self.assert_echoes(client)
        with daemon.socket_of(client) as end:
            return end.getsockopt(level, name)

    def test_nodelay_is_on_unless_it_is_switched_off(self):
        self.assertNotEqual(self.option(TCP, socket.TCP_NODELAY), 0)
        self.assertEqual(self.option(TCP, socket.TCP_NODELAY, "socket.nodelay=false"), 0)

    def test_keepalive_is_off_unless_it_is_switched_on(self):
        self.assertEqual(self.option(SOCKET, socket.SO_KEEPALIVE), 0)
        self.assertEqual(self.option(SOCKET, socket.SO_KEEPALIVE, "socket.keepalive=true"), 1)

    def test_keepalive_times_are_set(self):
        options = ("socket.keepalive=true", "socket.keepalive_idle=2m",
                   "socket.keepalive_interval=7s", "socket.keepalive_count=4")
        self.assertEqual(self.option(TCP, socket.TCP_KEEPIDLE, *options), 120)
        self.assertEqual(self.option(TCP, socket.TCP_KEEPINTVL, *options), 7)
        self.assertEqual(self.option(TCP, socket.TCP_KEEPCNT, *options), 4)

    def test_user_timeout_is_set(self):
        self.assertEqual(
            self.option(TCP, socket.TCP_USER_TIMEOUT, "socket.user_timeout=1500ms"), 1500)

    def test_buffers_are_set(self):
        # The kernel doubles what it is asked for: socket(7).
        self.assertEqual(
            self.option(SOCKET, socket.SO_RCVBUF, "socket.receive_buffer=40k"), 2 * 40960)
        self.assertEqual(
            self.option(SOCKET, socket.SO_SNDBUF, "socket.send_buffer=50k"), 2 * 51200)

    def test_a_listener_has_options_of_its_own(self):
        daemon = self.start(listen=["127.0.0.1:0=echo", "127.0.0.1:0=echo"],
                            options=["listen.[1].socket.keepalive=true"])
        seen = []
        for index in (0, 1):
            client = self.connect(daemon, index)
            self.assert_echoes(client)
            with daemon.socket_of(client) as end:
                seen.append(end.getsockopt(SOCKET, socket.SO_KEEPALIVE))
        self.assertEqual(seen, [0, 1])

    def test_defer_accept_waits_for_the_first_byte(self):
        daemon = self.start(options=["socket.defer_accept=30s"])
        silent = self.connect(daemon)
        talkative = self.connect(daemon)
        self.assert_echoes(talkative)
        self.assertEqual(daemon.wait_for("accept")["peer"], "%s:%d" % talkative.getsockname())
        self.assertEqual(len(daemon.events("accept")), 1)
        self.assert_echoes(silent)

    def test_small_answers_come_at_once(self):
        # Without nodelay each answer to a half-sent line would wait for a delayed ACK, 40 ms.
        daemon = self.start()
        client = self.connect(daemon)
        began = time.monotonic()
        for _ in range(100):
            client.sendall(b"a")
            client.sendall(b"b")
            receive_exactly(client, 2)
        self.assertLess(time.monotonic() - began, 3)

    def test_clients_descriptors_are_not_inherited(self):
        daemon = self.start()
        client = self.connect(daemon)
        self.assert_echoes(client)
        for number in os.listdir(f"/proc/{daemon.pid}/fdinfo"):
            if int(number) > 2:
                with open(f"/proc/{daemon.pid}/fdinfo/{number}", encoding="ascii") as file:
                    flags = int(file.read().split("flags:")[1].split()[0], 8)
                self.assertTrue(flags & os.O_CLOEXEC, f"descriptor {number}")


if __name__ == "__main__":
    main()
