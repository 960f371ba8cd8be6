"""What a collector is, and what it gives."""

import enum
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.telemetry.page import Page
from vault_exporter.vault.client import Client

__all__ = ["Collector", "Grant", "Note", "Reading", "Scope", "policy"]


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
    """Every node in every state: it answers for itself, and can do so without a token."""
    UNSEALED = enum.auto()
    """Every unsealed node, which answers for itself."""
    ACTIVE = enum.auto()
    """The active node, for its cluster."""
    ACTIVE_DR = enum.auto()
    """The same, and also the active node of a disaster recovery secondary, which serves next to nothing."""


class Note(NamedTuple):
    """Why a collector gets less than it could, where that is no failure of it."""

    state: str
    remedy: str
    wanting: bool
    """The operator must do something about it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a collector got."""

    samples: tuple[Sample, ...] = ()
    said: object = None
    """What the node said, for its state: one of the structs of :mod:`vault_exporter.scrape.node_state`."""
    page: Page | None = None
    """Metrics of the node's own, which are passed on."""
    note: Note | None = None


def _nothing(_: Reason) -> Iterable[Sample]:
    return ()


class Collector(NamedTuple):
    """One area of a node: how it is asked, and what the answer becomes.

    ``collect`` raises :class:`~vault_exporter.vault.client.VaultError` when it fails. Then its samples are those of
    ``floor``: the ones that a rule compares and that are therefore always present.
    """

    name: str
    help: str
    collect: Callable[[Client], Awaitable[Iterable[Sample] | Reading]]
    floor: Callable[[Reason], Iterable[Sample]] = _nothing
    scope: Scope = Scope.ACTIVE
    grants: tuple[Grant, ...] = ()
    """Exactly what its calls need of the token."""
    default: bool = True
    """Whether it runs where the configuration does not name it."""
    interval: float = 0.0
    """At least so many seconds between two readings; in between, the last good one is shown."""

    with_token: bool = True
    """Whether the calls that are not made of every node carry the token, also those that anyone may make."""

    @property
    def needs_token(self) -> bool:
        """Whether it does not run without a login."""
        return self.with_token and self.scope is not Scope.EVERY


def policy(grants: Iterable[Grant]) -> tuple[Grant, ...]:
    """Merge what several collectors need: one rule a path, sorted, so that it can be printed as a policy."""
    merged: dict[str, dict[str, None]] = {}
    for path, capabilities in grants:
        merged.setdefault(path, {}).update(dict.fromkeys(capabilities))
    return tuple(Grant(path, tuple(merged[path])) for path in sorted(merged))
