# SPDX-License-Identifier: MIT
"""
Namespaces of our own, for processes and for the network: whatever was started ends with us, however
we end, no packet leaves, and no port collides.
"""

import ctypes
import os
import shutil
import subprocess
import sys

from errors import BenchError

INSIDE = "YODEL_BENCH_IS_INSIDE"
CLONE_NEWNET = 0x40000000  # <linux/sched.h>; os.unshare comes with Python 3.12
SYSCTLS = {
    # With less, a burst waits for the kernel to repeat its SYNs, and that is what is measured.
    "net/core/somaxconn": "65535",
    "net/ipv4/ip_local_port_range": "10000 65535",
    "net/ipv4/tcp_max_tw_buckets": "1000",  # connections that were closed cost nothing for long
}


def enter():
    """Starts this program again, with no processes but its own; returns there."""
    if os.environ.get(INSIDE):
        return
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", *as_root, "--pid", "--fork", "--kill-child", "--mount-proc"]
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        raise BenchError("unshare(1) and ip(8) are needed: apt-get install util-linux iproute2")
    trial = subprocess.run([*command, "--net", "true"], capture_output=True, text=True,
                           check=False)
    if trial.returncode != 0:
        raise BenchError(f"no namespace may be made: {trial.stderr.strip()}")
    os.execvpe(command[0], [*command, sys.executable, "-B", *sys.argv], os.environ | {INSIDE: "1"})


def isolate():
    """From here on there is no network but a loopback of our own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise BenchError(f"no network of our own: {os.strerror(ctypes.get_errno())}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name, value in SYSCTLS.items():
        with open(f"/proc/sys/{name}", "w", encoding="ascii") as file:
            file.write(value)
