# SPDX-License-Identifier: MIT
"""The service message: its answers, its bounds, and what it says to what is no request."""

import os
import re
import socket
import threading
import time

import framed
from framed import ENTRIES, encode, frame, header_of, receive_message, receive_result, search
from yodel_harness import (CONFIGURATION, SOURCE_DIR, SystemTest, close_with_reset, main,
                           receive_all, run, scaled)

RABBIT = ENTRIES["morpheus"]
PIPELINED = 50


def lone(header, content=b""):
    """A message whose header is given as a dict."""
    return frame(encode(header), content)


def without(name):
    header = header_of(b"")
    del header[name]
    return lone(header)


def with_member(name, value):
    return lone({**header_of(b""), name: value})


def with_length(literal):
    """A header with this content-length, as it stands in JSON."""
    return frame(encode(header_of(b"")).replace(b": 0}", b": " + literal + b"}"))


def content(data):
    """A request of type text/json with this content."""
    return lone(header_of(data), data)


def nested(levels):
    """An object that is nested so deeply."""
    return b'{"a":' + b"[" * (levels - 1) + b"0" + b"]" * (levels - 1) + b"}"


HEADER_LENGTH = "header: expected a length from 1 to 4096 bytes, got "
CONTENT_LENGTH = "header: content-length: expected an integer from 0 to 1048576, got "
DEPTH = ": expected JSON nested at most 32 deep, got more at offset 36"

# What is sent, the reason of the close, and the problem; a pattern, where the JSON parser words it.
MALFORMED = {
    "header length 0": (b"\0\0", "header_length", HEADER_LENGTH + "0"),
    "header length 4097": (b"\x10\x01" + b" " * 4097, "header_length", HEADER_LENGTH + "4097"),
    "header of 64 KiB": (b"\xff\xff" + encode(header_of(b"")).ljust(65535), "header_length",
                         HEADER_LENGTH + "65535"),
    "another protocol": (b"GET / HTTP/1.0\r\n\r\n", "header_length", HEADER_LENGTH + "18245"),

    "content length negative": (with_length(b"-1"), "content_length", CONTENT_LENGTH + "-1"),
    "content length one too many": (with_length(b"1048577"), "content_length",
                                    CONTENT_LENGTH + "1048577"),
    "content length huge": (with_length(b"9223372036854775807"), "content_length",
                            CONTENT_LENGTH + "9223372036854775807"),
    "content length beyond 64 bits": (with_length(b"18446744073709551617"), "protocol",
                                      re.compile(r"header: no JSON: .*, at offset \d+")),
    "content length with a point": (with_length(b"1.0"), "protocol", CONTENT_LENGTH + "1.0"),
    "content length with a fraction": (with_length(b"1.5"), "protocol", CONTENT_LENGTH + "1.5"),
    "content length with an exponent": (with_length(b"1e3"), "protocol", CONTENT_LENGTH + "1000.0"),
    "content length as text": (with_length(b'"5"'), "protocol", CONTENT_LENGTH + '"5"'),
    "content length true": (with_length(b"true"), "protocol", CONTENT_LENGTH + "true"),
    "content length missing": (without("content-length"), "protocol", CONTENT_LENGTH + "nothing"),

    "byteorder missing": (without("byteorder"), "protocol",
                          "header: byteorder: expected a string, got nothing"),
    "byteorder unknown": (with_member("byteorder", "middle"), "protocol",
                          'header: byteorder: expected "little" or "big", got "middle"'),
    "content type missing": (without("content-type"), "protocol",
                             "header: content-type: expected a string, got nothing"),
    "content type null": (with_member("content-type", None), "protocol",
                          "header: content-type: expected a string, got null"),
    "content encoding missing": (without("content-encoding"), "protocol",
                                 "header: content-encoding: expected a string, got nothing"),
    "content encoding a list": (with_member("content-encoding", ["utf-8"]), "protocol",
                                "header: content-encoding: expected a string, got an array"),
    "content encoding unknown": (with_member("content-encoding", "utf-16\x1b[2J"), "protocol",
                                 'header: content-encoding: expected "utf-8" for text/json, '
                                 'got "utf-16\\x1b[2J"'),
    "member twice": (frame(encode(header_of(b""))[:-1] + b', "byteorder": "big"}'), "protocol",
                     re.compile(r"header: no JSON: duplicate .*")),

    "header no JSON": (frame(b"yodel"), "protocol", re.compile(r"header: no JSON: .*'yodel'.*")),
    "header no object": (frame(b"[1, 2]"), "protocol",
                         "header: expected a JSON object, got another value"),
    "header with more behind it": (frame(b"{} {}"), "protocol",
                                   re.compile(r"header: no JSON: .*")),
    "header with a byte order mark": (frame(b"\xef\xbb\xbf" + encode(header_of(b""))), "protocol",
                                      re.compile(r"header: no JSON: .*")),
    "header with a NUL": (frame(encode(header_of(b"")) + b"\0"), "protocol",
                          "header: expected text, got a NUL byte at offset 102"),
    "header no UTF-8": (frame(b'{"\xff": 1}'), "encoding",
                        "header: expected UTF-8, got byte 0xff at offset 2"),
    "header with a surrogate": (frame(b'{"\xed\xa0\x80": 1}'), "encoding",
                                "header: expected UTF-8, got byte 0xed at offset 2"),
    "header nested deeply": (frame(nested(33)), "json_depth", "header" + DEPTH),
    "header nested as deeply as can be": (frame(b'{"a":' + b"[" * 4000), "json_depth",
                                          "header" + DEPTH),
    "header with many values": (frame(b'{"a":[' + b"0," * 1500 + b"0]}"), "protocol",
                                "header: expected at most 1000 values, got more at offset 2003"),

    "content empty": (content(b""), "protocol", re.compile(r"request: no JSON: .*")),
    "content no JSON": (content(b"{'action': 1}"), "protocol",
                        re.compile(r"request: no JSON: .*, at offset \d+")),
    "content cut": (content(b'{"action": "search"'), "protocol",
                    re.compile(r"request: no JSON: .*")),
    "content with more behind it": (content(b'{"action": "search", "value": "ring"} x'),
                                    "protocol", re.compile(r"request: no JSON: .*'x'.*")),
    "content no object": (content(b'"search"'), "protocol",
                          "request: expected a JSON object, got another value"),
    "content no UTF-8": (content(b'{"action": "search", "value": "\xc3("}'), "encoding",
                         "request: expected UTF-8, got byte 0xc3 at offset 31"),
    "content with a NUL": (content(b'{"action": "search", "value": "\0"}'), "protocol",
                           "request: expected text, got a NUL byte at offset 31"),
    "content with half a character": (content(b'{"action": "search", "value": "\\ud83d"}'),
                                      "protocol", re.compile(r"request: no JSON: .*")),
    "content nested deeply": (content(nested(33)), "json_depth", "request" + DEPTH),
    "content nested as deeply as can be": (content(b'{"a":' + b"[" * 1_000_000), "json_depth",
                                           "request" + DEPTH),
    "content with many values": (content(b'{"a":[' + b"[]," * 300_000 + b"0]}"), "protocol",
                                 re.compile("request: expected at most 1000 values, got more "
                                            r"at offset \d+")),
    "action missing": (framed.text({"value": "ring"}), "protocol",
                       "request: action: expected a string, got nothing"),
    "action twice": (content(b'{"action": "search", "action": "search", "value": "ring"}'),
                     "protocol", re.compile(r"request: no JSON: duplicate .*")),
    "action a number": (framed.text({"action": 7, "value": "ring"}), "protocol",
                        "request: action: expected a string, got 7"),
    "value missing": (framed.text({"action": "search"}), "protocol",
                      "request: value: expected a string, got nothing"),
    "value an object": (framed.text({"action": "search", "value": {}}), "protocol",
                        "request: value: expected a string, got an object"),
}

# What ends too early: the parts of a message, and how far they had come.
CUT = {
    "length": (b"\0", "1 of 2 bytes of the length of the header"),
    "header that is announced too long": (b"\x01\0" + encode(header_of(b"")),
                                          "102 of 256 bytes of the header"),
    "header missing": (b"\0\x64", "0 of 100 bytes of the header"),
    "content missing": (with_length(b"5"), "0 of 5 bytes of the content"),
    "content that is announced too long": (
        # The length in characters and the bytes in another encoding, a mistake that is easily made.
        lone({**header_of(b""), "content-length": 100}, encode({"action": "search"})),
        "20 of 100 bytes of the content"),
}


class MessageTest(SystemTest):
    def serve(self, *options, **keywords):
        return self.start(listen=["127.0.0.1:0=message"], options=options, **keywords)

    def ask(self, daemon, message):
        """Sends a message on a connection of its own; returns that."""
        client = self.connect(daemon)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(message)
        return client

    def close_line(self, daemon, client):
        return daemon.wait_for("close", peer="%s:%d" % client.getsockname())

    def assert_done(self, daemon, client, reason="done"):
        """The server ends its stream, then the client; returns the line of the close."""
        peer = "%s:%d" % client.getsockname()
        self.assert_ends(client)
        client.close()
        closed = daemon.wait_for("close", peer=peer)
        self.assertEqual(closed["reason"], reason)
        return closed

    def assert_matches(self, got, expected):
        if isinstance(expected, re.Pattern):
            self.assertRegex(got, "^(?:" + expected.pattern + ")$")
        else:
            self.assertEqual(got, expected)

    def assert_refused(self, daemon, client, reason, problem):
        """The client is told and closed, and the log tells the same."""
        result = receive_result(client)
        self.assertTrue(result.startswith("Error: ") and result.endswith("."), result)
        self.assert_matches(result[len("Error: "):-1], problem)
        closed = self.assert_done(daemon, client, reason)
        faults = daemon.events("fault", conn=closed["conn"])
        self.assertEqual(len(faults), 1)
        self.assertEqual((faults[0].level, faults[0]["reason"], faults[0]["listener"]),
                         ("info", reason, "message"))
        # Escaped as every text of the log.
        self.assertEqual(faults[0]["problem"], result[len("Error: "):-1]
                         .replace("\\", "\\\\").replace('"', '\\"'))


class Answers(MessageTest):
    def test_tutorial_gets_what_its_own_server_said(self):
        """The bytes that the tutorial shows, from a machine that is big-endian."""
        def request(kind, encoding, length):
            return frame(b'{"byteorder": "big", "content-type": "%s", "content-encoding": "%s", '
                         b'"content-length": %d}' % (kind, encoding, length))
        text = request(b"text/json", b"utf-8", 41)
        self.assertEqual(text[:2], b"\0d")
        daemon = self.serve()
        for sent, said in (
                (text + b'{"action": "search", "value": "morpheus"}', "Follow the white rabbit. 🐰"),
                (request(b"text/json", b"utf-8", 37) +
                 b'{"action": "search", "value": "\xf0\x9f\x90\xb6"}', "🐾 Playing ball! 🏐")):
            client = self.ask(daemon, sent)
            self.assertEqual(receive_result(client), said)
            self.assert_done(daemon, client)
        client = self.ask(daemon, request(b"binary/custom-client-binary-type", b"binary", 10) +
                          b"binary\xf0\x9f\x98\x83")
        header, answer = receive_message(client)
        self.assertEqual(header["content-type"], "binary/custom-server-binary-type")
        self.assertEqual(answer, b"First 10 bytes of request: binary\xf0\x9f\x98\x83")
        self.assert_done(daemon, client)

    def test_example_of_the_document_is_true(self):
        with open(os.path.join(SOURCE_DIR, "docs", "protocol.md"), encoding="utf-8") as file:
            request, answer = [
                bytes.fromhex("".join(re.findall(r"^[0-9a-f]{4}  ([0-9a-f ]+)\|", block, re.M)))
                for block in re.findall(r"^```\n(0000 .*?)^```", file.read(), re.M | re.S)]
        self.assertEqual(request, search("ring"))
        self.assertEqual(receive_all(self.ask(self.serve(), request)), answer)

    def test_each_entry_is_found_and_nothing_else(self):
        daemon = self.serve()
        for value, result in [*ENTRIES.items(), ("Ring", "No match for 'Ring'."),
                              ("", "No match for ''."), ("'\"\\\n\t", "No match for ''\"\\\n\t'."),
                              ("ring\0", "No match for 'ring\0'."),
                              ("ä" * 10000, f"No match for '{'ä' * 10000}'.")]:
            for ascii_only in (False, True):
                client = self.ask(daemon, search(value, ascii_only))
                self.assertEqual(receive_result(client), result)
                self.assert_done(daemon, client)

    def test_answer_has_the_header_of_the_protocol(self):
        header, said = receive_message(self.ask(self.serve(), search("ring")))
        self.assertEqual(header, header_of(said))

    def test_entries_are_those_of_the_configuration(self):
        path = self.write_config(r'''
            host = "127.0.0.1"; port = 0; service = "message"; keep = true;
            entries = (
                { key = "yodel"; value = "The mountain answers. 🏔"; },
                { key = "Jödler \"1\""; value = "two\nlines"; },
                { key = ""; value = ""; } );
            ''')
        daemon = self.start(listen=(), config=path)
        client = self.connect(daemon)
        for value, result in (("yodel", "The mountain answers. 🏔"), ('Jödler "1"', "two\nlines"),
                              ("", ""), ("morpheus", "No match for 'morpheus'.")):
            client.sendall(search(value))
            self.assertEqual(receive_result(client), result)

    def test_list_of_entries_may_be_empty(self):
        path = self.write_config('host = "127.0.0.1"; port = 0; service = "message"; entries = ();')
        client = self.ask(self.start(listen=(), config=path), search("morpheus"))
        self.assertEqual(receive_result(client), "No match for 'morpheus'.")

    def test_another_action_is_told(self):
        daemon = self.serve()
        for action in ("find", "SEARCH", "", "a 'b'", "🐶"):
            client = self.ask(daemon, framed.text({"action": action, "value": "ring"}))
            self.assertEqual(receive_result(client), f"Error: invalid action '{action}'.")
            self.assert_done(daemon, client)
        self.assertEqual(daemon.events("fault"), [])

    def test_order_and_spacing_of_json_are_free(self):
        daemon = self.serve()
        request = {"value": "morpheus", "more": [1, {"x": None}], "action": "search"}
        for spaces in ({"indent": 4}, {"separators": (",", ":")}):
            said = encode(request, **spaces)
            header = encode({"further": {}, **dict(reversed(header_of(said).items()))}, **spaces)
            self.assertEqual(receive_result(self.ask(daemon, frame(header, said))), RABBIT)

    def test_of_binary_content_the_first_ten_bytes_come_back(self):
        daemon = self.serve()
        for data in (b"", b"\0", bytes(range(9)), bytes(range(10)), bytes(range(11)),
                     os.urandom(1 << 20)):
            client = self.ask(daemon, framed.binary(data))
            header, said = receive_message(client)
            self.assertEqual(said, b"First 10 bytes of request: " + data[:10])
            self.assertEqual(header, header_of(said, framed.SERVER_BINARY, "binary"))
            self.assert_done(daemon, client)

    def test_any_type_but_text_json_is_binary(self):
        daemon = self.serve()
        for kind, encoding in (("text/plain", "utf-8"), ("TEXT/JSON", "utf-8"), ("", ""),
                               ("text/json\0", "utf-16")):
            data = b'{"action": 1}'
            client = self.ask(daemon, lone(header_of(data, kind, encoding), data))
            self.assertEqual(receive_message(client)[1],
                             b"First 10 bytes of request: " + data[:10])

    def test_names_of_utf_8_may_be_written_differently(self):
        daemon = self.serve()
        said = encode({"action": "search", "value": "morpheus"})
        for encoding in ("UTF-8", "utf8", "Utf8"):
            client = self.ask(daemon, lone(header_of(said, encoding=encoding), said))
            self.assertEqual(receive_result(client), RABBIT)

    def test_request_may_come_byte_by_byte(self):
        daemon = self.serve()
        for message in (search("🐶"), search("🐶", ascii_only=True)):
            client = self.connect(daemon)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in message:
                client.sendall(bytes([byte]))
            self.assertEqual(receive_result(client), ENTRIES["🐶"])
            self.assert_done(daemon, client)

    def test_client_may_end_its_stream_before_the_answer(self):
        daemon = self.serve()
        client = self.ask(daemon, search("ring"))
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_result(client), ENTRIES["ring"])
        self.assert_ends(client)
        self.assertEqual(self.close_line(daemon, client)["reason"], "done")

    def test_what_follows_the_request_is_dropped(self):
        daemon = self.serve()
        client = self.ask(daemon, search("ring") + search("morpheus") + b"x" * 100000)
        self.assertEqual(receive_result(client), ENTRIES["ring"])
        closed = self.assert_done(daemon, client)
        self.assertEqual(closed.number("in"),
                         len(search("ring") + search("morpheus")) + 100000)

    def test_client_that_does_not_close_is_not_waited_for(self):
        daemon = self.serve("timeouts.linger=100ms")
        client = self.ask(daemon, search("ring"))
        self.assertEqual(receive_result(client), ENTRIES["ring"])
        self.assertEqual(self.close_line(daemon, client)["reason"], "linger")

    def test_200_clients_are_answered_at_once(self):
        count = scaled(200, 50)
        daemon = self.serve()
        messages = [search(f"client {number}") if number % 3 else framed.binary(b"%d" % number)
                    for number in range(count)]
        clients = [self.connect(daemon) for _ in messages]
        for start, end in ((0, 1), (1, 50), (50, -1), (-1, None)):
            for client, message in zip(clients, messages):
                client.sendall(message[start:end])
            if end == -1:
                # All have a thread that has a message but for its last byte.
                daemon.wait_for_client_threads(count)
        for number, client in enumerate(clients):
            if number % 3:
                self.assertEqual(receive_result(client), f"No match for 'client {number}'.")
            else:
                self.assertEqual(receive_message(client)[1],
                                 b"First 10 bytes of request: %d" % number)
            self.assert_ends(client)
            client.close()
        self.assertEqual(len(daemon.wait_for_count(count, "close", reason="done")), count)


class Keep(MessageTest):
    def test_requests_follow_each_other(self):
        daemon = self.serve("keep=true")
        client = self.ask(daemon, search("morpheus"))
        self.assertEqual(receive_result(client), RABBIT)
        client.sendall(framed.binary(b"next"))
        self.assertEqual(receive_message(client)[1], b"First 10 bytes of request: next")
        client.sendall(search("ring"))
        self.assertEqual(receive_result(client), ENTRIES["ring"])
        client.shutdown(socket.SHUT_WR)
        self.assert_ends(client)
        self.assertEqual(self.close_line(daemon, client)["reason"], "client_fin")

    def test_requests_need_not_wait_for_answers(self):
        """All in one segment; cut at every place; more than is read at once."""
        daemon = self.serve("keep=true")
        messages = b"".join(search(f"request {number}") for number in range(PIPELINED))
        cuts = [len(messages), 1, len(search("request 0")) - 1, 4096, 5000]
        for cut in cuts:
            client = self.connect(daemon)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for start in range(0, len(messages), cut):
                client.sendall(messages[start:start + cut])
            client.shutdown(socket.SHUT_WR)
            for number in range(PIPELINED):
                self.assertEqual(receive_result(client), f"No match for 'request {number}'.")
            self.assert_ends(client)
            self.assertEqual(self.close_line(daemon, client)["reason"], "client_fin")

    def test_what_is_no_request_ends_the_connection(self):
        daemon = self.serve("keep=true")
        client = self.ask(daemon, search("ring") + content(b"[]") + search("morpheus"))
        self.assertEqual(receive_result(client), ENTRIES["ring"])
        self.assert_refused(daemon, client, "protocol",
                            "request: expected a JSON object, got another value")

    def test_end_within_the_next_request_is_told(self):
        daemon = self.serve("keep=true")
        client = self.ask(daemon, search("ring") + search("ring")[:-1])
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_result(client), ENTRIES["ring"])
        self.assert_refused(daemon, client, "protocol",
                            "request: the stream ended behind 36 of 37 bytes of the content")

    def test_large_and_small_requests_alternate(self):
        daemon = self.serve("keep=true")
        client = self.connect(daemon)
        for size in (10, 1_000_000, 0, 4096, 999, 1 << 20):
            data = os.urandom(size)
            client.sendall(framed.binary(data))
            self.assertEqual(receive_message(client)[1],
                             b"First 10 bytes of request: " + data[:10])

    def test_silence_between_requests_is_idleness(self):
        daemon = self.serve("keep=true", "timeouts.idle=200ms", "header_time=50ms")
        client = self.ask(daemon, search("ring"))
        self.assertEqual(receive_result(client), ENTRIES["ring"])
        self.assert_done(daemon, client, "idle")


class Entries(MessageTest):
    def test_an_entry_that_is_no_utf8_is_refused(self):
        path = self.write_config("")
        with open(path, "wb") as file:
            file.write(b'service = "message";\nentries = ( { key = "a"; value = "caf\xe9"; } );\n')
        done = run("-t", "-c", path)
        self.assertEqual(done.returncode, CONFIGURATION)
        self.assertIn(f"{path}:2: entries.[0].value: expected text in UTF-8", done.stderr)


class Refusals(MessageTest):
    def test_what_is_no_request_is_refused(self):
        daemon = self.serve()
        for name, (sent, reason, problem) in MALFORMED.items():
            with self.subTest(name):
                self.assert_refused(daemon, self.ask(daemon, sent), reason, problem)

    def test_it_may_come_byte_by_byte(self):
        daemon = self.serve()
        for name, (sent, reason, problem) in MALFORMED.items():
            if len(sent) > 1000:
                continue
            with self.subTest(name):
                client = self.connect(daemon)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for byte in sent:
                    client.sendall(bytes([byte]))
                self.assert_refused(daemon, client, reason, problem)

    def test_stream_that_ends_within_a_request_is_told(self):
        daemon = self.serve()
        for name, (sent, progress) in CUT.items():
            with self.subTest(name):
                client = self.ask(daemon, sent)
                client.shutdown(socket.SHUT_WR)
                self.assert_refused(daemon, client, "protocol",
                                    "request: the stream ended behind " + progress)

    def test_stream_that_ends_before_a_request_is_none(self):
        daemon = self.serve()
        client = self.ask(daemon, b"")
        client.shutdown(socket.SHUT_WR)
        self.assert_ends(client)
        self.assertEqual(self.close_line(daemon, client)["reason"], "probe")
        self.assertEqual(daemon.events("fault"), [])

    def test_client_that_is_cut_off_is_no_refusal(self):
        daemon = self.serve()
        client = self.ask(daemon, search("ring")[:20])
        peer = "%s:%d" % client.getsockname()
        daemon.wait_for_client_threads(1)
        close_with_reset(client)
        self.assertEqual(daemon.wait_for("close", peer=peer)["reason"], "client_reset")
        self.assertEqual(daemon.events("fault"), [])

    def test_refusal_reaches_a_client_that_still_sends(self):
        """It sends all that it has announced, and reads then."""
        daemon = self.serve("max_content=1k")
        data = bytes(1 << 20)
        client = self.ask(daemon, lone(header_of(data), data))
        self.assert_refused(daemon, client, "content_length",
                            "header: content-length: expected an integer from 0 to 1024, "
                            "got 1048576")

    def test_log_has_each_word_in_the_statistics(self):
        daemon = self.serve()
        for name in ("header length 0", "content length negative", "header nested deeply",
                     "header no UTF-8", "header no JSON"):
            with self.ask(daemon, MALFORMED[name][0]) as client:
                receive_result(client)
        daemon.wait_for_count(5, "close")
        daemon.stop()
        statistics = daemon.events("stop")[0]
        for word in ("header_length", "content_length", "json_depth", "encoding", "protocol"):
            self.assertEqual(statistics[word], "1")


class Bounds(MessageTest):
    def test_header_has_the_length_that_is_configured(self):
        daemon = self.serve("max_header=200")
        said = encode({"action": "search", "value": "morpheus"})
        padded = encode(header_of(said)).ljust(200)
        self.assertEqual(receive_result(self.ask(daemon, frame(padded, said))), RABBIT)
        self.assert_refused(daemon, self.ask(daemon, frame(padded + b" ", said)), "header_length",
                            "header: expected a length from 1 to 200 bytes, got 201")

    def test_header_may_have_64_kib(self):
        daemon = self.serve("max_header=65535")
        said = encode({"action": "search", "value": "morpheus"})
        padded = encode(header_of(said)).ljust(65535)
        self.assertEqual(receive_result(self.ask(daemon, frame(padded, said))), RABBIT)

    def test_content_has_the_length_that_is_configured(self):
        daemon = self.serve("max_content=100")
        said = encode({"action": "search", "value": "ring"}).ljust(100)
        self.assertEqual(receive_result(self.ask(daemon, content(said))), ENTRIES["ring"])
        self.assert_refused(
            daemon, self.ask(daemon, content(said + b" ")), "content_length",
            "header: content-length: expected an integer from 0 to 100, got 101")

    def test_content_of_a_mebibyte_is_answered(self):
        value = "x" * ((1 << 20) - len(encode({"action": "search", "value": ""})))
        client = self.ask(self.serve(), search(value))
        self.assertEqual(receive_result(client), f"No match for '{value}'.")

    def test_json_may_be_32_deep(self):
        daemon = self.serve()
        said = b'{"action": "search", "value": "morpheus", "deep": %s}' % nested(31)
        self.assertEqual(receive_result(self.ask(daemon, content(said))), RABBIT)

    def test_announced_lengths_take_no_memory(self):
        count = scaled(50, 20)
        daemon = self.serve("max_content=1G")
        before = daemon.vm_kib()
        clients = [self.ask(daemon, with_length(b"1073741824")) for _ in range(count)]
        daemon.wait_for_client_threads(count)
        for client in clients:
            client.sendall(b"x" * 1000)
        self.assertLess(daemon.vm_kib() - before, count << 19)  # half of what they announced
        for client in clients:
            close_with_reset(client)

    def trickle(self, client, data):
        """Sends a byte now and then until there is an answer, as a client that stalls on purpose."""
        is_answered = threading.Event()

        def send():
            for byte in data:
                client.sendall(bytes([byte]))
                if is_answered.wait(0.02):
                    return
        thread = threading.Thread(target=send)
        thread.start()
        return thread, is_answered

    def test_header_must_come_in_time_however_it_trickles(self):
        daemon = self.serve("header_time=300ms")
        client = self.connect(daemon)
        begin = time.monotonic()
        thread, is_answered = self.trickle(client, frame(b" " * 4000))
        self.addCleanup(thread.join)
        self.addCleanup(is_answered.set)
        result = receive_result(client)
        is_answered.set()
        thread.join()
        self.assertGreaterEqual(time.monotonic() - begin, 0.29)
        self.assertRegex(result, r"^Error: header: expected within 300ms of its first byte, got "
                                 r"(\d+ of 4000 bytes of the header|1 of 2 bytes of .*)\.$")
        self.assert_done(daemon, client, "header_time")
        self.assertEqual(daemon.wait_for("fault")["reason"], "header_time")

    def test_header_time_begins_with_the_first_byte_of_each_request(self):
        daemon = self.serve("header_time=200ms", "keep=true", "timeouts.idle=1m")
        client = self.connect(daemon)
        for _ in range(2):
            time.sleep(0.4)  # longer than its time
            client.sendall(search("ring"))
            self.assertEqual(receive_result(client), ENTRIES["ring"])
        client.sendall(b"\0")
        self.assert_refused(daemon, client, "header_time",
                            "header: expected within 200ms of its first byte, "
                            "got 1 of 2 bytes of the length of the header")

    def test_content_has_no_time_but_idleness(self):
        daemon = self.serve("header_time=200ms", "timeouts.idle=30s")
        client = self.ask(daemon, search("ring")[:-1])
        time.sleep(0.4)  # longer than the header's time
        client.sendall(search("ring")[-1:])
        self.assertEqual(receive_result(client), ENTRIES["ring"])

    def test_without_a_header_time_only_idleness_counts(self):
        daemon = self.serve("header_time=0", "timeouts.idle=300ms")
        client = self.ask(daemon, b"\0")
        self.assert_done(daemon, client, "idle")
        self.assertEqual(daemon.events("fault"), [])

    def test_silence_in_the_middle_of_a_request_is_idleness(self):
        daemon = self.serve("timeouts.idle=200ms")
        for sent in (search("ring")[:50], search("ring")[:-1]):
            self.assert_done(daemon, self.ask(daemon, sent), "idle")

    def test_request_that_is_late_is_ended_by_the_first_byte_time(self):
        daemon = self.serve("timeouts.first_byte=100ms")
        self.assert_done(daemon, self.connect(daemon), "first_byte")


if __name__ == "__main__":
    main()
