# SPDX-License-Identifier: MIT
"""
What a server and all its processes use: CPU time and memory, from a control group of its own. Both
versions of control groups will do; where there is none to be had, /proc tells the CPU time, and
nothing the memory.
"""

import contextlib
import os
import pathlib
import secrets
import signal
import time

PREFIX = "yodel-bench-"
SETTLE_PATIENCE_S = 2
END_PATIENCE_S = 5
NS_PER_TICK = 10**9 // os.sysconf("SC_CLK_TCK")


def mounted(kind, controller=None):
    """Where control groups of this kind ("cgroup" or "cgroup2") are mounted, or None."""
    with open("/proc/self/mounts", encoding="utf-8") as file:
        for line in file:
            _, place, found, options, *_ = line.split()
            if found == kind and (controller is None or controller in options.split(",")):
                return pathlib.Path(place)
    return None


def remove_leftovers():
    """The groups of runs that were killed; those of a run that goes on are not empty."""
    for mount in {mounted("cgroup", "cpuacct"), mounted("cgroup", "memory"), mounted("cgroup2")}:
        for group in mount.glob(f"{PREFIX}*") if mount else ():
            with contextlib.suppress(OSError):
                group.rmdir()


class Account:
    """The processes of a server. The server calls `enter` before it is executed."""

    def __init__(self):
        name = f"{PREFIX}{secrets.token_hex(4)}"
        self.cpu_group = self._make(mounted("cgroup", "cpuacct") or mounted("cgroup2"), name)
        self.memory_group = self._make(mounted("cgroup", "memory") or mounted("cgroup2"), name)
        self.session = None  # the process that leads it: where there is no group

    @staticmethod
    def _make(mount, name):
        if mount is None:
            return None
        with contextlib.suppress(OSError):
            (mount / name).mkdir(exist_ok=True)
            return mount / name
        return None

    def enter(self):
        for group in filter(None, {self.cpu_group, self.memory_group}):
            (group / "cgroup.procs").write_text("0", encoding="ascii")

    def pids(self):
        if self.cpu_group is not None:
            return [int(pid) for pid in (self.cpu_group / "cgroup.procs").read_text().split()]
        return [pid for pid, fields in processes() if int(fields[3]) == self.session]

    @property
    def cpu_source(self):
        if self.cpu_group is not None:
            return "a control group for each server"
        return f"/proc/PID/stat, in steps of {NS_PER_TICK // 10**6} ms"

    def cpu_ns(self):
        if self.cpu_group is None:
            # User and system time, its own and that of children that have ended.
            return NS_PER_TICK * sum(sum(map(int, fields[11:15])) for _, fields in processes()
                                     if int(fields[3]) == self.session)
        if (self.cpu_group / "cpuacct.usage").exists():
            return int((self.cpu_group / "cpuacct.usage").read_text())
        statistics = (self.cpu_group / "cpu.stat").read_text().split()
        return 1000 * int(statistics[statistics.index("usage_usec") + 1])

    def _memory_file(self):
        for name in ("memory.usage_in_bytes", "memory.current"):
            if self.memory_group is not None and (self.memory_group / name).exists():
                return self.memory_group / name
        return None

    @property
    def memory_source(self):
        if self._memory_file() is not None:
            return "the server's control group, which includes the kernel's part"
        return None

    def memory_bytes(self):
        """What the server uses; there has to be a memory_source."""
        return int(self._memory_file().read_text())

    def settle(self):
        """Waits until the server has nothing more to do."""
        deadline = time.monotonic() + SETTLE_PATIENCE_S
        before_ns = self.cpu_ns()
        while time.monotonic() < deadline:
            time.sleep(0.02)  # the pace of looking: work that is left shows within it
            now_ns = self.cpu_ns()
            if now_ns - before_ns < 400000:
                return
            before_ns = now_ns

    def close(self):
        """Kills all processes and removes the groups."""
        deadline = time.monotonic() + END_PATIENCE_S
        while time.monotonic() < deadline:
            pids = self.pids()
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            reap_orphans()
            if not pids and self._remove():
                return
            time.sleep(0.005)  # until the kernel has ended them

    def _remove(self):
        try:
            for group in filter(None, {self.cpu_group, self.memory_group}):
                if group.exists():
                    group.rmdir()
        except OSError:
            return False
        return True


def reap_orphans():
    """We are the first process of a namespace: those whose parents have ended are our children."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0] > 0:
            pass


def processes():
    """All processes: their numbers, and the fields of /proc/PID/stat behind the name."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", encoding="utf-8",
                                                    errors="replace") as file:
                yield int(entry), file.read().rsplit(")", 1)[1].split()
