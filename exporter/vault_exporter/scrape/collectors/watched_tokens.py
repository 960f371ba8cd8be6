"""Validity and expiry of other tokens, by accessor.

https://openbao.org/api-docs/auth/token/#lookup-a-token-accessor
"""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

import msgspec

from vault_exporter.config.schema.watched import WatchedToken
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import data
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client
from vault_exporter.vault.go import Time, timestamp

__all__ = ["collector"]

_PATH: Final = "auth/token/lookup-accessor"


class _Token(msgspec.Struct, frozen=True):
    expire_time: Time | None = None


def collector(watched: Sequence[WatchedToken]) -> Collector:
    """Build the collector for these tokens."""
    return Collector(
        "watched_tokens",
        "tokens of others, by accessor",
        partial(_collect, tuple(watched)),
        grants=(Grant(_PATH, ("update",)),),
        interval=60,
    )


async def _collect(watched: tuple[WatchedToken, ...], client: Client) -> Iterable[Sample]:
    found = await asyncio.gather(*(_token(one, client) for one in watched))
    return tuple(sample for part in found for sample in part)


async def _token(watched: WatchedToken, client: Client) -> Iterable[Sample]:
    answer = await client.send("POST", _PATH, token=True, body={"accessor": watched.accessor.reveal()})
    # The HTTP status differs between versions.
    token = None if answer.says("invalid accessor") else data(answer, _Token)
    if token is None:
        return (c.WATCHED_TOKEN_EXISTS(0, watched.name),)
    expiry = timestamp(token.expire_time)
    expiries = () if expiry is None else (c.WATCHED_TOKEN_EXPIRY(expiry, watched.name),)
    return (c.WATCHED_TOKEN_EXISTS(1, watched.name), *expiries)
