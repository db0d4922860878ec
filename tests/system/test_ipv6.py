# SPDX-License-Identifier: MIT
"""IPv6: listening on it, on both families at once, without it; and its peers' prefixes."""

import unittest

from namespace_harness import add_address, in_namespace
from yodel_harness import SystemTest, has_ipv6, main, receive_all, receive_end


@unittest.skipUnless(has_ipv6(), "this machine has no ::1")
class Listening(SystemTest):
    def test_ipv6_address_is_listened_on_and_written_in_brackets(self):
        daemon = self.start(listen=["[::1]:0=echo"])
        port = daemon.address()[1]
        self.assertEqual(daemon.wait_for("listen")["address"], f"[::1]:{port}")
        client = self.connect(daemon)
        self.assert_echoes(client)
        peer = "[%s]:%d" % client.getsockname()[:2]
        self.assertEqual(daemon.wait_for("accept")["peer"], peer)

    def test_ipv6_address_does_not_listen_on_ipv4(self):
        daemon = self.start(listen=["[::]:0=echo"])
        self.assert_echoes(self.connect(("::1", daemon.address()[1])))
        with self.assertRaises(ConnectionRefusedError):
            self.connect(("127.0.0.1", daemon.address()[1]))

    def test_star_listens_on_both_families_with_one_socket(self):
        for listen in ("*:0=echo", ":0=echo"):
            with self.subTest(listen=listen):
                daemon = self.start(listen=[listen])
                self.assertEqual(len(daemon.addresses), 1)
                port = daemon.address()[1]
                self.assert_echoes(self.connect(("::1", port)))
                client = self.connect(("127.0.0.1", port))
                self.assert_echoes(client)
                # As everybody writes it, not as ::ffff:127.0.0.1.
                daemon.wait_for("accept", peer="%s:%d" % client.getsockname())

    def test_ipv4_client_of_star_is_the_same_peer_as_on_an_ipv4_listener(self):
        daemon = self.start(listen=["*:0=echo", "127.0.0.1:0=echo"],
                            options=["limits.max_per_peer=1", "limits.refuse_text=full"])
        self.assert_echoes(self.connect(("127.0.0.1", daemon.address(0)[1])))
        self.assertEqual(receive_all(self.connect(daemon, 1)), b"full")

    def test_ipv6_peer_limit_holds(self):
        daemon = self.start(listen=["[::1]:0=echo"],
                            options=["limits.max_per_peer=1", "limits.refuse_text=full"])
        self.assert_echoes(self.connect(daemon))
        self.assertEqual(receive_all(self.connect(daemon)), b"full")


class PeerPrefix(SystemTest):
    """Needs several IPv6 addresses."""

    def limited(self, *options):
        if not has_ipv6():
            self.skipTest("no IPv6 here")
        for address in ("fd00:0:0:1::1", "fd00:0:0:1::2", "fd00:0:0:2::1"):
            add_address(address)
        return self.start(listen=["[::]:0=echo"], options=[
            "limits.max_per_peer=1", "limits.refuse_text=full", *options])

    def assert_admitted(self, daemon, source, is_admitted):
        client = self.connect((source, daemon.address()[1]), source=source)
        client.sendall(b"full?")
        self.assertEqual(client.recv(5), b"full?" if is_admitted else b"full")
        if not is_admitted:
            self.assertEqual(receive_end(client), b"")

    @in_namespace
    def test_64_bits_are_one_peer_unless_told_otherwise(self):
        daemon = self.limited()
        self.assert_admitted(daemon, "fd00:0:0:1::1", True)
        self.assert_admitted(daemon, "fd00:0:0:1::2", False)
        self.assert_admitted(daemon, "fd00:0:0:2::1", True)

    @in_namespace
    def test_128_bits_make_every_address_a_peer(self):
        daemon = self.limited("limits.peer_prefix_v6=128")
        self.assert_admitted(daemon, "fd00:0:0:1::1", True)
        self.assert_admitted(daemon, "fd00:0:0:1::2", True)
        self.assert_admitted(daemon, "fd00:0:0:1::2", False)

    @in_namespace
    def test_48_bits_make_one_peer_of_both_networks(self):
        daemon = self.limited("limits.peer_prefix_v6=48")
        self.assert_admitted(daemon, "fd00:0:0:1::1", True)
        self.assert_admitted(daemon, "fd00:0:0:2::1", False)

    @in_namespace
    def test_star_listens_on_ipv4_alone_where_ipv6_is_switched_off(self):
        # Switched off on every interface, as administrators do it.
        for name in ("all", "default"):
            try:
                with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w",
                          encoding="ascii") as file:
                    file.write("1")
            except OSError as error:
                self.skipTest(f"IPv6 cannot be switched off: {error}")
        daemon = self.start(listen=["*:0=echo"])
        self.assert_echoes(self.connect(("127.0.0.1", daemon.address()[1])))


if __name__ == "__main__":
    main()
