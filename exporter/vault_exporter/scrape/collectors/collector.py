"""What a collector is: one row of the table."""

import enum
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.vault.client import Client

__all__ = ["Collector", "Grant", "Scope", "policy"]


class Grant(NamedTuple):
    """A rule that an ACL policy must have for a collector to work."""

    path: str
    """As in a policy: without ``/v1/``; ``+`` is one segment, a trailing ``*`` any rest."""
    capabilities: tuple[str, ...] = ("read",)
    """As in a policy, ``sudo`` among them where the path is a protected one."""

    def __str__(self) -> str:
        words = ", ".join(f'"{capability}"' for capability in self.capabilities)
        return f'path "{self.path}" {{ capabilities = [{words}] }}'


class Scope(enum.Enum):
    """Which nodes a collector asks. On the others it gives nothing, and that is no failure.

    A standby that is asked about the cluster forwards, redirects, or answers from the shared storage; what it says is
    not its own, and would be there once a node.
    """

    EVERY = enum.auto()
    """Every node in every state: it answers for itself, without a token."""
    UNSEALED = enum.auto()
    """Every unsealed node, which answers for itself."""
    ACTIVE = enum.auto()
    """The active node, for its cluster."""
    ACTIVE_DR = enum.auto()
    """The same, and also the active node of a disaster recovery secondary, which serves next to nothing."""


def _nothing(_: Reason) -> Iterable[Sample]:
    return ()


class Collector(NamedTuple):
    """One row of the table.

    ``collect`` raises :class:`~vault_exporter.vault.client.VaultError` when it fails. Then its samples are those of
    ``floor``: the ones that a rule compares and that are therefore always present.
    """

    name: str
    help: str
    collect: Callable[[Client], Awaitable[Iterable[Sample]]]
    floor: Callable[[Reason], Iterable[Sample]] = _nothing
    asked: Scope = Scope.ACTIVE
    grants: tuple[Grant, ...] = ()
    """Exactly what its calls need of the token."""
    default: bool = True
    """Whether it runs where the configuration does not name it."""
    interval: float = 0.0
    """At least so many seconds between two readings; in between, the last good one is shown."""

    @property
    def needs_token(self) -> bool:
        """Whether its calls carry the token, also those that anyone may make; without a login it does not run."""
        return self.asked is not Scope.EVERY


def policy(grants: Iterable[Grant]) -> tuple[Grant, ...]:
    """Merge what several collectors need: one rule a path, sorted, so that it can be printed as a policy."""
    merged: dict[str, dict[str, None]] = {}
    for path, capabilities in grants:
        merged.setdefault(path, {}).update(dict.fromkeys(capabilities))
    return tuple(Grant(path, tuple(merged[path])) for path in sorted(merged))
