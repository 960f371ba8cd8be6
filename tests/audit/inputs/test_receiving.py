"""Receivers on real sockets: what they take, what they shed, and what they put up with."""

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from tests.audit.device import Clock
from tests.lab.waiting import PATIENCE, eventually
from vault_exporter.audit.count.pipeline import Pipeline, PipelineSettings
from vault_exporter.audit.inputs import http
from vault_exporter.audit.inputs.line_buffer import NewlineSplitter
from vault_exporter.audit.inputs.registry import Input
from vault_exporter.audit.inputs.service import InputError, InputReader
from vault_exporter.audit.inputs.sockets import UNFINISHED_SECONDS, Refusal
from vault_exporter.audit.inputs.stdin import StandardInput
from vault_exporter.audit.inputs.stream import StreamInput
from vault_exporter.audit.parse.decode import Reject
from vault_exporter.config.parse.inputs import read_address, read_network
from vault_exporter.config.schema import inputs as config
from vault_exporter.config.schema.model import Audit
from vault_exporter.demo.process import free_port

ENTRY = (
    b'{"time":"2026-11-24T12:00:00Z","type":"request","request":{"id":"1","operation":"read","mount_type":"kv",'
    b'"mount_point":"secret/","path":"secret/data/a"}}'
)
COUNTED = "vault_audit_entries_total"

Start = Callable[..., Awaitable[InputReader]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(*inputs: config.Input, running: bool = True) -> InputReader:
            settings = Audit(inputs=inputs, max_line_bytes=64 << 10)
            reader = InputReader(settings, Pipeline(PipelineSettings()))
            await reader.start()
            stack.push_async_callback(reader.close)
            if running:
                task = asyncio.create_task(reader.run())
                stack.callback(task.cancel)
            return reader

        yield start


def listening(kind: type[config.SocketInput | config.SyslogInput], address: str, **keys: Any) -> Any:
    return kind(listen=read_address(address), **keys)


def tcp() -> str:
    return f"tcp://127.0.0.1:{free_port()}"


def port(address: str) -> int:
    return int(address.rpartition(":")[2])


def value(reader: InputReader, family: str, *labels: str) -> float:
    samples = (*reader.samples(), *reader.pipeline.samples())
    return sum(s.value for s in samples if s.family.name == family and set(labels) <= set(s.labels))


async def until(condition: Callable[[], bool], what: str = "so") -> None:
    await eventually(condition, what=what)


async def send(address: str, *pieces: bytes) -> None:
    if address.startswith("unix://"):
        _, writer = await asyncio.open_unix_connection(address.removeprefix("unix://"))
    else:
        _, writer = await asyncio.open_connection("127.0.0.1", port(address))
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_sockets(start: Start, tmp_path: Path) -> None:
    internet, unix = tcp(), f"unix://{tmp_path}/a.sock"
    reader = await start(listening(config.SocketInput, internet), listening(config.SocketInput, unix, mode=0o600))
    assert (tmp_path / "a.sock").stat().st_mode & 0o777 == 0o600
    for address in (internet, unix):
        await send(address, ENTRY + b"\n" + ENTRY[:50], ENTRY[50:] + b"\nnot json\n", ENTRY)
        await until(lambda name=address: value(reader, "vault_audit_reader_rejected_lines_total", name) == 1)  # type: ignore[misc]
    await until(lambda: value(reader, COUNTED) == 6)
    assert value(reader, "vault_audit_reader_rejected_lines_total", internet, "not_json") == 1
    assert value(reader, "vault_audit_reader_accepted_connections_total", unix) == 1
    await reader.close()
    assert not (tmp_path / "a.sock").exists()


async def test_without_a_host_every_address_is_listened_on(start: Start) -> None:
    stream, datagrams = f"tcp://:{free_port()}", f"udp://:{free_port()}"
    networks = (read_network("127.0.0.0/8"), read_network("::1"))
    reader = await start(
        listening(config.SocketInput, stream, allow=networks), listening(config.SyslogInput, datagrams, allow=networks)
    )
    await send(stream, ENTRY + b"\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"<14>" + ENTRY, ("127.0.0.1", port(datagrams)))
        sender.sendto(b"\0\xff" + ENTRY, ("127.0.0.1", port(datagrams)))
        sender.sendto(b"", ("127.0.0.1", port(datagrams)))
    await until(lambda: value(reader, COUNTED) == 2)
    await until(lambda: value(reader, "vault_audit_reader_rejected_lines_total", "not_syslog") == 1)
    assert value(reader, "vault_audit_reader_refused_total", "not_allowed") == 0


@pytest.mark.parametrize("rfc", ["--rfc3164", "--rfc5424"])
@pytest.mark.parametrize(("scheme", "framing"), [("udp", []), ("tcp", []), ("tcp", ["--octet-count"])])
async def test_syslog_of_a_real_sender(start: Start, rfc: str, scheme: str, framing: list[str]) -> None:
    address = f"{scheme}://127.0.0.1:{free_port()}"
    reader = await start(listening(config.SyslogInput, address))
    command = ["logger", rfc, f"--{scheme}", *framing, "-n", "127.0.0.1", "-P", str(port(address)), "-S", "64KiB"]
    entry = ENTRY.replace(b"secret/data/a", b"secret/data/" + b"a" * 5000)
    await asyncio.to_thread(subprocess.run, [*command, "--", entry.decode()], check=True, timeout=PATIENCE)
    await until(lambda: value(reader, COUNTED) == 1)
    assert value(reader, "vault_audit_reader_rejected_lines_total") == 0


async def test_a_sender_never_waits_for_the_counting(start: Start) -> None:
    address = tcp()
    bound = 1 << 20
    reader = await start(listening(config.SocketInput, address, max_waiting_bytes=bound), running=False)
    lines = 200_000
    block = (ENTRY + b"\n") * 1000
    async with asyncio.timeout(PATIENCE):
        await send(address, *[block] * (lines // 1000))
        await until(lambda: value(reader, "vault_audit_reader_read_bytes_total") == lines * (len(ENTRY) + 1))
    waiting = value(reader, "vault_audit_reader_lag_bytes")
    assert 0 < waiting <= bound
    shed = value(reader, "vault_audit_reader_dropped_lines_total")
    await reader.close()
    assert value(reader, COUNTED) == lines - shed
    assert value(reader, "vault_audit_reader_lag_bytes") == 0


async def test_an_endless_line_and_binary_are_put_up_with(start: Start) -> None:
    address = tcp()
    reader = await start(listening(config.SocketInput, address, max_waiting_bytes=1 << 20))
    await send(address, *[b"x" * (1 << 20)] * 20, b"\n" + ENTRY + b"\n")
    await send(address, os.urandom(1 << 16) + b"\n" + ENTRY + b"\n")
    await until(lambda: value(reader, COUNTED) == 2)
    assert value(reader, "vault_audit_reader_rejected_lines_total", "too_long") >= 1


async def test_connections_are_bounded_and_a_newcomer_gets_in(start: Start) -> None:
    address = tcp()
    reader = await start(listening(config.SocketInput, address, max_connections=3))
    _, vault = await asyncio.open_connection("127.0.0.1", port(address))
    vault.write(ENTRY + b"\n")
    await until(lambda: value(reader, COUNTED) == 1)
    idle = [await asyncio.open_connection("127.0.0.1", port(address)) for _ in range(10)]
    await until(lambda: value(reader, "vault_audit_reader_accepted_connections_total") == 11)
    assert value(reader, "vault_audit_reader_connections") <= 3
    assert value(reader, "vault_audit_reader_refused_total", "too_many") == 8
    # Vault's own is older and was silent longer, but it is the one that brought something.
    vault.write(ENTRY + b"\n")
    await until(lambda: value(reader, COUNTED) == 2)
    for _, writer in idle:
        writer.close()
    vault.close()


async def test_who_is_not_allowed_is_turned_away(start: Start) -> None:
    stream, datagrams = tcp(), f"udp://127.0.0.1:{free_port()}"
    allow = (read_network("192.0.2.0/24"), read_network("fd00::/8"))
    reader = await start(
        listening(config.SocketInput, stream, allow=allow), listening(config.SyslogInput, datagrams, allow=allow)
    )
    with contextlib.suppress(ConnectionError):
        await send(stream, ENTRY + b"\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"<14>" + ENTRY, ("127.0.0.1", port(datagrams)))
    await until(lambda: value(reader, "vault_audit_reader_refused_total", "not_allowed") == 2)
    assert value(reader, COUNTED) == 0


async def test_a_line_that_does_not_end_has_its_time() -> None:
    clock = Clock()
    address = tcp()
    settings = listening(config.SocketInput, address)
    one = StreamInput("socket", settings, 1 << 16, NewlineSplitter, clock=clock)
    await one.start()
    _, writer = await asyncio.open_connection("127.0.0.1", port(address))
    writer.write(b'{"begun"')
    await until(lambda: one.buffer.held_bytes > 0)
    clock.now += UNFINISHED_SECONDS - 1
    assert one.poll() is None
    assert len(one.open) == 1
    clock.now += 2
    assert one.poll() is None
    await until(lambda: one.buffer.held_bytes == 0)
    assert not one.open
    assert one.refused[Refusal.UNFINISHED] == 1
    assert one.buffer.rejected == {Reject.INCOMPLETE: 1}
    writer.close()
    await one.close()


async def test_a_connection_that_floods_takes_turns_with_the_others(tmp_path: Path) -> None:
    sizes: list[int] = []

    class Splitter(NewlineSplitter):
        def feed(self, data: bytes) -> int:
            sizes.append(len(data))
            return super().feed(data)

    unix = f"unix://{tmp_path}/a.sock"
    one = StreamInput("socket", listening(config.SocketInput, unix), 1 << 16, Splitter)
    await one.start()
    _, writer = await asyncio.open_unix_connection(f"{tmp_path}/a.sock")
    writer.write(b"\n" * (1 << 20))
    await until(lambda: one.buffer.received_bytes == 1 << 20)
    assert max(sizes) <= 32 << 10
    writer.close()
    await one.close()


async def test_an_address_in_use_is_said_before_anything_is_open(start: Start, tmp_path: Path) -> None:
    unix = f"unix://{tmp_path}/a.sock"
    await start(listening(config.SocketInput, unix))
    with pytest.raises(InputError) as caught:
        await start(listening(config.SocketInput, unix))
    assert str(caught.value) == (
        f"cannot listen on {unix}: Address already in use; "
        "choose another address in audit.inputs, or see who uses this one"
    )
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="File exists"):
        await start(listening(config.SocketInput, f"unix://{tmp_path}/file"))


async def test_a_socket_left_over_is_replaced(start: Start, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "a.sock"))
    unix = f"unix://{tmp_path}/a.sock"
    reader = await start(listening(config.SocketInput, unix))
    await send(unix, ENTRY + b"\n")
    await until(lambda: value(reader, COUNTED) == 1)


@pytest.mark.parametrize("regular", [True, False])
async def test_standard_input(tmp_path: Path, regular: bool) -> None:  # noqa: FBT001
    lines = 5000
    data = (ENTRY + b"\n") * lines + ENTRY
    if regular:
        (tmp_path / "in").write_bytes(data)
        reading = os.open(tmp_path / "in", os.O_RDONLY)
        feeding = None
    else:
        reading, writing = os.pipe()

        def feed() -> None:
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(data)

        feeding = asyncio.create_task(asyncio.to_thread(feed))
    one: Input = StandardInput(1 << 16, reading)
    got = 0

    def ended() -> bool:
        nonlocal got
        got += len(one.poll() or [])
        return not one.up

    await eventually(ended, what="its end", interval=0)
    got += len(one.poll() or [])
    assert got == lines + 1
    assert (one.buffer.dropped_lines, one.buffer.held_bytes) == (0, 0)
    if feeding is not None:
        await feeding
    os.close(reading)


def test_standard_input_ends_where_its_terminal_goes_away() -> None:
    terminal, writing = os.openpty()
    one = StandardInput(1 << 16, terminal)
    os.write(writing, ENTRY + b"\n")
    assert one.poll() == [ENTRY + b"\r"]
    os.close(writing)
    assert one.poll() == []
    assert not one.up
    os.close(terminal)


Post = Callable[..., Awaitable[int]]


@pytest.fixture
async def client(
    start: Start, tmp_path: Path, aiohttp_client: AiohttpClient
) -> tuple[InputReader, TestClient[web.Request, web.Application]]:
    (tmp_path / "token").write_text("right\n")
    reader = await start(config.HttpInput(token_file=tmp_path / "token", max_waiting_bytes=1 << 20))
    assert reader.endpoint is not None
    app = web.Application()
    app.router.add_post(http.PATH, reader.endpoint.handle)
    return reader, await aiohttp_client(app)


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Bearer ", "right", "Basic cmlnaHQ=", "bearer right"])
async def test_http_needs_the_token(client: Any, header: str) -> None:
    reader, http_client = client
    response = await http_client.post("/audit", data=ENTRY, headers={"Authorization": header})
    assert response.status == 401
    assert "right" not in await response.text()
    assert value(reader, COUNTED) == 0
    assert value(reader, "vault_audit_reader_refused_total", "unauthorized") == 1


async def test_http_answers_the_same_whatever_it_gets(client: Any) -> None:
    reader, http_client = client
    for body in (ENTRY, ENTRY + b"\n" + ENTRY + b"\n", b"x" * (1 << 19), b"\0\xff", b""):
        response = await http_client.post("/audit", data=body, headers={"Authorization": "Bearer right"})
        assert response.status == 204
    await until(lambda: value(reader, COUNTED) == 3)
    assert value(reader, "vault_audit_reader_rejected_lines_total", "too_long") == 1
    await until(lambda: value(reader, "vault_audit_reader_rejected_lines_total", "not_json") == 1)
    assert value(reader, "vault_audit_reader_lag_bytes") == 0


async def test_http_without_a_token_lets_nobody_in(start: Start, tmp_path: Path) -> None:
    reader = await start(config.HttpInput(token_file=tmp_path / "none"))
    assert value(reader, "vault_audit_reader_up", "http") == 0
