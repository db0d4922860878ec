# SPDX-License-Identifier: MIT
"""
One measurement on a running server: a load, or idle connections. The result is a dict with units
in its names; `figure` is what the cell is about.
"""

import contextlib
import json
import os
import socket
import subprocess

from cells import BULK, BURST, MEMORY
from servers import BUILD_DIR, PINNED_CPU, ServerFailure

GENERATOR_SOURCE = "tests/bench/generator/blocking.c"
SOURCES = "127.0.1.0/24"
WARM_UP_MS = 1000  # once for each server, besides the warm-up of each load
ANSWER_PATIENCE_S = 5
BURST_PATIENCE_S = 60
MESSAGE = bytes(range(64))
QUANTILES = {"p50_ms": "median", "p90_ms": "p90", "p99_ms": "p99", "p99_9_ms": "p99_9",
             "max_ms": "max"}


class Client:
    """What drives the servers."""

    def __init__(self, yodel, seconds, warmup_seconds):
        self.yodel = yodel
        self.blocking = str(BUILD_DIR / "blocking")
        self.seconds = seconds
        self.warmup_seconds = warmup_seconds

    def prepare(self, source_dir):
        """Builds the second generator."""
        subprocess.run(["cc", "-std=c17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-pthread",
                        "-o", self.blocking, str(source_dir / GENERATOR_SOURCE)], check=True)

    def warm_up(self, server):
        """A load that nothing is taken from: some servers compile themselves while they run."""
        run_load([self.yodel, "load", "--json", "--quiet", "--source", SOURCES,
                  "--connections", "10", "--threads", "2", "--duration", f"{WARM_UP_MS}ms",
                  "--timeout", f"{ANSWER_PATIENCE_S}s", "127.0.0.1", str(server.port)])

    def duration_s(self, cell):
        return 0 if cell.needs_fresh_server else self.seconds + self.warmup_seconds

    def measure(self, cell, server):
        """Raises ServerFailure unless every byte came back."""
        server.account.settle()
        if cell.measure is MEMORY:
            return measure_memory(cell, server)
        return measure_load(cell, server, self._command(cell, server.port))

    def _command(self, cell, port):
        warmup, measured = (f"{seconds * 1000:.0f}"
                            for seconds in (self.warmup_seconds, self.seconds))
        if cell.is_blocking:
            return [self.blocking, "stream" if cell.measure is BULK else "round-trips", str(port),
                    str(cell.connections), str(cell.size_bytes), warmup, measured]
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
            command += ["--duration", f"{measured}ms", "--warmup", f"{warmup}ms",
                        "--timeout", f"{ANSWER_PATIENCE_S}s"]
        return [*command, "127.0.0.1", str(port)]


# --- A load ----------------------------------------------------------------------------------


def run_load(command, is_pinned=False):
    """What it says about itself; raises ServerFailure unless every byte came back."""
    def pin():
        os.sched_setaffinity(0, {PINNED_CPU})

    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, preexec_fn=pin if is_pinned else None)
    if done.returncode != 0:
        raise ServerFailure((done.stderr.strip().splitlines() or [trouble(done.stdout)])[0])
    return json.loads(done.stdout)


def measure_load(cell, server, command):
    before_ns = server.account.cpu_ns()
    load = run_load(command, cell.is_pinned)
    server.account.settle()  # what is left of the load, closing first of all, is part of it
    cpu_ns = server.account.cpu_ns() - before_ns
    if figure(cell, load) == 0:
        raise ServerFailure("nothing came back in the measured time")
    latencies = load.get("latency_ms", {})
    sample = {
        "figure": figure(cell, load),
        **{name: latencies.get(key) for name, key in QUANTILES.items()},
        # Of the whole run, like the round trips: its beginning and its warm-up, too.
        "server_cpu_us_per_round_trip": cpu_ns / 1000 / load["completed"],
        "client_cpu_us_per_round_trip": load.get("cpu_us_per_round_trip"),
        "completed_round_trips": load["completed"],
        "measured_ms": load["elapsed_ms"],
    }
    return {name: value for name, value in sample.items() if value is not None}


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
        return "the load gave no result"
    return (f"{load['lost']} messages lost and {load['unfinished']} unfinished, "
            f"{load['completed']} came back")


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
    return {"figure": used_bytes / cell.connections / 1024}


def connect_idle(stack, port, number):
    """A connection that has made a round trip, and is closed with the stack."""
    try:
        connection = stack.enter_context(socket.create_connection(
            ("127.0.0.1", port), ANSWER_PATIENCE_S, (f"127.0.1.{1 + number % 254}", 0)))
    except OSError as error:
        raise ServerFailure(f"idle connection {number}: {error}") from error
    make_round_trip(connection)
    return connection


def make_round_trip(connection):
    try:
        connection.sendall(MESSAGE)
        answer = b""
        while len(answer) < len(MESSAGE):
            piece = connection.recv(len(MESSAGE))
            if not piece:
                raise ServerFailure("an idle connection was closed")
            answer += piece
    except OSError as error:
        raise ServerFailure(f"an idle connection: {error}") from error
    if answer != MESSAGE:
        raise ServerFailure("an idle connection got other bytes back")
