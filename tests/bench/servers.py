# SPDX-License-Identifier: MIT
"""The servers: yodeld, the peers of the folder peers/, and what --peer names."""

import os
import pathlib
import shlex
import socket
import subprocess
import sys
import time

from accounting import Account
from errors import BenchError

HERE = pathlib.Path(__file__).resolve().parent
SOURCE_DIR = HERE.parent.parent
BUILD_DIR = SOURCE_DIR / "build" / "bench"
# The scripts of peers/ in the order of the tables, and what each has for a connection.
SCRIPTS = {"epoll": "events", "plain": "threads", "io_uring": "events", "libevent": "events",
           "libuv": "events", "go": "goroutines", "node": "events", "java": "threads",
           "rust": "threads", "python-threading": "threads", "python-asyncio": "tasks",
           "socat": "processes", "ncat": "processes", "xinetd": "processes", "inetd": "processes",
           "tcpserver": "processes"}
MOST_PROCESSES = 1000  # connections of a server with a process for each
MISSING = 77  # exit status of a script whose package is not there
START_PATIENCE_S = 30
PREPARE_PATIENCE_S = 300
PINNED_CPU = max(os.sched_getaffinity(0))


class Unavailable(Exception):
    """A peer cannot be measured, and why."""


class ServerFailure(Exception):
    pass


class Peer:
    """A server that can be started."""

    def __init__(self, name, kind):
        self.name = name
        self.kind = kind
        self.version = ""

    def prepare(self):
        """Builds what it needs and asks its version; raises Unavailable."""

    def command(self, port):
        raise NotImplementedError


class Yodeld(Peer):
    """The shipped daemon with its shipped configuration, but for two values."""

    OPTIONS = ("-o", "log.level=warn", "-o", "limits.max_connections=20000",
               "-o", "privileges.allow_root=true")

    def __init__(self, program):
        super().__init__("yodeld", "threads")
        self.program = program

    def prepare(self):
        self.version = run_quickly([self.program, "-V"]).stdout.strip()

    def command(self, port):
        return [self.program, "-c", str(SOURCE_DIR / "conf" / "yodeld.conf"), *self.OPTIONS,
                "-l", f"127.0.0.1:{port}=echo"]


class Script(Peer):
    """A script of peers/: NAME prepare DIR, NAME start DIR PORT, NAME version."""

    def __init__(self, name):
        super().__init__(name, SCRIPTS.get(name, "unknown"))
        self.path = str(HERE / "peers" / name)
        self.folder = str(BUILD_DIR / "peers" / name)

    def prepare(self):
        if not os.access(self.path, os.X_OK):
            raise Unavailable("there is no such script in peers/")
        os.makedirs(self.folder, exist_ok=True)
        done = run_quickly([self.path, "prepare", self.folder])
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        reason = reason.replace(f"{SOURCE_DIR}/", "")
        if done.returncode == MISSING:
            raise Unavailable(reason)
        if done.returncode != 0:
            raise Unavailable(f"prepare failed with {done.returncode}: {reason}")
        self.version = run_quickly([self.path, "version"]).stdout.strip()

    def command(self, port):
        return [self.path, "start", self.folder, str(port)]


class Command(Peer):
    """What --peer NAME=COMMAND says, with {port} in the command."""

    def __init__(self, name, text):
        super().__init__(name, "unknown")
        self.text = text
        self.version = text

    def command(self, port):
        return shlex.split(self.text.replace("{port}", str(port)))


def run_quickly(command):
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PREPARE_PATIENCE_S, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(short_reason(error)) from error


def short_reason(error):
    """Without paths: it may get into a document."""
    if isinstance(error, subprocess.TimeoutExpired):
        return f"took more than {error.timeout} s"
    return getattr(error, "strerror", None) or type(error).__name__


def given_programs():
    """yodeld and yodel of the environment, or None."""
    given = os.environ.get("YODELD"), os.environ.get("YODEL")
    if any(given) and not all(given):
        raise BenchError("only one of YODELD and YODEL is in the environment")
    return given if all(given) else None


def programs():
    """yodeld and yodel: of the environment, or of the release build, brought up to date."""
    given = given_programs()
    if given:
        return given
    print("building the release", file=sys.stderr)
    for command in (["cmake", "--preset", "release"], ["cmake", "--build", "--preset", "release"]):
        subprocess.run(command, cwd=SOURCE_DIR, stdout=subprocess.DEVNULL, check=True)
    release = SOURCE_DIR / "build" / "release"
    return str(release / "yodeld"), str(release / "yodel")


def make_build_folder():
    """And forgets what the servers of an earlier run had to say."""
    BUILD_DIR.mkdir(parents=True, exist_ok=True)
    for log in BUILD_DIR.glob("*.log"):
        log.unlink()


class Server:
    """A peer that runs, on a port of its own, with an account of what it uses."""

    next_port = 2000

    def __init__(self, peer, is_pinned=False):
        self.port = Server.next_port
        Server.next_port += 1
        self.log = BUILD_DIR / f"{peer.name}.log"
        self.process = None
        self.account = Account()
        try:
            self._start(peer, is_pinned)
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def _start(self, peer, is_pinned):
        def enter():
            self.account.enter()
            if is_pinned:
                os.sched_setaffinity(0, {PINNED_CPU})

        with open(self.log, "ab") as log:
            try:
                self.process = subprocess.Popen(
                    peer.command(self.port), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True, preexec_fn=enter)
            except (OSError, subprocess.SubprocessError) as error:
                raise ServerFailure(f"did not start: {short_reason(error)}") from error
        self.account.session = self.process.pid

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < deadline:
            if not self.is_running():
                raise ServerFailure(f"ended with {self.process.returncode} at its start; "
                                    f"see {self.log.relative_to(SOURCE_DIR)}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.01)  # the pace of asking: nothing announces the port
        raise ServerFailure(f"did not listen within {START_PATIENCE_S} s")

    def is_running(self):
        return self.process.poll() is None

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.account.close()
