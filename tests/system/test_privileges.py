# SPDX-License-Identifier: MIT
"""A privileged port for somebody without the privilege, and a file that he may not read."""

import os
import shutil
import socket
import subprocess
import unittest

from yodel_harness import (CONFIGURATION, PATIENCE, PERMISSION, YODELD, SystemTest, environment,
                           main, run, split_address, wait_until)

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


@unittest.skipIf(os.geteuid() != 0, "only root has privileges to give up")
class Dropped(SystemTest):
    def status(self, daemon):
        with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file)

    def start_as(self, *options):
        return self.start(options=["privileges.allow_root=false", *options])

    def test_it_becomes_the_user_with_his_groups_for_good(self):
        daemon = self.start_as("privileges.user=nobody")
        status = self.status(daemon)
        self.assertEqual(status["Uid"].split(), [str(NOBODY)] * 4)
        self.assertEqual(status["Gid"].split(), [str(NOBODY)] * 4)
        self.assertEqual(status["Groups"].split(), [str(NOBODY)])
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(int(status["CapEff"], 16), 0)
        daemon.wait_for("privileges", uid=NOBODY, gid=NOBODY, no_new_privs="yes", landlock="off")
        self.assert_echoes(self.connect(daemon))

    def test_every_thread_has_given_them_up(self):
        daemon = self.start("--console", ready=False, stdin=subprocess.PIPE, options=[
            "privileges.allow_root=false", "privileges.user=nobody", "log.level=info",
            "listen.[2].protocol=udp"], listen=[f"127.0.0.1:0={service}" for service in (
                "talk", "echo", "echo")])
        self.addCleanup(daemon.process.stdin.close)
        daemon.wait_for("ready")
        daemon.addresses = [split_address(event["address"]) for event in daemon.events("listen")]
        self.assert_echoes(self.connect(daemon, 1))
        wait_until(lambda: "console" in daemon.thread_names(), "a thread of the console's")
        for task in os.listdir(f"/proc/{daemon.pid}/task"):
            with open(f"/proc/{daemon.pid}/task/{task}/status", encoding="ascii") as file:
                status = file.read()
            self.assertIn(f"Uid:\t{NOBODY}\t{NOBODY}\t{NOBODY}\t{NOBODY}\n", status)
            self.assertIn("NoNewPrivs:\t1\n", status)  # unlike ids, each thread's own

    def test_a_number_needs_a_group(self):
        daemon = self.start_as("privileges.user=12345", "privileges.group=23456")
        status = self.status(daemon)
        self.assertEqual(status["Uid"].split()[0], "12345")
        self.assertEqual(status["Gid"].split()[0], "23456")
        self.assertEqual(status["Groups"].split(), [])
        done = run("-c", "/dev/null", "-l", "127.0.0.1:0", "-o", "privileges.user=12345")
        self.assertEqual(done.returncode, PERMISSION)
        self.assertIn("privileges.group: expected a group", done.stderr)

    def test_a_privileged_port_is_bound_before(self):
        port = next(port for port in range(1000, 1, -1) if self.is_free(port))
        daemon = self.start(listen=(f"127.0.0.1:{port}",),
                            options=["privileges.allow_root=false", "privileges.user=nobody"])
        self.assertEqual(daemon.address()[1], port)
        self.assert_echoes(self.connect(daemon))

    def is_free(self, port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    def test_a_unix_socket_is_bound_before_where_the_user_may_not(self):
        folder = self.folder()
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "socket")
        for _ in range(2):  # the second time over the file that was left behind
            daemon = self.start("-o", f"socket.owner={NOBODY}", listen=(f"unix:{path}",), options=[
                "privileges.allow_root=false", "privileges.user=daemon", "socket.mode=0600"])
            status = os.stat(path)
            self.assertEqual((status.st_uid, status.st_mode & 0o777), (NOBODY, 0o600))
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                self.assert_echoes(client)
            daemon.stop()
            self.assertTrue(os.path.exists(path))

    def test_it_refuses_to_serve_as_root_unless_told(self):
        done = run("-c", "/dev/null", "-l", "127.0.0.1:0")
        self.assertEqual(done.returncode, PERMISSION)
        self.assertIn("refusing to serve as root", done.stderr)
        done = run("-c", "/dev/null", "-l", "127.0.0.1:0", "-o", "privileges.user=root")
        self.assertEqual(done.returncode, PERMISSION)

    def test_it_dies_with_its_parent_though_the_user_has_changed(self):
        parent = self.start_parent("-1", "-c", "/dev/null", "-l", "127.0.0.1:0",
                                   "-o", "privileges.user=nobody")
        parent.wait_until_ready()
        parent.kill()
        parent.wait_for_daemon()


class Unable(Unprivileged):
    def test_who_may_not_become_somebody_exits_77(self):
        done = self.run_unprivileged("-c", "/dev/null", "-l", "127.0.0.1:0", "-o",
                                     "privileges.user=daemon")
        self.assertEqual(done.returncode, PERMISSION, done.stderr)
        self.assertIn('cannot become privileges.user = \\"daemon\\"', done.stderr)

    def test_who_is_that_user_already_need_not_become_it(self):
        done = self.run_unprivileged("-c", "/dev/null", "-l", "127.0.0.1:0", "--exit-idle", "200ms",
                                     "-o", f"privileges.user={os.geteuid() or NOBODY}",
                                     "-o", f"privileges.group={os.getegid() or NOBODY}")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_user_that_is_not_there_is_a_configuration_error(self):
        done = run("-t", "-c", "/dev/null", "-o", "privileges.user=no-such-user")
        self.assertEqual(done.returncode, CONFIGURATION)
        self.assertIn('privileges.user: expected the name or number of a user of this machine',
                      done.stderr)


if __name__ == "__main__":
    main()
