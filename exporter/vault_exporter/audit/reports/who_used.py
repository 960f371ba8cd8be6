"""The report ``who-used PATH``: who read, wrote or was denied, when, and from where."""

from typing import Self

import msgspec

from vault_exporter.audit.reports.bounded import Few, One, Record, Records, Span
from vault_exporter.audit.reports.filters import PathPattern
from vault_exporter.audit.reports.table import Column, Kind, Table
from vault_exporter.audit.reports.use import DENIED, READS, WRITES, Use

__all__ = ["WhoUsed"]


class _Client(Record):
    reads: int = 0
    writes: int = 0
    denied: int = 0
    failed: int = 0
    name: One = msgspec.field(default_factory=One)
    paths: Few = msgspec.field(default_factory=Few)
    span: Span = msgspec.field(default_factory=Span)
    addresses: Few = msgspec.field(default_factory=Few)

    def merge(self, other: Self) -> None:
        self.requests += other.requests
        self.reads += other.reads
        self.writes += other.writes
        self.denied += other.denied
        self.failed += other.failed
        self.name.merge(other.name)
        self.paths.merge(other.paths)
        self.span.merge(other.span)
        self.addresses.merge(other.addresses)


class WhoUsed:
    """Uses of a path by client. Reads and writes are those that succeeded."""

    def __init__(self, arguments: tuple[str, ...], keep: int) -> None:
        self._pattern = PathPattern(arguments[0])
        self._clients = Records(keep, tuple[str, str], _Client)
        self.is_wide = self._pattern.has_wildcards

    def observe(self, use: Use) -> None:
        """Take in one use."""
        if not self._pattern.fits(use.path):
            return
        key = use.client, use.entity
        client = self._clients[key]
        number = use.requests
        client.requests += number
        if not use.error:
            if use.operation in READS:
                client.reads += number
            elif use.operation in WRITES:
                client.writes += number
        elif use.error in DENIED:
            client.denied += number
        else:
            client.failed += number
        client.name.add(use.name)
        client.paths.add(use.path)
        client.span.widen(use.first, use.last)
        client.addresses.add(use.address)

    def merge(self, other: Self) -> None:
        """Add what the same report observed elsewhere."""
        self._clients.merge(other._clients)

    def tables(self, _period: Span, /) -> tuple[Table, ...]:
        """Return who used the path, the one with the most requests first."""
        ranked = self._clients.busiest()
        return (
            Table(
                "clients",
                f"Who used {self._pattern.pattern}",
                (
                    *(Column(key) for key in ("name", "entity", "client")),
                    *(Column(key, Kind.COUNT) for key in ("requests", "reads", "writes", "denied", "failed")),
                    *(Column(key, Kind.TIME) for key in ("first", "last")),
                    *(Column(key) for key in ("addresses", "paths")),
                ),
                [
                    (
                        *(one.name.text(), entity, client),
                        *(one.requests, one.reads, one.writes, one.denied, one.failed),
                        *(one.span.first, one.span.last),
                        *(one.addresses.text(), one.paths.text()),
                    )
                    for (client, entity), one in ranked
                ],
                self._clients.note(),
            ),
        )
