# SPDX-License-Identifier: MIT
"""yodel connect: a conversation, in a pipe and on a terminal."""

import os
import pty
import re
import select
import subprocess
import time

from client_harness import FAILED, OK, YODEL, ClientTest, in_shell, yodel
from yodel_harness import PATIENCE, environment, main, receive_all, scaled


class Connect(ClientTest):
    def sent(self, data, answer=b""):
        """What a server receives when data is typed, and what the client then did."""
        received = []

        def talk(client):
            client.sendall(answer)
            received.append(receive_all(client))
        done = yodel("connect", *self.serve(talk), data=data)
        self.doCleanups()
        return received[0], done

    def test_lines_come_back_with_where_they_are_from(self):
        done = yodel("connect", *self.serve_daemon(), data=b"one\ntwo\nbye\n")
        self.assert_ended(done, OK)
        self.assertEqual(done.stdout, b"Received from server: one\nReceived from server: two\n")

    def test_bye_in_any_case_ends_the_conversation_and_is_not_sent(self):
        for bye in (b"bye\n", b"BYE\n", b" bYe \r\n", b"bye"):
            received, done = self.sent(b"hello\n" + bye)
            self.assert_ended(done, OK)
            self.assertEqual(received, b"hello\n")

    def test_what_follows_bye_is_not_sent(self):
        self.assertEqual(self.sent(b"bye\nmore\n")[0], b"")

    def test_bye_within_a_line_is_sent(self):
        data = b"bye bye\ngoodbye\n"
        self.assertEqual(self.sent(data)[0], data)

    def test_end_of_a_line_that_is_too_long_for_the_buffer_is_not_bye(self):
        for length in (4096, 2 * 4096):
            data = b"x" * length + b"bye\nmore\n"
            self.assertEqual(self.sent(data)[0], data)
            self.assertEqual(self.sent(b"x" * length + b"bye")[0], b"x" * length + b"bye")

    def test_bye_after_a_long_line_is_bye_wherever_it_stands_in_the_buffer(self):
        for length in (*range(4088, 4100), 3 * 4096 - 2):
            data = b"x" * length + b"\n"
            self.assertEqual(self.sent(data + b"bye\nmore\n")[0], data)

    def test_last_line_needs_no_newline(self):
        self.assertEqual(self.sent(b"one\ntwo")[0], b"one\ntwo")

    def test_server_that_closes_ends_the_conversation(self):
        address = self.serve(lambda client: client.sendall(b"Hello, Client!"))
        reader, writer = os.pipe()
        self.addCleanup(os.close, writer)  # the input does not end
        with open(reader, "rb") as typed:
            done = subprocess.run([YODEL, "connect", *address], stdin=typed, check=False,
                                  capture_output=True, env=environment(), timeout=PATIENCE)
        self.assert_ended(done, OK)
        self.assertEqual(done.stdout, b"Received from server: Hello, Client!\n")

    def test_control_characters_of_the_server_are_made_visible(self):
        _, done = self.sent(b"", answer=b"\x1b[2Jred\x07\x00\xff\r\nnext\n")
        self.assertEqual(done.stdout, b"Received from server: \\x1b[2Jred\\x07\\x00\\xff\n"
                                      b"Received from server: next\n")

    def test_full_disk_is_told(self):
        address = self.serve(lambda client: client.sendall(b"answer"))
        self.assert_ended(in_shell(">/dev/full", "connect", *address), FAILED,
                          b"cannot write to standard output: No space left on device")

    def test_no_prompt_in_a_pipe(self):
        _, done = self.sent(b"one\ntwo\n")
        self.assertEqual(done.stdout, b"")

    def test_millions_of_lines_flow_both_ways_at_once(self):
        count = scaled(3_000_000, 100_000)
        done = yodel("connect", *self.serve_daemon(), data=b"yodel\n" * count)
        self.assert_ended(done, OK)
        # A line that arrives in two pieces is shown as two: only its bytes are promised.
        text = re.sub(rb"Received from server: |\n", b"", done.stdout)
        self.assertEqual(len(text), 5 * count)
        self.assertTrue(text == b"yodel" * count)


class Terminal(ClientTest):
    def start_on_terminal(self, address):
        ours, its = pty.openpty()
        process = subprocess.Popen([YODEL, "connect", *address], stdin=its, stdout=its,
                                   stderr=its, env=environment())
        os.close(its)
        self.addCleanup(os.close, ours)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.screen = b""
        return process, ours

    def wait_for_screen(self, terminal, text):
        deadline = time.monotonic() + PATIENCE
        while text not in self.screen:
            if not select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
                self.fail(f"not on the screen: {text}: {self.screen}")
            self.screen += os.read(terminal, 4096)

    def test_terminal_has_a_prompt_and_bye_ends(self):
        process, terminal = self.start_on_terminal(self.serve_daemon())
        self.wait_for_screen(terminal, b" -> ")
        os.write(terminal, b"hello\n")
        self.wait_for_screen(terminal, b"Received from server: hello\r\n -> ")
        os.write(terminal, b"bye\n")
        self.assertEqual(process.wait(PATIENCE), OK)

    def test_terminal_is_told_that_the_server_has_closed(self):
        process, terminal = self.start_on_terminal(self.serve_daemon("greet"))
        self.wait_for_screen(terminal, b"The server has closed the connection.")
        self.assertEqual(process.wait(PATIENCE), OK)


if __name__ == "__main__":
    main()
