# SPDX-License-Identifier: MIT
"""Too few descriptors: at the start, where the plan says so, and in the middle, for real."""

import contextlib
import os
import resource
import time

from yodel_harness import (SLACK, SYSTEM, SystemTest, close_with_reset, main, receive_all, receive_end,
                           run, set_limit, wait_until)

TEXT = "no room"
LOWERED = 32


def limit_descriptors(count):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


class AtStart(SystemTest):
    def test_a_low_limit_is_told_and_excess_clients_are_refused_until_others_go(self):
        daemon = self.start(options=[f"limits.refuse_text={TEXT}", "timeouts.linger=200ms"],
                            preexec_fn=limit_descriptors(LOWERED))
        told = daemon.wait_for("start", open_files=LOWERED)
        room = told.number("max_connections")
        self.assert_between(room, 8, LOWERED - 7)
        warning = start_line(daemon, "warn")
        for part in ("limits.max_connections = 1024", f"{LOWERED} open files", f"allow {room} "):
            self.assertIn(part, warning["message"])
        threads = daemon.client_threads()
        clients = [self.connect(daemon) for _ in range(room)]
        for client in clients:
            self.assert_echoes(client)
        for _ in range(40):
            excess = self.connect(daemon)
            self.assertEqual(receive_all(excess), TEXT.encode())
        for client in clients:
            self.assert_echoes(client)
        # Not one of them was turned away for want of a descriptor: the plan was right.
        self.assertEqual(daemon.events("refuse", reason="resources"), [])
        daemon.wait_for("refuse", reason="limit_total")
        for client in clients:
            client.close()
        daemon.wait_for_client_threads(threads)
        for client in [self.connect(daemon) for _ in range(room)]:
            self.assert_echoes(client)

    def test_each_limit_of_the_kernel_that_is_too_low_is_named(self):
        daemon = self.start(options=["limits.max_connections=1000000"])
        daemon.wait_for("ready")
        told = "\n".join(line.get("message", "") for line in daemon.events("start"))
        for name, path, per_client in (("kernel.pid_max", "kernel/pid_max", 1),
                                       ("kernel.threads-max", "kernel/threads-max", 1),
                                       ("vm.max_map_count", "vm/max_map_count", 2)):
            with open(f"/proc/sys/{path}", encoding="ascii") as file:
                value = int(file.read())
            warning = (f"limits.max_connections = 1000000, but {name} = {value} "
                       f"allows no more than {value // per_client} threads")
            self.assertEqual(warning in told, value // per_client < 1_000_002, name)

    def test_the_soft_limit_is_raised_to_the_hard_one(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        daemon = self.start(preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (LOWERED, hard)))
        daemon.wait_for("start", open_files=hard)
        self.assertEqual(resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE), (hard, hard))

    def planned(self, limit, *arguments):
        daemon = self.start(*arguments, listen=("127.0.0.1:0=talk",), ready=False,
                            options=["log.level=info"], preexec_fn=limit_descriptors(limit))
        return daemon.wait_for("start", open_files=limit).number("max_connections")

    def test_the_descriptors_of_the_console_are_planned_for_before_it_opens_them(self):
        for limit in range(LOWERED, LOWERED + 4):
            self.assertEqual(self.planned(limit + 2, "--console"), self.planned(limit))

    def test_a_limit_without_room_for_one_client_is_an_error(self):
        done = run("-c", "/dev/null", "-l", "127.0.0.1:0", preexec_fn=limit_descriptors(10))
        self.assertEqual(done.returncode, SYSTEM)
        self.assertRegex(done.stderr, r"open files: expected a limit of more than \d+, got 10")


def start_line(daemon, level):
    return wait_until(lambda: next(
        (event for event in daemon.events("start") if event.level == level), None))


class InTheMiddle(SystemTest):
    def lower(self, daemon, limit):
        return set_limit(daemon.pid, resource.RLIMIT_NOFILE, limit)

    def assert_shed(self, daemon):
        """A waiting client gets a close, be it an end of stream or a reset, and no words."""
        client = self.connect(daemon)
        self.assertEqual(receive_end(client), b"")
        client.close()

    def test_waiting_clients_get_a_close_and_the_loop_recovers(self):
        daemon = self.start()
        client = self.connect(daemon)
        self.assert_echoes(client)
        old = self.lower(daemon, daemon.descriptor_limit_now())
        for _ in range(5):
            self.assert_shed(daemon)
        refused = daemon.wait_for("refuse", reason="resources")
        self.assertEqual(refused["error"], "Too many open files")
        self.assert_echoes(client)
        self.lower(daemon, old)
        self.assert_echoes_soon(daemon)

    def assert_echoes_soon(self, daemon):
        def try_once():
            with contextlib.suppress(ConnectionError, AssertionError):
                self.assert_echoes(self.connect(daemon))
                return True
        wait_until(try_once, "a client is served again")

    def test_every_listener_sheds_its_clients(self):
        daemon = self.start(listen=["127.0.0.1:0=echo", "127.0.0.1:0=echo"])
        self.lower(daemon, daemon.descriptor_limit_now())
        clients = [self.connect(daemon, index) for index in (0, 1, 1, 0)]
        for client in clients:
            self.assertEqual(receive_end(client), b"")

    def test_clients_that_go_make_room_again(self):
        daemon = self.start()
        threads = daemon.client_threads()
        client = self.connect(daemon)
        self.assert_echoes(client)
        self.lower(daemon, daemon.descriptor_limit_now())
        self.assert_shed(daemon)
        client.close()
        daemon.wait_for_client_threads(threads)
        self.assert_echoes_soon(daemon)

    def test_a_shortage_costs_no_processor_time(self):
        daemon = self.start()
        # Not even the reserve helps: a client stays in the queue all the time.
        old = self.lower(daemon, 3)
        waiting = self.connect(daemon)
        waiting.sendall(b"patience")
        daemon.wait_for("refuse", reason="resources")
        before, began = daemon.cpu_seconds(), time.monotonic()
        # Refusals of one reason are told once a second: two more lines are more than a second.
        daemon.wait_for_count(3, "refuse", reason="resources")
        passed = time.monotonic() - began
        self.assertGreater(passed, 0.9)
        self.assertLess(daemon.cpu_seconds() - before, 0.25 * passed)
        self.lower(daemon, old)
        # It may have been closed with the help of the reserve, or be served now.
        self.assertIn(self.first_words(waiting), (b"patience", b""))
        self.assert_echoes_soon(daemon)

    def first_words(self, client):
        with contextlib.suppress(ConnectionError):
            return client.recv(8)
        return b""

    def test_the_reserve_comes_back_after_a_shortage_that_took_it_away(self):
        daemon = self.start()
        old = self.lower(daemon, 3)  # the reserve is given up and cannot be had again
        waiting = self.connect(daemon)
        daemon.wait_for("refuse", reason="resources")
        self.lower(daemon, old)
        close_with_reset(waiting)
        self.assert_echoes_soon(daemon)
        client = self.connect(daemon)
        self.assert_echoes(client)
        # A second shortage, with no number free below the highest one.
        used = set(map(int, os.listdir(f"/proc/{daemon.pid}/fd")))
        self.fill_gaps(daemon, used)
        self.lower(daemon, daemon.descriptor_limit_now())
        client = self.connect(daemon)
        client.settimeout(SLACK)
        try:
            self.assertEqual(receive_end(client), b"")
        except TimeoutError:
            self.fail("the waiting client hangs: there is no reserve any more")

    def fill_gaps(self, daemon, used):
        """Clients in all numbers that are free below the highest one in use."""
        while len(used) <= max(used):
            self.assert_echoes(self.connect(daemon))
            used = set(map(int, os.listdir(f"/proc/{daemon.pid}/fd")))


if __name__ == "__main__":
    main()
