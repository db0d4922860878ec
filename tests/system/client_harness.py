# SPDX-License-Identifier: MIT
"""
Runs the real yodel against a daemon, or against a server that a test is itself.

Environment: YODEL (the program), and that of yodel_harness.
"""

import contextlib
import os
import signal
import socket
import subprocess
import threading

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
