# SPDX-License-Identifier: MIT
"""yodel check: which ports are open, what is told of the others, and waiting for them."""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time

from client_harness import FAILED, OK, USAGE, YODEL, ClientTest, catches_interrupts, yodel
from other_ends import (Full, NeverAccepting, Refusing, Server, abstract_name, adding, echo,
                        resetting, serve, use)
from yodel_harness import PATIENCE, environment, has_ipv6, main, scaled, wait_until

HINT = b"REFUSED: does the server run"


class Check(ClientTest):
    def start_client(self, *arguments, **keywords):
        """The client in the background, ended at the end of the test."""
        process = subprocess.Popen([YODEL, "check", *arguments], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=environment(), **keywords)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def words(self, done):
        """The word of each port, by its number."""
        return {int(line.split()[2]): line.split()[0]
                for line in done.stdout.decode().splitlines() if " port " in line}

    def entries(self, *arguments):
        done = yodel("check", "--json", *arguments)
        self.assertEqual(done.stderr, b"")
        return done, json.loads(done.stdout)


class Words(Check):
    def test_open_port_is_told_with_its_address_and_time(self):
        server = serve(self, echo)
        done = yodel("check", *server.arguments)
        self.assert_ended(done, OK)
        self.assertRegex(done.stdout.decode(),
                         rf"^OPEN +port {server.port} +127\.0\.0\.1:{server.port} in [\d.]+ ms\n$")

    def test_daemon_is_open(self):
        self.assert_ended(yodel("check", *self.serve_daemon()), OK)

    def test_refused_port_is_told_with_a_hint_at_the_end(self):
        end = use(self, Refusing())
        done = yodel("check", *end.arguments)
        self.assert_ended(done, FAILED, HINT)
        self.assertRegex(done.stdout.decode(),
                         rf"^REFUSED +port {end.port} +127\.0\.0\.1:{end.port} Connection refused\n$")

    def test_hint_stands_there_once(self):
        ends = [use(self, Refusing()) for _ in range(3)]
        done = yodel("check", "127.0.0.1", ",".join(str(end.port) for end in ends))
        self.assertEqual(done.stderr.count(HINT), 1)

    def test_silence_is_a_timeout(self):
        end = use(self, Full())
        begin = time.monotonic()
        done = yodel("check", "-t", "300ms", *end.arguments)
        self.assert_ended(done, FAILED)
        self.assertIn(b"no answer within 300ms", done.stdout)
        self.assertEqual(self.words(done), {end.port: "TIMEOUT"})
        self.assertGreaterEqual(time.monotonic() - begin, 0.3)

    def test_unknown_host_is_told_for_each_port(self):
        done = yodel("check", "no-such-host.invalid", "22,80")
        self.assert_ended(done, FAILED)
        self.assertEqual(self.words(done), {22: "DNS", 80: "DNS"})
        self.assertIn(b"no-such-host.invalid", done.stdout)

    def test_no_way_to_an_address_is_unreachable(self):
        # In a network namespace of its own: not even the loopback is up there.
        alone = ["unshare", "--user", "--map-root-user", "--net"]
        if shutil.which("unshare") is None or \
                subprocess.run([*alone, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("no network namespaces here")
        done = subprocess.run([*alone, YODEL, "check", "127.0.0.1", "7"], env=environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE,
                              check=False)
        self.assert_ended(done, FAILED)
        self.assertEqual(self.words(done), {7: "UNREACHABLE"})

    def test_server_that_talks_at_once_is_open(self):
        self.assert_ended(yodel("check", *serve(self, adding(0, b"Hello\n")).arguments), OK)

    def test_server_that_resets_at_once_is_open_or_told_so(self):
        server = serve(self, resetting())
        words = self.words(yodel("check", *server.arguments))
        self.assertIn(words[server.port], ("OPEN", "RESET"))

    def test_port_that_meets_itself_is_refused(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        done = yodel("check", "--source", f"127.0.0.1:{port}", "127.0.0.1", str(port))
        self.assertEqual(done.returncode, FAILED)
        self.assertEqual(self.words(done), {port: "REFUSED"})


class Addresses(Check):
    def test_second_address_counts_where_the_first_refuses(self):
        addresses = {entry[4][0] for entry in socket.getaddrinfo("localhost", 7)}
        if not has_ipv6() or addresses != {"127.0.0.1", "::1"}:
            self.skipTest("localhost has not two addresses here")
        for host in ("127.0.0.1", "::1"):
            server = use(self, Server(echo, host=host))
            done = yodel("check", "localhost", str(server.port))
            self.assertEqual(done.returncode, OK, done)

    def test_ipv6_is_told_in_brackets(self):
        server = serve(self, echo, host="::1")
        self.assertIn(f" [::1]:{server.port} in".encode(), yodel("check", *server.arguments).stdout)


class Ports(Check):
    def test_ports_are_told_in_the_order_given_and_once(self):
        refusing, server = use(self, Refusing()), serve(self, echo)
        first, last = refusing.port, server.port
        done = yodel("check", "127.0.0.1", f"{first},{last}", str(first), f"{last}-{last}")
        self.assertEqual(list(self.words(done).items()), [(first, "REFUSED"), (last, "OPEN")])
        self.assertEqual(done.stdout.splitlines()[-1], b"1 open, 1 refused")
        self.assertEqual(len(done.stdout.splitlines()), 3)

    def test_bad_list_is_wrong_usage_that_names_the_word(self):
        for words in (["22,x!"], ["0"], ["65536"], ["9-8"], ["22,"], ["22", "no-such-service"],
                      ["1-2-3"], [""]):
            done = yodel("check", "127.0.0.1", *words)
            self.assert_ended(done, USAGE, b"1 to 65535")
            self.assertEqual(done.stdout, b"")
        self.assertIn(b'"x!"', yodel("check", "127.0.0.1", "22,x!").stderr)

    def test_host_alone_is_wrong_usage(self):
        self.assert_ended(yodel("check", "127.0.0.1"), USAGE, b"expected")

    def test_many_ports_side_by_side_take_one_timeout(self):
        ends = [use(self, Full()) for _ in range(20)]
        begin = time.monotonic()
        done = yodel("check", "-t", "1s", "127.0.0.1", ",".join(str(end.port) for end in ends))
        self.assertEqual(set(self.words(done).values()), {"TIMEOUT"})
        self.assertLess(time.monotonic() - begin, 19)
        self.assertIn(b"0 open, 20 timeout", done.stdout)

    def test_range_of_many_ports_is_done_with_few_descriptors(self):
        server = serve(self, echo)
        count = scaled(2000, 300)
        first = max(1, min(server.port - count // 2, 65535 - count))

        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
        for setup in (None, limit):
            process = self.start_client("127.0.0.1", f"{first}-{first + count}", preexec_fn=setup)
            output, _ = process.communicate(timeout=PATIENCE)
            lines = output.decode().splitlines()
            self.assertEqual(len(lines), count + 2)
            self.assertFalse([line for line in lines if line.startswith("OTHER")])
            self.assertTrue(any(line.startswith("OPEN") and f"port {server.port} " in line
                                for line in lines))


class Unix(Check):
    def test_unix_socket_is_open(self):
        server = serve(self, echo, path=abstract_name())
        done = yodel("check", *server.arguments)
        self.assert_ended(done, OK)
        self.assertIn(f"OPEN        unix:{server.path} in".encode(), done.stdout)

    def test_unix_socket_that_is_not_there_is_told(self):
        done = yodel("check", "unix:/no/such/socket")
        self.assert_ended(done, FAILED)
        self.assertIn(b"No such file or directory", done.stdout)

    def test_full_unix_socket_is_a_timeout(self):
        end = use(self, NeverAccepting(path=abstract_name(), backlog=0))
        with end.connect():
            done = yodel("check", "-t", "300ms", *end.arguments)
            self.assertEqual(done.stdout.split()[0], b"TIMEOUT")
            self.assertEqual(done.returncode, FAILED)

    def test_unix_socket_with_ports_is_wrong_usage(self):
        self.assert_ended(yodel("check", "unix:/x", "22"), USAGE, b'"22"')


class Output(Check):
    def test_quiet_prints_nothing(self):
        end, server = use(self, Refusing()), serve(self, echo)
        for arguments, code in ((end.arguments, FAILED), (server.arguments, OK),
                                (["no-such-host.invalid", "1"], FAILED)):
            done = yodel("check", "-q", *arguments)
            self.assert_ended(done, code)
            self.assertEqual(done.stdout, b"")

    def test_verbose_tells_each_attempt(self):
        refusing, server = use(self, Refusing()), serve(self, echo)
        done = yodel("check", "-v", "--json", "--wait", "500ms", "127.0.0.1",
                     f"{refusing.port},{server.port}")
        json.loads(done.stdout)
        lines = done.stderr.decode().splitlines()
        open_line, refused_line = (f"port {end.port}: connecting to 127.0.0.1:{end.port}"
                                   for end in (server, refusing))
        self.assertEqual(lines.count(open_line), 1)
        self.assertEqual(lines.count(f"port {server.port}: connected to 127.0.0.1:{server.port}"), 1)
        again = f"port {refusing.port}: 127.0.0.1:{refusing.port} Connection refused; trying again"
        self.assertGreater(lines.count(again), 0)
        self.assertGreaterEqual(lines.count(refused_line), lines.count(again))

    def test_verbose_tells_why_there_is_no_attempt(self):
        done = yodel("check", "-v", "-q", "no-such-host.invalid", "7")
        self.assertTrue(done.stderr.startswith(b"port 7: "), done)
        self.assertIn(b"no-such-host.invalid", done.stderr)

    def test_json_has_all_of_each_port(self):
        refusing, server = use(self, Refusing()), serve(self, echo)
        done, answer = self.entries("127.0.0.1", f"{server.port},{refusing.port}")
        self.assertEqual(done.returncode, FAILED)
        self.assertEqual((answer["command"], answer["ports_tried"], answer["ports_open"],
                          answer["is_interrupted"]), ("check", 2, 1, False))
        is_open, refused = answer["ports"]
        self.assertEqual((is_open["port"], is_open["word"], is_open["address"], is_open["message"]),
                         (server.port, "OPEN", f"127.0.0.1:{server.port}", None))
        self.assertGreater(is_open["connect_ms"], 0)
        self.assertEqual((refused["port"], refused["word"], refused["connect_ms"]),
                         (refusing.port, "REFUSED", None))
        self.assertIn("Connection refused", refused["message"])

    def test_json_of_an_unknown_host(self):
        _, answer = self.entries("no-such-host.invalid", "1")
        self.assertEqual(answer["ports"][0]["word"], "DNS")

    def test_no_colours_without_a_terminal(self):
        self.assertNotIn(b"\033", yodel("check", *serve(self, echo).arguments).stdout)

    def test_full_disk_is_told(self):
        with open("/dev/full", "wb") as full:
            done = yodel("check", *serve(self, echo).arguments, stdout=full)
        self.assert_ended(done, FAILED, b"cannot write to standard output")


class Wait(Check):
    def test_port_that_is_open_ends_it_at_once(self):
        begin = time.monotonic()
        self.assert_ended(yodel("check", "--wait", "60s", *serve(self, echo).arguments), OK)
        self.assertLess(time.monotonic() - begin, 30)

    def test_ports_that_open_later_are_waited_for(self):
        ends = [use(self, Refusing()) for _ in range(3)]
        ports = ",".join(str(end.port) for end in ends)
        process = self.start_client("-q", "--wait", "60s", "127.0.0.1", ports)
        for end in ends:
            self.assertIsNone(process.poll())
            end.listener.listen(8)
            end.listener.settimeout(PATIENCE)
            end.listener.accept()[0].close()  # it has noticed
        self.assertEqual(process.wait(PATIENCE), OK)

    def test_unix_socket_that_comes_later_is_waited_for(self):
        path = os.path.join(self.folder(), "socket")
        process = self.start_client("--wait", "60s", f"unix:{path}")
        timer = threading.Timer(0.3, lambda: use(self, Server(echo, path=path)))
        timer.start()
        self.addCleanup(timer.join)
        self.assertEqual(process.wait(PATIENCE), OK)

    def test_end_of_the_wait_tells_the_last_state(self):
        refusing, full, server = use(self, Refusing()), use(self, Full()), serve(self, echo)
        begin = time.monotonic()
        done = yodel("check", "--wait", "700ms", "127.0.0.1",
                     f"{refusing.port},{full.port},{server.port}")
        self.assert_ended(done, FAILED, HINT)
        self.assertGreaterEqual(time.monotonic() - begin, 0.7)
        self.assertEqual(self.words(done), {refusing.port: "REFUSED", full.port: "TIMEOUT",
                                            server.port: "OPEN"})
        self.assertEqual(server.connections, 1)  # what is open is not asked again

    def test_unknown_host_is_waited_for(self):
        begin = time.monotonic()
        done = yodel("check", "--wait", "600ms", "no-such-host.invalid", "7")
        self.assert_ended(done, FAILED)
        self.assertGreaterEqual(time.monotonic() - begin, 0.6)
        self.assertEqual(self.words(done), {7: "DNS"})


class Interrupt(Check):
    def test_what_is_known_so_far_is_told(self):
        full, server = use(self, Full()), serve(self, echo)
        for extra in ([], ["--wait", "60s"]):
            before = server.connections
            process = self.start_client("-t", "60s", *extra, "127.0.0.1",
                                        f"{full.port},{server.port}")
            wait_until(lambda: server.connections > before, "it has connected")
            wait_until(lambda: catches_interrupts(process), "it catches signals")
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=PATIENCE)
            self.assertEqual(process.returncode, FAILED)
            self.assertRegex(output.decode(), rf"OTHER +port {full.port} .*interrupted")
            self.assertIn("1 other", output.decode())

    def test_ports_that_were_not_tried_do_not_count(self):
        fulls, server = [use(self, Full()) for _ in range(8)], serve(self, echo)

        def limit():  # room for a few connections at once
            resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
        ports = [str(end.port) for end in [server, *fulls]]
        process = self.start_client("--json", "-t", "60s", "127.0.0.1", ",".join(ports),
                                    preexec_fn=limit)
        wait_until(lambda: server.connections > 0, "it has connected")
        wait_until(lambda: catches_interrupts(process), "it catches signals")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE)
        result = json.loads(output)
        self.assertTrue(result["is_interrupted"])
        self.assert_between(result["ports_tried"], 2, 8)
        self.assertEqual((result["ports_open"], len(result["ports"])), (1, 9))


if __name__ == "__main__":
    main()
