"""The report ``kubernetes``: logins by role and service account."""

from typing import ClassVar, Final, Self

import msgspec

from vault_exporter.audit.parse.request_kind import RequestKind, request_kind
from vault_exporter.audit.reports.bounded import Few, Record, Records, Span
from vault_exporter.audit.reports.table import Column, Kind, Table
from vault_exporter.audit.reports.use import Use, fields_of

__all__ = ["Kubernetes"]

_TYPE: Final = "kubernetes"


class _Logins(Record):
    failed: int = 0
    ttl: float = 0.0
    span: Span = msgspec.field(default_factory=Span)
    entities: Few = msgspec.field(default_factory=Few)
    addresses: Few = msgspec.field(default_factory=Few)

    def merge(self, other: Self) -> None:
        self.requests += other.requests
        self.failed += other.failed
        self.ttl = max(self.ttl, other.ttl)
        self.span.merge(other.span)
        self.entities.merge(other.entities)
        self.addresses.merge(other.addresses)


class Kubernetes:
    """Logins to the auth methods of type kubernetes.

    The role of a failed login is only known hashed, so failed logins have rows of their own.
    """

    is_wide: ClassVar[bool] = False

    def __init__(self, _arguments: tuple[str, ...], keep: int) -> None:
        self._logins = Records(keep, tuple[str, str, str, str], _Logins)

    def observe(self, use: Use) -> None:
        """Take in one use."""
        if use.mount_type != _TYPE or not use.mount.startswith("auth/"):
            return
        path = use.path.removeprefix(use.namespace)
        if request_kind(use.mount_type, use.mount, use.operation, path) is not RequestKind.LOGIN:
            return
        issued = use.issued
        fields = fields_of(issued.metadata) if issued is not None else {}
        role = fields.get("role", "") or fields_of(use.data).get("role", "")
        key = (
            use.full_mount,
            role,
            fields.get("service_account_namespace", ""),
            fields.get("service_account_name", ""),
        )
        logins = self._logins[key]
        logins.requests += use.requests
        if use.error:
            logins.failed += use.requests
        if issued is not None:
            logins.entities.add(issued.entity_id or use.entity)
            logins.ttl = max(logins.ttl, issued.token_ttl)
        logins.span.widen(use.first, use.last)
        logins.addresses.add(use.address)

    def merge(self, other: Self) -> None:
        """Add what the same report observed elsewhere."""
        self._logins.merge(other._logins)

    def tables(self, period: Span, /) -> tuple[Table, ...]:
        """Return the logins, the most frequent first."""
        ranked = self._logins.busiest()
        return (
            Table(
                "logins",
                "Logins of Kubernetes service accounts",
                (
                    *(Column(key) for key in ("mount", "role", "namespace", "service_account")),
                    *(Column(key, Kind.COUNT) for key in ("logins", "failed")),
                    Column("logins_per_hour", Kind.NUMBER),
                    Column("ttl", Kind.SECONDS),
                    *(Column(key, Kind.TIME) for key in ("first", "last")),
                    *(Column(key) for key in ("number_of_entities", "entities", "addresses")),
                ),
                [
                    (
                        *(*key, one.requests, one.failed),
                        period.per_hour(one.requests),
                        *(one.ttl or None, one.span.first, one.span.last),
                        *(one.entities.number(), one.entities.text(), one.addresses.text()),
                    )
                    for key, one in ranked
                ],
                self._logins.note(),
            ),
        )
