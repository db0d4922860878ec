# SPDX-License-Identifier: MIT
"""The echo of datagrams: what comes back, what is never answered, and how much."""

import contextlib
import os
import random
import signal
import socket
import struct

from namespace_harness import add_address, add_interface, in_namespace, send_as
from yodel_harness import (ADDRESS_IN_USE, CONFIGURATION, PATIENCE, SystemTest, free_port, has_ipv6,
                           main, run, scaled, wait_until)

UDP = "protocol=udp"
NO_LIMIT = "limits.datagram_rate=0"
SIMPLE_SERVICES = (7, 13, 17, 19, 37)


class UdpTest(SystemTest):
    def start_udp(self, *hosts, options=(), **keywords):
        """A daemon with a UDP listener on a port of the kernel's choice at each host."""
        words = [f"{host}:0=echo" for host in hosts or ("127.0.0.1",)]
        return self.start(listen=words, options=[UDP, *options], **keywords)

    def client(self, address=None, source=None):
        """A UDP socket; with an address it is connected, and hears from there alone."""
        family = socket.AF_INET6 if ":" in (address or source or [""])[0] else socket.AF_INET
        client = socket.socket(family, socket.SOCK_DGRAM)
        self.addCleanup(client.close)
        client.settimeout(PATIENCE)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        if source is not None:
            client.bind(source)
        if address is not None:
            client.connect(address)
        return client

    def assert_answered(self, client, data=b"yodel"):
        client.send(data)
        self.assertEqual(client.recv(65536), data)

    def assert_silent(self, client, address):
        """The daemon has dealt with all that the client sent, for it answers somebody who came later."""
        self.assert_answered(self.client(address))
        client.setblocking(False)
        with self.assertRaises(BlockingIOError):
            client.recv(65536)
        client.settimeout(PATIENCE)

    def statistics(self, daemon):
        """What it counts now."""
        before = len(daemon.events("statistics"))
        daemon.signal(signal.SIGUSR1)
        return daemon.wait_for_count(before + 1, "statistics")[-1]


class Echo(UdpTest):
    def test_datagrams_of_every_size_come_back(self):
        daemon = self.start_udp()
        client = self.client(daemon.address())
        for size in (0, 1, 512, 1472, 1473, 9000, 65506, 65507):
            with self.subTest(size=size):
                self.assert_answered(client, random.Random(size).randbytes(size))

    def test_ipv6_datagrams_come_back(self):
        if not has_ipv6():
            self.skipTest("no IPv6 here")
        daemon = self.start_udp("[::1]")
        client = self.client(daemon.address())
        for size in (0, 5, 65507, 65527):
            with self.subTest(size=size):
                self.assert_answered(client, random.Random(size).randbytes(size))

    def test_thousands_come_back_byte_for_byte(self):
        daemon = self.start_udp(options=[NO_LIMIT, "socket.receive_buffer=4M"])
        client = self.client(daemon.address())
        sent, dice = {}, random.Random(5)
        for number in range(scaled(5000, 1000)):
            sent[number] = struct.pack("!I", number) + dice.randbytes(dice.randrange(1400))
            client.send(sent[number])
        wait_until(lambda: self.statistics(daemon).number("datagrams_in") ==
                   self.statistics(daemon).number("datagrams_out") > 0, "all are answered")
        received = []
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                received.append(client.recv(65536))
        # The kernel may lose some on the way; none comes twice, and none is changed.
        numbers = [struct.unpack_from("!I", data)[0] for data in received]
        self.assertEqual(len(set(numbers)), len(numbers))
        self.assertTrue(all(sent[number] == data for number, data in zip(numbers, received)))
        self.assertGreater(len(received), 100)

    def test_many_clients_each_hear_their_own(self):
        daemon = self.start_udp()
        clients = [self.client(daemon.address()) for _ in range(100)]
        for number, client in enumerate(clients):
            client.send(b"%d" % number)
        for number, client in enumerate(clients):
            self.assertEqual(client.recv(100), b"%d" % number)

    def test_answer_comes_from_the_address_that_was_asked(self):
        for host in ("0.0.0.0", "*"):
            daemon = self.start_udp(host)
            port = daemon.address()[1]
            for asked in ("127.0.0.1", "127.0.0.2", "127.200.3.4"):
                with self.subTest(host=host, asked=asked):
                    client = self.client()
                    client.sendto(b"yodel", (asked, port))
                    self.assertEqual(client.recvfrom(100), (b"yodel", (asked, port)))

    def test_star_answers_both_families(self):
        if not has_ipv6():
            self.skipTest("no IPv6 here")
        daemon = self.start_udp("*")
        self.assertEqual(len(daemon.addresses), 1)
        port = daemon.address()[1]
        for host in ("127.0.0.1", "::1"):
            self.assert_answered(self.client((host, port)))

    def test_client_that_is_gone_does_not_end_it(self):
        daemon = self.start_udp()
        for _ in range(3):
            with daemon.frozen():
                client = self.client(daemon.address())
                client.send(b"answer me if you can")
                client.close()
            self.assert_answered(self.client(daemon.address()))


class Daemon(UdpTest):
    def test_ready_line_log_and_thread_tell_of_udp(self):
        daemon = self.start(listen=["127.0.0.1:0=echo", "127.0.0.1:0=echo"],
                            options=["listen.[1].protocol=udp", "listen.[1].name=data"])
        ports = [port for _, port in daemon.addresses]
        self.assertEqual(daemon.ready_lines,
                         [f"127.0.0.1:{ports[0]}", f"udp:127.0.0.1:{ports[1]}"])
        told = daemon.wait_for("listen", listener="data")
        self.assertEqual((told["protocol"], told["service"]), ("udp", "echo"))
        self.assertEqual(told["address"], f"127.0.0.1:{ports[1]}")
        self.assertNotIn("protocol", daemon.wait_for("listen", listener="echo"))
        wait_until(lambda: "data" in daemon.thread_names(), "the thread has its name")

    def test_tcp_and_udp_have_the_same_port(self):
        port = free_port()
        daemon = self.start(listen=[f"127.0.0.1:{port}=echo"] * 2,
                            options=["listen.[1].protocol=udp"])
        self.assert_echoes(self.connect(daemon, 0))
        self.assert_answered(self.client(("127.0.0.1", port)))

    def test_port_in_use_names_its_owner(self):
        daemon = self.start_udp()
        port = daemon.address()[1]
        done = run("-c", "/dev/null", "-l", f"127.0.0.1:{port}", "-o", UDP)
        self.assertEqual(done.returncode, ADDRESS_IN_USE)
        self.assertIn(f"cannot listen on udp:127.0.0.1:{port}: address already in use by yodeld "
                      f"(pid {daemon.pid})", done.stderr)

    def test_what_udp_cannot_do_is_refused(self):
        for arguments, why in (
                (("-l", "127.0.0.1:0=greet"), 'expected service echo with protocol udp, got "greet"'),
                (("-l", "unix:/tmp/x"), "expected tcp with a Unix socket, got udp"),
                (("-l", "127.0.0.1:7", "-l", "127.0.0.1:7"), "an address of its own")):
            done = run("-c", "/dev/null", "-t", "-o", UDP, *arguments)
            self.assertEqual(done.returncode, CONFIGURATION, done.stderr)
            self.assertIn(why, done.stderr)

    def test_statistics_count_datagrams(self):
        daemon = self.start_udp()
        client = self.client(daemon.address())
        for _ in range(10):
            self.assert_answered(client)
        wait_until(lambda: self.statistics(daemon)["datagrams_out"] == "10", "all are counted")
        self.assertEqual(self.statistics(daemon)["datagrams_in"], "10")
        daemon.stop()
        told = daemon.wait_for("stop")
        self.assertEqual((told["datagrams_in"], told["datagrams_out"]), ("10", "10"))

    def test_without_udp_nothing_is_told_of_datagrams(self):
        daemon = self.start()
        daemon.stop()
        self.assertNotIn("datagrams", daemon.wait_for("stop").line)

    def test_drain_answers_what_has_arrived_and_then_ends_it(self):
        daemon = self.start(listen=["127.0.0.1:0=echo", "127.0.0.1:0=echo"],
                            options=["listen.[1].protocol=udp", "timeouts.drain=1h"])
        stream = self.connect(daemon, 0)
        self.assert_echoes(stream)
        client = self.client(daemon.address(1))
        with daemon.frozen():
            for number in range(100):
                client.send(b"%d" % number)
            daemon.signal(signal.SIGTERM)
        for number in range(100):
            self.assertEqual(client.recv(100), b"%d" % number)
        daemon.wait_for("drain")
        client.send(b"too late")
        with self.assertRaises(ConnectionRefusedError):
            client.recv(100)
        self.assert_echoes(stream)
        stream.close()
        self.assertEqual(daemon.wait_for_exit(), 0)

    def test_flood_does_not_hold_up_the_stop(self):
        daemon = self.start_udp()
        pid = os.fork()
        if pid == 0:
            flood = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            while True:
                with contextlib.suppress(OSError):
                    flood.sendto(b"x" * 100, daemon.address())
        try:
            wait_until(lambda: self.statistics(daemon).number("datagrams_in") > 1000, "a flood")
            daemon.stop()
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


class Rate(UdpTest):
    def test_a_peer_gets_no_more_than_its_rate_and_another_one_its_own(self):
        daemon = self.start_udp(options=["limits.datagram_rate=10/h"])
        client = self.client(daemon.address())
        for number in range(10):
            self.assert_answered(client, b"%d" % number)
        for _ in range(20):
            client.send(b"more")
        other = self.client(daemon.address(), source=("127.0.0.2", 0))
        self.assert_answered(other)
        client.setblocking(False)
        with self.assertRaises(BlockingIOError):
            client.recv(100)
        # An answer is counted when it has been sent.
        wait_until(lambda: self.statistics(daemon)["datagrams_out"] == "11", "all are counted")
        told = self.statistics(daemon)
        self.assertEqual((told["datagrams_in"], told["dropped_rate"]), ("31", "20"))
        refused = daemon.wait_for("refuse", reason="rate")
        self.assertEqual(refused["listener"], "echo")
        self.assertEqual(refused["peer"], "127.0.0.1:%d" % client.getsockname()[1])
        daemon.stop()
        self.assertEqual(sum(int(event.get("suppressed", 1)) for event in
                             daemon.events("refuse", reason="rate")), 20)

    def test_networks_that_are_denied_get_nothing(self):
        daemon = self.start_udp(config=self.write_config('allow = ( "127.0.0.1" );'))
        denied = self.client(daemon.address(), source=("127.0.0.2", 0))
        denied.send(b"hello?")
        self.assert_silent(denied, daemon.address())
        self.assertEqual(self.statistics(daemon)["dropped_denied"], "1")

    def test_default_allows_honest_tests_and_bounds_the_rest(self):
        daemon = self.start_udp()
        client = self.client(daemon.address())
        for _ in range(500):
            self.assert_answered(client)
        with daemon.frozen():
            for _ in range(200):
                client.send(b"")
        for _ in range(200):
            self.assertEqual(client.recv(100), b"")
        self.assertNotIn("dropped_rate", self.statistics(daemon))

    def test_prefix_makes_the_peer(self):
        daemon = self.start_udp(options=["limits.datagram_rate=1/h", "limits.peer_prefix_v4=8"])
        self.assert_answered(self.client(daemon.address()))
        other = self.client(daemon.address(), source=("127.0.0.2", 0))
        other.send(b"more")
        wait_until(lambda: self.statistics(daemon).get("dropped_rate") == "1", "it is dropped")


class Guard(UdpTest):
    """What could go round in circles, or to many."""

    @in_namespace
    def test_ports_of_services_that_answer_are_not_answered(self):
        daemon = self.start_udp()
        for port in SIMPLE_SERVICES:
            service = self.client(daemon.address(), source=("127.0.0.1", port))
            service.send(b"of a chargen, for one")
            self.assert_silent(service, daemon.address())
        told = self.statistics(daemon)
        self.assertEqual(told["dropped_loop"], "5")
        self.assertEqual(daemon.wait_for("refuse", reason="loop")["peer"], "127.0.0.1:7")

    @in_namespace
    def test_two_daemons_on_one_port_do_not_answer_each_other(self):
        one = self.start(listen=["127.0.0.1:7007=echo"], options=[UDP])
        other = self.start(listen=["127.0.0.2:7007=echo"], options=[UDP])
        send_as(one.address(), other.address())
        wait_until(lambda: self.statistics(other).get("dropped_loop") == "1", "it is dropped")
        self.assertEqual(self.statistics(one)["datagrams_in"], "0")

    @in_namespace
    def test_a_daemon_does_not_answer_a_port_of_its_other_listeners(self):
        daemon = self.start(listen=["127.0.0.1:7007=echo", "127.0.0.1:7008=echo"], options=[UDP])
        send_as(("127.0.0.3", 7008), ("127.0.0.1", 7007))
        send_as(("127.0.0.1", 7008), ("127.0.0.1", 7007))
        send_as(("127.0.0.1", 7007), ("127.0.0.1", 7007))
        wait_until(lambda: self.statistics(daemon).get("dropped_loop") == "3", "all are dropped")
        self.assertEqual(self.statistics(daemon)["datagrams_out"], "0")

    @in_namespace
    def test_loop_between_two_ports_ends_with_the_rate(self):
        one = self.start(listen=["127.0.0.1:7007=echo"], options=[UDP, "limits.datagram_rate=50/h"])
        other = self.start(listen=["127.0.0.2:7008=echo"], options=[UDP])
        send_as(other.address(), one.address())
        wait_until(lambda: self.statistics(one).get("dropped_rate") == "1", "the loop has ended")
        self.assertEqual(self.statistics(one)["datagrams_in"], "51")
        self.assertEqual(self.statistics(other)["datagrams_in"], "50")

    @in_namespace
    def test_source_port_0_and_sources_of_nobody_are_not_answered(self):
        daemon = self.start_udp("0.0.0.0")
        address = ("127.0.0.1", daemon.address()[1])
        send_as(("127.0.0.1", 0), address)
        wait_until(lambda: self.statistics(daemon).get("dropped_no_reply") == "1", "it is dropped")
        self.assert_answered(self.client(address))

    @in_namespace
    def test_broadcasts_are_not_answered(self):
        for host in ("0.0.0.0", "*"):
            with self.subTest(host=host):
                daemon = self.start_udp(host)
                port = daemon.address()[1]
                client = self.client()
                client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                client.sendto(b"everybody", ("127.255.255.255", port))
                self.assert_silent(client, ("127.0.0.1", port))
                self.assertEqual(self.statistics(daemon)["dropped_multicast"], "1")
                self.assertEqual(daemon.wait_for("refuse")["reason"], "multicast")

    @in_namespace
    def test_multicasts_are_not_answered(self):
        daemon = self.start_udp("0.0.0.0")
        port = daemon.address()[1]
        # Whoever joins a group on this machine does so for every IPv4 socket.
        client, group = self.client(), socket.inet_aton("239.1.2.3")
        loopback = socket.inet_aton("127.0.0.1")
        client.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + loopback)
        client.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)
        client.sendto(b"all of you", ("239.1.2.3", port))
        self.assert_silent(client, ("127.0.0.1", port))
        self.assertEqual(self.statistics(daemon)["dropped_multicast"], "1")

    @in_namespace
    def test_ipv6_multicasts_are_not_answered(self):
        if not has_ipv6():
            self.skipTest("no IPv6 here")
        add_interface("nowhere")
        daemon = self.start_udp("[::]")
        port = daemon.address()[1]
        client, index = self.client(source=("::", 0)), socket.if_nametoindex("nowhere")
        group = socket.inet_pton(socket.AF_INET6, "ff05::7007")
        client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                          group + struct.pack("@I", index))
        client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        client.sendto(b"all of you", ("ff05::7007", port))
        self.assert_silent(client, ("::1", port))
        self.assertEqual(self.statistics(daemon)["dropped_multicast"], "1")

    @in_namespace
    def test_answer_comes_from_the_ipv6_address_that_was_asked(self):
        if not has_ipv6():
            self.skipTest("no IPv6 here")
        add_address("fd00::1")
        add_address("fd00::2")
        daemon = self.start_udp("*")
        port = daemon.address()[1]
        for asked in ("fd00::1", "fd00::2", "::1"):
            client = self.client(source=("::", 0))
            client.sendto(b"yodel", (asked, port))
            data, peer = client.recvfrom(100)
            self.assertEqual((data, peer[:2]), (b"yodel", (asked, port)))


if __name__ == "__main__":
    main()
