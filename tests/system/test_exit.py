# SPDX-License-Identifier: MIT
"""The ways to end that are not a signal: enough clients, too few, the parent, a client's word."""

import os
import signal
import socket
import time

from yodel_harness import (CONFIGURATION, PATIENCE, SLACK, USAGE, SystemTest, main, receive_all,
                           receive_end, receive_exactly, run)


class ExitTest(SystemTest):
    def assert_exits(self, daemon, code=0):
        self.assertEqual(daemon.wait_for_exit(), code)
        self.assertEqual(daemon.events()[-1].event, "stop")

    def assert_refused(self, daemon):
        """Who comes now is not served, whether or not the port is still bound."""
        def is_refused():
            try:
                with socket.create_connection(daemon.address(), PATIENCE) as late:
                    return receive_end(late) == b""
            except ConnectionError:
                return True
        self.assertTrue(is_refused())

    def leave(self, client):
        client.shutdown(socket.SHUT_WR)
        self.assert_ends(client)
        client.close()


class Accepts(ExitTest):
    def test_once_serves_one_client_to_its_end(self):
        daemon = self.start("--once", options=["timeouts.drain=0"])
        client = self.connect(daemon)
        self.assert_echoes(client)
        self.assert_refused(daemon)
        self.assert_echoes(client, b"and still")
        self.leave(client)
        self.assert_exits(daemon)
        self.assertEqual(daemon.events("stop")[0]["accepted"], "1")

    def test_max_accepts_counts_all_listeners(self):
        daemon = self.start("--max-accepts", "3",
                            listen=("127.0.0.1:0=echo", "127.0.0.1:0=greet"))
        first, last = self.connect(daemon), self.connect(daemon)
        self.assert_echoes(first)
        self.assert_echoes(last)
        self.assertEqual(receive_all(self.connect(daemon, 1)), b"Hello, Client!")
        self.assert_refused(daemon)
        self.assert_echoes(first)
        self.leave(first)
        self.leave(last)
        self.assert_exits(daemon)

    def test_many_at_once_are_let_in_to_the_number_and_no_further(self):
        daemon = self.start("--max-accepts", "20")
        with daemon.frozen():
            clients = [self.connect(daemon) for _ in range(30)]
            for client in clients:
                client.sendall(b"yodel")
                client.shutdown(socket.SHUT_WR)
        answers = [receive_end(client) for client in clients]
        self.assertEqual(sorted(answers), [b""] * 10 + [b"yodel"] * 20)
        self.assert_exits(daemon)
        self.assertEqual(daemon.events("stop")[0]["accepted"], "20")

    def test_refused_clients_do_not_count(self):
        daemon = self.start("--max-accepts", "2", options=["limits.max_connections=1"])
        first = self.connect(daemon)
        self.assert_echoes(first)
        self.assertEqual(receive_end(self.connect(daemon)), b"")
        self.leave(first)
        daemon.wait_for("close", conn=1)
        daemon.wait_for_client_threads(0)
        second = self.connect(daemon)
        self.assert_echoes(second)
        self.leave(second)
        self.assert_exits(daemon)

    def test_a_signal_ends_the_wait_for_the_last_client_by_a_drain(self):
        daemon = self.start("--once", options=["timeouts.drain=0"])
        client = self.connect(daemon)
        self.assert_echoes(client)
        self.assert_refused(daemon)
        daemon.signal(signal.SIGTERM)
        self.assertEqual(receive_end(client), b"")
        self.assert_exits(daemon)
        self.assertEqual(daemon.events("close")[0]["reason"], "drain")

    def test_numbers_that_make_no_sense_are_refused(self):
        for arguments in (("--max-accepts", "-1"), ("--max-accepts", "many"),
                          ("--exit-idle", "soon")):
            with self.subTest(arguments=arguments):
                done = run("-c", "/dev/null", "-t", *arguments)
                self.assertEqual(done.returncode, CONFIGURATION)
                self.assertIn(arguments[0], done.stderr)
                self.assertIn(arguments[1], done.stderr)
        self.assertEqual(run("--max-accepts").returncode, USAGE)

    def test_show_names_the_flag_as_the_origin(self):
        done = run("-c", "/dev/null", "-T", "--once", "--exit-idle", "90s", "--die-with-parent")
        for line in ("exit.max_accepts = 1  # --once", 'exit.idle = "90s"  # --exit-idle',
                     "exit.with_parent = true  # --die-with-parent"):
            self.assertIn(line, done.stdout.splitlines())


class Idle(ExitTest):
    def test_without_clients_it_ends_after_the_time(self):
        began = time.monotonic()
        daemon = self.start("--exit-idle", "300ms")
        self.assert_exits(daemon)
        self.assert_between(time.monotonic() - began, 0.3, SLACK)

    def test_the_time_begins_behind_the_last_client(self):
        daemon = self.start("--exit-idle", "400ms")
        clients = [self.connect(daemon) for _ in range(3)]
        for client in clients:
            self.assert_echoes(client)
        for client in clients[1:]:
            self.leave(client)
        began = time.monotonic()
        while time.monotonic() - began < 0.8:  # twice the time, with one client that talks
            self.assert_echoes(clients[0])
        self.leave(clients[0])
        left = time.monotonic()
        self.assert_exits(daemon)
        self.assert_between(time.monotonic() - left, 0.39, SLACK)

    def test_clients_that_wait_at_its_end_are_served(self):
        daemon = self.start("--exit-idle", "300ms")
        with daemon.frozen():
            clients = [self.connect(daemon) for _ in range(5)]
            time.sleep(0.5)  # so that the time is over when it goes on
        for client in clients:
            self.assert_echoes(client)
            self.leave(client)
        self.assert_exits(daemon)


class WithParent(ExitTest):
    def test_it_drains_when_its_parent_is_killed(self):
        log = open(os.path.join(self.folder(), "log"), "w+b")
        self.addCleanup(log.close)
        parent = self.start_parent("-1", "-c", "/dev/null", "-l", "127.0.0.1:0", stderr=log)
        client = self.connect(parent.wait_until_ready())
        self.assert_echoes(client)
        parent.kill()
        self.leave(client)
        parent.wait_for_daemon()
        log.seek(0)
        self.assertIn(b" stop ", log.read())

    def test_it_stops_though_its_parent_ended_while_it_started(self):
        # What it reads its configuration from has its end only once the parent has gone.
        pipe = os.path.join(self.folder(), "conf")
        os.mkfifo(pipe)
        parent = self.start_parent("-c", pipe, "-l", "127.0.0.1:0")
        with open(pipe, "w", encoding="ascii"):  # opens when the daemon does
            parent.kill()
        parent.wait_for_daemon()


class StopCommand(ExitTest):
    def test_a_line_of_a_client_stops_the_daemon(self):
        for line in (b"shut down\n", b"shut down\r\n", b"shut down"):
            with self.subTest(line=line):
                daemon = self.start(options=["stop_command=shut down", "timeouts.drain=1h"])
                other = self.connect(daemon)
                self.assert_echoes(other)
                client = self.connect(daemon)
                self.assert_echoes(client, b"do not shut down\n")
                self.assert_echoes(client, line)
                self.assert_ends(client)
                client.close()
                self.assertEqual(daemon.wait_for("command")["conn"], "2")
                daemon.wait_for("drain")
                self.assert_echoes(other)
                self.leave(other)
                self.assert_exits(daemon)
                self.assertEqual(daemon.events("close", conn=2)[0]["reason"], "done")

    def test_a_full_buffer_is_no_end_of_a_line(self):
        daemon = self.start(options=["stop_command=stop"])
        client = self.connect(daemon)
        for before in range(2030, 2050):
            line = b"x" * before + b"\nstopping\n"
            client.sendall(line)
            self.assertEqual(receive_exactly(client, len(line)), line)
        self.assertEqual(daemon.events("command"), [])

    def test_behind_a_proxy_it_is_refused(self):
        done = run("-c", "/dev/null", "-t", "-l", "127.0.0.1:0", "-o", "stop_command=stop",
                   "-o", "proxy_protocol=v1")
        self.assertEqual(done.returncode, CONFIGURATION)
        self.assertIn("stop_command: expected a listener without proxy_protocol", done.stderr)

    def test_two_clients_that_say_it_do_not_cut_the_drain_short(self):
        daemon = self.start(options=["stop_command=stop", "timeouts.drain=1h"])
        clients = [self.connect(daemon) for _ in range(3)]
        for client in clients:
            self.assert_echoes(client, b"go on\n")
        for client in clients[1:]:
            self.assert_echoes(client, b"stop\n")
            self.assert_ends(client)
        daemon.wait_for("drain")
        daemon.wait_for_count(2, "command")
        self.assert_echoes(clients[0])
        self.leave(clients[0])
        self.assert_exits(daemon)

    def test_discard_hears_it_too(self):
        daemon = self.start(listen=("127.0.0.1:0=discard",), options=["stop_command=stop"])
        client = self.connect(daemon)
        client.sendall(b"x" * 100000 + b"\nstop\n")
        self.assert_ends(client)
        client.close()
        self.assert_exits(daemon)

    def test_elsewhere_than_on_loopback_it_is_refused(self):
        done = run("-c", "/dev/null", "-l", "0.0.0.0:0", "-o", "stop_command=stop")
        self.assertEqual(done.returncode, CONFIGURATION)
        self.assertIn('stop_command = \\"stop\\": expected a loopback address', done.stderr)

    def test_a_service_without_lines_is_refused(self):
        done = run("-c", "/dev/null", "-t", "-l", "127.0.0.1:0=greet", "-o", "stop_command=stop")
        self.assertEqual(done.returncode, CONFIGURATION)
        self.assertIn('expected a service whose clients send lines, got service "greet"',
                      done.stderr)


if __name__ == "__main__":
    main()
