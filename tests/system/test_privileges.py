# SPDX-License-Identifier: MIT
"""A privileged port for somebody without the privilege, and a file that he may not read."""

import os
import shutil
import socket
import subprocess
import unittest

from yodel_harness import (PATIENCE, PERMISSION, YODELD, SystemTest, environment, main)

NOBODY = 65534


class Unprivileged(SystemTest):
    def setUp(self):
        self.folder_path = self.folder()
        os.chmod(self.folder_path, 0o755)
        self.program = os.path.join(self.folder_path, "yodeld")
        shutil.copy(YODELD, self.program)  # the build tree may be closed to others

    def run_unprivileged(self, *arguments):
        command = [self.program, *arguments]
        if os.geteuid() == 0:
            if shutil.which("setpriv") is None:
                self.skipTest("setpriv is not installed")
            command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                       "--inh-caps=-all", "--bounding-set=-all", *command]
        done = subprocess.run(command, env=environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=PATIENCE, check=False)
        if "setpriv:" in done.stderr:
            self.skipTest(f"privileges cannot be dropped: {done.stderr.strip()}")
        return done

    def privileged_port(self):
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
            first_free = int(file.read())
        for port in range(first_free - 1, 0, -1):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) != 0:
                    return port
        raise unittest.SkipTest("no port is privileged here")

    def test_privileged_port_exits_77_and_names_it(self):
        port = self.privileged_port()
        done = self.run_unprivileged("-c", "/dev/null", "-1", "-l", f"127.0.0.1:{port}")
        self.assertEqual((done.returncode, done.stdout), (PERMISSION, ""), done.stderr)
        self.assertIn(f"cannot listen on 127.0.0.1:{port}: Permission denied", done.stderr)

    def test_configuration_file_that_may_not_be_read_exits_77(self):
        path = os.path.join(self.folder_path, "secret.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write("port = 0;\n")
        os.chmod(path, 0)
        done = self.run_unprivileged("-c", path, "-t")
        self.assertEqual(done.returncode, PERMISSION, done.stderr)
        self.assertIn(path, done.stderr)


if __name__ == "__main__":
    main()
