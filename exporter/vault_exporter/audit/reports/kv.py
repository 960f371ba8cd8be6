"""The report ``kv``: use of KV secrets by path and client, and paths that nobody reads."""

from typing import ClassVar, Final, Self

import msgspec

from vault_exporter.audit.reports.bounded import Record, Records, Sixteen, Span
from vault_exporter.audit.reports.table import Column, Kind, Table
from vault_exporter.audit.reports.use import Use

__all__ = ["KeyValue"]

_TYPES: Final = frozenset({"kv", "generic"})
_ENDPOINTS: Final = frozenset({"data", "metadata", "delete", "undelete", "destroy", "subkeys"})
"""First segments of KV version 2. The log does not say the version: in a mount of version 1 such a folder is left out
of the path as well."""


class _Secret(Record):
    reads: int = 0
    writes: int = 0
    lists: int = 0
    deletes: int = 0
    failed: int = 0
    clients: Sixteen = msgspec.field(default_factory=Sixteen)
    span: Span = msgspec.field(default_factory=Span)

    def merge(self, other: Self) -> None:
        self.requests += other.requests
        self.reads += other.reads
        self.writes += other.writes
        self.lists += other.lists
        self.deletes += other.deletes
        self.failed += other.failed
        self.clients.merge(other.clients)
        self.span.merge(other.span)

    def add(self, use: Use, endpoint: str, who: str) -> None:
        number = use.requests
        self.requests += number
        operation = use.operation
        if use.error:
            self.failed += number
        elif operation in {"list", "scan"}:
            self.lists += number
        elif operation == "delete" or endpoint in {"delete", "destroy"}:
            self.deletes += number
        elif operation in {"create", "update", "patch"}:
            self.writes += number
        elif operation == "read" and endpoint != "metadata":
            self.reads += number
        self.clients.add(who)
        self.span.widen(use.first, use.last)

    @property
    def counts(self) -> tuple[int, ...]:
        return self.requests, self.reads, self.writes, self.lists, self.deletes, self.failed


_COUNTS: Final = tuple(Column(key, Kind.COUNT) for key in ("requests", "reads", "writes", "lists", "deletes", "failed"))
_TIMES: Final = Column("first", Kind.TIME), Column("last", Kind.TIME)


class KeyValue:
    """Requests to KV mounts. A request to the metadata of a secret is no read of it."""

    is_wide: ClassVar[bool] = True

    def __init__(self, _arguments: tuple[str, ...], keep: int) -> None:
        self._secrets = Records(keep, str, _Secret)
        self._clients = Records(keep, tuple[str, str], _Secret)

    def observe(self, use: Use) -> None:
        """Take in one use."""
        if use.mount_type not in _TYPES:
            return
        prefix, path, endpoint = use.full_mount, use.path, ""
        if path.startswith(prefix):
            first, slash, below = path[len(prefix) :].partition("/")
            if slash and first in _ENDPOINTS:
                endpoint, path = first, prefix + below
        secret = self._secrets[path]
        secret.add(use, endpoint, use.entity or use.client)
        key = use.entity or use.client, use.name
        client = self._clients[key]
        client.add(use, endpoint, path)

    def merge(self, other: Self) -> None:
        """Add what the same report observed elsewhere."""
        self._secrets.merge(other._secrets)
        self._clients.merge(other._clients)

    def tables(self, _period: Span, /) -> tuple[Table, ...]:
        """Return secrets, clients and unread secrets; those with the most requests first."""
        secrets = self._secrets.busiest()
        clients = self._clients.busiest()
        note = self._secrets.note()
        return (
            Table(
                "paths",
                "KV secrets",
                (Column("path"), *_COUNTS, *_TIMES, Column("number_of_clients"), Column("clients")),
                [
                    (path, *one.counts, one.span.first, one.span.last, one.clients.number(), one.clients.text())
                    for path, one in secrets
                ],
                note,
            ),
            Table(
                "clients",
                "Clients of KV secrets",
                (Column("name"), Column("client"), *_COUNTS, *_TIMES, Column("number_of_paths"), Column("paths")),
                [
                    (name, who, *one.counts, one.span.first, one.span.last, one.clients.number(), one.clients.text())
                    for (who, name), one in clients
                ],
                self._clients.note(),
            ),
            Table(
                "unread",
                "KV secrets that were written and that nobody read in these logs",
                (Column("path"), Column("writes", Kind.COUNT), *_TIMES, Column("clients")),
                [
                    (path, one.writes, one.span.first, one.span.last, one.clients.text())
                    for path, one in secrets
                    if one.writes and not one.reads
                ],
                note,
            ),
        )
