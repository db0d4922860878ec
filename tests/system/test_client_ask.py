# SPDX-License-Identifier: MIT
"""yodel ask: against the daemon, against a server in Python, and against servers that get it wrong."""

import json
import os

import framed
from client_harness import FAILED, OK, USAGE, YODEL, ClientTest, Pty, in_shell, yodel
from framed import ENTRIES, answering, encode, frame, header_of, receive_message
from other_ends import Refusing, abstract_name, drop, serve, use
from yodel_harness import close_with_reset, environment, main

RESULT_MAX_BYTES = 16 << 20


def saying(message):
    """A server that reads one request and says this, whatever it was."""
    def talk(client):
        receive_message(client)
        client.sendall(message)
    return talk


class AskTest(ClientTest):
    def ask(self, arguments, *words):
        """What is printed, for an exit with 0 and nothing on standard error."""
        done = yodel("ask", *arguments, *words)
        self.assert_ended(done, OK)
        return done.stdout


class Daemon(AskTest):
    def setUp(self):
        self.address = self.serve_daemon("message")

    def test_result_is_printed(self):
        for key, text in ENTRIES.items():
            self.assertEqual(self.ask(self.address, "search", key), text.encode() + b"\n")

    def test_what_the_server_calls_an_error_is_a_result(self):
        self.assertEqual(self.ask(self.address, "search", "nobody"), b"No match for 'nobody'.\n")
        self.assertEqual(self.ask(self.address, "find", "ring"),
                         b"Error: invalid action 'find'.\n")

    def test_binary_sends_the_bytes_of_both_words(self):
        front = b"First 10 bytes of request: "
        self.assertEqual(self.ask(self.address, "--binary", "binary", "😃"),
                         front + "binary😃".encode())
        self.assertEqual(self.ask(self.address, "-b", "", b"\xff\x01"), front + b"\xff\x01")
        self.assertEqual(self.ask(self.address, "-b", "", ""), front)

    def test_raw_prints_header_and_content_as_they_came(self):
        said = b'{"result": "No match for \'x\'."}'
        self.assertEqual(self.ask(self.address, "--raw", "search", "x"),
                         encode(header_of(said)) + b"\n" + said)
        said = b"First 10 bytes of request: xyz"
        self.assertEqual(self.ask(self.address, "-rb", "xy", "z"),
                         encode(header_of(said, framed.SERVER_BINARY, "binary")) + b"\n" + said)

    def test_json_has_the_header_and_the_result(self):
        host, port = self.address
        self.assertEqual(json.loads(self.ask(self.address, "--json", "search", "ring")),
                         {"command": "ask", "target": f"{host} port {port}",
                          "header": header_of(encode({"result": ENTRIES["ring"]})),
                          "result": ENTRIES["ring"]})
        answer = json.loads(self.ask(self.address, "--json", "--binary", "a", "b"))
        self.assertEqual(answer["content"], "First 10 bytes of request: ab")
        answer = json.loads(self.ask(self.address, "--json", "--binary", "a", b"\xff"))
        self.assertNotIn("content", answer)
        self.assertTrue(answer["content_base64"].endswith("ogYf8="), answer)

    def test_verbose_tells_bytes_and_time(self):
        done = yodel("ask", "-v", *self.address, "search", "ring")
        self.assertEqual(done.returncode, OK)
        self.assertRegex(done.stderr, rb"\nsent 142 bytes, received 165 bytes in [\d.]+ ms\n$")

    def test_value_may_be_large(self):
        value = "🐶" * 30000
        self.assertEqual(self.ask(self.address, "search", value),
                         f"No match for '{value}'.\n".encode())

    def test_refusal_is_a_result(self):
        address = self.serve_daemon("message", options=["max_content=64"])
        self.assertEqual(self.ask(address, "search", "x" * 100),
                         b"Error: header: content-length: expected an integer from 0 to 64, "
                         b"got 133.\n")


class Server(AskTest):
    """The other direction: a server that is not ours."""

    def test_question_is_the_tutorials(self):
        received = []
        server = serve(self, lambda client: (received.append(receive_message(client)),
                                             client.sendall(framed.text({"result": "yes"}))))
        self.assertEqual(self.ask(server.arguments, "search", "🐶"), b"yes\n")
        self.ask(server.arguments, "-b", "binary", "😃")
        header, content = received[0]
        self.assertEqual(header, header_of(content))
        self.assertEqual(json.loads(content), {"action": "search", "value": "🐶"})
        header, content = received[1]
        self.assertEqual(header, header_of(content, framed.CLIENT_BINARY, "binary"))
        self.assertEqual(content, "binary😃".encode())

    def test_answers_are_those_of_the_daemon(self):
        for ascii_only in (False, True):
            server = serve(self, answering(ascii_only))
            for key, text in [*ENTRIES.items(), ("nobody", "No match for 'nobody'.")]:
                self.assertEqual(self.ask(server.arguments, "search", key), text.encode() + b"\n")
            self.assertEqual(self.ask(server.arguments, "find", "x"),
                             b"Error: invalid action 'find'.\n")
            self.assertEqual(self.ask(server.arguments, "-b", "binary", "😃"),
                             "First 10 bytes of request: binary😃".encode())

    def test_unix_sockets_are_asked_too(self):
        path = os.path.join(self.folder(), "socket")
        for name in (path, abstract_name()):
            server = serve(self, answering(), path=name)
            self.assertEqual(self.ask(server.arguments, "search", "ring"),
                             ENTRIES["ring"].encode() + b"\n")
            self.assertEqual(self.ask(["-U", name], "search", "ring"),
                             ENTRIES["ring"].encode() + b"\n")

    def test_answer_may_come_byte_by_byte(self):
        def talk(client):
            for byte in framed.answer_to(*receive_message(client)):
                client.sendall(bytes([byte]))
        self.assertEqual(self.ask(serve(self, talk).arguments, "search", "ring"),
                         ENTRIES["ring"].encode() + b"\n")

    def test_server_need_not_close(self):
        def talk(client):
            client.sendall(framed.answer_to(*receive_message(client)))
            client.pause()
        self.assertEqual(self.ask(serve(self, talk).arguments, "search", "ring"),
                         ENTRIES["ring"].encode() + b"\n")

    def test_stream_stays_open_up_to_the_answer(self):
        """A server that takes the end of the stream for the end of everything."""
        def talk(client):
            request = receive_message(client)
            client.setblocking(False)
            try:
                self.assertNotEqual(client.recv(1), b"")
            except BlockingIOError:
                pass
            client.setblocking(True)
            client.sendall(framed.answer_to(*request))
        self.assertEqual(self.ask(serve(self, talk).arguments, "search", "ring"),
                         ENTRIES["ring"].encode() + b"\n")

    def test_longest_answer_is_printed_whole(self):
        content = b'{"result": "' + b"x" * (RESULT_MAX_BYTES - 14) + b'"}'
        self.assertEqual(len(content), RESULT_MAX_BYTES)
        server = serve(self, saying(frame(encode(header_of(content)), content)))
        self.assertEqual(len(self.ask(server.arguments, "search", "x")), RESULT_MAX_BYTES - 13)

    def test_answer_need_not_wait_for_the_whole_question(self):
        def talk(client):
            client.recv(2)
            client.sendall(framed.text({"result": "no"}))
            client.pause()
        server = serve(self, talk)
        self.assertEqual(self.ask(server.arguments, "search", "x" * 100000), b"no\n")
        self.assertEqual(server.received, 2)


class WrongServers(AskTest):
    def assert_fails(self, message, talk, *options):
        server = serve(self, talk)
        done = yodel("ask", *options, *server.arguments, "search", "ring")
        self.assert_ended(done, FAILED, message)
        self.assertEqual(done.stdout, b"")
        self.assertEqual(done.stderr.count(b"\n"), 1)
        return done

    def test_no_message_is_told(self):
        for message, problem in (
                (b"\0\0", b"header: expected a length from 1 to 65535 bytes, got 0"),
                (b"HTTP/1.0 400 Bad Request\r\n\r\n" * 1000, b"header: no JSON: "),
                (frame(b"{}"), b"header: byteorder: expected a string, got nothing"),
                (frame(encode({**header_of(b""), "content-length": RESULT_MAX_BYTES + 1})),
                 b"header: content-length: expected an integer from 0 to 16777216, got 16777217"),
                (frame(b'{"a":' + b"[" * 60000), b"header: expected JSON nested at most 32 deep"),
                (frame(b"\xff"), b"header: expected UTF-8, got byte 0xff at offset 0")):
            done = self.assert_fails(problem, saying(message))
            self.assertTrue(done.stderr.startswith(b"OTHER: the answer of 127.0.0.1 port "),
                            done.stderr)

    def test_answer_without_a_result_is_told(self):
        for value, problem in (({}, b"content: result: expected a string, got nothing"),
                               ({"result": 7}, b"content: result: expected a string, got 7"),
                               ([], b"content: expected a JSON object, got another value")):
            self.assert_fails(problem, saying(framed.text(value)))

    def test_raw_prints_it_all_the_same(self):
        server = serve(self, saying(framed.text([7])))
        self.assertEqual(self.ask(server.arguments, "--raw", "search", "x").split(b"\n")[1],
                         b"[7]")

    def test_early_end_is_told(self):
        self.assert_fails(b" ended its stream behind 0 of 2 bytes of the length of the header",
                          saying(b""))
        self.assert_fails(b" ended its stream behind 5 of 100 bytes of the header",
                          saying(b"\0\x64" + b"x" * 5))
        self.assert_fails(b" ended its stream behind 19 of 20 bytes of the content",
                          saying(framed.text({"result": "no end"})[:-1]))

    def test_reset_and_silence_are_told(self):
        done = self.assert_fails(b"the connection to 127.0.0.1", lambda client: (
            receive_message(client), close_with_reset(client)))
        self.assertTrue(done.stderr.startswith(b"RESET: "), done.stderr)
        done = self.assert_fails(b"did not answer or close for 200ms", lambda client: (
            drop(client)), "-t", "200ms")
        self.assertTrue(done.stderr.startswith(b"TIMEOUT: "), done.stderr)

    def test_refused_port_is_told(self):
        done = yodel("ask", *use(self, Refusing()).arguments, "search", "ring")
        self.assert_ended(done, FAILED, b"REFUSED: cannot connect to 127.0.0.1 port ")

    def test_failure_is_an_object_too(self):
        server = serve(self, saying(frame(b"{}")))
        done = yodel("ask", "--json", *server.arguments, "search", "ring")
        self.assertEqual(done.returncode, FAILED)
        failure = json.loads(done.stdout)
        self.assertEqual(failure["error"], "OTHER")
        self.assertIn("byteorder", failure["message"])

    def test_full_disk_is_told(self):
        server = serve(self, answering())
        for options in ([], ["--raw"], ["--json"], ["--binary"]):
            done = in_shell(">/dev/full", "ask", *options, *server.arguments, "search", "ring")
            self.assert_ended(done, FAILED, b"OTHER: cannot write to standard output: ")


class Terminals(AskTest):
    HOSTILE = "a\x1b[31m\n\\\u202e🐶"

    def shown(self, message, *options):
        server = serve(self, saying(message))
        with Pty([YODEL, "ask", *options, *server.arguments, "search", "x"],
                 env=environment()) as terminal:
            return terminal.read_all()

    def test_what_plays_tricks_is_made_visible(self):
        visible = "a\\x1b[31m\\n\\\\\\xe2\\x80\\xae🐶\r\n".encode()
        self.assertEqual(self.shown(framed.text({"result": self.HOSTILE})), visible)
        self.assertEqual(self.shown(framed.binary(self.HOSTILE.encode())), visible)
        self.assertEqual(self.shown(framed.binary(b"\xff\0")), b"\\xff\\x00\r\n")

    def test_raw_is_as_it_came(self):
        self.assertTrue(self.shown(framed.binary(b"\x1b[31m"), "--raw").endswith(b"\r\n\x1b[31m"))

    def test_in_a_pipe_it_is_as_it_came(self):
        server = serve(self, saying(framed.text({"result": self.HOSTILE + "\0"})))
        self.assertEqual(self.ask(server.arguments, "search", "x"),
                         (self.HOSTILE + "\0\n").encode())
        server = serve(self, saying(framed.binary(b"\xff\0\n")))
        self.assertEqual(self.ask(server.arguments, "search", "x"), b"\xff\0\n")


class Usage(AskTest):
    def assert_usage(self, message, *words):
        self.assert_ended(yodel("ask", *words), USAGE, message)

    def test_both_words_are_needed(self):
        for words in ([], ["localhost"], ["localhost", "7"], ["localhost", "7", "search"],
                      ["localhost", "7", "search", "a", "b"], ["unix:/x", "search"]):
            self.assert_usage(b"expected: yodel ask [OPTION...] HOST PORT ACTION VALUE", *words)

    def test_text_must_be_utf8(self):
        self.assert_usage(b'ACTION: expected UTF-8 without --binary, got "\\xff"',
                          "localhost", "7", b"\xff", "x")
        self.assert_usage(b'VALUE: expected UTF-8 without --binary, got "a\\xc3"',
                          "localhost", "7", "x", b"a\xc3")

    def test_raw_and_json_exclude_each_other(self):
        self.assert_usage(b"--raw and --json exclude each other", "--raw", "--json", "localhost",
                          "7", "search", "x")


if __name__ == "__main__":
    main()
