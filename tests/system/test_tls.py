# SPDX-License-Identifier: MIT
"""TLS listeners: every service as in the clear, and whatever clients do wrong costs them alone."""

import contextlib
import ctypes.util
import hashlib
import os
import pwd
import random
import select
import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest

from tls_harness import EC, RSA, VERSIONS, KeyUpdateClient, TlsClient, TlsTest, openssl
from yodel_harness import (PATIENCE, SLACK, close_with_reset, environment, main, receive_all,
                           receive_end, receive_exactly, scaled, seconds_between, split_address,
                           wait_until)

MIB = 1024 * 1024


class Dialogue(TlsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificates.make("ec", "localhost", key=EC)

    def test_echo_in_every_version_with_every_kind_of_key(self):
        for name, kind in (("server", "RSA"), ("ec", "ECDSA")):
            daemon = self.start_tls(name=name)
            for version in VERSIONS:
                with self.subTest(name=name, version=version):
                    client = self.secure(daemon, self.context(version))
                    for data in (b"x", b"yodel" * 5000, bytes(range(256))):
                        self.assert_echoes(client, data)
                    client.finish()
                    self.assert_ends(client)
                    told = daemon.wait_for("tls", version=version)
                    self.assertEqual((told.level, told["sni"], told["resumed"]),
                                     ("info", "localhost", "no"))
                    self.assertNotIn("client_subject", told)
                    if version == "TLSv1.2":
                        self.assertIn(f"-{kind}-", told["cipher"])
                    closed = self.assert_closed(daemon, "client_fin", conn=told["conn"])
                    self.assertEqual((closed["in"], closed["out"]), ("25257", "25257"))

    def test_a_half_close_is_answered_to_the_end(self):
        daemon = self.start_tls()
        data = random.Random(1).randbytes(3_000_000)
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.secure(daemon, self.context(version))
                back = b"".join(client.exchange(
                    data[at:at + 50_000] for at in range(0, len(data), 50_000)))
                self.assertTrue(back == data)

    def test_a_hundred_mebibytes_come_back_as_they_went(self):
        daemon = self.start_tls()
        count = scaled(100, 10)
        dice = random.Random(2)
        sent, received = hashlib.sha256(), hashlib.sha256()

        def pieces():
            for _ in range(count * 4):
                piece = dice.randbytes(MIB // 4)
                sent.update(piece)
                yield piece

        client = self.secure(daemon)
        length = 0
        for piece in client.exchange(pieces()):
            received.update(piece)
            length += len(piece)
        self.assertEqual(length, count * MIB)
        self.assertEqual(received.digest(), sent.digest())
        closed = self.assert_closed(daemon, "client_fin")
        self.assertEqual((closed.number("in"), closed.number("out")), (length, length))

    def test_a_record_that_comes_byte_by_byte_is_echoed(self):
        daemon = self.start_tls()
        client = self.secure(daemon)
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for value in client.record_of(b"yodel"):
            client.sock.sendall(bytes([value]))
        self.assertEqual(receive_exactly(client, 5), b"yodel")

    def test_a_service_that_is_done_says_so(self):
        daemon = self.start_tls("text=hello ${peer}", listen=["127.0.0.1:0=greet"])
        client = self.secure(daemon)
        peer = "%s:%d" % client.sock.getsockname()
        self.assertEqual(receive_all(client), f"hello {peer}".encode())
        client.finish()
        client.sock.close()
        self.assert_closed(daemon, "done")

    def test_a_slow_reader_gets_all_of_it_and_the_close_notify(self):
        daemon = self.start_tls("socket.send_buffer=16k", "socket.receive_buffer=1M")
        client = self.secure(daemon, receive_buffer=4096)
        data = random.Random(3).randbytes(200_000)
        client.sendall(data)
        client.finish()
        self.assertTrue(receive_all(client) == data)
        self.assert_closed(daemon, "client_fin")

    def test_tls_over_ipv6(self):
        daemon = self.start_tls(listen=["[::1]:0=echo"])
        self.assert_echoes(self.secure(daemon))

    def test_tls_over_a_unix_socket(self):
        path = os.path.join(self.folder(), "socket")
        daemon = self.start_tls(listen=[f"unix:{path}"])
        data = random.Random(4).randbytes(1_000_000)
        client = self.secure(daemon)
        back = b"".join(client.exchange(data[at:at + 40_000] for at in range(0, len(data), 40_000)))
        self.assertTrue(back == data)

    def test_the_header_of_a_proxy_comes_before_the_handshake(self):
        daemon = self.start_tls("proxy_protocol=v1")
        for pieces in (1, 2):
            sock = self.connect(daemon)
            header = f"PROXY TCP4 192.0.2.{pieces} 192.0.2.9 1234 443\r\n".encode()
            client = TlsClient(sock, self.context(), "localhost")
            with contextlib.suppress(ssl.SSLWantReadError):
                client.tls.do_handshake()
            if pieces == 2:
                sock.sendall(header)
                header = b""
            sock.sendall(header + client.outgoing.read())
            self.assert_echoes(client.handshake())
            self.assertEqual(daemon.wait_for_count(pieces, "tls")[-1]["peer"],
                             f"192.0.2.{pieces}:1234")

    def test_a_refused_client_gets_no_text_in_the_clear(self):
        daemon = self.start_tls("limits.max_connections=1", "limits.refuse_text=full")
        self.assert_echoes(self.secure(daemon))
        self.assertEqual(receive_end(self.connect(daemon)), b"")

    def test_nothing_either_way_is_a_probe_and_still_a_clean_end(self):
        daemon = self.start_tls()
        client = self.secure(daemon)
        client.finish()
        self.assert_ends(client)
        self.assert_closed(daemon, "probe")


class Talk(TlsTest):
    def test_lines_of_one_record_are_told_one_by_one(self):
        theirs_in, typed = os.pipe()
        shown, theirs_out = os.pipe()
        for fd in (typed, shown):
            self.addCleanup(os.close, fd)
        daemon = self.start_tls("log.level=info", ready=False, arguments=["--console"],
                                listen=["127.0.0.1:0=talk"],
                                stdin=theirs_in, stdout=theirs_out)
        os.close(theirs_in)
        os.close(theirs_out)
        daemon.wait_for("ready")
        daemon.addresses = [split_address(daemon.wait_for("listen")["address"])]
        client = self.secure(daemon)
        lines = [letter * 4000 + b"\n" for letter in (b"a", b"b", b"c")]
        client.sendall(b"".join(lines))  # more than the service takes at once, and poll(2) sees
        for line in lines:
            told = b""
            while not told.endswith(b" -> "):
                told += os.read(shown, 1 << 16)
            self.assertIn(b"from connected user: " + line, told)
            os.write(typed, line[:1] + b"\n")
            self.assertEqual(receive_exactly(client, 2), line[:1] + b"\n")
        client.finish()
        self.assert_ends(client)
        self.assert_closed(daemon, "client_fin")


    def test_silence_counts_from_the_end_of_the_handshake(self):
        for option, reason in (("timeouts.first_byte", "first_byte"), ("timeouts.idle", "idle")):
            with self.subTest(option=option):
                daemon = self.start_tls(f"{option}=500ms", listen=["127.0.0.1:0=talk"])
                client = self.connect(daemon)
                time.sleep(0.5)  # the client's pace
                client = TlsClient(client, self.context(), "localhost").handshake()
                receive_all(client)  # that nobody is there to answer
                client.finish()
                client.sock.close()
                closed = self.assert_closed(daemon, reason)
                self.assertGreater(seconds_between(daemon.wait_for("tls"), closed), 0.45)


class Certificate(TlsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificates.make("first", "one.example").make("wild", "*.two.example", "two.example")
        cls.certificates.make("ec", "both.example").make("rsa", "both.example", key=RSA)

    def setUp(self):
        combined = self.certificates.read("wild.key") + self.certificates.read("wild.pem")
        self.certificates.write("wild.both", combined)
        self.config = self.write_config(f'''
            port = 0;
            tls: {{
              certificate = "{self.path("server.pem")}"; key = "{self.path("server.key")}";
              certificates = (
                {{ certificate = "{self.path("first.pem")}"; key = "{self.path("first.key")}"; }},
                {{ certificate = "{self.path("wild.both")}"; }},
                {{ certificate = "{self.path("ec.pem")}"; key = "{self.path("ec.key")}"; }},
                {{ certificate = "{self.path("rsa.pem")}"; key = "{self.path("rsa.key")}"; }} );
            }};''')

    def test_the_server_name_chooses_the_certificate(self):
        daemon = self.start(config=self.config, listen=())
        for name, expected in (("one.example", "first"), ("two.example", "wild"),
                               ("any.two.example", "wild"), ("ANY.two.Example", "wild"),
                               ("a.b.two.example", "server"), ("other.example", "server"),
                               ("localhost", "server"), (None, "server")):
            for version in VERSIONS:
                with self.subTest(name=name, version=version):
                    client = self.secure(daemon, self.context(version), name)
                    self.assertEqual(client.tls.getpeercert(True), self.certificates.der(expected))
                    self.assert_echoes(client)
        self.assertNotIn("sni", daemon.wait_for_count(16, "tls")[-1])

    def test_of_two_for_a_name_the_first_is_taken(self):
        self.certificates.make("exact", "www.two.example")
        for pairs in (("exact", "wild"), ("wild", "exact")):
            entries = ", ".join(f'{{ certificate = "{self.path(name + ".pem")}"; '
                                f'key = "{self.path(name + ".key")}"; }}' for name in pairs)
            daemon = self.start(listen=(), config=self.write_config(
                f"port = 0; tls: {{ certificates = ( {entries} ); }};"))
            client = self.secure(daemon, self.context("TLSv1.3"), "www.two.example")
            self.assertEqual(client.tls.getpeercert(True), self.certificates.der(pairs[0]))

    def test_one_name_may_have_a_certificate_of_each_kind(self):
        daemon = self.start(config=self.config, listen=())
        for ciphers, expected in (("ECDHE+aECDSA", "ec"), ("ECDHE+aRSA", "rsa")):
            context = self.context("TLSv1.2")
            context.set_ciphers(ciphers)
            client = self.secure(daemon, context, "both.example")
            self.assertEqual(client.tls.getpeercert(True), self.certificates.der(expected))

    def test_each_is_told_at_start(self):
        daemon = self.start(config=self.config, listen=())
        told = daemon.wait_for_count(5, "certificate")
        self.assertEqual([event["subject"] for event in told],
                         ["CN=server", "CN=first", "CN=wild", "CN=ec", "CN=rsa"])
        self.assertEqual(told[0]["file"], self.path("server.pem"))
        self.assertRegex(told[0]["expires"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual({event.level for event in told}, {"info"})

    def test_one_that_has_expired_is_used_with_a_warning(self):
        self.certificates.make("old", "localhost", days=-1)
        daemon = self.start_tls(name="old")
        told = daemon.wait_for("certificate")
        self.assertEqual((told.level, told["message"]), ("warn", "has expired"))
        context = self.context()
        context.verify_mode = ssl.CERT_NONE
        self.assert_echoes(self.secure(daemon, context))

    def test_the_chain_is_sent(self):
        self.certificates.write(
            "chain.pem", self.certificates.read("server.pem") + self.certificates.read("ca.pem"))
        daemon = self.start(options=[f"tls.certificate={self.path('chain.pem')}",
                                     f"tls.key={self.path('server.key')}"])
        host, port = daemon.address()
        shown = openssl("s_client", "-connect", f"{host}:{port}", "-showcerts")
        self.assertEqual(shown.count(b"BEGIN CERTIFICATE"), 2)


class Alpn(TlsTest):
    def start_alpn(self):
        return self.start(config=self.write_config(f'''
            port = 0;
            tls: {{ certificate = "{self.path("server.pem")}"; key = "{self.path("server.key")}";
                    alpn = ( "yodel/2", "yodel" ); }};'''), listen=())

    def test_our_order_decides(self):
        daemon = self.start_alpn()
        for offered, expected in ((["yodel", "yodel/2"], "yodel/2"), (["h2", "yodel"], "yodel"),
                                  ((), None)):
            client = self.secure(daemon, self.context(alpn=offered))
            self.assertEqual(client.tls.selected_alpn_protocol(), expected)
            self.assert_echoes(client)
        self.assertEqual([event.get("alpn") for event in daemon.wait_for_count(3, "tls")],
                         ["yodel/2", "yodel", None])

    def test_none_in_common_ends_the_handshake(self):
        daemon = self.start_alpn()
        with self.assertRaisesRegex(ssl.SSLError, "(?i)no.application.protocol"):
            self.secure(daemon, self.context(alpn=["h2"]))
        self.assert_failed(daemon, "no application protocol")

    def test_without_a_list_it_is_not_spoken(self):
        client = self.secure(self.start_tls(), self.context(alpn=["h2"]))
        self.assertIsNone(client.tls.selected_alpn_protocol())
        self.assert_echoes(client)


class Resumption(TlsTest):
    def resume(self, daemon, version):
        """Whether a second connection could resume the session of a first."""
        context = self.context(version)
        first = self.secure(daemon, context)
        self.assert_echoes(first)  # a ticket of TLS 1.3 comes behind the handshake
        second = self.secure(daemon, context, session=first.tls.session)
        self.assert_echoes(second)
        told = daemon.wait_for("tls", peer="%s:%d" % second.sock.getsockname())
        self.assertEqual(told["resumed"], "yes" if second.tls.session_reused else "no")
        return second.tls.session_reused

    def test_a_session_is_resumed_by_its_ticket(self):
        daemon = self.start_tls()
        for version in VERSIONS:
            self.assertTrue(self.resume(daemon, version), version)

    def test_without_tickets_no_session_is_resumed(self):
        daemon = self.start_tls("tls.session_tickets=false")
        for version in VERSIONS:
            self.assertFalse(self.resume(daemon, version), version)


class Refusal(TlsTest):
    def test_the_text_for_one_too_many_is_not_sent_in_the_clear(self):
        header = b"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n"
        for proxy in ("off", "v1"):
            daemon = self.start_tls("limits.max_per_peer=1", "limits.refuse_text=full",
                                    f"proxy_protocol={proxy}")
            clients = [self.connect(daemon) for _ in range(2)]
            for client in clients:
                client.sendall(header if proxy == "v1" else b"")
                daemon.wait_for("accept")
            self.assertEqual(receive_end(clients[1]), b"")
            daemon.wait_for("refuse", reason="limit_peer")
            TlsClient(clients[0], self.context(), "localhost").handshake()


class ClientCertificate(TlsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificates.make_authority("others")
        cls.certificates.make("client", subject="/O=Yodel \"Ltd\" é/CN=client = 1")
        cls.certificates.make("expired", days=-1)
        cls.certificates.make("stranger", authority="others")

    def start_verify(self, verify, *options):
        return self.start_tls(f"tls.verify={verify}", f"tls.client_ca={self.path('ca.pem')}",
                              *options)

    def assert_refused(self, daemon, certificate, version, error):
        with self.assertRaises(ssl.SSLError):  # the alert; not a reset
            client = self.secure(daemon, self.context(version, certificate))
            try:
                client.recv(1)  # in TLS 1.3 the client is through before it is checked
            finally:
                client.sock.close()
        self.assert_failed(daemon, error)

    def test_a_good_one_is_told_in_the_log(self):
        for verify in ("optional", "require"):
            for version in VERSIONS:
                daemon = self.start_verify(verify)
                self.assert_echoes(self.secure(daemon, self.context(version, "client")))
                told = daemon.wait_for("tls")
                self.assertEqual(told["client_sha256"], self.certificates.sha256("client"))
                self.assertEqual(told["client_subject"],
                                 r'CN=client = 1,O=Yodel \\\"Ltd\\\" \xc3\xa9')

    def test_each_authority_of_the_file_is_trusted_and_named_once(self):
        authorities = [self.certificates.read(name + ".pem") for name in ("others", "others", "ca")]
        both = self.certificates.write("both-ca.pem", "".join(authorities))
        daemon = self.start_tls("tls.verify=require", f"tls.client_ca={both}")
        for certificate in ("client", "stranger"):
            self.assert_echoes(self.secure(daemon, self.context(certificate=certificate)))
        shown = openssl("s_client", "-connect", "%s:%d" % daemon.address(), "-cert",
                        self.path("client.pem"), "-key", self.path("client.key"))
        self.assertIn(b"Acceptable client certificate CA names\nCN = others\nCN = ca\n", shown)

    def test_a_resumed_session_keeps_it(self):
        daemon = self.start_verify("require")
        for version in VERSIONS:
            context = self.context(version, "client")
            first = self.secure(daemon, context)
            self.assert_echoes(first)
            second = self.secure(daemon, context, session=first.tls.session)
            self.assertTrue(second.tls.session_reused)
            told = daemon.wait_for("tls", peer="%s:%d" % second.sock.getsockname())
            self.assertEqual(told["client_sha256"], self.certificates.sha256("client"))

    def test_none_is_refused_where_one_is_required(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                self.assert_refused(self.start_verify("require"), None, version,
                                    "peer did not return a certificate")

    def test_none_will_do_where_one_is_optional(self):
        daemon = self.start_verify("optional")
        self.assert_echoes(self.secure(daemon))
        self.assertNotIn("client_subject", daemon.wait_for("tls"))

    def test_a_bad_one_is_refused_either_way(self):
        for verify in ("optional", "require"):
            for version in VERSIONS:
                for name, error in (("expired", "certificate has expired"),
                                    ("stranger", "unable to get local issuer certificate")):
                    with self.subTest(verify=verify, version=version, name=name):
                        self.assert_refused(self.start_verify(verify), name, version, error)


class Handshake(TlsTest):
    def test_a_stalled_hello_ends_in_time(self):
        daemon = self.start_tls("timeouts.handshake=300ms")
        for length in (1, 5, 100):
            client = self.connect(daemon)
            peer = "%s:%d" % client.getsockname()
            client.sendall(self.hello()[:length])
            receive_end(client)
            client.close()
            closed = self.assert_failed(daemon, "took too long", peer=peer)
            self.assert_between(closed.number("ms"), 300, 300 + SLACK * 1000)

    def test_silence_ends_in_time(self):
        daemon = self.start_tls("timeouts.handshake=300ms")
        client = self.connect(daemon)
        self.assertEqual(client.recv(1), b"")
        client.close()
        self.assert_failed(daemon, "took too long")

    def test_a_hello_that_trickles_ends_in_time(self):
        daemon = self.start_tls("timeouts.handshake=500ms", "timeouts.linger=0")
        client = self.connect(daemon)
        hello = self.hello()
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for value in hello * 20:
                client.sendall(bytes([value]))
                time.sleep(0.02)  # the client's pace
                if daemon.events("close"):
                    break
        self.assertLess(time.monotonic() - began, SLACK)
        closed = self.assert_failed(daemon, "took too long")
        self.assert_between(closed.number("ms"), 500, 500 + SLACK * 1000)

    def test_lifetime_ends_a_handshake(self):
        daemon = self.start_tls("timeouts.lifetime=300ms", "timeouts.handshake=0")
        client = self.connect(daemon)
        receive_end(client)
        client.close()
        self.assert_closed(daemon, "lifetime")

    def test_stalled_ones_cost_others_nothing(self):
        daemon = self.start_tls("timeouts.handshake=1h", "timeouts.drain=0")
        stalled = [self.connect(daemon) for _ in range(20)]
        for client in stalled:
            client.sendall(self.hello()[:50])
        daemon.wait_for_count(20, "accept")
        for _ in range(3):
            self.assert_echoes(self.secure(daemon))
        self.assertEqual(daemon.events("close"), [])
        daemon.stop()
        self.assertEqual(len(daemon.events("close", reason="drain")), 23)

    def test_garbage_and_plaintext_are_named(self):
        daemon = self.start_tls()
        for data, error in ((b"GET / HTTP/1.0\r\n\r\n", "http request"),
                            (b"yodel\r\n" * 10, "wrong version number"),
                            (bytes(200), "wrong version number"),
                            (random.Random(1).randbytes(100_000), "")):
            with self.subTest(data=data[:10]):
                client = self.connect(daemon)
                peer = "%s:%d" % client.getsockname()
                with contextlib.suppress(ConnectionError):
                    client.sendall(data)
                    client.shutdown(socket.SHUT_WR)
                receive_end(client)
                client.close()
                self.assert_failed(daemon, error, peer=peer)
        self.assert_echoes(self.secure(daemon))

    def test_who_leaves_without_a_word_is_a_probe(self):
        daemon = self.start_tls()
        self.connect(daemon).close()
        self.assert_closed(daemon, "probe", conn=1)
        close_with_reset(self.connect(daemon))
        self.assert_closed(daemon, "probe", conn=2)

    def test_who_leaves_in_the_middle_is_told(self):
        daemon = self.start_tls()
        client = self.connect(daemon)
        client.sendall(self.hello()[:100])
        client.close()
        self.assert_failed(daemon, "closed in the handshake")

    def test_every_truncation_and_every_changed_byte_of_a_hello_ends(self):
        daemon = self.start_tls("timeouts.linger=0")
        hello = self.hello()
        trials = [hello[:length] for length in range(1, len(hello), scaled(7, 41))]
        trials += [hello[:at] + bytes([hello[at] ^ 0xff]) + hello[at + 1:]
                   for at in range(0, len(hello), scaled(7, 41))]
        for data in trials:
            client = self.connect(daemon)
            with contextlib.suppress(ConnectionError):
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
            receive_end(client)
            client.close()
        for closed in daemon.wait_for_count(len(trials), "close"):
            self.assertIn(closed["reason"], ("tls", "client_reset"))
        self.assert_echoes(self.secure(daemon))


class End(TlsTest):
    def test_an_end_without_close_notify_is_told_apart(self):
        daemon = self.start_tls()
        for version in VERSIONS:
            client = self.secure(daemon, self.context(version))
            self.assert_echoes(client)
            peer = "%s:%d" % client.sock.getsockname()
            client.sock.shutdown(socket.SHUT_WR)
            self.assert_ends(client)
            client.sock.close()
            self.assert_failed(daemon, "without close_notify", peer=peer)

    def test_a_cut_record_is_no_orderly_end(self):
        daemon = self.start_tls()
        client = self.secure(daemon)
        self.assert_echoes(client)
        client.sock.sendall(client.record_of(b"yodel")[:-1])
        client.sock.shutdown(socket.SHUT_WR)
        self.assert_failed(daemon, "without close_notify")

    def test_a_changed_record_ends_the_connection(self):
        daemon = self.start_tls()
        client = self.secure(daemon)
        self.assert_echoes(client)
        record = client.record_of(b"yodel")
        client.sock.sendall(record[:-1] + bytes([record[-1] ^ 1]))
        with self.assertRaisesRegex(ssl.SSLError, "(?i)bad.record.mac"):
            client.recv(1)
        client.sock.close()
        self.assert_failed(daemon, "bad record mac")

    def test_a_reset_is_a_reset(self):
        daemon = self.start_tls()
        client = self.secure(daemon)
        self.assert_echoes(client)
        close_with_reset(client.sock)
        self.assert_closed(daemon, "client_reset")


def fill(sock):
    """No record fits as exactly as this does: not a byte more can be sent."""
    failures = 0
    while failures < 10:
        try:
            sock.send(bytes(1000), socket.MSG_DONTWAIT)
            failures = 0
        except BlockingIOError:
            failures += 1
            time.sleep(0.01)  # what is on its way arrives, which nothing announces


class Timeouts(TlsTest):
    def test_idle_ends_a_silent_client_with_close_notify(self):
        daemon = self.start_tls("timeouts.idle=200ms")
        client = self.secure(daemon)
        self.assert_echoes(client)
        self.assert_ends(client)
        client.finish()
        client.sock.close()
        self.assert_closed(daemon, "idle")

    def test_first_byte_begins_behind_the_handshake(self):
        daemon = self.start_tls("timeouts.first_byte=300ms")
        client = self.secure(daemon)
        self.assert_ends(client)
        self.assert_closed(daemon, "first_byte")

    def test_a_record_that_trickles_does_not_stretch_idle(self):
        daemon = self.start_tls("timeouts.idle=500ms", "timeouts.linger=0")
        client = self.secure(daemon)
        self.assert_echoes(client)
        with contextlib.suppress(ConnectionError):
            for value in client.record_of(bytes(16384)):
                client.sock.sendall(bytes([value]))
                time.sleep(0.02)  # the client's pace
                if daemon.events("close"):
                    break
        closed = self.assert_closed(daemon, "idle")
        self.assert_between(closed.number("ms"), 500, 500 + SLACK * 1000)
        self.assertEqual(closed["in"], "5")

    def test_records_without_bytes_for_us_do_not_stretch_idle(self):
        daemon = self.start_tls("timeouts.idle=500ms", "timeouts.linger=0")
        host, port = daemon.address()
        with subprocess.Popen(["openssl", "s_client", "-tls1_3", "-connect", f"{host}:{port}"],
                              stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env=environment()) as client:
            daemon.wait_for("tls")
            with contextlib.suppress(BrokenPipeError):
                while not daemon.events("close"):
                    client.stdin.write(b"k\n")  # its command for a KeyUpdate
                    client.stdin.flush()
                    time.sleep(0.02)  # the client's pace
            client.kill()
            with contextlib.suppress(BrokenPipeError):
                client.stdin.close()
        closed = self.assert_closed(daemon, "idle")
        self.assert_between(closed.number("ms"), 500, 500 + SLACK * 1000)
        self.assertEqual(closed["in"], "0")

    def test_a_client_that_does_not_read_meets_the_write_timeout(self):
        daemon = self.start_tls("timeouts.write=300ms", "socket.send_buffer=64k",
                                listen=["127.0.0.1:0=chargen"])
        threads = daemon.client_threads()
        self.secure(daemon, receive_buffer=4096)
        self.assert_closed(daemon, "write_timeout")
        daemon.wait_for_client_threads(threads)

    def test_a_client_that_reads_slowly_but_steadily_does_not(self):
        daemon = self.start_tls("timeouts.write=500ms", "timeouts.lifetime=3s",
                                "timeouts.linger=0", "socket.send_buffer=256k",
                                listen=["127.0.0.1:0=chargen"])
        client = self.secure(daemon, receive_buffer=8192)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while not daemon.events("close"):
                client.recv(8192)
                time.sleep(0.02)  # the client's pace
        self.assert_closed(daemon, "lifetime")

    def test_who_nibbles_at_what_is_before_the_close_notify_meets_the_write_timeout(self):
        daemon = self.start_tls("timeouts.write=500ms", "socket.send_buffer=256k")
        client = self.secure(daemon, receive_buffer=4096)
        self.assert_echoes(client)
        with daemon.socket_of(client.sock) as ours:
            fill(ours)
        client.finish()
        nibbled = 0
        with contextlib.suppress(ConnectionError):
            while not daemon.events("close"):
                nibbled += len(client.sock.recv(512))
                time.sleep(0.05)  # the client's pace
        closed = self.assert_closed(daemon, "write_timeout")
        self.assertEqual((closed["in"], closed["out"]), ("5", "5"))
        self.assertLess(nibbled, 100_000)

    def test_lifetime_ends_a_client_that_never_reads(self):
        daemon = self.start_tls("timeouts.write=0", "timeouts.lifetime=500ms",
                                "socket.send_buffer=64k", listen=["127.0.0.1:0=chargen"])
        self.secure(daemon, receive_buffer=4096)
        self.assert_closed(daemon, "lifetime")


class KeyUpdates(TlsTest):
    """A client that asks for an answer with each of its KeyUpdates, and takes none."""

    def setUp(self):
        if ctypes.util.find_library("ssl") is None:
            self.skipTest("no libssl to be called from here")

    def flood(self, daemon, send_buffer=None, **keywords):
        """Sends until nothing moves any more and the daemon waits, or has closed."""
        sock = self.connect(daemon, **keywords)
        if send_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        client = KeyUpdateClient(sock)
        self.addCleanup(client.close)

        def is_stuck():
            has_sent = all(client.update_key() for _ in range(10_000))
            return not has_sent and not select.select([], [sock], [], 0.1)[1]
        wait_until(lambda: is_stuck() and daemon.is_waiting() or daemon.events("close"),
                   "nothing moves any more")

    def test_a_flood_ends_with_a_reason_and_costs_no_time_once_it_is_stuck(self):
        for service, reason in (("echo", "idle"), ("discard", "idle"), ("talk", "idle"),
                                ("message", "idle"), ("chargen", "write_timeout")):
            with self.subTest(service=service):
                daemon = self.start_tls(
                    "timeouts.idle=2s", "timeouts.write=2s", "timeouts.linger=100ms",
                    "socket.send_buffer=16k", "socket.receive_buffer=16k",
                    listen=[f"127.0.0.1:0={service}"])
                self.flood(daemon, send_buffer=4096, receive_buffer=4096)
                before = daemon.cpu_seconds()
                self.assert_closed(daemon, reason)
                self.assertLess(daemon.cpu_seconds() - before, 0.5)

    def test_a_flood_into_large_buffers_ends_in_time_and_leaves_others_alone(self):
        daemon = self.start_tls("timeouts.idle=1s", "timeouts.write=500ms",
                                "timeouts.linger=100ms",
                                listen=["127.0.0.1:0=echo", "127.0.0.1:0=greet"])
        flood = threading.Thread(target=self.flood, args=(daemon,))
        flood.start()
        daemon.wait_for("tls", listener="echo")
        while flood.is_alive():
            client = self.secure(daemon, index=1)
            self.assertEqual(receive_all(client), b"Hello, Client!")
            client.finish()
            client.sock.close()
            flood.join(0.05)
        closed = self.assert_closed(daemon, "idle", listener="echo")
        self.assert_between(closed.number("ms"), 1000, 1000 + SLACK * 1000)


class Drain(TlsTest):
    def test_idle_clients_get_a_close_notify(self):
        daemon = self.start_tls("timeouts.drain=0")
        clients = [self.secure(daemon, self.context(version)) for version in VERSIONS]
        for client in clients:
            self.assert_echoes(client)
        daemon.signal(signal.SIGTERM)
        for client in clients:
            self.assert_ends(client)
            client.sock.close()
        self.assertEqual(daemon.wait_for_exit(), 0)
        self.assertEqual(len(daemon.events("close", reason="drain")), 2)

    def test_clients_finish_while_it_drains(self):
        daemon = self.start_tls("timeouts.drain=1h")
        client = self.secure(daemon)
        self.assert_echoes(client)
        daemon.signal(signal.SIGTERM)
        daemon.wait_for("drain")
        self.assert_echoes(client)
        client.finish()
        self.assert_ends(client)
        self.assertEqual(daemon.wait_for_exit(), 0)
        self.assert_closed(daemon, "client_fin")

    def test_a_stuck_client_is_cut(self):
        daemon = self.start_tls("timeouts.drain=0", "timeouts.write=1h", "socket.send_buffer=64k",
                                listen=["127.0.0.1:0=chargen"])
        stuck = self.secure(daemon, receive_buffer=4096)
        receive_exactly(stuck, 1)
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait_for_exit(), 0)
        self.assert_closed(daemon, "drain")


class Reload(TlsTest):
    def setUp(self):
        self.certificates.make("old", "localhost").make("new", "localhost")
        self.certificates.make("elsewhere", "localhost")
        self.use("old")

    def use(self, name, key=None):
        """Puts this pair where the daemon looks for it."""
        self.certificates.write("live.pem", self.certificates.read(name + ".pem"))
        self.certificates.write("live.key", self.certificates.read((key or name) + ".key"))

    def reload(self, daemon):
        count = len(daemon.events("reload"))
        daemon.signal(signal.SIGHUP)
        return daemon.wait_for_count(count + 2, "reload")[count]

    def assert_serves(self, daemon, name):
        client = self.secure(daemon)
        self.assertEqual(client.tls.getpeercert(True), self.certificates.der(name))
        self.assert_echoes(client)
        return client

    def test_new_connections_get_the_new_pair_and_old_ones_go_on(self):
        daemon = self.start_tls(name="live")
        before = self.assert_serves(daemon, "old")
        stalled = self.connect(daemon)
        self.use("new")
        told = self.reload(daemon)
        self.assertEqual(told.level, "info")
        self.assertIn("certificates read again", told["message"])
        self.assertEqual(daemon.events("certificate")[-1]["subject"], "CN=new")
        self.assert_serves(daemon, "new")
        self.assert_echoes(before)
        before.finish()
        self.assert_ends(before)
        TlsClient(stalled, self.context(), "localhost").handshake()

    def test_a_broken_new_pair_keeps_the_old_one(self):
        daemon = self.start_tls(name="live")

        def miss():
            self.use("new", key="elsewhere")
            return "live.key does not belong to certificate"

        def truncate():
            self.certificates.write("live.pem", self.certificates.read("new.pem")[:300])
            return "live.pem: expected a certificate in PEM format"

        def open_up():
            self.use("new")
            self.certificates.write("live.key", self.certificates.read("new.key"), mode=0o644)
            return "got mode 0644"

        for breakage in (miss, truncate, open_up):
            with self.subTest(breakage=breakage.__name__):
                message = breakage()
                told = self.reload(daemon)
                self.assertEqual(told.level, "error")
                self.assertIn(message, told["message"])
                self.assertIn("listener echo: ", told["message"])
                self.assert_serves(daemon, "old")
        self.use("new")
        self.assertEqual(self.reload(daemon).level, "info")
        self.assert_serves(daemon, "new")

    def test_a_pipe_in_place_of_an_authority_holds_nobody_up(self):
        authority = self.certificates.write("live-ca.pem", self.certificates.read("ca.pem"))
        daemon = self.start_tls("tls.verify=optional", f"tls.client_ca={authority}", name="live")
        os.remove(authority)
        os.mkfifo(authority)
        self.use("new")
        told = self.reload(daemon)
        self.assertEqual(told.level, "error")
        self.assertIn(f"client_ca {authority}: expected a file, got something else",
                      told["message"])
        self.assert_serves(daemon, "old")
        os.remove(authority)

    def test_each_listener_is_reloaded_for_itself(self):
        self.certificates.make("other", "localhost")
        daemon = self.start(
            listen=["127.0.0.1:0=echo", "127.0.0.1:0=echo", "127.0.0.1:0=echo"],
            options=[*self.pair("live", "listen.[0]."), *self.pair("other", "listen.[1].")])
        self.certificates.make("other", "localhost")
        self.certificates.write("live.key", "")
        daemon.signal(signal.SIGHUP)
        told = daemon.wait_for_count(3, "reload")
        self.assertEqual([event.level for event in told], ["error", "info", "warn"])
        self.assert_echoes(self.connect(daemon, 2))
        self.assertEqual(self.secure(daemon, index=1).tls.getpeercert(True),
                         self.certificates.der("other"))

    @unittest.skipUnless(os.geteuid() == 0, "only root may become somebody else")
    def test_who_serves_reads_what_it_may(self):
        nobody = pwd.getpwnam("nobody").pw_uid
        os.chmod(self.certificates.folder, 0o755)
        daemon = self.start_tls("privileges.user=nobody", name="live")
        self.use("new")
        told = self.reload(daemon)  # the key is for root alone
        self.assertEqual(told.level, "error")
        self.assertIn("cannot read ", told["message"])
        self.assertIn("Permission denied; the certificates from before", told["message"])
        self.assert_serves(daemon, "old")
        for name in ("live.pem", "live.key"):
            os.chown(self.path(name), nobody, 0)
        self.assertEqual(self.reload(daemon).level, "info")
        self.assert_serves(daemon, "new")
        self.assert_serves(self.start_tls("privileges.user=nobody", name="live"), "new")

    def test_handshakes_while_it_reloads(self):
        self.certificates.make("second", "two.example")
        pairs = {name: f'certificate = "{self.path(name + ".pem")}"; '
                       f'key = "{self.path(name + ".key")}";' for name in ("live", "second")}
        daemon = self.start(options=["log.level=warn"], listen=(), config=self.write_config(
            f'port = 0; tls: {{ {pairs["live"]} certificates = ( {{ {pairs["second"]} }} ); }};'))
        expected = {"localhost": [self.certificates.der(name) for name in ("old", "new")],
                    "two.example": [self.certificates.der("second")]}
        rounds, failures = scaled(60, 25), []

        def shake(version):
            try:
                for name in [*expected] * rounds:
                    client = self.secure(daemon, self.context(version), name)
                    self.assertIn(client.tls.getpeercert(True), expected[name])
                    self.assert_echoes(client)
                    client.finish()
                    self.assert_ends(client)
                    client.sock.close()
            except Exception as failure:  # whatever it is, it must reach the test
                failures.append(failure)

        threads = [threading.Thread(target=shake, args=(version,)) for version in [*VERSIONS] * 2]
        for thread in threads:
            thread.start()
        names = 0
        while any(thread.is_alive() for thread in threads):
            self.use(("old", "new")[names % 2])
            names += 1
            self.reload_quietly(daemon)
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual(failures, [])
        self.assertGreater(names, 2)

    def reload_quietly(self, daemon):
        """At level warn there is one line for each."""
        count = len(daemon.events("reload"))
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: len(daemon.events("reload")) > count, "reload")


class Strength(TlsTest):
    """What a scanner looks for."""

    def s_client(self, daemon, *arguments, data=b""):
        host, port = daemon.address()
        return subprocess.run(
            ["openssl", "s_client", "-connect", f"{host}:{port}", *arguments], input=data,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE, check=False)

    def test_old_versions_are_refused(self):
        daemon = self.start_tls()
        for version in ("-tls1", "-tls1_1"):
            done = self.s_client(daemon, version, "-cipher", "ALL:@SECLEVEL=0")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(b"Cipher is (NONE)", done.stdout)
            self.assert_failed(daemon, "unsupported protocol")
        daemon = self.start_tls("tls.min_version=1.3")
        with self.assertRaises(ssl.SSLError):
            self.secure(daemon, self.context("TLSv1.2"))
        self.assert_echoes(self.secure(daemon))

    def test_only_good_ciphers_are_spoken(self):
        daemon = self.start_tls("timeouts.linger=0")
        listed = openssl("ciphers", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0").decode()
        spoken = set()
        for cipher in listed.strip().split(":"):
            context = self.context("TLSv1.2")
            try:
                context.set_ciphers(f"{cipher}:@SECLEVEL=0")
            except ssl.SSLError:
                continue
            with contextlib.suppress(ssl.SSLError, ConnectionError):
                spoken.add(self.secure(daemon, context).tls.cipher()[0])
        self.assertEqual(spoken, {"ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256",
                                  "ECDHE-RSA-CHACHA20-POLY1305"})

    def test_compression_that_is_offered_is_not_chosen(self):
        client = self.connect(self.start_tls())
        hello = bytearray(self.hello(self.context("TLSv1.2")))
        at = 5 + 4 + 2 + 32  # headers of record and message, version, random; then two lists
        at += 1 + hello[at]
        at += 2 + int.from_bytes(hello[at:at + 2])
        self.assertEqual(hello[at:at + 2], b"\1\0")
        hello[at:at + 2] = b"\2\1\0"  # DEFLATE, or none
        hello[3:5] = (len(hello) - 5).to_bytes(2)
        hello[6:9] = (len(hello) - 9).to_bytes(3)
        client.sendall(hello)
        answer = receive_exactly(client, 5 + 4 + 2 + 32 + 1)
        self.assertEqual((answer[0], answer[5]), (22, 2))  # a ServerHello
        self.assertEqual(receive_exactly(client, answer[-1] + 2 + 1)[-1], 0)

    def test_no_compression_no_early_data_no_renegotiation(self):
        daemon = self.start_tls()
        shown = self.s_client(daemon, "-tls1_3").stdout
        self.assertIn(b"Compression: NONE", shown)
        self.assertRegex(shown, b"Early data was not sent")
        self.assertNotRegex(shown, b"Max Early Data: [1-9]")
        shown = self.s_client(daemon, "-tls1_2", data=b"R\n").stdout
        self.assertIn(b"Secure Renegotiation IS supported", shown)
        self.assertIn(b"RENEGOTIATING", shown)
        self.assertIn(b"no renegotiation", shown)

    def test_a_weak_key_is_refused(self):
        self.certificates.make("weak", key=["rsa:1024"])
        with self.assertRaisesRegex(AssertionError, "weak.pem cannot be used: ee key too small"):
            self.start_tls(name="weak")


if __name__ == "__main__":
    main()
