"""Looking names up: a name server that hangs holds up nobody else, and not the end of the program."""

import asyncio
import socket
import threading
from collections import Counter

import pytest

from tests.lab.waiting import PATIENCE
from vault_exporter.vault.resolve import Found, Resolver


class Names:
    """Names that are there, and one whose server never answers."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.over = threading.Event()

    def __call__(self, host: str, port: int, *_: int) -> Found:
        self.asked[host] += 1
        if host == "hangs":
            self.over.wait()
        if host == "missing":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port))]


def test_a_name_that_hangs_holds_nobody_up() -> None:
    names = Names()

    async def scenario() -> None:
        resolver = Resolver(names)
        hanging = [asyncio.create_task(resolver.resolve("hangs", 8200)) for _ in range(50)]
        others = [Resolver(names) for _ in range(20)]
        hanging += [asyncio.create_task(other.resolve("hangs", 8200)) for other in others]
        await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE):
            (found,) = await resolver.resolve("good", 8200)
        assert (found["host"], found["port"], found["hostname"]) == ("127.0.0.1", 8200, "good")
        assert not any(task.done() for task in hanging)
        assert names.asked["hangs"] <= 1 + len(others)
        for one in (resolver, *others):
            await one.close()
        await asyncio.gather(*hanging, return_exceptions=True)

    asyncio.run(scenario())  # ends although the threads do not
    names.over.set()


async def test_a_name_that_is_not_there() -> None:
    resolver = Resolver(Names())
    for _ in range(2):
        with pytest.raises(OSError, match="unknown"):
            await resolver.resolve("missing", 8200)


async def test_the_system_is_asked() -> None:
    found = await Resolver().resolve("localhost", 8200, socket.AF_INET)
    assert {one["host"] for one in found} == {"127.0.0.1"}
    with pytest.raises(OSError, match=r"not a host name|not known"):
        await Resolver().resolve("a" * 70, 8200)
