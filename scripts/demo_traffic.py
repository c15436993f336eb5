#!/usr/bin/env python3
"""The real packets of the demo: demo_traffic.py serve ADDRESS | tcp ADDRESS SOURCE COUNT |
udp ADDRESS SOURCE COUNT. Clients print how many of COUNT messages were answered. TCP port 80, UDP port 53."""
import socket
import sys
import threading

PORT = {socket.SOCK_STREAM: 80, socket.SOCK_DGRAM: 53}
PATIENCE = 0.6  # seconds without an answer that count as silence


def answer_udp(address):
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind((address, PORT[socket.SOCK_DGRAM]))
        while True:
            data, sender = server.recvfrom(2048)
            server.sendto(data, sender)


def answer_one(connection):
    try:
        with connection:
            while data := connection.recv(2048):
                connection.sendall(data)
    except OSError:
        pass


def serve(address):
    server = socket.create_server((address, PORT[socket.SOCK_STREAM]))
    threading.Thread(target=answer_udp, args=(address,), daemon=True).start()
    print("ready", flush=True)
    while True:
        threading.Thread(target=answer_one, args=(server.accept()[0],), daemon=True).start()


def ask(kind, address, source, count):
    """TCP message by message, each answered before the next, UDP all at once; the first silence is the
    end."""
    answered = 0
    stream = kind == socket.SOCK_STREAM
    with socket.socket(type=kind) as client:
        client.settimeout(PATIENCE)
        client.bind((source, 0))
        if stream:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            client.connect((address, PORT[kind]))
        except OSError:
            return 0
        try:
            for _ in range(0 if stream else count):
                client.send(b"hello")
            for _ in range(count):
                if stream:
                    client.send(b"hello")
                answered += client.recv(2048) == b"hello"
        except OSError:
            pass
        # An abrupt end: nothing is sent again once the demo has gone on.
        if stream and answered < count:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    return answered


def main(arguments):
    if arguments[0] == "serve":
        serve(arguments[1])
    kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}[arguments[0]]
    print(ask(kind, arguments[1], arguments[2], int(arguments[3])))


if __name__ == "__main__":
    main(sys.argv[1:])
