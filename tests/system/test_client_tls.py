# SPDX-License-Identifier: MIT
"""yodel --tls: every command through TLS, whom it trusts, and what it tells of TLS that fails."""

import contextlib
import json
import os
import socket
import ssl
import stat
import subprocess
import time

from client_harness import FAILED, OK, USAGE, YODEL, ClientTest, yodel
from other_ends import NeverAccepting, abstract_name, use
from tls_harness import VERSIONS, TlsTest
from yodel_harness import PATIENCE, close_with_reset, has_ipv6, main

WORDS = b"You yodel, the mountain answers."


class TlsClientTest(TlsTest, ClientTest):
    """Has a daemon's certificate for localhost and 127.0.0.1, and an authority that is trusted."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificates.make("both", "localhost", "127.0.0.1")
        cls.certificates.make("client")

    @property
    def trust(self):
        return ["--tls", "--ca", self.path("ca.pem")]

    def serve_tls(self, *options, service="echo", host="localhost", **keywords):
        """Starts self.daemon; returns HOST and PORT as the client takes them."""
        self.daemon = self.start_tls(*options, name="both",
                                     listen=[f"127.0.0.1:0={service}"], **keywords)
        return [host, str(self.daemon.address()[1])]

    def serve_python(self, talk, name="both", version=None):
        """A server of ours for one client: talk() is given the TLS socket behind the handshake."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(name + ".pem"), self.path(name + ".key"))
        if version is not None:
            context.minimum_version = context.maximum_version = VERSIONS[version]

        def secure(client):
            with contextlib.suppress(ssl.SSLError), \
                    context.wrap_socket(client, server_side=True) as secured:
                talk(secured)

        return self.serve(secure)


def read_all(secured):
    """Up to the close_notify of the client."""
    data = b""
    while piece := secured.recv(65536):
        data += piece
    return data


def answer_at_the_end(secured):
    data = read_all(secured)
    secured.sendall(data)
    secured.unwrap()


class Commands(TlsClientTest):
    def assert_secured(self, count, *reasons):
        closed = self.daemon.wait_for_count(count, "close")
        told = self.daemon.wait_for_count(count, "tls")
        self.assertEqual({event["version"] for event in told}, {"TLSv1.3"})
        self.assertEqual({event["sni"] for event in told}, {"localhost"})
        self.assertLessEqual({event["reason"] for event in closed}, {"client_fin", *reasons})

    def test_send(self):
        done = yodel("send", *self.serve_tls(), WORDS.decode(), *self.trust)
        self.assert_ended(done, OK)
        self.assertEqual(done.stdout, WORDS)
        self.assert_secured(1)

    def test_send_of_more_than_all_buffers_hold(self):
        data = os.urandom(1 << 20) * 24
        done = yodel("send", *self.serve_tls(), *self.trust, data=data)
        self.assert_ended(done, OK)
        self.assertTrue(done.stdout == data)
        self.assert_secured(1)

    def test_connect(self):
        done = yodel("connect", *self.serve_tls(), *self.trust, data=b"one\ntwo\nbye\n")
        self.assert_ended(done, OK)
        self.assertEqual(done.stdout, b"Received from server: one\nReceived from server: two\n")
        self.assert_secured(1)

    def test_ask(self):
        done = yodel("ask", *self.serve_tls(service="message"), "search", "ring", *self.trust)
        self.assert_ended(done, OK)
        self.assertIn("In the caves", done.stdout.decode())
        self.assert_secured(1, "done")

    def test_ping(self):
        done = yodel("ping", *self.serve_tls(), "-n", "5", "-i", "1ms", "--json", *self.trust)
        self.assert_ended(done, OK)
        self.assertEqual(json.loads(done.stdout.splitlines()[-1])["received"], 5)
        self.assert_secured(1)

    def test_ping_of_handshakes(self):
        done = yodel("ping", *self.serve_tls(), "-n", "3", "-i", "1ms", "--connect", *self.trust)
        self.assert_ended(done, OK)
        self.assertEqual(len(self.daemon.wait_for_count(3, "tls")), 3)

    def test_ping_of_large_messages(self):
        done = yodel("ping", *self.serve_tls(), "-n", "3", "-i", "1ms", "-s", "300k", *self.trust)
        self.assert_ended(done, OK)
        self.assertIn(b"3 sent, 3 received", done.stdout)

    def test_load(self):
        done = yodel("load", *self.serve_tls(), "-c", "20", "-T", "2", "-n", "2000", "-s", "20k",
                     "-p", "3", "--json", *self.trust)
        self.assert_ended(done, OK)
        result = json.loads(done.stdout)
        self.assertEqual(result["round_trips"], 2000)
        self.assert_secured(20)

    def test_load_of_handshakes(self):
        done = yodel("load", *self.serve_tls(), "-c", "5", "-T", "2", "-n", "50", "-C", "--json",
                     *self.trust)
        self.assert_ended(done, OK)
        self.assertEqual(json.loads(done.stdout)["round_trips"], 50)
        self.assertGreaterEqual(len(self.daemon.wait_for_count(50, "tls")), 50)

    def test_verify(self):
        done = yodel("verify", *self.serve_tls(), "-n", "20M", *self.trust)
        self.assert_ended(done, OK)
        self.assertIn(b"every byte came back", done.stdout)
        self.assert_secured(1)

    def test_multi(self):
        done = yodel("multi", *self.serve_tls(), "-c", "30", "one", "two", *self.trust)
        self.assert_ended(done, OK)
        self.assertIn(b"30 connections, 0 failed: 180 bytes sent, 180 received", done.stdout)
        self.assert_secured(30)

    def test_verbose_tells_version_and_cipher(self):
        done = yodel("send", *self.serve_tls(), "x", "-v", *self.trust)
        self.assertRegex(done.stderr, rb"\nTLSv1\.3, TLS_[A-Z0-9_]+\n")

    def test_header_of_a_proxy_goes_before_the_handshake(self):
        path = self.certificates.write("proxy.conf", f'''
            privileges: {{ allow_root = true; }};
            proxy_protocol = "v2"; proxy_from = ( "127.0.0.1" ); port = 0;
            tls: {{ certificate = "{self.path('both.pem')}"; key = "{self.path('both.key')}"; }};
        ''')
        daemon = self.start(config=path)
        done = yodel("send", "localhost", str(daemon.address()[1]), "hello", *self.trust, "--send-proxy",
                     "v2,source=192.0.2.9:99,destination=192.0.2.1:7")
        self.assert_ended(done, OK)
        self.assertEqual(daemon.wait_for("tls")["peer"], "192.0.2.9:99")

    def test_unix_socket(self):
        name = abstract_name()
        self.daemon = self.start_tls(name="both", listen=[f"unix:{name}=echo"])
        done = yodel("send", f"unix:{name}", "x", *self.trust, "--servername", "localhost")
        self.assert_ended(done, OK)
        self.assertEqual(done.stdout, b"x")
        self.assert_ended(yodel("send", f"unix:{name}", "x", *self.trust), USAGE, b"--servername")

    def test_protocol_is_offered_and_chosen(self):
        path = self.certificates.write("alpn.conf", f'''
            privileges: {{ allow_root = true; }};
            port = 0;
            tls: {{ certificate = "{self.path('both.pem')}"; key = "{self.path('both.key')}";
                    alpn = ( "yodel", "echo" ); }};
        ''')
        daemon = self.start(config=path)
        target = ["localhost", str(daemon.address()[1])]
        done = yodel("check", *target, *self.trust, "--alpn", "http/1.1,echo")
        self.assert_ended(done, OK)
        self.assertIn(b", ALPN echo, handshake", done.stdout)
        self.assert_ended(yodel("send", *target, "x", *self.trust, "--alpn", "http/1.1"), FAILED,
                          b"TLS: no TLS handshake with localhost port ")


class OtherServers(TlsClientTest):
    def test_both_versions_with_a_half_close(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                target = self.serve_python(answer_at_the_end, version=version)
                done = yodel("send", *target, WORDS.decode(), *self.trust, "-v")
                self.assertEqual((done.returncode, done.stdout), (OK, WORDS), done.stderr)
                self.assertIn(version.encode(), done.stderr)

    def test_end_without_close_notify_is_told_behind_the_answer(self):
        def cut(secured):
            secured.sendall(secured.recv(100))
            secured.shutdown(socket.SHUT_WR)

        done = yodel("send", *self.serve_python(cut), "x", *self.trust)
        self.assert_ended(done, FAILED, b"TLS: the connection to 127.0.0.1 port ")
        self.assertIn(b"without close_notify", done.stderr)
        self.assertEqual(done.stdout, b"x")

    def test_reset_is_a_reset(self):
        def reset(secured):
            secured.recv(1)
            close_with_reset(secured)

        done = yodel("send", *self.serve_python(reset), "xy", *self.trust)
        self.assert_ended(done, FAILED, b"RESET: the connection to ")

    def test_alert_in_the_stream_is_told(self):
        """In TLS 1.3 a certificate that is missing is told behind the client's handshake."""
        target = self.serve_tls(f"tls.client_ca={self.path('ca.pem')}", "tls.verify=require")
        done = yodel("send", *target, "x", *self.trust)
        self.assert_ended(done, FAILED, b"TLS: ")
        self.assertIn(b"certificate required", done.stderr)
        done = yodel("send", *target, "x", *self.trust, "--cert", self.path("client.pem"), "--key",
                     self.path("client.key"))
        self.assert_ended(done, OK)
        told = self.daemon.events("tls")[-1]
        self.assertEqual(told["client_sha256"], self.certificates.sha256("client"))

    def test_server_without_tls_is_told_by_every_command(self):
        target = self.serve_daemon("greet")
        for command in (["send", *target, "x"], ["connect", *target], ["ask", *target, "a", "b"],
                        ["ping", *target, "-n", "1"], ["verify", *target], ["multi", *target],
                        ["load", *target, "-n", "1"]):
            done = yodel(*command, *self.trust)
            self.assertEqual(done.returncode, FAILED, command)
            self.assertRegex(done.stderr, rb"(?m)^TLS: .*wrong version number", command)

    def test_stalled_handshake_is_a_timeout(self):
        end = use(self, NeverAccepting())
        for command in (["send", *end.arguments, "x"], ["ping", *end.arguments, "-n", "1"],
                        ["multi", *end.arguments], ["load", *end.arguments, "-n", "1"]):
            done = yodel(*command, "-t", "200ms", *self.trust)
            self.assertEqual(done.returncode, FAILED, command)
            self.assertRegex(done.stderr, rb"(?m)^TIMEOUT: ", command)
        done = yodel("check", *end.arguments, "-t", "200ms", *self.trust)
        self.assert_ended(done, FAILED)
        self.assertIn(b"no answer in the TLS handshake within 200ms", done.stdout)

    def test_handshake_has_its_time_however_it_trickles(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path("both.pem"), self.path("both.key"))

        def trickle(client):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, server_side=True)
            incoming.write(client.recv(65536))
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
            for byte in outgoing.read():
                client.sendall(bytes([byte]))
                time.sleep(0.02)  # the server's pace

        for command in (["send", "x"], ["ping", "-n", "1"], ["multi", "-c", "1"],
                        ["load", "-c", "1", "-n", "1"], ["check"]):
            target = self.serve(trickle)
            done = yodel(command[0], *target, *command[1:], "-t", "300ms", *self.trust)
            self.assertEqual(done.returncode, FAILED, command)
            self.assertRegex(done.stdout + done.stderr, rb"(?m)^TIMEOUT", command)
            if command[0] != "load":
                self.assertIn(b"TLS handshake", done.stdout + done.stderr, command)

    def test_new_keys_are_no_answer(self):
        """A server that sends a KeyUpdate now and then, and nothing else."""
        server = subprocess.Popen(
            ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", self.path("both.pem"),
             "-key", self.path("both.key"), "-tls1_3"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.addCleanup(server.stdin.close)
        self.addCleanup(server.stdout.close)
        line = b""
        while not line.startswith(b"ACCEPT"):
            line = server.stdout.readline()
        port = line.decode().strip().rpartition(":")[2]
        for command in (["send", "-k", "x"], ["load", "-c", "1", "-n", "1"], ["ping", "-n", "1"]):
            client = subprocess.Popen(
                [YODEL, command[0], "127.0.0.1", port, *command[1:], "-t", "1s", *self.trust],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self.addCleanup(client.wait)
            self.addCleanup(client.kill)
            until = time.monotonic() + PATIENCE
            while client.poll() is None and time.monotonic() < until:
                server.stdin.write(b"K\n")
                time.sleep(0.1)  # the server's pace
            client.kill()
            with client.stderr:
                self.assertRegex(client.stderr.read(), rb"(?m)^TIMEOUT: ", command)

    def test_output_that_fails_is_not_taken_for_the_connection(self):
        def wait(secured):
            secured.sendall(b"no end of a line")
            secured.recv(1)

        with open("/dev/full", "wb") as full:
            done = yodel("connect", *self.serve_python(wait), *self.trust, stdout=full,
                         data=None, stdin=subprocess.PIPE)
        self.assert_ended(done, FAILED, b"OTHER: cannot write to standard output")

    def test_close_in_the_handshake_is_told(self):
        done = yodel("send", *self.serve(lambda client: client.recv(1)), "x", *self.trust)
        self.assertEqual(done.returncode, FAILED)
        self.assertRegex(done.stderr, rb"^(TLS|RESET): no TLS handshake with ")


class Trust(TlsClientTest):
    def serve_certificate(self, name, *arguments, **keywords):
        self.certificates.make(name, *arguments, **keywords)
        self.daemon = self.start_tls(name=name, listen=["127.0.0.1:0=echo"])
        return ["localhost", str(self.daemon.address()[1])]

    def assert_refused(self, target, why, *options):
        done = yodel("send", *target, "x", *options)
        self.assert_ended(done, FAILED, b"TLS: no TLS handshake with ")
        self.assertIn(why, done.stderr)
        self.assertEqual(done.stdout, b"")
        self.daemon.wait_for("close", reason="tls")

    def test_unknown_authority_is_refused(self):
        self.certificates.make_authority("stranger")
        target = self.serve_certificate("strange", "localhost", authority="stranger")
        self.assert_refused(target, b"unable to get local issuer certificate", *self.trust)
        self.assert_refused(target, b"unable to get local issuer certificate", "--tls")
        self.assert_ended(yodel("send", *target, "x", "--tls", "--insecure"), OK)

    def test_another_name_is_refused(self):
        target = self.serve_certificate("named", "named.example")
        self.assert_refused(target, b"hostname mismatch", *self.trust)
        self.assert_refused(["127.0.0.1", target[1]], b"IP address mismatch", *self.trust)
        done = yodel("send", "127.0.0.1", target[1], "x", *self.trust, "--servername",
                     "named.example")
        self.assert_ended(done, OK)
        self.assertEqual(self.daemon.events("tls")[-1]["sni"], "named.example")

    def test_address_is_expected_and_not_asked_for(self):
        target = self.serve_tls(host="127.0.0.1")
        self.assert_ended(yodel("send", *target, "x", *self.trust), OK)
        self.assertNotIn("sni", self.daemon.wait_for("tls"))

    def test_expired_certificate_is_refused(self):
        target = self.serve_certificate("old", "localhost", days=-1)
        self.assert_refused(target, b"certificate has expired", *self.trust)


class Check(TlsClientTest):
    def test_version_cipher_and_chain_are_told(self):
        target = self.serve_tls()
        done = yodel("check", *target, *self.trust)
        self.assert_ended(done, OK)
        self.assertRegex(done.stdout.decode(), (
            rf"\AOPEN        port {target[1]} +127\.0\.0\.1:{target[1]} in [\d.]+ ms\n"
            r" {12}TLSv1\.3, TLS_[A-Z0-9_]+, handshake in [\d.]+ ms\n"
            r" {12}CN=both for localhost 127\.0\.0\.1, (29|30) days until it expires at 20\S+Z\n"
            r" {12}CN=ca, (29|30) days until it expires at 20\S+Z\n\Z"))
        closed = self.daemon.wait_for("close")
        self.assertEqual((closed["reason"], closed["in"]), ("probe", "0"), closed.line)

    def test_json_has_all_of_it(self):
        target = self.serve_tls()
        tls = json.loads(yodel("check", *target, *self.trust, "--json").stdout)["ports"][0]["tls"]
        self.assertEqual((tls["version"], tls["is_trusted"], tls["fault"]), ("TLSv1.3", True, None))
        own = tls["chain"][0]
        self.assertEqual(own["sha256"], self.certificates.sha256("both"))
        self.assertEqual((own["subject"], own["issuer"], own["is_expired"]),
                         ("CN=both", "CN=ca", False))
        self.assertIn(own["days_left"], (29, 30))
        self.assertEqual(json.loads(yodel("check", *target, "--json").stdout)["ports"][0]["tls"],
                         None)

    def test_chain_of_a_stranger_is_told_with_the_reason(self):
        self.certificates.make("old", "localhost", days=-1)
        self.daemon = self.start_tls(name="old", listen=["127.0.0.1:0=echo"])
        target = ["localhost", str(self.daemon.address()[1])]
        done = yodel("check", *target, *self.trust)
        self.assert_ended(done, FAILED)
        self.assertRegex(done.stdout.decode(), (
            r"\ATLS +port .* certificate has expired\n"
            r" +CN=old for localhost, expired at 20\S+Z\n"
            r"(.*\n)* +not trusted: certificate has expired\n\Z"))
        done = yodel("check", *target, "--tls", "--insecure", "--json")
        self.assert_ended(done, OK)
        port = json.loads(done.stdout)["ports"][0]
        self.assertEqual((port["word"], port["tls"]["is_trusted"]), ("OPEN", False))
        self.assertLess(port["tls"]["chain"][0]["days_left"], 0)

    def test_ports_with_and_without_tls(self):
        plain = self.serve_daemon()[1]
        target = self.serve_tls()
        done = yodel("check", *target, plain, *self.trust)
        self.assert_ended(done, FAILED)
        self.assertRegex(done.stdout, rb"(?m)^TLS +port " + plain.encode())
        self.assertIn(b"1 open, 1 TLS failed", done.stdout)

    def test_nobody_without_a_certificate_is_trusted(self):
        target = self.serve_daemon("greet")
        port = json.loads(yodel("check", *target, *self.trust, "--json").stdout)["ports"][0]
        self.assertEqual((port["word"], port["tls"]), ("TLS", None))

    def test_names_that_are_too_many_are_cut_and_told(self):
        folder = self.path("many")
        names = [f"{'x' * 60}.{'y' * 60}.{'z' * 60}.{number}" for number in range(32)]
        self.assert_ended(yodel("tls-selfsigned", folder, *names), OK)
        daemon = self.start(listen=["127.0.0.1:0=echo"], options=[
            f"tls.certificate={folder}/cert.pem", f"tls.key={folder}/key.pem"])
        done = yodel("check", "127.0.0.1", str(daemon.address()[1]), "--tls", "--insecure", "--json")
        shown = json.loads(done.stdout)["ports"][0]["tls"]["chain"][0]["names"]
        self.assertEqual(shown[:-1], names[:len(shown) - 1])
        self.assertEqual(shown[-1], "...")

    def test_wait_is_for_tls(self):
        """A port that opens without TLS is not open yet."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(PATIENCE)
            port = str(listener.getsockname()[1])
            with subprocess.Popen([YODEL, "check", "localhost", port, *self.trust, "-w", "60s"],
                                  stdout=subprocess.PIPE) as client:
                for _ in range(2):
                    listener.accept()[0].close()
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self.path("both.pem"), self.path("both.key"))
                with context.wrap_socket(listener.accept()[0], server_side=True):
                    shown = client.communicate(timeout=PATIENCE)[0]
        self.assertEqual(client.returncode, OK)
        self.assertRegex(shown, rb"^OPEN ")


class Options(TlsClientTest):
    def assert_usage(self, *arguments, why):
        done = yodel("send", "localhost", "7", "x", *arguments)
        self.assert_ended(done, USAGE, b"yodel: ")
        self.assertIn(why, done.stderr)

    def test_options_of_tls_are_for_tls(self):
        for option in (["--ca", "x"], ["--cert", "x"], ["--key", "x"], ["--servername", "x"],
                       ["--alpn", "x"], ["--insecure"]):
            self.assert_usage(*option, why=option[0].encode() + b" is for --tls")

    def test_files_that_cannot_be_used(self):
        client, key = self.path("client.pem"), self.path("client.key")
        empty = self.certificates.write("empty.key", "")
        open_key = self.certificates.write("open.key", self.certificates.read("client.key"), 0o644)
        self.assert_usage("--tls", "--ca", "/no/such", why=b"--ca: cannot read /no/such: No such file or directory")
        self.assert_usage("--tls", "--ca", key, why=b"expected certificates in PEM format")
        self.assert_usage("--tls", "--cert", "/no/such", why=b"certificate /no/such: ")
        self.assert_usage("--tls", "--cert", client, "--key", empty,
                          why=b"expected a key in PEM format, got unsupported")
        self.assert_usage("--tls", "--cert", client, "--key", self.path("both.key"),
                          why=b"does not belong to certificate")
        self.assert_usage("--tls", "--cert", client, "--key", open_key, why=b"got mode 0644")
        self.assert_usage("--tls", "--key", key, why=b"--key needs the --cert")

    def test_values_that_cannot_be(self):
        for value in ("", ",", "a,,b", "a,", "x" * 256):
            self.assert_usage("--tls", "--alpn", value, why=b"--alpn: ")
        self.assert_usage("--tls", "--servername", "", why=b"--servername: ")
        for option in ("--ca", "--cert", "--key"):
            self.assert_usage("--tls", option, "", why=f"{option}: ".encode())
        done = yodel("send", "x" * 254, "7", "x", "--tls")
        self.assert_ended(done, USAGE, b"HOST: expected a host name or an address, 1 to 253 bytes")
        done = yodel("tls-selfsigned", self.path("unused"), "--ca", "x")
        self.assert_ended(done, USAGE, b"--ca is for --tls")
        done = yodel("ping", "localhost", "7", "--udp", "--tls")
        self.assert_ended(done, USAGE, b"--tls is for connections, not for --udp")


class SelfSigned(TlsClientTest):
    def make(self, *arguments):
        folder = self.path("trial-" + self.id().rpartition(".")[2])
        return folder, yodel("tls-selfsigned", folder, *arguments)

    def serve_folder(self, folder, host="127.0.0.1"):
        return self.start(listen=[f"{host}:0=echo"], options=[
            f"tls.certificate={folder}/cert.pem", f"tls.key={folder}/key.pem"]).address()[1]

    def test_pair_is_good_for_this_machine_by_every_name(self):
        folder, done = self.make()
        self.assert_ended(done, OK)
        self.assertEqual(stat.S_IMODE(os.stat(folder + "/key.pem").st_mode), 0o600)
        trust = ["--tls", "--ca", folder + "/cert.pem"]
        port = self.serve_folder(folder)
        for host in ("localhost", "127.0.0.1"):
            self.assert_ended(yodel("send", host, str(port), "x", *trust), OK)
        done = yodel("send", "127.0.0.1", str(port), "x", *trust, "--servername",
                     socket.gethostname())
        self.assert_ended(done, OK)
        if has_ipv6():
            port = self.serve_folder(folder, "[::1]")
            self.assert_ended(yodel("send", "::1", str(port), "x", *trust), OK)

    def test_names_days_and_json(self):
        folder, done = self.make("--days", "10", "--json", "one.example", "*.two.example",
                                 "192.0.2.1")
        self.assert_ended(done, OK)
        result = json.loads(done.stdout)
        self.assertEqual(result["names"], ["one.example", "*.two.example", "192.0.2.1"])
        target = ["127.0.0.1", str(self.serve_folder(folder))]
        trust = ["--tls", "--ca", result["certificate"], "--servername", "www.two.example"]
        chain = json.loads(yodel("check", *target, *trust, "--json").stdout)["ports"][0]["tls"]["chain"]
        self.assertEqual(len(chain), 1)
        self.assertIn(chain[0]["days_left"], (9, 10))
        self.assertEqual(chain[0]["names"], ["one.example", "*.two.example", "192.0.2.1"])
        done = yodel("send", *target, "x", "--tls", "--ca", result["certificate"])
        self.assert_ended(done, FAILED, b"IP address mismatch")

    def test_pair_is_good_for_a_client(self):
        folder, done = self.make()
        self.assert_ended(done, OK)
        target = self.serve_tls(f"tls.client_ca={folder}/cert.pem", "tls.verify=require")
        done = yodel("send", *target, "x", *self.trust, "--cert", folder + "/cert.pem", "--key",
                     folder + "/key.pem")
        self.assert_ended(done, OK)
        self.assertEqual(self.daemon.wait_for("tls")["client_subject"], "CN=localhost")

    def test_nothing_is_overwritten(self):
        folder, _ = self.make()
        with open(folder + "/key.pem", "rb") as file:
            before = file.read()
        self.assert_ended(self.make()[1], FAILED, b"OTHER: cannot make ")
        os.unlink(folder + "/key.pem")
        self.assert_ended(self.make()[1], FAILED, b"/cert.pem: File exists")
        self.assertFalse(os.path.exists(folder + "/key.pem"))
        self.assertTrue(before.startswith(b"-----BEGIN"))

    def test_bad_names_and_folders(self):
        for name in ("", "a b", "ä", "x" * 254):
            self.assert_ended(self.make(name)[1], USAGE, b"NAME: expected a host name of 1 to 253")
        self.assert_ended(yodel("tls-selfsigned", "/dev/null"), FAILED, b"OTHER: cannot make ")
        self.assert_ended(yodel("tls-selfsigned"), USAGE, b"DIR")


if __name__ == "__main__":
    main()
