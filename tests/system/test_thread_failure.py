# SPDX-License-Identifier: MIT
"""No memory for a thread's stack: the client gets a close, his slot comes back, others go on."""

import contextlib
import resource
import unittest

from yodel_harness import SANITIZE, SystemTest, main, receive_end, set_limit, wait_until

STACK_KIB = 16 * 1024


@unittest.skipIf(SANITIZE, "a sanitizer's runtime aborts where its own memory runs out")
class ThreadFailure(SystemTest):
    def starve(self, daemon):
        """Leaves half a stack of address space. Returns the limit there was."""
        return set_limit(daemon.pid, resource.RLIMIT_AS, (daemon.vm_kib() + STACK_KIB // 2) * 1024)

    def assert_echoes_soon(self, daemon):
        def try_once():
            client = self.connect(daemon)
            with contextlib.suppress(ConnectionError, AssertionError):
                self.assert_echoes(client)
                return client
        return wait_until(try_once, "a client is served")

    def test_client_without_a_thread_gets_a_close_and_his_slot_comes_back(self):
        # Two slots: were one lost, the daemon would never again serve two clients at once.
        daemon = self.start(options=["thread_stack=16M", "limits.max_connections=2"])
        first = self.connect(daemon)
        self.assert_echoes(first)
        descriptors, threads = daemon.descriptors(), daemon.client_threads()
        old = self.starve(daemon)
        for _ in range(5):
            client = self.connect(daemon)
            self.assertEqual(receive_end(client), b"")
            client.close()
        refused = daemon.wait_for("refuse", reason="resources")
        self.assertEqual(refused["error"], "Resource temporarily unavailable")
        self.assertEqual(daemon.events("refuse", reason="limit_total"), [])
        self.assertEqual((daemon.descriptors(), daemon.client_threads()), (descriptors, threads))
        self.assert_echoes(first)
        set_limit(daemon.pid, resource.RLIMIT_AS, old)
        self.assert_echoes_soon(daemon)
        self.assert_echoes(first)

    def test_failing_threads_cost_little_processor_time(self):
        daemon = self.start(options=["thread_stack=16M"])
        old = self.starve(daemon)
        with daemon.frozen():
            clients = [self.connect(daemon) for _ in range(10)]
        before = daemon.cpu_seconds()
        for client in clients:
            self.assertEqual(receive_end(client), b"")
        # Accepting pauses 100 ms after each of them.
        self.assertLess(daemon.cpu_seconds() - before, 0.25)
        set_limit(daemon.pid, resource.RLIMIT_AS, old)
        self.assert_echoes_soon(daemon)


if __name__ == "__main__":
    main()
