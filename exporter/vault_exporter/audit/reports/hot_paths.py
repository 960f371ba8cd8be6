"""The report ``hot-paths``: the paths with the most requests, and what would make them fewer."""

from collections import defaultdict
from typing import ClassVar, Final, Self

import msgspec

from vault_exporter.audit.parse.request_kind import RequestKind, request_kind
from vault_exporter.audit.reports.bounded import Record, Records, Sixteen, Span
from vault_exporter.audit.reports.table import Column, Kind, Table
from vault_exporter.audit.reports.use import READS, WRITES, Use

__all__ = ["HotPaths"]

_MANY: Final = 100
_MAJORITY: Final = 0.5
_FEW_CLIENTS: Final = 3
_KV: Final = frozenset({"kv", "generic"})
_LEASED: Final = ("database", "aws", "azure", "gcp", "rabbitmq", "consul", "nomad", "ldap", "openldap", "ad")
_KINDS: Final = {
    **dict.fromkeys(_KV, "kv"),
    **dict.fromkeys(("system", "ns_system"), "system"),
    **dict.fromkeys(_LEASED, "leased secret"),
}


class _Path(Record):
    reads: int = 0
    writes: int = 0
    lists: int = 0
    failed: int = 0
    mount_type: str = ""
    kind: str = ""
    clients: Sixteen = msgspec.field(default_factory=Sixteen)

    def merge(self, other: Self) -> None:
        self.requests += other.requests
        self.reads += other.reads
        self.writes += other.writes
        self.lists += other.lists
        self.failed += other.failed
        self.mount_type = max(self.mount_type, other.mount_type)
        self.kind = max(self.kind, other.kind)
        self.clients.merge(other.clients)


class HotPaths:
    """Requests by path."""

    is_wide: ClassVar[bool] = True

    def __init__(self, _arguments: tuple[str, ...], keep: int) -> None:
        self._paths = Records(keep, str, _Path)

    def observe(self, use: Use) -> None:
        """Take in one use."""
        path = self._paths[use.path]
        if not path.requests:
            path.kind = _kind(use)
        path.mount_type = max(path.mount_type, use.mount_type)
        number = use.requests
        path.requests += number
        operation = use.operation
        if operation in {"list", "scan"}:
            path.lists += number
        elif operation in READS:
            path.reads += number
        elif operation in WRITES:
            path.writes += number
        if use.error:
            path.failed += number
        path.clients.add(use.entity or use.client, number)

    def merge(self, other: Self) -> None:
        """Add what the same report observed elsewhere."""
        self._paths.merge(other._paths)

    def tables(self, period: Span, /) -> tuple[Table, ...]:
        """Return the paths, and the kinds of paths, with the most requests first."""
        found = self._paths.busiest()
        everything = sum(one.requests for _, one in found) + self._paths.left_out
        kinds = defaultdict[str, list[int]](lambda: [0, 0])
        rows = []
        for path, one in found:
            kinds[one.kind][0] += one.requests
            kinds[one.kind][1] += 1
            busiest, most = max(one.clients.counts.items(), key=lambda item: (item[1], item[0]), default=("", 0))
            rows.append(
                (
                    *(path, one.mount_type, one.requests, one.reads, one.lists, one.writes, one.failed),
                    *(100 * one.requests / everything, period.per_hour(one.requests), one.clients.number()),
                    *("" if one.clients.more else busiest, None if one.clients.more else most),
                    _advice(one),
                )
            )
        note = self._paths.note()
        return (
            Table(
                "paths",
                "Busiest paths",
                (
                    *(Column(key) for key in ("path", "mount_type")),
                    *(Column(key, Kind.COUNT) for key in ("requests", "reads", "lists", "writes", "failed")),
                    *(Column(key, Kind.NUMBER) for key in ("percent", "requests_per_hour")),
                    *(Column(key) for key in ("clients", "busiest_client")),
                    Column("its_requests", Kind.COUNT),
                    Column("what_would_help"),
                ),
                rows,
                note,
            ),
            Table(
                "kinds",
                "Kinds of paths",
                (Column("kind"), Column("requests", Kind.COUNT), Column("paths", Kind.COUNT)),
                [(kind, *sums) for kind, sums in sorted(kinds.items(), key=lambda item: (-item[1][0], item[0]))],
                note,
            ),
        )


def _kind(use: Use) -> str:
    if use.mount_type in _KV and not use.mount.startswith("auth/"):
        return "kv"  # nearly all paths, so nothing else is looked up
    kind = request_kind(use.mount_type, use.mount, "update", use.path.removeprefix(use.namespace))
    if kind is RequestKind.LOGIN:
        return "login"
    if use.mount_type in {"token", "ns_token"}:
        return "token look-up" if "/lookup" in use.path else "token"
    if kind in {RequestKind.LEASE_RENEW, RequestKind.LEASE_REVOKE}:
        return "lease"
    return _KINDS.get(use.mount_type, "other")


def _advice(one: _Path) -> str:  # noqa: PLR0911 - one for each advice
    if one.requests < _MANY:
        return ""
    if one.failed > _MAJORITY * one.requests:
        return "most requests fail: correct the client or its policy"
    if one.kind == "token look-up":
        return "fewer look-ups: remember the TTL of the token instead of asking before each request"
    if one.kind == "login":
        return "fewer logins: use the token until it ends, and renew it, as Vault Agent does"
    if one.kind == "leased secret" and one.reads > _MAJORITY * one.requests:
        return "leases: use the credentials until their lease ends, and renew it, instead of reading new ones"
    if one.lists > _MAJORITY * one.requests:
        return "fewer lists: read the secrets by name"
    if one.kind == "kv" and one.reads > _MAJORITY * one.requests:
        few = not one.clients.more and len(one.clients.counts) <= _FEW_CLIENTS
        return "caching: few clients read it often" if few else "caching: Vault Agent or Proxy beside the clients"
    return ""
