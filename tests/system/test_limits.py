# SPDX-License-Identifier: MIT
"""The limits on clients: who is refused, what he hears, what the log says, and who comes next."""

import time

from yodel_harness import (SLACK, SystemTest, main, receive_all, receive_end, seconds_between,
                           wait_until)

TEXT = "sorry, the mountain is full"


class LimitTest(SystemTest):
    def assert_served(self, daemon, **where):
        """Connects until it is served: a slot is free a moment after its client has gone."""
        def try_once():
            client = self.connect(daemon, **where)
            try:
                client.sendall(b"yodel")
                if client.recv(5) == b"yodel":
                    return client
            except ConnectionError:
                pass
            client.close()
            return None
        return wait_until(try_once, "a client is served")

    def assert_admitted(self, daemon, **where):
        client = self.connect(daemon, **where)
        self.assert_echoes(client)
        return client

    def assert_refused(self, daemon, reason, text=TEXT, **where):
        """With words, whole and with a clean end, also where the client has sent something."""
        with daemon.frozen():
            client = self.connect(daemon, **where)
            client.sendall(b"unread" * 1000)
        self.assertEqual(receive_all(client), text.encode())
        client.sendall(b"late")
        self.assert_ends(client)
        client.close()
        daemon.wait_for("refuse", reason=reason)


def refusals(daemon, reason):
    """As many as the log tells, with those that it only counts."""
    return sum(int(event.get("suppressed", 1)) for event in daemon.events("refuse", reason=reason))


class Connections(LimitTest):
    def test_one_more_than_max_connections_is_refused_until_a_slot_frees(self):
        daemon = self.start(options=["limits.max_connections=2", f"limits.refuse_text={TEXT}"])
        first, second = self.assert_admitted(daemon), self.assert_admitted(daemon)
        self.assert_refused(daemon, "limit_total")
        refused = daemon.wait_for("refuse", reason="limit_total")
        self.assertEqual((refused.level, refused["listener"]), ("warn", "echo"))
        self.assertRegex(refused["peer"], r"^127\.0\.0\.1:\d+$")
        self.assert_echoes(first)
        first.close()
        self.assert_served(daemon)
        self.assert_refused(daemon, "limit_total")
        self.assert_echoes(second)

    def test_max_connections_counts_all_listeners_together(self):
        daemon = self.start(listen=["127.0.0.1:0=echo", "127.0.0.1:0=echo"],
                            options=["limits.max_connections=2", f"limits.refuse_text={TEXT}"])
        self.assert_admitted(daemon, index=0)
        self.assert_admitted(daemon, index=1)
        self.assert_refused(daemon, "limit_total", index=0)
        self.assert_refused(daemon, "limit_total", index=1)

    def test_a_listener_has_a_limit_of_its_own(self):
        daemon = self.start(
            listen=["127.0.0.1:0=echo", "127.0.0.1:0=echo"],
            options=["listen.[0].limits.max_connections=1", f"limits.refuse_text={TEXT}"])
        first = self.assert_admitted(daemon, index=0)
        self.assert_refused(daemon, "limit_listener", index=0)
        self.assert_admitted(daemon, index=1)
        self.assert_admitted(daemon, index=1)
        first.close()
        self.assert_served(daemon, index=0)

    def test_without_a_text_a_refused_client_gets_a_close(self):
        daemon = self.start(options=["limits.max_connections=1"])
        self.assert_admitted(daemon)
        self.assertEqual(receive_end(self.connect(daemon)), b"")
        daemon.wait_for("refuse", reason="limit_total")

    def test_each_listener_refuses_in_its_own_words(self):
        daemon = self.start(
            listen=["127.0.0.1:0=echo", "127.0.0.1:0=echo"],
            options=["limits.max_connections=1", "listen.[0].limits.refuse_text=zero",
                     "listen.[1].limits.refuse_text=" + "1" * 512])
        self.assert_admitted(daemon)
        self.assert_refused(daemon, "limit_total", text="zero", index=0)
        self.assert_refused(daemon, "limit_total", text="1" * 512, index=1)

    def test_refusing_starts_no_thread_and_keeps_no_descriptor(self):
        daemon = self.start(options=["limits.max_connections=1", f"limits.refuse_text={TEXT}",
                                     "timeouts.linger=200ms"])
        self.assert_admitted(daemon)
        threads, descriptors = daemon.client_threads(), daemon.descriptors()
        # More than the daemon waits for at once, and none of them closes.
        stubborn = [self.connect(daemon) for _ in range(60)]
        for client in stubborn:
            self.assertEqual(receive_all(client), TEXT.encode())
        self.assertEqual(daemon.client_threads(), threads)
        daemon.wait_for_descriptors(descriptors)

    def test_refused_client_that_trickles_is_cut_at_the_end_of_linger(self):
        daemon = self.start(options=["limits.max_connections=1", f"limits.refuse_text={TEXT}",
                                     "timeouts.linger=300ms"])
        self.assert_admitted(daemon)
        client = self.connect(daemon)
        self.assertEqual(receive_all(client), TEXT.encode())
        began = time.monotonic()
        with self.assertRaises(ConnectionError):
            while time.monotonic() - began < 5 + SLACK:
                client.sendall(b"x")
                time.sleep(0.01)  # the client's pace
        # It may have waited since a little before we had its words.
        self.assert_between(time.monotonic() - began, 0.2, 0.3 + SLACK)


class Peers(LimitTest):
    def test_a_peer_that_is_at_its_limit_is_refused_and_others_are_not(self):
        daemon = self.start(options=["limits.max_per_peer=2", f"limits.refuse_text={TEXT}"])
        first = self.assert_admitted(daemon)
        self.assert_admitted(daemon)
        self.assert_refused(daemon, "limit_peer")
        self.assert_admitted(daemon, source="127.0.0.2")
        self.assert_admitted(daemon, source="127.0.0.2")
        self.assert_refused(daemon, "limit_peer", source="127.0.0.2")
        first.close()
        self.assert_served(daemon)
        self.assert_refused(daemon, "limit_peer")

    def test_max_per_peer_counts_all_listeners_together(self):
        daemon = self.start(listen=["127.0.0.1:0=echo", "127.0.0.1:0=echo"],
                            options=["limits.max_per_peer=1", f"limits.refuse_text={TEXT}"])
        self.assert_admitted(daemon, index=0)
        self.assert_refused(daemon, "limit_peer", index=1)
        self.assert_admitted(daemon, index=1, source="127.0.0.2")

    def test_a_listener_has_a_peer_limit_of_its_own(self):
        daemon = self.start(
            listen=["127.0.0.1:0=echo", "127.0.0.1:0=echo"],
            options=["listen.[0].limits.max_per_peer=1", f"limits.refuse_text={TEXT}"])
        self.assert_admitted(daemon, index=0)
        self.assert_refused(daemon, "limit_peer", index=0)
        self.assert_admitted(daemon, index=0, source="127.0.0.2")
        self.assert_admitted(daemon, index=1)
        self.assert_admitted(daemon, index=1)

    def test_peer_prefix_v4_makes_one_peer_of_a_network(self):
        daemon = self.start(options=["limits.max_per_peer=1", "limits.peer_prefix_v4=24",
                                     f"limits.refuse_text={TEXT}"])
        self.assert_admitted(daemon, source="127.0.7.1")
        self.assert_refused(daemon, "limit_peer", source="127.0.7.1")
        self.assert_refused(daemon, "limit_peer", source="127.0.7.200")
        self.assert_admitted(daemon, source="127.0.8.1")

    def test_peer_prefix_v4_may_end_within_a_byte(self):
        daemon = self.start(options=["limits.max_per_peer=1", "limits.peer_prefix_v4=30",
                                     f"limits.refuse_text={TEXT}"])
        self.assert_admitted(daemon, source="127.0.7.4")
        self.assert_refused(daemon, "limit_peer", source="127.0.7.7")
        self.assert_admitted(daemon, source="127.0.7.8")

    def test_counts_of_many_peers_come_back_to_nothing(self):
        daemon = self.start(options=["limits.max_per_peer=1", f"limits.refuse_text={TEXT}"])
        threads = daemon.client_threads()
        sources = [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(300)]
        for _ in range(2):
            clients = [self.assert_admitted(daemon, source=source) for source in sources]
            self.assert_refused(daemon, "limit_peer", source=sources[0])
            self.assert_refused(daemon, "limit_peer", source=sources[-1])
            for client in clients:
                client.close()
            daemon.wait_for_client_threads(threads)


class Rate(LimitTest):
    def test_the_rate_admits_one_period_s_worth_at_once_and_no_more(self):
        daemon = self.start(options=["limits.accept_rate=3/h", f"limits.refuse_text={TEXT}"])
        for _ in range(3):
            self.assert_admitted(daemon).close()
        self.assert_refused(daemon, "rate")
        self.assert_refused(daemon, "rate", source="127.0.0.2")

    def test_a_listener_has_a_rate_of_its_own(self):
        daemon = self.start(
            listen=["127.0.0.1:0=echo", "127.0.0.1:0=echo"],
            options=["listen.[0].limits.accept_rate=1/h", f"limits.refuse_text={TEXT}"])
        self.assert_admitted(daemon, index=0)
        self.assert_refused(daemon, "rate", index=0)
        for _ in range(3):
            self.assert_admitted(daemon, index=1)

    def test_the_rate_admits_again_as_time_passes(self):
        daemon = self.start(options=["limits.accept_rate=1/s"])

        def is_served():
            client = self.connect(daemon)
            try:
                client.sendall(b"x")
                return client.recv(1) == b"x"
            except ConnectionError:
                return False
            finally:
                client.close()
        wait_until(lambda: not is_served(), "the bucket is empty")
        last = daemon.events("accept")[-1]
        wait_until(is_served, "a client is admitted again")
        again = wait_until(lambda: daemon.events("accept")[-1].line != last.line and
                           daemon.events("accept")[-1])
        self.assert_between(seconds_between(last, again), 0.9, 1 + SLACK)

    def test_a_refusal_costs_the_rate_nothing(self):
        daemon = self.start(options=["limits.accept_rate=2/h", "limits.max_connections=1",
                                     f"limits.refuse_text={TEXT}"])
        threads = daemon.client_threads()
        first = self.assert_admitted(daemon)
        for _ in range(5):
            self.assert_refused(daemon, "limit_total")
        first.close()
        daemon.wait_for_client_threads(threads)
        self.assert_admitted(daemon).close()
        daemon.wait_for_client_threads(threads)
        self.assert_refused(daemon, "rate")


class Log(LimitTest):
    def test_refusals_in_a_row_are_one_line_and_a_count(self):
        daemon = self.start(options=["limits.max_connections=1"])
        self.assert_admitted(daemon)
        with daemon.frozen():
            clients = [self.connect(daemon) for _ in range(20)]
        for client in clients:
            self.assertEqual(receive_end(client), b"")
        wait_until(lambda: refusals(daemon, "limit_total") == 20, "20 refusals are told")
        self.assertLessEqual(len(daemon.events("refuse")), 4)
        self.assertNotIn("suppressed", daemon.events("refuse")[0])
        counted = [event for event in daemon.events("refuse") if "suppressed" in event]
        self.assertGreaterEqual(sum(event.number("suppressed") for event in counted), 17)

    def test_each_reason_has_a_line_of_its_own(self):
        daemon = self.start(listen=["127.0.0.1:0=echo", "127.0.0.1:0=echo"],
                            options=["listen.[0].limits.max_connections=1",
                                     "listen.[1].limits.accept_rate=1/h"])
        self.assert_admitted(daemon, index=0)
        self.assert_admitted(daemon, index=1)
        with daemon.frozen():
            clients = [self.connect(daemon, index=index) for index in (0, 1, 0, 1)]
        for client in clients:
            receive_end(client)
        self.assertEqual(daemon.wait_for("refuse", reason="limit_listener")["listener"], "echo")
        self.assertEqual(daemon.wait_for("refuse", reason="rate")["listener"], "echo-2")


if __name__ == "__main__":
    main()
