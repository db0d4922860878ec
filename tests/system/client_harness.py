# SPDX-License-Identifier: MIT
"""
Runs the real yodel against a daemon, or against a server that a test is itself.

Environment: YODEL (the program), and that of yodel_harness.
"""

import contextlib
import fcntl
import os
import pty
import select
import signal
import socket
import subprocess
import termios
import threading
import time

from yodel_harness import PATIENCE, SOURCE_DIR, SystemTest, environment

YODEL = os.environ.get("YODEL") or os.path.join(SOURCE_DIR, "build", "dev", "yodel")
OK, FAILED, USAGE = 0, 1, 2


def yodel(*arguments, data=b"", **keywords):
    """Runs the client to its end."""
    keywords.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([YODEL, *arguments], input=data, stderr=subprocess.PIPE, check=False,
                          env=environment(), timeout=4 * PATIENCE, **keywords)


def in_shell(redirection, *arguments):
    """Runs the client with a shell's redirection."""
    return subprocess.run(["sh", "-c", f'exec "$0" "$@" {redirection}', YODEL, *arguments],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.PIPE, env=environment(), timeout=PATIENCE)


def catches_interrupts(process):
    """Whether it has come so far as to handle Ctrl-C itself."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        caught = next(line for line in file if line.startswith("SigCgt"))
    return int(caught.split()[1], 16) >> (signal.SIGINT - 1) & 1


class Output:
    """What comes from a descriptor of ours: bytes as they are."""

    def __init__(self, fd):
        self.fd = fd
        self.unread = b""

    def read(self):
        """Adds to what is unread. Returns whether there may be more."""
        if not select.select([self.fd], [], [], PATIENCE)[0]:
            raise AssertionError(f"nothing more within {PATIENCE} s behind {self.unread!r}")
        try:
            piece = os.read(self.fd, 65536)
        except OSError:  # EIO: the program has ended
            piece = b""
        self.unread += piece
        return piece != b""

    def read_until(self, mark):
        """What comes up to the mark, and the mark."""
        end = time.monotonic() + PATIENCE
        while mark not in self.unread:
            if time.monotonic() > end or not self.read():
                raise AssertionError(f"expected {mark!r}, got {self.unread!r}")
        shown, _, self.unread = self.unread.partition(mark)
        return shown + mark

    def read_all(self):
        """What comes up to the end of the program."""
        while self.read():
            pass
        return self.unread


class Pty(Output):
    """A program on a terminal that is ours: bytes to and from it, as they are."""

    def __init__(self, command, **keywords):
        fd, other = pty.openpty()
        super().__init__(fd)
        self.process = subprocess.Popen(
            command, stdin=other, stdout=other, stderr=other, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), **keywords)
        os.close(other)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.fd)

    def write(self, data):
        os.write(self.fd, data)


class ClientTest(SystemTest):
    def serve(self, talk):
        """A server for one client, given to talk(); returns HOST and PORT as the client takes them."""
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(PATIENCE)
        self.addCleanup(listener.close)

        def serve_one():
            client, _ = listener.accept()
            client.settimeout(PATIENCE)
            with client, contextlib.suppress(ConnectionError):
                talk(client)

        thread = threading.Thread(target=serve_one)
        thread.start()
        self.addCleanup(thread.join)
        return ["127.0.0.1", str(listener.getsockname()[1])]

    def serve_daemon(self, service="echo", **keywords):
        host, port = self.start(listen=[f"127.0.0.1:0={service}"], **keywords).address()
        return [host, str(port)]

    def assert_ended(self, done, code, message=b""):
        self.assertEqual(done.returncode, code, done.stderr)
        if message:
            self.assertIn(message, done.stderr)
        else:
            self.assertEqual(done.stderr, b"")
