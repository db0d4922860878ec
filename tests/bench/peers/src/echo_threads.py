# SPDX-License-Identifier: MIT
"""A thread per connection, as tutorials write it.  echo_threads.py PORT"""
import socket
import sys
import threading


def serve(client):
    with client:
        try:
            while data := client.recv(1024):
                client.sendall(data)
        except OSError:
            pass  # the client has gone


def main():
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=65535) as listener:
        while True:
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(client,), daemon=True).start()


main()
