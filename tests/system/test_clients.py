# SPDX-License-Identifier: MIT
"""Other people's clients: each gets its echo, and its greeting, and comes to its end."""

import asyncio
import os
import shutil
import subprocess

from yodel_harness import PATIENCE, SystemTest, environment, main, receive_exactly

DATA = b"Yodel-ay-ee-oo\nthe mountain answers\n"


class ClientTest(SystemTest):
    program = None

    def setUp(self):
        if self.program is not None and shutil.which(self.program) is None:
            self.skipTest(f"{self.program} is not installed")
        self.daemon = self.start(listen=["127.0.0.1:0=echo", "127.0.0.1:0=greet"])
        self.ports = [str(port) for _, port in self.daemon.addresses]

    def output_of(self, *command, data=b""):
        done = subprocess.run(command, input=data, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=environment(), timeout=PATIENCE,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def assert_finished(self, count):
        """The daemon saw each of them go without a reset of ours."""
        for event in self.daemon.wait_for_count(count, "close"):
            self.assertIn(event["reason"], ("client_fin", "done", "probe"))

    def assert_works(self, *command):
        """A command that half-closes at the end of its input, with host and port at its end."""
        big = os.urandom(1_000_000)
        self.assertEqual(self.output_of(*command, "127.0.0.1", self.ports[0], data=DATA), DATA)
        self.assertTrue(self.output_of(*command, "127.0.0.1", self.ports[0], data=big) == big)
        self.assertEqual(self.output_of(*command, "127.0.0.1", self.ports[0]), b"")
        self.assertEqual(self.output_of(*command, "127.0.0.1", self.ports[1]), b"Hello, Client!")
        self.assertEqual(self.output_of(*command, "127.0.0.1", self.ports[1], data=DATA),
                         b"Hello, Client!")
        self.assert_finished(5)

    def start_by_path(self):
        """A daemon that echoes by a file and by an abstract name. Returns both."""
        names = [os.path.join(self.folder(), "socket"), f"@yodel-test-{os.getpid()}"]
        self.daemon = self.start(listen=[f"unix:{name}=echo" for name in names])
        return names

    def assert_works_by_path(self, *command):
        path, _ = self.start_by_path()
        big = os.urandom(1_000_000)
        self.assertTrue(self.output_of(*command, path, data=big) == big)
        self.assert_finished(1)


class NetcatOpenbsd(ClientTest):
    program = "nc.openbsd"

    def test_netcat_openbsd_is_echoed_and_greeted(self):
        self.assert_works("nc.openbsd", "-N")

    def test_netcat_openbsd_is_echoed_over_a_unix_socket(self):
        self.assert_works_by_path("nc.openbsd", "-N", "-U")

    def test_netcat_openbsd_finds_the_port_open(self):
        self.output_of("nc.openbsd", "-z", "127.0.0.1", self.ports[0])


class NetcatTraditional(ClientTest):
    program = "nc.traditional"

    def test_netcat_traditional_is_echoed_and_greeted(self):
        # It cannot half-close: it stays until nothing has come for a second.
        self.assertEqual(self.output_of(
            "nc.traditional", "-q", "1", "127.0.0.1", self.ports[0], data=DATA), DATA)
        self.assertEqual(self.output_of("nc.traditional", "-q", "1", "127.0.0.1", self.ports[1]),
                         b"Hello, Client!")


class Ncat(ClientTest):
    program = "ncat"

    def test_ncat_is_echoed_over_a_unix_socket(self):
        self.assert_works_by_path("ncat", "-U")

    def test_ncat_is_echoed_and_greeted(self):
        self.assert_works("ncat")


class Socat(ClientTest):
    program = "socat"

    def test_socat_is_echoed_over_both_kinds_of_unix_sockets(self):
        path, name = self.start_by_path()
        big = os.urandom(1_000_000)
        for address in (f"UNIX-CONNECT:{path}", f"ABSTRACT-CONNECT:{name[1:]}"):
            self.assertTrue(self.output_of("socat", "-t10", "-", address, data=big) == big)
        self.assert_finished(2)

    def test_socat_is_echoed_and_greeted(self):
        big = os.urandom(1_000_000)
        for port, data, expected in ((0, DATA, DATA), (0, big, big), (0, b"", b""),
                                     (1, b"", b"Hello, Client!")):
            self.assertTrue(self.output_of(
                "socat", "-t", str(PATIENCE), "-", f"TCP:127.0.0.1:{self.ports[port]}",
                data=data) == expected)


class Telnet(ClientTest):
    program = "telnet"

    def talk(self, port, words):
        """Types `words`, waits for them to come back, and hangs up. Returns what was shown."""
        with subprocess.Popen(["telnet", "127.0.0.1", self.ports[port]], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=environment()) as telnet:
            shown = b""
            telnet.stdin.write(words)
            telnet.stdin.flush()
            while (words or b"closed by foreign host") not in shown:
                piece = os.read(telnet.stdout.fileno(), 4096)
                self.assertTrue(piece, f"telnet ended too early: {shown!r}")
                shown += piece
            telnet.stdin.close()
            telnet.wait(PATIENCE)
        return shown

    def test_telnet_is_echoed(self):
        self.assertIn(b"yodel-ay-ee-oo", self.talk(0, b"yodel-ay-ee-oo\n"))

    def test_telnet_is_greeted(self):
        self.assertIn(b"Hello, Client!", self.talk(1, b""))


class Bash(ClientTest):
    program = "bash"

    def test_bash_is_echoed(self):
        self.assertEqual(self.output_of(
            "bash", "-c", 'exec 3<>"/dev/tcp/127.0.0.1/$0"; printf "yodel\n" >&3; '
            'read -r line <&3; printf %s "$line"', self.ports[0]), b"yodel")

    def test_bash_is_greeted(self):
        self.assertEqual(self.output_of(
            "bash", "-c", 'cat <"/dev/tcp/127.0.0.1/$0"', self.ports[1]), b"Hello, Client!")


class PythonAsyncio(ClientTest):
    def test_asyncio_is_echoed_and_greeted(self):
        async def talk(port, data):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer

        async def everybody():
            return await asyncio.gather(*(talk(self.ports[0], b"%d" % number * 1000)
                                          for number in range(50)), talk(self.ports[1], b""))
        answers = asyncio.run(asyncio.wait_for(everybody(), PATIENCE))
        self.assertEqual(answers, [b"%d" % number * 1000 for number in range(50)] +
                         [b"Hello, Client!"])

    def test_plain_socket_is_echoed(self):
        client = self.connect(self.daemon)
        client.sendall(DATA)
        self.assertEqual(receive_exactly(client, len(DATA)), DATA)


if __name__ == "__main__":
    main()
