# SPDX-License-Identifier: MIT
"""Service talk: clients, the operator at the console, and nobody at the console."""

import contextlib
import os
import pty
import resource
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from client_harness import YODEL, Output, Pty
from terminal_harness import WRAPPER, Terminal
from yodel_harness import (AS_ROOT, CONFIGURATION, PATIENCE, SLACK, SOURCE_DIR, YODELD, SystemTest,
                           close_with_reset, environment, main, receive_all, receive_end,
                           receive_exactly, run, scaled, send_until_full, set_limit, split_address,
                           wait_until)

ABSENT = b"Nobody is here to answer; please wait.\n"
PROMPT = b" -> "
MAX_LINE = 4096
CLASSIC = [sys.executable, os.path.join(SOURCE_DIR, "tests", "system", "classic_client.py")]


class Operator(Output):
    """What the operator sees, and does."""

    def __init__(self, seen, typed):
        super().__init__(seen)
        self.typed = typed

    def type(self, line):
        os.write(self.typed, line + b"\n")

    def read_now(self):
        """Adds what is there to what is unread."""
        while select.select([self.fd], [], [], 0)[0] and self.read():
            pass

    def leave(self):
        """Ends the input, where it is a pipe."""
        os.close(self.typed)
        self.typed = None

    def expect(self, text):
        """The next thing that is shown."""
        shown = self.read_until(text)
        if shown != text:
            raise AssertionError(f"expected {text!r}, got {shown!r}")

    def answer(self, message, answer):
        self.expect(message)
        self.type(answer)

    def close(self):
        for fd in {self.fd, self.typed} - {None}:
            os.close(fd)
        self.fd = self.typed = None


class PipedOperator(Operator):
    """In a pipe each prompt takes a line, and the line is not seen: so a line end follows."""

    def answer(self, message, answer):
        super().answer(message, answer)
        self.expect(b"\n")


class TalkTest(SystemTest):
    def start_talk(self, *arguments, options=(), **keywords):
        """A daemon whose addresses are known from its log."""
        daemon = self.start(*arguments, ready=False, **{
            "listen": ["127.0.0.1:0=talk"], **keywords},
                            options=["log.level=debug", *options])
        daemon.wait_for("ready")
        daemon.addresses = [split_address(event["address"]) for event in daemon.events("listen")]
        return daemon

    def with_piped_operator(self, **keywords):
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        daemon = self.start_talk("--console", stdin=theirs_in, stdout=theirs_out, **keywords)
        os.close(theirs_in)
        os.close(theirs_out)
        operator = PipedOperator(ours_out, ours_in)
        self.addCleanup(operator.close)
        return daemon, operator

    def with_operator_at_terminal(self, **keywords):
        ours, theirs = pty.openpty()
        daemon = self.start_talk("--console", stdin=theirs, stdout=theirs, **keywords)
        os.close(theirs)
        operator = Operator(ours, ours)
        self.addCleanup(operator.close)
        return daemon, operator

    def client(self, daemon, words=None):
        """A client that the daemon has let in; it may have said something already."""
        client = self.connect(daemon)
        self.accepted(daemon, client)
        if words is not None:
            client.sendall(words)
        return client

    def introduce(self, operator, client):
        """The operator at a terminal sees it; before that it may not be there to be spoken to."""
        client.sendall(b"hi\n")
        operator.read_until(b": hi\r\n -> ")
        return client

    def peer(self, client):
        return "%s:%d" % client.getsockname()

    def accepted(self, daemon, client):
        return daemon.wait_for("accept", peer=self.peer(client))

    def closed(self, daemon, client):
        """The daemon's line about the end, once the client has closed, too."""
        peer = self.peer(client)
        client.close()
        return daemon.wait_for("close", peer=peer)

    def assert_said(self, client, text):
        self.assertEqual(receive_exactly(client, len(text)), text)


class Conversation(TalkTest):
    def test_what_a_client_says_reaches_the_operator_and_the_answer_the_client(self):
        daemon, operator = self.with_piped_operator()
        client = self.client(daemon, b"hello\n")
        operator.answer(b"from connected user: hello\n -> ", b"hello yourself")
        self.assert_said(client, b"hello yourself\n")
        client.sendall(b"and again\r\n")
        operator.answer(b"from connected user: and again\n -> ", b"yes")
        self.assert_said(client, b"yes\n")
        client.shutdown(socket.SHUT_WR)
        self.assert_ends(client)
        closed = self.closed(daemon, client)
        self.assertEqual((closed["reason"], closed["in"], closed["out"]),
                         ("client_fin", "17", "19"))

    def test_a_message_without_a_line_end_is_over_when_nothing_more_comes(self):
        daemon, operator = self.with_piped_operator()
        client = self.client(daemon, b"hello")
        operator.answer(b"from connected user: hello\n -> ", b"hi")
        client.sendall(b"next\n")  # had the answer a line end, it would come before this one's
        operator.answer(b"from connected user: next\n -> ", b"there")
        self.assert_said(client, b"hithere\n")

    def test_without_a_pause_only_line_ends_part_messages(self):
        daemon, operator = self.with_piped_operator(options=["pause=0"])
        client = self.client(daemon)
        for byte in b"one\ntwo\n":
            client.sendall(bytes([byte]))
        operator.answer(b"from connected user: one\n -> ", b"1")
        operator.answer(b"from connected user: two\n -> ", b"2")
        self.assert_said(client, b"1\n2\n")

    def test_each_of_several_lines_is_a_message_also_an_empty_one(self):
        daemon, operator = self.with_piped_operator()
        client = self.client(daemon, b"one\n\ntwo\r\nthr\ree\n")
        for text in (b"one", b"", b"two", b"thr\\ree"):
            operator.answer(b"from connected user: " + text + b"\n -> ", text)
        self.assert_said(client, b"one\ntwo\nthr\\ree\n")

    def test_control_characters_are_made_visible_and_letters_of_all_kinds_shown(self):
        daemon, operator = self.with_piped_operator()
        self.client(daemon, b"\x1b[2J\x07\0\x7f\xff\xe2\x80\xae " + "grüezi 🐶".encode() + b"\n")
        operator.expect(b"from connected user: \\x1b[2J\\x07\\x00\\x7f\\xff\\xe2\\x80\\xae " +
                        "grüezi 🐶".encode() + b"\n -> ")

    def test_the_transcript_is_in_the_log(self):
        daemon, operator = self.with_piped_operator()
        client = self.client(daemon, b"a\0b \x1b\n")
        operator.answer(b"from connected user: a\\x00b \\x1b\n -> ", b"hello = hi")
        self.assert_said(client, b"hello = hi\n")
        number = self.accepted(daemon, client)["conn"]
        said = {"from": "client", "conn": number}
        self.assertEqual(daemon.wait_for("talk", **said)["text"], r"a\x00b \x1b")
        said = daemon.wait_for("talk", **{"from": "operator", "conn": number})
        self.assertEqual((said["text"], said.level), ("hello = hi", "debug"))

    def test_a_message_that_is_cut_into_single_bytes_arrives_whole(self):
        daemon, operator = self.with_piped_operator(options=["pause=1h"])
        client = self.client(daemon)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"x" * 200 + b"\r\n":
            client.sendall(bytes([byte]))
        operator.expect(b"from connected user: " + b"x" * 200 + b"\n -> ")


class Several(TalkTest):
    def test_clients_have_numbers_and_each_gets_its_own_answer(self):
        daemon, operator = self.with_piped_operator()
        clients = []
        for shown in (b"", b" 2", b" 3"):
            clients.append(self.client(daemon, b"hi\n"))
            operator.answer(b"from connected user" + shown + b": hi\n -> ", b"")
        for number in (2, 1, 3):
            clients[number - 1].sendall(b"I am %d\n" % number)
            operator.answer(b"from connected user %d: I am %d\n -> " % (number, number),
                            b"hello %d" % number)
        for number, client in enumerate(clients, 1):
            self.assert_said(client, b"hello %d\n" % number)

    def test_in_a_pipe_a_message_waits_until_the_one_before_has_its_line(self):
        daemon, operator = self.with_piped_operator()
        first = self.client(daemon, b"I was first\n")
        operator.expect(b"from connected user: I was first\n -> ")
        second = self.client(daemon, b"and I second\n")
        daemon.wait_for("talk", **{"from": "client", "conn": 2})
        operator.type(b"so you are first answered")
        operator.answer(b"\nfrom connected user 2: and I second\n -> ", b"and you second")
        self.assert_said(first, b"so you are first answered\n")
        self.assert_said(second, b"and you second\n")

    def test_at_a_terminal_messages_are_shown_as_they_come_and_the_last_one_is_answered(self):
        daemon, operator = self.with_operator_at_terminal()
        first, second = [self.introduce(operator, self.client(daemon)) for _ in range(2)]
        first.sendall(b"one\n")
        operator.expect(b"\r\nfrom connected user 1: one\r\n -> ")
        second.sendall(b"two\n")
        operator.expect(b"\r\nfrom connected user 2: two\r\n -> ")
        operator.type(b"to two")
        self.assert_said(second, b"to two\n")
        operator.type(b"@1 to one")  # there is no prompt now
        self.assert_said(first, b"to one\n")

    def test_addresses_say_whom_a_line_is_for(self):
        daemon, operator = self.with_operator_at_terminal()
        clients = [self.introduce(operator, self.client(daemon)) for _ in range(3)]
        operator.type(b"@* hello all")
        for client in clients:
            self.assert_said(client, b"hello all\n")
        clients[0].sendall(b"hello\n")
        operator.read_until(PROMPT)
        operator.type(b"@2  @* not for all")
        operator.type(b"@@* neither is this")
        operator.type(b"")
        operator.type(b"@* end")
        self.assert_said(clients[1], b" @* not for all\nend\n")
        self.assert_said(clients[0], b"@* neither is this\nend\n")
        self.assert_said(clients[2], b"end\n")

    def test_a_hundred_talkers_are_told_at_once(self):
        daemon, operator = self.with_operator_at_terminal()
        clients = [self.connect(daemon) for _ in range(100)]
        daemon.wait_for_count(100, "accept")
        for client in clients:
            client.sendall(b"hello\n")
        for _ in clients:
            operator.read_until(PROMPT)
        operator.type(b"@* hello all")
        operator.type(b"@* bye")
        for client in clients:
            self.assertEqual(receive_all(client), b"hello all\nbye\n")
        for client in clients:
            client.close()
        daemon.wait_for_count(100, "close", reason="done")


class Refusals(TalkTest):
    def assert_told(self, operator, line, message):
        operator.type(line)
        self.assertIn(message, operator.read_until(b"\n" + message + b"\r\n"))

    def test_a_line_that_reaches_nobody_is_told_why(self):
        daemon, operator = self.with_operator_at_terminal()
        self.assert_told(operator, b"hello", b"yodeld: nobody waits for an answer; "
                         b"@NUMBER TEXT is for one client, @* TEXT for all")
        self.assert_told(operator, b"@* hello", b"yodeld: no client is connected")
        self.assert_told(operator, b"@17 hello", b"yodeld: client 17 is not connected")
        for line in (b"@17", b"@x hello", b"@0 hello", b"@", b"@18446744073709551616 x"):
            self.assert_told(
                operator, line,
                b'yodeld: expected TEXT, @NUMBER TEXT, @* TEXT or @@TEXT, got "' + line + b'"')
        client = self.client(daemon, b"hello\n")
        operator.read_until(PROMPT)
        operator.type(b"still here")
        self.assert_said(client, b"still here\n")

    def test_an_answer_to_somebody_who_has_left_is_not_lost_without_a_word(self):
        daemon, operator = self.with_piped_operator()
        client = self.client(daemon, b"hello\n")
        operator.expect(b"from connected user: hello\n -> ")
        close_with_reset(client)
        daemon.wait_for("close", conn=1)
        operator.type(b"are you there?")
        operator.expect(b"\nyodeld: client 1 is not connected\nconnected user 1 has left\n")

    def test_a_terminal_is_told_who_has_left(self):
        daemon, operator = self.with_operator_at_terminal()
        first, second = [self.introduce(operator, self.client(daemon)) for _ in range(2)]
        close_with_reset(first)
        operator.expect(b"\r\nconnected user 1 has left\r\n -> ")  # two still waits
        close_with_reset(second)
        operator.expect(b"\r\nconnected user 2 has left\r\n")

    def test_a_client_that_says_too_much_at_once_is_cut_off(self):
        daemon, operator = self.with_piped_operator()
        longest = self.client(daemon, b"x" * MAX_LINE + b"\r\n")
        operator.answer(b"from connected user: " + b"x" * MAX_LINE + b"\n -> ", b"whew")
        self.assert_said(longest, b"whew\n")
        for words in (b"x" * (MAX_LINE + 1) + b"\n", b"x" * 100_000):
            client = self.client(daemon, words)
            self.assertEqual(receive_all(client), b"")
            self.assertEqual(self.closed(daemon, client)["reason"], "protocol")
        told = daemon.events("talk", conn=3)[0]
        self.assertEqual((told["message"], told["max_line"], told.level),
                         ("a line longer than max_line", str(MAX_LINE), "info"))

    def test_what_was_said_before_a_line_that_is_too_long_is_heard(self):
        daemon, operator = self.with_piped_operator(options=["max_line=16"])
        client = self.client(daemon, b"hello\n" + b"x" * 17)
        operator.answer(b"from connected user: hello\n -> ", b"hi")
        self.assertEqual(receive_all(client), b"hi\n")

    def test_an_operators_line_that_is_too_long_is_cut_with_a_word(self):
        daemon, operator = self.with_piped_operator()
        client = self.client(daemon, b"hello\n")
        operator.expect(b"from connected user: hello\n -> ")
        operator.type("é".encode() * MAX_LINE)
        operator.expect(b"\nyodeld: the line is too long; only its first 4096 bytes are used\n")
        self.assert_said(client, "é".encode() * (MAX_LINE // 2) + b"\n")
        client.sendall(b"and?\n")
        operator.answer(b"from connected user: and?\n -> ", b"x" * MAX_LINE)
        self.assert_said(client, b"x" * MAX_LINE + b"\n")


class Bye(TalkTest):
    def test_bye_of_a_client_is_seen_and_ends_its_conversation(self):
        daemon, operator = self.with_piped_operator()
        for word in (b"bye\n", b" BYE \r\n", b"Bye"):
            client = self.client(daemon, word)
            operator.expect(b"from connected user: " + word.rstrip(b"\r\n") + b"\n")
            self.assertEqual(receive_all(client), b"")
            self.assertEqual(self.closed(daemon, client)["reason"], "done")
        self.assertEqual(operator.unread, b"")  # no prompt: there is nobody to answer

    def test_bye_of_the_operator_reaches_the_client_first(self):
        daemon, operator = self.with_piped_operator()
        for word in (b"bye", b" BYE", b"@* bye"):
            client = self.client(daemon, b"hello\n")
            operator.answer(b"from connected user: hello\n -> ", word)
            self.assertEqual(receive_all(client), word.rpartition(b"*")[2].lstrip(b" ") + b"\n"
                             if word.startswith(b"@") else word + b"\n")
            self.assertEqual(self.closed(daemon, client)["reason"], "done")

    def test_bye_to_one_client_leaves_the_others(self):
        daemon, operator = self.with_operator_at_terminal()
        clients = [self.introduce(operator, self.client(daemon)) for _ in range(3)]
        operator.type(b"@2 bye")
        self.assertEqual(receive_all(clients[1]), b"bye\n")
        operator.type(b"@* still here?")
        for client in (clients[0], clients[2]):
            self.assert_said(client, b"still here?\n")

    def test_bye_within_a_message_is_a_word_like_others(self):
        daemon, operator = self.with_piped_operator()
        client = self.client(daemon, b"bye bye\n")
        operator.answer(b"from connected user: bye bye\n -> ", b"goodbye")
        client.sendall(b"hello\n")
        operator.expect(b"from connected user: hello\n -> ")


class End(TalkTest):
    """Of a client's stream, while it still reads."""

    def test_what_was_said_before_the_end_is_answered(self):
        daemon, operator = self.with_piped_operator()
        for words in (b"hello\n", b"hello"):
            client = self.client(daemon, words)
            client.shutdown(socket.SHUT_WR)
            operator.answer(b"from connected user: hello\n -> ", b"hi")
            self.assertEqual(receive_all(client), b"hi" + words[5:])
            self.assertEqual(self.closed(daemon, client)["reason"], "client_fin")
            operator.read_until(b" has left\n")

    def test_all_messages_are_heard_and_the_last_one_is_answered(self):
        daemon, operator = self.with_piped_operator()
        client = self.client(daemon, b"one\ntwo\nthree")
        client.shutdown(socket.SHUT_WR)
        operator.answer(b"from connected user: one\n -> ", b"1")
        operator.answer(b"from connected user: two\n -> ", b"")
        operator.answer(b"from connected user: three\n -> ", b"3")
        self.assertEqual(receive_all(client), b"1\n3")

    def test_a_client_that_was_answered_ends_at_once(self):
        daemon, operator = self.with_piped_operator()
        client = self.client(daemon, b"hello\n")
        operator.answer(b"from connected user: hello\n -> ", b"hi")
        self.assert_said(client, b"hi\n")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_all(client), b"")

    def test_nobody_is_waited_for_longer_than_idle(self):
        daemon, operator = self.with_piped_operator(options=["timeouts.idle=200ms"])
        client = self.client(daemon, b"hello\n")
        client.shutdown(socket.SHUT_WR)
        operator.expect(b"from connected user: hello\n -> ")
        self.assertEqual(receive_all(client), b"")
        self.assertEqual(self.closed(daemon, client)["reason"], "idle")

    def test_what_clients_say_and_leave_is_heard_over_unix_sockets_too(self):
        for kind in ("tcp", "unix"):
            with self.subTest(kind=kind):
                path = os.path.join(self.folder(), "socket")
                listen = f"unix:{path}=talk" if kind == "unix" else "127.0.0.1:0=talk"
                daemon, operator = self.with_operator_at_terminal(listen=[listen])
                for number in range(30):
                    if kind == "unix":
                        client = socket.socket(socket.AF_UNIX)
                        client.connect(path)
                    else:
                        client = self.connect(daemon)
                    client.sendall(b"word%d\nmore%d\n" % (number, number))
                    client.close()
                heard = b"".join(operator.read_until(b": more") for _ in range(30))
                for number in range(30):
                    self.assertIn(b"word%d\r\n" % number, heard)
                daemon.signal(signal.SIGTERM)
                self.assertEqual(daemon.wait_for_exit(), 0)

    def test_who_has_left_unheard_goes_after_idle_though_there_is_an_operator(self):
        daemon, operator = self.with_piped_operator(options=["timeouts.idle=300ms"])
        first = self.client(daemon, b"hello\n")
        operator.expect(b"from connected user: hello\n -> ")
        gone = self.client(daemon, b"unheard\n")
        daemon.wait_for("talk", conn=2)
        peer = self.peer(gone)
        gone.close()
        self.assertEqual(daemon.wait_for("close", peer=peer)["reason"], "idle")
        first.close()

    def test_the_stop_command_ends_its_client_at_once(self):
        daemon = self.start_talk(options=["stop_command=shutdown", "timeouts.drain=1h"])
        client = self.client(daemon, b"shutdown\n")
        self.assertEqual(receive_all(client), b"Nobody is here to answer; please wait.\n")
        client.close()
        self.assertEqual(daemon.wait_for_exit(), 0)

    def test_a_client_that_is_cut_ends_when_that_is_seen(self):
        daemon, operator = self.with_piped_operator()
        talking, silent = self.client(daemon, b"hello\n"), self.client(daemon)
        waiting = self.client(daemon)
        operator.read_until(PROMPT)
        waiting.sendall(b"unheard\n")
        daemon.wait_for("talk", conn=3)
        for client in (talking, silent, waiting):
            peer = self.peer(client)
            close_with_reset(client)
            reason = "probe" if client == silent else "client_reset"
            self.assertEqual(daemon.wait_for("close", peer=peer)["reason"], reason)

    def test_clients_of_all_kinds_get_their_answer(self):
        daemon, operator = self.with_piped_operator()
        host, port = daemon.address()
        commands = [[YODEL, "send", host, str(port), "hello"],
                    ["sh", "-c", f"echo hello | {YODEL} connect {host} {port}"]]
        if shutil.which("nc"):
            commands.append(["sh", "-c", f"echo hello | nc -N {host} {port}"])
        for command in commands:
            with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                  env=environment()) as process:
                operator.answer(b"from connected user: hello\n -> ", b"hi there")
                shown = process.stdout.read()
            self.assertEqual(shown.replace(b"Received from server: ", b"").rstrip(b"\n"),
                             b"hi there", command)
            self.assertEqual(process.returncode, 0)
            operator.read_until(b" has left\n")


class Silence(TalkTest):
    def test_a_client_whose_message_is_not_heard_yet_is_not_idle(self):
        daemon, operator = self.with_piped_operator(options=["timeouts.idle=1s"])
        heard, unheard = self.client(daemon, b"I am heard\n"), self.client(daemon)
        operator.read_until(PROMPT)
        unheard.sendall(b"I am not\n")
        daemon.wait_for("talk", **{"from": "client", "conn": 2})
        # The first one's time runs from its being heard; the second one's does not run yet.
        self.assertEqual(receive_all(heard), b"")
        self.assertEqual(self.closed(daemon, heard)["reason"], "idle")
        began = time.monotonic()
        operator.type(b"are you still there?")
        operator.read_until(b"I am not\n -> ")
        self.assertEqual(receive_all(unheard), b"")
        self.assertEqual(self.closed(daemon, unheard)["reason"], "idle")
        self.assertGreater(time.monotonic() - began, 0.9)

    def test_a_client_that_says_nothing_is_idle(self):
        daemon, _ = self.with_piped_operator(options=["timeouts.idle=100ms"])
        client = self.client(daemon)
        self.assertEqual(receive_all(client), b"")
        self.assertEqual(self.closed(daemon, client)["reason"], "idle")

    def test_the_first_byte_and_the_lifetime_have_their_times(self):
        daemon, _ = self.with_piped_operator(options=["timeouts.first_byte=100ms"])
        client = self.client(daemon)
        self.assertEqual(receive_all(client), b"")
        self.assertEqual(self.closed(daemon, client)["reason"], "first_byte")
        daemon, _ = self.with_piped_operator(options=["timeouts.lifetime=100ms"])
        client = self.client(daemon, b"x\n")
        self.assertEqual(receive_all(client), b"")
        self.assertEqual(self.closed(daemon, client)["reason"], "lifetime")


class Absence(TalkTest):
    def test_without_an_operator_clients_are_told_and_wait(self):
        daemon = self.start_talk()
        client = self.client(daemon)
        self.assert_said(client, ABSENT)
        client.sendall(b"hello\nanybody?\n")
        daemon.wait_for("talk", **{"from": "client", "text": "hello"})
        other = self.client(daemon)
        self.assert_said(other, ABSENT)
        self.assertEqual(daemon.events("close"), [])

    def test_the_text_can_be_another_or_none(self):
        daemon = self.start_talk(options=["absent_text=closed today", "timeouts.idle=100ms"])
        self.assertEqual(receive_all(self.client(daemon)), b"closed today\n")
        daemon = self.start_talk(options=["absent_text=", "timeouts.idle=100ms"])
        self.assertEqual(receive_all(self.client(daemon)), b"")

    def test_the_wait_is_idle_time_also_for_who_has_said_something(self):
        daemon = self.start_talk(options=["timeouts.idle=200ms"])
        client = self.client(daemon, b"hello\n")
        self.assertEqual(receive_all(client), ABSENT)
        self.assertEqual(self.closed(daemon, client)["reason"], "idle")

    def test_bye_needs_nobody_to_hear_it(self):
        daemon = self.start_talk()
        client = self.client(daemon, b"bye\n")
        self.assertEqual(receive_all(client), ABSENT)
        self.assertEqual(self.closed(daemon, client)["reason"], "done")

    def test_when_the_operator_leaves_clients_are_told_and_the_daemon_goes_on(self):
        daemon, operator = self.with_piped_operator()
        client = self.client(daemon, b"hello\n")
        operator.answer(b"from connected user: hello\n -> ", b"hi")
        self.assert_said(client, b"hi\n")
        operator.leave()
        daemon.wait_for("talk", message="the operator has left")
        self.assert_said(client, ABSENT)
        self.assert_said(self.client(daemon), ABSENT)

    def test_a_terminal_that_goes_is_an_operator_that_leaves(self):
        daemon, operator = self.with_operator_at_terminal()
        client = self.client(daemon)
        operator.close()
        daemon.wait_for("talk", message="the operator has left")
        self.assert_said(client, ABSENT)

    def test_the_key_that_ends_input_ends_the_operators_part(self):
        daemon, operator = self.with_operator_at_terminal()
        client = self.client(daemon, b"hello\n")
        operator.read_until(PROMPT)
        os.write(operator.typed, b"\x04")
        daemon.wait_for("talk", message="the operator has left")
        self.assert_said(client, ABSENT)

    def test_a_file_answers_line_by_line_and_leaves_at_its_end(self):
        path = os.path.join(self.folder(), "answers")
        with open(path, "wb") as file:
            file.write(b"first\n\nthird\r\nlast")
        out, theirs = os.pipe()
        with open(path, "rb") as answers:
            daemon = self.start_talk("--console", stdin=answers, stdout=theirs)
        os.close(theirs)
        operator = PipedOperator(out, None)
        self.addCleanup(operator.close)
        client = self.client(daemon, b"1\n2\n3\n4\n5\n")
        self.assert_said(client, b"first\nthird\nlast\n" + ABSENT)
        for number in b"1234":
            operator.expect(b"from connected user: %c\n -> \n" % number)
        self.assertEqual(operator.unread, b"")


class Pace(TalkTest):
    """Slow operators and slow clients hold up nobody but themselves."""

    def test_a_client_that_does_not_read_is_told_of_and_others_are_answered(self):
        daemon, operator = self.with_operator_at_terminal(
            options=["socket.send_buffer=4k", "timeouts.write=1h"])
        self.introduce(operator, self.connect(daemon, receive_buffer=4096))
        fast = self.introduce(operator, self.client(daemon))
        line = b"x" * 4000
        self.repeat_until(
            operator, b"@* " + line, lambda: self.assert_said(fast, line + b"\n"),
            b"yodeld: 1 of 2 clients do not read; nothing was sent to them\r\n")
        self.repeat_until(operator, b"@1 " + line, lambda: None,
                          b"yodeld: client 1 does not read; nothing was sent\r\n")
        operator.type(b"@2 bye")
        self.assert_said(fast, b"bye\n")

    def repeat_until(self, operator, line, check, message):
        """Types the line until the message is shown, and checks what has come of it each time."""
        for _ in range(2000):
            operator.type(line)
            check()
            operator.read_now()
            if message in operator.unread:
                operator.read_until(message)
                return
        self.fail(f"not shown: {message!r}")

    def test_an_operator_that_does_not_look_holds_up_its_clients_alone(self):
        daemon, operator = self.with_operator_at_terminal(
            listen=["127.0.0.1:0=talk", "127.0.0.1:0=echo"], options=["socket.receive_buffer=4k"])
        client = self.client(daemon)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        before = daemon.rss_kib()
        flood = b"".join(b"%07d\n" % number for number in range(1_000_000))
        # Until the terminal's buffers, one message and the socket's buffers are full: no event tells.
        sent = 0
        client.settimeout(1)
        with contextlib.suppress(TimeoutError):
            while True:
                sent += client.send(flood[sent:sent + 4096])
        self.assert_between(sent, 1, len(flood) - 1)
        self.assertLess(daemon.rss_kib() - before, scaled(2000, 20000))
        self.assert_echoes(self.connect(daemon, 1))
        other = self.client(daemon, b"hello\n")
        number = self.accepted(daemon, other)["conn"]
        daemon.wait_for("talk", **{"from": "client", "conn": number})
        # Now the operator looks, and all of it is there, in order.
        for expected in flood[:sent].splitlines()[:-1]:
            operator.read_until(b": " + expected + b"\r\n")

    def test_an_operator_is_heard_through_a_flood(self):
        daemon, operator = self.with_operator_at_terminal(options=["timeouts.linger=0"])
        clients = [self.introduce(operator, self.client(daemon)) for _ in range(30)]

        def flood(client):
            with contextlib.suppress(OSError):
                while True:
                    client.sendall(b"flood\n" * 100)
        threads = [threading.Thread(target=flood, args=[client]) for client in clients]
        for thread in threads:
            thread.start()
        operator.read_until(b": flood\r\n")
        operator.type(b"@* bye")
        while any(thread.is_alive() for thread in threads):
            if select.select([operator.fd], [], [], 0.1)[0]:
                operator.unread = b""
                operator.read()
        daemon.wait_for_count(30, "close", reason="done")

    def test_a_stuck_terminal_does_not_hold_up_the_end(self):
        daemon, _ = self.with_operator_at_terminal()
        client = self.client(daemon)
        send_until_full(client, b"hello\n" * 100_000)
        began = time.monotonic()
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait_for_exit(), 0)
        self.assertLess(time.monotonic() - began, SLACK)


class Stop(TalkTest):
    def test_a_drain_ends_conversations_of_every_state(self):
        daemon, operator = self.with_piped_operator()
        clients = {
            "silent": self.client(daemon),
            "heard": self.client(daemon, b"heard\n"),
        }
        operator.read_until(PROMPT)
        clients["unheard"] = self.client(daemon, b"unheard\nand more\n")
        clients["half"] = self.client(daemon, b"half")
        clients["ended"] = self.client(daemon, b"ended\n")
        clients["ended"].shutdown(socket.SHUT_WR)
        daemon.wait_for_count(4, "talk", **{"from": "client"})
        began = time.monotonic()
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait_for_exit(), 0)
        self.assertLess(time.monotonic() - began, SLACK)
        for name, client in clients.items():
            receive_end(client)
            self.assertEqual(self.closed(daemon, client)["reason"], "drain", name)

    def test_during_the_drain_a_conversation_goes_on(self):
        daemon, operator = self.with_piped_operator(options=["timeouts.drain=1h"])
        client = self.client(daemon)
        daemon.signal(signal.SIGTERM)
        daemon.wait_for("drain")
        client.sendall(b"one more\n")
        operator.answer(b"from connected user: one more\n -> ", b"bye")
        self.assertEqual(receive_all(client), b"bye\n")
        client.close()
        self.assertEqual(daemon.wait_for_exit(), 0)


class Descriptors(TalkTest):
    def limited(self, service, count=64):
        daemon = self.start_talk(listen=[f"127.0.0.1:0={service}"], preexec_fn=lambda:
                                 resource.setrlimit(resource.RLIMIT_NOFILE, (count, count)))
        return daemon, daemon.wait_for("start", open_files=count).number("max_connections")

    def test_talking_clients_are_counted_with_two_descriptors(self):
        _, echoing = self.limited("echo")
        daemon, talking = self.limited("talk")
        self.assert_between(talking, echoing // 2 - 1, echoing // 2)
        clients = [self.client(daemon) for _ in range(talking)]
        for client in clients:
            self.assert_said(client, ABSENT)
        self.assertEqual(receive_end(self.connect(daemon)), b"")
        daemon.wait_for("refuse", reason="limit_total")

    def test_without_a_descriptor_to_wait_with_a_client_is_closed(self):
        daemon = self.start_talk()
        first = self.client(daemon)
        self.assert_said(first, ABSENT)
        # Room for the socket, and none for what wakes its thread. A thread that begins opens files of
        # the C library's for a moment.
        wait_until(daemon.is_waiting, "all threads wait")
        used = sorted(map(int, os.listdir(f"/proc/{daemon.pid}/fd")))
        gaps = set(range(max(used))) - set(used)
        old = set_limit(daemon.pid, resource.RLIMIT_NOFILE, max(used) + 2 - len(gaps))
        if gaps:
            self.skipTest(f"descriptors {gaps} are free")
        client = self.connect(daemon)
        self.assertEqual(receive_end(client), b"")
        self.assertEqual(self.closed(daemon, client)["reason"], "resources")
        set_limit(daemon.pid, resource.RLIMIT_NOFILE, old)
        self.assert_said(self.client(daemon), ABSENT)


class CommandLine(TalkTest):
    def test_a_console_without_anybody_to_talk_to_is_an_error(self):
        for more in ([], ["-t"], ["-l", "127.0.0.1:0=echo"]):
            done = run("--console", "-c", "/dev/null", *more)
            self.assertEqual((done.returncode, done.stdout), (CONFIGURATION, ""))
            self.assertEqual(
                done.stderr, "yodeld: --console: expected a listener with service talk, got none; "
                "add one, like -l 127.0.0.1:5000=talk\n")

    def level(self, *arguments, config="/dev/null"):
        shown = run("-T", "-c", config, "-l", "127.0.0.1:0=talk", *arguments).stdout
        return next(line for line in shown.splitlines() if line.startswith("log.level"))

    def test_a_console_calms_the_log_unless_another_level_is_set_anywhere(self):
        self.assertEqual(self.level("--console"), 'log.level = "warn"  # --console')
        self.assertEqual(self.level(), 'log.level = "info"  # default')
        self.assertEqual(self.level("--console", "-v"), 'log.level = "debug"  # -v')
        self.assertEqual(self.level("-o", "log.level=info", "--console"),
                         'log.level = "info"  # -o')
        path = self.write_config('log: { level = "error"; };\n')
        self.assertEqual(self.level("--console", config=path), f'log.level = "error"  # {path}:1')

    def test_ready_lines_come_first_and_standard_output_stays(self):
        with subprocess.Popen(
                [YODELD, *AS_ROOT, "--console", "-1", "-c", "/dev/null", "-l", "127.0.0.1:0=talk"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=environment()) as process:
            address = split_address(process.stdout.readline().decode().rstrip("\n"))
            client = self.connect(address)
            client.sendall(b"hello\n")
            self.assertEqual(process.stdout.readline(), b"from connected user: hello\n")
            process.stdin.write(b"bye\n")
            process.stdin.flush()
            self.assertEqual(receive_all(client), b"bye\n")
            client.close()
            process.terminate()
            self.assertEqual(process.wait(PATIENCE), 0)
            self.assertEqual(process.stderr.read(), b"")  # the log is calm


class AtTerminals(TalkTest):
    """People at terminals, the operator's being the one that started the daemon."""

    def daemon_at(self, start):
        """Starts a daemon with a console; returns what start returns, and HOST and PORT."""
        command = [YODELD, *AS_ROOT, "--console", "-1", "-c", "/dev/null", "-l", "127.0.0.1:0=talk",
                   "-o", "timeouts.drain=300ms"]
        terminal, first_line = start(command)
        host, port = split_address(first_line)
        return terminal, [host, str(port)]

    def start_in_tmux(self, command):
        terminal = Terminal(self, [], command=["sh", "-c", WRAPPER.format(shlex.join(command))])
        return terminal, wait_until(lambda: terminal.screen()[0], "an address on the screen")

    def test_three_people_talk_with_the_operator(self):
        operator, address = self.daemon_at(self.start_in_tmux)
        first_line = operator.screen()[0]
        people = []
        for number in (1, 2, 3):
            person = Terminal(self, ["connect", *address])
            person.wait_for_prompt()
            people.append(person)
        people[1].enter("is anybody there?")
        operator.wait_for(first_line, "from connected user 2: is anybody there?", " ->")
        people[0].enter("I am here, too")
        operator.wait_for("from connected user 2: is anybody there?", " ->",
                          "from connected user 1: I am here, too", " ->")
        operator.enter("hello, first one")
        people[0].wait_for(" -> I am here, too", "Received from server: hello, first one", " ->")
        operator.enter("@2 yes, I am")
        people[1].wait_for(" -> is anybody there?", "Received from server: yes, I am", " ->")
        operator.enter("@* lunch time")
        for person in people:
            person.wait_for("Received from server: lunch time", " ->")
        people[2].enter("bye")  # which yodel connect keeps to itself
        people[2].assert_ended(0)
        operator.enter("@1 bye")
        wait_until(lambda: "Received from server: bye" in people[0].screen(), "bye")
        people[0].assert_ended(0)
        people[1].enter("just us")
        operator.wait_for("@1 bye", "from connected user: just us", " ->")
        operator.press("C-c")
        people[1].assert_ended(0)
        operator.assert_ended(0)

    def test_the_classic_client_talks_with_the_operator(self):
        with contextlib.ExitStack() as stack:
            def start(command):
                terminal = stack.enter_context(Pty(command, env=environment()))
                return terminal, terminal.read_until(b"\r\n").decode().strip()
            operator, address = self.daemon_at(start)
            client = stack.enter_context(Pty([*CLASSIC, *address], env=environment()))
            for message, answer in ((b"hello", b"who is there?"), (b"it is me", b"oh, hello"),
                                    (b"x" * 500, b"y" * 500)):
                client.read_until(PROMPT)
                client.write(message + b"\n")
                operator.read_until(b"from connected user: " + message + b"\r\n -> ")
                operator.write(answer + b"\n")
                client.read_until(b"Received from server: " + answer + b"\r\n")
            client.read_until(PROMPT)
            client.write(b"Bye\n")
            client.read_all()
            self.assertEqual(client.process.wait(PATIENCE), 0)
            operator.read_until(b"connected user 1 has left\r\n")
            operator.write(b"\x03")
            self.assertEqual(operator.process.wait(PATIENCE), 0)

    def test_the_classic_client_hears_that_nobody_is_there(self):
        daemon = self.start_talk()
        host, port = daemon.address()
        with Pty([*CLASSIC, host, str(port)], env=environment()) as client:
            client.read_until(PROMPT)
            client.write(b"hello\n")
            client.read_until(b"Received from server: Nobody is here to answer; please wait.\r\n")
            client.read_until(PROMPT)
            client.write(b"bye\n")
            client.read_all()
            self.assertEqual(client.process.wait(PATIENCE), 0)


if __name__ == "__main__":
    main()
