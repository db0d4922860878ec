# SPDX-License-Identifier: MIT
"""
Certificates that the openssl command makes, and a TLS client that can do what well-behaved ones do
not: end its stream and read on, cut it, send a record in pieces.
"""

import contextlib
import ctypes
import ctypes.util
import hashlib
import os
import select
import shutil
import socket
import ssl
import subprocess
import tempfile

from yodel_harness import PATIENCE, SystemTest

VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
EC = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
RSA = ["rsa:2048"]


def openssl(*arguments, data=b""):
    """Runs the command; returns what it has printed."""
    return subprocess.run(["openssl", *arguments], input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=PATIENCE, check=True).stdout


class Certificates:
    """Certificates and keys in a temporary folder: NAME.pem and NAME.key."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="yodel-tls-")
        self.make_authority("ca")

    def remove(self):
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def make_authority(self, name):
        openssl("req", "-x509", "-newkey", *EC, "-nodes", "-keyout", self.path(name + ".key"),
                "-out", self.path(name + ".pem"), "-days", "30", "-subj", f"/CN={name}")

    def make(self, name, *names, key=EC, days=30, subject=None, authority="ca"):
        """A certificate for the names or addresses. days: less than 0 has expired."""
        request, extensions = self.path(name + ".csr"), self.path(name + ".ext")
        openssl("req", "-newkey", *key, "-nodes", "-keyout", self.path(name + ".key"), "-utf8",
                "-out", request, "-subj", subject or f"/CN={name}")
        with open(extensions, "w", encoding="ascii") as file:
            file.write("subjectAltName=" + ",".join(
                ("IP:" if each[0].isdigit() else "DNS:") + each for each in names or [name]))
        openssl("x509", "-req", "-in", request, "-CA", self.path(authority + ".pem"), "-CAkey",
                self.path(authority + ".key"), "-CAcreateserial", "-days", str(days),
                "-extfile", extensions, "-out", self.path(name + ".pem"))
        return self

    def der(self, name):
        with open(self.path(name + ".pem"), encoding="ascii") as file:
            return ssl.PEM_cert_to_DER_cert(file.read())

    def sha256(self, name):
        return hashlib.sha256(self.der(name)).hexdigest()

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding="ascii") as file:
            return file.read()


class TlsClient:
    """TLS over a connected socket, with the way to the socket in our hands."""

    def __init__(self, sock, context, name=None, session=None):
        self.sock = sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name,
                                    session=session)

    def flush(self):
        if self.outgoing.pending:
            self.sock.sendall(self.outgoing.read())

    def until_done(self, function, *arguments):
        """Calls it, and carries bytes to and fro until it returns."""
        while True:
            try:
                result = function(*arguments)
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                data = self.sock.recv(1 << 16)
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()
            except ssl.SSLError:
                with contextlib.suppress(ConnectionError):
                    self.flush()  # the alert
                raise

    def handshake(self):
        self.until_done(self.tls.do_handshake)
        return self

    def sendall(self, data):
        self.until_done(self.tls.write, data)

    def recv(self, length):
        """b"" after a close_notify; without one, at the end of the stream, it raises."""
        try:
            return self.until_done(self.tls.read, length)
        except ssl.SSLZeroReturnError:
            return b""

    def finish(self):
        """Sends close_notify, and goes on reading."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.flush()

    def record_of(self, data):
        """What sendall would send."""
        self.tls.write(data)
        return self.outgoing.read()

    def exchange(self, pieces):
        """Sends all pieces, finishes, and reads to the end, both at once. Yields what comes."""
        pieces = iter(pieces)
        pending, is_over = b"", False
        self.sock.setblocking(False)
        while True:
            if not pending and not is_over:
                piece = next(pieces, None)
                is_over = piece is None
                if is_over:
                    with contextlib.suppress(ssl.SSLWantReadError):
                        self.tls.unwrap()
                else:
                    self.tls.write(piece)
                pending = self.outgoing.read()
            readable, writable, _ = select.select(
                [self.sock], [self.sock] if pending else [], [], PATIENCE)
            if not readable and not writable:
                raise AssertionError("nothing moves")
            if writable:
                with contextlib.suppress(BlockingIOError):
                    pending = pending[self.sock.send(pending):]
            if readable:
                data = self.sock.recv(1 << 17)
                self.incoming.write(data) if data else self.incoming.write_eof()
                while True:
                    try:
                        got = self.tls.read(1 << 17)
                    except ssl.SSLWantReadError:
                        break
                    except ssl.SSLZeroReturnError:
                        got = b""
                    if not got:
                        self.sock.settimeout(PATIENCE)
                        return
                    yield got


class KeyUpdateClient:
    """TLS 1.3 by libssl itself, for Python's ssl sends no KeyUpdate; it never reads again."""

    UPDATE_REQUESTED = 1

    def __init__(self, sock):
        self.sock = sock
        self.libssl = ctypes.CDLL(ctypes.util.find_library("ssl"))
        for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
            getattr(self.libssl, name).restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(
            self.libssl.SSL_CTX_new(ctypes.c_void_p(self.libssl.TLS_client_method())))
        self.tls = ctypes.c_void_p(self.libssl.SSL_new(self.context))
        self.libssl.SSL_set_fd(self.tls, sock.fileno())
        sock.setblocking(True)
        if self.libssl.SSL_connect(self.tls) != 1:
            raise AssertionError("the handshake failed")
        sock.setblocking(False)

    def update_key(self):
        """Sends one that asks for another; returns whether all of it has gone out."""
        self.libssl.SSL_key_update(self.tls, self.UPDATE_REQUESTED)
        return self.libssl.SSL_do_handshake(self.tls) == 1

    def close(self):
        self.libssl.SSL_free(self.tls)
        self.libssl.SSL_CTX_free(self.context)


class TlsTest(SystemTest):
    """Has a folder of certificates for all its tests, and starts a daemon with one of them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if shutil.which("openssl") is None:
            cls.skipTest(cls, "openssl is not installed")
        cls.certificates = Certificates()
        cls.addClassCleanup(cls.certificates.remove)
        cls.certificates.make("server", "localhost", key=RSA)

    def path(self, name):
        return self.certificates.path(name)

    def pair(self, name="server", prefix=""):
        """The options that give a listener this certificate."""
        return [f"{prefix}tls.certificate={self.path(name + '.pem')}",
                f"{prefix}tls.key={self.path(name + '.key')}"]

    def start_tls(self, *options, name="server", arguments=(), **keywords):
        return self.start(*arguments, options=[*self.pair(name), *options], **keywords)

    def context(self, version=None, certificate=None, alpn=(), authority="ca"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.path(authority + ".pem"))
        if version is not None:
            context.minimum_version = context.maximum_version = VERSIONS[version]
        if certificate is not None:
            context.load_cert_chain(self.path(certificate + ".pem"),
                                    self.path(certificate + ".key"))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    def secure(self, daemon, context=None, name="localhost", session=None, **keywords):
        """A client after its handshake."""
        client = TlsClient(self.connect(daemon, **keywords), context or self.context(), name,
                           session)
        try:
            return client.handshake()
        except Exception:
            client.sock.close()  # the daemon lingers until then
            raise

    def hello(self, context=None, name="localhost"):
        """The bytes of a ClientHello."""
        left, right = socket.socketpair()
        with left, right:
            client = TlsClient(left, context or self.context(), name)
            with contextlib.suppress(ssl.SSLWantReadError):
                client.tls.do_handshake()
            return client.outgoing.read()

    def assert_ends(self, client):
        if not isinstance(client, TlsClient):
            super().assert_ends(client)
            return
        self.assertEqual(client.recv(4096), b"")

    def assert_closed(self, daemon, reason, **fields):
        closed = daemon.wait_for("close", **fields)
        self.assertEqual(closed["reason"], reason, closed.line)
        self.assertNotEqual(closed.level, "error")
        return closed

    def assert_failed(self, daemon, error, **fields):
        closed = self.assert_closed(daemon, "tls", **fields)
        self.assertIn(error, closed["error"])
        return closed
