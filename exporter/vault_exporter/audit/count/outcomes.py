"""What requests did: logins, tokens, leases, wrapping. Told by the mount, the path on it, and the response.

What Vault does by itself, such as revoking what expired, is not audited.
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
    """What is counted of all mounts together; what is counted by mount is kept with it."""

    __slots__ = ("_acts", "_tokens", "_unwrap_failures", "_wrapped")

    def __init__(self) -> None:
        self._tokens = dict.fromkeys(_TOKEN_TYPES, 0)
        self._acts = dict.fromkeys(_COUNTED, 0)
        self._wrapped = 0
        self._unwrap_failures = 0

    def failed(self, act: RequestKind, mount: Mount) -> None:
        """Count a request that failed."""
        if act is RequestKind.LOGIN:
            mount.login_failures += 1
        elif act is RequestKind.UNWRAP:
            self._unwrap_failures += 1

    def succeeded(self, act: RequestKind, mount: Mount, response: Response | None) -> None:
        """Count a response that is no error."""
        if act in self._acts:
            self._acts[act] += 1
        if response is None:
            return
        token = _new_token(response)
        if token and act is not RequestKind.TOKEN_RENEW:
            self._tokens[token if token in self._tokens else "other"] += 1
            if act is not RequestKind.TOKEN_CREATE and mount.labels[1] != "auth/token/":
                mount.logins += 1
        if response.secret is not None and response.secret.lease_id and act is not RequestKind.LEASE_RENEW:
            mount.leases += 1
        if response.wrap_info is not None:
            self._wrapped += 1

    def merge(self, other: "Outcomes") -> None:
        """Add what another process counted."""
        for kind, count in other._tokens.items():  # noqa: SLF001 - of our own class
            self._tokens[kind] += count
        for act, count in other._acts.items():  # noqa: SLF001 - of our own class
            self._acts[act] += count
        self._wrapped += other._wrapped  # noqa: SLF001 - of our own class
        self._unwrap_failures += other._unwrap_failures  # noqa: SLF001 - of our own class

    def samples(self) -> Iterator[Sample]:
        """Yield every count."""
        for kind, count in self._tokens.items():
            yield c.AUDIT_TOKENS_CREATED(count, kind)
        for act, family in _COUNTED.items():
            yield family(self._acts[act])
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
    """The type of the token that a response gives, or an empty string for none."""
    if response.auth is not None and response.auth.client_token:
        return response.auth.token_type or "other"
    # Of a wrapped token only the accessor is told.
    return "other" if response.wrap_info is not None and response.wrap_info.wrapped_accessor else ""
