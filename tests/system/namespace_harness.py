# SPDX-License-Identifier: MIT
"""
Tests in a network namespace of their own, where every address and every port may be had.

@in_namespace before a test runs it again, alone, in such a namespace, with the loopback interface up;
it is skipped where there is none to be had.
"""

import concurrent.futures
import ctypes
import fcntl
import functools
import os
import shutil
import socket
import struct
import subprocess
import sys
import unittest

from yodel_harness import PATIENCE, wait_until

IN_NAMESPACE = "YODEL_TEST_NAMESPACE"
CLONE_NEWNET = 0x40000000
UNSHARE = ["unshare", "--user", "--map-root-user", "--net"]


def in_namespace(test):
    @functools.wraps(test)
    def run(self):
        if IN_NAMESPACE in os.environ:
            bring_up_loopback()
            test(self)
            return
        if not can_unshare():
            self.skipTest("no network namespaces here")
        done = subprocess.run(
            [*UNSHARE, sys.executable, "-B", os.path.abspath(sys.argv[0]),
             self.id().split(".", 1)[1]],
            env=dict(os.environ, **{IN_NAMESPACE: "1"}), check=False, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=4 * PATIENCE)
        if done.returncode == 77:
            self.skipTest(done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout)
    return run


def can_unshare():
    return shutil.which("unshare") is not None and subprocess.run(
        [*UNSHARE, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


def bring_up_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        flags = struct.pack("16sh14x", b"lo", 0x1 | 0x8 | 0x40)  # up, loopback, running
        fcntl.ioctl(control, 0x8914, flags)  # SIOCSIFFLAGS


def add_address(text):
    """Gives the loopback interface an IPv6 address, as ip(8) would, if that were installed."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as control:
        index = socket.if_nametoindex("lo")
        request = struct.pack("16sIi", socket.inet_pton(socket.AF_INET6, text), 128, index)
        fcntl.ioctl(control, 0x8916, request)  # SIOCSIFADDR
    wait_until(lambda: is_usable(text), f"{text} is no longer tentative")


def is_usable(text):
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind((text, 0))
            return True
        except OSError:
            return False


def ip(*words):
    try:
        subprocess.run(["ip", *words], check=True, stderr=subprocess.PIPE)
    except (OSError, subprocess.CalledProcessError) as error:
        raise unittest.SkipTest(f"no interface can be made: {error}") from None


def add_addresses(interface, addresses):
    ip("link", "set", interface, "up")
    for address in addresses:
        ip("address", "add", address, "dev", interface, *(["nodad"] if ":" in address else []))


def add_interface(name):
    """Adds one that leads nowhere, for multicasts, which the loopback interface does not take."""
    ip("link", "add", name, "type", "dummy")
    add_addresses(name, ["fd00:7::1/64"])


class Host:
    """
    A host with a cable to ours: a network namespace of its own, as long as the process lives.
    Source: setns(2), veth(4).
    """

    def __init__(self, name, ours, theirs):
        """Addresses come with the length of their network."""
        self.namespace = None
        self.namespace = self.run(self.make_namespace)
        ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns",
           f"/proc/{os.getpid()}/fd/{self.namespace}")
        add_addresses(name, ours)
        self.run(add_addresses, "eth0", theirs)
        for address in ours:
            wait_until(lambda: self.reaches(address.split("/")[0]), f"{name} reaches {address}")

    @staticmethod
    def make_namespace():
        """The new one is the calling thread's."""
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) != 0:
            raise unittest.SkipTest(f"unshare(2): {os.strerror(ctypes.get_errno())}")
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def run(self, function, *arguments):
        """Calls it there; a socket that it returns stays one of that host."""
        def enter():
            libc = ctypes.CDLL(None, use_errno=True)
            if self.namespace is not None and libc.setns(self.namespace, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            return function(*arguments)
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            return thread.submit(enter).result()

    def reaches(self, address):
        try:
            self.run(socket.create_connection, (address, 9)).close()
        except ConnectionRefusedError:
            pass
        except OSError:
            return False
        return True

    def connect(self, address, source):
        return self.run(socket.create_connection, address, PATIENCE, (source, 0))


def send_as(source, destination, data=b"yodel"):
    """Sends a datagram that claims to come from another IPv4 address and port."""
    udp = struct.pack("!HHHH", source[1], destination[1], 8 + len(data), 0)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0,
                     socket.inet_aton(source[0]), socket.inet_aton(destination[0]))
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(ip + udp + data, (destination[0], 0))
