# SPDX-License-Identifier: MIT
"""What systemd and yodeld say to each other: sd_notify(3) and sd_listen_fds(3), without systemd."""

import os
import signal
import socket

from yodel_harness import (ADDRESS_IN_USE, PATIENCE, YODELD, SystemTest, free_port, main,
                           receive_all, run)


class Notify(SystemTest):
    def manager(self, name=None):
        """A socket in the manager's place, and its address for NOTIFY_SOCKET."""
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.settimeout(PATIENCE)
        address = name or os.path.join(self.folder(), "notify")
        manager.bind(address.replace("@", "\0", 1))
        return manager, address

    def hear(self, manager):
        return dict(line.split("=", 1) for line in manager.recv(4096).decode().splitlines())

    def test_ready_is_sent_once_all_listen(self):
        manager, address = self.manager()
        daemon = self.start(ready=False, env={"NOTIFY_SOCKET": address},
                            listen=["127.0.0.1:0=echo", "127.0.0.1:0=greet"])
        self.assertEqual(self.hear(manager), {"READY": "1", "STATUS": "0 connections"})
        # Nothing is waited for: at this moment all of them take clients.
        daemon.wait_for("ready")
        for event, answer in zip(daemon.events("listen"), (b"", b"Hello, Client!")):
            host, port = event["address"].rsplit(":", 1)
            client = self.connect((host, int(port)))
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(receive_all(client), answer)

    def test_nothing_is_sent_where_it_does_not_start(self):
        manager, address = self.manager()
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            done = run("-c", "/dev/null", "-l", f"127.0.0.1:{free_port()}", "-l",
                       f"127.0.0.1:{other.getsockname()[1]}", env={"NOTIFY_SOCKET": address})
        self.assertEqual(done.returncode, ADDRESS_IN_USE)
        manager.setblocking(False)
        with self.assertRaises(BlockingIOError):
            manager.recv(4096)

    def test_status_tells_the_number_of_connections(self):
        manager, address = self.manager()
        daemon = self.start(env={"NOTIFY_SOCKET": address})
        self.assertEqual(self.hear(manager)["READY"], "1")
        clients = [self.connect(daemon) for _ in range(3)]
        for client in clients:
            self.assert_echoes(client)
        seen = []
        while "3 connections" not in seen:
            seen.append(self.hear(manager)["STATUS"])
        for client in clients:
            client.close()
        while seen[-1] != "0 connections":
            seen.append(self.hear(manager)["STATUS"])
        for status in seen:
            self.assertRegex(status, r"^[0-3] connections?$")

    def test_stopping_is_sent_when_the_drain_begins(self):
        manager, address = self.manager()
        daemon = self.start(env={"NOTIFY_SOCKET": address}, options=["timeouts.drain=1h"])
        client = self.connect(daemon)
        self.assert_echoes(client)
        daemon.signal(signal.SIGTERM)
        heard = self.hear(manager)
        while "STOPPING" not in heard:
            heard = self.hear(manager)
        self.assertEqual(heard["STOPPING"], "1")
        self.assertRegex(heard["STATUS"], "1 connection")
        self.assert_echoes(client)
        client.close()
        self.assertEqual(daemon.wait_for_exit(), 0)

    def test_abstract_address_is_understood(self):
        manager, address = self.manager(f"@yodel-test-{os.getpid()}")
        self.start(env={"NOTIFY_SOCKET": address})
        self.assertEqual(self.hear(manager)["READY"], "1")

    def test_manager_that_is_not_there_is_no_reason_to_fail(self):
        for address in ("/nonexistent/notify", "nonsense", ""):
            daemon = self.start(env={"NOTIFY_SOCKET": address})
            self.assert_echoes(self.connect(daemon))


class Activation(SystemTest):
    def listening(self, host="127.0.0.1", kind=socket.SOCK_STREAM):
        opened = socket.socket(socket.AF_INET, kind)
        self.addCleanup(opened.close)
        opened.bind((host, 0))
        if kind == socket.SOCK_STREAM:
            opened.listen()
        return opened

    def hand_down(self, sockets, names, **keywords):
        """Starts yodeld as a manager would: sockets from 3 on, and LISTEN_PID its own number."""
        return self.start(**self.handing(sockets, names), **keywords)

    def handing(self, sockets, names):
        numbers = [opened.fileno() for opened in sockets]

        def pass_on():
            # First out of each other's way, then to their places.
            aside = [os.dup(number) for number in numbers]
            parked = []
            for fd in aside:
                while fd < 3 + len(numbers):
                    parked.append(fd)
                    fd = os.dup(fd)
                parked.append(fd)
            finals = [fd for fd in parked if fd >= 3 + len(numbers)]
            for place, fd in enumerate(finals, 3):
                os.dup2(fd, place)
            os.closerange(3 + len(numbers), 256)
        return {"command": ["/bin/sh", "-c", f'LISTEN_PID=$$ exec "{YODELD}" "$@"', "sh"],
                "preexec_fn": pass_on, "close_fds": False,
                "env": {"LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": ":".join(names)}}

    def port_of(self, opened):
        return opened.getsockname()[1]

    def test_sockets_are_adopted_by_the_name_of_the_listener(self):
        one, other = self.listening(), self.listening()
        daemon = self.hand_down([one, other], ["hello", "echo"],
                                listen=["127.0.0.1:0=echo", "127.0.0.1:0=greet"],
                                options=["listen.[1].name=hello"])
        self.assertEqual([port for _, port in daemon.addresses],
                         [self.port_of(other), self.port_of(one)])
        self.assertEqual(receive_all(self.connect(("127.0.0.1", self.port_of(one)))),
                         b"Hello, Client!")
        self.assert_echoes(self.connect(("127.0.0.1", self.port_of(other))))

    def test_sockets_are_adopted_by_the_name_in_the_host(self):
        opened = self.listening()
        daemon = self.hand_down([opened], ["front"], listen=[],
                                options=["host=systemd:front", "name=other"])
        self.assertEqual(daemon.address()[1], self.port_of(opened))
        self.assert_echoes(self.connect(daemon))

    def test_one_listener_adopts_all_sockets_of_its_name(self):
        sockets = [self.listening(), self.listening(), self.listening()]
        daemon = self.hand_down(sockets, ["echo"] * 3)
        self.assertEqual([port for _, port in daemon.addresses], list(map(self.port_of, sockets)))
        for index in range(3):
            self.assert_echoes(self.connect(daemon, index))

    def test_client_that_came_before_the_start_is_served(self):
        opened = self.listening()
        client = self.connect(("127.0.0.1", self.port_of(opened)))
        client.sendall(b"early")
        self.hand_down([opened], ["echo"])
        self.assertEqual(client.recv(5), b"early")

    def test_socket_that_no_listener_wants_is_closed_with_a_warning(self):
        wanted, other = self.listening(), self.listening()
        port = self.port_of(other)
        daemon = self.hand_down([other, wanted], ["stranger", "echo"])
        warning = daemon.wait_for_line(lambda line: "stranger" in line)
        self.assertIn(" warn start ", warning)
        other.close()
        with self.assertRaises(ConnectionRefusedError):
            self.connect(("127.0.0.1", port))
        self.assert_echoes(self.connect(daemon))

    def test_socket_options_hold_for_adopted_sockets(self):
        opened = self.listening()
        daemon = self.hand_down([opened], ["echo"], options=["socket.keepalive=true"])
        client = self.connect(daemon)
        self.assert_echoes(client)
        with daemon.socket_of(client) as end:
            self.assertEqual(end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), 1)
            self.assertNotEqual(end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), 0)

    def test_sockets_for_another_process_are_left_alone(self):
        opened = self.listening()
        handing = self.handing([opened], ["echo"])
        handing["command"] = ["/bin/sh", "-c", f'LISTEN_PID=1 exec "{YODELD}" "$@"', "sh"]
        daemon = self.start(**handing)
        self.assertNotEqual(daemon.address()[1], self.port_of(opened))

    def test_unix_socket_is_adopted_and_its_file_stays(self):
        path = os.path.join(self.folder(), "socket")
        opened = socket.socket(socket.AF_UNIX)
        self.addCleanup(opened.close)
        opened.bind(path)
        opened.listen()
        daemon = self.hand_down([opened], ["echo"])
        self.assertEqual(daemon.address()[0], f"unix:{path}")
        self.assert_echoes(self.connect(daemon))
        self.assertRegex(daemon.wait_for("accept")["peer"], rf"^unix:pid:{os.getpid()},uid:\d+$")
        daemon.stop()
        self.assertTrue(os.path.lexists(path))
        again = self.hand_down([opened], ["echo"], listen=["systemd:echo"])
        self.assert_echoes(self.connect(again))

    def test_udp_socket_is_adopted(self):
        opened = self.listening("0.0.0.0", socket.SOCK_DGRAM)
        daemon = self.hand_down([opened], ["echo"], options=["protocol=udp"])
        self.assertEqual(daemon.address()[1], self.port_of(opened))
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(client.close)
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.2", self.port_of(opened)))  # hears from there alone
        client.send(b"yodel")
        self.assertEqual(client.recv(100), b"yodel")

    def test_listening_socket_is_none_for_udp(self):
        handing = self.handing([self.listening()], ["echo"])
        program, handing_env = handing.pop("command"), handing.pop("env")
        done = run(*program[1:], "-c", "/dev/null", "-o", "protocol=udp", program=program[0],
                   env=handing_env, **handing)
        self.assertEqual(done.returncode, ADDRESS_IN_USE)
        self.assertIn("expected a bound UDP socket", done.stderr)

    def test_named_socket_that_was_not_handed_down_exits_69(self):
        done = run("-c", "/dev/null", "-o", "host=systemd:front")
        self.assertEqual(done.returncode, ADDRESS_IN_USE)
        self.assertIn("systemd:front: no inherited socket has this name", done.stderr)

    def test_socket_that_does_not_listen_exits_69(self):
        handing = self.handing([self.listening(kind=socket.SOCK_DGRAM)], ["echo"])
        program, handing_env = handing.pop("command"), handing.pop("env")
        done = run(*program[1:], "-c", "/dev/null", program=program[0], env=handing_env, **handing)
        self.assertEqual(done.returncode, ADDRESS_IN_USE)
        self.assertIn("expected a listening TCP or Unix stream socket", done.stderr)

    def test_socket_survives_our_end_and_serves_again(self):
        opened = self.listening()
        daemon = self.hand_down([opened], ["echo"])
        # The manager keeps it open: who comes in between waits.
        self.assert_echoes(self.connect(daemon))
        daemon.stop()
        again = self.hand_down([opened], ["echo"])
        self.assert_echoes(self.connect(again))


if __name__ == "__main__":
    main()
