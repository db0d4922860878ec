# SPDX-License-Identifier: MIT
"""Other people's TLS clients are echoed and greeted, and come to a clean end."""

import shutil
import ssl
import socket
import subprocess

from tls_harness import VERSIONS, TlsTest
from yodel_harness import PATIENCE, environment, main, receive_exactly

LINES = b"Yodel-ay-ee-oo\nthe mountain answers\n"
# What curl takes for an answer; the greeting comes whatever it asks.
ANSWER = r"text=HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nyodel\n"


class ClientTest(TlsTest):
    program = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificates.make("client")

    def setUp(self):
        if self.program is not None and shutil.which(self.program) is None:
            self.skipTest(f"{self.program} is not installed")
        self.daemon = self.start(
            listen=["127.0.0.1:0=echo", "127.0.0.1:0=greet", "127.0.0.1:0=echo"],
            options=[*self.pair(), f"tls.client_ca={self.path('ca.pem')}",
                     "listen.[2].tls.verify=require", "listen.[1]." + ANSWER])
        self.ports = [str(port) for _, port in self.daemon.addresses]
        self.identity = (self.path("client.pem"), self.path("client.key"))

    def talk(self, *command, expected=LINES):
        """Writes lines, and ends the input once they have come back."""
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=environment()) as client:
            client.stdin.write(LINES)
            client.stdin.flush()
            got = client.stdout.read(len(expected))
            client.stdin.close()
            rest, errors = client.stdout.read(), client.stderr.read()
            self.assertEqual(client.wait(PATIENCE), 0, errors)
        self.assertEqual(got + rest, expected)

    def assert_finished(self, count, version=None, client=False):
        for event in self.daemon.wait_for_count(count, "close"):
            self.assertIn(event["reason"], ("client_fin", "done"), event.line)
        told = self.daemon.events("tls")[-1]
        if version is not None:
            self.assertEqual(told["version"], version)
        if client:
            self.assertEqual(told["client_sha256"], self.certificates.sha256("client"))


class Openssl(ClientTest):
    program = "openssl"

    def test_s_client_talks_with_and_without_a_certificate(self):
        for count, (version, flag) in enumerate((("TLSv1.2", "-tls1_2"), ("TLSv1.3", "-tls1_3"))):
            certificate, key = self.identity
            common = ["openssl", "s_client", "-quiet", "-no_ign_eof", flag, "-servername",
                      "localhost", "-verify_return_error", "-CAfile", self.path("ca.pem")]
            self.talk(*common, "-connect", f"127.0.0.1:{self.ports[0]}")
            self.talk(*common, "-connect", f"127.0.0.1:{self.ports[2]}", "-cert", certificate,
                      "-key", key)
            self.assert_finished(2 * count + 2, version, client=True)


class Gnutls(ClientTest):
    program = "gnutls-cli"

    def test_gnutls_cli_talks_with_and_without_a_certificate(self):
        for count, version in enumerate(VERSIONS):
            certificate, key = self.identity
            priority = "NORMAL:-VERS-ALL:+VERS-" + version.replace("v", "")
            common = ["gnutls-cli", "--logfile=/dev/null", "--priority", priority, "--sni-hostname",
                      "localhost", "--verify-hostname", "localhost", "--x509cafile",
                      self.path("ca.pem"), "127.0.0.1", "-p"]
            self.talk(*common, self.ports[0])
            self.talk(*common, self.ports[2], "--x509certfile", certificate, "--x509keyfile", key)
            self.assert_finished(2 * count + 2, version, client=True)


class Curl(ClientTest):
    program = "curl"

    def test_curl_gets_its_answer(self):
        for flags, version in ((["--tlsv1.2", "--tls-max", "1.2"], "TLSv1.2"),
                               (["--tlsv1.3"], "TLSv1.3")):
            done = subprocess.run(
                ["curl", "-sS", "--noproxy", "*", "--cacert", self.path("ca.pem"), *flags,
                 "--resolve", f"localhost:{self.ports[1]}:127.0.0.1",
                 f"https://localhost:{self.ports[1]}/"], stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, env=environment(), timeout=PATIENCE, check=False)
            self.assertEqual((done.returncode, done.stdout), (0, b"yodel\n"), done.stderr)
            self.daemon.wait_for("tls", version=version)


class Node(ClientTest):
    program = "node"
    script = """
        const [port, ca, cert, key, version] = process.argv.slice(1);
        const {readFileSync: read} = require("fs");
        const client = require("tls").connect({
            port, host: "127.0.0.1", servername: "localhost", ca: read(ca), minVersion: version,
            maxVersion: version, cert: read(cert), key: read(key)});
        client.on("secureConnect", () => process.stdin.pipe(client));
        client.pipe(process.stdout);
        """

    def test_node_talks_with_a_certificate(self):
        for count, version in enumerate(VERSIONS):
            self.talk("node", "-e", self.script, self.ports[2], self.path("ca.pem"),
                      *self.identity, version)
            self.assert_finished(count + 1, version, client=True)


class Ncat(ClientTest):
    program = "ncat"

    def test_ncat_talks(self):
        self.talk("ncat", "--ssl-verify", "--ssl-trustfile", self.path("ca.pem"),
                  "--ssl-servername", "localhost", "127.0.0.1", self.ports[0])
        self.daemon.wait_for("close")


class PythonSsl(ClientTest):
    def test_ssl_socket_unwraps(self):
        for version, constant in VERSIONS.items():
            context = ssl.create_default_context(cafile=self.path("ca.pem"))
            context.minimum_version = context.maximum_version = constant
            context.load_cert_chain(*self.identity)
            with socket.create_connection(("127.0.0.1", int(self.ports[2])), PATIENCE) as sock, \
                    context.wrap_socket(sock, server_hostname="localhost") as client:
                client.sendall(LINES)
                self.assertEqual(receive_exactly(client, len(LINES)), LINES)
                with client.unwrap() as plain:
                    self.assertEqual(plain.recv(1), b"")
            self.daemon.wait_for("tls", version=version)
        self.assert_finished(2, client=True)


if __name__ == "__main__":
    main()
