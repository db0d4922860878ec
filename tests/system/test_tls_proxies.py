# SPDX-License-Identifier: MIT
"""HAProxy in front of a TLS listener: it lets TLS through, or ends it and speaks its own."""

import hashlib
import random

from proxy_harness import ProxyInFront
from tls_harness import VERSIONS, TlsClient, TlsTest
from yodel_harness import main

CLIENTS = 20


class Haproxy(TlsTest, ProxyInFront):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificates.make("front", "front.example").make("client")
        cls.certificates.make_authority("others")
        cls.certificates.make("stranger", authority="others")
        cls.certificates.write("front.both", cls.certificates.read("front.pem") +
                               cls.certificates.read("front.key"))

    def start_behind_proxy(self, *options):
        return self.start_tls("proxy_protocol=v2", *options)

    def through(self, front, *arguments, name="localhost"):
        """A client of the proxy after its handshake, and its address."""
        client = TlsClient(self.connect(front), self.context(*arguments), name).handshake()
        return client, "%s:%d" % client.sock.getsockname()

    def assert_many_are_served(self, daemon, front, *arguments):
        """Many at once, each of them the peer; a long stream; an orderly end."""
        clients = [self.through(front, *arguments) for _ in range(CLIENTS)]
        for client, peer in clients:
            self.assert_echoes(client)
            self.assertRegex(daemon.wait_for("accept", peer=peer)["proxy"], r"^127\.0\.0\.1:\d+$")
            daemon.wait_for("tls", peer=peer)
        data = random.Random(1).randbytes(1 << 20)
        client, peer = self.through(front, *arguments)
        back = b"".join(client.exchange(
            data[at:at + 50_000] for at in range(0, len(data), 50_000)))
        self.assertEqual(hashlib.sha256(back).digest(), hashlib.sha256(data).digest())
        client.sock.close()
        closed = self.assert_closed(daemon, "client_fin", peer=peer)
        self.assertEqual((closed["in"], closed["out"]), (str(len(data)), str(len(data))))

    def test_it_lets_tls_through_behind_its_header(self):
        daemon = self.start_behind_proxy("tls.verify=require",
                                         f"tls.client_ca={self.path('ca.pem')}")
        front = self.haproxy(daemon, "send-proxy-v2")
        for version in VERSIONS:
            client, peer = self.through(front, version, "client")
            self.assertEqual(client.tls.getpeercert(True), self.certificates.der("server"))
            self.assert_echoes(client)
            self.assertNotIn("ssl_version", daemon.wait_for("accept", peer=peer))
            told = daemon.wait_for("tls", peer=peer)
            self.assertEqual((told["version"], told["sni"], told["client_sha256"]),
                             (version, "localhost", self.certificates.sha256("client")))
        self.assert_many_are_served(daemon, front, None, "client")

    def end_tls(self, daemon, bind=""):
        """A proxy that asks its clients for certificates, and the daemon for its own."""
        return self.haproxy(
            daemon, f"ssl verify required ca-file {self.path('ca.pem')} sni str(localhost) "
            "send-proxy-v2-ssl-cn proxy-v2-options ssl-cipher,authority,crc32c",
            f"ssl crt {self.path('front.both')} ca-file {self.path('ca.pem')} {bind}")

    def test_it_ends_tls_and_tells_of_it_in_its_header(self):
        daemon = self.start_behind_proxy()
        front = self.end_tls(daemon, "verify required")
        for version in VERSIONS:
            client, peer = self.through(front, version, "client", name="front.example")
            self.assertEqual(client.tls.getpeercert(True), self.certificates.der("front"))
            self.assert_echoes(client)
            accepted = daemon.wait_for("accept", peer=peer)
            self.assertEqual(
                [accepted[name] for name in ("ssl_version", "ssl_cn", "ssl_verified", "ssl_cipher",
                                             "authority")],
                [version, "client", "yes", client.tls.cipher()[0], "front.example"])
            told = daemon.wait_for("tls", peer=peer)  # of the proxy's own
            self.assertEqual((told["version"], told["sni"]), ("TLSv1.3", "localhost"))
            self.assertNotIn("client_subject", told)
        self.assert_many_are_served(daemon, front, None, "client")

    def test_a_name_that_the_proxy_could_not_verify_is_told_as_such(self):
        daemon = self.start_behind_proxy()
        front = self.end_tls(daemon, "verify optional crt-ignore-err all ca-ignore-err all")
        for certificate, verified in (("stranger", "no"), ("client", "yes")):
            client, peer = self.through(front, None, certificate)
            self.assert_echoes(client)
            accepted = daemon.wait_for("accept", peer=peer)
            self.assertEqual((accepted["ssl_cn"], accepted["ssl_verified"]),
                             (certificate, verified))

    def test_a_proxy_that_speaks_no_tls_is_told(self):
        daemon = self.start_behind_proxy()
        front = self.haproxy(daemon, "send-proxy-v2")
        client = self.connect(front)
        client.sendall(b"yodel\r\n" * 10)
        peer = "%s:%d" % client.getsockname()
        self.assert_failed(daemon, "wrong version number", peer=peer)


if __name__ == "__main__":
    main()
