"""Nodes that no real server can be made into: what listens on a real socket and behaves badly."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator

__all__ = ["Behaviour", "drips", "dust", "garbage", "huge", "interim", "listening", "over_tls", "resets", "silent"]

Behaviour = Callable[[socket.socket, threading.Event], None]
"""What to do with a connection; it ends at the latest when the event is set."""

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextlib.contextmanager
def listening(behave: Behaviour) -> Iterator[int]:
    """Give every connection to a port of 127.0.0.1 to the behaviour, each in a thread of its own."""
    over = threading.Event()
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(30)
            behave(connection, over)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                if over.is_set():
                    connection.close()
                    return
                threads.append(threading.Thread(target=serve, args=(connection,)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        port: int = server.getsockname()[1]
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield port
        finally:
            over.set()
            socket.create_connection(("127.0.0.1", port)).close()  # wakes accept
            accepting.join()
            for thread in threads:
                thread.join()


def silent(connection: socket.socket, over: threading.Event) -> None:
    """Take the request and never answer."""
    connection.recv(4096)
    over.wait()


def resets(connection: socket.socket, _: threading.Event) -> None:
    """Take the request and reset the connection."""
    connection.recv(4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def garbage(connection: socket.socket, _: threading.Event) -> None:
    """Answer with what is not HTTP."""
    connection.recv(4096)
    connection.sendall(b"\x00\xff SSH-2.0-\r\n\r\n" * 8)


def huge(connection: socket.socket, over: threading.Event) -> None:
    """Answer with 200 MB that no length announces."""
    connection.recv(4096)
    connection.sendall(_HEAD + b"Connection: close\r\n\r\n")
    for _ in range(200):
        if over.is_set():
            return
        connection.sendall(b" " * 1_000_000)


def interim(connection: socket.socket, over: threading.Event) -> None:
    """Say again and again that an answer is to come."""
    connection.recv(4096)
    while not over.is_set():
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload; as=style\r\n\r\n" * 1000)


def dust(connection: socket.socket, over: threading.Event) -> None:
    """Answer in chunks of one byte, without end."""
    connection.recv(4096)
    connection.sendall(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while not over.is_set():
        connection.sendall(b"1\r\n \r\n" * 10_000)


def drips(connection: socket.socket, over: threading.Event) -> None:
    """Answer a byte every tenth of a second, without end."""
    connection.recv(4096)
    connection.sendall(_HEAD + b"Content-Length: 100000\r\n\r\n")
    while not over.wait(0.1):
        connection.sendall(b" ")


def over_tls(context: ssl.SSLContext) -> Behaviour:
    """Greet with a certificate of that context, which the client will not like."""

    def greet(connection: socket.socket, _: threading.Event) -> None:
        with contextlib.suppress(ssl.SSLError):
            context.wrap_socket(connection, server_side=True).close()

    return greet
