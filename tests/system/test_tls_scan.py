# SPDX-License-Identifier: MIT
"""A scanner finds nothing weak in a TLS listener with defaults."""

import contextlib
import os
import shutil
import socket
import subprocess
import xml.etree.ElementTree

from tls_harness import EC, TlsTest
from yodel_harness import PATIENCE, environment, free_port, main, wait_until

PROTOCOLS = {"ssl 2", "ssl 3", "tls 1.0", "tls 1.1", "tls 1.2", "tls 1.3"}
GOOD = {"tls 1.2", "tls 1.3"}


def protocol(element):
    return f"{element.get('type')} {element.get('version')}"


def is_weak_cipher(cipher):
    """Below 128 bits, or without forward secrecy, which TLS 1.3 always has; or by sslscan's own word."""
    name = cipher.get("cipher")
    return (int(cipher.get("bits")) < 128 or
            cipher.get("strength") not in ("strong", "acceptable") or
            (cipher.get("sslversion") != "TLSv1.3" and not name.startswith(("ECDHE-", "DHE-"))))


def can_connect(port):
    with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def weaknesses(report):
    """What is wrong by sslscan's report, a text each."""
    return [
        *(f"speaks {protocol(each)}" for each in report.iter("protocol")
          if each.get("enabled") != "0" and protocol(each) not in GOOD),
        *(each.get("cipher") for each in report.iter("cipher") if is_weak_cipher(each)),
        *(f"group {each.get('name')}" for each in report.iter("group")
          if int(each.get("bits")) < 128),
        *("renegotiation" for each in report.iter("renegotiation") if each.get("supported") != "0"),
        *("compression" for each in report.iter("compression") if each.get("supported") != "0"),
        *("heartbleed" for each in report.iter("heartbleed") if each.get("vulnerable") != "0"),
    ]


class Sslscan(TlsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if shutil.which("sslscan") is None:
            cls.skipTest(cls, "sslscan is not installed")
        cls.certificates.make("ec", "localhost", key=EC)

    def scan(self, host, port):
        path = os.path.join(self.folder(), "report.xml")
        done = subprocess.run(
            ["sslscan", f"--xml={path}", "--sni-name=localhost", f"{host}:{port}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment(),
            timeout=4 * PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        report = xml.etree.ElementTree.parse(path).getroot()
        self.assertEqual({protocol(each) for each in report.iter("protocol")}, PROTOCOLS)
        for name in ("renegotiation", "heartbleed", "cipher", "group"):
            self.assertIsNotNone(report.find(f".//{name}"), name)
        return report

    def spoken(self, report):
        return {protocol(each) for each in report.iter("protocol") if each.get("enabled") == "1"}

    def test_nothing_weak_is_found_with_either_kind_of_key(self):
        for name in ("server", "ec"):
            daemon = self.start_tls(name=name)
            report = self.scan(*daemon.address())
            self.assertEqual(weaknesses(report), [])
            self.assertEqual(self.spoken(report), GOOD)
            self.assert_echoes(self.secure(daemon))

    def test_with_min_version_1_3_nothing_older_is_found(self):
        report = self.scan(*self.start_tls("tls.min_version=1.3").address())
        self.assertEqual(weaknesses(report), [])
        self.assertEqual(self.spoken(report), {"tls 1.3"})

    def test_what_is_weak_elsewhere_is_found(self):
        """So that the other tests mean something."""
        port = free_port()
        server = subprocess.Popen(
            ["openssl", "s_server", "-quiet", "-accept", f"127.0.0.1:{port}", "-cipher",
             "ALL:@SECLEVEL=0", "-groups", "P-256:P-192", "-client_renegotiation", "-cert",
             self.path("server.pem"), "-key", self.path("server.key")], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
        try:
            wait_until(lambda: can_connect(port), "s_server accepts")
            found = weaknesses(self.scan("127.0.0.1", port))
        finally:
            server.kill()
            server.communicate()
        for weakness in ("AES128-SHA", "ADH-AES128-SHA", "group secp192r1", "renegotiation"):
            self.assertIn(weakness, found)


if __name__ == "__main__":
    main()
