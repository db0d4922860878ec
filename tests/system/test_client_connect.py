# SPDX-License-Identifier: MIT
"""yodel connect: a conversation, in a pipe and on a terminal."""

import json
import os
import signal
import subprocess
import threading
import time

from client_harness import FAILED, OK, YODEL, ClientTest, in_shell, yodel
from other_ends import (PROGRAMS, Refusing, abstract_name, copy, echo, greeting, serve,
                        silent, slow, use)
from terminal_harness import Terminal
from yodel_harness import (PATIENCE, close_with_reset, environment, main, receive_all, scaled,
                           wait_until)

LINE_BYTES = 16 * 1024  # what connect keeps of a line, either way


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
        for length in (LINE_BYTES, 2 * LINE_BYTES):
            data = b"x" * length + b"bye\nmore\n"
            self.assertEqual(self.sent(data)[0], data)
            self.assertEqual(self.sent(b"x" * length + b"bye")[0], b"x" * length + b"bye")

    def test_bye_after_a_long_line_is_bye_wherever_it_stands_in_the_buffer(self):
        for length in (*range(LINE_BYTES - 8, LINE_BYTES + 4), 3 * LINE_BYTES - 2):
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

    def started(self, *arguments):
        """The client with an input that does not end, and its output as a stream."""
        process = subprocess.Popen([YODEL, "connect", *arguments], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   env=environment())
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, PATIENCE)
        self.addCleanup(process.stdin.close)
        return process

    def test_text_of_all_languages_is_shown_as_it_is(self):
        text = "Jödler 🏔️ 日本語 «naïve» \"quoted\"".encode()
        _, done = self.sent(b"", answer=text + b"\n")
        self.assertEqual(done.stdout, b"Received from server: " + text + b"\n")

    def test_what_would_deceive_the_reader_is_made_visible(self):
        _, done = self.sent(b"", answer="a\u202eb\u200bc\u0085d\\e".encode() + b"\n")
        self.assertEqual(done.stdout, rb"Received from server: a\xe2\x80\xaeb\xe2\x80\x8bc"
                                      rb"\xc2\x85d\\e" + b"\n")

    def test_line_that_comes_in_pieces_is_one_line(self):
        line = "Grüße vom Berg 🏔".encode()
        gaps = []

        def talk(client):
            before = time.monotonic()
            for byte in line + b"\r\nnext\r\n":
                client.sendall(bytes([byte]))
                gaps.append(time.monotonic() - before)
                before = time.monotonic()

        def is_tried():
            gaps.clear()
            done = yodel("connect", *serve(self, talk).arguments)
            self.assert_ended(done, OK)
            return done.stdout == (b"Received from server: " + line +
                                   b"\nReceived from server: next\n")
        # A machine that holds the server up for a quiet moment makes two lines of it, rightly.
        self.assertTrue(is_tried() or max(gaps) > 0.05 or is_tried())

    def test_answer_without_a_newline_is_shown_while_the_server_waits(self):
        process = self.started(*serve(self, lambda client: (
            client.sendall(b"Hello, Client!"), copy(client))).arguments)
        self.assertEqual(process.stdout.readline(), b"Received from server: Hello, Client!\n")
        process.stdin.write(b"thanks\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), b"Received from server: thanks\n")

    def test_newline_that_comes_late_shows_no_empty_line(self):
        is_shown = threading.Event()

        def talk(client):
            client.sendall(b"late")
            is_shown.wait(PATIENCE)
            client.sendall(b"\r\n\nend\n")
            copy(client)
        process = self.started(*serve(self, talk).arguments)
        self.assertEqual(process.stdout.readline(), b"Received from server: late\n")
        is_shown.set()
        self.assertEqual(process.stdout.readline(), b"Received from server: \n")
        self.assertEqual(process.stdout.readline(), b"Received from server: end\n")

    def test_line_too_long_to_keep_is_shown_in_pieces_of_whole_characters(self):
        line = "ä".encode() * LINE_BYTES
        _, done = self.sent(b"", answer=b"x" + line + b"\nend\n")
        shown = done.stdout.decode().replace("Received from server: ", "").splitlines()
        self.assertEqual("".join(shown[:-1]).encode(), b"x" + line)
        self.assertEqual(shown[-1], "end")
        _, done = self.sent(b"", answer=b"x" * LINE_BYTES + b"\n")
        self.assertEqual(done.stdout, b"Received from server: " + b"x" * LINE_BYTES + b"\n")

    def test_json_is_an_object_for_each_line(self):
        done = yodel("connect", "--json", *self.serve(lambda client: client.sendall(
            "ä \"b\"\r\n\n".encode() + b"c\0d\n\xff")))
        self.assert_ended(done, OK)
        objects = [json.loads(line) for line in done.stdout.splitlines()]
        for result in objects:
            self.assertEqual(list(result)[:3], ["command", "target", "is_part"])
            self.assertEqual(result.pop("command"), "connect")
            self.assertTrue(result.pop("target").startswith("127.0.0.1 port "))
            self.assertFalse(result.pop("is_part"))
        self.assertEqual(objects, [{"received": 'ä "b"'}, {"received": ""},
                                   {"received_base64": "YwBk"}, {"received_base64": "/w=="}])

    def test_json_tells_pieces_from_lines(self):
        may_go_on = [threading.Event() for _ in range(2)]

        def talk(client):
            for piece, event in ((b"one\nhel", may_go_on[0]), (b"lo", may_go_on[1])):
                client.sendall(piece)
                event.wait(PATIENCE)
            client.sendall(b"\nx" + b"y" * LINE_BYTES + b"\nend")
        process = self.started("--json", *self.serve(talk))

        def next_piece():
            result = json.loads(process.stdout.readline())
            return result["received"], result["is_part"]
        self.assertEqual(next_piece(), ("one", False))
        self.assertEqual(next_piece(), ("hel", True))
        may_go_on[0].set()
        self.assertEqual(next_piece(), ("lo", True))
        may_go_on[1].set()
        self.assertEqual(next_piece(), ("", False))
        long = [next_piece()]  # two, or more where it comes slowly
        while long[-1][1]:
            long.append(next_piece())
        self.assertGreater(len(long), 1)
        self.assertEqual("".join(text for text, _ in long), "x" + "y" * LINE_BYTES)
        self.assertEqual(next_piece(), ("end", False))

    def test_unix_sockets_are_as_good(self):
        path = os.path.join(self.folder(), "socket")
        for path, arguments in ((path, ["--unix", path]), (path, ["unix:" + path]),
                                (name := abstract_name(), ["unix:" + name])):
            with self.subTest(arguments), serve(self, echo, path=path):
                done = yodel("connect", *arguments, data=b"one\nbye\n")
                self.assert_ended(done, OK)
                self.assertEqual(done.stdout, b"Received from server: one\n")

    def test_servers_that_nobody_here_has_written_are_talked_with(self):
        for name, start in PROGRAMS.items():
            with self.subTest(name):
                process = self.started(*use(self, start()).arguments)
                for line in (b"one\n", b"two\n"):
                    process.stdin.write(line)
                    process.stdin.flush()
                    self.assertEqual(process.stdout.readline(), b"Received from server: " + line)
                process.stdin.write(b"bye\n")
                process.stdin.flush()
                self.assertEqual(process.wait(PATIENCE), OK)

    def test_wait_for_the_rest_is_bounded_by_the_timeout(self):
        done = yodel("connect", "-t", "200ms", *serve(self, silent).arguments, data=b"bye\n")
        self.assert_ended(done, FAILED, b"TIMEOUT: ")

    def test_reset_is_told(self):
        def reset(client):
            client.recv(1)
            close_with_reset(client)
        done = yodel("connect", *serve(self, reset).arguments, data=b"one\n")
        self.assert_ended(done, FAILED, b"RESET: the connection to 127.0.0.1")

    def test_refused_connection_is_told(self):
        done = yodel("connect", *use(self, Refusing()).arguments)
        self.assert_ended(done, FAILED, b"REFUSED: cannot connect to 127.0.0.1")

    def test_reader_that_has_gone_ends_it(self):
        for answer in (b"line\n", b"no newline"):
            process = self.started(*serve(self, lambda client, answer=answer: (
                client.recv(1), client.sendall(answer), copy(client))).arguments)
            process.stdout.close()
            process.stdin.write(b"x\n")
            process.stdin.flush()
            self.assertEqual(process.wait(PATIENCE), FAILED)

    def test_closed_standard_input_is_an_empty_one(self):
        done = in_shell("<&-", "connect", *serve(self, greeting(b"Hello")).arguments)
        self.assert_ended(done, OK)
        self.assertEqual(done.stdout, b"Received from server: Hello\n")

    def test_verbose_says_how_much_it_was(self):
        done = yodel("connect", "-v", *serve(self, echo).arguments, data=b"one\n")
        self.assert_ended(done, OK, b"sent 4 bytes, received 4 bytes\n")
        self.assertIn(b"connected to 127.0.0.1", done.stderr)

    def test_millions_of_lines_flow_both_ways_at_once(self):
        count = scaled(3_000_000, 100_000)
        done = yodel("connect", *self.serve_daemon(), data=b"yodel\n" * count)
        self.assert_ended(done, OK)
        self.assertTrue(done.stdout == b"Received from server: yodel\n" * count)


class TerminalTest(ClientTest):
    def start_talk(self, talk=echo, *options, **keywords):
        """On a terminal, with a server of this kind; the prompt is there."""
        terminal = Terminal(self, ["connect", *options, *serve(self, talk).arguments], **keywords)
        terminal.wait_for_prompt()
        return terminal


class OnTerminal(TerminalTest):
    """What a person sees who types."""

    def test_prompt_comes_after_each_answer_and_bye_ends(self):
        terminal = self.start_talk()
        terminal.enter("hello")
        terminal.wait_for(" -> hello", "Received from server: hello", " ->")
        terminal.enter("mountain")
        terminal.wait_for(" -> hello", "Received from server: hello",
                          " -> mountain", "Received from server: mountain", " ->")
        terminal.enter(" Bye ")
        terminal.assert_ended(OK)
        self.assertEqual(terminal.screen()[-2:], [" ->  Bye", "ended 0"])

    def test_tutorial_server_that_sends_no_newlines_is_answered(self):
        def talk(client):
            client.sendall(b"Hello, Client!")
            while (line := client.recv(4096)) and line != b"3\n":
                client.sendall(b"You said " + line.strip())
        terminal = self.start_talk(talk)
        terminal.wait_for("Received from server: Hello, Client!", " ->")
        terminal.enter("1")
        terminal.wait_for(" -> 1", "Received from server: You said 1", " ->")
        terminal.enter("2")
        terminal.wait_for(" -> 2", "Received from server: You said 2", " ->")
        terminal.enter("3")
        terminal.wait_for(" -> 3", "The server has closed the connection.", "ended 0")

    def test_line_can_be_edited(self):
        terminal = self.start_talk()
        terminal.type("ountai n")
        terminal.press("Left", "BSpace", "C-a")
        terminal.type("m")
        terminal.press("C-e")
        terminal.type("!")
        terminal.wait_for(" -> mountain!")
        terminal.press("Home", "Right", "DC", "C-k", "End")
        terminal.type("e")
        terminal.wait_for(" -> me")
        terminal.press("Enter")
        terminal.wait_for(" -> me", "Received from server: me", " ->")

    def test_history_is_at_the_arrows_and_can_be_searched(self):
        terminal = self.start_talk()
        for line in ("first", "second", "third"):
            terminal.enter(line)
            terminal.wait_for(f" -> {line}", f"Received from server: {line}", " ->")
        terminal.press("Up", "Up", "Up")
        terminal.wait_for(" -> first")
        terminal.press("Down")
        terminal.wait_for(" -> second")
        terminal.press("Enter")
        terminal.wait_for(" -> second", "Received from server: second", " ->")
        terminal.type("fi")
        terminal.press("C-r")
        terminal.wait_for(" -> first")

    def test_text_that_arrives_does_not_tear_the_line_that_is_typed(self):
        is_typed, is_moved = threading.Event(), threading.Event()

        def talk(client):
            is_typed.wait(PATIENCE)
            client.sendall(b"an echo from\nthe other side\n")
            is_moved.wait(PATIENCE)
            client.sendall(b"no newline")
            copy(client)
        terminal = self.start_talk(talk)
        terminal.type("half a line")
        terminal.press("Left", "Left", "Left", "Left")
        terminal.wait_for(" -> half a line")
        terminal.wait_for_cursor(11, 0)
        is_typed.set()
        terminal.wait_for("Received from server: an echo from",
                          "Received from server: the other side", " -> half a line")
        self.assertEqual(len(terminal.screen()), 3)
        terminal.wait_for_cursor(11, 2)
        terminal.type("short ")
        terminal.wait_for(" -> half a short line")
        is_moved.set()
        terminal.wait_for("Received from server: an echo from",
                          "Received from server: the other side",
                          "Received from server: no newline", " -> half a short line")
        terminal.press("Enter")
        terminal.wait_for(" -> half a short line", "Received from server: half a short line", " ->")

    def test_line_longer_than_the_terminal_wraps_and_is_not_torn(self):
        is_typed = threading.Event()

        def talk(client):
            is_typed.wait(PATIENCE)
            client.sendall(b"yodel\n")
            copy(client)
        terminal = self.start_talk(talk, columns=30, rows=12)
        line = "".join(map(str, range(40)))  # 70 characters: three rows with the prompt
        rows = [" -> " + line[:26], line[26:56], line[56:]]
        terminal.type(line)
        terminal.wait_for(*rows)
        terminal.press("C-a", *["Right"] * 30)
        terminal.wait_for_cursor(4, 1)
        is_typed.set()
        terminal.wait_for("Received from server: yodel", *rows)
        self.assertEqual(len(terminal.screen()), 4)
        terminal.wait_for_cursor(4, 2)
        terminal.press("C-k", "Enter")
        terminal.wait_for(" -> " + line[:26], line[26:30],
                          "Received from server: " + line[:8], line[8:30], " ->")

    def test_line_of_exactly_the_width_is_not_torn(self):
        is_typed = threading.Event()

        def talk(client):
            is_typed.wait(PATIENCE)
            client.sendall(b"yodel\n")
            copy(client)
        terminal = self.start_talk(talk, columns=30)
        terminal.type("x" * 26)
        terminal.wait_for(" -> " + "x" * 26)
        is_typed.set()
        terminal.wait_for("Received from server: yodel", " -> " + "x" * 26)
        terminal.type("y")
        terminal.wait_for("Received from server: yodel", " -> " + "x" * 26, "y")

    def test_utf8_is_typed_edited_and_shown(self):
        terminal = self.start_talk()
        terminal.type("Jödler 🏔€")
        terminal.press("BSpace", "BSpace")
        terminal.type("🎿")
        terminal.wait_for(" -> Jödler 🎿")
        terminal.press("C-a", "Right", "DC")
        terminal.type("o")
        terminal.press("Enter")
        terminal.wait_for(" -> Jodler 🎿", "Received from server: Jodler 🎿", " ->")

    def test_pasted_lines_are_all_sent(self):
        terminal = self.start_talk()
        terminal.paste("one\ntwo\nthree\nfour")
        wait_until(lambda: [row for row in terminal.screen() if "Received" in row] == [
            "Received from server: " + word for word in ("one", "two", "three")], "three answers")
        terminal.wait_for(" -> four")
        typed = [row.rstrip() for row in terminal.screen() if row.startswith(" -> ")]
        self.assertEqual(typed, [" -> one", " -> two", " -> three", " -> four"])

    def test_hostile_bytes_change_nothing_on_the_terminal(self):
        hostile = (b"\x1b[2J\x1b[10;10Hgotcha\x07\x1b]0;title\x07\r\x9b5m\xc2\x9b5m\x0e"
                   b"\xe2\x80\xaetxt.exe\x1bc\x00\x7f\x08\n")
        terminal = self.start_talk(lambda client: (client.recv(1), client.sendall(hostile),
                                                   copy(client)), columns=160)
        title = terminal.ask("#{pane_title}")
        terminal.enter("x")
        terminal.wait_for(
            " -> x", r"Received from server: \x1b[2J\x1b[10;10Hgotcha\x07\x1b]0;title\x07\r"
            r"\x9b5m\xc2\x9b5m\x0e\xe2\x80\xaetxt.exe\x1bc\x00\x7f\x08",
            "Received from server:", " ->")
        self.assertEqual(terminal.ask("#{pane_title}"), title)
        terminal.enter("still here")
        terminal.wait_for(" -> still here", "Received from server: still here", " ->")

    def test_half_a_key_holds_nothing_up(self):
        is_pressed = threading.Event()

        def talk(client):
            is_pressed.wait(PATIENCE)
            client.sendall(b"yodel\n")
            copy(client)
        terminal = self.start_talk(talk)
        terminal.type("a")
        terminal.press("Escape")
        is_pressed.set()
        terminal.wait_for("Received from server: yodel", " -> a")
        terminal.press("C-v")
        terminal.enter("b")
        terminal.wait_for(" -> ab", "Received from server: ab", " ->")

    def test_resized_terminal_wraps_where_its_edge_is_now(self):
        terminal = self.start_talk(columns=60)
        terminal.type("x" * 30)
        terminal.wait_for(" -> " + "x" * 30)
        terminal.resize(50)
        terminal.type("y" * 20)
        terminal.wait_for(" -> " + "x" * 30 + "y" * 16, "yyyy")

    def test_stopped_program_shows_its_line_again(self):
        server = serve(self, echo)
        terminal = Terminal(self, ["connect", *server.arguments],
                            command=["env", "PS1=$ ", "bash", "--norc", "--noprofile", "-i"])
        wait_until(lambda: terminal.screen()[-1].endswith("$"), "a shell")
        terminal.enter(terminal.command)
        terminal.wait_for_prompt()
        terminal.type("half")
        terminal.press("Left")
        terminal.wait_for(" -> half")
        terminal.press("C-z")
        wait_until(lambda: "Stopped" in "".join(terminal.screen()) and
                   terminal.screen()[-1].endswith("$"), "a stop")
        terminal.enter("fg")
        terminal.wait_for(" -> half")
        terminal.type("-way-")
        terminal.press("Enter")
        terminal.wait_for(" -> hal-way-f", "Received from server: hal-way-f", " ->")
        terminal.press("C-d")
        wait_until(lambda: terminal.screen()[-1].endswith("$"), "the shell again")

    def test_flood_can_be_ended(self):
        def talk(client):
            while True:
                client.sendall(b"yodel " * 10 + b"\n")
        terminal = Terminal(self, ["connect", *serve(self, talk).arguments])
        wait_until(lambda: terminal.screen()[0].startswith("Received"), "a flood")
        terminal.press("C-c")
        terminal.assert_ended(OK)


class EndOnTerminal(TerminalTest):
    """However it ends, the terminal is as it was; assert_ended looks."""

    def test_modes_are_those_of_an_editor_meanwhile(self):
        self.assertTrue(self.start_talk().is_edited())

    def test_ctrl_d_at_the_beginning_of_a_line_ends(self):
        terminal = self.start_talk()
        terminal.type("ab")
        terminal.press("C-a", "C-d", "C-d")
        terminal.wait_for(" ->")
        terminal.press("C-d")
        terminal.assert_ended(OK)

    def test_ctrl_c_ends_at_once(self):
        terminal = self.start_talk(silent)
        terminal.type("half a line")
        terminal.press("C-c")
        terminal.assert_ended(OK)

    def test_ctrl_c_ends_the_wait_after_bye(self):
        terminal = self.start_talk(silent, "-t", "0")
        terminal.enter("bye")
        wait_until(lambda: not terminal.is_edited(), "the end of the input")
        terminal.press("C-c")
        terminal.assert_ended(OK)

    def test_terminate_signal_ends(self):
        terminal = self.start_talk(silent)
        terminal.type("half a line")
        terminal.wait_for(" -> half a line")
        os.kill(terminal.child(), signal.SIGTERM)
        terminal.assert_ended(OK)

    def test_quit_key_kills_but_leaves_the_terminal_in_order(self):
        terminal = self.start_talk(silent)
        terminal.press("C-\\")
        terminal.assert_ended(128 + signal.SIGQUIT)

    def test_server_that_closes_is_told_where_somebody_types(self):
        is_typed = threading.Event()
        terminal = self.start_talk(lambda client: is_typed.wait(PATIENCE))
        terminal.type("half a line")
        terminal.wait_for(" -> half a line")
        is_typed.set()
        terminal.assert_ended(OK)
        self.assertEqual(terminal.screen(), ["The server has closed the connection.", "ended 0"])

    def test_reset_is_told_where_somebody_types(self):
        is_typed = threading.Event()

        def talk(client):
            is_typed.wait(PATIENCE)
            close_with_reset(client)
        terminal = self.start_talk(talk, columns=160)
        terminal.type("half a line")
        terminal.wait_for(" -> half a line")
        is_typed.set()
        terminal.assert_ended(FAILED)
        self.assertTrue(terminal.screen()[0].startswith("RESET: the connection to 127.0.0.1"))

    def test_server_that_does_not_end_is_waited_for_as_long_as_the_timeout(self):
        terminal = self.start_talk(silent, "-t", "300ms", columns=160)
        terminal.enter("bye")
        terminal.assert_ended(FAILED)
        self.assertTrue(terminal.screen()[1].startswith("TIMEOUT: "))

    def test_silence_is_no_error_while_somebody_may_type(self):
        terminal = self.start_talk(slow(0.5), "-t", "50ms")
        terminal.enter("slowly")
        terminal.wait_for(" -> slowly", "Received from server: slowly", " ->")
        terminal.press("C-c")
        terminal.assert_ended(OK)

    def test_dumb_terminal_has_a_prompt_and_its_own_modes(self):
        terminal = Terminal(self, ["connect", *serve(self, echo).arguments], term="dumb")
        terminal.wait_for(" ->")
        self.assertFalse(terminal.is_edited())
        terminal.enter("hello")
        terminal.wait_for(" -> hello", "Received from server: hello", " ->")
        terminal.enter("bye")
        terminal.assert_ended(OK)

    def test_dumb_terminal_is_told_on_a_line_of_its_own_that_the_server_has_closed(self):
        is_shown = threading.Event()
        terminal = Terminal(self, ["connect", *serve(
            self, lambda client: is_shown.wait(PATIENCE)).arguments], term="dumb")
        terminal.wait_for(" ->")
        is_shown.set()
        terminal.assert_ended(OK)
        self.assertEqual([row.rstrip() for row in terminal.screen()],
                         [" ->", "The server has closed the connection.", "ended 0"])

    def test_json_needs_no_prompt(self):
        terminal = Terminal(self, ["connect", "--json", *(address := serve(self, echo).arguments)],
                            columns=150)
        terminal.enter("hello")
        terminal.wait_for("hello", '{"command":"connect","target":"%s port %s","is_part":false,'
                          '"received":"hello"}' % tuple(address))
        terminal.press("C-d")
        terminal.assert_ended(OK)


if __name__ == "__main__":
    main()
