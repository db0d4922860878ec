# SPDX-License-Identifier: MIT
"""How the kernel is asked to run clients' threads: scheduling and affinity."""

import os
import unittest

from yodel_harness import SystemTest, main, wait_until

MESSAGES_A_LOOK = 64
LOOKS_TO_DECIDE = 2 * 64


class Scheduling(SystemTest):
    def policies(self, daemon):
        client = self.connect(daemon)
        self.assert_echoes(client)
        return {os.sched_getscheduler(int(task))
                for task in os.listdir(f"/proc/{daemon.pid}/task")}

    def test_threads_are_batch_by_default(self):
        self.assertEqual(self.policies(self.start()), {os.SCHED_BATCH})

    def test_normal_leaves_the_policy_of_the_start(self):
        daemon = self.start(options=["scheduling=normal"])
        self.assertEqual(self.policies(daemon), {os.SCHED_OTHER})

    def test_a_policy_that_somebody_chose_stays(self):
        daemon = self.start(preexec_fn=lambda: os.sched_setscheduler(
            0, os.SCHED_IDLE, os.sched_param(0)))
        self.assertEqual(self.policies(daemon), {os.SCHED_IDLE})


@unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "there is but one processor")
class Affinity(SystemTest):
    def allowed(self, daemon):
        """The processors that the only client's thread may run on."""
        for task in os.listdir(f"/proc/{daemon.pid}/task"):
            with open(f"/proc/{daemon.pid}/task/{task}/comm", encoding="ascii") as file:
                if "/" in file.read():
                    return os.sched_getaffinity(int(task))
        return None

    def talk(self, daemon):
        client = self.connect(daemon)
        for _ in range(MESSAGES_A_LOOK):
            self.assert_echoes(client)
        return client

    def test_follow_moves_the_thread_to_its_client(self):
        daemon = self.start(options=["affinity=follow"])
        everywhere = os.sched_getaffinity(0)
        for processor in everywhere:
            os.sched_setaffinity(0, {processor})
            try:
                client = self.talk(daemon)
                wait_until(lambda here={processor}: self.allowed(daemon) == here, "it follows")
            finally:
                os.sched_setaffinity(0, everywhere)
            client.close()
            daemon.wait_for_client_threads(0)

    def test_none_leaves_it_to_the_kernel(self):
        daemon = self.start(options=["affinity=none"])
        self.talk(daemon)
        self.assertEqual(self.allowed(daemon), os.sched_getaffinity(0))

    def test_auto_does_not_move_a_thread_at_its_first_messages(self):
        daemon = self.start()
        self.talk(daemon)
        self.assertEqual(self.allowed(daemon), os.sched_getaffinity(0))

    def test_auto_follows_a_client_that_is_alone(self):
        daemon = self.start()
        everywhere = os.sched_getaffinity(0)
        here = {min(everywhere)}
        os.sched_setaffinity(0, here)
        self.addCleanup(os.sched_setaffinity, 0, everywhere)
        client = self.connect(daemon)
        for _ in range(MESSAGES_A_LOOK * LOOKS_TO_DECIDE + 1):
            self.assert_echoes(client)
        self.assertEqual(self.allowed(daemon), here)


if __name__ == "__main__":
    main()
