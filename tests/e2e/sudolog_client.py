"""A client of sudo's log protocol for tests. As a program: `sudolog_client.py PORT`, JSON lines in and out.

In: ["hello"], ["accept", user, command], ["inside", command], ["alert", user, reason], ["restart", log id, point],
["out" | "in", delay, text], ["window", delay, rows, columns], ["suspend", delay, signal], ["exit", status];
out: what the server says, ["hello" | "commit" | "log_id" | "error" | "abort", text or ns], and at the end ["closed"].
Times are ns."""
import json
import socket
import struct
import sys
import threading

SAID = {1: "hello", 2: "commit", 3: "log_id", 4: "error", 5: "abort"}


def varint(number):
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def member(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value if isinstance(value, bytes) else value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def time(ns):
    return member(1, ns // 10**9) + member(2, ns % 10**9)


def infos(number, **known):
    return b"".join(member(number, member(1, key) + member(3, value)) for key, value in known.items())


def now():
    import time as clock
    return time(clock.time_ns())


def message(kind, *what):
    """One, behind its size."""
    def accept(user, command, expects=1):
        return 1, member(1, now()) + infos(2, submituser=user, runuser="root", command=command) + (member(3, 1) if expects else b"")
    made = {
        "hello": lambda: (13, member(1, "a test")),
        "accept": accept,
        "inside": lambda command: accept("root", command, 0),
        "alert": lambda user, reason: (5, member(1, now()) + member(2, reason) + infos(3, submituser=user)),
        "exit": lambda status: (3, member(1, time(0)) + member(2, status)),
        "restart": lambda log, point: (4, member(1, log) + member(2, time(point))),
        "in": lambda delay, text: (6, member(1, time(delay)) + member(2, text)),
        "out": lambda delay, text: (7, member(1, time(delay)) + member(2, text)),
        "window": lambda delay, rows, columns: (11, member(1, time(delay)) + member(2, rows) + member(3, columns)),
        "suspend": lambda delay, signal: (12, member(1, time(delay)) + member(2, signal)),
    }[kind](*what)
    body = member(*made)
    return struct.pack(">I", len(body)) + body


def members(body):
    def number(at):
        value = shift = 0
        while True:
            byte, at = body[at], at + 1
            value, shift = value | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return value, at
    at = 0
    while at < len(body):
        tag, at = number(at)
        value, at = number(at)
        if tag & 7 == 2:
            value, at = body[at:at + value], at + value
        yield tag >> 3, value


def said(body):
    (kind, value), = members(body)
    if kind == 2:
        at = dict(members(value))
        return [SAID[kind], at.get(1, 0) * 10**9 + at.get(2, 0)]
    return [SAID[kind], value.decode(errors="replace")]


def listen(connection):
    stream = connection.makefile("rb")
    try:
        while len(size := stream.read(4)) == 4:
            print(json.dumps(said(stream.read(struct.unpack(">I", size)[0]))), flush=True)
    except ConnectionError:
        pass
    print('["closed"]', flush=True)


if __name__ == "__main__":
    server = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    listening = threading.Thread(target=listen, args=(server,), daemon=True)
    listening.start()
    for line in sys.stdin:
        try:
            server.sendall(message(*json.loads(line)))
        except ConnectionError:
            listening.join()  # it says so
            break
