# SPDX-License-Identifier: MIT
"""Start: the ready lines, listening, all listeners or none, and why it does not start."""

import os
import re
import select
import socket
import subprocess

from yodel_harness import (ADDRESS_IN_USE, PATIENCE, YODELD, SystemTest, environment, free_port,
                           main, receive_all, run, wait_until)


class Readiness(SystemTest):
    def test_ready_lines_are_the_bound_addresses_in_order_and_then_the_end(self):
        # The harness reads stdout to its end: it has ended, and the daemon serves.
        daemon = self.start(listen=["127.0.0.1:0=greet", "127.0.0.2:0=echo", "localhost:0=time"])
        self.assertEqual([host for host, _ in daemon.addresses[:2]], ["127.0.0.1", "127.0.0.2"])
        daemon.wait_for("ready")
        listening = [event["address"] for event in daemon.events("listen")]
        self.assertEqual(listening, [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
                                     for host, port in daemon.addresses])
        self.assertEqual(receive_all(self.connect(daemon, 0)), b"Hello, Client!")
        self.assert_echoes(self.connect(daemon, 1))
        self.assertEqual(len(receive_all(self.connect(daemon, 2))), 4)

    def test_after_the_ready_lines_the_number_1_is_not_free_for_a_client(self):
        daemon = self.start()
        self.assertEqual(os.readlink(f"/proc/{daemon.pid}/fd/1"), "/dev/null")
        client = self.connect(daemon)
        self.assert_echoes(client)

    def test_closed_standard_descriptors_are_not_taken_for_something_else(self):
        daemon = self.start("-1", ready=False, command=["sh", "-c", 'exec "$0" "$@" <&- >&-', YODELD])
        host, _, port = daemon.wait_for("listen")["address"].rpartition(":")
        daemon.wait_for("ready")
        client = self.connect((host, int(port)))
        self.assert_echoes(client)
        before = daemon.cpu_seconds()
        client.close()
        daemon.wait_for("close")
        self.assertLess(daemon.cpu_seconds() - before, 1)

    def test_without_1_nothing_is_printed_and_stdout_stays_open(self):
        daemon = self.start(ready=False)
        daemon.wait_for("ready")
        self.assertEqual(select.select([daemon.process.stdout], [], [], 0)[0], [])
        daemon.process.terminate()
        self.assertEqual(daemon.process.stdout.read(), b"")

    def test_log_tells_start_listen_and_ready_in_this_order(self):
        daemon = self.start(listen=["127.0.0.1:0=echo", "127.0.0.1:0=greet"])
        daemon.wait_for("ready", listeners=2)
        order = [event.event for event in daemon.events() if event.level == "info"]
        self.assertEqual(order, ["start", "listen", "listen", "ready"])
        self.assertEqual(daemon.events("start")[0].number("pid"), daemon.pid)
        self.assertEqual([(event["listener"], event["service"])
                          for event in daemon.events("listen")],
                         [("echo", "echo"), ("greet", "greet")])

    def test_client_can_connect_the_moment_the_ready_lines_end(self):
        for _ in range(10):
            daemon = self.start()
            self.assert_echoes(self.connect(daemon))

    def test_backlog_over_somaxconn_is_warned_of(self):
        with open("/proc/sys/net/core/somaxconn", encoding="ascii") as file:
            somaxconn = int(file.read())
        if somaxconn >= 65535:
            self.skipTest("net.core.somaxconn is as large as the largest backlog")
        daemon = self.start(options=["backlog=65535"])
        warning = daemon.wait_for_line(lambda line: "somaxconn" in line)
        self.assertIn(f"backlog = 65535 is cut to net.core.somaxconn = {somaxconn}", warning)
        self.assertIn(" warn start ", warning)

    def test_name_with_several_addresses_listens_on_one_port(self):
        daemon = self.start(listen=["localhost:0=echo"])
        self.assertEqual(len({port for _, port in daemon.addresses}), 1)
        for index in range(len(daemon.addresses)):
            self.assert_echoes(self.connect(daemon, index))


class Refusal(SystemTest):
    def test_port_in_use_exits_69_and_names_address_and_process(self):
        first = self.start()
        port = first.address()[1]
        done = run("-c", "/dev/null", "-1", "-l", f"127.0.0.1:{port}")
        self.assertEqual((done.returncode, done.stdout), (ADDRESS_IN_USE, ""))
        self.assertIn(f"cannot listen on 127.0.0.1:{port}: address already in use by "
                      f"yodeld (pid {first.pid})", done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assert_echoes(self.connect(first))

    def test_port_in_use_by_another_program_names_it(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            done = run("-c", "/dev/null", "-l", f"127.0.0.1:{port}")
        self.assertEqual(done.returncode, ADDRESS_IN_USE)
        self.assertRegex(done.stderr, rf"already in use by \S+ \(pid {os.getpid()}\)")

    def test_all_listen_or_none_does(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken, free = other.getsockname()[1], free_port()
            done = run("-c", "/dev/null", "-1", "-l", f"127.0.0.1:{free}",
                       "-l", f"127.0.0.1:{taken}", "-l", "127.0.0.1:0=greet")
        self.assertEqual((done.returncode, done.stdout), (ADDRESS_IN_USE, ""))
        self.assertIn("listener echo-2: ", done.stderr)
        self.assertNotIn(" ready", done.stderr)
        with self.assertRaises(ConnectionRefusedError):
            self.connect(("127.0.0.1", free))

    def test_first_listener_does_not_take_clients_before_the_last_one_is_bound(self):
        # The kernel would complete handshakes on a socket that listens already.
        path = self.write_config("")
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            free = free_port()
            trace = os.path.join(os.path.dirname(path), "trace")
            try:
                subprocess.run(["strace", "-f", "-o", trace, "-e", "trace=listen", YODELD, "-c",
                                path, "-l", f"127.0.0.1:{free}",
                                "-l", f"127.0.0.1:{other.getsockname()[1]}"],
                               env=environment({"ASAN_OPTIONS": "detect_leaks=0"}), check=False,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               timeout=PATIENCE)
            except FileNotFoundError:
                self.skipTest("strace is not installed")
        with open(trace, encoding="utf-8") as file:
            self.assertNotIn("listen(", file.read())

    def test_foreign_address_exits_69(self):
        done = run("-c", "/dev/null", "-l", "192.0.2.1:0")
        self.assertEqual(done.returncode, ADDRESS_IN_USE)
        self.assertIn("192.0.2.1", done.stderr)
        self.assertIn("Cannot assign requested address", done.stderr)

    def test_unknown_host_exits_69(self):
        done = run("-c", "/dev/null", "-l", "nowhere.invalid:0")
        self.assertEqual(done.returncode, ADDRESS_IN_USE)
        self.assertIn("nowhere.invalid", done.stderr)

    def test_unknown_port_name_exits_69(self):
        done = run("-c", "/dev/null", "-l", "127.0.0.1:no-such-service")
        self.assertEqual(done.returncode, ADDRESS_IN_USE)
        self.assertIn("no-such-service", done.stderr)


class Restart(SystemTest):
    def state_of(self, daemon_port, client_port):
        """The daemon's end of a connection as the kernel has it: 05 FIN_WAIT2, 06 TIME_WAIT."""
        with open("/proc/net/tcp", encoding="ascii") as file:
            found = re.search(rf"^ *\d+: \w+:{daemon_port:04X} \w+:{client_port:04X} (\w\w) ",
                              file.read(), re.M)
        return found and found[1]

    def test_restart_on_the_same_port_with_time_wait_present(self):
        daemon = self.start(listen=["127.0.0.1:0=greet"])
        port = daemon.address()[1]
        client = self.connect(daemon)
        client_port = client.getsockname()[1]
        self.assertEqual(receive_all(client), b"Hello, Client!")
        client.close()
        wait_until(lambda: self.state_of(port, client_port) == "06", "TIME_WAIT on our side")
        daemon.stop()
        self.assertEqual(self.state_of(port, client_port), "06")
        again = self.start(listen=[f"127.0.0.1:{port}=greet"])
        self.assertEqual(again.address()[1], port)
        self.assertEqual(receive_all(self.connect(again)), b"Hello, Client!")

    def test_restart_on_the_same_port_while_a_client_has_not_closed(self):
        daemon = self.start(listen=["127.0.0.1:0=greet"], options=["timeouts.linger=0"])
        port = daemon.address()[1]
        client = self.connect(daemon)
        self.assertEqual(receive_all(client), b"Hello, Client!")
        daemon.stop()
        wait_until(lambda: self.state_of(port, client.getsockname()[1]) == "05",
                   "FIN_WAIT2 on our side")
        again = self.start(listen=[f"127.0.0.1:{port}=greet"])
        self.assertEqual(receive_all(self.connect(again)), b"Hello, Client!")


if __name__ == "__main__":
    main()
