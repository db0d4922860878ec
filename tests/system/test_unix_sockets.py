# SPDX-License-Identifier: MIT
"""Unix sockets: their clients, their peers, and the life of their files."""

import contextlib
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import time

from client_harness import YODEL, yodel
from yodel_harness import (ADDRESS_IN_USE, AS_ROOT, CONFIGURATION, PATIENCE, PERMISSION, SLACK,
                           YODELD, SystemTest, main, receive_all, receive_end, receive_exactly,
                           run, scaled, send_until_full, wait_until)

NOBODY = 65534
WHO = f"unix:pid:{os.getpid()},uid:{os.getuid()}"


class UnixTest(SystemTest):
    names = 0

    def path(self):
        return os.path.join(self.folder(), "socket")

    def abstract(self):
        UnixTest.names += 1
        return f"@yodel-test-{os.getpid()}-{UnixTest.names}"

    def hosts(self, service):
        """The word of -l for a file and for an abstract name, each with this service."""
        return [f"unix:{name}={service}" for name in (self.path(), self.abstract())]


class Serving(UnixTest):
    def test_ready_lines_and_log_have_the_path(self):
        words = self.hosts("echo")
        daemon = self.start(listen=words)
        addresses = [word.removesuffix("=echo") for word in words]
        self.assertEqual([host for host, _ in daemon.addresses], addresses)
        daemon.wait_for("ready")
        self.assertEqual([event["address"] for event in daemon.events("listen")], addresses)

    def test_both_kinds_echo_greet_and_discard(self):
        for service, data, answer in (("echo", b"yodel", b"yodel"), ("discard", b"yodel", b""),
                                      ("greet", b"", b"Hello, Client!")):
            daemon = self.start(listen=self.hosts(service))
            for host, _ in daemon.addresses:
                with self.subTest(host=host, service=service):
                    done = yodel("send", host, data=data)
                    self.assertEqual((done.returncode, done.stdout), (0, answer), done.stderr)

    def test_path_stands_in_the_file_of_the_configuration(self):
        path = self.path()
        config = self.write_config(f'host = "unix:{path}"; socket: {{ mode = "0600"; }};')
        daemon = self.start(listen=[], config=config)
        self.assertEqual(daemon.address()[0], f"unix:{path}")
        self.assert_echoes(self.connect(daemon))

    def test_peer_is_a_process_and_its_user(self):
        for word in self.hosts("greet"):
            daemon = self.start(listen=[word], options=["text=${peer}"])
            self.assertEqual(receive_all(self.connect(daemon)).decode(), WHO)
            self.assertEqual(daemon.wait_for("accept")["peer"], WHO)
            self.assertEqual(daemon.wait_for("close")["peer"], WHO)

    def test_much_comes_back_and_the_end_of_one_side_is_not_that_of_the_other(self):
        for word in self.hosts("echo"):
            daemon = self.start(listen=[word])
            data = random.Random(7).randbytes(scaled(20_000_000, 2_000_000))
            done = yodel("send", daemon.address()[0], data=data)
            self.assertTrue(done.stdout == data, done.stderr)
            closed = daemon.wait_for("close")
            self.assertEqual((closed["reason"], closed.number("in"), closed.number("out")),
                             ("client_fin", len(data), len(data)))

    def test_the_clients_of_ours_work(self):
        daemon = self.start(listen=self.hosts("echo"))
        for host, _ in daemon.addresses:
            for command in (["verify", host, "-n", "1M"], ["ping", "-n", "2", "-i", "10ms", host],
                            ["check", host], ["multi", host, "hello"],
                            ["load", host, "-c", "8", "-d", "200ms"]):
                with self.subTest(command=command):
                    done = yodel(*command)
                    self.assertEqual(done.returncode, 0, done.stderr + done.stdout)

    def test_many_at_once_are_served(self):
        for word in self.hosts("echo"):
            daemon = self.start(listen=[word])
            clients = [self.connect(daemon) for _ in range(100)]
            for number, client in enumerate(clients):
                client.sendall(b"%d" % number)
            for number, client in enumerate(clients):
                self.assertEqual(receive_exactly(client, len(str(number))), b"%d" % number)
                client.close()
            daemon.wait_for_count(100, "close", reason="client_fin")

    def test_statistics_count_them(self):
        daemon = self.start(listen=self.hosts("echo"))
        for index in (0, 1):
            client = self.connect(daemon, index)
            self.assert_echoes(client)
            client.close()
        daemon.wait_for_count(2, "close")
        daemon.signal(signal.SIGUSR1)
        told = daemon.wait_for("statistics")
        self.assertEqual([told[name] for name in ("accepted", "in", "out", "client_fin")],
                         ["2", "10", "10", "2"])

    def test_socket_options_that_are_for_tcp_do_no_harm(self):
        daemon = self.start(listen=self.hosts("echo"), options=[
            "socket.keepalive=true", "socket.keepalive_count=3", "socket.defer_accept=30s",
            "socket.user_timeout=1s", "socket.send_buffer=64k", "socket.receive_buffer=64k"])
        for index in (0, 1):
            self.assert_echoes(self.connect(daemon, index))


class Timeouts(UnixTest):
    def assert_closed(self, daemon, reason, low_ms):
        closed = daemon.wait_for("close", peer=WHO)
        self.assertEqual(closed["reason"], reason)
        self.assertGreaterEqual(closed.number("ms"), low_ms - 50)
        return closed

    def started(self, *options, service="echo"):
        return self.start(listen=[f"unix:{self.path()}={service}"], options=options)

    def test_silence_is_ended(self):
        for option, reason in (("idle", "idle"), ("first_byte", "first_byte"),
                               ("lifetime", "lifetime")):
            with self.subTest(option=option):
                daemon = self.started(f"timeouts.{option}=300ms")
                self.assert_ends(self.connect(daemon))
                self.assert_closed(daemon, reason, 300)

    def test_client_that_does_not_close_is_cut_at_the_end_of_linger(self):
        daemon = self.started("timeouts.linger=300ms", service="greet")
        client = self.connect(daemon)
        self.assertEqual(receive_all(client), b"Hello, Client!")
        self.assert_closed(daemon, "linger", 300)

    def test_client_that_never_reads_meets_the_write_timeout(self):
        for service in ("chargen", "echo"):
            with self.subTest(service=service):
                daemon = self.started("timeouts.write=500ms", service=service)
                client = self.connect(daemon)
                client.settimeout(PATIENCE)
                if service == "echo":
                    # Twice the two queues: the daemon does not get rid of it.
                    with contextlib.suppress(ConnectionError):
                        client.sendall(b"x" * 2_000_000)
                self.assert_closed(daemon, "write_timeout", 500)

    def test_client_that_reads_slowly_is_waited_for(self):
        # Some 40 KiB in the time of a write: more than a piece, and less than the queue holds.
        daemon = self.started("timeouts.write=2s")
        client = self.connect(daemon)
        sent = send_until_full(client, limit=2_000_000)
        until = time.monotonic() + 7
        received = 0
        while time.monotonic() < until:
            received += len(client.recv(2048))
            time.sleep(0.1)  # the pace of this reader
        self.assertEqual(daemon.events("close"), [])
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(received + len(receive_all(client)), sent)
        self.assertEqual(daemon.wait_for("close")["reason"], "client_fin")


class Limits(UnixTest):
    def test_clients_are_counted_by_their_user(self):
        daemon = self.start(listen=self.hosts("echo"),
                            options=["limits.max_per_peer=1", "limits.refuse_text=full"])
        client = self.connect(daemon, 0)
        self.assert_echoes(client)
        self.assertEqual(yodel("send", daemon.address(1)[0]).stdout, b"full")
        refused = daemon.wait_for("refuse", reason="limit_peer")
        self.assertRegex(refused["peer"], rf"^unix:pid:\d+,uid:{os.getuid()}$")
        self.assert_echoes(client)

    def test_another_user_is_another_peer(self):
        if os.geteuid() != 0:
            self.skipTest("only root can be somebody else")
        path = self.path()
        os.chmod(os.path.dirname(path), 0o755)
        daemon = self.start(listen=[f"unix:{path}=echo"], options=["limits.max_per_peer=1"])
        self.assert_echoes(self.connect(daemon))
        os.seteuid(NOBODY)
        try:
            other = self.connect(daemon)
        finally:
            os.seteuid(0)
        self.assert_echoes(other)
        daemon.wait_for_line(lambda line: " accept " in line and f",uid:{NOBODY} " in line)


class Drain(UnixTest):
    def test_running_connections_go_on_and_the_file_is_gone(self):
        path = self.path()
        daemon = self.start(listen=[f"unix:{path}=echo"], options=["timeouts.drain=1h"])
        client = self.connect(daemon)
        self.assert_echoes(client)
        daemon.signal(signal.SIGTERM)
        daemon.wait_for("drain")
        self.assertFalse(os.path.lexists(path))
        self.assert_echoes(client)
        client.close()
        self.assertEqual(daemon.wait_for_exit(), 0)

    def test_client_in_the_queue_is_still_echoed(self):
        for word in self.hosts("echo"):
            daemon = self.start(listen=[word], options=["timeouts.drain=1h"])
            with daemon.frozen():
                client = self.connect(daemon)
                client.sendall(b"early")
                daemon.signal(signal.SIGTERM)
            self.assertEqual(receive_exactly(client, 5), b"early")
            client.close()
            self.assertEqual(daemon.wait_for_exit(), 0)

    def test_drain_ends_an_idle_and_a_stuck_client(self):
        daemon = self.start(listen=[*self.hosts("echo"), f"unix:{self.path()}=chargen"],
                            options=["timeouts.drain=300ms", "timeouts.write=1h"])
        clients = [self.connect(daemon, index) for index in range(3)]
        for client in clients[:2]:
            self.assert_echoes(client)
        receive_exactly(clients[2], 1)
        daemon.signal(signal.SIGTERM)
        for client in clients[:2]:
            self.assert_ends(client)
        self.assertEqual(daemon.wait_for_exit(), 0)
        self.assertEqual([event["reason"] for event in daemon.events("close")], ["drain"] * 3)
        receive_end(clients[2])

    def test_what_came_before_the_end_of_the_drain_is_echoed(self):
        for word in self.hosts("echo"):
            daemon = self.start(listen=[word], options=["timeouts.drain=0"])
            client = self.connect(daemon)
            self.assert_echoes(client)
            data = random.Random(3).randbytes(100_000)
            with daemon.frozen():
                client.sendall(data)
                daemon.signal(signal.SIGTERM)
            self.assertTrue(receive_all(client) == data)
            self.assertEqual(daemon.wait_for_exit(), 0)


class File(UnixTest):
    def start_on(self, path, *options, **keywords):
        return self.start(listen=[f"unix:{path}=echo"], options=options, **keywords)

    def mode_of(self, path):
        status = os.lstat(path)
        self.assertTrue(stat.S_ISSOCK(status.st_mode))
        return stat.S_IMODE(status.st_mode)

    def stale(self):
        """A file that a killed daemon has left."""
        path = self.path()
        daemon = self.start_on(path, expect_exit=-signal.SIGKILL)
        daemon.signal(signal.SIGKILL)
        daemon.wait_for_exit()
        self.assertTrue(os.path.lexists(path))
        return path

    def assert_fails(self, path, why, code=ADDRESS_IN_USE, **keywords):
        done = run(*AS_ROOT, "-c", "/dev/null", "-l", f"unix:{path}", **keywords)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(f"cannot listen on unix:{path}: {why}", done.stderr)
        self.assertNotIn(" ready ", done.stderr)

    def test_mode_is_as_configured_whatever_the_umask(self):
        for options, mode in (((), 0o666), (("socket.mode=0660",), 0o660),
                              (("socket.mode=0",), 0)):
            for umask in (0, 0o077):
                with self.subTest(mode=oct(mode), umask=oct(umask)):
                    path = self.path()
                    self.start_on(path, *options, umask=umask)
                    self.assertEqual(self.mode_of(path), mode)

    def test_file_is_given_to_owner_and_group(self):
        if os.geteuid() != 0:
            self.skipTest("only root can give files away")
        path = self.path()
        self.start_on(path, "socket.owner=nobody", "socket.group=1234", "socket.mode=0600")
        status = os.lstat(path)
        self.assertEqual((status.st_uid, status.st_gid), (NOBODY, 1234))
        self.assertEqual(self.mode_of(path), 0o600)

    def test_file_is_removed_whatever_the_exit_code(self):
        path = self.path()
        self.start_on(path).stop()
        self.assertFalse(os.path.lexists(path))
        daemon = self.start_on(path, "timeouts.drain=1h", expect_exit=1)
        client = self.connect(daemon)
        self.assert_echoes(client)
        daemon.signal(signal.SIGTERM)
        daemon.wait_for("drain")
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait_for_exit(), 1)
        self.assertFalse(os.path.lexists(path))

    def test_failed_start_leaves_no_file(self):
        path = self.path()
        with socket.create_server(("127.0.0.1", 0)) as other:
            done = run(*AS_ROOT, "-c", "/dev/null", "-l", f"unix:{path}", "-l",
                       f"127.0.0.1:{other.getsockname()[1]}=greet")
        self.assertEqual(done.returncode, ADDRESS_IN_USE)
        self.assertFalse(os.path.lexists(path))
        done = run(*AS_ROOT, "-c", "/dev/null", "-l", f"unix:{path}", "-l", "unix:/no/such/folder/socket")
        self.assertEqual(done.returncode, ADDRESS_IN_USE)
        self.assertFalse(os.path.lexists(path))

    def test_stale_file_is_replaced(self):
        path = self.stale()
        daemon = self.start_on(path)
        self.assert_echoes(self.connect(daemon))

    def test_live_socket_is_left_alone_and_its_owner_named(self):
        path = self.path()
        daemon = self.start_on(path)
        self.assert_fails(path, f"address already in use by yodeld (pid {daemon.pid})")
        self.assert_echoes(self.connect(daemon))
        with daemon.frozen():
            self.assert_fails(path, f"address already in use by yodeld (pid {daemon.pid})")
        self.assert_echoes(self.connect(daemon))

    def test_live_socket_with_a_full_queue_is_left_alone(self):
        path = self.path()
        daemon = self.start_on(path, "backlog=1")
        clients = []
        with daemon.frozen():
            with contextlib.suppress(BlockingIOError):
                while True:
                    clients.append(client := socket.socket(socket.AF_UNIX))
                    self.addCleanup(client.close)
                    client.setblocking(False)
                    client.connect(path)
            self.assert_fails(path, "address already in use")
        clients[0].settimeout(PATIENCE)
        self.assert_echoes(clients[0])

    def test_abstract_name_in_use_names_its_owner(self):
        name = self.abstract()
        daemon = self.start_on(name)
        self.assert_fails(name, f"address already in use by yodeld (pid {daemon.pid})")
        daemon.stop()
        self.assert_echoes(self.connect(self.start_on(name)))

    def test_what_is_no_socket_is_never_removed(self):
        path = self.path()
        with open(path, "w", encoding="ascii") as file:
            file.write("precious")
        self.assert_fails(path, "what has this name is not a socket")
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")
        link = path + ".link"
        os.symlink(path, link)
        self.assert_fails(link, "what has this name is not a socket")
        self.assertTrue(os.path.islink(link))
        self.assert_fails(os.path.dirname(path), "what has this name is not a socket")

    def test_link_to_a_stale_socket_is_not_followed(self):
        path = self.stale()
        link = path + ".link"
        os.symlink(path, link)
        self.assert_fails(link, "what has this name is not a socket")
        self.assertTrue(os.path.lexists(path))

    def test_file_that_is_not_ours_any_more_stays(self):
        path = self.path()
        first = self.start_on(path)
        os.unlink(path)
        second = self.start_on(path)
        first.stop()
        self.assert_echoes(self.connect(second))

    def test_missing_directory_is_told(self):
        self.assert_fails(os.path.join(self.folder(), "no", "socket"),
                          "its directory: No such file or directory")

    def test_directory_of_somebody_else_is_a_question_of_permission(self):
        folder = self.folder()
        program = os.path.join(folder, "yodeld")
        shutil.copy(YODELD, program)
        os.chmod(folder, 0o555)
        keywords = {"user": NOBODY} if os.geteuid() == 0 else {}
        self.assert_fails(os.path.join(folder, "socket"), "Permission denied", PERMISSION,
                          program=program, **keywords)
        os.chmod(folder, 0o755)

    def test_of_many_that_start_at_once_one_listens(self):
        path = self.stale()
        started = [subprocess.Popen([YODELD, *AS_ROOT, "-c", "/dev/null", "-l", f"unix:{path}"],
                                    stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
                   for _ in range(6)]
        try:
            wait_until(lambda: sum(process.poll() is None for process in started) == 1,
                       "all but one have given up")
            winner = next(process for process in started if process.poll() is None)
            done = subprocess.run([YODEL, "check", "--wait", f"{SLACK}s", f"unix:{path}"],
                                  stdout=subprocess.PIPE, check=False)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertEqual(yodel("send", f"unix:{path}", "still there").stdout, b"still there")
            self.assertEqual([process.returncode for process in started if process != winner],
                             [ADDRESS_IN_USE] * 5)
            winner.terminate()
            self.assertEqual(winner.wait(PATIENCE), 0)
        finally:
            for process in started:
                process.kill()
                process.communicate()
        self.assertFalse(os.path.lexists(path))


class Configuration(UnixTest):
    def assert_refused(self, *arguments, why):
        done = run("-c", "/dev/null", "-t", *arguments)
        self.assertEqual(done.returncode, CONFIGURATION, done.stderr)
        self.assertIn(why, done.stderr)

    def test_wrong_values_are_refused(self):
        self.assert_refused("-l", "unix:" + "/x" * 54, why="of at most 107 bytes")
        self.assert_refused("-l", "unix:relative", why='got "unix:relative"')
        self.assert_refused("-l", "unix:@", why='got "unix:@"')
        self.assert_refused("-o", "socket.mode=0888", why='"0" to "0777", got "0888"')
        self.assert_refused("-o", "socket.owner=no-such-user",
                            why='a user of this machine, or "", got "no-such-user"')
        self.assert_refused("-o", "socket.group=no-such-group",
                            why='a group of this machine, or "", got "no-such-group"')

    def test_two_listeners_have_two_paths(self):
        self.assert_refused("-l", "unix:/run/x", "-l", "unix:/run/x=greet",
                            why='a path of its own, got "unix:/run/x", which listener 0 has')

    def test_mode_is_for_a_listener_with_a_file(self):
        for host in ("127.0.0.1:0", "unix:@x"):
            self.assert_refused("-l", host, "-o", "listen.[0].socket.mode=0600",
                                why="expected a listener whose host is \"unix:/PATH\"")
        done = run("-c", "/dev/null", "-t", "-l", "127.0.0.1:0", "-l", "unix:/run/x", "-o",
                   "socket.mode=0600")
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    main()
