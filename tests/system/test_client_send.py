# SPDX-License-Identifier: MIT
"""yodel send: what goes out, what comes back, and how it ends when something is wrong."""

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import signal
import socket
import struct
import subprocess
import termios
import threading
import time

from client_harness import FAILED, OK, YODEL, ClientTest, in_shell, yodel
from other_ends import (LOCKSTEP, PROGRAMS, Full, NeverAccepting, Refusing, abstract_name, copy, drop,
                        echo, greeting, serve, silent, swallow, use)
from terminal_harness import Terminal
from yodel_harness import (PATIENCE, close_with_reset, environment, main, receive_all, receive_exactly, scaled,
                           wait_until)

KEPT_BYTES = 1 << 20  # what --json keeps of an answer


def stream(test, arguments, length, look=None):
    """
    Sends `length` bytes, and reads what comes, as fast as it goes; once as many have come, look() is
    given the process id. Returns exit code and bytes received.
    """
    process = subprocess.Popen([YODEL, "send", *arguments], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, env=environment())
    piece = os.urandom(1 << 20)
    are_back = threading.Event()

    def feed():
        with process.stdin as pipe:
            for _ in range(length // len(piece)):
                pipe.write(piece)
            pipe.flush()
            are_back.wait(PATIENCE)
            if look is not None:
                look(process.pid)
    feeder = threading.Thread(target=feed)
    feeder.start()
    test.addCleanup(feeder.join)
    received = 0
    with process.stdout as pipe:
        while got := pipe.read1(1 << 20):
            received += len(got)
            if received >= length:
                are_back.set()
    return process.wait(PATIENCE), received


def peak_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("VmHWM:")).split()[1])


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

    def test_kept_open_the_server_decides_when_it_ends(self):
        def answer(client):
            client.sendall(b"got " + client.recv(3))
        done = yodel("send", "--keep-open", *serve(self, answer).arguments, "all")
        self.assert_ended(done, OK)
        self.assertEqual(done.stdout, b"got all")

    def test_kept_open_nothing_says_that_it_ends(self):
        ends = []

        def look(client):
            client.recv(3)
            client.settimeout(0.3)
            try:
                ends.append(client.recv(1))
            except TimeoutError:
                ends.append("open")
        for option, end in (("-k", "open"), ("-q", b"")):
            self.assert_ended(yodel("send", option, *serve(self, look).arguments, "all"), OK)
            self.assertEqual(ends.pop(), end)

    def test_50_mib_come_back_as_they_were(self):
        data = os.urandom(scaled(50, 5) << 20)
        done = yodel("send", *self.serve_daemon(), data=data)
        self.assert_ended(done, OK)
        self.assertEqual(hashlib.sha256(done.stdout).digest(), hashlib.sha256(data).digest())

    def test_any_amount_streams_both_ways_in_little_memory(self):
        address = self.serve_daemon()
        length = scaled(400, 16) << 20
        peaks = []
        ended = stream(self, address, length, lambda pid: peaks.append(peak_kib(pid)))
        self.assertEqual(ended, (OK, length))
        # Without sanitizers, which keep what is freed, all of it is 2 MiB.
        self.assertLess(peaks[0], scaled(6, 512) << 10)

    def test_server_that_streams_before_it_reads_cannot_deadlock_it(self):
        length = scaled(64, 4) << 20

        def talk(client):
            client.sendall(bytes(length))
            drop(client, length)
            client.sendall(b"end")
        self.assertEqual(stream(self, serve(self, talk).arguments, length), (OK, length + 3))

    def test_greeting_is_printed(self):
        done = yodel("send", *self.serve_daemon("greet"))
        self.assert_ended(done, OK)
        self.assertEqual(done.stdout, b"Hello, Client!")

    def test_quiet_prints_the_answer_which_is_the_result(self):
        done = yodel("send", "--quiet", *self.serve_daemon(), "text")
        self.assert_ended(done, OK)
        self.assertEqual(done.stdout, b"text")

    def test_verbose_says_on_standard_error_what_was_done(self):
        done = yodel("send", "-v", *self.serve_daemon(), "text")
        self.assert_ended(done, OK, b"connected to 127.0.0.1")
        self.assertIn(b"sent 4 bytes, received 4 bytes in ", done.stderr)
        self.assertEqual(done.stdout, b"text")

    def test_unix_sockets_are_as_good(self):
        path = os.path.join(self.folder(), "socket")
        for path, arguments in ((path, ["--unix", path]), (path, ["-U", path]),
                                (path, ["unix:" + path]),
                                (name := abstract_name(), ["unix:" + name]),
                                (name, ["--unix", name])):
            with self.subTest(arguments), serve(self, echo, path=path):
                data = os.urandom(3 << 20)
                done = yodel("send", *arguments, data=data)
                self.assert_ended(done, OK)
                self.assertTrue(done.stdout == data)
                self.assertEqual(yodel("send", *arguments, "text").stdout, b"text")

    def test_servers_that_nobody_here_has_written_are_answered(self):
        for name, start in PROGRAMS.items():
            with self.subTest(name):
                data = os.urandom(LOCKSTEP.get(name, 2 << 20))
                arguments = use(self, start()).arguments
                if name in LOCKSTEP:  # it ends at our end, whatever it has to say
                    done = yodel("send", "--keep-open", "-t", "2s", *arguments, data=data)
                    self.assert_ended(done, FAILED, b"TIMEOUT: ")
                else:
                    done = yodel("send", *arguments, data=data)
                    self.assert_ended(done, OK)
                self.assertTrue(done.stdout == data)


class Json(ClientTest):
    def result(self, *arguments, **keywords):
        done = yodel("send", "--json", *arguments, **keywords)
        self.assert_ended(done, OK)
        return json.loads(done.stdout)

    def test_answer_is_a_string_where_it_is_text(self):
        host, port = self.serve_daemon()
        result = self.result(host, port, "Jödler 🏔\n")
        self.assertEqual(list(result)[:2], ["command", "target"])
        self.assertGreater(result.pop("elapsed_ms"), 0)
        self.assertEqual(result, {"command": "send", "target": f"{host} port {port}",
                                  "sent_bytes": 13, "received_bytes": 13,
                                  "is_interrupted": False, "input_is_cut": False,
                                  "answer_is_cut": False, "answer": "Jödler 🏔\n"})

    def test_answer_is_base64_where_it_is_no_text(self):
        for data in (b"a\0b", bytes(range(256)), b"\xc3", b"\xed\xa0\x80"):
            result = self.result(*self.serve_daemon(), data=data)
            self.assertNotIn("answer", result)
            self.assertEqual(base64.b64decode(result["answer_base64"]), data)

    def test_long_answer_is_cut_between_two_characters(self):
        text = "x" + "ä" * KEPT_BYTES
        result = self.result(*self.serve_daemon(), data=text.encode())
        self.assertTrue(result["answer_is_cut"])
        self.assertEqual(result["received_bytes"], 2 * KEPT_BYTES + 1)
        self.assertEqual(result["answer"], text[:KEPT_BYTES // 2])

    def test_answer_that_is_just_not_too_long_is_whole(self):
        result = self.result(*self.serve_daemon(), data=b"x" * KEPT_BYTES)
        self.assertFalse(result["answer_is_cut"])
        self.assertEqual(result["answer"], "x" * KEPT_BYTES)

    def test_failure_is_an_object_too(self):
        done = yodel("send", "--json", *use(self, Refusing()).arguments, "text")
        self.assert_ended(done, FAILED, b"REFUSED: ")
        self.assertEqual(json.loads(done.stdout)["error"], "REFUSED")

    def test_interrupt_prints_what_was_done_so_far(self):
        server = serve(self, lambda client: (drop(client, 4), client.pause()))
        process = subprocess.Popen([YODEL, "send", "--json", *server.arguments, "text"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   env=environment())
        self.addCleanup(process.stdout.close)
        wait_until(lambda: server.received == 4, "the text is there")
        process.send_signal(signal.SIGINT)
        result = json.loads(process.stdout.read())
        self.assertEqual(process.wait(PATIENCE), OK)
        self.assertTrue(result["is_interrupted"])
        self.assertEqual((result["sent_bytes"], result["answer"]), (4, ""))


class EndOfTheServersStream(ClientTest):
    def test_input_that_is_there_is_sent_behind_it(self):
        """A server that says nothing and takes everything, as nc -l </dev/null does."""
        received = []

        def talk(client):
            client.shutdown(socket.SHUT_WR)
            received.append(len(receive_all(client)))
        size = scaled(20_000_000, 2_000_000)
        self.assert_ended(yodel("send", *self.serve(talk), data=bytes(size)), OK)
        self.doCleanups()
        self.assertEqual(received, [size])

    def test_what_is_not_taken_any_more_is_told(self):
        def talk(client):
            client.sendall(b"enough")
            client.shutdown(socket.SHUT_WR)
            receive_exactly(client, 20_000_000)  # and so the client has heard the end
        done = yodel("send", *self.serve(talk), "--json", data=bytes(50_000_000))
        self.assert_ended(done, OK, b" bytes, and not the rest of the input")
        result = json.loads(done.stdout)
        self.assertTrue(result["input_is_cut"])
        self.assertEqual(result["answer"], "enough")


class Failures(ClientTest):
    def test_refused_port_is_named(self):
        end = use(self, Refusing())
        done = yodel("send", *end.arguments, "text")
        self.assert_ended(done, FAILED, b"REFUSED: cannot connect to 127.0.0.1 port %d: 127.0.0.1:%d "
                                        b"Connection refused; does the server run" %
                                        (end.port, end.port))
        self.assertEqual(done.stderr.count(b"\n"), 1)

    def test_unknown_host_is_named(self):
        done = yodel("send", "no-such-host.invalid", "7")
        self.assert_ended(done, FAILED, b"no-such-host.invalid")
        self.assertTrue(done.stderr.startswith(b"DNS: "), done.stderr)

    def test_unknown_service_name_is_named(self):
        done = yodel("send", "127.0.0.1", "no-such-port")
        self.assert_ended(done, FAILED, b"no-such-port")
        self.assertTrue(done.stderr.startswith(b"DNS: "), done.stderr)

    def test_missing_unix_socket_is_named(self):
        path = os.path.join(self.folder(), "none")
        self.assert_ended(yodel("send", "unix:" + path), FAILED, path.encode())

    def assert_times_out(self, message, *arguments, **keywords):
        begin = time.monotonic()
        done = yodel("send", "-t", "300ms", *arguments, **keywords)
        self.assert_ended(done, FAILED, message)
        self.assertTrue(done.stderr.startswith(b"TIMEOUT: "), done.stderr)
        self.assertGreaterEqual(time.monotonic() - begin, 0.3)

    def test_connect_is_not_waited_for_longer_than_the_timeout(self):
        self.assert_times_out(b"cannot connect to", *use(self, Full()).arguments, "text")

    def test_silent_server_is_not_waited_for_longer_than_the_timeout(self):
        for end in (NeverAccepting(), NeverAccepting(path=abstract_name())):
            self.assert_times_out(b"did not answer or close for 300ms, after 4 bytes sent and 0",
                                  *use(self, end).arguments, "text")

    def test_server_that_takes_nothing_is_not_waited_for_longer_than_the_timeout(self):
        for end in (NeverAccepting(), NeverAccepting(path=abstract_name())):
            self.assert_times_out(b"did not take or send anything for 300ms",
                                  *use(self, end).arguments, data=bytes(64 << 20))

    def test_server_that_stops_in_the_middle_is_told_with_what_it_gave(self):
        server = serve(self, lambda client: (copy(client, 4), client.pause()))
        self.assert_times_out(b"after 8 bytes sent and 4 received", *server.arguments, "textmore")

    def test_input_that_takes_its_time_is_no_timeout(self):
        server = serve(self, echo)
        reader, writer = os.pipe()
        with open(reader, "rb") as typed:
            process = subprocess.Popen([YODEL, "send", "-t", "50ms", *server.arguments],
                                       stdin=typed, stdout=subprocess.PIPE, env=environment())
        self.addCleanup(process.stdout.close)
        wait_until(lambda: server.connections == 1, "a connection")
        self.assertIsNone(process.poll())
        time.sleep(0.2)  # longer than its timeout
        os.write(writer, b"text")
        os.close(writer)
        self.assertEqual(process.stdout.read(), b"text")
        self.assertEqual(process.wait(PATIENCE), OK)

    def test_output_that_is_not_read_is_no_timeout(self):
        length = 4 << 20
        server = serve(self, greeting(bytes(length)))
        process = subprocess.Popen([YODEL, "send", "-t", "50ms", *server.arguments, ""],
                                   stdout=subprocess.PIPE, env=environment())
        self.addCleanup(process.stdout.close)
        self.assertEqual(len(process.stdout.read(1)), 1)
        time.sleep(0.3)  # longer than its timeout
        self.assertEqual(len(process.stdout.read()), length - 1)
        self.assertEqual(process.wait(PATIENCE), OK)

    def test_program_that_was_stopped_looks_before_it_judges(self):
        is_stopped = threading.Event()
        server = serve(self, lambda client: (is_stopped.wait(PATIENCE), drop(client),
                                              client.sendall(b"late")))
        process = subprocess.Popen([YODEL, "send", "-t", "1s", *server.arguments, "text"],
                                   stdout=subprocess.PIPE, env=environment())
        self.addCleanup(process.stdout.close)
        wait_until(lambda: server.connections == 1, "a connection")
        process.send_signal(signal.SIGSTOP)
        is_stopped.set()
        time.sleep(1.2)  # longer than its timeout
        process.send_signal(signal.SIGCONT)
        self.assertEqual(process.stdout.read(), b"late")
        self.assertEqual(process.wait(PATIENCE), OK)

    def assert_reset(self, *arguments, **keywords):
        done = yodel("send", *arguments, **keywords)
        self.assert_ended(done, FAILED, b"the connection to 127.0.0.1")
        self.assertTrue(done.stderr.startswith(b"RESET: "), done.stderr)
        return done

    def test_reset_is_told(self):
        def reset(client):
            client.recv(1)
            close_with_reset(client)
        self.assert_reset(*serve(self, reset).arguments, "text")

    def test_reset_after_our_end_is_told(self):
        def reset(client):
            drop(client)
            close_with_reset(client)
        self.assert_reset(*serve(self, reset).arguments, "text")

    def test_reset_while_we_send_is_told(self):
        def reset(client):
            copy(client, 1 << 20)
            close_with_reset(client)
        self.assert_reset(*serve(self, reset).arguments, data=bytes(scaled(64, 8) << 20))

    def test_reset_that_only_sending_meets_is_told(self):
        """The input comes when the reset is there already, so that send(2) is the first to see it."""
        for _ in range(20):
            server = serve(self, lambda client: (client.recv(1), close_with_reset(client)))
            process = subprocess.Popen([YODEL, "send", *server.arguments], stdin=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, env=environment())
            with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
                while process.poll() is None:
                    pipe.write(bytes(1000))
                    pipe.flush()
            self.assertEqual(process.wait(PATIENCE), FAILED)
            server.close()

    def test_answer_before_a_reset_is_printed(self):
        def answer(client):
            client.sendall(b"last words")
            drop(client)
            close_with_reset(client)
        self.assertEqual(self.assert_reset(*serve(self, answer).arguments, "text").stdout,
                         b"last words")

    def test_server_that_ends_before_the_input_does_is_no_failure(self):
        done = yodel("send", "-v", *serve(self, greeting(b"enough")).arguments, "-k",
                     data=bytes(8 << 20))
        self.assert_ended(done, OK, b"sent ")
        self.assertEqual(done.stdout, b"enough")


class StandardStreams(ClientTest):
    def test_closed_standard_input_is_an_empty_one(self):
        done = in_shell("<&-", "send", *self.serve_daemon("greet"))
        self.assert_ended(done, OK)
        self.assertEqual(done.stdout, b"Hello, Client!")

    def test_input_may_be_a_file_a_device_or_non_blocking(self):
        address = serve(self, echo).arguments
        path = os.path.join(self.folder(), "input")
        data = os.urandom(1 << 20)
        with open(path, "wb") as file:
            file.write(data)
        self.assertTrue(in_shell(f"<{path}", "send", *address).stdout == data)
        self.assertEqual(in_shell("</dev/null", "send", *address).stdout, b"")
        ours, its = socket.socketpair()
        its.setblocking(False)
        with ours, its:
            process = subprocess.Popen([YODEL, "send", *address], stdin=its, env=environment(),
                                       stdout=subprocess.PIPE)
            with process.stdout:
                ours.sendall(b"text")
                self.assertEqual(process.stdout.read(4), b"text")
                ours.shutdown(socket.SHUT_WR)
                self.assertEqual(process.stdout.read(), b"")
            self.assertEqual(process.wait(PATIENCE), OK)

    def test_input_that_cannot_be_read_is_told(self):
        address = serve(self, echo).arguments
        self.assert_ended(in_shell("</", "send", *address), FAILED,
                          b"OTHER: cannot read standard input: Is a directory")

    def test_terminal_is_read_line_by_line(self):
        terminal = Terminal(self, ["send", *serve(self, echo).arguments])
        terminal.enter("hello")
        terminal.wait_for("hello", "hello")
        terminal.press("C-d")
        terminal.assert_ended(OK)

    def test_closed_standard_output_is_not_the_connection(self):
        received = []
        address = self.serve(lambda client: (client.sendall(b"answer"),
                                             received.append(receive_all(client))))
        self.assert_ended(in_shell(">&-", "send", *address, "text"), OK)
        self.doCleanups()
        self.assertEqual(received, [b"text"])

    def test_non_blocking_output_gets_all(self):
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        length = 1 << 20
        process = subprocess.Popen([YODEL, "send", *serve(self, greeting(bytes(length))).arguments,
                                    ""], stdout=writer, env=environment())
        os.close(writer)
        with open(reader, "rb") as pipe:
            wait_until(lambda: fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ) == unread(pipe), "a full pipe")
            self.assertEqual(len(pipe.read()), length)
        self.assertEqual(process.wait(PATIENCE), OK)

    def test_reader_that_has_gone_is_told(self):
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "wb") as pipe:
            done = yodel("send", *self.serve_daemon(), "text", stdout=pipe)
        self.assert_ended(done, FAILED, b"OTHER: cannot write to standard output: Broken pipe")

    def test_full_disk_is_told(self):
        address = self.serve_daemon()
        for arguments in (["send", *address, "text"], ["send", "--json", *address, "text"],
                          ["--help"], ["connect", "-V"]):
            done = in_shell(">/dev/full", *arguments)
            self.assert_ended(done, FAILED,
                              b"OTHER: cannot write to standard output: No space left on device")

    def test_nothing_is_done_while_nothing_comes(self):
        """No direction that is over, or has broken, keeps it awake."""
        half_closing = lambda client: (client.shutdown(socket.SHUT_RD), client.pause())
        for talk, options in ((silent, []), (swallow, ["-k"]), (half_closing, [])):
            server = serve(self, talk)
            process = subprocess.Popen([YODEL, "send", "-t", "0", *options, *server.arguments],
                                       stdin=subprocess.DEVNULL, env=environment())
            wait_until(lambda server=server: server.connections == 1, "a connection")
            before = cpu_seconds(process.pid)
            time.sleep(0.3)  # in which a busy loop would show
            self.assertLess(cpu_seconds(process.pid) - before, 0.15)
            process.kill()
            process.wait(PATIENCE)


def unread(pipe):
    """How many bytes are in a pipe."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
