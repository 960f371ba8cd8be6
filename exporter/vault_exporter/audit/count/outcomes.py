"""Count logins, tokens, leases and wrapped responses.

Vault does not audit what it does by itself, such as revoking what has expired.
"""

from collections.abc import Iterator
from typing import Final

from vault_exporter.audit.count.counters import Mount
from vault_exporter.audit.parse.entry import Response
from vault_exporter.audit.parse.request_kind import RequestKind
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample

__all__ = ["Outcomes"]


_TOKEN_TYPES: Final = ("service", "batch", "other")


class Outcomes:
    """Counts of all mounts together. Counts by mount are in :class:`Mount`."""

    __slots__ = ("_kinds", "_tokens", "_unwrap_failures", "_wrapped")

    def __init__(self) -> None:
        self._tokens = dict.fromkeys(_TOKEN_TYPES, 0)
        self._kinds = dict.fromkeys(_COUNTED, 0)
        self._wrapped = 0
        self._unwrap_failures = 0

    def failed(self, kind: RequestKind, mount: Mount) -> None:
        """Count a request that failed."""
        if kind is RequestKind.LOGIN:
            mount.login_failures += 1
        elif kind is RequestKind.UNWRAP:
            self._unwrap_failures += 1

    def succeeded(self, kind: RequestKind, mount: Mount, response: Response | None) -> None:
        """Count a response that is no error."""
        if kind in self._kinds:
            self._kinds[kind] += 1
        if response is None:
            return
        token = _new_token(response)
        if token and kind is not RequestKind.TOKEN_RENEW:
            self._tokens[token if token in self._tokens else "other"] += 1
            if kind is not RequestKind.TOKEN_CREATE and mount.labels[1] != "auth/token/":
                mount.logins += 1
        if response.secret is not None and response.secret.lease_id and kind is not RequestKind.LEASE_RENEW:
            mount.leases += 1
        if response.wrap_info is not None:
            self._wrapped += 1

    def merge(self, other: "Outcomes") -> None:
        """Add what another process counted."""
        for token_type, count in other._tokens.items():  # noqa: SLF001 - of our own class
            self._tokens[token_type] += count
        for kind, count in other._kinds.items():  # noqa: SLF001 - of our own class
            self._kinds[kind] += count
        self._wrapped += other._wrapped  # noqa: SLF001 - of our own class
        self._unwrap_failures += other._unwrap_failures  # noqa: SLF001 - of our own class

    def samples(self) -> Iterator[Sample]:
        """Yield every count."""
        for token_type, count in self._tokens.items():
            yield c.AUDIT_TOKENS_CREATED(count, token_type)
        for kind, family in _COUNTED.items():
            yield family(self._kinds[kind])
        yield c.AUDIT_WRAPPED(self._wrapped)
        yield c.AUDIT_UNWRAP_FAILURES(self._unwrap_failures)


_COUNTED: Final = {
    RequestKind.TOKEN_RENEW: c.AUDIT_TOKENS_RENEWED,
    RequestKind.TOKEN_REVOKE: c.AUDIT_TOKENS_REVOKED,
    RequestKind.LEASE_RENEW: c.AUDIT_LEASES_RENEWED,
    RequestKind.LEASE_REVOKE: c.AUDIT_LEASES_REVOKED,
    RequestKind.UNWRAP: c.AUDIT_UNWRAPS,
}


def _new_token(response: Response) -> str:
    """Return the type of the token in a response; empty if there is none."""
    if response.auth is not None and response.auth.client_token:
        return response.auth.token_type or "other"
    # A wrapped response states only the accessor of its token.
    return "other" if response.wrap_info is not None and response.wrap_info.wrapped_accessor else ""
