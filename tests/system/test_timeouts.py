# SPDX-License-Identifier: MIT
"""Each timeout ends what it is for, not before its time, and also against a client that trickles."""

import contextlib
import socket
import time

from yodel_harness import (PATIENCE, SLACK, SystemTest, main, receive_all, receive_end, receive_exactly,
                           wait_until)


class TimeoutTest(SystemTest):
    def assert_closed(self, daemon, reason, low_ms, **fields):
        closed = daemon.wait_for("close", **fields)
        self.assertEqual(closed["reason"], reason)
        self.assert_between(closed.number("ms"), low_ms, low_ms + SLACK * 1000)
        return closed

    def trickle(self, client, pace=0.02):
        """Sends a byte every now and then until the daemon has cut us off; returns how many."""
        sent = 0
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - began < PATIENCE:
                client.sendall(b"x")
                sent += 1
                time.sleep(pace)  # the client's pace
        return sent


class FirstByte(TimeoutTest):
    def test_silent_client_is_ended_after_first_byte(self):
        daemon = self.start(options=["timeouts.first_byte=200ms"])
        client = self.connect(daemon)
        self.assert_ends(client)
        client.close()
        self.assert_closed(daemon, "first_byte", 200)

    def test_first_byte_is_only_for_the_first_byte(self):
        daemon = self.start(options=["timeouts.first_byte=200ms", "timeouts.idle=700ms"])
        client = self.connect(daemon)
        self.assert_echoes(client, b"x")
        self.assert_ends(client)
        client.close()
        self.assert_closed(daemon, "idle", 700)

    def test_idle_stands_for_a_first_byte_of_0(self):
        daemon = self.start(options=["timeouts.first_byte=0", "timeouts.idle=200ms"])
        client = self.connect(daemon)
        self.assert_ends(client)
        client.close()
        self.assert_closed(daemon, "idle", 200)


class Idle(TimeoutTest):
    def test_silent_client_is_ended_after_idle(self):
        daemon = self.start(options=["timeouts.idle=200ms"])
        client = self.connect(daemon)
        self.assert_echoes(client)
        self.assert_ends(client)
        client.close()
        self.assert_closed(daemon, "idle", 200)

    def test_every_byte_begins_the_idle_time_anew(self):
        daemon = self.start(options=["timeouts.idle=1s"])
        client = self.connect(daemon)
        began = time.monotonic()
        while time.monotonic() - began < 2:
            self.assert_echoes(client, b"x")
            time.sleep(0.05)  # the client's pace
        client.shutdown(socket.SHUT_WR)
        self.assert_ends(client)
        self.assert_closed(daemon, "client_fin", 2000)

    def test_idle_of_0_is_for_ever_and_a_listener_has_its_own(self):
        daemon = self.start(listen=["127.0.0.1:0=echo", "127.0.0.1:0=echo"],
                            options=["timeouts.idle=0", "listen.[1].timeouts.idle=300ms"])
        patient = self.connect(daemon, 0)
        self.assert_echoes(patient)
        impatient = self.connect(daemon, 1)
        self.assert_ends(impatient)
        self.assert_echoes(patient)

    def test_idle_ends_discard(self):
        daemon = self.start(listen=["127.0.0.1:0=discard"], options=["timeouts.idle=200ms"])
        client = self.connect(daemon)
        client.sendall(b"x")
        self.assert_ends(client)
        client.close()
        self.assertEqual(self.assert_closed(daemon, "idle", 200)["in"], "1")


class Write(TimeoutTest):
    def test_chargen_to_a_client_that_never_reads_meets_the_write_timeout(self):
        daemon = self.start(listen=["127.0.0.1:0=chargen"],
                            options=["timeouts.write=300ms", "socket.send_buffer=64k"])
        threads = daemon.client_threads()
        self.connect(daemon, receive_buffer=4096)
        self.assert_closed(daemon, "write_timeout", 300)
        daemon.wait_for_client_threads(threads)

    def test_what_a_client_never_takes_does_not_stay_in_the_kernel(self):
        daemon = self.start(options=["timeouts.write=500ms", "socket.send_buffer=1M"])
        client = self.connect(daemon, receive_buffer=4096)
        client.sendall(b"x" * 100_000)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(daemon.wait_for("close")["reason"], "client_fin")
        port = "%04X" % daemon.addresses[0][1]

        def is_gone():
            with open("/proc/net/tcp", encoding="ascii") as table:
                rows = [line.split() for line in table]
            return not any(row[1].endswith(":" + port) and row[3] == "04" for row in rows)

        wait_until(is_gone, "the unread answer has left the kernel (FIN_WAIT1)")

    def test_write_of_0_is_for_ever(self):
        daemon = self.start(
            listen=["127.0.0.1:0=chargen", "127.0.0.1:0=chargen"],
            options=["listen.[0].timeouts.write=0", "listen.[1].timeouts.write=400ms",
                     "socket.send_buffer=64k"])
        patient = self.connect(daemon, 0, receive_buffer=4096)
        daemon.wait_for("accept", listener="chargen")
        self.connect(daemon, 1, receive_buffer=4096)
        self.assert_closed(daemon, "write_timeout", 400, listener="chargen-2")
        self.assertEqual(daemon.events("close", listener="chargen"), [])
        receive_exactly(patient, 1_000_000)


class Lifetime(TimeoutTest):
    def test_lifetime_ends_a_client_that_trickles(self):
        daemon = self.start(options=["timeouts.lifetime=400ms", "timeouts.linger=0"])
        client = self.connect(daemon)
        sent = self.trickle(client)
        self.assertGreater(sent, 0)
        closed = self.assert_closed(daemon, "lifetime", 400)
        self.assertGreater(closed.number("in"), 0)

    def test_lifetime_is_not_stretched_by_a_client_that_reads_slowly(self):
        daemon = self.start(listen=["127.0.0.1:0=chargen"],
                            options=["timeouts.lifetime=1s", "timeouts.linger=0",
                                     "socket.send_buffer=1M"])
        client = self.connect(daemon, receive_buffer=4096)
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while not daemon.events("close") and time.monotonic() - began < PATIENCE:
                client.recv(20_000)
                time.sleep(0.02)  # the client's pace
        closed = daemon.wait_for("close")
        self.assertEqual(closed["reason"], "lifetime")
        self.assert_between(closed.number("ms"), 1000, 3000)

    def test_lifetime_ends_a_silent_client_with_a_clean_end(self):
        daemon = self.start(options=["timeouts.lifetime=200ms"])
        client = self.connect(daemon)
        self.assert_echoes(client)
        self.assert_ends(client)
        client.close()
        self.assert_closed(daemon, "lifetime", 200)

    def test_lifetime_ends_a_client_that_never_reads(self):
        daemon = self.start(listen=["127.0.0.1:0=chargen"],
                            options=["timeouts.lifetime=300ms", "timeouts.write=0",
                                     "socket.send_buffer=64k"])
        self.connect(daemon, receive_buffer=4096)
        self.assert_closed(daemon, "lifetime", 300)

    def test_lifetime_ends_a_client_that_reads_all_the_time(self):
        daemon = self.start(listen=["127.0.0.1:0=chargen"],
                            options=["timeouts.lifetime=300ms", "timeouts.linger=200ms"])
        client = self.connect(daemon)
        # Its time is over in the middle of a write: that may end in a reset.
        self.assertGreater(len(receive_end(client)), 10_000)
        client.close()
        self.assert_closed(daemon, "lifetime", 300)

    def test_the_earlier_of_idle_and_lifetime_ends_a_client(self):
        daemon = self.start(options=["timeouts.lifetime=1h", "timeouts.idle=200ms"])
        client = self.connect(daemon)
        self.assert_ends(client)
        client.close()
        self.assert_closed(daemon, "idle", 200)


class Linger(TimeoutTest):
    def test_client_that_does_not_close_is_cut_at_the_end_of_linger(self):
        daemon = self.start(listen=["127.0.0.1:0=greet"], options=["timeouts.linger=300ms"])
        threads = daemon.client_threads()
        client = self.connect(daemon)
        self.assertEqual(receive_all(client), b"Hello, Client!")
        self.assert_closed(daemon, "linger", 300)
        daemon.wait_for_client_threads(threads)

    def test_linger_ends_a_client_that_trickles(self):
        daemon = self.start(listen=["127.0.0.1:0=greet"], options=["timeouts.linger=400ms"])
        client = self.connect(daemon)
        self.assertEqual(receive_all(client), b"Hello, Client!")
        self.assertGreater(self.trickle(client), 0)
        self.assert_closed(daemon, "linger", 400)

    def test_linger_of_0_does_not_wait(self):
        daemon = self.start(listen=["127.0.0.1:0=greet"], options=["timeouts.linger=0"])
        client = self.connect(daemon)
        self.assertEqual(receive_all(client), b"Hello, Client!")
        self.assertEqual(daemon.wait_for("close")["reason"], "done")

    def test_linger_after_another_timeout_keeps_that_reason(self):
        daemon = self.start(options=["timeouts.idle=100ms", "timeouts.linger=300ms"])
        client = self.connect(daemon)
        self.assert_ends(client)
        self.trickle(client)
        self.assert_closed(daemon, "idle", 400)


if __name__ == "__main__":
    main()
