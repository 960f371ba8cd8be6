"""The oldest in-flight request of the node, from ``sys/in-flight-req``, which each node serves itself.

https://openbao.org/api-docs/system/in-flight-req/
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import LARGE_ANSWER_BYTES, has_no_such_thing
from vault_exporter.scrape.collectors.collector import Collector, Grant, Scope
from vault_exporter.vault.client import Client
from vault_exporter.vault.go import Time

__all__ = ["GRANTS", "IN_FLIGHT", "Request", "collect", "samples"]

GRANTS: Final = (Grant("sys/in-flight-req"),)

_PATH: Final = "sys/in-flight-req"
_YOUNG: Final = timedelta(seconds=1)
_OK: Final = 200


class Request(msgspec.Struct, frozen=True):
    """One request."""

    start_time: Time
    request_path: str = ""


async def collect(client: Client) -> Iterable[Sample]:
    """Read the requests. The response has no ``data`` wrapper."""
    answer = await client.get(_PATH, token=True, max_bytes=LARGE_ANSWER_BYTES)
    if answer.status != _OK:
        if has_no_such_thing(answer):
            return ()
        raise answer.failure()
    return samples(answer.json(dict[str, Request]).values())


def samples(requests: Iterable[Request]) -> Iterator[Sample]:
    """Find the oldest request that started well before this call, by the node's own clock.

    That excludes this call, and other calls of the same scrape.
    """
    requests = tuple(requests)
    questions = [request.start_time for request in requests if request.request_path.endswith(_PATH)]
    if questions:
        starts = [request.start_time for request in requests if max(questions) - request.start_time > _YOUNG]
        if starts:
            yield c.IN_FLIGHT_OLDEST(min(starts).timestamp())


IN_FLIGHT: Final = Collector("in_flight", "the oldest request under way", collect, grants=GRANTS, scope=Scope.UNSEALED)
