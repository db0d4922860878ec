# SPDX-License-Identifier: MIT
"""
A network and a process namespace of our own: no packet leaves it, no port collides, and whatever
was started in it ends with us, however we end.
"""

import os
import shutil
import subprocess
import sys

INSIDE = "YODEL_BENCH_IS_INSIDE"
SYSCTLS = {
    "net/core/somaxconn": "65535",
    "net/ipv4/ip_local_port_range": "10000 65535",
    "net/ipv4/tcp_max_tw_buckets": "1000",  # connections that were closed cost nothing for long
}


class NoNamespace(Exception):
    pass


def enter():
    """Starts this program again inside; returns there."""
    if os.environ.get(INSIDE):
        set_up()
        return
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", *as_root, "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        raise NoNamespace("unshare(1) and ip(8) are needed: apt-get install util-linux iproute2")
    trial = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if trial.returncode != 0:
        raise NoNamespace(f"no namespace may be made: {trial.stderr.strip()}")
    os.execvpe(command[0], [*command, sys.executable, "-B", *sys.argv], os.environ | {INSIDE: "1"})


def set_up():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name, value in SYSCTLS.items():
        with open(f"/proc/sys/{name}", "w", encoding="ascii") as file:
            file.write(value)
