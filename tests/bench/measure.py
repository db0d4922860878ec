# SPDX-License-Identifier: MIT
"""One measurement: a load or idle connections on a running server, as a dict with units in its names."""

import contextlib
import json
import os
import resource
import socket
import subprocess

from cells import BULK, BURST, MEMORY
from peers import PINNED_CPU, ServerFailure

SOURCES = "127.0.1.0/24"
ANSWER_PATIENCE_S = 10
BURST_PATIENCE_S = 60
MESSAGE = bytes(range(64))
SPARE_DESCRIPTORS = 100


def raise_descriptor_limit():
    """The servers inherit it. Returns how many connections it allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard - SPARE_DESCRIPTORS


class Client:
    """What drives the servers."""

    def __init__(self, yodel, seconds, warmup_seconds):
        self.yodel = yodel
        self.seconds = seconds
        self.warmup_seconds = warmup_seconds

    def measure(self, cell, server):
        """Raises ServerFailure unless every byte came back."""
        server.account.settle()
        if cell.measure is MEMORY:
            return measure_memory(cell, server)
        return self._measure_load(cell, server)

    def duration_s(self, cell):
        return 0 if cell.needs_fresh_server else self.seconds + self.warmup_seconds

    def _load_command(self, cell, port):
        command = [self.yodel, "load", "--json", "--quiet", "--source", SOURCES,
                   "--connections", str(cell.connections), "--threads", str(cell.threads),
                   "--size", str(cell.size_bytes), "--depth", str(cell.depth)]
        if cell.is_connecting:
            command += ["--connect"]
        if cell.rate_per_s:
            command += ["--rate", f"{cell.rate_per_s}/s"]
        if cell.measure is BURST:
            command += ["--count", str(cell.connections), "--timeout", f"{BURST_PATIENCE_S}s"]
        else:
            command += ["--duration", f"{self.seconds * 1000:.0f}ms",
                        "--warmup", f"{self.warmup_seconds * 1000:.0f}ms",
                        "--timeout", f"{ANSWER_PATIENCE_S}s"]
        return [*command, "127.0.0.1", str(port)]

    def _measure_load(self, cell, server):
        def pin():
            os.sched_setaffinity(0, {PINNED_CPU})

        before_ns = server.account.cpu_ns()
        done = subprocess.run(self._load_command(cell, server.port), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False,
                              preexec_fn=pin if cell.is_pinned else None)
        cpu_ns = server.account.cpu_ns() - before_ns
        if done.returncode != 0:
            raise ServerFailure((done.stderr.strip().splitlines() or [trouble(done.stdout)])[0])
        load = json.loads(done.stdout)
        return {
            "figure": figure(cell, load),
            "p50_ms": load["latency_ms"]["median"],
            "p99_ms": load["latency_ms"]["p99"],
            # Of the whole run, like the round trips: its beginning and warm-up, too.
            "server_cpu_us_per_round_trip": cpu_ns / 1000 / load["completed"],
            "client_cpu_us_per_round_trip": load["cpu_us_per_round_trip"],
            "load": load,
        }


def figure(cell, load):
    if cell.measure is BULK:
        return load["bytes_per_s"] / 1e6
    if cell.measure is BURST:
        return load["elapsed_ms"]
    return load["round_trips_per_s"]


def trouble(text):
    """Why a load failed that has not said so in a line of its own."""
    try:
        load = json.loads(text)
    except ValueError:
        return "yodel load gave no result"
    return (f"{load['lost']} messages lost, {load['unfinished']} unfinished "
            f"of {load['completed'] + load['lost'] + load['unfinished']}")


# --- Memory ----------------------------------------------------------------------------------


def measure_memory(cell, server):
    with contextlib.ExitStack() as stack:
        connect_idle(stack, server.port, 0)  # what the first connection costs once is not counted
        server.account.settle()
        before_bytes = server.account.memory_bytes()
        for number in range(cell.connections):
            connect_idle(stack, server.port, number)
        server.account.settle()
        used_bytes = server.account.memory_bytes() - before_bytes
    return {"figure": used_bytes / cell.connections / 1024,
            "memory_source": server.account.memory_source}


def connect_idle(stack, port, number):
    """A connection that has made a round trip, and is closed with the stack."""
    try:
        connection = stack.enter_context(socket.create_connection(
            ("127.0.0.1", port), ANSWER_PATIENCE_S, (f"127.0.1.{1 + number % 254}", 0)))
        connection.sendall(MESSAGE)
        answer = b""
        while len(answer) < len(MESSAGE):
            piece = connection.recv(len(MESSAGE))
            if not piece:
                raise ServerFailure(f"idle connection {number} was closed")
            answer += piece
    except OSError as error:
        raise ServerFailure(f"idle connection {number}: {error}") from error
    if answer != MESSAGE:
        raise ServerFailure(f"idle connection {number} got other bytes back")
