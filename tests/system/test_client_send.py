# SPDX-License-Identifier: MIT
"""yodel send: what goes out, what comes back, and how it ends when something is wrong."""

import hashlib
import os
import threading
import time

from client_harness import FAILED, OK, ClientTest, in_shell, yodel
from yodel_harness import PATIENCE, close_with_reset, free_port, main, receive_all, scaled


class Send(ClientTest):
    def test_text_comes_back_without_a_newline(self):
        done = yodel("send", *self.serve_daemon(), "Hello, mountain!")
        self.assert_ended(done, OK)
        self.assertEqual(done.stdout, b"Hello, mountain!")

    def test_empty_text_sends_nothing_and_ends(self):
        done = yodel("send", *self.serve_daemon(), "", data=b"not this")
        self.assert_ended(done, OK)
        self.assertEqual(done.stdout, b"")

    def test_standard_input_comes_back(self):
        data = bytes(range(256)) * 3
        done = yodel("send", *self.serve_daemon(), data=data)
        self.assert_ended(done, OK)
        self.assertEqual(done.stdout, data)

    def test_answer_may_come_after_the_end_of_the_input(self):
        def answer(client):
            client.sendall(b"got " + receive_all(client))
        self.assertEqual(yodel("send", *self.serve(answer), "all").stdout, b"got all")

    def test_50_mib_come_back_as_they_were(self):
        data = os.urandom(scaled(50, 5) << 20)
        done = yodel("send", *self.serve_daemon(), data=data)
        self.assert_ended(done, OK)
        self.assertEqual(hashlib.sha256(done.stdout).digest(), hashlib.sha256(data).digest())

    def test_greeting_is_printed(self):
        done = yodel("send", *self.serve_daemon("greet"))
        self.assert_ended(done, OK)
        self.assertEqual(done.stdout, b"Hello, Client!")

    def test_refused_port_is_named(self):
        port = str(free_port())
        done = yodel("send", "127.0.0.1", port, "text")
        self.assert_ended(done, FAILED, b"cannot connect to 127.0.0.1:" + port.encode())
        self.assertIn(b"Connection refused", done.stderr)

    def test_unknown_host_is_named(self):
        self.assert_ended(yodel("send", "no-such-host.invalid", "7"), FAILED,
                          b"no-such-host.invalid")

    def test_unknown_service_name_is_named(self):
        self.assert_ended(yodel("send", "127.0.0.1", "no-such-port"), FAILED, b"no-such-port")

    def test_silent_server_is_not_waited_for_longer_than_the_timeout(self):
        is_over = threading.Event()
        address = self.serve(lambda client: is_over.wait(PATIENCE))
        self.addCleanup(is_over.set)  # before the server is waited for
        begin = time.monotonic()
        done = yodel("send", "-t", "300ms", *address, "text")
        self.assert_ended(done, FAILED, b"no answer in time")
        self.assert_between(time.monotonic() - begin, 0.3, 10)

    def test_reset_is_told(self):
        def reset(client):
            client.recv(1)
            close_with_reset(client)
        self.assert_ended(yodel("send", *self.serve(reset), "text"), FAILED,
                          b"the connection broke: Connection reset")

    def test_closed_standard_input_is_an_empty_one(self):
        done = in_shell("<&-", "send", *self.serve_daemon("greet"))
        self.assert_ended(done, OK)
        self.assertEqual(done.stdout, b"Hello, Client!")

    def test_closed_standard_output_is_not_the_connection(self):
        received = []
        address = self.serve(lambda client: (client.sendall(b"answer"),
                                             received.append(receive_all(client))))
        self.assert_ended(in_shell(">&-", "send", *address, "text"), OK)
        self.doCleanups()
        self.assertEqual(received, [b"text"])

    def test_full_disk_is_told(self):
        address = self.serve_daemon()
        for arguments in (["send", *address, "text"], ["--help"], ["connect", "-V"]):
            self.assert_ended(in_shell(">/dev/full", *arguments), FAILED,
                              b"cannot write to standard output: No space left on device")


if __name__ == "__main__":
    main()
