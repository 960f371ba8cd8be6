"""Numbers of tokens, entities and clients, from ``sys/internal/counters/``.

https://openbao.org/api-docs/system/internal-counters/,
https://developer.hashicorp.com/vault/api-docs/system/internal-counters
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import LARGE_ANSWER_BYTES, ask
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client

__all__ = [
    "CLIENTS",
    "CLIENT_GRANTS",
    "ENTITIES",
    "ENTITY_GRANTS",
    "TOKENS",
    "TOKEN_GRANTS",
    "Activity",
    "Entities",
    "Tokens",
    "client_samples",
    "collect_clients",
    "collect_entities",
    "collect_tokens",
]

TOKEN_GRANTS: Final = (Grant("sys/internal/counters/tokens"),)
ENTITY_GRANTS: Final = (Grant("sys/internal/counters/entities"),)
CLIENT_GRANTS: Final = (Grant("sys/internal/counters/activity/monthly"),)


class Total(msgspec.Struct, frozen=True):
    """A number."""

    total: int


class TokenCounters(msgspec.Struct, frozen=True):
    """Service tokens. Batch tokens are not stored, so they are not counted."""

    service_tokens: Total


class Tokens(msgspec.Struct, frozen=True):
    """Response of ``…/tokens``."""

    counters: TokenCounters


class EntityCounters(msgspec.Struct, frozen=True):
    """Entities of the identity store."""

    entities: Total


class Entities(msgspec.Struct, frozen=True):
    """Response of ``…/entities``."""

    counters: EntityCounters


class Activity(msgspec.Struct, frozen=True):
    """Response of ``…/activity/monthly`` for the current month (Vault). Older versions have fewer client types."""

    entity_clients: int | None = None
    non_entity_clients: int | None = None
    secret_syncs: int | None = None
    acme_clients: int | None = None


async def collect_tokens(client: Client) -> Iterable[Sample]:
    """Read the number of service tokens, which the newest Vault no longer provides."""
    tokens = await ask(client, "sys/internal/counters/tokens", Tokens)
    return () if tokens is None else (c.SERVICE_TOKENS(tokens.counters.service_tokens.total),)


async def collect_entities(client: Client) -> Iterable[Sample]:
    """Read the number of entities."""
    entities = await ask(client, "sys/internal/counters/entities", Entities)
    return () if entities is None else (c.IDENTITY_ENTITIES(entities.counters.entities.total),)


async def collect_clients(client: Client) -> Iterable[Sample]:
    """Read the number of clients in the current month."""
    path = "sys/internal/counters/activity/monthly"
    activity = await ask(client, path, Activity, max_bytes=LARGE_ANSWER_BYTES)
    return () if activity is None else client_samples(activity)


def client_samples(activity: Activity) -> Iterator[Sample]:
    """Turn the numbers into samples."""
    for kind, number in (
        ("entity", activity.entity_clients),
        ("non_entity", activity.non_entity_clients),
        ("secret_sync", activity.secret_syncs),
        ("acme", activity.acme_clients),
    ):
        if number is not None:
            yield c.CLIENTS_CURRENT_MONTH(number, kind)


TOKENS: Final = Collector("tokens", "service tokens", collect_tokens, grants=TOKEN_GRANTS, interval=300)
ENTITIES: Final = Collector("entities", "identity entities", collect_entities, grants=ENTITY_GRANTS, interval=300)
CLIENTS: Final = Collector(
    "clients", "clients of the month (Vault)", collect_clients, grants=CLIENT_GRANTS, interval=300
)
