"""Resolve a node's host name without blocking other targets when a name server does not answer.

The event loop's own resolver shares a few threads among all targets, and the program waits for them when it ends. Here
each lookup has its own thread, and the program does not wait for it. A client runs one lookup at a time for each name.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult

__all__ = ["Found", "LookUp", "Resolver", "look_up"]

Found = list[tuple[Any, ...]]
"""Result of ``socket.getaddrinfo``."""

LookUp = Callable[[str, int, int, int, int, int], Found]

_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class Resolver(AbstractResolver):
    """The resolver of a client's connections. Kept between scrapes: running lookups."""

    def __init__(self, getaddrinfo: LookUp = socket.getaddrinfo) -> None:
        """Create the resolver with a blocking lookup function, by default the system's."""
        self._getaddrinfo = getaddrinfo
        self._under_way: dict[tuple[str, int, int], asyncio.Future[Found]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            OSError: the host has no address.
        """
        key = (host, port, family)
        lookup = self._under_way.get(key)
        if lookup is None:
            lookup = self._under_way[key] = look_up(host, port, family, self._getaddrinfo)
            lookup.add_done_callback(lambda _: self._under_way.pop(key, None))
        return [
            ResolveResult(hostname=host, host=address[0], port=address[1], family=kind, proto=protocol, flags=_NUMERIC)
            for kind, _, protocol, _, address in await asyncio.shield(lookup)
        ]

    async def close(self) -> None:
        """Abandon running lookups. Their threads end when the system call returns."""
        for lookup in tuple(self._under_way.values()):
            lookup.cancel()


def look_up(
    host: str, port: int, family: int = socket.AF_UNSPEC, getaddrinfo: LookUp = socket.getaddrinfo
) -> "asyncio.Future[Found]":
    """Resolve a name in its own thread; the result, or OSError, is that of ``getaddrinfo`` for TCP."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Found] = loop.create_future()

    def settle(found: Found | OSError) -> None:
        if future.done():
            return
        if isinstance(found, OSError):
            future.set_exception(found)
            future.exception()  # mark it as retrieved: the caller may have been cancelled
        else:
            future.set_result(found)

    def work() -> None:
        found: Found | OSError
        try:
            found = getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
        except OSError as error:
            found = error.with_traceback(
                None
            )  # the traceback refers to this frame, and the frame to the error: a cycle
        except UnicodeError:
            found = socket.gaierror(socket.EAI_NONAME, "not a host name")
        with contextlib.suppress(RuntimeError):  # the loop may have been closed meanwhile
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=work, name="resolver", daemon=True).start()
    return future
