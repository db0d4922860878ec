# SPDX-License-Identifier: MIT
"""Our own client: send, connect, and how both end when something is wrong."""

import contextlib
import hashlib
import os
import pty
import re
import select
import socket
import subprocess
import threading
import time

from yodel_harness import (PATIENCE, SOURCE_DIR, SystemTest, close_with_reset, environment,
                           free_port, main, receive_all, scaled)

YODEL = os.environ.get("YODEL") or os.path.join(SOURCE_DIR, "build", "dev", "yodel")
OK, FAILED, USAGE = 0, 1, 2


def yodel(*arguments, data=b"", **keywords):
    """Runs the client to its end."""
    keywords.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([YODEL, *arguments], input=data, stderr=subprocess.PIPE, check=False,
                          env=environment(), timeout=4 * PATIENCE, **keywords)


def in_shell(redirection, *arguments):
    """Runs the client with a shell's redirection."""
    return subprocess.run(["sh", "-c", f'exec "$0" "$@" {redirection}', YODEL, *arguments],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.PIPE, env=environment(), timeout=PATIENCE)


class ClientTest(SystemTest):
    def serve(self, talk):
        """A server for one client, given to talk(); returns HOST and PORT as the client takes them."""
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(PATIENCE)
        self.addCleanup(listener.close)

        def serve_one():
            client, _ = listener.accept()
            client.settimeout(PATIENCE)
            with client, contextlib.suppress(ConnectionError):
                talk(client)

        thread = threading.Thread(target=serve_one)
        thread.start()
        self.addCleanup(thread.join)
        return ["127.0.0.1", str(listener.getsockname()[1])]

    def serve_daemon(self, service="echo", **keywords):
        host, port = self.start(listen=[f"127.0.0.1:0={service}"], **keywords).address()
        return [host, str(port)]

    def assert_ended(self, done, code, message=b""):
        self.assertEqual(done.returncode, code, done.stderr)
        if message:
            self.assertIn(message, done.stderr)
        else:
            self.assertEqual(done.stderr, b"")


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


class Usage(ClientTest):
    def test_wrong_command_line_is_told_and_exits_with_2(self):
        for arguments, message in (
                ([], b"Usage"), (["sing"], b'"sing"'), (["send", "127.0.0.1"], b"Usage"),
                (["send", "127.0.0.1", "7", "text", "more"], b"Usage"),
                (["connect", "127.0.0.1", "7", "text"], b"Usage"),
                (["send", "-x", "127.0.0.1", "7"], b'"-x"'),
                (["send", "-t", "soon", "127.0.0.1", "7"], b'"soon"')):
            with self.subTest(arguments):
                self.assert_ended(yodel(*arguments), USAGE, message)

    def test_numeric_port_is_1_to_65535(self):
        for port in ("99999", "65536", "0", "-1", "+7", "", " 7", "18446744073709551623"):
            for command in ("send", "connect"):
                with self.subTest(command=command, port=port):
                    self.assert_ended(yodel(command, "127.0.0.1", "--", port), USAGE,
                                      b'expected 1 ... 65535 or the name of a service, got "'
                                      + port.encode() + b'"')

    def test_version_and_help_are_answered_with_and_without_a_command(self):
        for command in ([], ["send"], ["connect"]):
            for option, start in (("-V", b"yodel "), ("--version", b"yodel "),
                                  ("-h", b"Usage: "), ("--help", b"Usage: ")):
                with self.subTest(command=command, option=option):
                    done = yodel(*command, option)
                    self.assert_ended(done, OK)
                    self.assertTrue(done.stdout.startswith(start), done.stdout)


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
