# SPDX-License-Identifier: MIT
"""yodel verify: every fault of the other end is named, with its offset and its count."""

import json
import random
import signal
import socket
import subprocess

from client_harness import FAILED, OK, USAGE, YODEL, ClientTest, Pty, yodel
from other_ends import (LOCKSTEP, PROGRAMS, UNIX_PROGRAMS, NeverAccepting, Refusing, abstract_name,
                        adding, chunking, copy, corrupting, echo, greeting, losing, pieces,
                        reordering, repeating, resetting, serve, silent, slow, Stalling, swallow,
                        take, trailing, truncating, use)
from yodel_harness import PATIENCE, environment, main, scaled, wait_until

SIZE = scaled(2_000_000, 500_000)


def verify(end, *options, size=SIZE):
    return yodel("verify", *end.arguments, "-n", str(size), *options)


class Verify(ClientTest):
    def assert_named(self, end, message, kind, *options, size=SIZE):
        """The fault is told by text and by JSON; returns that of JSON."""
        self.assert_ended(verify(end, *options, size=size), FAILED, b"OTHER: " + message)
        done = verify(end, "--json", *options, size=size)
        self.assert_ended(done, FAILED, b"OTHER: " + message)
        result = json.loads(done.stdout)
        self.assertEqual(result["verdict"], kind)
        self.assertEqual(result["error"], "OTHER")
        self.assertIn(message.decode(), result["message"])
        return result

    def assert_fault(self, talk, kind, at, count, *options):
        """
        A fault with this count is seen at this offset, with a seed for which no right byte happens
        to stand there.
        """
        done = verify(serve(self, talk), "--json", "--seed", "7", *options)
        result = json.loads(done.stdout)
        self.assertEqual((result["verdict"], result["fault"]["length_bytes"]), (kind, count), done)
        self.assert_between(result["fault"]["offset_bytes"], at, at + 2)
        self.assertEqual(result["fault"]["offset_bytes"], result["right_bytes"])
        self.assertEqual(done.returncode, FAILED)
        return result

    # --- what is right ---

    def test_every_byte_comes_back_from_the_daemon(self):
        done = yodel("verify", *self.serve_daemon(), "--seed", "42")
        self.assert_ended(done, OK)
        self.assertRegex(done.stdout, rb"^16777216 bytes in [\d.]+ ms, [\d.]+ [KMG]iB/s, seed 42: "
                                      rb"every byte came back\n$")

    def test_every_size_comes_back(self):
        end = serve(self, echo)
        for size in (1, 2, 7, 8, 9, 15, 16, 23, 65535, 131073):
            self.assert_ended(verify(end, size=size), OK)

    def test_seed_is_random_and_printed(self):
        end = serve(self, echo)
        seeds = {json.loads(verify(end, "--json", size=1).stdout)["seed"] for _ in range(3)}
        self.assertEqual(len(seeds), 3)

    def test_seed_makes_the_stream(self):
        streams = []
        end = serve(self, lambda client: streams.append(b"".join(map(bytes, pieces(client)))))
        for seed in ("5", "5", "6"):
            verify(end, "--seed", seed, size=1000)
        end.close()
        self.assertEqual(streams[0], streams[1])
        self.assertNotEqual(streams[0], streams[2])
        self.assertEqual(len(streams[0]), 1000)

    def test_json_is_one_object_with_the_numbers(self):
        done = verify(serve(self, echo), "--json", "--seed", "9", size=1000)
        self.assert_ended(done, OK)
        result = json.loads(done.stdout)
        self.assertEqual((result["command"], result["verdict"], result["seed"]), ("verify", "ok", 9))
        for name in ("bytes", "right_bytes", "sent_bytes", "received_bytes"):
            self.assertEqual(result[name], 1000)
        self.assertGreater(result["duration_ms"], 0)
        self.assertGreater(result["rate_bytes_per_s"], 0)
        self.assertFalse(result["is_interrupted"])
        self.assertNotIn("fault", result)
        self.assertNotIn("error", result)

    def test_foreign_servers_are_verified(self):
        for name, start in PROGRAMS.items():
            with self.subTest(name), start() as end:
                options = ["--keep-open"] if name in LOCKSTEP else []
                size = LOCKSTEP.get(name, SIZE)
                self.assert_ended(verify(end, *options, size=size), OK)

    def test_unix_sockets_are_verified(self):
        for name, start in UNIX_PROGRAMS.items():
            with self.subTest(name), start(path=abstract_name()) as end:
                self.assert_ended(verify(end), OK)

    def test_small_answers_and_slow_ones_are_right(self):
        self.assert_ended(verify(serve(self, chunking()), size=scaled(20000, 5000)), OK)
        self.assert_ended(verify(serve(self, slow(0.01)), size=300_000), OK)

    def test_stall_shorter_than_the_timeout_is_right(self):
        stalling = Stalling(0.3, after_bytes=1000)
        self.assert_ended(verify(serve(self, stalling)), OK)

    def test_chunks_and_pauses_make_boundaries(self):
        sizes = []

        def talk(client):
            for piece in pieces(client):
                sizes.append(len(piece))
                client.sendall(piece)
        end = serve(self, talk)
        done = verify(end, "--chunk", "7", "--pause", "20ms", "--json", size=100)
        self.assert_ended(done, OK)
        self.assertGreaterEqual(json.loads(done.stdout)["duration_ms"], 14 * 20)
        self.assertEqual(sum(sizes), 100)
        self.assertGreater(len(sizes), 3)

    def test_pause_may_be_longer_than_the_timeout(self):
        done = verify(serve(self, echo), "--chunk", "50", "--pause", "1500ms", "-t", "1s",
                      size=100)
        self.assert_ended(done, OK)

    def test_kept_open_connection_is_done_when_all_is_back(self):
        ends = []

        def talk(client):
            copy(client, 1000)
            ends.append(client.recv(1))  # blocks until the client has gone
        end = serve(self, talk)
        self.assert_ended(verify(end, "--keep-open", size=1000), OK)
        end.close()
        self.assertEqual(ends, [b""])

    # --- what is wrong: the fault ---

    def test_message_says_kind_offset_and_count(self):
        for talk, message, kind in (
                (corrupting(at=1000, count=3), b"at offset 1000: 3 bytes changed\n", "changed"),
                (truncating(1000), b"at offset 1000: truncated: the last 1000 bytes did not come\n",
                 "truncated"),
                (trailing(b"more\n"), b'at offset 2000: 5 bytes more than were sent: "more\\n"\n',
                 "trailing"),
                (greeting(b"Hello!"), b"the server sent something else from the first byte: "
                                      b"is it an echo service? (", "foreign")):
            with self.subTest(kind):
                end = serve(self, talk)
                done = verify(end, "--json", "--seed", "7", size=2000)
                self.assert_ended(done, FAILED, b"OTHER: " + message)
                self.assertEqual(json.loads(done.stdout)["verdict"], kind)
                done = verify(end, "--seed", "7", size=2000)
                self.assert_ended(done, FAILED, b"OTHER: " + message)
                self.assertRegex(done.stdout, rb"^\d+ bytes( of 2000)? in .* seed 7: %s\n$"
                                 % kind.encode())

    def test_changed_bytes(self):
        for at, count in ((0, 1), (1, 1), (SIZE - 1, 1), (SIZE - 9, 9), (123_457, 100_000)):
            with self.subTest(at=at, count=count):
                self.assert_fault(corrupting(at=at, count=count), "changed", at, count)

    def test_lost_bytes(self):
        for at, count in ((0, 1), (0, 70_000), (1000, 3), (SIZE - 9, 4), (54_321, 200_000)):
            with self.subTest(at=at, count=count):
                self.assert_fault(losing(at=at, count=count), "lost", at, count)

    def test_repeated_bytes(self):
        for at, count in ((1, 1), (1000, 3), (SIZE - 8, 8), (300_001, 100_000)):
            with self.subTest(at=at, count=count):
                result = self.assert_fault(repeating(at=at, count=count), "repeated", at, count)
                self.assertEqual(result["fault"]["from_offset_bytes"],
                                 result["fault"]["offset_bytes"] - count)

    def test_added_bytes(self):
        for at, data in ((0, b"x"), (1000, b"foreign"), (SIZE - 1, b"0123456789" * 100)):
            with self.subTest(at=at, count=len(data)):
                result = self.assert_fault(adding(at=at, data=data), "added", at, len(data))
                self.assertIn(data[:20].decode(), result["message"])

    def test_reordered_blocks(self):
        for at, count in ((0, 100), (1001, 40), (99_999, 50_000), (SIZE - 200, 100)):
            with self.subTest(at=at, count=count):
                result = self.assert_fault(reordering(at=at, count=count), "reordered", at, count)
                self.assertEqual(result["fault"]["others_bytes"], count)

    def test_faults_at_random_places_are_exact(self):
        rng = random.Random(1)
        for kind, make in (("changed", corrupting), ("lost", losing), ("repeated", repeating)):
            for _ in range(scaled(6, 2)):
                count = rng.randrange(1, 50_000)
                at = rng.randrange(count, SIZE - count - 100)
                with self.subTest(kind, at=at, count=count):
                    self.assert_fault(make(at, count=count), kind, at, count,
                                      "--seed", str(rng.randrange(1, 1 << 40)))

    def test_truncated_stream(self):
        for at in (1, 1000, SIZE - 1):
            result = self.assert_fault(truncating(at), "truncated", at, SIZE - at)
            self.assertEqual(result["right_bytes"], at)

    def test_trailing_bytes(self):
        result = self.assert_fault(trailing(b"and more"), "trailing", SIZE, 8)
        self.assertIn("and more", result["message"])

    def test_trailing_bytes_without_end_are_given_up(self):
        def talk(client):
            copy(client)
            while True:
                client.sendall(b"more" * 1000)
        self.assert_named(serve(self, talk), b"at offset 1000: ", "trailing", size=1000)

    def test_damage_without_end_is_given_up(self):
        done = verify(serve(self, corrupting(at=3, count=1 << 40)), "--seed", "7", size=64 << 20)
        self.assert_ended(done, FAILED, b"is it an echo service? (at offset 3: something else")

    def test_fault_is_told_while_the_rest_does_not_come(self):
        def talk(client):
            copy(client, 500)
            take(client, 3)
            copy(client, 100)
            client.pause()
        done = verify(serve(self, talk), "-t", "1s", "--seed", "7", size=1000)
        self.assert_ended(done, FAILED, b"OTHER: at offset 500: 3 bytes lost")

    def test_lost_end_is_told_when_the_connection_is_kept_open(self):
        def talk(client):
            copy(client, 990)
            take(client, 3)
            copy(client)
        done = verify(serve(self, talk), "-t", "300ms", "--seed", "7", "-k", size=1000)
        self.assert_ended(done, FAILED, b"OTHER: at offset 990: 3 bytes lost")

    def test_daemons_other_services_are_no_echo(self):
        for service, message in (("greet", b"from the first byte: is it an echo service? (at"),
                                 ("daytime", b"from the first byte: is it an echo service? (at"),
                                 ("chargen", b"from the first byte: is it an echo service? (at"),
                                 ("discard", b"without an answer: is it an echo service?")):
            with self.subTest(service):
                self.assert_ended(yodel("verify", *self.serve_daemon(service), "--seed", "7"),
                                  FAILED, message)

    # --- failures ---

    def test_swallowing_server_is_no_echo(self):
        done = verify(serve(self, swallow))
        self.assert_ended(done, FAILED, b"ended its stream without an answer: is it an echo service?")

    def test_silent_server_is_not_waited_for_longer_than_the_timeout(self):
        for end in (serve(self, silent), use(self, NeverAccepting())):
            for options in ([], ["-n", "100M"], ["--keep-open"]):
                done = verify(end, "-t", "300ms", *options)
                self.assert_ended(done, FAILED, b"TIMEOUT: ")
                self.assertIn(b"is it an echo service?", done.stderr)

    def test_stall_is_a_timeout_with_what_was_right(self):
        def talk(client):
            copy(client, 1000)
            client.pause()
        done = verify(serve(self, talk), "-t", "1s", "--json", size=2000)
        self.assert_ended(done, FAILED, b"; all that came back was right")
        result = json.loads(done.stdout)
        self.assertEqual((result["verdict"], result["error"], result["right_bytes"]),
                         ("failed", "TIMEOUT", 1000))

    def test_stream_that_does_not_end_is_a_timeout_with_advice(self):
        def talk(client):
            copy(client)
            client.pause()
        done = verify(serve(self, talk), "-t", "300ms", size=2000)
        self.assert_ended(done, FAILED, b"every byte had come back: --keep-open")

    def test_reset_is_told(self):
        done = verify(serve(self, resetting(1000)), "--json")
        self.assert_ended(done, FAILED, b"RESET: ")
        self.assertEqual(json.loads(done.stdout)["error"], "RESET")

    def test_refused_connection_is_told(self):
        self.assert_ended(verify(use(self, Refusing())), FAILED, b"REFUSED: ")

    def test_wrong_options_are_told(self):
        for options in (["-n", "0"], ["--chunk", "0"], ["--chunk", "2M"], ["--seed", "-1"],
                        ["--pause", "-1"], ["more"]):
            with self.subTest(options):
                self.assertEqual(yodel("verify", "127.0.0.1", "7", *options).returncode, USAGE)

    # --- Ctrl-C ---

    def interrupt(self, end, is_time, *options):
        with subprocess.Popen([YODEL, "verify", *end.arguments, "-n", "1024G", "-t", "0", *options],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=environment()) as process:
            wait_until(lambda: process.poll() is not None or is_time(process))
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err

    def test_interrupt_tells_what_was_right_so_far(self):
        end = serve(self, echo)
        # More than the buffers hold on the way back: some of it has been read.
        code, out, err = self.interrupt(end, lambda _: end.received > 32_000_000)
        self.assertEqual((code, err), (OK, b""))
        self.assertRegex(out, rb"^\d+ bytes of 1099511627776 in .*: interrupted, all right so far\n$")

    def test_terminal_gets_a_bar_with_rate_and_time_left(self):
        variables = dict(environment({"TERM": "xterm"}), NO_COLOR="")
        with Pty([YODEL, "verify", *serve(self, echo).arguments, "-n", "1G"],
                 env=variables) as terminal:
            shown = terminal.read_until(b" s left")
            self.assertRegex(shown, rb"\r\[#* *\] +\d+% [\d.]+ [KMG]iB, [\d.]+ [KMG]iB/s, \d+ s left\Z")
            terminal.process.send_signal(signal.SIGINT)
            self.assertIn(b"\r\x1b[K", terminal.read_all())  # it is gone before the result

    def test_second_signal_right_behind_does_not_cost_the_summary(self):
        """timeout(1) signals its child, and then the group that the child is in."""
        end = serve(self, echo)
        with subprocess.Popen([YODEL, "verify", *end.arguments, "-n", "1024G"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=environment()) as process:
            wait_until(lambda: end.received > 32_000_000)
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, OK)
        self.assertIn(b"interrupted, all right so far", out)

    def test_interrupt_is_told_by_json(self):
        for talk, verdict in ((echo, "interrupted"), (swallow, "failed")):
            end = serve(self, talk)
            _, out, _ = self.interrupt(end, lambda _, end=end: end.received > 32_000_000, "--json")
            result = json.loads(out)
            self.assertEqual((result["verdict"], result["is_interrupted"]), (verdict, True))

    def test_interrupt_before_anything_came_is_a_failure(self):
        end = serve(self, swallow)
        code, _, err = self.interrupt(end, lambda _: end.received > 1_000_000)
        self.assertEqual(code, FAILED)
        self.assertIn(b"OTHER: interrupted before anything came back", err)

    # --- as a resource ---

    def test_memory_does_not_grow_with_the_stream(self):
        end = serve(self, echo)
        sizes = []

        def is_time(process):
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                peak = [line for line in file if line.startswith("VmHWM")]
            if peak and end.received > (len(sizes) + 1) * scaled(20_000_000, 1_000_000):
                sizes.append(int(peak[0].split()[1]))
            return len(sizes) == 3
        self.interrupt(end, is_time)
        self.assertLess(sizes[2] - sizes[0], 1024)

    def test_ipv6_is_verified(self):
        if not socket.has_ipv6:
            self.skipTest("no IPv6 here")
        with PROGRAMS["python_asyncio"](host="::1") as end:
            self.assert_ended(verify(end), OK)


if __name__ == "__main__":
    main()
