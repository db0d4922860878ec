# SPDX-License-Identifier: MIT
"""
Starts the real yodeld on a port that the kernel chooses, watches its log, and stops it.

A test is a SystemTest. `self.start(...)` gives a Daemon that is stopped at the end of the test: it
must exit with 0, and no sanitizer may have reported anything. Waiting is always for an event: a
log line, the end of a stream, a condition in /proc; every wait has a deadline.

Environment: YODELD (the program), YODEL_SANITIZE (as CMake has it), YODEL_SOURCE_DIR.
"""

import contextlib
import ctypes
import datetime
import os
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SOURCE_DIR = os.environ.get("YODEL_SOURCE_DIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
YODELD = os.environ.get("YODELD") or os.path.join(SOURCE_DIR, "build", "dev", "yodeld")
SANITIZE = os.environ.get("YODEL_SANITIZE", "")
# Tests run as root, too, where the daemon wants to be told.
AS_ROOT = ["-o", "privileges.allow_root=true"] if os.geteuid() == 0 else []

# A deadline is for hangs only: no test passes by reaching it.
PATIENCE = 60 if SANITIZE else 30
# Upper bounds of time assertions: generous, for a loaded machine.
SLACK = 20 if SANITIZE else 10

ADDRESS_IN_USE, MISSING_FILE, USAGE, SYSTEM, PERMISSION, CONFIGURATION = 69, 66, 64, 71, 77, 78
SANITIZER_EXIT = 99
SANITIZER_REPORT = re.compile(r"Sanitizer|runtime error:|LeakSanitizer")

LOG_LINE = re.compile(
    r"(?:<(?P<priority>\d)>)?(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) "
    r"(?P<level>error|warn|info|debug) (?P<event>[a-z]+)(?P<fields>(?: [a-z_0-9]+=(?:\"(?:[^\"\\]|\\.)*\"|[^ \"]+))*)")
LOG_FIELD = re.compile(r" ([a-z_0-9]+)=(\"(?:[^\"\\]|\\.)*\"|[^ \"]+)")


def scaled(plain, sanitized):
    """A heavy count, and the one for a build with sanitizers."""
    return sanitized if SANITIZE else plain


class Event(dict):
    """One log line: its fields as a dict, and event, level, time, priority, line."""

    def __init__(self, line):
        match = LOG_LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"not a log line: {line!r}")
        super().__init__((name, value[1:-1] if value.startswith('"') else value)
                         for name, value in LOG_FIELD.findall(match["fields"]))
        self.line = line
        self.event = match["event"]
        self.level = match["level"]
        self.time = match["time"]
        self.priority = match["priority"]

    def number(self, name):
        return int(self[name])


def wait_until(condition, what="condition"):
    """Polls a condition that nothing announces; returns its first true value."""
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"did not come true in {PATIENCE}s: {what}")
        time.sleep(0.005)  # between two looks at a state that announces no event


def environment(extra=None):
    result = dict(os.environ, LC_ALL="C.UTF-8", TZ="UTC+5")
    for name in ("NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "JOURNAL_STREAM"):
        result.pop(name, None)
    for name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        result[name] = ":".join(filter(None, [result.get(name), f"exitcode={SANITIZER_EXIT}"]))
    result.update(extra or {})
    return result


def run(*arguments, program=YODELD, **keywords):
    """Runs yodeld to its end, for what does not serve. Returns the CompletedProcess, with text."""
    keywords["env"] = environment(keywords.get("env"))
    done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False,
                          **keywords)
    if SANITIZER_REPORT.search(done.stderr):
        raise AssertionError(f"sanitizer report:\n{done.stderr}")
    return done


def split_address(text):
    """Host and port of a ready line, also of UDP; of a Unix socket all of it, and 0."""
    if text.startswith("unix:"):
        return text, 0
    host, port = text.removeprefix("udp:").rsplit(":", 1)
    return host.strip("[]"), int(port)


class Daemon:
    """A running yodeld."""

    def __init__(self, *arguments, listen=("127.0.0.1:0=echo",), options=(), config="/dev/null",
                 ready=True, command=None, env=None, expect_exit=0, **popen):
        self.expect_exit = expect_exit
        self.lines = []
        self.news = threading.Condition()
        self.addresses = []
        self.is_log_over = False
        arguments = [*(["-1"] if ready else []), *AS_ROOT, "-c", config, "-o", "timeouts.drain=300ms",
                     *(part for address in listen for part in ("-l", address)),
                     *(part for option in options for part in ("-o", option)), *arguments]
        for name, where in (("stdin", subprocess.DEVNULL), ("stdout", subprocess.PIPE),
                            ("stderr", subprocess.PIPE)):
            popen.setdefault(name, where)
        self.process = subprocess.Popen([*(command or [YODELD]), *arguments],
                                        env=environment(env), **popen)
        self.pid = self.process.pid
        self.reader = threading.Thread(target=self._read_log, daemon=True)
        if self.process.stderr is not None:
            self.reader.start()
        if ready:
            # The stream ends once all listen: that is the readiness that -1 promises.
            self.ready_lines = self.process.stdout.read().decode().splitlines()
            self.addresses = [split_address(line) for line in self.ready_lines]
            if not self.addresses:
                self.process.wait(PATIENCE)
                self.reader.join(PATIENCE)
                self.process.stdout.close()
                if self.process.stderr is not None:
                    self.process.stderr.close()
                raise AssertionError("yodeld did not become ready:\n" + "\n".join(self.lines))
            # Descriptors settle a moment after stdout is closed: until it waits for clients.
            wait_until(lambda: self.state() == "S", "yodeld waits")

    def _read_log(self):
        for line in self.process.stderr:
            with self.news:
                self.lines.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.is_log_over = True
            self.news.notify_all()

    # --- the log ---

    def wait_for_line(self, predicate, what="line"):
        """The first line for which predicate is true, now or later."""
        deadline = time.monotonic() + PATIENCE
        seen = 0
        with self.news:
            while True:
                for line in self.lines[seen:]:
                    if predicate(line):
                        return line
                seen = len(self.lines)
                if self.is_log_over or not self.news.wait(deadline - time.monotonic()):
                    raise AssertionError(f"no {what} in the log:\n" + "\n".join(self.lines[-60:]))

    def events(self, event=None, **fields):
        """All lines of an event so far whose fields have these values."""
        with self.news:
            lines = list(self.lines)
        return [found for found in map(Event, lines) if event in (None, found.event) and
                all(found.get(name) == str(value) for name, value in fields.items())]

    def wait_for(self, event, **fields):
        """The first line of an event whose fields have these values."""
        def is_it(line):
            found = Event(line)
            return found.event == event and all(
                found.get(name) == str(value) for name, value in fields.items())
        return Event(self.wait_for_line(is_it, f"{event} {fields}"))

    def wait_for_count(self, count, event, **fields):
        return wait_until(lambda: len(self.events(event, **fields)) >= count and
                          self.events(event, **fields), f"{count} lines {event} {fields}")

    # --- the process ---

    def address(self, index=0):
        return self.addresses[index]

    def signal(self, number):
        os.kill(self.pid, number)

    @contextlib.contextmanager
    def frozen(self):
        """Within: the daemon does nothing; the kernel goes on connecting and receiving for it."""
        self.signal(signal.SIGSTOP)
        wait_until(lambda: self.state() == "T", "yodeld stopped")
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def _status(self, name):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return re.search(rf"^{name}:\s*(\S+)", file.read(), re.M)[1]

    def state(self):
        return self._status("State")

    def is_waiting(self):
        """Whether none of its threads runs, or could."""
        states = []
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with contextlib.suppress(OSError), \
                    open(f"/proc/{self.pid}/task/{task}/stat", encoding="ascii") as file:
                states.append(file.read().rsplit(")", 1)[1].split()[0])
        return set(states) == {"S"}

    def rss_kib(self):
        return int(self._status("VmRSS"))

    def vm_kib(self):
        return int(self._status("VmSize"))

    def client_threads(self):
        """How many threads serve a client: they bear names like "echo/17"."""
        return sum("/" in name for name in self.thread_names())

    def thread_names(self):
        names = []
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with contextlib.suppress(OSError), \
                    open(f"/proc/{self.pid}/task/{task}/comm", encoding="ascii") as file:
                names.append(file.read().rstrip("\n"))
        return names

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def descriptor_limit_now(self):
        """The limit on open files that leaves no number for one more."""
        return max(map(int, os.listdir(f"/proc/{self.pid}/fd"))) + 1

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait_for_client_threads(self, count):
        wait_until(lambda: self.client_threads() == count, f"{count} threads of clients")

    def wait_for_descriptors(self, count):
        wait_until(lambda: self.descriptors() == count, f"{count} descriptors")

    def wait_for_exit(self):
        code = self.process.wait(PATIENCE)
        if self.process.stderr is not None:
            self.reader.join(PATIENCE)
        return code

    def stop(self):
        """Ends the daemon, if it has not ended, and checks how it ended."""
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.process.terminate()
        try:
            code = self.wait_for_exit()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.wait_for_exit()
            raise AssertionError("yodeld did not stop:\n" + "\n".join(self.lines[-60:])) from None
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()
        log = "\n".join(self.lines)
        if SANITIZER_REPORT.search(log):
            raise AssertionError(f"sanitizer report:\n{log[-20000:]}")
        if code != self.expect_exit:
            raise AssertionError(f"exit code {code}, expected {self.expect_exit}:\n{log[-5000:]}")
        if self.process.stderr is not None:
            self.process.stderr.close()

    # --- its sockets, seen from inside ---

    def socket_of(self, client):
        """The daemon's end of a connection, by pidfd_getfd(2)."""
        wanted = client.getsockname()[:2]
        pidfd = os.pidfd_open(self.pid)
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            for number in sorted(map(int, os.listdir(f"/proc/{self.pid}/fd"))):
                fd = libc.syscall(438, pidfd, number, 0)
                if fd < 0:
                    raise unittest.SkipTest(
                        f"pidfd_getfd(2): {os.strerror(ctypes.get_errno())}")
                try:
                    end = socket.socket(fileno=fd)
                except OSError:
                    os.close(fd)
                    continue
                try:
                    if end.getpeername()[:2] == wanted:
                        return end
                except OSError:
                    pass
                end.close()
        finally:
            os.close(pidfd)
        return None


class Parent:
    """A process that has started yodeld with --die-with-parent, and lives until it is killed."""

    CODE = """
import subprocess, sys
daemon = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True)
print(daemon.pid, flush=True)
print(daemon.stdout.readline(), end="", flush=True)
sys.stdin.read()
"""

    def __init__(self, *arguments, stderr=subprocess.DEVNULL):
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.CODE, YODELD, *AS_ROOT, "--die-with-parent", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=environment(),
            text=True)
        self.daemon = os.pidfd_open(int(self.process.stdout.readline()))

    def wait_until_ready(self):
        """Waits for the daemon, with -1. Returns its address."""
        return split_address(self.process.stdout.readline().strip())

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def wait_for_daemon(self):
        """Waits for the end of the daemon."""
        if not select.select([self.daemon], [], [], PATIENCE)[0]:
            raise AssertionError("yodeld has outlived its parent")

    def close(self):
        self.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        os.close(self.daemon)


class SystemTest(unittest.TestCase):
    """What every test of the running program has."""

    maxDiff = 2000

    def start(self, *arguments, **keywords):
        daemon = Daemon(*arguments, **keywords)
        self.addCleanup(daemon.stop)
        return daemon

    def start_parent(self, *arguments, **keywords):
        parent = Parent(*arguments, **keywords)
        self.addCleanup(parent.close)
        return parent

    def connect(self, daemon_or_address, index=0, source=None, receive_buffer=None):
        """A connected socket that is closed at the end of the test."""
        address = daemon_or_address
        if isinstance(daemon_or_address, Daemon):
            address = daemon_or_address.address(index)
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        if address[0].startswith("unix:"):
            family, address = socket.AF_UNIX, address[0][len("unix:"):].replace("@", "\0", 1)
        client = socket.socket(family, socket.SOCK_STREAM)
        self.addCleanup(client.close)
        client.settimeout(PATIENCE)
        if receive_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source is not None:
            client.bind((source, 0))
        client.connect(address)
        return client

    def assert_echoes(self, client, data=b"yodel"):
        client.sendall(data)
        self.assertEqual(receive_exactly(client, len(data)), data)

    def assert_ends(self, client):
        """The next thing that comes is the end of the stream, and not a reset."""
        self.assertEqual(client.recv(4096), b"")
        self.assertEqual(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)

    def folder(self):
        path = tempfile.mkdtemp(prefix="yodel-test-")
        self.addCleanup(shutil.rmtree, path)
        return path

    def write_config(self, text, name="yodeld.conf"):
        path = os.path.join(self.folder(), name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def assert_between(self, value, low, high):
        self.assertGreaterEqual(value, low)
        self.assertLessEqual(value, high)


def close_with_reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def receive_exactly(client, length):
    data = bytearray()
    while len(data) < length:
        piece = client.recv(min(length - len(data), 1 << 20))
        if not piece:
            raise AssertionError(f"the stream ended after {len(data)} of {length} bytes")
        data += piece
    return bytes(data)


def receive_all(client):
    """Everything up to the end of the stream; a reset is an error."""
    pieces = []
    while True:
        piece = client.recv(1 << 20)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def receive_end(client):
    """Reads to the end, whether that is an end of stream or a reset; returns what came."""
    pieces = []
    with contextlib.suppress(ConnectionError):
        while True:
            piece = client.recv(1 << 20)
            if not piece:
                break
            pieces.append(piece)
    return b"".join(pieces)


def send_until_full(client, chunk=b"x" * 65536, limit=1 << 40):
    """Sends without waiting until the kernel takes no more; returns how much it took."""
    sent = 0
    client.setblocking(False)
    try:
        while sent < limit:
            sent += client.send(chunk[:limit - sent])
    except BlockingIOError:
        pass
    finally:
        client.settimeout(PATIENCE)
    return sent


def free_port():
    """A port that was free a moment ago, for what cannot be told to choose one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def seconds_between(one, other):
    """Between two events of the log."""
    form = "%Y-%m-%dT%H:%M:%S.%fZ"
    return (datetime.datetime.strptime(other.time, form) -
            datetime.datetime.strptime(one.time, form)).total_seconds()


def set_limit(pid, which, soft):
    """Changes the soft limit of a running process; the hard one stays. Returns the old one."""
    old, hard = resource.prlimit(pid, which)
    resource.prlimit(pid, which, (soft, hard))
    return old


def main():
    """Runs the file's tests; exits with 77 where every one of them was skipped, for ctest."""
    program = unittest.main(module="__main__", verbosity=2, exit=False)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.testsRun > 0 and len(result.skipped) == result.testsRun else 0)
