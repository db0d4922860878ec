# SPDX-License-Identifier: MIT
"""
The other ends of a connection, for tests of the client: our own servers with a known fault each,
and servers that nobody here has written.

An End has host, port, path (of a Unix socket; "@name" is an abstract one), address (as Python's
sockets take it), arguments (as the client takes them), connect() and close(); it is a context
manager, and `use(test, end)` closes it at the end of the test. Ports are chosen by the kernel.

    server = serve(self, corrupting(at=1_000_000))      # a thread for each of its clients
    end = use(self, Refusing())                         # also NeverAccepting, Full
    for name, start in PROGRAMS.items():                # socat, ncat, xinetd, ...
        end = use(self, start(host="::1"))              # SkipTest where it is missing

A server talks with a client by a function, talk(client); `client` is a Connection, a socket that
knows when the server is being closed. Offsets are those of the stream, from 0, for each connection.

The same over UDP, DATAGRAM_PROGRAMS too; there talk(reply, number, data) is called for each datagram:

    server = serve_datagrams(self, duplicating(1))      # or RefusingDatagrams
"""

import ctypes
import fcntl
import os
import pwd
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

from yodel_harness import PATIENCE, close_with_reset, environment, has_ipv6, wait_until

LOCALHOST = "127.0.0.1"
CHUNK = 1 << 16
MANY = 4096
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
TCP_INFO_UNACKED = 24  # struct tcp_info, linux/tcp.h; of a listening socket: its queue, its limit


# --- what all ends have ---

class End:
    """Something that a client can be told to connect to."""

    kind = socket.SOCK_STREAM

    def __init__(self, host=LOCALHOST, path=None):
        if path is None and ":" in host and not has_ipv6():
            raise unittest.SkipTest("no IPv6 here")
        self.path = path
        self.host = host if path is None else None
        self.port = None

    @property
    def family(self):
        if self.path is not None:
            return socket.AF_UNIX
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    @property
    def address(self):
        if self.path is None:
            return self.host, self.port
        return "\0" + self.path[1:] if self.path.startswith("@") else self.path

    @property
    def arguments(self):
        return [self.host, str(self.port)] if self.path is None else ["unix:" + self.path]

    def connect(self, timeout=PATIENCE):
        """A plain socket that is connected to it. The caller closes it."""
        client = socket.socket(self.family, self.kind)
        try:
            client.settimeout(timeout)
            client.connect(self.address)
        except BaseException:
            client.close()
            raise
        return client

    def close(self):
        raise NotImplementedError

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Bound(End):
    """An end with a socket of ours that is bound: port or path are nobody else's."""

    def __init__(self, host=LOCALHOST, path=None):
        super().__init__(host, path)
        self.listener = socket.socket(self.family, self.kind)
        try:
            self.listener.bind(self.address if path is not None else (host, 0))
        except BaseException:
            self.listener.close()
            raise
        if path is None:
            self.port = self.listener.getsockname()[1]

    def close(self):
        self.listener.close()
        if self.path is not None and not self.path.startswith("@") and os.path.exists(self.path):
            os.unlink(self.path)


def use(test, end):
    """Closes an end when the test is over."""
    test.addCleanup(end.close)
    return end


def serve(test, talk, **keywords):
    """A server that gives each of its clients to talk(), up to the end of the test."""
    return use(test, Server(talk, **keywords))


def abstract_name():
    """A name for a Unix socket that nobody else has, and that is in no folder."""
    return "@yodel-test-" + secrets.token_hex(8)


# --- ends that do not serve ---

class Refusing(Bound):
    """A port that is held, but on which nobody listens."""


class NeverAccepting(Bound):
    """The kernel connects for it, up to its backlog; nobody ever accepts, reads or answers."""

    def __init__(self, host=LOCALHOST, path=None, backlog=128):
        super().__init__(host, path)
        self.listener.listen(backlog)


class Full(NeverAccepting):
    """Its queue is full, so that the kernel drops each further SYN: connects hang. TCP only."""

    def __init__(self, host=LOCALHOST):
        super().__init__(host, backlog=0)
        self.fillers = [self.connect()]
        wait_until(self._is_full, "a full queue")

    def _is_full(self):
        info = self.listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        length, limit = struct.unpack_from("=II", info, TCP_INFO_UNACKED)
        return length > limit

    def close(self):
        for filler in self.fillers:
            filler.close()
        super().close()


# --- a server in threads ---

class Connection(socket.socket):
    """The server's socket for one client. It blocks without a timeout: Server.close() ends that."""

    def __init__(self, accepted, is_over):
        super().__init__(fileno=accepted.detach())
        self.is_over = is_over
        self.received = 0
        self.lock = threading.Lock()
        if self.family != socket.AF_UNIX:
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def recv(self, *arguments):
        data = super().recv(*arguments)
        self.received += len(data)
        return data

    def recv_into(self, *arguments):
        count = super().recv_into(*arguments)
        self.received += count
        return count

    def pause(self, seconds=None):
        """Lets time pass. True: the server is being closed, so talk() should return."""
        return self.is_over.wait(seconds)

    def close(self):
        with self.lock:
            super().close()

    def interrupt(self):
        """From another thread: what blocks in this socket comes back."""
        with self.lock:
            try:
                self.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # closed, or the client has gone


class Server(Bound):
    """Gives every client to talk(client) in a thread of its own, and closes it afterwards."""

    def __init__(self, talk, host=LOCALHOST, path=None):
        super().__init__(host, path)
        self.talk = talk
        self.clients = []
        self.threads = []
        self.failures = []
        self.is_over = threading.Event()
        self.listener.listen(MANY)
        self.acceptor = threading.Thread(target=self._accept, daemon=True)
        self.acceptor.start()

    @property
    def connections(self):
        """How many there have been so far."""
        return len(self.clients)

    @property
    def received(self):
        """How many bytes have come so far, of all connections."""
        return sum(client.received for client in list(self.clients))

    def _accept(self):
        while not self.is_over.is_set():
            try:
                accepted, _ = self.listener.accept()
            except OSError as error:
                if not self.is_over.is_set():
                    self.failures.append(error)
                return
            client = Connection(accepted, self.is_over)
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self.clients.append(client)
            self.threads.append(thread)
            thread.start()

    def _serve(self, client):
        try:
            self.talk(client)
        except ConnectionError:
            pass  # a client may go whenever it likes
        except Exception as error:  # pylint: disable=broad-except
            if not self.is_over.is_set():
                self.failures.append(error)
        finally:
            client.close()

    def close(self):
        """Ends all, whatever the clients do; tells what went wrong in talk(). May be repeated."""
        if self.listener.fileno() < 0:
            return
        self.is_over.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.acceptor.join(PATIENCE)
        super().close()
        for client in self.clients:
            client.interrupt()
        for thread in self.threads:
            thread.join(PATIENCE)
        if any(thread.is_alive() for thread in (self.acceptor, *self.threads)):
            raise AssertionError("a server's thread did not end")
        if self.failures:
            raise AssertionError("a server failed") from self.failures[0]


# --- the same with datagrams ---

class RefusingDatagrams(Bound):
    """A port that is held by a socket which takes datagrams from itself alone: others are refused."""

    kind = socket.SOCK_DGRAM

    def __init__(self, host=LOCALHOST):
        super().__init__(host)
        self.listener.connect(self.address)


class DatagramServer(Bound):
    """
    Gives every datagram to talk(reply, number, data), number from 0 on, in one thread; reply(data)
    sends a datagram to where that one came from, and returns False once the server is being closed.
    With `is_elsewhere` it comes from another port.
    """

    kind = socket.SOCK_DGRAM

    def __init__(self, talk, host=LOCALHOST, is_elsewhere=False):
        super().__init__(host)
        self.talk = talk
        self.received = []
        self.failures = []
        self.is_over = False
        self.answering = socket.socket(self.family, self.kind) if is_elsewhere else self.listener
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            data, client = self.listener.recvfrom(CHUNK)
            if self.is_over:
                return
            self.received.append(data)
            try:
                self.talk(lambda answer: self._reply(client, answer), len(self.received) - 1, data)
            except Exception as error:  # pylint: disable=broad-except
                self.failures.append(error)

    def _reply(self, client, answer):
        self.answering.sendto(answer, client)
        return not self.is_over

    def close(self):
        if self.listener.fileno() < 0:
            return
        self.is_over = True
        with self.connect() as waker:
            waker.send(b"")
        self.thread.join(PATIENCE)
        self.answering.close()
        super().close()
        if self.thread.is_alive():
            raise AssertionError("a server's thread did not end")
        if self.failures:
            raise AssertionError("a server failed") from self.failures[0]


def serve_datagrams(test, talk, **keywords):
    """A server that gives each datagram to talk(), up to the end of the test."""
    return use(test, DatagramServer(talk, **keywords))


def reflect(reply, number, data):
    """Each datagram comes back (RFC 862)."""
    del number
    reply(data)


def absorb(reply, number, data):
    """No answer to anything."""
    del reply, number, data


def losing_datagrams(*numbers):
    """No answer to some."""
    def talk(reply, number, data):
        if number not in numbers:
            reply(data)
    return talk


def duplicating(*numbers):
    """Some come back twice."""
    def talk(reply, number, data):
        reply(data)
        if number in numbers:
            reply(data)
    return talk


def changing(change, *numbers):
    """Some come back as change(data)."""
    def talk(reply, number, data):
        reply(change(data) if number in numbers else data)
    return talk


def holding_back(*numbers, is_behind=False):
    """The answer to some waits for the datagram behind it, and comes before the answer to that, or behind."""
    held = []

    def talk(reply, number, data):
        if number in numbers:
            held.append(data)
            return
        answers = [data, *held] if is_behind else [*held, data]
        held.clear()
        for answer in answers:
            reply(answer)
    return talk


# --- parts of a conversation ---

def pieces(client, count=None, size=CHUNK):
    """What comes, as views that hold until the next; up to `count` bytes, or to the end."""
    buffer = memoryview(bytearray(size))
    while count is None or count > 0:
        length = client.recv_into(buffer if count is None else buffer[:count])
        if length == 0:
            return
        if count is not None:
            count -= length
        yield buffer[:length]


def copy(client, count=None):
    """Echoes `count` bytes, or up to the end. Returns how many there were."""
    copied = 0
    for piece in pieces(client, count):
        client.sendall(piece)
        copied += len(piece)
    return copied


def take(client, count):
    """Receives `count` bytes; fewer only at the end of the stream."""
    return b"".join(bytes(piece) for piece in pieces(client, count))


def drop(client, count=None):
    """Receives `count` bytes for nothing, or all up to the end."""
    for _ in pieces(client, count):
        pass


def unsent(client):
    """How many bytes the client's kernel has not confirmed."""
    return struct.unpack("i", fcntl.ioctl(client, termios.TIOCOUTQ, b"\0" * 4))[0]


# --- what a server does with a client: exact ones ---

def echo(client):
    """All comes back, and after its end the end."""
    copy(client)


def silent(client):
    """Reads nothing, says nothing, until the server is closed."""
    client.pause()


def swallow(client):
    """Reads all, and answers nothing but the end."""
    drop(client)


def greeting(data):
    """Says something and ends; what the client says is read, so that no reset destroys it."""
    def talk(client):
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        drop(client)
    return talk


def chunking(size=1):
    """An exact echo that writes at most `size` bytes at once, without Nagle's delay."""
    def talk(client):
        for piece in pieces(client):
            for start in range(0, len(piece), size):
                client.sendall(piece[start:start + size])
    return talk


def slow(seconds, size=CHUNK):
    """An exact echo that lets so much time pass before each piece of at most `size` bytes."""
    def talk(client):
        for piece in pieces(client, size=size):
            if client.pause(seconds):
                return
            client.sendall(piece)
    return talk


class Stalling:
    """
    An exact echo that answers nothing for a known time, once, on all its connections at the same
    moment: from `after_seconds` past the first byte, or once `after_bytes` have come in all.

    begin, end: that time, of CLOCK_MONOTONIC; None as long as it is not known. No write starts
    within it. Nothing is read meanwhile either, beyond one piece for each connection.
    """

    def __init__(self, for_seconds, after_seconds=None, after_bytes=None):
        if (after_seconds is None) == (after_bytes is None):
            raise ValueError("either after_seconds or after_bytes")
        self.for_seconds = for_seconds
        self.after_seconds = after_seconds
        self.after_bytes = after_bytes
        self.received = 0
        self.begin = None
        self.end = None
        self.lock = threading.Lock()

    def _receive(self, count):
        with self.lock:
            self.received += count
            if self.begin is None and self.received >= (self.after_bytes or 0):
                begin = time.monotonic() + (self.after_seconds or 0)
                self.end = begin + self.for_seconds
                self.begin = begin

    def _seconds_left(self):
        """Until an answer may be sent; 0: now."""
        now = time.monotonic()
        with self.lock:
            return self.end - now if self.begin is not None and self.begin <= now < self.end else 0

    def __call__(self, client):
        for piece in pieces(client):
            self._receive(len(piece))
            while (left := self._seconds_left()) > 0:
                if client.pause(left):
                    return
            client.sendall(piece)


# --- and faulty ones ---

def resetting(after=0):
    """
    Echoes `after` bytes and resets as soon as they have arrived; 0: at once. Without so many
    bytes it is an echo. TCP only.
    """
    def talk(client):
        if copy(client, after) == after:
            while unsent(client):
                if client.pause(0.002):
                    return
            close_with_reset(client)
    return talk


def truncating(after):
    """Echoes `after` bytes and ends orderly, though the client goes on; what it says is read."""
    def talk(client):
        copy(client, after)
        client.shutdown(socket.SHUT_WR)
        drop(client)
    return talk


def corrupting(at, flip=0x01, count=1):
    """Flips bits of `count` bytes from `at` on."""
    table = bytes(value ^ flip for value in range(256))

    def talk(client):
        copy(client, at)
        for piece in pieces(client, count):
            client.sendall(bytes(piece).translate(table))
        copy(client)
    return talk


def losing(at, count=1):
    """Does not answer `count` bytes from `at` on."""
    def talk(client):
        copy(client, at)
        drop(client, count)
        copy(client)
    return talk


def repeating(at, count=1):
    """Sends the `count` bytes before `at` twice."""
    if count > at:
        raise ValueError("there are not so many bytes before")

    def talk(client):
        copy(client, at - count)
        block = take(client, count)
        client.sendall(block)
        if len(block) == count:
            client.sendall(block)
        copy(client)
    return talk


def adding(at, data):
    """Sends foreign bytes as soon as `at` bytes are echoed; 0: at once."""
    def talk(client):
        if copy(client, at) == at:
            client.sendall(data)
        copy(client)
    return talk


def reordering(at, count=1):
    """
    Exchanges two neighbouring blocks of `count` bytes. It answers none of these before both have
    come. What ends before is echoed as it was.
    """
    def talk(client):
        copy(client, at)
        block = take(client, 2 * count)
        if len(block) == 2 * count:
            block = block[count:] + block[:count]
        client.sendall(block)
        copy(client)
    return talk


def trailing(data):
    """An exact echo, and more bytes after the client's end."""
    def talk(client):
        copy(client)
        client.sendall(data)
    return talk


# --- servers nobody here has written ---

def find_program(name):
    """The path of a program, also of one for administrators; skips the test without it."""
    found = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
    if found is None:
        raise unittest.SkipTest(f"{name} is not installed")
    return found


def adopt():
    """Orphans among our descendants become our children, so that they can be awaited."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


class Program(End):
    """
    An echo server as a process, which has answered one byte when this returns. It leads a process
    group of its own, that ends with it.

    command(end): its arguments, given the end with its host and port, or path, and a folder.
    """

    def __init__(self, command, host=LOCALHOST, path=None, kind=socket.SOCK_STREAM):
        super().__init__(host, path)
        self.kind = kind
        for is_last in (False, False, True):
            if path is None:
                probe_type = Refusing if kind == socket.SOCK_STREAM else RefusingDatagrams
                with probe_type(host) as probe:
                    self.port = probe.port
            try:
                self._start(command)
                return
            except AssertionError:
                if is_last:
                    raise  # before: the port may have been taken in the meantime

    def _start(self, command):
        self.folder = tempfile.mkdtemp(prefix="yodel-test-")
        self.process = None
        adopt()
        try:
            with open(os.path.join(self.folder, "output"), "wb") as output:
                self.process = subprocess.Popen(
                    command(self), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                    env=environment(), start_new_session=True)
            wait_until(self._is_ready, "the server answers")
        except BaseException:
            self.close()
            raise

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        """What it has said so far, for its standard output and error."""
        with open(os.path.join(self.folder, "output"), "rb") as file:
            return file.read().decode("utf-8", "backslashreplace")

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.process.args[0]} has ended with "
                                 f"{self.process.returncode}:\n{self.output()}")
        try:
            with self.connect() as client:
                # A connect to a port without a listener may meet itself: it would be an echo, too.
                if self.path is None and client.getsockname() == client.getpeername():
                    return False
                client.sendall(b"?")
                return client.recv(1) == b"?"
        except (ConnectionError, FileNotFoundError):
            return False

    def close(self):
        if self.process is not None and self.process.returncode is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)
            # Its children hold its listening socket, too. They have become ours: see adopt().
            try:
                while True:
                    os.waitpid(-self.pid, 0)
            except ChildProcessError:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)


def socat(host=LOCALHOST, path=None, to="EXEC:cat", options=()):
    """socat, with cat as the echo."""
    program = find_program("socat")
    if path is None:
        kind = "TCP6" if ":" in host else "TCP"
        bound = f"[{host}]" if ":" in host else host
        listen = f"{kind}-LISTEN:%d,bind={bound},reuseaddr,backlog={MANY},fork"
    elif path.startswith("@"):
        listen = f"ABSTRACT-LISTEN:{path[1:]},backlog={MANY},fork"
    else:
        listen = f"UNIX-LISTEN:{path},backlog={MANY},fork"
    # -t: how long the other direction may go on after an end of stream; half a second by itself.
    return Program(lambda end: [program, "-t", str(PATIENCE), *options,
                                listen % end.port if path is None else listen, to], host, path)


def socat_pipe(host=LOCALHOST, path=None):
    """socat with an echo of its own: it writes into a pipe, and reads from the same."""
    # With more than PIPE_BUF at once it may wait for room in the pipe that only it can make.
    return socat(host, path, to="PIPE", options=["-b", "4096"])


def _socat_udp(host, way, to):
    program = find_program("socat")
    kind, bound = ("UDP6", f"[{host}]") if ":" in host else ("UDP4", host)
    return Program(lambda end: [program, "-b", str(CHUNK), f"{kind}-{way}:{end.port},bind={bound},fork", to],
                   host, kind=socket.SOCK_DGRAM)


def socat_datagrams(host=LOCALHOST):
    """socat, with a process and cat for each datagram."""
    return _socat_udp(host, "RECVFROM", "EXEC:cat")


def socat_datagrams_pipe(host=LOCALHOST):
    """socat, with a process and a connected socket for each peer, and an echo of its own."""
    return _socat_udp(host, "LISTEN", "PIPE")


def ncat(host=LOCALHOST):
    """ncat with cat; see LOCKSTEP."""
    program = find_program("ncat")
    return Program(lambda end: [program, "--exec", "/bin/cat", "-k", "-m", "1000",
                                "-6" if ":" in host else "-4", "-l", host, str(end.port)], host)


XINETD_CONF = """\
service echo
{{
    type = INTERNAL UNLISTED
    id = echo-stream
    socket_type = stream
    protocol = tcp
    wait = no
    flags = {flags}
    user = {user}
    bind = {host}
    port = {port}
    instances = UNLIMITED
    per_source = UNLIMITED
    cps = 100000 1
    disable = no
}}
"""


def xinetd(host=LOCALHOST):
    """xinetd with its internal service echo."""
    program = find_program("xinetd")

    def command(end):
        config = os.path.join(end.folder, "xinetd.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(XINETD_CONF.format(
                flags="IPv6" if ":" in host else "IPv4", host=host, port=end.port,
                user=pwd.getpwuid(os.geteuid()).pw_name))
        return [program, "-dontfork", "-f", config, "-filelog", os.path.join(end.folder, "log"),
                "-pidfile", os.path.join(end.folder, "pid")]
    return Program(command, host)


PYTHON_SOCKETSERVER = """
import socket, socketserver, sys

class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)

class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AddressFamily[sys.argv[1]]
    allow_reuse_address = address_family != socket.AF_UNIX
    request_queue_size = 4096

    def server_bind(self):
        self.socket.bind(self.server_address)

name = sys.argv[2]
address = (name, int(sys.argv[3])) if len(sys.argv) > 3 else name.replace("@", chr(0))
Server(address, Echo).serve_forever()
"""

PYTHON_ASYNCIO = """
import asyncio, sys

async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()

async def main():
    name = sys.argv[2]
    if len(sys.argv) > 3:
        server = await asyncio.start_server(echo, name, int(sys.argv[3]), backlog=4096)
    else:
        server = await asyncio.start_unix_server(echo, name.replace("@", chr(0)), backlog=4096)
    await server.serve_forever()

asyncio.run(main())
"""


def _python(code, host, path):
    return Program(lambda end: [sys.executable, "-B", "-c", code, end.family.name,
                                *([path] if path is not None else [host, str(end.port)])],
                   host, path)


def python_socketserver(host=LOCALHOST, path=None):
    """Python's socketserver, with a thread for each client."""
    return _python(PYTHON_SOCKETSERVER, host, path)


def python_asyncio(host=LOCALHOST, path=None):
    """Python's asyncio, with a single thread."""
    return _python(PYTHON_ASYNCIO, host, path)


# Functions that start one and take a host; those of UNIX_PROGRAMS take a path instead, too.
UNIX_PROGRAMS = {"socat": socat, "socat_pipe": socat_pipe,
                 "python_socketserver": python_socketserver, "python_asyncio": python_asyncio}
PROGRAMS = {**UNIX_PROGRAMS, "ncat": ncat, "xinetd": xinetd}
# Not xinetd: of 30 datagrams, each sent behind the answer to the last, it leaves some unanswered.
DATAGRAM_PROGRAMS = {"socat": socat_datagrams, "socat_pipe": socat_datagrams_pipe}
# Echoes that are whole only for a client that awaits the answer to so many bytes before it goes on,
# or ends: ncat ends at the client's end, whatever cat has to say, and writes to cat while cat waits
# for it to read.
LOCKSTEP = {"ncat": 1 << 14}
