# SPDX-License-Identifier: MIT
"""
The client of many a tutorial: it says what is typed, waits for one answer, shows it, and so on until
"bye", which it keeps to itself. Lines are sent without their end, and an answer is what one recv(2)
brings.

classic_client.py HOST PORT
"""

import socket
import sys


def main():
    host, port = sys.argv[1:]
    with socket.create_connection((host, int(port))) as server:
        message = input(" -> ")
        while message.lower().strip() != "bye":
            server.send(message.encode())
            print("Received from server: " + server.recv(1024).decode())
            message = input(" -> ")


main()
