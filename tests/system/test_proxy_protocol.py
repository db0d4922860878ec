# SPDX-License-Identifier: MIT
"""The PROXY protocol: headers byte by byte, and HAProxy and nginx in front of the daemon."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import time
import zlib

from client_harness import OK, USAGE, yodel
from proxy_harness import ProxyInFront
from yodel_harness import (PATIENCE, SystemTest, close_with_reset, free_port, main, receive_all,
                           receive_end, seconds_between, wait_until)

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n"


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def tlv(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def v2(source="192.0.2.1", port=1111, tlvs=b"", command=1, checksum=False):
    family = 0x21 if ":" in source else 0x11
    pack = socket.AF_INET6 if ":" in source else socket.AF_INET
    body = socket.inet_pton(pack, source) * 2 + struct.pack(">HH", port, 2222) + tlvs
    if checksum:
        body += tlv(3, bytes(4))
    header = SIGNATURE + struct.pack(">BBH", 0x20 | command, family, len(body)) + body
    if checksum:
        header = header[:-4] + struct.pack(">I", crc32c(header))
    return header


class ProxyTest(SystemTest):
    def start_with(self, version="any", lists="", options=(), listen="127.0.0.1:0"):
        config = self.write_config(f'proxy_protocol = "{version}";\n{lists}\n')
        return self.start(listen=(listen,), config=config, options=options)

    def say(self, daemon, header, source=None):
        client = self.connect(daemon, source=source)
        client.sendall(header)
        return client

    def assert_served(self, daemon, header):
        client = self.say(daemon, header)
        self.assert_echoes(client)
        return client

    def assert_bad(self, daemon, header, error):
        client = self.say(daemon, header)
        self.assertEqual(receive_end(client), b"")
        accept = daemon.wait_for("accept", peer="%s:%d" % client.getsockname())
        client.close()
        self.assertIn(error, accept["error"])
        daemon.wait_for("close", conn=accept["conn"], reason="proxy_header")


class Headers(ProxyTest):
    def test_the_announced_peer_is_the_peer(self):
        daemon = self.start_with()
        for number, (header, peer) in enumerate((
                (V1, "192.0.2.1:1111"),
                (b"PROXY TCP6 2001:db8::1 ::1 65535 1\r\n", "[2001:db8::1]:65535"),
                (v2(), "192.0.2.1:1111"),
                (v2("2001:db8::7", 80), "[2001:db8::7]:80"),
                (v2("::ffff:192.0.2.9", 80), "192.0.2.9:80"),
                (v2(checksum=True), "192.0.2.1:1111")), 1):
            with self.subTest(header=header):
                client = self.assert_served(daemon, header)
                client.close()
                accept = daemon.wait_for("accept", conn=number)
                self.assertEqual(accept["peer"], peer)
                self.assertRegex(accept["proxy"], r"^127\.0\.0\.1:\d+$")
                close = daemon.wait_for("close", conn=number)
                self.assertEqual((close["peer"], close["in"], close["out"]), (peer, "5", "5"))

    def test_silence_counts_from_the_end_of_the_header(self):
        daemon = self.start_with("v1", listen="127.0.0.1:0=talk",
                                 options=["timeouts.first_byte=500ms"])
        client = self.connect(daemon)
        time.sleep(0.5)  # the proxy's pace
        client.sendall(V1)
        receive_all(client)  # that nobody is there to answer
        client.close()
        closed = daemon.wait_for("close", reason="first_byte")
        self.assertGreater(seconds_between(daemon.wait_for("accept"), closed), 0.45)

    def test_bytes_behind_the_header_are_the_service_s(self):
        daemon = self.start_with()
        for header in (V1, v2(tlvs=tlv(4, b"x" * 2000))):
            client = self.say(daemon, header + b"yodel" * 1000)
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(receive_all(client), b"yodel" * 1000)

    def test_a_header_may_come_byte_by_byte(self):
        daemon = self.start_with()
        for header in (V1, v2(tlvs=tlv(2, b"example.com"), checksum=True)):
            client = self.connect(daemon)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in header:
                client.sendall(bytes([byte]))
            self.assert_echoes(client)

    def test_values_are_in_the_log_and_escaped(self):
        daemon = self.start_with()
        ssl = b"\x01\0\0\0\0" + tlv(0x21, b"TLSv1.3") + tlv(0x22, b"bob\n") + tlv(0x23, b"AES")
        tlvs = (tlv(1, b"h2") + tlv(2, b"example.com") + tlv(5, b"\0\xff") + tlv(0x20, ssl) +
                tlv(0x30, b"blue") + tlv(0xE0, b"unknown"))
        self.assert_served(daemon, v2(tlvs=tlvs, checksum=True))
        accept = daemon.wait_for("accept")
        self.assertEqual([accept[name] for name in (
            "destination", "alpn", "authority", "unique_id", "ssl_version", "ssl_cn",
            "ssl_verified", "ssl_cipher", "netns")],
            ["192.0.2.1:2222", "h2", "example.com", r"\x00\xff", "TLSv1.3", r"bob\n", "yes",
             "AES", "blue"])

    def test_who_was_verified_is_told_where_a_certificate_has_a_name(self):
        daemon = self.start_with()
        for number, tlvs in enumerate((b"", tlv(0x20, b"\x01\0\0\0\0" + tlv(0x21, b"TLSv1.3"))), 1):
            self.assert_served(daemon, v2(tlvs=tlvs))
            self.assertNotIn("ssl_verified", daemon.wait_for("accept", conn=number))

    def test_local_and_unknown_keep_the_real_peer_and_are_health_checks(self):
        daemon = self.start_with(options=["log.level=debug", "limits.max_per_peer=1"])
        unspec = SIGNATURE + b"\x21\0\0\x0c" + bytes(12)
        headers = b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN 1 2 3\r\n", v2(command=0), unspec
        clients = [self.assert_served(daemon, header) for header in headers]
        for client in clients:
            peer = "%s:%d" % client.getsockname()
            accept = daemon.wait_for("accept", peer=peer)
            self.assertEqual((accept["proxy"], accept.level), (peer, "debug"))
            self.assertNotIn("destination", accept)
            client.close()
            self.assertEqual(daemon.wait_for("close", peer=peer, reason="probe").level, "debug")

    def test_greet_and_max_per_peer_go_by_the_announced_peer(self):
        config = self.write_config('''proxy_protocol = "v1"; limits: { max_per_peer = 1; };
            service = "greet"; text = "${peer}"; timeouts: { linger = "1h"; };''')
        daemon = self.start(listen=("127.0.0.1:0",), config=config)
        first = self.say(daemon, V1)
        self.assertEqual(receive_all(first), b"192.0.2.1:1111")
        second = self.say(daemon, V1)
        self.assertEqual(receive_end(second), b"")
        daemon.wait_for("refuse", peer="192.0.2.1:1111", reason="limit_peer")
        other = self.say(daemon, V1.replace(b"192.0.2.1 ", b"192.0.2.3 "))
        self.assertEqual(receive_all(other), b"192.0.2.3:1111")
        first.close()
        daemon.wait_for("close", conn=1)
        daemon.wait_for_client_threads(1)
        self.assertEqual(receive_all(self.say(daemon, V1)), b"192.0.2.1:1111")
        other.close()

    def test_allow_and_deny_hold_for_the_announced_and_the_real_peer(self):
        daemon = self.start_with(lists='deny = ("192.0.2.1", "127.0.0.2");')
        client = self.say(daemon, V1)
        self.assertEqual(receive_end(client), b"")
        refused = daemon.wait_for("refuse", reason="denied")
        self.assertEqual((refused.level, refused["listener"], refused["peer"]),
                         ("warn", "echo", "192.0.2.1:1111"))
        other = V1.replace(b"192.0.2.1 ", b"192.0.2.3 ")
        self.assert_served(daemon, other)
        unix = SIGNATURE + b"\x21\x31\0\xd8" + b"/run/front".ljust(216, b"\0")
        self.assertEqual(receive_end(self.say(self.start_with(
            lists='allow = ("127.0.0.0/8");'), unix)), b"")
        self.assertEqual(receive_end(self.connect(daemon, source="127.0.0.2")), b"")
        daemon.wait_for("refuse", reason="denied")


class AnnouncedRefusals(ProxyTest):
    """Who may not be here by the word of the proxy is refused like who has come itself."""

    def start_full(self, *options, **keywords):
        """Together with a client of the peer that V1 announces, who is let in."""
        daemon = self.start_with(options=["limits.max_per_peer=1", "limits.refuse_text=full",
                                          *options], **keywords)
        return daemon, self.assert_served(daemon, V1)

    def is_closed(self, daemon):
        try:
            self.connect(daemon).close()
        except ConnectionError:
            return True
        return False

    def test_one_over_the_limit_gets_the_text_and_an_end(self):
        daemon, first = self.start_full()
        self.assertEqual(receive_all(self.say(daemon, V1)), b"full")
        first.close()
        daemon.wait_for("close", conn=1)
        daemon.wait_for_client_threads(0)
        self.assert_served(daemon, V1)
        daemon.stop()
        stop = daemon.events("stop")[0]
        self.assertEqual((stop["accepted"], stop["refused"], stop["limit_peer"]), ("2", "1", "1"))

    def test_who_is_denied_gets_no_text(self):
        daemon = self.start_with(lists='deny = ("192.0.2.1");', options=["limits.refuse_text=no"])
        self.assertEqual(receive_end(self.say(daemon, V1)), b"")

    def test_lines_are_held_back_and_counted(self):
        daemon = self.start_with(lists='deny = ("192.0.2.1");')
        for _ in range(50):
            self.assertEqual(receive_end(self.say(daemon, V1)), b"")
        daemon.stop()
        lines = daemon.events("refuse", reason="denied")
        self.assertLess(len(lines), 50)  # at most two a second
        self.assertEqual(len([line for line in lines if "peer" in line]) +
                         sum(line.number("suppressed") for line in lines if "suppressed" in line),
                         50)
        self.assertEqual(daemon.events("accept") + daemon.events("close"), [])
        stop = daemon.events("stop")[0]
        self.assertEqual((stop["accepted"], stop["refused"], stop["denied"]), ("0", "50", "50"))

    def test_who_does_not_leave_holds_no_slot_and_no_thread(self):
        daemon, _ = self.start_full("limits.max_connections=2", "timeouts.linger=1h")
        for _ in range(5):
            self.assertEqual(receive_all(self.say(daemon, V1)), b"full")
        daemon.wait_for_client_threads(1)
        self.assert_served(daemon, V1.replace(b"192.0.2.1 ", b"192.0.2.3 "))

    def test_while_it_drains_it_is_the_same(self):
        daemon, first = self.start_full("timeouts.drain=1h")
        clients = [self.connect(daemon) for _ in range(5)]
        daemon.wait_for_client_threads(6)
        daemon.signal(signal.SIGTERM)
        daemon.wait_for("drain")
        for client in clients:
            client.sendall(V1)
            self.assertEqual(receive_all(client), b"full")
            client.close()
        first.close()
        self.assertEqual(daemon.wait_for_exit(), 0)
        self.assertEqual(len(daemon.events("accept")), 1)
        self.assertEqual(len(daemon.events("close")), 1)
        stop = daemon.events("stop")[0]
        self.assertEqual((stop["accepted"], stop["refused"], stop["limit_peer"]), ("1", "5", "5"))

    def test_behind_the_last_client_they_do_not_stay_either(self):
        daemon, first = self.start_full("exit.max_accepts=8", "timeouts.linger=100ms")
        clients = [self.connect(daemon) for _ in range(7)]  # the last of them closes the listener
        daemon.wait_for_client_threads(8)
        wait_until(lambda: self.is_closed(daemon), "the listener is closed")
        before = daemon.descriptors()
        for client in clients:
            client.sendall(V1)
            self.assertEqual(receive_all(client), b"full")
        wait_until(lambda: daemon.descriptors() == before - 7, "they are gone")
        self.assert_echoes(first)
        first.close()
        self.assertEqual(daemon.wait_for_exit(), 0)
        self.assertEqual(daemon.events("stop")[0]["refused"], "7")

    def test_they_do_not_count_for_the_end_while_others_may_come(self):
        daemon, _ = self.start_full("exit.max_accepts=3")
        for _ in range(10):
            self.assertEqual(receive_all(self.say(daemon, V1)), b"full")
        self.assert_served(daemon, V1.replace(b"192.0.2.1 ", b"192.0.2.3 "))


class Refusals(ProxyTest):
    def test_bad_headers_end_the_connection(self):
        daemon = self.start_with()
        for header, error in (
                (b"GET / HTTP/1.1\r\n", "expected a header of version 1 or 2"),
                (b"\x16\x03\x01", "expected a header of version 1 or 2"),
                (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n", "ends with CR LF"),
                (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n", "two addresses and two ports"),
                (b"PROXY UNKNOWN" + b"x" * 95, "within 107 bytes"),
                (b"PROXY TCP9 1 2 3\r\n", "TCP4, TCP6 or UNKNOWN"),
                (v2(tlvs=b"\1\0\5x"), "values that end with the header"),
                (v2(checksum=True)[:-1] + b"\0", "another checksum"),
                (v2(tlvs=bytes(4096)), "at most 4096 bytes"),
                (v2(command=2), "command LOCAL or PROXY")):
            with self.subTest(header=header[:40]):
                self.assert_bad(daemon, header, error)
        self.assert_served(daemon, V1)

    def test_the_other_version_is_refused(self):
        self.assert_bad(self.start_with("v1"), v2(), "version 1")
        self.assert_bad(self.start_with("v2"), V1, "version 2")
        self.assert_served(self.start_with("v1"), V1)
        self.assert_served(self.start_with("v2"), v2())

    def test_an_early_end_is_told_from_silence(self):
        daemon = self.start_with()
        silent = self.connect(daemon)
        silent.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_end(silent), b"")
        daemon.wait_for("close", conn=1, reason="probe")
        cut = self.say(daemon, V1[:-1])
        cut.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_end(cut), b"")
        daemon.wait_for("close", conn=2, reason="proxy_header")

    def test_a_reset_within_a_header_is_no_probe(self):
        daemon = self.start_with()
        client = self.say(daemon, V1[:10])
        wait_until(lambda: daemon.client_threads() == 1, "it is read")
        close_with_reset(client)
        self.assertIn("got a reset", daemon.wait_for("accept")["error"])
        daemon.wait_for("close", reason="proxy_header")

    def test_values_of_a_bad_header_are_not_told(self):
        daemon = self.start_with()
        ssl = b"\x01\0\0\0\0" + tlv(5, b"spoof") + tlv(0x21, b"TLSv9")
        self.assert_bad(daemon, v2(tlvs=tlv(5, b"spoof") + tlv(0x20, ssl) + tlv(3, b"crc!")),
                        "another checksum")
        self.assertNotIn("spoof", "\n".join(daemon.lines))
        self.assert_served(daemon, v2(tlvs=tlv(0x20, ssl) + tlv(0x22, b"bob")))
        self.assertNotIn("spoof", "\n".join(daemon.lines))
        self.assertNotIn("bob", "\n".join(daemon.lines))

    def test_a_connection_has_its_lifetime_though_no_header_comes(self):
        daemon = self.start_with(options=["timeouts.lifetime=200ms"])
        self.assertEqual(receive_end(self.connect(daemon)), b"")
        daemon.wait_for("close", reason="lifetime")

    def test_the_words_for_limits_are_not_for_strangers(self):
        daemon = self.start_with(lists='proxy_from = ("127.0.0.2");',
                                 options=["limits.refuse_text=full"])
        self.assertEqual(receive_end(self.connect(daemon)), b"")

    def test_a_header_has_its_time_however_it_trickles(self):
        daemon = self.start_with(options=["timeouts.proxy_header=300ms"])
        client = self.connect(daemon)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):
            for byte in v2(tlvs=tlv(4, bytes(3000))):
                client.sendall(bytes([byte]))
                client.settimeout(0.01)
                with contextlib.suppress(TimeoutError):
                    if not client.recv(1):
                        break
                client.settimeout(PATIENCE)
        self.assertIn("timeouts.proxy_header", daemon.wait_for("accept")["error"])
        daemon.wait_for("close", reason="proxy_header")

    def test_who_is_no_proxy_is_refused_before_a_thread_is_spent(self):
        daemon = self.start_with(lists='proxy_from = ("127.0.0.2");')
        self.assertEqual(receive_end(self.connect(daemon)), b"")
        daemon.wait_for("refuse", reason="proxy_header")
        client = self.say(daemon, V1, source="127.0.0.2")
        self.assert_echoes(client)
        daemon.stop()
        self.assertEqual(len(daemon.events("accept")), 1)

    def test_without_proxies_nobody_may_connect(self):
        daemon = self.start_with(lists="proxy_from = ();")
        self.assertEqual(receive_end(self.connect(daemon)), b"")
        daemon.wait_for("refuse", reason="proxy_header")


class Client(ProxyTest):
    """yodel --send-proxy."""

    def run_client(self, daemon, *arguments):
        host, port = daemon.address()
        done = yodel(arguments[0], host, str(port), *arguments[1:])
        self.assertEqual((done.returncode, done.stderr), (OK, b""))
        return done.stdout

    def test_the_connection_s_own_addresses_are_sent(self):
        for version in ("v1", "v2"):
            daemon = self.start_with(version)
            self.assertEqual(self.run_client(daemon, "send", "--send-proxy", version, "hello\n"),
                             b"hello\n")
            accept = daemon.wait_for("accept")
            self.assertEqual(accept["peer"], accept["proxy"])
            self.assertEqual(accept["destination"], "%s:%d" % daemon.address())

    def test_anybody_may_be_announced_with_values(self):
        daemon = self.start_with("v2")
        self.run_client(
            daemon, "send", "--send-proxy", "v2,source=[2001:db8::1]:80,"
            "destination=[::1]:81,authority=a.example,alpn=h2,unique-id=7,netns=n,crc32c", "hello")
        accept = daemon.wait_for("accept")
        self.assertEqual([accept[name] for name in (
            "peer", "destination", "authority", "alpn", "unique_id", "netns")],
            ["[2001:db8::1]:80", "[::1]:81", "a.example", "h2", "7", "n"])

    def test_local_announces_nobody(self):
        for version in ("v1", "v2"):
            daemon = self.start_with(version, options=["log.level=debug"])
            self.run_client(daemon, "send", "--send-proxy", f"{version},local", "hello")
            self.assertNotIn("destination", daemon.wait_for("accept"))

    def test_every_command_begins_its_connections_so(self):
        daemon = self.start_with("v1", options=["log.level=debug"])
        for arguments in (("ping", "-n", "2", "-i", "1ms"), ("check",), ("verify", "-n", "100k"),
                          ("ping", "--connect", "-n", "2", "-i", "1ms"), ("multi", "a", "b"),
                          ("load", "-c", "3", "-d", "100ms", "-q")):
            with self.subTest(arguments=arguments):
                self.run_client(daemon, *arguments, "--send-proxy",
                                "v1,source=192.0.2.1:9,destination=192.0.2.2:10")
        events = daemon.wait_for_count(9, "accept")
        self.assertEqual({event["peer"] for event in events}, {"192.0.2.1:9"})

    def test_what_makes_no_sense_is_a_usage_error(self):
        for spec in ("v3", "v1,", "v1,crc32c", "v1,authority=x", "v2,source=1.2.3.4",
                     "v2,source=::1:1", "v2,source=host:1", "v2,unknown", "V1"):
            done = yodel("send", "--send-proxy", spec, "::1", "1")
            self.assertEqual(done.returncode, USAGE, spec)
            self.assertIn(b"send-proxy: expected v1 or v2", done.stderr)


class Proxies(ProxyTest, ProxyInFront):
    """Other people's proxies in front of the daemon."""

    def assert_proxied(self, daemon, front):
        """Many clients at once, each of them the peer, and a long stream, byte for byte."""
        clients = [self.connect(front) for _ in range(20)]
        for client in clients:
            self.assert_echoes(client)
            daemon.wait_for("accept", peer="%s:%d" % client.getsockname())
        data = os.urandom(1 << 20)
        with socket.create_connection(front, PATIENCE) as client:
            got = bytearray()
            for start in range(0, len(data), 1 << 14):
                client.sendall(data[start:start + (1 << 14)])
                while len(got) < start + (1 << 14):
                    got += client.recv(1 << 16)
        self.assertEqual(zlib.crc32(got), zlib.crc32(data))

    def test_haproxy_with_send_proxy(self):
        daemon = self.start_with("v1")
        self.assert_proxied(daemon, self.haproxy(daemon, "send-proxy"))

    def test_haproxy_with_send_proxy_v2_and_its_values(self):
        daemon = self.start_with("v2")
        front = self.haproxy(daemon, "send-proxy-v2 proxy-v2-options crc32c,unique-id")
        self.assert_proxied(daemon, front)
        self.assertRegex(daemon.wait_for("accept")["unique_id"], r"^yodel-\d+$")

    def test_haproxy_s_checks_find_the_daemon_up(self):
        daemon = self.start_with("v2", options=["log.level=debug"])
        front = self.haproxy(daemon, "send-proxy-v2 check-send-proxy check inter 50ms fall 1")
        daemon.wait_for_count(5, "close", reason="probe")
        self.assertFalse([event for event in daemon.events("accept") if "error" in event])
        self.assert_proxied(daemon, front)

    def test_nginx_with_proxy_protocol(self):
        daemon = self.start_with("v1")
        port = free_port()
        host, back = daemon.address()
        folder = self.folder()
        module = "/usr/lib/nginx/modules/ngx_stream_module.so"
        if not os.path.exists(module):
            self.skipTest("no nginx with its stream module")
        path = self.write_config(f"""
            load_module {module};
            daemon off; pid {folder}/pid; error_log stderr; worker_processes 1;
            events {{ worker_connections 512; }}
            stream {{ server {{
                listen 127.0.0.1:{port}; proxy_pass {host}:{back}; proxy_protocol on; }} }}
            """, "nginx.conf")
        self.assert_proxied(daemon, self.start_proxy(["nginx", "-p", folder, "-c", path], port))


if __name__ == "__main__":
    main()
