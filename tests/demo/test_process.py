"""Ports of the local stack."""

import socket
from contextlib import ExitStack

from vault_exporter.demo.process import free_port


def test_a_free_port_can_be_listened_on_and_no_connection_gets_it_before() -> None:
    ports = {free_port() for _ in range(10)}
    assert len(ports) > 5
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=500))
        # Connections take ports of their own while a program that was given a free one is starting.
        for _ in range(200):
            client = stack.enter_context(socket.create_connection(server.getsockname()))
            assert client.getsockname()[1] not in ports
        for port in ports:
            stack.enter_context(socket.create_server(("127.0.0.1", port)))


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        assert server.getsockname()[1] not in {free_port() for _ in range(100)}
