# SPDX-License-Identifier: MIT
"""Who may connect: allow and deny, from the loopback network and from other hosts; health checks."""

import socket

from namespace_harness import Host, in_namespace
from yodel_harness import (CONFIGURATION, SystemTest, has_ipv6, main, receive_all, receive_end,
                           run)


class AccessTest(SystemTest):
    def start_with(self, lists, listen="host = \"127.0.0.1\"; port = 0;"):
        return self.start(listen=(), config=self.write_config(f"{listen}\n{lists}\n"))

    def assert_allowed(self, daemon, source, index=0):
        client = self.connect(daemon, index, source=source)
        self.assert_echoes(client)
        client.close()

    def assert_denied(self, daemon, source, index=0):
        client = self.connect(daemon, index, source=source)
        self.assertEqual(receive_end(client), b"")
        client.close()


class Rules(AccessTest):
    def test_who_is_denied_is_closed_before_a_thread_is_spent(self):
        daemon = self.start_with('deny = ("127.0.0.2", "127.1.0.0/16");'
                                 'limits: { refuse_text = "full"; };')
        self.assert_allowed(daemon, "127.0.0.1")
        self.assert_denied(daemon, "127.0.0.2")
        self.assert_denied(daemon, "127.1.255.255")
        self.assert_allowed(daemon, "127.2.0.0")
        refused = daemon.wait_for("refuse", reason="denied")
        self.assertRegex(refused["peer"], r"^127\.0\.0\.2:\d+$")
        daemon.stop()
        self.assertEqual(daemon.events("stop")[0]["denied"], "2")
        self.assertEqual(daemon.events("stop")[0]["accepted"], "2")

    def test_once_somebody_is_allowed_others_are_denied(self):
        daemon = self.start_with('allow = ("127.0.0.0/30");')
        self.assert_allowed(daemon, "127.0.0.3")
        self.assert_denied(daemon, "127.0.0.4")

    def test_the_longest_network_decides_and_deny_where_they_are_as_long(self):
        daemon = self.start_with('allow = ("127.0.0.0/8", "127.1.1.1", "127.2.0.0/16");'
                                 'deny = ("127.1.0.0/16", "127.2.0.0/16");')
        self.assert_allowed(daemon, "127.3.0.1")
        self.assert_denied(daemon, "127.1.0.1")
        self.assert_allowed(daemon, "127.1.1.1")
        self.assert_denied(daemon, "127.2.0.1")

    def test_a_listener_has_lists_of_its_own_or_those_of_the_top(self):
        daemon = self.start_with('''
            deny = ("127.0.0.2");
            listen: ( { name = "top"; host = "127.0.0.1"; port = 0; },
                      { name = "own"; host = "127.0.0.1"; port = 0; deny = ("127.0.0.3"); },
                      { name = "all"; host = "127.0.0.1"; port = 0; deny = (); } );''', "")
        for index, denied in enumerate((["127.0.0.2"], ["127.0.0.3"], [])):
            for source in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
                with self.subTest(index=index, source=source):
                    check = self.assert_denied if source in denied else self.assert_allowed
                    check(daemon, source, index)

    def test_a_dual_stack_listener_knows_ipv4_peers_as_such(self):
        if not has_ipv6():
            self.skipTest("no IPv6")
        daemon = self.start_with('allow = ("127.0.0.1", "::1");', 'host = "*"; port = 0;')
        port = daemon.address()[1]
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, port)) as client:
                self.assert_echoes(client)
        client = self.connect(("127.0.0.1", port), source="127.0.0.2")
        self.assertEqual(receive_end(client), b"")

    def test_greet_is_not_said_to_who_is_denied(self):
        daemon = self.start_with('service = "greet"; deny = ("127.0.0.2");')
        self.assertEqual(receive_all(self.connect(daemon)), b"Hello, Client!")
        self.assert_denied(daemon, "127.0.0.2")

    def test_what_is_no_network_is_refused_with_its_line(self):
        path = self.write_config('deny = (\n"10.0.0.0/8",\n"10.0.0.1/8",\n"localhost");')
        done = run("-t", "-c", path)
        self.assertEqual(done.returncode, CONFIGURATION)
        self.assertIn(f'{path}:3: deny.[1]: expected an IPv4 or IPv6 address, or a network '
                      'ADDRESS/BITS without bits behind those, got "10.0.0.1/8"', done.stderr)
        self.assertIn(f"{path}:4: deny.[2]: ", done.stderr)


class Hosts(AccessTest):
    """Clients of other hosts, which are network namespaces of their own."""

    # Whether "top" and "own", below, let them in.
    CLIENTS = (("office", "10.1.0.2", True, True), ("office", "10.1.0.3", False, True),
               ("office", "fd00:1::2", True, False), ("guest", "10.2.0.2", False, True),
               ("guest", "fd00:2::2", True, True), ("guest", "fd00:2::3", False, False),
               ("stranger", "10.3.0.2", False, False), ("stranger", "fd00:3::2", False, True))

    def add_hosts(self):
        return {name: Host(name, [f"10.{n}.0.1/24", f"fd00:{n}::1/64"],
                           [f"10.{n}.0.2/24", f"10.{n}.0.3/24", f"fd00:{n}::2/64",
                            f"fd00:{n}::3/64"])
                for n, name in enumerate(("office", "guest", "stranger"), 1)}

    @in_namespace
    def test_the_best_match_decides_for_clients_of_each_host(self):
        hosts = self.add_hosts()
        daemon = self.start_with('''
            allow = ("10.1.0.0/16", "fd00:1::/32", "fd00:2::2");
            deny = ("10.1.0.3", "fd00:2::/64");
            listen: ( { name = "top"; host = "*"; port = 0; },
                      { name = "own"; host = "*"; port = 0; allow = ();
                        deny = ("10.3.0.0/16", "fd00:1::/64", "fd00:2::3"); } );''', "")
        served = []
        for host, source, *are_allowed in self.CLIENTS:
            ours = source[:-1] + "1"
            for index, is_allowed in enumerate(are_allowed):
                with self.subTest(source=source, index=index):
                    client = hosts[host].connect((ours, daemon.address(index)[1]), source)
                    self.addCleanup(client.close)
                    if is_allowed:
                        self.assert_echoes(client)
                        served.append(client)
                    else:
                        self.assertEqual(receive_end(client), b"")
        for client in served:
            self.assert_echoes(client)
        self.assertEqual(daemon.client_threads(), len(served))
        daemon.stop()
        self.assertEqual(len(daemon.events("accept")), len(served))
        self.assertEqual({event["reason"] for event in daemon.events("refuse")}, {"denied"})
        stop = daemon.events("stop")[0]
        self.assertEqual((stop.number("accepted"), stop.number("denied")),
                         (len(served), 2 * len(self.CLIENTS) - len(served)))


class Probes(AccessTest):
    def test_who_leaves_without_a_byte_is_a_probe(self):
        daemon = self.start()
        self.connect(daemon).close()
        daemon.wait_for("close", conn=1, reason="probe")
        client = self.connect(daemon)
        self.assert_echoes(client)
        client.close()
        self.assertEqual(daemon.wait_for("close", conn=2).level, "info")
        daemon.stop()
        self.assertEqual(daemon.events("stop")[0]["probe"], "1")

    def test_a_greeted_client_is_no_probe(self):
        daemon = self.start(listen=("127.0.0.1:0=greet",))
        client = self.connect(daemon)
        self.assertEqual(receive_all(client), b"Hello, Client!")
        client.close()
        daemon.wait_for("close", reason="done")

    def test_health_checks_are_logged_at_debug_whatever_they_say(self):
        daemon = self.start_with('probe_from = ("127.0.0.2"); log: { level = "debug"; };')
        for source, level in (("127.0.0.2", "debug"), ("127.0.0.1", "info")):
            client = self.connect(daemon, source=source)
            self.assert_echoes(client)
            peer = "%s:%d" % client.getsockname()
            client.close()
            self.assertEqual(daemon.wait_for("accept", peer=peer).level, level)
            close = daemon.wait_for("close", peer=peer)
            self.assertEqual((close.level, close["reason"]),
                             (level, "probe" if level == "debug" else "client_fin"))


if __name__ == "__main__":
    main()
