"""The canary writes, reads and deletes a secret at intervals, to test the request path end to end.

It is the only collector that writes, and only through a :class:`~vault_exporter.vault.writer.SecretWriter`.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final, NamedTuple

from vault_exporter.config.schema.watched import Canary
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.util.sightings import Sighting, Sightings
from vault_exporter.vault.client import Client, VaultError
from vault_exporter.vault.writer import SecretWriter

__all__ = ["STEPS", "collector"]

STEPS: Final = ("write", "read", "delete")


def collector(canaries: tuple[Canary, ...], sightings: Sightings | None = None) -> Collector:
    """Build the collector for the configured secret.

    Args:
        canaries: the settings of the secret.
        sightings: finds requests in the followed audit logs; None if no log is followed.
    """
    (canary,) = canaries
    return Collector(
        "canary",
        "writes, reads and deletes a KV secret",
        _Runs(canary, sightings if canary.audit else None).collect,
        grants=(
            Grant(f"{canary.mount}/data/{canary.path}", ("create", "update", "read")),
            Grant(f"{canary.mount}/metadata/{canary.path}", ("delete",)),
        ),
        interval=canary.interval,
    )


class _Runs:
    """The runs so far. Kept between scrapes: their counters."""

    def __init__(self, canary: Canary, sightings: Sightings | None) -> None:
        self._canary = canary
        self._audit = None if sightings is None else _AuditCanary(sightings, f"{canary.mount}/data/{canary.path}")
        self._runs = 0
        self._failures = dict.fromkeys(STEPS, 0)

    async def collect(self, client: Client) -> Iterable[Sample]:
        """Run the steps. A failed step is a result; only a denied one fails the collector."""
        writer = SecretWriter(client, self._canary.mount, self._canary.path)
        value = secrets.token_hex(16)
        steps: tuple[Callable[[], Awaitable[None]], ...] = (
            lambda: writer.write(value),
            lambda: writer.read(value),
            writer.delete,
        )
        durations: dict[str, float] = {}
        failed = ""
        if self._audit is not None:
            self._audit.begin()
        for name, step in zip(STEPS, steps, strict=True):
            started = time.monotonic()
            try:
                async with asyncio.timeout(client.target.timeout):
                    await step()
            except (VaultError, TimeoutError) as error:
                if isinstance(error, VaultError) and error.reason is Reason.PERMISSION_DENIED:
                    raise
                failed = name
                break
            durations[name] = time.monotonic() - started
        if self._audit is not None:
            self._audit.expect(writer.answered)
        self._runs += 1
        if failed:
            self._failures[failed] += 1
        return tuple(self._samples(durations))

    def _samples(self, durations: dict[str, float]) -> Iterator[Sample]:
        for step in STEPS:
            yield c.CANARY_SUCCESS(step in durations, step)
            yield c.CANARY_FAILURES(self._failures[step], step)
        for step, duration in durations.items():
            yield c.CANARY_DURATION(duration, step)
        yield c.CANARY_RUNS(self._runs)
        if self._audit is not None:
            yield from self._audit.samples()


class _Verdict(NamedTuple):
    delay: float | None


class _AuditCanary:
    """Whether requests of earlier runs appeared in the audit log. The last decided run counts."""

    def __init__(self, sightings: Sightings, path: str) -> None:
        self._sightings = sightings
        self._path = path
        self._waiting: list[Sighting] = []
        self._verdict: _Verdict | None = None

    def begin(self) -> None:
        """Start a new run, and decide earlier ones."""
        for sighting in self._waiting:
            if not sighting.is_open:
                self._verdict = _Verdict(sighting.delay)
        self._waiting = [sighting for sighting in self._waiting if sighting.is_open]
        self._waiting.append(self._sightings.begin(self._path))

    def expect(self, answered: dict[str, float]) -> None:
        """Set the expected requests of this run. A run without a successful request is not evaluated."""
        self._waiting[-1].expect(dict(answered))
        if not answered:
            self._waiting.pop()

    def samples(self) -> Iterator[Sample]:
        """Yield the result of the last decided run."""
        if self._verdict is not None:
            yield c.CANARY_AUDIT_SUCCESS(self._verdict.delay is not None)
            if self._verdict.delay is not None:
                yield c.CANARY_AUDIT_DELAY(self._verdict.delay)
