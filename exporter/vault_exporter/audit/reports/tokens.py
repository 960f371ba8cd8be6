"""The report ``tokens``: tokens created, renewed, revoked and looked up, how long they were used, and by whom."""

from collections import defaultdict
from typing import ClassVar, Final, Self

import msgspec

from vault_exporter.audit.parse.request_kind import RequestKind, request_kind
from vault_exporter.audit.reports.bounded import One, Record, Records, Span, Two
from vault_exporter.audit.reports.table import Column, Kind, Table
from vault_exporter.audit.reports.use import Use, fields_of

__all__ = ["Tokens"]

_TOKEN_TYPES: Final = frozenset({"token", "ns_token"})
_MANY_LOOKUPS: Final = 100
_MANY_SHARE: Final = 0.5
"""Look-ups are excessive from this number on, if they are this share of what the token does or more than one a
minute."""
_MINUTE: Final = 60


class _Token(Record):
    lookups: int = 0
    renewals: int = 0
    created: Span = msgspec.field(default_factory=Span)
    revoked: Span = msgspec.field(default_factory=Span)
    span: Span = msgspec.field(default_factory=Span)
    entity: One = msgspec.field(default_factory=One)
    name: One = msgspec.field(default_factory=One)
    token: Two = msgspec.field(default_factory=Two)
    ttl: float = 0.0

    def merge(self, other: Self) -> None:
        self.requests += other.requests
        self.lookups += other.lookups
        self.renewals += other.renewals
        self.created.merge(other.created)
        self.revoked.merge(other.revoked)
        self.span.merge(other.span)
        self.entity.merge(other.entity)
        self.name.merge(other.name)
        self.token.merge(other.token)
        self.ttl = max(self.ttl, other.ttl)


class _Acted(Record):
    """What others did to a token that is known by its hash only."""

    renewals: int = 0
    lookups: int = 0
    revoked: Span = msgspec.field(default_factory=Span)

    def merge(self, other: Self) -> None:
        self.requests += other.requests
        self.renewals += other.renewals
        self.lookups += other.lookups
        self.revoked.merge(other.revoked)


class Tokens:
    """Tokens by accessor. What a request does to a token counts for that token, and not for the one that asks."""

    is_wide: ClassVar[bool] = True

    def __init__(self, _arguments: tuple[str, ...], keep: int) -> None:
        self._tokens = Records(keep, str, _Token)
        self._by_hash = Records(keep, str, _Acted)

    def observe(self, use: Use) -> None:
        """Take in one use."""
        accessor, issued = use.accessor, use.issued
        is_token = use.mount_type in _TOKEN_TYPES
        if accessor and (issued is None or is_token or not use.mount.startswith("auth/")):
            token = self._tokens[accessor]
            token.requests += use.requests
            token.span.widen(use.first, use.last)
            token.ttl = max(token.ttl, use.ttl)
            if use.entity and use.entity not in token.entity.counts:
                token.entity.add(use.entity)
            if use.name not in token.name.counts:
                token.name.add(use.name)
            if use.token and use.token not in token.token.counts:
                token.token.add(use.token)
        if is_token and not use.error:
            self._acts(use)
        elif issued is not None and issued.accessor and not use.error:
            self._created(use)

    def merge(self, other: Self) -> None:
        """Add what the same report observed elsewhere."""
        self._tokens.merge(other._tokens)
        self._by_hash.merge(other._by_hash)

    def tables(self, _period: Span, /) -> tuple[Table, ...]:
        """Return the tokens and, added up, the entities, those with the most requests first."""
        tokens = self._tokens.busiest()
        entities = defaultdict[str, list[float]](lambda: [0] * 7)
        rows = []
        for accessor, one in tokens:
            lookups, renewals, revoked = one.lookups, one.renewals, one.revoked.first
            for hashed in one.token.counts:
                acted = self._by_hash.get(hashed)
                if acted is not None:
                    lookups, renewals = lookups + acted.lookups, renewals + acted.renewals
                    revoked = min(filter(None, (revoked, acted.revoked.first)), default=0.0)
            begun = one.created.first or one.span.first
            life = max((revoked or max(one.span.last, begun)) - begun, 0)
            excessive = _is_excessive(lookups, one.requests, life)
            rows.append(
                (
                    *(one.name.text(), one.entity.text(), accessor),
                    *(one.requests, lookups, renewals, "yes" if excessive else ""),
                    *(one.created.first, one.span.first, one.span.last, revoked),
                    *(life, one.ttl or None),
                )
            )
            sums = entities[one.entity.text() or one.name.text()]
            for place, value in enumerate(
                (1, bool(one.created.first), one.requests, lookups, renewals, bool(revoked), life)
            ):
                sums[place] += value
        ranked = sorted(entities.items(), key=lambda item: (-item[1][2], item[0]))
        note = "; ".join(filter(None, {self._tokens.note(), self._by_hash.note()}))
        return (
            Table(
                "tokens",
                "Tokens",
                (
                    *(Column(key) for key in ("name", "entity", "accessor")),
                    *(Column(key, Kind.COUNT) for key in ("requests", "lookups", "renewals")),
                    Column("excessive_lookups"),
                    *(Column(key, Kind.TIME) for key in ("created", "first", "last", "revoked")),
                    *(Column(key, Kind.SECONDS) for key in ("life", "ttl")),
                ),
                rows,
                note,
            ),
            Table(
                "entities",
                "Tokens by entity, or by name where there is none",
                (
                    Column("entity"),
                    *(
                        Column(key, Kind.COUNT)
                        for key in ("tokens", "created", "requests", "lookups", "renewals", "revoked")
                    ),
                    Column("mean_life", Kind.SECONDS),
                ),
                [(entity, *map(int, sums[:6]), sums[6] / sums[0]) for entity, sums in ranked],
                note,
            ),
        )

    def _created(self, use: Use) -> None:
        issued = use.issued
        if issued is None or not issued.accessor:
            return
        token = self._tokens[issued.accessor]
        token.created.widen(use.first, use.last)
        token.entity.add(issued.entity_id or use.entity)
        token.name.add(issued.display_name)
        if issued.client_token.startswith("hmac-"):
            token.token.add(issued.client_token)
        token.ttl = max(token.ttl, issued.token_ttl)

    def _acts(self, use: Use) -> None:
        kind = request_kind(use.mount_type, use.mount, use.operation, use.path.removeprefix(use.namespace))
        is_lookup = "/lookup" in use.path
        if kind is RequestKind.TOKEN_CREATE:
            self._created(use)
        elif is_lookup or kind in {RequestKind.TOKEN_RENEW, RequestKind.TOKEN_REVOKE}:
            act = self._target(use)
            if is_lookup:
                act.lookups += use.requests
            elif kind is RequestKind.TOKEN_RENEW:
                act.renewals += use.requests
            else:
                act.revoked.widen(use.first, use.last)

    def _target(self, use: Use) -> _Token | _Acted:
        """Return the token that the request is about: named by accessor or by hash, or the one that asks."""
        if use.path.endswith("-self"):
            return self._tokens[use.accessor]
        fields = fields_of(use.data)
        if accessor := fields.get("accessor", ""):
            return self._tokens[accessor]
        hashed = fields.get("token", "") or use.token
        acted = self._by_hash[hashed if hashed.startswith("hmac-") else ""]
        acted.requests += use.requests
        return acted


def _is_excessive(lookups: int, requests: int, life: float) -> bool:
    if lookups < _MANY_LOOKUPS:
        return False
    return lookups >= _MANY_SHARE * requests or lookups * _MINUTE > life
