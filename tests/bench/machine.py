# SPDX-License-Identifier: MIT
"""The machine as far as figures depend on it. Not its name, and no path."""

import os
import re
import resource

from accounting import Account


def describe():
    account = Account()
    sources = {"cpu_source": account.cpu_source, "memory_source": account.memory_source}
    account.close()
    return {
        "cpu": first_match("/proc/cpuinfo", r"^model name\s*:\s*(.*)$") or os.uname().machine,
        "cpu_count": len(os.sched_getaffinity(0)),
        "memory_mib": int(first_match("/proc/meminfo", r"^MemTotal:\s*(\d+)") or 0) // 1024,
        "kernel": f"{os.uname().sysname} {os.uname().release}",
        "system": first_match("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)') or "unknown",
        **sources,
    }


def load_average():
    """Of the last minute."""
    return round(os.getloadavg()[0], 2)


def first_match(path, pattern):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            match = re.search(pattern, file.read(), re.M)
    except OSError:
        return None
    return match[1].strip() if match else None


def raise_descriptor_limit():
    """As far as it goes; the servers inherit it. Returns how many files may be open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
