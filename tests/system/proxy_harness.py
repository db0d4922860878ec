# SPDX-License-Identifier: MIT
"""Other people's proxies in front of the daemon."""

import contextlib
import os
import shutil
import socket
import subprocess

from yodel_harness import PATIENCE, free_port, wait_until


class ProxyInFront:
    """What a SystemTest needs to start one, which ends with the test."""

    def start_proxy(self, command, port):
        """Returns the address once it accepts there."""
        program = shutil.which(command[0], path=os.environ["PATH"] + ":/usr/sbin")
        if program is None:
            self.skipTest(f"no {command[0]}")
        proxy = subprocess.Popen([program, *command[1:]], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE)

        def stop():
            proxy.terminate()
            proxy.communicate()
        self.addCleanup(stop)

        def accepts():
            if proxy.poll() is not None:
                raise AssertionError(proxy.stderr.read().decode())
            with contextlib.suppress(ConnectionError), \
                    socket.create_connection(("127.0.0.1", port), PATIENCE):
                return True
            return False
        wait_until(accepts, f"{command[0]} accepts")
        return ("127.0.0.1", port)

    def haproxy(self, daemon, server, bind=""):
        """One in TCP mode; `server` and `bind` are what its lines say behind their addresses."""
        port = free_port()
        host, back = daemon.address()
        path = self.write_config(f"""
            global
                maxconn 200
            defaults
                mode tcp
                timeout connect 10s
                timeout client 1m
                timeout server 1m
            listen front
                bind 127.0.0.1:{port} {bind}
                unique-id-format yodel-%pid
                server back {host}:{back} {server}\n""", "haproxy.cfg")
        return self.start_proxy(["haproxy", "-db", "-f", path], port)
