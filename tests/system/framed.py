# SPDX-License-Identifier: MIT
"""
The application protocol of docs/protocol.md, once more and independently of the C code: made with
Python's json and struct, as the application of the tutorial makes it.
"""

import json
import struct
import sys

from yodel_harness import receive_exactly

CLIENT_BINARY = "binary/custom-client-binary-type"
SERVER_BINARY = "binary/custom-server-binary-type"
ENTRIES = {"morpheus": "Follow the white rabbit. 🐰",
           "ring": "In the caves beneath the Misty Mountains. 💍",
           "🐶": "🐾 Playing ball! 🏐"}


def encode(value, ascii_only=False, **keywords):
    return json.dumps(value, ensure_ascii=ascii_only, **keywords).encode("utf-8")


def frame(header, content=b""):
    """A header that is bytes already, right or wrong, with its length in front."""
    return struct.pack(">H", len(header)) + header + content


def header_of(content, kind="text/json", encoding="utf-8", byteorder=sys.byteorder):
    return {"byteorder": byteorder, "content-type": kind, "content-encoding": encoding,
            "content-length": len(content)}


def text(value, ascii_only=False):
    """A message that says a value in JSON."""
    content = encode(value, ascii_only)
    return frame(encode(header_of(content), ascii_only), content)


def binary(content, kind=CLIENT_BINARY):
    return frame(encode(header_of(content, kind, "binary")), content)


def search(value, ascii_only=False):
    return text({"action": "search", "value": value}, ascii_only)


def receive_message(peer):
    """One message: its header and its content."""
    (length,) = struct.unpack(">H", receive_exactly(peer, 2))
    header = json.loads(receive_exactly(peer, length).decode("utf-8"))
    return header, receive_exactly(peer, header["content-length"])


def receive_result(peer):
    """The result of an answer in JSON."""
    header, content = receive_message(peer)
    if (header["content-type"], header["content-encoding"]) != ("text/json", "utf-8"):
        raise AssertionError(f"no text: {header}")
    answer = json.loads(content.decode("utf-8"))
    if list(answer) != ["result"]:
        raise AssertionError(f"not a result alone: {answer}")
    return answer["result"]


def answer_to(header, content, ascii_only=False):
    """What the tutorial's server says to a request."""
    if header["content-type"] != "text/json":
        return binary(b"First 10 bytes of request: " + content[:10], SERVER_BINARY)
    request = json.loads(content.decode(header["content-encoding"]))
    if request["action"] != "search":
        result = f"Error: invalid action '{request['action']}'."
    else:
        result = ENTRIES.get(request["value"]) or f"No match for '{request['value']}'."
    return text({"result": result}, ascii_only)


def answering(ascii_only=False):
    """What a server does with a client: one request, one answer, the end."""
    def talk(client):
        client.sendall(answer_to(*receive_message(client), ascii_only))
    return talk
