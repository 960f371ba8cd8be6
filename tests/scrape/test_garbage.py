"""A scrape leaves nothing for the garbage collector, whatever is wrong with the node, and keeps no traceback.

It runs on uvloop, as the exporter does: asyncio's own transports refer to themselves.
"""

import asyncio
import contextlib
import gc
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from types import TracebackType

import pytest
import uvloop
from aiohttp.test_utils import unused_port

from vault_exporter.config.schema.model import Secret, Target, TokenAuth
from vault_exporter.scrape.collectors import chosen
from vault_exporter.scrape.scraper import TargetScraper
from vault_exporter.vault.errors import forget_frames
from vault_exporter.vault.resolve import Found, look_up

SECONDS = 0.2
NONSENSE = b"HTTP/1.1 abc\r\n\r\n"


@contextlib.contextmanager
def node(says: bytes | None) -> Iterator[str]:
    """Serve what is no answer, with plain sockets, which leave no garbage themselves; None: nothing, for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while says is not None:
                with server.accept()[0] as client:
                    if not client.recv(1 << 16):
                        return
                    client.sendall(says)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield "{}:{}".format(*server.getsockname())
        finally:
            with socket.create_connection(server.getsockname()):
                pass
            thread.join()


def tracebacks() -> int:
    """Return how many are kept."""
    gc.collect()
    return sum(isinstance(one, TracebackType) for one in gc.get_objects())


async def garbage_of(work: Callable[[], Awaitable[None]]) -> int:
    """Return how many objects some work leaves to the garbage collector, the second time that it is done."""
    await work()
    before = tracebacks()
    gc.disable()
    try:
        await work()
        await asyncio.sleep(0)
        left = gc.collect()
    finally:
        gc.enable()
    assert tracebacks() <= before
    return left


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("says", [None, b"", NONSENSE])
def test_a_node_that_is_down_leaves_no_garbage(says: bytes | None, scheme: str) -> None:
    with node(says) as address:
        uvloop.run(scrape_twice(f"{scheme}://{address}"))


def test_a_node_that_does_not_listen_leaves_no_garbage() -> None:
    uvloop.run(scrape_twice(f"http://127.0.0.1:{unused_port()}"))


async def scrape_twice(address: str) -> None:
    """See that the second scrape of a node that is down leaves no garbage."""
    one = Target(name="n1", address=address, auth=TokenAuth(token=Secret("hvs.planted")), timeout=SECONDS)
    scraper = TargetScraper(one, chosen(one))

    async def scrape() -> None:
        assert not (await scraper.scrape(SECONDS)).state.up

    try:
        assert await garbage_of(scrape) == 0
    finally:
        await scraper.close()


def test_a_name_without_an_address_leaves_no_garbage() -> None:
    def unknown(*_: object) -> Found:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    async def look() -> None:
        try:
            await look_up("node", 8200, getaddrinfo=unknown)
        except socket.gaierror as error:
            forget_frames(error)
        for thread in threading.enumerate():
            if thread.name == "resolver":
                thread.join()

    assert uvloop.run(garbage_of(look)) == 0
