"""Resolving a node's host name, so that a name server that does not answer costs that node and nobody else.

The loop's own resolver has a few threads for all targets together, and waits for them when the program ends. Here each
lookup has a thread of its own, which the program does not wait for; a client makes one at a time for a name.
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
"""What ``socket.getaddrinfo`` returns."""

LookUp = Callable[[str, int, int, int, int, int], Found]

_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class Resolver(AbstractResolver):
    """What a client's connections ask. Kept between scrapes: lookups under way."""

    def __init__(self, getaddrinfo: LookUp = socket.getaddrinfo) -> None:
        """Take the blocking function that looks a name up, by default the system's."""
        self._getaddrinfo = getaddrinfo
        self._under_way: dict[tuple[str, int, int], asyncio.Future[Found]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            OSError: there are none.
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
        """Forget the lookups under way; their threads end when the system is done with them."""
        for lookup in tuple(self._under_way.values()):
            lookup.cancel()


def look_up(
    host: str, port: int, family: int = socket.AF_UNSPEC, getaddrinfo: LookUp = socket.getaddrinfo
) -> "asyncio.Future[Found]":
    """Look a name up in a thread of its own; the result, or OSError, is as ``getaddrinfo`` gives it for TCP."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Found] = loop.create_future()

    def settle(found: Found | OSError) -> None:
        if future.done():
            return
        if isinstance(found, OSError):
            future.set_exception(found)
            future.exception()  # whoever waited may have gone
        else:
            future.set_result(found)

    def work() -> None:
        found: Found | OSError
        try:
            found = getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
        except OSError as error:
            found = error
        except UnicodeError:
            found = socket.gaierror(socket.EAI_NONAME, "not a host name")
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=work, name="resolver", daemon=True).start()
    return future
